//! Octavia: load balancers and their listeners, pools, members and monitors.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use crate::http::{Answer, Refusal, Reply, Request};
use crate::identity::Grant;
use crate::neutron;
use crate::state::{Table, World, new_id, one, stamp, text, version, visible};

/// Members that hold when a load balancer in `PENDING_DELETE` is gone, and when another pending one is `ACTIVE`.
const GONE_AT: &str = "_gone_at";
const ACTIVE_AT: &str = "_active_at";

/// Adds a load balancer with its VIP port, ready for use; `shape` names `vip_subnet_id`, `vip_network_id` or `vip_port_id`.
pub(crate) fn add_balancer(world: &mut World, project: &str, shape: Map<String, Value>) -> Result<Value, Refusal> {
    let shape = Value::Object(shape);
    let id = new_id();
    let (port, subnet) = vip(world, project, &id, &shape)?;
    let now = stamp(Utc::now());
    let row = json!({
        "id": id, "name": text(&shape, "name"), "description": text(&shape, "description"), "project_id": project,
        "provisioning_status": "ACTIVE", "operating_status": "ONLINE", "admin_state_up": true, "provider": "amphora",
        "tenant_id": project, "additional_vips": [], "vip_qos_policy_id": null, "availability_zone": null,
        "vip_address": port["fixed_ips"][0]["ip_address"], "vip_port_id": port["id"], "vip_subnet_id": subnet,
        "vip_network_id": port["network_id"], "listeners": [], "pools": [], "created_at": now, "updated_at": now,
        "flavor_id": null, "tags": shape["tags"].as_array().cloned().unwrap_or_default(),
    });
    world.load_balancers.insert(id, row.clone());
    Ok(row)
}

/// The VIP's port and subnet.
fn vip(world: &mut World, project: &str, id: &str, shape: &Value) -> Result<(Value, String), Refusal> {
    if let Some(port) = shape["vip_port_id"].as_str() {
        let missing = || Refusal::not_found(&format!("Port {port} not found."));
        let port = world.ports.get(port).cloned().ok_or_else(missing)?;
        let subnet = port["fixed_ips"][0]["subnet_id"].as_str().unwrap_or_default().to_owned();
        return Ok((port, subnet));
    }
    let (subnet, wanted) = match (shape["vip_subnet_id"].as_str(), shape["vip_network_id"].as_str()) {
        (Some(subnet), _) => {
            (neutron::find_subnet(world, subnet).map(|row| text(row, "id").to_owned()), format!("Subnet {subnet}"))
        }
        (None, Some(network)) => {
            let found = neutron::find_network(world, network);
            (found.and_then(|row| row["subnets"][0].as_str().map(str::to_owned)), format!("Network {network}"))
        }
        (None, None) => {
            let message = "Validation failure: VIP must contain one of: vip_port_id, vip_network_id, vip_subnet_id.";
            return Err(Refusal::bad(message));
        }
    };
    let subnet = subnet.ok_or_else(|| Refusal::not_found(&format!("{wanted} not found.")))?;
    let network = world.subnets.get(&subnet).map_or(Value::Null, |row| row["network_id"].clone());
    let port = json!({
        "name": format!("octavia-lb-{id}"), "network_id": network, "subnet_id": subnet, "project_id": project,
        "device_owner": "Octavia", "device_id": format!("lb-{id}"),
    });
    Ok((neutron::add_port(world, port)?, subnet))
}

/// Deletes a load balancer, what hangs on it, and its VIP port.
pub(crate) fn remove_balancer(world: &mut World, id: &str) {
    let Some(gone) = world.load_balancers.shift_remove(id) else { return };
    for table in [&mut world.listeners, &mut world.pools, &mut world.members, &mut world.monitors] {
        table.retain(|_, row| text(row, "loadbalancer_id") != id);
    }
    let port = text(&gone, "vip_port_id");
    if world.ports.get(port).is_some_and(|port| text(port, "device_owner") == "Octavia")
        && let Err(refusal) = neutron::delete(world, "ports", port)
    {
        tracing::debug!(message = refusal.message, "VIP port stays");
    }
}

/// Adds a listener, pool, member or monitor; `parent` is the id of what it hangs on.
pub(crate) fn add_part(world: &mut World, kind: &str, shape: Map<String, Value>) -> Result<Value, Refusal> {
    let shape = Value::Object(shape);
    let parent = parent_of(&shape).to_owned();
    let balancer = balancer_of(world, &parent);
    let missing = || Refusal::not_found(&format!("load balancer, listener or pool {parent} not found."));
    let balancer = balancer.ok_or_else(missing)?;
    let id = new_id();
    let mut row = json!({"id": id, "provisioning_status": "ACTIVE", "operating_status": "ONLINE"});
    if let (Value::Object(row), Value::Object(shape)) = (&mut row, shape) {
        row.extend(shape);
        row.insert("loadbalancer_id".into(), json!(balancer));
        row.insert("parent_id".into(), json!(parent));
    }
    for list in ["listeners", "pools"] {
        let known = world.load_balancers.get_mut(&balancer).and_then(|have| have[list].as_array_mut());
        if let Some(known) = known.filter(|_| list == kind) {
            known.push(json!({"id": id}));
        }
    }
    if let Some(table) = table_mut(world, kind) {
        table.insert(id, row.clone());
    }
    Ok(row)
}

/// Id of what a part is to hang on.
fn parent_of(shape: &Value) -> &str {
    ["loadbalancer_id", "loadbalancer", "listener_id", "listener", "pool_id", "pool"]
        .iter()
        .find_map(|key| shape[*key].as_str())
        .unwrap_or_default()
}

/// Id of the load balancer that this id is, or hangs on.
fn balancer_of(world: &World, id: &str) -> Option<String> {
    if world.load_balancers.contains_key(id) {
        return Some(id.to_owned());
    }
    let part = world.listeners.get(id).or_else(|| world.pools.get(id))?;
    Some(text(part, "loadbalancer_id").to_owned())
}

/// Removes a part again.
pub(crate) fn remove_part(world: &mut World, kind: &str, id: &str) {
    if let Some(table) = table_mut(world, kind) {
        table.shift_remove(id);
    }
    for balancer in world.load_balancers.values_mut() {
        if let Some(known) = balancer.get_mut(kind).and_then(Value::as_array_mut) {
            known.retain(|part| part["id"] != id);
        }
    }
}

fn table_mut<'a>(world: &'a mut World, kind: &str) -> Option<&'a mut Table> {
    match kind {
        "listeners" => Some(&mut world.listeners),
        "pools" => Some(&mut world.pools),
        "members" => Some(&mut world.members),
        "healthmonitors" => Some(&mut world.monitors),
        _ => None,
    }
}

/// Answers one request to Octavia.
pub(crate) fn answer(world: &mut World, request: &Request) -> Answer {
    let path = request.path();
    let v2 = version("v2.26", &format!("{}/v2.0/", request.root()), "", "");
    match (request.method.as_str(), path.as_slice()) {
        ("GET", []) => return Ok(Reply::ok(json!({"versions": [v2]}))),
        ("GET", ["v2.0" | "v2"]) => return Ok(Reply::ok(json!({"version": v2}))),
        _ => {}
    }
    let ["v2.0" | "v2", "lbaas", kind, rest @ ..] = path.as_slice() else { return Err(Refusal::no_route()) };
    let grant = world.caller(request)?;
    pass_time(world);
    if *kind == "loadbalancers" {
        return balancers(world, &grant, request, rest);
    }
    may(&grant, None)?;
    let singular = kind.trim_end_matches('s').to_owned();
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let table = table_mut(world, kind).ok_or_else(Refusal::no_route)?;
            Ok(Reply::ok(json!({*kind: visible(table, &grant, request)})))
        }
        ("POST", []) => {
            let mut shape = request.member(&singular)?;
            shape.insert("project_id".into(), json!(grant.project()));
            table_mut(world, kind).ok_or_else(Refusal::no_route)?;
            let parent = parent_of(&Value::Object(shape.clone())).to_owned();
            if let Some(balancer) = balancer_of(world, &parent) {
                begin(world, &balancer, "PENDING_UPDATE", |id| {
                    Refusal::conflict(&format!("Load Balancer {id} is immutable and cannot be updated."))
                })?;
            }
            Ok(Reply::json(201, json!({singular: add_part(world, kind, shape)?})))
        }
        ("DELETE", [id]) => {
            let table = table_mut(world, kind).ok_or_else(Refusal::no_route)?;
            one(table, id, &grant, &format!("{singular} {id} not found."))?;
            remove_part(world, kind, id);
            Ok(Reply::empty(204))
        }
        _ => Err(Refusal::no_route()),
    }
}

/// What a caller without a role for load balancers, or of another project than `owner`, is told.
fn may(grant: &Grant, owner: Option<&str>) -> Result<(), Refusal> {
    let has_role = grant.roles.iter().any(|role| role == "admin" || role.starts_with("load-balancer"));
    if has_role && owner.is_none_or(|owner| owner == grant.project() || grant.is_admin()) {
        return Ok(());
    }
    Err(Refusal::forbidden("Policy does not allow this request to be performed."))
}

/// A load balancer: whether it is there comes before who may see it.
fn balancer<'a>(world: &'a World, grant: &Grant, id: &str) -> Result<&'a Value, Refusal> {
    let missing = || Refusal::not_found(&format!("Load Balancer {id} not found."));
    let row = world.load_balancers.get(id).ok_or_else(missing)?;
    may(grant, Some(text(row, "project_id")))?;
    Ok(row)
}

fn balancers(world: &mut World, grant: &Grant, request: &Request, path: &[&str]) -> Answer {
    match (request.method.as_str(), path) {
        ("GET", []) => {
            may(grant, request.query("project_id"))?;
            let rows: Vec<Value> = visible(&world.load_balancers, grant, request).into_iter().map(shown).collect();
            Ok(Reply::ok(json!({"loadbalancers": rows, "loadbalancers_links": []})))
        }
        ("GET", [id]) => Ok(Reply::ok(json!({"loadbalancer": shown(balancer(world, grant, id)?.clone())}))),
        ("POST", []) => {
            may(grant, None)?;
            let shape = request.member("loadbalancer")?;
            let asked = shape.get("project_id").and_then(Value::as_str).filter(|_| grant.is_admin());
            let project = asked.unwrap_or(grant.project()).to_owned();
            let made = add_balancer(world, &project, shape)?;
            let id = text(&made, "id");
            begin(world, id, "PENDING_CREATE", Refusal::conflict)?;
            let row = world.load_balancers.get(id).cloned().unwrap_or(made);
            Ok(Reply::json(201, json!({"loadbalancer": shown(row)})))
        }
        ("DELETE", [id]) => {
            let status = text(balancer(world, grant, id)?, "provisioning_status");
            if status.starts_with("PENDING") {
                return Err(Refusal::conflict(&format!("Invalid state {status} of loadbalancer resource {id}")));
            }
            let parts = [&world.listeners, &world.pools];
            let children = parts.iter().any(|table| table.values().any(|part| text(part, "loadbalancer_id") == *id));
            if children && !request.flag("cascade") {
                let message = format!("Validation failure: Cannot delete Load Balancer {id} - it has children");
                return Err(Refusal::bad(&message));
            }
            begin_removal(world, id);
            Ok(Reply::empty(204))
        }
        _ => Err(Refusal::no_route()),
    }
}

/// Sets a load balancer to work for a while, unless it is at work already.
fn begin(world: &mut World, id: &str, status: &str, busy: impl Fn(&str) -> Refusal) -> Result<(), Refusal> {
    let delay = world.settings.balancer_delay;
    let Some(row) = world.load_balancers.get_mut(id) else { return Ok(()) };
    if text(row, "provisioning_status").starts_with("PENDING") {
        return Err(busy(id));
    }
    if !delay.is_zero() {
        let active = Utc::now() + TimeDelta::from_std(delay).unwrap_or_default();
        row["provisioning_status"] = json!(status);
        row[ACTIVE_AT] = json!(active.to_rfc3339());
    }
    Ok(())
}

fn begin_removal(world: &mut World, id: &str) {
    let delay = world.settings.balancer_delay;
    if delay.is_zero() {
        return remove_balancer(world, id);
    }
    if let Some(row) = world.load_balancers.get_mut(id) {
        let gone = Utc::now() + TimeDelta::from_std(delay).unwrap_or_default();
        row["provisioning_status"] = json!("PENDING_DELETE");
        row[GONE_AT] = json!(gone.to_rfc3339());
    }
}

/// Lets pending load balancers become what they are on their way to, when their time is over.
pub(crate) fn pass_time(world: &mut World) {
    let due = |row: &Value, key: &str| {
        DateTime::parse_from_rfc3339(text(row, key)).is_ok_and(|at| at.with_timezone(&Utc) <= Utc::now())
    };
    for row in world.load_balancers.values_mut().filter(|row| due(row, ACTIVE_AT)) {
        row["provisioning_status"] = json!("ACTIVE");
        row[ACTIVE_AT] = Value::Null;
    }
    let gone = world.load_balancers.iter().filter(|(_, row)| due(row, GONE_AT));
    let ids: Vec<String> = gone.map(|(id, _)| id.clone()).collect();
    ids.iter().for_each(|id| remove_balancer(world, id));
}

fn shown(mut row: Value) -> Value {
    if let Value::Object(row) = &mut row {
        row.remove(GONE_AT);
        row.remove(ACTIVE_AT);
    }
    row
}
