//! What people and clouds do behind the service's back: tokens that expire, trusts and stacks that are deleted by hand,
//! quotas that are used up, load balancers that the cluster itself made.

use std::time::Duration;

use cloud::Session;
use devcloud::{Effect, Fault};
use domain::Secret;
use serde_json::{Value, json};

use crate::world::World;

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);
/// As good as at once.
const SOON: Duration = Duration::from_millis(20);

/// The owner of the clusters, at work without this service.
pub(crate) async fn somebody(world: &World) -> Session {
    let project = &world.cloud.seed().account("demo").unwrap().project_id;
    world.deps.cloud.as_user(Secret::new(world.cloud.login("demo").await.unwrap()), project)
}

pub(crate) async fn world() -> World {
    let world = World::with(|settings| settings.play_nodes = false).await;
    world.template().await;
    world
}

pub(crate) async fn built(world: &World) -> String {
    let uuid = world.accept_create("blue").await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(status(world, &uuid).await.0, "CREATE_COMPLETE");
    let authority = record(world, &uuid).await.ca_cert_ref.unwrap();
    assert!(world.store.keypair(&authority).await.unwrap().private_key.is_some());
    uuid
}

pub(crate) async fn status(world: &World, uuid: &str) -> (String, String) {
    let cluster = world.cluster(uuid).await.unwrap();
    let text = |key: &str| cluster[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("status_reason"))
}

pub(crate) async fn record(world: &World, uuid: &str) -> domain::Cluster {
    world.store.cluster(&store::Scope::All, &domain::Ident::of(uuid)).await.unwrap().cluster
}

/// Deletes the stack of a cluster by hand and waits until it is gone; its id.
pub(crate) async fn delete_stack(world: &World, uuid: &str) -> String {
    let id = record(world, uuid).await.stack_id.expect("a stack");
    let somebody = somebody(world).await;
    somebody.heat().delete(&id).await.unwrap();
    while somebody.heat().stack(&id).await.unwrap().is_some_and(|stack| stack.status != "DELETE_COMPLETE") {
        tokio::time::sleep(SOON).await;
    }
    id
}

/// Advances the live operation until it is at `step`.
async fn run_until(world: &World, uuid: &str, step: &str) {
    for _ in 0..20 {
        let op = world.active(uuid).await;
        if op.step == step {
            return;
        }
        world.engine().advance(&op.id, &|| false).await.unwrap();
        world.deps.clock.advance(Duration::from_secs(5));
    }
    panic!("step {step} was never reached");
}

/// Deletes the cluster; nothing may be left of it.
pub(crate) async fn delete_without_a_trace(world: World, uuid: &str, before: &devcloud::Census) {
    let row = record(&world, uuid).await;
    let keys = [row.ca_cert_ref, row.magnum_cert_ref, row.etcd_ca_cert_ref, row.front_proxy_ca_cert_ref];
    world.accept_delete(uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert!(world.cluster(uuid).await.is_none());
    assert_eq!(&world.cloud.census(), before);
    for key in keys.iter().flatten() {
        assert!(matches!(world.store.keypair(key).await, Err(domain::Error::NotFound { .. })), "{key}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_before_the_trust_says_what_to_do() {
    let mut world = world().await;
    let before = world.cloud.census();
    let uuid = world.accept_create("late").await;
    world.cloud.expire_tokens();
    world.log_in().await;
    world.run_until_idle(&world.engine()).await;
    let (status, reason) = status(&world, &uuid).await;
    assert_eq!(status, "CREATE_FAILED");
    assert!(reason.contains("expired") && reason.contains("Get a new token"), "{reason}");
    delete_without_a_trace(world, &uuid, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_after_the_trust_does_not_stop_a_resize_or_a_delete() {
    let mut world = world().await;
    let before = world.cloud.census();
    let uuid = built(&world).await;
    world.accept_resize(&uuid, 2).await;
    world.cloud.expire_tokens();
    world.log_in().await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(status(&world, &uuid).await.0, "UPDATE_COMPLETE");
    world.accept_delete(&uuid).await;
    world.cloud.expire_tokens();
    world.log_in().await;
    world.run_until_idle(&world.engine()).await;
    assert!(world.cluster(&uuid).await.is_none());
    assert_eq!(world.cloud.census(), before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trust_deleted_by_hand_does_not_keep_the_cluster_from_going() {
    let world = world().await;
    let before = world.cloud.census();
    let uuid = built(&world).await;
    let trust = record(&world, &uuid).await.trust_id.unwrap();
    assert!(somebody(&world).await.keystone().delete_trust(&trust).await.unwrap());
    delete_without_a_trace(world, &uuid, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_trust_and_token_the_service_itself_takes_the_stack_down() {
    let mut world = world().await;
    let before = world.cloud.census();
    let uuid = built(&world).await;
    let trust = record(&world, &uuid).await.trust_id.unwrap();
    assert!(somebody(&world).await.keystone().delete_trust(&trust).await.unwrap());
    world.accept_delete(&uuid).await;
    world.cloud.expire_tokens();
    world.log_in().await;
    world.run_until_idle(&world.engine()).await;
    let left = world.cluster(&uuid).await;
    assert!(left.is_none(), "{left:?}");
    assert_eq!(world.cloud.census(), before, "a stack that could not be seen was taken for gone");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_deleted_by_hand_does_not_keep_the_cluster_from_going() {
    let world = world().await;
    let before = world.cloud.census();
    let uuid = built(&world).await;
    delete_stack(&world, &uuid).await;
    delete_without_a_trace(world, &uuid, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_vanishes_during_a_create_fails_it() {
    let world = world().await;
    let before = world.cloud.census();
    world.cloud.set_stack_delay(NEVER);
    let uuid = world.accept_create("blue").await;
    run_until(&world, &uuid, "await_stack").await;
    world.cloud.set_stack_delay(SOON);
    let id = delete_stack(&world, &uuid).await;
    world.run_until_idle(&world.engine()).await;
    let wanted = ("CREATE_FAILED".to_owned(), format!("Stack with id {id} not found in Heat."));
    assert_eq!(status(&world, &uuid).await, wanted);
    delete_without_a_trace(world, &uuid, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_vanishes_during_a_resize_fails_it() {
    let world = world().await;
    let before = world.cloud.census();
    let uuid = built(&world).await;
    world.cloud.set_stack_delay(NEVER);
    world.accept_resize(&uuid, 2).await;
    run_until(&world, &uuid, "await_resize").await;
    world.cloud.set_stack_delay(SOON);
    let id = delete_stack(&world, &uuid).await;
    world.run_until_idle(&world.engine()).await;
    let wanted = ("UPDATE_FAILED".to_owned(), format!("Stack with id {id} not found in Heat."));
    assert_eq!(status(&world, &uuid).await, wanted);
    assert_eq!(world.cluster(&uuid).await.unwrap()["node_count"], 1, "what was asked for did not happen");
    delete_without_a_trace(world, &uuid, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_vanishes_during_a_delete_ends_it() {
    let world = world().await;
    let before = world.cloud.census();
    let uuid = built(&world).await;
    world.accept_delete(&uuid).await;
    run_until(&world, &uuid, "delete_stack").await;
    delete_stack(&world, &uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert!(world.cluster(&uuid).await.is_none());
    assert_eq!(world.cloud.census(), before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_used_up_is_named_as_the_cause() {
    let world = world().await;
    let before = world.cloud.census();
    let project = world.cloud.seed().account("demo").unwrap().project_id.clone();
    world.cloud.set_instance_quota(&project, Some(1));
    let uuid = world.accept_create("big").await;
    world.run_until_idle(&world.engine()).await;
    let (status, reason) = status(&world, &uuid).await;
    assert_eq!(status, "CREATE_FAILED");
    assert!(reason.contains("Quota exceeded for instances"), "{reason}");
    delete_without_a_trace(world, &uuid, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heat_may_be_busy_but_its_refusal_is_final() {
    let world = world().await;
    let before = world.cloud.census();
    world.cloud.inject(Fault::once("heat", "POST", "/stacks", Effect::Refuse(409)));
    let uuid = built(&world).await;
    world.accept_delete(&uuid).await;
    world.cloud.inject(Fault::once("heat", "DELETE", "/stacks", Effect::Refuse(409)));
    world.run_until_idle(&world.engine()).await;
    world.cloud.inject(Fault::once("heat", "POST", "/stacks", Effect::Refuse(400)));
    let uuid = world.accept_create("refused").await;
    world.run_until_idle(&world.engine()).await;
    let (status, reason) = status(&world, &uuid).await;
    assert_eq!(status, "CREATE_FAILED");
    assert!(reason.starts_with("heat could not create stack refused") && reason.contains("on purpose"), "{reason}");
    delete_without_a_trace(world, &uuid, &before).await;
}

/// What Kubernetes would do for a service of type `LoadBalancer`, and a port that a network plug-in forgot; ids of load
/// balancer, floating IP and port.
pub(crate) async fn expose_a_service(world: &World, uuid: &str) -> [String; 3] {
    let token = world.cloud.login("demo").await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async |path: &str, body: Value| {
        let url = format!("{}{path}", world.cloud.origin());
        let answer = http.post(url).header("x-auth-token", &token).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json::<Value>().await.unwrap()
    };
    let stack = record(world, uuid).await.stack_id.unwrap();
    let somebody = somebody(world).await;
    let subnet = somebody.heat().resources(&stack, 3, Some("OS::Neutron::Subnet")).await.unwrap().pop().unwrap();
    let shape = json!({"name": "a1b2", "vip_subnet_id": subnet.physical_id,
        "description": format!("Kubernetes external service web from cluster {uuid}")});
    let balancer = post("/load-balancer/v2.0/lbaas/loadbalancers", json!({"loadbalancer": shape})).await;
    let balancer = &balancer["loadbalancer"];
    let shape = json!({"floating_network_id": world.cloud.seed().networks["public"], "port_id": balancer["vip_port_id"],
        "description": format!("Floating IP for Kubernetes external service web from cluster {uuid}")});
    let ip = post("/network/v2.0/floatingips", json!({"floatingip": shape})).await;
    let network = somebody.heat().resources(&stack, 3, Some("OS::Neutron::Net")).await.unwrap().pop().unwrap();
    let port = post("/network/v2.0/ports", json!({"port": {"network_id": network.physical_id, "name": "pod"}})).await;
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    [id(balancer), id(&ip["floatingip"]), id(&port["port"])]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_services_made_goes_before_the_stack() {
    let world = world().await;
    let before = world.cloud.census();
    let uuid = built(&world).await;
    let [balancer, ip, port] = expose_a_service(&world, &uuid).await;
    world.cloud.clear_calls();
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    let deletes: Vec<String> =
        world.cloud.calls().into_iter().filter(|call| call.method == "DELETE").map(|call| call.path).collect();
    let at =
        |id: &str| deletes.iter().position(|path| path.contains(id)).unwrap_or_else(|| panic!("{id}: {deletes:?}"));
    assert!(at(&ip) < at(&balancer) && at(&balancer) < at(&port) && at(&port) < at("/stacks/"), "{deletes:?}");
    let ports = deletes.iter().filter(|path| path.contains("/ports/")).count();
    assert_eq!(ports, 1, "the others are Heat's or in use: {deletes:?}");
    assert_eq!(world.cloud.census(), before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_cluster_shows_what_happened_to_its_stack() {
    let world = world().await;
    let before = world.cloud.census();
    let uuid = built(&world).await;
    let stack = record(&world, &uuid).await.stack_id.unwrap();
    let somebody = somebody(&world).await;
    let parameters = somebody.heat().stack(&stack).await.unwrap().unwrap().parameters;
    assert_eq!(parameters["external_network"], world.cloud.seed().networks["public"], "the template gave a name");
    assert_eq!(conductor::look_at_idle_clusters(&world.deps).await.unwrap(), 0);

    let project = world.cloud.seed().account("demo").unwrap().project_id.clone();
    world.cloud.set_instance_quota(&project, Some(2));
    somebody.heat().patch(&stack, &json!({"parameters": {"number_of_minions": 5}, "existing": true})).await.unwrap();
    while somebody.heat().stack(&stack).await.unwrap().unwrap().status != "UPDATE_FAILED" {
        tokio::time::sleep(SOON).await;
    }
    assert_eq!(conductor::look_at_idle_clusters(&world.deps).await.unwrap(), 1);
    let (failed, reason) = status(&world, &uuid).await;
    assert_eq!(failed, "UPDATE_FAILED");
    assert!(reason.starts_with("Changed outside of this service: ") && reason.contains("Quota exceeded"), "{reason}");

    let id = delete_stack(&world, &uuid).await;
    assert_eq!(conductor::look_at_idle_clusters(&world.deps).await.unwrap(), 1);
    assert_eq!(status(&world, &uuid).await.1, format!("Stack with id {id} not found in Heat."));
    assert_eq!(conductor::look_at_idle_clusters(&world.deps).await.unwrap(), 0, "it is said once");
    delete_without_a_trace(world, &uuid, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_only_the_service_cannot_see_is_not_called_gone() {
    let world = world().await;
    let before = world.cloud.census();
    let uuid = built(&world).await;
    let trust = record(&world, &uuid).await.trust_id.unwrap();
    delete_stack(&world, &uuid).await;
    somebody(&world).await.keystone().delete_trust(&trust).await.unwrap();
    assert_eq!(conductor::look_at_idle_clusters(&world.deps).await.unwrap(), 0);
    assert_eq!(status(&world, &uuid).await.0, "CREATE_COMPLETE");
    delete_without_a_trace(world, &uuid, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_is_not_set_behind_the_back_of_a_request() {
    use domain::Status::{CreateComplete, UpdateComplete, UpdateFailed};
    let world = world().await;
    let before = world.cloud.census();
    let uuid = built(&world).await;
    let now = world.deps.clock.now();
    let set =
        async |expected| world.store.set_status_if(&uuid, expected, UpdateFailed, Some("why"), now).await.unwrap();
    assert!(!set(UpdateComplete).await, "the status is another one");
    world.accept_resize(&uuid, 2).await;
    assert!(!set(domain::Status::UpdateInProgress).await, "an operation has begun");
    world.run_until_idle(&world.engine()).await;
    assert!(!set(CreateComplete).await);
    assert!(set(UpdateComplete).await);
    assert_eq!(status(&world, &uuid).await, ("UPDATE_FAILED".to_owned(), "why".to_owned()));
    delete_without_a_trace(world, &uuid, &before).await;
}
