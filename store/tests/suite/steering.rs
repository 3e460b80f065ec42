//! What operators and reconcilers do with operations.

use domain::{Error, OperationState, Status};
use store::{Outcome, Store};

use super::{Fresh, fixtures::*};

async fn state(store: &Store, id: &str) -> OperationState {
    store.operation(id).await.unwrap().state
}

pub(crate) async fn retry(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    let cluster = record.cluster.uuid.as_str();
    let mut op = claimed(&store, &create.id, "w", 0).await;
    (op.attempt, op.run_at, op.step) = (5, at(1000), "create_stack".to_owned());
    store.commit_step(&op, &record.cluster, &record.nodegroups, false, at(1)).await.unwrap();
    store.retry_operation(&create.id, at(10)).await.unwrap();
    let row = store.operation(&create.id).await.unwrap();
    assert_eq!((row.attempt, row.run_at, row.step_since), (0, at(10), at(10)));
    assert_eq!(row.step, "create_stack", "it goes on where it was");

    let claim = claimed(&store, &create.id, "w", 10).await;
    let (failed, groups) = with_status(&record, Status::CreateFailed);
    store.finish(&claim, Outcome::failed(&failed, &groups, "x"), at(11)).await.unwrap().unwrap();
    store.retry_operation(&create.id, at(20)).await.unwrap();
    assert_eq!(show(&store, cluster).await.cluster.status, Status::CreateInProgress);
    let row = store.operation(&create.id).await.unwrap();
    assert_eq!((row.state, row.finished_at, row.reason), (OperationState::Active, None, None));

    let claim = claimed(&store, &create.id, "w", 20).await;
    let (done, groups) = with_status(&record, Status::CreateComplete);
    store.finish(&claim, Outcome::done(&done, &groups), at(21)).await.unwrap().unwrap();
    assert!(matches!(store.retry_operation(&create.id, at(22)).await, Err(Error::Conflict(_))), "done");
    assert!(matches!(store.retry_operation(&uuid(), at(22)).await, Err(Error::NotFound { .. })));

    let first = resize(&record, 1, 9);
    store.accept_resize(cluster, &first).await.unwrap();
    let waiting = resize(&record, 1, 4);
    store.accept_resize(cluster, &waiting).await.unwrap();
    assert!(matches!(store.retry_operation(&waiting.id, at(23)).await, Err(Error::Conflict(_))), "waits");
    let claim = claimed(&store, &first.id, "w", 30).await;
    let (failed, groups) = with_status(&show(&store, cluster).await, Status::UpdateFailed);
    store.finish(&claim, Outcome::failed(&failed, &groups, "x"), at(31)).await.unwrap().unwrap();
    assert!(matches!(store.retry_operation(&first.id, at(32)).await, Err(Error::Conflict(_))), "not the latest");
}

pub(crate) async fn abandon(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    let cluster = record.cluster.uuid.as_str();
    let claim = claimed(&store, &create.id, "w", 0).await;
    store.abandon_operation(&create.id, "gave up", at(5)).await.unwrap();
    let row = store.operation(&create.id).await.unwrap();
    assert_eq!((row.state, row.reason.as_deref()), (OperationState::Cancelled, Some("gave up")));
    let now = show(&store, cluster).await;
    assert_eq!((now.cluster.status, now.cluster.status_reason.as_deref()), (Status::CreateFailed, Some("gave up")));
    assert!(!store.record(&claim, &record.cluster, &[], at(6)).await.unwrap(), "its worker is fenced off");
    assert!(matches!(store.abandon_operation(&create.id, "again", at(6)).await, Err(Error::Conflict(_))));

    let record = created(&store, Status::CreateComplete).await;
    let cluster = record.cluster.uuid.as_str();
    let (first, second) = (resize(&record, 1, 5), resize(&record, 0, 3));
    store.accept_resize(cluster, &first).await.unwrap();
    store.accept_resize(cluster, &second).await.unwrap();
    store.abandon_operation(&first.id, "gave up", at(7)).await.unwrap();
    assert_eq!(state(&store, &second.id).await, OperationState::Active, "the next one may run");
    let third = resize(&record, 1, 6);
    store.accept_resize(cluster, &third).await.unwrap();
    store.abandon_operation(&third.id, "gave up", at(8)).await.unwrap();
    assert_eq!(state(&store, &third.id).await, OperationState::Cancelled);
    assert_eq!(state(&store, &second.id).await, OperationState::Active, "the live one goes on");
    store.accept_delete(cluster, &delete(&record)).await.unwrap();
    let removal = &store.operations(Some(cluster), true, 1).await.unwrap()[0];
    store.abandon_operation(&removal.id, "gave up", at(9)).await.unwrap();
    assert_eq!(show(&store, cluster).await.cluster.status, Status::DeleteFailed);
}

pub(crate) async fn listing(db: &Fresh) {
    let store = db.store().await;
    let one = created(&store, Status::CreateComplete).await;
    let (two, create) = creating(&store).await;
    let ids = async |cluster: Option<&str>, unfinished, limit| -> Vec<String> {
        let rows = store.operations(cluster, unfinished, limit).await.unwrap();
        rows.into_iter().map(|op| op.id).collect()
    };
    assert_eq!(ids(None, true, 10).await, [create.id.as_str()]);
    assert_eq!(ids(None, false, 10).await.len(), 2);
    assert_eq!(ids(None, false, 1).await, [create.id.as_str()], "latest first");
    assert_eq!(ids(Some(&one.cluster.uuid), true, 10).await.len(), 0);
    assert_eq!(ids(Some(&two.cluster.uuid), false, 10).await, [create.id]);
}

pub(crate) async fn forgetting(db: &Fresh) {
    let store = db.store().await;
    created(&store, Status::CreateComplete).await;
    let (_, live) = creating(&store).await;
    assert_eq!(store.forget_operations(at(1)).await.unwrap(), 0, "ended at that moment");
    assert_eq!(store.forget_operations(at(1_000_000)).await.unwrap(), 1);
    assert_eq!(store.operations(None, false, 9).await.unwrap().len(), 1);
    assert_eq!(state(&store, &live.id).await, OperationState::Active);
}

pub(crate) async fn waking(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    assert!(!store.wake_operation(&create.id, at(0)).await.unwrap(), "due already");
    let mut op = claimed(&store, &create.id, "w", 0).await;
    op.run_at = at(500);
    store.commit_step(&op, &record.cluster, &record.nodegroups, true, at(1)).await.unwrap();
    assert!(!store.wake_operation(&create.id, at(2)).await.unwrap(), "being worked on");
    store.commit_step(&op, &record.cluster, &record.nodegroups, false, at(1)).await.unwrap();
    assert!(store.wake_operation(&create.id, at(2)).await.unwrap());
    assert_eq!(store.due_operations(at(2), 9).await.unwrap(), [create.id]);
}

pub(crate) async fn watched(db: &Fresh) {
    let store = db.store().await;
    let (record, create) = creating(&store).await;
    assert!(store.watched_stacks().await.unwrap().is_empty(), "no stack yet");
    let op = claimed(&store, &create.id, "w", 0).await;
    let mut cluster = record.cluster.clone();
    cluster.stack_id = Some("stack".to_owned());
    cluster.trust_id = Some("trust".to_owned());
    store.record(&op, &cluster, &record.nodegroups, at(1)).await.unwrap();
    let watched = store.watched_stacks().await.unwrap();
    assert_eq!(watched.len(), 1);
    assert_eq!((watched[0].operation_id.as_str(), watched[0].stack_id.as_str()), (create.id.as_str(), "stack"));
    assert_eq!((watched[0].trust_id.as_deref(), watched[0].trustee_user_id.as_deref()), (Some("trust"), None));
    let (mut done, groups) = with_status(&record, Status::CreateComplete);
    done.stack_id = cluster.stack_id;
    store.finish(&op, Outcome::done(&done, &groups), at(2)).await.unwrap().unwrap();
    assert!(store.watched_stacks().await.unwrap().is_empty(), "nothing works on it");
}

pub(crate) async fn idle_ones_in_pages(db: &Fresh) {
    let store = db.store().await;
    let mut wanted = Vec::new();
    for n in 0..5 {
        let (record, create) = creating(&store).await;
        let op = claimed(&store, &create.id, "w", 0).await;
        let (mut done, groups) = with_status(&record, Status::CreateComplete);
        done.stack_id = (n != 2).then(|| format!("stack-{n}"));
        store.finish(&op, Outcome::done(&done, &groups), at(2)).await.unwrap().unwrap();
        if n == 3 {
            store.accept_resize(&record.cluster.uuid, &resize(&record, 1, 9)).await.unwrap();
        } else if n != 2 {
            wanted.push(done.stack_id);
        }
    }
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let page = store.idle_clusters(after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.id;
        found.extend(page.into_iter().map(|cluster| cluster.stack_id));
    }
    assert_eq!(found, wanted);
}

pub(crate) async fn what_was_seen_is_written_only_while_true(db: &Fresh) {
    let store = db.store().await;
    let record = created(&store, Status::CreateComplete).await;
    let (seen, groups) = with_status(&record, Status::UpdateFailed);
    assert!(!store.observe(&seen, &groups, Status::UpdateComplete, at(5)).await.unwrap(), "another status before");
    assert_eq!(show(&store, &record.cluster.uuid).await, record);
    assert!(store.observe(&seen, &groups, Status::CreateComplete, at(5)).await.unwrap());
    assert_eq!(show(&store, &record.cluster.uuid).await.cluster.status, Status::UpdateFailed);
    store.accept_delete(&record.cluster.uuid, &delete(&record)).await.unwrap();
    assert!(!store.observe(&seen, &groups, Status::DeleteInProgress, at(6)).await.unwrap(), "an operation has begun");
    assert_eq!(show(&store, &record.cluster.uuid).await.cluster.status, Status::DeleteInProgress);
    let gone = cluster("gone", &template("t"));
    assert!(matches!(store.observe(&gone, &[], Status::CreateComplete, at(7)).await, Err(Error::NotFound { .. })));
}
