//! Played dockers: the manager of a legacy swarm, and one in swarm mode.

use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::server::{Cluster, PlayedNode, missing, reply, shown};

fn ping() -> Response<String> {
    reply(StatusCode::OK, "text/plain", "OK".to_owned())
}

/// The engines are the workers.
pub(super) fn legacy(cluster: &Cluster, method: &str, path: &str) -> Response<String> {
    let nodes: Vec<PlayedNode> = cluster.nodes().into_iter().filter(|node| !node.is_master()).collect();
    match (method, path) {
        ("GET", "/_ping") => ping(),
        ("GET", "/info") => {
            let head = [["Role".to_owned(), "primary".to_owned()], ["Nodes".to_owned(), nodes.len().to_string()]];
            let rows: Vec<[String; 2]> = head.into_iter().chain(nodes.iter().flat_map(engine)).collect();
            shown(&json!({"Name": "played", "SystemStatus": rows}))
        }
        ("GET", "/containers/json") => shown(&nodes.iter().flat_map(containers).collect()),
        _ => missing(),
    }
}

fn engine(node: &PlayedNode) -> [[String; 2]; 2] {
    let address = node.address();
    let status = if node.state.ready { "Healthy" } else { "Disconnected" };
    [
        [format!(" {}", node.name()), format!("{}:2375", address.as_str().unwrap_or_default())],
        ["  \u{2514} Status".to_owned(), status.to_owned()],
    ]
}

/// The node's load, and the agent that every node has.
fn containers(node: &PlayedNode) -> Vec<Value> {
    let container = |name: String, image| json!({"Names": [format!("/{}/{name}", node.name())], "Image": image});
    let load = (0..node.state.load).map(|number| container(format!("web-{number}"), "nginx:1.13"));
    load.chain([container("swarm-agent".to_owned(), "swarm:1.2.8")]).collect()
}

/// The nodes are all servers.
pub(super) fn swarm_mode(cluster: &Cluster, method: &str, path: &str) -> Response<String> {
    let nodes = cluster.nodes();
    match (method, path) {
        ("GET", "/_ping") => ping(),
        ("GET", "/nodes") => shown(&nodes.iter().map(member).collect()),
        ("GET", "/tasks") => shown(&nodes.iter().flat_map(tasks).collect()),
        _ => missing(),
    }
}

fn member(node: &PlayedNode) -> Value {
    let state = if node.state.ready { "ready" } else { "down" };
    let mut member = json!({
        "ID": node.server["id"], "Description": {"Hostname": node.name()},
        "Spec": {"Role": if node.is_master() { "manager" } else { "worker" }, "Availability": "active"},
        "Status": {"State": state, "Addr": node.address()},
    });
    if node.is_master() {
        let reachability = if node.state.ready { "reachable" } else { "unreachable" };
        member["ManagerStatus"] = json!({"Reachability": reachability});
    }
    member
}

/// The node's load, and the task of a global service.
fn tasks(node: &PlayedNode) -> Vec<Value> {
    let load = (0..node.state.load).map(|number| json!({"NodeID": node.server["id"], "Slot": number + 1}));
    load.chain([json!({"NodeID": node.server["id"]})]).collect()
}
