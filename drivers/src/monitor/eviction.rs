//! Nodes that leave a Kubernetes cluster: they are cordoned and their pods evicted, which respects disruption budgets, and
//! Node objects without a server are removed, which without a cloud provider nobody else does.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{
    Answer, Inquiry, Method, Reply, Request, Roll, Site, Turn, base, json as parsed,
    kubernetes::{NODES, PODS, Pages, is_ready, moves, name},
    leaving::{Changes, is_plain},
    list,
};

/// Label of a node that was cordoned because it leaves.
const EMPTIED: &str = "magnum.openstack.org/emptied";

fn node_url(base: &str, name: &str) -> String {
    format!("{base}/api/v1/nodes/{name}")
}

fn is_emptied(node: &Value) -> bool {
    node["metadata"]["labels"][EMPTIED].is_string()
}

/// Cordons a node with a mark, or takes both back.
fn cordon(base: &str, name: &str, leaves: bool) -> Request {
    let (mark, unschedulable) = if leaves { (json!("true"), json!(true)) } else { (Value::Null, Value::Null) };
    let body = json!({"metadata": {"labels": {EMPTIED: mark}}, "spec": {"unschedulable": unschedulable}});
    Request { method: Method::MergePatch, url: node_url(base, name), body: Some(body) }
}

/// Not now: a disruption budget, somebody else's change, or the server is busy.
fn later(reply: &Reply) -> bool {
    matches!(reply.status, 409 | 429 | 500 | 503 | 504)
}

/// Not now, also for what this pod alone is refused for, by a webhook or because its namespace ends: all others are emptied,
/// and how long it is tried is the resize's business.
fn not_evicted(reply: &Reply) -> bool {
    reply.status >= 400
}

/// A pod as its namespace and its name.
type Pod = (String, String);

enum Heard {
    Node,
    Cordoned,
    Pods(Pages),
    Version,
    Evicted,
}

/// Cordons node after node, lists their pods, and then has these evicted.
pub(super) struct Empty {
    base: String,
    names: VecDeque<String>,
    /// The node at hand, and whether it is there to end its pods.
    node: String,
    ready: bool,
    heard: Heard,
    evicted: Vec<Pod>,
    left: usize,
    changes: Changes,
}

impl Empty {
    pub(super) fn new(site: &Site<'_>, names: &[String]) -> Self {
        Self {
            base: base(site),
            names: names.iter().map(|name| name.to_ascii_lowercase()).collect(),
            node: String::new(),
            ready: false,
            heard: Heard::Node,
            evicted: Vec::new(),
            left: 0,
            changes: Changes::default(),
        }
    }

    fn next_node(&mut self) -> Turn<Result<usize, String>> {
        if let Some(node) = self.names.pop_front() {
            self.node = node;
            self.heard = Heard::Node;
            return Turn::Ask(node_url(&self.base, &self.node));
        }
        if self.evicted.is_empty() {
            return Turn::Told(Ok(self.left));
        }
        self.heard = Heard::Version;
        Turn::Ask(format!("{}/api/v1", self.base))
    }

    fn read_node(&mut self, answer: Answer) -> Result<Turn<Result<usize, String>>, String> {
        if matches!(&answer, Ok(reply) if reply.status == 404) {
            return Ok(self.next_node());
        }
        let node = parsed(answer)?;
        self.ready = is_ready(&node);
        if node["spec"]["unschedulable"] == true {
            return Ok(self.list_pods());
        }
        self.heard = Heard::Cordoned;
        Ok(Turn::Tell(cordon(&self.base, &self.node, true)))
    }

    fn read_cordoned(&mut self, answer: Answer) -> Result<Turn<Result<usize, String>>, String> {
        let reply = answer?;
        match reply.status {
            404 => return Ok(self.next_node()),
            _ if later(&reply) => self.left += 1,
            _ => drop(parsed(Ok(reply))?),
        }
        Ok(self.list_pods())
    }

    /// A dead node ends no pods, and nobody can tell what it still runs.
    fn list_pods(&mut self) -> Turn<Result<usize, String>> {
        if !self.ready {
            return self.next_node();
        }
        let live = "status.phase!%3DSucceeded,status.phase!%3DFailed";
        let pods = Pages::of("/api/v1/pods", format!("&fieldSelector=spec.nodeName%3D{},{live}", self.node), PODS);
        let first = pods.first(&self.base);
        self.heard = Heard::Pods(pods);
        Turn::Ask(first)
    }

    fn read_pods(&mut self, mut pods: Pages, answer: Answer) -> Result<Turn<Result<usize, String>>, String> {
        let (page, next) = pods.read(&self.base, answer)?;
        for pod in page.iter().filter(|pod| moves(pod) && pod["spec"]["nodeName"] == self.node.as_str()) {
            self.left += 1;
            let space = pod["metadata"]["namespace"].as_str();
            let ending = pod["metadata"]["deletionTimestamp"].is_string();
            if let (Some(space), Some(name), false) = (space, name(pod), ending)
                && is_plain(space)
                && is_plain(name)
            {
                self.evicted.push((space.to_owned(), name.to_owned()));
            }
        }
        Ok(match next {
            Some(url) => {
                self.heard = Heard::Pods(pods);
                Turn::Ask(url)
            }
            None => self.next_node(),
        })
    }

    /// The API server says which version of evictions it knows; the first ones did not say it.
    fn read_version(&mut self, answer: Answer) -> Result<(), String> {
        let resources = parsed(answer)?;
        let evictions = list(&resources, "resources")?.iter().find(|one| one["name"] == "pods/eviction");
        let group = evictions.map(|one| (one["group"].as_str(), one["version"].as_str()));
        let version = match group {
            Some((Some(group), Some(version))) if !group.is_empty() => format!("{group}/{version}"),
            Some(_) => "policy/v1beta1".to_owned(),
            None => return Err("the API server knows no evictions".to_owned()),
        };
        for (space, name) in &self.evicted {
            let metadata = json!({"name": name, "namespace": space});
            self.changes.add(Request {
                method: Method::Post,
                url: format!("{}/api/v1/namespaces/{space}/pods/{name}/eviction", self.base),
                body: Some(json!({"apiVersion": version, "kind": "Eviction", "metadata": metadata})),
            });
        }
        self.heard = Heard::Evicted;
        Ok(())
    }

    /// Pods that were evicted take their time to end, so all that were seen are left.
    fn evict(&mut self) -> Turn<Result<usize, String>> {
        match self.changes.next() {
            Some(change) => Turn::Tell(change),
            None => Turn::Told(self.changes.end().map(|_| self.left)),
        }
    }
}

impl Inquiry for Empty {
    type Told = Result<usize, String>;

    fn begin(&mut self) -> Turn<Self::Told> {
        self.next_node()
    }

    fn hear(&mut self, answer: Answer) -> Turn<Self::Told> {
        let turn = match std::mem::replace(&mut self.heard, Heard::Node) {
            Heard::Node => self.read_node(answer),
            Heard::Cordoned => self.read_cordoned(answer),
            Heard::Pods(pods) => self.read_pods(pods, answer),
            Heard::Version => self.read_version(answer).map(|()| self.evict()),
            Heard::Evicted => {
                self.heard = Heard::Evicted;
                self.changes.hear(answer, not_evicted).map(|()| self.evict())
            }
        };
        turn.unwrap_or_else(|why| Turn::Told(Err(why)))
    }
}

/// Removes Node objects whose server is gone, and takes work again on those that were cordoned and stay.
pub(super) struct Forget {
    base: String,
    roll: Roll,
    nodes: Pages,
    changes: Changes,
}

impl Forget {
    pub(super) fn new(site: &Site<'_>, roll: Roll) -> Self {
        Self {
            base: base(site),
            roll,
            nodes: Pages::of("/api/v1/nodes", String::new(), NODES),
            changes: Changes::default(),
        }
    }

    fn read(&mut self, node: &Value) {
        let Some(name) = name(node).filter(|name| is_plain(name) && self.roll.number(name).is_some()) else { return };
        match (self.roll.is_gone(name), is_ready(node)) {
            (true, false) => {
                let url = node_url(&self.base, name);
                self.changes.add(Request { method: Method::Delete, url, body: None });
            }
            // Kubernetes notices some time after the server went.
            (true, true) => self.changes.wait_for(1),
            (false, _) if is_emptied(node) => self.changes.add(cordon(&self.base, name, false)),
            (false, _) => {}
        }
    }

    fn next(&mut self) -> Turn<Result<usize, String>> {
        self.changes.next().map_or_else(|| Turn::Told(self.changes.end()), Turn::Tell)
    }
}

impl Inquiry for Forget {
    type Told = Result<usize, String>;

    fn begin(&mut self) -> Turn<Self::Told> {
        Turn::Ask(self.nodes.first(&self.base))
    }

    fn hear(&mut self, answer: Answer) -> Turn<Self::Told> {
        if self.nodes.done {
            return match self.changes.hear(answer, later) {
                Ok(()) => self.next(),
                Err(why) => Turn::Told(Err(why)),
            };
        }
        match self.nodes.read(&self.base, answer) {
            Err(why) => Turn::Told(Err(why)),
            Ok((nodes, next)) => {
                nodes.iter().for_each(|node| self.read(node));
                next.map_or_else(|| self.next(), Turn::Ask)
            }
        }
    }
}
