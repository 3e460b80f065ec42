//! Deletions that Heat could not carry out: it is asked once more before the user is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use conductor::Point;
use domain::Operation;

use crate::world::World;

/// A cluster with a node group of its own stack, so that two steps delete stacks.
async fn cluster(world: &World) -> String {
    let uuid = world.accept_create("kept").await;
    world.run_until_idle(&world.engine()).await;
    world.accept_nodegroup_create(&uuid, "more", 1).await;
    world.run_until_idle(&world.engine()).await;
    world.cloud.clear_calls();
    uuid
}

/// How often Heat was asked to delete a stack.
fn asked(world: &World) -> usize {
    world
        .cloud
        .calls()
        .iter()
        .filter(|call| call.service == "orchestration" && call.method == "DELETE" && call.status == 204)
        .count()
}

async fn assert_kept(world: &World, uuid: &str) {
    let cluster = world.cluster(uuid).await.unwrap();
    assert_eq!(cluster["status"], "DELETE_FAILED");
    let reason = cluster["status_reason"].as_str().unwrap();
    assert!(
        reason.ends_with("could not be deleted: Resource DELETE failed: NotFound: resource with id 30 not found"),
        "{reason}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn heat_is_asked_once_more() {
    let world = World::new().await;
    world.template().await;
    let before = world.cloud.census();
    let uuid = cluster(&world).await;
    world.cloud.let_deletions_fail(1);
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.cluster(&uuid).await, None);
    assert_eq!(asked(&world), 2 + 1);
    assert_eq!(world.cloud.census(), before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_heat_cannot_delete_at_all_is_told_and_each_retry_begins_anew() {
    let world = World::new().await;
    world.template().await;
    let before = world.cloud.census();
    let uuid = cluster(&world).await;
    world.cloud.let_deletions_fail(u32::MAX);
    world.accept_delete(&uuid).await;
    let id = world.active(&uuid).await.id;
    world.run_until_idle(&world.engine()).await;
    assert_kept(&world, &uuid).await;
    assert_eq!(asked(&world), 2);

    world.store.retry_operation(&id, world.deps.clock.now()).await.unwrap();
    world.run_until_idle(&world.engine()).await;
    assert_kept(&world, &uuid).await;
    assert_eq!(asked(&world), 2 + 1, "the failed stack was there from the beginning");

    world.cloud.let_deletions_fail(0);
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.cluster(&uuid).await, None);
    assert_eq!(world.cloud.census(), before);
    world.end().await;
}

/// A stack that an earlier deletion left is asked for, also when Heat does not answer a look or a request at first.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_before_is_not_taken_for_the_answer() {
    let world = World::new().await;
    world.template().await;
    let before = world.cloud.census();
    let uuid = cluster(&world).await;
    world.cloud.let_deletions_fail(2);
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert_kept(&world, &uuid).await;
    world.accept_delete(&uuid).await;
    for method in ["GET", "DELETE"] {
        let outage = devcloud::Fault::once("heat", method, "/stacks/", devcloud::Effect::Refuse(503));
        world.cloud.inject(devcloud::Fault { times: 5, ..outage });
    }
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.cluster(&uuid).await, None);
    assert_eq!(world.cloud.census(), before);
    world.end().await;
}

/// The conductor dies up to ten times when it comes to `point` of a step that deletes stacks.
#[tokio::test(flavor = "multi_thread")]
async fn asking_once_more_survives_deaths_at_each_point() {
    let world = World::new().await;
    world.template().await;
    let before = world.cloud.census();
    for point in [Point::Before, Point::AfterEffect, Point::AfterCommit] {
        let uuid = cluster(&world).await;
        world.accept_delete(&uuid).await;
        world.cloud.let_deletions_fail(1);
        let deaths = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&deaths);
        let dies = move |_: &Operation, step: &str, when| {
            when == point && step.starts_with("delete_") && counted.fetch_add(1, Ordering::Relaxed) < 10
        };
        world.run_until_idle(&world.engine().with_breakpoint(Arc::new(dies))).await;
        assert!(deaths.load(Ordering::Relaxed) >= 4, "{point:?}");
        assert_eq!(world.cluster(&uuid).await, None, "{point:?}");
        assert!((3..=4).contains(&asked(&world)), "{point:?}: {}", asked(&world));
        assert_eq!(world.cloud.census(), before, "{point:?}");
    }
    world.end().await;
}
