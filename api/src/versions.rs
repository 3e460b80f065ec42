//! Microversions: the list, what each changed, and how a request chooses one.
//!
//! A version gate is one of three tools: the extractor [`Since`] in a handler's signature for routes, a named question on
//! [`Version`] for behaviour, and `shows_cluster_id` for the one renamed field. Numbers of versions stand in this file only.

use std::fmt;

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use std::future::{Ready, ready};

use crate::problem::Problem;

/// What each minor version brought, oldest first. The major version is always 1.
pub const HISTORY: [(u8, &str); 14] = [
    (1, "The base: bays, baymodels, clusters, cluster templates, certificates, mservices."),
    (2, "POST, PATCH and DELETE of bays are asynchronous."),
    (3, "PATCH of clusters and bays takes the argument rollback."),
    (4, "Statistics: GET /v1/stats."),
    (5, "CA rotation: PATCH /v1/certificates/{cluster}."),
    (6, "Quotas: /v1/quotas."),
    (7, "Resize: POST /v1/clusters/{cluster}/actions/resize."),
    (8, "Upgrade: POST /v1/clusters/{cluster}/actions/upgrade."),
    (9, "Node groups: /v1/clusters/{cluster}/nodegroups."),
    (10, "A node count of 0 is allowed; an unknown template in a cluster POST is a 404."),
    (11, "Bays and baymodels are gone."),
    (12, "Credential rotation: PATCH /v1/credentials/{cluster}."),
    (13, "Clusters show cluster_id in the place of stack_id."),
    (14, "Node groups have node_labels and node_taints."),
];

const MIN: u8 = HISTORY[0].0;
const MAX: u8 = HISTORY[HISTORY.len() - 1].0;

/// Service words a client may use; the first is what the answer says unless the client chose another.
const SERVICES: [&str; 3] = ["container-infra", "container-infrastructure", "container-infrastructure-management"];

/// The microversion of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u8);

impl Version {
    /// The oldest version served, in force without a header.
    pub const OLDEST: Self = Self(MIN);
    /// The newest version served, `latest`.
    pub const NEWEST: Self = Self(MAX);

    /// PATCH takes the query argument `rollback`.
    pub(crate) fn takes_rollback(self) -> bool {
        self.0 >= 3
    }

    /// POST and PATCH of a bay answer when its stack is being worked on, with the whole bay.
    pub(crate) fn bays_wait(self) -> bool {
        self.0 < 2
    }

    /// A cluster may have no workers.
    pub(crate) fn zero_nodes_allowed(self) -> bool {
        self.0 >= 10
    }

    /// An unknown template in a cluster POST is "not found" instead of a wrong value.
    pub(crate) fn unknown_template_is_404(self) -> bool {
        self.0 >= 10
    }

    /// Clusters show `cluster_id` instead of `stack_id`.
    pub(crate) fn shows_cluster_id(self) -> bool {
        self.0 >= 13
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

/// From which version to which the requests of a path of the `OpenAPI` document are served.
pub(crate) fn served(path: &str) -> (Version, Version) {
    let name = path.rsplit('/').next().unwrap_or_default();
    let min = match name {
        "resize" => 7,
        "upgrade" => 8,
        _ if path.contains("/nodegroups") => 9,
        _ if path.starts_with("/v1/credentials") => 12,
        _ => MIN,
    };
    let max = if path.starts_with("/v1/bay") { 10 } else { MAX };
    (Version(min), Version(max))
}

/// The version in force, and the service word to answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Negotiated {
    pub(crate) version: Version,
    pub(crate) service: &'static str,
}

impl Default for Negotiated {
    fn default() -> Self {
        Self { version: Version::OLDEST, service: SERVICES[0] }
    }
}

/// Why a version header is refused; each has its own 406 body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A well-formed version nobody serves: body A, which echoes it.
    OutOfRange { service: &'static str, requested: String },
    /// No version at all, or another service's: body B.
    Malformed(&'static str),
}

const BAD_VALUE: &str = "Invalid value for OpenStack-API-Version header";
const BAD_SERVICE: &str = "Invalid service type for OpenStack-API-Version header";

/// Chooses the version a header asks for.
pub(crate) fn negotiate(header: Option<&[u8]>) -> Result<Negotiated, Refusal> {
    let Some(bytes) = header else { return Ok(Negotiated::default()) };
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::Malformed(BAD_VALUE))?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let [service, version] = words[..] else { return Err(Refusal::Malformed(BAD_VALUE)) };
    let known = SERVICES.into_iter().find(|word| *word == service);
    // Queens: the service word of "latest" is replaced before it is checked, so any word passes.
    if version.eq_ignore_ascii_case("latest") {
        return Ok(Negotiated { version: Version::NEWEST, service: known.unwrap_or(SERVICES[0]) });
    }
    let Some(service) = known else { return Err(Refusal::Malformed(BAD_SERVICE)) };
    let (major, minor) = version.split_once('.').ok_or(Refusal::Malformed(BAD_VALUE))?;
    if !(is_number(major) && is_number(minor)) {
        return Err(Refusal::Malformed(BAD_VALUE));
    }
    match minor.parse::<u8>() {
        Ok(minor @ MIN..=MAX) if major == "1" => Ok(Negotiated { version: Version(minor), service }),
        _ => Err(Refusal::OutOfRange { service, requested: version.to_owned() }),
    }
}

/// Decimal digits without a leading zero.
fn is_number(text: &str) -> bool {
    text == "0" || (!text.starts_with('0') && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
}

/// In a handler's signature: the route exists from version `1.N` on, below it is a 406.
#[derive(Clone, Copy, Debug)]
pub struct Since<const N: u8>;

impl<const N: u8> FromRequest for Since<N> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let version = request.extensions().get::<Negotiated>().copied().unwrap_or_default().version;
        ready(if version.0 >= N {
            Ok(Self)
        } else {
            Err(Problem::NotInVersion { version, path: request.path().to_owned() })
        })
    }
}

/// In a handler's signature: the route was there until version `1.N`; above it nobody knows the path any more.
#[derive(Clone, Copy, Debug)]
pub struct Until<const N: u8>;

impl<const N: u8> FromRequest for Until<N> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let version = request.extensions().get::<Negotiated>().copied().unwrap_or_default().version;
        ready(if version.0 <= N { Ok(Self) } else { Err(Problem::NoRoute) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Result<(String, &'static str), Refusal> {
        negotiate(Some(text.as_bytes())).map(|n| (n.version.to_string(), n.service))
    }

    #[test]
    fn what_is_accepted() {
        assert_eq!(negotiate(None).unwrap().version, Version::OLDEST);
        for (text, expect, service) in [
            ("container-infra 1.1", "1.1", SERVICES[0]),
            ("container-infra   1.14 ", "1.14", SERVICES[0]),
            ("container-infra LATEST", "1.14", SERVICES[0]),
            ("compute latest", "1.14", SERVICES[0]),
            ("container-infrastructure 1.4", "1.4", SERVICES[1]),
            ("container-infrastructure-management 1.9", "1.9", SERVICES[2]),
        ] {
            assert_eq!(version(text), Ok((expect.to_owned(), service)), "{text}");
        }
    }

    #[test]
    fn what_is_out_of_range_is_echoed() {
        for text in ["1.0", "1.15", "1.99", "2.0", "0.1", "1.99999999999999999999", "99999999999999999999.1"] {
            let refusal = version(&format!("container-infra {text}")).unwrap_err();
            assert_eq!(refusal, Refusal::OutOfRange { service: SERVICES[0], requested: text.to_owned() });
        }
    }

    #[test]
    fn what_is_no_version() {
        for text in [
            "",
            " ",
            "1.3",
            "latest",
            "container-infra",
            "container-infra abc",
            "container-infra 1",
            "container-infra 1.",
            "container-infra .1",
            "container-infra 1.1.1",
            "container-infra 1.04",
            "container-infra -1.4",
            "compute 1.3",
            "container-infra 1.4, compute 2.1",
            "container-infra 1.4 extra",
            "container-infra 1.٣",
        ] {
            assert!(matches!(version(text), Err(Refusal::Malformed(_))), "{text}");
        }
        assert!(negotiate(Some(b"container-infra \xff")).is_err());
    }

    #[actix_web::test]
    async fn a_route_is_closed_below_its_version() {
        use actix_web::{App, HttpMessage, test, web};
        let handler = |_: Since<7>| async { "resized" };
        let app = test::init_service(App::new().route("/resize", web::get().to(handler))).await;
        for (minor, status) in [(6, 406), (7, 200), (14, 200)] {
            let request = test::TestRequest::with_uri("/resize").to_request();
            request.extensions_mut().insert(Negotiated { version: Version(minor), service: SERVICES[0] });
            let answer = test::call_service(&app, request).await;
            assert_eq!(answer.status(), status, "1.{minor}");
            if status == 406 {
                let body: serde_json::Value = test::read_body_json(answer).await;
                let error = &body["errors"][0];
                assert_eq!(
                    (&error["title"], &error["code"], &error["status"]),
                    (&"Not Acceptable".into(), &"".into(), &406.into())
                );
                assert!(error["detail"].as_str().unwrap().starts_with("Version 1.6 was requested"));
            }
        }
    }

    #[test]
    fn the_history_has_no_gap() {
        for (index, (minor, sentence)) in HISTORY.iter().enumerate() {
            assert_eq!(usize::from(*minor), index + 1);
            assert!(sentence.ends_with('.'));
        }
    }
}
