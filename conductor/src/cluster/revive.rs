//! Stacks that nobody in Heat works on any more, and having Heat go on with them.
//!
//! An engine that dies takes with it what it was waiting for, and the stack stays in progress for ever: Heat's own timer
//! died as well. A change that changes nothing makes a living engine go through the stack again. It takes over what a dead
//! one held; what a living one holds, such as the wait for slow nodes, it cancels, and may fail the stack by that. So Heat
//! is asked only when what it waits for has come long ago, or when nothing at all has moved for very long.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use cloud::{Resource, Session, Stack};
use drivers::Order;
use serde_json::json;

use crate::step::{Fail, StepCtx};

/// How many times the patience with other things is as long as that with reports that have come.
const SLOW: i32 = 3;
const CONDITION: &str = "OS::Heat::WaitCondition";

impl StepCtx {
    /// Has Heat go through a stack in progress again that it has forgotten, see `[magnum_rs] stalled_stack_time`.
    ///
    /// What it asks for is itself a movement, so the next time is as long again after it.
    pub(super) async fn revive(&self, stack: &Stack) -> Result<(), Fail> {
        let patience = TimeDelta::seconds(self.deps.options.magnum_rs.stalled_stack_time);
        let now = self.deps.clock.now();
        if patience.is_zero() || stack_moved(stack).is_none_or(|moved| moved > now - patience) {
            return Ok(());
        }
        let id = &stack.id;
        let resources = self.with_any(|session| async move { session.heat().resources(id, 5, None).await }).await;
        let Some(resources) = unless_refused(stack, "Heat does not list what is in the stack", resources)? else {
            return Ok(());
        };
        let moves = resources.iter().filter_map(|one| time(one.updated_time.as_deref()));
        let quiet = moves.chain(stack_moved(stack)).max().map_or(patience, |moved| now - moved);
        if quiet < patience {
            return Ok(());
        }
        let under_way = |one: &&Resource| one.status.ends_with("_IN_PROGRESS") && !one.is_nested();
        let leaves: Vec<&Resource> = resources.iter().filter(under_way).collect();
        let forgotten = match stack.status.as_str() {
            "DELETE_IN_PROGRESS" | "DELETE_COMPLETE" => true,
            _ => leaves.is_empty() || self.is_all_told(stack, &leaves, now - patience).await?,
        };
        // Nodes that have not reported are slow or dead; for these, conditions have a time of their own.
        let stuck = quiet >= patience * SLOW && leaves.iter().any(|one| one.kind != CONDITION);
        if !(forgotten || stuck) {
            return Ok(());
        }
        let waiting: Vec<&str> = leaves.iter().map(|one| one.name.as_str()).collect();
        tracing::warn!(stack.id = id, waiting = ?waiting, "nothing in the stack has moved: asking Heat to go on");
        let asked = if stack.status.starts_with("DELETE_") {
            self.with_any_anew(|session| async move { session.heat().delete(id).await.map(drop) }).await
        } else {
            let nothing = &json!({"parameters": {}});
            self.with_any_anew(|session| async move { session.heat().patch(id, nothing).await }).await
        };
        unless_refused(stack, "Heat does not go on with the stack", asked).map(|_| ())
    }

    /// Whether every report that one of these conditions waits for had come before `deadline`.
    async fn is_all_told(&self, stack: &Stack, leaves: &[&Resource], deadline: DateTime<Utc>) -> Result<bool, Fail> {
        let wanted = Order::last(&stack.parameters).map_or(1, |(number, _)| number + 1);
        for condition in leaves.iter().filter(|one| one.kind == CONDITION) {
            let handle = &condition.name.replace("_condition", "_handle");
            let ask = async move |session: Session| session.heat().reports(condition, handle).await;
            let reports = self.with_any(ask).await;
            let Some(reports) = unless_refused(stack, "Heat does not show what it was told", reports)? else {
                continue;
            };
            let long_ago = time(reports.last.as_deref()).is_none_or(|last| last < deadline);
            if reports.count as u64 >= wanted && long_ago {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The wait goes on whether or not Heat answers what is asked here: it may be let wait, not be let see everything. The
/// operation's deadline ends it.
fn unless_refused<T>(stack: &Stack, what: &str, answer: Result<T, Fail>) -> Result<Option<T>, Fail> {
    match answer {
        Err(Fail::Fatal(error)) => {
            tracing::warn!(stack.id, %error, "{what}");
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// When the stack was begun or last changed.
pub(super) fn stack_moved(stack: &Stack) -> Option<DateTime<Utc>> {
    time(stack.updated_time.as_deref()).max(time(stack.creation_time.as_deref()))
}

/// Heat writes UTC, with or without saying so.
fn time(text: Option<&str>) -> Option<DateTime<Utc>> {
    let text = text?;
    text.parse().ok().or_else(|| text.parse::<NaiveDateTime>().ok().map(|time| time.and_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_however_they_are_written() {
        let expected: DateTime<Utc> = "2026-11-21T12:14:40Z".parse().unwrap();
        assert_eq!(time(Some("2026-11-21T12:14:40Z")), Some(expected));
        assert_eq!(time(Some("2026-11-21T12:14:40")), Some(expected));
        assert_eq!(time(Some("yesterday")), None);
        assert_eq!(time(None), None);
    }
}
