//! Neutron: networks, subnets, ports, routers, floating IPs, security groups, and where addresses come from.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};

use chrono::Utc;
use rand::Rng;
use serde_json::{Map, Value, json};

use crate::http::{Answer, Refusal, Reply, Request};
use crate::identity::Grant;
use crate::routers;
use crate::state::{Table, World, hex_id, new_id, one, stamp, text, version, visible};

/// Port of a cluster's API, which must be free on an address that a played node may have to listen on.
const API_PORT: u16 = 6443;

/// Addresses in use.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    loopback: BTreeSet<Ipv4Addr>,
    /// Host numbers in use, per subnet.
    hosts: BTreeMap<String, BTreeSet<u32>>,
}

impl Addresses {
    /// An address of this machine on which nobody serves a cluster's API.
    fn loopback(&mut self) -> Result<String, Refusal> {
        let mut random = rand::rng();
        for _ in 0..64 {
            let address =
                Ipv4Addr::new(127, random.random_range(16..255), random.random(), random.random_range(1..255));
            if !self.loopback.contains(&address) && TcpListener::bind((address, API_PORT)).is_ok() {
                self.loopback.insert(address);
                return Ok(address.to_string());
            }
        }
        Err(Refusal::conflict("No more IP addresses available for subnet."))
    }

    /// The lowest free host of a subnet above its gateway.
    fn host(&mut self, subnet: &str, cidr: &str) -> Result<String, Refusal> {
        let exhausted = || Refusal::conflict(&format!("No more IP addresses available for subnet {subnet}."));
        let (base, size) = range(cidr).ok_or_else(exhausted)?;
        let used = self.hosts.entry(subnet.to_owned()).or_default();
        let free = (2..size.saturating_sub(1)).find(|host| !used.contains(host)).ok_or_else(exhausted)?;
        used.insert(free);
        Ok(Ipv4Addr::from(base + free).to_string())
    }

    /// Takes an address back.
    fn free(&mut self, address: &str, subnet: &str, cidr: &str) {
        let Ok(address) = address.parse::<Ipv4Addr>() else { return };
        self.loopback.remove(&address);
        if let (Some((base, _)), Some(used)) = (range(cidr), self.hosts.get_mut(subnet)) {
            used.remove(&u32::from(address).wrapping_sub(base));
        }
    }
}

/// First address and size of a network.
fn range(cidr: &str) -> Option<(u32, u32)> {
    let (base, bits) = cidr.split_once('/')?;
    let base: Ipv4Addr = base.parse().ok()?;
    let size = 1_u32.checked_shl(32_u32.checked_sub(bits.parse().ok()?)?)?;
    Some((u32::from(base), size))
}

/// An address in a subnet. Where nodes are played it is a loopback address, so that it can be connected to; where they run
/// elsewhere on this machine, the public ones are, so that somebody may pass connections on.
pub(crate) fn allocate(world: &mut World, subnet: &str) -> Result<String, Refusal> {
    if world.settings.play_nodes || world.settings.await_signals && is_public(world, subnet) {
        return world.addresses.loopback();
    }
    let cidr = world.subnets.get(subnet).map_or_else(String::new, |row| text(row, "cidr").to_owned());
    world.addresses.host(subnet, &cidr)
}

fn is_public(world: &World, subnet: &str) -> bool {
    let network = world.subnets.get(subnet).and_then(|row| world.networks.get(text(row, "network_id")));
    network.is_some_and(|network| network["router:external"] == json!(true))
}

/// Adds a network of this id.
pub(crate) fn add_network(world: &mut World, id: &str, shape: Value) -> Value {
    let row = merged(
        json!({
            "id": id, "name": "", "status": "ACTIVE", "admin_state_up": true, "shared": false, "router:external": false,
            "subnets": [], "mtu": 1450, "provider:network_type": "vxlan", "description": "", "tags": [],
        }),
        shape,
    );
    world.networks.insert(id.to_owned(), row.clone());
    row
}

/// Adds a subnet of this id to its network.
pub(crate) fn add_subnet(world: &mut World, id: &str, shape: Value) -> Value {
    let row = merged(
        json!({
            "id": id, "name": "", "ip_version": 4, "enable_dhcp": true, "dns_nameservers": [], "host_routes": [],
            "gateway_ip": null, "allocation_pools": [], "description": "", "tags": [],
        }),
        shape,
    );
    let mut row = row;
    if let (Value::Null, Some(gateway)) = (&row["gateway_ip"], routers::gateway(text(&row, "cidr"))) {
        row["gateway_ip"] = json!(gateway);
    }
    if let Some(Value::Array(subnets)) =
        world.networks.get_mut(text(&row, "network_id")).and_then(|network| network.get_mut("subnets"))
    {
        subnets.push(json!(id));
    }
    world.subnets.insert(id.to_owned(), row.clone());
    row
}

/// Adds a port with an address; `shape` names the network, and may name subnet (`subnet_id`) and owner.
pub(crate) fn add_port(world: &mut World, mut shape: Value) -> Result<Value, Refusal> {
    let network = text(&shape, "network_id").to_owned();
    let asked = text(&shape, "subnet_id").to_owned();
    let subnet = if asked.is_empty() {
        let first = world.networks.get(&network).map(|network| network["subnets"][0].clone());
        first.and_then(|id| id.as_str().map(str::to_owned)).unwrap_or_default()
    } else {
        asked
    };
    let address = allocate(world, &subnet)?;
    if let Value::Object(shape) = &mut shape {
        shape.remove("subnet_id");
    }
    let (id, random) = (new_id(), hex_id());
    let mac = format!("fa:16:3e:{}:{}:{}", &random[..2], &random[2..4], &random[4..6]);
    let row = merged(
        json!({
            "id": id, "name": "", "status": "ACTIVE", "admin_state_up": true, "mac_address": mac, "device_id": "",
            "device_owner": "", "fixed_ips": [{"subnet_id": subnet, "ip_address": address}], "security_groups": [],
            "allowed_address_pairs": [], "description": "",
        }),
        shape,
    );
    world.ports.insert(id, row.clone());
    Ok(row)
}

/// Adds a floating IP on an external network, bound to `port_id` if one is given.
pub(crate) fn add_floating_ip(world: &mut World, shape: Value) -> Result<Value, Refusal> {
    let network = text(&shape, "floating_network_id").to_owned();
    let external = world.networks.get(&network).filter(|network| network["router:external"] == true);
    let subnet = external.map(|network| network["subnets"][0].as_str().unwrap_or_default().to_owned());
    let subnet = subnet.ok_or_else(|| {
        Refusal::bad(&format!("Bad floatingip request: Network {network} is not a valid external network."))
    })?;
    let address = allocate(world, &subnet)?;
    let port = text(&shape, "port_id").to_owned();
    let fixed = world.ports.get(&port).map_or(Value::Null, |port| port["fixed_ips"][0]["ip_address"].clone());
    let id = new_id();
    let row = merged(
        json!({
            "id": id, "floating_ip_address": address, "fixed_ip_address": fixed, "port_id": null, "router_id": null,
            "status": if port.is_empty() { "DOWN" } else { "ACTIVE" }, "description": "", "created_at": stamp(Utc::now()),
        }),
        shape,
    );
    world.floating_ips.insert(id, row.clone());
    Ok(row)
}

/// A network by id or name.
pub(crate) fn find_network<'a>(world: &'a World, wanted: &str) -> Option<&'a Value> {
    world.networks.get(wanted).or_else(|| world.networks.values().find(|network| network["name"] == wanted))
}

/// A subnet by id or name.
pub(crate) fn find_subnet<'a>(world: &'a World, wanted: &str) -> Option<&'a Value> {
    world.subnets.get(wanted).or_else(|| world.subnets.values().find(|subnet| subnet["name"] == wanted))
}

/// Whether some port has an address of this subnet.
pub(crate) fn subnet_in_use(world: &World, subnet: &str) -> bool {
    world.ports.values().any(|port| port["fixed_ips"][0]["subnet_id"] == subnet)
}

/// Neutron's sentence for a subnet that still has ports.
pub(crate) fn subnet_conflict(subnet: &str) -> Refusal {
    let message = format!(
        "Unable to complete operation on subnet {subnet}: One or more ports have an IP allocation from this subnet."
    );
    Refusal::new(409, "SubnetInUse", &message)
}

fn merged(mut base: Value, shape: Value) -> Value {
    if let (Value::Object(base), Value::Object(shape)) = (&mut base, shape) {
        base.extend(shape.into_iter().filter(|(_, value)| !value.is_null()));
        let project = base.get("project_id").cloned().unwrap_or(Value::Null);
        base.insert("tenant_id".into(), project);
    }
    base
}

/// Answers one request to Neutron.
pub(crate) fn answer(world: &mut World, request: &Request) -> Answer {
    let path = request.path();
    let v2 = version("v2.0", &format!("{}/v2.0/", request.root()), "", "");
    match (request.method.as_str(), path.as_slice()) {
        ("GET", []) => return Ok(Reply::ok(json!({"versions": [v2]}))),
        ("GET", ["v2.0"]) => {
            return Ok(Reply::ok(json!({"resources": [], "version": v2})));
        }
        _ => {}
    }
    let ["v2.0", kind, rest @ ..] = path.as_slice() else { return Err(Refusal::no_route()) };
    let grant = world.caller(request)?;
    let (word, singular) = match *kind {
        "networks" => ("Network", "network"),
        "subnets" => ("Subnet", "subnet"),
        "ports" => ("Port", "port"),
        "routers" => ("Router", "router"),
        "floatingips" => ("FloatingIP", "floatingip"),
        "security-groups" => ("SecurityGroup", "security_group"),
        "extensions" => return Ok(Reply::ok(json!({"extensions": []}))),
        _ => return Err(Refusal::no_route()),
    };
    let missing = |mut refusal: Refusal| {
        refusal.kind = format!("{word}NotFound");
        refusal
    };
    let sentence = |id: &str| match word {
        "FloatingIP" => format!("Floating IP {id} could not be found"),
        "SecurityGroup" => format!("Security group {id} does not exist"),
        _ => format!("{word} {id} could not be found."),
    };
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let rows = filtered_ports(visible(table(world, kind), &grant, request), request);
            Ok(Reply::ok(json!({kind.replace('-', "_"): rows})))
        }
        ("GET", [id]) => {
            let row = one(table(world, kind), id, &grant, &sentence(id)).map_err(missing)?;
            Ok(Reply::ok(json!({singular: row})))
        }
        ("POST", []) => create(world, &grant, request, kind, singular),
        ("PUT", [id]) => {
            one(table(world, kind), id, &grant, &sentence(id)).map_err(missing)?;
            let change = request.member(singular)?;
            let row = table_mut(world, kind).get_mut(*id);
            let row = row.and_then(Value::as_object_mut).ok_or_else(|| Refusal::not_found(&sentence(id)))?;
            row.extend(change);
            Ok(Reply::ok(json!({singular: row})))
        }
        ("PUT", [id, action]) if *kind == "routers" => {
            one(table(world, kind), id, &grant, &sentence(id)).map_err(missing)?;
            routers::change(world, request, id, action)
        }
        ("DELETE", [id]) => {
            let row = one(table(world, kind), id, &grant, &sentence(id)).map_err(missing)?;
            if *kind == "ports" {
                routers::not_a_routers(row)?;
            }
            delete(world, kind, id)?;
            Ok(Reply::empty(204))
        }
        _ => Err(Refusal::no_route()),
    }
}

/// Ports can be asked for by `fixed_ips=subnet_id=...` or `fixed_ips=ip_address=...`.
fn filtered_ports(rows: Vec<Value>, request: &Request) -> Vec<Value> {
    let wanted: Vec<(&str, &str)> =
        request.queries("fixed_ips").iter().filter_map(|filter| filter.split_once('=')).collect();
    rows.into_iter().filter(|row| wanted.iter().all(|(key, value)| row["fixed_ips"][0][key] == *value)).collect()
}

fn table<'a>(world: &'a World, kind: &str) -> &'a Table {
    match kind {
        "networks" => &world.networks,
        "subnets" => &world.subnets,
        "ports" => &world.ports,
        "routers" => &world.routers,
        "floatingips" => &world.floating_ips,
        _ => &world.security_groups,
    }
}

fn table_mut<'a>(world: &'a mut World, kind: &str) -> &'a mut Table {
    match kind {
        "networks" => &mut world.networks,
        "subnets" => &mut world.subnets,
        "ports" => &mut world.ports,
        "routers" => &mut world.routers,
        "floatingips" => &mut world.floating_ips,
        _ => &mut world.security_groups,
    }
}

fn create(world: &mut World, grant: &Grant, request: &Request, kind: &str, singular: &str) -> Answer {
    if !grant.may_write() {
        return Err(Refusal::forbidden(&format!("rule:create_{singular} is disallowed by policy")));
    }
    let mut shape: Map<String, Value> = request.member(singular)?;
    shape.entry("project_id").or_insert_with(|| json!(grant.project()));
    let network = shape.get("network_id").and_then(Value::as_str).unwrap_or_default();
    if matches!(kind, "ports" | "subnets") && !world.networks.contains_key(network) {
        return Err(Refusal::new(404, "NetworkNotFound", &format!("Network {network} could not be found.")));
    }
    let shape = Value::Object(shape);
    let row = match kind {
        "networks" => add_network(world, &new_id(), shape),
        "subnets" => add_subnet(world, &new_id(), shape),
        "ports" => add_port(world, shape)?,
        "floatingips" => add_floating_ip(world, shape)?,
        _ => add_plain(world, kind, shape),
    };
    Ok(Reply::json(201, json!({singular: row})))
}

/// Adds a router or a security group, of which only the members sent matter.
pub(crate) fn add_plain(world: &mut World, kind: &str, shape: Value) -> Value {
    let id = new_id();
    let row = merged(json!({"id": id, "name": "", "status": "ACTIVE", "description": ""}), shape);
    table_mut(world, kind).insert(id, row.clone());
    row
}

/// Deletes an object unless others need it.
pub(crate) fn delete(world: &mut World, kind: &str, id: &str) -> Result<(), Refusal> {
    match kind {
        "subnets" => {
            if subnet_in_use(world, id) {
                return Err(subnet_conflict(id));
            }
            for network in world.networks.values_mut() {
                if let Some(subnets) = network["subnets"].as_array_mut() {
                    subnets.retain(|have| have != id);
                }
            }
        }
        "networks" => {
            let ports = world.ports.values().filter(|port| text(port, "network_id") == id);
            let ids: Vec<&str> = ports.map(|port| text(port, "id")).collect();
            if !ids.is_empty() {
                let message = format!(
                    "Unable to complete operation on network {id}. There are one or more ports still in use on the network, \
                     id for these ports is: {}.",
                    ids.join(",")
                );
                return Err(Refusal::new(409, "NetworkInUse", &message));
            }
            world.subnets.retain(|_, subnet| text(subnet, "network_id") != id);
        }
        "routers" => routers::unused(world, id)?,
        "ports" => {
            for floating in world.floating_ips.values_mut().filter(|floating| floating["port_id"] == id) {
                floating["port_id"] = Value::Null;
                floating["fixed_ip_address"] = Value::Null;
                floating["status"] = json!("DOWN");
            }
        }
        _ => {}
    }
    if let Some(gone) = table_mut(world, kind).shift_remove(id) {
        take_back(world, &gone);
    }
    Ok(())
}

/// Frees the address of a deleted port or floating IP.
fn take_back(world: &mut World, gone: &Value) {
    let fixed = &gone["fixed_ips"][0];
    let floating = text(gone, "floating_network_id");
    let (address, subnet) = if floating.is_empty() {
        (text(fixed, "ip_address"), text(fixed, "subnet_id").to_owned())
    } else {
        let network = world.networks.get(floating);
        let subnet = network.and_then(|network| network["subnets"][0].as_str()).unwrap_or_default();
        (text(gone, "floating_ip_address"), subnet.to_owned())
    };
    let cidr = world.subnets.get(&subnet).map_or_else(String::new, |row| text(row, "cidr").to_owned());
    world.addresses.free(address, &subnet, &cidr);
}
