//! What the `OpenAPI` document says of every request alike: token, version header, parts of the path, headers of answers,
//! the statuses that may come back with their bodies, and from which version to which a request is served.

use utoipa::{
    Modify,
    openapi::{
        Content, ContentBuilder, HeaderBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Required, Response,
        ResponseBuilder, Schema, Type,
        extensions::ExtensionsBuilder,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        schema::ArrayBuilder,
        security::{ApiKey, ApiKeyValue, SecurityScheme},
    },
};

use crate::versions::{self, HISTORY, Version};

/// What stands for a part of a path.
const IN_PATHS: [(&str, &str); 5] = [
    ("ident", "UUID or name."),
    ("project", "Id of the project."),
    ("resource", "What is limited: Cluster."),
    ("nodegroup", "UUID or name of the node group."),
    ("key", "Secret name of the place, and behind a slash the id of a member."),
];

/// Name, status and meaning of the refusals.
const REFUSALS: [(&str, u16, &str); 10] = [
    ("BadRequest", 400, "An argument, an attribute or the body is wrong; the detail names it."),
    ("Unauthorized", 401, "There is no token, or it is not accepted any more."),
    ("Forbidden", 403, "A policy rule or a quota is against it, or a service refuses the token."),
    ("NotFound", 404, "It does not exist for this caller, or not in this version."),
    ("NotAcceptable", 406, "The version is not served, or does not have this request; or the answer may not be JSON."),
    ("Conflict", 409, "A name stands for several objects, or the object is in a state that forbids it."),
    ("TooLarge", 413, "The body is longer than the operator allows."),
    ("MediaType", 415, "The body is not JSON."),
    ("Failure", 500, "Something inside failed; it is in the log under the id of the request."),
    ("Unavailable", 503, "The database or a service of the cloud is away; try again."),
];

/// The modifier.
pub(super) struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        let token = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Auth-Token")));
        components.add_security_scheme("token", token);
        components.schemas.insert("Errors".to_owned(), errors());
        components.schemas.insert("Unauthorized".to_owned(), unauthorized());
        for (name, status, meaning) in REFUSALS {
            components.responses.insert(name.to_owned(), refusal(status, meaning).into());
        }
        let history: Vec<_> = HISTORY.iter().map(|(minor, text)| format!("1.{minor}: {text}")).collect();
        let versions = ExtensionsBuilder::new()
            .add("x-openstack-min-version", Version::OLDEST.to_string())
            .add("x-openstack-max-version", Version::NEWEST.to_string())
            .add("x-openstack-history", history);
        document.info.extensions = Some(versions.build());
        for (path, item) in &mut document.paths.paths {
            item.parameters = Some(common_parameters(path).into_iter().map(RefOr::T).collect());
            let operations = [
                ("get", &mut item.get),
                ("post", &mut item.post),
                ("put", &mut item.put),
                ("patch", &mut item.patch),
                ("delete", &mut item.delete),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation.as_mut() {
                    complete(path, method, operation);
                }
            }
        }
    }
}

fn is_versioned(path: &str) -> bool {
    path.starts_with("/v1") && !path.starts_with(crate::discovery::PREFIX)
}

fn needs_token(path: &str) -> bool {
    is_versioned(path) && path != "/v1"
}

fn common_parameters(path: &str) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    if is_versioned(path) {
        let text = "container-infra 1.1 to 1.14, or latest; 1.1 when absent.";
        parameters.push(parameter("OpenStack-API-Version", ParameterIn::Header, text));
    }
    for (name, meaning) in IN_PATHS {
        if path.contains(&format!("{{{name}}}")) {
            parameters.push(parameter(name, ParameterIn::Path, meaning));
        }
    }
    parameters
}

/// Adds to one request what follows from its path and method.
fn complete(path: &str, method: &str, operation: &mut Operation) {
    let name = operation.operation_id.take().unwrap_or_else(|| method.to_owned());
    let tag = operation.tags.iter().flatten().next().map_or("other", String::as_str);
    operation.operation_id = Some(format!("{tag}-{}", name.replace('_', "-")));
    let request_id = || HeaderBuilder::new().schema(Some(text())).description(Some("req- and a UUID.")).build();
    let version =
        || HeaderBuilder::new().schema(Some(text())).description(Some("The version that was served.")).build();
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.headers.insert("X-OpenStack-Request-Id".to_owned(), request_id().into());
            if is_versioned(path) {
                response.headers.insert("OpenStack-API-Version".to_owned(), version().into());
            }
        }
    }
    let in_pages = has_marker(operation);
    for (name, status, _) in REFUSALS.iter().filter(|(name, ..)| may_refuse(path, method, in_pages, name)) {
        let reference = RefOr::Ref(Ref::from_response_name(*name));
        operation.responses.responses.entry(status.to_string()).or_insert(reference);
    }
    if needs_token(path) {
        let (min, max) = versions::served(path);
        let served = ExtensionsBuilder::new()
            .add("x-openstack-min-version", min.to_string())
            .add("x-openstack-max-version", max.to_string());
        operation.extensions.get_or_insert_with(Default::default).merge(served.build());
    }
}

/// Whether this is a list in pages.
fn has_marker(operation: &Operation) -> bool {
    let is_marker = |one: &RefOr<Parameter>| matches!(one, RefOr::T(parameter) if parameter.name == "marker");
    operation.parameters.iter().flatten().any(is_marker)
}

/// Whether a request may be answered so.
fn may_refuse(path: &str, method: &str, in_pages: bool, name: &str) -> bool {
    match name {
        "NotAcceptable" => is_versioned(path),
        "NotFound" => {
            let names = path.contains('{') || method == "post" || in_pages;
            names || versions::served(path).1 < Version::NEWEST
        }
        "Conflict" => method != "get" || path.contains("{ident}"),
        _ => needs_token(path),
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn parameter(name: &str, place: ParameterIn, description: &str) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(description))
        .schema(Some(text()))
        .build()
}

fn refusal(status: u16, meaning: &str) -> Response {
    let body = if status == 401 { "Unauthorized" } else { "Errors" };
    let content: Content = ContentBuilder::new().schema(Some(Ref::from_schema_name(body))).build();
    let mut refusal = ResponseBuilder::new().description(meaning).content("application/json", content);
    if status == 401 {
        let challenge = HeaderBuilder::new().schema(Some(text())).description(Some("Where Keystone is.")).build();
        refusal = refusal.header("WWW-Authenticate", challenge);
    }
    refusal.build()
}

/// The body of every answer that is not a success, but for the 401 of the token check.
fn errors() -> RefOr<Schema> {
    let link = ObjectBuilder::new().property("rel", text()).property("href", text());
    let error = ObjectBuilder::new()
        .property("request_id", text())
        .property(
            "code",
            text().description(Some("client or server; empty when it was refused before it was looked at.")),
        )
        .property("status", ObjectBuilder::new().schema_type(Type::Integer))
        .property("title", text())
        .property("detail", text())
        .property("description", text().description(Some("In the place of detail when the version is not served.")))
        .property("min_version", text())
        .property("max_version", text())
        .property("links", ArrayBuilder::new().items(link))
        .required("code")
        .required("title");
    ObjectBuilder::new().property("errors", ArrayBuilder::new().items(error)).required("errors").into()
}

fn unauthorized() -> RefOr<Schema> {
    let error = ObjectBuilder::new()
        .property("code", ObjectBuilder::new().schema_type(Type::Integer))
        .property("title", text())
        .property("message", text())
        .required("code")
        .required("title")
        .required("message");
    ObjectBuilder::new().property("error", error).required("error").into()
}
