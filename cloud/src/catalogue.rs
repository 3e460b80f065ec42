//! The service catalogue of a token, cut down to the services this product calls.
//!
//! Read tolerantly: endpoints without a region, endpoints without an address and tokens without a catalogue are facts
//! of real clouds, not errors.

use domain::options::Interface;
use serde::Deserialize;

/// Service types worth keeping; a token's full catalogue is several times larger and lives in the token cache.
const KEPT: &[&str] = &[
    "identity",
    "orchestration",
    "image",
    "compute",
    "network",
    "block-storage",
    "block-store",
    "volumev3",
    "volumev2",
    "load-balancer",
    "key-manager",
    "container-infra",
    "container-infrastructure-management",
    "container",
];

/// Addresses of services, as a token's catalogue lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    kind: String,
    interface: String,
    region: Option<String>,
    url: String,
}

/// A service in the catalogue as on the wire.
#[derive(Debug, Deserialize)]
pub(crate) struct WireService {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    endpoints: Vec<WireEndpoint>,
}

#[derive(Debug, Deserialize)]
struct WireEndpoint {
    interface: Option<String>,
    region_id: Option<String>,
    region: Option<String>,
    url: Option<String>,
}

impl Catalogue {
    pub(crate) fn from_wire(services: Vec<WireService>) -> Self {
        let mut entries = Vec::new();
        for service in services {
            let Some(kind) = service.kind.filter(|kind| KEPT.contains(&kind.as_str())) else { continue };
            for endpoint in service.endpoints {
                if let (Some(interface), Some(url)) = (endpoint.interface, endpoint.url) {
                    let region = endpoint.region_id.or(endpoint.region);
                    entries.push(Entry { kind: kind.clone(), interface, region, url });
                }
            }
        }
        Self { entries }
    }

    /// Address of the first service type of `kinds` that has one; `region` `None` takes any region, and an endpoint
    /// without a region serves every region.
    #[must_use]
    pub fn endpoint(&self, kinds: &[&str], interface: Interface, region: Option<&str>) -> Option<&str> {
        kinds.iter().find_map(|kind| {
            self.entries
                .iter()
                .filter(|e| e.kind == *kind && e.interface.trim_end_matches("URL") == interface.as_str())
                .find(|e| region.is_none() || e.region.is_none() || e.region.as_deref() == region)
                .map(|e| e.url.as_str())
        })
    }

    /// `true` when a service of this type is listed, whatever its interface and region.
    #[must_use]
    pub fn has(&self, kind: &str) -> bool {
        self.entries.iter().any(|e| e.kind == kind)
    }

    /// `true` when nothing is listed, as in an unscoped token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue(json: serde_json::Value) -> Catalogue {
        Catalogue::from_wire(serde_json::from_value(json).unwrap())
    }

    #[test]
    fn endpoints_without_region_or_address_are_tolerated() {
        let c = catalogue(serde_json::json!([
            {"type": "orchestration", "endpoints": [
                {"interface": "public", "region": null, "region_id": null, "url": "http://heat/v1/p"},
                {"interface": "admin", "region": "R", "url": null}]},
            {"type": null, "endpoints": []},
            {"type": "rating", "endpoints": [{"interface": "public", "region": "R", "url": "http://rating"}]},
        ]));
        assert_eq!(c.endpoint(&["orchestration"], Interface::Public, Some("R")), Some("http://heat/v1/p"));
        assert_eq!(c.endpoint(&["orchestration"], Interface::Admin, None), None);
        assert!(!c.has("rating"), "services that are never called are not kept");
    }

    #[test]
    fn region_and_interface_choose_and_types_fall_back() {
        let c = catalogue(serde_json::json!([
            {"type": "container", "endpoints": [
                {"interface": "public", "region": "A", "url": "http://a"},
                {"interface": "public", "region": "B", "url": "http://b"},
                {"interface": "internalURL", "region": "B", "url": "http://b-int"}]},
        ]));
        let kinds = ["container-infra", "container"];
        assert_eq!(c.endpoint(&kinds, Interface::Public, Some("B")), Some("http://b"));
        assert_eq!(c.endpoint(&kinds, Interface::Internal, None), Some("http://b-int"));
        assert_eq!(c.endpoint(&kinds, Interface::Public, Some("C")), None);
        assert!(Catalogue::default().is_empty());
    }
}
