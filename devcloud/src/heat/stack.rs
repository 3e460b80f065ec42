//! Stored stacks and their states.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use tokio::task::AbortHandle;

use super::build::Failure;
use super::signals::Reports;
use super::tree::Level;
use crate::hot::environment::Environment;
use crate::hot::template::Template;
use crate::player::Endpoint;

/// What is being done, or was done last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Create,
    Update,
    Delete,
    Rollback,
}

impl Action {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Action::Create => "CREATE",
            Action::Update => "UPDATE",
            Action::Delete => "DELETE",
            Action::Rollback => "ROLLBACK",
        }
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    InProgress,
    Complete,
    Failed,
}

impl Status {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Status::InProgress => "IN_PROGRESS",
            Status::Complete => "COMPLETE",
            Status::Failed => "FAILED",
        }
    }
}

/// A stack.
pub(crate) struct Stack {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) project_id: String,
    /// Project that Heat makes for the users of the stack's own.
    pub(crate) user_project_id: String,
    pub(crate) user_id: String,
    pub(crate) user_name: String,
    pub(crate) template: Arc<Template>,
    pub(crate) templates: BTreeMap<String, Arc<Template>>,
    pub(crate) files: Map<String, Value>,
    pub(crate) environment: Environment,
    /// Parameters as they were sent.
    pub(crate) given: Map<String, Value>,
    pub(crate) level: Level,
    pub(crate) action: Action,
    pub(crate) status: Status,
    pub(crate) reason: String,
    pub(crate) created: DateTime<Utc>,
    pub(crate) updated: Option<DateTime<Utc>>,
    pub(crate) deleted: Option<DateTime<Utc>>,
    pub(crate) timeout_mins: Option<u64>,
    pub(crate) disable_rollback: bool,
    pub(crate) tags: Vec<String>,
    pub(crate) events: Vec<Value>,
    /// Counts the actions; a timer of an earlier one finds another number and gives up.
    pub(crate) sequence: u64,
    /// What will make the action fail when its time is over.
    pub(crate) failure: Option<Failure>,
    /// The played API server.
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) timer: Option<AbortHandle>,
}

impl Stack {
    /// `CREATE_COMPLETE` and the like.
    pub(crate) fn state(&self) -> String {
        format!("{}_{}", self.action.word(), self.status.word())
    }

    /// Enters a state and notes it as an event.
    pub(crate) fn enter(&mut self, action: Action, status: Status, reason: &str) {
        (self.action, self.status) = (action, status);
        reason.clone_into(&mut self.reason);
        let (name, id) = (self.name.clone(), self.id.clone());
        self.note(&name, &id, &self.state(), reason);
    }

    /// Adds an event.
    pub(crate) fn note(&mut self, resource: &str, physical_id: &str, state: &str, reason: &str) {
        self.events.push(json!({
            "id": crate::state::new_id(), "event_time": crate::state::stamp(Utc::now()), "resource_name": resource,
            "logical_resource_id": resource, "physical_resource_id": physical_id, "resource_status": state,
            "resource_status_reason": reason,
        }));
    }

    /// Notes every resource that the current action touched.
    pub(crate) fn note_resources(&mut self) {
        let sequence = self.sequence;
        let touched: Vec<(String, String, String, String)> = self
            .level
            .flatten(u64::MAX)
            .into_iter()
            .filter(|(_, node)| node.sequence == sequence)
            .map(|(_, node)| {
                let state = format!("{}_{}", node.action, node.status);
                (node.name.clone(), node.physical_id.clone(), state, node.reason.clone())
            })
            .collect();
        for (name, id, state, reason) in touched {
            self.note(&name, &id, &state, &reason);
        }
    }
}

/// All stacks, the deleted ones included for a while.
#[derive(Default)]
pub(crate) struct Stacks {
    rows: IndexMap<String, Stack>,
    /// Texts of software configurations by id.
    pub(crate) configs: BTreeMap<String, String>,
    /// What nodes reported, by the address of the handle.
    pub(crate) reports: BTreeMap<String, Reports>,
}

/// How many deleted stacks are remembered.
const REMEMBERED: usize = 1000;

impl Stacks {
    pub(crate) fn insert(&mut self, stack: Stack) {
        self.rows.insert(stack.id.clone(), stack);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Stack> {
        self.rows.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Stack> {
        self.rows.get_mut(id)
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Stack> {
        self.rows.shift_remove(id)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Stack> {
        self.rows.values()
    }

    /// The live stack of this name in a project.
    pub(crate) fn named(&self, project: &str, name: &str) -> Option<&Stack> {
        self.rows.values().find(|stack| stack.deleted.is_none() && stack.project_id == project && stack.name == name)
    }

    /// Names of the stacks that are not deleted.
    pub(crate) fn live_names(&self) -> BTreeSet<String> {
        self.rows.values().filter(|stack| stack.deleted.is_none()).map(|stack| stack.name.clone()).collect()
    }

    /// Lets go of all stacks whose resources are gone.
    pub(crate) fn let_go(&mut self) {
        let emptied = |stack: &&mut Stack| stack.action == Action::Delete && stack.status == Status::Complete;
        for stack in self.rows.values_mut().filter(emptied) {
            stack.deleted.get_or_insert_with(Utc::now);
        }
    }

    /// Forgets the oldest deleted stacks beyond those that are remembered.
    pub(crate) fn forget(&mut self) {
        let deleted = self.rows.values().filter(|stack| stack.deleted.is_some()).count();
        let mut surplus = deleted.saturating_sub(REMEMBERED);
        self.rows.retain(|_, stack| {
            let forget = surplus > 0 && stack.deleted.is_some();
            surplus -= usize::from(forget);
            !forget
        });
    }

    /// Stops all timers and played nodes.
    pub(crate) fn abandon(&mut self) {
        for stack in self.rows.values_mut() {
            stack.endpoint = None;
            stack.sequence += 1;
            if let Some(timer) = stack.timer.take() {
                timer.abort();
            }
        }
    }
}
