//! Domains, projects and roles, and who has which role where.

use serde_json::{Map, Value, json};

use super::people::User;
use super::tokens::Grant;
use super::{Directory, denied, missing};
use crate::http::{Answer, Refusal, Reply, Request};
use crate::state::hex_id;

/// A Keystone domain.
pub(super) struct Domain {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) enabled: bool,
}

/// A project.
pub(super) struct Project {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) domain_id: String,
    pub(super) description: String,
    pub(super) enabled: bool,
}

/// What a role is given on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Project(String),
    Domain(String),
    /// The whole cloud.
    System,
}

impl Directory {
    pub(crate) fn add_domain(&mut self, id: &str, name: &str) -> String {
        let domain = Domain { id: id.to_owned(), name: name.to_owned(), description: String::new(), enabled: true };
        self.domains.insert(id.to_owned(), domain);
        id.to_owned()
    }

    pub(crate) fn add_project(&mut self, id: &str, name: &str, domain_id: &str) -> String {
        let (name, domain_id) = (name.to_owned(), domain_id.to_owned());
        let project = Project { id: id.to_owned(), name, domain_id, description: String::new(), enabled: true };
        self.projects.insert(id.to_owned(), project);
        id.to_owned()
    }

    pub(crate) fn add_role(&mut self, name: &str) -> String {
        let id = hex_id();
        self.roles.insert(id.clone(), name.to_owned());
        id
    }

    pub(crate) fn assign(&mut self, user_id: &str, target: Target, role: &str) {
        self.assignments.insert((user_id.to_owned(), target, role.to_owned()));
    }

    /// Names of the roles of a user on a target.
    pub(super) fn roles_of(&self, user_id: &str, target: &Target) -> Vec<String> {
        self.assignments
            .iter()
            .filter(|(user, on, _)| user == user_id && on == target)
            .map(|(_, _, role)| role.clone())
            .collect()
    }

    /// Neither the user nor its domain is switched off.
    pub(super) fn is_active(&self, user: &User) -> bool {
        user.enabled && self.domains.get(&user.domain_id).is_some_and(|domain| domain.enabled)
    }

    pub(super) fn own_projects(&self, grant: &Grant) -> Vec<Value> {
        self.projects
            .values()
            .filter(|project| !self.roles_of(&grant.user_id, &Target::Project(project.id.clone())).is_empty())
            .map(Project::show)
            .collect()
    }

    pub(super) fn domain_request(&mut self, grant: &Grant, request: &Request, path: &[&str]) -> Answer {
        if let ("PATCH" | "DELETE", [id]) = (request.method.as_str(), path)
            && !self.domains.contains_key(*id)
        {
            return Err(missing("domain", id));
        }
        if !(request.method == "GET" && path == [self.domain_of(grant)]) {
            allowed(grant, "domain", request, path)?;
        }
        match (request.method.as_str(), path) {
            ("GET", []) => {
                let rows = self.domains.values().filter(|domain| wanted(request, "name", &domain.name));
                Ok(Reply::ok(json!({"domains": rows.map(Domain::show).collect::<Vec<_>>(), "links": {}})))
            }
            ("POST", []) => {
                let (name, body) = named(request, "domain")?;
                if self.domains.values().any(|domain| domain.name.eq_ignore_ascii_case(&name)) {
                    return Err(Refusal::conflict(&format!(
                        "Conflict occurred attempting to store project - it is not permitted to have two projects acting \
                         as domains with the same name: {name}."
                    )));
                }
                let id = self.add_domain(&hex_id(), &name);
                Ok(Reply::json(201, json!({"domain": self.change_domain(&id, &body)?})))
            }
            ("GET", [id]) => {
                let domain = self.domains.get(*id).ok_or_else(|| missing("domain", id))?;
                Ok(Reply::ok(json!({"domain": domain.show()})))
            }
            ("PATCH", [id]) => {
                let body = request.member("domain")?;
                Ok(Reply::ok(json!({"domain": self.change_domain(id, &body)?})))
            }
            ("DELETE", [id]) => self.delete_domain(id),
            _ => Err(Refusal::no_route()),
        }
    }

    /// The domain of the token, or of its project; everybody may read that one.
    fn domain_of<'a>(&'a self, grant: &'a Grant) -> &'a str {
        let project = grant.project_id.as_ref().and_then(|id| self.projects.get(id));
        grant.domain_scope.as_deref().or(project.map(|project| project.domain_id.as_str())).unwrap_or_default()
    }

    /// With everything in it.
    fn delete_domain(&mut self, id: &str) -> Answer {
        let domain = self.domains.get(id).ok_or_else(|| missing("domain", id))?;
        if domain.enabled {
            return Err(Refusal::forbidden("Cannot delete a domain that is enabled, please disable it first."));
        }
        self.domains.shift_remove(id);
        let projects: Vec<String> =
            self.projects.values().filter(|one| one.domain_id == id).map(|one| one.id.clone()).collect();
        projects.iter().for_each(|project| self.forget_project(project));
        let users: Vec<String> =
            self.users.values().filter(|one| one.domain_id == id).map(|one| one.id.clone()).collect();
        users.iter().for_each(|user| self.forget_user(user));
        self.assignments.retain(|(_, on, _)| *on != Target::Domain(id.to_owned()));
        Ok(Reply::empty(204))
    }

    fn forget_project(&mut self, id: &str) {
        self.projects.shift_remove(id);
        self.assignments.retain(|(_, on, _)| *on != Target::Project(id.to_owned()));
    }

    fn change_domain(&mut self, id: &str, body: &Map<String, Value>) -> Result<Value, Refusal> {
        let domain = self.domains.get_mut(id).ok_or_else(|| missing("domain", id))?;
        change(body, &mut domain.name, &mut domain.description, &mut domain.enabled);
        Ok(domain.show())
    }

    pub(super) fn project_request(&mut self, grant: &Grant, request: &Request, path: &[&str]) -> Answer {
        let own = |id: &str| !self.roles_of(&grant.user_id, &Target::Project(id.to_owned())).is_empty();
        if !(request.method == "GET" && path.len() == 1 && own(path[0])) {
            allowed(grant, "project", request, path)?;
        }
        match (request.method.as_str(), path) {
            ("GET", []) => {
                let rows: Vec<Value> = self
                    .projects
                    .values()
                    .filter(|project| wanted(request, "name", &project.name))
                    .filter(|project| wanted(request, "domain_id", &project.domain_id))
                    .map(Project::show)
                    .collect();
                Ok(Reply::ok(json!({"projects": rows, "links": {}})))
            }
            ("POST", []) => self.create_project(request),
            ("GET", [id]) => {
                let project = self.projects.get(*id).ok_or_else(|| missing("project", id))?;
                Ok(Reply::ok(json!({"project": project.show()})))
            }
            ("PATCH", [id]) => {
                let body = request.member("project")?;
                Ok(Reply::ok(json!({"project": self.change_project(id, &body)?})))
            }
            ("DELETE", [id]) => {
                self.projects.get(*id).ok_or_else(|| missing("project", id))?;
                self.forget_project(id);
                Ok(Reply::empty(204))
            }
            _ => Err(Refusal::no_route()),
        }
    }

    fn create_project(&mut self, request: &Request) -> Answer {
        let (name, body) = named(request, "project")?;
        let domain = body.get("domain_id").and_then(Value::as_str).unwrap_or("default");
        if !self.domains.contains_key(domain) {
            return Err(Refusal::bad(&format!("Could not find domain: {domain}.")));
        }
        let mut same = self.projects.values().filter(|project| project.domain_id == domain);
        if let Some(project) = same.find(|project| project.name.eq_ignore_ascii_case(&name)) {
            return Err(Refusal::conflict(&format!(
                "Conflict occurred attempting to store project - it is not permitted to have two projects with either the \
                 same name or same id in the same domain: name is {name}, project id {}.",
                project.id
            )));
        }
        let id = self.add_project(&hex_id(), &name, domain);
        Ok(Reply::json(201, json!({"project": self.change_project(&id, &body)?})))
    }

    fn change_project(&mut self, id: &str, body: &Map<String, Value>) -> Result<Value, Refusal> {
        let project = self.projects.get_mut(id).ok_or_else(|| missing("project", id))?;
        change(body, &mut project.name, &mut project.description, &mut project.enabled);
        Ok(project.show())
    }

    pub(super) fn role_request(&mut self, grant: &Grant, request: &Request, path: &[&str]) -> Answer {
        if let [id] = path
            && !self.roles.contains_key(*id)
        {
            return Err(missing("role", id));
        }
        allowed(grant, "role", request, path)?;
        let show = |id: &str, name: &str| json!({"id": id, "name": name, "domain_id": null, "description": null});
        match (request.method.as_str(), path) {
            ("GET", []) => {
                let rows = self.roles.iter().filter(|(_, name)| wanted(request, "name", name));
                let rows: Vec<Value> = rows.map(|(id, name)| show(id, name)).collect();
                Ok(Reply::ok(json!({"roles": rows, "links": {}})))
            }
            ("POST", []) => {
                let (name, _) = named(request, "role")?;
                if self.roles.values().any(|have| have.eq_ignore_ascii_case(&name)) {
                    return Err(Refusal::conflict(&format!(
                        "Conflict occurred attempting to store role - Duplicate entry found with name {name}."
                    )));
                }
                let id = self.add_role(&name);
                Ok(Reply::json(201, json!({"role": show(&id, &name)})))
            }
            ("GET", [id]) => {
                let name = self.roles.get(*id).ok_or_else(|| missing("role", id))?;
                Ok(Reply::ok(json!({"role": show(id, name)})))
            }
            ("DELETE", [id]) => {
                let name = self.roles.shift_remove(*id);
                self.assignments.retain(|(_, _, role)| Some(role) != name.as_ref());
                Ok(Reply::empty(204))
            }
            _ => Err(Refusal::no_route()),
        }
    }

    /// The roles of a user on a project or a domain.
    pub(super) fn grant_request(&mut self, grant: &Grant, method: &str, target: Target, who: (&str, &str)) -> Answer {
        let (user, role) = who;
        let action = match method {
            "PUT" => "identity:create_grant",
            "HEAD" | "GET" => "identity:check_grant",
            "DELETE" => "identity:revoke_grant",
            _ => return Err(Refusal::no_route()),
        };
        let name = self.roles.get(role).cloned().ok_or_else(|| missing("role", role))?;
        self.user_or_404(user)?;
        let place = match &target {
            Target::Project(id) if !self.projects.contains_key(id) => return Err(missing("project", id)),
            Target::Domain(id) if !self.domains.contains_key(id) => return Err(missing("domain", id)),
            Target::Project(id) | Target::Domain(id) => id.clone(),
            Target::System => "system".to_owned(),
        };
        if !grant.is_admin() {
            return Err(denied(action));
        }
        let row = (user.to_owned(), target, name);
        let done = match method {
            "PUT" => {
                self.assignments.insert(row);
                true
            }
            "DELETE" => self.assignments.remove(&row),
            _ => self.assignments.contains(&row),
        };
        if done {
            return Ok(Reply::empty(204));
        }
        Err(Refusal::not_found(&format!(
            "Could not find role assignment with role: {role}, user or group: {user}, project, domain, or system: {place}."
        )))
    }
}

/// Refuses whoever is no administrator, with the name of the policy rule. Where Keystone looks for the object first, so
/// does the caller.
pub(super) fn allowed(grant: &Grant, kind: &str, request: &Request, path: &[&str]) -> Result<(), Refusal> {
    if grant.is_admin() {
        return Ok(());
    }
    Err(denied(&match (request.method.as_str(), path) {
        ("GET", []) => format!("identity:list_{kind}s"),
        ("POST", _) => format!("identity:create_{kind}"),
        ("PATCH", _) => format!("identity:update_{kind}"),
        ("DELETE", _) => format!("identity:delete_{kind}"),
        _ => format!("identity:get_{kind}"),
    }))
}

/// Whether a filter of the query lets a row through; MariaDB compares without case.
fn wanted(request: &Request, key: &str, have: &str) -> bool {
    request.query(key).is_none_or(|want| want.eq_ignore_ascii_case(have))
}

/// The body of a creation, and the name in it.
fn named(request: &Request, key: &str) -> Result<(String, Map<String, Value>), Refusal> {
    let body = request.member(key)?;
    let name = body.get("name").ok_or_else(|| Refusal::bad("'name' is a required property"))?;
    match name.as_str() {
        Some(name) if !name.trim().is_empty() => Ok((name.to_owned(), body.clone())),
        _ => Err(Refusal::bad("Invalid input for field 'name': '' is too short")),
    }
}

fn change(body: &Map<String, Value>, name: &mut String, description: &mut String, enabled: &mut bool) {
    let word = |key| body.get(key).and_then(Value::as_str);
    if let Some(new) = word("name") {
        new.clone_into(name);
    }
    if let Some(new) = word("description") {
        new.clone_into(description);
    }
    if let Some(new) = body.get("enabled").and_then(Value::as_bool) {
        *enabled = new;
    }
}

impl Domain {
    fn show(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "enabled": self.enabled, "description": self.description, "tags": [],
            "options": {},
        })
    }
}

impl Project {
    fn show(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "domain_id": self.domain_id, "enabled": self.enabled, "is_domain": false,
            "parent_id": self.domain_id, "description": self.description, "tags": [], "options": {},
        })
    }
}
