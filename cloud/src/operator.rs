//! What an operator asks of Keystone to set a service up: domains, projects, users, roles, catalogue entries.
//!
//! Only `magnum bootstrap` uses it, with an administrator's login; the service itself never does. Every call that makes
//! something adopts what somebody else made in the meantime: a 409 is answered with what is there.

mod catalogue;
mod people;

use domain::{Error, Result, Secret};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Cloud;
use crate::call::Call;
use crate::core::{Answer, Exchange, Repeat};
use crate::keystone::yes;
use crate::session::{Service as Target, Session};
use crate::settings::Named;

/// A user with a password.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user.
    pub user: Named,
    /// Domain of the user; not needed with a user id.
    pub domain: Named,
    /// The password.
    pub password: Secret,
}

/// What a login is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Nothing but to prove the password.
    Unscoped,
    /// One project, and the domain it lives in.
    Project(Named, Named),
    /// One domain.
    Domain(Named),
    /// The whole cloud.
    System,
}

/// A domain.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Domain {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// `false` when none of its users can log in.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// A role.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Role {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
}

/// An address in the catalogue.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Endpoint {
    /// Id.
    pub id: String,
    /// `public`, `internal` or `admin`.
    pub interface: String,
    /// Region; `None` serves every region.
    pub region_id: Option<String>,
    /// The address.
    pub url: String,
    /// `false` when it is left out of catalogues.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// What a role is given on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleTarget<'a> {
    /// The project of this id.
    Project(&'a str),
    /// The domain of this id.
    Domain(&'a str),
}

/// What can be switched off and on again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// A domain.
    Domain,
    /// A project.
    Project,
    /// A user.
    User,
    /// A service.
    Service,
    /// An endpoint.
    Endpoint,
}

impl Switch {
    /// Keystone's word for it; the collection has the same name with an `s`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Project => "project",
            Self::User => "user",
            Self::Service => "service",
            Self::Endpoint => "endpoint",
        }
    }
}

#[derive(Deserialize)]
struct VersionRoot {
    version: Version,
}
#[derive(Deserialize)]
struct Version {
    id: String,
}

impl Cloud {
    /// Makes sure, without logging in, that Keystone's version 3 answers at the configured address.
    ///
    /// # Errors
    /// [`Error::Cloud`], without a status when nothing answers, with one when something else than Keystone does.
    pub async fn discover_keystone(&self) -> Result<()> {
        let doing = "say which versions it speaks";
        let core = self.core();
        let exchange = Exchange {
            service: Target::Keystone,
            method: Method::GET,
            url: core.keystone_url(&[]),
            headers: Vec::new(),
            body: None,
            repeat: Repeat::Safe,
        };
        let answer = core.exchange(&exchange, None, doing).await?;
        if speaks_version_3(&answer) {
            return Ok(());
        }
        let status = answer.status;
        let detail = match answer.header("location").filter(|_| status.is_redirection()) {
            Some(location) => format!("it redirects to {location}"),
            None => format!("status {}, and not the document of Keystone's version 3", status.as_u16()),
        };
        Err(Error::Cloud {
            service: Target::Keystone.name(),
            doing: doing.to_owned(),
            status: Some(status.as_u16()),
            detail,
        })
    }
}

fn speaks_version_3(answer: &Answer) -> bool {
    answer.status == StatusCode::OK
        && serde_json::from_slice::<VersionRoot>(answer.body()).is_ok_and(|root| root.version.id.starts_with("v3"))
}

/// Keystone's calls for setting up, in an administrator's name.
#[derive(Debug)]
pub struct Operator<'a>(&'a Session);

impl<'a> Operator<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self(session)
    }

    /// Switches something on that was switched off.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn enable(&self, what: Switch, id: &str) -> Result<()> {
        self.change(what, id, json!({ "enabled": true })).await
    }

    async fn change(&self, what: Switch, id: &str, members: Value) -> Result<()> {
        let key = what.name();
        let call = self.0.call(Target::Keystone, Method::PATCH, format!("change {key} {id}"));
        call.path(&[&format!("{key}s"), id]).json(json!({ key: members })).repeatable().send().await?;
        Ok(())
    }

    fn get(&self, doing: String, path: &[&str]) -> Call<'_> {
        self.0.get(Target::Keystone, doing).path(path)
    }

    /// For what has a unique name: repeating is noticed, the name is taken then.
    fn post(&self, doing: String, path: &[&str], body: Value) -> Call<'_> {
        self.0.post(Target::Keystone, doing).path(path).json(body).repeatable()
    }
}

/// After a creation failed with a 409: what is there; after anything else the failure.
async fn adopted<T>(error: Error, find: impl Future<Output = Result<Option<T>>>) -> Result<T> {
    if error.cloud_status() != Some(409) {
        return Err(error);
    }
    find.await?.ok_or(error)
}
