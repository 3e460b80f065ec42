//! Resource groups: how many members, under which numbers, and which are removed.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::build::{Failure, NewNode, Plan, node};
use super::tree::{Level, Node};
use super::{release, types};
use crate::hot::eval::{Scope, evaluate};
use crate::hot::functions::substitute;
use crate::hot::parameters::plain;
use crate::http::Refusal;
use crate::state::World;

/// A group's evaluated properties.
pub(super) fn properties(given: &Value, scope: &dyn Scope) -> Result<Value, Refusal> {
    evaluate(given, scope)
}

/// Builds a group; `identity` is its id and name.
pub(super) fn group(
    world: &mut World,
    plan: &Plan,
    properties: &Value,
    (id, name): (String, String),
    old: Option<Level>,
) -> (Level, Option<Failure>) {
    let mut made = Level { id, name, ..Level::default() };
    let mut kept = IndexMap::new();
    if let Some(old) = old {
        made.blacklist = old.blacklist;
        kept = old.nodes;
    }
    let removed = removals(properties, &kept);
    if mode(properties) == "update" {
        made.blacklist.clear();
    }
    made.blacklist.extend(removed);
    let count = match count(properties) {
        Ok(count) => count,
        Err(refusal) => {
            made.nodes = kept;
            return (made, Some(Failure::new(&refusal)));
        }
    };
    let numbers = (0..).map(|number: u64| number.to_string()).filter(|number| !made.blacklist.contains(number));
    let names: Vec<String> = numbers.take(count).collect();
    let mut failure = grow(world, plan, properties, &mut made, (names, &mut kept));
    if failure.is_some() {
        made.nodes.extend(kept);
        return (made, failure);
    }
    for (name, gone) in kept.into_iter().rev() {
        if let Err((member, wrong)) = release::node(world, gone) {
            made.nodes.insert(name.clone(), *member);
            failure.get_or_insert(wrong.inside(&name));
        }
    }
    (made, failure)
}

/// Builds the members of these names, out of the kept ones where they exist; stops at the first failure.
fn grow(
    world: &mut World,
    plan: &Plan,
    properties: &Value,
    made: &mut Level,
    (names, kept): (Vec<String>, &mut IndexMap<String, Node>),
) -> Option<Failure> {
    let index_var = properties["index_var"].as_str().unwrap_or("%index%").to_owned();
    let definition = &properties["resource_def"];
    for name in names {
        let pairs = [(&index_var, name.clone())];
        let new = NewNode {
            name: &name,
            declared: definition["type"].as_str().unwrap_or(types::NONE),
            properties: numbered(&definition["properties"], &pairs),
            requires: BTreeSet::new(),
            level_id: &made.id,
            level_name: &made.name,
        };
        let (member, failure) = node(world, plan, &new, kept.shift_remove(&name));
        made.nodes.insert(name, member);
        if failure.is_some() {
            return failure;
        }
    }
    None
}

/// Heat's default `max_resources_per_stack`.
const MAX_RESOURCES: usize = 1000;

fn count(properties: &Value) -> Result<usize, Refusal> {
    let text = properties.get("count").map_or_else(|| "1".to_owned(), plain);
    let count = text
        .parse()
        .map_err(|_| crate::hot::invalid(&format!("Property error: count: Value '{text}' is not an integer")))?;
    if count > MAX_RESOURCES {
        return Err(crate::hot::invalid(&format!("Maximum resources per stack exceeded: {count} > {MAX_RESOURCES}")));
    }
    Ok(count)
}

fn mode(properties: &Value) -> &str {
    properties["removal_policies_mode"].as_str().unwrap_or("append")
}

/// Members' properties with the index put in.
fn numbered(value: &Value, pairs: &[(&String, String)]) -> Value {
    match value {
        Value::String(text) => Value::String(substitute(text, pairs)),
        Value::Array(items) => items.iter().map(|item| numbered(item, pairs)).collect(),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, item)| (key.clone(), numbered(item, pairs))).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// Names of the members that the removal policies name: by number, by reference id (which is what the template's
/// `OS::stack_id` output says, often a server's id), or by the id of the nested stack.
///
/// Entries that name nothing are ignored, as Heat ignores them.
fn removals(properties: &Value, members: &IndexMap<String, Node>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let policies = properties["removal_policies"].as_array().cloned().unwrap_or_default();
    for entry in policies.iter().flat_map(|policy| policy["resource_list"].as_array().cloned().unwrap_or_default()) {
        let entry = plain(&entry);
        if members.contains_key(&entry) {
            names.insert(entry);
            continue;
        }
        let found = members.values().find(|member| plain(&member.reference()) == entry || member.physical_id == entry);
        names.extend(found.map(|member| member.name.clone()));
    }
    names
}
