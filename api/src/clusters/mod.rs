//! Clusters: `/v1/clusters`, and under their old name `/v1/bays`.
//!
//! What changes a cluster is stored with its visible status before the answer, and carried out by the conductor.

pub(crate) mod bays;
mod change;
mod resize;
mod upgrade;
mod view;

use actix_web::{HttpRequest, HttpResponse};
use domain::{ClusterRequest, Error, Ident, NewCluster, Rule, checks};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use change::{Changed, default_workers, size_allowed};
pub(crate) use resize::ClusterResize;
pub(crate) use upgrade::ClusterUpgrade;
pub(crate) use view::{ClusterBrief, ClusterCreate, ClusterId, ClusterView};

use crate::{
    body::{Body, NoBody, Raw},
    cluster_type,
    ctx::{Ctx, Named},
    problem::Problem,
    query::{Paging, Query},
    versions::{Since, Version},
};

/// A page of clusters, short.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClusterList {
    /// The clusters.
    pub(crate) clusters: Vec<ClusterBrief>,
    /// Address of the next page; only behind a full one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// A page of clusters, in full.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClusterDetails {
    /// The clusters.
    pub(crate) clusters: Vec<ClusterView>,
    /// Address of the next page; only behind a full one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// Create a cluster.
#[utoipa::path(
    post, path = "/v1/clusters", tag = "clusters",
    request_body = ClusterCreate, responses((status = 202, body = ClusterId))
)]
pub(crate) async fn create(ctx: Ctx, request: HttpRequest, body: Body<ClusterCreate>) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let made = make(&ctx, body.0, &CLUSTERS).await?;
    Ok(HttpResponse::Accepted().json(ClusterId { uuid: made.uuid }))
}

/// What a create differs in between the two names.
struct Names {
    /// Attribute with the template.
    template: &'static str,
    /// End of generated names.
    kind: &'static str,
    create: Rule,
    /// Whether an admin may take a template of any project.
    everywhere: bool,
    /// Whether an unknown template is "not found" in a version; else it is a wrong value.
    template_is_404: fn(Version) -> bool,
}

const CLUSTERS: Names = Names {
    template: "cluster_template_id",
    kind: "cluster",
    create: Rule::ClusterCreate,
    everywhere: true,
    template_is_404: Version::unknown_template_is_404,
};

/// A cluster that was accepted, and the operation that builds it.
struct Made {
    uuid: String,
    operation: String,
}

/// Checks a new cluster in the documented order, and stores it.
async fn make(ctx: &Ctx, mut wanted: ClusterRequest, names: &Names) -> Result<Made, Problem> {
    change::count_allowed(wanted.node_count, ctx)?;
    change::masters_allowed(wanted.master_count, ctx)?;
    let ident = wanted.cluster_template_id.as_deref().unwrap_or_default();
    let template = ctx.visible_template(&Ident::of(ident), names.everywhere).await.map_err(|error| match error {
        Error::NotFound { .. } if !(names.template_is_404)(ctx.version) => {
            Error::bad_value(names.template, ident, &error.to_string())
        }
        other => other,
    })?;
    let driver = cluster_type::driver_of(&template, ctx.options())?;
    wanted.check(&template)?;
    ctx.allow(names.create)?;
    ctx.check_quota().await?;
    wanted.name.get_or_insert_with(|| checks::generated_name(&uuid::Uuid::new_v4(), names.kind));
    let new = NewCluster::resolve(wanted, &template, &ctx.caller, ctx.now())?;
    let found = change::looks(&new.cluster, &template, ctx).await?;
    new.check_masters()?;
    cluster_type::check_cluster(driver, &new, &template, &found, ctx.options())?;
    let operation = ctx.accept_create(&new, &template).await?;
    Ok(Made { uuid: new.cluster.uuid, operation })
}

/// List clusters.
#[utoipa::path(
    get, path = "/v1/clusters", tag = "clusters", params(crate::query::PagingArguments, crate::query::UuidMarker),
    responses((status = 200, body = ClusterList))
)]
pub(crate) async fn list(ctx: Ctx, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    let paging = Paging::read(&request, ctx.max_limit())?;
    let scope = ctx.allow_list(Rule::ClusterGetAll, Some(Rule::ClusterGetAllAllProjects))?;
    let records = ctx.store().clusters(&scope, &paging.page()).await?;
    let brief = |r: &store::ClusterRecord| ClusterBrief::new(&r.cluster, &r.nodegroups, ctx.version, &ctx.base);
    let next = ctx.next(&paging, "/v1/clusters", records.len(), records.last().map(|r| r.cluster.uuid.as_str()));
    Ok(HttpResponse::Ok().json(ClusterList { clusters: records.iter().map(brief).collect(), next }))
}

/// List clusters in full.
#[utoipa::path(
    get, path = "/v1/clusters/detail", tag = "clusters", params(crate::query::PagingArguments, crate::query::UuidMarker),
    responses((status = 200, body = ClusterDetails))
)]
pub(crate) async fn detail(ctx: Ctx, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    let paging = Paging::read(&request, ctx.max_limit())?;
    let scope = ctx.allow_list(Rule::ClusterDetail, Some(Rule::ClusterDetailAllProjects))?;
    let records = ctx.store().clusters(&scope, &paging.page()).await?;
    let full = |r: &store::ClusterRecord| ClusterView::new(r, ctx.version, &ctx.base);
    let next = ctx.next(&paging, "/v1/clusters/detail", records.len(), records.last().map(|r| r.cluster.uuid.as_str()));
    Ok(HttpResponse::Ok().json(ClusterDetails { clusters: records.iter().map(full).collect(), next }))
}

/// Show a cluster.
#[utoipa::path(get, path = "/v1/clusters/{ident}", tag = "clusters", responses((status = 200, body = ClusterView)))]
pub(crate) async fn show(ctx: Ctx, named: Named, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let record = ctx.cluster(&named.0, Rule::ClusterGet, Some(Rule::ClusterGetOneAllProjects)).await?;
    let view = ClusterView::new(&record, ctx.version, &ctx.base).with_faults(&record.nodegroups);
    Ok(HttpResponse::Ok().json(view))
}

/// Change the size or the health of a cluster.
#[utoipa::path(
    patch, path = "/v1/clusters/{ident}", tag = "clusters", request_body = crate::fields::PatchBody,
    params(("rollback" = inline(Option<bool>), Query, description = "Roll the stack back when the change fails; from 1.3 on.")),
    responses((status = 202, body = ClusterId))
)]
pub(crate) async fn update(ctx: Ctx, named: Named, request: HttpRequest, body: Raw) -> Result<HttpResponse, Problem> {
    let known: &[&str] = if ctx.version.takes_rollback() { &["rollback"] } else { &[] };
    let rollback = Query::read(&request, known)?.flag("rollback")?;
    let patch = change::parse(&body.0)?;
    let record = change::target(&named.0, &patch, &ctx).await?;
    let changed = change::apply(&patch, &record, &ctx)?;
    ctx.accept_change(&record, &changed, rollback).await?;
    Ok(HttpResponse::Accepted().json(ClusterId { uuid: record.cluster.uuid }))
}

/// Change the number of nodes of a node group, with a say in which of them go.
#[utoipa::path(
    post, path = "/v1/clusters/{ident}/actions/resize", tag = "clusters", request_body = ClusterResize,
    responses((status = 202, body = ClusterId))
)]
pub(crate) async fn resize(
    _: Since<7>,
    ctx: Ctx,
    named: Named,
    request: HttpRequest,
    body: Body<ClusterResize>,
) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let wanted = body.0;
    let record = ctx.cluster(&named.0, Rule::ClusterResize, None).await?;
    let group = resize::group_of(&record, wanted.nodegroup.as_deref())?;
    change::count_allowed(Some(wanted.node_count), &ctx)?;
    let leaving = wanted.nodes_to_remove.unwrap_or_default();
    ctx.accept_resize(&record.cluster, group, wanted.node_count, leaving, false).await?;
    Ok(HttpResponse::Accepted().json(ClusterId { uuid: record.cluster.uuid.clone() }))
}

/// Bring a cluster, or one of its node groups, to another template.
#[utoipa::path(
    post, path = "/v1/clusters/{ident}/actions/upgrade", tag = "clusters", request_body = ClusterUpgrade,
    responses((status = 202, body = ClusterId))
)]
pub(crate) async fn upgrade(
    _: Since<8>,
    ctx: Ctx,
    named: Named,
    request: HttpRequest,
    body: Body<ClusterUpgrade>,
) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let wanted = body.0;
    let record = ctx.cluster(&named.0, Rule::ClusterUpgrade, Some(Rule::ClusterUpgradeAllProjects)).await?;
    let template = ctx.visible_template(&Ident::of(&wanted.cluster_template), true).await?;
    let params = upgrade::check(&wanted, &record, &template, &ctx)?;
    ctx.accept_upgrade(&record.cluster, &template, &params).await?;
    Ok(HttpResponse::Accepted().json(ClusterId { uuid: record.cluster.uuid.clone() }))
}

/// Delete a cluster and everything made for it.
#[utoipa::path(delete, path = "/v1/clusters/{ident}", tag = "clusters", responses((status = 204)))]
pub(crate) async fn delete(ctx: Ctx, named: Named, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let record = ctx.cluster(&named.0, Rule::ClusterDelete, Some(Rule::ClusterDeleteAllProjects)).await?;
    ctx.accept_delete(&record.cluster).await?;
    Ok(HttpResponse::NoContent().finish())
}
