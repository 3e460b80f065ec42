//! The dispatch layer: one statement, built once, run by the driver of the server at hand.
//!
//! Promises: no statement text is put together from input (sea-query binds every value); every session behaves alike
//! (READ COMMITTED, UTC, strict modes); SQLite writes through to the disk before a commit returns.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBuilder};
use domain::Result;
use sea_query::{MysqlQueryBuilder, PostgresQueryBuilder, SelectStatement, SqliteQueryBuilder};
use sea_query_sqlx::SqlxBinder;
use sqlx::{AssertSqlSafe, MySql, MySqlPool, PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use crate::{
    failure::Failure,
    pool::{self, PoolOptions},
    raw::{Cells, Raw},
    row::FromCells,
    url::DatabaseUrl,
};

/// A pool of connections to one of the three servers, and the count of statements sent through it.
#[derive(Clone)]
pub(crate) struct Db {
    pub(crate) pool: Pool,
    issued: Arc<AtomicU64>,
}

#[derive(Clone)]
pub(crate) enum Pool {
    My(MySqlPool),
    Pg(PgPool),
    Lite(SqlitePool),
}

/// An open transaction; rolled back when dropped.
pub(crate) struct Tx {
    inner: Inner,
    issued: Arc<AtomicU64>,
}

enum Inner {
    My(Transaction<'static, MySql>),
    Pg(Transaction<'static, Postgres>),
    Lite(Transaction<'static, Sqlite>),
}

/// Builds `$query` for one server and binds its values, which are private and stay out of the log.
macro_rules! bound {
    ($query:expr, $builder:expr) => {{
        let (sql, values) = $query.build_sqlx($builder);
        tracing::trace!(sql = sql.as_str());
        sqlx::query_with(AssertSqlSafe(sql), values)
    }};
}

/// Reads rows with whichever driver this is.
macro_rules! read_all {
    ($executor:expr, $query:expr, $builder:expr, $raw:path) => {
        kept(
            bound!($query, $builder)
                .fetch_all($executor)
                .await?
                .iter()
                .map(|row| T::from_cells(&mut Cells::new($raw(row)))),
        )
    };
}

/// Rows of a type; one that cannot be read at all is left out and reported.
fn kept<T: FromCells>(read: impl Iterator<Item = Result<T, String>>) -> Vec<T> {
    read.filter_map(|row| row.map_err(|problem| tracing::error!(problem, "a row cannot be read and is left out")).ok())
        .collect()
}

/// Runs statements, on a connection of the pool or within a transaction.
pub(crate) trait Run {
    async fn all<T: FromCells>(&mut self, query: &SelectStatement) -> Result<Vec<T>, Failure>;
    async fn run(&mut self, statement: &(impl SqlxBinder + Sync)) -> Result<u64, Failure>;

    /// The only row, if there is one.
    async fn one<T: FromCells>(&mut self, query: &SelectStatement) -> Result<Option<T>, Failure> {
        Ok(self.all(query).await?.into_iter().next())
    }
}

impl Db {
    pub(crate) async fn connect(url: &DatabaseUrl, options: &PoolOptions) -> Result<Self> {
        Ok(Self { pool: pool::connect(url, options).await?, issued: Arc::default() })
    }

    pub(crate) fn issued(&self) -> u64 {
        self.issued.load(Ordering::Relaxed)
    }

    /// Which server this is, for logs.
    pub(crate) fn server(&self) -> &'static str {
        match self.pool {
            Pool::My(_) => "mysql",
            Pool::Pg(_) => "postgresql",
            Pool::Lite(_) => "sqlite",
        }
    }

    pub(crate) async fn ping(&self) -> Result<(), Failure> {
        let query = sea_query::Query::select().expr(sea_query::Expr::val(1i64)).to_owned();
        let rows: Vec<(i64,)> = { self }.all(&query).await?;
        debug_assert_eq!(rows.len(), 1);
        Ok(())
    }

    pub(crate) async fn close(&self) {
        match &self.pool {
            Pool::My(pool) => pool.close().await,
            Pool::Pg(pool) => pool.close().await,
            Pool::Lite(pool) => pool.close().await,
        }
    }

    async fn begin(&self) -> Result<Tx, Failure> {
        let inner = match &self.pool {
            Pool::My(pool) => Inner::My(pool.begin().await?),
            Pool::Pg(pool) => Inner::Pg(pool.begin().await?),
            // A transaction that starts as a reader and writes later may find that it cannot; writers queue up here.
            Pool::Lite(pool) => Inner::Lite(pool.begin_with("BEGIN IMMEDIATE").await?),
        };
        Ok(Tx { inner, issued: Arc::clone(&self.issued) })
    }

    /// Runs `body` in a transaction that it commits itself, again from its start when the server rolled it back because
    /// of another one (deadlock, serialisation conflict, busy file). `doing` is read after "the database could not".
    pub(crate) async fn transaction<T, F, Fut>(&self, doing: &'static str, mut body: F) -> Result<T>
    where
        F: FnMut(Tx) -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(5))
            .with_max_delay(Duration::from_millis(300))
            .with_max_times(15)
            .with_jitter()
            .build();
        loop {
            let ended = match self.begin().await {
                Ok(tx) => body(tx).await,
                Err(failure) => Err(failure),
            };
            let pause = match &ended {
                Err(failure) if failure.is_conflict() => delays.next(),
                _ => None,
            };
            let Some(pause) = pause else {
                return ended.map_err(|failure| failure.while_doing(doing));
            };
            tracing::debug!(doing, "a transaction met another one and starts again");
            tokio::time::sleep(pause).await;
        }
    }
}

impl Run for &Db {
    async fn all<T: FromCells>(&mut self, query: &SelectStatement) -> Result<Vec<T>, Failure> {
        self.issued.fetch_add(1, Ordering::Relaxed);
        Ok(match &self.pool {
            Pool::My(pool) => read_all!(pool, query, MysqlQueryBuilder, Raw::My),
            Pool::Pg(pool) => read_all!(pool, query, PostgresQueryBuilder, Raw::Pg),
            Pool::Lite(pool) => read_all!(pool, query, SqliteQueryBuilder, Raw::Lite),
        })
    }

    async fn run(&mut self, statement: &(impl SqlxBinder + Sync)) -> Result<u64, Failure> {
        self.issued.fetch_add(1, Ordering::Relaxed);
        Ok(match &self.pool {
            Pool::My(pool) => bound!(statement, MysqlQueryBuilder).execute(pool).await?.rows_affected(),
            Pool::Pg(pool) => bound!(statement, PostgresQueryBuilder).execute(pool).await?.rows_affected(),
            Pool::Lite(pool) => bound!(statement, SqliteQueryBuilder).execute(pool).await?.rows_affected(),
        })
    }
}

impl Tx {
    pub(crate) async fn commit(self) -> Result<(), Failure> {
        match self.inner {
            Inner::My(tx) => tx.commit().await?,
            Inner::Pg(tx) => tx.commit().await?,
            Inner::Lite(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

impl Run for Tx {
    async fn all<T: FromCells>(&mut self, query: &SelectStatement) -> Result<Vec<T>, Failure> {
        self.issued.fetch_add(1, Ordering::Relaxed);
        Ok(match &mut self.inner {
            Inner::My(tx) => read_all!(&mut **tx, query, MysqlQueryBuilder, Raw::My),
            Inner::Pg(tx) => read_all!(&mut **tx, query, PostgresQueryBuilder, Raw::Pg),
            Inner::Lite(tx) => read_all!(&mut **tx, query, SqliteQueryBuilder, Raw::Lite),
        })
    }

    async fn run(&mut self, statement: &(impl SqlxBinder + Sync)) -> Result<u64, Failure> {
        self.issued.fetch_add(1, Ordering::Relaxed);
        Ok(match &mut self.inner {
            Inner::My(tx) => bound!(statement, MysqlQueryBuilder).execute(&mut **tx).await?.rows_affected(),
            Inner::Pg(tx) => bound!(statement, PostgresQueryBuilder).execute(&mut **tx).await?.rows_affected(),
            Inner::Lite(tx) => bound!(statement, SqliteQueryBuilder).execute(&mut **tx).await?.rows_affected(),
        })
    }
}
