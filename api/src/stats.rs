//! How much there is: `/v1/stats`.

use actix_web::{HttpRequest, HttpResponse};
use domain::{Error, Rule};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{body::NoBody, ctx::Ctx, problem::Problem, query::Query};

/// What a project has, or everybody.
#[derive(Serialize, ToSchema)]
pub(crate) struct Stats {
    /// Clusters of any status.
    pub(crate) clusters: i64,
    /// Their nodes, masters among them.
    pub(crate) nodes: i64,
}

/// Count clusters and nodes: of the own project; for an admin of any, or of all.
#[utoipa::path(
    get, path = "/v1/stats", tag = "stats",
    params(
        ("project_id" = inline(Option<String>), Query, description = "Id of the project; for an admin, all when absent."),
        ("type" = inline(Option<String>), Query, description = "What is counted; there is only `cluster`.")
    ),
    responses((status = 200, body = Stats))
)]
pub(crate) async fn show(ctx: Ctx, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &["project_id", "type"])?;
    if let Some(kind) = query.value("type").filter(|kind| !kind.eq_ignore_ascii_case("cluster")) {
        return Err(Error::bad_value("type", kind, "It must be cluster").into());
    }
    ctx.allow(Rule::StatsGetAll)?;
    let named = query.value("project_id").filter(|project| !project.is_empty());
    let project = if ctx.caller.is_admin { named } else { Some(own_project(&ctx, named)?) };
    let usage = ctx.store().usage(project).await?;
    Ok(HttpResponse::Ok().json(Stats { clusters: usage.clusters, nodes: usage.nodes }))
}

/// The project of the token, which nobody but an admin may differ from. Upstream counts everything for a token without
/// one; here it is refused.
fn own_project<'a>(ctx: &'a Ctx, named: Option<&str>) -> Result<&'a str, Error> {
    let own = ctx.caller.project_id.as_deref();
    match (own, named) {
        (Some(own), None) => Ok(own),
        (Some(own), Some(named)) if own == named => Ok(own),
        _ => Err(Error::Refused("Only an admin may count what other projects have".to_owned())),
    }
}
