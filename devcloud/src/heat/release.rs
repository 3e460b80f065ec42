//! Taking resources away again.

use super::build::Failure;
use super::tree::{Level, Node};
use super::{signals, types};
use crate::http::Refusal;
use crate::state::{World, new_id, text};
use crate::{neutron, nova, octavia, routers};

/// Releases a node and all below it; on failure gives back what is left of it.
pub(super) fn node(world: &mut World, mut node: Node) -> Result<(), (Box<Node>, Failure)> {
    if let Some(nested) = node.level.as_mut() {
        let failure = level(world, nested);
        return match failure {
            None => Ok(()),
            Some(failure) => Err(failed(node, failure)),
        };
    }
    match plain(world, &node) {
        Ok(()) => Ok(()),
        Err(refusal) => Err(failed(node, Failure::new(&refusal))),
    }
}

fn failed(mut node: Node, failure: Failure) -> (Box<Node>, Failure) {
    node.status = "FAILED";
    node.action = "DELETE";
    node.reason = failure.clone().inside(&node.name).text();
    (Box::new(node), failure)
}

/// Releases all nodes of a level, last first. Nodes that a stuck one needs stay too; the first failure is returned.
pub(super) fn level(world: &mut World, level: &mut Level) -> Option<Failure> {
    let mut failure = None;
    let mut needed = std::collections::BTreeSet::new();
    let names: Vec<String> = level.nodes.keys().rev().cloned().collect();
    for name in names {
        if needed.contains(&name) {
            needed.extend(level.nodes.get(&name).map(|kept| kept.requires.clone()).unwrap_or_default());
            continue;
        }
        let Some(gone) = level.nodes.shift_remove(&name) else { continue };
        if let Err((kept, wrong)) = node(world, gone) {
            needed.extend(kept.requires.iter().cloned());
            level.nodes.insert(name.clone(), *kept);
            failure.get_or_insert(wrong.inside(&name));
        }
    }
    failure
}

fn plain(world: &mut World, node: &Node) -> Result<(), Refusal> {
    let id = node.physical_id.as_str();
    match node.kind.as_str() {
        types::SERVER => {
            nova::delete_server(world, id);
        }
        "OS::Nova::ServerGroup" => {
            world.server_groups.shift_remove(id);
        }
        "OS::Nova::KeyPair" => world.keypairs.retain(|_, pair| pair["name"] != id),
        "OS::Cinder::Volume" => {
            world.volumes.shift_remove(id);
        }
        "OS::Cinder::VolumeAttachment" => {
            if let Some(volume) = world.volumes.get_mut(id) {
                volume["status"] = "available".into();
                volume["attachments"] = serde_json::json!([]);
            }
        }
        "OS::Heat::SoftwareConfig"
        | "OS::Heat::CloudConfig"
        | "OS::Heat::MultipartMime"
        | "OS::Heat::StructuredConfig" => {
            world.stacks.configs.remove(id);
        }
        signals::HANDLE => {
            let endpoint = text(&serde_json::json!(node.attributes), "endpoint").to_owned();
            let project = endpoint.split("/v1/").nth(1).and_then(|path| path.split('/').next()).unwrap_or_default();
            world.directory.drop_stack_user(id, project);
            world.stacks.reports.remove(&endpoint);
        }
        kind => return released_by_service(world, kind, id),
    }
    Ok(())
}

fn released_by_service(world: &mut World, kind: &str, id: &str) -> Result<(), Refusal> {
    let delete = |world: &mut World, table: &str| {
        neutron::delete(world, table, id).map_err(|mut refusal| {
            refusal.kind = "Conflict".to_owned();
            refusal.message = format!("{}\nNeutron server returns request_ids: ['req-{}']", refusal.message, new_id());
            refusal
        })
    };
    if kind.starts_with("OS::Octavia") || kind.contains("LBaaS") {
        match kind.rsplit("::").next().unwrap_or_default() {
            "LoadBalancer" => octavia::remove_balancer(world, id),
            "Listener" => octavia::remove_part(world, "listeners", id),
            "Pool" => octavia::remove_part(world, "pools", id),
            "PoolMember" => octavia::remove_part(world, "members", id),
            _ => octavia::remove_part(world, "healthmonitors", id),
        }
        return Ok(());
    }
    match kind {
        "OS::Neutron::Net" => delete(world, "networks"),
        "OS::Neutron::Subnet" => delete(world, "subnets"),
        "OS::Neutron::Port" => delete(world, "ports"),
        "OS::Neutron::Router" => delete(world, "routers"),
        "OS::Neutron::RouterInterface" => {
            // Gone with somebody else's hands is gone all the same.
            if let Some((router, subnet)) = id.split_once(":subnet_id=")
                && let Err(refusal) = routers::remove(world, router, subnet)
            {
                tracing::debug!(message = refusal.message, "the interface was gone");
            }
            Ok(())
        }
        "OS::Neutron::FloatingIP" => delete(world, "floatingips"),
        "OS::Neutron::SecurityGroup" => delete(world, "security-groups"),
        _ => Ok(()),
    }
}
