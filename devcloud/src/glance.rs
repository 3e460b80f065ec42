//! Glance: images and their properties, read only.

use chrono::Utc;
use serde_json::{Value, json};

use crate::http::{Answer, Refusal, Reply, Request};
use crate::state::{World, hex_id, new_id, one, stamp, version, visible};

/// Adds a public, active image; returns its id.
pub(crate) fn add_image(world: &mut World, name: &str, distro: Option<&str>) -> String {
    let id = new_id();
    let now = stamp(Utc::now());
    let mut image = json!({
        "id": id, "name": name, "status": "active", "visibility": "public", "container_format": "bare",
        "disk_format": "qcow2", "min_disk": 0, "min_ram": 0, "size": 1_048_576, "virtual_size": null,
        "checksum": hex_id(), "owner": null, "protected": false, "tags": [], "created_at": now, "updated_at": now,
        "file": format!("/v2/images/{id}/file"), "self": format!("/v2/images/{id}"), "schema": "/v2/schemas/image",
        "os_hidden": false,
    });
    if let Some(distro) = distro {
        image["os_distro"] = json!(distro);
    }
    world.images.insert(id.clone(), image);
    id
}

/// An image by id or name; an ambiguous name finds nothing.
pub(crate) fn find<'a>(world: &'a World, wanted: &str) -> Result<&'a Value, String> {
    if let Some(image) = world.images.get(wanted) {
        return Ok(image);
    }
    let mut named = world.images.values().filter(|image| image["name"] == wanted);
    match (named.next(), named.next()) {
        (Some(image), None) => Ok(image),
        (None, _) => Err(format!("No images matching {{'name': '{wanted}'}}.")),
        (Some(_), Some(_)) => Err(format!("Multiple images matching {{'name': '{wanted}'}}.")),
    }
}

/// Answers one request to Glance.
pub(crate) fn answer(world: &mut World, request: &Request) -> Answer {
    let path = request.path();
    let v2 = json!({
        "id": "v2.6", "status": "CURRENT", "links": [{"rel": "self", "href": format!("{}/v2/", request.root())}],
    });
    match (request.method.as_str(), path.as_slice()) {
        ("GET", [] | ["versions"]) => {
            let status = if path.is_empty() { 300 } else { 200 };
            return Ok(Reply::json(status, json!({"versions": [v2]})));
        }
        ("GET", ["v2"]) => {
            return Ok(Reply::ok(json!({"version": version("v2.6", &format!("{}/v2/", request.root()), "", "")})));
        }
        _ => {}
    }
    let grant = world.caller(request)?;
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["v2", "images"]) => {
            let images: Vec<Value> = visible(&world.images, &grant, request);
            Ok(Reply::ok(json!({"images": images, "first": "/v2/images", "schema": "/v2/schemas/images"})))
        }
        ("GET", ["v2", "images", id]) => {
            let missing = format!("Failed to find image {id}");
            Ok(Reply::ok(one(&world.images, id, &grant, &missing)?.clone()))
        }
        _ => Err(Refusal::no_route()),
    }
}
