//! Barbican: secrets and the containers that bundle them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use serde_json::{Value, json};

use crate::http::{Answer, Body, Refusal, Reply, Request};
use crate::identity::Grant;
use crate::state::{Table, World, new_id, stamp, text};

/// Member under which a secret's bytes are kept, in base64; never shown.
const PAYLOAD: &str = "_payload";

/// Largest payload in bytes.
const PAYLOAD_LIMIT: usize = 20_000;

/// Answers one request to Barbican.
pub(crate) fn answer(world: &mut World, request: &Request) -> Answer {
    let path = request.path();
    let v1 = json!({
        "id": "v1", "status": "stable", "updated": "2015-04-28T00:00:00Z",
        "links": [{"rel": "self", "href": format!("{}/v1/", request.root())}],
    });
    match (request.method.as_str(), path.as_slice()) {
        ("GET", []) => return Ok(Reply::json(300, json!({"versions": [v1]}))),
        ("GET", ["v1"]) => return Ok(Reply::ok(json!({"version": v1}))),
        _ => {}
    }
    let grant = world.caller(request)?;
    match path.as_slice() {
        ["v1", "secrets", rest @ ..] => secrets(world, &grant, request, rest),
        ["v1", "containers", rest @ ..] => containers(world, &grant, request, rest),
        _ => Err(Refusal::no_route()),
    }
}

fn may_create(grant: &Grant) -> Result<(), Refusal> {
    if grant.roles.iter().any(|role| role == "admin" || role == "creator") {
        return Ok(());
    }
    Err(Refusal::forbidden("Creation attempt not allowed - please review your user/project privileges"))
}

fn owned<'a>(table: &'a Table, id: &str, grant: &Grant, kind: &str) -> Result<&'a Value, Refusal> {
    let missing = format!("Not Found. Sorry but your {kind} is in another castle.");
    let row = table.get(id).ok_or_else(|| Refusal::not_found(&missing))?;
    if text(row, "project_id") != grant.project() {
        let message = format!("{kind} retrieval attempt not allowed - please review your user/project privileges");
        return Err(Refusal::forbidden(&message));
    }
    Ok(row)
}

fn secrets(world: &mut World, grant: &Grant, request: &Request, path: &[&str]) -> Answer {
    let root = request.root();
    match (request.method.as_str(), path) {
        ("POST", []) => {
            may_create(grant)?;
            let id = new_id();
            world.secrets.insert(id.clone(), new_secret(&request.json()?, grant)?);
            Ok(Reply::json(201, json!({"secret_ref": format!("{root}/v1/secrets/{id}")})))
        }
        ("GET", []) => {
            let (rows, total) = page(&world.secrets, grant, request, |id, row| show_secret(&root, id, row));
            Ok(Reply::ok(json!({"secrets": rows, "total": total})))
        }
        ("GET", [id]) => {
            let row = owned(&world.secrets, id, grant, "Secret")?;
            let accept = request.header("Accept").unwrap_or_default();
            if accept.starts_with("text/plain") || accept.starts_with("application/octet-stream") {
                return payload(row);
            }
            Ok(Reply::ok(show_secret(&root, id, row)))
        }
        ("GET", [id, "payload"]) => payload(owned(&world.secrets, id, grant, "Secret")?),
        ("DELETE", [id]) => {
            owned(&world.secrets, id, grant, "Secret")?;
            world.secrets.shift_remove(*id);
            Ok(Reply::empty(204))
        }
        _ => Err(Refusal::no_route()),
    }
}

fn new_secret(body: &Value, grant: &Grant) -> Result<Value, Refusal> {
    let media = text(body, "payload_content_type").to_owned();
    let given = body["payload"].as_str();
    let bytes = match (given, text(body, "payload_content_encoding")) {
        (None, _) => Vec::new(),
        (Some(""), _) => return Err(Refusal::bad("Provided object does not match schema 'Secret': payload is empty")),
        (Some(_), _) if media.is_empty() => {
            return Err(Refusal::bad(
                "Provided object does not match schema 'Secret': payload_content_type is missing",
            ));
        }
        (Some(payload), "base64") => {
            STANDARD.decode(payload).map_err(|_| Refusal::bad("Unable to decode request data."))?
        }
        (Some(_), "") if media.starts_with("application/octet-stream") => {
            return Err(Refusal::bad(
                "payload_content_encoding must be specified when payload_content_type is supplied.",
            ));
        }
        (Some(payload), "") => payload.as_bytes().to_vec(),
        (Some(_), other) => return Err(Refusal::bad(&format!("{other} is not a supported encoding"))),
    };
    if bytes.len() > PAYLOAD_LIMIT {
        return Err(Refusal::new(413, "PayloadTooLarge", "Provided information too large to process"));
    }
    let now = stamp(Utc::now());
    Ok(json!({
        "name": body["name"], "status": "ACTIVE", "secret_type": body["secret_type"].as_str().unwrap_or("opaque"),
        "algorithm": body["algorithm"], "bit_length": body["bit_length"], "mode": body["mode"],
        "expiration": body["expiration"], "creator_id": grant.user_id, "project_id": grant.project(), "created": now,
        "updated": now, "content_types": {"default": media}, PAYLOAD: STANDARD.encode(bytes),
    }))
}

fn show_secret(root: &str, id: &str, row: &Value) -> Value {
    let mut row = row.clone();
    if let Value::Object(row) = &mut row {
        row.remove(PAYLOAD);
        row.remove("project_id");
        row.insert("secret_ref".into(), json!(format!("{root}/v1/secrets/{id}")));
    }
    row
}

fn payload(row: &Value) -> Answer {
    let bytes = STANDARD.decode(text(row, PAYLOAD)).unwrap_or_default();
    if bytes.is_empty() {
        return Err(Refusal::not_found("Not Found. Sorry but your secret has no payload."));
    }
    let media = text(&row["content_types"], "default").to_owned();
    Ok(Reply { status: 200, headers: Vec::new(), body: Body::Raw { media, bytes } })
}

fn containers(world: &mut World, grant: &Grant, request: &Request, path: &[&str]) -> Answer {
    let root = request.root();
    match (request.method.as_str(), path) {
        ("POST", []) => {
            may_create(grant)?;
            let body = request.json()?;
            for part in body["secret_refs"].as_array().into_iter().flatten() {
                let id = text(part, "secret_ref").rsplit('/').next().unwrap_or_default();
                owned(&world.secrets, id, grant, "Secret")?;
            }
            if !matches!(text(&body, "type"), "certificate" | "generic" | "rsa") {
                return Err(Refusal::bad(
                    "Provided object does not match schema 'Container': type is not one of the known ones",
                ));
            }
            let (id, now) = (new_id(), stamp(Utc::now()));
            let row = json!({
                "name": body["name"], "type": body["type"], "status": "ACTIVE", "creator_id": grant.user_id,
                "secret_refs": body["secret_refs"], "consumers": [], "created": now, "updated": now,
                "project_id": grant.project(),
            });
            world.containers.insert(id.clone(), row);
            Ok(Reply::json(201, json!({"container_ref": format!("{root}/v1/containers/{id}")})))
        }
        ("GET", []) => {
            let (rows, total) = page(&world.containers, grant, request, |id, row| show_container(&root, id, row));
            Ok(Reply::ok(json!({"containers": rows, "total": total})))
        }
        ("GET", [id]) => Ok(Reply::ok(show_container(&root, id, owned(&world.containers, id, grant, "Container")?))),
        ("POST", [id, "consumers"]) => {
            owned(&world.containers, id, grant, "Container")?;
            let consumer = request.json()?;
            let consumer = json!({"name": consumer["name"], "URL": consumer["URL"]});
            if let Some(list) = world.containers.get_mut(*id).and_then(|row| row["consumers"].as_array_mut())
                && !list.contains(&consumer)
            {
                list.push(consumer);
            }
            Ok(Reply::ok(show_container(&root, id, owned(&world.containers, id, grant, "Container")?)))
        }
        ("DELETE", [id]) => {
            owned(&world.containers, id, grant, "Container")?;
            world.containers.shift_remove(*id);
            Ok(Reply::empty(204))
        }
        _ => Err(Refusal::no_route()),
    }
}

fn show_container(root: &str, id: &str, row: &Value) -> Value {
    let mut row = row.clone();
    if let Value::Object(row) = &mut row {
        row.remove("project_id");
        row.insert("container_ref".into(), json!(format!("{root}/v1/containers/{id}")));
    }
    row
}

/// One page of a project's rows, by `name`, `limit` (10 unless given, at most 100) and `offset`; and how many there are.
fn page(table: &Table, grant: &Grant, request: &Request, show: impl Fn(&str, &Value) -> Value) -> (Vec<Value>, usize) {
    let rows: Vec<Value> = table
        .iter()
        .filter(|(_, row)| text(row, "project_id") == grant.project())
        .filter(|(_, row)| request.query("name").is_none_or(|name| text(row, "name") == name))
        .map(|(id, row)| show(id, row))
        .collect();
    let number = |key: &str, other: usize| request.query(key).and_then(|text| text.parse().ok()).unwrap_or(other);
    let total = rows.len();
    (rows.into_iter().skip(number("offset", 0)).take(number("limit", 10).min(100)).collect(), total)
}
