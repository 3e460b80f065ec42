//! Glance: images and their properties, without their data.

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
            let images: Vec<Value> = visible(&world.images, &grant, request).iter().map(shown).collect();
            Ok(Reply::ok(json!({"images": images, "first": "/v2/images", "schema": "/v2/schemas/images"})))
        }
        ("GET", ["v2", "images", id]) => {
            let missing = format!("No image found with ID {id}");
            Ok(Reply::ok(shown(one(&world.images, id, &grant, &missing)?)))
        }
        ("POST", ["v2", "images"]) => {
            let mut image = new_image(&request.json()?);
            image["owner"] = json!(grant.project());
            image["project_id"] = json!(grant.project());
            let id = image["id"].as_str().unwrap_or_default().to_owned();
            world.images.insert(id, image.clone());
            Ok(Reply::json(201, shown(&image)))
        }
        ("DELETE", ["v2", "images", id]) => {
            one(&world.images, id, &grant, &format!("Failed to find image {id} to delete"))?;
            world.images.shift_remove(*id);
            Ok(Reply::empty(204))
        }
        _ => Err(Refusal::no_route()),
    }
}

/// An image without data, as its owner describes it.
fn new_image(body: &Value) -> Value {
    let (id, now) = (new_id(), stamp(Utc::now()));
    let mut image = json!({
        "id": id, "name": null, "status": "queued", "visibility": "shared", "container_format": null,
        "disk_format": null, "min_disk": 0, "min_ram": 0, "size": null, "virtual_size": null, "checksum": null,
        "protected": false, "tags": [], "created_at": now, "updated_at": now, "file": format!("/v2/images/{id}/file"),
        "self": format!("/v2/images/{id}"), "schema": "/v2/schemas/image", "os_hidden": false,
    });
    if let (Value::Object(image), Value::Object(body)) = (&mut image, body) {
        image.extend(body.clone());
    }
    image
}

/// An image without what only the simulation knows of it.
fn shown(image: &Value) -> Value {
    let mut image = image.clone();
    if let Value::Object(image) = &mut image {
        image.remove("project_id");
    }
    image
}
