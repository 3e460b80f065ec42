//! Application credentials: logins of a user that are bound to one project and some of the user's roles.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Value, json};

use super::tokens::Grant;
use super::{Directory, denied, missing};
use crate::http::{Answer, Refusal, Reply, Request};
use crate::state::{hex_id, text};

/// A stored application credential. Has no `Debug`, because of the secret.
pub(super) struct Credential {
    id: String,
    name: String,
    secret: String,
    pub(super) user_id: String,
    pub(super) project_id: String,
    pub(super) roles: Vec<String>,
    pub(super) expires: Option<DateTime<Utc>>,
}

impl Directory {
    pub(super) fn by_credential(&self, given: &Value) -> Result<&Credential, Refusal> {
        let found = match given["id"].as_str() {
            Some(id) => self.credentials.get(id),
            None => {
                let user = self.find_user(&given["user"]).map(|user| user.id.as_str());
                self.credentials
                    .values()
                    .find(|known| Some(known.user_id.as_str()) == user && given["name"].as_str() == Some(&known.name))
            }
        };
        found
            .filter(|known| given["secret"].as_str() == Some(&known.secret))
            .filter(|known| known.expires.is_none_or(|at| Utc::now() < at))
            .ok_or_else(Refusal::unauthorized)
    }

    pub(super) fn credential_request(&mut self, grant: &Grant, request: &Request, user: &str, path: &[&str]) -> Answer {
        if grant.user_id != user {
            return Err(denied("identity:application_credential"));
        }
        match (request.method.as_str(), path) {
            ("POST", []) => self.create_credential(grant, request),
            ("GET", []) => {
                let own = self.credentials.values().filter(|known| known.user_id == user);
                let rows: Vec<Value> = own.map(|known| self.show_credential(known)).collect();
                Ok(Reply::ok(json!({"application_credentials": rows, "links": {}})))
            }
            ("GET", [id]) => {
                let known = self.credentials.get(*id).ok_or_else(|| missing("Application Credential", id))?;
                Ok(Reply::ok(json!({"application_credential": self.show_credential(known)})))
            }
            ("DELETE", [id]) => {
                self.credentials.shift_remove(*id).ok_or_else(|| missing("Application Credential", id))?;
                Ok(Reply::empty(204))
            }
            _ => Err(Refusal::no_route()),
        }
    }

    fn create_credential(&mut self, grant: &Grant, request: &Request) -> Answer {
        let body = Value::Object(request.member("application_credential")?);
        let name = text(&body, "name");
        if name.is_empty() || grant.project_id.is_none() || grant.by_credential {
            return Err(Refusal::forbidden("An application credential needs a name and an ordinary project token."));
        }
        if self.credentials.values().any(|known| known.user_id == grant.user_id && known.name == name) {
            return Err(Refusal::conflict("Conflict occurred attempting to store application_credential."));
        }
        let expires = match body["expires_at"].as_str() {
            None => None,
            // Without an offset, as Keystone takes it.
            Some(at) => {
                let at = NaiveDateTime::parse_from_str(at.trim_end_matches('Z'), "%Y-%m-%dT%H:%M:%S%.f");
                let wrong = || Refusal::bad("Failed to validate the expiration date of the application credential.");
                Some(at.map_err(|_| wrong())?.and_utc())
            }
        };
        let secret = body["secret"].as_str().map_or_else(hex_id, str::to_owned);
        let known = Credential {
            id: hex_id(),
            name: name.to_owned(),
            secret,
            user_id: grant.user_id.clone(),
            project_id: grant.project().to_owned(),
            roles: grant.roles.clone(),
            expires,
        };
        let mut shown = self.show_credential(&known);
        shown["secret"] = json!(known.secret);
        self.credentials.insert(known.id.clone(), known);
        Ok(Reply::json(201, json!({"application_credential": shown})))
    }

    fn show_credential(&self, known: &Credential) -> Value {
        json!({
            "id": known.id, "name": known.name, "project_id": known.project_id, "user_id": known.user_id,
            "roles": self.role_refs(&known.roles), "unrestricted": false, "description": null,
            "expires_at": known.expires.map(|at| at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()),
        })
    }
}
