//! Replacing the cluster's authority while it runs.
//!
//! What the authority shows and whom it lets sign is in the cluster's row and changes before the nodes are told; what
//! they are told is always the same: get everything anew. So a node that hears of two changes at once, or of one twice,
//! ends up right, and whatever fails leaves nodes that trust both.

use cloud::Stack;
use domain::{Error, Status};
use drivers::{Order, Task};

use super::{
    stack::{update_failed, vanished},
    upgrade::told,
};
use crate::step::{Fail, Next, StepCtx};

/// Makes the new authority. The old one still signs, and whoever asks is shown both.
pub(super) async fn add_authority(ctx: &mut StepCtx) -> Result<Next, Fail> {
    if !ctx.driver()?.takes_orders() {
        return Err(Fail::Fatal(drivers::no_orders(ctx.driver()?.name(), "certificates")));
    }
    for ident in ctx.stacks_with_nodes() {
        ctx.last_order(&ident).await?;
    }
    let now = ctx.deps.clock.now();
    ctx.cluster.ca_cert_ref = Some(ctx.deps.certs.begin_rotation(&ctx.cluster, now).await?);
    Ok(Next::Done)
}

/// Tells the nodes to trust both.
pub(super) async fn tell_authority(ctx: &mut StepCtx) -> Result<Next, Fail> {
    tell(ctx, "trust", Task::Certificates).await
}

/// Waits until every node trusts both.
pub(super) async fn await_authority(ctx: &mut StepCtx) -> Result<Next, Fail> {
    await_nodes(ctx).await
}

/// From here on the new authority signs, also for the service itself.
pub(super) async fn renew_authority(ctx: &mut StepCtx) -> Result<Next, Fail> {
    ctx.cluster.ca_cert_ref = Some(ctx.deps.certs.sign_with_new(&ctx.cluster).await?);
    ctx.record().await?;
    let now = ctx.deps.clock.now();
    ctx.cluster.magnum_cert_ref = Some(ctx.deps.certs.renew_client(&ctx.cluster, now).await?);
    Ok(Next::Done)
}

/// Tells the nodes to get certificates of the new authority.
pub(super) async fn tell_renewal(ctx: &mut StepCtx) -> Result<Next, Fail> {
    tell(ctx, "renew", Task::Certificates).await
}

/// Waits until every node has them.
pub(super) async fn await_renewal(ctx: &mut StepCtx) -> Result<Next, Fail> {
    await_nodes(ctx).await
}

/// From here on nobody is shown the old authority.
pub(super) async fn remove_authority(ctx: &mut StepCtx) -> Result<Next, Fail> {
    ctx.cluster.ca_cert_ref = Some(ctx.deps.certs.end_rotation(&ctx.cluster).await?);
    Ok(Next::Done)
}

/// Tells the nodes to trust the new authority alone.
pub(super) async fn tell_removal(ctx: &mut StepCtx) -> Result<Next, Fail> {
    tell(ctx, "remove", Task::Certificates).await
}

/// Waits until every node does.
pub(super) async fn await_removal(ctx: &mut StepCtx) -> Result<Next, Fail> {
    await_nodes(ctx).await
}

/// Removes the old authority and what it signed for the service.
pub(super) async fn forget_authority(ctx: &mut StepCtx) -> Result<Next, Fail> {
    ctx.deps.certs.forget_replaced(&ctx.cluster).await?;
    Ok(Next::Done)
}

/// Gives every stack with nodes the same order. `phase` and the operation are the reason by which a rerun knows it again.
pub(super) async fn tell(ctx: &StepCtx, phase: &str, task: Task<'_>) -> Result<Next, Fail> {
    let reason = format!("{}/{phase}", ctx.op.id);
    let mut next = Next::Done;
    for ident in ctx.stacks_with_nodes() {
        if let wait @ Next::Wait(_) = tell_stack(ctx, &ident, &reason, task).await? {
            next = wait;
        }
    }
    Ok(next)
}

async fn tell_stack(ctx: &StepCtx, ident: &str, reason: &str, task: Task<'_>) -> Result<Next, Fail> {
    let (stack, number, last) = ctx.last_order(ident).await?;
    let taken = last == reason;
    if taken && !update_failed(&stack.status) {
        return Ok(Next::Done);
    }
    if stack.status.ends_with("_IN_PROGRESS") {
        return Ok(Next::Wait(ctx.deps.poll_interval()));
    }
    // The update that this very step asked for has failed: who waits for it says why.
    if taken && ctx.op.attempt > 0 {
        return Ok(Next::Done);
    }
    let order = Order { number: if taken { number } else { number + 1 }, reason, task };
    let facts = super::facts::gather(ctx).await?;
    let mut request = ctx.driver()?.order(&ctx.input(&facts, &[])?, &told(&stack), &order)?;
    if let Some(renewed) = ctx.renewed(&stack)? {
        let order = std::mem::replace(&mut request.parameters, renewed.parameters);
        request.parameters.extend(order);
    }
    let (id, body) = (&stack.id, &request.body());
    match ctx.with_caller_first(|session| async move { session.heat().patch(id, body).await }).await {
        Ok(()) => Ok(Next::Wait(chrono::TimeDelta::seconds(1))),
        Err(Fail::Fatal(error)) => Err(Fail::retry_conflict(error)),
        Err(fail) => Err(fail),
    }
}

/// Waits until Heat has heard from every node.
pub(super) async fn await_nodes(ctx: &StepCtx) -> Result<Next, Fail> {
    let mut next = Next::Done;
    for ident in ctx.stacks_with_nodes() {
        let Some(stack) = ctx.stack_named(&ident).await? else { return Err(vanished(&ident)) };
        if stack.status.ends_with("_IN_PROGRESS") {
            ctx.revive(&stack).await?;
            next = Next::Wait(ctx.deps.long_wait());
        } else if update_failed(&stack.status) {
            return Err(Fail::Fatal(Error::Refused(ctx.stack_failure(&stack).await)));
        }
    }
    Ok(next)
}

impl StepCtx {
    /// The cluster's stack, and those of further node groups that were built.
    pub(super) fn stacks_with_nodes(&self) -> Vec<String> {
        let built = |status: Status| !matches!(status, Status::CreateFailed | Status::DeleteFailed);
        // A group that was accepted meanwhile has no stack yet, and gets the authority of its day.
        let further =
            self.groups.iter().filter(|group| !group.is_default && group.stack_id.is_some() && built(group.status));
        std::iter::once(self.stack_ident()).chain(further.map(|group| self.group_ident(group))).collect()
    }

    /// A stack with number and reason of the last order its nodes were given.
    async fn last_order(&self, ident: &str) -> Result<(Stack, u64, String), Fail> {
        let stack = self.stack_named(ident).await?.ok_or_else(|| vanished(ident))?;
        let (number, reason) = Order::last(&stack.parameters).ok_or_else(|| too_old(&stack))?;
        Ok((stack, number, reason))
    }
}

/// The templates of the stack know nothing of what its nodes were to be told.
pub(super) fn too_old(stack: &Stack) -> Fail {
    Fail::Fatal(Error::Refused(format!(
        "Stack {} was made by an older version, whose nodes cannot be told anything. Make a new cluster",
        stack.name
    )))
}
