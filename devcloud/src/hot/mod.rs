//! Heat's template language: reading templates and environments, checking parameters, evaluating functions.

pub(crate) mod constraints;
pub(crate) mod environment;
pub(crate) mod eval;
pub(crate) mod functions;
pub(crate) mod parameters;
pub(crate) mod template;
#[cfg(test)]
mod tests;
pub(crate) mod yaml;

use crate::http::Refusal;

/// Heat's refusal of an invalid stack.
pub(crate) fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "StackValidationFailed", message)
}
