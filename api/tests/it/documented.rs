//! Every answer that a test of this crate gets is one that the document of the API knows: its status, and its headers.

use std::sync::LazyLock;

use reqwest::header::HeaderMap;
use serde_json::Value;

/// The document.
pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(api::openapi()).unwrap());

/// The path of the document that this one is of, if there is one: without arguments, as clients spell it.
fn path_of(asked: &str) -> Option<&'static str> {
    let asked = asked.split('?').next().unwrap().trim_end_matches('/');
    let prefix = if asked.is_empty() || asked.starts_with("/v1") { "" } else { "/v1" };
    let parts: Vec<&str> = prefix.split('/').chain(asked.split('/')).filter(|part| !part.is_empty()).collect();
    let is_it = |path: &&String| {
        let names: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        names.len() == parts.len() && names.iter().zip(&parts).all(|(a, b)| a.starts_with('{') || a == b)
    };
    // One without names in its place comes first: `detail` is no UUID.
    let paths = DOCUMENT["paths"].as_object().unwrap().keys();
    paths.filter(is_it).min_by_key(|path| path.matches('{').count()).map(String::as_str)
}

/// Compares an answer with what the document says of the request; what is not in it at all is not looked at.
pub(crate) fn check(method: &str, asked: &str, status: u16, headers: &HeaderMap) {
    let Some(operation) = path_of(asked).map(|path| &DOCUMENT["paths"][path][method.to_lowercase()]) else { return };
    if operation.is_null() {
        return;
    }
    let response = &operation["responses"][status.to_string()];
    assert!(response.is_object(), "the document does not know {status} of {method} {asked}");
    let promised = response["headers"].as_object();
    for name in promised.iter().flat_map(|headers| headers.keys()) {
        assert!(headers.contains_key(name), "{status} of {method} {asked} has no {name}");
    }
    let located = promised.is_some_and(|headers| headers.contains_key("Location"));
    assert!(located || !headers.contains_key("location"), "{status} of {method} {asked} has a Location");
}
