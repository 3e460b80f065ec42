//! The schema that the migrations produce, as each server describes it, in `store/schema/*.sql`: what a migration changes
//! shows in review.
//!
//! The files are for reading; the migrations make the tables.

use std::{fmt::Write as _, fs, path::Path};

use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection, Row, SqliteConnection};

use super::Fresh;

/// Compares the schema with its file, which `UPDATE=1` writes anew.
pub(crate) async fn the_schema_is_the_one_on_file(db: &Fresh) {
    db.store().await.close().await;
    let (name, found) = match db.url.split(':').next().unwrap() {
        "sqlite" => ("sqlite", sqlite(&db.url).await),
        "mysql" => ("mysql", mysql(&db.url).await),
        _ => ("postgres", postgres(&db.url).await),
    };
    let Some(found) = found else { return };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schema/{name}.sql"));
    let text =
        format!("-- The {name} tables after all migrations; written by `make gen`, compared by a test.\n\n{found}");
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::write(&path, &text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, text, "schema/{name}.sql is out of date: UPDATE=1 cargo test -p store");
}

async fn sqlite(url: &str) -> Option<String> {
    let path = url.strip_prefix("sqlite:///").unwrap();
    let mut db = SqliteConnection::connect(&format!("sqlite://{path}")).await.unwrap();
    let rows =
        sqlx::query("SELECT sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY tbl_name, type DESC, name");
    let all = rows.fetch_all(&mut db).await.unwrap();
    Some(all.iter().fold(String::new(), |text, row| text + &row.get::<String, _>(0) + ";\n\n"))
}

/// `None` on a server that is not MariaDB: it describes the same tables in other words.
async fn mysql(url: &str) -> Option<String> {
    let mut db = MySqlConnection::connect(url).await.unwrap();
    let version: String = sqlx::query("SELECT VERSION()").fetch_one(&mut db).await.unwrap().get(0);
    if !version.contains("MariaDB") {
        return None;
    }
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name";
    let mut text = String::new();
    for row in sqlx::query(tables).fetch_all(&mut db).await.unwrap() {
        let show = format!("SHOW CREATE TABLE `{}`", row.get::<String, _>(0));
        let made = sqlx::query(AssertSqlSafe(show)).fetch_one(&mut db).await.unwrap();
        // The counter says how many rows there were.
        let made: Vec<String> = made.get::<String, _>(1).split(' ').map(str::to_owned).collect();
        let made: Vec<String> = made.into_iter().filter(|word| !word.starts_with("AUTO_INCREMENT=")).collect();
        text += &format!("{};\n\n", made.join(" "));
    }
    Some(text)
}

/// From the catalogue, in its own words; it keeps no statement.
async fn postgres(url: &str) -> Option<String> {
    const COLUMNS: &str = "SELECT c.relname::text, a.attname::text || ' ' || format_type(a.atttypid, a.atttypmod)
            || CASE WHEN t.typcollation <> a.attcollation THEN ' COLLATE ' || o.collname ELSE '' END
            || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
            || CASE WHEN a.attidentity <> '' THEN ' IDENTITY' ELSE '' END
            || COALESCE(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation o ON o.oid = a.attcollation
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
        ORDER BY c.relname COLLATE \"C\", a.attnum";
    const INDEXES: &str = "SELECT indexdef::text FROM pg_indexes WHERE schemaname = current_schema()
        AND tablename = $1 ORDER BY indexname COLLATE \"C\"";
    let mut db = PgConnection::connect(url).await.unwrap();
    let columns: Vec<(String, String)> = sqlx::query_as(COLUMNS).fetch_all(&mut db).await.unwrap();
    let mut text = String::new();
    for table in columns.chunk_by(|one, next| one.0 == next.0) {
        let (name, lines) = (&table[0].0, table.iter().map(|(_, line)| format!("    {line}")).collect::<Vec<_>>());
        write!(text, "CREATE TABLE {name} (\n{}\n);\n", lines.join(",\n")).unwrap();
        for row in sqlx::query(INDEXES).bind(name).fetch_all(&mut db).await.unwrap() {
            writeln!(text, "{};", row.get::<String, _>(0).replace("public.", "")).unwrap();
        }
        text.push('\n');
    }
    Some(text)
}
