//! The `OpenAPI` document, made from the handlers.

use utoipa::{
    Modify, OpenApi,
    openapi::{
        self, ContentBuilder, ObjectBuilder, Ref, RefOr, Required, ResponseBuilder, Schema, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::ArrayBuilder,
        security::{ApiKey, ApiKeyValue, SecurityScheme},
    },
};

use crate::{
    certificates, clusters, clusters::bays, federations, mservices, nodegroups, quotas, root, stats, templates,
};

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
        clusters::resize,
        templates::old::list, templates::old::detail, templates::old::show, templates::old::create,
        templates::old::update, templates::old::delete,
        bays::list, bays::detail, bays::show, bays::create, bays::update, bays::delete,
        certificates::show, certificates::sign,
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

/// What stands for a part of a path.
const IN_PATHS: [(&str, &str); 4] = [
    ("ident", "UUID or name."),
    ("project", "Id of the project."),
    ("resource", "What is limited: Cluster."),
    ("nodegroup", "UUID or name of the node group."),
];

/// What holds for every path: the token, the version header, the identifier, the shape of errors.
struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        let token = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Auth-Token")));
        components.add_security_scheme("token", token);
        components.schemas.insert("Errors".to_owned(), errors());
        for (path, item) in &mut document.paths.paths {
            let mut parameters = Vec::new();
            if path.starts_with("/v1") {
                parameters.push(parameter(
                    "OpenStack-API-Version",
                    ParameterIn::Header,
                    "container-infra 1.1 to 1.14, or latest.",
                ));
            }
            for (name, meaning) in IN_PATHS {
                if path.contains(&format!("{{{name}}}")) {
                    parameters.push(parameter(name, ParameterIn::Path, meaning));
                }
            }
            item.parameters = Some(parameters.into_iter().map(RefOr::T).collect());
            let operations = [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("Errors"))).build();
                let failed = ResponseBuilder::new().description("What was wrong").content("application/json", body);
                operation.responses.responses.insert("default".to_owned(), failed.build().into());
            }
        }
    }
}

fn parameter(name: &str, place: ParameterIn, description: &str) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

/// The body of every answer that is not a success, but for the 401 of the token check.
fn errors() -> RefOr<Schema> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let error = ObjectBuilder::new()
        .property("request_id", text())
        .property("code", text())
        .property("status", ObjectBuilder::new().schema_type(Type::Integer))
        .property("title", text())
        .property("detail", text())
        .property("links", ArrayBuilder::new().items(ObjectBuilder::new()))
        .required("code")
        .required("title");
    ObjectBuilder::new().property("errors", ArrayBuilder::new().items(error)).required("errors").into()
}

/// The `OpenAPI` 3.1 document as JSON.
#[must_use]
pub fn openapi() -> String {
    Document::openapi().to_pretty_json().unwrap_or_default()
}
