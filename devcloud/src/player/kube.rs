//! The played Kubernetes API server: health, version, nodes and pods. Node objects outlive their servers, as they do
//! without a cloud provider, and nodes can be cordoned, emptied by evictions, and removed.

use chrono::{DateTime, Utc};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::nodes::{self, PlayedNode};
use super::server::{Asked, Cluster, reply};
use crate::state::text;

/// Version that the played API server says it is.
const VERSION: (&str, &str, &str) = ("1", "9", "v1.9.3");

pub(super) fn answer(cluster: &Cluster, asked: &Asked) -> Response<String> {
    let (major, minor, version) = VERSION;
    let body = match (asked.method.as_str(), asked.path.trim_end_matches('/')) {
        ("GET", "/healthz" | "/readyz" | "/livez") => return reply(StatusCode::OK, "text/plain", "ok".to_owned()),
        ("GET", "/version") => {
            json!({"major": major, "minor": minor, "gitVersion": version, "platform": "linux/amd64"})
        }
        ("GET", "/api") => json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        ("GET", "/apis") => json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []}),
        ("GET", "/api/v1") => resources(),
        ("GET", "/api/v1/nodes") if asked.table => node_table(&nodes(cluster)),
        ("GET", "/api/v1/nodes") => list("NodeList", &nodes(cluster)),
        ("GET", "/api/v1/pods") => list("PodList", &pods(cluster, &asked.value("fieldSelector").unwrap_or_default())),
        ("GET", "/api/v1/namespaces/default/pods") => list("PodList", &[]),
        ("GET", "/api/v1/services" | "/api/v1/namespaces/default/services") => list("ServiceList", &[]),
        ("GET", "/api/v1/namespaces") => {
            let names = ["default", "kube-system"];
            let rows = names.map(|name| json!({"metadata": {"name": name}, "status": {"phase": "Active"}}));
            list("NamespaceList", &rows)
        }
        (method, path) => return object(cluster, asked, method, path),
    };
    reply(StatusCode::OK, "application/json", body.to_string())
}

fn refusal(status: StatusCode, reason: &str, message: &str) -> Response<String> {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": status.as_u16(),
        "reason": reason, "message": message,
    });
    reply(status, "application/json", body.to_string())
}

fn missing() -> Response<String> {
    refusal(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource")
}

/// What is done to a single node or pod.
fn object(cluster: &Cluster, asked: &Asked, method: &str, path: &str) -> Response<String> {
    let path: Vec<&str> = path.trim_start_matches("/api/v1/").split('/').collect();
    let all = listed(cluster);
    let found = |name: &str| all.iter().find(|node| node.name() == name);
    match (method, path.as_slice()) {
        ("GET", ["nodes", name]) => found(name).map_or_else(missing, shown),
        ("PATCH", ["nodes", name]) => found(name).map_or_else(missing, |node| patch(cluster, node, asked)),
        ("DELETE", ["nodes", name]) => found(name).map_or_else(missing, |node| remove(cluster, node)),
        ("POST", ["namespaces", "default", "pods", name, "eviction"]) => {
            let name = name.strip_prefix("replicaset-").and_then(|rest| rest.rsplit_once('-'));
            let node = name.and_then(|(node, _)| found(node)).filter(|node| node.state.load > 0);
            node.map_or_else(missing, |node| evict(cluster, &all, node, asked))
        }
        _ => missing(),
    }
}

fn shown(played: &PlayedNode) -> Response<String> {
    reply(StatusCode::OK, "application/json", node(played).to_string())
}

/// A merge of what nodes are changed in here: whether pods are placed on it, and labels.
fn patch(cluster: &Cluster, node: &PlayedNode, asked: &Asked) -> Response<String> {
    if asked.media != "application/merge-patch+json" {
        return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", "the body is no merge patch");
    }
    let labels = asked.body["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    let cordoned = asked.body["spec"].get("unschedulable").map(|wanted| *wanted == true);
    cluster.with_world(|world| {
        nodes::change(world, node.id(), |spec| {
            spec.drained = cordoned.unwrap_or(spec.drained);
            spec.labels.extend(labels);
            spec.labels.retain(|_, value| !value.is_null());
        });
    });
    listed(cluster).iter().find(|one| one.id() == node.id()).map_or_else(missing, shown)
}

/// A living node's kubelet would register it again; nobody here has a reason to remove one.
fn remove(cluster: &Cluster, node: &PlayedNode) -> Response<String> {
    if !node.gone {
        return refusal(StatusCode::CONFLICT, "Conflict", "the node has a server");
    }
    cluster.with_world(|world| world.departed.retain(|_, server| text(server, "name") != node.name()));
    shown(node)
}

/// Where nodes hold on, a disruption budget is in the way.
fn evict(cluster: &Cluster, all: &[PlayedNode], node: &PlayedNode, asked: &Asked) -> Response<String> {
    if (&asked.body["apiVersion"], &asked.body["kind"]) != (&json!("policy/v1beta1"), &json!("Eviction")) {
        return refusal(StatusCode::BAD_REQUEST, "BadRequest", "the body is no eviction of policy/v1beta1");
    }
    let moved = cluster.with_world(|world| nodes::move_work(world, all, node, 1));
    if moved != Some(true) {
        return refusal(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequests",
            "Cannot evict pod as it would violate a budget",
        );
    }
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
    reply(StatusCode::CREATED, "application/json", body.to_string())
}

fn list(kind: &str, items: &[Value]) -> Value {
    json!({"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items})
}

fn resources() -> Value {
    let rows = [
        ("nodes", "Node", "no", false),
        ("namespaces", "Namespace", "ns", false),
        ("pods", "Pod", "po", true),
        ("services", "Service", "svc", true),
    ]
    .map(|(name, kind, short, namespaced)| {
        json!({
            "name": name, "singularName": "", "shortNames": [short], "namespaced": namespaced, "kind": kind,
            "verbs": ["get", "list"],
        })
    });
    let eviction = json!({
        "name": "pods/eviction", "singularName": "", "namespaced": true, "group": "policy", "version": "v1beta1",
        "kind": "Eviction", "verbs": ["create"],
    });
    let rows: Vec<Value> = rows.into_iter().chain([eviction]).collect();
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": rows})
}

/// The nodes as the table that kubectl prints.
fn node_table(nodes: &[Value]) -> Value {
    let columns =
        [("Name", "string"), ("Status", "string"), ("Roles", "string"), ("Age", "string"), ("Version", "string")]
            .map(|(name, kind)| json!({"name": name, "type": kind, "format": "", "description": "", "priority": 0}));
    let rows: Vec<Value> = nodes
        .iter()
        .map(|node| {
            let metadata = &node["metadata"];
            let role = if text(metadata, "name").contains("master") { "master" } else { "node" };
            let object = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata});
            json!({"cells": [metadata["name"], condition(node), role, age(metadata), VERSION.2], "object": object})
        })
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": columns, "rows": rows})
}

fn condition(node: &Value) -> &'static str {
    if node["status"]["conditions"][0]["status"] == "True" { "Ready" } else { "NotReady" }
}

/// Seconds since something was created, as kubectl shows an age.
fn age(metadata: &Value) -> String {
    let created = DateTime::parse_from_rfc3339(text(metadata, "creationTimestamp"));
    let seconds = created.map_or(0, |at| (Utc::now() - at.with_timezone(&Utc)).num_seconds());
    if seconds < 120 { format!("{seconds}s") } else { format!("{}m", seconds / 60) }
}

/// One node for every server of the cluster, and for those that are gone; a server that came for another has its name.
fn listed(cluster: &Cluster) -> Vec<PlayedNode> {
    let mut listed: Vec<PlayedNode> = Vec::new();
    for node in cluster.nodes() {
        if listed.iter().all(|known| known.name() != node.name()) {
            listed.push(node);
        }
    }
    listed
}

fn nodes(cluster: &Cluster) -> Vec<Value> {
    listed(cluster).iter().map(node).collect()
}

/// On every node its load, and one pod of a daemon set.
fn pods(cluster: &Cluster, selector: &str) -> Vec<Value> {
    let pod = |node: &PlayedNode, number: usize, owner: &str| {
        let name = format!("{}-{}-{number}", owner.to_lowercase(), node.name());
        let metadata =
            json!({"name": name, "namespace": "default", "ownerReferences": [{"kind": owner, "name": "played"}]});
        json!({"metadata": metadata, "spec": {"nodeName": node.name()}, "status": {"phase": "Running"}})
    };
    let of_node = |node: PlayedNode| {
        let load = (0..node.state.load).map(|number| pod(&node, number, "ReplicaSet"));
        load.chain([pod(&node, 0, "DaemonSet")]).collect::<Vec<_>>()
    };
    let wanted = selector.split(',').find_map(|term| term.strip_prefix("spec.nodeName="));
    let nodes = cluster.present().into_iter().filter(|node| wanted.is_none_or(|name| name == node.name()));
    nodes.flat_map(of_node).collect()
}

fn node(played: &PlayedNode) -> Value {
    let (server, name, address) = (&played.server, played.name(), played.address());
    let ready = if played.state.ready { "True" } else { "False" };
    let role = if name.contains("master") { "master" } else { "node" };
    let mut labels = json!({"kubernetes.io/hostname": name, format!("node-role.kubernetes.io/{role}"): ""});
    if let Value::Object(labels) = &mut labels {
        labels.extend(played.spec.labels.clone());
    }
    let mut spec = json!({"externalID": server["id"], "providerID": format!("openstack:///{}", text(server, "id"))});
    if played.spec.drained {
        spec["unschedulable"] = json!(true);
    }
    json!({
        "metadata": {
            "name": name, "uid": server["id"], "creationTimestamp": server["created"], "labels": labels,
        },
        "spec": spec,
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "capacity": {"cpu": "2", "memory": "4045864Ki", "pods": "110"},
            "conditions": [{
                "type": "Ready", "status": ready, "reason": "KubeletReady", "message": "kubelet is posting ready status",
                "lastHeartbeatTime": server["updated"], "lastTransitionTime": server["created"],
            }],
            "nodeInfo": {
                "kubeletVersion": VERSION.2, "kubeProxyVersion": VERSION.2, "operatingSystem": "linux",
                "architecture": "amd64", "osImage": "Fedora 27 (Atomic Host)", "kernelVersion": "4.15.0",
                "containerRuntimeVersion": "docker://1.13.1", "machineID": "", "systemUUID": "", "bootID": "",
            },
        },
    })
}
