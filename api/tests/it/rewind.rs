//! The rows as they were: what a request changed is taken back, so that the next one finds the same.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};

/// A database file, and a copy of it.
pub(crate) struct Rewind {
    file: SqliteConnection,
    tables: Vec<String>,
    copy: tempfile::TempDir,
}

impl Rewind {
    /// Keeps the rows of the file as they are now, after these statements.
    pub(crate) async fn new(path: &Path, statements: &[&'static str]) -> Self {
        let options = SqliteConnectOptions::new().filename(path).foreign_keys(false);
        let mut file = SqliteConnection::connect_with(&options).await.unwrap();
        for statement in statements {
            sqlx::query(*statement).execute(&mut file).await.unwrap();
        }
        let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let tables = sqlx::query(names).fetch_all(&mut file).await.unwrap().iter().map(|row| row.get(0)).collect();
        let copy = tempfile::tempdir().unwrap();
        let target = copy.path().join("copy.sqlite");
        for statement in
            [format!("VACUUM INTO '{}'", target.display()), format!("ATTACH '{}' AS kept", target.display())]
        {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut file).await.unwrap();
        }
        Self { file, tables, copy }
    }

    /// Takes back what has changed since.
    pub(crate) async fn back(&mut self) {
        let all: Vec<String> = self
            .tables
            .iter()
            .map(|table| {
                format!("DELETE FROM main.\"{table}\"; INSERT INTO main.\"{table}\" SELECT * FROM kept.\"{table}\";")
            })
            .collect();
        let statements = format!("BEGIN IMMEDIATE; {} COMMIT;", all.concat());
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut self.file).await.unwrap();
    }

    /// Lets go of the files.
    pub(crate) async fn end(self) {
        self.file.close().await.unwrap();
        drop(self.copy);
    }
}
