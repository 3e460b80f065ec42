//! Heat's routes.

use std::sync::Arc;

use serde_json::{Value, json};

use super::stack::Stack;
use super::tree::{Level, Node};
use super::{change, life, list, missing, signals, views};
use crate::hot::parameters;
use crate::http::{Answer, Refusal, Reply, Request};
use crate::identity::Grant;
use crate::state::{Shared, World};

/// Answers one request to Heat.
pub(crate) fn answer(shared: &Arc<Shared>, request: &Request) -> Answer {
    let path = request.path();
    let v1 = json!({
        "id": "v1.0", "status": "CURRENT", "links": [{"rel": "self", "href": format!("{}/v1/", request.root())}],
    });
    if request.method == "GET" && matches!(path.as_slice(), [] | ["v1"]) {
        return Ok(Reply::json(300, json!({"versions": [v1]})));
    }
    let ["v1", project, rest @ ..] = path.as_slice() else { return Err(Refusal::no_route()) };
    let mut world = shared.world();
    if let Some(handle) = reported_to(&world, request) {
        return signals::take(&mut world, &handle, &request.json()?);
    }
    let grant = world.caller(request)?;
    let base = format!("{}/v1/{project}", request.root());
    if *project != grant.project() && !grant.is_admin() {
        return Err(Refusal::new(403, "HTTPForbidden", "Access was denied to this resource."));
    }
    let call = Call { shared, grant, request, base };
    match (request.method.as_str(), rest) {
        ("GET", ["stacks"]) => {
            call.may("stacks:index")?;
            list::stacks(&world, &call.grant, request, &call.base, false)
        }
        ("GET", ["stacks", "detail"]) => {
            call.may("stacks:detail")?;
            list::stacks(&world, &call.grant, request, &call.base, true)
        }
        ("POST", ["stacks"]) => call.create(&mut world),
        ("POST", ["validate"]) => call.validate(&world),
        (_, ["stacks", ident]) => call.redirect(&world, ident, ""),
        ("GET", ["stacks", ident, part]) if is_part(part) => call.redirect(&world, ident, part),
        (_, ["stacks", name, id, rest @ ..]) => call.stack(&mut world, name, id, rest),
        _ => Err(Refusal::no_route()),
    }
}

/// The handle that a node reports to with the token it was given for it, which opens nothing else.
fn reported_to(world: &World, request: &Request) -> Option<String> {
    let (token, path) = (request.header("X-Auth-Token")?, request.segments.join("/"));
    if request.method != "POST" || request.segments.last().is_none_or(|last| last != "signal") {
        return None;
    }
    let handle = world.stacks.iter().find_map(|stack| signals::handle_of(&stack.level, token))?;
    handle.ends_with(&format!("/{path}")).then(|| handle.to_owned())
}

/// Collections below a stack, which may follow a name or id alone.
fn is_part(word: &str) -> bool {
    matches!(word, "resources" | "events" | "template" | "environment" | "files" | "outputs")
}

struct Call<'a> {
    shared: &'a Arc<Shared>,
    grant: Grant,
    request: &'a Request,
    /// URL of the project.
    base: String,
}

impl Call<'_> {
    /// Heat's own policy shuts out the users that it makes for stacks; what else they may do hangs on no role.
    fn may(&self, action: &str) -> Result<(), Refusal> {
        if self.grant.roles.iter().any(|role| role == "heat_stack_user") {
            return Err(Refusal::forbidden(&format!("You are not authorized to use {action}.")));
        }
        Ok(())
    }

    fn create(&self, world: &mut World) -> Answer {
        self.may("stacks:create")?;
        // Keystone refuses Heat the trust that it needs, and Heat's engine stumbles over that.
        if self.grant.by_credential {
            return Err(Refusal::new(500, "RemoteError", ""));
        }
        let body = self.request.json()?;
        let id = change::create(world, &self.grant, &body, &self.base)?;
        life::start(self.shared, world, &id);
        let name = crate::state::text(&body, "stack_name");
        let href = views::stack_url(&self.base, name, &id);
        let links = json!([{"href": href, "rel": "self"}]);
        Ok(Reply::json(201, json!({"stack": {"id": id, "links": links}})).header("Location", href))
    }

    fn validate(&self, world: &World) -> Answer {
        self.may("stacks:validate_template")?;
        let body = self.request.json()?;
        let template = crate::hot::template::Template::read(&body["template"])?;
        let shown: serde_json::Map<String, Value> = template
            .parameters
            .iter()
            .map(|(name, parameter)| {
                let row = json!({
                    "Type": parameter.kind, "Default": parameter.default, "NoEcho": parameter.hidden.to_string(),
                    "Label": parameter.label.as_deref().unwrap_or(name), "Description": parameter.description,
                });
                (name.clone(), row)
            })
            .collect();
        if let Some(Value::Object(_)) = body.get("parameters") {
            change::check(world, &self.grant, &body, None)?;
        }
        Ok(Reply::ok(json!({"Description": template.description, "Parameters": shown})))
    }

    /// A name or id alone leads to name and id together.
    fn redirect(&self, world: &World, ident: &str, part: &str) -> Answer {
        let by_id = world.stacks.get(ident).filter(|stack| self.may_see(world, stack));
        let stack = by_id.or_else(|| world.stacks.named(self.grant.project(), ident));
        let stack = stack.ok_or_else(|| missing("Stack", ident))?;
        let mut location = views::stack_url(&self.base, &stack.name, &stack.id);
        if !part.is_empty() {
            location = format!("{location}/{part}");
        }
        if !self.request.query.is_empty() {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(&self.request.query);
            location = format!("{location}?{}", query.finish());
        }
        let link = location.replace('&', "&amp;");
        let message = format!(
            "The resource was found at <a href=\"{link}\">{link}</a>;\nyou should be redirected automatically.\n\n"
        );
        let body = json!({"message": message, "code": "302 Found", "title": "Found"});
        Ok(Reply::json(302, body).header("Location", location))
    }

    fn may_see(&self, world: &World, stack: &Stack) -> bool {
        stack.project_id == self.grant.project() || (self.grant.is_admin() && world.settings.foreign_stacks)
    }

    fn stack(&self, world: &mut World, name: &str, id: &str, rest: &[&str]) -> Answer {
        let method = self.request.method.as_str();
        let stack = world.stacks.get(id).filter(|stack| stack.name == name && self.may_see(world, stack));
        let stack = stack.or_else(|| {
            // The users that Heat made for a stack report to it, and see nothing of it.
            let own = |stack: &&Stack| stack.user_project_id == self.grant.project() && stack.name == name;
            world.stacks.get(id).filter(own).filter(|_| rest.last() == Some(&"signal"))
        });
        let Some(stack) = stack else {
            if let ("POST", ["resources", resource, "signal"]) = (method, rest)
                && let Some(level) = self.level(world, id)
            {
                let handle = signalled(level, resource)?;
                return signals::take(world, &handle, &self.request.json()?);
            }
            return self.nested(world, id, rest).unwrap_or_else(|| Err(missing("Stack", name)));
        };
        match (method, rest) {
            ("GET", []) => {
                self.may("stacks:show")?;
                let with_outputs = self.request.query("resolve_outputs").is_none_or(crate::http::is_true);
                Ok(Reply::ok(json!({"stack": views::full(stack, &self.base, with_outputs)})))
            }
            ("PUT" | "PATCH", []) => {
                self.may(if method == "PUT" { "stacks:update" } else { "stacks:update_patch" })?;
                if stack.deleted.is_some() {
                    return Err(missing("Stack", name));
                }
                let body = self.request.json()?;
                change::update(world, &self.grant, id, &body, method == "PATCH", &self.base)?;
                life::start(self.shared, world, id);
                let message = "The request is accepted for processing.<br /><br />\n\n\n";
                Ok(Reply::json(202, json!({"message": message, "code": "202 Accepted", "title": "Accepted"})))
            }
            ("DELETE", []) => {
                self.may("stacks:delete")?;
                if change::delete(world, id)? {
                    life::start(self.shared, world, id);
                }
                Ok(Reply::empty(204))
            }
            ("GET", ["template"]) => Ok(Reply::ok(stack.template.source.clone())),
            ("GET", ["environment"]) => Ok(Reply::ok(stack.environment.show())),
            ("GET", ["files"]) => Ok(Reply::ok(Value::Object(stack.files.clone()))),
            ("GET", ["outputs"]) => {
                let mut outputs = views::outputs(stack);
                // A list names them, and leaves their values to be asked for one by one.
                for row in outputs.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
                    row.remove("output_value");
                }
                Ok(Reply::ok(json!({"outputs": outputs})))
            }
            ("GET", ["outputs", key]) => {
                let outputs = views::outputs(stack);
                let found = outputs.as_array().into_iter().flatten().find(|row| row["output_key"] == *key);
                let found = found.ok_or_else(|| missing("Output", key))?;
                Ok(Reply::ok(json!({"output": found})))
            }
            ("GET", ["events"]) => Ok(Reply::ok(json!({"events": self.events(stack)}))),
            ("POST", ["resources", resource, "signal"]) => {
                let handle = signalled(&stack.level, resource)?;
                signals::take(world, &handle, &self.request.json()?)
            }
            (_, ["resources", rest @ ..]) => self.resources(world, stack, &stack.level, rest),
            _ => Err(Refusal::no_route()),
        }
    }

    /// A nested stack by its own id.
    fn level<'w>(&self, world: &'w World, id: &str) -> Option<&'w Level> {
        let own = |stack: &&Stack| stack.user_project_id == self.grant.project() || self.may_see(world, stack);
        let mut stacks = world.stacks.iter().filter(own);
        stacks.find_map(|stack| stack.level.find(id))
    }

    /// Resources of a nested stack, addressed by its own id.
    fn nested(&self, world: &World, id: &str, rest: &[&str]) -> Option<Answer> {
        let ["resources", rest @ ..] = rest else { return None };
        let mut stacks = world.stacks.iter().filter(|stack| self.may_see(world, stack));
        stacks.find_map(|stack| stack.level.find(id).map(|level| self.resources(world, stack, level, rest)))
    }

    fn events(&self, stack: &Stack) -> Vec<Value> {
        let mut events = stack.events.clone();
        // Newest first, unless asked otherwise.
        if self.request.query("sort_dir") != Some("asc") {
            events.reverse();
        }
        let limit = self.request.query("limit").and_then(|text| text.parse().ok());
        events.truncate(limit.unwrap_or(usize::MAX));
        events
    }

    fn resources(&self, world: &World, stack: &Stack, level: &Level, rest: &[&str]) -> Answer {
        self.may(if rest.is_empty() { "resource:index" } else { "resource:show" })?;
        let find = |name: &str| found(level, name);
        match (self.request.method.as_str(), rest) {
            ("GET", []) => {
                let depth = self.request.query("nested_depth").unwrap_or("0");
                let wrong = || change::http_bad("Only integer is acceptable by 'nested_depth'.");
                let depth: u64 = depth.parse().map_err(|_| wrong())?;
                let nodes = level.flatten(depth);
                let shown: Vec<Value> = nodes
                    .into_iter()
                    .map(|(level, node)| views::resource(stack, level, node, &self.base))
                    .filter(|row| self.wanted(row))
                    .collect();
                Ok(Reply::ok(json!({"resources": shown})))
            }
            ("GET", [name]) => {
                let node = find(name)?;
                let mut row = views::resource(stack, level, node, &self.base);
                row["attributes"] = Value::Object(shown_attributes(node));
                row["description"] = json!("");
                Ok(Reply::ok(json!({"resource": row})))
            }
            ("GET", [name, "events"]) => Ok(Reply::ok(json!({"events": signals::events_of(world, find(name)?)}))),
            ("GET", [name, "metadata"]) => {
                let reports = signals::reports_to(world, find(name)?);
                Ok(Reply::ok(json!({"metadata": reports})))
            }
            _ => Err(Refusal::no_route()),
        }
    }

    /// Filters of the resource list.
    fn wanted(&self, row: &Value) -> bool {
        let any = |key: &str, member: &str| {
            let wanted = self.request.queries(key);
            wanted.is_empty() || wanted.iter().any(|one| row[member] == *one)
        };
        let status = self.request.queries("status");
        let has_status = |one: &&str| parameters::plain(&row["resource_status"]).ends_with(*one);
        // Heat looks for the text anywhere in the name: `OS::Nova::Server` is also in `OS::Nova::ServerGroup`.
        let kinds = self.request.queries("type");
        let kind = parameters::plain(&row["resource_type"]);
        (kinds.is_empty() || kinds.iter().any(|one| kind.contains(*one)))
            && any("name", "resource_name")
            && any("physical_resource_id", "physical_resource_id")
            && (status.is_empty() || status.iter().any(has_status))
    }
}

fn found<'l>(level: &'l Level, name: &str) -> Result<&'l Node, Refusal> {
    level.nodes.get(name).ok_or_else(|| {
        let message = format!("The Resource ({name}) could not be found in Stack {}.", level.name);
        Refusal::new(404, "ResourceNotFound", &message)
    })
}

/// The address of a handle to which its owner reports; a deployment takes reports too, and needs none.
fn signalled(level: &Level, name: &str) -> Result<String, Refusal> {
    let node = found(level, name)?;
    match node.kind.as_str() {
        signals::HANDLE => Ok(crate::state::text(&json!(node.attributes), "endpoint").to_owned()),
        kind if kind.contains("Deployment") => Ok(node.physical_id.clone()),
        _ => Err(Refusal::new(400, "ResourceActionNotSupported", "SIGNAL is not supported for resource.")),
    }
}

/// A resource's attributes; what is secret in them stays out.
fn shown_attributes(node: &Node) -> serde_json::Map<String, Value> {
    let mut shown = node.attributes.clone();
    for secret in ["token", "signal", "curl_cli"] {
        shown.remove(secret);
    }
    shown
}
