//! Where the service of a test keeps its rows: in a file of its own, or in a fresh database on the server that
//! `TEST_DATABASE_URL` names. `TEST_TRANSPORT_URL` has it ring over RabbitMQ as well.
//!
//! So one set of tests proves every database; `tests/run.sh` says which run where.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection};

/// Databases made by this process so far.
static MADE: AtomicU32 = AtomicU32::new(0);

/// A fresh database on a server.
pub(crate) struct Fresh {
    pub(crate) url: String,
    server: String,
    name: String,
}

impl Fresh {
    /// Makes one; `None` when tests keep their rows in files.
    pub(crate) async fn from_env() -> Option<Self> {
        let server = std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())?;
        let server = server.replace("mysql+pymysql:", "mysql:").replace("postgresql+psycopg2:", "postgresql:");
        let name = format!("it_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        execute(&server, &format!("DROP DATABASE IF EXISTS {name}")).await;
        execute(&server, &format!("CREATE DATABASE {name}")).await;
        let (before, query) =
            server.split_once('?').map_or((server.as_str(), String::new()), |(url, query)| (url, format!("?{query}")));
        let url = format!("{}/{name}{query}", before.rsplit_once('/').expect("a URL with a database").0);
        Some(Self { url, server, name })
    }

    /// Options of a service that keeps its rows there, spelled as the environment spells them.
    pub(crate) fn options(&self) -> Vec<(String, String)> {
        let mut pairs = vec![("OS_DATABASE__CONNECTION", self.url.clone())];
        if let Some(broker) = std::env::var("TEST_TRANSPORT_URL").ok().filter(|url| !url.is_empty()) {
            pairs.extend([("OS_DEFAULT__TRANSPORT_URL", broker), ("OS_CONDUCTOR__TOPIC", self.name.clone())]);
        }
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Removes it; a test that fails leaves it behind to be looked at.
    pub(crate) async fn remove(self) {
        let force = if self.server.starts_with("mysql") { "" } else { " WITH (FORCE)" };
        execute(&self.server, &format!("DROP DATABASE {}{force}", self.name)).await;
    }
}

/// Runs a statement of the test's own on a server.
pub(crate) async fn execute(url: &str, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("mysql") {
        MySqlConnection::connect(url).await.unwrap().execute(sql).await.unwrap();
    } else {
        PgConnection::connect(url).await.unwrap().execute(sql).await.unwrap();
    }
}
