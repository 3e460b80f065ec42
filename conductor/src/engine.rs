//! The operation engine: takes a lease, runs one step, commits, and goes on until the operation waits or ends.
//!
//! Promises:
//! - At least once, in order, never lost: a step that was entered is entered again until it reports an end, by this
//!   process or by any other. Steps therefore look before they act.
//! - One worker at a time: every write is conditional on the `generation` of the claim. A worker that lost its lease
//!   (killed, paused, partitioned) changes nothing when it comes back, and while it runs a step it checks the lease
//!   before each poll of the step, so a paused process does not send the request it was about to send.
//! - Waiting is a column: no task sleeps for an operation.
//!
//! What a step does is not the engine's business; see [`crate::cluster`].

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Error, Operation, OperationState};
use futures::{FutureExt, future::BoxFuture};
use tracing::{Instrument, debug, info, info_span, warn};

use crate::{
    Deps,
    step::{Fail, Next, StepCtx},
};

/// A step's function. It may run twice at any point.
pub(crate) type StepFn = for<'a> fn(&'a mut StepCtx) -> BoxFuture<'a, Result<Next, Fail>>;

/// One step as the engine sees it.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    /// Stored in the operation row; never renamed.
    pub(crate) name: &'static str,
    pub(crate) run: StepFn,
    /// Uses the caller's token: steps that make things need it, those that remove them try it among others.
    pub(crate) token: bool,
}

/// A line of an operation's table: a step and what undoes it.
pub(crate) struct Line {
    pub(crate) step: Step,
    pub(crate) undo: Option<Step>,
}

/// Declares an operation as a table of `step / undo [token];` lines.
macro_rules! operation {
    ($(#[$doc:meta])* $table:ident { $($step:ident $(/ $undo:ident)? $([$flag:ident])?;)+ }) => {
        $(#[$doc])*
        pub(crate) static $table: &[$crate::engine::Line] = &[$(
            $crate::engine::Line {
                step: $crate::engine::Step {
                    name: stringify!($step),
                    run: |ctx| Box::pin($step(ctx)),
                    token: operation!(@token $($flag)?),
                },
                undo: operation!(@undo $($undo)?),
            }
        ),+];
    };
    (@token) => { false };
    (@token token) => { true };
    (@undo) => { None };
    (@undo $undo:ident) => {
        Some($crate::engine::Step { name: stringify!($undo), run: |ctx| Box::pin($undo(ctx)), token: true })
    };
}
pub(crate) use operation;

/// Where a test may stop the engine as if the process had died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// The step was claimed, nothing was done.
    Before,
    /// The step did its work, nothing was committed.
    AfterEffect,
    /// The step was committed.
    AfterCommit,
}

/// Answers `true` where the engine shall stop as if killed. Only tests set one.
pub type Breakpoint = Arc<dyn Fn(&Operation, &str, Point) -> bool + Send + Sync>;

/// What to do with a claimed operation; pure, so that odd cases are unit tests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Run the step with this index.
    Run(usize),
    /// Its deadline has passed: run the step with this index once more, and fail if that is not its end. What it waits
    /// for may have come about while no conductor ran.
    LastRun(usize),
    /// The stored step name is not in the table (written by another version).
    Unknown,
}

/// A step is tried this often before its deadline counts, as the deadline may pass while no conductor runs.
const FEWEST_ATTEMPTS: i64 = 2;

/// Decides what to do next with `op`, whose steps are `names`.
pub(crate) fn plan(op: &Operation, names: &[&str], now: DateTime<Utc>, deadline: TimeDelta) -> Action {
    let index = if op.step.is_empty() { Some(0) } else { names.iter().position(|name| *name == op.step) };
    match index {
        None => Action::Unknown,
        Some(index) if index >= names.len() => Action::Unknown,
        Some(index) if op.attempt >= FEWEST_ATTEMPTS && now - op.step_since > deadline => Action::LastRun(index),
        Some(index) => Action::Run(index),
    }
}

/// Delay before attempt number `attempt + 1`: doubling from one second to a minute.
pub(crate) fn back_off(attempt: i64) -> TimeDelta {
    TimeDelta::seconds(1i64 << attempt.clamp(0, 6)).min(TimeDelta::seconds(60))
}

/// How an [`Engine::advance`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// Somebody else holds it, or it is not due.
    NotClaimed,
    /// It waits until the given time.
    Waiting(DateTime<Utc>),
    /// It ended; the id of the operation that may now run, if one was queued.
    Ended(OperationState, Option<String>),
    /// The lease was lost or the operation taken over; nothing was written.
    Lost,
    /// A breakpoint stopped it.
    Crashed,
    /// Handed back because the process is stopping.
    Released,
}

/// Runs operations. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    deps: Arc<Deps>,
    owner: String,
    breakpoint: Option<Breakpoint>,
}

impl Engine {
    /// An engine that claims under the name `owner`, unique to the process.
    #[must_use]
    pub fn new(deps: Arc<Deps>, owner: String) -> Self {
        Self { deps, owner, breakpoint: None }
    }

    /// The same engine with a breakpoint, for tests that prove crash safety.
    #[must_use]
    pub fn with_breakpoint(mut self, breakpoint: Breakpoint) -> Self {
        self.breakpoint = Some(breakpoint);
        self
    }

    /// Claims operation `id` and runs it until it waits, ends or is lost.
    ///
    /// # Errors
    /// When the database fails; the lease then expires and somebody carries on.
    pub async fn advance(&self, id: &str, stopping: &(dyn Fn() -> bool + Sync)) -> Result<Advanced, Error> {
        let now = self.deps.clock.now();
        let Some(op) = self.deps.store.claim_operation(id, &self.owner, now, self.lease()).await? else {
            return Ok(Advanced::NotClaimed);
        };
        let span = info_span!("operation", operation.id = %op.id, operation.kind = %op.kind, cluster.uuid = %op.cluster_uuid, request.id = %op.request_id);
        Box::pin(self.run(op, stopping)).instrument(span).await
    }

    async fn run(&self, op: Operation, stopping: &(dyn Fn() -> bool + Sync)) -> Result<Advanced, Error> {
        let Some(mut ctx) = StepCtx::load(Arc::clone(&self.deps), op.clone()).await? else {
            let reason = "the cluster row is gone".to_owned();
            let ended = self.deps.store.finish(&op, store::Outcome::gone(reason), self.deps.clock.now()).await?;
            return Ok(ended.map_or(Advanced::Lost, |next| Advanced::Ended(OperationState::Cancelled, next)));
        };
        let steps = crate::cluster::steps(ctx.op.kind);
        let names: Vec<&str> = steps.iter().map(|step| step.name).collect();
        loop {
            if stopping() {
                self.deps.store.release(&ctx.op).await?;
                return Ok(Advanced::Released);
            }
            let deadline = crate::cluster::deadline(&ctx, &ctx.op.step);
            let advanced = match plan(&ctx.op, &names, self.deps.clock.now(), deadline) {
                Action::Run(index) => self.run_step(&mut ctx, &steps, index, false).await?,
                Action::LastRun(index) => self.run_step(&mut ctx, &steps, index, true).await?,
                Action::Unknown => {
                    let text = format!("The step {:?} is not known to this version of the service", ctx.op.step);
                    Some(self.fail(&mut ctx, &text).await?)
                }
            };
            if let Some(advanced) = advanced {
                return Ok(advanced);
            }
        }
    }

    /// One step and its commit; `None` means: go on with the next one. A step that still waits in its `last` run fails.
    async fn run_step(
        &self,
        ctx: &mut StepCtx,
        steps: &[Step],
        index: usize,
        last: bool,
    ) -> Result<Option<Advanced>, Error> {
        let step = steps[index];
        if ctx.op.step.is_empty() {
            step.name.clone_into(&mut ctx.op.step);
            ctx.op.step_since = self.deps.clock.now();
        }
        if self.stops_at(&ctx.op, step.name, Point::Before) {
            return Ok(Some(Advanced::Crashed));
        }
        let span = info_span!("step", step = step.name, attempt = ctx.op.attempt);
        let outcome = self.guarded(ctx, step).instrument(span).await;
        if self.stops_at(&ctx.op, step.name, Point::AfterEffect) {
            return Ok(Some(Advanced::Crashed));
        }
        let before = ctx.op.clone();
        let advanced = match self.commit(ctx, steps, index, last, outcome).await {
            Err(error @ Error::DoesNotFit { .. }) => Some(self.reject(ctx, before, &error).await?),
            committed => committed?,
        };
        if self.stops_at(&ctx.op, step.name, Point::AfterCommit) {
            return Ok(Some(Advanced::Crashed));
        }
        Ok(advanced)
    }

    /// Writes what came of a step.
    async fn commit(
        &self,
        ctx: &mut StepCtx,
        steps: &[Step],
        index: usize,
        last: bool,
        outcome: Result<Next, Fail>,
    ) -> Result<Option<Advanced>, Error> {
        let step = steps[index];
        Ok(match outcome {
            Ok(Next::Done) => self.done(ctx, steps, index).await?,
            Ok(Next::Wait(_)) if last => Some(self.time_out(ctx, step).await?),
            Ok(Next::Wait(pause)) => Some(self.wait(ctx, pause).await?),
            Err(Fail::Retry(error)) if last => {
                ctx.op.reason = Some(error.to_string());
                Some(self.time_out(ctx, step).await?)
            }
            Err(Fail::Retry(error)) => {
                warn!(step = step.name, attempt = ctx.op.attempt, error = %error, "step failed and will be tried again");
                ctx.op.reason = Some(error.to_string());
                let pause = back_off(ctx.op.attempt);
                Some(self.wait(ctx, pause).await?)
            }
            Err(Fail::Fatal(error)) => Some(self.fail(ctx, &error.to_string()).await?),
            Err(Fail::Lost) => Some(self.lost(ctx).await?),
        })
    }

    /// Fails an operation whose result the database will never take; cluster and node groups stay as they are stored.
    async fn reject(&self, ctx: &mut StepCtx, before: Operation, error: &Error) -> Result<Advanced, Error> {
        match StepCtx::load(Arc::clone(&self.deps), before).await? {
            Some(stored) => {
                *ctx = StepCtx { lease: ctx.lease.clone(), ..stored };
                self.fail(ctx, &error.to_string()).await
            }
            None => self.lost(ctx).await,
        }
    }

    /// Runs the step while renewing the lease; gives up the moment the lease has run out.
    ///
    /// A step whose operation was taken over is not cut off: the request it is in the middle of would be carried out all
    /// the same, and the delete that took over waits until it is answered, so that it finds what was made.
    async fn guarded(&self, ctx: &mut StepCtx, step: Step) -> Result<Next, Fail> {
        let op = ctx.op.clone();
        let lease = ctx.lease.clone();
        tokio::select! {
            biased;
            () = lease.expired(self.deps.clock.clone()) => Err(Fail::Lost),
            never = self.renew(&op, &lease) => match never {},
            outcome = AssertUnwindSafe((step.run)(ctx)).catch_unwind() => outcome.unwrap_or_else(|_| Err(defect(step))),
        }
    }

    /// Renews the lease, of an operation that was taken over as well, and once it is lost lets it run out.
    async fn renew(&self, op: &Operation, lease: &crate::step::Lease) -> std::convert::Infallible {
        let every = Duration::from_millis(u64::try_from(self.lease().num_milliseconds() / 3).unwrap_or(1_000).max(50));
        loop {
            tokio::time::sleep(every).await;
            let now = self.deps.clock.now();
            let until = now + self.lease();
            let held = match self.deps.store.renew_lease(op, until).await {
                Ok(false) => self.deps.store.linger(op, now, until).await,
                other => other,
            };
            match held {
                Ok(true) => lease.extend(until),
                Ok(false) => return std::future::pending().await,
                Err(error) => warn!(error = %error, "lease could not be renewed, trying again while it lasts"),
            }
        }
    }

    async fn done(&self, ctx: &mut StepCtx, steps: &[Step], index: usize) -> Result<Option<Advanced>, Error> {
        debug!(step = steps[index].name, "step done");
        let Some(next) = steps.get(index + 1) else {
            return Ok(Some(self.succeed(ctx).await?));
        };
        let now = self.deps.clock.now();
        next.name.clone_into(&mut ctx.op.step);
        ctx.op.step_since = now;
        ctx.op.attempt = 0;
        ctx.op.reason = None;
        ctx.op.run_at = now;
        if !steps[index + 1..].iter().any(|step| step.token) {
            ctx.op.sealed_token = None;
        }
        let kept = self.deps.store.commit_step(&ctx.op, &ctx.cluster, &ctx.taking_part(), true, now).await?;
        if kept { Ok(None) } else { Ok(Some(self.lost(ctx).await?)) }
    }

    async fn wait(&self, ctx: &mut StepCtx, pause: TimeDelta) -> Result<Advanced, Error> {
        let now = self.deps.clock.now();
        ctx.op.attempt += 1;
        ctx.op.run_at = now + jittered(pause);
        let kept = self.deps.store.commit_step(&ctx.op, &ctx.cluster, &ctx.taking_part(), false, now).await?;
        if kept { Ok(Advanced::Waiting(ctx.op.run_at)) } else { self.lost(ctx).await }
    }

    async fn succeed(&self, ctx: &mut StepCtx) -> Result<Advanced, Error> {
        let outcome = crate::cluster::success(ctx);
        info!(cluster.name = %ctx.cluster.name, "operation done");
        self.end(ctx, outcome, OperationState::Done).await
    }

    async fn fail(&self, ctx: &mut StepCtx, reason: &str) -> Result<Advanced, Error> {
        warn!(reason, step = %ctx.op.step, "operation failed");
        if let Some(step) = crate::cluster::before_failure(ctx.op.kind)
            && let Err(Fail::Lost) = self.guarded(ctx, step).await
        {
            return self.lost(ctx).await;
        }
        let outcome = crate::cluster::failure(ctx, reason);
        self.end(ctx, outcome, OperationState::Failed).await
    }

    async fn time_out(&self, ctx: &mut StepCtx, step: Step) -> Result<Advanced, Error> {
        let cause = ctx.op.reason.clone().unwrap_or_else(|| "it never reported an end".to_owned());
        self.fail(ctx, &format!("Timed out in step {}: {cause}", step.name)).await
    }

    async fn end(&self, ctx: &StepCtx, outcome: store::Outcome, state: OperationState) -> Result<Advanced, Error> {
        match self.deps.store.finish(&ctx.op, outcome, self.deps.clock.now()).await? {
            Some(next) => Ok(Advanced::Ended(state, next)),
            None => self.lost(ctx).await,
        }
    }

    /// The lease is gone: hand back what may still bear our name, so that a delete need not wait for it to expire.
    async fn lost(&self, ctx: &StepCtx) -> Result<Advanced, Error> {
        info!("operation was taken over");
        self.deps.store.release(&ctx.op).await?;
        Ok(Advanced::Lost)
    }

    /// Time from now until `at`, on the conductor's clock.
    pub(crate) fn until(&self, at: DateTime<Utc>) -> Duration {
        (at - self.deps.clock.now()).to_std().unwrap_or_default()
    }

    fn lease(&self) -> TimeDelta {
        self.deps.lease
    }

    fn stops_at(&self, op: &Operation, step: &str, point: Point) -> bool {
        self.breakpoint.as_ref().is_some_and(|stop| stop(op, step, point))
    }
}

/// A step that panicked is tried again like any other, so that its deadline ends it.
fn defect(step: Step) -> Fail {
    Fail::Retry(Error::Internal { doing: format!("Step {} ended unexpectedly", step.name), source: None })
}

/// Up to a tenth more, so that many waits that began together do not end together.
fn jittered(pause: TimeDelta) -> TimeDelta {
    pause + TimeDelta::milliseconds(rand::random_range(0..=(pause.num_milliseconds() / 10).max(1)))
}

#[cfg(test)]
mod tests {
    use domain::OperationKind;

    use super::*;

    fn operation(step: &str, attempt: i64, minutes: i64) -> (Operation, DateTime<Utc>) {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let op = Operation {
            id: "op".to_owned(),
            seq: 1,
            cluster_uuid: "cluster".to_owned(),
            project_id: "project".to_owned(),
            user_id: "user".to_owned(),
            request_id: "req".to_owned(),
            kind: OperationKind::Create,
            params: serde_json::json!({}),
            state: OperationState::Active,
            step: step.to_owned(),
            attempt,
            run_at: now,
            step_since: now - TimeDelta::minutes(minutes),
            lease_owner: None,
            lease_until: None,
            generation: 1,
            sealed_token: None,
            reason: None,
            created_at: now,
            updated_at: None,
            finished_at: None,
        };
        (op, now)
    }

    #[test]
    fn a_plan_starts_at_the_top_and_goes_on_where_it_was() {
        let deadline = TimeDelta::minutes(15);
        let planned = |step, attempt, minutes| {
            let (op, now) = operation(step, attempt, minutes);
            plan(&op, &["first", "second"], now, deadline)
        };
        assert_eq!(planned("", 0, 0), Action::Run(0));
        assert_eq!(planned("second", 3, 14), Action::Run(1));
        assert_eq!(planned("second", 3, 16), Action::LastRun(1));
        assert_eq!(planned("second", 1, 16), Action::Run(1), "a step that was hardly tried is tried, however late");
        assert_eq!(planned("renamed", 0, 0), Action::Unknown);
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let seconds: Vec<i64> = (0..9).map(|attempt| back_off(attempt).num_seconds()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_creation_cannot_go_on_without_its_token_until_the_stack_is_made() {
        let lacks = |step, token: Option<&str>, kind| {
            let op = operation(step, 0, 0).0;
            crate::lacks_token(&Operation { kind, sealed_token: token.map(str::to_owned), ..op })
        };
        for step in ["", "issue_certs", "grant_trust", "create_stack"] {
            assert!(lacks(step, None, OperationKind::Create), "{step}");
            assert!(!lacks(step, Some("sealed"), OperationKind::Create), "{step}");
        }
        assert!(!lacks("await_stack", None, OperationKind::Create));
        assert!(!lacks("update_stack", None, OperationKind::Resize));
        assert!(!lacks("settle", None, OperationKind::Delete));
    }

    #[test]
    fn deleting_is_creating_read_backwards() {
        let names = crate::step_names(OperationKind::Delete);
        assert_eq!(
            names,
            [
                "settle",
                "delete_load_balancers",
                "delete_node_groups",
                "delete_stack",
                "revoke_trust",
                "delete_certs",
                "forget_cluster"
            ]
        );
        let names = crate::step_names(OperationKind::NodegroupDelete);
        assert_eq!(names, ["settle", "delete_group_stack", "forget_group"]);
    }
}
