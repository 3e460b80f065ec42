//! Tokens: how one is obtained, what it says, how it ends.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::people::User;
use super::places::Target;
use super::{Directory, denied, missing};
use crate::http::{Answer, Refusal, Reply, Request};
use crate::state::{hex_id, text};

/// What a token is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Unscoped,
    Project(String),
    Domain(String),
    /// The whole cloud.
    System,
    /// Project of the trust, in the name of the trustor.
    Trust(String),
}

/// An issued token.
#[derive(Clone)]
pub(super) struct Token {
    /// Who logged in; with a trust the trustee.
    user_id: String,
    scope: Scope,
    methods: Vec<String>,
    issued: DateTime<Utc>,
    expires: DateTime<Utc>,
    audit_id: String,
    /// Roles of an application credential, which replace those of its user.
    restricted_roles: Option<Vec<String>>,
}

/// Who is behind a request, as policies see it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Acting user; with an impersonating trust the trustor.
    pub(crate) user_id: String,
    pub(crate) user_name: String,
    pub(crate) project_id: Option<String>,
    pub(crate) domain_scope: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) trust_id: Option<String>,
    /// Whether it stems from an application credential, which may not make trusts.
    pub(crate) by_credential: bool,
}

impl Grant {
    pub(crate) fn is_admin(&self) -> bool {
        self.domain_scope.is_none() && self.roles.iter().any(|role| role == "admin")
    }

    /// Whether the caller may change things in its project.
    pub(crate) fn may_write(&self) -> bool {
        self.roles.iter().any(|role| role == "admin" || role == "member" || role == "service")
    }

    /// Project of the token; services let no unscoped caller in.
    pub(crate) fn project(&self) -> &str {
        self.project_id.as_deref().unwrap_or_default()
    }
}

impl Directory {
    /// The caller of a request by its `X-Auth-Token`.
    pub(crate) fn authenticate(&self, request: &Request) -> Result<Grant, Refusal> {
        let id = request.header("X-Auth-Token").ok_or_else(Refusal::unauthorized)?;
        let token = self.live_token(id).ok_or_else(Refusal::unauthorized)?;
        self.grant(token).ok_or_else(Refusal::unauthorized)
    }

    /// Lets one token expire.
    pub(crate) fn expire(&mut self, id: &str) {
        if let Some(token) = self.tokens.get_mut(id) {
            token.expires = Utc::now() - chrono::TimeDelta::seconds(1);
        }
    }

    /// Lets every token expire.
    pub(crate) fn expire_all(&mut self) {
        let past = Utc::now() - chrono::TimeDelta::seconds(1);
        self.tokens.values_mut().for_each(|token| token.expires = past);
    }

    pub(super) fn revoke_user(&mut self, user_id: &str) {
        self.tokens.retain(|_, token| token.user_id != user_id);
    }

    pub(super) fn revoke_trust(&mut self, trust_id: &str) {
        self.tokens.retain(|_, token| token.scope != Scope::Trust(trust_id.to_owned()));
    }

    fn live_token(&self, id: &str) -> Option<&Token> {
        self.tokens.get(id).filter(|token| token.expires > Utc::now())
    }

    /// What a token allows now; `None` when its user, project or trust is gone.
    fn grant(&self, token: &Token) -> Option<Grant> {
        let user = self.users.get(&token.user_id).filter(|user| self.is_active(user))?;
        let mut grant = Grant {
            user_id: user.id.clone(),
            user_name: user.name.clone(),
            project_id: None,
            domain_scope: None,
            roles: Vec::new(),
            trust_id: None,
            by_credential: token.restricted_roles.is_some(),
        };
        match &token.scope {
            Scope::Unscoped => {}
            Scope::Project(id) => {
                self.projects.get(id).filter(|project| project.enabled)?;
                grant.project_id = Some(id.clone());
                let own = self.roles_of(&user.id, &Target::Project(id.clone()));
                grant.roles = token.restricted_roles.clone().unwrap_or(own);
            }
            Scope::Domain(id) => {
                grant.domain_scope = Some(id.clone());
                grant.roles = self.roles_of(&user.id, &Target::Domain(id.clone()));
            }
            Scope::System => grant.roles = self.roles_of(&user.id, &Target::System),
            Scope::Trust(id) => {
                let trust = self.trusts.get(id)?;
                if trust.impersonation {
                    let trustor = self.users.get(&trust.trustor_user_id).filter(|user| user.enabled)?;
                    grant.user_id.clone_from(&trustor.id);
                    grant.user_name.clone_from(&trustor.name);
                }
                grant.project_id = Some(trust.project_id.clone());
                grant.roles.clone_from(&trust.roles);
                grant.trust_id = Some(id.clone());
            }
        }
        if token.scope != Scope::Unscoped && grant.roles.is_empty() {
            return None;
        }
        Some(grant)
    }

    pub(super) fn auth_tokens(&mut self, method: &str, request: &Request) -> Answer {
        if method == "POST" {
            return self.log_in(request);
        }
        let caller = self.authenticate(request)?;
        let subject = request.header("X-Subject-Token").ok_or_else(|| Refusal::bad("X-Subject-Token is required."))?;
        let subject = subject.to_owned();
        let token = self.live_token(&subject).cloned();
        let token = token.filter(|token| self.grant(token).is_some());
        let token = token.ok_or_else(|| Refusal::not_found("Failed to validate token"))?;
        let own = request.header("X-Auth-Token") == Some(subject.as_str());
        match method {
            "GET" | "HEAD" => {
                let service = caller.roles.iter().any(|role| role == "service");
                if !(own || caller.is_admin() || service || token.user_id == caller.user_id) {
                    return Err(denied("identity:validate_token"));
                }
                let body = self.describe(&token, !request.query.iter().any(|(key, _)| key == "nocatalog"));
                Ok(Reply::ok(body).header("X-Subject-Token", subject).header("Vary", "X-Auth-Token"))
            }
            "DELETE" => {
                if !(own || caller.is_admin() || token.user_id == caller.user_id) {
                    return Err(denied("identity:revoke_token"));
                }
                self.tokens.shift_remove(&subject);
                Ok(Reply::empty(204))
            }
            _ => Err(Refusal::no_route()),
        }
    }

    fn log_in(&mut self, request: &Request) -> Answer {
        let auth = request.member("auth")?;
        let identity = auth.get("identity").cloned().unwrap_or(Value::Null);
        let methods: Vec<String> = serde_json::from_value(identity["methods"].clone()).unwrap_or_default();
        if methods.is_empty() {
            return Err(Refusal::bad("Invalid input for field 'identity/methods': [] is too short"));
        }
        let mut token = self.prove(&methods, &identity)?;
        if let Some(scope) = auth.get("scope").filter(|scope| **scope != "unscoped") {
            if token.restricted_roles.is_some() {
                return Err(Refusal::new(401, "Unauthorized", "Application credentials cannot request a scope."));
            }
            token.scope = self.scope(&token, scope)?;
        } else if token.scope == Scope::Unscoped && auth.get("scope").is_none() && methods != ["token"] {
            token.scope = self.default_scope(&token.user_id);
        }
        if token.scope != Scope::Unscoped && self.grant(&token).is_none() {
            return Err(Refusal::unauthorized());
        }
        if let Scope::Trust(trust) = &token.scope {
            self.use_trust(trust)?;
        }
        let body = self.describe(&token, request.query("nocatalog").is_none());
        let id = format!("gAAAAA{}{}", hex_id(), hex_id());
        self.tokens.insert(id.clone(), token);
        Ok(Reply::json(201, body).header("X-Subject-Token", id).header("Vary", "X-Auth-Token"))
    }

    /// Checks the methods' proofs and makes an unscoped token (an application credential's is scoped at once).
    fn prove(&self, methods: &[String], identity: &Value) -> Result<Token, Refusal> {
        let now = Utc::now();
        let life = chrono::TimeDelta::from_std(self.token_life).unwrap_or_else(|_| chrono::TimeDelta::hours(1));
        let mut token = Token {
            user_id: String::new(),
            scope: Scope::Unscoped,
            methods: methods.to_vec(),
            issued: now,
            expires: now + life,
            audit_id: hex_id()[..22].to_owned(),
            restricted_roles: None,
        };
        for method in methods {
            match method.as_str() {
                "password" => token.user_id.clone_from(&self.by_password(&identity["password"]["user"])?.id),
                "token" => {
                    let old = self.live_token(text(&identity["token"], "id")).ok_or_else(Refusal::unauthorized)?;
                    if matches!(old.scope, Scope::Trust(_)) || old.restricted_roles.is_some() {
                        return Err(Refusal::forbidden("Using this token to get another token is not allowed."));
                    }
                    token.user_id.clone_from(&old.user_id);
                    token.expires = old.expires;
                    token.methods.extend(old.methods.iter().filter(|one| *one != "token").cloned());
                }
                "application_credential" => {
                    let known = self.by_credential(&identity["application_credential"])?;
                    token.user_id.clone_from(&known.user_id);
                    token.scope = Scope::Project(known.project_id.clone());
                    token.restricted_roles = Some(known.roles.clone());
                    token.expires = known.expires.map_or(token.expires, |end| end.min(token.expires));
                }
                other => {
                    let message = format!("Attempted to authenticate with an unsupported method: {other}.");
                    return Err(Refusal::new(401, "Unauthorized", &message));
                }
            }
        }
        Ok(token)
    }

    fn by_password(&self, given: &Value) -> Result<&User, Refusal> {
        let user = self.find_user(given).filter(|user| self.is_active(user)).ok_or_else(Refusal::unauthorized)?;
        match given["password"].as_str() {
            Some(password) if password == user.password => Ok(user),
            _ => Err(Refusal::unauthorized()),
        }
    }

    /// A user by id, or by name and domain.
    pub(super) fn find_user(&self, given: &Value) -> Option<&User> {
        if let Some(id) = given["id"].as_str() {
            return self.users.get(id);
        }
        let domain = self.find_domain(&given["domain"])?;
        let name = given["name"].as_str()?;
        self.users.values().find(|user| user.domain_id == domain && user.name.eq_ignore_ascii_case(name))
    }

    fn find_domain(&self, given: &Value) -> Option<String> {
        let wanted = |key: &str| given[key].as_str();
        let found = self
            .domains
            .values()
            .find(|domain| wanted("id") == Some(domain.id.as_str()) || wanted("name") == Some(domain.name.as_str()))?;
        Some(found.id.clone())
    }

    fn scope(&self, token: &Token, given: &Value) -> Result<Scope, Refusal> {
        let scope = given.as_object().cloned().unwrap_or_default();
        if scope.len() != 1 {
            return Err(Refusal::bad("Authentication cannot be scoped to multiple targets."));
        }
        if let Some(project) = scope.get("project") {
            let domain = self.find_domain(&project["domain"]);
            let found = match project["id"].as_str() {
                Some(id) => self.projects.get(id),
                None => self.projects.values().find(|have| {
                    Some(have.domain_id.as_str()) == domain.as_deref() && project["name"].as_str() == Some(&have.name)
                }),
            };
            return found.map(|project| Scope::Project(project.id.clone())).ok_or_else(Refusal::unauthorized);
        }
        if let Some(domain) = scope.get("domain") {
            return self.find_domain(domain).map(Scope::Domain).ok_or_else(Refusal::unauthorized);
        }
        if scope.contains_key("system") {
            return Ok(Scope::System);
        }
        let id = scope.get("OS-TRUST:trust").and_then(|trust| trust["id"].as_str());
        let id = id.ok_or_else(|| Refusal::bad("Unsupported scope."))?;
        self.check_trust_login(id, &token.user_id)?;
        Ok(Scope::Trust(id.to_owned()))
    }

    /// The default project of a user, where it has a role in it.
    fn default_scope(&self, user_id: &str) -> Scope {
        let project = self.users.get(user_id).and_then(|user| user.extra.get("default_project_id"));
        match project.and_then(Value::as_str) {
            Some(id) if !self.roles_of(user_id, &Target::Project(id.to_owned())).is_empty() => {
                Scope::Project(id.to_owned())
            }
            _ => Scope::Unscoped,
        }
    }

    /// The token's document.
    fn describe(&self, token: &Token, with_catalog: bool) -> Value {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let mut body = Map::new();
        body.insert("methods".into(), json!(token.methods));
        body.insert("issued_at".into(), json!(time(token.issued)));
        body.insert("expires_at".into(), json!(time(token.expires)));
        body.insert("audit_ids".into(), json!([token.audit_id]));
        let Some(grant) = self.grant(token) else { return json!({"token": body}) };
        body.insert("user".into(), self.user_ref(&grant.user_id));
        if let Some(project) = grant.project_id.as_ref().and_then(|id| self.projects.get(id)) {
            let domain = self.domain_ref(&project.domain_id);
            body.insert("project".into(), json!({"id": project.id, "name": project.name, "domain": domain}));
            body.insert("is_domain".into(), json!(false));
        }
        if token.scope == Scope::System {
            body.insert("system".into(), json!({"all": true}));
        }
        if let Some(domain) = &grant.domain_scope {
            body.insert("domain".into(), self.domain_ref(domain));
        }
        if let Some(trust) = grant.trust_id.as_ref().and_then(|id| self.trusts.get(id)) {
            let summary = json!({
                "id": trust.id, "impersonation": trust.impersonation,
                "trustor_user": {"id": trust.trustor_user_id}, "trustee_user": {"id": trust.trustee_user_id},
            });
            body.insert("OS-TRUST:trust".into(), summary);
        }
        if token.scope != Scope::Unscoped {
            body.insert("roles".into(), self.role_refs(&grant.roles));
            if with_catalog {
                body.insert("catalog".into(), self.catalog(grant.project_id.as_deref()));
            }
        }
        json!({"token": body})
    }

    fn user_ref(&self, id: &str) -> Value {
        self.users.get(id).map_or(Value::Null, |user| {
            let domain = self.domain_ref(&user.domain_id);
            json!({"id": user.id, "name": user.name, "domain": domain, "password_expires_at": null})
        })
    }

    fn domain_ref(&self, id: &str) -> Value {
        self.domains.get(id).map_or(Value::Null, |domain| json!({"id": domain.id, "name": domain.name}))
    }

    /// Drops tokens nobody can use any more, so that a long run does not grow.
    pub(super) fn sweep_tokens(&mut self) {
        let past = Utc::now() - chrono::TimeDelta::minutes(5);
        self.tokens.retain(|_, token| token.expires > past);
    }

    pub(super) fn user_or_404(&self, id: &str) -> Result<&User, Refusal> {
        self.users.get(id).ok_or_else(|| missing("user", id))
    }
}
