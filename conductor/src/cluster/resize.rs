//! Changing the number of nodes of a node group.
//!
//! Only the parameters of the size go to Heat (PATCH of the existing stack): templates that changed since the cluster
//! was made must not replace its servers. Whether Heat has taken the change is read from the stack's parameters, so the
//! step may run twice.

use cloud::heat;
use domain::{Error, ResizeParams};

use super::stack::{group, update_failed, vanished};
use crate::step::{Fail, Next, StepCtx};

fn params(ctx: &StepCtx) -> Result<ResizeParams, Fail> {
    serde_json::from_value(ctx.op.params.clone())
        .map_err(|source| Fail::Fatal(Error::internal("read the parameters of the resize", source)))
}

/// Asks Heat for the new size.
pub(super) async fn update_stack(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let params = params(ctx)?;
    if group(&ctx.groups, &params.nodegroup).is_none() {
        return Err(Fail::Fatal(Error::NotFound { kind: "Nodegroup", ident: params.nodegroup }));
    }
    let Some(stack) = ctx.stack().await? else {
        return Err(vanished(ctx));
    };
    let facts = super::facts::gather(ctx).await?;
    let request = ctx.driver()?.resize(&facts.input(ctx, &params.nodes_to_remove)?)?;
    let taken = stack.has_parameters(&request.parameters);
    if taken && !update_failed(&stack.stack_status) {
        return Ok(Next::Done);
    }
    if stack.stack_status.ends_with("_IN_PROGRESS") {
        return Ok(Next::Wait(ctx.deps.poll_interval()));
    }
    if taken && ctx.op.attempt > 0 {
        return Ok(Next::Done);
    }
    let project = ctx.cluster.project_id.clone();
    let body = request.patch_body(params.rollback);
    let patched = ctx
        .with_caller_first(async |session| heat::patch(session, &project, &stack.stack_name, &stack.id, &body).await)
        .await;
    match patched {
        Ok(()) => Ok(Next::Wait(chrono::TimeDelta::seconds(1))),
        Err(Fail::Fatal(error)) if error.cloud_status() == Some(409) => Err(Fail::Retry(error)),
        Err(fail) => Err(fail),
    }
}

/// Waits until Heat is done with it.
pub(super) async fn await_resize(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let Some(stack) = ctx.stack().await? else {
        return Err(vanished(ctx));
    };
    let status = stack.stack_status.as_str();
    if status.ends_with("_IN_PROGRESS") {
        return Ok(Next::Wait(ctx.deps.long_wait()));
    }
    if update_failed(status) {
        let reason = ctx.stack_failure(&stack).await;
        return Err(Fail::Fatal(Error::Refused(reason)));
    }
    Ok(Next::Done)
}

/// Reads addresses and counts back.
pub(super) async fn record_sizes(ctx: &mut StepCtx) -> Result<Next, Fail> {
    super::stack::record_outputs(ctx).await
}

/// A failed resize leaves the count it found, as later Magnum releases do.
pub(super) fn restore_count(ctx: &mut StepCtx) {
    if let Ok(ResizeParams { nodegroup, previous: Some(previous), .. }) = params(ctx) {
        for group in ctx.groups.iter_mut().filter(|group| group.uuid == nodegroup) {
            group.node_count = previous;
        }
    }
}
