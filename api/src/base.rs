//! The address links start with: scheme, host and mount point as the client sees them.

use actix_web::{dev::RequestHead, http::header::HeaderMap};
use serde::Serialize;
use utoipa::ToSchema;

/// Scheme, host and mount point of a request, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base(String);

/// One link of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Link {
    /// `self` or `bookmark`.
    pub(crate) rel: &'static str,
    /// Absolute address.
    pub(crate) href: String,
}

impl Base {
    /// Reads the base from a request. Proxy headers count only when `behind_proxy`, because any client can send them.
    pub(crate) fn of(head: &RequestHead, tls: bool, behind_proxy: bool, listen: &str) -> Self {
        let headers = &head.headers;
        let mut scheme = if tls { "https" } else { "http" }.to_owned();
        let mut host = text(headers, "host").filter(|host| is_host(host)).unwrap_or(listen).to_owned();
        let mut prefix = String::new();
        if behind_proxy {
            let (proto, forwarded_host) = forwarded(headers);
            if let Some(proto) = proto.filter(|p| matches!(p.as_str(), "http" | "https")) {
                scheme = proto;
            }
            if let Some(forwarded_host) = forwarded_host.filter(|host| is_host(host)) {
                host = forwarded_host;
            }
            prefix = text(headers, "x-forwarded-prefix").map(mount).unwrap_or_default();
        }
        Self(format!("{scheme}://{host}{prefix}"))
    }

    /// Nothing, for what no client sees.
    pub(crate) fn none() -> Self {
        Self(String::new())
    }

    /// An absolute address.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The two links of an object or collection entry.
    pub(crate) fn links(&self, collection: &str, id: &str) -> Vec<Link> {
        vec![
            Link { rel: "self", href: format!("{}/v1/{collection}/{id}", self.0) },
            Link { rel: "bookmark", href: format!("{}/{collection}/{id}", self.0) },
        ]
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Protocol and host from `Forwarded` (RFC 7239, first hop) or, without it, from the `X-Forwarded-*` headers.
fn forwarded(headers: &HeaderMap) -> (Option<String>, Option<String>) {
    let Some(value) = text(headers, "forwarded") else {
        let first = |name| text(headers, name).and_then(|list| list.split(',').next()).map(|v| v.trim().to_owned());
        return (first("x-forwarded-proto"), first("x-forwarded-host"));
    };
    let hop = value.split(',').next().unwrap_or_default();
    let part = |wanted: &str| {
        hop.split(';').filter_map(|pair| pair.split_once('=')).find_map(|(name, value)| {
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    (part("proto"), part("host"))
}

/// `/container-infra` from any spelling of it; nothing from what is no path.
fn mount(prefix: &str) -> String {
    let path = prefix.trim_matches('/');
    let right = path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~'));
    if path.is_empty() || !right { String::new() } else { format!("/{path}") }
}

/// Letters, digits and what addresses need: nothing that could end the host part of a link.
fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']'))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn base(headers: &[(&'static str, &'static str)], behind_proxy: bool) -> String {
        let mut request = TestRequest::default();
        for header in headers {
            request = request.insert_header(*header);
        }
        Base::of(request.to_http_request().head(), false, behind_proxy, "127.0.0.1:9511").0
    }

    #[test]
    fn the_host_header_decides_without_a_proxy() {
        assert_eq!(base(&[("host", "magnum.test:9511")], false), "http://magnum.test:9511");
        assert_eq!(base(&[], false), "http://127.0.0.1:9511");
        assert_eq!(base(&[("host", "evil/\"path")], false), "http://127.0.0.1:9511");
        let headers =
            [("host", "h"), ("x-forwarded-proto", "https"), ("x-forwarded-prefix", "/x"), ("forwarded", "host=e")];
        assert_eq!(base(&headers, false), "http://h", "proxy headers are not believed unless told");
    }

    #[test]
    fn a_proxy_gives_scheme_host_and_mount_point() {
        let x = [
            ("host", "h"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "pub.test"),
            ("x-forwarded-prefix", "/ci/"),
        ];
        assert_eq!(base(&x, true), "https://pub.test/ci");
        let f = [("host", "h"), ("forwarded", "for=1.2.3.4;proto=https;host=\"pub.test:8443\", proto=http;host=b")];
        assert_eq!(base(&f, true), "https://pub.test:8443");
        assert_eq!(base(&[("host", "h"), ("x-forwarded-proto", "javascript")], true), "http://h");
    }

    #[test]
    fn links_keep_the_mount_point() {
        let links = Base("https://h/ci".to_owned()).links("clusters", "u");
        assert_eq!(links[0].href, "https://h/ci/v1/clusters/u");
        assert_eq!(links[1].href, "https://h/ci/clusters/u");
    }
}
