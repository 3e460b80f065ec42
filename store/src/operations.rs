//! Reading operations: which are due, which a person wants to see, and what their stacks are.

use chrono::{DateTime, Utc};
use domain::{Cluster, Error, Operation, OperationState, Result};
use sea_query::{Alias, Expr, ExprTrait, Func, Order, Query};

use crate::{
    Store,
    accept::{select, unfinished},
    db::Run,
    failure::Failure,
    raw::Cells,
    row::{Cell, FromCells, Row},
    turn::Turn,
    work::{cancel_waiting, lease_is_free, promote},
};

const TABLE: &str = Operation::TABLE;

/// A stack that a live operation may be waiting for, and with what it can be asked about.
#[derive(Clone, PartialEq, Eq)]
pub struct WatchedStack {
    /// The operation.
    pub operation_id: String,
    /// Its cluster.
    pub cluster_uuid: String,
    /// Owner project of both.
    pub project_id: String,
    /// Heat's id.
    pub stack_id: String,
    /// The trustee, if there is one yet.
    pub trustee_user_id: Option<String>,
    /// The trust, if there is one yet.
    pub trust_id: Option<String>,
    /// The trustee's password, sealed.
    pub trustee_password: Option<String>,
}

impl std::fmt::Debug for WatchedStack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WatchedStack")
            .field("operation_id", &self.operation_id)
            .field("cluster_uuid", &self.cluster_uuid)
            .field("stack_id", &self.stack_id)
            .finish_non_exhaustive()
    }
}

impl FromCells for WatchedStack {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, String> {
        Ok(Self {
            operation_id: Cell::take(cells, "id")?,
            cluster_uuid: Cell::take(cells, "cluster_uuid")?,
            project_id: Cell::take(cells, "project_id")?,
            stack_id: Cell::take(cells, "stack_id")?,
            trustee_user_id: Cell::take(cells, "trustee_user_id")?,
            trust_id: Cell::take(cells, "trust_id")?,
            trustee_password: Cell::take(cells, "trustee_password")?,
        })
    }
}

impl Store {
    /// Ids of live operations whose time has come and that nobody works on, longest due first.
    ///
    /// Also starts what waits behind nothing: on a cluster of database servers an accept and a finish may pass each
    /// other unseen, and the sweep that calls this is what repairs it.
    ///
    /// # Errors
    /// `Database`.
    pub async fn due_operations(&self, now: DateTime<Utc>, limit: i64) -> Result<Vec<String>> {
        self.start_stranded(now).await?;
        let mut query = Query::select();
        query
            .column("id")
            .from(TABLE)
            .and_where(Expr::col("state").eq(OperationState::Active.as_str()))
            .and_where(Expr::col("run_at").lte(Cell::value(&now)))
            .cond_where(lease_is_free(&now))
            .order_by("run_at", Order::Asc)
            .order_by("seq", Order::Asc)
            .limit(u64::try_from(limit).unwrap_or_default());
        self.texts(&query, "find due operations").await
    }

    async fn start_stranded(&self, now: DateTime<Utc>) -> Result<()> {
        let live = Alias::new("live");
        let mut ahead = Query::select();
        ahead
            .expr(Expr::val(1i64))
            .from_as(TABLE, live.clone())
            .and_where(Expr::col((live, Alias::new("active_key"))).equals((TABLE, "cluster_uuid")));
        let mut query = Query::select();
        query
            .column((TABLE, "cluster_uuid"))
            .distinct()
            .from(TABLE)
            .and_where(Expr::col((TABLE, "state")).eq(OperationState::Queued.as_str()))
            .and_where(Expr::not_exists(ahead));
        for cluster in self.texts(&query, "find stranded operations").await? {
            let cluster = cluster.as_str();
            let started = self.db.transaction("start a stranded operation", |mut tx| async move {
                Turn::Cluster(cluster).take(&mut tx).await?;
                match promote(&mut tx, cluster, now).await {
                    Err(Failure::Refused(Error::NotFound { .. })) => {
                        cancel_waiting(&mut tx, cluster, "The cluster is gone.", now).await?;
                        Turn::Cluster(cluster).end(&mut tx).await?;
                    }
                    other => {
                        other?;
                    }
                }
                tx.commit().await
            });
            if let Err(error) = started.await {
                tracing::error!(cluster.uuid = cluster, error = %error, "a waiting operation cannot be started");
            }
        }
        Ok(())
    }

    async fn texts(&self, query: &sea_query::SelectStatement, doing: &'static str) -> Result<Vec<String>> {
        let rows: Vec<(String,)> = (&self.db).all(query).await.map_err(|failure| failure.while_doing(doing))?;
        Ok(rows.into_iter().map(|(text,)| text).collect())
    }

    /// One operation.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn operation(&self, id: &str) -> Result<Operation> {
        let mut query = select();
        query.and_where(Expr::col("id").eq(id));
        let found = (&self.db).one(&query).await.map_err(|failure| failure.while_doing("read an operation"))?;
        found.ok_or_else(|| Error::NotFound { kind: "Operation", ident: id.to_owned() })
    }

    /// Operations, latest first: of one cluster or of all, unfinished ones or all.
    ///
    /// # Errors
    /// `Database`.
    pub async fn operations(&self, cluster: Option<&str>, only_unfinished: bool, limit: i64) -> Result<Vec<Operation>> {
        let mut query = select();
        if let Some(cluster) = cluster {
            query.and_where(Expr::col("cluster_uuid").eq(cluster));
        }
        if only_unfinished {
            query.and_where(Expr::col("state").is_in(unfinished()));
        }
        query.order_by("seq", Order::Desc).limit(u64::try_from(limit).unwrap_or_default());
        (&self.db).all(&query).await.map_err(|failure| failure.while_doing("list operations"))
    }

    /// Number of other operations of a cluster that a worker still holds a lease of, finished ones included: until it is
    /// zero, somebody may be in the middle of a request that makes something.
    ///
    /// # Errors
    /// `Database`.
    pub async fn leases_of_cluster(&self, cluster: &str, but: &str, now: DateTime<Utc>) -> Result<i64> {
        let mut query = Query::select();
        query
            .expr(Func::count(Expr::col("seq")))
            .from(TABLE)
            .and_where(Expr::col("cluster_uuid").eq(cluster))
            .and_where(Expr::col("id").ne(but))
            .and_where(Expr::col("lease_until").gte(Cell::value(&now)));
        let count: Option<(i64,)> =
            (&self.db).one(&query).await.map_err(|failure| failure.while_doing("count leases of a cluster"))?;
        Ok(count.unwrap_or_default().0)
    }

    /// The stacks of clusters with a live operation, by project.
    ///
    /// # Errors
    /// `Database`.
    pub async fn watched_stacks(&self) -> Result<Vec<WatchedStack>> {
        let cluster = Cluster::TABLE;
        let mut query = Query::select();
        query
            .columns([(TABLE, "id"), (TABLE, "cluster_uuid"), (TABLE, "project_id"), (cluster, "stack_id")])
            .columns([(cluster, "trustee_user_id"), (cluster, "trust_id"), (cluster, "trustee_password")])
            .from(TABLE)
            .inner_join(cluster, Expr::col((cluster, "uuid")).equals((TABLE, "cluster_uuid")))
            .and_where(Expr::col((TABLE, "state")).eq(OperationState::Active.as_str()))
            .and_where(Expr::col((cluster, "stack_id")).is_not_null())
            .order_by((TABLE, "project_id"), Order::Asc)
            .order_by((TABLE, "seq"), Order::Asc);
        (&self.db).all(&query).await.map_err(|failure| failure.while_doing("find the stacks of busy clusters"))
    }

    /// Makes a waiting operation due now; `false` when it is due already, being worked on, or over.
    ///
    /// # Errors
    /// `Database`.
    pub async fn wake_operation(&self, id: &str, now: DateTime<Utc>) -> Result<bool> {
        let mut update = Query::update();
        update
            .table(TABLE)
            .value("run_at", Cell::value(&now))
            .and_where(Expr::col("id").eq(id))
            .and_where(Expr::col("state").eq(OperationState::Active.as_str()))
            .and_where(Expr::col("run_at").gt(Cell::value(&now)))
            .cond_where(lease_is_free(&now));
        let rows = (&self.db).run(&update).await.map_err(|failure| failure.while_doing("wake an operation"))?;
        Ok(rows == 1)
    }

    /// Removes operations that ended before `before`; their number.
    ///
    /// # Errors
    /// `Database`.
    pub async fn forget_operations(&self, before: DateTime<Utc>) -> Result<u64> {
        let mut delete = Query::delete();
        delete.from_table(TABLE).and_where(Expr::col("finished_at").lt(Cell::value(&before)));
        (&self.db).run(&delete).await.map_err(|failure| failure.while_doing("remove old operations"))
    }
}
