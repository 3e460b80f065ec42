//! Cluster templates.

use chrono::SubsecRound;
use domain::{ClusterTemplate, Error, Ident, Operation, OperationKind, Result};
use sea_query::{Cond, Expr, ExprTrait, Func, Query, SelectStatement, UpdateStatement};

use crate::{
    Store,
    accept::unfinished,
    db::{Run, Tx},
    failure::Failure,
    page::{Cut, Page, Scope, Way, any},
    row::Row,
    turn::Turn,
};

const TABLE: &str = ClusterTemplate::TABLE;
const KIND: &str = "ClusterTemplate";

/// Columns a list may be sorted by: those that are shown.
const SORT_KEYS: &[&str] = &[
    "id",
    "uuid",
    "name",
    "project_id",
    "user_id",
    "image_id",
    "flavor_id",
    "master_flavor_id",
    "keypair_id",
    "external_network_id",
    "fixed_network",
    "fixed_subnet",
    "network_driver",
    "volume_driver",
    "dns_nameserver",
    "apiserver_port",
    "docker_volume_size",
    "docker_storage_driver",
    "cluster_distro",
    "coe",
    "server_type",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "insecure_registry",
    "labels",
    "registry_enabled",
    "tls_disabled",
    "public",
    "hidden",
    "master_lb_enabled",
    "floating_ip_enabled",
    "tags",
    "driver",
    "created_at",
    "updated_at",
];

pub(crate) fn select() -> SelectStatement {
    let mut select = Query::select();
    select.columns(ClusterTemplate::COLUMNS.iter().map(|column| (TABLE, *column))).from(TABLE);
    select
}

/// Own templates, and those shown to everybody.
fn visible(scope: &Scope, table: &'static str) -> Vec<Way> {
    let index = match scope {
        Scope::All => return vec![Way { rows: Cond::all(), index: None }],
        Scope::Project(_) => Some("rs_cluster_template_project"),
        Scope::User(_) => None,
    };
    let shown = Cond::all()
        .add(Expr::col((table, "public")).eq(true))
        .add(Cond::any().add(Expr::col((table, "hidden")).is_null()).add(Expr::col((table, "hidden")).eq(false)));
    vec![Way { rows: scope.own(table), index }, Way { rows: shown, index: Some("rs_cluster_template_public") }]
}

/// Rows of `uuid` or `name`; the servers' ideas of equal text differ, so names are compared again by the caller.
pub(crate) fn named(table: &'static str, ident: &Ident) -> Expr {
    match ident {
        Ident::Uuid(uuid) => Expr::col((table, "uuid")).eq(uuid.as_str()),
        Ident::Name(name) => Expr::col((table, "name")).eq(name.as_str()),
    }
}

impl Store {
    /// Inserts a template and returns it as it is kept, except for `id`, which nobody outside needs.
    ///
    /// # Errors
    /// `Conflict` when the uuid is taken.
    pub async fn insert_template(&self, template: &ClusterTemplate) -> Result<ClusterTemplate> {
        match (&self.db).run(&template.insert("id")).await {
            Ok(_) => {
                let mut kept = template.clone();
                kept.created_at = kept.created_at.trunc_subsecs(0);
                kept.updated_at = kept.updated_at.map(|time| time.trunc_subsecs(0));
                Ok(kept)
            }
            Err(failure) if failure.is_duplicate() => {
                Err(Error::Conflict(format!("A ClusterTemplate with UUID {} already exists.", template.uuid)))
            }
            Err(failure) => Err(failure.while_doing("insert a cluster template")),
        }
    }

    /// The template with this uuid, or the only visible one with this name.
    ///
    /// # Errors
    /// `NotFound`, `Ambiguous`.
    pub async fn template(&self, scope: &Scope, ident: &Ident) -> Result<ClusterTemplate> {
        let mut query = select();
        query.cond_where(any(visible(scope, TABLE))).and_where(named(TABLE, ident)).limit(3);
        let found: Vec<ClusterTemplate> =
            (&self.db).all(&query).await.map_err(|failure| failure.while_doing("read a cluster template"))?;
        only(found, ident, KIND, |template| (&template.uuid, template.name.as_deref()))
    }

    /// A page of the visible templates, in one statement.
    ///
    /// # Errors
    /// `Invalid` for an unknown sort key, `NotFound` for an unknown marker.
    pub async fn templates(&self, scope: &Scope, page: &Page) -> Result<Vec<ClusterTemplate>> {
        let doing = "list cluster templates";
        let cut = Cut::new::<ClusterTemplate>(page, SORT_KEYS, scope, visible)?;
        let mut query = select();
        cut.apply(&self.db, &mut query);
        let rows: Vec<ClusterTemplate> = (&self.db).all(&query).await.map_err(|failure| failure.while_doing(doing))?;
        cut.check_marker(&self.db, KIND, rows.len()).await.map_err(|failure| failure.while_doing(doing))?;
        Ok(rows)
    }

    /// Writes the fields of an existing template in which `after` differs from `before`, but never ids, owner and time of
    /// creation: two changes of different fields at the same moment both last.
    ///
    /// # Errors
    /// `NotFound` when it is gone.
    pub async fn save_template(&self, before: &ClusterTemplate, after: &ClusterTemplate) -> Result<()> {
        self.save(before, after, false).await
    }

    /// The same, unless a cluster refers to the template; a create at the same moment either comes first and keeps it as
    /// it is, or comes second and finds it changed.
    ///
    /// # Errors
    /// `TemplateReferenced`, `NotFound`.
    pub async fn save_unused_template(&self, before: &ClusterTemplate, after: &ClusterTemplate) -> Result<()> {
        self.save(before, after, true).await
    }

    async fn save(&self, before: &ClusterTemplate, after: &ClusterTemplate, unused: bool) -> Result<()> {
        let uuid = before.uuid.as_str();
        let update = &changes(before, after);
        let saved = self.db.transaction("save a cluster template", |mut tx| async move {
            Turn::Template(uuid).take(&mut tx).await?;
            if unused && is_used(&mut tx, uuid).await? {
                return Err(Error::TemplateReferenced { uuid: uuid.to_owned() }.into());
            }
            if tx.run(update).await? == 0 {
                return Err(Error::NotFound { kind: KIND, ident: uuid.to_owned() }.into());
            }
            tx.commit().await
        });
        saved.await
    }

    /// Deletes a template that no cluster refers to; a create at the same moment either comes first and keeps it, or
    /// comes second and does not find it.
    ///
    /// # Errors
    /// `TemplateReferenced`, `NotFound`.
    pub async fn delete_template(&self, uuid: &str) -> Result<()> {
        self.db
            .transaction("delete a cluster template", |mut tx| async move {
                Turn::Template(uuid).take(&mut tx).await?;
                if is_used(&mut tx, uuid).await? {
                    return Err(Error::TemplateReferenced { uuid: uuid.to_owned() }.into());
                }
                let delete = Query::delete().from_table(TABLE).and_where(Expr::col("uuid").eq(uuid)).to_owned();
                if tx.run(&delete).await? == 0 {
                    return Err(Error::NotFound { kind: KIND, ident: uuid.to_owned() }.into());
                }
                Turn::Template(uuid).end(&mut tx).await?;
                tx.commit().await
            })
            .await
    }
}

/// An update of what differs, and of the time of change in any case.
fn changes(before: &ClusterTemplate, after: &ClusterTemplate) -> UpdateStatement {
    const KEPT: [&str; 5] = ["id", "uuid", "project_id", "user_id", "created_at"];
    let differs = before
        .stored()
        .zip(after.stored())
        .filter(|((column, old), (_, new))| !KEPT.contains(column) && (old != new || *column == "updated_at"));
    let columns: Vec<&str> = differs.map(|((column, _), _)| column).collect();
    let mut update = after.update(&columns);
    update.and_where(Expr::col("uuid").eq(before.uuid.as_str()));
    update
}

/// Clusters refer to their template; those that are being upgraded also to the one they go to.
async fn is_used(tx: &mut Tx, uuid: &str) -> Result<bool, Failure> {
    let (mut users, mut coming) = (Query::select(), Query::select());
    users.expr(Func::count(Expr::col("id"))).from("cluster").and_where(Expr::col("cluster_template_id").eq(uuid));
    coming
        .expr(Func::count(Expr::col("seq")))
        .from(Operation::TABLE)
        .and_where(Expr::col("kind").eq(OperationKind::Upgrade.as_str()))
        .and_where(Expr::col("state").is_in(unfinished()))
        .and_where(Expr::col("params").like(format!("%\"{uuid}\"%")));
    for query in [&users, &coming] {
        if tx.one::<(i64,)>(query).await?.is_some_and(|(count,)| count > 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Refuses a template that is gone, or whose substance is not what `template` says any more: what was taken from it for a
/// cluster is old then.
pub(crate) async fn check_unchanged(tx: &mut Tx, template: &ClusterTemplate) -> Result<(), Failure> {
    const SURFACE: [&str; 7] = ["id", "name", "public", "hidden", "tags", "created_at", "updated_at"];
    let uuid = template.uuid.as_str();
    let found: Option<ClusterTemplate> = tx.one(select().and_where(Expr::col("uuid").eq(uuid))).await?;
    let Some(now) = found else {
        return Err(Error::NotFound { kind: KIND, ident: uuid.to_owned() }.into());
    };
    if now.stored().zip(template.stored()).any(|((column, now), (_, then))| now != then && !SURFACE.contains(&column)) {
        let text = format!("The cluster template {uuid} was changed at the same moment. Send the request again.");
        return Err(Error::Conflict(text).into());
    }
    Ok(())
}

/// The only row that answers to `ident`.
pub(crate) fn only<T>(
    found: Vec<T>,
    ident: &Ident,
    kind: &'static str,
    names: impl Fn(&T) -> (&String, Option<&str>),
) -> Result<T> {
    // MySQL compares text without regard to trailing blanks.
    let mut matching = found.into_iter().filter(|row| match (ident, names(row)) {
        (Ident::Uuid(wanted), (uuid, _)) => uuid == wanted,
        (Ident::Name(wanted), (_, name)) => name == Some(wanted),
    });
    match (matching.next(), matching.next()) {
        (None, _) => Err(Error::NotFound { kind, ident: ident.to_string() }),
        (Some(row), None) => Ok(row),
        (Some(_), Some(_)) => Err(Error::Ambiguous { kind, ident: ident.to_string() }),
    }
}
