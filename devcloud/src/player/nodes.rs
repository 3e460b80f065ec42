//! The nodes of a played cluster: its servers, and those its API still lists although their servers are gone.

use serde_json::{Map, Value, json};

use super::NodeState;
use crate::heat::Stack;
use crate::hot::parameters::plain;
use crate::state::{World, text};

/// A node of the cluster, and what a test says about it.
pub(super) struct PlayedNode {
    pub(super) server: Value,
    pub(super) state: NodeState,
    /// There is no such server any more.
    pub(super) gone: bool,
    pub(super) spec: Spec,
}

/// What was changed of a node through the cluster's API.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spec {
    /// Counts the changes.
    pub(super) version: u64,
    /// It takes no new work.
    pub(super) drained: bool,
    pub(super) labels: Map<String, Value>,
}

impl PlayedNode {
    pub(super) fn id(&self) -> &str {
        text(&self.server, "id")
    }

    pub(super) fn name(&self) -> &str {
        text(&self.server, "name")
    }

    pub(super) fn is_master(&self) -> bool {
        self.name().contains("-master-")
    }

    /// The private address.
    pub(super) fn address(&self) -> Value {
        let rows = self.server["addresses"].as_object().and_then(|all| all.values().next());
        rows.map_or(Value::Null, |rows| rows[0]["addr"].clone())
    }
}

fn cluster_of(stack: &Stack) -> Option<String> {
    stack.level.parameters.get("cluster_uuid").map(plain).filter(|uuid| !uuid.is_empty())
}

/// What the names of servers begin with that are of the same cluster as this stack.
fn prefixes(world: &World, own: &Stack) -> Vec<String> {
    let uuid = cluster_of(own);
    let others = world.stacks.iter().filter(|stack| uuid.is_some() && cluster_of(stack) == uuid);
    others.chain([own]).map(|stack| format!("{}-", stack.name)).collect()
}

/// Servers are named after their stack, what they are, and a number.
fn belongs(server: &Value, stacks: &[String]) -> bool {
    let own = |rest: &str| rest.split_once('-').is_some_and(|(_, number)| number.parse::<u64>().is_ok());
    stacks.iter().any(|stack| text(server, "name").strip_prefix(stack).is_some_and(own))
}

/// The nodes of the stack's cluster by name, those that are gone at the end.
pub(super) fn of(world: &World, stack_id: &str) -> Vec<PlayedNode> {
    let Some(stack) = world.stacks.get(stack_id) else { return Vec::new() };
    let stacks = prefixes(world, stack);
    let played = |server: &Value, gone| {
        let state = world.node_states.get(text(server, "name")).copied().unwrap_or_default();
        let state = if gone { NodeState { ready: false, load: 0 } } else { state };
        let spec = world.node_specs.get(text(server, "id")).cloned().unwrap_or_default();
        PlayedNode { server: server.clone(), state, gone, spec }
    };
    let there = world.servers.values().filter(|server| belongs(server, &stacks)).map(|server| played(server, false));
    let departed = world.departed.values().filter(|server| belongs(server, &stacks));
    let mut nodes: Vec<PlayedNode> = there.chain(departed.map(|server| played(server, true))).collect();
    nodes.sort_by(|a, b| (a.gone, a.name()).cmp(&(b.gone, b.name())));
    nodes
}

/// A server went: whoever knew it as a node goes on listing it.
pub(crate) fn depart(world: &mut World, server: &Value) {
    if !world.settings.play_nodes {
        return;
    }
    let (id, name) = (text(server, "id"), text(server, "name"));
    world.lost_work += world.node_states.remove(name).map_or(0, |state| state.load);
    let row = json!({"id": id, "name": name, "addresses": server["addresses"], "created": server["created"]});
    world.departed.insert(id.to_owned(), row);
}

/// Names of the nodes that take no work, in order.
pub(crate) fn drained(world: &World) -> Vec<String> {
    let drained = world.servers.values().filter(|server| {
        let spec = world.node_specs.get(text(server, "id"));
        spec.is_some_and(|spec| spec.drained)
    });
    let mut names: Vec<String> = drained.map(|server| text(server, "name").to_owned()).collect();
    names.sort();
    names
}

/// A cluster went, with everything that was known of its nodes.
pub(crate) fn forget_cluster(world: &mut World, stack: &Stack) {
    let stacks = prefixes(world, stack);
    world.departed.retain(|_, server| !belongs(server, &stacks));
    let (servers, departed) = (&world.servers, &world.departed);
    world.node_specs.retain(|id, _| servers.contains_key(id) || departed.contains_key(id));
}

/// Changes a node's spec.
pub(super) fn change(world: &mut World, id: &str, change: impl FnOnce(&mut Spec)) {
    let spec = world.node_specs.entry(id.to_owned()).or_default();
    change(spec);
    spec.version += 1;
}

/// Moves so much of what a node runs to another worker that takes work; where there is none it waits outside. `false`
/// where nodes hold on.
pub(super) fn move_work(world: &mut World, all: &[PlayedNode], node: &PlayedNode, load: usize) -> bool {
    if world.nodes_hold_on {
        return false;
    }
    let takes = |other: &&PlayedNode| !other.is_master() && !other.gone && !other.spec.drained && other.state.ready;
    let other = all.iter().filter(takes).find(|other| other.id() != node.id());
    let mut run = |node: &PlayedNode, load| {
        world.node_states.insert(node.name().to_owned(), NodeState { load, ..node.state });
    };
    run(node, node.state.load - load);
    if let Some(other) = other {
        run(other, other.state.load + load);
    }
    true
}
