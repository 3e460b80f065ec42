//! Clusters and their node groups.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, SubsecRound, Utc};
use domain::{Cluster, ClusterTemplate, Error, HealthStatus, Ident, NodeGroup, Operation, Result, Status};
use sea_query::{Expr, ExprTrait, Func, Query, SelectStatement, UpdateStatement};

use crate::{
    Store,
    db::{Run, Tx},
    discovery,
    failure::Failure,
    page::{Cut, Page, Scope, Way},
    quotas,
    raw::Cells,
    row::{Cell, FromCells, Row},
    rows::{CLUSTER_PROGRESS, GROUP_PROGRESS},
    templates::{check_unchanged, named, only},
    turn::Turn,
};

const TABLE: &str = Cluster::TABLE;
const GROUPS: &str = NodeGroup::TABLE;
pub(crate) const KIND: &str = "Cluster";

/// Columns a list may be sorted by: those that are shown.
const SORT_KEYS: &[&str] = &[
    "id",
    "uuid",
    "name",
    "project_id",
    "user_id",
    "cluster_template_id",
    "keypair",
    "flavor_id",
    "master_flavor_id",
    "docker_volume_size",
    "labels",
    "create_timeout",
    "discovery_url",
    "fixed_network",
    "fixed_subnet",
    "floating_ip_enabled",
    "master_lb_enabled",
    "status",
    "status_reason",
    "health_status",
    "health_status_reason",
    "stack_id",
    "api_address",
    "coe_version",
    "container_version",
    "created_at",
    "updated_at",
];

/// A cluster with everything a view of it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterRecord {
    /// The cluster.
    pub cluster: Cluster,
    /// Its node groups in the order they were made: the two default ones come first.
    pub nodegroups: Vec<NodeGroup>,
    /// Its template; `None` where somebody removed the row by hand.
    pub template: Option<ClusterTemplate>,
}

/// One row of the join of cluster and template.
struct Joined(Cluster, Option<ClusterTemplate>);

impl FromCells for Joined {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, String> {
        let cluster = Cluster::from_cells(cells)?;
        if cells.is_absent() {
            cells.skip(ClusterTemplate::COLUMNS.len());
            tracing::warn!(cluster.uuid = %cluster.uuid, template.uuid = %cluster.cluster_template_id, "the template of a cluster is gone");
            return Ok(Self(cluster, None));
        }
        Ok(Self(cluster, Some(ClusterTemplate::from_cells(cells)?)))
    }
}

fn select() -> SelectStatement {
    let template = ClusterTemplate::TABLE;
    let mut select = Query::select();
    select
        .columns(Cluster::COLUMNS.iter().map(|column| (TABLE, *column)))
        .columns(ClusterTemplate::COLUMNS.iter().map(|column| (template, *column)))
        .from(TABLE)
        .left_join(template, Expr::col((template, "uuid")).equals((TABLE, "cluster_template_id")));
    select
}

/// The own clusters.
fn visible(scope: &Scope, table: &'static str) -> Vec<Way> {
    let index = match scope {
        Scope::All => None,
        Scope::Project(_) => Some("rs_cluster_project"),
        Scope::User(_) => Some("rs_cluster_user"),
    };
    vec![Way { rows: scope.own(table), index }]
}

/// The cluster row alone.
pub(crate) async fn read(on: &mut impl Run, uuid: &str) -> Result<Cluster, Failure> {
    let mut select = Query::select();
    select.columns(Cluster::COLUMNS.iter().copied()).from(TABLE).and_where(Expr::col("uuid").eq(uuid));
    let found: Option<Cluster> = on.one(&select).await?;
    Ok(found.ok_or_else(|| Error::NotFound { kind: KIND, ident: uuid.to_owned() })?)
}

/// Node groups of these clusters, oldest first.
pub(crate) async fn groups(on: &mut impl Run, clusters: &[&str]) -> Result<Vec<NodeGroup>, Failure> {
    if clusters.is_empty() {
        return Ok(Vec::new());
    }
    let mut select = Query::select();
    select
        .columns(NodeGroup::COLUMNS.iter().copied())
        .from(GROUPS)
        .and_where(Expr::col("cluster_id").is_in(clusters.iter().copied()))
        .order_by("id", sea_query::Order::Asc);
    on.all(&select).await
}

/// Adds the node groups of all rows with one statement.
async fn records(on: &mut impl Run, rows: Vec<Joined>) -> Result<Vec<ClusterRecord>, Failure> {
    let uuids: Vec<&str> = rows.iter().map(|row| row.0.uuid.as_str()).collect();
    let mut by_cluster: HashMap<String, Vec<NodeGroup>> = HashMap::new();
    for group in groups(on, &uuids).await? {
        by_cluster.entry(group.cluster_id.clone()).or_default().push(group);
    }
    let record = |Joined(cluster, template)| {
        let nodegroups = by_cluster.remove(&cluster.uuid).unwrap_or_default();
        ClusterRecord { cluster, nodegroups, template }
    };
    Ok(rows.into_iter().map(record).collect())
}

/// Writes what an operation may change of a cluster and its node groups.
pub(crate) async fn write_progress(
    tx: &mut Tx,
    cluster: &Cluster,
    groups: &[NodeGroup],
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let mut cluster = cluster.clone();
    cluster.updated_at = Some(now);
    cluster.status_reason = cluster.status_reason.map(fitting);
    let mut update = cluster.update(CLUSTER_PROGRESS);
    update.and_where(Expr::col("uuid").eq(cluster.uuid.as_str()));
    if tx.run(&update).await? == 0 {
        return Err(Error::NotFound { kind: KIND, ident: cluster.uuid }.into());
    }
    for group in groups {
        let mut group = group.clone();
        group.updated_at = Some(now);
        group.status_reason = group.status_reason.map(fitting);
        let mut update = group.update(GROUP_PROGRESS);
        update.and_where(Expr::col("uuid").eq(group.uuid.as_str()));
        tx.run(&update).await?;
    }
    Ok(())
}

/// `MySQL`'s TEXT holds 64 KiB; a reason that long helps nobody.
pub(crate) fn fitting(mut text: String) -> String {
    const MOST: usize = 16_000;
    if text.len() > MOST {
        let end = (0..=MOST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(end);
    }
    text
}

/// Which node groups of a cluster.
#[derive(Clone, Copy)]
pub(crate) enum Which<'a> {
    All,
    /// Those that are part of the cluster's own stack.
    Default,
    One(&'a str),
}

/// Sets the status of a cluster and of some of its node groups.
pub(crate) async fn write_status(
    tx: &mut Tx,
    cluster: &str,
    groups: Which<'_>,
    status: Status,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let mut update = status_update(TABLE, status, reason, now);
    tx.run(update.and_where(Expr::col("uuid").eq(cluster))).await?;
    write_group_status(tx, cluster, groups, status, reason, now).await
}

/// Sets the status of node groups alone.
pub(crate) async fn write_group_status(
    tx: &mut Tx,
    cluster: &str,
    groups: Which<'_>,
    status: Status,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let mut update = status_update(GROUPS, status, reason, now);
    update.and_where(Expr::col("cluster_id").eq(cluster));
    match groups {
        Which::All => {}
        Which::Default => {
            update.and_where(Expr::col("is_default").eq(true));
        }
        Which::One(uuid) => {
            update.and_where(Expr::col("uuid").eq(uuid));
        }
    }
    tx.run(&update).await?;
    Ok(())
}

fn status_update(table: &'static str, status: Status, reason: Option<&str>, now: DateTime<Utc>) -> UpdateStatement {
    let mut update = Query::update();
    update
        .table(table)
        .value("status", Cell::value(&status))
        .value("status_reason", reason.map(|reason| fitting(reason.to_owned())))
        .value("updated_at", now.trunc_subsecs(0));
    update
}

/// Removes the rows of a cluster.
pub(crate) async fn delete_rows(tx: &mut Tx, uuid: &str) -> Result<(), Failure> {
    tx.run(Query::delete().from_table(GROUPS).and_where(Expr::col("cluster_id").eq(uuid))).await?;
    tx.run(Query::delete().from_table(TABLE).and_where(Expr::col("uuid").eq(uuid))).await?;
    discovery::forget(tx, uuid).await?;
    Turn::Cluster(uuid).end(tx).await
}

impl Store {
    /// The cluster with this uuid, or the only visible one with this name. Two statements.
    ///
    /// # Errors
    /// `NotFound`, `Ambiguous`.
    pub async fn cluster(&self, scope: &Scope, ident: &Ident) -> Result<ClusterRecord> {
        let doing = "read a cluster";
        let mut query = select();
        query.cond_where(scope.own(TABLE)).and_where(named(TABLE, ident)).limit(3);
        let mut db = &self.db;
        let found: Vec<Joined> = db.all(&query).await.map_err(|failure| failure.while_doing(doing))?;
        let row = only(found, ident, KIND, |row| (&row.0.uuid, Some(row.0.name.as_str())))?;
        let mut records = records(&mut db, vec![row]).await.map_err(|failure| failure.while_doing(doing))?;
        records.pop().ok_or_else(|| Error::NotFound { kind: KIND, ident: ident.to_string() })
    }

    /// A page of the visible clusters. Two statements, whatever the length.
    ///
    /// # Errors
    /// `Invalid` for an unknown sort key, `NotFound` for an unknown marker.
    pub async fn clusters(&self, scope: &Scope, page: &Page) -> Result<Vec<ClusterRecord>> {
        let cut = Cut::new::<Cluster>(page, SORT_KEYS, scope, visible)?;
        let mut query = select();
        cut.apply(&self.db, &mut query);
        let read = async {
            let mut db = &self.db;
            let rows: Vec<Joined> = db.all(&query).await?;
            cut.check_marker(&self.db, KIND, rows.len()).await?;
            records(&mut db, rows).await
        };
        read.await.map_err(|failure| failure.while_doing("list clusters"))
    }

    /// Inserts a cluster with its node groups and the operation that builds it, unless the project's quota is reached.
    ///
    /// The quota is as in [`Store::check_quota`]. Any number of creates at once end with exactly as many clusters as it
    /// allows.
    ///
    /// # Errors
    /// `QuotaReached`; `NotFound` when the template is gone; `Conflict` when its substance is not what it was when the
    /// cluster was made of it, or when the uuid is taken.
    pub async fn insert_cluster(
        &self,
        template: &ClusterTemplate,
        cluster: &Cluster,
        nodegroups: &[NodeGroup],
        operation: &Operation,
        default_quota: i64,
    ) -> Result<()> {
        let inserted = self.db.transaction("insert a cluster", |mut tx| async move {
            Turn::Project(&cluster.project_id).take(&mut tx).await?;
            quotas::check(&mut tx, &cluster.project_id, default_quota).await?;
            Turn::Template(&template.uuid).take(&mut tx).await?;
            check_unchanged(&mut tx, template).await?;
            Turn::Cluster(&cluster.uuid).take(&mut tx).await?;
            match tx.run(&cluster.insert("id")).await {
                Err(failure) if failure.is_duplicate() => {
                    return Err(Error::Conflict(format!("A cluster with UUID {} already exists.", cluster.uuid)).into());
                }
                other => other?,
            };
            for group in nodegroups {
                tx.run(&group.insert("id")).await?;
            }
            crate::accept::insert_active(&mut tx, operation).await?;
            tx.commit().await
        });
        inserted.await
    }

    /// Number of clusters of a project, any status.
    ///
    /// # Errors
    /// `Database`.
    pub async fn cluster_count(&self, project: &str) -> Result<i64> {
        let found: Option<(i64,)> =
            (&self.db).one(&counted(project)).await.map_err(|failure| failure.while_doing("count clusters"))?;
        Ok(found.unwrap_or_default().0)
    }

    /// Writes the health of a cluster as somebody reports it.
    ///
    /// # Errors
    /// `NotFound` when the cluster is gone.
    pub async fn set_health(
        &self,
        uuid: &str,
        health: Option<HealthStatus>,
        reason: &BTreeMap<String, String>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let set = self.db.transaction("write the health of a cluster", |mut tx| async move {
            Turn::Cluster(uuid).take(&mut tx).await?;
            let mut update = health_update(uuid, health, reason);
            update.value("updated_at", now.trunc_subsecs(0));
            if tx.run(&update).await? == 0 {
                return Err(Error::NotFound { kind: KIND, ident: uuid.to_owned() }.into());
            }
            tx.commit().await
        });
        set.await
    }

    /// Writes a health that was found out while the cluster's was `seen`; `false`, and nothing is written, when it is
    /// another one by now or the cluster is gone. The time of the last change of the cluster stays as it is: a look at it
    /// changes nothing.
    ///
    /// # Errors
    /// `Database`.
    pub async fn set_health_if(
        &self,
        seen: &Cluster,
        health: Option<HealthStatus>,
        reason: &BTreeMap<String, String>,
    ) -> Result<bool> {
        let set = self.db.transaction("write what is found of the health of a cluster", |mut tx| async move {
            let uuid = seen.uuid.as_str();
            Turn::Cluster(uuid).take(&mut tx).await?;
            let mut query = Query::select();
            query.columns(Cluster::COLUMNS.iter().copied()).from(TABLE).and_where(Expr::col("uuid").eq(uuid));
            let now: Option<Cluster> = tx.one(&query).await?;
            let unchanged = now.is_some_and(|now| {
                now.health_status == seen.health_status && now.health_status_reason == seen.health_status_reason
            });
            if !unchanged {
                return Ok(false);
            }
            tx.run(&health_update(uuid, health, reason)).await?;
            tx.commit().await?;
            Ok(true)
        });
        set.await
    }
}

fn health_update(uuid: &str, health: Option<HealthStatus>, reason: &BTreeMap<String, String>) -> UpdateStatement {
    let mut update = Query::update();
    update
        .table(TABLE)
        .value("health_status", Cell::value(&health))
        .value("health_status_reason", Cell::value(reason))
        .and_where(Expr::col("uuid").eq(uuid));
    update
}

impl Store {
    /// Whether there is a password of a cluster or a token of a request that was sealed: without its key nobody can act
    /// for that cluster, or carry that request out.
    ///
    /// # Errors
    /// `Database`.
    pub async fn holds_sealed_values(&self) -> Result<bool> {
        let sealed = async {
            let mut found = 0;
            for (table, column) in [(TABLE, "trustee_password"), (Operation::TABLE, "sealed_token")] {
                let mut query = Query::select();
                let sealed = Expr::col(column).like(format!("{}%", crate::seal::PREFIX));
                query.expr(Func::count(Expr::col("id"))).from(table).and_where(sealed);
                found += (&self.db).one::<(i64,)>(&query).await?.map_or(0, |(count,)| count);
            }
            Ok(found > 0)
        };
        sealed.await.map_err(|failure: Failure| failure.while_doing("look for sealed values"))
    }
}

/// Counts the clusters of a project, any status.
pub(crate) fn counted(project: &str) -> SelectStatement {
    let mut select = Query::select();
    select.expr(Func::count(Expr::col("id"))).from(TABLE).and_where(Expr::col("project_id").eq(project));
    select
}
