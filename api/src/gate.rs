//! What every request passes before its handler: request id, path, token, version, media type, in this order.
//!
//! One middleware, because the order is part of the contract: an unknown path without a token is a 401, a bad version
//! with a good token a 406. What it finds out is left for [`crate::Ctx`] in the request. On the way back it adds the
//! headers that every answer carries, and writes the one log line about a failure.

use std::{sync::Arc, time::Instant};

use actix_web::{
    HttpMessage, ResponseError,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode, Uri,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use cloud::Validated;
use domain::{Caller, Options, Secret};
use tracing::Instrument;

use crate::{
    Deps,
    base::Base,
    discovery,
    problem::Problem,
    trustee::TrusteeDomain,
    versions::{self, Negotiated, Refusal, Version},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-openstack-request-id");
const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
const VERSION: HeaderName = HeaderName::from_static("openstack-api-version");
const MINIMUM: HeaderName = HeaderName::from_static("openstack-api-minimum-version");
const MAXIMUM: HeaderName = HeaderName::from_static("openstack-api-maximum-version");

/// Who asks, as far as the gate knows. Absent on public paths.
#[derive(Clone)]
pub(crate) struct Identified {
    pub(crate) caller: Caller,
    pub(crate) token: Secret,
    /// Domain of the clusters' own users, if this cloud has one.
    pub(crate) trustee_domain: Option<Arc<str>>,
}

/// `req-<uuid4>`, on every answer and in every log line.
#[derive(Clone)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

/// The middleware.
pub(crate) async fn gate(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let started = Instant::now();
    let id: Arc<str> = format!("req-{}", uuid::Uuid::new_v4()).into();
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let span = tracing::info_span!(
        "request",
        request.id = %id,
        http.method = %request.method(),
        http.path = shown(request.path()),
        http.user_agent = agent(request.headers()),
        api.version = tracing::field::Empty,
        project.id = tracing::field::Empty,
        user.id = tracing::field::Empty,
    );
    let mut versions = None;
    let served = async {
        let mut response = match admit(&mut request, &mut versions).await {
            Ok(()) => next.call(request).await?,
            Err(problem) => {
                problem.log();
                request.into_response(problem.error_response())
            }
        };
        if let Some(problem) = response.response().error().and_then(actix_web::Error::as_error::<Problem>) {
            problem.log();
        }
        stamp(response.headers_mut(), &id, versions.as_ref());
        if response.status() == StatusCode::UNAUTHORIZED {
            challenge(&mut response);
        }
        let elapsed_ms = started.elapsed().as_millis();
        tracing::info!(http.status = response.status().as_u16(), elapsed_ms, "answered");
        Ok(response)
    };
    served.instrument(span).await
}

/// What the version headers of the answer say.
struct Versions {
    service: &'static str,
    version: String,
}

async fn admit(request: &mut ServiceRequest, versions: &mut Option<Versions>) -> Result<(), Problem> {
    let Some(deps) = request.app_data::<web::Data<Deps>>().cloned() else {
        return Err(domain::Error::Internal { doing: "find the services behind the API".into(), source: None }.into());
    };
    normalise(request);
    let base = base(request, &deps.options);
    request.extensions_mut().insert(base);
    let path = request.path();
    if matches!(path, "/" | "/healthcheck" | "/openapi.json" | "/docs") || path.starts_with(discovery::PREFIX) {
        return Ok(());
    }
    if path != "/v1" {
        identify(request, &deps).await?;
    }
    let negotiated = negotiate(request, versions)?;
    request.extensions_mut().insert(negotiated);
    accepts_json(request.headers())
}

/// The path for the log, without the name of a place of etcd members, which lets everybody in who knows it.
fn shown(path: &str) -> &str {
    let at = path.find("/discovery/").map_or(path.len(), |at| at + "/discovery/".len());
    &path[..at]
}

/// What the client calls itself, for the log.
fn agent(headers: &HeaderMap) -> &str {
    let given = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.char_indices().nth(100).map_or(given, |(at, _)| &given[..at])
}

/// Drops the slash at the end, and puts `/v1` before every path that names no version: clients really send both.
fn normalise(request: &mut ServiceRequest) {
    let path = request.uri().path();
    let trimmed = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
    let first = trimmed.trim_start_matches('/').split('/').next().unwrap_or_default();
    let versioned = matches!(first, "v1" | "healthcheck" | "openapi.json" | "docs") || trimmed == "/";
    let new_path = if versioned { trimmed.to_owned() } else { format!("/v1{trimmed}") };
    if new_path == path {
        return;
    }
    let with_query = match request.uri().query() {
        Some(query) => format!("{new_path}?{query}"),
        None => new_path,
    };
    let mut parts = request.uri().clone().into_parts();
    // The parts come from a URI that was parsed already; should they not fit, the path stays as it is and is a 404.
    if let Ok(path_and_query) = with_query.parse() {
        parts.path_and_query = Some(path_and_query);
        if let Ok(uri) = Uri::from_parts(parts) {
            request.match_info_mut().get_mut().update(&uri);
            request.head_mut().uri = uri;
        }
    }
}

fn base(request: &ServiceRequest, options: &Options) -> Base {
    Base::of(
        request.head(),
        options.api.enabled_ssl,
        options.oslo_middleware.enable_proxy_headers_parsing,
        &options.api_address(),
    )
}

/// Validates the token, once per request and from the cache when it was seen lately.
async fn identify(request: &ServiceRequest, deps: &Deps) -> Result<(), Problem> {
    let token = request.headers().get(&TOKEN).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if token.is_empty() {
        return Err(Problem::Unauthorized);
    }
    let token = Secret::new(token);
    let Some(Validated { mut caller, .. }) = deps.cloud.identity().validate(&token).await.map_err(Problem::Domain)?
    else {
        return Err(Problem::Unauthorized);
    };
    caller.is_admin = deps.policy.is_admin(&caller);
    let span = tracing::Span::current();
    span.record("user.id", caller.user_id.as_str());
    span.record("project.id", caller.project_id.as_deref());
    let trustee_domain = match request.app_data::<web::Data<TrusteeDomain>>().cloned() {
        Some(domain) => domain.id(deps).await,
        None => None,
    };
    request.extensions_mut().insert(Identified { caller, token, trustee_domain });
    Ok(())
}

fn negotiate(request: &ServiceRequest, versions: &mut Option<Versions>) -> Result<Negotiated, Problem> {
    let mut given = request.headers().get_all(&VERSION);
    let (header, another) = (given.next(), given.next());
    // Two headers are one list, and a list of versions is no version.
    let outcome = if another.is_some() {
        versions::negotiate(Some(b"several headers given"))
    } else {
        versions::negotiate(header.map(HeaderValue::as_bytes))
    };
    if let Ok(Negotiated { version, .. }) = &outcome {
        tracing::Span::current().record("api.version", tracing::field::display(version));
    }
    *versions = match &outcome {
        Ok(Negotiated { service, version }) => Some(Versions { service, version: version.to_string() }),
        Err(Refusal::OutOfRange { service, requested }) => Some(Versions { service, version: requested.clone() }),
        Err(Refusal::Malformed(_)) => None,
    };
    Ok(outcome?)
}

/// Answers are JSON; a client that excludes it gets a 406. Absent, empty and `*/*` accept everything.
fn accepts_json(headers: &HeaderMap) -> Result<(), Problem> {
    let mut given = headers.get_all(header::ACCEPT).peekable();
    if given.peek().is_none() {
        return Ok(());
    }
    let accepts = given.any(|value| {
        value.to_str().is_ok_and(|list| {
            list.split(',').map(|entry| entry.split(';').next().unwrap_or_default().trim()).any(|entry| {
                ["", "*/*", "application/*", "application/json"].iter().any(|open| entry.eq_ignore_ascii_case(open))
            })
        })
    });
    if accepts { Ok(()) } else { Err(Problem::NotAcceptable) }
}

/// Tells whoever has no token where to get one.
fn challenge(response: &mut ServiceResponse) {
    let uri =
        response.request().app_data::<web::Data<Deps>>().map(|deps| deps.options.www_authenticate_uri().to_owned());
    if let Ok(value) = HeaderValue::from_str(&format!("Keystone uri=\"{}\"", uri.unwrap_or_default())) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
}

/// The headers every answer carries.
fn stamp(headers: &mut HeaderMap, id: &str, versions: Option<&Versions>) {
    let mut insert = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    insert(REQUEST_ID, id);
    if let Some(Versions { service, version }) = versions {
        insert(VERSION, &format!("{service} {version}"));
        insert(MINIMUM, &format!("{service} {}", Version::OLDEST));
        insert(MAXIMUM, &format!("{service} {}", Version::NEWEST));
        insert(header::VARY, "OpenStack-API-Version");
    }
}
