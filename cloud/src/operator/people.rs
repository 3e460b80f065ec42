//! Domains, projects, users and roles: found by name or id, made where they are missing.

use domain::{Result, Secret};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Domain, Operator, Role, RoleTarget, adopted};
use crate::session::Service as Target;
use crate::{Named, Project, User};

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

impl Operator<'_> {
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
}

fn grant<'a>(user_id: &'a str, target: RoleTarget<'a>, role: &'a Role) -> [&'a str; 6] {
    let (collection, id) = match target {
        RoleTarget::Project(id) => ("projects", id),
        RoleTarget::Domain(id) => ("domains", id),
    };
    [collection, id, "users", user_id, "roles", &role.id]
}

/// The one of this name; Keystone on MariaDB takes names that differ in case for the same.
fn of_name<T>(all: Vec<T>, name: &str, of: impl Fn(&T) -> &String) -> Option<T> {
    let exact = all.iter().position(|one| of(one) == name);
    let at = exact.or_else(|| all.iter().position(|one| of(one).eq_ignore_ascii_case(name)))?;
    all.into_iter().nth(at)
}
