//! Templates under their old name, until 1.10: `/v1/baymodels`. The same rows with fewer attributes.

use actix_web::{HttpRequest, HttpResponse};
use domain::{ClusterTemplate, Labels, TemplateRequest};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use super::{
    shared::{BAYMODELS, Page},
    view::TEMPLATE,
};
use crate::{
    base::{Base, Link},
    body::{Body, NoBody, Raw, Shaped},
    ctx::{Ctx, Named},
    fields::{Field, PatchBody, Shape},
    problem::Problem,
    time::stamp,
    versions::Until,
};

/// Attributes of a bay model: a template's without the later ones; the key pair is a must.
const BAYMODEL: Shape = Shape { argument: "baymodel", fields: &FIELDS };

const FIELDS: [Field; TEMPLATE.fields.len() - 3] = TEMPLATE.without(&["hidden", "tags", "driver"], &["keypair_id"]);

/// Body of a POST.
pub(crate) struct BaymodelCreate;

impl utoipa::PartialSchema for BaymodelCreate {
    fn schema() -> RefOr<Schema> {
        BAYMODEL.schema()
    }
}

impl ToSchema for BaymodelCreate {}

impl Shaped for BaymodelCreate {
    type Read = TemplateRequest;
    const SHAPE: &'static Shape = &BAYMODEL;
}

/// A bay model in every answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct BaymodelView {
    pub(crate) uuid: String,
    pub(crate) name: Option<String>,
    pub(crate) coe: String,
    pub(crate) image_id: String,
    pub(crate) cluster_distro: Option<String>,
    pub(crate) server_type: String,
    pub(crate) external_network_id: Option<String>,
    pub(crate) fixed_network: Option<String>,
    pub(crate) fixed_subnet: Option<String>,
    pub(crate) network_driver: Option<String>,
    pub(crate) volume_driver: Option<String>,
    pub(crate) dns_nameserver: Option<String>,
    pub(crate) keypair_id: Option<String>,
    pub(crate) flavor_id: Option<String>,
    pub(crate) master_flavor_id: Option<String>,
    pub(crate) docker_volume_size: Option<i64>,
    pub(crate) docker_storage_driver: Option<String>,
    pub(crate) apiserver_port: Option<i64>,
    pub(crate) http_proxy: Option<String>,
    pub(crate) https_proxy: Option<String>,
    pub(crate) no_proxy: Option<String>,
    pub(crate) insecure_registry: Option<String>,
    pub(crate) registry_enabled: bool,
    pub(crate) tls_disabled: bool,
    pub(crate) public: bool,
    pub(crate) master_lb_enabled: bool,
    pub(crate) floating_ip_enabled: bool,
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub(crate) labels: Labels,
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    #[schema(format = DateTime)]
    pub(crate) updated_at: Option<String>,
    pub(crate) links: Vec<Link>,
}

impl BaymodelView {
    fn new(t: ClusterTemplate, base: &Base) -> Self {
        Self {
            links: base.links(BAYMODELS.name, &t.uuid),
            created_at: stamp(t.created_at),
            updated_at: t.updated_at.map(stamp),
            uuid: t.uuid,
            name: t.name,
            coe: t.coe,
            image_id: t.image_id,
            cluster_distro: t.cluster_distro,
            server_type: t.server_type,
            external_network_id: t.external_network_id,
            fixed_network: t.fixed_network,
            fixed_subnet: t.fixed_subnet,
            network_driver: t.network_driver,
            volume_driver: t.volume_driver,
            dns_nameserver: t.dns_nameserver,
            keypair_id: t.keypair_id,
            flavor_id: t.flavor_id,
            master_flavor_id: t.master_flavor_id,
            docker_volume_size: t.docker_volume_size,
            docker_storage_driver: t.docker_storage_driver,
            apiserver_port: t.apiserver_port,
            http_proxy: t.http_proxy,
            https_proxy: t.https_proxy,
            no_proxy: t.no_proxy,
            insecure_registry: t.insecure_registry,
            registry_enabled: t.registry_enabled,
            tls_disabled: t.tls_disabled,
            public: t.public,
            master_lb_enabled: t.master_lb_enabled,
            floating_ip_enabled: t.floating_ip_enabled,
            labels: t.labels,
        }
    }
}

/// A page of bay models.
#[derive(Serialize, ToSchema)]
pub(crate) struct BaymodelList {
    /// The bay models, in full.
    pub(crate) baymodels: Vec<BaymodelView>,
    /// Address of the next page; only behind a full one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl BaymodelList {
    fn new((templates, next): Page, ctx: &Ctx) -> Self {
        let baymodels = templates.into_iter().map(|template| BaymodelView::new(template, &ctx.base)).collect();
        Self { baymodels, next }
    }
}

/// Create a bay model; until 1.10.
#[utoipa::path(
    post, path = "/v1/baymodels", tag = "baymodels",
    request_body = BaymodelCreate,
    responses((status = 201, body = BaymodelView, headers(("Location" = String, description = "Address of what was made."))))
)]
pub(crate) async fn create(
    _: Until<10>,
    ctx: Ctx,
    request: HttpRequest,
    body: Body<BaymodelCreate>,
) -> Result<HttpResponse, Problem> {
    let template = BAYMODELS.create(&ctx, &request, body.0).await?;
    let location = BAYMODELS.location(&ctx, &template);
    Ok(HttpResponse::Created().insert_header(location).json(BaymodelView::new(template, &ctx.base)))
}

/// List the bay models of the project and the public ones; until 1.10.
#[utoipa::path(
    get, path = "/v1/baymodels", tag = "baymodels", params(crate::query::PagingArguments, crate::query::UuidMarker),
    responses((status = 200, body = BaymodelList))
)]
pub(crate) async fn list(_: Until<10>, ctx: Ctx, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    let page = BAYMODELS.list(&ctx, &request).await?;
    Ok(HttpResponse::Ok().json(BaymodelList::new(page, &ctx)))
}

/// The same list, under the path that clients use for details; until 1.10.
#[utoipa::path(
    get, path = "/v1/baymodels/detail", tag = "baymodels", params(crate::query::PagingArguments, crate::query::UuidMarker),
    responses((status = 200, body = BaymodelList))
)]
pub(crate) async fn detail(_: Until<10>, ctx: Ctx, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    let page = BAYMODELS.detail(&ctx, &request).await?;
    Ok(HttpResponse::Ok().json(BaymodelList::new(page, &ctx)))
}

/// Show a bay model; until 1.10.
#[utoipa::path(get, path = "/v1/baymodels/{ident}", tag = "baymodels", responses((status = 200, body = BaymodelView)))]
pub(crate) async fn show(
    _: Until<10>,
    ctx: Ctx,
    named: Named,
    request: HttpRequest,
    _: NoBody,
) -> Result<HttpResponse, Problem> {
    let template = BAYMODELS.show(&ctx, &named.0, &request).await?;
    Ok(HttpResponse::Ok().json(BaymodelView::new(template, &ctx.base)))
}

/// Change a bay model; until 1.10.
#[utoipa::path(
    patch, path = "/v1/baymodels/{ident}", tag = "baymodels", request_body = PatchBody,
    responses((status = 200, body = BaymodelView))
)]
pub(crate) async fn update(
    _: Until<10>,
    ctx: Ctx,
    named: Named,
    request: HttpRequest,
    body: Raw,
) -> Result<HttpResponse, Problem> {
    let template = BAYMODELS.update(&ctx, &named.0, &request, &body.0).await?;
    Ok(HttpResponse::Ok().json(BaymodelView::new(template, &ctx.base)))
}

/// Delete a bay model that no bay refers to; until 1.10.
#[utoipa::path(delete, path = "/v1/baymodels/{ident}", tag = "baymodels", responses((status = 204)))]
pub(crate) async fn delete(
    _: Until<10>,
    ctx: Ctx,
    named: Named,
    request: HttpRequest,
    _: NoBody,
) -> Result<HttpResponse, Problem> {
    BAYMODELS.delete(&ctx, &named.0, &request).await?;
    Ok(HttpResponse::NoContent().finish())
}
