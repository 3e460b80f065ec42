//! Opening pools: sizes, limits, and the session settings that make three servers behave alike.

use std::{path::Path, str::FromStr, time::Duration};

use domain::{Error, Options, Result};
use sqlx::{
    ConnectOptions, Connection, Executor,
    mysql::{MySqlConnectOptions, MySqlPoolOptions},
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{db::Pool, failure::Failure, url::DatabaseUrl};

/// How many connections, and how patient. The names and meanings are those of `[database]`.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// Connections open at most.
    pub max: u32,
    /// Connections kept open when idle.
    pub min: u32,
    /// How long a statement waits for a free connection.
    pub timeout: Duration,
    /// Age at which a connection is replaced.
    pub recycle: Duration,
    /// Attempts to reach the server at start; negative tries for ever.
    pub max_retries: i64,
    /// Pause between those attempts.
    pub retry_interval: Duration,
    /// SQL mode set on each `MySQL` session; empty keeps the server's.
    pub mysql_sql_mode: String,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            max: 10,
            min: 1,
            timeout: Duration::from_secs(30),
            recycle: Duration::from_secs(3600),
            max_retries: 0,
            retry_interval: Duration::from_secs(1),
            mysql_sql_mode: "TRADITIONAL".to_owned(),
        }
    }
}

impl From<&Options> for PoolOptions {
    fn from(options: &Options) -> Self {
        let database = &options.database;
        Self {
            max: database.max_pool_size.saturating_add(database.max_overflow),
            min: database.min_pool_size.min(database.max_pool_size),
            timeout: Duration::from_secs(database.pool_timeout.unwrap_or(30)),
            recycle: Duration::from_secs(database.connection_recycle_time),
            max_retries: database.max_retries,
            retry_interval: Duration::from_secs(database.retry_interval),
            mysql_sql_mode: database.mysql_sql_mode.clone(),
        }
    }
}

/// Connections to a file beyond these only wait for each other.
const LITE_CONNECTIONS: u32 = 10;

/// Opens a pool after one connection has worked.
pub(crate) async fn connect(url: &DatabaseUrl, options: &PoolOptions) -> Result<Pool> {
    match url {
        DatabaseUrl::My(connect) => {
            wait_for("MySQL or MariaDB", options, || probe(connect.as_ref())).await?;
            mysql(connect, options).await.map(Pool::My)
        }
        DatabaseUrl::Pg(connect) => {
            wait_for("PostgreSQL", options, || probe(connect.as_ref())).await?;
            postgres(connect, options).await.map(Pool::Pg)
        }
        DatabaseUrl::Lite(path) => sqlite(path, options).await.map(Pool::Lite),
    }
    .map_err(|error| Failure::from(error).while_doing("be opened"))
}

/// One connection, closed again: a pool would hide the reason of a failure behind its timeout.
async fn probe<O>(options: &O) -> sqlx::Result<()>
where
    O: ConnectOptions<Connection: Sized>,
{
    options.connect().await?.close().await
}

/// Repeats `attempt` as often as the options say; wrong credentials are not waited for.
async fn wait_for<F, Fut>(server: &str, options: &PoolOptions, attempt: F) -> Result<()>
where
    F: Fn() -> Fut,
    Fut: Future<Output = sqlx::Result<()>>,
{
    let mut left = options.max_retries;
    loop {
        let error = match attempt().await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if left == 0 || matches!(error, sqlx::Error::Database(_)) {
            return Err(Error::Database { doing: "be reached", source: Box::new(error) });
        }
        tracing::warn!(server, error = %error, "the database cannot be reached yet, trying again");
        left = if left < 0 { left } else { left - 1 };
        tokio::time::sleep(options.retry_interval).await;
    }
}

async fn mysql(connect: &MySqlConnectOptions, options: &PoolOptions) -> sqlx::Result<sqlx::MySqlPool> {
    let mode = options.mysql_sql_mode.replace(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ',')), "");
    // sqlx's own mode, PIPES_AS_CONCAT and NO_ENGINE_SUBSTITUTION, is not needed by any statement here.
    let connect = connect.clone().pipes_as_concat(false).no_engine_substitution(false).disable_statement_logging();
    MySqlPoolOptions::new()
        // A migration holds its lock on one session and works on another.
        .max_connections(options.max.max(2))
        .min_connections(options.min)
        .acquire_timeout(options.timeout)
        .max_lifetime(options.recycle)
        .after_connect(move |session, _| {
            let mode = mode.clone();
            Box::pin(async move {
                // PostgreSQL's default; with MySQL's own, a read after waiting for a lock shows the past.
                session.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
                if !mode.is_empty() {
                    sqlx::query("SET SESSION sql_mode = ?").bind(mode).execute(&mut *session).await?;
                }
                Ok(())
            })
        })
        .connect_with(connect)
        .await
}

async fn postgres(connect: &PgConnectOptions, options: &PoolOptions) -> sqlx::Result<sqlx::PgPool> {
    PgPoolOptions::new()
        .max_connections(options.max)
        .min_connections(options.min)
        .acquire_timeout(options.timeout)
        .max_lifetime(options.recycle)
        .connect_with(connect.clone().application_name("magnum").disable_statement_logging())
        .await
}

async fn sqlite(path: &Path, options: &PoolOptions) -> sqlx::Result<sqlx::SqlitePool> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(sqlx::Error::Io)?;
    }
    let connect = SqliteConnectOptions::from_str("sqlite:")?
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A request is answered after its commit, so a commit has to survive a power cut.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .disable_statement_logging();
    SqlitePoolOptions::new()
        .max_connections(options.max.clamp(1, LITE_CONNECTIONS))
        .min_connections(1)
        .acquire_timeout(options.timeout)
        .test_before_acquire(false)
        .connect_with(connect)
        .await
}
