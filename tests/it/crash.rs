//! The generic crash test: every operation, every step, every place to die. Same final state, nothing left behind.

use conductor::Point;
use domain::{OperationKind, OperationState};
use serde_json::json;

use crate::{upgrade, world::World};

const POINTS: [Point; 3] = [Point::Before, Point::AfterEffect, Point::AfterCommit];

/// Dies at `point` of `step` while `operation` runs, goes on with another worker, then cleans up.
async fn survives(world: &World, operation: &str, step: &'static str, point: Point) {
    let what = format!("{operation}/{step}/{point:?}");
    let before = world.cloud.census();
    let uuid = match operation {
        "upgrade" => upgrade::accept_create(world, "crash", 1, 1).await,
        _ => world.accept_create("crash").await,
    };
    if operation != "create" {
        world.run_until_idle(&world.engine()).await;
    }
    match operation {
        "resize" => world.accept_resize(&uuid, 2).await,
        "upgrade" => upgrade::accept_upgrade(world, &uuid, json!({"cluster_template": "new"})).await,
        "rotate_ca" => crate::rotations::accept_rotation(world, &uuid).await,
        "rotate_credentials" => crate::credentials::accept_rotation(world, &uuid).await,
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
        assert_eq!(cluster["node_count"], if operation == "resize" { 2 } else { 1 }, "{what}: {cluster}");
        if operation == "rotate_credentials" {
            crate::credentials::assert_rotated(world, &uuid, &what).await;
        }
        if operation == "upgrade" {
            upgrade::assert_upgraded(world, &uuid, &what).await;
        }
        world.accept_delete(&uuid).await;
        world.run_until_idle(&world.engine()).await;
    }
    assert_eq!(world.cloud.census(), before, "{what}: something was left behind");
}

async fn every_step_of(operation: &str) {
    let world = World::with_barbican(|settings| settings.play_nodes = !operation.starts_with("rotate_")).await;
    world.template().await;
    upgrade::templates(&world).await;
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
async fn an_upgrade_survives_a_death_at_every_step() {
    every_step_of("upgrade").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_survives_a_death_at_every_step() {
    every_step_of("rotate_ca").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_of_credentials_survives_a_death_at_every_step() {
    every_step_of("rotate_credentials").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_takes_over_a_rotation_that_died_at_any_step() {
    let world = World::with_barbican(|settings| settings.play_nodes = false).await;
    world.template().await;
    let before = world.cloud.census();
    for kind in [OperationKind::RotateCa, OperationKind::RotateCredentials] {
        for step in conductor::step_names(kind) {
            let uuid = world.accept_create("doomed").await;
            world.run_until_idle(&world.engine()).await;
            match kind {
                OperationKind::RotateCa => crate::rotations::accept_rotation(&world, &uuid).await,
                _ => crate::credentials::accept_rotation(&world, &uuid).await,
            }
            world.die(&uuid, step, Point::AfterEffect).await;
            world.accept_delete(&uuid).await;
            world.run_until_idle(&world.engine()).await;
            assert!(world.cluster(&uuid).await.is_none(), "{kind}/{step}");
            assert_eq!(world.cloud.census(), before, "{kind}/{step}: something was left behind");
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_survives_a_death_at_every_step() {
    every_step_of("delete").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_takes_over_a_create_that_died_at_any_step() {
    let world = World::with_barbican(|_| {}).await;
    world.template().await;
    let before = world.cloud.census();
    for step in conductor::step_names(OperationKind::Create) {
        for point in POINTS {
            let what = format!("{step}/{point:?}");
            let uuid = world.accept_create("doomed").await;
            world.die(&uuid, step, point).await;
            world.accept_delete(&uuid).await;
            world.run_until_idle(&world.engine()).await;
            let left = world.cluster(&uuid).await;
            assert!(left.is_none(), "{what}: {left:?}");
            assert_eq!(world.cloud.census(), before, "{what}: something was left behind");
        }
    }
    world.end().await;
}

/// Dies at `point` of `step` while `operation` runs and a resize waits for it; both are carried out.
async fn promotes(world: &World, operation: &str, step: &'static str, point: Point) {
    let what = format!("{operation}/{step}/{point:?}");
    let uuid = world.accept_create("waiting").await;
    if operation == "resize" {
        world.run_until_idle(&world.engine()).await;
        world.accept_resize(&uuid, 2).await;
    }
    world.accept_resize(&uuid, 3).await;
    let waiting = world.store.operations(Some(&uuid), true, 10).await.unwrap();
    let waiting = waiting.iter().find(|op| op.state == OperationState::Queued).expect("a resize that waits");
    world.die(&uuid, step, point).await;
    world.run_until_idle(&world.engine()).await;
    let promoted = world.store.operation(&waiting.id).await.unwrap();
    assert_eq!(promoted.state, OperationState::Done, "{what}: {promoted:?}");
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!(cluster["status"], "UPDATE_COMPLETE", "{what}: {cluster}");
    assert_eq!(cluster["node_count"], 3, "{what}: {cluster}");
    assert_eq!(cluster["node_addresses"].as_array().unwrap().len(), 3, "{what}: {cluster}");
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resize_that_waits_is_carried_out_whatever_dies_before_it() {
    let world = World::with_barbican(|settings| settings.play_nodes = false).await;
    world.template().await;
    let before = world.cloud.census();
    for operation in ["create", "resize"] {
        for step in conductor::step_names(operation.parse().unwrap()) {
            for point in POINTS {
                promotes(&world, operation, step, point).await;
            }
        }
    }
    assert_eq!(world.cloud.census(), before);
    world.end().await;
}
