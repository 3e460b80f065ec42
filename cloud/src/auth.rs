//! Where tokens come from: a password login that renews itself, or the caller's own token that cannot be renewed.
//!
//! Both are `openstack` authentication types of our own, because the library's know no trust scope, fail on catalogues
//! with a null region, and cannot drop a token that was revoked early. Interfaces and regions are chosen per service
//! from [`crate::Settings`]; the library's single endpoint filter is ignored.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Error, Result, Secret};
use futures::future::BoxFuture;
use openstack::auth::AuthType;
use openstack::{EndpointFilters, ErrorKind};
use reqwest::{Method, RequestBuilder, Url};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::core::{Core, Exchange, Repeat};
use crate::detail;
use crate::identity::Identity;
use crate::session::Service;
use crate::settings::Named;
use crate::token::{Facts, TokenRoot};

/// Renew this long before the end, or after nine tenths of a shorter life.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

/// One way of being authenticated.
#[derive(Clone, Debug)]
pub(crate) enum Auth {
    /// Logs in with a password whenever no usable token is held.
    Login(Arc<Login>),
    /// Forwards a token that was given to us.
    User(Arc<UserToken>),
}

/// A token with what Keystone said about it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) secret: Secret,
    pub(crate) facts: Facts,
    renew_at: DateTime<Utc>,
}

/// A password login and the token it last gave.
pub(crate) struct Login {
    core: Arc<Core>,
    /// For errors: "log in as the service user".
    doing: String,
    identity: Value,
    password: Option<Secret>,
    scope: Option<Value>,
    held: Mutex<Option<Arc<Held>>>,
}

/// The caller's own token, forwarded as it is.
pub(crate) struct UserToken {
    secret: Secret,
    project: String,
    identity: Identity,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("doing", &self.doing).finish_non_exhaustive()
    }
}

impl fmt::Debug for UserToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserToken").field("project", &self.project).finish_non_exhaustive()
    }
}

/// `{"id": ..}` or `{"name": .., "domain": ..}`; the id wins. `None` when neither is known.
pub(crate) fn reference(named: &Named, domain: Option<&Named>) -> Option<Value> {
    match (&named.id, &named.name) {
        (Some(id), _) => Some(json!({ "id": id })),
        (None, Some(name)) => {
            let mut value = json!({ "name": name });
            if let Some(domain) = domain.and_then(|domain| reference(domain, None)) {
                value["domain"] = domain;
            }
            Some(value)
        }
        (None, None) => None,
    }
}

impl Login {
    /// `user` and `scope` are the objects of Keystone's request, without the password.
    pub(crate) fn new(
        core: Arc<Core>,
        doing: impl Into<String>,
        user: Value,
        password: Option<Secret>,
        scope: Option<Value>,
    ) -> Arc<Self> {
        Arc::new(Self { core, doing: doing.into(), identity: user, password, scope, held: Mutex::new(None) })
    }

    async fn held(&self) -> Result<Arc<Held>> {
        // Held while logging in, so that many calls share one login.
        let mut slot = self.held.lock().await;
        if let Some(held) = slot.as_ref().filter(|held| Utc::now() < held.renew_at) {
            return Ok(held.clone());
        }
        *slot = None;
        let fresh = Arc::new(self.login().await?);
        *slot = Some(fresh.clone());
        Ok(fresh)
    }

    async fn login(&self) -> Result<Held> {
        let blank = |what: &str| Error::Internal { doing: format!("{}: no {what} is set", self.doing), source: None };
        let password = self.password.as_ref().ok_or_else(|| blank("password"))?;
        if self.identity.is_null() {
            return Err(blank("user"));
        }
        let mut user = self.identity.clone();
        user["password"] = password.expose().into();
        let mut auth = json!({ "identity": { "methods": ["password"], "password": { "user": user } } });
        if let Some(scope) = &self.scope {
            auth["scope"] = scope.clone();
        }
        let exchange = Exchange {
            service: Service::Keystone,
            method: Method::POST,
            url: self.core.keystone_url(&["auth", "tokens"]),
            headers: Vec::new(),
            body: Some(json!({ "auth": auth })),
            repeat: Repeat::Safe,
        };
        let answer = self.core.exchange(&exchange, None, &self.doing).await?;
        if !answer.status.is_success() {
            let mut error = answer.into_error(Service::Keystone, &self.doing, [password.expose()]);
            // Keystone says 404 to a trust that is gone. That must never look like the absence of what is to be read.
            if let Error::Cloud { status: status @ Some(404), .. } = &mut error {
                *status = Some(401);
            }
            return Err(error);
        }
        let secret = answer.header("x-subject-token").map(Secret::new).ok_or_else(|| Error::Cloud {
            service: Service::Keystone.name(),
            doing: self.doing.clone(),
            status: None,
            detail: "the answer carries no token".to_owned(),
        })?;
        let facts = Facts::from(answer.json::<TokenRoot>(Service::Keystone, &self.doing)?);
        let life = facts.expires_at - Utc::now();
        let renew_at = facts.expires_at - MARGIN.min(life / 10);
        Ok(Held { secret, facts, renew_at })
    }

    async fn drop_token(&self, rejected: Option<&Secret>) {
        let mut slot = self.held.lock().await;
        let same = match (&*slot, rejected) {
            (Some(held), Some(rejected)) => held.secret.expose() == rejected.expose(),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if same {
            *slot = None;
        }
    }
}

impl UserToken {
    pub(crate) fn new(secret: Secret, project: String, identity: Identity) -> Arc<Self> {
        Arc::new(Self { secret, project, identity })
    }

    /// Boxed, because validating is itself a call of a session.
    fn facts(&self) -> BoxFuture<'_, Result<Facts>> {
        Box::pin(async move {
            let refused = |detail: String| Error::Cloud {
                service: Service::Keystone.name(),
                doing: "accept the caller's token".to_owned(),
                status: Some(401),
                detail,
            };
            let Some(valid) = self.identity.validate(&self.secret).await? else {
                return Err(refused("it has expired or was revoked".to_owned()));
            };
            match valid.caller.project_id.as_deref() {
                Some(actual) if actual == self.project => Ok(valid.facts()),
                actual => {
                    let actual = actual.unwrap_or("no project");
                    Err(refused(format!("it is scoped to {actual}, but project {} is needed", self.project)))
                }
            }
        })
    }
}

impl Auth {
    /// A token that is worth sending.
    pub(crate) async fn token(&self) -> Result<Secret> {
        match self {
            Self::Login(login) => Ok(login.held().await?.secret.clone()),
            Self::User(user) => Ok(user.secret.clone()),
        }
    }

    /// Who the token belongs to and what it opens.
    pub(crate) async fn facts(&self) -> Result<Facts> {
        match self {
            Self::Login(login) => Ok(login.held().await?.facts.clone()),
            Self::User(user) => user.facts().await,
        }
    }

    /// A service refused `token`: never send it again. `true` when there can be a new one.
    pub(crate) async fn reject(&self, token: &Secret) -> bool {
        match self {
            Self::Login(login) => {
                login.drop_token(Some(token)).await;
                true
            }
            Self::User(user) => {
                user.identity.forget(token).await;
                false
            }
        }
    }
}

fn foreign(error: &Error) -> openstack::Error {
    openstack::Error::new(ErrorKind::AuthenticationFailed, detail::shorten(&error.to_string()))
}

#[async_trait]
impl AuthType for Auth {
    async fn authenticate(
        &self,
        _client: &reqwest::Client,
        request: RequestBuilder,
    ) -> Result<RequestBuilder, openstack::Error> {
        let token = self.token().await.map_err(|error| foreign(&error))?;
        Ok(request.header("X-Auth-Token", token.expose()))
    }

    async fn get_endpoint(
        &self,
        _client: &reqwest::Client,
        service_type: &str,
        _filters: &EndpointFilters,
    ) -> Result<Url, openstack::Error> {
        let facts = self.facts().await.map_err(|error| foreign(&error))?;
        let core = match self {
            Self::Login(login) => &login.core,
            Self::User(user) => user.identity.core(),
        };
        let missing = |text: String| openstack::Error::new(ErrorKind::EndpointNotFound, text);
        let service = Service::of_type(service_type).ok_or_else(|| missing(format!("{service_type} is not used")))?;
        let client = core.settings.client(service);
        let (interface, region) = (client.interface, client.region.as_deref());
        let found = facts.catalogue.endpoint(service.kinds(), interface, region).ok_or_else(|| {
            let place = region.map_or_else(String::new, |region| format!(" in region {region}"));
            missing(format!("the catalogue has no {} endpoint of {service_type}{place}", interface.as_str()))
        })?;
        Url::parse(found).map_err(|_| missing(format!("the catalogue's address of {service_type} is not a URL")))
    }

    /// Drops the held token whatever its age: the next use logs in again.
    async fn refresh(&self, _client: &reqwest::Client) -> Result<(), openstack::Error> {
        if let Self::Login(login) = self {
            login.drop_token(None).await;
        }
        Ok(())
    }
}
