//! Heat: stacks, their resources and events.
//!
//! Stacks are named by id or name alone; Heat answers with a redirect to the full path, which the pipeline follows.

use domain::Result;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::session::{Service, Session};

/// Stacks asked for at once.
const PAGE: usize = 200;

/// Heat's calls in one identity's name.
#[derive(Debug)]
pub struct Heat<'a>(&'a Session);

/// A stack read by itself.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Stack {
    /// Id.
    pub id: String,
    /// Name.
    #[serde(rename = "stack_name")]
    pub name: String,
    /// `CREATE_IN_PROGRESS`, `UPDATE_FAILED` and so on.
    #[serde(rename = "stack_status")]
    pub status: String,
    /// Heat's sentence about the status.
    #[serde(rename = "stack_status_reason", default)]
    pub status_reason: Option<String>,
    /// Parameters in force; hidden ones show as stars.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// Outputs; empty unless they were asked for.
    #[serde(default)]
    pub outputs: Vec<Output>,
    /// Tags given at creation.
    #[serde(default)]
    pub tags: Option<Vec<String>>,
    /// Project that owns it, in the answers that tell.
    #[serde(default)]
    pub project: Option<String>,
    /// When it was created, Heat's text.
    #[serde(default)]
    pub creation_time: Option<String>,
    /// When it was last updated, Heat's text; `None` before the first update.
    #[serde(default)]
    pub updated_time: Option<String>,
    /// When Heat forgot it, Heat's text, empty where Heat does not say; `None` as long as it has not.
    #[serde(default = "unsaid")]
    pub deletion_time: Option<String>,
}

fn unsaid() -> Option<String> {
    Some(String::new())
}

impl Stack {
    /// Whether nothing of it is left. It says `DELETE_COMPLETE` as soon as its resources are gone; after that Heat still
    /// removes the trust and the project it has made for the stack, with the token of whoever asked for the deletion.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.status == "DELETE_COMPLETE" && self.deletion_time.is_some()
    }

    /// Value of an output, if it is there and not null.
    #[must_use]
    pub fn output(&self, key: &str) -> Option<&Value> {
        self.outputs.iter().find(|o| o.output_key == key).map(|o| &o.output_value).filter(|v| !v.is_null())
    }
}

/// An output of a stack.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Output {
    /// Name.
    pub output_key: String,
    /// Value of any shape.
    #[serde(default)]
    pub output_value: Value,
    /// Why there is no value.
    #[serde(default)]
    pub output_error: Option<String>,
}

/// A resource of a stack or of a stack nested in it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Resource {
    /// Name in its template.
    #[serde(rename = "resource_name")]
    pub name: String,
    /// Type, for example `OS::Nova::Server`.
    #[serde(rename = "resource_type")]
    pub kind: String,
    /// Id in its service; empty before creation.
    #[serde(rename = "physical_resource_id", default)]
    pub physical_id: Option<String>,
    /// `CREATE_COMPLETE` and so on.
    #[serde(rename = "resource_status")]
    pub status: String,
    /// Heat's sentence about the status.
    #[serde(rename = "resource_status_reason", default)]
    pub status_reason: Option<String>,
    /// When it last changed, Heat's text.
    #[serde(default)]
    pub updated_time: Option<String>,
    /// Resource in the parent stack that holds this one's stack.
    #[serde(default)]
    pub parent_resource: Option<String>,
    /// Where Heat has it, its stack, and the stack inside it.
    #[serde(default)]
    pub links: Vec<Link>,
}

/// What a wait handle has been told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// Ids that have reported.
    pub count: usize,
    /// When it was told something last, Heat's text.
    pub last: Option<String>,
}

/// A URL and what it leads to.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Link {
    /// The URL.
    pub href: String,
    /// `self`, `stack` or `nested`.
    pub rel: String,
}

impl Resource {
    /// Whether there is a stack inside it, whose resources stand for it.
    #[must_use]
    pub fn is_nested(&self) -> bool {
        self.links.iter().any(|link| link.rel == "nested")
    }

    /// Name and id of the stack it is in.
    fn stack(&self) -> Option<(&str, &str)> {
        let link = self.links.iter().find(|link| link.rel == "stack")?;
        let (rest, id) = link.href.rsplit_once('/')?;
        Some((rest.rsplit_once('/')?.1, id))
    }
}

/// An event of a stack.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Event {
    /// Resource it is about; the stack's name for the stack itself.
    pub resource_name: Option<String>,
    /// `CREATE_FAILED` and so on.
    pub resource_status: Option<String>,
    /// Heat's sentence.
    pub resource_status_reason: Option<String>,
    /// When, Heat's text.
    pub event_time: Option<String>,
}

/// Which stacks a list holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct StackFilter {
    /// Any of these ids; empty for all.
    pub ids: Vec<String>,
    /// Any of these statuses; empty for all.
    pub statuses: Vec<String>,
    /// All of these tags; empty for all.
    pub tags: Vec<String>,
    /// Exactly this name.
    pub name: Option<String>,
    /// Stacks of all projects; Heat allows it to few.
    pub all_projects: bool,
}

#[derive(Deserialize)]
struct OneStack {
    stack: Stack,
}
#[derive(Deserialize)]
struct Created {
    stack: CreatedStack,
}
#[derive(Deserialize)]
struct CreatedStack {
    id: String,
}
#[derive(Deserialize)]
struct Stacks {
    stacks: Vec<Stack>,
}
#[derive(Deserialize)]
struct Metadata {
    metadata: Map<String, Value>,
}

#[derive(Deserialize)]
struct Resources {
    resources: Vec<Resource>,
}
#[derive(Deserialize)]
struct Events {
    events: Vec<Event>,
}

/// Text parameters that may be secret and so must not come back in an error.
fn secrets(body: &Value) -> impl Iterator<Item = &str> {
    let parameters = body.get("parameters").and_then(Value::as_object);
    parameters.into_iter().flatten().filter_map(|(name, value)| {
        let secret = ["password", "secret", "token", "private_key", "ca_key", "trust_id"];
        secret.iter().any(|word| name.contains(word)).then(|| value.as_str()).flatten()
    })
}

impl<'a> Heat<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self(session)
    }

    /// Creates a stack from a request body and answers its id. A name that is taken is a 409.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn create(&self, body: &Value) -> Result<String> {
        let name = body["stack_name"].as_str().unwrap_or_default();
        let mut call = self.0.post(Service::Heat, format!("create stack {name}")).path(&["stacks"]);
        for secret in secrets(body) {
            call = call.hide(secret);
        }
        // Repeating is noticed: the name is taken then.
        Ok(call.json(body.clone()).repeatable().send().await?.json::<Created>()?.stack.id)
    }

    /// The stack of this id or name, without outputs.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn stack(&self, ident: &str) -> Result<Option<Stack>> {
        self.read(ident, false).await
    }

    /// The stack of this id or name with its outputs, which costs Heat noticeably more.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn stack_with_outputs(&self, ident: &str) -> Result<Option<Stack>> {
        self.read(ident, true).await
    }

    async fn read(&self, ident: &str, outputs: bool) -> Result<Option<Stack>> {
        let mut call = self.0.get(Service::Heat, format!("read stack {ident}")).path(&["stacks", ident]);
        if !outputs {
            call = call.query("resolve_outputs", "False");
        }
        call.find().await?.map(|reply| Ok(reply.json::<OneStack>()?.stack)).transpose()
    }

    /// All stacks that match, read in pages.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn stacks(&self, filter: &StackFilter) -> Result<Vec<Stack>> {
        let mut found: Vec<Stack> = Vec::new();
        loop {
            let mut call = self.0.get(Service::Heat, "list stacks").path(&["stacks"]).query("limit", PAGE.to_string());
            for id in &filter.ids {
                call = call.query("id", id);
            }
            for status in &filter.statuses {
                call = call.query("status", status);
            }
            if !filter.tags.is_empty() {
                call = call.query("tags", filter.tags.join(","));
            }
            if let Some(name) = &filter.name {
                call = call.query("name", name);
            }
            if filter.all_projects {
                call = call.query("global_tenant", "True");
            }
            if let Some(last) = found.last() {
                call = call.query("marker", &last.id);
            }
            let page = call.send().await?.json::<Stacks>()?.stacks;
            let full = page.len() >= PAGE;
            found.extend(page);
            if !full {
                return Ok(found);
            }
        }
    }

    /// Replaces template and parameters (PUT); 404 and 409 (busy) are errors.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn update(&self, ident: &str, body: &Value) -> Result<()> {
        self.change(Method::PUT, ident, body).await
    }

    /// Changes some parameters and keeps the rest (PATCH).
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn patch(&self, ident: &str, body: &Value) -> Result<()> {
        self.change(Method::PATCH, ident, body).await
    }

    async fn change(&self, method: Method, ident: &str, body: &Value) -> Result<()> {
        let mut call = self.0.call(Service::Heat, method, format!("update stack {ident}")).path(&["stacks", ident]);
        for secret in secrets(body) {
            call = call.hide(secret);
        }
        call.json(body.clone()).send().await?;
        Ok(())
    }

    /// Starts deleting a stack; `false` when there was none.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn delete(&self, ident: &str) -> Result<bool> {
        self.0.delete(Service::Heat, format!("delete stack {ident}")).path(&["stacks", ident]).done().await
    }

    /// Resources down to `nested_depth` levels below the stack, of one type or of all; empty when there is no stack.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn resources(&self, ident: &str, nested_depth: u8, kind: Option<&str>) -> Result<Vec<Resource>> {
        let mut call = self.0.get(Service::Heat, format!("list the resources of stack {ident}"));
        call = call.path(&["stacks", ident, "resources"]).query("nested_depth", nested_depth.to_string());
        if let Some(kind) = kind {
            call = call.query("type", kind);
        }
        let Some(reply) = call.find().await? else { return Ok(Vec::new()) };
        let mut found = reply.json::<Resources>()?.resources;
        // Heat's filter also finds types that only contain the name, such as `OS::Nova::ServerGroup`.
        found.retain(|resource| kind.is_none_or(|kind| resource.kind == kind));
        Ok(found)
    }

    /// What a wait handle that stands beside `resource` has been told; nothing when it is gone.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn reports(&self, resource: &Resource, handle: &str) -> Result<Reports> {
        let Some((name, id)) = resource.stack() else { return Ok(Reports::default()) };
        let read = async |what: &str| {
            let call = self.0.get(Service::Heat, format!("read the {what} of {handle} in stack {name}"));
            call.path(&["stacks", name, id, "resources", handle, what]).find().await
        };
        let Some(reply) = read("metadata").await? else { return Ok(Reports::default()) };
        let count = reply.json::<Metadata>()?.metadata.len();
        let events = match read("events").await? {
            Some(reply) if count > 0 => reply.json::<Events>()?.events,
            _ => Vec::new(),
        };
        Ok(Reports { count, last: events.into_iter().filter_map(|event| event.event_time).max() })
    }

    /// Resources in a failed state, nested ones included, the most concrete first: a resource that only repeats what
    /// failed inside it comes last.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn failed_resources(&self, ident: &str) -> Result<Vec<Resource>> {
        let mut failed = self.resources(ident, 5, None).await?;
        failed.retain(|r| r.status.ends_with("_FAILED"));
        failed.sort_by_key(vagueness);
        Ok(failed)
    }

    /// The first concrete cause of a failed stack as `<resource>: <reason>`, after the part of the stack it is in.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn failed_reason(&self, ident: &str) -> Result<Option<String>> {
        let failed = self.failed_resources(ident).await?;
        let first = failed.iter().find(|r| r.status_reason.as_deref().is_some_and(|reason| !reason.is_empty()));
        Ok(first.map(|cause| described(cause, &failed)))
    }

    /// Events, oldest first; empty when there is no stack.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn events(&self, ident: &str) -> Result<Vec<Event>> {
        let call = self.0.get(Service::Heat, format!("list the events of stack {ident}"));
        let Some(reply) = call.path(&["stacks", ident, "events"]).find().await? else { return Ok(Vec::new()) };
        Ok(reply.json::<Events>()?.events)
    }
}

/// Causes come before what was stopped because of them; of what says the same, the innermost comes first, because each
/// level puts its own place before the words: `ValueError: resources.kube_masters.resources[0].resources.node: ...`.
fn vagueness(resource: &Resource) -> (u8, usize) {
    let reason = resource.status_reason.as_deref().unwrap_or_default();
    let stopped = reason.contains("aborted") || reason.contains("cancelled");
    let rank = if reason.is_empty() { 2 } else { u8::from(stopped) };
    (rank, reason.matches("resources.").count() + reason.matches("resources[").count())
}

/// A cause with the part of the stack that repeats it: `on_image` alone does not tell masters from workers.
fn described(cause: &Resource, failed: &[Resource]) -> String {
    let reason = cause.status_reason.as_deref().unwrap_or_default();
    let echoes = failed.iter().filter(|r| words(r) == words(cause));
    match echoes.max_by_key(|r| vagueness(r)) {
        Some(part) if part.name != cause.name => format!("{}: {}: {reason}", part.name, cause.name),
        _ => format!("{}: {reason}", cause.name),
    }
}

/// The reason without the places before it, which are the same words at every level.
fn words(resource: &Resource) -> &str {
    let reason = resource.status_reason.as_deref().unwrap_or_default();
    let begins = reason.find("resources.").into_iter().chain(reason.find("resources[")).min();
    begins.and_then(|at| reason[at..].split_once(": ")).map_or(reason, |(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_comes_before_its_echoes() {
        let resource = |name: &str, reason: &str| Resource {
            name: name.to_owned(),
            kind: "t".to_owned(),
            physical_id: None,
            status: "CREATE_FAILED".to_owned(),
            status_reason: Some(reason.to_owned()),
            updated_time: None,
            parent_resource: None,
            links: Vec::new(),
        };
        let (server, why) = ("resources.kube-master", "Went to status ERROR due to \"No valid host was found\"");
        let mut all = [
            resource("silent", ""),
            resource("kube_masters", &format!("ResourceInError: resources.kube_masters.resources[0].{server}: {why}")),
            resource("lb", "CREATE aborted (Task create from LoadBalancer \"lb\" Stack \"c1\" [1] Timed out)"),
            resource("0", &format!("ResourceInError: resources[0].{server}: {why}")),
            resource("kube-master", &format!("ResourceInError: {server}: {why}")),
            resource(
                "network",
                "resources.network: Property error: resources.net.properties.name: Value must be a string",
            ),
        ];
        all.sort_by_key(vagueness);
        let names: Vec<_> = all.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["kube-master", "0", "network", "kube_masters", "lb", "silent"]);
        let expect = format!("kube_masters: kube-master: ResourceInError: {server}: {why}");
        assert_eq!(described(&all[0], &all), expect, "the cause, and which part of the cluster it is in");
        let alone = "network: resources.network: Property error: resources.net.properties.name: Value must be a string";
        assert_eq!(described(&all[2], &all), alone);
    }

    #[test]
    fn secret_parameters_are_known_by_name() {
        let body = serde_json::json!({"parameters": {"trustee_password": "pw-1", "fixed_network": "n", "number": 3}});
        assert_eq!(secrets(&body).collect::<Vec<_>>(), ["pw-1"]);
        assert_eq!(secrets(&serde_json::json!({})).count(), 0);
    }
}
