//! Cinder: volume types and volumes.

use chrono::Utc;
use serde_json::{Value, json};

use crate::http::{Answer, Refusal, Reply, Request};
use crate::state::{World, new_id, one, stamp, text, version, visible};

/// Adds a volume type; the first one is the default type.
pub(crate) fn add_type(world: &mut World, name: &str) {
    let id = new_id();
    let row = json!({
        "id": id, "name": name, "description": null, "is_public": true, "extra_specs": {}, "qos_specs_id": null,
        "os-volume-type-access:is_public": true,
    });
    world.volume_types.insert(id, row);
}

/// A volume type by id or name.
pub(crate) fn find_type<'a>(world: &'a World, wanted: &str) -> Option<&'a Value> {
    world.volume_types.get(wanted).or_else(|| world.volume_types.values().find(|one| one["name"] == wanted))
}

/// Adds a volume; refused when its type does not exist or its size is not positive.
pub(crate) fn add_volume(world: &mut World, project: &str, shape: &Value) -> Result<Value, Refusal> {
    let size = shape["size"].as_u64().filter(|size| *size > 0);
    let size =
        size.ok_or_else(|| Refusal::bad("Invalid input received: Volume size must be an integer and greater than 0"))?;
    let wanted = text(shape, "volume_type");
    let kind = if wanted.is_empty() { world.volume_types.values().next() } else { find_type(world, wanted) };
    let kind = kind
        .map(|kind| kind["name"].clone())
        .ok_or_else(|| Refusal::not_found(&format!("Volume type with name {wanted} could not be found.")))?;
    let id = new_id();
    let row = json!({
        "id": id, "name": text(shape, "name"), "size": size, "status": "available", "volume_type": kind,
        "project_id": project, "attachments": [], "bootable": "false", "created_at": stamp(Utc::now()),
        "availability_zone": "nova", "metadata": shape["metadata"].as_object().cloned().unwrap_or_default(),
        "description": shape["description"],
    });
    world.volumes.insert(id, row.clone());
    Ok(row)
}

/// Answers one request to Cinder.
pub(crate) fn answer(world: &mut World, request: &Request) -> Answer {
    let path = request.path();
    let v3 = version("v3.0", &format!("{}/v3/", request.root()), "3.0", "3.70");
    match (request.method.as_str(), path.as_slice()) {
        ("GET", []) => return Ok(Reply::json(300, json!({"versions": [v3]}))),
        ("GET", ["v3"]) => return Ok(Reply::ok(json!({"versions": [v3]}))),
        _ => {}
    }
    let ["v3", project, rest @ ..] = path.as_slice() else { return Err(Refusal::no_route()) };
    let grant = world.caller(request)?;
    if *project != grant.project() && !grant.is_admin() {
        return Err(Refusal::bad("Malformed request url"));
    }
    match (request.method.as_str(), rest) {
        ("GET", ["types"]) => Ok(Reply::ok(json!({"volume_types": visible(&world.volume_types, &grant, request)}))),
        ("GET", ["types", "default"]) => {
            let first = world.volume_types.values().next();
            let first = first.ok_or_else(|| Refusal::not_found("Default volume type can not be found."))?;
            Ok(Reply::ok(json!({"volume_type": first})))
        }
        ("GET", ["types", id]) => {
            let missing = format!("Volume type {id} could not be found.");
            Ok(Reply::ok(json!({"volume_type": one(&world.volume_types, id, &grant, &missing)?})))
        }
        ("GET", ["volumes"] | ["volumes", "detail"]) => {
            Ok(Reply::ok(json!({"volumes": visible(&world.volumes, &grant, request)})))
        }
        ("POST", ["volumes"]) => {
            if !grant.may_write() {
                return Err(Refusal::forbidden("Policy doesn't allow volume:create to be performed."));
            }
            let shape = Value::Object(request.member("volume")?);
            let made = add_volume(world, grant.project(), &shape)?;
            Ok(Reply::json(202, json!({"volume": made})))
        }
        ("GET", ["volumes", id]) => {
            let missing = format!("Volume {id} could not be found.");
            Ok(Reply::ok(json!({"volume": one(&world.volumes, id, &grant, &missing)?})))
        }
        ("DELETE", ["volumes", id]) => {
            let missing = format!("Volume {id} could not be found.");
            one(&world.volumes, id, &grant, &missing)?;
            world.volumes.shift_remove(*id);
            Ok(Reply::empty(202))
        }
        _ => Err(Refusal::no_route()),
    }
}
