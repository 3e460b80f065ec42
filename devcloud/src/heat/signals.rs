//! Wait conditions that wait: what nodes report to their handles, and what that means for a stack.
//!
//! A resource is over with its action when it waits for nothing: a condition waits until enough nodes have reported
//! success, what needs it waits with it, and so does everything that contains it. Heat keeps the last report of each id.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::build::Failure;
use super::stack::Stack;
use super::tree::{Level, Node};
use crate::hot::parameters::{dumped, plain};
use crate::http::{Answer, Refusal, Reply};
use crate::state::{World, stamp};

const CONDITION: &str = "OS::Heat::WaitCondition";
pub(super) const HANDLE: &str = "OS::Heat::WaitConditionHandle";

/// What a node says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    succeeded: bool,
    reason: String,
    data: Value,
    at: DateTime<Utc>,
}

/// The reports to one handle, by the id that the node gave.
pub(crate) type Reports = IndexMap<String, Report>;

/// Takes a report to a handle, which is known by its address.
pub(super) fn take(world: &mut World, handle: &str, body: &Value) -> Answer {
    let reports = world.stacks.reports.entry(handle.to_owned()).or_default();
    let word = |key: &str| body.get(key).map(plain);
    let status = word("status").unwrap_or_else(|| "SUCCESS".to_owned());
    if !matches!(status.as_str(), "SUCCESS" | "FAILURE") {
        return Err(Refusal::new(400, "ValueError", ""));
    }
    let id = word("id").unwrap_or_else(|| (reports.len() + 1).to_string());
    let reason = word("reason").unwrap_or_else(|| format!("Signal {id} received"));
    let data = body.get("data").cloned().unwrap_or_default();
    reports.insert(id, Report { succeeded: status == "SUCCESS", reason, data, at: Utc::now() });
    Ok(Reply::ok(Value::Null))
}

/// What a handle has been told, as Heat keeps it with the handle; nothing of other resources.
pub(super) fn reports_to(world: &World, node: &Node) -> Map<String, Value> {
    let word = |report: &Report| if report.succeeded { "SUCCESS" } else { "FAILURE" };
    let shown = |report: &Report| json!({"status": word(report), "reason": report.reason, "data": report.data});
    reports_of(world, node).map(|(id, report)| (id.clone(), shown(report))).collect()
}

fn reports_of<'a>(world: &'a World, node: &Node) -> impl Iterator<Item = (&'a String, &'a Report)> {
    let handle = node.attributes.get("endpoint").map(plain);
    handle.and_then(|handle| world.stacks.reports.get(&handle)).into_iter().flatten()
}

/// The events of a handle: one for each report, the last of each id.
pub(super) fn events_of(world: &World, node: &Node) -> Vec<Value> {
    let event = |report: &Report| {
        json!({"event_time": stamp(report.at), "resource_name": node.name, "resource_status": "SIGNAL_COMPLETE",
            "resource_status_reason": format!("Signal: status:SUCCESS reason:{}", report.reason)})
    };
    reports_of(world, node).map(|(_, report)| event(report)).collect()
}

/// Reports success to every handle there is, once, in the place of nodes.
pub(crate) fn report_to_all(world: &mut World) {
    fn handles(level: &Level, found: &mut Vec<String>) {
        for node in level.nodes.values() {
            match &node.level {
                Some(nested) => handles(nested, found),
                None if node.kind == HANDLE => found.push(plain(&node.attributes["endpoint"])),
                None => {}
            }
        }
    }
    let mut found = Vec::new();
    world.stacks.iter().for_each(|stack| handles(&stack.level, &mut found));
    for handle in found {
        let report = Report { succeeded: true, reason: String::new(), data: Value::Null, at: Utc::now() };
        world.stacks.reports.entry(handle).or_default().insert("1".to_owned(), report);
    }
}

/// The address of the handle whose token this is, as part of a request's path.
pub(super) fn handle_of<'a>(level: &'a Level, token: &str) -> Option<&'a str> {
    level.nodes.values().find_map(|node| match &node.level {
        Some(nested) => handle_of(nested, token),
        None if node.kind == HANDLE && node.attributes["token"] == token => node.attributes["endpoint"].as_str(),
        None => None,
    })
}

/// How far a stack's conditions are.
pub(super) enum Progress {
    /// Nothing is waited for.
    Over,
    /// Something is.
    Waiting,
    /// A node has reported a failure, or has not reported in time.
    Failed(Failure),
}

/// Looks at every condition of the current action, which has been going on for `elapsed`, and notes which resources are
/// over. A minute of a condition's time lasts `minute`.
pub(super) fn progress(world: &World, stack: &mut Stack, elapsed: Duration, minute: Duration) -> Progress {
    let mut look = Look { world, sequence: stack.sequence, elapsed, minute, waiting: false };
    match look.level(&mut stack.level) {
        Some(failure) => Progress::Failed(failure),
        None if look.waiting => Progress::Waiting,
        None => Progress::Over,
    }
}

struct Look<'a> {
    world: &'a World,
    sequence: u64,
    elapsed: Duration,
    minute: Duration,
    waiting: bool,
}

impl Look<'_> {
    /// The first failure in a level. Nodes stand in the order in which each comes after what it needs.
    fn level(&mut self, level: &mut Level) -> Option<Failure> {
        let mut blocked = BTreeSet::new();
        for (name, node) in &mut level.nodes {
            if node.requires.iter().any(|need| blocked.contains(need)) {
                blocked.insert(name.clone());
                continue;
            }
            let outcome = match node.level.as_deref_mut() {
                Some(nested) => {
                    let failure = self.level(nested);
                    failure.map_or_else(|| Ok(nested.nodes.values().all(|inner| !inner.pending)), Err)
                }
                None if node.kind == CONDITION && node.sequence == self.sequence => self.condition(node),
                None => Ok(true),
            };
            match outcome {
                Ok(true) => node.pending = false,
                Ok(false) => {
                    self.waiting = true;
                    blocked.insert(name.clone());
                }
                Err(failure) => {
                    let failure = failure.inside(name);
                    (node.status, node.reason, node.pending) = ("FAILED", failure.text(), false);
                    return Some(failure);
                }
            }
        }
        None
    }

    /// Whether a condition is fulfilled.
    fn condition(&self, node: &mut Node) -> Result<bool, Failure> {
        let number =
            |key: &str, other: u32| node.properties.get(key).and_then(|v| plain(v).parse().ok()).unwrap_or(other);
        let (wanted, seconds) = (number("count", 1) as usize, number("timeout", 43_200));
        let none = Reports::new();
        let reports = self.world.stacks.reports.get(&plain(&node.properties["handle"])).unwrap_or(&none);
        let failed: Vec<&str> =
            reports.values().filter(|report| !report.succeeded).map(|report| report.reason.as_str()).collect();
        let fail = |kind: &str, message: String| Failure::new(&Refusal { status: 500, kind: kind.to_owned(), message });
        if !failed.is_empty() {
            return Err(fail("WaitConditionFailure", failed.join(";")));
        }
        if reports.len() >= wanted {
            let data: Map<String, Value> =
                reports.iter().map(|(id, report)| (id.clone(), report.data.clone())).collect();
            node.attributes.insert("data".into(), dumped(&Value::Object(data)).into());
            return Ok(true);
        }
        if self.elapsed > self.minute * seconds / 60 {
            return Err(fail("WaitConditionTimeout", format!("{} of {wanted} received", reports.len())));
        }
        Ok(false)
    }
}

/// Everything of the current action is over.
pub(super) fn settle(level: &mut Level) {
    for node in level.nodes.values_mut() {
        node.pending = false;
        if let Some(nested) = node.level.as_deref_mut() {
            settle(nested);
        }
    }
}
