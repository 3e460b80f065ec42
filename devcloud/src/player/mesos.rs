//! Played masters of Mesos. Only the elected one knows the slaves; the others point to it.

use hyper::header::{HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::nodes::PlayedNode;
use super::server::{Asked, Cluster, missing, reply, shown};

pub(super) fn answer(cluster: &Cluster, asked: &Asked, elected: bool) -> Response<String> {
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/health") => reply(StatusCode::OK, "text/plain", String::new()),
        ("GET", "/metrics/snapshot") => shown(&json!({"master/elected": if elected { 1.0 } else { 0.0 }})),
        ("GET", "/state-summary") if elected => {
            let slaves: Vec<Value> = cluster.present().iter().filter(|node| !node.is_master()).map(slave).collect();
            shown(&json!({"hostname": "played", "slaves": slaves, "frameworks": []}))
        }
        ("GET", "/state-summary") => {
            let mut response = reply(StatusCode::TEMPORARY_REDIRECT, "text/plain", String::new());
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("//192.0.2.1:5050/state-summary"));
            response
        }
        _ => missing(),
    }
}

/// Its host name is its address, as our slaves have it.
fn slave(node: &PlayedNode) -> Value {
    let address = node.address();
    let pid = format!("slave(1)@{}:5051", address.as_str().unwrap_or_default());
    json!({
        "id": node.server["id"], "hostname": address, "pid": pid, "active": node.state.ready,
        "TASK_RUNNING": node.state.load, "TASK_STAGING": 0, "TASK_FINISHED": 9,
    })
}
