//! What running nodes are told to do.
//!
//! Nodes have no agent of Heat's. An order is metadata of their servers, which an update of the stack changes in place and
//! each node reads from the metadata service; a node that has done what it was told reports to its own wait condition,
//! which then waits for one report more. Orders are numbered per stack, so that one that is seen twice is done once.

use domain::{Error, Secret};
use serde_json::{Map, Value};

use crate::{
    Credentials,
    params::{CREDENTIALS, Parameters, Put},
};

/// Parameter of a stack that holds its last order.
const TASK: &str = "node_task";

/// What nodes are to do.
#[derive(Clone, Copy)]
pub enum Task<'a> {
    /// Get the authority and every certificate anew.
    Certificates,
    /// Use these credentials from now on.
    Credentials {
        /// Those to use.
        current: &'a Credentials,
        /// The password the servers are made with.
        made_with: &'a Secret,
    },
}

/// Tells the nodes of a stack to do something.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// Number of the order within its stack.
    pub number: u64,
    /// Why it is given; the same order is not given twice.
    pub reason: &'a str,
    /// What is to be done.
    pub task: Task<'a>,
}

impl Order<'_> {
    /// The last order of a stack with these parameters: its number, 0 when there was none, and its reason. `None` when the
    /// stack knows of no orders.
    #[must_use]
    pub fn last(parameters: &Map<String, Value>) -> Option<(u64, String)> {
        let text = parameters.get(TASK)?.as_str()?;
        let mut words = text.split(' ');
        let number = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        Some((number, words.nth(1).unwrap_or_default().to_owned()))
    }

    /// `true` when a stack with these parameters can hand other credentials to its nodes.
    #[must_use]
    pub fn hands_over(parameters: &Map<String, Value>) -> bool {
        parameters.contains_key(CREDENTIALS)
    }

    pub(crate) fn parameters(&self) -> Result<Parameters, Error> {
        let mut p = Parameters::new();
        let kind = match self.task {
            Task::Certificates => "certificates",
            Task::Credentials { current, made_with } => {
                p.put(CREDENTIALS, current.sealed(made_with)?);
                "credentials"
            }
        };
        p.put(TASK, format!("{} {kind} {}", self.number, self.reason));
        p.put("node_reports", self.number + 1);
        Ok(p)
    }
}

/// The refusal of a driver whose nodes take no orders, for instance to change their `certificates`.
#[must_use]
pub fn no_orders(driver: &str, what: &str) -> Error {
    Error::invalid(format!(
        "The driver {driver}, which builds this cluster, cannot change the {what} of nodes that run: they read their \
         configuration only once, when they are made. Make a new cluster"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_order_is_found_again_in_the_parameters_of_its_stack() {
        let order = Order { number: 4, reason: "abc/renew", task: Task::Certificates };
        let parameters: Map<String, Value> = order.parameters().unwrap().into_iter().collect();
        assert_eq!(parameters["node_task"], "4 certificates abc/renew");
        assert_eq!(parameters["node_reports"], 5, "one for having been made, one for each order");
        assert!(!Order::hands_over(&parameters), "credentials stay as they are");
        assert_eq!(Order::last(&parameters), Some((4, "abc/renew".to_owned())));
        let empty = Map::from_iter([("node_task".to_owned(), json!(""))]);
        assert_eq!(Order::last(&empty), Some((0, String::new())));
        assert_eq!(Order::last(&Map::new()), None, "a stack of older templates");
    }
}
