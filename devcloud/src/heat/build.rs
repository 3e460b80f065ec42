//! Turning templates into resources, for a new stack and for a changed one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::Utc;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::scope::{LevelScope, Unbuilt};
use super::tree::{Level, Node};
use super::{members, release, resources, types};
use crate::hot::environment::{Environment, is_template};
use crate::hot::eval::{evaluate, holds, order, references};
use crate::hot::parameters;
use crate::hot::template::{Definition, Template};
use crate::http::Refusal;
use crate::state::{World, new_id};

/// What stays the same through all levels of a stack.
pub(super) struct Plan<'a> {
    pub(super) environment: &'a Environment,
    pub(super) files: &'a Map<String, Value>,
    pub(super) templates: &'a BTreeMap<String, Arc<Template>>,
    pub(super) project_id: &'a str,
    pub(super) user_id: &'a str,
    /// URL under which nodes report, with the project that Heat made for the stack's users.
    pub(super) signal_url: &'a str,
    /// Number of this action.
    pub(super) sequence: u64,
}

/// The first thing that went wrong, with the path to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(super) kind: String,
    pub(super) message: String,
    /// From the outside in: `resources`, name, `resources`, number, ...
    pub(super) path: Vec<String>,
}

impl Failure {
    pub(super) fn new(refusal: &Refusal) -> Failure {
        Failure { kind: refusal.kind.clone(), message: refusal.message.clone(), path: Vec::new() }
    }

    /// The failure as the resource of this name sees it.
    pub(super) fn inside(mut self, name: &str) -> Failure {
        // Heat reads the text of a nested stack's failure, and takes its first part for the kind.
        if self.kind.is_empty() && !self.path.is_empty() {
            self.kind = self.place();
            self.path.clear();
            if let Some((head, tail)) = self.message.clone().split_once(": ") {
                (self.path, self.message) = (vec![head.to_owned()], tail.to_owned());
            }
        }
        self.path.splice(0..0, ["resources".to_owned(), name.to_owned()]);
        self
    }

    /// Heat's text: `Kind: path: message`, numbers of group members in brackets.
    pub(crate) fn text(&self) -> String {
        let kind = if self.kind.is_empty() { String::new() } else { format!("{}: ", self.kind) };
        format!("{kind}{}: {}", self.place(), self.message)
    }

    fn place(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            if step.parse::<u64>().is_ok() {
                path.push_str(&format!("[{step}]"));
            } else if path.is_empty() {
                path.push_str(step);
            } else {
                path.push_str(&format!(".{step}"));
            }
        }
        path
    }
}

/// A level to be built.
pub(super) struct Blueprint {
    pub(super) template: Arc<Template>,
    pub(super) parameters: Map<String, Value>,
    pub(super) id: String,
    pub(super) name: String,
}

/// A node to be built.
pub(super) struct NewNode<'a> {
    pub(super) name: &'a str,
    pub(super) declared: &'a str,
    pub(super) properties: Value,
    pub(super) requires: BTreeSet<String>,
    pub(super) level_id: &'a str,
    pub(super) level_name: &'a str,
}

/// Builds a level, keeping what `old` has of the same kind and shape. On failure the level holds what was built or kept
/// so far.
pub(super) fn level(world: &mut World, plan: &Plan, new: Blueprint, old: Option<Level>) -> (Level, Option<Failure>) {
    let Blueprint { template, parameters, id, name } = new;
    let mut kept = old.map_or_else(IndexMap::new, |old| old.nodes);
    let mut made = Level { id, name, template: Some(Arc::clone(&template)), parameters, ..Level::default() };
    let names = match order(&template) {
        Ok(names) => names,
        Err(refusal) => return (made, Some(Failure::new(&refusal))),
    };
    let mut failure = None;
    for name in names {
        let Some(definition) = template.resources.get(&name) else { continue };
        match active(plan, &made, definition) {
            Ok(Some(properties)) => {
                let new = NewNode {
                    name: &name,
                    declared: &definition.kind,
                    properties,
                    requires: needs(definition),
                    level_id: &made.id,
                    level_name: &made.name,
                };
                let (node, wrong) = node(world, plan, &new, kept.shift_remove(&name));
                made.nodes.insert(name, node);
                failure = wrong;
            }
            Ok(None) => {}
            Err(refusal) => failure = Some(Failure::new(&refusal).inside(&name)),
        }
        if failure.is_some() {
            break;
        }
    }
    if failure.is_some() {
        made.nodes.extend(kept);
    } else {
        failure = drop_all(world, &mut made, kept);
    }
    made.outputs = outputs(plan, &made);
    (made, failure)
}

/// Releases nodes that are not wanted any more, last first; those that cannot go stay in the level.
fn drop_all(world: &mut World, level: &mut Level, unwanted: IndexMap<String, Node>) -> Option<Failure> {
    let mut failure = None;
    for (name, node) in unwanted.into_iter().rev() {
        if let Err((node, wrong)) = release::node(world, node) {
            level.nodes.insert(name.clone(), *node);
            failure.get_or_insert(wrong.inside(&name));
        }
    }
    failure
}

fn needs(definition: &Definition) -> BTreeSet<String> {
    let mut needs = references(&definition.properties);
    needs.extend(definition.depends_on.iter().cloned());
    needs
}

pub(super) fn scope<'a>(plan: &'a Plan, level: &'a Level, template: &'a Template) -> LevelScope<'a> {
    LevelScope {
        template,
        parameters: &level.parameters,
        nodes: &level.nodes,
        files: plan.files,
        stack_id: &level.id,
        stack_name: &level.name,
        project_id: plan.project_id,
    }
}

/// A resource's evaluated properties; `None` when its condition does not hold.
fn active(plan: &Plan, level: &Level, definition: &Definition) -> Result<Option<Value>, Refusal> {
    let Some(template) = &level.template else { return Ok(None) };
    let scope = scope(plan, level, template);
    if let Some(condition) = &definition.condition
        && !holds(condition, &scope)?
    {
        return Ok(None);
    }
    if plan.environment.resolve(&definition.kind) == types::NONE {
        return Ok(Some(json!({})));
    }
    if plan.environment.resolve(&definition.kind) == types::GROUP {
        return members::properties(&definition.properties, &scope).map(Some);
    }
    evaluate(&definition.properties, &scope).map(Some)
}

/// The values of a level's outputs as they are now.
pub(super) fn outputs(plan: &Plan, level: &Level) -> Map<String, Value> {
    let Some(template) = &level.template else { return Map::new() };
    let scope = scope(plan, level, template);
    let wanted = template.outputs.iter().filter(|(_, output)| {
        output.condition.as_ref().is_none_or(|condition| holds(condition, &scope).unwrap_or(false))
    });
    wanted.map(|(name, _)| (name.clone(), level.output(name, &scope).unwrap_or(Value::Null))).collect()
}

/// Builds one node, reusing or replacing the old one of its name.
pub(super) fn node(world: &mut World, plan: &Plan, new: &NewNode, old: Option<Node>) -> (Node, Option<Failure>) {
    let kind = plan.environment.resolve(new.declared);
    let now = Utc::now();
    let mut node = Node {
        name: new.name.to_owned(),
        declared: new.declared.to_owned(),
        kind: kind.clone(),
        physical_id: String::new(),
        properties: new.properties.clone(),
        attributes: Map::new(),
        level: None,
        status: "COMPLETE",
        action: "CREATE",
        reason: "state changed".to_owned(),
        created: now,
        updated: now,
        requires: new.requires.clone(),
        sequence: plan.sequence,
        pending: true,
    };
    let (old, replaced) = sort_out(&kind, &new.properties, old);
    if let Some(old) = &old {
        node.physical_id.clone_from(&old.physical_id);
        node.attributes = old.attributes.clone();
        node.created = old.created;
        let same = old.properties == new.properties && old.level.is_none();
        // What has not ended yet goes on in the new action.
        node.pending = old.pending || !same;
        (node.action, node.sequence) = match (same, old.pending) {
            (true, true) => (old.action, plan.sequence),
            (true, false) => (old.action, old.sequence),
            (false, _) => ("UPDATE", plan.sequence),
        };
    }
    let failure = if kind == types::NONE {
        node.physical_id = new.name.to_owned();
        None
    } else if kind == types::GROUP || is_template(&kind) {
        nested(world, plan, new, &mut node, old.and_then(|old| old.level))
    } else {
        let outcome = match &old {
            Some(_) => resources::update(world, plan, new, &mut node),
            None => resources::create(world, plan, new, &mut node),
        };
        outcome.err().map(|refusal| Failure::new(&refusal))
    };
    if let Some(gone) = replaced
        && let Err((kept, wrong)) = release::node(world, gone)
    {
        tracing::debug!(resource = kept.name, reason = wrong.text(), "a replaced resource stays");
    }
    let failure = failure.map(|failure| failure.inside(new.name));
    if let Some(failure) = &failure {
        node.status = "FAILED";
        node.reason = failure.text();
    }
    (node, failure)
}

/// Decides whether the old node is kept (first) or replaced (second).
fn sort_out(kind: &str, properties: &Value, old: Option<Node>) -> (Option<Node>, Option<Node>) {
    let Some(old) = old else { return (None, None) };
    let empty = Map::new();
    let (before, after) = (old.properties.as_object().unwrap_or(&empty), properties.as_object().unwrap_or(&empty));
    let changed = |key: &&String| before.get(*key) != after.get(*key);
    let replace = before.keys().chain(after.keys()).filter(changed).any(|key| types::replaces(kind, key));
    let unfinished = old.status == "FAILED" && old.level.is_none();
    if old.kind != kind || replace || unfinished { (None, Some(old)) } else { (Some(old), None) }
}

/// Builds a nested stack or a resource group.
fn nested(world: &mut World, plan: &Plan, new: &NewNode, node: &mut Node, old: Option<Box<Level>>) -> Option<Failure> {
    let old = old.map(|old| *old);
    let id = old.as_ref().map_or_else(new_id, |old| old.id.clone());
    let random = &new_id().replace('-', "")[..12];
    let name = old.as_ref().map_or_else(|| format!("{}-{}-{random}", new.level_name, new.name), |old| old.name.clone());
    node.physical_id.clone_from(&id);
    let (mut made, failure) = if node.kind == types::GROUP {
        members::group(world, plan, &new.properties, (id, name), old)
    } else {
        match blueprint(world, plan, &node.kind, &new.properties, (id, name)) {
            Ok(new) => level(world, plan, new, old),
            Err(refusal) => {
                // Heat makes no stack of what it refuses.
                if old.is_none() {
                    node.physical_id.clear();
                }
                (old.unwrap_or_default(), Some(Failure::new(&refusal)))
            }
        }
    };
    made.parent = Some(new.name.to_owned());
    node.attributes.clone_from(&made.outputs);
    node.level = Some(Box::new(made));
    failure
}

fn blueprint(
    world: &World,
    plan: &Plan,
    kind: &str,
    properties: &Value,
    (id, name): (String, String),
) -> Result<Blueprint, Refusal> {
    let template = plan.templates.get(kind).cloned();
    let template = template.ok_or_else(|| Refusal::not_found(&format!("The template {kind} is not in files.")))?;
    let given = properties.as_object().cloned().unwrap_or_default();
    let parameters = parameters::resolve(&template, &given, &plan.environment.defaults, world, plan.user_id)?;
    let scope = Unbuilt { template: &template, parameters: &parameters, files: plan.files };
    for (resource, definition) in &template.resources {
        let kind = plan.environment.resolve(&definition.kind);
        super::properties::check(world, plan.user_id, (&kind, definition), &scope).map_err(|(path, sentence)| {
            let message = format!("Property error: resources.{resource}.properties.{path}: {sentence}");
            Refusal::new(400, "", &message)
        })?;
    }
    Ok(Blueprint { template, parameters, id, name })
}
