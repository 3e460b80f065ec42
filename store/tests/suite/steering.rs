//! What operators and reconcilers do with operations.

use domain::{Error, OperationKind, OperationState, Status};
use store::{ClusterRecord, Outcome, Store};

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
    let count = show(&store, cluster).await.nodegroups[1].node_count;
    assert_eq!(count, record.nodegroups[1].node_count, "as many as before");
    let third = resize(&record, 1, 6);
    store.accept_resize(cluster, &third).await.unwrap();
    store.abandon_operation(&third.id, "gave up", at(8)).await.unwrap();
    assert_eq!(state(&store, &third.id).await, OperationState::Cancelled);
    assert_eq!(state(&store, &second.id).await, OperationState::Active, "the live one goes on");
    store.accept_delete(cluster, &delete(&record), &fresh_token).await.unwrap();
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

/// A cluster with a stack and nothing to do; the project and the stack are its only peculiarities.
async fn idle(store: &Store, project: &str, stack: Option<&str>, status: Status) -> ClusterRecord {
    let template = template("t");
    store.insert_template(&template).await.unwrap();
    let mut cluster = cluster("c", &template);
    project.clone_into(&mut cluster.project_id);
    let create = operation(&cluster, OperationKind::Create);
    store.insert_cluster(&template, &cluster, &groups(&cluster), &create, 100).await.unwrap();
    let op = claimed(store, &create.id, "w", 0).await;
    let (mut done, groups) = with_status(&show(store, &cluster.uuid).await, status);
    done.stack_id = stack.map(str::to_owned);
    done.trust_id = Some("trust".to_owned());
    done.status_reason = Some("why".to_owned());
    store.finish(&op, Outcome::done(&done, &groups), at(2)).await.unwrap().unwrap();
    show(store, &cluster.uuid).await
}

pub(crate) async fn idle_stacks_in_pages(db: &Fresh) {
    const LOOKED_AT: [Status; 2] = [Status::CreateComplete, Status::UpdateFailed];
    let store = db.store().await;
    let mut wanted = Vec::new();
    for (n, project) in ["p2", "p1", "p3", "p1", "p2"].into_iter().enumerate() {
        let status = LOOKED_AT[n % 2];
        let record = idle(&store, project, Some(&format!("stack-{n}")), status).await;
        wanted.push((project.to_owned(), record.cluster.uuid, status));
    }
    wanted.sort_by(|one, two| (&one.0, &one.1).cmp(&(&two.0, &two.1)));
    idle(&store, "p1", None, Status::CreateComplete).await;
    idle(&store, "p1", Some("gone"), Status::DeleteFailed).await;
    let busy = idle(&store, "p2", Some("busy"), Status::CreateComplete).await;
    store.accept_resize(&busy.cluster.uuid, &resize(&busy, 1, 9)).await.unwrap();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.idle_stacks(&LOOKED_AT, after.as_ref(), 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some((last.project_id.clone(), last.cluster_uuid.clone()));
        for stack in page {
            assert!(stack.stack_id.starts_with("stack-"));
            assert_eq!((stack.trust_id.as_deref(), stack.status_reason.as_deref()), (Some("trust"), Some("why")));
            assert_eq!((stack.trustee_user_id, stack.trustee_password), (None, None));
            found.push((stack.project_id, stack.cluster_uuid, stack.status));
        }
    }
    assert_eq!(found, wanted, "each once, by project and cluster");
    assert!(store.idle_stacks(&[Status::DeleteComplete], None, 9).await.unwrap().is_empty());
}

pub(crate) async fn status_is_set_only_while_expected(db: &Fresh) {
    let store = db.store().await;
    let record = idle(&store, PROJECT, Some("stack"), Status::CreateComplete).await;
    let uuid = record.cluster.uuid.as_str();
    let set =
        async |expected, status, reason| store.set_status_if(uuid, expected, status, reason, at(9)).await.unwrap();
    assert!(!set(Status::UpdateComplete, Status::UpdateFailed, Some("lost")).await, "it has another status");
    assert_eq!(show(&store, uuid).await, record);
    assert!(set(Status::CreateComplete, Status::UpdateFailed, Some("lost")).await);
    let now = show(&store, uuid).await;
    assert_eq!((now.cluster.status, now.cluster.status_reason.as_deref()), (Status::UpdateFailed, Some("lost")));
    assert!(now.nodegroups.iter().all(|group| group.status == Status::UpdateFailed));
    assert_eq!(now.cluster.updated_at, Some(at(9)));
    assert!(set(Status::UpdateFailed, Status::UpdateFailed, None).await, "the same status with another reason");
    assert_eq!(show(&store, uuid).await.cluster.status_reason, None);
    store.accept_delete(uuid, &delete(&record), &fresh_token).await.unwrap();
    assert!(!set(Status::DeleteInProgress, Status::CreateComplete, None).await, "an operation has begun");
    assert_eq!(show(&store, uuid).await.cluster.status, Status::DeleteInProgress);
    let gone = super::fixtures::uuid();
    assert!(!store.set_status_if(&gone, Status::CreateComplete, Status::UpdateFailed, None, at(9)).await.unwrap());
}

/// What is seen of an idle cluster never covers up a request.
pub(crate) async fn status_does_not_pass_a_request(db: &Fresh) {
    let store = db.store().await;
    for round in 0..10 {
        let record = idle(&store, PROJECT, Some("stack"), Status::CreateComplete).await;
        let (uuid, wanted) = (record.cluster.uuid.as_str(), resize(&record, 1, 9));
        let (_, accepted) = tokio::join!(
            store.set_status_if(uuid, Status::CreateComplete, Status::UpdateFailed, Some("lost"), at(9)),
            store.accept_resize(uuid, &wanted),
        );
        accepted.unwrap();
        assert_eq!(show(&store, uuid).await.cluster.status, Status::UpdateInProgress, "round {round}");
    }
}
