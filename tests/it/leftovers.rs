//! What a delete and a resize have to cope with: things that are in motion, that are gone, or that cannot be opened.

use std::sync::Arc;

use devcloud::{Effect, Fault};
use serde_json::{Value, json};

use crate::{
    mishaps::{built, delete_stack, delete_without_a_trace, expose_a_service, record, somebody, status, world},
    world::World,
};

/// Asks the simulated cloud as the owner of the clusters.
async fn post(world: &World, path: &str, body: Value) -> Value {
    let token = world.cloud.login("demo").await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{path}", world.cloud.origin());
    let answer = http.post(url).header("x-auth-token", token).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.unwrap()
}

async fn servers(world: &World, uuid: &str) -> Vec<String> {
    let stack = record(world, uuid).await.stack_id.unwrap();
    let found = somebody(world).await.heat().resources(&stack, 5, Some("OS::Nova::Server")).await.unwrap();
    found.into_iter().map(|server| server.physical_id.unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_that_is_being_changed_is_waited_for() {
    let world = world().await;
    let before = world.cloud.census();
    let uuid = built(&world).await;
    expose_a_service(&world, &uuid).await;
    for (service, path) in [("octavia", "/loadbalancers"), ("neutron", "/floatingips"), ("neutron", "/ports")] {
        world.cloud.inject(Fault::once(service, "DELETE", path, Effect::Refuse(409)));
    }
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert!(world.cluster(&uuid).await.is_none(), "{:?}", world.cluster(&uuid).await);
    assert_eq!(world.cloud.faults_left(), 0, "each refusal was met");
    assert_eq!(world.cloud.census(), before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn load_balancers_of_services_go_though_the_stack_has_gone() {
    let world = world().await;
    let before = world.cloud.census();
    let uuid = built(&world).await;
    let network = post(&world, "/network/v2.0/networks", json!({"network": {"name": "given"}})).await;
    let shape = json!({"network_id": network["network"]["id"], "cidr": "10.7.0.0/24", "ip_version": 4});
    let subnet = post(&world, "/network/v2.0/subnets", json!({"subnet": shape})).await;
    let shape = json!({"name": "a1b2", "vip_subnet_id": subnet["subnet"]["id"],
        "description": format!("Kubernetes external service web from cluster {uuid}")});
    post(&world, "/load-balancer/v2.0/lbaas/loadbalancers", json!({"loadbalancer": shape})).await;
    delete_stack(&world, &uuid).await;
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert!(world.cluster(&uuid).await.is_none());
    assert_eq!(world.cloud.census().load_balancers, before.load_balancers);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_lost_does_not_keep_a_cluster_from_going() {
    let world = world().await;
    let before = world.cloud.census();
    let uuid = built(&world).await;
    let old = &world.deps;
    let seal = store::Seal::from_keys([&*"5a".repeat(32)]).unwrap();
    let other = conductor::Deps {
        options: Arc::clone(&old.options),
        store: old.store.clone(),
        cloud: old.cloud.clone(),
        certs: old.certs.clone(),
        seal: seal.clone(),
        doorbell: old.doorbell.clone(),
        clock: old.clock.clone(),
        lease: old.lease,
    };
    world.accept_delete(&uuid).await;
    let first = world.active(&uuid).await;
    let token = world.cloud.login("demo").await.unwrap();
    world.store.accept_delete(&uuid, &first, &|id| seal.seal(&token, id)).await.unwrap();
    world.run_until_idle(&conductor::Engine::new(Arc::new(other), "other".to_owned())).await;
    assert!(world.cluster(&uuid).await.is_none(), "{:?}", world.cluster(&uuid).await);
    assert_eq!(world.cloud.census(), before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_named_is_replaced_though_the_count_stays() {
    let world = world().await;
    let before = world.cloud.census();
    let uuid = built(&world).await;
    let first = servers(&world, &uuid).await;
    world.accept_resize(&uuid, 2).await;
    world.run_until_idle(&world.engine()).await;
    let had = servers(&world, &uuid).await;
    let named = had.iter().find(|server| !first.contains(server)).unwrap().clone();
    for _ in 0..2 {
        let body = json!({"node_count": 2, "nodes_to_remove": [named]});
        let (code, answer) = world.send("POST", &format!("/clusters/{uuid}/actions/resize"), Some(body)).await;
        assert_eq!(code, 202, "{answer}");
        world.run_until_idle(&world.engine()).await;
        assert_eq!(status(&world, &uuid).await.0, "UPDATE_COMPLETE");
        let has = servers(&world, &uuid).await;
        assert_eq!(has.len(), had.len(), "{has:?}");
        assert!(!has.contains(&named), "{named} is still there: {has:?}");
        assert_eq!(had.iter().filter(|server| has.contains(server)).count(), had.len() - 1, "only one went");
    }
    delete_without_a_trace(world, &uuid, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_resize_the_old_size_can_be_asked_for() {
    let world = world().await;
    let before = world.cloud.census();
    let uuid = built(&world).await;
    let project = world.cloud.seed().account("demo").unwrap().project_id.clone();
    world.cloud.set_instance_quota(&project, Some(3));
    world.accept_resize(&uuid, 4).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(status(&world, &uuid).await.0, "UPDATE_FAILED");
    assert!(servers(&world, &uuid).await.len() > 2, "what was made before the quota was met");
    assert_eq!(world.cluster(&uuid).await.unwrap()["node_count"], 1);
    world.accept_resize(&uuid, 1).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(status(&world, &uuid).await.0, "UPDATE_COMPLETE");
    assert_eq!(servers(&world, &uuid).await.len(), 2, "one master and one worker");
    delete_without_a_trace(world, &uuid, &before).await;
}
