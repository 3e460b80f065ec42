//! Quotas of projects, and what projects have.

use chrono::{DateTime, SubsecRound, Utc};
use domain::{Cluster, Error, NodeGroup, Result};
use sea_query::{Cond, Expr, ExprTrait, Func, Query, SelectStatement};

use crate::{
    Store, clusters,
    db::{Pool, Run, Tx},
    failure::Failure,
    page::{Cut, Page, Scope, Way},
    raw::Cells,
    row::{Cell, FromCells, Row, row},
    turn::Turn,
};

const KIND: &str = "Quota";

/// The only resource there is a quota of.
const RESOURCE: &str = "Cluster";

/// Columns a list may be sorted by: all that are shown.
const SORT_KEYS: &[&str] = &["id", "project_id", "resource", "hard_limit", "created_at", "updated_at"];

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

/// What a project, or everybody, has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Clusters of any status.
    pub clusters: i64,
    /// Their nodes, masters among them.
    pub nodes: i64,
}

impl FromCells for Usage {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, String> {
        Ok(Self { clusters: Cell::take(cells, "clusters")?, nodes: Cell::take(cells, "nodes")? })
    }
}

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

/// The rows a scope shows. Quotas are of projects and not of users.
fn visible(scope: &Scope, table: &'static str) -> Vec<Way> {
    let rows = match scope {
        Scope::User(_) => Cond::all().add(Expr::val(1i64).eq(0i64)),
        _ => scope.own(table),
    };
    vec![Way { rows, index: None }]
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

/// The row as it is now, which must be there.
async fn existing(tx: &mut Tx, project: &str) -> Result<Quota, Failure> {
    Ok(read(tx, project).await?.ok_or_else(|| Error::NotFound { kind: KIND, ident: project.to_owned() })?)
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

    /// A page of the visible quotas, in one statement; the marker is the number of a row.
    ///
    /// # Errors
    /// `Invalid` for an unknown sort key, `NotFound` for an unknown marker.
    pub async fn quotas(&self, scope: &Scope, page: &Page) -> Result<Vec<Quota>> {
        let doing = "list quotas";
        let cut = Cut::new::<Quota>(page, SORT_KEYS, scope, visible)?;
        let mut query = Query::select();
        query.columns(Quota::COLUMNS.iter().map(|column| (Quota::TABLE, *column))).from(Quota::TABLE);
        cut.apply(&self.db, &mut query);
        let rows: Vec<Quota> = (&self.db).all(&query).await.map_err(|failure| failure.while_doing(doing))?;
        cut.check_marker(&self.db, KIND, rows.len()).await.map_err(|failure| failure.while_doing(doing))?;
        Ok(rows)
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

    /// Gives a project a cluster quota of its own. A create at the same moment sees none yet, or this one.
    ///
    /// # Errors
    /// `Conflict` when it has one.
    pub async fn insert_quota(&self, project: &str, hard_limit: i64, now: DateTime<Utc>) -> Result<Quota> {
        let inserted = self.db.transaction("insert a quota", |mut tx| async move {
            Turn::Project(project).take(&mut tx).await?;
            let quota = Quota {
                id: 0,
                project_id: project.to_owned(),
                resource: RESOURCE.to_owned(),
                hard_limit,
                created_at: now.trunc_subsecs(0),
                updated_at: None,
            };
            match tx.run(&quota.insert("id")).await {
                Err(failure) if failure.is_duplicate() => {
                    let text = format!("A quota of {RESOURCE} for project {project} already exists. Change that one");
                    return Err(Error::Conflict(text).into());
                }
                other => other?,
            };
            let kept = existing(&mut tx, project).await?;
            tx.commit().await?;
            Ok(kept)
        });
        inserted.await
    }

    /// Changes the cluster quota of a project. A create at the same moment sees the old or the new one.
    ///
    /// # Errors
    /// `NotFound` when it has none of its own.
    pub async fn change_quota(&self, project: &str, hard_limit: i64, now: DateTime<Utc>) -> Result<Quota> {
        let changed = self.db.transaction("change a quota", |mut tx| async move {
            Turn::Project(project).take(&mut tx).await?;
            let quota = existing(&mut tx, project).await?;
            let quota = Quota { hard_limit, updated_at: Some(now.trunc_subsecs(0)), ..quota };
            let mut update = quota.update(&["hard_limit", "updated_at"]);
            update.and_where(Expr::col("id").eq(quota.id));
            tx.run(&update).await?;
            tx.commit().await?;
            Ok(quota)
        });
        changed.await
    }

    /// Removes the cluster quota of this project, and of no other.
    ///
    /// # Errors
    /// `NotFound` when it has none of its own.
    pub async fn delete_quota(&self, project: &str) -> Result<()> {
        let mut delete = Query::delete();
        delete
            .from_table(Quota::TABLE)
            .and_where(Expr::col("project_id").eq(project))
            .and_where(Expr::col("resource").eq(RESOURCE));
        match (&self.db).run(&delete).await.map_err(|failure| failure.while_doing("delete a quota"))? {
            0 => Err(Error::NotFound { kind: KIND, ident: project.to_owned() }),
            _ => Ok(()),
        }
    }

    /// What a project has, or with `None` everybody, in one statement.
    ///
    /// # Errors
    /// `Database`.
    pub async fn usage(&self, project: Option<&str>) -> Result<Usage> {
        // The sum of integers is a decimal number on MySQL and PostgreSQL.
        let integer = match self.db.pool {
            Pool::My(_) => "signed",
            Pool::Pg(_) => "bigint",
            Pool::Lite(_) => "integer",
        };
        let of = |table: &'static str, what: Expr| {
            let mut select = SelectStatement::new();
            select.expr(what).from(table);
            if let Some(project) = project {
                select.and_where(Expr::col("project_id").eq(project));
            }
            Expr::from(select)
        };
        let nodes = Func::coalesce([Func::sum(Expr::col("node_count")).into(), Expr::val(0i64)]);
        let mut query = Query::select();
        query
            .expr(of(Cluster::TABLE, Func::count(Expr::col("id")).into()))
            .expr(of(NodeGroup::TABLE, Func::cast_as(nodes, integer).into()));
        let found = (&self.db).one(&query).await.map_err(|failure| failure.while_doing("count clusters and nodes"))?;
        Ok(found.unwrap_or_default())
    }
}
