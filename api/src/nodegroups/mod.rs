//! Node groups: `/v1/clusters/{ident}/nodegroups`, from 1.9 on.
//!
//! Every change is stored with its visible status before the answer, and carried out by the conductor. The two groups that
//! a cluster comes with can be shown and changed, but not removed.

mod change;
mod view;

use std::cmp::Ordering;

use actix_web::{HttpRequest, HttpResponse};
use domain::{Cluster, Error, NodeGroup, OperationKind, Rule};
use serde::Serialize;
use serde_json::{Value, json};
use store::ClusterRecord;
use url::form_urlencoded::byte_serialize;
use utoipa::ToSchema;

pub(crate) use change::template_of;
pub(crate) use view::{NodeGroupBrief, NodeGroupCreate, NodeGroupView};

use crate::{
    body::{Body, NoBody, Raw},
    cluster_type,
    ctx::{Ctx, Named, segment},
    problem::Problem,
    query::{Marker, Paging, Query},
    versions::Since,
};

/// A page of node groups.
#[derive(Serialize, ToSchema)]
pub(crate) struct NodeGroupList {
    /// The node groups.
    pub(crate) nodegroups: Vec<NodeGroupBrief>,
    /// Address of the next page; only behind a full one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// Path of a cluster's node groups, below `/v1/`.
fn collection_of(cluster: &Cluster) -> String {
    format!("clusters/{}/nodegroups", cluster.uuid)
}

/// List the node groups of a cluster.
#[utoipa::path(
    get, path = "/v1/clusters/{ident}/nodegroups", tag = "nodegroups",
    params(crate::query::PagingArguments, crate::query::UuidMarker, ("role" = inline(Option<String>), Query, description = "Only groups of this role.")),
    responses((status = 200, body = NodeGroupList))
)]
pub(crate) async fn list(
    _: Since<9>,
    ctx: Ctx,
    named: Named,
    request: HttpRequest,
    _: NoBody,
) -> Result<HttpResponse, Problem> {
    let (paging, query) = Paging::read_with(&request, ctx.max_limit(), Marker::Uuid, &["role"])?;
    let rule = (Rule::NodegroupGetAll, Some(Rule::NodegroupGetAllAllProjects));
    let record = ctx.cluster(&named.0, rule.0, rule.1).await?;
    let role = query.value("role");
    let groups: Vec<&NodeGroup> =
        record.nodegroups.iter().filter(|group| role.is_none_or(|role| group.role == role)).collect();
    let page =
        page(&paging, groups, |group| NodeGroupView::new(group, &record.cluster, &ctx.base).key(&paging.sort_key))?;
    let path = format!("/v1/{}", collection_of(&record.cluster));
    let next = ctx.next(&paging, &path, page.len(), page.last().map(|group| group.uuid.as_str()));
    // The next page is one of the same list.
    let kept = role.map(|role| format!("&role={}", byte_serialize(role.as_bytes()).collect::<String>()));
    let next = next.map(|next| next + kept.as_deref().unwrap_or_default());
    Ok(HttpResponse::Ok().json(NodeGroupList { nodegroups: page, next }))
}

/// The groups of one cluster are few and were read with it, so they are put in order by what `key` says and cut here.
fn page(
    paging: &Paging,
    mut groups: Vec<&NodeGroup>,
    key: impl Fn(&NodeGroup) -> Option<Value>,
) -> Result<Vec<NodeGroupBrief>, Error> {
    groups.sort_by_key(|group| group.id);
    let mut keyed = Vec::with_capacity(groups.len());
    for (at, group) in groups.into_iter().enumerate() {
        let key = if paging.sort_key == "id" { Some(json!(at)) } else { key(group) };
        let unknown = || Error::bad_value("sort_key", &paging.sort_key, "Node groups have no such attribute");
        keyed.push((key.ok_or_else(unknown)?, NodeGroupBrief::new(group)));
    }
    keyed.sort_by(|(a, _), (b, _)| if paging.descending { compare(b, a) } else { compare(a, b) });
    let mut sorted = keyed.into_iter().map(|(_, brief)| brief).collect::<Vec<_>>();
    if let Some(marker) = &paging.marker {
        let at = sorted.iter().position(|group| group.uuid == *marker);
        let missing = || Error::NotFound { kind: "Nodegroup", ident: marker.clone() };
        sorted.drain(..=at.ok_or_else(missing)?);
    }
    sorted.truncate(paging.limit as usize);
    Ok(sorted)
}

fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_i64().cmp(&b.as_i64()),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (a, b) => b.is_null().cmp(&a.is_null()),
    }
}

/// The group the path names, by UUID or name.
fn group_of<'a>(record: &'a ClusterRecord, request: &HttpRequest) -> Result<&'a NodeGroup, Problem> {
    let ident = segment(request, "nodegroup", "Nodegroup")?;
    Ok(named(record, &ident)?)
}

/// The group of that UUID or name.
pub(crate) fn named<'a>(record: &'a ClusterRecord, ident: &str) -> Result<&'a NodeGroup, Error> {
    let by_uuid = record.nodegroups.iter().find(|group| group.uuid == ident);
    let found = by_uuid.or_else(|| record.nodegroups.iter().find(|group| group.name == ident));
    found.ok_or_else(|| Error::NotFound { kind: "Nodegroup", ident: ident.to_owned() })
}

/// Show a node group.
#[utoipa::path(
    get, path = "/v1/clusters/{ident}/nodegroups/{nodegroup}", tag = "nodegroups",
    responses((status = 200, body = NodeGroupView))
)]
pub(crate) async fn show(
    _: Since<9>,
    ctx: Ctx,
    named: Named,
    request: HttpRequest,
    _: NoBody,
) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let record = ctx.cluster(&named.0, Rule::NodegroupGet, Some(Rule::NodegroupGetOneAllProjects)).await?;
    let group = group_of(&record, &request)?;
    Ok(HttpResponse::Ok().json(NodeGroupView::new(group, &record.cluster, &ctx.base)))
}

/// Add a node group to a cluster.
#[utoipa::path(
    post, path = "/v1/clusters/{ident}/nodegroups", tag = "nodegroups", request_body = NodeGroupCreate,
    responses((status = 202, body = NodeGroupView))
)]
pub(crate) async fn create(
    _: Since<9>,
    ctx: Ctx,
    named: Named,
    request: HttpRequest,
    body: Body<NodeGroupCreate>,
) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let record = ctx.cluster(&named.0, Rule::NodegroupCreate, None).await?;
    let (cluster, template) = (&record.cluster, template_of(&record)?);
    crate::clusters::size_allowed("node_count", body.0.node_count, &ctx)?;
    let group = body.0.into_group(cluster, template, ctx.now())?;
    let driver = cluster_type::driver_of(template, ctx.options())?;
    let groups = driver.node_groups().ok_or_else(|| {
        let name = driver.name();
        Error::invalid(format!("Node groups are not supported by the driver {name}, which builds this cluster"))
    })?;
    groups.check(cluster, &group)?;
    change::check_version(&record, &group)?;
    change::looks(&group, template, &ctx).await?;
    let operation = ctx.operation(OperationKind::NodegroupCreate, cluster, json!({"nodegroup": group.uuid}))?;
    let accepted = ctx.store().accept_nodegroup_create(&group, &operation).await?;
    ctx.ring(&accepted.operation_id).await;
    let stored = ctx.store().cluster(&store::Scope::All, &domain::Ident::Uuid(cluster.uuid.clone())).await?;
    let seen = stored.nodegroups.iter().find(|other| other.uuid == group.uuid).unwrap_or(&group);
    Ok(HttpResponse::Accepted().json(NodeGroupView::new(seen, cluster, &ctx.base)))
}

/// Change bounds, labels or taints of a node group.
#[utoipa::path(
    patch, path = "/v1/clusters/{ident}/nodegroups/{nodegroup}", tag = "nodegroups",
    request_body = crate::fields::PatchBody, responses((status = 202, body = NodeGroupView))
)]
pub(crate) async fn update(
    _: Since<9>,
    ctx: Ctx,
    named: Named,
    request: HttpRequest,
    body: Raw,
) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let patch = change::parse(&body.0)?;
    let record = ctx.cluster(&named.0, Rule::NodegroupUpdate, None).await?;
    let group = group_of(&record, &request)?;
    change::apply(&patch, &mut group.clone())?;
    let operation = ctx.operation(OperationKind::NodegroupUpdate, &record.cluster, json!({"nodegroup": group.uuid}))?;
    let change = |group: &mut NodeGroup| change::apply(&patch, group);
    let (seen, accepted) = ctx.store().accept_nodegroup_update(&operation, &change).await?;
    ctx.ring(&accepted.operation_id).await;
    Ok(HttpResponse::Accepted().json(NodeGroupView::new(&seen, &record.cluster, &ctx.base)))
}

/// Remove a node group and everything made for it.
#[utoipa::path(
    delete, path = "/v1/clusters/{ident}/nodegroups/{nodegroup}", tag = "nodegroups", responses((status = 204))
)]
pub(crate) async fn delete(
    _: Since<9>,
    ctx: Ctx,
    named: Named,
    request: HttpRequest,
    _: NoBody,
) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let record = ctx.cluster(&named.0, Rule::NodegroupDelete, None).await?;
    let group = group_of(&record, &request)?;
    if group.is_default {
        return Err(Error::invalid(format!("Deleting a default nodegroup is not supported: {}", group.name)).into());
    }
    let operation = ctx.operation(OperationKind::NodegroupDelete, &record.cluster, json!({"nodegroup": group.uuid}))?;
    let seal_for = |id: &str| ctx.sealed_token(id);
    let accepted = ctx.store().accept_nodegroup_delete(&operation, &seal_for).await?;
    ctx.ring(&accepted.operation_id).await;
    Ok(HttpResponse::NoContent().finish())
}
