//! Kubernetes: `/healthz`, the nodes' condition `Ready`, and the pods of each node.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Answer, Health, Inquiry, Leaving, Monitor, NodeUse, Roll, Site, Turn, Workers, base, eviction, json, list, text,
};

/// Nodes asked for at once: with the images it has, one takes up to 30 KB.
pub(super) const NODES: usize = 100;
/// Pods asked for at once, of some KB each.
pub(super) const PODS: usize = 250;
/// Pages of one list, after which it does not end.
const PAGES: usize = 60;

pub(crate) struct Kubernetes;

impl Monitor for Kubernetes {
    fn health(&self, site: &Site<'_>) -> Box<dyn Inquiry<Told = Health>> {
        Box::new(AskHealth {
            base: base(site),
            answered: false,
            nodes: Pages::of("/api/v1/nodes", String::new(), NODES),
            ready: Vec::new(),
        })
    }

    fn usage(&self, site: &Site<'_>) -> Box<dyn Inquiry<Told = Result<Vec<NodeUse>, String>>> {
        let live = "&fieldSelector=status.phase!%3DSucceeded,status.phase!%3DFailed";
        Box::new(AskUsage {
            base: base(site),
            nodes: Pages::of("/api/v1/nodes", String::new(), NODES),
            pods: Pages::of("/api/v1/pods", live.to_owned(), PODS),
            found: BTreeMap::new(),
        })
    }

    fn empty(&self, site: &Site<'_>, names: &[String]) -> Option<Box<dyn Leaving>> {
        Some(Box::new(eviction::Empty::new(site, names)))
    }

    fn forget(&self, site: &Site<'_>, roll: Roll) -> Option<Box<dyn Leaving>> {
        Some(Box::new(eviction::Forget::new(site, roll)))
    }

    fn workers(&self) -> Workers {
        Workers { group: "kube_minions", addresses: "kube_minions_private", word: "minion" }
    }
}

/// A list that is read page by page.
pub(super) struct Pages {
    path: &'static str,
    selector: String,
    size: usize,
    read: usize,
    pub(super) done: bool,
}

impl Pages {
    pub(super) fn of(path: &'static str, selector: String, size: usize) -> Self {
        Self { path, selector, size, read: 0, done: false }
    }

    pub(super) fn first(&self, base: &str) -> String {
        format!("{base}{}?limit={}{}", self.path, self.size, self.selector)
    }

    /// The objects of a page, and the URL of the next one.
    pub(super) fn read(&mut self, base: &str, answer: Answer) -> Result<(Vec<Value>, Option<String>), String> {
        let mut page = json(answer)?;
        list(&page, "items")?;
        let Value::Array(items) = page["items"].take() else { return Err("an answer without items".to_owned()) };
        self.read += 1;
        let token = page["metadata"]["continue"].as_str().filter(|token| !token.is_empty());
        let Some(token) = token else {
            self.done = true;
            return Ok((items, None));
        };
        if self.read >= PAGES || token.len() > 4096 {
            return Err(format!("the list {} does not end", self.path));
        }
        Ok((items, Some(format!("{}&continue={}", self.first(base), escaped(token)))))
    }
}

/// A value in the query of a URL.
fn escaped(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    value.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

pub(super) fn name(object: &Value) -> Option<&str> {
    object["metadata"]["name"].as_str().filter(|name| !name.is_empty())
}

pub(super) fn is_ready(node: &Value) -> bool {
    let conditions = node["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
}

struct AskHealth {
    base: String,
    answered: bool,
    nodes: Pages,
    ready: Vec<(String, bool)>,
}

impl Inquiry for AskHealth {
    type Told = Health;

    fn begin(&mut self) -> Turn<Health> {
        Turn::Ask(format!("{}/healthz", self.base))
    }

    fn hear(&mut self, answer: Answer) -> Turn<Health> {
        if !self.answered {
            self.answered = true;
            return match text(answer) {
                Ok(body) if body.trim() == "ok" => Turn::Ask(self.nodes.first(&self.base)),
                Ok(body) => Turn::Told(Health::failed(&body)),
                Err(why) => Turn::Told(Health::failed(&why)),
            };
        }
        match self.nodes.read(&self.base, answer) {
            Err(why) => Turn::Told(Health::unlisted(&why)),
            Ok((nodes, next)) => {
                let found = nodes.iter().filter_map(|node| Some((format!("{}.Ready", name(node)?), is_ready(node))));
                self.ready.extend(found);
                next.map_or_else(|| Turn::Told(Health::of(&Ok(()), std::mem::take(&mut self.ready))), Turn::Ask)
            }
        }
    }
}

struct AskUsage {
    base: String,
    nodes: Pages,
    pods: Pages,
    found: BTreeMap<String, NodeUse>,
}

impl AskUsage {
    fn add_nodes(&mut self, nodes: &[Value]) {
        for node in nodes {
            let Some(name) = name(node) else { continue };
            let addresses = node["status"]["addresses"].as_array().into_iter().flatten();
            let internal = addresses.filter(|one| one["type"] == "InternalIP");
            let addresses = internal.filter_map(|one| one["address"].as_str().map(str::to_owned)).collect();
            self.found.insert(name.to_owned(), NodeUse { addresses, ready: is_ready(node), load: 0 });
        }
    }

    fn add_pods(&mut self, pods: &[Value]) {
        for pod in pods.iter().filter(|pod| moves(pod)) {
            let node = pod["spec"]["nodeName"].as_str().and_then(|name| self.found.get_mut(name));
            if let Some(node) = node {
                node.load += 1;
            }
        }
    }
}

/// Whether a pod would have to move: it runs, and is not one that every node has anyway.
pub(super) fn moves(pod: &Value) -> bool {
    let owners = pod["metadata"]["ownerReferences"].as_array();
    let of_every_node = owners.is_some_and(|all| all.iter().any(|owner| owner["kind"] == "DaemonSet"));
    let mirror = pod["metadata"]["annotations"].get("kubernetes.io/config.mirror").is_some();
    let ended = pod["status"]["phase"].as_str().is_some_and(|phase| phase == "Succeeded" || phase == "Failed");
    !of_every_node && !mirror && !ended
}

impl Inquiry for AskUsage {
    type Told = Result<Vec<NodeUse>, String>;

    fn begin(&mut self) -> Turn<Self::Told> {
        Turn::Ask(self.nodes.first(&self.base))
    }

    fn hear(&mut self, answer: Answer) -> Turn<Self::Told> {
        let of_nodes = !self.nodes.done;
        let page = if of_nodes { &mut self.nodes } else { &mut self.pods }.read(&self.base, answer);
        let (items, next) = match page {
            Ok(read) => read,
            Err(why) => return Turn::Told(Err(why)),
        };
        if of_nodes {
            self.add_nodes(&items);
        } else {
            self.add_pods(&items);
        }
        match next {
            Some(url) => Turn::Ask(url),
            None if of_nodes => Turn::Ask(self.pods.first(&self.base)),
            None => Turn::Told(Ok(std::mem::take(&mut self.found).into_values().collect())),
        }
    }
}
