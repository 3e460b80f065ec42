//! The generic crash test: every operation, every step, every place to die. Same final state, nothing left behind.

use conductor::Point;

use crate::world::World;

const POINTS: [Point; 3] = [Point::Before, Point::AfterEffect, Point::AfterCommit];

/// Dies at `point` of `step` while `operation` runs, goes on with another worker, then cleans up.
async fn survives(world: &World, operation: &str, step: &'static str, point: Point) {
    let what = format!("{operation}/{step}/{point:?}");
    let before = world.cloud.census();
    let uuid = world.accept_create("crash").await;
    if operation != "create" {
        world.run_until_idle(&world.engine()).await;
    }
    match operation {
        "resize" => world.accept_resize(&uuid, 2).await,
        "delete" => world.accept_delete(&uuid).await,
        _ => {}
    }
    world.die(&uuid, step, point).await;
    world.run_until_idle(&world.engine()).await;
    if operation == "delete" {
        assert!(world.cluster(&uuid).await.is_none(), "{what}: the cluster is still there");
    } else {
        let cluster = world.cluster(&uuid).await.unwrap();
        let status = if operation == "create" { "CREATE_COMPLETE" } else { "UPDATE_COMPLETE" };
        assert_eq!(cluster["status"], status, "{what}: {cluster}");
        assert_eq!(cluster["node_count"], if operation == "create" { 1 } else { 2 }, "{what}: {cluster}");
        world.accept_delete(&uuid).await;
        world.run_until_idle(&world.engine()).await;
    }
    assert_eq!(world.cloud.census(), before, "{what}: something was left behind");
}

async fn every_step_of(operation: &str) {
    let world = World::new().await;
    world.template().await;
    for step in conductor::step_names(operation.parse().unwrap()) {
        for point in POINTS {
            survives(&world, operation, step, point).await;
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_survives_a_death_at_every_step() {
    every_step_of("create").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resize_survives_a_death_at_every_step() {
    every_step_of("resize").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_survives_a_death_at_every_step() {
    every_step_of("delete").await;
}
