//! Time: what becomes of a stack's action after the request was answered.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::time::Instant;

use super::signals::{self, Progress};
use super::stack::{Action, Stack, Status};
use super::{change, release};
use crate::player;
use crate::state::{Shared, World};

/// How often the reports of nodes are looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// Lets the current action of a stack run its course in the background.
pub(super) fn start(shared: &Arc<Shared>, world: &mut World, id: &str) {
    let (delay, minute) = (world.settings.stack_delay, world.settings.stack_minute);
    let Some(stack) = world.stacks.get_mut(id) else { return };
    if let Some(earlier) = stack.timer.take() {
        earlier.abort();
    }
    let limit = stack.timeout_mins.map(|minutes| minute * u32::try_from(minutes).unwrap_or(u32::MAX));
    let course = Course {
        shared: Arc::clone(shared),
        id: id.to_owned(),
        sequence: stack.sequence,
        action: stack.action,
        delay,
        limit,
    };
    stack.timer = Some(shared.runtime.spawn(course.run()).abort_handle());
}

struct Course {
    shared: Arc<Shared>,
    id: String,
    sequence: u64,
    action: Action,
    delay: Duration,
    limit: Option<Duration>,
}

impl Course {
    async fn run(self) {
        if self.action == Action::Delete {
            tokio::time::sleep(self.delay).await;
            return self.with_stack(finish_delete);
        }
        let work = async {
            tokio::time::sleep(self.delay).await;
            let endpoint = player::play(&self.shared, &self.id, self.sequence).await?;
            self.reports().await;
            Ok(endpoint)
        };
        let outcome = match self.limit {
            Some(limit) => match tokio::time::timeout(limit, work).await {
                Ok(outcome) => outcome,
                Err(_) => Err("Timed out".to_owned()),
            },
            None => work.await,
        };
        self.with_stack(|world, stack| finish(world, stack, outcome));
    }

    /// Waits until the stack's conditions are fulfilled or one has failed, where conditions are to wait at all.
    async fn reports(&self) {
        let begun = Instant::now();
        loop {
            let dead = self.shared.world().heat_is_dead;
            if dead {
                tokio::time::sleep(GLANCE).await;
                continue;
            }
            {
                let mut world = self.shared.world();
                let waits = world.settings.await_signals;
                let current = world.stacks.get(&self.id).filter(|stack| stack.sequence == self.sequence);
                if !waits || current.is_none_or(|stack| stack.failure.is_some()) {
                    return;
                }
                let Some(mut stack) = world.stacks.remove(&self.id) else { return };
                let progress = signals::progress(&world, &mut stack, begun.elapsed(), world.settings.stack_minute);
                let over = !matches!(progress, Progress::Waiting);
                if let Progress::Failed(failure) = progress {
                    stack.failure = Some(failure);
                }
                change::evaluate_again(&mut stack);
                world.stacks.insert(stack);
                if over {
                    return;
                }
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Works on the stack, unless another action has begun since.
    fn with_stack(&self, work: impl FnOnce(&mut World, &mut Stack)) {
        let mut world = self.shared.world();
        if world.stacks.get(&self.id).is_none_or(|stack| stack.sequence != self.sequence) {
            return;
        }
        if let Some(mut stack) = world.stacks.remove(&self.id) {
            work(&mut world, &mut stack);
            world.stacks.insert(stack);
            world.stacks.forget();
        }
    }
}

/// Ends a create or update; `outcome` is what the played nodes reported.
fn finish(world: &mut World, stack: &mut Stack, outcome: Result<Option<player::Endpoint>, String>) {
    let action = stack.action;
    let word = action.word();
    signals::settle(&mut stack.level);
    stack.note_resources();
    let failed = match (&stack.failure, outcome) {
        (Some(failure), _) => Some(format!("Resource {word} failed: {}", failure.text())),
        (None, Err(reason)) => Some(reason),
        (None, Ok(endpoint)) => {
            if endpoint.is_some() {
                stack.endpoint = endpoint;
            }
            None
        }
    };
    let Some(reason) = failed else {
        return stack.enter(action, Status::Complete, &format!("Stack {word} completed successfully"));
    };
    if action != Action::Create || stack.disable_rollback {
        return stack.enter(action, Status::Failed, &reason);
    }
    stack.endpoint = None;
    match release::level(world, &mut stack.level) {
        None => stack.enter(Action::Rollback, Status::Complete, "Stack ROLLBACK completed successfully"),
        Some(failure) => {
            stack.enter(Action::Rollback, Status::Failed, &format!("Resource DELETE failed: {}", failure.text()));
        }
    }
}

fn finish_delete(world: &mut World, stack: &mut Stack) {
    if world.deletions_to_fail > 0 {
        world.deletions_to_fail -= 1;
        return stack.enter(
            Action::Delete,
            Status::Failed,
            "Resource DELETE failed: NotFound: resource with id 30 not found",
        );
    }
    let served = stack.endpoint.take().is_some();
    let failure = release::level(world, &mut stack.level);
    if served {
        player::forget_cluster(world, stack);
    }
    match failure {
        None => {
            stack.deleted = (!world.heat_holds_deleted).then(Utc::now);
            stack.enter(Action::Delete, Status::Complete, "Stack DELETE completed successfully");
        }
        Some(failure) => {
            stack.enter(Action::Delete, Status::Failed, &format!("Resource DELETE failed: {}", failure.text()));
        }
    }
}
