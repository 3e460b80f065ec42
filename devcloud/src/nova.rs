//! Nova: flavors, key pairs, server groups and the servers that stacks boot.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use serde_json::{Map, Value, json};

use crate::http::{Answer, Refusal, Reply, Request};
use crate::identity::Grant;
use crate::neutron;
use crate::player;
use crate::state::{Table, World, hex_id, is_visible, new_id, one, stamp, text, version, visible};

/// The only availability zone.
const ZONE: &str = "nova";

/// Virtual CPUs of the only host.
const VCPUS: u64 = 1000;

/// Adds a public flavor; `size` is memory in MiB, disk in GiB, virtual CPUs.
pub(crate) fn add_flavor(world: &mut World, id: &str, name: &str, size: (u64, u64, u64)) {
    let (ram, disk, vcpus) = size;
    let flavor = json!({
        "id": id, "name": name, "ram": ram, "disk": disk, "vcpus": vcpus, "swap": "", "rxtx_factor": 1.0,
        "OS-FLV-EXT-DATA:ephemeral": 0, "OS-FLV-DISABLED:disabled": false, "os-flavor-access:is_public": true,
        "links": [],
    });
    world.flavors.insert(id.to_owned(), flavor);
}

/// Adds a key pair of a user.
pub(crate) fn add_keypair(world: &mut World, user_id: &str, name: &str, public_key: &str) -> Value {
    let digest = hex_id();
    let pairs: Vec<&str> = (0..16).map(|at| &digest[at * 2..at * 2 + 2]).collect();
    let keypair = json!({
        "name": name, "public_key": public_key, "fingerprint": pairs.join(":"), "user_id": user_id, "type": "ssh",
    });
    world.keypairs.insert(format!("{user_id}/{name}"), keypair.clone());
    keypair
}

/// A flavor by id or name.
pub(crate) fn find_flavor<'a>(world: &'a World, wanted: &str) -> Option<&'a Value> {
    world.flavors.get(wanted).or_else(|| world.flavors.values().find(|flavor| flavor["name"] == wanted))
}

/// What a server is made of.
pub(crate) struct NewServer<'a> {
    pub(crate) name: &'a str,
    pub(crate) project_id: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) flavor: &'a str,
    pub(crate) image: &'a str,
    pub(crate) key_name: &'a str,
    /// As the user gives it; empty leaves the choice to Nova.
    pub(crate) zone: &'a str,
    pub(crate) user_data: &'a str,
    /// Ids of its ports.
    pub(crate) ports: &'a [String],
}

/// Boots a server; refused when flavor, image, key pair or zone do not exist or the quota is used up.
pub(crate) fn boot(world: &mut World, new: &NewServer) -> Result<String, Refusal> {
    let used = world.servers.values().filter(|server| text(server, "project_id") == new.project_id).count() as u64;
    if let Some(limit) = world.instance_quotas.get(new.project_id).copied()
        && used >= limit
    {
        let message = format!(
            "Quota exceeded for instances: Requested 1, but already used {used} of {limit} instances (HTTP 403) \
             (Request-ID: req-{})",
            new_id()
        );
        return Err(Refusal::forbidden(&message));
    }
    let unknown = |kind: &str, name: &str| Refusal::not_found(&format!("The {kind} ({name}) could not be found."));
    let flavor = find_flavor(world, new.flavor).cloned().ok_or_else(|| unknown("Flavor", new.flavor))?;
    let image = crate::glance::find(world, new.image).map(|image| image["id"].clone()).map_err(|e| Refusal::bad(&e))?;
    if !new.key_name.is_empty() && !world.keypairs.contains_key(&format!("{}/{}", new.user_id, new.key_name)) {
        return Err(unknown("Key", new.key_name));
    }
    if !matches!(new.zone.split(':').next(), Some("" | ZONE)) {
        let id = new_id();
        let message = "The requested availability zone is not available";
        return Err(Refusal::bad(&format!("{message} (HTTP 400) (Request-ID: req-{id})")));
    }
    // As Nova's fake hypervisor has it; Heat makes a resource's failure of the server's.
    if flavor["vcpus"].as_u64().unwrap_or_default() > VCPUS {
        let message = "Went to status ERROR due to \"Message: No valid host was found. , Code: 500\"";
        return Err(Refusal::new(500, "ResourceInError", message));
    }
    let id = new_id();
    let addresses = attach(world, &id, new.ports);
    let now = stamp(Utc::now());
    let server = json!({
        "id": id, "name": new.name, "status": "ACTIVE", "project_id": new.project_id, "tenant_id": new.project_id,
        "user_id": new.user_id, "key_name": new.key_name, "image": {"id": image}, "addresses": addresses,
        "flavor": {"id": flavor["id"], "original_name": flavor["name"]}, "created": now, "updated": now,
        "hostId": hex_id(), "metadata": {}, "OS-EXT-STS:vm_state": "active", "OS-EXT-STS:power_state": 1,
        "OS-EXT-STS:task_state": null, "OS-EXT-AZ:availability_zone": ZONE, "progress": 0, "links": [],
        "OS-EXT-SRV-ATTR:user_data": STANDARD.encode(new.user_data), "OS-EXT-SRV-ATTR:hostname": new.name,
    });
    world.servers.insert(id.clone(), server);
    Ok(id)
}

/// Binds ports to a server; returns Nova's `addresses`.
fn attach(world: &mut World, server: &str, ports: &[String]) -> Value {
    let mut addresses = Map::new();
    for id in ports {
        let Some(port) = world.ports.get_mut(id) else { continue };
        port["device_id"] = json!(server);
        port["device_owner"] = json!("compute:nova");
        let (mac, network) = (port["mac_address"].clone(), text(port, "network_id").to_owned());
        let fixed = port["fixed_ips"][0]["ip_address"].clone();
        let name = world.networks.get(&network).map_or("net", |network| text(network, "name")).to_owned();
        let row = json!({
            "addr": fixed, "version": 4, "OS-EXT-IPS:type": "fixed", "OS-EXT-IPS-MAC:mac_addr": mac,
        });
        if let Value::Array(list) = addresses.entry(name).or_insert_with(|| json!([])) {
            list.push(row);
        }
    }
    Value::Object(addresses)
}

/// Deletes a server with the ports that Nova made for it; others stay, unbound.
pub(crate) fn delete_server(world: &mut World, id: &str) -> bool {
    let bound: Vec<String> =
        world.ports.iter().filter(|(_, port)| text(port, "device_id") == id).map(|(port, _)| port.clone()).collect();
    for port in bound {
        if let Some(row) = world.ports.get_mut(&port) {
            row["device_id"] = json!("");
            row["device_owner"] = json!("");
        }
        if world.own_ports.remove(&port)
            && let Err(refusal) = neutron::delete(world, "ports", &port)
        {
            tracing::debug!(message = refusal.message, "a port of a server stays");
        }
    }
    world.volumes.retain(|_, row| row["attachments"][0]["server_id"] != id || row["delete_on_termination"] != true);
    for volume in world.volumes.values_mut() {
        if volume["attachments"][0]["server_id"] == id {
            volume["attachments"] = json!([]);
            volume["status"] = json!("available");
        }
    }
    let gone = world.servers.shift_remove(id);
    if let Some(server) = &gone {
        player::depart(world, server);
    }
    gone.is_some()
}

/// User data of the server of this name, decoded.
pub(crate) fn user_data(world: &World, name: &str) -> Option<String> {
    let server = world.servers.values().find(|server| text(server, "name") == name)?;
    let bytes = STANDARD.decode(text(server, "OS-EXT-SRV-ATTR:user_data")).ok()?;
    String::from_utf8(bytes).ok()
}

/// Answers one request to Nova.
pub(crate) fn answer(world: &mut World, request: &Request) -> Answer {
    let path = request.path();
    let v21 = version("v2.1", &format!("{}/v2.1/", request.root()), "2.1", "2.95");
    match (request.method.as_str(), path.as_slice()) {
        ("GET", []) => return Ok(Reply::ok(json!({"versions": [v21]}))),
        ("GET", ["v2.1" | "v2"]) => return Ok(Reply::ok(json!({"version": v21}))),
        _ => {}
    }
    let ["v2.1" | "v2", rest @ ..] = path.as_slice() else { return Err(Refusal::no_route()) };
    let grant = world.caller(request)?;
    match (request.method.as_str(), rest) {
        ("GET", ["flavors"]) => {
            let flavors = visible(&world.flavors, &grant, request);
            let brief: Vec<Value> =
                flavors.iter().map(|one| json!({"id": one["id"], "name": one["name"], "links": []})).collect();
            Ok(Reply::ok(json!({"flavors": brief})))
        }
        ("GET", ["flavors", "detail"]) => Ok(Reply::ok(json!({"flavors": visible(&world.flavors, &grant, request)}))),
        ("POST", ["flavors"]) => create_flavor(world, &grant, request),
        ("DELETE", ["flavors", id]) => {
            policy(&grant, "os-flavor-manage:delete")?;
            let missing = || Refusal::not_found(&format!("Flavor {id} could not be found."));
            world.flavors.shift_remove(*id).ok_or_else(missing)?;
            Ok(Reply::empty(202))
        }
        ("PUT", ["os-quota-sets", project]) => {
            policy(&grant, "os-quota-sets:update")?;
            let wanted = request.member("quota_set")?;
            if let Some(limit) = wanted.get("instances").and_then(Value::as_i64) {
                match u64::try_from(limit) {
                    Ok(limit) => world.instance_quotas.insert((*project).to_owned(), limit),
                    Err(_) => world.instance_quotas.remove(*project),
                };
            }
            Ok(Reply::ok(json!({"quota_set": wanted})))
        }
        ("DELETE", ["os-quota-sets", project]) => {
            policy(&grant, "os-quota-sets:delete")?;
            world.instance_quotas.remove(*project);
            Ok(Reply::empty(202))
        }
        ("GET", ["flavors", id]) => {
            let missing = format!("Flavor {id} could not be found.");
            Ok(Reply::ok(json!({"flavor": one(&world.flavors, id, &grant, &missing)?})))
        }
        ("GET", ["flavors", _, "os-extra_specs"]) => Ok(Reply::ok(json!({"extra_specs": {}}))),
        (method, ["os-keypairs", rest @ ..]) => keypairs(world, &grant, request, method, rest),
        (method, ["servers", rest @ ..]) => servers(world, &grant, request, method, rest),
        ("GET", ["os-server-groups"]) => {
            Ok(Reply::ok(json!({"server_groups": visible(&world.server_groups, &grant, request)})))
        }
        ("GET", ["os-availability-zone"]) => Ok(Reply::ok(json!({
            "availabilityZoneInfo": [{"zoneName": ZONE, "zoneState": {"available": true}, "hosts": null}],
        }))),
        _ => Err(Refusal::no_route()),
    }
}

/// What only an administrator may do.
fn policy(grant: &Grant, action: &str) -> Result<(), Refusal> {
    if grant.is_admin() {
        return Ok(());
    }
    Err(Refusal::forbidden(&format!("Policy doesn't allow os_compute_api:{action} to be performed.")))
}

fn create_flavor(world: &mut World, grant: &Grant, request: &Request) -> Answer {
    policy(grant, "os-flavor-manage:create")?;
    let body = Value::Object(request.member("flavor")?);
    let (name, number) = (text(&body, "name"), |key: &str| body[key].as_u64().unwrap_or_default());
    if world.flavors.values().any(|flavor| flavor["name"] == name) {
        return Err(Refusal::conflict(&format!("Flavor with name {name} already exists.")));
    }
    let id = body["id"].as_str().map_or_else(new_id, str::to_owned);
    add_flavor(world, &id, name, (number("ram"), number("disk"), number("vcpus")));
    Ok(Reply::ok(json!({"flavor": world.flavors.get(&id)})))
}

/// The microversion 2.x that a request asks for; 1 when it asks for none.
fn minor(request: &Request) -> u32 {
    let version = request.header("OpenStack-API-Version").and_then(|text| text.strip_prefix("compute "));
    let version = version.or_else(|| request.header("X-OpenStack-Nova-API-Version")).unwrap_or("2.1");
    version.rsplit('.').next().and_then(|minor| minor.parse().ok()).unwrap_or(1)
}

fn keypairs(world: &mut World, grant: &Grant, request: &Request, method: &str, path: &[&str]) -> Answer {
    let key = |name: &str| format!("{}/{name}", grant.user_id);
    match (method, path) {
        ("GET", []) => {
            let own = world.keypairs.values().filter(|pair| text(pair, "user_id") == grant.user_id);
            let rows: Vec<Value> = own.map(|pair| json!({"keypair": pair})).collect();
            Ok(Reply::ok(json!({"keypairs": rows})))
        }
        ("POST", []) => {
            let body = Value::Object(request.member("keypair")?);
            let (name, public_key) = (text(&body, "name"), text(&body, "public_key"));
            if name.is_empty() {
                return Err(Refusal::bad("Invalid input for field/attribute name. Value: . '' is too short"));
            }
            if world.keypairs.contains_key(&key(name)) {
                return Err(Refusal::conflict(&format!("Key pair '{name}' already exists.")));
            }
            let made = add_keypair(world, &grant.user_id, name, public_key);
            Ok(Reply::ok(json!({"keypair": made})))
        }
        ("GET", [name]) => {
            let missing = || Refusal::not_found(&format!("Keypair {name} not found for user {}", grant.user_id));
            let mut pair = world.keypairs.get(&key(name)).cloned().ok_or_else(missing)?;
            if minor(request) < 2
                && let Value::Object(pair) = &mut pair
            {
                pair.remove("type");
            }
            Ok(Reply::ok(json!({"keypair": pair})))
        }
        ("DELETE", [name]) => {
            let missing = || Refusal::not_found(&format!("Keypair {name} not found for user {}", grant.user_id));
            world.keypairs.shift_remove(&key(name)).ok_or_else(missing)?;
            Ok(Reply::empty(202))
        }
        _ => Err(Refusal::no_route()),
    }
}

fn servers(world: &mut World, grant: &Grant, request: &Request, method: &str, path: &[&str]) -> Answer {
    match (method, path) {
        ("GET", []) => {
            let rows = listed(&world.servers, grant, request);
            let brief: Vec<Value> =
                rows.iter().map(|one| json!({"id": one["id"], "name": one["name"], "links": []})).collect();
            Ok(Reply::ok(json!({"servers": brief})))
        }
        ("GET", ["detail"]) => Ok(Reply::ok(json!({"servers": listed(&world.servers, grant, request)}))),
        ("GET", [id]) => {
            let missing = format!("Instance {id} could not be found.");
            Ok(Reply::ok(json!({"server": one(&world.servers, id, grant, &missing)?})))
        }
        ("DELETE", [id]) => {
            let missing = format!("Instance {id} could not be found.");
            one(&world.servers, id, grant, &missing)?;
            delete_server(world, id);
            Ok(Reply::empty(204))
        }
        _ => Err(Refusal::no_route()),
    }
}

/// Servers of the caller's project; all of them for an administrator who asks for all tenants.
fn listed(table: &Table, grant: &Grant, request: &Request) -> Vec<Value> {
    let all = request.flag("all_tenants") && grant.is_admin();
    table
        .values()
        .filter(|row| is_visible(row, grant) && (all || text(row, "project_id") == grant.project()))
        .filter(|row| request.query("name").is_none_or(|name| text(row, "name").contains(name)))
        .cloned()
        .collect()
}
