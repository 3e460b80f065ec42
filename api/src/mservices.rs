//! The service list: `/v1/mservices`.

use actix_web::{HttpRequest, HttpResponse};
use domain::Rule;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{body::NoBody, ctx::Ctx, problem::Problem, query::Query, time::stamp};

/// Every conductor that was ever seen.
#[derive(Serialize, ToSchema)]
pub(crate) struct Services {
    /// The services.
    pub(crate) mservices: Vec<ServiceView>,
}

/// One conductor.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceView {
    pub(crate) id: i64,
    pub(crate) host: String,
    pub(crate) binary: String,
    /// `up` or `down`.
    pub(crate) state: &'static str,
    pub(crate) report_count: i64,
    pub(crate) disabled: bool,
    pub(crate) disabled_reason: Option<String>,
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    #[schema(format = DateTime)]
    pub(crate) updated_at: Option<String>,
}

/// List the services.
#[utoipa::path(get, path = "/v1/mservices", tag = "mservices", responses((status = 200, body = Services)))]
pub(crate) async fn list(ctx: Ctx, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    ctx.allow(Rule::ServiceGetAll)?;
    let (now, down_after) = (ctx.now(), ctx.options().default.service_down_time);
    let services = ctx.store().services().await?;
    let mservices = services.into_iter().map(|service| ServiceView {
        state: if service.is_up(now, down_after) { "up" } else { "down" },
        id: service.id,
        host: service.host,
        binary: service.binary,
        report_count: service.report_count,
        disabled: service.disabled,
        disabled_reason: service.disabled_reason,
        created_at: stamp(service.created_at),
        updated_at: service.updated_at.map(stamp),
    });
    Ok(HttpResponse::Ok().json(Services { mservices: mservices.collect() }))
}
