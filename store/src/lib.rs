//! What is durable: rows, operations, leases, doorbell.
//!
//! [`Store`] speaks to SQLite, MariaDB or `MySQL`, and PostgreSQL with the same statements. One method is one intention and
//! one transaction; nothing in here waits for another service while a transaction is open.
//!
//! [`Doorbell`] tells conductors that an operation is due. It carries ids only and may lose, double or delay them: the
//! rows are the truth, and a sweep over [`Store::due_operations`] finds whatever was not rung.
//!
//! [`Seal`] encrypts what must not lie in a row in clear.

mod accept;
mod check;
mod choice;
mod clock;
mod clusters;
mod db;
mod discovery;
mod doorbell;
mod failure;
mod idle;
mod keypairs;
mod leases;
mod migrations;
mod nodegroups;
mod operations;
mod page;
mod pool;
mod quotas;
mod raw;
mod row;
mod rows;
mod seal;
mod services;
mod steer;
mod templates;
mod turn;
mod url;
mod work;

use domain::Result;

pub use accept::Accepted;
pub use check::{Defect, Examination};
pub use clusters::ClusterRecord;
pub use discovery::{Discovery, Joined, Member};
pub use doorbell::{Doorbell, Ring, Rings};
pub use idle::IdleStack;
pub use keypairs::Keypair;
pub use operations::WatchedStack;
pub use page::{Page, Scope, SortDir};
pub use pool::PoolOptions;
pub use quotas::{Quota, Usage};
pub use seal::Seal;
pub use services::ServiceRow;
pub use work::Outcome;

use db::Db;

/// Every durable row of the service. Cheap to clone; clones share one pool of connections.
#[derive(Clone)]
pub struct Store {
    db: Db,
}

impl Store {
    /// Opens the database at `url` without touching its schema.
    ///
    /// Understood are `sqlite:///path` (absolute with four slashes, created when missing), `mysql://`, `postgresql://` and
    /// `SQLAlchemy`'s spellings with a driver name (`mysql+pymysql://`, `postgresql+psycopg2://`).
    ///
    /// # Errors
    /// `Invalid` for a URL that is not one of these or names a database in memory, which every restart would lose;
    /// `Database` when the server cannot be reached within the attempts of `pool`.
    pub async fn connect(url: &str, pool: PoolOptions) -> Result<Self> {
        Ok(Self { db: Db::connect(&url::DatabaseUrl::parse(url)?, &pool).await? })
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// `Database` when there is none.
    pub async fn ping(&self) -> Result<()> {
        self.db.ping().await.map_err(|failure| failure.while_doing("answer a ping"))
    }

    /// Number of SQL statements issued through this store and its clones, without BEGIN, COMMIT and migrations.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.db.issued()
    }

    /// Closes every connection; running statements end first.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("server", &self.db.server()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Handlers and workers run on several threads.
    #[test]
    fn futures_may_move_between_threads() {
        fn check<T: Send>(_: &T) {}
        fn all(
            store: &Store,
            op: &domain::Operation,
            template: &domain::ClusterTemplate,
            cluster: &domain::Cluster,
            now: chrono::DateTime<chrono::Utc>,
        ) {
            check(&store.insert_cluster(template, cluster, &[], op, 1));
            check(&store.accept_resize("", op));
            check(&store.accept_delete("", op, &|id| Ok(id.to_owned())));
            check(&store.finish(op, Outcome::deleted(), now));
            check(&store.commit_step(op, cluster, &[], true, now));
            check(&store.due_operations(now, 1));
            check(&store.retry_operation("", now));
            check(&store.clusters(&Scope::All, &Page::first(1)));
            check(&store.migrate());
        }
        let _ = all;
    }
}
