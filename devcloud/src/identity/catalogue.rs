//! The service catalogue and the lists behind it.

use serde_json::{Value, json};

use super::{Directory, missing};
use crate::http::{Answer, Refusal, Reply, Request};
use crate::state::hex_id;

/// The one region.
const REGION: &str = "RegionOne";

/// A service with one URL for all its interfaces.
pub(super) struct Listed {
    id: String,
    name: String,
    kind: String,
    /// URL; `{project}` stands for the project of the token.
    url: String,
    endpoints: [String; 3],
}

const INTERFACES: [&str; 3] = ["public", "internal", "admin"];

impl Directory {
    /// Lists the services that live in this process.
    pub(crate) fn plant_services(&mut self, with_octavia: bool) {
        for (name, kind, path) in [
            ("keystone", "identity", "/identity/v3"),
            ("heat", "orchestration", "/orchestration/v1/{project}"),
            ("glance", "image", "/image"),
            ("nova", "compute", "/compute/v2.1"),
            ("neutron", "network", "/network"),
            ("cinderv3", "volumev3", "/volume/v3/{project}"),
            ("cinder", "block-storage", "/volume/v3/{project}"),
            ("barbican", "key-manager", "/key-manager"),
            ("octavia", "load-balancer", "/load-balancer"),
        ] {
            if kind != "load-balancer" || with_octavia {
                let url = format!("{}{path}", self.origin);
                self.list_service(name, kind, url);
            }
        }
    }

    /// Puts the service under test into the catalogue, or moves it.
    pub(crate) fn set_magnum(&mut self, url: &str) {
        self.services.retain(|service| service.kind != "container-infra");
        self.list_service("magnum", "container-infra", url.to_owned());
    }

    fn list_service(&mut self, name: &str, kind: &str, url: String) {
        let (name, kind) = (name.to_owned(), kind.to_owned());
        self.services.push(Listed { id: hex_id(), name, kind, url, endpoints: [hex_id(), hex_id(), hex_id()] });
    }

    /// The catalogue as it stands in a token. Without a project, services whose URL needs one have no endpoints.
    pub(super) fn catalog(&self, project: Option<&str>) -> Value {
        self.services
            .iter()
            .map(|service| {
                json!({
                    "id": service.id, "name": service.name, "type": service.kind,
                    "endpoints": service.resolved(project),
                })
            })
            .collect()
    }

    pub(super) fn catalogue_request(&self, request: &Request, path: &[&str]) -> Answer {
        if request.method != "GET" {
            return Err(Refusal::no_route());
        }
        let links =
            |what: &str| json!({"self": format!("{}/v3/{what}", request.root()), "next": null, "previous": null});
        match path {
            ["services"] => {
                let rows: Vec<Value> = self
                    .services
                    .iter()
                    .filter(|service| request.query("type").is_none_or(|kind| kind == service.kind))
                    .filter(|service| request.query("name").is_none_or(|name| name == service.name))
                    .map(Listed::show)
                    .collect();
                Ok(Reply::ok(json!({"services": rows, "links": links("services")})))
            }
            ["services", id] => {
                let found = self.services.iter().find(|service| service.id == *id);
                let service = found.ok_or_else(|| missing("service", id))?;
                Ok(Reply::ok(json!({"service": service.show()})))
            }
            ["endpoints"] => {
                let rows: Vec<Value> = self
                    .services
                    .iter()
                    .filter(|service| request.query("service_id").is_none_or(|id| id == service.id))
                    .flat_map(|service| service.resolved(Some("$(project_id)s")))
                    .filter(|row| request.query("interface").is_none_or(|wanted| row["interface"] == wanted))
                    .collect();
                Ok(Reply::ok(json!({"endpoints": rows, "links": links("endpoints")})))
            }
            ["regions"] => Ok(Reply::ok(json!({"regions": [region()], "links": links("regions")}))),
            ["regions", REGION] => Ok(Reply::ok(json!({"region": region()}))),
            ["regions", id] => Err(missing("region", id)),
            _ => Err(Refusal::no_route()),
        }
    }
}

impl Listed {
    fn resolved(&self, project: Option<&str>) -> Vec<Value> {
        let url = match (self.url.contains("{project}"), project) {
            (false, _) => self.url.clone(),
            (true, Some(project)) => self.url.replace("{project}", project),
            (true, None) => return Vec::new(),
        };
        INTERFACES
            .iter()
            .zip(&self.endpoints)
            .map(|(interface, id)| {
                json!({
                    "id": id, "interface": interface, "url": url, "region": REGION, "region_id": REGION,
                    "service_id": self.id, "enabled": true,
                })
            })
            .collect()
    }

    fn show(&self) -> Value {
        json!({"id": self.id, "name": self.name, "type": self.kind, "enabled": true, "description": ""})
    }
}

fn region() -> Value {
    json!({"id": REGION, "description": "", "parent_region_id": null})
}
