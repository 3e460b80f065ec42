//! The `OpenAPI` document, made from the handlers.

mod everywhere;

use std::sync::LazyLock;

use everywhere::Everywhere;
use utoipa::OpenApi;

use crate::{
    certificates, clusters, clusters::bays, federations, mservices, nodegroups, quotas, root, rotations, stats,
    templates,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Container infrastructure management",
        description = "Clusters of container orchestration engines on OpenStack. Versions 1.1 to 1.14 are chosen with the \
                       header OpenStack-API-Version: container-infra <version>."
    ),
    paths(
        root::versions, root::v1, root::healthcheck, root::openapi, root::browse,
        crate::discovery::read, crate::discovery::join,
        templates::list, templates::detail, templates::show, templates::create, templates::update, templates::delete,
        clusters::list, clusters::detail, clusters::show, clusters::create, clusters::update, clusters::delete,
        clusters::resize, clusters::upgrade,
        templates::old::list, templates::old::detail, templates::old::show, templates::old::create,
        templates::old::update, templates::old::delete,
        bays::list, bays::detail, bays::show, bays::create, bays::update, bays::delete,
        certificates::show, certificates::sign, rotations::rotate_ca, rotations::rotate_credentials,
        federations::list, federations::detail, federations::show, federations::create, federations::update,
        federations::delete,
        mservices::list,
        nodegroups::list, nodegroups::show, nodegroups::create, nodegroups::update, nodegroups::delete,
        quotas::list, quotas::show, quotas::create, quotas::update, quotas::delete,
        stats::show,
    ),
    modifiers(&Everywhere),
    security(("token" = []))
)]
struct Document;

/// The `OpenAPI` 3.1 document as JSON, with the names in each object in order.
#[must_use]
pub fn openapi() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        // By way of a value, whose objects are ordered: those of extensions are not.
        let document = serde_json::to_value(Document::openapi()).unwrap_or_default();
        format!("{document:#}\n")
    });
    &TEXT
}
