//! The played Kubernetes API server: health, version and the list of nodes.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Weak;

use chrono::{DateTime, Utc};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use openssl::ssl::{Ssl, SslAcceptor};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_openssl::SslStream;

use crate::heat;
use crate::state::{Shared, text};

/// Version that the played API server says it is.
const VERSION: (&str, &str, &str) = ("1", "9", "v1.9.3");

/// The cluster behind an API server. It does not keep the cloud alive.
#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) shared: Weak<Shared>,
    pub(super) stack_id: String,
}

/// Serves connections until the task is aborted.
pub(super) async fn serve(listener: TcpListener, acceptor: Option<SslAcceptor>, cluster: Cluster) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(stream, acceptor.clone(), cluster.clone()));
    }
}

async fn connection(stream: TcpStream, acceptor: Option<SslAcceptor>, cluster: Cluster) {
    let Some(acceptor) = acceptor else { return talk(stream, cluster).await };
    let Ok(mut secured) = Ssl::new(acceptor.context()).and_then(|ssl| SslStream::new(ssl, stream)) else { return };
    match Pin::new(&mut secured).accept().await {
        Ok(()) => talk(secured, cluster).await,
        Err(error) => tracing::debug!(%error, "TLS handshake with a played node failed"),
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(stream: S, cluster: Cluster) {
    let service = service_fn(move |request: Request<Incoming>| {
        let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        let table = accept.contains("as=Table");
        let answer = answer(&cluster, request.method().as_str(), request.uri().path(), table);
        async move { Ok::<_, Infallible>(answer) }
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "connection to a played node ended");
    }
}

fn answer(cluster: &Cluster, method: &str, path: &str, table: bool) -> Response<String> {
    let (major, minor, version) = VERSION;
    let body = match (method, path.trim_end_matches('/')) {
        ("GET", "/healthz" | "/readyz" | "/livez") => return reply(StatusCode::OK, "text/plain", "ok".to_owned()),
        ("GET", "/version") => {
            json!({"major": major, "minor": minor, "gitVersion": version, "platform": "linux/amd64"})
        }
        ("GET", "/api") => json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        ("GET", "/apis") => json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []}),
        ("GET", "/api/v1") => resources(),
        ("GET", "/api/v1/nodes") if table => node_table(&nodes(cluster)),
        ("GET", "/api/v1/nodes") => list("NodeList", &nodes(cluster)),
        ("GET", "/api/v1/pods" | "/api/v1/namespaces/default/pods") => list("PodList", &[]),
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

fn reply(status: StatusCode, media: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(media));
    response
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
            json!({"cells": [metadata["name"], "Ready", role, age(metadata), VERSION.2], "object": object})
        })
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": columns, "rows": rows})
}

/// Seconds since something was created, as kubectl shows an age.
fn age(metadata: &Value) -> String {
    let created = DateTime::parse_from_rfc3339(text(metadata, "creationTimestamp"));
    let seconds = created.map_or(0, |at| (Utc::now() - at.with_timezone(&Utc)).num_seconds());
    if seconds < 120 { format!("{seconds}s") } else { format!("{}m", seconds / 60) }
}

/// One Ready node for every server of the stack.
fn nodes(cluster: &Cluster) -> Vec<Value> {
    let Some(shared) = cluster.shared.upgrade() else { return Vec::new() };
    let world = shared.world();
    let Some(stack) = world.stacks.get(&cluster.stack_id) else { return Vec::new() };
    let mut servers: Vec<&Value> =
        heat::servers(&stack.level).into_iter().filter_map(|id| world.servers.get(id)).collect();
    servers.sort_by_key(|server| text(server, "name"));
    servers.into_iter().map(node).collect()
}

fn node(server: &Value) -> Value {
    let name = text(server, "name");
    let address = server["addresses"].as_object().and_then(|all| all.values().next());
    let address = address.map_or(Value::Null, |rows| rows[0]["addr"].clone());
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
                "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status",
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
