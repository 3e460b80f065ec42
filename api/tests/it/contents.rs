//! What a database holds, to see that a request changed nothing.

use std::{collections::BTreeMap, path::Path};

use sqlx::{
    AssertSqlSafe, Connection, MySqlConnection, PgConnection, Row, SqliteConnection, sqlite::SqliteConnectOptions,
};

/// The rows of each table, as text.
pub(crate) type Contents = BTreeMap<String, Vec<String>>;

/// Reads every row of every table, in the words that `$columns` makes of the names of a table's columns.
macro_rules! contents {
    ($database:expr, $tables:expr, $columns:expr, $quote:literal, $text:expr) => {{
        let mut contents = Contents::new();
        for row in sqlx::query($tables).fetch_all($database).await.unwrap() {
            let table: String = row.get(0);
            let names =
                sqlx::query(AssertSqlSafe($columns.replace("TABLE", &table))).fetch_all($database).await.unwrap();
            let names: Vec<String> = names.iter().map(|row| row.get(0)).collect();
            let all = format!("SELECT {} FROM {q}{table}{q} ORDER BY 1", $text(names), q = $quote);
            let rows = sqlx::query(AssertSqlSafe(all)).fetch_all($database).await.unwrap();
            contents.insert(table, rows.iter().map(|row| row.get(0)).collect());
        }
        contents
    }};
}

/// Of the file.
pub(crate) async fn of_file(path: &Path) -> Contents {
    let mut file =
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path).read_only(true)).await.unwrap();
    contents!(
        &mut file,
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        "SELECT name FROM pragma_table_info('TABLE')",
        "\"",
        |names: Vec<String>| names.iter().map(|name| format!("quote({name})")).collect::<Vec<_>>().join(" || '|' || ")
    )
}

/// Of the database at the URL.
pub(crate) async fn of_server(url: &str) -> Contents {
    if url.starts_with("mysql") {
        let mut server = MySqlConnection::connect(url).await.unwrap();
        return contents!(
            &mut server,
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
            "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'TABLE'",
            "`",
            |names: Vec<String>| {
                let quoted: Vec<String> = names.iter().map(|name| format!("QUOTE(`{name}`)")).collect();
                format!("CONVERT(CONCAT_WS('|', {}) USING utf8mb4)", quoted.join(", "))
            }
        );
    }
    let mut server = PgConnection::connect(url).await.unwrap();
    contents!(
        &mut server,
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = CURRENT_SCHEMA()",
        "SELECT 'TABLE'",
        "\"",
        |names: Vec<String>| format!("\"{}\"::text", names[0])
    )
}
