//! Trusts: a trustor lets a trustee act for it in one project.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::places::Target;
use super::tokens::Grant;
use super::{Directory, denied, missing};
use crate::http::{Answer, Refusal, Reply, Request};
use crate::state::hex_id;

/// A stored trust.
pub(super) struct Trust {
    pub(super) id: String,
    pub(super) trustor_user_id: String,
    pub(super) trustee_user_id: String,
    pub(super) project_id: String,
    pub(super) impersonation: bool,
    /// Role names.
    pub(super) roles: Vec<String>,
    expires: Option<DateTime<Utc>>,
    remaining_uses: Option<u64>,
}

/// Keystone's sentence where it keeps its reasons to itself.
fn not_allowed() -> Refusal {
    Refusal::forbidden("You are not authorized to perform the requested action.")
}

impl Directory {
    pub(super) fn trust_request(&mut self, grant: &Grant, request: &Request, path: &[&str]) -> Answer {
        match (request.method.as_str(), path) {
            ("POST", []) => self.create_trust(grant, request),
            ("GET", []) => self.list_trusts(grant, request),
            ("GET", [id, rest @ ..]) => {
                let trust = self.trusts.get(*id).ok_or_else(|| missing("trust", id))?;
                if ![&trust.trustor_user_id, &trust.trustee_user_id].contains(&&grant.user_id) && !grant.is_admin() {
                    return Err(denied("identity:get_trust"));
                }
                match rest {
                    [] => Ok(Reply::ok(json!({"trust": self.show_trust(trust, &request.root())}))),
                    ["roles"] => Ok(Reply::ok(json!({"roles": self.role_refs(&trust.roles), "links": {}}))),
                    _ => Err(Refusal::no_route()),
                }
            }
            ("DELETE", [id]) => {
                let trust = self.trusts.get(*id).ok_or_else(|| missing("trust", id))?;
                if trust.trustor_user_id != grant.user_id && !grant.is_admin() {
                    return Err(denied("identity:delete_trust"));
                }
                self.trusts.shift_remove(*id);
                self.revoke_trust(id);
                Ok(Reply::empty(204))
            }
            _ => Err(Refusal::no_route()),
        }
    }

    fn create_trust(&mut self, grant: &Grant, request: &Request) -> Answer {
        let body = request.member("trust")?;
        let word = |key: &str| body.get(key).and_then(Value::as_str);
        let need = |key: &str| {
            word(key).ok_or_else(|| {
                Refusal::bad(&format!("Invalid input for field 'trust': '{key}' is a required property"))
            })
        };
        let (trustor, trustee) = (need("trustor_user_id")?, need("trustee_user_id")?);
        let impersonation = body.get("impersonation").and_then(Value::as_bool);
        let impersonation = impersonation
            .ok_or_else(|| Refusal::bad("Invalid input for field 'trust': 'impersonation' is a required property"))?;
        if trustor != grant.user_id {
            return Err(denied("identity:create_trust"));
        }
        if grant.by_credential {
            return Err(denied("Delegated tokens cannot manage trusts."));
        }
        self.user_or_404(trustee)?;
        let project = word("project_id").unwrap_or_default();
        let roles = self.delegated_roles(&body, trustor, project)?;
        // None of the trusts made here may be redelegated.
        if grant.trust_id.is_some() {
            return Err(not_allowed());
        }
        let expires = match word("expires_at") {
            None => None,
            Some(at) => {
                let at = DateTime::parse_from_rfc3339(at).map_err(|_| Refusal::bad("Invalid expires_at"))?;
                Some(at.with_timezone(&Utc))
            }
        };
        let trust = Trust {
            id: hex_id(),
            trustor_user_id: trustor.to_owned(),
            trustee_user_id: trustee.to_owned(),
            project_id: project.to_owned(),
            impersonation,
            roles,
            expires,
            remaining_uses: body.get("remaining_uses").and_then(Value::as_u64),
        };
        let shown = self.show_trust(&trust, &request.root());
        self.trusts.insert(trust.id.clone(), trust);
        Ok(Reply::json(201, json!({"trust": shown})))
    }

    /// The roles asked for by id or name, all of which the trustor must have in the project.
    fn delegated_roles(
        &self,
        body: &serde_json::Map<String, Value>,
        trustor: &str,
        project: &str,
    ) -> Result<Vec<String>, Refusal> {
        let wanted = body.get("roles").and_then(Value::as_array).cloned().unwrap_or_default();
        if project.is_empty() || wanted.is_empty() {
            return Err(denied("At least one role should be specified"));
        }
        if !self.projects.contains_key(project) {
            return Err(missing("project", project));
        }
        let own = self.roles_of(trustor, &Target::Project(project.to_owned()));
        let mut roles = Vec::new();
        for role in &wanted {
            let name = match (role["id"].as_str(), role["name"].as_str().unwrap_or_default()) {
                (Some(id), _) => {
                    self.roles.get(id).filter(|name| own.contains(name)).ok_or_else(|| missing("role", id))?
                }
                (None, name) if self.role_id(name).is_empty() => {
                    return Err(Refusal::not_found(&format!("Role {name} is not defined")));
                }
                (None, name) => {
                    let held = own.iter().find(|have| *have == name);
                    held.ok_or_else(|| missing("role", self.role_id(name)))?
                }
            };
            roles.push(name.clone());
        }
        Ok(roles)
    }

    fn list_trusts(&self, grant: &Grant, request: &Request) -> Answer {
        let (trustor, trustee) = (request.query("trustor_user_id"), request.query("trustee_user_id"));
        let own = [trustor, trustee].into_iter().flatten().any(|id| id == grant.user_id);
        if !own && !grant.is_admin() {
            return Err(denied("identity:list_trusts"));
        }
        let rows: Vec<Value> = self
            .trusts
            .values()
            .filter(|trust| trustor.is_none_or(|id| id == trust.trustor_user_id))
            .filter(|trust| trustee.is_none_or(|id| id == trust.trustee_user_id))
            .map(|trust| {
                let mut row = self.show_trust(trust, &request.root());
                if let Some(row) = row.as_object_mut() {
                    row.remove("roles");
                }
                row
            })
            .collect();
        Ok(Reply::ok(json!({"trusts": rows, "links": {}})))
    }

    /// Refuses a login with a trust that is not this user's, or that has lost its ground.
    pub(super) fn check_trust_login(&self, id: &str, user_id: &str) -> Result<(), Refusal> {
        let trust = self.trusts.get(id).ok_or_else(Refusal::unauthorized)?;
        if trust.expires.is_some_and(|at| at <= Utc::now()) {
            return Err(Refusal::unauthorized());
        }
        if trust.trustee_user_id != user_id {
            return Err(not_allowed());
        }
        if self.users.get(&trust.trustor_user_id).is_none_or(|trustor| !trustor.enabled) {
            return Err(not_allowed());
        }
        let own = self.roles_of(&trust.trustor_user_id, &Target::Project(trust.project_id.clone()));
        if trust.roles.iter().any(|role| !own.contains(role)) {
            return Err(not_allowed());
        }
        Ok(())
    }

    /// Counts a login with a trust whose uses are limited.
    pub(super) fn use_trust(&mut self, id: &str) -> Result<(), Refusal> {
        match self.trusts.get_mut(id).and_then(|trust| trust.remaining_uses.as_mut()) {
            Some(0) => Err(Refusal::unauthorized()),
            Some(uses) => {
                *uses -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn show_trust(&self, trust: &Trust, root: &str) -> Value {
        json!({
            "id": trust.id, "trustor_user_id": trust.trustor_user_id, "trustee_user_id": trust.trustee_user_id,
            "project_id": trust.project_id, "impersonation": trust.impersonation, "roles": self.role_refs(&trust.roles),
            "expires_at": trust.expires.map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true)),
            "remaining_uses": trust.remaining_uses, "deleted_at": null, "redelegation_count": 0,
            "links": {"self": format!("{root}/v3/OS-TRUST/trusts/{}", trust.id)},
        })
    }
}
