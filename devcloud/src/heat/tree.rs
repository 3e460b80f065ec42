//! What a stack consists of: levels (the stack and its nested stacks) of nodes (resources).

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::types;
use crate::hot::eval::{descend, evaluate};
use crate::hot::parameters::plain;
use crate::hot::template::Template;
use crate::http::Refusal;

/// A stack or nested stack.
#[derive(Debug, Default)]
pub(crate) struct Level {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Resource of the stack above that this is; absent at the top.
    pub(crate) parent: Option<String>,
    /// Absent for a resource group, whose members are numbered nodes.
    pub(crate) template: Option<Arc<Template>>,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) nodes: IndexMap<String, Node>,
    /// Names a group will not use again.
    pub(crate) blacklist: BTreeSet<String>,
    /// Outputs as they were when the level was built.
    pub(crate) outputs: Map<String, Value>,
}

/// A resource.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    /// Type as the template names it.
    pub(crate) declared: String,
    /// Type after the environment was asked.
    pub(crate) kind: String,
    pub(crate) physical_id: String,
    pub(crate) properties: Value,
    pub(crate) attributes: Map<String, Value>,
    pub(crate) level: Option<Box<Level>>,
    /// `COMPLETE` or `FAILED`, of the last action.
    pub(crate) status: &'static str,
    /// `CREATE` or `UPDATE`.
    pub(crate) action: &'static str,
    pub(crate) reason: String,
    pub(crate) created: DateTime<Utc>,
    pub(crate) updated: DateTime<Utc>,
    /// Names of the nodes it needs.
    pub(crate) requires: BTreeSet<String>,
    /// Number of the action that touched it last.
    pub(crate) sequence: u64,
    /// Its action is not over yet.
    pub(crate) pending: bool,
}

impl Node {
    /// What `get_resource` gives.
    pub(crate) fn reference(&self) -> Value {
        let nested = self.level.as_ref().and_then(|level| level.outputs.get("OS::stack_id"));
        nested.cloned().unwrap_or_else(|| json!(types::reference(self)))
    }

    /// What `get_attr` gives for a path that begins with the attribute's name; `None` when there is no such attribute.
    pub(crate) fn attribute(&self, path: &[Value]) -> Option<Value> {
        let (name, rest) = path.split_first()?;
        let name = plain(name);
        if self.kind == types::NONE {
            return Some(Value::Null);
        }
        if name == "show" {
            return Some(Value::Object(self.attributes.clone()));
        }
        match &self.level {
            Some(level) if level.template.is_none() => group_attribute(level, &name, rest),
            Some(level) => level.outputs.get(&name).map(|value| descend(value, rest)),
            None => self.attributes.get(&name).map(|value| descend(value, rest)),
        }
    }
}

/// An attribute of a resource group: its references, one member's attribute, or all members' as a list.
fn group_attribute(group: &Level, name: &str, rest: &[Value]) -> Option<Value> {
    let members = group.members();
    match name {
        "refs" => Some(descend(&members.iter().map(|node| node.reference()).collect(), rest)),
        "refs_map" => {
            let map = members.iter().map(|node| (node.name.clone(), node.reference())).collect();
            Some(descend(&Value::Object(map), rest))
        }
        "removed_rsrc_list" => Some(json!(group.blacklist)),
        "attributes" => {
            let map = members.iter().map(|node| (node.name.clone(), node.attribute(rest).unwrap_or(Value::Null)));
            Some(Value::Object(map.collect()))
        }
        _ => {
            if let Some(member) = name.strip_prefix("resource.") {
                let (member, attribute) = member.split_once('.').map_or((member, None), |(a, b)| (a, Some(b)));
                let node = group.nodes.get(member)?;
                return match attribute {
                    None => Some(node.reference()),
                    Some(attribute) => {
                        let path: Vec<Value> = std::iter::once(json!(attribute)).chain(rest.iter().cloned()).collect();
                        node.attribute(&path)
                    }
                };
            }
            let path: Vec<Value> = std::iter::once(json!(name)).chain(rest.iter().cloned()).collect();
            members.iter().map(|node| node.attribute(&path)).collect::<Option<Vec<Value>>>().map(Value::Array)
        }
    }
}

impl Level {
    /// A group's members in the order of their numbers.
    pub(crate) fn members(&self) -> Vec<&Node> {
        let mut members: Vec<&Node> = self.nodes.values().collect();
        members.sort_by_key(|node| node.name.parse::<u64>().unwrap_or(u64::MAX));
        members
    }

    /// The level of this id, here or below.
    pub(crate) fn find(&self, id: &str) -> Option<&Level> {
        if self.id == id {
            return Some(self);
        }
        self.nodes.values().filter_map(|node| node.level.as_ref()).find_map(|level| level.find(id))
    }

    /// All nodes here and down to `depth` levels below, each with the level it is in.
    pub(crate) fn flatten(&self, depth: u64) -> Vec<(&Level, &Node)> {
        let mut all = Vec::new();
        for node in self.nodes.values() {
            all.push((self, node));
            if let Some(level) = node.level.as_ref().filter(|_| depth > 0) {
                all.extend(level.flatten(depth - 1));
            }
        }
        all
    }

    /// One output, evaluated now.
    pub(crate) fn output(&self, name: &str, scope: &dyn crate::hot::eval::Scope) -> Result<Value, Refusal> {
        let output = self.template.as_ref().and_then(|template| template.outputs.get(name));
        output.map_or(Ok(Value::Null), |output| evaluate(&output.value, scope))
    }
}
