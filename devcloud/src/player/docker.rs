//! Played dockers: the manager of a legacy swarm, and one in swarm mode, which lists workers that are gone as `down` until
//! they are removed.

use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::nodes::{self, PlayedNode, Spec};
use super::server::{Asked, Cluster, missing, reply, shown};

fn ping() -> Response<String> {
    reply(StatusCode::OK, "text/plain", "OK".to_owned())
}

/// The engines are the workers.
pub(super) fn legacy(cluster: &Cluster, asked: &Asked) -> Response<String> {
    let nodes: Vec<PlayedNode> = cluster.present().into_iter().filter(|node| !node.is_master()).collect();
    match (asked.method.as_str(), asked.path.as_str()) {
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

/// Managers that are gone are removed by the one that comes for them.
pub(super) fn swarm_mode(cluster: &Cluster, asked: &Asked) -> Response<String> {
    let nodes: Vec<PlayedNode> = cluster.nodes().into_iter().filter(|node| !(node.gone && node.is_master())).collect();
    let path: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
    match (asked.method.as_str(), path.as_slice()) {
        ("GET", ["_ping"]) => ping(),
        ("GET", ["nodes"]) => shown(&nodes.iter().map(member).collect()),
        ("GET", ["tasks"]) => {
            let of = asked.value("filters").and_then(|text| serde_json::from_str::<Value>(&text).ok());
            let of = of.and_then(|filters| filters["node"].as_array().cloned());
            let wanted = |node: &&PlayedNode| of.as_ref().is_none_or(|ids| ids.contains(&json!(node.id())));
            shown(&nodes.iter().filter(wanted).flat_map(tasks).collect())
        }
        (method, ["nodes", id, rest @ ..]) => match nodes.iter().find(|node| node.id() == *id) {
            Some(node) if (method, rest) == ("POST", &["update"]) => update(cluster, node, asked),
            Some(node) if (method, rest) == ("DELETE", &[]) => remove(cluster, node),
            _ => missing(),
        },
        _ => missing(),
    }
}

fn refusal(status: StatusCode, message: &str) -> Response<String> {
    reply(status, "application/json", json!({"message": message}).to_string())
}

fn update(cluster: &Cluster, node: &PlayedNode, asked: &Asked) -> Response<String> {
    if asked.value("version") != Some(node.spec.version.to_string()) {
        return refusal(StatusCode::INTERNAL_SERVER_ERROR, "rpc error: code = Unknown desc = update out of sequence");
    }
    if asked.body["Role"] != role(node) {
        return refusal(StatusCode::BAD_REQUEST, "a role is not changed here");
    }
    let drained = asked.body["Availability"] == "drain";
    let labels = asked.body["Labels"].as_object().cloned().unwrap_or_default();
    let changed = |spec: &mut Spec| (spec.drained, spec.labels) = (drained, labels);
    cluster.with_world(|world| {
        nodes::change(world, node.id(), changed);
        if drained {
            let all = nodes::of(world, &cluster.stack_id);
            nodes::move_work(world, &all, node, node.state.load);
        }
    });
    reply(StatusCode::OK, "text/plain", String::new())
}

/// Docker would take one that lives, too, if forced; nobody here has a reason to.
fn remove(cluster: &Cluster, node: &PlayedNode) -> Response<String> {
    if !node.gone {
        return refusal(StatusCode::BAD_REQUEST, "node is not down and can't be removed");
    }
    cluster.with_world(|world| world.departed.shift_remove(node.id()));
    reply(StatusCode::OK, "text/plain", String::new())
}

fn role(node: &PlayedNode) -> &'static str {
    if node.is_master() { "manager" } else { "worker" }
}

fn member(node: &PlayedNode) -> Value {
    let state = if node.state.ready { "ready" } else { "down" };
    let mut member = json!({
        "ID": node.id(), "Version": {"Index": node.spec.version}, "Description": {"Hostname": node.name()},
        "Spec": {
            "Role": role(node), "Availability": if node.spec.drained { "drain" } else { "active" },
            "Labels": node.spec.labels,
        },
        "Status": {"State": state, "Addr": node.address()},
    });
    if node.is_master() {
        let reachability = if node.state.ready { "reachable" } else { "unreachable" };
        member["ManagerStatus"] = json!({"Reachability": reachability});
    }
    member
}

/// The node's load, and the task of a global service, which a drained node has no more.
fn tasks(node: &PlayedNode) -> Vec<Value> {
    let task = |more: Value, state| json!({"NodeID": node.id(), "Slot": more, "Status": {"State": state}});
    let load = (0..node.state.load).map(|number| task(json!(number + 1), "running"));
    let global = if node.spec.drained { "shutdown" } else { "running" };
    load.chain([task(Value::Null, global)]).collect()
}
