//! The main job and its turns: build, resize, delete; busy clusters; takeover by a delete.

use domain::OperationState;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_built_resized_and_deleted_without_a_trace() {
    let world = World::new().await;
    world.template().await;
    let before = world.cloud.census();
    let uuid = world.accept_create("blue").await;
    let cluster = world.cluster(&uuid).await.expect("stored before the answer");
    assert_eq!(cluster["status"], "CREATE_IN_PROGRESS");
    world.run_until_idle(&world.engine()).await;
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!(cluster["status"], "CREATE_COMPLETE", "{cluster}");
    assert!(cluster["api_address"].as_str().unwrap().starts_with("https://"), "{cluster}");
    world.accept_resize(&uuid, 3).await;
    world.run_until_idle(&world.engine()).await;
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!(cluster["status"], "UPDATE_COMPLETE", "{cluster}");
    assert_eq!(cluster["node_addresses"].as_array().unwrap().len(), 3, "{cluster}");
    world.accept_delete(&uuid).await;
    assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "DELETE_IN_PROGRESS");
    world.run_until_idle(&world.engine()).await;
    assert!(world.cluster(&uuid).await.is_none());
    assert_eq!(world.cloud.census(), before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resizes_of_a_busy_cluster_collapse_into_the_last() {
    let world = World::new().await;
    world.template().await;
    let uuid = world.accept_create("busy").await;
    for count in [2, 5, 3] {
        world.accept_resize(&uuid, count).await;
    }
    let operations = world.store.operations(Some(&uuid), true, 10).await.unwrap();
    assert_eq!(operations.iter().filter(|op| op.state == OperationState::Queued).count(), 1);
    world.run_until_idle(&world.engine()).await;
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!((&cluster["status"], &cluster["node_count"]), (&"UPDATE_COMPLETE".into(), &3.into()), "{cluster}");
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_takes_over_a_running_create_and_a_queued_resize() {
    let world = World::new().await;
    world.template().await;
    let before = world.cloud.census();
    let uuid = world.accept_create("doomed").await;
    world.accept_resize(&uuid, 4).await;
    world.engine().advance(&world.active(&uuid).await.id, &|| false).await.unwrap();
    world.accept_delete(&uuid).await;
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert!(world.cluster(&uuid).await.is_none());
    assert_eq!(world.cloud.census(), before);
    let states: Vec<_> =
        world.store.operations(Some(&uuid), false, 10).await.unwrap().iter().map(|op| op.state).collect();
    assert_eq!(states.iter().filter(|state| **state == OperationState::Cancelled).count(), 2, "{states:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_lease_ran_out_cannot_write() {
    let world = World::new().await;
    world.template().await;
    let uuid = world.accept_create("paused").await;
    let id = world.active(&uuid).await.id;
    let now = world.deps.clock.now();
    let paused =
        world.store.claim_operation(&id, "paused", now, chrono::TimeDelta::seconds(60)).await.unwrap().unwrap();
    world.deps.clock.advance(std::time::Duration::from_secs(61));
    world.run_until_idle(&world.engine()).await;
    let record = world.store.cluster(&store::Scope::All, &domain::Ident::of(&uuid)).await.unwrap();
    let mut stale = record.cluster.clone();
    stale.stack_id = Some("stale".to_owned());
    let now = world.deps.clock.now();
    assert!(!world.store.record(&paused, &stale, &record.nodegroups, now).await.unwrap());
    assert!(!world.store.commit_step(&paused, &stale, &record.nodegroups, true, now).await.unwrap());
    assert!(!world.store.renew_lease(&paused, now).await.unwrap());
    assert_ne!(world.cluster(&uuid).await.unwrap()["stack_id"], "stale");
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    world.end().await;
}
