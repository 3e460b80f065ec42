//! The service catalogue and the lists behind it: services, endpoints, regions.

use serde_json::{Map, Value, json};

use super::places::allowed;
use super::tokens::Grant;
use super::{Directory, denied, missing};
use crate::http::{Answer, Refusal, Reply, Request};
use crate::state::hex_id;

/// The region that every cloud begins with.
const REGION: &str = "RegionOne";
const INTERFACES: [&str; 3] = ["public", "internal", "admin"];
/// Stands in an address for the project of the token.
const PROJECT: &str = "%(project_id)s";

/// A registered service.
pub(super) struct Service {
    id: String,
    name: String,
    kind: String,
    description: String,
    enabled: bool,
}

/// One address of a service.
pub(super) struct Endpoint {
    id: String,
    service_id: String,
    interface: String,
    region: String,
    url: String,
    enabled: bool,
}

/// What the catalogue is made of.
pub(super) struct Listings {
    services: Vec<Service>,
    endpoints: Vec<Endpoint>,
    regions: Vec<String>,
}

impl Default for Listings {
    fn default() -> Self {
        Self { services: Vec::new(), endpoints: Vec::new(), regions: vec![REGION.to_owned()] }
    }
}

impl Directory {
    /// Lists the services that live in this process.
    pub(crate) fn plant_services(&mut self, with_octavia: bool) {
        for (name, kind, path) in [
            ("keystone", "identity", "/identity/v3"),
            ("heat", "orchestration", "/orchestration/v1/%(project_id)s"),
            ("glance", "image", "/image"),
            ("nova", "compute", "/compute/v2.1"),
            ("neutron", "network", "/network"),
            ("cinderv3", "volumev3", "/volume/v3/%(project_id)s"),
            ("cinder", "block-storage", "/volume/v3/%(project_id)s"),
            ("barbican", "key-manager", "/key-manager"),
            ("octavia", "load-balancer", "/load-balancer"),
        ] {
            if kind != "load-balancer" || with_octavia {
                let url = format!("{}{path}", self.origin);
                self.listings.list(name, kind, &url);
            }
        }
    }

    /// Puts the service under test into the catalogue, or moves it.
    pub(crate) fn set_magnum(&mut self, url: &str) {
        let listings = &mut self.listings;
        let old: Vec<String> =
            listings.services.iter().filter(|one| one.kind == "container-infra").map(|one| one.id.clone()).collect();
        listings.services.retain(|service| !old.contains(&service.id));
        listings.endpoints.retain(|endpoint| !old.contains(&endpoint.service_id));
        listings.list("magnum", "container-infra", url);
    }

    /// The catalogue as it stands in a token. Without a project, services whose URL needs one have no endpoints.
    pub(super) fn catalog(&self, project: Option<&str>) -> Value {
        let listings = &self.listings;
        let services = listings.services.iter().filter(|service| service.enabled);
        services
            .map(|service| {
                let own = listings.endpoints.iter().filter(|endpoint| endpoint.service_id == service.id);
                let endpoints: Vec<Value> =
                    own.filter(|endpoint| endpoint.enabled).filter_map(|endpoint| endpoint.resolved(project)).collect();
                json!({"id": service.id, "name": service.name, "type": service.kind, "endpoints": endpoints})
            })
            .collect()
    }

    pub(super) fn catalogue_request(&mut self, grant: &Grant, request: &Request, path: &[&str]) -> Answer {
        let answer = match path {
            ["services", rest @ ..] => {
                allowed(grant, "service", request, rest)?;
                self.listings.service_request(request, rest)
            }
            ["endpoints", id] if !self.listings.endpoints.iter().any(|endpoint| endpoint.id == *id) => {
                Err(missing("endpoint", id))
            }
            ["endpoints", rest @ ..] => {
                allowed(grant, "endpoint", request, rest)?;
                self.listings.endpoint_request(request, rest)
            }
            ["regions", rest @ ..] => self.listings.region_request(grant, request, rest),
            _ => Err(Refusal::no_route()),
        };
        let (listing, at) = (request.method == "GET" && path.len() == 1, path.join("/"));
        answer.map(|mut reply| {
            if let (true, crate::http::Body::Json(body)) = (listing, &mut reply.body) {
                let own = format!("{}/v3/{at}", request.root());
                body["links"] = json!({"self": own, "next": null, "previous": null});
            }
            reply
        })
    }
}

impl Listings {
    /// Adds a service with the same URL for all its interfaces.
    fn list(&mut self, name: &str, kind: &str, url: &str) {
        let service = Service {
            id: hex_id(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            description: String::new(),
            enabled: true,
        };
        self.endpoints.extend(INTERFACES.map(|interface| Endpoint {
            id: hex_id(),
            service_id: service.id.clone(),
            interface: interface.to_owned(),
            region: REGION.to_owned(),
            url: url.to_owned(),
            enabled: true,
        }));
        self.services.push(service);
    }

    fn service_request(&mut self, request: &Request, path: &[&str]) -> Answer {
        match (request.method.as_str(), path) {
            ("GET", []) => {
                let rows: Vec<Value> = self
                    .services
                    .iter()
                    .filter(|service| request.query("type").is_none_or(|kind| kind == service.kind))
                    .filter(|service| request.query("name").is_none_or(|name| name == service.name))
                    .map(Service::show)
                    .collect();
                Ok(Reply::ok(json!({"services": rows})))
            }
            ("POST", []) => {
                let body = request.member("service")?;
                if !body.get("type").is_some_and(Value::is_string) {
                    return Err(Refusal::bad("'type' is a required property"));
                }
                let blank = String::new;
                let mut service =
                    Service { id: hex_id(), name: blank(), kind: blank(), description: blank(), enabled: true };
                service.change(&body);
                let shown = service.show();
                self.services.push(service);
                Ok(Reply::json(201, json!({"service": shown})))
            }
            ("DELETE", [id]) => {
                let known = self.services.len();
                self.services.retain(|service| service.id != *id);
                self.endpoints.retain(|endpoint| endpoint.service_id != *id);
                if self.services.len() == known { Err(missing("service", id)) } else { Ok(Reply::empty(204)) }
            }
            (method @ ("GET" | "PATCH"), [id]) => {
                let found = self.services.iter_mut().find(|service| service.id == *id);
                let service = found.ok_or_else(|| missing("service", id))?;
                if method == "PATCH" {
                    service.change(&request.member("service")?);
                }
                Ok(Reply::ok(json!({"service": service.show()})))
            }
            _ => Err(Refusal::no_route()),
        }
    }

    fn endpoint_request(&mut self, request: &Request, path: &[&str]) -> Answer {
        match (request.method.as_str(), path) {
            ("GET", []) => {
                let filter = |key: &str, have: &str| request.query(key).is_none_or(|want| want == have);
                let rows: Vec<Value> = self
                    .endpoints
                    .iter()
                    .filter(|endpoint| filter("service_id", &endpoint.service_id))
                    .filter(|endpoint| filter("interface", &endpoint.interface))
                    .filter(|endpoint| filter("region_id", &endpoint.region))
                    .map(Endpoint::show)
                    .collect();
                Ok(Reply::ok(json!({"endpoints": rows})))
            }
            ("POST", []) => {
                let endpoint = self.new_endpoint(&request.member("endpoint")?)?;
                let shown = endpoint.show();
                self.endpoints.push(endpoint);
                Ok(Reply::json(201, json!({"endpoint": shown})))
            }
            ("DELETE", [id]) => {
                self.endpoints.retain(|endpoint| endpoint.id != *id);
                Ok(Reply::empty(204))
            }
            (method @ ("GET" | "PATCH"), [id]) => {
                let found = self.endpoints.iter_mut().find(|endpoint| endpoint.id == *id);
                let endpoint = found.ok_or_else(|| missing("endpoint", id))?;
                if method == "PATCH" {
                    endpoint.change(&request.member("endpoint")?)?;
                }
                Ok(Reply::ok(json!({"endpoint": endpoint.show()})))
            }
            _ => Err(Refusal::no_route()),
        }
    }

    fn new_endpoint(&self, body: &Map<String, Value>) -> Result<Endpoint, Refusal> {
        let need = |key: &str| {
            let given = body.get(key).and_then(Value::as_str);
            given.ok_or_else(|| Refusal::bad(&format!("'{key}' is a required property")))
        };
        let (service_id, interface) = (need("service_id")?, need("interface")?);
        need("url")?;
        let region = body.get("region_id").and_then(Value::as_str).unwrap_or_default();
        if !INTERFACES.contains(&interface) {
            let text = format!("Invalid input for field 'interface': '{interface}' is not one of {INTERFACES:?}");
            return Err(Refusal::bad(&text));
        }
        let unknown = |what: &str, table: &str| {
            Refusal::bad(&format!(
                "Expecting to find endpoint {what} in {table} table. The server could not comply with the request since it \
                 is either malformed or otherwise incorrect. The client is assumed to be in error."
            ))
        };
        if !self.services.iter().any(|service| service.id == service_id) {
            return Err(unknown("service_id", "service"));
        }
        if !self.regions.iter().any(|known| known == region) {
            return Err(unknown("region_id", "region"));
        }
        let mut endpoint = Endpoint {
            id: hex_id(),
            service_id: service_id.to_owned(),
            interface: interface.to_owned(),
            region: region.to_owned(),
            url: String::new(),
            enabled: true,
        };
        endpoint.change(body)?;
        Ok(endpoint)
    }

    /// Everybody may read regions.
    fn region_request(&mut self, grant: &Grant, request: &Request, path: &[&str]) -> Answer {
        match (request.method.as_str(), path) {
            ("GET", []) => {
                let rows: Vec<Value> = self.regions.iter().map(|id| region(id)).collect();
                Ok(Reply::ok(json!({"regions": rows})))
            }
            ("GET", [id]) if self.regions.iter().any(|known| known == id) => {
                Ok(Reply::ok(json!({"region": region(id)})))
            }
            ("GET", [id]) => Err(missing("region", id)),
            ("POST", []) if grant.is_admin() => {
                let body = request.member("region")?;
                let id = body.get("id").and_then(Value::as_str).map_or_else(hex_id, str::to_owned);
                if self.regions.contains(&id) {
                    return Err(Refusal::conflict(&format!(
                        "Conflict occurred attempting to store region - Duplicate ID, {id}.."
                    )));
                }
                self.regions.push(id.clone());
                Ok(Reply::json(201, json!({"region": region(&id)})))
            }
            ("POST", []) => Err(denied("identity:create_region")),
            _ => Err(Refusal::no_route()),
        }
    }
}

impl Service {
    fn change(&mut self, body: &Map<String, Value>) {
        for (key, member) in
            [("name", &mut self.name), ("type", &mut self.kind), ("description", &mut self.description)]
        {
            if let Some(new) = body.get(key).and_then(Value::as_str) {
                new.clone_into(member);
            }
        }
        self.enabled = body.get("enabled").and_then(Value::as_bool).unwrap_or(self.enabled);
    }

    fn show(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "type": self.kind, "enabled": self.enabled,
            "description": self.description,
        })
    }
}

impl Endpoint {
    fn change(&mut self, body: &Map<String, Value>) -> Result<(), Refusal> {
        if let Some(url) = body.get("url").and_then(Value::as_str) {
            if !url.contains(':') {
                return Err(Refusal::bad(&format!(
                    "Invalid input for field 'url': '{url}' does not match '^[a-zA-Z0-9+.-]+:.+'"
                )));
            }
            url.clone_into(&mut self.url);
        }
        self.enabled = body.get("enabled").and_then(Value::as_bool).unwrap_or(self.enabled);
        Ok(())
    }

    /// As in a catalogue; `None` where the address needs a project and there is none.
    fn resolved(&self, project: Option<&str>) -> Option<Value> {
        let url = match (self.url.contains(PROJECT), project) {
            (false, _) => self.url.clone(),
            (true, Some(project)) => self.url.replace(PROJECT, project),
            (true, None) => return None,
        };
        let Self { id, interface, region, .. } = self;
        Some(json!({"id": id, "interface": interface, "url": url, "region": region, "region_id": region}))
    }

    fn show(&self) -> Value {
        json!({
            "id": self.id, "interface": self.interface, "url": self.url, "region": self.region,
            "region_id": self.region, "service_id": self.service_id, "enabled": self.enabled,
        })
    }
}

fn region(id: &str) -> Value {
    json!({"id": id, "description": "", "parent_region_id": null})
}
