//! Every driver: its clusters are built, resized and deleted without a trace.

use domain::Options;
use drivers::{DRIVERS, Driver};
use serde_json::{Value, json};

use crate::world::World;

/// An image of the simulated cloud with that distribution.
fn image(distro: &str) -> &'static str {
    match distro {
        "fedora-atomic" => "fedora-atomic-27",
        "fedora-coreos" => "fedora-coreos-38",
        "ubuntu" => "ubuntu-mesos",
        other => panic!("the simulated cloud has no image of {other}"),
    }
}

/// A template with everything the driver has a resource for.
pub(crate) fn template(driver: &dyn Driver) -> Value {
    let served = driver.provides()[0];
    let volume = driver.plugins().volume.first();
    // Without it the masters of some cannot be upgraded.
    let labels = if served.coe == "kubernetes" { json!({"etcd_volume_size": "1"}) } else { json!({}) };
    json!({
        "labels": labels, "name": driver.name(), "coe": served.coe, "image_id": image(served.os), "external_network_id": "public",
        "keypair_id": "testkey", "flavor_id": "m1.small", "master_flavor_id": "m1.small", "docker_volume_size": 5,
        "docker_storage_driver": "overlay2", "volume_driver": volume, "network_driver": driver.plugins().network[0],
        "master_lb_enabled": driver.multi_master(), "tls_disabled": served.coe == "mesos",
    })
}

async fn live(world: &World, driver: &dyn Driver) {
    let name = driver.name();
    let (status, answer) = world.send("POST", "/clustertemplates", Some(template(driver))).await;
    assert_eq!(status, 201, "{name}: {answer}");
    let before = world.cloud.census();
    let masters = if driver.multi_master() { 3 } else { 1 };
    let body = json!({"name": name, "cluster_template_id": name, "node_count": 1, "master_count": masters});
    let (status, answer) = world.send("POST", "/clusters", Some(body)).await;
    assert_eq!(status, 202, "{name}: {answer}");
    let uuid = answer["uuid"].as_str().unwrap();
    world.run_until_idle(&world.engine()).await;
    let cluster = world.cluster(uuid).await.unwrap();
    assert_eq!(cluster["status"], "CREATE_COMPLETE", "{name}: {cluster}");
    assert!(cluster["api_address"].as_str().is_some_and(|address| !address.is_empty()), "{name}: {cluster}");
    assert_eq!(cluster["master_addresses"].as_array().map(Vec::len), Some(masters), "{name}: {cluster}");
    for count in [3, 1] {
        world.accept_resize(uuid, count).await;
        world.run_until_idle(&world.engine()).await;
        let cluster = world.cluster(uuid).await.unwrap();
        assert_eq!(cluster["status"], "UPDATE_COMPLETE", "{name}: {cluster}");
        assert_eq!(
            cluster["node_addresses"].as_array().map(Vec::len),
            usize::try_from(count).ok(),
            "{name}: {cluster}"
        );
    }
    rotate(world, driver, uuid).await;
    upgrade(world, driver, uuid).await;
    world.accept_delete(uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert!(world.cluster(uuid).await.is_none(), "{name}");
    assert_eq!(world.cloud.census(), before, "{name}");
}

/// The credentials, where nodes can be told of others; the other drivers say so.
async fn rotate(world: &World, driver: &dyn Driver, uuid: &str) {
    let name = driver.name();
    if driver.takes_orders() {
        crate::credentials::accept_rotation(world, uuid).await;
        world.run_until_idle(&world.engine()).await;
        let cluster = world.cluster(uuid).await.unwrap();
        assert_eq!(cluster["status"], "UPDATE_COMPLETE", "{name}: {cluster}");
        crate::credentials::assert_rotated(world, uuid, name).await;
        return;
    }
    let (status, answer) = world.send("PATCH", &format!("/credentials/{uuid}"), None).await;
    assert_eq!(status, 400, "{name}: {answer}");
    assert!(answer.to_string().contains(name), "{answer}");
}

/// To another patch version, where the driver can; the others say so.
async fn upgrade(world: &World, driver: &dyn Driver, uuid: &str) {
    let name = driver.name();
    let before = world.cluster(uuid).await.unwrap();
    let newer = format!("{name}-newer");
    let mut body = template(driver);
    let version = before["coe_version"].as_str().unwrap_or_default();
    let next = format!("{}.99", version.rsplit_once('.').map_or("v1", |(minor, _)| minor));
    body["name"] = json!(newer);
    if driver.upgrades().is_some() {
        body["labels"]["kube_tag"] = json!(next);
    }
    let (status, answer) = world.send("POST", "/clustertemplates", Some(body)).await;
    assert_eq!(status, 201, "{name}: {answer}");
    let path = format!("/clusters/{uuid}/actions/upgrade");
    let (status, answer) = world.send("POST", &path, Some(json!({"cluster_template": newer}))).await;
    if driver.upgrades().is_none() {
        assert_eq!(status, 400, "{name}: {answer}");
        assert!(answer.to_string().contains(name), "{answer}");
        return;
    }
    assert_eq!(status, 202, "{name}: {answer}");
    world.run_until_idle(&world.engine()).await;
    let after = world.cluster(uuid).await.unwrap();
    assert_eq!((&after["status"], &after["coe_version"]), (&json!("UPDATE_COMPLETE"), &json!(next)), "{name}: {after}");
    assert_eq!(after["master_addresses"], before["master_addresses"], "{name}: masters keep their addresses");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_driver_builds_resizes_and_deletes() {
    let world = World::new().await;
    let off = Options::default().drivers.disabled_drivers;
    for driver in DRIVERS.iter().filter(|driver| !off.iter().any(|name| name == driver.name())) {
        live(&world, *driver).await;
    }
    world.end().await;
}
