//! Clusters that nobody works on: a stack that failed, vanished or was changed behind the service's back shows in the
//! status of its cluster.
//!
//! A cluster is only called broken on proof. A list that lacks a stack proves nothing, as it depends on who asked; the
//! cluster's own trust, which sees the owner's project, has to say that the stack is not there. Every write is
//! conditional on the status seen and on no operation having begun.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use cloud::{Session, StackFilter};
use domain::{Error, Status};
use store::IdleStack;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::Deps;

/// Stacks asked for in one request.
const PAGE: u64 = 100;
/// Rounds of the watch over busy clusters for one over idle ones.
const EVERY: i32 = 6;
/// Begins the reason of a failure that did not come from an operation of ours, so that its end can be seen as well.
const OUTSIDE: &str = "Changed outside of this service: ";
/// Statuses in which a look is worth it: the cluster is said to work, or may have been repaired.
const LOOKED_AT: [Status; 9] = [
    Status::CreateComplete,
    Status::UpdateComplete,
    Status::RollbackComplete,
    Status::ResumeComplete,
    Status::RestoreComplete,
    Status::SnapshotComplete,
    Status::CheckComplete,
    Status::AdoptComplete,
    Status::UpdateFailed,
];

/// Looks at the stacks of idle clusters, now and then, in one conductor of all.
pub(crate) async fn watch(deps: Arc<Deps>, owner: String) {
    let interval = deps.poll_interval() * EVERY;
    loop {
        sleep(crate::reconcile::pause(interval, 0)).await;
        match deps.store.claim_lease("watch-idle-stacks", &owner, deps.clock.now(), interval * 5).await {
            Ok(true) => match round(&deps).await {
                Ok(changed) => debug!(changed, "idle clusters looked at"),
                Err(error) => warn!(error = %error, "idle clusters could not be looked at"),
            },
            Ok(false) => debug!("another conductor looks at the idle clusters"),
            Err(error) => warn!(error = %error, "the lease for idle clusters could not be asked for"),
        }
    }
}

/// One look at every idle cluster; the number of those whose status was changed.
///
/// # Errors
/// When the database fails. A cloud that does not answer is logged and leaves its clusters as they are.
pub async fn round(deps: &Deps) -> Result<usize, Error> {
    let (mut changed, mut after) = (0, None);
    loop {
        let page = deps.store.idle_stacks(&LOOKED_AT, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(changed) };
        after = Some((last.project_id.clone(), last.cluster_uuid.clone()));
        for of_project in page.chunk_by(|a, b| a.project_id == b.project_id) {
            match statuses(deps, of_project).await {
                Ok(statuses) => changed += judge_all(deps, of_project, &statuses).await?,
                Err(error) => {
                    warn!(project.id = of_project[0].project_id, error = %error, "idle stacks could not be listed");
                }
            }
        }
        // A cloud with many clusters is asked gently.
        sleep(Duration::from_millis(50)).await;
    }
}

/// Status by stack id, asked with the trusts of the first clusters, else as the service.
async fn statuses(deps: &Deps, stacks: &[IdleStack]) -> Result<BTreeMap<String, String>, Error> {
    let ids = stacks.iter().map(|stack| stack.stack_id.clone()).collect();
    let filter = StackFilter { ids, ..StackFilter::default() };
    let trusts = stacks.iter().filter_map(|stack| as_trust(deps, stack)).take(2);
    let service = std::iter::once_with(|| deps.cloud.as_service().in_project(&stacks[0].project_id));
    let mut refused = None;
    for session in trusts.chain(service) {
        match session.heat().stacks(&filter).await {
            Err(error) if matches!(error.cloud_status(), Some(401 | 403)) => {
                refused.get_or_insert(error);
            }
            other => return Ok(other?.into_iter().map(|stack| (stack.id, stack.status)).collect()),
        }
    }
    Err(refused.unwrap_or_else(|| Error::invalid("no identity to ask with")))
}

fn as_trust(deps: &Deps, stack: &IdleStack) -> Option<Session> {
    let (user, trust) = (stack.trustee_user_id.as_ref()?, stack.trust_id.as_ref()?);
    let password = deps.seal.open(stack.trustee_password.as_ref()?, &stack.cluster_uuid).ok()?;
    Some(deps.cloud.as_trust(user, &password, trust))
}

async fn judge_all(deps: &Deps, stacks: &[IdleStack], statuses: &BTreeMap<String, String>) -> Result<usize, Error> {
    let mut changed = 0;
    for stack in stacks {
        let seen = statuses.get(&stack.stack_id).map(String::as_str);
        let Some(verdict) = judge(stack.status, stack.status_reason.as_deref(), seen) else { continue };
        let Some((status, reason)) = confirmed(deps, stack, verdict).await else { continue };
        if deps
            .store
            .set_status_if(&stack.cluster_uuid, stack.status, status, reason.as_deref(), deps.clock.now())
            .await?
        {
            info!(cluster.uuid = %stack.cluster_uuid, status = %status, reason, "stack was changed by somebody else");
            changed += 1;
        }
    }
    Ok(changed)
}

/// What a look at a list suggests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is not in the list.
    Vanished,
    /// The stack failed; the status the cluster gets.
    Failed(Status),
    /// The stack works in another status than the cluster says.
    Works(Status),
}

/// Compares what a cluster says with what its stack says; `None` when they agree well enough.
///
/// A failure that an operation of ours reported stays until the next operation, whatever the stack says: its reason is
/// the answer to a request.
fn judge(cluster: Status, reason: Option<&str>, stack: Option<&str>) -> Option<Verdict> {
    let ours = cluster == Status::UpdateFailed && !reason.is_some_and(|reason| reason.starts_with(OUTSIDE));
    if ours {
        return None;
    }
    let was_broken = cluster == Status::UpdateFailed;
    match stack {
        None | Some("DELETE_COMPLETE") => Some(Verdict::Vanished),
        Some("DELETE_FAILED") => Some(Verdict::Failed(Status::DeleteFailed)),
        Some("ROLLBACK_FAILED") => Some(Verdict::Failed(Status::RollbackFailed)),
        Some(failed) if failed.ends_with("_FAILED") => (!was_broken).then_some(Verdict::Failed(Status::UpdateFailed)),
        Some("UPDATE_COMPLETE") if cluster == Status::CreateComplete => Some(Verdict::Works(Status::UpdateComplete)),
        Some(works) if works.ends_with("_COMPLETE") => was_broken.then_some(Verdict::Works(Status::UpdateComplete)),
        Some(_) => None,
    }
}

/// Asks about the one stack, as the cluster's trust; `None` when that does not prove the verdict.
async fn confirmed(deps: &Deps, stack: &IdleStack, verdict: Verdict) -> Option<(Status, Option<String>)> {
    match verdict {
        Verdict::Works(status) => Some((status, None)),
        Verdict::Failed(status) => Some((status, Some(cause(deps, stack).await))),
        Verdict::Vanished => match as_trust(deps, stack)?.heat().stack(&stack.stack_id).await {
            Ok(found) if found.as_ref().is_none_or(|found| found.status == "DELETE_COMPLETE") => {
                Some((Status::UpdateFailed, Some(format!("Stack with id {} not found in Heat.", stack.stack_id))))
            }
            Ok(_) => None,
            Err(error) => {
                debug!(cluster.uuid = %stack.cluster_uuid, error = %error, "whether the stack is gone cannot be told");
                None
            }
        },
    }
}

/// First concrete cause of the failure, in Heat's words.
async fn cause(deps: &Deps, stack: &IdleStack) -> String {
    let session = as_trust(deps, stack).unwrap_or_else(|| deps.cloud.as_service().in_project(&stack.project_id));
    let found = match session.heat().failed_reason(&stack.stack_id).await {
        Ok(Some(cause)) => Some(cause),
        _ => session.heat().stack(&stack.stack_id).await.ok().flatten().and_then(|stack| stack.status_reason),
    };
    format!("{OUTSIDE}{}", found.unwrap_or_else(|| "the stack failed".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_that_agrees_with_its_cluster_changes_nothing() {
        for (cluster, stack) in [
            (Status::CreateComplete, "CREATE_COMPLETE"),
            (Status::UpdateComplete, "UPDATE_COMPLETE"),
            (Status::UpdateComplete, "UPDATE_IN_PROGRESS"),
            (Status::UpdateComplete, "SUSPEND_COMPLETE"),
            (Status::RollbackComplete, "ROLLBACK_COMPLETE"),
        ] {
            assert_eq!(judge(cluster, None, Some(stack)), None, "{cluster} and {stack}");
        }
    }

    #[test]
    fn every_failure_of_a_stack_becomes_a_status_that_clients_know() {
        let judged = |stack| judge(Status::CreateComplete, None, Some(stack));
        for stack in ["CHECK_FAILED", "UPDATE_FAILED", "SUSPEND_FAILED", "SNAPSHOT_FAILED", "CREATE_FAILED"] {
            assert_eq!(judged(stack), Some(Verdict::Failed(Status::UpdateFailed)), "{stack}");
        }
        assert_eq!(judged("DELETE_FAILED"), Some(Verdict::Failed(Status::DeleteFailed)));
        assert_eq!(judged("ROLLBACK_FAILED"), Some(Verdict::Failed(Status::RollbackFailed)));
        assert_eq!(judge(Status::CreateComplete, None, None), Some(Verdict::Vanished));
        assert_eq!(judged("DELETE_COMPLETE"), Some(Verdict::Vanished));
    }

    #[test]
    fn only_failures_from_outside_end_from_outside() {
        let outside = Some("Changed outside of this service: node: Quota exceeded");
        let judged = |reason| judge(Status::UpdateFailed, reason, Some("CHECK_COMPLETE"));
        assert_eq!(judged(outside), Some(Verdict::Works(Status::UpdateComplete)));
        assert_eq!(judged(Some("node: Quota exceeded")), None);
        assert_eq!(judge(Status::UpdateFailed, outside, Some("UPDATE_FAILED")), None, "it is said already");
    }
}
