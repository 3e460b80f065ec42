//! Quotas of projects: `/v1/quotas`.
//!
//! There is one resource, `Cluster`. A project without a row of its own has the configured quota. Any limit may be set
//! below what is in use; it then only keeps new clusters out.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, HttpResponse, dev::Payload};
use domain::{Error, Rule};
use serde::{Deserialize, Serialize};
use store::{Quota, Scope};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{
    body::{Body, NoBody, Shaped},
    ctx::{Ctx, segment},
    fields::{COLUMN, Kind, Shape, at_least, field},
    problem::Problem,
    query::{Marker, Paging, Query},
    time::stamp,
};

/// The only resource there is a quota of.
const RESOURCE: &str = "Cluster";
const PATH: &str = "/v1/quotas";

const QUOTA: Shape = Shape {
    argument: "quota",
    fields: &[
        field("project_id", Kind::Text(1, COLUMN), "Id of the project."),
        field("resource", Kind::Word(&[RESOURCE]), "What is limited."),
        field("hard_limit", at_least(0), "Most clusters of the project; 1 when absent."),
        field("id", Kind::Ignored, ""),
        field("created_at", Kind::ReadOnly, ""),
        field("updated_at", Kind::ReadOnly, ""),
    ],
};

/// Body of a POST, and of a PATCH, whose path says which quota is meant.
pub(crate) struct QuotaBody;

impl utoipa::PartialSchema for QuotaBody {
    fn schema() -> RefOr<Schema> {
        QUOTA.schema()
    }
}

impl ToSchema for QuotaBody {}

/// What a body says.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    project_id: Option<String>,
    hard_limit: Option<i64>,
}

impl Wanted {
    /// Magnum's default, also of a PATCH without a limit.
    fn hard_limit(&self) -> i64 {
        self.hard_limit.unwrap_or(1)
    }
}

impl Shaped for QuotaBody {
    type Read = Wanted;
    const SHAPE: &'static Shape = &QUOTA;
}

/// A page of quotas.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuotaList {
    /// The quotas.
    pub(crate) quotas: Vec<QuotaView>,
    /// Address of the next page; only behind a full one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// A quota of a project. The configured one, which is no row, has neither number nor times.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuotaView {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<i64>,
    pub(crate) project_id: String,
    pub(crate) resource: String,
    pub(crate) hard_limit: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, value_type = Option<String>)]
    pub(crate) updated_at: Option<Option<String>>,
}

impl QuotaView {
    fn of(row: Quota) -> Self {
        Self {
            id: Some(row.id),
            project_id: row.project_id,
            resource: row.resource,
            hard_limit: row.hard_limit,
            created_at: Some(stamp(row.created_at)),
            updated_at: Some(row.updated_at.map(stamp)),
        }
    }

    fn configured(project_id: String, hard_limit: i64) -> Self {
        let resource = RESOURCE.to_owned();
        Self { id: None, project_id, resource, hard_limit, created_at: None, updated_at: None }
    }
}

/// Project and resource in the path.
pub(crate) struct Of {
    project: String,
    resource: String,
}

impl FromRequest for Of {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let part = |name: &str| segment(request, name, "Quota");
        ready(part("project").and_then(|project| Ok(Self { project, resource: part("resource")? })))
    }
}

impl Of {
    /// The project, if the resource is one that can have a row.
    fn row(&self) -> Result<&str, Error> {
        if self.resource == RESOURCE {
            return Ok(&self.project);
        }
        Err(Error::NotFound { kind: "Quota", ident: format!("{}/{}", self.project, self.resource) })
    }
}

/// List quotas of the own project, or of all.
#[utoipa::path(
    get, path = "/v1/quotas", tag = "quotas",
    params(
        crate::query::PagingArguments, crate::query::NumberMarker,
        ("all_tenants" = inline(Option<bool>), Query, description = "Those of every project.")
    ),
    responses((status = 200, body = QuotaList))
)]
pub(crate) async fn list(ctx: Ctx, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    let (paging, more) = Paging::read_with(&request, ctx.max_limit(), Marker::Number, &["all_tenants"])?;
    let all = more.flag("all_tenants")?;
    ctx.allow(Rule::QuotaGetAll)?;
    let scope = if all { Scope::All } else { Scope::Project(ctx.caller.project_id.clone().unwrap_or_default()) };
    let rows = ctx.store().quotas(&scope, &paging.page()).await?;
    let last = rows.last().map(|row| row.id.to_string());
    // The next page is one of the same list.
    let kept = if all { "&all_tenants=True" } else { "" };
    let next = ctx.next(&paging, PATH, rows.len(), last.as_deref()).map(|next| next + kept);
    Ok(HttpResponse::Ok().json(QuotaList { quotas: rows.into_iter().map(QuotaView::of).collect(), next }))
}

/// Show the quota of a project: its own, or the configured one.
#[utoipa::path(
    get, path = "/v1/quotas/{project}/{resource}", tag = "quotas", responses((status = 200, body = QuotaView))
)]
pub(crate) async fn show(ctx: Ctx, of: Of, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    ctx.allow(Rule::QuotaGet)?;
    if !ctx.caller.is_admin && ctx.caller.project_id.as_deref() != Some(of.project.as_str()) {
        return Err(Error::Refused("Only an admin may see the quota of another project".to_owned()).into());
    }
    let own = match of.row() {
        Ok(project) => ctx.store().quota(project).await?,
        Err(_) => None,
    };
    let configured = ctx.options().quotas.max_clusters_per_project;
    Ok(HttpResponse::Ok().json(own.map_or_else(|| QuotaView::configured(of.project, configured), QuotaView::of)))
}

/// Give a project a quota of its own.
#[utoipa::path(
    post, path = "/v1/quotas", tag = "quotas", request_body = QuotaBody, responses((status = 201, body = QuotaView))
)]
pub(crate) async fn create(ctx: Ctx, request: HttpRequest, body: Body<QuotaBody>) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let Some(project) = &body.0.project_id else {
        return Err(Error::bad_value("project_id", "None", "Mandatory field missing").into());
    };
    ctx.allow(Rule::QuotaCreate)?;
    ctx.project_exists(project).await?;
    let row = ctx.store().insert_quota(project, body.0.hard_limit(), ctx.now()).await?;
    Ok(HttpResponse::Created().json(QuotaView::of(row)))
}

/// Change the quota of a project.
#[utoipa::path(
    patch, path = "/v1/quotas/{project}/{resource}", tag = "quotas", request_body = QuotaBody,
    responses((status = 202, body = QuotaView))
)]
pub(crate) async fn update(
    ctx: Ctx,
    of: Of,
    request: HttpRequest,
    body: Body<QuotaBody>,
) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    ctx.allow(Rule::QuotaUpdate)?;
    let row = ctx.store().change_quota(of.row()?, body.0.hard_limit(), ctx.now()).await?;
    Ok(HttpResponse::Accepted().json(QuotaView::of(row)))
}

/// Take a project's own quota away; the configured one is in force again.
#[utoipa::path(delete, path = "/v1/quotas/{project}/{resource}", tag = "quotas", responses((status = 204)))]
pub(crate) async fn delete(ctx: Ctx, of: Of, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    ctx.allow(Rule::QuotaDelete)?;
    ctx.store().delete_quota(of.row()?).await?;
    Ok(HttpResponse::NoContent().finish())
}
