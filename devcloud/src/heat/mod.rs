//! Heat: stacks from template to nodes, their states over time, and their API.

pub(crate) mod api;
mod build;
mod change;
mod check;
mod life;
mod list;
mod members;
mod properties;
mod release;
mod resources;
mod scope;
mod signals;
mod stack;
mod tree;
mod types;
mod views;

pub(crate) use signals::report_to_all;
pub(crate) use stack::{Stack, Stacks};

use crate::http::Refusal;

/// Heat's sentence for something that does not exist.
fn missing(kind: &str, name: &str) -> Refusal {
    Refusal::new(404, "EntityNotFound", &format!("The {kind} ({name}) could not be found."))
}
