//! The Heat stack of a cluster: made, waited for, read and removed.
//!
//! Its name derives from the cluster's uuid and it is tagged with it, so a rerun finds what exists.

use chrono::TimeDelta;
use cloud::{Session, Stack};
use domain::{Error, NodeGroup, Status};
use drivers::{Driver, Outputs};
use serde_json::{Value, json};

use crate::step::{Fail, Next, StepCtx, as_caller_sees};

impl StepCtx {
    /// The driver for the template's server type, distribution and COE.
    pub(crate) fn driver(&self) -> Result<&'static dyn Driver, Fail> {
        let template = self.template()?;
        let distro = template.cluster_distro.as_deref().unwrap_or_default();
        drivers::driver_for(&template.server_type, distro, &template.coe, &self.deps.options.drivers.disabled_drivers)
            .ok_or_else(|| {
                Fail::Fatal(Error::invalid(format!(
                    "Cluster type ({}, {distro}, {}) not supported",
                    template.server_type, template.coe
                )))
            })
    }

    /// The stack by its recorded id, else by its derived name; without outputs, which cost Heat a look at everything.
    /// Heat goes on answering for deleted stacks by their id; for us they are gone.
    pub(super) async fn stack(&self) -> Result<Option<Stack>, Fail> {
        self.stack_named(&self.stack_ident()).await
    }

    /// The stack this operation is about: that of its node group, else the cluster's.
    pub(super) async fn target_stack(&self) -> Result<Option<Stack>, Fail> {
        self.stack_named(&self.target_ident()).await
    }

    /// Id or name of the stack this operation is about.
    pub(super) fn target_ident(&self) -> String {
        self.own_group().map_or_else(|| self.stack_ident(), |group| self.group_ident(group))
    }

    /// Id or name of the stack of a node group that has one of its own.
    pub(super) fn group_ident(&self, group: &NodeGroup) -> String {
        group.stack_id.clone().unwrap_or_else(|| group.stack_name(&self.cluster))
    }

    /// A stack of the cluster by id or name, while there is one.
    pub(super) async fn stack_named(&self, ident: &str) -> Result<Option<Stack>, Fail> {
        Ok(self.remains_of(ident).await?.filter(|stack| stack.status != "DELETE_COMPLETE"))
    }

    /// A stack of the cluster by id or name, until Heat has let go of all of it.
    pub(super) async fn remains_of(&self, ident: &str) -> Result<Option<Stack>, Fail> {
        let call = |session: Session| async move { session.heat().stack(ident).await };
        let found = self.find_as_any(call, || self.out_of_sight(ident)).await?;
        Ok(found.filter(|stack| !stack.is_gone()))
    }

    /// A stack with its outputs; none is a failure.
    pub(super) async fn outputs_of(&self, ident: &str) -> Result<Outputs, Fail> {
        let call = |session: Session| async move { session.heat().stack_with_outputs(ident).await };
        let found = self.find_as_any(call, || self.out_of_sight(ident)).await?;
        found.map(|stack| outputs(&stack)).ok_or_else(|| vanished(ident))
    }

    /// Nobody is left who could tell whether the stack is gone. A delete ends, because the next one brings a token;
    /// whatever else waits for the stack goes on waiting. Before there is a trust there is no stack.
    fn out_of_sight(&self, ident: &str) -> Result<Option<Stack>, Fail> {
        if self.cluster.stack_id.is_none() && self.cluster.trust_id.is_none() {
            return Ok(None);
        }
        let error = Error::Refused(format!(
            "Whether stack {ident} is gone cannot be told, as neither the trust of the cluster nor the token of the request \
             is accepted any more; send the request again with a new token"
        ));
        Err(if self.op.kind.removes() { Fail::Fatal(error) } else { Fail::Retry(error) })
    }

    pub(super) fn stack_ident(&self) -> String {
        self.cluster.stack_id.clone().unwrap_or_else(|| self.cluster.stack_name())
    }

    /// First concrete cause of a failure, in Heat's words.
    pub(super) async fn stack_failure(&self, stack: &Stack) -> String {
        match self.with_any(|session| async move { session.heat().failed_reason(&stack.id).await }).await {
            Ok(Some(cause)) => cause,
            _ => stack.status_reason.clone().unwrap_or_else(|| format!("Stack is {}", stack.status)),
        }
    }
}

/// How long Heat is given: the cluster's `create_timeout`, else the configured one.
pub(super) fn timeout(ctx: &StepCtx) -> TimeDelta {
    let minutes = ctx.cluster.create_timeout.filter(|minutes| *minutes > 0);
    TimeDelta::minutes(minutes.unwrap_or(ctx.deps.options.cluster_heat.create_timeout).max(1))
}

/// Asks Heat for the stack, or adopts the one that an earlier run of this step made.
pub(super) async fn create_stack(ctx: &mut StepCtx) -> Result<Next, Fail> {
    if ctx.cluster.stack_id.is_some() {
        return Ok(Next::Done);
    }
    if let Some(existing) = ctx.stack().await? {
        super::discovery::adopt(ctx, &existing);
        ctx.adopt(&existing.id);
        return Ok(Next::Done);
    }
    super::discovery::choose(ctx).await?;
    let facts = super::facts::gather(ctx).await?;
    let request = ctx.driver()?.stack(&ctx.input(&facts, &[])?)?;
    match ctx.as_caller()?.heat().create(&request.body()).await {
        Ok(id) => ctx.adopt(&id),
        Err(error) if error.cloud_status() == Some(409) => match ctx.stack().await? {
            Some(existing) => {
                super::discovery::adopt(ctx, &existing);
                ctx.adopt(&existing.id);
            }
            None => return Err(Fail::Retry(error)),
        },
        Err(error) => return Err(as_caller_sees(error)),
    }
    Ok(Next::Done)
}

impl StepCtx {
    fn adopt(&mut self, stack_id: &str) {
        self.cluster.stack_id = Some(stack_id.to_owned());
        for group in self.groups.iter_mut().filter(|group| group.is_default) {
            group.stack_id = Some(stack_id.to_owned());
        }
    }
}

/// What a stack's status means to somebody who waits for it to be made.
pub(super) enum State {
    Works,
    Busy,
    Failed,
}

pub(super) fn state(stack: &Stack) -> State {
    match stack.status.as_str() {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "RESUME_COMPLETE" | "CHECK_COMPLETE" | "SNAPSHOT_COMPLETE"
        | "ADOPT_COMPLETE" => State::Works,
        status if status.ends_with("_IN_PROGRESS") => State::Busy,
        _ => State::Failed,
    }
}

/// Waits until Heat is done. The status reconciler shortens the wait; this is the slow fallback.
pub(super) async fn await_stack(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let Some(stack) = ctx.stack().await? else {
        return Err(vanished(&ctx.stack_ident()));
    };
    match state(&stack) {
        State::Works => Ok(Next::Done),
        State::Busy => {
            ctx.revive(&stack).await?;
            Ok(Next::Wait(ctx.deps.long_wait()))
        }
        State::Failed => {
            let reason = ctx.stack_failure(&stack).await;
            read_outputs(ctx).await;
            Err(Fail::Fatal(Error::Refused(reason)))
        }
    }
}

/// Copies what the stack says about itself into the cluster.
pub(super) async fn record_outputs(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let told = ctx.outputs_of(&ctx.stack_ident()).await?;
    ctx.driver()?.outputs(&told, &mut ctx.cluster, &mut ctx.groups)?;
    Ok(Next::Done)
}

/// Outputs of a failed stack help to find out why; that some are missing is no second failure.
async fn read_outputs(ctx: &mut StepCtx) {
    if let Err(fail) = record_outputs(ctx).await {
        tracing::debug!(fail = ?fail, "outputs of the failed stack are incomplete");
    }
}

fn outputs(stack: &Stack) -> Outputs {
    let list: Vec<Value> = stack
        .outputs
        .iter()
        .map(|output| json!({"output_key": output.output_key, "output_value": output.output_value}))
        .collect();
    Outputs::of_stack(&json!({"outputs": list, "parameters": stack.parameters}))
}

/// Deletes the stack and waits until Heat has let go of it.
pub(super) async fn delete_stack(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let Some(stack) = ctx.remains_of(&ctx.stack_ident()).await? else {
        ctx.cluster.stack_id = None;
        return Ok(Next::Done);
    };
    take_down(ctx, &stack).await
}

/// Pause while Heat removes what it has made for a stack, which it does with a token that ends with the cluster's trust.
const LETTING_GO: TimeDelta = TimeDelta::seconds(1);
/// A Heat that has not let go so long after the deletion began never will, or never says so.
const LET_GO_BY: TimeDelta = TimeDelta::minutes(20);

/// Stacks, by their ids, whose failed deletion an operation has asked Heat for once more.
const REPEATED: &str = "repeated_deletes";

/// Has Heat delete a stack that is there, and waits for it.
///
/// What Heat could not delete it is asked for once more, because it loses races with itself: what a failed update had not
/// ended yet deletes the same resources, and the deletion fails with `resource with id 30 not found`.
pub(super) async fn take_down(ctx: &mut StepCtx, stack: &Stack) -> Result<Next, Fail> {
    let status = stack.status.as_str();
    if status == "DELETE_IN_PROGRESS" {
        ctx.revive(stack).await?;
        return Ok(Next::Wait(ctx.deps.poll_interval()));
    }
    if status == "DELETE_COMPLETE" {
        return let_go(ctx, stack).await;
    }
    let (id, failed) = (&stack.id, status == "DELETE_FAILED");
    if failed {
        let reason = format!("Stack {} could not be deleted: {}", stack.name, ctx.stack_failure(stack).await);
        if ctx.op.params[REPEATED][id] == true {
            note_repeats(ctx, Value::Null).await?;
            return Err(Fail::Fatal(Error::Refused(reason)));
        }
        tracing::warn!(stack.id, reason, "asking Heat once more");
        ctx.op.reason = Some(reason);
    }
    match ctx.with_any_anew(|session| async move { session.heat().delete(id).await }).await {
        Ok(_) => {
            if failed {
                let mut repeats = ctx.op.params[REPEATED].clone();
                repeats[id] = json!(true);
                note_repeats(ctx, repeats).await?;
            }
            Ok(Next::Wait(ctx.deps.poll_interval()))
        }
        Err(Fail::Fatal(error)) => Err(Fail::retry_conflict(error)),
        Err(fail) => Err(fail),
    }
}

/// Notes which stacks Heat has been asked for once more, only once it has taken that: who dies or gets no answer asks again.
/// The failure after that ends all notes, so that whoever retries the operation has one more for each, too.
async fn note_repeats(ctx: &mut StepCtx, repeats: Value) -> Result<(), Fail> {
    ctx.op.params[REPEATED] = repeats;
    let kept = ctx.deps.store.record_params(&ctx.op, ctx.deps.clock.now()).await?;
    if kept { Ok(()) } else { Err(Fail::Lost) }
}

/// Waits until Heat has removed what it had made for a stack without resources. Asked to delete it again, it goes on with
/// that.
async fn let_go(ctx: &StepCtx, stack: &Stack) -> Result<Next, Fail> {
    let began = super::revive::stack_moved(stack);
    if began.is_some_and(|began| ctx.deps.clock.now() - began > LET_GO_BY) {
        tracing::warn!(stack.id, "Heat does not let go of the stack: a trust and a project of its own may be left");
        return Ok(Next::Done);
    }
    ctx.revive(stack).await?;
    Ok(Next::Wait(LETTING_GO))
}

/// Upstream's words for a stack that somebody removed behind our back.
pub(super) fn vanished(id: &str) -> Fail {
    Fail::Fatal(Error::Refused(format!("Stack with id {id} not found in Heat.")))
}

/// The node group with this uuid.
pub(super) fn group<'a>(groups: &'a [NodeGroup], uuid: &str) -> Option<&'a NodeGroup> {
    groups.iter().find(|group| group.uuid == uuid)
}

/// Heat's status words that say an update failed or was rolled back.
pub(super) fn update_failed(status: &str) -> bool {
    status.ends_with("_FAILED") || status == Status::RollbackComplete.as_str()
}
