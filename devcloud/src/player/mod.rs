//! The node's part: what cloud-init and the scripts do on a real master, as far as others see it.
//!
//! With what the stack's parameters say, a played node logs in as the trustee, fetches the cluster's CA, has its CSR
//! signed, and then serves the API of its COE over TLS on the address in the stack's `api_address` output: Kubernetes',
//! or docker's of a legacy swarm or in swarm mode. Masters of Mesos serve theirs each on its own address, without TLS. How
//! well nodes are and what they run, a test says. Swarm mode and Kubernetes go on listing nodes whose servers are gone.

mod certificate;
mod credentials;
mod docker;
mod kube;
mod mesos;
mod nodes;
mod server;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::hot::parameters::plain;
use crate::http::is_true;
use crate::state::{Shared, World};
pub(crate) use nodes::{Spec as NodeSpec, depart, drained, forget_cluster};
use server::{Api, Cluster};

/// Port of Mesos' masters.
const MESOS: u16 = 5050;

/// What a played node tells of itself through its cluster's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeState {
    /// It is well and takes work.
    pub ready: bool,
    /// Pods, containers or tasks it runs, besides those that every node runs.
    pub load: usize,
}

impl Default for NodeState {
    fn default() -> Self {
        Self { ready: true, load: 0 }
    }
}

/// A served API address; dropping it closes the listener and every connection.
pub(crate) struct Endpoint {
    address: String,
    /// What its nodes were told last.
    told: String,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// What a node knows of its cluster. Has no `Debug`, because of the password.
struct Facts {
    auth_url: String,
    magnum_url: String,
    cluster_uuid: String,
    /// What it logs in with; the error is why it cannot.
    login: Result<credentials::Login, String>,
    /// Value of the output, for example `https://127.20.3.4:6443`.
    api_address: String,
    tls: bool,
    api: Api,
    /// Addresses of the masters.
    masters: Vec<String>,
    /// What the stack tells its nodes.
    told: String,
}

/// Plays the nodes of a stack whose current action has this number.
///
/// Nothing is played when nodes are not asked for, when the stack is no cluster's, or when its endpoint is up already
/// and its nodes were told nothing since.
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
    let told = word("node_task");
    let serving =
        stack.endpoint.as_ref().is_some_and(|endpoint| endpoint.address == api_address && endpoint.told == told);
    let (api, masters) = kind(&stack.level.outputs);
    let anonymous = word("cluster_uuid").is_empty() && api != Api::Mesos(true);
    if anonymous || api_address.is_empty() || serving {
        return None;
    }
    Some(Facts {
        auth_url: word("auth_url").trim_end_matches('/').to_owned(),
        magnum_url: word("magnum_url").trim_end_matches('/').to_owned(),
        cluster_uuid: word("cluster_uuid"),
        login: credentials::login(parameters),
        tls: !is_true(&word("tls_disabled")),
        api_address,
        api,
        masters,
        told,
    })
}

/// What kind of cluster has these outputs, and where its masters are.
fn kind(outputs: &Map<String, Value>) -> (Api, Vec<String>) {
    let (api, key) = if outputs.contains_key("swarm_primary_master") {
        (Api::SwarmMode, "swarm_masters")
    } else if outputs.contains_key("swarm_masters") {
        (Api::Legacy, "swarm_masters")
    } else if outputs.contains_key("mesos_master") {
        (Api::Mesos(true), "mesos_master")
    } else {
        (Api::Kubernetes, "kube_masters")
    };
    let addresses = |key: &str| {
        let listed = outputs.get(key).and_then(Value::as_array).into_iter().flatten();
        listed.filter_map(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let public = addresses(key);
    (api, if public.is_empty() { addresses(&format!("{key}_private")) } else { public })
}

async fn bring_up(shared: &Arc<Shared>, stack_id: &str, facts: &Facts) -> Result<Endpoint, String> {
    let cluster = |api| Cluster { shared: Arc::downgrade(shared), stack_id: stack_id.to_owned(), api };
    let mut endpoint = Endpoint { address: facts.api_address.clone(), told: facts.told.clone(), tasks: Vec::new() };
    if let Api::Mesos(_) = facts.api {
        for (number, master) in facts.masters.iter().enumerate() {
            let listener = listen(master, MESOS).await?;
            // The last one is elected, so that somebody who asks the first alone learns little.
            let elected = Api::Mesos(number + 1 == facts.masters.len());
            endpoint.tasks.push(shared.runtime.spawn(server::serve(listener, None, cluster(elected))));
        }
        return Ok(endpoint);
    }
    let url = url::Url::parse(&facts.api_address)
        .map_err(|error| format!("output api_address \"{}\" is no URL: {error}", facts.api_address))?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let port = url.port_or_known_default().unwrap_or(6443);
    let acceptor = if facts.tls { Some(certificate::obtain(shared.http()?, facts, &host).await?) } else { None };
    // Whatever its nodes were told, they have got their certificates anew; who served with the old ones goes first.
    drop(shared.world().stacks.get_mut(stack_id).and_then(|stack| stack.endpoint.take()));
    let listener = listen(&host, port).await?;
    endpoint.tasks.push(shared.runtime.spawn(server::serve(listener, acceptor, cluster(facts.api.clone()))));
    Ok(endpoint)
}

async fn listen(host: &str, port: u16) -> Result<TcpListener, String> {
    let bound = TcpListener::bind((host, port)).await;
    bound.map_err(|error| format!("cannot listen on the cluster's address {host}:{port}: {error}"))
}
