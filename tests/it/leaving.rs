//! Nodes that leave: the cluster moves what they run before their servers go, and forgets them afterwards.

use drivers::{Driver, driver_named};
use serde_json::json;

use crate::{
    monitors::{built, delete, health, look, resize, state, workers},
    world::World,
};

/// Drivers whose clusters have to be helped.
const HELPED: [&str; 1] = ["swarm_fedora_atomic_v2"];

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
