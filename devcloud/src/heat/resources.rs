//! Creating and updating what is not a nested stack, in the services that own it.

use serde_json::{Map, Value, json};

use super::build::{NewNode, Plan};
use super::tree::Node;
use super::types;
use crate::hot::parameters::plain;
use crate::http::Refusal;
use crate::nova::NewServer;
use crate::state::{World, hex_id, new_id, text};
use crate::{cinder, neutron, nova, octavia, routers};

/// Creates the thing behind a node and fills the node's id and attributes.
pub(super) fn create(world: &mut World, plan: &Plan, new: &NewNode, node: &mut Node) -> Result<(), Refusal> {
    let kind = node.kind.clone();
    let made = match kind.as_str() {
        types::SERVER => server(world, plan, new)?,
        "OS::Nova::ServerGroup" => server_group(world, plan, new),
        "OS::Nova::KeyPair" => {
            let (name, key) = (text(&new.properties, "name"), text(&new.properties, "public_key"));
            nova::add_keypair(world, plan.user_id, name, key)
        }
        _ => match kind.split("::").nth(1) {
            Some("Neutron") if kind.contains("LBaaS") => balancing(world, plan, new, &kind)?,
            Some("Octavia") => balancing(world, plan, new, &kind)?,
            Some("Neutron") => network(world, plan, new, &kind)?,
            Some("Cinder") => volume(world, plan, new, &kind)?,
            _ => heat(world, plan, new, &kind)?,
        },
    };
    let attributes = made.as_object().cloned().unwrap_or_default();
    let id = attributes.get("id").or_else(|| attributes.get("name")).map(plain);
    node.physical_id = id.unwrap_or_else(new_id);
    node.attributes = attributes;
    Ok(())
}

/// Carries changed properties over to what exists.
pub(super) fn update(world: &mut World, plan: &Plan, new: &NewNode, node: &mut Node) -> Result<(), Refusal> {
    let id = node.physical_id.clone();
    match node.kind.as_str() {
        types::SERVER => {
            let wanted = text(&new.properties, "flavor");
            let flavor = nova::find_flavor(world, wanted).cloned();
            let flavor =
                flavor.ok_or_else(|| Refusal::not_found(&format!("The Flavor ({wanted}) could not be found.")))?;
            if let Some(server) = world.servers.get_mut(&id) {
                server["flavor"] = json!({"id": flavor["id"], "original_name": flavor["name"]});
            }
        }
        "OS::Cinder::VolumeAttachment" => attach_elsewhere(world, new, node)?,
        "OS::Heat::TestResource" if new.properties["fail"] == true => return Err(test_failure(new)),
        "OS::Heat::Value" => {
            node.attributes.insert("value".into(), new.properties["value"].clone());
        }
        kind if kind.starts_with("OS::Neutron") && !kind.contains("LBaaS") => {
            let port = new.properties["port_id"].clone();
            if let Some(floating) = world.floating_ips.get_mut(&id)
                && !port.is_null()
            {
                floating["port_id"] = port;
            }
        }
        _ => {}
    }
    tracing::trace!(stack = plan.sequence, resource = new.name, "updated");
    Ok(())
}

/// The name of a resource: as given, else Heat's `stack-resource-random`.
fn name_of(new: &NewNode) -> String {
    let given = text(&new.properties, "name");
    if given.is_empty() { format!("{}-{}-{}", new.level_name, new.name, &hex_id()[..12]) } else { given.to_owned() }
}

fn server(world: &mut World, plan: &Plan, new: &NewNode) -> Result<Value, Refusal> {
    let properties = &new.properties;
    let mut ports = Vec::new();
    for network in properties["networks"].as_array().into_iter().flatten() {
        if let Some(port) = network["port"].as_str() {
            if !world.ports.contains_key(port) {
                return Err(Refusal::not_found(&format!("Port {port} could not be found.")));
            }
            ports.push(port.to_owned());
        } else {
            let wanted = network["network"].as_str().or(network["uuid"].as_str()).unwrap_or_default();
            let found = neutron::find_network(world, wanted).map(|row| row["id"].clone());
            let found = found.ok_or_else(|| Refusal::not_found(&format!("Network {wanted} could not be found.")))?;
            let port = neutron::add_port(world, json!({"network_id": found, "project_id": plan.project_id}))?;
            ports.push(text(&port, "id").to_owned());
            world.own_ports.insert(text(&port, "id").to_owned());
        }
    }
    let user_data = user_data(world, &properties["user_data"]);
    let name = name_of(new);
    let (image, boot_volume) = boot_source(world, plan, properties)?;
    let id = nova::boot(
        world,
        &NewServer {
            name: &name,
            project_id: plan.project_id,
            user_id: plan.user_id,
            flavor: text(properties, "flavor"),
            image: &image,
            key_name: text(properties, "key_name"),
            zone: text(properties, "availability_zone"),
            user_data: &user_data,
            ports: &ports,
        },
    )?;
    if let Some(volume) = boot_volume.and_then(|volume| world.volumes.get_mut(&volume)) {
        volume["status"] = json!("in-use");
        volume["attachments"] = json!([{"server_id": id, "volume_id": volume["id"], "device": "/dev/vda"}]);
    }
    Ok(server_attributes(world, &id, &ports))
}

/// What templates may ask of a server.
fn server_attributes(world: &World, id: &str, ports: &[String]) -> Value {
    let server = world.servers.get(id).cloned().unwrap_or_default();
    let address = ports.first().and_then(|port| world.ports.get(port));
    let address = address.map_or(Value::Null, |port| port["fixed_ips"][0]["ip_address"].clone());
    let networks: Map<String, Value> = server["addresses"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, rows)| {
            (name.clone(), rows.as_array().into_iter().flatten().map(|row| row["addr"].clone()).collect())
        })
        .collect();
    json!({
        "id": id, "name": server["name"], "first_address": address, "addresses": server["addresses"],
        "networks": networks, "instance_name": server["name"], "accessIPv4": "", "status": "ACTIVE", "console_urls": {},
        "tags": [], "os_collect_config": {},
    })
}

/// The image a server boots from, and the volume made from it where it boots from one. Nova deletes such a volume with
/// its server.
fn boot_source(world: &mut World, plan: &Plan, properties: &Value) -> Result<(String, Option<String>), Refusal> {
    let image = text(properties, "image");
    let mut devices = properties["block_device_mapping_v2"].as_array().into_iter().flatten();
    let boot = devices.find(|device| plain(&device["boot_index"]) == "0").cloned();
    let Some(boot) = boot.filter(|_| image.is_empty()) else { return Ok((image.to_owned(), None)) };
    let size = plain(&boot["volume_size"]).parse::<u64>().unwrap_or_default();
    let volume = json!({"name": "", "size": size, "volume_type": boot["volume_type"]});
    let mut volume = cinder::add_volume(world, plan.project_id, &volume)?;
    let id = text(&volume, "id").to_owned();
    volume["delete_on_termination"] = json!(true);
    world.volumes.insert(id.clone(), volume);
    Ok((text(&boot, "image").to_owned(), Some(id)))
}

/// The text behind a server's user data: given directly, or the configuration that its id names.
fn user_data(world: &World, given: &Value) -> String {
    let given = plain(given);
    world.stacks.configs.get(&given).cloned().unwrap_or(given)
}

fn server_group(world: &mut World, plan: &Plan, new: &NewNode) -> Value {
    let id = new_id();
    let row = json!({
        "id": id, "name": name_of(new), "policies": new.properties["policies"], "members": [], "metadata": {},
        "project_id": plan.project_id, "user_id": plan.user_id,
    });
    world.server_groups.insert(id, row.clone());
    row
}

/// Id of a network given by name or id.
fn network_id(world: &World, wanted: &Value) -> Result<String, Refusal> {
    let wanted = plain(wanted);
    let found = neutron::find_network(world, &wanted).map(|row| text(row, "id").to_owned());
    found.ok_or_else(|| Refusal::not_found(&format!("Unable to find network with name or id '{wanted}'")))
}

fn network(world: &mut World, plan: &Plan, new: &NewNode, kind: &str) -> Result<Value, Refusal> {
    let (properties, project) = (&new.properties, plan.project_id);
    match kind {
        "OS::Neutron::Net" => {
            let row = json!({"name": name_of(new), "project_id": project});
            Ok(neutron::add_network(world, &new_id(), row))
        }
        "OS::Neutron::Subnet" => {
            let given = [&properties["network"], &properties["network_id"]].into_iter().find(|one| !one.is_null());
            let network = network_id(world, given.unwrap_or(&Value::Null))?;
            let row = json!({
                "name": name_of(new), "network_id": network, "cidr": properties["cidr"], "project_id": project,
                "dns_nameservers": properties["dns_nameservers"], "gateway_ip": properties["gateway_ip"],
            });
            Ok(neutron::add_subnet(world, &new_id(), row))
        }
        "OS::Neutron::Port" => port(world, plan, new),
        "OS::Neutron::FloatingIP" => {
            let network = network_id(world, &properties["floating_network"])?;
            let row = json!({
                "floating_network_id": network, "port_id": properties["port_id"], "project_id": project,
                "user_id": plan.user_id,
            });
            neutron::add_floating_ip(world, row)
        }
        "OS::Neutron::SecurityGroup" => {
            let row = json!({"name": name_of(new), "security_group_rules": properties["rules"], "project_id": project});
            Ok(neutron::add_plain(world, "security-groups", row))
        }
        "OS::Neutron::Router" => {
            let gateway = &properties["external_gateway_info"];
            if !gateway["network"].is_null() {
                network_id(world, &gateway["network"])?;
            }
            let row = json!({"name": name_of(new), "external_gateway_info": gateway, "project_id": project});
            Ok(neutron::add_plain(world, "routers", row))
        }
        "OS::Neutron::RouterInterface" => {
            let wanted = [&properties["router"], &properties["router_id"]].into_iter().find_map(|one| one.as_str());
            let router = wanted.and_then(|wanted| routers::find(world, wanted));
            let (Some(router), Some(subnet)) = (router, routers::subnet_of(world, properties)) else {
                return Err(Refusal::not_found("Unable to find the router or the subnet of the interface"));
            };
            routers::add(world, &router, &subnet)?;
            Ok(json!({"id": format!("{router}:subnet_id={subnet}")}))
        }
        _ => Ok(json!({"id": new_id()})),
    }
}

fn port(world: &mut World, plan: &Plan, new: &NewNode) -> Result<Value, Refusal> {
    let properties = &new.properties;
    let network = network_id(world, &properties["network"])?;
    let wanted = &properties["fixed_ips"][0];
    let wanted = [&wanted["subnet"], &wanted["subnet_id"]].into_iter().find_map(|one| one.as_str());
    let subnet = match wanted {
        Some(wanted) => {
            let found = neutron::find_subnet(world, wanted).map(|row| row["id"].clone());
            found.ok_or_else(|| Refusal::not_found(&format!("Unable to find subnet with name or id '{wanted}'")))?
        }
        None => Value::Null,
    };
    let row = json!({
        "name": name_of(new), "network_id": network, "subnet_id": subnet, "project_id": plan.project_id,
        "security_groups": properties["security_groups"],
        "allowed_address_pairs": properties["allowed_address_pairs"],
    });
    neutron::add_port(world, row)
}

fn volume(world: &mut World, plan: &Plan, new: &NewNode, kind: &str) -> Result<Value, Refusal> {
    let properties = &new.properties;
    if kind == "OS::Cinder::Volume" {
        let size = plain(&properties["size"]).parse::<u64>().unwrap_or_default();
        let row = json!({
            "name": name_of(new), "size": size, "volume_type": properties["volume_type"],
            "description": properties["description"],
        });
        return cinder::add_volume(world, plan.project_id, &row);
    }
    attach(world, properties)
}

/// Takes a volume from the server that has it and gives the wanted one to the wanted server.
fn attach_elsewhere(world: &mut World, new: &NewNode, node: &mut Node) -> Result<(), Refusal> {
    if let Some(volume) = world.volumes.get_mut(&node.physical_id) {
        volume["status"] = json!("available");
        volume["attachments"] = json!([]);
    }
    let made = attach(world, &new.properties)?;
    node.physical_id = text(&made, "id").to_owned();
    Ok(())
}

fn attach(world: &mut World, properties: &Value) -> Result<Value, Refusal> {
    let (server, volume) = (text(properties, "instance_uuid"), text(properties, "volume_id"));
    if !world.servers.contains_key(server) {
        return Err(Refusal::not_found(&format!("Instance {server} could not be found.")));
    }
    let row = world.volumes.get_mut(volume);
    let row = row.ok_or_else(|| Refusal::not_found(&format!("Volume {volume} could not be found.")))?;
    if row["status"] != "available" {
        return Err(Refusal::bad(&format!("Invalid volume: Volume {volume} status must be available.")));
    }
    row["status"] = json!("in-use");
    row["attachments"] = json!([{"server_id": server, "volume_id": volume, "device": properties["mountpoint"]}]);
    Ok(json!({"id": volume}))
}

fn balancing(world: &mut World, plan: &Plan, new: &NewNode, kind: &str) -> Result<Value, Refusal> {
    let mut shape = new.properties.as_object().cloned().unwrap_or_default();
    let part = match kind.rsplit("::").next().unwrap_or_default() {
        "LoadBalancer" => {
            for (from, to) in [("vip_subnet", "vip_subnet_id"), ("vip_network", "vip_network_id")] {
                if let Some(value) = shape.remove(from) {
                    shape.insert(to.into(), value);
                }
            }
            shape.insert("name".into(), json!(name_of(new)));
            let mut made = octavia::add_balancer(world, plan.project_id, shape)?;
            made["vip_subnet"] = made["vip_subnet_id"].clone();
            made["pools"] = json!([]);
            return Ok(made);
        }
        "Listener" => "listeners",
        "Pool" => "pools",
        "PoolMember" => "members",
        _ => "healthmonitors",
    };
    shape.insert("project_id".into(), json!(plan.project_id));
    octavia::add_part(world, part, shape)
}

/// Resources that live in Heat alone.
fn heat(world: &mut World, plan: &Plan, new: &NewNode, kind: &str) -> Result<Value, Refusal> {
    let properties = &new.properties;
    let id = new_id();
    Ok(match kind.strip_prefix("OS::Heat::").unwrap_or_default() {
        "WaitConditionHandle" => wait_handle(world, plan, new),
        "WaitCondition" => json!({"id": name_of(new), "data": "{}"}),
        "SoftwareConfig" | "CloudConfig" | "StructuredConfig" => {
            let config = [&properties["config"], &properties["cloud_config"]].into_iter().find(|one| !one.is_null());
            let config = config.map(plain).unwrap_or_default();
            world.stacks.configs.insert(id.clone(), config.clone());
            json!({"id": id, "config": config})
        }
        "MultipartMime" => {
            let parts = properties["parts"].as_array().cloned().unwrap_or_default();
            let config = parts.iter().map(|part| user_data(world, &part["config"])).collect::<Vec<_>>().join("\n");
            world.stacks.configs.insert(id.clone(), config.clone());
            json!({"id": id, "config": config})
        }
        "RandomString" => {
            let length = plain(&properties["length"]).parse::<usize>().unwrap_or(32);
            let value: String = (0..=length / 32).map(|_| hex_id()).collect();
            json!({"id": name_of(new), "value": value[..length]})
        }
        "Value" => json!({"id": id, "value": properties["value"]}),
        "TestResource" => {
            if properties["fail"] == true {
                return Err(test_failure(new));
            }
            json!({"id": id, "output": properties["value"]})
        }
        _ => json!({"id": id, "deploy_stdout": "", "deploy_stderr": "", "deploy_status_code": 0, "deploy_stdouts": {}}),
    })
}

fn test_failure(new: &NewNode) -> Refusal {
    Refusal::new(500, "ValueError", &format!("Test Resource failed {}", new.name))
}

fn wait_handle(world: &mut World, plan: &Plan, new: &NewNode) -> Value {
    let endpoint =
        format!("{}/stacks/{}/{}/resources/{}/signal", plan.signal_url, new.level_name, new.level_id, new.name);
    let token = hex_id();
    let curl = format!(
        "curl -i -X POST -H 'X-Auth-Token: {token}' -H 'Content-Type: application/json' -H 'Accept: application/json' \
         {endpoint}"
    );
    let auth_url = plan.signal_url.split("/orchestration/").next().map(|origin| format!("{origin}/identity/v3"));
    let project = plan.signal_url.rsplit('/').next().unwrap_or_default();
    let name = name_of(new);
    let (user_id, password, domain_id) = world.directory.add_stack_user(&name, project);
    let signal = json!({
        "auth_url": auth_url, "username": name, "user_id": user_id, "password": password, "domain_id": domain_id,
        "project_id": project, "region_name": "RegionOne",
    });
    json!({"id": user_id, "endpoint": endpoint, "token": token, "curl_cli": curl, "signal": signal.to_string()})
}
