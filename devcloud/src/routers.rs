//! Neutron's routers: their interfaces on subnets, each of which is a port.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::http::{Answer, Refusal, Reply, Request};
use crate::neutron;
use crate::state::{World, hex_id, new_id, text};

/// Owner of the ports that are interfaces.
const OWNER: &str = "network:router_interface";

/// Answers `PUT /routers/ID/ACTION`, for a router that is there.
pub(crate) fn change(world: &mut World, request: &Request, router: &str, action: &str) -> Answer {
    let body = request.json()?;
    let subnet = text(&body, "subnet_id").to_owned();
    let port = match action {
        "add_router_interface" => add(world, router, &subnet)?,
        "remove_router_interface" => remove(world, router, &subnet)?,
        _ => return Err(Refusal::no_route()),
    };
    Ok(Reply::ok(json!({
        "id": router, "tenant_id": port["project_id"], "port_id": port["id"], "network_id": port["network_id"],
        "subnet_id": subnet, "subnet_ids": [subnet],
    })))
}

/// Puts a router on a subnet, at its gateway's address; the port.
pub(crate) fn add(world: &mut World, router: &str, subnet: &str) -> Result<Value, Refusal> {
    let missing = || Refusal::new(404, "SubnetNotFound", &format!("Subnet {subnet} could not be found."));
    let row = world.subnets.get(subnet).cloned().ok_or_else(missing)?;
    if interface(world, router, subnet).is_some() {
        let message = format!("Bad router request: Router already has a port on subnet {subnet}.");
        return Err(Refusal::bad(&message));
    }
    let (id, random) = (new_id(), hex_id());
    let port = json!({
        "id": id, "name": "", "status": "ACTIVE", "admin_state_up": true, "network_id": row["network_id"],
        "mac_address": format!("fa:16:3e:{}:{}:{}", &random[..2], &random[2..4], &random[4..6]), "device_id": router,
        "device_owner": OWNER, "fixed_ips": [{"subnet_id": subnet, "ip_address": row["gateway_ip"]}],
        "security_groups": [], "allowed_address_pairs": [], "description": "", "project_id": row["project_id"],
        "tenant_id": row["project_id"],
    });
    world.ports.insert(id, port.clone());
    Ok(port)
}

/// Takes a router off a subnet; the port that was.
pub(crate) fn remove(world: &mut World, router: &str, subnet: &str) -> Result<Value, Refusal> {
    let port = interface(world, router, subnet).and_then(|id| world.ports.shift_remove(&id));
    port.ok_or_else(|| {
        let message = format!("Router {router} has no interface on subnet {subnet}");
        Refusal::new(404, "RouterInterfaceNotFoundForSubnet", &message)
    })
}

/// Id of a router's port on a subnet.
fn interface(world: &World, router: &str, subnet: &str) -> Option<String> {
    let mut ports = world.ports.values();
    let found = ports.find(|port| text(port, "device_id") == router && port["fixed_ips"][0]["subnet_id"] == subnet)?;
    Some(text(found, "id").to_owned())
}

/// Refuses to delete a router that has interfaces.
pub(crate) fn unused(world: &World, router: &str) -> Result<(), Refusal> {
    let ports = world.ports.values().filter(|port| text(port, "device_id") == router);
    let ids: Vec<&str> = ports.map(|port| text(port, "id")).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let message = format!("Router {router} has ports still attached: {}", ids.join(", "));
    Err(Refusal::new(409, "RouterInUse", &message))
}

/// Refuses to delete a port that belongs to a router.
pub(crate) fn not_a_routers(port: &Value) -> Result<(), Refusal> {
    if text(port, "device_owner") != OWNER {
        return Ok(());
    }
    let message =
        format!("Port {} cannot be deleted directly via the port API: has device owner {OWNER}.", text(port, "id"));
    Err(Refusal::new(409, "ServicePortInUse", &message))
}

/// The first host of a network, which is its gateway unless it says otherwise.
pub(crate) fn gateway(cidr: &str) -> Option<String> {
    let base: Ipv4Addr = cidr.split('/').next()?.parse().ok()?;
    Some(Ipv4Addr::from(u32::from(base) + 1).to_string())
}

/// A router by id or name.
pub(crate) fn find(world: &World, wanted: &str) -> Option<String> {
    if world.routers.contains_key(wanted) {
        return Some(wanted.to_owned());
    }
    let named = world.routers.values().find(|router| router["name"] == wanted);
    named.map(|router| text(router, "id").to_owned())
}

/// The subnet that a stack's router interface names, by id or name.
pub(crate) fn subnet_of(world: &World, properties: &Value) -> Option<String> {
    let wanted = ["subnet", "subnet_id"].iter().find_map(|key| properties[*key].as_str())?;
    neutron::find_subnet(world, wanted).map(|row| text(row, "id").to_owned())
}
