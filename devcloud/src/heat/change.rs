//! What POST, PUT, PATCH and DELETE of a stack do at once; the rest is time (see `life`).

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Utc;
use serde_json::{Map, Value};

use super::build::{self, Blueprint, Plan};
use super::check::Check;
use super::stack::{Action, Stack, Status};
use super::tree::Level;
use crate::hot::environment::Environment;
use crate::hot::template::Template;
use crate::hot::{invalid, parameters};
use crate::http::Refusal;
use crate::identity::Grant;
use crate::state::{World, hex_id, new_id, text};

/// A checked request for a stack.
pub(super) struct Wanted {
    template: Arc<Template>,
    templates: BTreeMap<String, Arc<Template>>,
    files: Map<String, Value>,
    environment: Environment,
    given: Map<String, Value>,
    values: Map<String, Value>,
}

/// Reads and checks template, environment, files and parameters of a body. `old` fills in what the body leaves out.
pub(super) fn check(world: &World, grant: &Grant, body: &Value, old: Option<&Stack>) -> Result<Wanted, Refusal> {
    let mut files = old.map(|old| old.files.clone()).unwrap_or_default();
    files.extend(body["files"].as_object().cloned().unwrap_or_default());
    let has_environment = !body["environment"].is_null() || !body["environment_files"].is_null();
    let environment = match old {
        Some(old) if !has_environment => old.environment.clone(),
        _ => Environment::read(body, &files)?,
    };
    let template = match (old, body.get("template").filter(|template| !template.is_null())) {
        (_, Some(given)) => Arc::new(Template::read(given)?),
        (Some(old), None) => Arc::clone(&old.template),
        (None, None) => return Err(http_bad("No template specified")),
    };
    let mut given = environment.parameters.clone();
    if let Some(old) = old {
        for (name, value) in &old.given {
            if template.parameters.contains_key(name) {
                given.insert(name.clone(), value.clone());
            }
        }
    }
    for name in body["clear_parameters"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        given.remove(name);
    }
    if let Value::Object(sent) = &body["parameters"] {
        given.extend(sent.clone());
    }
    // A patch drops what the template does not know; everything else that sends such a parameter is refused.
    if old.is_some() {
        given.retain(|name, _| template.parameters.contains_key(name));
    }
    let values = parameters::resolve(&template, &given, &environment.defaults, world, &grant.user_id)?;
    let templates = BTreeMap::new();
    let mut check = Check { world, user_id: &grant.user_id, environment: &environment, files: &files, templates };
    check.root(&template, &values)?;
    let templates = check.templates;
    Ok(Wanted { template, templates, files, environment, given, values })
}

/// A refusal by Heat's API, before its engine sees the request.
pub(super) fn http_bad(message: &str) -> Refusal {
    Refusal::new(400, "HTTPBadRequest", message)
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let first = name.chars().next().is_some_and(|first| first.is_ascii_alphabetic());
    let rest = name.chars().all(|one| one.is_ascii_alphanumeric() || "_.-".contains(one));
    if first && rest && name.len() <= 255 {
        return Ok(());
    }
    let message = format!(
        "Invalid stack name {name} must contain only alphanumeric or \"_-.\" characters, must start with alpha and must \
         be 255 characters or less."
    );
    Err(invalid(&message))
}

fn timeout(body: &Value) -> Result<Option<u64>, Refusal> {
    match &body["timeout_mins"] {
        Value::Null => Ok(None),
        value => match parameters::plain(value).parse::<i64>() {
            Ok(minutes) if minutes >= 0 => Ok(Some(minutes.unsigned_abs())),
            Ok(minutes) => Err(http_bad(&format!(
                "Value '{minutes}' is invalid for 'timeout_mins' which only accepts non-negative integer."
            ))),
            Err(_) => Err(http_bad("Only integer is acceptable by 'timeout_mins'.")),
        },
    }
}

fn tags(body: &Value) -> Option<Vec<String>> {
    let given = match &body["tags"] {
        Value::String(text) => text.split(',').map(str::to_owned).collect(),
        Value::Array(list) => list.iter().map(parameters::plain).collect(),
        _ => return None,
    };
    Some(given)
}

/// POST: checks, stores and builds a new stack; returns its id.
pub(super) fn create(world: &mut World, grant: &Grant, body: &Value, stacks_url: &str) -> Result<String, Refusal> {
    let name = text(body, "stack_name");
    match body.get("stack_name") {
        None => return Err(http_bad("No stack name specified")),
        Some(Value::Null) => return Err(invalid("Invalid stack name None, must be a string")),
        Some(_) => {}
    }
    check_name(name)?;
    let wanted = check(world, grant, body, None)?;
    if world.stacks.named(grant.project(), name).is_some() {
        let message = format!("The Stack ({name}) already exists.");
        return Err(Refusal::new(409, "StackExists", &message));
    }
    let mut stack = Stack {
        id: new_id(),
        name: name.to_owned(),
        project_id: grant.project().to_owned(),
        user_project_id: hex_id(),
        user_id: grant.user_id.clone(),
        user_name: grant.user_name.clone(),
        template: wanted.template,
        templates: wanted.templates,
        files: wanted.files,
        environment: wanted.environment,
        given: wanted.given,
        level: Level::default(),
        action: Action::Create,
        status: Status::InProgress,
        reason: String::new(),
        created: Utc::now(),
        updated: None,
        deleted: None,
        timeout_mins: timeout(body)?,
        disable_rollback: body["disable_rollback"].as_bool().unwrap_or(true),
        tags: tags(body).unwrap_or_default(),
        events: Vec::new(),
        sequence: 1,
        failure: None,
        endpoint: None,
        timer: None,
    };
    stack.enter(Action::Create, Status::InProgress, "Stack CREATE started");
    rebuild(world, &mut stack, wanted.values, stacks_url);
    let id = stack.id.clone();
    world.stacks.insert(stack);
    Ok(id)
}

/// PUT (whole) and PATCH (`keep` what is not sent).
pub(super) fn update(
    world: &mut World,
    grant: &Grant,
    id: &str,
    body: &Value,
    keep: bool,
    stacks_url: &str,
) -> Result<(), Refusal> {
    let old = world.stacks.get(id).ok_or_else(|| super::missing("Stack", id))?;
    if old.action == Action::Delete {
        let message = "Updating a stack when it is deleting is not supported.";
        return Err(Refusal::new(400, "NotSupported", message));
    }
    let wanted = check(world, grant, body, keep.then_some(old))?;
    let frozen = wanted.template.parameters.iter().find(|(name, parameter)| {
        let before = old.level.parameters.get(*name);
        parameter.immutable && before.is_some() && before != wanted.values.get(*name)
    });
    if let Some((name, _)) = frozen {
        let message = format!("The following parameters are immutable and may not be updated: {name}");
        return Err(Refusal::new(400, "ImmutableParameterModified", &message));
    }
    let (minutes, tags) = (timeout(body)?, tags(body));
    let Some(mut stack) = world.stacks.remove(id) else { return Err(super::missing("Stack", id)) };
    stack.template = wanted.template;
    stack.templates = wanted.templates;
    stack.files = wanted.files;
    stack.environment = wanted.environment;
    stack.given = wanted.given;
    stack.timeout_mins = minutes.or(stack.timeout_mins);
    stack.tags = tags.unwrap_or(stack.tags);
    if let Some(flag) = body["disable_rollback"].as_bool() {
        stack.disable_rollback = flag;
    }
    stack.updated = Some(Utc::now());
    stack.sequence += 1;
    stack.enter(Action::Update, Status::InProgress, "Stack UPDATE started");
    rebuild(world, &mut stack, wanted.values, stacks_url);
    world.stacks.insert(stack);
    Ok(())
}

fn rebuild(world: &mut World, stack: &mut Stack, values: Map<String, Value>, stacks_url: &str) {
    let old = std::mem::take(&mut stack.level);
    let signal_url = format!("{}/{}", stacks_url.rsplit_once('/').map_or("", |(url, _)| url), stack.user_project_id);
    let plan = plan(stack, &signal_url);
    let new = Blueprint {
        template: Arc::clone(&stack.template),
        parameters: values,
        id: stack.id.clone(),
        name: stack.name.clone(),
    };
    let old = (!old.id.is_empty()).then_some(old);
    let (level, failure) = build::level(world, &plan, new, old);
    stack.level = level;
    stack.failure = failure;
}

fn plan<'a>(stack: &'a Stack, signal_url: &'a str) -> Plan<'a> {
    Plan {
        environment: &stack.environment,
        files: &stack.files,
        templates: &stack.templates,
        project_id: &stack.project_id,
        user_id: &stack.user_id,
        signal_url,
        sequence: stack.sequence,
    }
}

/// Evaluates the outputs again, because attributes have changed.
pub(super) fn evaluate_again(stack: &mut Stack) {
    let mut level = std::mem::take(&mut stack.level);
    outputs_again(&plan(stack, ""), &mut level);
    stack.level = level;
}

fn outputs_again(plan: &Plan, level: &mut Level) {
    for node in level.nodes.values_mut() {
        if let Some(nested) = node.level.as_deref_mut() {
            outputs_again(plan, nested);
            node.attributes.clone_from(&nested.outputs);
        }
    }
    level.outputs = build::outputs(plan, level);
}

/// DELETE: enters `DELETE_IN_PROGRESS`; deleting a stack that is already on its way changes nothing.
pub(super) fn delete(world: &mut World, id: &str) -> Result<bool, Refusal> {
    let stack = world.stacks.get_mut(id).ok_or_else(|| super::missing("Stack", id))?;
    if stack.deleted.is_some() {
        return Err(super::missing("Stack", id));
    }
    if stack.action == Action::Delete && stack.status == Status::InProgress {
        return Ok(false);
    }
    stack.sequence += 1;
    stack.failure = None;
    stack.enter(Action::Delete, Status::InProgress, "Stack DELETE started");
    Ok(true)
}
