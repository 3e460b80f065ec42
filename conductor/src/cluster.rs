//! What the conductor does to clusters: one table per operation, read from top to bottom.
//!
//! The table is the documentation. `DELETE` is the undo column of `CREATE` read from the bottom, so there is no second
//! list to keep true.

mod certificates;
mod discovery;
mod facts;
mod resize;
mod stack;
mod teardown;
mod trust;

use chrono::TimeDelta;
use domain::{Operation, OperationKind, Status};
use store::Outcome;

use crate::{
    engine::{Line, Step, operation},
    step::{Fail, Next, StepCtx},
};
use certificates::{delete_certs, issue_certs};
use resize::{await_resize, record_sizes, update_stack};
use stack::{await_stack, create_stack, delete_stack, record_outputs};
use teardown::{delete_load_balancers, settle};
use trust::{grant_trust, revoke_trust};

operation! {
    /// Builds a cluster. The order is that of a delete read backwards: stack, trust, certificates, row.
    CREATE {
        announce     / forget_cluster;
        issue_certs  / delete_certs;
        grant_trust  / revoke_trust  [token];
        create_stack / delete_stack  [token];
        await_stack  / delete_load_balancers;
        record_outputs;
    }
}

operation! {
    /// Changes the number of nodes of one node group.
    RESIZE {
        update_stack [token];
        await_resize;
        record_sizes;
    }
}

operation! {
    /// What a delete does before it undoes the creation.
    BEFORE_DELETE {
        settle;
    }
}

/// The steps of an operation, in order.
pub(crate) fn steps(kind: OperationKind) -> Vec<Step> {
    let forward = |lines: &[Line]| lines.iter().map(|line| line.step).collect::<Vec<_>>();
    match kind {
        OperationKind::Create => forward(CREATE),
        OperationKind::Resize => forward(RESIZE),
        OperationKind::Delete => {
            let mut steps = forward(BEFORE_DELETE);
            steps.extend(CREATE.iter().rev().filter_map(|line| line.undo));
            steps
        }
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
        "await_stack" => stack::timeout(ctx) + TimeDelta::minutes(10),
        "await_resize" => TimeDelta::seconds(ctx.deps.options.magnum_rs.update_deadline),
        "delete_stack" => TimeDelta::seconds(ctx.deps.options.magnum_rs.delete_deadline),
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
    let status = match ctx.op.kind {
        OperationKind::Create => Status::CreateComplete,
        OperationKind::Resize => Status::UpdateComplete,
        OperationKind::Delete => return Outcome::deleted(),
    };
    set_status(ctx, status, None);
    Outcome::done(&ctx.cluster, &ctx.groups)
}

/// What the end of an operation writes when a step failed for good.
pub(crate) fn failure(ctx: &mut StepCtx, reason: &str) -> Outcome {
    let status = match ctx.op.kind {
        OperationKind::Create => Status::CreateFailed,
        OperationKind::Resize => {
            resize::restore_count(ctx);
            Status::UpdateFailed
        }
        OperationKind::Delete => Status::DeleteFailed,
    };
    set_status(ctx, status, Some(reason));
    Outcome::failed(&ctx.cluster, &ctx.groups, reason)
}

/// Cluster and the node groups that took part carry the same status.
fn set_status(ctx: &mut StepCtx, status: Status, reason: Option<&str>) {
    ctx.cluster.status = status;
    ctx.cluster.status_reason = reason.map(str::to_owned);
    for group in &mut ctx.groups {
        if group.is_default || group.status.is_busy() {
            group.status = status;
            group.status_reason = reason.map(str::to_owned);
        }
    }
}
