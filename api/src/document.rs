//! The `OpenAPI` document, made from the handlers.

use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{ApiKey, ApiKeyValue, SecurityScheme},
    },
};

use crate::{certificates, clusters, mservices, root, templates};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Container infrastructure management",
        description = "Clusters of container orchestration engines on OpenStack. Versions 1.1 to 1.14 are chosen with the \
                       header OpenStack-API-Version: container-infra <version>."
    ),
    paths(
        root::versions, root::v1, root::healthcheck,
        templates::list, templates::detail, templates::show, templates::create, templates::update, templates::delete,
        clusters::list, clusters::detail, clusters::show, clusters::create, clusters::update, clusters::delete,
        certificates::show, certificates::sign,
        mservices::list,
    ),
    modifiers(&Token),
    security(("token" = []))
)]
struct Document;

/// Every path but the public ones needs a Keystone token.
struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        let token = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Auth-Token")));
        components.add_security_scheme("token", token);
    }
}

/// The `OpenAPI` 3.1 document as JSON.
#[must_use]
pub fn openapi() -> String {
    Document::openapi().to_pretty_json().unwrap_or_default()
}
