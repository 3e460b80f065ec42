//! Nodes that leave a swarm in swarm mode. Docker moves what a drained node runs, and keeps a member whose server is gone
//! as `down` until it is told to forget it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Answer, Inquiry, Method, Reply, Request, Roll, Site, Turn, base, json as parsed,
    leaving::{Changes, is_plain},
    list,
};

/// Label of a node that was drained because it leaves; its value is what the node was before.
const EMPTIED: &str = "org.openstack.magnum.emptied";
/// States of tasks that a node has to do with, as `docker node ps` shows them.
const LIVE: [&str; 6] = ["assigned", "accepted", "preparing", "ready", "starting", "running"];

/// A node as the swarm lists it.
struct Member<'a> {
    id: &'a str,
    name: &'a str,
    node: &'a Value,
}

impl Member<'_> {
    fn state(&self) -> &str {
        self.node["Status"]["State"].as_str().unwrap_or_default()
    }

    fn availability(&self) -> &str {
        self.node["Spec"]["Availability"].as_str().unwrap_or_default()
    }

    fn is_emptied(&self) -> bool {
        self.node["Spec"]["Labels"][EMPTIED].is_string()
    }

    /// The change to another availability, of exactly what was read.
    fn update(&self, base: &str, availability: &str, emptied: Option<&str>) -> Request {
        let mut spec = if self.node["Spec"].is_object() { self.node["Spec"].clone() } else { json!({}) };
        if !spec["Labels"].is_object() {
            spec["Labels"] = json!({});
        }
        spec["Availability"] = json!(availability);
        if let Some(labels) = spec["Labels"].as_object_mut() {
            labels.remove(EMPTIED);
            labels.extend(emptied.map(|before| (EMPTIED.to_owned(), json!(before))));
        }
        let version = self.node["Version"]["Index"].as_u64().unwrap_or_default();
        Request {
            method: Method::Post,
            url: format!("{base}/nodes/{}/update?version={version}", self.id),
            body: Some(spec),
        }
    }

    fn drain(&self, base: &str) -> Request {
        self.update(base, "drain", Some(self.availability()))
    }

    fn readmit(&self, base: &str) -> Request {
        let before = self.node["Spec"]["Labels"][EMPTIED].as_str().filter(|before| *before == "pause");
        self.update(base, before.unwrap_or("active"), None)
    }

    fn removal(&self, base: &str) -> Request {
        Request { method: Method::Delete, url: format!("{base}/nodes/{}?force=true", self.id), body: None }
    }
}

fn members(nodes: &Value) -> Result<Vec<Member<'_>>, String> {
    let member = |node| {
        let node: &Value = node;
        let (id, name) = (node["ID"].as_str()?, node["Description"]["Hostname"].as_str()?);
        is_plain(id).then_some(Member { id, name, node })
    };
    Ok(list(nodes, "")?.iter().filter_map(member).collect())
}

/// Somebody else has changed the node since it was read.
fn overtaken(reply: &Reply) -> bool {
    reply.status == 500 && reply.body.contains("out of sequence")
}

/// Drains nodes, and counts what they still run.
pub(super) struct Empty {
    base: String,
    names: Vec<String>,
    changes: Changes,
    /// Ids of the nodes whose tasks can be told; unknown before the nodes are.
    drained: Option<Vec<String>>,
    counts: bool,
}

impl Empty {
    pub(super) fn new(site: &Site<'_>, names: &[String]) -> Self {
        Self { base: base(site), names: names.to_vec(), changes: Changes::default(), drained: None, counts: false }
    }

    /// Of a dead node nobody can tell what it runs, and what it ran is started elsewhere anyway.
    fn read(&mut self, nodes: &Value) -> Result<(), String> {
        let mut drained = Vec::new();
        for member in members(nodes)?.iter().filter(|member| self.names.iter().any(|name| name == member.name)) {
            if member.availability() != "drain" {
                self.changes.add(member.drain(&self.base));
            }
            if member.state() == "ready" {
                drained.push(member.id.to_owned());
            }
        }
        self.drained = Some(drained);
        Ok(())
    }

    fn next(&mut self) -> Turn<Result<usize, String>> {
        if let Some(change) = self.changes.next() {
            return Turn::Tell(change);
        }
        let drained = self.drained.as_deref().unwrap_or_default();
        if drained.is_empty() {
            return Turn::Told(self.changes.end());
        }
        self.counts = true;
        // Quotes, brackets and braces of {"node":["ID",...]}.
        let ids = drained.iter().map(|id| format!("%22{id}%22")).collect::<Vec<_>>().join(",");
        Turn::Ask(format!("{}/tasks?filters=%7B%22node%22%3A%5B{ids}%5D%7D", self.base))
    }

    fn count(&mut self, tasks: &Value) -> Result<usize, String> {
        let drained = self.drained.as_deref().unwrap_or_default();
        let here = |task: &&Value| task["NodeID"].as_str().is_some_and(|id| drained.iter().any(|one| one == id));
        let live = |task: &&Value| task["Status"]["State"].as_str().is_some_and(|state| LIVE.contains(&state));
        let live = list(tasks, "")?.iter().filter(here).filter(live).count();
        self.changes.wait_for(live);
        self.changes.end()
    }
}

impl Inquiry for Empty {
    type Told = Result<usize, String>;

    fn begin(&mut self) -> Turn<Self::Told> {
        Turn::Ask(format!("{}/nodes", self.base))
    }

    fn hear(&mut self, answer: Answer) -> Turn<Self::Told> {
        if self.counts {
            return Turn::Told(parsed(answer).and_then(|tasks| self.count(&tasks)));
        }
        let heard = match self.drained {
            None => parsed(answer).and_then(|nodes| self.read(&nodes)),
            Some(_) => self.changes.hear(answer, overtaken),
        };
        heard.map_or_else(|why| Turn::Told(Err(why)), |()| self.next())
    }
}

/// Removes members whose server is gone, and readmits those that were drained and stay.
pub(super) struct Forget {
    base: String,
    roll: Roll,
    changes: Changes,
    listed: bool,
}

impl Forget {
    pub(super) fn new(site: &Site<'_>, roll: Roll) -> Self {
        Self { base: base(site), roll, changes: Changes::default(), listed: false }
    }

    fn read(&mut self, nodes: &Value) -> Result<(), String> {
        let members = members(nodes)?;
        let up: BTreeSet<&str> =
            members.iter().filter(|member| member.state() != "down").map(|member| member.name).collect();
        for member in members.iter().filter(|member| self.roll.number(member.name).is_some()) {
            let gone = self.roll.is_gone(member.name);
            if member.state() == "down" && (gone || up.contains(member.name)) {
                self.changes.add(member.removal(&self.base));
            } else if gone {
                // Docker notices some seconds after the server went.
                self.changes.wait_for(1);
            } else if member.is_emptied() {
                self.changes.add(member.readmit(&self.base));
            }
        }
        self.listed = true;
        Ok(())
    }
}

impl Inquiry for Forget {
    type Told = Result<usize, String>;

    fn begin(&mut self) -> Turn<Self::Told> {
        Turn::Ask(format!("{}/nodes", self.base))
    }

    fn hear(&mut self, answer: Answer) -> Turn<Self::Told> {
        let heard = match self.listed {
            false => parsed(answer).and_then(|nodes| self.read(&nodes)),
            true => self.changes.hear(answer, overtaken),
        };
        match heard {
            Err(why) => Turn::Told(Err(why)),
            Ok(()) => self.changes.next().map_or_else(|| Turn::Told(self.changes.end()), Turn::Tell),
        }
    }
}
