//! When trust and token are lost, only the service is left to ask, and to it a stack of another project may be hidden:
//! its 404 must not be taken for the end of a stack.

use std::time::Duration;

use conductor::Point;
use domain::Secret;

use crate::world::World;

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);
/// Longer than any deadline of a step.
const TOO_LATE: Duration = Duration::from_secs(24 * 3600);

async fn world() -> World {
    let world = World::with(|settings| {
        settings.play_nodes = false;
        settings.foreign_stacks = false;
    })
    .await;
    world.template().await;
    world
}

async fn record(world: &World, uuid: &str) -> domain::Cluster {
    world.store.cluster(&store::Scope::All, &domain::Ident::of(uuid)).await.unwrap().cluster
}

/// The owner deletes the trust by hand and every token expires; the test works on with a new one.
async fn lose_every_identity(world: &mut World, uuid: &str) {
    let trust = record(world, uuid).await.trust_id.expect("a trust");
    let project = &world.cloud.seed().account("demo").unwrap().project_id;
    let owner = world.deps.cloud.as_user(Secret::new(world.cloud.login("demo").await.unwrap()), project);
    assert!(owner.keystone().delete_trust(&trust).await.unwrap());
    world.cloud.expire_tokens();
    world.log_in().await;
}

/// The request failed for want of somebody who can see the stack, which is still there, as is the cluster.
async fn assert_undecided(world: &World, uuid: &str, status: &str) {
    let cluster = world.cluster(uuid).await.expect("the cluster was dropped while its stack exists");
    assert_eq!(cluster["status"], status, "{cluster}");
    let reason = cluster["status_reason"].as_str().unwrap();
    assert!(reason.contains("cannot be told") && reason.contains("new token"), "{reason}");
    assert_eq!(world.cloud.census().stacks.len(), 1, "{:?}", world.cloud.census().stacks);
}

/// A delete with a token that is valid takes everything down.
async fn delete_without_a_trace(world: World, uuid: &str, before: &devcloud::Census) {
    world.accept_delete(uuid).await;
    world.run_until_idle(&world.engine()).await;
    let left = world.cluster(uuid).await;
    assert!(left.is_none(), "{left:?}");
    assert_eq!(&world.cloud.census(), before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_keeps_a_cluster_whose_stack_is_hidden() {
    let mut world = world().await;
    let before = world.cloud.census();
    let uuid = world.accept_create("hidden").await;
    world.run_until_idle(&world.engine()).await;
    world.accept_delete(&uuid).await;
    lose_every_identity(&mut world, &uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert_undecided(&world, &uuid, "DELETE_FAILED").await;
    delete_without_a_trace(world, &uuid, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_keeps_a_cluster_whose_stack_was_made_but_never_recorded() {
    let mut world = world().await;
    let before = world.cloud.census();
    let uuid = world.accept_create("hidden").await;
    world.die(&uuid, "create_stack", Point::AfterEffect).await;
    assert_eq!(record(&world, &uuid).await.stack_id, None);
    world.accept_delete(&uuid).await;
    lose_every_identity(&mut world, &uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert_undecided(&world, &uuid, "DELETE_FAILED").await;
    delete_without_a_trace(world, &uuid, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_does_not_ask_again_for_a_stack_that_is_hidden() {
    let mut world = world().await;
    let before = world.cloud.census();
    let uuid = world.accept_create("hidden").await;
    world.die(&uuid, "create_stack", Point::AfterEffect).await;
    lose_every_identity(&mut world, &uuid).await;
    world.cloud.clear_calls();
    world.run_until_idle(&world.engine()).await;
    let asked =
        world.cloud.calls().iter().filter(|call| call.method == "POST" && call.path.ends_with("/stacks")).count();
    assert_eq!(asked, 0);
    assert_undecided(&world, &uuid, "CREATE_FAILED").await;
    delete_without_a_trace(world, &uuid, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_goes_on_waiting_for_a_stack_that_is_hidden() {
    let mut world = world().await;
    let before = world.cloud.census();
    world.cloud.set_stack_delay(NEVER);
    let uuid = world.accept_create("hidden").await;
    world.die(&uuid, "await_stack", Point::Before).await;
    lose_every_identity(&mut world, &uuid).await;
    world.deps.clock.advance(Duration::from_secs(120));
    world.cloud.clear_calls();
    world.serve_for(1, Duration::from_secs(3)).await;
    let lists = world.cloud.calls().iter().filter(|call| call.path.ends_with("/stacks")).count();
    assert!(lists > 0, "the watch did not look");
    assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "CREATE_IN_PROGRESS");
    assert!(world.active(&uuid).await.reason.unwrap().contains("cannot be told"));
    world.deps.clock.advance(TOO_LATE);
    world.run_until_idle(&world.engine()).await;
    assert_undecided(&world, &uuid, "CREATE_FAILED").await;
    world.cloud.set_stack_delay(Duration::ZERO);
    delete_without_a_trace(world, &uuid, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resize_goes_on_waiting_for_a_stack_that_is_hidden() {
    let mut world = world().await;
    let before = world.cloud.census();
    let uuid = world.accept_create("hidden").await;
    world.run_until_idle(&world.engine()).await;
    world.accept_resize(&uuid, 2).await;
    world.die(&uuid, "await_resize", Point::Before).await;
    lose_every_identity(&mut world, &uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert_undecided(&world, &uuid, "UPDATE_FAILED").await;
    delete_without_a_trace(world, &uuid, &before).await;
}
