//! Cluster templates: `/v1/clustertemplates`.

mod check;
mod view;

use actix_web::{HttpRequest, HttpResponse, http::header};
use domain::{ClusterTemplate, Error, Patch, PatchRules, Rule, TemplateRequest, changed_attributes, check_referenced};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

pub(crate) use view::TEMPLATE;
pub(crate) use view::{COLLECTION, TemplateCreate, TemplateView};

use crate::{
    body::{Body, NoBody, Raw},
    ctx::{Ctx, Named},
    fields::PatchBody,
    problem::Problem,
    query::{Paging, Query},
};

/// A page of templates.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateList {
    /// The templates, in full.
    pub(crate) clustertemplates: Vec<TemplateView>,
    /// Address of the next page; only behind a full one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// Create a cluster template.
#[utoipa::path(
    post, path = "/v1/clustertemplates", tag = "clustertemplates",
    request_body = TemplateCreate, responses((status = 201, body = TemplateView))
)]
pub(crate) async fn create(
    ctx: Ctx,
    request: HttpRequest,
    body: Body<TemplateCreate>,
) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let session = ctx.session()?;
    let wanted = check::new_template(body.0, &session, ctx.options()).await?;
    ctx.allow(Rule::TemplateCreate)?;
    let template = wanted.into_template(&ctx.caller, ctx.now())?;
    check::looks(&template, &session, ctx.options()).await?;
    if template.public || template.hidden {
        ctx.allow(Rule::TemplatePublish)?;
    }
    let template = ctx.store().insert_template(&template).await?;
    let location = ctx.base.join(&format!("/v1/{COLLECTION}/{}", template.uuid));
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(TemplateView::new(template, &ctx.base)))
}

/// List the templates of the project and the public ones.
#[utoipa::path(
    get, path = "/v1/clustertemplates", tag = "clustertemplates", params(crate::query::PagingArguments),
    responses((status = 200, body = TemplateList))
)]
pub(crate) async fn list(ctx: Ctx, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    let rules = (Rule::TemplateGetAll, Rule::TemplateGetAllAllProjects);
    page(&ctx, &request, rules, "/v1/clustertemplates").await
}

/// The same list, under the path that clients use for details.
#[utoipa::path(
    get, path = "/v1/clustertemplates/detail", tag = "clustertemplates", params(crate::query::PagingArguments),
    responses((status = 200, body = TemplateList))
)]
pub(crate) async fn detail(ctx: Ctx, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    let rules = (Rule::TemplateDetail, Rule::TemplateDetailAllProjects);
    page(&ctx, &request, rules, "/v1/clustertemplates/detail").await
}

async fn page(ctx: &Ctx, request: &HttpRequest, rules: (Rule, Rule), path: &str) -> Result<HttpResponse, Problem> {
    let paging = Paging::read(request, ctx.max_limit())?;
    let scope = ctx.allow_list(rules.0, rules.1)?;
    let templates = ctx.store().templates(&scope, &paging.page()).await?;
    let next = ctx.next(&paging, path, templates.len(), templates.last().map(|template| template.uuid.as_str()));
    let clustertemplates = templates.into_iter().map(|template| TemplateView::new(template, &ctx.base)).collect();
    Ok(HttpResponse::Ok().json(TemplateList { clustertemplates, next }))
}

/// Show a template.
#[utoipa::path(
    get, path = "/v1/clustertemplates/{ident}", tag = "clustertemplates", responses((status = 200, body = TemplateView))
)]
pub(crate) async fn show(ctx: Ctx, named: Named, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let template = ctx.visible_template(&named.0).await?;
    // A public template needs no right at all.
    if !template.public {
        ctx.allow_template(&template, Rule::TemplateGet, Rule::TemplateGetOneAllProjects)?;
    }
    Ok(HttpResponse::Ok().json(TemplateView::new(template, &ctx.base)))
}

/// Change a template.
#[utoipa::path(
    patch, path = "/v1/clustertemplates/{ident}", tag = "clustertemplates", request_body = PatchBody,
    responses((status = 200, body = TemplateView))
)]
pub(crate) async fn update(ctx: Ctx, named: Named, request: HttpRequest, body: Raw) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let patch = Patch::parse(&body.0, &rules(&[]))?;
    let template = ctx.visible_template(&named.0).await?;
    let (mut wanted, changed) = patched(&template, &patch)?;
    check::changed_template(&wanted, ctx.options())?;
    ctx.allow_template(&template, Rule::TemplateUpdate, Rule::TemplateUpdateAllProjects)?;
    let session = ctx.session()?;
    check::follow_image(&mut wanted, &changed, &session, ctx.options()).await?;
    let after = wanted.clone().changed(&template)?;
    check::looks(&after, &session, ctx.options()).await?;
    if after.public != template.public || after.hidden != template.hidden {
        ctx.allow(Rule::TemplatePublish)?;
    }
    let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
    let harmless = check_referenced(&template, &changed, &wanted).is_ok();
    let after = ClusterTemplate { updated_at: Some(ctx.now()), ..after };
    if harmless {
        ctx.store().save_template(&template, &after).await?;
    } else {
        ctx.store().save_unused_template(&template, &after).await?;
    }
    Ok(HttpResponse::Ok().json(TemplateView::new(after, &ctx.base)))
}

/// Delete a template that no cluster refers to.
#[utoipa::path(delete, path = "/v1/clustertemplates/{ident}", tag = "clustertemplates", responses((status = 204)))]
pub(crate) async fn delete(ctx: Ctx, named: Named, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let template = ctx.visible_template(&named.0).await?;
    ctx.allow_template(&template, Rule::TemplateDelete, Rule::TemplateDeleteAllProjects)?;
    ctx.store().delete_template(&template.uuid).await?;
    Ok(HttpResponse::NoContent().finish())
}

const MANDATORY: [&str; 10] = [
    "image_id",
    "network_driver",
    "external_network_id",
    "tls_disabled",
    "public",
    "server_type",
    "coe",
    "registry_enabled",
    "cluster_distro",
    "hidden",
];

fn rules<'a>(defaults: &'a [(&'a str, Value)]) -> PatchRules<'a> {
    PatchRules { internal: &[], mandatory: &MANDATORY, defaults }
}

/// The template as the patch leaves it, and the names of what changed.
fn patched(template: &ClusterTemplate, patch: &Patch) -> Result<(TemplateRequest, Vec<String>), Error> {
    let defaults = [("labels", json!({})), ("master_lb_enabled", json!(false)), ("floating_ip_enabled", json!(true))];
    let before = TemplateRequest::of(template).document()?;
    let after = patch.apply(&before, &rules(&defaults))?;
    let wanted: TemplateRequest = serde_json::from_value(Value::Object(TEMPLATE.read(Value::Object(after))?))
        .map_err(|error| Error::internal("read a patched template that passed its table", error))?;
    let after = wanted.document()?;
    let changed = changed_attributes(&before, &after).into_iter().map(str::to_owned).collect();
    Ok((wanted, changed))
}
