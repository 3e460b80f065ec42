//! The node's part: what cloud-init and the scripts do on a real master, as far as others see it.
//!
//! With what the stack's parameters say, a played node logs in as the trustee, fetches the cluster's CA, has its CSR
//! signed, and then serves the Kubernetes API over TLS on the address in the stack's `api_address` output.

mod certificate;
mod kube;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::hot::parameters::plain;
use crate::http::is_true;
use crate::state::{Shared, World};

/// A served API address; dropping it closes the listener and every connection.
pub(crate) struct Endpoint {
    address: String,
    task: JoinHandle<()>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a node knows of its cluster. Has no `Debug`, because of the password.
struct Facts {
    auth_url: String,
    magnum_url: String,
    cluster_uuid: String,
    trustee_user_id: String,
    trustee_password: String,
    /// Value of the output, for example `https://127.20.3.4:6443`.
    api_address: String,
    tls: bool,
}

/// Plays the nodes of a stack whose current action has this number.
///
/// Nothing is played when nodes are not asked for, when the stack is no cluster's, or when its endpoint is up already.
/// The error is the stack's reason for failing.
pub(crate) async fn play(shared: &Arc<Shared>, stack_id: &str, sequence: u64) -> Result<Option<Endpoint>, String> {
    let (facts, patience) = {
        let world = shared.world();
        let Some(facts) = facts(&world, stack_id, sequence) else { return Ok(None) };
        (facts, world.settings.node_patience)
    };
    let deadline = Instant::now() + patience;
    loop {
        match bring_up(shared, stack_id, &facts).await {
            Ok(endpoint) => return Ok(Some(endpoint)),
            Err(reason) if Instant::now() >= deadline => {
                return Err(format!("Resource CREATE failed: WaitConditionFailure: resources.kube_masters: {reason}"));
            }
            Err(reason) => {
                tracing::debug!(stack = stack_id, reason, "a played node tries again");
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        }
    }
}

/// Reads what the nodes of a stack know; `None` when there is nothing to play.
fn facts(world: &World, stack_id: &str, sequence: u64) -> Option<Facts> {
    let stack = world.stacks.get(stack_id).filter(|_| world.settings.play_nodes)?;
    if stack.sequence != sequence || stack.failure.is_some() {
        return None;
    }
    let parameters: &Map<String, Value> = &stack.level.parameters;
    let word = |name: &str| parameters.get(name).map(plain).unwrap_or_default();
    let api_address = stack.level.outputs.get("api_address").map(plain)?;
    let serving = stack.endpoint.as_ref().is_some_and(|endpoint| endpoint.address == api_address);
    if word("cluster_uuid").is_empty() || api_address.is_empty() || serving {
        return None;
    }
    Some(Facts {
        auth_url: word("auth_url").trim_end_matches('/').to_owned(),
        magnum_url: word("magnum_url").trim_end_matches('/').to_owned(),
        cluster_uuid: word("cluster_uuid"),
        trustee_user_id: word("trustee_user_id"),
        trustee_password: word("trustee_password"),
        tls: !is_true(&word("tls_disabled")),
        api_address,
    })
}

async fn bring_up(shared: &Arc<Shared>, stack_id: &str, facts: &Facts) -> Result<Endpoint, String> {
    let url = url::Url::parse(&facts.api_address)
        .map_err(|error| format!("output api_address \"{}\" is no URL: {error}", facts.api_address))?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let port = url.port_or_known_default().unwrap_or(6443);
    let acceptor = if facts.tls { Some(certificate::obtain(shared.http()?, facts, &host).await?) } else { None };
    let listener = TcpListener::bind((host.as_str(), port))
        .await
        .map_err(|error| format!("cannot listen on the cluster's API address {host}:{port}: {error}"))?;
    let cluster = kube::Cluster { shared: Arc::downgrade(shared), stack_id: stack_id.to_owned() };
    let task = shared.runtime.spawn(kube::serve(listener, acceptor, cluster));
    Ok(Endpoint { address: facts.api_address.clone(), task })
}
