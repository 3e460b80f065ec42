//! Which nodes go when a node group shrinks and the caller has named none: those that run nothing, or least.
//!
//! The cluster itself is asked. When it cannot say, Heat takes the newest nodes, as it does by itself. What was chosen is
//! written into the operation before Heat hears of it, so that a second run takes the same nodes.

use std::collections::BTreeMap;

use cloud::Resource;
use domain::ResizeParams;
use drivers::{NodeUse, Workers};

use crate::{
    probe::{Probe, Target, driver_of},
    step::{Fail, Next, StepCtx},
};

/// Chooses the nodes that go, when some go.
pub(super) async fn choose_nodes(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let mut params = super::resize::params(ctx)?;
    let shrinks = params.previous.is_some_and(|previous| previous > params.node_count);
    if !shrinks || !params.nodes_to_remove.is_empty() {
        return Ok(Next::Done);
    }
    let chosen = match choose(ctx, &params).await {
        Err(Fail::Fatal(error)) => Err(error.to_string()),
        other => other?,
    };
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(why) => {
            tracing::warn!(cluster.uuid = %ctx.cluster.uuid, why, "nodes in use are not known, the newest ones go");
            return Ok(Next::Done);
        }
    };
    tracing::info!(cluster.uuid = %ctx.cluster.uuid, nodes = chosen.join(","), "nodes that run least go");
    params.nodes_to_remove = chosen;
    ctx.op.params = serde_json::to_value(params)
        .map_err(|error| Fail::Fatal(domain::Error::internal("write the parameters of a resize", error)))?;
    let kept = ctx.deps.store.record_params(&ctx.op, ctx.deps.clock.now()).await?;
    if kept { Ok(Next::Done) } else { Err(Fail::Lost) }
}

/// Numbers of the members to go, or why they cannot be told. Only Heat's failures are tried again.
async fn choose(ctx: &StepCtx, params: &ResizeParams) -> Result<Result<Vec<String>, String>, Fail> {
    let template = ctx.template()?;
    let driver = driver_of(template)?;
    let Some(target) = Target::of(driver, &ctx.cluster, template, &ctx.groups) else {
        return Ok(Err("this driver's clusters are not asked".to_owned()));
    };
    if !target.monitor.is_accessible(&ctx.cluster) {
        return Ok(Err("the cluster is not accessible".to_owned()));
    }
    let members = match members(ctx, target.monitor.workers()).await? {
        Ok(members) => members,
        Err(why) => return Ok(Err(why)),
    };
    let told = Probe::new(&ctx.deps).run(&ctx.deps, &target, target.monitor.usage(&target.site)).await;
    let count = members.len().saturating_sub(usize::try_from(params.node_count).unwrap_or(usize::MAX));
    Ok(told.and_then(|told| told).map(|nodes| leaving(&members, &nodes, count)))
}

/// A member of a group in Heat: its number, and the private address of its node.
type Member = (u64, String);

/// The members of the group as Heat has them.
async fn members(ctx: &StepCtx, workers: Workers) -> Result<Result<Vec<Member>, String>, Fail> {
    let ident = &ctx.target_ident();
    let resources = ctx.with_any(|session| async move { session.heat().resources(ident, 1, None).await }).await?;
    let told = ctx.outputs_of(ident).await?;
    Ok(paired(&resources, workers.group, told.list(workers.addresses)?))
}

/// Numbers and addresses are in the same order.
fn paired(resources: &[Resource], group: &str, addresses: Vec<String>) -> Result<Vec<Member>, String> {
    let numbers: Vec<u64> = super::leaving::numbered(resources, group).into_keys().collect();
    if numbers.len() != addresses.len() {
        return Err(format!("Heat has {} members and {} addresses", numbers.len(), addresses.len()));
    }
    Ok(numbers.into_iter().zip(addresses).collect())
}

/// The first to go are nodes the cluster does not know or that take no work, then those with the least; of equal ones the
/// newest.
fn leaving(members: &[Member], nodes: &[NodeUse], count: usize) -> Vec<String> {
    let mut known: BTreeMap<&str, (bool, usize)> = BTreeMap::new();
    for node in nodes {
        for address in &node.addresses {
            let rank = known.entry(address).or_default();
            *rank = (*rank).max((node.ready, node.load));
        }
    }
    let mut ranked: Vec<_> = members
        .iter()
        .map(|(number, address)| {
            let (ready, load) = known.get(address.as_str()).copied().unwrap_or_default();
            (if ready { Some(load) } else { None }, std::cmp::Reverse(*number))
        })
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().take(count).map(|(_, number)| number.0.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(address: &str, ready: bool, load: usize) -> NodeUse {
        NodeUse { addresses: vec!["192.0.2.1".to_owned(), address.to_owned()], ready, load }
    }

    fn members() -> Vec<Member> {
        [(0, "10.0.0.6"), (2, "10.0.0.7"), (3, "10.0.0.8"), (10, "10.0.0.9")]
            .map(|(number, address)| (number, address.to_owned()))
            .to_vec()
    }

    #[test]
    fn the_idle_go_before_the_busy_and_the_newest_of_equals_first() {
        let nodes = [
            node("10.0.0.6", true, 0),
            node("10.0.0.7", true, 3),
            node("10.0.0.8", true, 3),
            node("10.0.0.9", true, 9),
        ];
        assert_eq!(leaving(&members(), &nodes, 1), ["0"]);
        assert_eq!(leaving(&members(), &nodes, 3), ["0", "3", "2"]);
        assert_eq!(leaving(&members(), &nodes, 0), Vec::<String>::new());
    }

    #[test]
    fn what_takes_no_work_goes_first() {
        let nodes = [node("10.0.0.6", false, 7), node("10.0.0.7", true, 0), node("10.0.0.9", true, 0)];
        assert_eq!(leaving(&members(), &nodes, 2), ["3", "0"], "one is unknown, the other not ready");
        assert_eq!(leaving(&members(), &[], 2), ["10", "3"], "as Heat would by itself");
        let twice = [node("10.0.0.9", false, 0), node("10.0.0.9", true, 2), node("10.0.0.8", true, 1)];
        assert_eq!(leaving(&members()[2..], &twice, 1), ["3"], "an entry of a node that is gone counts for nothing");
    }

    #[test]
    fn numbers_and_addresses_have_to_be_as_many() {
        let resource = |name: &str, parent: &str| -> Resource {
            serde_json::from_value(serde_json::json!({
                "resource_name": name, "resource_type": "kubeminion.yaml", "resource_status": "CREATE_COMPLETE",
                "physical_resource_id": "x", "parent_resource": parent,
            }))
            .unwrap()
        };
        let resources = [resource("10", "kube_minions"), resource("2", "kube_minions"), resource("0", "kube_masters")];
        let addresses = vec!["10.0.0.7".to_owned(), "10.0.0.9".to_owned()];
        let pairs = [(2, "10.0.0.7".to_owned()), (10, "10.0.0.9".to_owned())];
        assert_eq!(paired(&resources, "kube_minions", addresses.clone()).unwrap(), pairs);
        assert!(paired(&resources, "kube_masters", addresses).unwrap_err().contains("1 members and 2 addresses"));
    }
}
