//! What may be asked without a token: the version documents, the health check and the `OpenAPI` document.

use actix_web::{HttpResponse, Responder, web};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::{
    Deps,
    base::{Base, Link},
    ctx::Public,
    versions::Version,
};

/// Answer of `GET /`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Versions {
    name: &'static str,
    description: &'static str,
    versions: Vec<VersionEntry>,
}

/// One major version.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionEntry {
    id: &'static str,
    status: &'static str,
    min_version: String,
    max_version: String,
    links: Vec<Link>,
}

/// Collections with an entry in the v1 document, which describes the API and not what one service has of it.
const COLLECTIONS: [&str; 8] =
    ["clustertemplates", "clusters", "quotas", "certificates", "mservices", "stats", "federations", "credentials"];

/// Where people read about the API.
const REFERENCE: &str = "https://docs.openstack.org/api-ref/container-infrastructure-management/";

/// The versions served here.
#[utoipa::path(get, path = "/", tag = "versions", responses((status = 200, body = Versions)), security(()))]
pub(crate) async fn versions(Public(base): Public) -> impl Responder {
    web::Json(Versions {
        name: "OpenStack Magnum API",
        description: "container cluster management service",
        versions: vec![VersionEntry {
            id: "v1",
            status: "CURRENT",
            min_version: Version::OLDEST.to_string(),
            max_version: Version::NEWEST.to_string(),
            links: vec![Link { rel: "self", href: base.join("/v1/") }],
        }],
    })
}

/// The collections of v1.
#[utoipa::path(get, path = "/v1", tag = "versions", responses((status = 200, body = Object)), security(()))]
pub(crate) async fn v1(Public(base): Public) -> impl Responder {
    let mut document = Map::new();
    document.insert("id".to_owned(), "v1".into());
    document.insert(
        "media_types".to_owned(),
        json!([{"base": "application/json", "type": "application/vnd.openstack.magnum.v1+json"}]),
    );
    document.insert(
        "links".to_owned(),
        json!([
            {"rel": "self", "href": base.join("/v1/")},
            {"rel": "describedby", "type": "text/html", "href": REFERENCE},
        ]),
    );
    for name in COLLECTIONS {
        document.insert(name.to_owned(), links(&base, &format!("{name}/")));
    }
    document.insert("nodegroups".to_owned(), links(&base, "clusters/{cluster_id}/nodegroups"));
    web::Json(Value::Object(document))
}

fn links(base: &Base, path: &str) -> Value {
    json!([
        {"rel": "self", "href": base.join(&format!("/v1/{path}"))},
        {"rel": "bookmark", "href": base.join(&format!("/{path}"))},
    ])
}

/// Whether this node takes requests: 503 while the operator's file exists.
#[utoipa::path(
    get,
    path = "/healthcheck",
    tag = "health",
    responses((status = 200, body = String, content_type = "text/plain"), (status = 503, body = String, content_type = "text/plain")),
    security(())
)]
pub(crate) async fn healthcheck(deps: web::Data<Deps>) -> HttpResponse {
    let file = &deps.options.healthcheck.disable_by_file_path;
    if tokio::fs::try_exists(file).await.unwrap_or(false) {
        return HttpResponse::ServiceUnavailable().content_type("text/plain; charset=utf-8").body("DISABLED BY FILE");
    }
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("OK")
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "document", responses((status = 200, body = Object)), security(()))]
pub(crate) async fn openapi() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(crate::openapi())
}

/// A page to read this document in a browser. It needs nothing from elsewhere.
#[utoipa::path(
    get, path = "/docs", tag = "document", responses((status = 200, body = String, content_type = "text/html")),
    security(())
)]
pub(crate) async fn browse() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header(("Content-Security-Policy", PAGE_MAY))
        .body(include_str!("document/page.html"))
}

/// The page may run what is in it, and ask the service for the document.
const PAGE_MAY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";
