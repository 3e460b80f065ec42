//! Accepting resizes and deletes.

use domain::{Error, Operation, OperationState, ResizeParams, Status};
use store::{ClusterRecord, Outcome, Store};

use super::{Fresh, fixtures::*};

fn params(operation: &Operation) -> ResizeParams {
    serde_json::from_value(operation.params.clone()).unwrap()
}

async fn state(store: &Store, id: &str) -> OperationState {
    store.operation(id).await.unwrap().state
}

pub(crate) async fn idle_resize_starts(db: &Fresh) {
    let store = db.store().await;
    let record = created(&store, Status::CreateComplete).await;
    let wanted = resize(&record, 1, 5);
    let accepted = store.accept_resize(&record.cluster.uuid, &wanted).await.unwrap();
    assert_eq!((accepted.operation_id.as_str(), accepted.queued), (wanted.id.as_str(), false));
    let now = show(&store, &record.cluster.uuid).await;
    assert_eq!(now.cluster.status, Status::UpdateInProgress);
    assert_eq!((now.nodegroups[1].node_count, now.nodegroups[1].status), (5, Status::UpdateInProgress));
    assert_eq!((now.nodegroups[0].node_count, now.nodegroups[0].status), (1, Status::CreateComplete), "left alone");
    let row = store.operation(&wanted.id).await.unwrap();
    assert_eq!((row.state, params(&row).previous), (OperationState::Active, Some(2)));
    assert_eq!(store.due_operations(at(9), 10).await.unwrap(), [wanted.id]);
}

pub(crate) async fn busy_resize_waits_and_collapses(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    let cluster = record.cluster.uuid.as_str();
    let sizes = [resize(&record, 1, 4), resize(&record, 1, 7), resize(&record, 1, 3)];
    for wanted in &sizes {
        let accepted = store.accept_resize(cluster, wanted).await.unwrap();
        assert_eq!((accepted.operation_id.as_str(), accepted.queued), (wanted.id.as_str(), true));
    }
    assert_eq!(state(&store, &sizes[0].id).await, OperationState::Cancelled);
    assert_eq!(state(&store, &sizes[1].id).await, OperationState::Cancelled);
    assert_eq!(show(&store, cluster).await, record, "a waiting resize shows nothing yet");
    assert_eq!(store.due_operations(at(9), 10).await.unwrap(), [create.id.as_str()]);

    let claim = claimed(&store, &create.id, "w", 1).await;
    let (done, groups) = with_status(&record, Status::CreateComplete);
    let next = store.finish(&claim, Outcome::done(&done, &groups), at(2)).await.unwrap();
    assert_eq!(next, Some(Some(sizes[2].id.clone())));
    let row = store.operation(&sizes[2].id).await.unwrap();
    assert_eq!((row.state, params(&row).previous, row.run_at), (OperationState::Active, Some(2), at(2)));
    let now = show(&store, cluster).await;
    assert_eq!((now.cluster.status, now.nodegroups[1].node_count), (Status::UpdateInProgress, 3));
}

pub(crate) async fn other_groups_wait_their_turn(db: &Fresh) {
    let store = db.store().await;
    let record = created(&store, Status::CreateComplete).await;
    let cluster = record.cluster.uuid.as_str();
    let all = [resize(&record, 1, 4), resize(&record, 1, 6), resize(&record, 0, 3)];
    for wanted in &all {
        store.accept_resize(cluster, wanted).await.unwrap();
    }
    let unfinished = store.operations(Some(cluster), true, 10).await.unwrap();
    assert_eq!(unfinished.iter().map(|op| op.state).filter(|state| *state == OperationState::Queued).count(), 2);
    for (at_now, wanted) in all.iter().enumerate() {
        let seconds = at_now as i64 + 10;
        let claim = claimed(&store, &wanted.id, "w", seconds).await;
        let now = show(&store, cluster).await;
        let (done, groups) = with_status(&now, Status::UpdateComplete);
        let next = store.finish(&claim, Outcome::done(&done, &groups), at(seconds)).await.unwrap().unwrap();
        assert_eq!(next, all.get(at_now + 1).map(|op| op.id.clone()));
    }
    let end = show(&store, cluster).await;
    assert_eq!((end.nodegroups[0].node_count, end.nodegroups[1].node_count), (3, 6));
    assert_eq!(end.cluster.status, Status::UpdateComplete);
}

pub(crate) async fn refused_states(db: &Fresh) {
    let store = db.store().await;
    let failed = created(&store, Status::CreateFailed).await;
    let refused = store.accept_resize(&failed.cluster.uuid, &resize(&failed, 1, 5)).await;
    assert!(matches!(refused, Err(Error::Conflict(text)) if text.contains("CREATE_FAILED")));
    let going = created(&store, Status::CreateComplete).await;
    store.accept_delete(&going.cluster.uuid, &delete(&going)).await.unwrap();
    let wanted = resize(&going, 1, 5);
    let refused = store.accept_resize(&going.cluster.uuid, &wanted).await;
    assert!(matches!(refused, Err(Error::Conflict(text)) if text.contains("DELETE_IN_PROGRESS")));
    assert!(matches!(store.operation(&wanted.id).await, Err(Error::NotFound { .. })), "it is not stored");
}

pub(crate) async fn unknown_things(db: &Fresh) {
    let store = db.store().await;
    let record = created(&store, Status::CreateComplete).await;
    let nobody = ClusterRecord { cluster: cluster("x", &template("x")), ..record.clone() };
    let lost = store.accept_resize(&nobody.cluster.uuid, &resize(&nobody, 1, 5)).await;
    assert!(matches!(lost, Err(Error::NotFound { kind: "Cluster", .. })));
    let lost = store.accept_delete(&nobody.cluster.uuid, &delete(&nobody)).await;
    assert!(matches!(lost, Err(Error::NotFound { kind: "Cluster", .. })));
    let mut groupless = record.clone();
    groupless.nodegroups[1].uuid = uuid();
    let lost = store.accept_resize(&record.cluster.uuid, &resize(&groupless, 1, 5)).await;
    assert!(matches!(lost, Err(Error::NotFound { kind: "Nodegroup", .. })));
    store.accept_resize(&record.cluster.uuid, &resize(&record, 1, 5)).await.unwrap();
    let lost = store.accept_resize(&record.cluster.uuid, &resize(&groupless, 1, 5)).await;
    assert!(matches!(lost, Err(Error::NotFound { kind: "Nodegroup", .. })), "also on a busy cluster");
}

pub(crate) async fn delete_takes_over(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    let cluster = record.cluster.uuid.as_str();
    let waiting = resize(&record, 1, 4);
    store.accept_resize(cluster, &waiting).await.unwrap();
    let claim = claimed(&store, &create.id, "w", 1).await;
    let removal = delete(&record);
    let accepted = store.accept_delete(cluster, &removal).await.unwrap();
    assert_eq!((accepted.operation_id.as_str(), accepted.queued), (removal.id.as_str(), false));
    for id in [&create.id, &waiting.id] {
        let row = store.operation(id).await.unwrap();
        assert_eq!((row.state, row.sealed_token.is_none()), (OperationState::Cancelled, true));
        assert!(row.reason.is_some() && row.finished_at.is_some());
    }
    let now = show(&store, cluster).await;
    assert_eq!(now.cluster.status, Status::DeleteInProgress);
    assert!(now.nodegroups.iter().all(|group| group.status == Status::DeleteInProgress));
    assert_eq!(store.due_operations(at(1), 10).await.unwrap(), [removal.id.as_str()]);
    let (done, groups) = with_status(&record, Status::CreateComplete);
    assert_eq!(store.finish(&claim, Outcome::done(&done, &groups), at(2)).await.unwrap(), None);
    assert_eq!(show(&store, cluster).await.cluster.status, Status::DeleteInProgress);
}

pub(crate) async fn second_delete_is_the_same(db: &Fresh) {
    let store = db.store().await;
    let record = created(&store, Status::CreateComplete).await;
    let (first, second) = (delete(&record), delete(&record));
    store.accept_delete(&record.cluster.uuid, &first).await.unwrap();
    let accepted = store.accept_delete(&record.cluster.uuid, &second).await.unwrap();
    assert_eq!(accepted.operation_id, first.id);
    assert!(matches!(store.operation(&second.id).await, Err(Error::NotFound { .. })));
}

pub(crate) async fn delete_of_failed_clusters(db: &Fresh) {
    let store = db.store().await;
    for status in [Status::CreateFailed, Status::UpdateFailed, Status::DeleteFailed, Status::DeleteInProgress] {
        let record = created(&store, status).await;
        let removal = delete(&record);
        store.accept_delete(&record.cluster.uuid, &removal).await.unwrap();
        assert_eq!(state(&store, &removal.id).await, OperationState::Active, "{status}");
    }
}

/// Whatever the order, nothing that was accepted waits for ever and never two are live.
pub(crate) async fn accepts_race_with_finish(db: &Fresh) {
    let store = db.store().await;
    for round in 0..10 {
        let (record, create) = creating(&store).await;
        let claim = claimed(&store, &create.id, "w", 1).await;
        let (done, groups) = with_status(&record, Status::CreateComplete);
        let cluster = record.cluster.uuid.as_str();
        let (one, two) = (resize(&record, 0, 3), resize(&record, 1, 7));
        let (finished, first, second) = tokio::join!(
            store.finish(&claim, Outcome::done(&done, &groups), at(2)),
            store.accept_resize(cluster, &one),
            store.accept_resize(cluster, &two),
        );
        let (finished, queued) = (finished.unwrap(), [first.unwrap().queued, second.unwrap().queued]);
        assert!(finished.is_some());
        let live: Vec<Operation> = store.operations(Some(cluster), true, 10).await.unwrap();
        assert_eq!(live.len(), 2, "round {round}");
        let active = live.iter().filter(|op| op.state == OperationState::Active).count();
        assert_eq!(active, 1, "round {round}: {queued:?} {finished:?}");
        for seconds in [10, 20] {
            let active = store.operations(Some(cluster), true, 10).await.unwrap();
            let active = active.iter().find(|op| op.state == OperationState::Active).unwrap();
            let claim = claimed(&store, &active.id, "w", seconds).await;
            let (done, groups) = with_status(&show(&store, cluster).await, Status::UpdateComplete);
            store.finish(&claim, Outcome::done(&done, &groups), at(seconds)).await.unwrap().unwrap();
        }
        let end = show(&store, cluster).await;
        assert_eq!((end.nodegroups[0].node_count, end.nodegroups[1].node_count), (3, 7));
    }
}
