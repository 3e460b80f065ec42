//! The health of clusters, asked of their own APIs by one conductor of all, and written when it changes.
//!
//! `health_status_reason` has what was found, by name, and besides `source`, which says that it was found out here, and
//! `since`, when it was first found so. A health that somebody else reported (PATCH) has no such `source`; it is left alone
//! for `[magnum_rs] reported_health_time`, and for good where the labels say that an auto-healer inside the cluster reports.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use domain::{Cluster, Error, Options, Status};
use drivers::Health;
use futures::{FutureExt, StreamExt, stream};
use store::{ClusterRecord, Page, Scope, SortDir};
use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::{
    Deps,
    probe::{Probe, Target, driver_of},
};

/// Clusters read at once.
const PAGE: i64 = 100;
const LEASE: &str = "watch-health";
/// Keys of a reason that say where it comes from.
const SOURCE: (&str, &str) = ("source", "magnum");
const SINCE: &str = "since";

/// Looks at the health of every cluster, now and then, in one conductor of all.
pub(crate) async fn watch(deps: Arc<Deps>, owner: String) {
    let seconds = deps.options.kubernetes.health_polling_interval;
    if seconds <= 0 {
        return;
    }
    let (interval, probe) = (TimeDelta::seconds(seconds), Probe::new(&deps));
    loop {
        sleep(crate::reconcile::pause(interval, 0)).await;
        match look(&deps, &probe, &owner).await {
            Ok(changed) => debug!(changed, "health of clusters looked at"),
            Err(error) => warn!(error = %error, "the health of clusters could not be looked at"),
        }
    }
}

/// One look at the health of every cluster; the number of those whose health was written.
///
/// # Errors
/// When the database fails. A cluster that does not answer is not healthy, and no error.
pub async fn round(deps: &Deps, owner: &str) -> Result<usize, Error> {
    look(deps, &Probe::new(deps), owner).await
}

/// How long others do not look: longer than a page takes of which no cluster answers.
fn longer_than_a_page(options: &Options) -> TimeDelta {
    let own = &options.magnum_rs;
    let most = i64::try_from(own.max_concurrent_probes.max(1)).unwrap_or(PAGE);
    let patience = i64::try_from(own.cluster_probe_timeout).unwrap_or(i64::MAX / PAGE);
    let page = patience.saturating_mul((PAGE + most - 1) / most);
    TimeDelta::seconds(600.max(options.kubernetes.health_polling_interval * 5).max(page.saturating_add(60)))
}

async fn look(deps: &Deps, probe: &Probe, owner: &str) -> Result<usize, Error> {
    let (mut changed, mut marker) = (0, None);
    loop {
        let ttl = longer_than_a_page(&deps.options);
        if !deps.store.claim_lease(LEASE, owner, deps.clock.now(), ttl).await? {
            debug!("another conductor looks at the health of clusters");
            return Ok(changed);
        }
        let page = Page { limit: PAGE, marker, sort_key: "id".to_owned(), sort_dir: SortDir::Asc };
        let records = match deps.store.clusters(&Scope::All, &page).await {
            // The last cluster of the page before is gone; the rest has its turn in the next round.
            Err(Error::NotFound { .. }) => return Ok(changed),
            other => other?,
        };
        let Some(last) = records.last() else { return Ok(changed) };
        marker = Some(last.cluster.uuid.clone());
        let most = deps.options.magnum_rs.max_concurrent_probes.max(1);
        let looks: Vec<_> = records.iter().map(|record| look_at(deps, probe, record).boxed()).collect();
        changed +=
            stream::iter(looks).buffer_unordered(most).filter(|written| std::future::ready(*written)).count().await;
    }
}

/// Looks at one cluster; `true` when its health was written.
async fn look_at(deps: &Deps, probe: &Probe, record: &ClusterRecord) -> bool {
    let cluster = &record.cluster;
    let patience = TimeDelta::seconds(deps.options.magnum_rs.reported_health_time);
    if !is_watched(cluster.status) || is_reported_by_others(cluster, deps.clock.now(), patience) {
        return false;
    }
    let Some(found) = health(deps, probe, record).await else { return false };
    let Some(reason) = news(cluster, &found, deps.clock.now()) else { return false };
    match deps.store.set_health_if(cluster, Some(found.status), &reason).await {
        Ok(true) => {
            info!(cluster.uuid = %cluster.uuid, health = found.status.as_str(), "health of a cluster changed");
            true
        }
        Ok(false) => false,
        Err(error) => {
            warn!(cluster.uuid = %cluster.uuid, error = %error, "the health of a cluster could not be written");
            false
        }
    }
}

/// What a cluster's own API says; `None` for a cluster that cannot be watched.
async fn health(deps: &Deps, probe: &Probe, record: &ClusterRecord) -> Option<Health> {
    let template = record.template.as_ref()?;
    let target = Target::of(driver_of(template).ok()?, &record.cluster, template, &record.nodegroups)?;
    if !target.monitor.is_accessible(&record.cluster) {
        return Some(Health::inaccessible(&record.cluster.name));
    }
    let told = probe.run(deps, &target, target.monitor.health(&target.site)).await;
    Some(told.unwrap_or_else(|why| Health::failed(&why)))
}

/// Clusters that are there, whatever happens to them; not those that are being made or taken down.
fn is_watched(status: Status) -> bool {
    !matches!(status, Status::CreateInProgress | Status::DeleteInProgress | Status::DeleteFailed)
}

/// Whether the health is somebody else's to tell.
fn is_reported_by_others(cluster: &Cluster, now: DateTime<Utc>, patience: TimeDelta) -> bool {
    let label = |name: &str| cluster.labels.value(name).unwrap_or_default().trim().to_ascii_lowercase();
    if label("auto_healing_enabled") == "true" && label("auto_healing_controller") == "magnum-auto-healer" {
        return true;
    }
    let own = cluster.health_status_reason.get(SOURCE.0).is_some_and(|source| source == SOURCE.1);
    let reported = cluster.health_status.is_some() && !own;
    reported && cluster.updated_at.is_some_and(|at| now - at < patience)
}

/// The reason to write; `None` when the cluster says the same already.
fn news(cluster: &Cluster, found: &Health, now: DateTime<Utc>) -> Option<BTreeMap<String, String>> {
    let mut reason = found.reason.clone();
    reason.insert(SOURCE.0.to_owned(), SOURCE.1.to_owned());
    let mut known = cluster.health_status_reason.clone();
    known.remove(SINCE);
    if cluster.health_status == Some(found.status) && known == reason {
        return None;
    }
    reason.insert(SINCE.to_owned(), now.to_rfc3339_opts(SecondsFormat::Secs, true));
    Some(reason)
}
