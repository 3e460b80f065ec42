//! Keystone: people, projects, tokens, trusts and the catalogue.
//!
//! What the other services need of it is [`Directory::authenticate`]; everything else is behind HTTP.

mod catalogue;
mod credentials;
mod people;
mod places;
mod tokens;
mod trusts;

use std::collections::BTreeSet;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::{Value, json};

use people::User;
pub(crate) use places::Target;
use places::{Domain, Project};
pub(crate) use tokens::Grant;
use tokens::Token;
use trusts::Trust;

use crate::http::{Answer, Refusal, Reply, Request};
use crate::state::World;

/// Keystone's database.
pub(crate) struct Directory {
    origin: String,
    token_life: Duration,
    domains: IndexMap<String, Domain>,
    projects: IndexMap<String, Project>,
    users: IndexMap<String, User>,
    /// Role id to name.
    roles: IndexMap<String, String>,
    /// User id, scope, role name.
    assignments: BTreeSet<(String, Target, String)>,
    tokens: IndexMap<String, Token>,
    trusts: IndexMap<String, Trust>,
    credentials: IndexMap<String, credentials::Credential>,
    listings: catalogue::Listings,
    trustee_domain: String,
    trustee_admin: String,
}

impl Directory {
    pub(crate) fn new(origin: &str) -> Directory {
        Directory {
            origin: origin.to_owned(),
            token_life: Duration::from_secs(3600),
            domains: IndexMap::new(),
            projects: IndexMap::new(),
            users: IndexMap::new(),
            roles: IndexMap::new(),
            assignments: BTreeSet::new(),
            tokens: IndexMap::new(),
            trusts: IndexMap::new(),
            credentials: IndexMap::new(),
            listings: catalogue::Listings::default(),
            trustee_domain: String::new(),
            trustee_admin: String::new(),
        }
    }

    pub(crate) fn set_token_life(&mut self, life: Duration) {
        self.token_life = life;
    }

    pub(crate) fn set_trustee_domain(&mut self, id: &str) {
        id.clone_into(&mut self.trustee_domain);
    }

    pub(crate) fn set_trustee_admin(&mut self, user_id: &str) {
        user_id.clone_into(&mut self.trustee_admin);
    }

    pub(crate) fn trust_ids(&self) -> BTreeSet<String> {
        self.trusts.keys().cloned().collect()
    }

    /// Names of the users of the trustee domain, without its administrator.
    pub(crate) fn trustee_names(&self) -> BTreeSet<String> {
        self.users
            .values()
            .filter(|user| user.domain_id == self.trustee_domain && user.id != self.trustee_admin)
            .map(|user| user.name.clone())
            .collect()
    }

    fn role_id(&self, name: &str) -> &str {
        self.roles.iter().find(|(_, have)| *have == name).map_or("", |(id, _)| id.as_str())
    }

    /// Roles as `{id, name}` objects.
    fn role_refs(&self, names: &[String]) -> Value {
        names.iter().map(|name| json!({"id": self.role_id(name), "name": name})).collect()
    }
}

/// Answers one request to Keystone.
pub(crate) fn answer(world: &mut World, request: &Request) -> Answer {
    let directory = &mut world.directory;
    let path = request.path();
    match (request.method.as_str(), path.as_slice()) {
        ("GET", []) => {
            let versions = json!({"versions": {"values": [v3(&request.root())]}});
            return Ok(Reply::json(300, versions));
        }
        ("GET", ["v3"]) => return Ok(Reply::ok(json!({"version": v3(&request.root())}))),
        (method, ["v3", "auth", "tokens"]) => return directory.auth_tokens(method, request),
        (_, ["v3", ..]) => {}
        _ => return Err(Refusal::no_route()),
    }
    let grant = directory.authenticate(request)?;
    match path.as_slice() {
        ["v3", "auth", "catalog"] => {
            Ok(Reply::ok(json!({"catalog": directory.catalog(grant.project_id.as_deref()), "links": {}})))
        }
        ["v3", "auth", "projects"] => Ok(Reply::ok(json!({"projects": directory.own_projects(&grant), "links": {}}))),
        ["v3", "OS-TRUST", "trusts", rest @ ..] => directory.trust_request(&grant, request, rest),
        ["v3", "users", user, "application_credentials", rest @ ..] => {
            directory.credential_request(&grant, request, user, rest)
        }
        ["v3", "services" | "endpoints" | "regions", ..] => directory.catalogue_request(&grant, request, &path[1..]),
        ["v3", kind @ ("projects" | "domains"), id, "users", user, "roles", role] => {
            let id = (*id).to_owned();
            let target = if *kind == "projects" { Target::Project(id) } else { Target::Domain(id) };
            directory.grant_request(&grant, &request.method, target, (user, role))
        }
        ["v3", "domains", rest @ ..] => directory.domain_request(&grant, request, rest),
        ["v3", "projects", rest @ ..] => directory.project_request(&grant, request, rest),
        ["v3", "roles", rest @ ..] => directory.role_request(&grant, request, rest),
        ["v3", "users", rest @ ..] => directory.user_request(&grant, request, rest),
        _ => Err(Refusal::no_route()),
    }
}

fn v3(root: &str) -> Value {
    json!({
        "id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": format!("{root}/v3/")}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    })
}

/// Keystone's sentence for a refused policy rule.
fn denied(action: &str) -> Refusal {
    Refusal::forbidden(&format!("You are not authorized to perform the requested action: {action}."))
}

/// Keystone's sentence for something that does not exist.
fn missing(kind: &str, id: &str) -> Refusal {
    Refusal::not_found(&format!("Could not find {kind}: {id}."))
}
