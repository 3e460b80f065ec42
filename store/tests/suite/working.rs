//! The worker's side: claims, leases, fencing, commits, ends.

use std::collections::BTreeMap;

use domain::{Error, HealthStatus, Operation, OperationState, Status};
use futures::future::join_all;
use store::Outcome;

use super::{Fresh, execute, fixtures::*};

pub(crate) async fn one_claim_wins(db: &Fresh) {
    let store = db.store().await;
    for round in 0..5 {
        let (_, create) = creating(&store).await;
        let claims = (0..16).map(|worker| {
            let (store, id) = (store.clone(), create.id.clone());
            tokio::spawn(async move { store.claim_operation(&id, &format!("w{worker}"), at(0), TTL).await.unwrap() })
        });
        let won: Vec<Operation> = join_all(claims).await.into_iter().filter_map(|claim| claim.unwrap()).collect();
        assert_eq!(won.len(), 1, "round {round}");
        let row = store.operation(&create.id).await.unwrap();
        assert_eq!((row.generation, row.lease_owner), (1, won[0].lease_owner.clone()));
        assert_eq!(row.lease_until, Some(at(0) + TTL));
    }
}

pub(crate) async fn claims_wait_for_time_and_lease(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    assert_eq!(store.claim_operation(&create.id, "w", at(-1), TTL).await.unwrap(), None, "not due");
    assert!(store.due_operations(at(-1), 9).await.unwrap().is_empty());
    let first = claimed(&store, &create.id, "one", 0).await;
    assert!(store.due_operations(at(60), 9).await.unwrap().is_empty());
    assert_eq!(store.claim_operation(&create.id, "two", at(60), TTL).await.unwrap(), None, "leased");
    assert!(store.renew_lease(&first, at(100)).await.unwrap());
    assert_eq!(store.claim_operation(&create.id, "two", at(100), TTL).await.unwrap(), None, "renewed");
    assert_eq!(store.due_operations(at(101), 9).await.unwrap(), [create.id.as_str()]);
    let second = claimed(&store, &create.id, "two", 101).await;
    assert_eq!(second.generation, first.generation + 1);
    assert!(!store.renew_lease(&first, at(999)).await.unwrap());
    assert!(!store.release(&first).await.unwrap());
    assert!(store.release(&second).await.unwrap());
    claimed(&store, &create.id, "three", 101).await;
    assert_eq!(store.claim_operation(&uuid(), "w", at(0), TTL).await.unwrap(), None);

    let (done, groups) = with_status(&record, Status::CreateComplete);
    let last = store.operation(&create.id).await.unwrap();
    store.finish(&last, Outcome::done(&done, &groups), at(200)).await.unwrap().unwrap();
    assert_eq!(store.claim_operation(&create.id, "w", at(999), TTL).await.unwrap(), None, "over");
}

/// A worker paused past its lease, after somebody else took over.
pub(crate) async fn a_stale_worker_writes_nothing(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    let stale = claimed(&store, &create.id, "paused", 0).await;
    let fresh = claimed(&store, &create.id, "other", 61).await;
    let (mut changed, groups) = with_status(&record, Status::CreateFailed);
    changed.stack_id = Some("stale".to_owned());
    let next = Operation { step: "stale".to_owned(), ..stale.clone() };
    assert!(!store.record(&stale, &changed, &groups, at(62)).await.unwrap());
    assert!(!store.commit_step(&next, &changed, &groups, true, at(62)).await.unwrap());
    assert!(!store.commit_step(&next, &changed, &groups, false, at(62)).await.unwrap());
    assert!(!store.renew_lease(&stale, at(999)).await.unwrap());
    assert!(!store.linger(&stale, at(62), at(999)).await.unwrap());
    assert!(!store.release(&stale).await.unwrap());
    for outcome in [
        Outcome::done(&changed, &groups),
        Outcome::failed(&changed, &groups, "stale"),
        Outcome::deleted(),
        Outcome::gone("stale"),
    ] {
        assert_eq!(store.finish(&stale, outcome, at(62)).await.unwrap(), None);
    }
    assert_eq!(show(&store, &record.cluster.uuid).await, record);
    assert_eq!(store.operation(&create.id).await.unwrap(), fresh);
}

pub(crate) async fn a_cancelled_worker_writes_nothing(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    let claim = claimed(&store, &create.id, "w", 0).await;
    store.accept_delete(&record.cluster.uuid, &delete(&record), &fresh_token).await.unwrap();
    let before = show(&store, &record.cluster.uuid).await;
    assert!(!store.record(&claim, &record.cluster, &record.nodegroups, at(1)).await.unwrap());
    assert!(!store.commit_step(&claim, &record.cluster, &record.nodegroups, true, at(1)).await.unwrap());
    assert!(!store.renew_lease(&claim, at(99)).await.unwrap());
    assert_eq!(store.finish(&claim, Outcome::deleted(), at(1)).await.unwrap(), None);
    assert_eq!(show(&store, &record.cluster.uuid).await, before);
}

pub(crate) async fn steps_are_committed_with_the_cluster(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    let mut op = claimed(&store, &create.id, "w", 0).await;
    let (mut cluster, mut groups) = (record.cluster.clone(), record.nodegroups.clone());
    cluster.stack_id = Some("stack".to_owned());
    cluster.trust_id = Some("trust".to_owned());
    cluster.name = "not an operation's business".to_owned();
    groups[1].node_addresses = vec!["10.0.0.7".to_owned(), "10.0.0.8".to_owned()];
    assert!(store.record(&op, &cluster, &groups, at(1)).await.unwrap());
    let mut wanted = record.clone();
    wanted.cluster.stack_id = Some("stack".to_owned());
    wanted.cluster.trust_id = Some("trust".to_owned());
    wanted.cluster.updated_at = Some(at(1));
    wanted.nodegroups[1].node_addresses = groups[1].node_addresses.clone();
    wanted.nodegroups.iter_mut().for_each(|group| group.updated_at = Some(at(1)));
    assert_eq!(show(&store, &record.cluster.uuid).await, wanted);

    (op.step, op.attempt, op.run_at, op.step_since) = ("await_stack".to_owned(), 3, at(30), at(2));
    op.reason = Some("the stack is not ready".to_owned());
    assert!(store.commit_step(&op, &cluster, &groups, true, at(3)).await.unwrap());
    let kept = store.operation(&op.id).await.unwrap();
    assert_eq!(kept, Operation { updated_at: Some(at(3)), ..op.clone() });
    assert!(store.commit_step(&op, &cluster, &groups, false, at(4)).await.unwrap());
    let kept = store.operation(&op.id).await.unwrap();
    assert_eq!((kept.lease_owner, kept.lease_until), (None, None));
    assert_eq!(store.claim_operation(&op.id, "w", at(29), TTL).await.unwrap(), None);
    claimed(&store, &op.id, "w", 30).await;
    execute(&db.url, "DELETE FROM cluster").await;
    let op = store.operation(&op.id).await.unwrap();
    let lost = store.record(&op, &cluster, &groups, at(31)).await;
    assert!(matches!(lost, Err(Error::NotFound { .. })));
}

pub(crate) async fn a_choice_is_kept_by_who_holds_the_lease(db: &Fresh) {
    let store = db.store().await;
    let (_, create) = creating(&store).await;
    let stale = claimed(&store, &create.id, "paused", 0).await;
    let fresh = claimed(&store, &create.id, "other", 61).await;
    let choice = |operation: &Operation, node: &str| Operation {
        params: serde_json::json!({"nodes_to_remove": [node]}),
        step: "another".to_owned(),
        ..operation.clone()
    };
    assert!(store.record_params(&choice(&fresh, "2"), at(62)).await.unwrap());
    assert!(!store.record_params(&choice(&stale, "0"), at(63)).await.unwrap());
    let kept = store.operation(&create.id).await.unwrap();
    assert_eq!((kept.params, kept.step), (serde_json::json!({"nodes_to_remove": ["2"]}), create.step));
}

pub(crate) async fn record_leaves_health_alone(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    let op = claimed(&store, &create.id, "w", 0).await;
    store.set_health(&record.cluster.uuid, Some(HealthStatus::Healthy), &BTreeMap::new(), at(1)).await.unwrap();
    assert!(store.record(&op, &record.cluster, &record.nodegroups, at(2)).await.unwrap());
    assert_eq!(show(&store, &record.cluster.uuid).await.cluster.health_status, Some(HealthStatus::Healthy));
}

pub(crate) async fn finish_promotes(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    let waiting = resize(&record, 1, 9);
    store.accept_resize(&record.cluster.uuid, &waiting).await.unwrap();
    let claim = claimed(&store, &create.id, "w", 0).await;
    let (done, groups) = with_status(&record, Status::CreateComplete);
    let ended = store.finish(&claim, Outcome::done(&done, &groups), at(5)).await.unwrap();
    assert_eq!(ended, Some(Some(waiting.id.clone())));
    let first = store.operation(&create.id).await.unwrap();
    assert_eq!((first.state, first.finished_at), (OperationState::Done, Some(at(5))));
    assert_eq!((first.sealed_token, first.lease_until), (None, None));
    let second = store.operation(&waiting.id).await.unwrap();
    assert_eq!((second.state, second.sealed_token.is_some()), (OperationState::Active, true));
    assert_eq!(store.finish(&claim, Outcome::done(&done, &groups), at(6)).await.unwrap(), None, "only once");
}

pub(crate) async fn finish_cancels_what_cannot_run(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    let waiting = resize(&record, 1, 9);
    store.accept_resize(&record.cluster.uuid, &waiting).await.unwrap();
    let claim = claimed(&store, &create.id, "w", 0).await;
    let (mut failed, groups) = with_status(&record, Status::CreateFailed);
    failed.status_reason = Some("no flavor".to_owned());
    let ended = store.finish(&claim, Outcome::failed(&failed, &groups, "no flavor"), at(5)).await.unwrap();
    assert_eq!(ended, Some(None));
    let row = store.operation(&waiting.id).await.unwrap();
    assert_eq!(row.state, OperationState::Cancelled);
    assert!(row.reason.unwrap().contains("CREATE_FAILED"));
    let now = show(&store, &record.cluster.uuid).await;
    assert_eq!((now.cluster.status, now.nodegroups[1].node_count), (Status::CreateFailed, 2));
    let told = now.cluster.status_reason.unwrap();
    assert!(told.starts_with("no flavor\nA change of the number of nodes"), "{told}");
    assert_eq!(store.operation(&create.id).await.unwrap().reason.as_deref(), Some("no flavor"));
}

pub(crate) async fn finish_of_delete_removes_rows(db: &Fresh) {
    let store = db.store().await;
    let record = created(&store, Status::CreateComplete).await;
    let other = created(&store, Status::CreateComplete).await;
    let removal = delete(&record);
    store.accept_delete(&record.cluster.uuid, &removal, &fresh_token).await.unwrap();
    let claim = claimed(&store, &removal.id, "w", 0).await;
    assert_eq!(store.finish(&claim, Outcome::deleted(), at(9)).await.unwrap(), Some(None));
    let ident = domain::Ident::of(&record.cluster.uuid);
    assert!(matches!(store.cluster(&store::Scope::All, &ident).await, Err(Error::NotFound { .. })));
    assert_eq!(store.operation(&removal.id).await.unwrap().state, OperationState::Done, "the operation outlives it");
    assert_eq!(show(&store, &other.cluster.uuid).await, other);
    store.delete_template(&record.cluster.cluster_template_id).await.unwrap();
    assert_eq!(store.cluster_count(PROJECT).await.unwrap(), 1);
}

/// What an accept and a finish that passed each other on two servers would leave behind.
pub(crate) async fn stranded_ones_start(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    let waiting = resize(&record, 1, 9);
    store.accept_resize(&record.cluster.uuid, &waiting).await.unwrap();
    let sql = format!("UPDATE rs_operation SET state = 'done', active_key = NULL WHERE id = '{}'", create.id);
    execute(&db.url, &sql).await;
    execute(&db.url, "UPDATE cluster SET status = 'CREATE_COMPLETE'").await;
    assert_eq!(store.due_operations(at(5), 9).await.unwrap(), [waiting.id.as_str()]);
    assert_eq!(show(&store, &record.cluster.uuid).await.nodegroups[1].node_count, 9);

    let (orphan, create) = creating(&store).await;
    let waiting = resize(&orphan, 1, 9);
    store.accept_resize(&orphan.cluster.uuid, &waiting).await.unwrap();
    execute(&db.url, &format!("DELETE FROM rs_operation WHERE id = '{}'", create.id)).await;
    execute(&db.url, &format!("DELETE FROM cluster WHERE uuid = '{}'", orphan.cluster.uuid)).await;
    store.due_operations(at(5), 9).await.unwrap();
    assert_eq!(store.operation(&waiting.id).await.unwrap().state, OperationState::Cancelled);
}

pub(crate) async fn leases_of_taken_over_operations(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    let claim = claimed(&store, &create.id, "w", 0).await;
    let removal = delete(&record);
    store.accept_delete(&record.cluster.uuid, &removal, &fresh_token).await.unwrap();
    let leases = async |seconds| store.leases_of_cluster(&record.cluster.uuid, &removal.id, at(seconds)).await.unwrap();
    assert_eq!(leases(1).await, 1, "its worker may be in the middle of a request");
    assert_eq!(leases(61).await, 0, "a dead worker is waited for no longer than its lease");
    assert!(!store.renew_lease(&claim, at(100)).await.unwrap());
    assert!(store.linger(&claim, at(50), at(100)).await.unwrap(), "a worker at work is waited for");
    assert_eq!((leases(99).await, leases(101).await), (1, 0));
    assert!(!store.linger(&claim, at(101), at(200)).await.unwrap(), "one whose lease has run out is not");
    assert!(store.release(&claim).await.unwrap());
    assert_eq!(leases(1).await, 0);
    claimed(&store, &removal.id, "w", 1).await;
    assert_eq!(leases(1).await, 0, "the delete does not wait for itself");
}

pub(crate) async fn sealed_token_is_wiped(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    let mut op = claimed(&store, &create.id, "w", 0).await;
    assert!(store.commit_step(&op, &record.cluster, &record.nodegroups, true, at(1)).await.unwrap());
    assert!(store.operation(&op.id).await.unwrap().sealed_token.is_some());
    op.sealed_token = None;
    assert!(store.commit_step(&op, &record.cluster, &record.nodegroups, true, at(1)).await.unwrap());
    assert_eq!(store.operation(&op.id).await.unwrap().sealed_token, None);
}
