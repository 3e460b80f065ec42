//! Docker: the legacy swarm tells of its engines in `/info`, swarm mode lists nodes and tasks.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Answer, Health, Inquiry, Leaving, Monitor, NodeUse, Roll, Site, Turn, Workers, base, json, list, swarm, text,
};

const WORKERS: Workers = Workers { group: "swarm_nodes", addresses: "swarm_nodes_private", word: "node" };
/// The image of the legacy swarm's own containers, which are on every node.
const OWN_IMAGE: &str = "swarm";
/// `{"desired-state":["running"]}` in the query of a URL.
const RUNNING: &str = "filters=%7B%22desired-state%22%3A%5B%22running%22%5D%7D";

/// The legacy swarm.
pub(crate) struct Legacy;

/// Swarm mode.
pub(crate) struct SwarmMode;

impl Monitor for Legacy {
    fn health(&self, site: &Site<'_>) -> Box<dyn Inquiry<Told = Health>> {
        Box::new(AskHealth {
            base: base(site),
            path: "/info",
            read: |answer| Ok(engines(answer)?.health()),
            pinged: false,
        })
    }

    fn usage(&self, site: &Site<'_>) -> Box<dyn Inquiry<Told = Result<Vec<NodeUse>, String>>> {
        let read: ReadNodes = |answer| Ok(engines(answer)?.into_nodes());
        Box::new(AskUsage {
            base: base(site),
            paths: ["/info".into(), "/containers/json".into()],
            read,
            count: containers,
            nodes: None,
        })
    }

    fn workers(&self) -> Workers {
        WORKERS
    }
}

impl Monitor for SwarmMode {
    fn health(&self, site: &Site<'_>) -> Box<dyn Inquiry<Told = Health>> {
        Box::new(AskHealth { base: base(site), path: "/nodes", read: members_health, pinged: false })
    }

    fn usage(&self, site: &Site<'_>) -> Box<dyn Inquiry<Told = Result<Vec<NodeUse>, String>>> {
        let paths = ["/nodes".to_owned(), format!("/tasks?{RUNNING}")];
        Box::new(AskUsage { base: base(site), paths, read: members, count: tasks, nodes: None })
    }

    fn empty(&self, site: &Site<'_>, names: &[String]) -> Option<Box<dyn Leaving>> {
        Some(Box::new(swarm::Empty::new(site, names)))
    }

    fn forget(&self, site: &Site<'_>, roll: Roll) -> Option<Box<dyn Leaving>> {
        Some(Box::new(swarm::Forget::new(site, roll)))
    }

    fn workers(&self) -> Workers {
        WORKERS
    }
}

/// Whether the docker at the address answers, and then what it knows of its nodes.
struct AskHealth {
    base: String,
    path: &'static str,
    read: fn(&Value) -> Result<Health, String>,
    pinged: bool,
}

impl Inquiry for AskHealth {
    type Told = Health;

    fn begin(&mut self) -> Turn<Health> {
        Turn::Ask(format!("{}/_ping", self.base))
    }

    fn hear(&mut self, answer: Answer) -> Turn<Health> {
        if self.pinged {
            return Turn::Told(
                json(answer).and_then(|value| (self.read)(&value)).unwrap_or_else(|why| Health::unlisted(&why)),
            );
        }
        self.pinged = true;
        match text(answer) {
            Ok(body) if body.trim() == "OK" => Turn::Ask(format!("{}{}", self.base, self.path)),
            Ok(body) => Turn::Told(Health::failed(&body)),
            Err(why) => Turn::Told(Health::failed(&why)),
        }
    }
}

/// Nodes by the name under which what runs on them tells of them.
type Nodes = BTreeMap<String, NodeUse>;
type ReadNodes = fn(&Value) -> Result<Nodes, String>;

/// The nodes, and then what runs on them.
struct AskUsage {
    base: String,
    paths: [String; 2],
    read: ReadNodes,
    count: fn(&Value, &mut Nodes) -> Result<(), String>,
    nodes: Option<Nodes>,
}

impl Inquiry for AskUsage {
    type Told = Result<Vec<NodeUse>, String>;

    fn begin(&mut self) -> Turn<Self::Told> {
        Turn::Ask(format!("{}{}", self.base, self.paths[0]))
    }

    fn hear(&mut self, answer: Answer) -> Turn<Self::Told> {
        let heard = json(answer);
        match self.nodes.take() {
            None => match heard.and_then(|value| (self.read)(&value)) {
                Ok(nodes) => {
                    self.nodes = Some(nodes);
                    Turn::Ask(format!("{}{}", self.base, self.paths[1]))
                }
                Err(why) => Turn::Told(Err(why)),
            },
            Some(mut nodes) => {
                let counted = heard.and_then(|value| (self.count)(&value, &mut nodes));
                Turn::Told(counted.map(|()| nodes.into_values().collect()))
            }
        }
    }
}

/// An engine of a legacy swarm: name, address, and whether it is healthy.
struct Engines(Vec<(String, String, bool)>);

impl Engines {
    fn health(self) -> Health {
        Health::of(&Ok(()), self.0.into_iter().map(|(name, _, healthy)| (format!("{name}.Healthy"), healthy)).collect())
    }

    fn into_nodes(self) -> Nodes {
        let node = |(name, address, ready)| (name, NodeUse { addresses: vec![address], ready, load: 0 });
        self.0.into_iter().map(node).collect()
    }
}

/// Reads the rows of `/info`: an engine is a line that one blank indents, what is known of it follows with more.
fn engines(info: &Value) -> Result<Engines, String> {
    let key = if info["SystemStatus"].is_array() { "SystemStatus" } else { "DriverStatus" };
    let mut found: Vec<(String, String, bool)> = Vec::new();
    for row in list(info, key)? {
        let (Some(name), Some(value)) = (row[0].as_str(), row[1].as_str()) else { continue };
        let word = name.trim_start_matches([' ', '\u{2514}']);
        if name.starts_with(' ') && name.len() == word.len() + 1 {
            let address = value.rsplit_once(':').map_or(value, |(host, _)| host);
            found.push((word.to_owned(), address.to_owned(), false));
        } else if word == "Status"
            && let Some(last) = found.last_mut()
        {
            last.2 = value == "Healthy";
        }
    }
    // A swarm without workers says so itself.
    let none = list(info, key)?.iter().any(|row| row[0] == "Nodes" && row[1] == "0");
    if found.is_empty() && !none { Err("the swarm has no engines".to_owned()) } else { Ok(Engines(found)) }
}

/// Containers have names such as `/node/name`.
fn containers(value: &Value, nodes: &mut Nodes) -> Result<(), String> {
    for container in list(value, "")? {
        let image = container["Image"].as_str().unwrap_or_default();
        let image = image.rsplit('/').next().unwrap_or_default().split([':', '@']).next().unwrap_or_default();
        let node = container["Names"][0].as_str().and_then(|name| name.strip_prefix('/')?.split_once('/'));
        if let Some(node) = node.filter(|_| image != OWN_IMAGE).and_then(|(name, _)| nodes.get_mut(name)) {
            node.load += 1;
        }
    }
    Ok(())
}

fn is_ready(node: &Value) -> bool {
    node["Status"]["State"] == "ready"
}

/// Nodes of swarm mode by id.
fn members(value: &Value) -> Result<Nodes, String> {
    let nodes = list(value, "")?.iter().filter_map(|node| {
        let addresses = node["Status"]["Addr"].as_str().map(str::to_owned).into_iter().collect();
        Some((node["ID"].as_str()?.to_owned(), NodeUse { addresses, ready: is_ready(node), load: 0 }))
    });
    Ok(nodes.collect())
}

fn members_health(value: &Value) -> Result<Health, String> {
    let mut findings = Vec::new();
    for node in list(value, "")? {
        let Some(name) = node["Description"]["Hostname"].as_str() else { continue };
        findings.push((format!("{name}.Ready"), is_ready(node)));
        if let Some(reachability) = node["ManagerStatus"]["Reachability"].as_str() {
            findings.push((format!("{name}.Reachable"), reachability == "reachable"));
        }
    }
    if findings.is_empty() { Err("the swarm has no nodes".to_owned()) } else { Ok(Health::of(&Ok(()), findings)) }
}

/// Tasks with a slot are those of replicated services; the others are on every node anyway.
fn tasks(value: &Value, nodes: &mut Nodes) -> Result<(), String> {
    for task in list(value, "")?.iter().filter(|task| task["Slot"].as_u64().is_some_and(|slot| slot > 0)) {
        if let Some(node) = task["NodeID"].as_str().and_then(|id| nodes.get_mut(id)) {
            node.load += 1;
        }
    }
    Ok(())
}
