//! The stacks of node groups that a cluster did not come with: made beside the cluster's own, and removed before it.
//!
//! Its name derives from the group's uuid, so that a rerun, and a delete after a crash, find what exists.

use cloud::Stack;
use domain::{Error, NodeGroup};
use drivers::NodeGroups;

use super::stack::{State, state, take_down, vanished};
use crate::step::{Fail, Next, StepCtx, as_caller_sees};

impl StepCtx {
    /// What the driver knows of further node groups.
    pub(super) fn node_groups(&self) -> Result<&'static dyn NodeGroups, Fail> {
        let driver = self.driver()?;
        driver.node_groups().ok_or_else(|| {
            Fail::Fatal(Error::invalid(format!("The driver {} builds no further node groups", driver.name())))
        })
    }

    fn group(&self) -> Result<&NodeGroup, Fail> {
        self.own_group().ok_or_else(|| {
            let ident = self.op.nodegroup().unwrap_or_default().to_owned();
            Fail::Fatal(Error::NotFound { kind: "Nodegroup", ident })
        })
    }

    /// The stack of a node group, by its recorded id, else by its derived name.
    async fn group_stack(&self, group: &NodeGroup) -> Result<Option<Stack>, Fail> {
        self.stack_named(&self.group_ident(group)).await
    }
}

/// The row and the operation exist since the request was accepted; here the work starts.
pub(super) async fn announce_group(ctx: &mut StepCtx) -> Result<Next, Fail> {
    tracing::info!(cluster.name = %ctx.cluster.name, nodegroup.uuid = ctx.op.nodegroup(), "working on a node group");
    Ok(Next::Done)
}

/// Everything outside is gone but what the cluster remembers of it; the row goes with the end of the operation.
pub(super) async fn forget_group(ctx: &mut StepCtx) -> Result<Next, Fail> {
    super::leaving::forget_nodes(ctx).await
}

/// Asks Heat for the group's stack, which uses what the outputs of the cluster's stack name.
pub(super) async fn create_group_stack(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let group = ctx.group()?;
    if group.stack_id.is_some() {
        return Ok(Next::Done);
    }
    if let Some(existing) = ctx.group_stack(group).await? {
        return Ok(adopt(ctx, existing.id));
    }
    let told = ctx.outputs_of(&ctx.stack_ident()).await?;
    let facts = super::facts::gather(ctx).await?;
    let group = ctx.group()?;
    let request = ctx.node_groups()?.stack(&ctx.input(&facts, &[])?, group, &told)?;
    match ctx.as_caller()?.heat().create(&request.body()).await {
        Ok(id) => Ok(adopt(ctx, id)),
        Err(error) if error.cloud_status() == Some(409) => match ctx.group_stack(ctx.group()?).await? {
            Some(existing) => Ok(adopt(ctx, existing.id)),
            None => Err(Fail::Retry(error)),
        },
        Err(error) => Err(as_caller_sees(error)),
    }
}

fn adopt(ctx: &mut StepCtx, stack_id: String) -> Next {
    if let Some(group) = ctx.own_group_mut() {
        group.stack_id = Some(stack_id);
    }
    Next::Done
}

/// Waits until Heat is done.
pub(super) async fn await_group_stack(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let Some(stack) = ctx.target_stack().await? else {
        return Err(vanished(&ctx.target_ident()));
    };
    match state(&stack) {
        State::Works => Ok(Next::Done),
        State::Busy => {
            ctx.revive(&stack).await?;
            Ok(Next::Wait(ctx.deps.long_wait()))
        }
        State::Failed => Err(Fail::Fatal(Error::Refused(ctx.stack_failure(&stack).await))),
    }
}

/// Copies what the group's stack says about itself into the group.
pub(super) async fn record_group(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let told = ctx.outputs_of(&ctx.target_ident()).await?;
    let groups = ctx.node_groups()?;
    if let Some(group) = ctx.own_group_mut() {
        groups.outputs(&told, group)?;
    }
    Ok(Next::Done)
}

/// Deletes the group's stack and waits until Heat has let go of it.
pub(super) async fn delete_group_stack(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let Some(stack) = ctx.remains_of(&ctx.group_ident(ctx.group()?)).await? else {
        if let Some(group) = ctx.own_group_mut() {
            group.stack_id = None;
        }
        return Ok(Next::Done);
    };
    take_down(ctx, &stack).await
}

/// Deletes the stacks of all further node groups, which hold on to the network of the cluster's own.
pub(super) async fn delete_node_groups(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let mut next = Next::Done;
    let further: Vec<NodeGroup> = ctx.groups.iter().filter(|group| !group.is_default).cloned().collect();
    for group in &further {
        match ctx.remains_of(&ctx.group_ident(group)).await? {
            Some(stack) => {
                if let wait @ Next::Wait(_) = take_down(ctx, &stack).await? {
                    next = wait;
                }
            }
            None => ctx.groups.iter_mut().filter(|own| own.uuid == group.uuid).for_each(|own| own.stack_id = None),
        }
    }
    Ok(next)
}
