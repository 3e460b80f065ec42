//! Nodes that leave when a group shrinks: the cluster moves what they run before their servers go, and forgets them
//! afterwards.
//!
//! A help and no duty: a cluster that does not answer, or is not done in time, keeps nobody from resizing it. What is to
//! be done is read from Heat and from the cluster each time, so every step may run twice and die anywhere; a node that was
//! emptied carries a mark by which it gets work again if it stays.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use cloud::Resource;
use domain::{OperationKind, ResizeParams};
use drivers::{Leaving, Monitor, Roll};

use crate::{
    probe::{Probe, Target, driver_of},
    step::{Fail, Next, StepCtx},
};

/// Pause between two looks at nodes that are being emptied or forgotten.
const GLANCE: TimeDelta = TimeDelta::seconds(5);
/// Nodes one inquiry is about, so that its time and its number of questions suffice.
const AT_ONCE: usize = 20;

/// How long a cluster may take to notice that a node is gone: Kubernetes lets 40 seconds pass without a sign of life.
const NOTICE: TimeDelta = TimeDelta::seconds(120);

/// How long a step waits for the cluster.
pub(super) fn patience(ctx: &StepCtx, step: &str) -> TimeDelta {
    if step == "empty_nodes" { TimeDelta::seconds(ctx.deps.options.magnum_rs.drain_time) } else { NOTICE }
}

/// Takes the nodes that leave out of service and waits until they run nothing any more.
pub(super) async fn empty_nodes(ctx: &mut StepCtx) -> Result<Next, Fail> {
    if ctx.deps.options.magnum_rs.drain_time == 0 {
        return Ok(Next::Done);
    }
    let params = super::resize::params(ctx)?;
    let emptied = empty(ctx, &params).await;
    waited(ctx, emptied, "what nodes that leave run is not moved before")
}

/// Gives work again to nodes that were to leave and stay, because the resize fails.
pub(super) async fn readmit_nodes(ctx: &mut StepCtx) -> Result<Next, Fail> {
    if ctx.deps.options.magnum_rs.drain_time == 0 {
        return Ok(Next::Done);
    }
    let told = match forget(ctx).await {
        Err(Fail::Lost) => return Err(Fail::Lost),
        // Heat does not say who is gone, so nobody is.
        Err(_) => readmit(ctx).await,
        told => told,
    };
    let why = match told {
        Ok(Ok(_)) => return Ok(Next::Done),
        Ok(Err(why)) => why,
        Err(Fail::Lost) => return Err(Fail::Lost),
        Err(Fail::Fatal(error) | Fail::Retry(error)) => error.to_string(),
    };
    tracing::warn!(cluster.uuid = %ctx.cluster.uuid, why, "nodes that were emptied may take no work, the next resize sees to it");
    Ok(Next::Done)
}

/// Waits until the cluster has forgotten the nodes that are gone.
pub(super) async fn forget_nodes(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let forgotten = forget(ctx).await;
    waited(ctx, forgotten, "the cluster may still list nodes that are gone")
}

/// What a step makes of what is left to wait for. Only Heat's and Nova's failures are tried again.
fn waited(ctx: &StepCtx, left: Result<Told, Fail>, otherwise: &str) -> Result<Next, Fail> {
    let patience = patience(ctx, &ctx.op.step);
    let why = match left {
        Ok(Ok(0)) => return Ok(Next::Done),
        Ok(Ok(_)) if ctx.deps.clock.now() - ctx.op.step_since < patience => return Ok(Next::Wait(GLANCE)),
        Ok(Ok(left)) => format!("{left} are left after {} seconds", patience.num_seconds()),
        Ok(Err(why)) => why,
        Err(Fail::Fatal(error)) => error.to_string(),
        Err(fail) => return Err(fail),
    };
    tracing::warn!(cluster.uuid = %ctx.cluster.uuid, why, "{otherwise}");
    Ok(Next::Done)
}

/// How much is left to wait for, or why nothing can be done.
type Told = Result<usize, String>;

async fn empty(ctx: &StepCtx, params: &ResizeParams) -> Result<Told, Fail> {
    let Some(target) = target(ctx)? else { return Ok(Ok(0)) };
    let Some((stack, members)) = members(ctx, target.monitor).await? else { return Ok(Ok(0)) };
    let roll = Roll::new(target.monitor.workers(), &stack, None);
    let mut named = BTreeSet::new();
    for entry in &params.nodes_to_remove {
        named.extend(numbers_of(ctx, &roll, &members, entry).await?);
    }
    let count = usize::try_from(params.node_count).unwrap_or_default();
    let names: Vec<String> =
        leaving(members.keys(), &named, count).into_iter().map(|number| roll.name(number)).collect();
    let probe = Probe::new(&ctx.deps);
    let mut left = 0;
    for names in names.chunks(AT_ONCE) {
        let Some(inquiry) = target.monitor.empty(&target.site, names) else { return Ok(Ok(0)) };
        match run(ctx, &probe, &target, inquiry).await {
            Ok(more) => left += more,
            Err(why) => return Ok(Err(why)),
        }
    }
    Ok(Ok(left))
}

async fn forget(ctx: &StepCtx) -> Result<Told, Fail> {
    let Some(target) = target(ctx)? else { return Ok(Ok(0)) };
    let Some((stack, members)) = members(ctx, target.monitor).await? else { return Ok(Ok(0)) };
    let roll = Roll::new(target.monitor.workers(), &stack, Some(members.into_keys().collect()));
    Ok(call(ctx, &target, roll).await)
}

async fn readmit(ctx: &StepCtx) -> Result<Told, Fail> {
    let Some(target) = target(ctx)? else { return Ok(Ok(0)) };
    let stack = ctx.own_group().map_or_else(|| ctx.cluster.stack_name(), |group| group.stack_name(&ctx.cluster));
    Ok(call(ctx, &target, Roll::new(target.monitor.workers(), &stack, None)).await)
}

/// Calls the roll in the cluster: who is on it and gone is forgotten, who was emptied and stays gets work again.
async fn call(ctx: &StepCtx, target: &Target<'_>, roll: Roll) -> Told {
    let Some(inquiry) = target.monitor.forget(&target.site, roll) else { return Ok(0) };
    run(ctx, &Probe::new(&ctx.deps), target, inquiry).await
}

async fn run(ctx: &StepCtx, probe: &Probe, target: &Target<'_>, inquiry: Box<dyn Leaving>) -> Told {
    probe.run(&ctx.deps, target, inquiry).await.and_then(|told| told)
}

/// The cluster, if it can be asked and needs help.
fn target(ctx: &StepCtx) -> Result<Option<Target<'_>>, Fail> {
    let template = ctx.template()?;
    let target = Target::of(driver_of(template)?, &ctx.cluster, template, &ctx.groups);
    let is_helped = |target: &Target<'_>| target.monitor.empty(&target.site, &[]).is_some();
    Ok(target.filter(|target| target.monitor.is_accessible(&ctx.cluster) && is_helped(target)))
}

/// Name of the stack, and the members of its group of workers; `None` when it is gone and should not be.
async fn members(ctx: &StepCtx, monitor: &dyn Monitor) -> Result<Option<(String, BTreeMap<u64, Resource>)>, Fail> {
    if let (OperationKind::NodegroupDelete, Some(group)) = (ctx.op.kind, ctx.own_group()) {
        return Ok(Some((group.stack_name(&ctx.cluster), BTreeMap::new())));
    }
    let Some(stack) = ctx.target_stack().await? else { return Ok(None) };
    let id = &stack.id;
    let resources = ctx.with_any(|session| async move { session.heat().resources(id, 1, None).await }).await?;
    let members = numbered(&resources, monitor.workers().group);
    Ok(Some((stack.name, members.into_iter().map(|(number, one)| (number, one.clone())).collect())))
}

/// The members of a group by their numbers.
pub(super) fn numbered<'a>(resources: &'a [Resource], group: &str) -> BTreeMap<u64, &'a Resource> {
    let of_group = resources.iter().filter(|one| one.parent_resource.as_deref() == Some(group));
    of_group.filter_map(|one| Some((one.name.parse().ok()?, one))).collect()
}

/// The member that a request names as Heat lets it: by number, by its server, or by its own stack.
async fn numbers_of(
    ctx: &StepCtx,
    roll: &Roll,
    members: &BTreeMap<u64, Resource>,
    entry: &str,
) -> Result<Option<u64>, Fail> {
    let by_id = || members.iter().find(|(_, one)| one.physical_id.as_deref() == Some(entry)).map(|(number, _)| *number);
    let known = entry.parse().ok().filter(|number| members.contains_key(number)).or_else(by_id);
    if known.is_some() {
        return Ok(known);
    }
    let server = ctx.with_any(|session| async move { session.nova().server(entry).await }).await?;
    Ok(server.and_then(|server| roll.number(&server.name)).filter(|number| members.contains_key(number)))
}

/// Who leaves: those that are named, and of the others the newest that are too many.
fn leaving<'a>(members: impl Iterator<Item = &'a u64>, named: &'a BTreeSet<u64>, count: usize) -> BTreeSet<u64> {
    let others = members.filter(|number| !named.contains(number)).skip(count);
    named.iter().chain(others).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_leave_and_of_the_others_the_newest() {
        let who = |named: &[u64], count| {
            let named = named.iter().copied().collect();
            leaving([0, 2, 5, 11].iter(), &named, count).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(who(&[], 4), [0; 0]);
        assert_eq!(who(&[], 2), [5, 11]);
        assert_eq!(who(&[2], 3), [2]);
        assert_eq!(who(&[0], 1), [0, 5, 11]);
        assert_eq!(who(&[0, 2], 4), [0, 2], "two new ones come for them");
    }
}
