//! Quotas of projects.

use chrono::{DateTime, SubsecRound, Utc};
use domain::{Error, Result};
use sea_query::{Expr, ExprTrait, Query};

use crate::{
    Store, clusters,
    db::Run,
    failure::Failure,
    raw::Cells,
    row::{Cell, FromCells, Row, row},
    turn::Turn,
};

/// The only resource there is a quota of.
const RESOURCE: &str = "Cluster";

/// One row of `quotas`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Number of the row.
    pub id: i64,
    /// The project.
    pub project_id: String,
    /// `Cluster`.
    pub resource: String,
    /// Most clusters; below zero: any number.
    pub hard_limit: i64,
    /// When it was first set.
    pub created_at: DateTime<Utc>,
    /// When it was last set.
    pub updated_at: Option<DateTime<Utc>>,
}

row!(Quota, "quotas", [id, project_id, resource, hard_limit, created_at, updated_at]);

/// What a project has, and its own limit if it has one.
#[derive(Default)]
struct Used {
    clusters: i64,
    own_limit: Option<i64>,
}

impl FromCells for Used {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, String> {
        Ok(Self { clusters: Cell::take(cells, "clusters")?, own_limit: Cell::take(cells, "hard_limit")? })
    }
}

async fn read(on: &mut impl Run, project: &str) -> Result<Option<Quota>, Failure> {
    let mut query = Query::select();
    query
        .columns(Quota::COLUMNS.iter().copied())
        .from(Quota::TABLE)
        .and_where(Expr::col("project_id").eq(project))
        .and_where(Expr::col("resource").eq(RESOURCE));
    on.one(&query).await
}

/// Refuses one more cluster when there are as many as the project may have.
pub(crate) async fn check(on: &mut impl Run, project: &str, default: i64) -> Result<(), Failure> {
    let mut own = Query::select();
    own.column("hard_limit")
        .from(Quota::TABLE)
        .and_where(Expr::col("project_id").eq(project))
        .and_where(Expr::col("resource").eq(RESOURCE));
    let used = on.one::<Used>(clusters::counted(project).expr(Expr::from(own))).await?.unwrap_or_default();
    let limit = used.own_limit.unwrap_or(default);
    if limit >= 0 && used.clusters >= limit {
        return Err(Error::QuotaReached { limit }.into());
    }
    Ok(())
}

impl Store {
    /// The cluster quota of a project, if it has one of its own.
    ///
    /// # Errors
    /// `Database`.
    pub async fn quota(&self, project: &str) -> Result<Option<Quota>> {
        let mut db = &self.db;
        read(&mut db, project).await.map_err(|failure| failure.while_doing("read a quota"))
    }

    /// Refuses one more cluster of a project that has as many as its quota allows: its own one, else `default`. Clusters
    /// of every status count; a quota below zero is none. What this allows, another create may still use up.
    ///
    /// # Errors
    /// `QuotaReached`.
    pub async fn check_quota(&self, project: &str, default: i64) -> Result<()> {
        let mut db = &self.db;
        check(&mut db, project, default).await.map_err(|failure| failure.while_doing("check a quota"))
    }

    /// Sets the cluster quota of a project. A create at the same moment sees the old or the new one.
    ///
    /// # Errors
    /// `Database`.
    pub async fn set_quota(&self, project: &str, hard_limit: i64, now: DateTime<Utc>) -> Result<()> {
        let set = self.db.transaction("set a quota", |mut tx| async move {
            Turn::Project(project).take(&mut tx).await?;
            match read(&mut tx, project).await? {
                Some(quota) => {
                    let mut update = Query::update();
                    update
                        .table(Quota::TABLE)
                        .value("hard_limit", hard_limit)
                        .value("updated_at", now.trunc_subsecs(0))
                        .and_where(Expr::col("id").eq(quota.id));
                    tx.run(&update).await?;
                }
                None => {
                    let quota = Quota {
                        id: 0,
                        project_id: project.to_owned(),
                        resource: RESOURCE.to_owned(),
                        hard_limit,
                        created_at: now,
                        updated_at: None,
                    };
                    tx.run(&quota.insert("id")).await?;
                }
            }
            tx.commit().await
        });
        set.await
    }

    /// Removes the cluster quota of this project, and of no other; `false` when it had none.
    ///
    /// # Errors
    /// `Database`.
    pub async fn delete_quota(&self, project: &str) -> Result<bool> {
        let mut delete = Query::delete();
        delete
            .from_table(Quota::TABLE)
            .and_where(Expr::col("project_id").eq(project))
            .and_where(Expr::col("resource").eq(RESOURCE));
        let rows = (&self.db).run(&delete).await.map_err(|failure| failure.while_doing("delete a quota"))?;
        Ok(rows > 0)
    }
}
