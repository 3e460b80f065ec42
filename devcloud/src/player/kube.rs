//! The played Kubernetes API server: health, version and the list of nodes.

use chrono::{DateTime, Utc};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::nodes::PlayedNode;
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
        ("GET", "/api/v1/pods") => list("PodList", &pods(cluster)),
        ("GET", "/api/v1/namespaces/default/pods") => list("PodList", &[]),
        ("GET", "/api/v1/services" | "/api/v1/namespaces/default/services") => list("ServiceList", &[]),
        ("GET", "/api/v1/namespaces") => {
            let names = ["default", "kube-system"];
            let rows = names.map(|name| json!({"metadata": {"name": name}, "status": {"phase": "Active"}}));
            list("NamespaceList", &rows)
        }
        _ => {
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 404,
                "reason": "NotFound", "message": "the server could not find the requested resource",
            });
            return reply(StatusCode::NOT_FOUND, "application/json", status.to_string());
        }
    };
    reply(StatusCode::OK, "application/json", body.to_string())
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

/// One node for every server of the stack.
fn nodes(cluster: &Cluster) -> Vec<Value> {
    cluster.present().iter().map(node).collect()
}

/// On every node its load, and one pod of a daemon set.
fn pods(cluster: &Cluster) -> Vec<Value> {
    let pod = |node: &PlayedNode, number: usize, owner: &str| {
        let name = format!("{}-{number}", owner.to_lowercase());
        let metadata =
            json!({"name": name, "namespace": "default", "ownerReferences": [{"kind": owner, "name": "played"}]});
        json!({"metadata": metadata, "spec": {"nodeName": node.name()}, "status": {"phase": "Running"}})
    };
    let of_node = |node: PlayedNode| {
        let load = (0..node.state.load).map(|number| pod(&node, number, "ReplicaSet"));
        load.chain([pod(&node, 0, "DaemonSet")]).collect::<Vec<_>>()
    };
    cluster.present().into_iter().flat_map(of_node).collect()
}

fn node(played: &PlayedNode) -> Value {
    let (server, name, address) = (&played.server, played.name(), played.address());
    let ready = if played.state.ready { "True" } else { "False" };
    let role = if name.contains("master") { "master" } else { "node" };
    json!({
        "metadata": {
            "name": name, "uid": server["id"], "creationTimestamp": server["created"],
            "labels": {"kubernetes.io/hostname": name, format!("node-role.kubernetes.io/{role}"): ""},
        },
        "spec": {"externalID": server["id"], "providerID": format!("openstack:///{}", text(server, "id"))},
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
