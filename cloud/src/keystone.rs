//! Keystone: users, trusts, projects, services, regions.

use domain::{Result, Secret};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::session::{Service as Target, Session};

/// Keystone's calls in one identity's name.
#[derive(Debug)]
pub struct Keystone<'a>(&'a Session);

/// A user.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct User {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Domain it lives in.
    pub domain_id: String,
    /// `false` when it cannot log in.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// A trust.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Trust {
    /// Id.
    pub id: String,
    /// Who trusts.
    pub trustor_user_id: String,
    /// Who is trusted.
    pub trustee_user_id: String,
    /// Project the trust is good for.
    pub project_id: Option<String>,
}

/// A project.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Project {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// `false` when nobody can be scoped to it.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// A registered service.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Service {
    /// Id.
    pub id: String,
    /// Type, for example `load-balancer`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Name.
    pub name: Option<String>,
    /// `false` when it is left out of catalogues.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// A region.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Region {
    /// Id, which is also its name.
    pub id: String,
}

pub(crate) fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct Users {
    users: Vec<User>,
}
#[derive(Deserialize)]
struct OneUser {
    user: User,
}
#[derive(Deserialize)]
struct Trusts {
    trusts: Vec<Trust>,
}
#[derive(Deserialize)]
struct OneTrust {
    trust: Trust,
}
#[derive(Deserialize)]
struct OneProject {
    project: Project,
}
#[derive(Deserialize)]
struct Services {
    services: Vec<Service>,
}
#[derive(Deserialize)]
struct Regions {
    regions: Vec<Region>,
}

impl<'a> Keystone<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self(session)
    }

    /// Creates an enabled user whose password never ends; a name that is taken is a 409.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn create_user(&self, name: &str, password: &Secret, domain_id: &str) -> Result<User> {
        let password = password.expose();
        let body = json!({ "user": {
            "name": name,
            "password": password,
            "domain_id": domain_id,
            "enabled": true,
            "options": { "ignore_change_password_upon_first_use": true, "ignore_password_expiry": true },
        }});
        let call = self.0.post(Target::Keystone, format!("create user {name}")).path(&["users"]);
        // Repeating is noticed: the name is taken then.
        Ok(call.json(body).hide(password).repeatable().send().await?.json::<OneUser>()?.user)
    }

    /// The user of this name in this domain.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn find_user(&self, name: &str, domain_id: &str) -> Result<Option<User>> {
        let call = self.0.get(Target::Keystone, format!("look for user {name}")).path(&["users"]);
        let users = call.query("name", name).query("domain_id", domain_id).send().await?.json::<Users>()?.users;
        Ok(users.into_iter().find(|user| user.name == name))
    }

    /// All users of a domain, for the search for leftovers.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn users(&self, domain_id: &str) -> Result<Vec<User>> {
        let call = self.0.get(Target::Keystone, "list the users of a domain").path(&["users"]);
        Ok(call.query("domain_id", domain_id).send().await?.json::<Users>()?.users)
    }

    /// Deletes a user; `false` when there was none.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn delete_user(&self, id: &str) -> Result<bool> {
        self.0.delete(Target::Keystone, format!("delete user {id}")).path(&["users", id]).done().await
    }

    /// Lets `trustee_user_id` act in this session's project in the name of this session's user, with impersonation and
    /// without an end. `roles` empty: all roles of the session.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`]; 403 for sessions that may not create trusts (application credentials, other trusts).
    pub async fn create_trust(&self, trustee_user_id: &str, roles: &[String]) -> Result<Trust> {
        let caller = self.0.caller().await?;
        let names = if roles.is_empty() { &caller.roles } else { roles };
        let roles: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
        let body = json!({ "trust": {
            "trustor_user_id": caller.user_id,
            "trustee_user_id": trustee_user_id,
            "project_id": caller.project_id,
            "impersonation": true,
            "allow_redelegation": false,
            "roles": roles,
        }});
        let call = self.0.post(Target::Keystone, format!("create a trust for user {trustee_user_id}"));
        Ok(call.path(&["OS-TRUST", "trusts"]).json(body).send().await?.json::<OneTrust>()?.trust)
    }

    /// A trust held by `trustee_user_id`, as far as this session's user may see it: as trustee all of its trusts, as
    /// anybody else the ones it gave.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn find_trust(&self, trustee_user_id: &str) -> Result<Option<Trust>> {
        Ok(self.trusts_of(trustee_user_id).await?.into_iter().next())
    }

    /// Every trust held by `trustee_user_id`, with the same limit.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn trusts_of(&self, trustee_user_id: &str) -> Result<Vec<Trust>> {
        let me = self.0.caller().await?.user_id;
        // Keystone lets users list their own trusts only, and checks each filter by itself.
        let (filter, value) =
            if me == trustee_user_id { ("trustee_user_id", trustee_user_id) } else { ("trustor_user_id", me.as_str()) };
        let call = self.0.get(Target::Keystone, format!("look for a trust of user {trustee_user_id}"));
        let mut trusts = call.path(&["OS-TRUST", "trusts"]).query(filter, value).send().await?.json::<Trusts>()?.trusts;
        trusts.retain(|trust| trust.trustee_user_id == trustee_user_id);
        Ok(trusts)
    }

    /// The trust of this id.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn trust(&self, id: &str) -> Result<Option<Trust>> {
        let call = self.0.get(Target::Keystone, format!("read trust {id}")).path(&["OS-TRUST", "trusts", id]);
        call.find().await?.map(|reply| Ok(reply.json::<OneTrust>()?.trust)).transpose()
    }

    /// Deletes a trust; `false` when there was none. Only the trustor may, or the trustee logged in with the trust.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn delete_trust(&self, id: &str) -> Result<bool> {
        self.0.delete(Target::Keystone, format!("delete trust {id}")).path(&["OS-TRUST", "trusts", id]).done().await
    }

    /// The project of this id.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn project(&self, id: &str) -> Result<Option<Project>> {
        let call = self.0.get(Target::Keystone, format!("read project {id}")).path(&["projects", id]);
        call.find().await?.map(|reply| Ok(reply.json::<OneProject>()?.project)).transpose()
    }

    /// Registered services of one type.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn services_of_type(&self, kind: &str) -> Result<Vec<Service>> {
        let call = self.0.get(Target::Keystone, format!("list services of type {kind}")).path(&["services"]);
        Ok(call.query("type", kind).send().await?.json::<Services>()?.services)
    }

    /// Regions.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn regions(&self) -> Result<Vec<Region>> {
        Ok(self.0.get(Target::Keystone, "list regions").path(&["regions"]).send().await?.json::<Regions>()?.regions)
    }
}
