//! Clusters that nobody works on: which there are, and setting their status without passing a request that arrives.

use chrono::{DateTime, Utc};
use domain::{Cluster, Operation, Result, Status};
use sea_query::{Alias, Expr, ExprTrait, Order, Query};

use crate::{
    Store,
    accept::active,
    clusters,
    db::Run,
    raw::Cells,
    row::{Cell, FromCells, Row},
    turn::Turn,
};

const TABLE: &str = Cluster::TABLE;

/// The stack of a cluster without a live operation, and with what it can be asked about.
#[derive(Clone, PartialEq, Eq)]
pub struct IdleStack {
    /// Its cluster.
    pub cluster_uuid: String,
    /// Owner project.
    pub project_id: String,
    /// Heat's id.
    pub stack_id: String,
    /// The cluster's status.
    pub status: Status,
    /// Why it has this status.
    pub status_reason: Option<String>,
    /// The trustee, if there is one.
    pub trustee_user_id: Option<String>,
    /// The trust, if there is one.
    pub trust_id: Option<String>,
    /// The trustee's password, sealed.
    pub trustee_password: Option<String>,
}

impl std::fmt::Debug for IdleStack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdleStack")
            .field("cluster_uuid", &self.cluster_uuid)
            .field("stack_id", &self.stack_id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl FromCells for IdleStack {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, String> {
        Ok(Self {
            cluster_uuid: Cell::take(cells, "uuid")?,
            project_id: Cell::take(cells, "project_id")?,
            stack_id: Cell::take(cells, "stack_id")?,
            status: Cell::take(cells, "status")?,
            status_reason: Cell::take(cells, "status_reason")?,
            trustee_user_id: Cell::take(cells, "trustee_user_id")?,
            trust_id: Cell::take(cells, "trust_id")?,
            trustee_password: Cell::take(cells, "trustee_password")?,
        })
    }
}

impl Store {
    /// At most `limit` stacks of clusters in one of these statuses that have no live operation, in the order of project
    /// and cluster, from behind `after` (project, cluster) on.
    ///
    /// # Errors
    /// `Database`.
    pub async fn idle_stacks(
        &self,
        statuses: &[Status],
        after: Option<&(String, String)>,
        limit: u64,
    ) -> Result<Vec<IdleStack>> {
        let live = Alias::new("live");
        let mut busy = Query::select();
        busy.expr(Expr::val(1i64))
            .from_as(Operation::TABLE, live.clone())
            .and_where(Expr::col((live, Alias::new("active_key"))).equals((TABLE, "uuid")));
        let mut query = Query::select();
        query
            .columns(["uuid", "project_id", "stack_id", "status", "status_reason"].map(|name| (TABLE, name)))
            .columns(["trustee_user_id", "trust_id", "trustee_password"].map(|name| (TABLE, name)))
            .from(TABLE)
            .and_where(Expr::col((TABLE, "stack_id")).is_not_null())
            .and_where(Expr::col((TABLE, "status")).is_in(statuses.iter().map(|status| status.as_str())))
            .and_where(Expr::not_exists(busy))
            .order_by((TABLE, "project_id"), Order::Asc)
            .order_by((TABLE, "uuid"), Order::Asc)
            .limit(limit);
        if let Some((project, cluster)) = after {
            let same = Expr::col((TABLE, "project_id")).eq(project.as_str());
            let later = Expr::col((TABLE, "project_id")).gt(project.as_str());
            query.and_where(later.or(same.and(Expr::col((TABLE, "uuid")).gt(cluster.as_str()))));
        }
        (&self.db).all(&query).await.map_err(|failure| failure.while_doing("find the stacks of idle clusters"))
    }

    /// Sets status and reason of a cluster and its default node groups; `false`, and nothing is written, when the cluster has a
    /// live operation, is gone, or no longer has the status `expected`.
    ///
    /// # Errors
    /// `Database`.
    pub async fn set_status_if(
        &self,
        uuid: &str,
        expected: Status,
        status: Status,
        reason: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let set = self.db.transaction("set the status of an idle cluster", |mut tx| async move {
            Turn::Cluster(uuid).take(&mut tx).await?;
            if active(&mut tx, uuid).await?.is_some() {
                return Ok(false);
            }
            let mut guard = Query::update();
            guard
                .table(TABLE)
                .value("status", Cell::value(&status))
                .and_where(Expr::col("uuid").eq(uuid))
                .and_where(Expr::col("status").eq(expected.as_str()));
            if tx.run(&guard).await? != 1 {
                return Ok(false);
            }
            clusters::write_status(&mut tx, uuid, clusters::Which::Default, status, reason, now).await?;
            tx.commit().await?;
            Ok(true)
        });
        set.await
    }
}
