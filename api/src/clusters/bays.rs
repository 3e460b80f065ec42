//! Clusters under their old name, until 1.10: `/v1/bays`. The same rows with fewer attributes, of which three are called
//! otherwise.
//!
//! At 1.1, POST and PATCH answer with the whole bay, once Heat has been asked for its stack. DELETE answers at once in
//! every version: once accepted it is carried out, so there is no refusal of Heat's to wait for. Everything else is a
//! cluster's: quota, labels that are the bay model's unless given, what the driver refuses. (Queens let bays pass some
//! of these checks, so that they failed later.)

use std::{collections::BTreeMap, time::Duration};

use actix_web::{HttpRequest, HttpResponse, http::header};
use domain::{ClusterRequest, Error, Labels, Operation, OperationState, Rule, Status};
use serde::Serialize;
use store::{ClusterRecord, Scope};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use super::{ClusterBrief, ClusterId, ClusterView, Names, change, make};
use crate::{
    base::{Base, Link},
    body::{Body, NoBody, Raw, Shaped},
    ctx::{Ctx, Named},
    fields::{COLUMN, Kind, PatchBody, Shape, at_least, field, mandatory},
    problem::Problem,
    query::{Paging, Query},
    versions::Until,
};

const PATH: &str = "/v1/bays";
const COLLECTION: &str = "bays";
const TEXT: Kind = Kind::Text(1, COLUMN);

/// Longest name: a cluster's.
const NAME: usize = 242;

/// Between two looks at the operation that a request waits for.
const PAUSE: Duration = Duration::from_millis(200);

const NAMES: Names = Names {
    template: "baymodel_id",
    kind: "bay",
    create: Rule::BayCreate,
    everywhere: false,
    template_is_404: |_| false,
};

const BAY: Shape = Shape {
    argument: "bay",
    fields: &[
        field("name", Kind::Name(NAME), "Not unique; generated when absent."),
        mandatory("baymodel_id", TEXT, "UUID or name of the bay model."),
        field("node_count", at_least(0), "Workers; 0 needs version 1.10."),
        field("master_count", at_least(1), "Masters, an odd number."),
        field("docker_volume_size", at_least(1), "GB of the container runtime's volume; the bay model's when absent."),
        field("labels", Kind::Dict, "In the place of the bay model's labels."),
        field("flavor_id", TEXT, "Flavor of the workers; the bay model's when absent."),
        field("master_flavor_id", TEXT, "Flavor of the masters; the bay model's when absent."),
        field("bay_create_timeout", at_least(0), "Minutes the creation may take; 0 is the configured default."),
        field("discovery_url", Kind::Text(0, COLUMN), "etcd discovery URL."),
        field("uuid", Kind::Ignored, ""),
        field("status", Kind::Ignored, ""),
        field("status_reason", Kind::Ignored, ""),
        field("stack_id", Kind::ReadOnly, ""),
        field("api_address", Kind::ReadOnly, ""),
        field("coe_version", Kind::ReadOnly, ""),
        field("container_version", Kind::ReadOnly, ""),
        field("node_addresses", Kind::ReadOnly, ""),
        field("master_addresses", Kind::ReadOnly, ""),
        field("bay_faults", Kind::ReadOnly, ""),
        field("created_at", Kind::ReadOnly, ""),
        field("updated_at", Kind::ReadOnly, ""),
        field("links", Kind::ReadOnly, ""),
    ],
};

/// What a PATCH may change.
const CHANGEABLE: Shape =
    Shape { argument: "bay", fields: &[field("node_count", at_least(0), "Workers of the default group.")] };

/// Body of a POST.
pub(crate) struct BayCreate;

impl utoipa::PartialSchema for BayCreate {
    fn schema() -> RefOr<Schema> {
        BAY.schema()
    }
}

impl ToSchema for BayCreate {}

impl Shaped for BayCreate {
    type Read = ClusterRequest;
    const SHAPE: &'static Shape = &BAY;
}

/// A bay in the plain list.
#[derive(Serialize, ToSchema)]
pub(crate) struct BayBrief {
    pub(crate) uuid: String,
    pub(crate) name: String,
    pub(crate) baymodel_id: String,
    pub(crate) node_count: i64,
    pub(crate) master_count: i64,
    pub(crate) docker_volume_size: Option<i64>,
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) labels: Labels,
    pub(crate) flavor_id: Option<String>,
    pub(crate) master_flavor_id: Option<String>,
    pub(crate) bay_create_timeout: Option<i64>,
    #[schema(value_type = String)]
    pub(crate) status: Status,
    pub(crate) stack_id: Option<String>,
    pub(crate) links: Vec<Link>,
}

/// A bay in the detailed list and by itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct BayView {
    #[serde(flatten)]
    pub(crate) brief: BayBrief,
    pub(crate) status_reason: Option<String>,
    pub(crate) discovery_url: Option<String>,
    pub(crate) api_address: Option<String>,
    pub(crate) coe_version: Option<String>,
    pub(crate) container_version: Option<String>,
    pub(crate) node_addresses: Vec<String>,
    pub(crate) master_addresses: Vec<String>,
    /// Only on a bay that failed, and not in lists: node group to reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bay_faults: Option<BTreeMap<String, Option<String>>>,
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    #[schema(format = DateTime)]
    pub(crate) updated_at: Option<String>,
}

impl BayBrief {
    fn of(brief: ClusterBrief, base: &Base) -> Self {
        Self {
            links: base.links(COLLECTION, &brief.uuid),
            uuid: brief.uuid,
            name: brief.name,
            baymodel_id: brief.cluster_template_id,
            node_count: brief.node_count,
            master_count: brief.master_count,
            docker_volume_size: brief.docker_volume_size,
            labels: brief.labels,
            flavor_id: brief.flavor_id,
            master_flavor_id: brief.master_flavor_id,
            bay_create_timeout: brief.create_timeout,
            status: brief.status,
            stack_id: brief.stack_id.flatten(),
        }
    }
}

impl BayView {
    /// As shown alone.
    fn new(record: &ClusterRecord, ctx: &Ctx) -> Self {
        Self::of(ClusterView::new(record, ctx.version, &ctx.base).with_faults(&record.nodegroups), &ctx.base)
    }

    fn of(view: ClusterView, base: &Base) -> Self {
        Self {
            brief: BayBrief::of(view.brief, base),
            status_reason: view.status_reason,
            discovery_url: view.discovery_url,
            api_address: view.api_address,
            coe_version: view.coe_version,
            container_version: view.container_version,
            node_addresses: view.node_addresses,
            master_addresses: view.master_addresses,
            bay_faults: view.faults,
            created_at: view.created_at,
            updated_at: view.updated_at,
        }
    }
}

/// A page of bays, short.
#[derive(Serialize, ToSchema)]
pub(crate) struct BayList {
    /// The bays.
    pub(crate) bays: Vec<BayBrief>,
    /// Address of the next page; only behind a full one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// A page of bays, in full.
#[derive(Serialize, ToSchema)]
pub(crate) struct BayDetails {
    /// The bays.
    pub(crate) bays: Vec<BayView>,
    /// Address of the next page; only behind a full one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// Create a bay; until 1.10. At 1.1 the answer is the bay.
#[utoipa::path(
    post, path = "/v1/bays", tag = "bays", request_body = BayCreate,
    responses(
        (status = 201, description = "At 1.1", body = BayView, headers(("Location" = String, description = "Address of what was made."))),
        (status = 202, description = "From 1.2 on", body = ClusterId)
    )
)]
pub(crate) async fn create(
    _: Until<10>,
    ctx: Ctx,
    request: HttpRequest,
    body: Body<BayCreate>,
) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let made = make(&ctx, body.0, &NAMES).await?;
    if !ctx.version.bays_wait() {
        return Ok(HttpResponse::Accepted().json(ClusterId { uuid: made.uuid }));
    }
    wait(&ctx, &made.operation).await?;
    let bay = show_again(&ctx, &made.uuid).await?;
    let location = ctx.base.join(&format!("{PATH}/{}", made.uuid));
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(bay))
}

/// List bays; until 1.10.
#[utoipa::path(
    get, path = "/v1/bays", tag = "bays", params(crate::query::PagingArguments, crate::query::UuidMarker),
    responses((status = 200, body = BayList))
)]
pub(crate) async fn list(_: Until<10>, ctx: Ctx, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    let (records, next) = page(&ctx, &request, Rule::BayGetAll, PATH).await?;
    let brief = |r: &ClusterRecord| {
        BayBrief::of(ClusterBrief::new(&r.cluster, &r.nodegroups, ctx.version, &ctx.base), &ctx.base)
    };
    Ok(HttpResponse::Ok().json(BayList { bays: records.iter().map(brief).collect(), next }))
}

/// List bays in full; until 1.10.
#[utoipa::path(
    get, path = "/v1/bays/detail", tag = "bays", params(crate::query::PagingArguments, crate::query::UuidMarker),
    responses((status = 200, body = BayDetails))
)]
pub(crate) async fn detail(_: Until<10>, ctx: Ctx, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    let (records, next) = page(&ctx, &request, Rule::BayDetail, &format!("{PATH}/detail")).await?;
    let full = |r: &ClusterRecord| BayView::of(ClusterView::new(r, ctx.version, &ctx.base), &ctx.base);
    Ok(HttpResponse::Ok().json(BayDetails { bays: records.iter().map(full).collect(), next }))
}

async fn page(
    ctx: &Ctx,
    request: &HttpRequest,
    rule: Rule,
    path: &str,
) -> Result<(Vec<ClusterRecord>, Option<String>), Problem> {
    let paging = Paging::read(request, ctx.max_limit())?;
    let scope = ctx.allow_list(rule, None)?;
    let records = ctx.store().clusters(&scope, &paging.page()).await?;
    let next = ctx.next(&paging, path, records.len(), records.last().map(|record| record.cluster.uuid.as_str()));
    Ok((records, next))
}

/// Show a bay; until 1.10.
#[utoipa::path(get, path = "/v1/bays/{ident}", tag = "bays", responses((status = 200, body = BayView)))]
pub(crate) async fn show(
    _: Until<10>,
    ctx: Ctx,
    named: Named,
    request: HttpRequest,
    _: NoBody,
) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let record = ctx.cluster(&named.0, Rule::BayGet, None).await?;
    Ok(HttpResponse::Ok().json(BayView::new(&record, &ctx)))
}

/// Change the size of a bay; until 1.10. At 1.1 the answer is the bay, and a bay that is busy is not changed.
#[utoipa::path(
    patch, path = "/v1/bays/{ident}", tag = "bays", request_body = PatchBody,
    params(("rollback" = inline(Option<bool>), Query, description = "Roll the stack back when the change fails; from 1.3 on.")),
    responses((status = 200, description = "At 1.1", body = BayView), (status = 202, description = "From 1.2 on", body = ClusterId))
)]
pub(crate) async fn update(
    _: Until<10>,
    ctx: Ctx,
    named: Named,
    request: HttpRequest,
    body: Raw,
) -> Result<HttpResponse, Problem> {
    let known: &[&str] = if ctx.version.takes_rollback() { &["rollback"] } else { &[] };
    let rollback = Query::read(&request, known)?.flag("rollback")?;
    let patch = change::parse(&body.0)?;
    let record = ctx.cluster(&named.0, Rule::BayUpdate, None).await?;
    let before = change::document(&BayView::new(&record, &ctx))?;
    let changed = change::apply_to(&before, &CHANGEABLE, &patch, &record, &ctx)?;
    let waits = ctx.version.bays_wait();
    if waits && changed.node_count.is_some() && record.cluster.status.is_busy() {
        return Err(Error::invalid(format!(
            "Updating a bay when status is \"{}\" is not supported",
            record.cluster.status
        ))
        .into());
    }
    let accepted = ctx.accept_change(&record, &changed, rollback).await.map_err(|error| match error {
        Error::Conflict(text) if waits => Error::Invalid(text),
        other => other,
    })?;
    let uuid = record.cluster.uuid;
    if !waits {
        return Ok(HttpResponse::Accepted().json(ClusterId { uuid }));
    }
    if let Some(operation) = accepted {
        wait(&ctx, &operation).await?;
    }
    Ok(HttpResponse::Ok().json(show_again(&ctx, &uuid).await?))
}

/// Delete a bay and everything made for it; until 1.10.
#[utoipa::path(delete, path = "/v1/bays/{ident}", tag = "bays", responses((status = 204)))]
pub(crate) async fn delete(
    _: Until<10>,
    ctx: Ctx,
    named: Named,
    request: HttpRequest,
    _: NoBody,
) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let record = ctx.cluster(&named.0, Rule::BayDelete, None).await?;
    ctx.accept_delete(&record.cluster).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The bay as it is now; its row was there a moment ago, and who asks may see it.
async fn show_again(ctx: &Ctx, uuid: &str) -> Result<BayView, Problem> {
    let record = ctx.store().cluster(&Scope::All, &domain::Ident::of(uuid)).await?;
    Ok(BayView::new(&record, ctx))
}

/// Waits until Heat has accepted what the operation asks for, as the conductor's answer did in Queens. Should that take
/// longer than a caller would have waited there, the operation goes on without it.
async fn wait(ctx: &Ctx, operation: &str) -> Result<(), Problem> {
    let patience = Duration::from_secs(ctx.options().default.rpc_response_timeout);
    let accepted = async {
        loop {
            match ctx.store().operation(operation).await? {
                Operation { state: OperationState::Failed, reason, .. } => {
                    let reason = reason.unwrap_or_else(|| "The bay could not be made or changed".to_owned());
                    return Err(Error::Invalid(reason));
                }
                // The steps that watch a stack are called so.
                op if op.finished_at.is_some() || op.step.starts_with("await_") => return Ok(()),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    match tokio::time::timeout(patience, accepted).await {
        Ok(ended) => Ok(ended?),
        Err(_) => Ok(()),
    }
}
