//! The service list: `/v1/mservices`.

use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, TimeDelta, Utc};
use domain::Rule;
use serde::Serialize;
use store::ServiceRow;
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
    pub(crate) host: Option<String>,
    pub(crate) binary: Option<String>,
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
    let (now, down_after) = (ctx.now(), TimeDelta::seconds(ctx.options().default.service_down_time));
    let services = ctx.store().services().await?;
    let mservices = services.into_iter().map(|service| ServiceView {
        state: if is_up(&service, now, down_after) { "up" } else { "down" },
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

/// A service is up while its last sign of life is younger than `down_after` and nobody forced it down.
fn is_up(service: &ServiceRow, now: DateTime<Utc>, down_after: TimeDelta) -> bool {
    let seen = service.last_seen_up.or(service.updated_at).unwrap_or(service.created_at);
    !service.forced_down && (now - seen).abs() <= down_after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_and_force_take_a_service_down() {
        let now = Utc::now();
        let service = |ago, forced_down| ServiceRow {
            id: 1,
            report_count: 1,
            host: None,
            binary: None,
            disabled: false,
            disabled_reason: None,
            last_seen_up: Some(now - TimeDelta::seconds(ago)),
            forced_down,
            created_at: now - TimeDelta::days(1),
            updated_at: None,
        };
        let limit = TimeDelta::seconds(180);
        assert!(is_up(&service(180, false), now, limit));
        assert!(!is_up(&service(181, false), now, limit));
        assert!(!is_up(&service(1, true), now, limit));
        assert!(!is_up(&ServiceRow { last_seen_up: None, ..service(1, false) }, now, limit));
    }
}
