//! The schema: three folders of the same numbered files, embedded, run by sqlx under its lock into a version table of our
//! own (`rs_schema`).
//!
//! Files only go forward. Each creates one table if it is missing, or sets or adds columns as they shall be, so that one that
//! `MySQL`, whose schema changes are not transactional, was killed in the middle of can be run again.

use domain::{Error, Result};
use futures::future::BoxFuture;
use include_dir::{Dir, include_dir};
use sea_query::{Expr, ExprTrait, Query};
use sqlx::{
    SqlSafeStr,
    error::BoxDynError,
    migrate::{Migrate, MigrateError, Migration, MigrationSource, MigrationType, Migrator},
};

use crate::{
    Store,
    db::{Pool, Run},
    failure::Failure,
};

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../migrations");
/// Our version table; sqlx's own name could belong to another service in the same database.
const VERSIONS: &str = "rs_schema";

/// One embedded folder.
#[derive(Debug)]
struct Folder(&'static str);

impl MigrationSource<'static> for Folder {
    fn resolve(self) -> BoxFuture<'static, Result<Vec<Migration>, BoxDynError>> {
        Box::pin(async move {
            let folder = FILES.get_dir(self.0).ok_or("no migrations for this database")?;
            folder.files().map(migration).collect()
        })
    }
}

/// `0008_rs_operation.sql` is number 8, named `rs_operation`.
fn migration(file: &'static include_dir::File<'static>) -> Result<Migration, BoxDynError> {
    let stem = file.path().file_stem().and_then(|stem| stem.to_str()).ok_or("a migration without a name")?;
    let (number, name) = stem.split_once('_').ok_or("a migration without a number")?;
    let sql = file.contents_utf8().ok_or("a migration that is no text")?;
    Ok(Migration::new(number.parse()?, name.into(), MigrationType::Simple, sql.into_sql_str(), false))
}

fn schema_error(doing: &'static str, error: impl Into<BoxDynError>) -> Error {
    Error::Database { doing, source: error.into() }
}

impl Store {
    fn folder(&self) -> &'static str {
        match self.db.pool {
            Pool::My(_) => "mysql",
            Pool::Pg(_) => "postgres",
            Pool::Lite(_) => "sqlite",
        }
    }

    async fn migrator(&self) -> Result<Migrator> {
        let mut migrator =
            Migrator::new(Folder(self.folder())).await.map_err(|error| schema_error("read its migrations", error))?;
        migrator.dangerous_set_table_name(VERSIONS);
        Ok(migrator)
    }

    /// Brings the schema up to date; the names of what was applied, in order. Any number of processes may call it at
    /// once.
    ///
    /// # Errors
    /// `Conflict` when the database holds Magnum's tables but was not set up by this service; `Database`.
    pub async fn migrate(&self) -> Result<Vec<String>> {
        let pending = self.pending_migrations().await?;
        if pending.is_empty() {
            return Ok(pending);
        }
        if !self.has_table(VERSIONS).await? && self.has_table("cluster").await? {
            return Err(Error::Conflict(
                "The database holds tables of another Magnum. Taking them over is not supported by this version; use an \
                 empty database."
                    .to_owned(),
            ));
        }
        let migrator = self.migrator().await?;
        match self.db.pool.clone() {
            Pool::My(pool) => run_on_mysql(pool, migrator).await,
            Pool::Pg(pool) => run_on_postgres(pool, migrator).await,
            Pool::Lite(pool) => run_on_sqlite(pool, migrator).await,
        }
        .map_err(|error| schema_error("be migrated", error))?;
        Ok(pending)
    }

    /// Names of the migrations that have not been applied yet, in order. Reads only.
    ///
    /// # Errors
    /// `Database`.
    pub async fn pending_migrations(&self) -> Result<Vec<String>> {
        let migrator = self.migrator().await?;
        let applied = if self.has_table(VERSIONS).await? { self.applied().await? } else { Vec::new() };
        let pending = migrator.iter().filter(|migration| !applied.contains(&migration.version));
        Ok(pending.map(|migration| format!("{:04}_{}", migration.version, migration.description)).collect())
    }

    async fn applied(&self) -> Result<Vec<i64>> {
        let mut query = Query::select();
        query.column("version").from(VERSIONS).and_where(Expr::col("success").eq(true));
        let rows: Vec<(i64,)> =
            (&self.db).all(&query).await.map_err(|failure| failure.while_doing("read its schema version"))?;
        Ok(rows.into_iter().map(|(version,)| version).collect())
    }

    /// `true` when there is no table of ours or of another Magnum.
    ///
    /// # Errors
    /// `Database`.
    pub async fn is_empty(&self) -> Result<bool> {
        Ok(!self.has_table(VERSIONS).await? && !self.has_table("cluster").await?)
    }

    async fn has_table(&self, name: &str) -> Result<bool> {
        let mut query = Query::select();
        query.expr(Expr::cust("COUNT(*)"));
        match self.db.pool {
            Pool::My(_) => query
                .from(("information_schema", "tables"))
                .and_where(Expr::cust("table_schema").eq(Expr::cust("DATABASE()")))
                .and_where(Expr::col("table_name").eq(name)),
            Pool::Pg(_) => query
                .from(("information_schema", "tables"))
                .and_where(Expr::cust("table_schema").eq(Expr::cust("CURRENT_SCHEMA()")))
                .and_where(Expr::col("table_name").eq(name)),
            Pool::Lite(_) => query.from("sqlite_master").and_where(Expr::col("name").eq(name)),
        };
        let count: Option<(i64,)> = (&self.db)
            .one(&query)
            .await
            .map_err(|failure: Failure| failure.while_doing("read the list of its tables"))?;
        Ok(count.is_some_and(|(count,)| count > 0))
    }
}

// Owned arguments and boxed futures: with borrowed ones, sqlx's bounds hide that these may move between threads.
type Ran = BoxFuture<'static, Result<(), BoxDynError>>;

fn run_on_postgres(pool: sqlx::PgPool, migrator: Migrator) -> Ran {
    Box::pin(async move { Ok(migrator.run(&pool).await?) })
}

/// Runs under a lock of our own: sqlx's asks for one without a time limit, which MariaDB answers without waiting.
///
/// Under it, the mark that a migration was begun and not ended is not that of one that is running; it is removed, because
/// every file can be run again.
fn run_on_mysql(pool: sqlx::MySqlPool, mut migrator: Migrator) -> Ran {
    migrator.set_locking(false);
    Box::pin(async move {
        let mut session = pool.acquire().await?;
        let got: Option<i64> = sqlx::query_scalar("SELECT GET_LOCK(CONCAT('magnum-migrate/', MD5(DATABASE())), 600)")
            .fetch_one(&mut *session)
            .await?;
        if got != Some(1) {
            return Err("another process has been migrating for ten minutes".into());
        }
        let run = async {
            session.ensure_migrations_table(VERSIONS).await?;
            sqlx::query("DELETE FROM rs_schema WHERE success = FALSE").execute(&mut *session).await?;
            migrator.run(&pool).await?;
            Ok(())
        };
        let ended: Result<(), BoxDynError> = run.await;
        sqlx::query("DO RELEASE_LOCK(CONCAT('magnum-migrate/', MD5(DATABASE())))").execute(&mut *session).await?;
        ended
    })
}

/// A file has no lock to wait for. Each migration is a transaction with its version, so whoever comes second fails, perhaps
/// because a column is there already, changes nothing, and finds it applied when it looks again.
fn run_on_sqlite(pool: sqlx::SqlitePool, migrator: Migrator) -> Ran {
    Box::pin(async move {
        let mut tries = 0;
        loop {
            let (error, version) = match migrator.run(&pool).await {
                Err(MigrateError::Execute(error)) => (error, None),
                Err(MigrateError::ExecuteMigration(error, version)) => (error, Some(version)),
                ended => return Ok(ended?),
            };
            let failure = Failure::from(error);
            let overtaken = match version {
                Some(version) => is_applied(&pool, version).await,
                None => failure.is_duplicate(),
            };
            tries += 1;
            if !(overtaken || failure.is_conflict()) || tries == 100 {
                return Err(failure.while_doing("be migrated").into());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
}

/// Not when the file is too busy to say so.
async fn is_applied(pool: &sqlx::SqlitePool, version: i64) -> bool {
    let found: sqlx::Result<Option<i64>> =
        sqlx::query_scalar("SELECT version FROM rs_schema WHERE version = ? AND success = TRUE")
            .bind(version)
            .fetch_optional(pool)
            .await;
    matches!(found, Ok(Some(_)))
}
