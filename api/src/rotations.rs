//! Replacing what a cluster is trusted by: its authority with `PATCH /v1/certificates/{ident}`, its trustee and trust with
//! `PATCH /v1/credentials/{ident}`.
//!
//! Both reach into the nodes of a cluster that runs, so each is an operation, accepted as a resize is.

use actix_web::{HttpRequest, HttpResponse};
use domain::{Error, OperationKind, Result, Rule};
use serde_json::json;
use store::ClusterRecord;

use crate::{
    body::NoBody,
    cluster_type,
    clusters::ClusterId,
    ctx::{Ctx, Named},
    nodegroups::template_of,
    problem::Problem,
    query::Query,
    versions::Since,
};

/// Replace a cluster's certificate authority.
#[utoipa::path(
    patch, path = "/v1/certificates/{ident}", tag = "certificates", responses((status = 202, body = ClusterId))
)]
pub(crate) async fn rotate_ca(
    ctx: Ctx,
    named: Named,
    request: HttpRequest,
    _: NoBody,
) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let record = ctx.cluster(&named.0, Rule::CertificateRotateCa, None).await?;
    if template_of(&record)?.tls_disabled {
        let text = "Rotating the CA certificate of a non-TLS cluster is not supported";
        return Err(Error::invalid(text).into());
    }
    if drivers::signs_itself(&record.cluster.labels) {
        return Err(Error::bad_value(
            "labels",
            "true",
            "Label cert_manager_api: the masters were given the authority's key when they were made, and a new one does \
             not reach them. Make a new cluster to change the authority of one that signs by itself",
        )
        .into());
    }
    accept(&ctx, &record, OperationKind::RotateCa, "certificates").await
}

/// Replace the user and the trust with which a cluster acts for its owner. The trust is the caller's.
#[utoipa::path(
    patch, path = "/v1/credentials/{ident}", tag = "credentials", responses((status = 202, body = ClusterId))
)]
pub(crate) async fn rotate_credentials(
    ctx: Ctx,
    _: Since<12>,
    named: Named,
    request: HttpRequest,
    _: NoBody,
) -> Result<HttpResponse, Problem> {
    Query::read(&request, &[])?;
    let record = ctx.cluster(&named.0, Rule::CredentialRotate, None).await?;
    accept(&ctx, &record, OperationKind::RotateCredentials, "credentials").await
}

/// Stores the operation, where there are nodes that can hear of it.
async fn accept(ctx: &Ctx, record: &ClusterRecord, kind: OperationKind, what: &str) -> Result<HttpResponse, Problem> {
    let driver = cluster_type::driver_of(template_of(record)?, ctx.options())?;
    if !driver.takes_orders() {
        return Err(drivers::no_orders(driver.name(), what).into());
    }
    let operation = ctx.operation(kind, &record.cluster, json!({}))?;
    let accepted = ctx.store().accept_rotation(&operation).await?;
    ctx.ring(&accepted.operation_id).await;
    Ok(HttpResponse::Accepted().json(ClusterId { uuid: record.cluster.uuid.clone() }))
}
