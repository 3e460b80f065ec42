//! Stacks and resources as Heat shows them.

use serde_json::{Map, Value, json};

use super::stack::{Action, Stack, Status};
use super::tree::{Level, Node};
use crate::hot::eval::references;
use crate::hot::parameters;
use crate::state::stamp;

/// URL of a stack or nested stack below the project's URL.
pub(super) fn stack_url(base: &str, name: &str, id: &str) -> String {
    format!("{base}/stacks/{name}/{id}")
}

/// One row of a list.
pub(super) fn brief(stack: &Stack, base: &str) -> Value {
    json!({
        "id": stack.id, "stack_name": stack.name, "description": "",
        "stack_status": stack.state(), "stack_status_reason": stack.reason, "creation_time": stamp(stack.created),
        "updated_time": stack.updated.map(stamp), "deletion_time": stack.deleted.map(stamp),
        "stack_owner": stack.user_name, "parent": null, "tags": tags(stack),
        "stack_user_project_id": stack.user_project_id,
        "links": [{"href": stack_url(base, &stack.name, &stack.id), "rel": "self"}],
    })
}

fn tags(stack: &Stack) -> Value {
    if stack.tags.is_empty() { Value::Null } else { json!(stack.tags) }
}

/// A stack in full; outputs only when they were asked for.
pub(super) fn full(stack: &Stack, base: &str, with_outputs: bool) -> Value {
    let mut shown = Map::new();
    if let Value::Object(brief) = brief(stack, base) {
        shown = brief;
    }
    let mut values: Map<String, Value> = stack
        .level
        .parameters
        .iter()
        .map(|(name, value)| (name.clone(), parameters::shown(stack.template.parameters.get(name), value)))
        .collect();
    values.insert("OS::stack_id".into(), json!(stack.id));
    values.insert("OS::stack_name".into(), json!(stack.name));
    values.insert("OS::project_id".into(), json!(stack.project_id));
    shown.insert("description".into(), json!(stack.template.description));
    shown.insert("tags".into(), json!(stack.tags));
    shown.insert("parameters".into(), Value::Object(values));
    shown.insert("template_description".into(), json!(stack.template.description));
    shown.insert("timeout_mins".into(), json!(stack.timeout_mins));
    shown.insert("disable_rollback".into(), json!(stack.disable_rollback));
    shown.insert("capabilities".into(), json!([]));
    shown.insert("notification_topics".into(), json!([]));
    if with_outputs && stack.deleted.is_none() {
        shown.insert("outputs".into(), outputs(stack));
    }
    Value::Object(shown)
}

/// The outputs; those that need what is not over yet have no value.
pub(super) fn outputs(stack: &Stack) -> Value {
    stack
        .level
        .outputs
        .iter()
        .map(|(name, value)| {
            let output = stack.template.outputs.get(name);
            let description = output.map(|output| output.description.as_str());
            let pending = |name: &String| stack.level.nodes.get(name).is_some_and(|node| node.pending);
            let unknown = output.is_some_and(|output| references(&output.value).iter().any(pending));
            let value = if unknown { Value::Null } else { value.clone() };
            json!({"output_key": name, "output_value": value, "description": description})
        })
        .collect()
}

/// One resource; `level` is the stack or nested stack that it is in.
pub(super) fn resource(stack: &Stack, level: &Level, node: &Node, base: &str) -> Value {
    let running = stack.status == Status::InProgress && node.pending && node.status != "FAILED";
    let (action, status) = match (running, stack.action) {
        (true, _) => (node.action, "IN_PROGRESS"),
        (false, Action::Delete) if stack.status == Status::InProgress => ("DELETE", "IN_PROGRESS"),
        _ => (node.action, node.status),
    };
    let own = stack_url(base, &level.name, &level.id);
    let mut links = vec![
        json!({"href": format!("{own}/resources/{}", node.name), "rel": "self"}),
        json!({"href": own, "rel": "stack"}),
    ];
    if let Some(nested) = &node.level {
        links.push(json!({"href": stack_url(base, &nested.name, &nested.id), "rel": "nested"}));
    }
    let required_by: Vec<&String> =
        level.nodes.values().filter(|other| other.requires.contains(&node.name)).map(|other| &other.name).collect();
    let mut row = json!({
        "resource_name": node.name, "logical_resource_id": node.name, "physical_resource_id": node.physical_id,
        "resource_type": node.declared, "resource_status": format!("{action}_{status}"),
        "resource_status_reason": if running { "" } else { node.reason.as_str() }, "creation_time": stamp(node.created),
        "updated_time": stamp(node.updated), "required_by": required_by, "links": links,
    });
    if let Some(parent) = &level.parent {
        row["parent_resource"] = json!(parent);
    }
    row
}
