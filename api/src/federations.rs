//! Federations: `/v1/federations`. A shell, as upstream's: behind its API nothing was ever built there, so a create is
//! checked and accepted, no row is written, and there is never a federation to see.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse};
use domain::{Error, Ident, Patch, PatchRules, Rule};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{
    body::{Body, NoBody, Raw, Shaped},
    ctx::{Ctx, Named},
    fields::{COLUMN, Kind, PatchBody, Shape, field, mandatory},
    problem::Problem,
    query::{Paging, Query},
};

/// Longest name: a cluster's.
const NAME: usize = 242;

/// Property that says where a federation's names live.
const ZONE: &str = "dns-zone";

/// Columns a list may be sorted by.
const SORT_KEYS: [&str; 10] = [
    "id",
    "uuid",
    "name",
    "project_id",
    "hostcluster_id",
    "status",
    "status_reason",
    "properties",
    "created_at",
    "updated_at",
];

const FEDERATION: Shape = Shape {
    argument: "federation",
    fields: &[
        field("name", Kind::Name(NAME), "Not unique; generated when absent."),
        mandatory("hostcluster_id", Kind::Text(1, COLUMN), "UUID or name of the cluster that hosts the federation."),
        field("member_ids", Kind::Texts(COLUMN), "Clusters of the federation."),
        mandatory("properties", Kind::Dict, "Further settings; `dns-zone` is a must."),
        field("uuid", Kind::Ignored, ""),
        field("status", Kind::Ignored, ""),
        field("status_reason", Kind::Ignored, ""),
        field("project_id", Kind::ReadOnly, ""),
        field("created_at", Kind::ReadOnly, ""),
        field("updated_at", Kind::ReadOnly, ""),
        field("links", Kind::ReadOnly, ""),
    ],
};

/// Body of a POST.
pub(crate) struct FederationCreate;

impl utoipa::PartialSchema for FederationCreate {
    fn schema() -> RefOr<Schema> {
        FEDERATION.schema()
    }
}

impl ToSchema for FederationCreate {}

/// What a body says.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    hostcluster_id: String,
    properties: BTreeMap<String, String>,
}

impl Shaped for FederationCreate {
    type Read = Wanted;
    const SHAPE: &'static Shape = &FEDERATION;
}

/// A page of federations, which is empty.
#[derive(Serialize, ToSchema)]
pub(crate) struct FederationList {
    /// The federations.
    #[schema(value_type = Vec<Object>, max_items = 0)]
    pub(crate) federations: [(); 0],
}

/// Answer to a create.
#[derive(Serialize, ToSchema)]
pub(crate) struct FederationId {
    /// UUID of what is not there.
    pub(crate) uuid: String,
}

/// List federations: there are none.
#[utoipa::path(
    get, path = "/v1/federations", tag = "federations", params(crate::query::PagingArguments, crate::query::UuidMarker),
    responses((status = 200, body = FederationList))
)]
pub(crate) async fn list(ctx: Ctx, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    nothing(&ctx, &request, Rule::FederationGetAll)
}

/// List federations in full: there are none.
#[utoipa::path(
    get, path = "/v1/federations/detail", tag = "federations", params(crate::query::PagingArguments, crate::query::UuidMarker),
    responses((status = 200, body = FederationList))
)]
pub(crate) async fn detail(ctx: Ctx, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    nothing(&ctx, &request, Rule::FederationDetail)
}

fn nothing(ctx: &Ctx, request: &HttpRequest, rule: Rule) -> Result<HttpResponse, Problem> {
    let paging = Paging::read(request, ctx.max_limit())?;
    ctx.allow(rule)?;
    if !SORT_KEYS.contains(&paging.sort_key.as_str()) {
        let reason = format!("It must be one of: {}", SORT_KEYS.join(", "));
        return Err(Error::bad_value("sort_key", &paging.sort_key, &reason).into());
    }
    match paging.marker {
        Some(marker) => Err(missing(&marker)),
        None => Ok(HttpResponse::Ok().json(FederationList { federations: [] })),
    }
}

/// Show a federation: there is none.
#[utoipa::path(
    get, path = "/v1/federations/{ident}", tag = "federations",
    responses((status = 404, description = "There is none"))
)]
pub(crate) async fn show(ctx: Ctx, named: Named, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    ctx.allow(Rule::FederationGet)?;
    Err(missing(named.0.as_str()))
}

/// Create a federation, which is checked and forgotten.
#[utoipa::path(
    post, path = "/v1/federations", tag = "federations", request_body = FederationCreate,
    responses((status = 202, body = FederationId))
)]
pub(crate) async fn create(
    ctx: Ctx,
    request: HttpRequest,
    body: Body<FederationCreate>,
) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    ctx.allow(Rule::FederationCreate)?;
    ctx.cluster(&Ident::of(&body.0.hostcluster_id), Rule::FederationCreate, None).await?;
    if !body.0.properties.contains_key(ZONE) {
        return Err(Error::bad_value("properties", "", &format!("{ZONE} must be in it")).into());
    }
    Ok(HttpResponse::Accepted().json(FederationId { uuid: uuid::Uuid::new_v4().to_string() }))
}

/// Let clusters join or leave a federation: there is none.
#[utoipa::path(
    patch, path = "/v1/federations/{ident}", tag = "federations", request_body = PatchBody,
    params(("rollback" = inline(Option<bool>), Query, description = "Accepted, without effect.")),
    responses((status = 404, description = "There is none"))
)]
pub(crate) async fn update(ctx: Ctx, named: Named, request: HttpRequest, body: Raw) -> Result<HttpResponse, Problem> {
    Query::read(&request, &["rollback"])?.flag("rollback")?;
    Patch::parse(&body.0, &PatchRules { internal: &[], mandatory: &[], defaults: &[] })?;
    ctx.allow(Rule::FederationUpdate)?;
    Err(missing(named.0.as_str()))
}

/// Delete a federation: there is none.
#[utoipa::path(
    delete, path = "/v1/federations/{ident}", tag = "federations",
    responses((status = 404, description = "There is none"))
)]
pub(crate) async fn delete(ctx: Ctx, named: Named, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    ctx.allow(Rule::FederationDelete)?;
    Err(missing(named.0.as_str()))
}

fn missing(ident: &str) -> Problem {
    Error::NotFound { kind: "Federation", ident: ident.to_owned() }.into()
}
