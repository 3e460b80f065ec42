//! Accepting resizes, rotations and deletes.

use domain::{Error, Operation, OperationKind, OperationState, ResizeParams, Status};
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

pub(crate) async fn a_size_out_of_bounds_is_refused(db: &Fresh) {
    let store = db.store().await;
    let record = created(&store, Status::CreateComplete).await;
    let cluster = record.cluster.uuid.as_str();
    let update = node_group(&record, OperationKind::NodegroupUpdate, &record.nodegroups[1]);
    let bounds = |group: &mut domain::NodeGroup| {
        (group.min_node_count, group.max_node_count) = (2, Some(4));
        Ok(())
    };
    store.accept_nodegroup_update(&update, &bounds).await.unwrap();
    for (count, good) in [(1, false), (2, true), (4, true), (5, false)] {
        let accepted = store.accept_resize(cluster, &resize(&record, 1, count)).await;
        assert_eq!(accepted.is_ok(), good, "{count}");
        assert!(good || matches!(accepted, Err(Error::Invalid(text)) if text.contains("node_count")));
    }
}

/// MariaDB compares as if blanks at the end were not there, and the others do not: a name is taken, or it is another one.
pub(crate) async fn a_name_of_a_node_group_is_taken_once(db: &Fresh) {
    let store = db.store().await;
    let mut record = created(&store, Status::CreateComplete).await;
    let claim = store.accept_resize(&record.cluster.uuid, &resize(&record, 1, 3)).await.unwrap();
    let claim = claimed(&store, &claim.operation_id, "w", 2).await;
    record.cluster.api_address = Some("https://10.0.0.1:6443".to_owned());
    let (cluster, groups) = with_status(&record, Status::UpdateComplete);
    store.finish(&claim, Outcome::done(&cluster, &groups), at(3)).await.unwrap();
    for name in ["extra", "extra", "extra ", "default-worker", "default-worker "] {
        let new = group(&cluster, name, 1);
        let wanted = node_group(&record, OperationKind::NodegroupCreate, &new);
        let accepted = store.accept_nodegroup_create(&new, &wanted).await;
        match accepted {
            Ok(_) => {}
            Err(Error::Conflict(text)) => assert!(text.contains(&format!("{name} already exists")), "{text}"),
            Err(other) => panic!("{name:?}: {other:?}"),
        }
    }
    let names: Vec<String> = show(&store, &cluster.uuid).await.nodegroups.into_iter().map(|group| group.name).collect();
    assert_eq!(names.iter().filter(|name| *name == "extra").count(), 1, "{names:?}");
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
    store.accept_delete(&going.cluster.uuid, &delete(&going), &fresh_token).await.unwrap();
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
    let lost = store.accept_delete(&nobody.cluster.uuid, &delete(&nobody), &fresh_token).await;
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
    let accepted = store.accept_delete(cluster, &removal, &fresh_token).await.unwrap();
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
    store.accept_delete(&record.cluster.uuid, &first, &fresh_token).await.unwrap();
    let accepted = store.accept_delete(&record.cluster.uuid, &second, &fresh_token).await.unwrap();
    assert_eq!(accepted.operation_id, first.id);
    assert!(matches!(store.operation(&second.id).await, Err(Error::NotFound { .. })));
    let refused = store.accept_delete(&record.cluster.uuid, &second, &|_| Err(Error::invalid("no key"))).await;
    assert!(refused.is_err(), "no delete is answered for with a token that was not kept");
}

/// The first caller's token may be old: the second's takes its place, and what waited goes on.
pub(crate) async fn second_delete_brings_its_token(db: &Fresh) {
    let store = db.store().await;
    let record = created(&store, Status::CreateComplete).await;
    let (cluster, removal) = (record.cluster.uuid.as_str(), delete(&record));
    store.accept_delete(cluster, &removal, &fresh_token).await.unwrap();
    assert_eq!(store.operation(&removal.id).await.unwrap().sealed_token.as_deref(), Some("v1:sealed"));
    let mut op = claimed(&store, &removal.id, "w", 2).await;
    (op.step, op.attempt, op.run_at) = ("delete_stack".to_owned(), 7, at(500));
    let now = show(&store, cluster).await;
    assert!(store.commit_step(&op, &now.cluster, &now.nodegroups, false, at(3)).await.unwrap());
    assert!(store.due_operations(at(10), 10).await.unwrap().is_empty(), "without a fresh token it waits");
    let again = Operation { created_at: at(10), ..delete(&record) };
    store.accept_delete(cluster, &again, &fresh_token).await.unwrap();
    assert_eq!(store.due_operations(at(10), 10).await.unwrap(), [removal.id.as_str()]);
    let row = store.operation(&removal.id).await.unwrap();
    assert_eq!(row.sealed_token, Some(fresh_token(&removal.id).unwrap()));
    assert_eq!((row.generation, row.step.as_str(), row.attempt), (op.generation, "delete_stack", 7));
    let later = Operation { created_at: at(20), ..delete(&record) };
    store.accept_delete(cluster, &later, &fresh_token).await.unwrap();
    assert_eq!(store.operation(&removal.id).await.unwrap().run_at, at(10), "what is due keeps its place in the line");
}

/// A worker in the middle of a step notices nothing, wipes nothing, and does not make the fresh token wait.
pub(crate) async fn second_delete_leaves_the_worker_alone(db: &Fresh) {
    let store = db.store().await;
    let record = created(&store, Status::CreateComplete).await;
    let (cluster, removal) = (record.cluster.uuid.as_str(), delete(&record));
    store.accept_delete(cluster, &removal, &fresh_token).await.unwrap();
    let mut op = claimed(&store, &removal.id, "w", 0).await;
    store.accept_delete(cluster, &delete(&record), &fresh_token).await.unwrap();
    let now = show(&store, cluster).await;
    let row = store.operation(&removal.id).await.unwrap();
    assert_eq!((row.generation, &row.lease_owner, row.lease_until), (op.generation, &op.lease_owner, op.lease_until));
    assert!(store.claim_operation(&removal.id, "other", at(1), TTL).await.unwrap().is_none());
    assert!(store.record(&op, &now.cluster, &now.nodegroups, at(1)).await.unwrap());
    assert!(store.renew_lease(&op, at(70)).await.unwrap());
    let (failed, groups) = with_status(&now, Status::DeleteFailed);
    let outcome = Outcome::failed(&failed, &groups, "the token is old");
    assert_eq!(store.finish(&op, outcome.clone(), at(2)).await.unwrap(), None, "the fresh token has not been tried");
    assert_eq!(show(&store, cluster).await.cluster.status, Status::DeleteInProgress);
    (op.run_at, op.sealed_token) = (at(500), None);
    assert!(store.commit_step(&op, &now.cluster, &now.nodegroups, false, at(3)).await.unwrap());
    assert_eq!(store.due_operations(at(3), 10).await.unwrap(), [removal.id.as_str()]);
    let next = claimed(&store, &removal.id, "w", 4).await;
    assert_eq!(next.sealed_token, Some(fresh_token(&removal.id).unwrap()));
    assert_eq!(store.finish(&next, outcome, at(5)).await.unwrap(), Some(None), "with it, a failure is one");
    assert_eq!(show(&store, cluster).await.cluster.status, Status::DeleteFailed);
    // A delete that an operator runs again has no token, until somebody asks for it once more.
    store.retry_operation(&removal.id, at(6)).await.unwrap();
    let op = claimed(&store, &removal.id, "w", 6).await;
    assert_eq!(op.sealed_token, None);
    store.accept_delete(cluster, &delete(&record), &fresh_token).await.unwrap();
    assert!(store.commit_step(&op, &now.cluster, &now.nodegroups, false, at(7)).await.unwrap());
    assert!(claimed(&store, &removal.id, "w", 7).await.sealed_token.is_some());
}

/// Whoever comes first, a delete that was asked for twice is live with the fresh token or has failed before.
pub(crate) async fn second_delete_races_with_failure(db: &Fresh) {
    let store = db.store().await;
    for round in 0..10 {
        let record = created(&store, Status::CreateComplete).await;
        let (cluster, removal) = (record.cluster.uuid.as_str(), delete(&record));
        store.accept_delete(cluster, &removal, &fresh_token).await.unwrap();
        let op = claimed(&store, &removal.id, "w", 0).await;
        let (failed, groups) = with_status(&show(&store, cluster).await, Status::DeleteFailed);
        let again = delete(&record);
        let (ended, accepted) = tokio::join!(
            store.finish(&op, Outcome::failed(&failed, &groups, "old"), at(1)),
            store.accept_delete(cluster, &again, &fresh_token),
        );
        let (ended, accepted) = (ended.unwrap(), accepted.unwrap().operation_id);
        assert_eq!(accepted == again.id, ended.is_some(), "round {round}: a new one only when the first has ended");
        assert_eq!(state(&store, &accepted).await, OperationState::Active, "round {round}");
        assert_eq!(show(&store, cluster).await.cluster.status, Status::DeleteInProgress, "round {round}");
    }
}

pub(crate) async fn delete_of_failed_clusters(db: &Fresh) {
    let store = db.store().await;
    for status in [Status::CreateFailed, Status::UpdateFailed, Status::DeleteFailed, Status::DeleteInProgress] {
        let record = created(&store, status).await;
        let removal = delete(&record);
        store.accept_delete(&record.cluster.uuid, &removal, &fresh_token).await.unwrap();
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

pub(crate) async fn rotations_wait_in_line_one_of_each(db: &Fresh) {
    let store = db.store().await;
    let record = created(&store, Status::CreateComplete).await;
    let cluster = record.cluster.uuid.as_str();
    let of = |kind| operation(&record.cluster, kind);
    let first = of(OperationKind::RotateCredentials);
    assert!(!store.accept_rotation(&first).await.unwrap().queued);
    assert_eq!(show(&store, cluster).await.cluster.status, Status::UpdateInProgress);
    let [early, authority, late] =
        [OperationKind::RotateCredentials, OperationKind::RotateCa, OperationKind::RotateCredentials].map(of);
    for waiting in [&early, &authority, &late] {
        assert!(store.accept_rotation(waiting).await.unwrap().queued);
    }
    assert_eq!(state(&store, &early.id).await, OperationState::Cancelled);

    // What a rotation keeps of the trustees is written with the step, and goes on to whoever runs next.
    let claim = claimed(&store, &first.id, "w", 1).await;
    let (mut done, groups) = with_status(&record, Status::UpdateComplete);
    done.trustee_rotation = Some("v1:".to_owned() + &"x".repeat(2_000));
    assert!(store.record(&claim, &done, &groups, at(2)).await.unwrap());
    assert_eq!(show(&store, cluster).await.cluster.trustee_rotation, done.trustee_rotation);
    let next = store.finish(&claim, Outcome::done(&done, &groups), at(3)).await.unwrap();
    assert_eq!(next, Some(Some(authority.id.clone())));
    let claim = claimed(&store, &authority.id, "w", 4).await;
    let next = store.finish(&claim, Outcome::failed(&done, &groups, "no"), at(5)).await.unwrap();
    assert_eq!(next, Some(Some(late.id.clone())), "a failure keeps nothing else from running");
    store.abandon_operation(&late.id, "given up", at(6)).await.unwrap();
    assert_eq!(show(&store, cluster).await.cluster.status, Status::UpdateFailed);
}
