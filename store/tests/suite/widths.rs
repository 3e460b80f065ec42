//! How much the columns hold, and what is said when it is too much.

use std::collections::BTreeMap;

use domain::{Error, HealthStatus, Labels, OperationKind};

use super::{Fresh, fixtures::*};

/// More than `MySQL`'s TEXT holds.
const MANY: usize = 70_000;

pub(crate) async fn large_clusters_are_kept_whole(db: &Fresh) {
    let store = db.store().await;
    let long = Labels::from([("note", "x".repeat(MANY).as_str())]);
    let mut template = template("large");
    template.labels = long.clone();
    store.insert_template(&template).await.unwrap();
    let mut cluster = cluster("large", &template);
    cluster.labels = long.clone();
    let mut groups = groups(&cluster);
    groups[1].labels = long;
    let mut create = operation(&cluster, OperationKind::Create);
    create.params = serde_json::json!({"nodes_to_remove": vec!["server"; MANY / 8]});
    store.insert_cluster(&template, &cluster, &groups, &create, 100).await.unwrap();
    assert_eq!(store.operation(&create.id).await.unwrap().params, create.params);

    let claim = claimed(&store, &create.id, "w", 1).await;
    groups[1].node_addresses = (0..MANY / 14).map(|node| format!("10.100.{}.{}", node / 256, node % 256)).collect();
    assert!(store.commit_step(&claim, &cluster, &groups, true, at(2)).await.unwrap());
    let reason = BTreeMap::from([("nodes".to_owned(), "y".repeat(MANY))]);
    store.set_health(&cluster.uuid, Some(HealthStatus::Unhealthy), &reason, at(3)).await.unwrap();
    let seen = show(&store, &cluster.uuid).await;
    assert_eq!((seen.cluster.labels, seen.cluster.health_status_reason), (cluster.labels, reason));
    assert_eq!(seen.nodegroups[1].labels, groups[1].labels);
    assert_eq!(seen.nodegroups[1].node_addresses, groups[1].node_addresses);
    assert_eq!(seen.template.unwrap().labels, template.labels);
}

/// SQLite has no bounds; the others refuse for good, and nothing of the transaction stays.
pub(crate) async fn what_does_not_fit_is_no_failure_of_the_database(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    let claim = claimed(&store, &create.id, "w", 1).await;
    let mut wide = record.cluster.clone();
    wide.api_address = Some("x".repeat(300));
    let committed = store.commit_step(&claim, &wide, &record.nodegroups, true, at(2)).await;
    if db.url.starts_with("sqlite") {
        assert!(committed.unwrap());
        return;
    }
    let error = committed.unwrap_err();
    assert!(matches!(error, Error::DoesNotFit { .. }), "{error:?}");
    assert!(!error.is_retryable());
    assert_eq!(show(&store, &record.cluster.uuid).await, record);
    assert!(store.commit_step(&claim, &record.cluster, &record.nodegroups, true, at(3)).await.unwrap());
}
