//! Stacks that nobody in Heat works on any more, and having Heat go on with them.
//!
//! An engine that dies takes with it what it was waiting for, and the stack stays in progress for ever: Heat's own timer
//! died as well. A change that changes nothing makes a living engine go through the stack again; it takes over what the
//! dead one held, and waits for what a living one still holds. So a stack that is merely slow is not harmed.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use cloud::Stack;
use serde_json::json;

use crate::step::{Fail, StepCtx};

impl StepCtx {
    /// Has Heat go through a stack in progress again when nothing in it has moved for `[magnum_rs] stalled_stack_time`.
    ///
    /// What it asks for is itself a movement, so the next time is as long again after it.
    pub(super) async fn revive(&self, stack: &Stack) -> Result<(), Fail> {
        let patience = TimeDelta::seconds(self.deps.options.magnum_rs.stalled_stack_time);
        let deadline = self.deps.clock.now() - patience;
        if patience.is_zero() || stack_moved(stack).is_none_or(|moved| moved > deadline) {
            return Ok(());
        }
        let id = &stack.id;
        let resources = self.with_any(|session| async move { session.heat().resources(id, 5, None).await }).await?;
        if resources.iter().filter_map(|one| time(one.updated_time.as_deref())).any(|moved| moved > deadline) {
            return Ok(());
        }
        let waiting: Vec<&str> =
            resources.iter().filter(|one| one.status.ends_with("_IN_PROGRESS")).map(|one| one.name.as_str()).collect();
        tracing::warn!(stack.id = id, waiting = ?waiting, "nothing in the stack has moved: asking Heat to go on");
        let asked = if stack.status == "DELETE_IN_PROGRESS" {
            self.with_any_anew(|session| async move { session.heat().delete(id).await.map(drop) }).await
        } else {
            let nothing = &json!({"parameters": {}});
            self.with_any_anew(|session| async move { session.heat().patch(id, nothing).await }).await
        };
        // The wait goes on whether or not Heat takes it; the operation's deadline ends it.
        match asked {
            Err(Fail::Fatal(error)) => tracing::warn!(stack.id = id, %error, "Heat does not go on with the stack"),
            other => other?,
        }
        Ok(())
    }
}

/// When the stack was begun or last changed.
fn stack_moved(stack: &Stack) -> Option<DateTime<Utc>> {
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
