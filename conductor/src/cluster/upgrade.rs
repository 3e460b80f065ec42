//! Bringing nodes to the version of another template, batch by batch.
//!
//! What is done is read from the stack: each member's release, and a mark that names the operation, the role and the
//! members of the last batch. So a rerun goes on where it was. Heat replaces the servers of a batch and waits until the
//! new ones report; one that fails ends the operation, and whatever is asked of the stack next has those members replaced
//! again, because Heat would fail it otherwise (see `drivers`).
//!
//! The cluster gets its new template when all is done. Until then its parameters for members to come are the old ones.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use cloud::Stack;
use domain::{ClusterTemplate, Error, Ident, NodeGroup, Role, UpgradeParams};
use drivers::{Batch, Outputs, StackRequest, Upgrades};
use serde_json::json;

use super::stack::{timeout, update_failed, vanished};
use crate::step::{Fail, Next, StepCtx};

/// What stands in a stack's mark once nothing of an upgrade is left to do.
const SETTLED: &str = "settled";

fn params(ctx: &StepCtx) -> Result<UpgradeParams, Fail> {
    serde_json::from_value(ctx.op.params.clone())
        .map_err(|source| Fail::Fatal(Error::internal("read the parameters of the upgrade", source)))
}

/// What the steps of an upgrade work with.
struct Plan {
    upgrades: &'static dyn Upgrades,
    template: ClusterTemplate,
    version: String,
    batch: usize,
    /// The groups that change, masters first.
    groups: Vec<NodeGroup>,
}

impl Plan {
    async fn of(ctx: &StepCtx) -> Result<Self, Fail> {
        let params = params(ctx)?;
        let driver = ctx.driver()?;
        let upgrades = driver
            .upgrades()
            .ok_or_else(|| Fail::Fatal(Error::invalid(format!("The driver {} cannot upgrade nodes", driver.name()))))?;
        let ident = Ident::Uuid(params.cluster_template);
        let template = ctx.deps.store.template(&store::Scope::All, &ident).await?;
        let changes = |group: &&NodeGroup| match &params.nodegroup {
            Some(only) => group.uuid == *only,
            None => group.is_default,
        };
        let mut groups: Vec<NodeGroup> = ctx.groups.iter().filter(changes).cloned().collect();
        groups.sort_by_key(|group| group.role() == Role::Worker);
        let version = upgrades.target(&template.labels);
        let batch = usize::try_from(params.max_batch_size).unwrap_or(1).max(1);
        Ok(Self { upgrades, template, version, batch, groups })
    }

    /// The group whose members a mark names, if it is one of those that change.
    fn marked<'a>(&'a self, mark: &Mark) -> Option<&'a NodeGroup> {
        let role = mark.role.as_deref()?;
        self.groups.iter().find(|group| self.upgrades.resource(group.role()) == role)
    }
}

/// The last change of releases: which operation made it, and which members of which resource it was about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    operation: String,
    role: Option<String>,
    members: Vec<String>,
}

impl Mark {
    pub(super) fn read(text: &str) -> Self {
        let mut parts = text.split('/').map(str::to_owned);
        let operation = parts.next().unwrap_or_default();
        let role = parts.next().filter(|word| word != SETTLED);
        let members = parts.next().unwrap_or_default();
        let members = members.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Self { operation, role, members }
    }

    fn text(operation: &str, role: &str, members: &[String]) -> String {
        format!("{operation}/{role}/{}", members.join(","))
    }
}

/// What the rest of the crate reads a stack's parameters with.
pub(super) fn told(stack: &Stack) -> Outputs {
    Outputs::of_stack(&json!({"parameters": stack.parameters}))
}

impl StepCtx {
    /// Names of the members of a resource of a stack.
    async fn members(&self, stack: &Stack, resource: &str) -> Result<Vec<String>, Fail> {
        let id = &stack.id;
        let all = self.with_any(|session| async move { session.heat().resources(id, 1, None).await }).await?;
        let own = all.into_iter().filter(|one| one.parent_resource.as_deref() == Some(resource));
        let mut names: Vec<String> = own.map(|one| one.name).collect();
        names.sort_by_key(|name| name.parse::<u64>().unwrap_or(u64::MAX));
        names.dedup();
        Ok(names)
    }

    /// Sends changed parameters to a stack, and looks again in a moment.
    pub(super) async fn change_stack(&self, stack: &Stack, request: StackRequest) -> Result<Next, Fail> {
        let request = StackRequest { timeout_mins: timeout(self).num_minutes(), ..request };
        let (id, body) = (&stack.id, &request.body());
        match self.with_caller_first(|session| async move { session.heat().patch(id, body).await }).await {
            Ok(()) => Ok(Next::Wait(TimeDelta::seconds(1))),
            Err(Fail::Fatal(error)) => Err(Fail::retry_conflict(error)),
            Err(fail) => Err(fail),
        }
    }

    /// What has to go along with any other change of a stack in which an upgrade failed: its members are replaced again.
    pub(super) fn renewed(&self, stack: &Stack) -> Result<Option<StackRequest>, Fail> {
        let Some(upgrades) = self.driver()?.upgrades().filter(|_| update_failed(&stack.status)) else {
            return Ok(None);
        };
        let told = told(stack);
        let mark = Mark::read(told.parameter("rollout").unwrap_or_default());
        let roles = [Role::Master, Role::Worker];
        let role = roles.into_iter().find(|role| mark.role.as_deref() == Some(upgrades.resource(*role)));
        let Some(role) = role.filter(|_| mark.operation != self.op.id) else { return Ok(None) };
        let text = Mark::text(&self.op.id, upgrades.resource(role), &mark.members);
        Ok(Some(upgrades.renew(&told, role, &mark.members, &text)?))
    }
}

/// The row and the operation exist since the request was accepted; what was true then is looked at again, because
/// something else may have run in between.
pub(super) async fn announce_upgrade(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let plan = Plan::of(ctx).await?;
    let only = params(ctx)?.nodegroup.and_then(|_| plan.groups.first());
    drivers::upgrade_order(&ctx.groups, only, &plan.version)
        .map_err(|reason| Fail::Fatal(Error::Conflict(format!("Cannot be upgraded to {}: {reason}", plan.version))))?;
    check_all_masters(ctx, &plan).await?;
    tracing::info!(cluster.name = %ctx.cluster.name, version = plan.version, "upgrading cluster");
    Ok(Next::Done)
}

/// An upgrade that failed may have left masters of two versions, of which the row has the newer. None of them skips a
/// version, and workers alone are not newer than any of them.
async fn check_all_masters(ctx: &StepCtx, plan: &Plan) -> Result<(), Fail> {
    let Some(stack) = ctx.stack().await? else {
        return Err(vanished(&ctx.stack_ident()));
    };
    let told = told(&stack);
    let masters = plan.groups.iter().find(|group| group.role() == Role::Master);
    for member in ctx.members(&stack, plan.upgrades.resource(Role::Master)).await? {
        let version = plan.upgrades.version(&told, Role::Master, &member);
        let order = match masters {
            Some(_) => drivers::master_upgrade(&version, &plan.version),
            None => drivers::version_skew(&version, &plan.version),
        };
        order.map_err(|reason| Fail::Fatal(Error::Conflict(reason)))?;
        if let Some(masters) = masters.filter(|_| version != plan.version) {
            plan.upgrades.check_masters(&ctx.cluster, masters).map_err(Fail::Fatal)?;
        }
    }
    Ok(())
}

/// Replaces the nodes that have another version, one batch after another.
pub(super) async fn replace_nodes(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let Some(stack) = ctx.target_stack().await? else {
        return Err(vanished(&ctx.target_ident()));
    };
    if stack.status.ends_with("_IN_PROGRESS") {
        ctx.revive(&stack).await?;
        return Ok(Next::Wait(ctx.deps.long_wait()));
    }
    let plan = Plan::of(ctx).await?;
    let told = told(&stack);
    let mark = Mark::read(&plan.upgrades.mark(&told)?);
    let failed = update_failed(&stack.status);
    for group in ctx.groups.iter_mut().filter(|group| plan.groups.iter().any(|own| own.uuid == group.uuid)) {
        let version = plan.upgrades.group_version(&told, group.role(), group.node_count);
        group.version = version.or_else(|| group.version.take());
    }
    if failed && mark.operation == ctx.op.id && mark.role.is_some() && ctx.op.attempt > 0 {
        let cause = ctx.stack_failure(&stack).await;
        let during = ctx.cluster.status_reason.take().unwrap_or_else(|| "Upgrading nodes".to_owned());
        return Err(Fail::Fatal(Error::Refused(format!("{during} failed: {cause}"))));
    }
    // What failed before is done again first, all at once: these nodes do not work, and Heat fails as long as one of them
    // is as it was.
    if failed && let Some(group) = plan.marked(&mark) {
        return replace(ctx, &stack, &plan, group, &mark.members, "again").await;
    }
    if failed && let Some(renewed) = ctx.renewed(&stack)? {
        return ctx.change_stack(&stack, renewed).await;
    }
    for group in &plan.groups {
        let members = ctx.members(&stack, plan.upgrades.resource(group.role())).await?;
        let old = |name: &&String| plan.upgrades.version(&told, group.role(), name) != plan.version;
        let todo: Vec<String> = members.iter().filter(old).cloned().collect();
        if todo.is_empty() {
            continue;
        }
        let size = if group.role() == Role::Master { 1 } else { plan.batch };
        let (all, left) = (members.len().div_ceil(size), todo.len().div_ceil(size));
        let number = format!("{} of {all}", all - left + 1);
        let batch = &todo[..size.min(todo.len())];
        return replace(ctx, &stack, &plan, group, batch, &number).await;
    }
    Ok(Next::Done)
}

/// Gives members of a group the version, which `number` says the place of.
async fn replace(
    ctx: &mut StepCtx,
    stack: &Stack,
    plan: &Plan,
    group: &NodeGroup,
    members: &[String],
    number: &str,
) -> Result<Next, Fail> {
    let role = group.role();
    let whose = match role {
        _ if !group.is_default => format!("nodes of {}", group.name),
        Role::Master => "master nodes".to_owned(),
        Role::Worker => "minion nodes".to_owned(),
    };
    ctx.cluster.status_reason = Some(format!("Upgrading {whose}: batch {number}"));
    ctx.record().await?;
    tracing::info!(group = group.name, members = ?members, version = plan.version, "replacing nodes");
    let mark = Mark::text(&ctx.op.id, plan.upgrades.resource(role), members);
    let batch = Batch { group, members, version: &plan.version, mark: &mark };
    let request = plan.upgrades.batch(&told(stack), &batch)?;
    ctx.change_stack(stack, request).await
}

/// Makes the version that of the whole group, so that nodes to come have it. Replaces nothing.
pub(super) async fn settle_version(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let Some(stack) = ctx.target_stack().await? else {
        return Err(vanished(&ctx.target_ident()));
    };
    if stack.status.ends_with("_IN_PROGRESS") {
        ctx.revive(&stack).await?;
        return Ok(Next::Wait(ctx.deps.long_wait()));
    }
    let plan = Plan::of(ctx).await?;
    let told = told(&stack);
    let mark = format!("{}/{SETTLED}", ctx.op.id);
    if plan.upgrades.mark(&told)? == mark {
        if update_failed(&stack.status) && ctx.op.attempt > 0 {
            return Err(Fail::Fatal(Error::Refused(ctx.stack_failure(&stack).await)));
        }
        if !update_failed(&stack.status) {
            return Ok(Next::Done);
        }
    }
    let mut roles = BTreeMap::new();
    for group in &plan.groups {
        let resource = plan.upgrades.resource(group.role());
        roles.insert(resource, ctx.members(&stack, resource).await?);
    }
    let request = plan.upgrades.settle(&told, &roles, &plan.version, &mark)?;
    ctx.change_stack(&stack, request).await
}

/// Reads versions and addresses back, and writes what the cluster now is made from.
pub(super) async fn record_upgrade(ctx: &mut StepCtx) -> Result<Next, Fail> {
    super::resize::record_sizes(ctx).await?;
    let plan = Plan::of(ctx).await?;
    let tag = || ("kube_tag".to_owned(), plan.version.clone());
    for group in &mut ctx.groups {
        if plan.groups.iter().any(|own| own.uuid == group.uuid) {
            group.version = Some(plan.version.clone());
            group.labels.0.extend([tag()]);
        }
    }
    let mut default = ctx.groups.iter().filter(|group| group.is_default);
    if default.all(|group| group.version.as_deref() == Some(&plan.version)) && ctx.own_group().is_none() {
        ctx.cluster.cluster_template_id.clone_from(&plan.template.uuid);
        ctx.cluster.labels.0.extend([tag()]);
    }
    Ok(Next::Done)
}

/// Upper bound of the batches, each of which takes as long as Heat may.
pub(super) fn batches(ctx: &StepCtx) -> i32 {
    let nodes: i64 = ctx.taking_part().iter().map(|group| group.node_count).sum();
    i32::try_from(nodes.max(1)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_what_it_was_made_from() {
        let names = ["0".to_owned(), "3".to_owned()];
        let mark = Mark::read(&Mark::text("op", "kube_minions", &names));
        assert_eq!(mark.operation, "op");
        assert_eq!(mark.role.as_deref(), Some("kube_minions"));
        assert_eq!(mark.members, names);
    }

    #[test]
    fn nothing_is_left_of_what_is_settled() {
        assert_eq!(Mark::read(""), Mark::default());
        let settled = Mark::read("op/settled");
        assert_eq!((settled.operation.as_str(), settled.role, settled.members.len()), ("op", None, 0));
    }
}
