//! A call to a service, built up and sent: address, token, one renewal after a 401, redirects, what a 404 means.

use domain::{Error, Result, Secret};
use reqwest::header::LOCATION;
use reqwest::{Method, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::core::{Answer, Exchange, Repeat};
use crate::session::{Service, Session};

/// Redirects followed by one call; Heat sends one.
const HOPS: u32 = 3;

/// A call under construction.
pub(crate) struct Call<'a> {
    session: &'a Session,
    service: Service,
    method: Method,
    doing: String,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
    repeat: Repeat,
    hidden: Vec<Secret>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(session: &'a Session, service: Service, method: Method, doing: String) -> Self {
        Self {
            session,
            service,
            repeat: if matches!(method, Method::GET | Method::HEAD | Method::DELETE) {
                Repeat::Safe
            } else {
                Repeat::Never
            },
            method,
            doing,
            path: Vec::new(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            hidden: Vec::new(),
        }
    }

    /// Segments below the service's versioned root.
    pub(crate) fn path(mut self, segments: &[&str]) -> Self {
        self.path.extend(segments.iter().map(|segment| (*segment).to_owned()));
        self
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Asks for a microversion, for example `compute 2.2`.
    pub(crate) fn microversion(self, version: &str) -> Self {
        self.header("OpenStack-API-Version", version)
    }

    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// The call may be sent again when nothing was answered: doing it twice does no harm or is noticed.
    pub(crate) fn repeatable(mut self) -> Self {
        self.repeat = Repeat::Unanswered;
        self
    }

    /// Never let this text appear in an error.
    pub(crate) fn hide(mut self, secret: &str) -> Self {
        self.hidden.push(Secret::new(secret));
        self
    }

    /// Sends; anything but success is an error.
    pub(crate) async fn send(self) -> Result<Reply> {
        let (answer, token) = self.run().await?;
        self.judge(answer, &token)
    }

    /// Sends; the service's own 404 is `None`. A login that fails is an error whatever its status.
    pub(crate) async fn find(self) -> Result<Option<Reply>> {
        let (answer, token) = self.run().await?;
        if answer.status != StatusCode::NOT_FOUND {
            return self.judge(answer, &token).map(Some);
        }
        // A proxy in front of Heat, or a path that Heat does not know, must not make stacks look deleted: only Heat's own
        // word for what is missing has an error in it.
        let own =
            || serde_json::from_slice::<Map<String, Value>>(answer.body()).is_ok_and(|body| body.contains_key("error"));
        if self.service == Service::Heat && !own() {
            let detail = "something that is not heat answered 404; is its address in the catalogue right?".to_owned();
            return Err(Error::Cloud { service: self.service.name(), doing: self.doing, status: None, detail });
        }
        Ok(None)
    }

    fn judge(self, answer: Answer, token: &Secret) -> Result<Reply> {
        if answer.status.is_success() {
            return Ok(Reply { answer, service: self.service, doing: self.doing });
        }
        let hidden = self.hidden.iter().map(Secret::expose);
        let secrets: Vec<&str> = hidden.chain([token.expose()]).collect();
        Err(answer.into_error(self.service, &self.doing, secrets))
    }

    /// Sends; `false` when the thing was not there (404).
    pub(crate) async fn done(self) -> Result<bool> {
        Ok(self.find().await?.is_some())
    }

    async fn run(&self) -> Result<(Answer, Secret)> {
        let session = self.session;
        let mut token = session.auth.token().await?;
        let base = session.base(self.service, &self.doing).await?;
        let mut url = base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&self.path);
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let mut exchange = Exchange {
            service: self.service,
            method: self.method.clone(),
            url,
            headers: self.headers.clone(),
            body: self.body.clone(),
            repeat: self.repeat,
        };
        let (mut renewed, mut hops) = (false, 0);
        loop {
            let answer = session.core.exchange(&exchange, Some(&session.auth), &self.doing).await?;
            match answer.status.as_u16() {
                401 if !renewed && session.auth.reject(&token).await => {
                    renewed = true;
                    token = session.auth.token().await?;
                }
                301 | 302 | 307 | 308 if hops < HOPS => {
                    hops += 1;
                    exchange.url = self.follow(&answer, &base, &exchange.url)?;
                }
                _ => return Ok((answer, token)),
            }
        }
    }

    /// Where a redirect leads, taken as a path below the service's own address: whatever host a proxy wrote into it,
    /// the token goes nowhere else.
    fn follow(&self, answer: &Answer, base: &Url, from: &Url) -> Result<Url> {
        let lost = |detail: &str| Error::Cloud {
            service: self.service.name(),
            doing: self.doing.clone(),
            status: Some(answer.status.as_u16()),
            detail: detail.to_owned(),
        };
        let location = answer
            .headers
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| from.join(text).ok())
            .ok_or_else(|| lost("it redirects to nowhere"))?;
        let root = base.path().trim_end_matches('/');
        let tail = location.path().strip_prefix(root).filter(|tail| tail.starts_with('/'));
        let Some(tail) = tail else { return Err(lost("it redirects out of its own address")) };
        let mut to = base.clone();
        to.set_path(&format!("{root}{tail}"));
        to.set_query(location.query().or(from.query()));
        Ok(to)
    }
}

/// A successful answer that still knows what was asked, for its errors.
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    service: Service,
    doing: String,
}

impl Reply {
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        self.answer.json(self.service, &self.doing)
    }
}
