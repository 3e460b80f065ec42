//! Nodes that leave when a group shrinks: the cluster moves what they run before their servers go, and forgets them
//! afterwards.
//!
//! A help and no duty: a cluster that does not answer, or is not done in time, keeps nobody from resizing it. What is to
//! be done is read from Heat and from the cluster each time, so every step may run twice and die anywhere; a node that was
//! emptied carries a mark by which it gets work again if it stays.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

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
/// Pause before the cluster is asked again to give nodes work, which only a resize that has failed waits for.
const MOMENT: Duration = Duration::from_secs(2);
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
    // Heat goes on with it: who was to leave may still leave.
    if matches!(ctx.target_stack().await, Ok(Some(stack)) if stack.status.ends_with("_IN_PROGRESS")) {
        return Ok(Next::Done);
    }
    let why = match readmit_all(ctx).await {
        Ok(Ok(0)) => return Ok(Next::Done),
        Ok(Ok(left)) => format!("{left} are left"),
        Ok(Err(why)) => why,
        Err(Fail::Lost) => return Err(Fail::Lost),
        Err(Fail::Fatal(error) | Fail::Retry(error)) => error.to_string(),
    };
    tracing::warn!(cluster.uuid = %ctx.cluster.uuid, why, "nodes that were emptied may take no work, the next resize sees to it");
    Ok(Next::Done)
}

/// One inquiry makes only so many changes, so another follows while they get fewer; and for what the cluster would not do
/// just then, two more.
async fn readmit_all(ctx: &StepCtx) -> Result<Told, Fail> {
    let (mut before, mut more) = (usize::MAX, 2);
    loop {
        let told = match forget(ctx).await {
            Err(Fail::Lost) => return Err(Fail::Lost),
            // Heat does not say who is gone, so nobody is.
            Err(_) => readmit(ctx).await?,
            Ok(told) => told,
        };
        match told {
            Ok(left) if left > 0 && left < before => before = left,
            Ok(left) if left > 0 && more > 0 => {
                more -= 1;
                tokio::time::sleep(MOMENT).await;
            }
            told => return Ok(told),
        }
    }
}

/// Waits until the cluster has forgotten the nodes that are gone.
pub(super) async fn forget_nodes(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let forgotten = forget(ctx).await;
    waited(ctx, forgotten, "the cluster may still list nodes that are gone")
}

/// What a step makes of what is left to wait for. Only Heat's and Nova's failures are tried again.
fn waited(ctx: &StepCtx, left: Result<Told, Fail>, otherwise: &str) -> Result<Next, Fail> {
    let patience = patience(ctx, &ctx.op.step);
    let in_time = ctx.deps.clock.now() - ctx.op.step_since < patience;
    let why = match left {
        Ok(Ok(0)) => return Ok(Next::Done),
        Ok(Ok(_)) if in_time => return Ok(Next::Wait(GLANCE)),
        // A connection breaks, a swarm elects its leader: who has been waited for before is asked again.
        Ok(Err(_)) if in_time && ctx.op.attempt > 0 => return Ok(Next::Wait(GLANCE)),
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
    let named = named(ctx, &roll, (&stack, &members), &params.nodes_to_remove).await?;
    let count = usize::try_from(params.node_count).unwrap_or_default();
    let names: Vec<String> =
        leaving(members.keys(), &named, count).into_iter().map(|number| roll.name(number)).collect();
    let probe = Probe::new(&ctx.deps);
    // What keeps one part from being emptied keeps none of the others.
    let mut left: Told = Ok(0);
    for names in names.chunks(AT_ONCE) {
        let Some(inquiry) = target.monitor.empty(&target.site, names) else { return Ok(Ok(0)) };
        let told = run(ctx, &probe, &target, inquiry).await;
        left = left.and_then(|left| told.map(|more| left + more));
    }
    Ok(left)
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

/// The members that a request names as Heat lets it: by number, by their servers, or by their own stacks. Whom Nova does not
/// know nobody can empty.
async fn named(
    ctx: &StepCtx,
    roll: &Roll,
    (stack, members): (&str, &BTreeMap<u64, Resource>),
    entries: &[String],
) -> Result<BTreeSet<u64>, Fail> {
    let stacks: BTreeMap<&str, u64> =
        members.iter().filter_map(|(number, one)| Some((one.physical_id.as_deref()?, *number))).collect();
    let known = |entry: &str| {
        let number = entry.parse().ok().filter(|number| members.contains_key(number));
        number.or_else(|| stacks.get(entry).copied())
    };
    let mut named: BTreeSet<u64> = entries.iter().filter_map(|entry| known(entry)).collect();
    let others: BTreeSet<&str> = entries.iter().map(String::as_str).filter(|entry| known(entry).is_none()).collect();
    if others.is_empty() {
        return Ok(named);
    }
    let servers = match ctx.with_any(|session| async move { session.nova().servers(stack).await }).await {
        Ok(servers) => servers,
        Err(Fail::Lost) => return Err(Fail::Lost),
        Err(Fail::Fatal(error) | Fail::Retry(error)) => {
            tracing::warn!(cluster.uuid = %ctx.cluster.uuid, %error, "nodes that are named by their servers are not emptied");
            Vec::new()
        }
    };
    let of_them = servers.iter().filter(|server| others.contains(server.id.as_str()));
    named.extend(of_them.filter_map(|server| roll.number(&server.name)).filter(|number| members.contains_key(number)));
    Ok(named)
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
