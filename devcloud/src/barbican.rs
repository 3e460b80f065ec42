//! Barbican: secrets and the containers that bundle them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use serde_json::{Map, Value, json};

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

/// Refuses what the caller's roles do not allow; `doing` is Barbican's name of it.
fn may_create(grant: &Grant, doing: &str) -> Result<(), Refusal> {
    if grant.roles.iter().any(|role| role == "admin" || role == "creator") {
        return Ok(());
    }
    Err(not_allowed(doing))
}

fn not_allowed(doing: &str) -> Refusal {
    Refusal::forbidden(&format!("{doing} attempt not allowed - please review your user/project privileges"))
}

/// The two kinds of objects, with Barbican's words for them.
#[derive(Clone, Copy)]
struct Kind {
    /// First word of the sentences about what is being done.
    doing: &'static str,
    /// What is not found.
    missing: &'static str,
    /// What an invalid id is not the id of.
    id: &'static str,
}

const SECRET: Kind = Kind { doing: "Secret", missing: "Secret", id: "secret" };
const CONTAINER: Kind = Kind { doing: "Container", missing: "Secrets container", id: "container" };

/// An object of the caller's project; `doing` completes the refusal's sentence, for example `retrieval`.
fn owned<'a>(table: &'a Table, id: &str, grant: &Grant, kind: Kind, doing: &str) -> Result<&'a Value, Refusal> {
    if uuid::Uuid::parse_str(id).is_err() {
        return Err(Refusal::not_found(&format!("Not Found. Provided {} id is invalid.", kind.id)));
    }
    let row = table.get(id).ok_or_else(|| Refusal::not_found(&format!("{} not found.", kind.missing)))?;
    if text(row, "project_id") != grant.project() {
        return Err(not_allowed(&format!("{} {doing}", kind.doing)));
    }
    Ok(row)
}

fn secrets(world: &mut World, grant: &Grant, request: &Request, path: &[&str]) -> Answer {
    let root = request.root();
    match (request.method.as_str(), path) {
        ("POST", []) => {
            may_create(grant, "Secret creation")?;
            let id = new_id();
            world.secrets.insert(id.clone(), new_secret(&request.json()?, grant)?);
            let href = format!("{root}/v1/secrets/{id}");
            Ok(Reply::json(201, json!({"secret_ref": href})).header("Location", href))
        }
        ("GET", []) => {
            let mut page = page(&world.secrets, grant, request, |id, row| show_secret(&root, id, row));
            let rows = page.remove("rows").unwrap_or_default();
            page.insert("secrets".into(), rows);
            Ok(Reply::ok(Value::Object(page)))
        }
        ("GET", [id]) => {
            let row = owned(&world.secrets, id, grant, SECRET, "retrieval")?;
            let accept = request.header("Accept").unwrap_or_default();
            if accept.starts_with("text/plain") || accept.starts_with("application/octet-stream") {
                return payload(row, accept);
            }
            Ok(Reply::ok(show_secret(&root, id, row)))
        }
        ("GET", [id, "payload"]) => {
            let row = owned(&world.secrets, id, grant, SECRET, "payload retrieval")?;
            payload(row, request.header("Accept").unwrap_or("application/octet-stream"))
        }
        ("DELETE", [id]) => {
            owned(&world.secrets, id, grant, SECRET, "deletion")?;
            world.secrets.shift_remove(*id);
            Ok(Reply::empty(204))
        }
        _ => Err(Refusal::no_route()),
    }
}

/// A time as Barbican writes it.
fn bare_stamp() -> String {
    stamp(Utc::now()).trim_end_matches('Z').to_owned()
}

fn malformed(kind: &str, what: &str, property: &str) -> Refusal {
    let message = format!("Provided object does not match schema '{kind}': {what}. Invalid property: '{property}'");
    Refusal::bad(&message)
}

fn new_secret(body: &Value, grant: &Grant) -> Result<Value, Refusal> {
    let media = text(body, "payload_content_type").to_owned();
    let given = body["payload"].as_str();
    let bytes = match (given, text(body, "payload_content_encoding")) {
        (None, _) => Vec::new(),
        (Some(_), _) if media.is_empty() => {
            let what = "If 'payload' is supplied, 'payload_content_type' must also be supplied.";
            return Err(malformed("Secret", what, "payload_content_type"));
        }
        (Some(payload), _) if payload.trim().is_empty() => {
            return Err(malformed("Secret", "If 'payload' specified, must be non empty", "payload"));
        }
        (Some(payload), "base64") => {
            STANDARD.decode(payload).map_err(|_| Refusal::bad("Unable to decode request data."))?
        }
        (Some(payload), "") if !media.starts_with("application/octet-stream") => payload.trim().as_bytes().to_vec(),
        (Some(_), _) => {
            let what = "payload_content_encoding is not one of ['base64', 'binary']";
            return Err(malformed("Secret", what, "payload_content_encoding"));
        }
    };
    if bytes.len() > PAYLOAD_LIMIT {
        return Err(Refusal::new(413, "PayloadTooLarge", "Provided information too large to process"));
    }
    let now = bare_stamp();
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

/// The payload as one media type, text or bytes; lists of types and wildcards but the bare one are not understood.
fn payload(row: &Value, accept: &str) -> Answer {
    let bytes = STANDARD.decode(text(row, PAYLOAD)).unwrap_or_default();
    if bytes.is_empty() {
        return Err(Refusal::not_found("Not Found. Sorry but your secret has no payload."));
    }
    let readable = accept != "text/plain" || std::str::from_utf8(&bytes).is_ok();
    if !matches!(accept, "text/plain" | "application/octet-stream" | "*/*") || !readable {
        let message = "Secret payload retrieval issue seen - Wrong payload content-type.";
        return Err(Refusal::new(406, "NotAcceptable", message));
    }
    Ok(Reply { status: 200, headers: Vec::new(), body: Body::Raw { media: accept.to_owned(), bytes } })
}

fn containers(world: &mut World, grant: &Grant, request: &Request, path: &[&str]) -> Answer {
    let root = request.root();
    match (request.method.as_str(), path) {
        ("POST", []) => {
            may_create(grant, "Container creation")?;
            let row = new_container(world, grant, &request.json()?)?;
            let id = new_id();
            world.containers.insert(id.clone(), row);
            let href = format!("{root}/v1/containers/{id}");
            Ok(Reply::json(201, json!({"container_ref": href})).header("Location", href))
        }
        ("GET", []) => {
            let mut page = page(&world.containers, grant, request, |id, row| show_container(&root, id, row));
            let rows = page.remove("rows").unwrap_or_default();
            page.insert("containers".into(), rows);
            Ok(Reply::ok(Value::Object(page)))
        }
        ("GET", [id]) => {
            let row = owned(&world.containers, id, grant, CONTAINER, "retrieval")?;
            Ok(Reply::ok(show_container(&root, id, row)))
        }
        ("POST", [id, "consumers"]) => {
            owned(&world.containers, id, grant, CONTAINER, "retrieval")?;
            let consumer = request.json()?;
            let consumer = json!({"name": consumer["name"], "URL": consumer["URL"]});
            if let Some(list) = world.containers.get_mut(*id).and_then(|row| row["consumers"].as_array_mut())
                && !list.contains(&consumer)
            {
                list.push(consumer);
            }
            let row = owned(&world.containers, id, grant, CONTAINER, "retrieval")?;
            Ok(Reply::ok(show_container(&root, id, row)))
        }
        ("DELETE", [id]) => {
            owned(&world.containers, id, grant, CONTAINER, "deletion")?;
            world.containers.shift_remove(*id);
            Ok(Reply::empty(204))
        }
        _ => Err(Refusal::no_route()),
    }
}

fn new_container(world: &World, grant: &Grant, body: &Value) -> Result<Value, Refusal> {
    let kind = text(body, "type");
    if !matches!(kind, "certificate" | "generic" | "rsa") {
        let what = format!("'{kind}' is not one of ['generic', 'rsa', 'certificate']");
        return Err(malformed("Container", &what, "type"));
    }
    let parts = body["secret_refs"].as_array().cloned().unwrap_or_default();
    let has = |name: &str| parts.iter().any(|part| text(part, "name") == name);
    if kind == "certificate" && !parts.is_empty() && !has("certificate") {
        let what = "The minimum required reference name is 'certificate' for Certificate type";
        return Err(malformed("Container", what, "secret_refs"));
    }
    let ids: Vec<&str> =
        parts.iter().map(|part| text(part, "secret_ref").rsplit('/').next().unwrap_or_default()).collect();
    if ids.iter().enumerate().any(|(at, id)| ids[..at].contains(id)) {
        return Err(malformed("Container", "Duplicate secret ids are not allowed", "secret_refs"));
    }
    for (part, id) in parts.iter().zip(ids) {
        let own = world.secrets.get(id).filter(|row| text(row, "project_id") == grant.project());
        let message = format!("Secret provided for '{}' doesn't exist.", text(part, "name"));
        own.ok_or_else(|| Refusal::not_found(&message))?;
    }
    let now = bare_stamp();
    Ok(json!({
        "name": body["name"], "type": kind, "status": "ACTIVE", "creator_id": grant.user_id, "secret_refs": parts,
        "consumers": [], "created": now, "updated": now, "project_id": grant.project(),
    }))
}

fn show_container(root: &str, id: &str, row: &Value) -> Value {
    let mut row = row.clone();
    if let Value::Object(row) = &mut row {
        row.remove("project_id");
        row.insert("container_ref".into(), json!(format!("{root}/v1/containers/{id}")));
    }
    row
}

/// One page of a project's rows, by `name`, `limit` (10 unless given, at most 100) and `offset`: `rows`, how many there
/// are in `total`, and the addresses of the pages before and after.
fn page(table: &Table, grant: &Grant, request: &Request, show: impl Fn(&str, &Value) -> Value) -> Map<String, Value> {
    let rows: Vec<Value> = table
        .iter()
        .filter(|(_, row)| text(row, "project_id") == grant.project())
        .filter(|(_, row)| request.query("name").is_none_or(|name| text(row, "name") == name))
        .map(|(id, row)| show(id, row))
        .collect();
    let number = |key: &str, other: usize| request.query(key).and_then(|text| text.parse().ok()).unwrap_or(other);
    let (total, limit, offset) = (rows.len(), number("limit", 10).clamp(1, 100), number("offset", 0));
    let place = |offset: usize| {
        json!(format!("{}/{}?limit={limit}&offset={offset}", request.root(), request.segments.join("/")))
    };
    let mut page = Map::new();
    page.insert("rows".into(), rows.into_iter().skip(offset).take(limit).collect());
    page.insert("total".into(), json!(total));
    if offset > 0 {
        page.insert("previous".into(), place(offset.saturating_sub(limit)));
    }
    if offset + limit < total {
        page.insert("next".into(), place(offset + limit));
    }
    page
}
