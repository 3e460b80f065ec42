//! What all sessions share, and the one place that sends: limits, timeouts, repetitions, counters.
//!
//! Bounded: a number of calls per service, a connect timeout, a timeout per request, a limit on answers. Repeated:
//! connection failures and 502, 503, 504 on GET, HEAD, DELETE and logins; anything else only when it is marked
//! repeatable and not one byte was answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::{Error, Result};
use futures::FutureExt;
use openstack::auth::{AuthType, NoAuth};
use openstack::session::Session as Library;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Semaphore;
use tracing::debug;

use crate::detail;
use crate::session::Service;
use crate::settings::{Client, Settings};

/// Largest answer that is read; a page of stacks with outputs stays far below.
const ANSWER_LIMIT: usize = 64 << 20;
/// Longest pause a service may ask for with `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What all sessions share: addresses, HTTP clients, limits, counters.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) settings: Settings,
    /// A session of the library without an identity; every session of ours starts as a copy.
    pub(crate) library: Library,
    keystone: Url,
    clients: [reqwest::Client; Service::ALL.len()],
    limits: [Semaphore; Service::ALL.len()],
    calls: [AtomicU64; Service::ALL.len()],
}

/// When a request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Never: doing it twice would show.
    Never,
    /// When not one byte was answered: doing it twice is noticed, or does no harm.
    Unanswered,
    /// Also after a 502, 503 or 504, or an answer that broke off.
    Safe,
}

/// One request to an absolute address.
pub(crate) struct Exchange {
    pub(crate) service: Service,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
    pub(crate) repeat: Repeat,
}

/// An answer of any status, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Vec<u8>,
}

enum Failure {
    /// Nothing was answered; `timeout` when that is because time ran out.
    Unanswered { timeout: bool, text: String },
    /// The answer broke off or is too large.
    Broken(String),
    /// There is no token to send.
    Token(openstack::Error),
}

impl Settings {
    pub(crate) fn client(&self, service: Service) -> &Client {
        match service {
            Service::Keystone => &self.keystone,
            Service::Heat => &self.heat,
            Service::Glance => &self.glance,
            Service::Nova => &self.nova,
            Service::Neutron => &self.neutron,
            Service::Cinder => &self.cinder,
            Service::Octavia => &self.octavia,
            Service::Barbican => &self.barbican,
        }
    }
}

impl Core {
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        let keystone = keystone_root(&settings.auth_url)?;
        let clients = http_clients(&settings)?;
        let limit = settings.concurrency.max(1);
        // Ready at once: nothing is asked without an identity.
        let library = Library::new(NoAuth::new_without_endpoint())
            .now_or_never()
            .ok_or_else(|| Error::Internal { doing: "open a session".to_owned(), source: None })?
            .map_err(|error| Error::internal("open a session", error))?;
        Ok(Self {
            settings,
            library,
            keystone,
            clients,
            limits: std::array::from_fn(|_| Semaphore::new(limit)),
            calls: std::array::from_fn(|_| AtomicU64::new(0)),
        })
    }

    pub(crate) fn keystone_url(&self, path: &[&str]) -> Url {
        let mut url = self.keystone.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    pub(crate) fn http(&self, service: Service) -> &reqwest::Client {
        &self.clients[service as usize]
    }

    /// Requests sent to a service so far, repetitions and logins included.
    pub(crate) fn calls(&self, service: Service) -> u64 {
        self.calls[service as usize].load(Ordering::Relaxed)
    }

    /// Sends, repeats where that is safe, and reads the answer, whatever its status.
    pub(crate) async fn exchange(&self, x: &Exchange, auth: Option<&dyn AuthType>, doing: &str) -> Result<Answer> {
        let timeout = self.settings.client(x.service).timeout;
        let error = |detail: String| Error::Cloud {
            service: x.service.name(),
            doing: doing.to_owned(),
            status: None,
            detail: detail::shorten(&detail),
        };
        let waiting = self.limits[x.service as usize].acquire();
        let Ok(Ok(_permit)) = tokio::time::timeout(timeout, waiting).await else {
            return Err(error("too many calls to it are waiting for an answer".to_owned()));
        };
        let safe = x.repeat == Repeat::Safe;
        let mut attempt = 1;
        loop {
            let again = attempt < self.settings.attempts;
            let pause = match self.send(x, auth, timeout).await {
                Ok(answer) if again && safe && matches!(answer.status.as_u16(), 502..=504) => {
                    debug!(service = x.service.name(), status = answer.status.as_u16(), attempt, "asking again");
                    answer.retry_after()
                }
                Ok(answer) => return Ok(answer),
                Err(Failure::Unanswered { timeout: false, text }) if again && x.repeat != Repeat::Never => {
                    debug!(service = x.service.name(), error = text, attempt, "asking again");
                    None
                }
                Err(Failure::Broken(text)) if again && safe => {
                    debug!(service = x.service.name(), error = text, attempt, "asking again");
                    None
                }
                Err(Failure::Unanswered { timeout: true, .. }) => {
                    return Err(error(format!("no answer within {} s", timeout.as_secs_f32())));
                }
                Err(Failure::Unanswered { text, .. } | Failure::Broken(text)) => return Err(error(text)),
                Err(Failure::Token(cause)) => return Err(error(cause.to_string())),
            };
            tokio::time::sleep(pause.unwrap_or_else(|| self.pause(attempt))).await;
            attempt += 1;
        }
    }

    /// Doubled each time, and up to a quarter longer so that many callers do not come back together.
    fn pause(&self, attempt: u32) -> Duration {
        let base = self.settings.retry_pause * 2_u32.saturating_pow(attempt - 1);
        base.mul_f64(1.0 + rand::random::<f64>() / 4.0).min(LONGEST_PAUSE)
    }

    async fn send(&self, x: &Exchange, auth: Option<&dyn AuthType>, timeout: Duration) -> Result<Answer, Failure> {
        let http = self.http(x.service);
        let mut request = http.request(x.method.clone(), x.url.clone()).timeout(timeout);
        if x.headers.iter().all(|(name, _)| *name != "Accept") {
            request = request.header("Accept", "application/json");
        }
        for (name, value) in &x.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = &x.body {
            request = request.json(body);
        }
        if let Some(auth) = auth {
            request = auth.authenticate(http, request).await.map_err(Failure::Token)?;
        }
        self.calls[x.service as usize].fetch_add(1, Ordering::Relaxed);
        let mut response = request
            .send()
            .await
            .map_err(|error| Failure::Unanswered { timeout: error.is_timeout(), text: causes(error) })?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_LIMIT => {
                    return Err(Failure::Broken("the answer is too large".to_owned()));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(Answer { status, headers, body }),
                Err(error) if error.is_timeout() => {
                    return Err(Failure::Unanswered { timeout: true, text: causes(error) });
                }
                Err(error) => return Err(Failure::Broken(format!("the answer broke off: {}", causes(error)))),
            }
        }
    }
}

/// Keystone's version 3 root from whatever spelling is configured.
fn keystone_root(text: &str) -> Result<Url> {
    if text.is_empty() {
        let doing = "reach Keystone: no auth_url is set in [keystone_auth] or [keystone_authtoken]".to_owned();
        return Err(Error::Internal { doing, source: None });
    }
    let bad =
        || Error::Internal { doing: format!("read Keystone's address \"{text}\": it is not a URL"), source: None };
    let trimmed = text.trim_end_matches('/');
    let root = trimmed.strip_suffix("/v2.0").or_else(|| trimmed.strip_suffix("/v3")).unwrap_or(trimmed);
    let url = Url::parse(&format!("{root}/v3")).map_err(|_| bad())?;
    if url.cannot_be_a_base() || url.host().is_none() { Err(bad()) } else { Ok(url) }
}

/// A client per service; services with the same TLS settings share one, and its connections and authorities.
fn http_clients(settings: &Settings) -> Result<[reqwest::Client; Service::ALL.len()]> {
    let mut made: Vec<(&Client, reqwest::Client)> = Vec::new();
    for service in Service::ALL {
        let wanted = settings.client(service);
        let same = |other: &&Client| {
            (&other.ca_file, &other.cert_file, &other.key_file, other.insecure)
                == (&wanted.ca_file, &wanted.cert_file, &wanted.key_file, wanted.insecure)
        };
        let http = match made.iter().find(|(other, _)| same(other)) {
            Some((_, http)) => http.clone(),
            None => http_client(wanted, settings.connect_timeout)?,
        };
        made.push((wanted, http));
    }
    let all: Vec<_> = made.into_iter().map(|(_, http)| http).collect();
    all.try_into().map_err(|_| Error::Internal { doing: "make an HTTP client per service".to_owned(), source: None })
}

fn http_client(client: &Client, connect: Duration) -> Result<reqwest::Client> {
    let read =
        |path: &str| std::fs::read(path).map_err(|error| Error::internal(format!("read the TLS file {path}"), error));
    let mut builder = reqwest::Client::builder()
        .connect_timeout(connect)
        .redirect(reqwest::redirect::Policy::none())
        // Shorter than the keep-alive of the servers in use, so that idle connections are closed by us.
        .pool_idle_timeout(Duration::from_secs(20))
        .user_agent(concat!("magnum/", env!("CARGO_PKG_VERSION")))
        .danger_accept_invalid_certs(client.insecure);
    if let Some(path) = &client.ca_file {
        let found = reqwest::Certificate::from_pem_bundle(&read(path)?)
            .map_err(|error| Error::internal(format!("read the authorities in {path}"), error))?;
        for certificate in found {
            builder = builder.add_root_certificate(certificate);
        }
    }
    if let (Some(cert), Some(key)) = (&client.cert_file, &client.key_file) {
        let identity = reqwest::Identity::from_pkcs8_pem(&read(cert)?, &read(key)?)
            .map_err(|error| Error::internal(format!("read the client certificate {cert}"), error))?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| Error::internal("make an HTTP client", error))
}

/// The chain of causes on one line, without the address (it may hold a query).
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        let next = inner.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = inner.source();
    }
    text
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
        Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
    }

    /// Reads the body; the error names a place and never quotes the body.
    pub(crate) fn json<T: DeserializeOwned>(&self, service: Service, doing: &str) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| Error::Cloud {
            service: service.name(),
            doing: doing.to_owned(),
            status: None,
            detail: format!(
                "its answer is not in the expected form (line {}, column {})",
                error.line(),
                error.column()
            ),
        })
    }

    pub(crate) fn into_error<'s>(
        self,
        service: Service,
        doing: &str,
        secrets: impl IntoIterator<Item = &'s str>,
    ) -> Error {
        let mut detail = detail::extract(&self.body, secrets);
        if detail.is_empty() {
            let reason = self.status.canonical_reason().unwrap_or("no reason given");
            detail = format!("{} {reason}", self.status.as_u16());
        }
        let id = ["x-openstack-request-id", "x-compute-request-id"].iter().find_map(|name| self.header(name));
        if let Some(id) = id.filter(|id| id.len() <= 64) {
            detail = format!("{detail} ({id})");
        }
        Error::Cloud { service: service.name(), doing: doing.to_owned(), status: Some(self.status.as_u16()), detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_keystones_address_is_read() {
        for text in ["http://k:5000", "http://k:5000/", "http://k:5000/v3", "http://k:5000/v3/", "http://k:5000/v2.0"] {
            assert_eq!(keystone_root(text).unwrap().as_str(), "http://k:5000/v3", "{text}");
        }
        assert_eq!(keystone_root("https://c/identity/v3").unwrap().as_str(), "https://c/identity/v3");
        for text in ["", "keystone", "mailto:x"] {
            assert!(keystone_root(text).is_err(), "{text}");
        }
    }
}
