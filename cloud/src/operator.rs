//! What an operator asks of Keystone to set a service up: domains, projects, users, roles, catalogue entries.
//!
//! Only `magnum bootstrap` uses it, with an administrator's login; the service itself never does. Every call that makes
//! something adopts what somebody else made in the meantime: a 409 is answered with what is there.

use domain::{Error, Result, Secret};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::Call;
use crate::core::{Answer, Exchange, Repeat};
use crate::keystone::yes;
use crate::session::{Service as Target, Session};
use crate::settings::Named;
use crate::{Cloud, KeystoneService, Project, Region, User};

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
struct Domains {
    domains: Vec<Domain>,
}
#[derive(Deserialize)]
struct OneDomain {
    domain: Domain,
}
#[derive(Deserialize)]
struct Projects {
    projects: Vec<Project>,
}
#[derive(Deserialize)]
struct OneProject {
    project: Project,
}
#[derive(Deserialize)]
struct OneUser {
    user: User,
}
#[derive(Deserialize)]
struct Roles {
    roles: Vec<Role>,
}
#[derive(Deserialize)]
struct OneRole {
    role: Role,
}
#[derive(Deserialize)]
struct OneService {
    service: KeystoneService,
}
#[derive(Deserialize)]
struct Endpoints {
    endpoints: Vec<Endpoint>,
}
#[derive(Deserialize)]
struct OneEndpoint {
    endpoint: Endpoint,
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

    /// The domain of this id or name.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn find_domain(&self, named: &Named) -> Result<Option<Domain>> {
        if let Some(id) = &named.id {
            let call = self.get(format!("read domain {id}"), &["domains", id]);
            return call.find().await?.map(|reply| Ok(reply.json::<OneDomain>()?.domain)).transpose();
        }
        let Some(name) = &named.name else { return Ok(None) };
        let call = self.get(format!("look for domain {name}"), &["domains"]).query("name", name);
        Ok(of_name(call.send().await?.json::<Domains>()?.domains, name, |domain| &domain.name))
    }

    /// Makes a domain, or finds the one that has the name.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn create_domain(&self, name: &str, description: &str) -> Result<Domain> {
        let body = json!({ "domain": { "name": name, "description": description, "enabled": true } });
        let call = self.post(format!("create domain {name}"), &["domains"], body);
        match call.send().await {
            Ok(reply) => Ok(reply.json::<OneDomain>()?.domain),
            Err(error) => adopted(error, self.find_domain(&Named::name(name))).await,
        }
    }

    /// The project of this name in this domain.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn find_project(&self, name: &str, domain_id: &str) -> Result<Option<Project>> {
        let call = self.get(format!("look for project {name}"), &["projects"]);
        let reply = call.query("name", name).query("domain_id", domain_id).send().await?;
        Ok(of_name(reply.json::<Projects>()?.projects, name, |project| &project.name))
    }

    /// Makes a project, or finds the one that has the name.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn create_project(&self, name: &str, domain_id: &str, description: &str) -> Result<Project> {
        let body = json!({ "project": {
            "name": name, "domain_id": domain_id, "description": description, "enabled": true,
        }});
        let call = self.post(format!("create project {name}"), &["projects"], body);
        match call.send().await {
            Ok(reply) => Ok(reply.json::<OneProject>()?.project),
            Err(error) => adopted(error, self.find_project(name, domain_id)).await,
        }
    }

    /// The user of this id, or of this name in this domain.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn find_user(&self, named: &Named, domain_id: &str) -> Result<Option<User>> {
        if let Some(id) = &named.id {
            let call = self.get(format!("read user {id}"), &["users", id]);
            return call.find().await?.map(|reply| Ok(reply.json::<OneUser>()?.user)).transpose();
        }
        let Some(name) = &named.name else { return Ok(None) };
        self.0.keystone().find_user(name, domain_id).await
    }

    /// Makes a user whose password never ends, or finds the one that has the name, which keeps its password.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn create_user(&self, name: &str, password: &Secret, domain_id: &str) -> Result<User> {
        match self.0.keystone().create_user(name, password, domain_id).await {
            Ok(user) => Ok(user),
            Err(error) => adopted(error, self.find_user(&Named::name(name), domain_id)).await,
        }
    }

    /// Gives a user another password, which ends its tokens.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn set_password(&self, user: &User, password: &Secret) -> Result<()> {
        let body = json!({ "user": { "password": password.expose() } });
        let call = self.0.call(Target::Keystone, Method::PATCH, format!("set the password of user {}", user.name));
        call.path(&["users", &user.id]).json(body).hide(password.expose()).repeatable().send().await?;
        Ok(())
    }

    /// The role of this name that every domain knows.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn find_role(&self, name: &str) -> Result<Option<Role>> {
        let call = self.get(format!("look for role {name}"), &["roles"]).query("name", name);
        Ok(of_name(call.send().await?.json::<Roles>()?.roles, name, |role| &role.name))
    }

    /// Makes a role, or finds the one that has the name.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn create_role(&self, name: &str) -> Result<Role> {
        let body = json!({ "role": { "name": name } });
        match self.post(format!("create role {name}"), &["roles"], body).send().await {
            Ok(reply) => Ok(reply.json::<OneRole>()?.role),
            Err(error) => adopted(error, self.find_role(name)).await,
        }
    }

    /// `true` when the user itself has the role there; what it has through groups does not count.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn has_role(&self, user_id: &str, target: RoleTarget<'_>, role: &Role) -> Result<bool> {
        let doing = format!("look whether user {user_id} has role {}", role.name);
        self.0.call(Target::Keystone, Method::HEAD, doing).path(&grant(user_id, target, role)).done().await
    }

    /// Gives the user the role; nothing happens when it has it.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn give_role(&self, user_id: &str, target: RoleTarget<'_>, role: &Role) -> Result<()> {
        let doing = format!("give user {user_id} role {}", role.name);
        let call = self.0.call(Target::Keystone, Method::PUT, doing).path(&grant(user_id, target, role));
        call.repeatable().send().await?;
        Ok(())
    }

    /// Switches something on that was switched off.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn enable(&self, what: Switch, id: &str) -> Result<()> {
        self.change(what, id, json!({ "enabled": true })).await
    }

    /// Services of this type, also those that are switched off.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn services(&self, kind: &str) -> Result<Vec<KeystoneService>> {
        self.0.keystone().services_of_type(kind).await
    }

    /// Makes a service. Keystone takes any number with the same type and name.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn create_service(&self, kind: &str, name: &str, description: &str) -> Result<KeystoneService> {
        let body = json!({ "service": {
            "type": kind, "name": name, "description": description, "enabled": true,
        }});
        let call = self.0.post(Target::Keystone, format!("create service {name} of type {kind}"));
        Ok(call.path(&["services"]).json(body).send().await?.json::<OneService>()?.service)
    }

    /// Endpoints of a service, in all regions, also those that are switched off.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn endpoints(&self, service_id: &str) -> Result<Vec<Endpoint>> {
        let call = self.get("list the endpoints of a service".to_owned(), &["endpoints"]);
        Ok(call.query("service_id", service_id).send().await?.json::<Endpoints>()?.endpoints)
    }

    /// Makes an endpoint. Keystone takes any number with the same interface and region.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn create_endpoint(
        &self,
        service_id: &str,
        interface: &str,
        region: &str,
        url: &str,
    ) -> Result<Endpoint> {
        let body = json!({ "endpoint": {
            "service_id": service_id, "interface": interface, "region_id": region, "url": url, "enabled": true,
        }});
        let call = self.0.post(Target::Keystone, format!("create the {interface} endpoint {url}"));
        Ok(call.path(&["endpoints"]).json(body).send().await?.json::<OneEndpoint>()?.endpoint)
    }

    /// Gives an endpoint another address.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn move_endpoint(&self, id: &str, url: &str) -> Result<()> {
        self.change(Switch::Endpoint, id, json!({ "url": url })).await
    }

    /// Regions.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn regions(&self) -> Result<Vec<Region>> {
        self.0.keystone().regions().await
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

fn grant<'a>(user_id: &'a str, target: RoleTarget<'a>, role: &'a Role) -> [&'a str; 6] {
    let (collection, id) = match target {
        RoleTarget::Project(id) => ("projects", id),
        RoleTarget::Domain(id) => ("domains", id),
    };
    [collection, id, "users", user_id, "roles", &role.id]
}

/// After a creation failed with a 409: what is there; after anything else the failure.
async fn adopted<T>(error: Error, find: impl Future<Output = Result<Option<T>>>) -> Result<T> {
    if error.cloud_status() != Some(409) {
        return Err(error);
    }
    find.await?.ok_or(error)
}

/// The one of this name; Keystone on MariaDB takes names that differ in case for the same.
fn of_name<T>(all: Vec<T>, name: &str, of: impl Fn(&T) -> &String) -> Option<T> {
    let exact = all.iter().position(|one| of(one) == name);
    let at = exact.or_else(|| all.iter().position(|one| of(one).eq_ignore_ascii_case(name)))?;
    all.into_iter().nth(at)
}
