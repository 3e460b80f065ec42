//! Users: of the cloud, and of the trustee domain.

use serde_json::{Map, Value, json};

use super::places::Target;
use super::tokens::Grant;
use super::{Directory, denied, missing};
use crate::http::{Answer, Refusal, Reply, Request};
use crate::state::{hex_id, text};

/// Domain of the users that Heat makes.
const STACK_DOMAIN: &str = "heat";

/// A user. Has no `Debug`, because of the password.
pub(super) struct User {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) domain_id: String,
    pub(super) password: String,
    pub(super) enabled: bool,
    /// Further members as they were sent.
    pub(super) extra: Map<String, Value>,
}

impl Directory {
    /// Creates a user without any check; returns its id.
    pub(crate) fn add_user(&mut self, name: &str, domain_id: &str, password: &str, extra: Value) -> String {
        let id = hex_id();
        let extra = if let Value::Object(extra) = extra { extra } else { Map::new() };
        let (name, domain_id, password) = (name.to_owned(), domain_id.to_owned(), password.to_owned());
        let user = User { id: id.clone(), name, domain_id, password, enabled: true, extra };
        self.users.insert(id.clone(), user);
        id
    }

    /// Creates a user of a stack's own, as Heat does for what reports to it: in a domain and a project that Heat made, with
    /// the role that opens nothing but reports. Its id, its password and its domain.
    pub(crate) fn add_stack_user(&mut self, name: &str, project_id: &str) -> (String, String, String) {
        let found = self.domains.values().find(|domain| domain.name == STACK_DOMAIN).map(|domain| domain.id.clone());
        let domain = found.unwrap_or_else(|| self.add_domain(&hex_id(), STACK_DOMAIN));
        if !self.projects.contains_key(project_id) {
            self.add_project(project_id, project_id, &domain);
        }
        let password = hex_id();
        let id = self.add_user(name, &domain, &password, Value::Null);
        self.assign(&id, Target::Project(project_id.to_owned()), "heat_stack_user");
        (id, password, domain)
    }

    /// Takes such a user away, with its project when it was the last in it.
    pub(crate) fn drop_stack_user(&mut self, user_id: &str, project_id: &str) {
        self.forget_user(user_id);
        let target = Target::Project(project_id.to_owned());
        if !self.assignments.iter().any(|(_, on, _)| *on == target) {
            self.projects.shift_remove(project_id);
        }
    }

    /// Whether the caller may manage the users of a domain.
    fn rules(&self, grant: &Grant, domain_id: &str) -> bool {
        let domain_admin = grant.domain_scope.as_deref() == Some(domain_id) && grant.roles.iter().any(|r| r == "admin");
        grant.is_admin() || domain_admin
    }

    pub(super) fn user_request(&mut self, grant: &Grant, request: &Request, path: &[&str]) -> Answer {
        let method = request.method.as_str();
        let id = match path {
            [] if method == "POST" => return self.create_user(grant, request),
            [] if method == "GET" => return self.list_users(grant, request),
            [id] | [id, "projects" | "password"] => *id,
            _ => return Err(Refusal::no_route()),
        };
        let rules = self.users.get(id).is_some_and(|user| self.rules(grant, &user.domain_id));
        let known = self.users.contains_key(id);
        if !rules && grant.user_id != id && (known || !grant.is_admin() && grant.domain_scope.is_none()) {
            return Err(denied("identity:get_user"));
        }
        self.user_or_404(id)?;
        match (method, path) {
            ("GET", [_]) => Ok(Reply::ok(json!({"user": self.show_user(id, &request.root())}))),
            ("PATCH", [_]) if rules => self.change_user(id, request),
            ("DELETE", [_]) if rules => {
                self.forget_user(id);
                Ok(Reply::empty(204))
            }
            ("POST", [_, "password"]) => self.change_password(id, request),
            ("GET", [_, "projects"]) => Ok(Reply::ok(json!({"projects": self.own_projects(grant), "links": {}}))),
            ("PATCH" | "DELETE", [_]) => Err(denied("identity:update_user")),
            _ => Err(Refusal::no_route()),
        }
    }

    pub(super) fn forget_user(&mut self, id: &str) {
        self.users.shift_remove(id);
        self.assignments.retain(|(user, _, _)| user != id);
        self.credentials.retain(|_, known| known.user_id != id);
        self.revoke_user(id);
        self.sweep_tokens();
    }

    fn create_user(&mut self, grant: &Grant, request: &Request) -> Answer {
        let mut body = request.member("user")?;
        let name = body.remove("name").and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
        if name.is_empty() || name.chars().count() > 255 {
            return Err(Refusal::bad("Invalid input for field 'name': a name has 1 to 255 characters"));
        }
        let given = body.remove("domain_id").and_then(|id| id.as_str().map(str::to_owned));
        let domain = given.or_else(|| grant.domain_scope.clone()).unwrap_or_else(|| "default".to_owned());
        if !self.domains.contains_key(&domain) {
            return Err(missing("domain", &domain));
        }
        if !self.rules(grant, &domain) {
            return Err(denied("identity:create_user"));
        }
        if self.users.values().any(|user| user.domain_id == domain && user.name.eq_ignore_ascii_case(&name)) {
            let message = format!(
                "Conflict occurred attempting to store user - Duplicate entry found with name {name} at domain ID {domain}."
            );
            return Err(Refusal::conflict(&message));
        }
        let password = body.remove("password").and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_else(hex_id);
        let enabled = body.remove("enabled").and_then(|flag| flag.as_bool()).unwrap_or(true);
        let id = self.add_user(&name, &domain, &password, Value::Object(body));
        if let Some(user) = self.users.get_mut(&id) {
            user.enabled = enabled;
        }
        Ok(Reply::json(201, json!({"user": self.show_user(&id, &request.root())})))
    }

    fn list_users(&self, grant: &Grant, request: &Request) -> Answer {
        let domain = request.query("domain_id").or(grant.domain_scope.as_deref());
        if !grant.is_admin() && !domain.is_some_and(|domain| self.rules(grant, domain)) {
            return Err(denied("identity:list_users"));
        }
        let rows: Vec<Value> = self
            .users
            .values()
            .filter(|user| domain.is_none_or(|domain| user.domain_id == domain))
            .filter(|user| request.query("name").is_none_or(|name| user.name.eq_ignore_ascii_case(name)))
            .map(|user| self.show_user(&user.id, &request.root()))
            .collect();
        Ok(Reply::ok(json!({"users": rows, "links": {}})))
    }

    fn change_user(&mut self, id: &str, request: &Request) -> Answer {
        let body = request.member("user")?;
        let mut sign_out = false;
        if let Some(user) = self.users.get_mut(id) {
            for (key, value) in body {
                match (key.as_str(), &value) {
                    ("name", Value::String(name)) => user.name.clone_from(name),
                    ("password", Value::String(password)) => {
                        user.password.clone_from(password);
                        sign_out = true;
                    }
                    ("enabled", Value::Bool(enabled)) => {
                        user.enabled = *enabled;
                        sign_out |= !enabled;
                    }
                    ("name" | "password" | "enabled" | "domain_id", _) => {
                        return Err(Refusal::bad(&format!("Invalid input for field '{key}'")));
                    }
                    _ => {
                        user.extra.insert(key, value);
                    }
                }
            }
        }
        if sign_out {
            self.revoke_user(id);
        }
        Ok(Reply::ok(json!({"user": self.show_user(id, &request.root())})))
    }

    fn change_password(&mut self, id: &str, request: &Request) -> Answer {
        let body = Value::Object(request.member("user")?);
        let user = self.users.get_mut(id).filter(|user| user.password == text(&body, "original_password"));
        let user = user.ok_or_else(Refusal::unauthorized)?;
        text(&body, "password").clone_into(&mut user.password);
        self.revoke_user(id);
        Ok(Reply::empty(204))
    }

    fn show_user(&self, id: &str, root: &str) -> Value {
        let Some(user) = self.users.get(id) else { return Value::Null };
        let mut shown = user.extra.clone();
        shown.insert("id".into(), json!(user.id));
        shown.insert("name".into(), json!(user.name));
        shown.insert("domain_id".into(), json!(user.domain_id));
        shown.insert("enabled".into(), json!(user.enabled));
        shown.insert("password_expires_at".into(), Value::Null);
        shown.insert("links".into(), json!({"self": format!("{root}/v3/users/{id}")}));
        Value::Object(shown)
    }
}
