//! What a delete does before it takes the stack down.

use chrono::TimeDelta;
use cloud::octavia;

use crate::step::{Fail, Next, StepCtx};

/// Waits until the operation that this delete took over has let go.
///
/// Its worker may be in the middle of a request, and what that request makes must be found by the steps that follow.
/// The worker hands its lease back as soon as it notices; if it died, the lease runs out.
pub(super) async fn settle(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let now = ctx.deps.clock.now();
    let leased = ctx.deps.store.leases_of_cluster(&ctx.cluster.uuid, &ctx.op.id, now).await?;
    if leased == 0 { Ok(Next::Done) } else { Ok(Next::Wait(TimeDelta::milliseconds(500))) }
}

/// Removes the load balancers that the cluster itself made for its services, with their floating IPs; Heat cannot know
/// them, and their ports would keep the network from going.
pub(super) async fn delete_load_balancers(ctx: &mut StepCtx) -> Result<Next, Fail> {
    if ctx.cluster.stack_id.is_none() || !ctx.deps.cloud.has_octavia().await? {
        return Ok(Next::Done);
    }
    let (uuid, project) = (ctx.cluster.uuid.clone(), ctx.cluster.project_id.clone());
    let left = ctx.with_any(async |session| octavia::delete_service_load_balancers(session, &project, &uuid).await).await?;
    if left.is_empty() {
        return Ok(Next::Done);
    }
    ctx.op.reason = Some(format!("Load balancers made by the cluster are still there: {}", left.join(", ")));
    Ok(Next::Wait(TimeDelta::seconds(2)))
}
