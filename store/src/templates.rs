//! Cluster templates.

use chrono::SubsecRound;
use domain::{ClusterTemplate, Error, Ident, Result};
use sea_query::{Cond, Condition, Expr, ExprTrait, Func, Query, SelectStatement};

use crate::{
    Store,
    db::{Run, Tx},
    failure::Failure,
    page::{Cut, Page, Scope},
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
fn visible(scope: &Scope, table: &'static str) -> Condition {
    if *scope == Scope::All {
        return Cond::all();
    }
    let shown = Cond::all()
        .add(Expr::col((table, "public")).eq(true))
        .add(Cond::any().add(Expr::col((table, "hidden")).is_null()).add(Expr::col((table, "hidden")).eq(false)));
    Cond::any().add(scope.own(table)).add(shown)
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
        query.cond_where(visible(scope, TABLE)).and_where(named(TABLE, ident)).limit(3);
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

    /// Writes every field of an existing template but its ids, owner and time of creation.
    ///
    /// # Errors
    /// `NotFound` when it is gone.
    pub async fn save_template(&self, template: &ClusterTemplate) -> Result<()> {
        let kept = ["id", "uuid", "project_id", "user_id", "created_at"];
        let columns: Vec<&str> = ClusterTemplate::COLUMNS.iter().copied().filter(|c| !kept.contains(c)).collect();
        let mut update = template.update(&columns);
        update.and_where(Expr::col("uuid").eq(template.uuid.as_str()));
        match (&self.db).run(&update).await.map_err(|failure| failure.while_doing("save a cluster template"))? {
            0 => Err(Error::NotFound { kind: KIND, ident: template.uuid.clone() }),
            _ => Ok(()),
        }
    }

    /// `true` while a cluster refers to this template.
    ///
    /// # Errors
    /// `Database`.
    pub async fn template_in_use(&self, uuid: &str) -> Result<bool> {
        let count: Option<(i64,)> = (&self.db)
            .one(&users(uuid))
            .await
            .map_err(|failure| failure.while_doing("count clusters of a template"))?;
        Ok(count.is_some_and(|(count,)| count > 0))
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

fn users(uuid: &str) -> SelectStatement {
    let mut select = Query::select();
    select.expr(Func::count(Expr::col("id"))).from("cluster").and_where(Expr::col("cluster_template_id").eq(uuid));
    select
}

async fn is_used(tx: &mut Tx, uuid: &str) -> Result<bool, Failure> {
    Ok(tx.one::<(i64,)>(&users(uuid)).await?.is_some_and(|(count,)| count > 0))
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
