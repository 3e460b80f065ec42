//! Clusters that nothing works on, as somebody outside may have changed their stacks.

use chrono::{DateTime, Utc};
use domain::{Cluster, NodeGroup, Operation, Result, Status};
use sea_query::{Expr, ExprTrait, Order, Query};

use crate::{Store, accept::active, clusters, db::Run, row::Row, turn::Turn};

impl Store {
    /// Clusters with a stack and without a live operation, by `id`, from behind `after` on: a page of them. Zero starts.
    ///
    /// # Errors
    /// `Database`.
    pub async fn idle_clusters(&self, after: i64, limit: i64) -> Result<Vec<Cluster>> {
        let cluster = Cluster::TABLE;
        let mut live = Query::select();
        live.expr(Expr::val(1i64))
            .from(Operation::TABLE)
            .and_where(Expr::col((Operation::TABLE, "active_key")).equals((cluster, "uuid")));
        let mut query = Query::select();
        query
            .columns(Cluster::COLUMNS.iter().map(|column| (cluster, *column)))
            .from(cluster)
            .and_where(Expr::col((cluster, "id")).gt(after))
            .and_where(Expr::col((cluster, "stack_id")).is_not_null())
            .and_where(Expr::not_exists(live))
            .order_by((cluster, "id"), Order::Asc)
            .limit(u64::try_from(limit).unwrap_or_default());
        (&self.db).all(&query).await.map_err(|failure| failure.while_doing("find idle clusters"))
    }

    /// Writes what was seen of an idle cluster. `false`, and nothing written, when its status is no longer `before` or an
    /// operation has begun since: what was seen is old then.
    ///
    /// # Errors
    /// `NotFound` when the cluster is gone.
    pub async fn observe(
        &self,
        cluster: &Cluster,
        groups: &[NodeGroup],
        before: Status,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let observed = self.db.transaction("write what was seen of a cluster", |mut tx| async move {
            Turn::Cluster(&cluster.uuid).take(&mut tx).await?;
            let status = clusters::read(&mut tx, &cluster.uuid).await?.status;
            if status != before || active(&mut tx, &cluster.uuid).await?.is_some() {
                return Ok(false);
            }
            clusters::write_progress(&mut tx, cluster, groups, now).await?;
            tx.commit().await?;
            Ok(true)
        });
        observed.await
    }
}
