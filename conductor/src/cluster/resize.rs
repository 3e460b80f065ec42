//! Changing the number of nodes of a node group.
//!
//! Only the parameters of the size go to Heat (PATCH of the existing stack): templates that changed since the cluster
//! was made must not replace its servers. Whether Heat has taken the change is read from the stack's parameters, so the
//! step may run twice.

use cloud::Stack;
use domain::{Error, ResizeParams};
use drivers::StackRequest;
use serde_json::Value;

use super::stack::{group, update_failed, vanished};
use crate::step::{Fail, Next, StepCtx};

pub(super) fn params(ctx: &StepCtx) -> Result<ResizeParams, Fail> {
    serde_json::from_value(ctx.op.params.clone())
        .map_err(|source| Fail::Fatal(Error::internal("read the parameters of the resize", source)))
}

/// Asks Heat for the new size.
pub(super) async fn update_stack(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let params = params(ctx)?;
    if group(&ctx.groups, &params.nodegroup).is_none() {
        return Err(Fail::Fatal(Error::NotFound { kind: "Nodegroup", ident: params.nodegroup }));
    }
    let Some(stack) = ctx.target_stack().await? else {
        return Err(vanished(&ctx.target_ident()));
    };
    let facts = super::facts::gather(ctx).await?;
    let input = ctx.input(&facts, &params.nodes_to_remove)?;
    let mut request = match ctx.own_group() {
        Some(group) => ctx.node_groups()?.resize(&input, group)?,
        None => ctx.driver()?.resize(&input)?,
    };
    request.disable_rollback = !params.rollback;
    let taken = has_taken(&stack, &request);
    if taken && !update_failed(&stack.status) {
        return Ok(Next::Done);
    }
    if stack.status.ends_with("_IN_PROGRESS") {
        return Ok(Next::Wait(ctx.deps.poll_interval()));
    }
    if taken && ctx.op.attempt > 0 {
        return Ok(Next::Done);
    }
    if let Some(renewed) = ctx.renewed(&stack)? {
        request.parameters.extend(renewed.parameters);
    }
    let (id, body) = (&stack.id, &request.body());
    match ctx.with_caller_first(|session| async move { session.heat().patch(id, body).await }).await {
        Ok(()) => Ok(Next::Wait(chrono::TimeDelta::seconds(1))),
        Err(Fail::Fatal(error)) => Err(Fail::retry_conflict(error)),
        Err(fail) => Err(fail),
    }
}

/// `true` when the stack already has the parameters of the request. An empty list asks for nothing.
fn has_taken(stack: &Stack, request: &StackRequest) -> bool {
    request
        .parameters
        .iter()
        .filter(|(_, wanted)| !text(wanted).is_empty())
        .all(|(name, wanted)| stack.parameters.get(name).is_some_and(|held| text(held) == text(wanted)))
}

/// The form in which Heat shows the value of a parameter: lists with commas, everything else as it is written.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Waits until Heat is done with it.
pub(super) async fn await_resize(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let Some(stack) = ctx.target_stack().await? else {
        return Err(vanished(&ctx.target_ident()));
    };
    let status = stack.status.as_str();
    if status.ends_with("_IN_PROGRESS") {
        ctx.revive(&stack).await?;
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
    match ctx.own_group() {
        Some(_) => super::nodegroup::record_group(ctx).await,
        None => super::stack::record_outputs(ctx).await,
    }
}

/// A failed resize leaves the count it found, as later Magnum releases do.
pub(super) fn restore_count(ctx: &mut StepCtx) {
    if let Ok(ResizeParams { nodegroup, previous: Some(previous), .. }) = params(ctx) {
        for group in ctx.groups.iter_mut().filter(|group| group.uuid == nodegroup) {
            group.node_count = previous;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_compared_in_heats_words() {
        assert_eq!(text(&json!(3)), "3");
        assert_eq!(text(&json!("3")), "3");
        assert_eq!(text(&json!(["a", "b"])), "a,b");
        assert_eq!(text(&json!([])), "");
    }
}
