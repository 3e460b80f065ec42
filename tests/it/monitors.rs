//! Clusters of every COE are watched over their own API, and asked which of their nodes may go.

use conductor::Point;
use devcloud::NodeState;
use domain::Options;
use drivers::{DRIVERS, Driver};
use serde_json::{Value, json};

use crate::{coes::template, world::World};

/// A cluster of that driver with one worker, and what else the template says; its uuid.
pub(crate) async fn built(world: &World, driver: &dyn Driver, more: Value) -> String {
    let name = driver.name();
    let mut body = template(driver);
    body["docker_volume_size"] = Value::Null;
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, answer) = world.send("POST", "/clustertemplates", Some(body)).await;
    assert_eq!(status, 201, "{name}: {answer}");
    let body = json!({"name": name, "cluster_template_id": answer["uuid"], "node_count": 1, "master_count": 1});
    let (status, answer) = world.send("POST", "/clusters", Some(body)).await;
    assert_eq!(status, 202, "{name}: {answer}");
    world.run_until_idle(&world.engine()).await;
    answer["uuid"].as_str().unwrap().to_owned()
}

pub(crate) async fn look(world: &World) -> usize {
    conductor::look_at_health(&world.deps, "test").await.unwrap()
}

pub(crate) async fn health(world: &World, uuid: &str) -> (String, Value) {
    let cluster = world.cluster(uuid).await.unwrap();
    assert!(cluster["status"].as_str().unwrap().ends_with("_COMPLETE"), "{cluster}");
    (cluster["health_status"].as_str().unwrap_or_default().to_owned(), cluster["health_status_reason"].clone())
}

pub(crate) async fn resize(world: &World, uuid: &str, count: i64) {
    world.accept_resize(uuid, count).await;
    world.run_until_idle(&world.engine()).await;
}

pub(crate) fn workers(world: &World) -> Vec<String> {
    world.cloud.server_names().into_iter().filter(|name| !name.contains("-master-")).collect()
}

pub(crate) async fn delete(world: &World, uuid: &str) {
    world.accept_delete(uuid).await;
    world.run_until_idle(&world.engine()).await;
}

fn enabled() -> impl Iterator<Item = &'static dyn Driver> {
    let off = Options::default().drivers.disabled_drivers;
    DRIVERS.iter().copied().filter(move |driver| !off.iter().any(|name| name == driver.name()))
}

pub(crate) fn state(ready: bool, load: usize) -> NodeState {
    NodeState { ready, load }
}

/// Healthy, then with a worker that is not well, then well again; nothing is written while nothing changes.
async fn is_watched(world: &World, driver: &dyn Driver, uuid: &str) {
    let name = driver.name();
    let updated = world.cluster(uuid).await.unwrap()["updated_at"].clone();
    let worker = workers(world).remove(0);
    for (state, word, finding) in [
        (state(true, 0), "HEALTHY", "True"),
        (state(false, 0), "UNHEALTHY", "False"),
        (state(true, 0), "HEALTHY", "True"),
    ] {
        world.cloud.set_node(&worker, state);
        assert_eq!(look(world).await, 1, "{name}: {word}");
        let (status, reason) = health(world, uuid).await;
        assert_eq!(status, word, "{name}: {reason}");
        assert_eq!(
            (reason["api"].as_str(), reason["source"].as_str()),
            (Some("ok"), Some("magnum")),
            "{name}: {reason}"
        );
        assert!(reason["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{name}: {reason}");
        let findings: Vec<&str> = reason
            .as_object()
            .unwrap()
            .iter()
            .filter(|(key, _)| [".Ready", ".Healthy", ".Active"].iter().any(|end| key.ends_with(end)))
            .filter_map(|(_, text)| text.as_str())
            .collect();
        assert!(findings.contains(&finding), "{name}: {reason}");
        world.deps.clock.advance(std::time::Duration::from_secs(90));
        assert_eq!(look(world).await, 0, "{name}: nothing has changed");
    }
    assert_eq!(world.cluster(uuid).await.unwrap()["updated_at"], updated, "{name}: a look is no change");
}

/// Of three workers the two go that run least, though the busiest is neither the newest nor the oldest.
async fn spares_the_busy(world: &World, driver: &dyn Driver, uuid: &str) {
    resize(world, uuid, 3).await;
    let all = workers(world);
    assert_eq!(all.len(), 3, "{}", driver.name());
    for (worker, load) in all.iter().zip([1, 7, 2]) {
        world.cloud.set_node(worker, state(true, load));
    }
    resize(world, uuid, 1).await;
    assert_eq!(workers(world), [all[1].clone()], "{}", driver.name());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_coe_is_watched_and_its_busy_nodes_are_spared() {
    let world = World::new().await;
    for driver in enabled() {
        let uuid = built(&world, driver, json!({})).await;
        is_watched(&world, driver, &uuid).await;
        spares_the_busy(&world, driver, &uuid).await;
        delete(&world, &uuid).await;
    }
    world.end().await;
}

/// Without floating IPs nobody outside can ask: the health is unknown, and the newest nodes go.
#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_reached_is_not_asked() {
    let world = World::new().await;
    for driver in enabled() {
        let name = driver.name();
        let uuid = built(&world, driver, json!({"floating_ip_enabled": false})).await;
        assert_eq!(look(&world).await, 1, "{name}");
        let (status, reason) = health(&world, &uuid).await;
        assert_eq!(status, "UNKNOWN", "{name}: {reason}");
        assert_eq!(reason["api"], format!("The cluster {name} is not accessible."));
        resize(&world, &uuid, 2).await;
        let all = workers(&world);
        world.cloud.set_node(&all[1], state(true, 9));
        resize(&world, &uuid, 1).await;
        assert_eq!(workers(&world), [all[0].clone()], "{name}");
        delete(&world, &uuid).await;
    }
    world.end().await;
}

/// A health that somebody reports from inside stays for its time, and where the labels say so for good. The time is long
/// beside what the tests' clock leaps, which the API's does not.
#[tokio::test(flavor = "multi_thread")]
async fn what_others_report_is_left_alone() {
    let day = std::time::Duration::from_secs(86_400);
    let world = World::with_options(&[("OS_MAGNUM_RS__REPORTED_HEALTH_TIME", "86400")]).await;
    world.template().await;
    let uuid = world.accept_create("plain").await;
    let labels = json!({"auto_healing_enabled": "true", "auto_healing_controller": "magnum-auto-healer"});
    let body = json!({"name": "healed", "cluster_template_id": "k8s", "node_count": 1, "labels": labels});
    let (status, answer) = world.send("POST", "/clusters", Some(body)).await;
    assert_eq!(status, 202, "{answer}");
    let healed = answer["uuid"].as_str().unwrap().to_owned();
    world.run_until_idle(&world.engine()).await;
    assert_eq!(look(&world).await, 1, "only the one without a healer");
    assert_eq!(health(&world, &healed).await.0, "");
    let report = json!([
        {"op": "replace", "path": "/health_status", "value": "UNHEALTHY"},
        {"op": "replace", "path": "/health_status_reason", "value": {"api": "ok", "node-0.Ready": "False"}},
    ]);
    let (status, answer) = world.send("PATCH", &format!("/clusters/{uuid}"), Some(report)).await;
    assert_eq!(status, 202, "{answer}");
    for time in [std::time::Duration::ZERO, day / 2] {
        world.deps.clock.advance(time);
        assert_eq!(look(&world).await, 0);
        let reported = ("UNHEALTHY".to_owned(), json!({"api": "ok", "node-0.Ready": "False"}));
        assert_eq!(health(&world, &uuid).await, reported);
    }
    world.deps.clock.advance(day);
    assert_eq!(look(&world).await, 1, "nobody has reported for long");
    assert_eq!(health(&world, &uuid).await.0, "HEALTHY");
    for uuid in [uuid, healed] {
        delete(&world, &uuid).await;
    }
    world.end().await;
}

/// Two conductors look at the same time: one does.
#[tokio::test(flavor = "multi_thread")]
async fn one_conductor_of_all_looks() {
    let world = World::new().await;
    world.template().await;
    let uuid = world.accept_create("blue").await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(conductor::look_at_health(&world.deps, "first").await.unwrap(), 1);
    world.cloud.set_node(&workers(&world)[0], state(false, 0));
    assert_eq!(conductor::look_at_health(&world.deps, "second").await.unwrap(), 0, "the first holds the lease");
    assert_eq!(conductor::look_at_health(&world.deps, "first").await.unwrap(), 1);
    delete(&world, &uuid).await;
    world.end().await;
}

/// What was chosen stays chosen, whenever the conductor dies and whatever the cluster says meanwhile: asked twice, Heat
/// would take twice as many nodes.
#[tokio::test(flavor = "multi_thread")]
async fn a_choice_is_made_once() {
    let world = World::new().await;
    world.template().await;
    for (step, point) in [
        ("choose_nodes", Point::AfterEffect),
        ("choose_nodes", Point::AfterCommit),
        ("update_stack", Point::AfterEffect),
        ("update_stack", Point::AfterCommit),
    ] {
        let uuid = world.accept_create("blue").await;
        world.run_until_idle(&world.engine()).await;
        resize(&world, &uuid, 3).await;
        let all = workers(&world);
        for (worker, load) in all.iter().zip([0, 7, 2]) {
            world.cloud.set_node(worker, state(true, load));
        }
        world.accept_resize(&uuid, 2).await;
        world.die(&uuid, step, point).await;
        for (worker, load) in all.iter().zip([9, 0, 0]) {
            world.cloud.set_node(worker, state(true, load));
        }
        world.run_until_idle(&world.engine()).await;
        assert_eq!(workers(&world), all[1..], "{step}/{point:?}");
        delete(&world, &uuid).await;
    }
    world.end().await;
}
