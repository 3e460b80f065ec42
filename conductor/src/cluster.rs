//! What the conductor does to clusters: one table per operation, read from top to bottom.
//!
//! The table is the documentation. `DELETE` is the undo column of `CREATE` read from the bottom, so there is no second
//! list to keep true.

mod certificates;
mod choice;
mod credentials;
mod discovery;
mod facts;
mod leaving;
mod nodegroup;
mod resize;
mod revive;
mod rotation;
mod stack;
mod teardown;
mod trust;
mod upgrade;

use chrono::TimeDelta;
use domain::{Operation, OperationKind, Status};
use store::Outcome;

use crate::{
    engine::{Line, Step, operation},
    step::{Fail, Next, StepCtx},
};
use certificates::{delete_certs, issue_certs};
use choice::choose_nodes;
use credentials::{
    await_credentials, forget_credentials, make_trustee, tell_credentials, trust_trustee, use_credentials,
};
use leaving::{empty_nodes, forget_nodes, readmit_nodes};
use nodegroup::{
    announce_group, await_group_stack, create_group_stack, delete_group_stack, delete_node_groups, forget_group,
    record_group,
};
use resize::{await_resize, record_sizes, update_stack};
use rotation::{
    add_authority, await_authority, await_removal, await_renewal, forget_authority, remove_authority, renew_authority,
    tell_authority, tell_removal, tell_renewal,
};
use stack::{await_stack, create_stack, delete_stack, record_outputs};
use teardown::{delete_load_balancers, settle};
use trust::{grant_trust, revoke_trust};
use upgrade::{announce_upgrade, record_upgrade, replace_nodes, settle_version};

operation! {
    /// Builds a cluster. The order is that of a delete read backwards: stack, trust, certificates, row.
    CREATE {
        announce     / forget_cluster;
        issue_certs  / delete_certs;
        grant_trust  / revoke_trust  [token];
        create_stack / delete_stack  [token];
        await_stack  / delete_node_groups;
        record_outputs / delete_load_balancers;
    }
}

operation! {
    /// Builds a node group besides those a cluster comes with, on what the cluster's own stack has made.
    NODEGROUP_CREATE {
        announce_group     / forget_group;
        create_group_stack / delete_group_stack [token];
        await_group_stack;
        record_group;
    }
}

operation! {
    /// Shows what was changed of a node group.
    NODEGROUP_UPDATE {
        announce_group;
    }
}

operation! {
    /// Changes the number of nodes of one node group.
    RESIZE {
        choose_nodes;
        empty_nodes;
        update_stack [token];
        await_resize;
        forget_nodes;
        record_sizes;
    }
}

operation! {
    /// Brings nodes to another version, batch by batch.
    UPGRADE {
        announce_upgrade;
        replace_nodes  [token];
        settle_version [token];
        record_upgrade;
    }
}

operation! {
    /// Replaces the cluster's authority. In between nodes trust both: first they learn of the new one, then they get its
    /// certificates, and only then the old one goes.
    ROTATE_CA {
        add_authority;
        tell_authority [token];
        await_authority;
        renew_authority;
        tell_renewal [token];
        await_renewal;
        remove_authority;
        tell_removal [token];
        await_removal;
        forget_authority;
    }
}

operation! {
    /// Replaces the cluster's trustee and its trust. Until all nodes use the new one both are good.
    ROTATE_CREDENTIALS {
        make_trustee;
        trust_trustee    [token];
        tell_credentials [token];
        await_credentials;
        use_credentials;
        forget_credentials;
    }
}

operation! {
    /// What the removal of a cluster or node group does before it undoes the creation.
    BEFORE_DELETE {
        settle;
    }
}

operation! {
    /// What a resize does before it fails.
    FAILED_RESIZE {
        readmit_nodes;
    }
}

/// What is done before an operation fails, whatever made it fail. A help that never keeps it from ending.
pub(crate) fn before_failure(kind: OperationKind) -> Option<Step> {
    let lines = if kind == OperationKind::Resize { FAILED_RESIZE } else { &[] };
    lines.first().map(|line| line.step)
}

/// The steps of an operation, in order.
pub(crate) fn steps(kind: OperationKind) -> Vec<Step> {
    let forward = |lines: &[Line]| lines.iter().map(|line| line.step).collect::<Vec<_>>();
    let backward = |lines: &[Line]| {
        let undone = lines.iter().rev().filter_map(|line| line.undo);
        forward(BEFORE_DELETE).into_iter().chain(undone).collect::<Vec<_>>()
    };
    match kind {
        OperationKind::Create => forward(CREATE),
        OperationKind::Resize => forward(RESIZE),
        OperationKind::NodegroupCreate => forward(NODEGROUP_CREATE),
        OperationKind::NodegroupUpdate => forward(NODEGROUP_UPDATE),
        OperationKind::Upgrade => forward(UPGRADE),
        OperationKind::RotateCa => forward(ROTATE_CA),
        OperationKind::RotateCredentials => forward(ROTATE_CREDENTIALS),
        OperationKind::Delete => backward(CREATE),
        OperationKind::NodegroupDelete => backward(NODEGROUP_CREATE),
    }
}

/// `true` for a creation that still has to act for its user, whose token is wiped with the end of an operation: making the
/// trust and the stack is nobody else's right.
pub(crate) fn lacks_token(op: &Operation) -> bool {
    let needs = |steps: &[Line]| steps.iter().skip_while(|line| line.step.name != op.step).any(|line| line.step.token);
    op.kind == OperationKind::Create && op.sealed_token.is_none() && (op.step.is_empty() || needs(CREATE))
}

/// How long a step may be tried or waited for, counted from when it was first entered.
///
/// Steps that wait for Heat get Heat's own timeout and a margin, so that Heat says first what went wrong.
pub(crate) fn deadline(ctx: &StepCtx, step: &str) -> TimeDelta {
    match step {
        "await_stack" | "await_group_stack" | "await_authority" | "await_renewal" | "await_removal"
        | "await_credentials" => stack::timeout(ctx) + TimeDelta::minutes(10),
        "await_resize" => TimeDelta::seconds(ctx.deps.options.magnum_rs.update_deadline),
        "empty_nodes" | "forget_nodes" | "forget_group" => {
            TimeDelta::seconds(ctx.deps.options.magnum_rs.step_deadline) + leaving::patience(ctx, step)
        }
        "replace_nodes" => TimeDelta::seconds(ctx.deps.options.magnum_rs.update_deadline) * upgrade::batches(ctx),
        "settle_version" => TimeDelta::seconds(ctx.deps.options.magnum_rs.update_deadline),
        "delete_stack" | "delete_node_groups" | "delete_group_stack" => {
            TimeDelta::seconds(ctx.deps.options.magnum_rs.delete_deadline)
        }
        "delete_load_balancers" => TimeDelta::seconds(ctx.deps.options.cluster.pre_delete_lb_timeout.max(10)),
        _ => TimeDelta::seconds(ctx.deps.options.magnum_rs.step_deadline),
    }
}

/// The row, its default node groups and the operation exist since the request was accepted; here the creation starts.
async fn announce(ctx: &mut StepCtx) -> Result<Next, Fail> {
    ctx.driver()?;
    tracing::info!(cluster.name = %ctx.cluster.name, "creating cluster");
    Ok(Next::Done)
}

/// Everything outside is gone; the row itself goes with the end of the operation, see [`success`].
async fn forget_cluster(_: &mut StepCtx) -> Result<Next, Fail> {
    Ok(Next::Done)
}

/// What the end of an operation writes when every step is done.
pub(crate) fn success(ctx: &mut StepCtx) -> Outcome {
    match (ctx.op.kind, ctx.op.nodegroup()) {
        (OperationKind::Delete, _) => return Outcome::deleted(),
        (OperationKind::Create, _) => set_status(ctx, Status::CreateComplete, None),
        (OperationKind::NodegroupDelete, Some(gone)) => {
            let gone = gone.to_owned();
            ctx.groups.retain(|group| group.uuid != gone);
            set_cluster_status(ctx, None);
            return Outcome::group_deleted(&ctx.cluster, &gone);
        }
        (OperationKind::NodegroupCreate, _) => {
            set_group_status(ctx, Status::CreateComplete, None);
            set_cluster_status(ctx, None);
        }
        _ => {
            set_group_status(ctx, Status::UpdateComplete, None);
            set_cluster_status(ctx, None);
        }
    }
    Outcome::done(&ctx.cluster, &ctx.taking_part())
}

/// What the end of an operation writes when a step failed for good.
pub(crate) fn failure(ctx: &mut StepCtx, reason: &str) -> Outcome {
    match ctx.op.kind {
        OperationKind::Create => set_status(ctx, Status::CreateFailed, Some(reason)),
        OperationKind::Delete => set_status(ctx, Status::DeleteFailed, Some(reason)),
        kind => {
            resize::restore_count(ctx);
            let status = match kind {
                OperationKind::NodegroupCreate => Status::CreateFailed,
                OperationKind::NodegroupDelete => Status::DeleteFailed,
                _ => Status::UpdateFailed,
            };
            set_group_status(ctx, status, Some(reason));
            set_cluster_status(ctx, Some(reason));
        }
    }
    Outcome::failed(&ctx.cluster, &ctx.taking_part(), reason)
}

/// Cluster and node groups carry the same status.
fn set_status(ctx: &mut StepCtx, status: Status, reason: Option<&str>) {
    ctx.cluster.status = status;
    ctx.cluster.status_reason = reason.map(str::to_owned);
    set_group_status(ctx, status, reason);
}

/// The status of the node groups that an operation was about.
fn set_group_status(ctx: &mut StepCtx, status: Status, reason: Option<&str>) {
    let own: Vec<String> = ctx.taking_part().into_iter().map(|group| group.uuid).collect();
    for group in ctx.groups.iter_mut().filter(|group| own.contains(&group.uuid)) {
        group.status = status;
        group.status_reason = reason.map(str::to_owned);
    }
}

/// The cluster's status follows from those of its node groups, as upstream has it: while one of them is broken, it is.
/// What just failed says why; of the others their names are told.
fn set_cluster_status(ctx: &mut StepCtx, reason: Option<&str>) {
    let own = ctx.own_group().map(|group| group.name.clone());
    let failed: Vec<&str> = ctx
        .groups
        .iter()
        .filter(|group| !group.is_default && group.status.is_failed() && own.as_deref() != Some(&group.name))
        .map(|group| group.name.as_str())
        .collect();
    let cause = match (reason, own) {
        (Some(reason), Some(name)) => Some(format!("{name} failed: {reason}")),
        (Some(reason), None) => Some(reason.to_owned()),
        (None, _) => None,
    };
    let others = failed.iter().map(|name| format!("{name} failed"));
    let told: Vec<String> = cause.into_iter().chain(others).collect();
    ctx.cluster.status = if told.is_empty() { Status::UpdateComplete } else { Status::UpdateFailed };
    ctx.cluster.status_reason = (!told.is_empty()).then(|| told.join(", "));
}
