//! Certificates of clusters: `/v1/certificates`.
//!
//! The CA's key never leaves the service. Who may sign is decided by the cluster's owner, by the policy, and for a cluster's
//! own user by its name and id: it reaches the certificates of its own cluster and nothing else.

use actix_web::{HttpRequest, HttpResponse};
use domain::{Cluster, Error, Ident, Rule};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{
    base::Link,
    body::{Body, NoBody, Shaped},
    ctx::{Ctx, Named},
    fields::{COLUMN, Kind, Shape, field, mandatory},
    problem::Problem,
    query::Query,
};

/// Longest signing request, far above what RSA-16384 with many names needs.
const MAX_CSR: usize = 65_536;

const REQUEST: Shape = Shape {
    argument: "certificate",
    fields: &[
        field(
            "cluster_uuid",
            Kind::Text(1, COLUMN),
            "UUID or name of the cluster; mandatory where bay_uuid is absent.",
        ),
        field("bay_uuid", Kind::Text(1, COLUMN), "The same, under the name of old clients."),
        mandatory("csr", Kind::Text(1, MAX_CSR), "Certificate signing request, PEM."),
        field("ca_cert_type", Kind::Text(1, COLUMN), "Which CA signs: kubernetes, etcd or front-proxy."),
        field("pem", Kind::Ignored, ""),
        field("links", Kind::ReadOnly, ""),
        field("created_at", Kind::ReadOnly, ""),
        field("updated_at", Kind::ReadOnly, ""),
    ],
};

/// Body of a POST.
pub(crate) struct CertificateSign;

/// What a POST asks for.
#[derive(Deserialize)]
pub(crate) struct Signing {
    cluster_uuid: Option<String>,
    bay_uuid: Option<String>,
    csr: String,
    ca_cert_type: Option<String>,
}

impl utoipa::PartialSchema for CertificateSign {
    fn schema() -> RefOr<Schema> {
        REQUEST.schema()
    }
}

impl ToSchema for CertificateSign {}

impl Shaped for CertificateSign {
    type Read = Signing;
    const SHAPE: &'static Shape = &REQUEST;
}

/// A certificate.
#[derive(Serialize, ToSchema)]
pub(crate) struct CertificateView {
    /// UUID of the cluster.
    pub(crate) cluster_uuid: String,
    /// The same, under the name of old clients.
    pub(crate) bay_uuid: String,
    /// The certificate, PEM.
    pub(crate) pem: String,
    /// The signing request, where one was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) csr: Option<String>,
    /// The CA that signed, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_cert_type: Option<String>,
    /// Where the cluster's CA is.
    pub(crate) links: Vec<Link>,
}

/// Words for the CA in `ca_cert_type`; every other word is the cluster's main CA.
const ETCD: &str = "etcd";
const FRONT_PROXY: [&str; 2] = ["front-proxy", "front_proxy"];

/// Show a cluster's CA.
#[utoipa::path(
    get, path = "/v1/certificates/{ident}", tag = "certificates",
    params(("ca_cert_type" = inline(Option<String>), Query, description = "kubernetes, etcd or front-proxy.")),
    responses((status = 200, body = CertificateView))
)]
pub(crate) async fn show(ctx: Ctx, named: Named, request: HttpRequest, _: NoBody) -> Result<HttpResponse, Problem> {
    let query = Query::read(&request, &["ca_cert_type"])?;
    let cluster = ctx.cluster_of_certificate(&named.0, Rule::CertificateGet).await?;
    let pem = ctx.certs().ca_certificate(ca(&cluster, query.value("ca_cert_type"))?).await?;
    Ok(HttpResponse::Ok().json(view(&ctx, &cluster, pem, None, None)))
}

/// Have a certificate signed by a cluster's CA.
#[utoipa::path(
    post, path = "/v1/certificates", tag = "certificates", request_body = CertificateSign,
    responses((status = 201, body = CertificateView))
)]
pub(crate) async fn sign(ctx: Ctx, request: HttpRequest, body: Body<CertificateSign>) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let (attribute, ident) = named_cluster(&body.0)?;
    let found = ctx.cluster_of_certificate(&Ident::of(ident), Rule::CertificateCreate).await;
    // A cluster that a body names and that is not there is a wrong value.
    let cluster = found.map_err(|error| match error {
        Error::NotFound { .. } => Error::bad_value(attribute, ident, &error.to_string()),
        other => other,
    })?;
    let Signing { csr, ca_cert_type, .. } = body.0;
    let reference = ca(&cluster, ca_cert_type.as_deref())?;
    let pem = ctx.certs().sign(reference, &csr, ctx.sign_for(&cluster), ctx.now()).await?;
    Ok(HttpResponse::Created().json(view(&ctx, &cluster, pem, Some(csr), ca_cert_type)))
}

/// The attribute that names the cluster, and its value. Clients from the time of bays send both names.
fn named_cluster(wanted: &Signing) -> Result<(&'static str, &str), Error> {
    match (wanted.cluster_uuid.as_deref(), wanted.bay_uuid.as_deref()) {
        (Some(cluster), Some(bay)) if cluster != bay => {
            Err(Error::bad_value("bay_uuid", bay, "It names another cluster than cluster_uuid"))
        }
        (Some(cluster), _) => Ok(("cluster_uuid", cluster)),
        (None, Some(bay)) => Ok(("bay_uuid", bay)),
        (None, None) => Err(Error::bad_value("cluster_uuid", "None", "Mandatory field missing")),
    }
}

/// Reference of the CA a request means.
fn ca<'a>(cluster: &'a Cluster, kind: Option<&str>) -> Result<&'a str, Error> {
    let kind = kind.unwrap_or_default();
    let own = if kind == ETCD {
        cluster.etcd_ca_cert_ref.as_deref()
    } else if FRONT_PROXY.contains(&kind) {
        cluster.front_proxy_ca_cert_ref.as_deref()
    } else {
        None
    };
    // Clusters of this service have one CA for everything unless a driver made more.
    own.or(cluster.ca_cert_ref.as_deref())
        .ok_or_else(|| Error::NotFound { kind: "Certificate of cluster", ident: cluster.uuid.clone() })
}

fn view(ctx: &Ctx, cluster: &Cluster, pem: String, csr: Option<String>, kind: Option<String>) -> CertificateView {
    CertificateView {
        cluster_uuid: cluster.uuid.clone(),
        bay_uuid: cluster.uuid.clone(),
        pem,
        csr,
        ca_cert_type: kind,
        links: ctx.base.links("certificates", &cluster.uuid),
    }
}
