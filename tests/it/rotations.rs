//! Replacing a cluster's authority while it runs.

use domain::OperationState;
use serde_json::{Value, json};

use crate::world::World;

/// Asks for another authority.
pub(crate) async fn accept_rotation(world: &World, uuid: &str) {
    let (status, answer) = world.send("PATCH", &format!("/certificates/{uuid}"), None).await;
    assert_eq!((status, &answer["uuid"]), (202, &json!(uuid)), "{answer}");
}

/// What the cluster's authority is now, newest first.
pub(crate) async fn authorities(world: &World, uuid: &str) -> Vec<String> {
    let (status, shown) = world.send("GET", &format!("/certificates/{uuid}"), None).await;
    assert_eq!(status, 200, "{shown}");
    let end = "-----END CERTIFICATE-----\n";
    let pem = shown["pem"].as_str().unwrap();
    pem.split_inclusive(end).map(str::to_owned).collect()
}

/// How much of everything there is in the cloud.
fn amounts(world: &World) -> [usize; 6] {
    let census = world.cloud.census();
    [
        census.stacks.len(),
        census.trusts.len(),
        census.trustees.len(),
        census.secrets.len(),
        census.containers.len(),
        census.servers.len(),
    ]
}

async fn task(world: &World, stack: &Value) -> Value {
    world.stack_parameters(stack.as_str().unwrap()).await["node_task"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_is_replaced_in_three_turns_of_all_nodes() {
    let world = World::with_barbican(|_| {}).await;
    world.template().await;
    let empty = world.cloud.census();
    let uuid = world.accept_create("blue").await;
    world.run_until_idle(&world.engine()).await;
    world.accept_nodegroup_create(&uuid, "further", 1).await;
    world.run_until_idle(&world.engine()).await;
    let before = amounts(&world);
    let [old] = <[String; 1]>::try_from(authorities(&world, &uuid).await).unwrap();
    accept_rotation(&world, &uuid).await;
    assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "UPDATE_IN_PROGRESS");
    world.die(&uuid, "await_authority", conductor::Point::Before).await;
    let both = authorities(&world, &uuid).await;
    assert_eq!((both.len(), &both[1]), (2, &old), "nodes that have the old authority and nodes that have both");
    world.run_until_idle(&world.engine()).await;
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!(cluster["status"], "UPDATE_COMPLETE", "{cluster}");
    assert_eq!(authorities(&world, &uuid).await, both[..1]);
    let group = world.nodegroup(&uuid, "further").await.unwrap();
    for stack in [&cluster["cluster_id"], &group["stack_id"]] {
        let told = task(&world, stack).await;
        assert!(told.as_str().unwrap().starts_with("3 certificates "), "{told}");
    }
    assert_eq!(amounts(&world), before, "the old authority is gone, and nothing else");
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.cloud.census(), empty);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_asked_for_during_a_rotation_comes_after_it() {
    let world = World::new().await;
    world.template().await;
    let uuid = world.accept_create("blue").await;
    world.run_until_idle(&world.engine()).await;
    accept_rotation(&world, &uuid).await;
    world.die(&uuid, "await_authority", conductor::Point::Before).await;
    world.accept_nodegroup_create(&uuid, "further", 1).await;
    world.run_until_idle(&world.engine()).await;
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!(cluster["status"], "UPDATE_COMPLETE", "{cluster}");
    assert_eq!(authorities(&world, &uuid).await.len(), 1);
    assert_eq!(world.nodegroup(&uuid, "further").await.unwrap()["status"], "CREATE_COMPLETE");
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_failed_leaves_both_and_is_gone_on_with() {
    let world = World::with_barbican(|settings| settings.play_nodes = false).await;
    world.template().await;
    let uuid = world.accept_create("blue").await;
    world.run_until_idle(&world.engine()).await;
    let before = amounts(&world);
    accept_rotation(&world, &uuid).await;
    world.die(&uuid, "tell_renewal", conductor::Point::Before).await;
    let both = authorities(&world, &uuid).await;
    let id = world.active(&uuid).await.id;
    world.cloud.inject(devcloud::Fault::once("heat", "PATCH", "/stacks", devcloud::Effect::Refuse(400)));
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.store.operation(&id).await.unwrap().state, OperationState::Failed);
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!(cluster["status"], "UPDATE_FAILED", "{cluster}");
    assert_eq!(authorities(&world, &uuid).await, both);
    accept_rotation(&world, &uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "UPDATE_COMPLETE");
    assert_eq!(authorities(&world, &uuid).await, both[..1], "the authority that was begun, not a third");
    assert_eq!(amounts(&world), before);
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    world.end().await;
}

/// The authority's key is with the masters of a cluster that is to sign by itself, and with nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn only_who_signs_has_the_authoritys_key() {
    let world = World::new().await;
    world.template().await;
    for (name, word) in [("plain", "false"), ("signer", "true")] {
        let body =
            json!({"name": name, "cluster_template_id": "k8s", "node_count": 1, "labels": {"cert_manager_api": word}});
        let (status, answer) = world.send("POST", "/clusters", Some(body)).await;
        assert_eq!(status, 202, "{answer}");
        let uuid = answer["uuid"].as_str().unwrap();
        world.run_until_idle(&world.engine()).await;
        let record = world.store.cluster(&store::Scope::All, &domain::Ident::of(uuid)).await.unwrap();
        let reference = record.cluster.ca_cert_ref.unwrap();
        let key = world.deps.certs.ca_key(&reference).await.unwrap();
        let line = key.expose().lines().nth(1).unwrap();
        for server in world.cloud.server_names() {
            let holds = world.cloud.user_data(&server).unwrap().contains(line);
            assert_eq!(holds, name == "signer" && server.contains("-master-"), "{server}");
        }
        crate::monitors::delete(&world, uuid).await;
    }
    world.end().await;
}
