//! Nodes that leave: the cluster moves what they run before their servers go, and forgets them afterwards.

use std::time::Duration;

use conductor::{Advanced, Point};
use devcloud::{Effect, Fault};
use domain::OperationKind;
use drivers::{Driver, driver_named};
use serde_json::json;

use crate::{
    mishaps::somebody,
    monitors::{built, delete, health, look, resize, state, workers},
    world::World,
};

/// Drivers whose clusters have to be helped.
const HELPED: [&str; 3] = ["swarm_fedora_atomic_v2", "k8s_fedora_atomic_v1", "k8s_fedora_coreos_v1"];

fn helped() -> impl Iterator<Item = &'static dyn Driver> {
    HELPED.iter().map(|name| driver_named(name).unwrap())
}

/// A cluster of that driver with this many workers.
async fn of(world: &World, driver: &dyn Driver, count: i64) -> String {
    let uuid = built(world, driver, json!({})).await;
    resize(world, &uuid, count).await;
    uuid
}

async fn assert_healthy(world: &World, uuid: &str, what: &str) {
    look(world).await;
    let (status, reason) = health(world, uuid).await;
    assert_eq!(status, "HEALTHY", "{what}: {reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_has_shrunk_is_healthy_and_has_lost_no_work() {
    let world = World::new().await;
    for driver in helped() {
        let name = driver.name();
        let uuid = of(&world, driver, 3).await;
        let all = workers(&world);
        for (worker, load) in all.iter().zip([4, 7, 3]) {
            world.cloud.set_node(worker, state(true, load));
        }
        let before = world.cloud.lost_work();
        resize(&world, &uuid, 1).await;
        assert_eq!(workers(&world), [all[1].clone()], "{name}");
        assert_eq!(world.cloud.lost_work(), before, "{name}: the nodes had been emptied");
        assert!(world.cloud.drained_nodes().is_empty(), "{name}");
        assert_healthy(&world, &uuid, name).await;
        delete(&world, &uuid).await;
        assert_eq!(world.cloud.lost_work(), before + 14, "{name}: everything ran on the node that stayed");
    }
    world.end().await;
}

/// Two workers, of which the second has something to do.
async fn pair(world: &World, driver: &dyn Driver) -> (String, Vec<String>) {
    let uuid = of(world, driver, 2).await;
    let all = workers(world);
    world.cloud.set_node(&all[0], state(true, 9));
    world.cloud.set_node(&all[1], state(true, 5));
    (uuid, all)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_named_is_emptied_first() {
    let world = World::new().await;
    for driver in helped() {
        let name = driver.name();
        let (uuid, all) = pair(&world, driver).await;
        let servers = somebody(&world).await.nova().servers("").await.unwrap();
        let named = &servers.iter().find(|server| server.name == all[0]).unwrap().id;
        let before = world.cloud.lost_work();
        let body = json!({"node_count": 1, "nodes_to_remove": [named]});
        let (status, answer) = world.send("POST", &format!("/clusters/{uuid}/actions/resize"), Some(body)).await;
        assert_eq!(status, 202, "{name}: {answer}");
        world.run_until_idle(&world.engine()).await;
        assert_eq!(workers(&world), all[1..], "{name}");
        assert_eq!(world.cloud.lost_work(), before, "{name}");
        assert_healthy(&world, &uuid, name).await;
        delete(&world, &uuid).await;
    }
    world.end().await;
}

/// Two workers, of which the second is to leave, has been told so and holds on to what it runs.
async fn holding_on(world: &World, driver: &dyn Driver) -> (String, Vec<String>) {
    let (uuid, all) = pair(world, driver).await;
    world.cloud.let_nodes_hold_on(true);
    world.accept_resize(&uuid, 1).await;
    world.die(&uuid, "empty_nodes", Point::AfterEffect).await;
    (uuid, all)
}

/// A later look finds reason to wait, and nobody has gone.
async fn assert_waits(world: &World, uuid: &str, all: &[String], what: &str) {
    world.deps.clock.advance(Duration::from_secs(60));
    let op = world.active(uuid).await;
    let waits = world.engine().advance(&op.id, &|| false).await.unwrap();
    let op = world.active(uuid).await;
    assert!(matches!(waits, Advanced::Waiting(_)) && op.step == "empty_nodes", "{what}: {waits:?}, {op:?}");
    assert_eq!(workers(world), all, "{what}: nobody goes yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_hold_on_to_their_work_are_waited_for_and_then_go() {
    let world = World::with_options(&[("OS_MAGNUM_RS__DRAIN_TIME", "600")]).await;
    for driver in helped() {
        let name = driver.name();
        let (uuid, all) = holding_on(&world, driver).await;
        assert_eq!(world.cloud.drained_nodes(), all[1..], "{name}");
        assert_waits(&world, &uuid, &all, name).await;
        let before = world.cloud.lost_work();
        world.run_until_idle(&world.engine()).await;
        world.cloud.let_nodes_hold_on(false);
        assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "UPDATE_COMPLETE", "{name}");
        assert_eq!(workers(&world), all[..1], "{name}");
        assert_eq!(world.cloud.lost_work(), before + 5, "{name}");
        assert_healthy(&world, &uuid, name).await;
        delete(&world, &uuid).await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_look_that_fails_ends_no_waiting() {
    let world = World::with_options(&[("OS_MAGNUM_RS__DRAIN_TIME", "600")]).await;
    for driver in helped() {
        let name = driver.name();
        let (uuid, all) = holding_on(&world, driver).await;
        assert_waits(&world, &uuid, &all, name).await;
        world.cloud.inject(Fault::once("cluster", "GET", "/nodes", Effect::Refuse(503)));
        assert_waits(&world, &uuid, &all, name).await;
        assert_eq!(world.cloud.faults_left(), 0, "{name}");
        world.run_until_idle(&world.engine()).await;
        world.cloud.let_nodes_hold_on(false);
        delete(&world, &uuid).await;
    }
    world.end().await;
}

/// What happens without help, before the cluster is told to forget: work is lost, and the health is not what it was.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_drain_time_nobody_is_emptied() {
    let world = World::with_options(&[("OS_MAGNUM_RS__DRAIN_TIME", "0")]).await;
    for driver in helped() {
        let name = driver.name();
        let (uuid, _) = pair(&world, driver).await;
        let before = world.cloud.lost_work();
        world.accept_resize(&uuid, 1).await;
        world.die(&uuid, "forget_nodes", Point::Before).await;
        assert_eq!(world.cloud.lost_work(), before + 5, "{name}");
        look(&world).await;
        assert_eq!(world.cluster(&uuid).await.unwrap()["health_status"], "UNHEALTHY", "{name}");
        world.run_until_idle(&world.engine()).await;
        assert_healthy(&world, &uuid, name).await;
        delete(&world, &uuid).await;
    }
    world.end().await;
}

/// Nobody serves these clusters' APIs.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_does_not_answer_is_resized_all_the_same() {
    let world = World::with(|settings| settings.play_nodes = false).await;
    for driver in helped() {
        let uuid = of(&world, driver, 2).await;
        world.accept_resize(&uuid, 1).await;
        world.run_until_idle(&world.engine()).await;
        assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "UPDATE_COMPLETE", "{}", driver.name());
        assert_eq!(workers(&world).len(), 1, "{}", driver.name());
        delete(&world, &uuid).await;
    }
    world.end().await;
}

/// Heat refuses the change, so the nodes stay.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_stay_get_work_again() {
    let world = World::new().await;
    for driver in helped() {
        let name = driver.name();
        let (uuid, all) = pair(&world, driver).await;
        let before = world.cloud.lost_work();
        world.cloud.inject(Fault::once("heat", "PATCH", "/stacks", Effect::Refuse(400)));
        world.accept_resize(&uuid, 1).await;
        world.die(&uuid, "empty_nodes", Point::AfterCommit).await;
        assert_eq!(world.cloud.drained_nodes(), all[1..], "{name}");
        if name.starts_with("k8s") {
            // Not just then, so it is asked again.
            world.cloud.inject(Fault::once("cluster", "PATCH", "/nodes", Effect::Refuse(409)));
        }
        world.run_until_idle(&world.engine()).await;
        let cluster = world.cluster(&uuid).await.unwrap();
        assert_eq!(
            (&cluster["status"], &cluster["node_count"]),
            (&json!("UPDATE_FAILED"), &json!(2)),
            "{name}: {cluster}"
        );
        assert_eq!((workers(&world), world.cloud.faults_left()), (all, 0), "{name}");
        assert!(world.cloud.drained_nodes().is_empty(), "{name}");
        resize(&world, &uuid, 1).await;
        assert_eq!(world.cloud.lost_work(), before, "{name}");
        assert_healthy(&world, &uuid, name).await;
        delete(&world, &uuid).await;
    }
    world.end().await;
}

/// Wherever the conductor dies, the same nodes are emptied, go and are forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn a_resize_that_dies_anywhere_loses_no_work_and_leaves_no_node_behind() {
    let world = World::new().await;
    for name in ["swarm_fedora_atomic_v2", "k8s_fedora_coreos_v1"] {
        let uuid = of(&world, driver_named(name).unwrap(), 1).await;
        for step in conductor::step_names(OperationKind::Resize) {
            for point in [Point::Before, Point::AfterEffect, Point::AfterCommit] {
                let what = format!("{name}/{step}/{point:?}");
                resize(&world, &uuid, 2).await;
                let all = workers(&world);
                world.cloud.set_node(&all[0], state(true, 9));
                world.cloud.set_node(&all[1], state(true, 5));
                let before = world.cloud.lost_work();
                world.accept_resize(&uuid, 1).await;
                world.die(&uuid, step, point).await;
                world.run_until_idle(&world.engine()).await;
                assert_eq!(workers(&world), all[..1], "{what}");
                assert_eq!(world.cloud.lost_work(), before, "{what}");
                assert!(world.cloud.drained_nodes().is_empty(), "{what}");
                assert_healthy(&world, &uuid, &what).await;
            }
        }
        delete(&world, &uuid).await;
    }
    world.end().await;
}

/// Further node groups shrink and go like the first one.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_further_groups_are_forgotten_too() {
    let world = World::new().await;
    let uuid = of(&world, driver_named("k8s_fedora_atomic_v1").unwrap(), 1).await;
    world.accept_nodegroup_create(&uuid, "more", 2).await;
    world.run_until_idle(&world.engine()).await;
    assert_healthy(&world, &uuid, "built").await;
    let group = workers(&world).into_iter().filter(|name| name.contains("-more-")).collect::<Vec<_>>();
    assert_eq!(group.len(), 2, "{group:?}");
    let listed = health(&world, &uuid).await.1;
    assert!(listed[format!("{}.Ready", group[1])] == "True", "{listed}");
    world.cloud.set_node(&group[1], state(true, 4));
    let before = world.cloud.lost_work();
    let shrink = json!({"node_count": 1, "nodegroup": "more"});
    let (status, answer) = world.send("POST", &format!("/clusters/{uuid}/actions/resize"), Some(shrink)).await;
    assert_eq!(status, 202, "{answer}");
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.cloud.lost_work(), before);
    assert_healthy(&world, &uuid, "shrunk").await;
    world.accept_nodegroup_delete(&uuid, "more").await;
    world.run_until_idle(&world.engine()).await;
    assert!(world.nodegroup(&uuid, "more").await.is_none());
    assert_healthy(&world, &uuid, "without the group").await;
    delete(&world, &uuid).await;
    world.end().await;
}
