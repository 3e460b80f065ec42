//! Periodic work: functions without input, on a timer, safe to run in every conductor.
//!
//! What asks OpenStack or deletes is done under a lease in the database, so ten conductors ask as often as one.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::TimeDelta;
use cloud::StackFilter;
use domain::Error;
use store::WatchedStack;
use tokio::{sync::mpsc, time::sleep};
use tracing::{debug, warn};

use crate::{
    Deps,
    engine::{Advanced, Engine},
};

/// Magnum's name for this service in its table.
const BINARY: &str = "magnum-conductor";
/// Finished operations are kept this long for `operation list`.
const KEEP_OPERATIONS: TimeDelta = TimeDelta::days(30);
/// Stacks asked for in one request.
const PAGE: usize = 100;

/// After an operation ended or waits briefly, wake who comes next without waiting for the sweep.
pub(crate) fn follow_up(engine: &Engine, advanced: Advanced, id: &str, waker: &mpsc::UnboundedSender<String>) {
    let (id, pause) = match advanced {
        Advanced::Ended(state, Some(next)) => {
            debug!(state = %state, next = %next, "next operation of the cluster may run");
            (next, Duration::ZERO)
        }
        Advanced::Waiting(until) => (id.to_owned(), engine.until(until)),
        _ => return,
    };
    let waker = waker.clone();
    if pause <= Duration::from_secs(15) {
        tokio::spawn(async move {
            sleep(pause).await;
            // The receiver is gone only while the process stops; the sweep of another one finds the row.
            let _ = waker.send(id);
        });
    }
}

/// Says every minute that this conductor is alive.
pub(crate) async fn heartbeat(deps: Arc<Deps>, host: String) {
    loop {
        if let Err(error) = deps.store.heartbeat(&host, BINARY, deps.clock.now()).await {
            warn!(error = %error, "heartbeat could not be written");
        }
        sleep(Duration::from_secs(60)).await;
    }
}

/// Looks at the stacks of busy clusters, a page of each project at a time, and wakes the operations whose stack moved.
pub(crate) async fn watch_stacks(deps: Arc<Deps>, owner: String) {
    let interval = deps.poll_interval();
    let mut quiet: u32 = 0;
    loop {
        let held = deps.store.claim_lease("watch-stacks", &owner, deps.clock.now(), interval * 5).await;
        match held {
            Ok(true) => match look_at_stacks(&deps).await {
                Ok(moved) => quiet = if moved == 0 { (quiet + 1).min(4) } else { 0 },
                Err(error) => warn!(error = %error, "stacks could not be looked at"),
            },
            Ok(false) => debug!("another conductor watches the stacks"),
            Err(error) => warn!(error = %error, "the lease for watching stacks could not be asked for"),
        }
        sleep(pause(interval, quiet)).await;
    }
}

/// The interval, half as long again for each quiet round, and up to a fifth of jitter.
pub(crate) fn pause(interval: TimeDelta, quiet: u32) -> Duration {
    let base = u64::try_from(interval.num_milliseconds()).unwrap_or(10_000);
    let grown = base + base * u64::from(quiet) / 2;
    Duration::from_millis(grown + rand::random_range(0..=(grown / 5).max(1)))
}

/// One round; the number of operations woken.
async fn look_at_stacks(deps: &Deps) -> Result<usize, Error> {
    let watched = deps.store.watched_stacks().await?;
    let mut by_project: BTreeMap<&str, Vec<&WatchedStack>> = BTreeMap::new();
    for stack in &watched {
        by_project.entry(&stack.project_id).or_default().push(stack);
    }
    let mut moved = 0;
    for (project, stacks) in by_project {
        for page in stacks.chunks(PAGE) {
            match statuses(deps, project, page).await {
                Ok(statuses) => moved += wake(deps, page, &statuses).await?,
                Err(error) => warn!(project.id = project, error = %error, "stacks of a project could not be listed"),
            }
        }
    }
    Ok(moved)
}

/// Status by stack id, asked with the trust of one of the clusters, else as the service.
async fn statuses(deps: &Deps, project: &str, page: &[&WatchedStack]) -> Result<BTreeMap<String, String>, Error> {
    let filter =
        StackFilter { ids: page.iter().map(|stack| stack.stack_id.clone()).collect(), ..StackFilter::default() };
    let mut refused = None;
    for session in sessions(deps, page, project) {
        match session.heat().stacks(&filter).await {
            Err(error) if matches!(error.cloud_status(), Some(401 | 403)) => {
                refused.get_or_insert(error);
            }
            other => return Ok(other?.into_iter().map(|stack| (stack.id, stack.status)).collect()),
        }
    }
    Err(refused.unwrap_or_else(|| Error::invalid("no identity to ask with")))
}

fn sessions<'a>(
    deps: &'a Deps,
    page: &'a [&WatchedStack],
    project: &'a str,
) -> impl Iterator<Item = cloud::Session> + 'a {
    let trusts = page.iter().filter_map(|stack| {
        let (user, trust) = (stack.trustee_user_id.as_ref()?, stack.trust_id.as_ref()?);
        let password = deps.seal.open(stack.trustee_password.as_ref()?, &stack.cluster_uuid).ok()?;
        Some(deps.cloud.as_trust(user, &password, trust))
    });
    trusts.take(2).chain(std::iter::once_with(move || deps.cloud.as_service().in_project(project)))
}

/// Wakes what waits for a stack that is no longer in progress, or that is gone.
async fn wake(deps: &Deps, page: &[&WatchedStack], statuses: &BTreeMap<String, String>) -> Result<usize, Error> {
    let mut woken = 0;
    for stack in page {
        let busy = statuses.get(&stack.stack_id).is_some_and(|status| status.ends_with("_IN_PROGRESS"));
        if !busy && deps.store.wake_operation(&stack.operation_id, deps.clock.now()).await? {
            deps.doorbell.ring(&stack.operation_id).await;
            woken += 1;
        }
    }
    Ok(woken)
}

/// Removes finished operations after [`KEEP_OPERATIONS`], and the places of etcd members that are over.
pub(crate) async fn forget_old_operations(deps: Arc<Deps>, owner: String) {
    loop {
        let now = deps.clock.now();
        match deps.store.claim_lease("forget-operations", &owner, now, TimeDelta::hours(1)).await {
            Ok(true) => {
                if let Err(error) = deps.store.forget_operations(now - KEEP_OPERATIONS).await {
                    warn!(error = %error, "old operations could not be removed");
                }
                if let Err(error) = deps.store.forget_discoveries(now).await {
                    warn!(error = %error, "places of etcd members that are over could not be removed");
                }
            }
            Ok(false) => {}
            Err(error) => warn!(error = %error, "the lease for removing old operations could not be asked for"),
        }
        sleep(Duration::from_secs(3600)).await;
    }
}
