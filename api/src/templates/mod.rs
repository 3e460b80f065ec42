//! Cluster templates: `/v1/clustertemplates`, and under their old name `/v1/baymodels`.

mod baymodels;
mod check;
mod shared;
mod view;

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use view::{TEMPLATE, TemplateCreate, TemplateView};

use crate::{
    body::{Body, NoBody, Raw},
    ctx::{Ctx, Named},
    fields::PatchBody,
    problem::Problem,
};
use shared::TEMPLATES;

/// The handlers of the old name.
pub(crate) mod old {
    pub(crate) use super::baymodels::*;
}

/// A page of templates.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateList {
    /// The templates, in full.
    pub(crate) clustertemplates: Vec<TemplateView>,
    /// Address of the next page; only behind a full one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl TemplateList {
    fn new((templates, next): shared::Page, ctx: &Ctx) -> Self {
        let clustertemplates = templates.into_iter().map(|template| TemplateView::new(template, &ctx.base)).collect();
        Self { clustertemplates, next }
    }
}

/// Create a cluster template.
#[utoipa::path(
    post, path = "/v1/clustertemplates", tag = "clustertemplates",
    request_body = TemplateCreate,
    responses((status = 201, body = TemplateView, headers(("Location" = String, description = "Address of what was made."))))
)]
pub(crate) async fn create(
    ctx: Ctx,
    request: HttpRequest,
    body: Body<TemplateCreate>,
) -> Result<HttpResponse, Problem> {
    let template = TEMPLATES.create(&ctx, &request, body.0).await?;
    let location = TEMPLATES.location(&ctx, &template);
    Ok(HttpResponse::Created().insert_header(location).json(TemplateView::new(template, &ctx.base)))
}

/// List the templates of the project and the public ones.
#[utoipa::path(
    get, path = "/v1/clustertemplates", tag = "clustertemplates", params(crate::query::PagingArguments, crate::query::UuidMarker),
    responses((status = 200, body = TemplateList))
)]
pub(crate) async fn list(ctx: Ctx, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    let page = TEMPLATES.list(&ctx, &request).await?;
    Ok(HttpResponse::Ok().json(TemplateList::new(page, &ctx)))
}

/// The same list, under the path that clients use for details.
#[utoipa::path(
    get, path = "/v1/clustertemplates/detail", tag = "clustertemplates", params(crate::query::PagingArguments, crate::query::UuidMarker),
    responses((status = 200, body = TemplateList))
)]
pub(crate) async fn detail(ctx: Ctx, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    let page = TEMPLATES.detail(&ctx, &request).await?;
    Ok(HttpResponse::Ok().json(TemplateList::new(page, &ctx)))
}

/// Show a template.
#[utoipa::path(
    get, path = "/v1/clustertemplates/{ident}", tag = "clustertemplates", responses((status = 200, body = TemplateView))
)]
pub(crate) async fn show(ctx: Ctx, named: Named, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    let template = TEMPLATES.show(&ctx, &named.0, &request).await?;
    Ok(HttpResponse::Ok().json(TemplateView::new(template, &ctx.base)))
}

/// Change a template.
#[utoipa::path(
    patch, path = "/v1/clustertemplates/{ident}", tag = "clustertemplates", request_body = PatchBody,
    responses((status = 200, body = TemplateView))
)]
pub(crate) async fn update(ctx: Ctx, named: Named, request: HttpRequest, body: Raw) -> Result<HttpResponse, Problem> {
    let template = TEMPLATES.update(&ctx, &named.0, &request, &body.0).await?;
    Ok(HttpResponse::Ok().json(TemplateView::new(template, &ctx.base)))
}

/// Delete a template that no cluster refers to.
#[utoipa::path(delete, path = "/v1/clustertemplates/{ident}", tag = "clustertemplates", responses((status = 204)))]
pub(crate) async fn delete(ctx: Ctx, named: Named, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    TEMPLATES.delete(&ctx, &named.0, &request).await?;
    Ok(HttpResponse::NoContent().finish())
}
