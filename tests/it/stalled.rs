//! A stack in which nothing moves any more, because the engine of Heat that worked on it died: Heat is asked to go on.

use std::time::Duration;

use conductor::Advanced;
use devcloud::{Effect, Fault};

use crate::world::World;

const STALLED: [(&str, &str); 1] = [("OS_MAGNUM_RS__STALLED_STACK_TIME", "600")];
const MINUTE: Duration = Duration::from_secs(60);

/// A world whose stacks wait for nodes that nobody runs.
async fn world() -> World {
    let world = World::with_both(&STALLED, |settings| {
        settings.play_nodes = false;
        settings.await_signals = true;
    })
    .await;
    world.template().await;
    world
}

/// Advances the operation of a cluster until it only waits, then `minutes` further by the clock.
async fn wait(world: &World, uuid: &str, minutes: u32) {
    let op = world.active(uuid).await;
    let engine = world.engine();
    let mut passed = 0;
    while passed < minutes {
        if let Advanced::Waiting(_) | Advanced::NotClaimed = engine.advance(&op.id, &|| false).await.unwrap() {
            let waits = world.active(uuid).await.step == "await_stack";
            passed += u32::from(waits);
            world.deps.clock.advance(MINUTE);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// How often Heat was asked for a change of a stack.
fn changes(world: &World) -> usize {
    world.cloud.calls().iter().filter(|call| call.service == "orchestration" && call.method == "PATCH").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn heat_is_asked_to_go_on_once_it_has_not_noticed_for_long_that_all_nodes_are_ready() {
    let world = world().await;
    let before = world.cloud.census();
    let uuid = world.accept_create("stalled").await;
    wait(&world, &uuid, 50).await;
    assert_eq!(changes(&world), 0, "Heat would cancel its wait for nodes that are slow");
    world.cloud.let_heat_die(true);
    world.cloud.report_all_ready();
    wait(&world, &uuid, 12).await;
    assert!(changes(&world) > 0);
    assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "CREATE_IN_PROGRESS");
    world.cloud.let_heat_die(false);
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "CREATE_COMPLETE");
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert!(world.cluster(&uuid).await.is_none());
    assert_eq!(world.cloud.census(), before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_heat_does_not_let_be_seen_ends_no_wait() {
    let world = world().await;
    let before = world.cloud.census();
    let uuid = world.accept_create("stalled").await;
    wait(&world, &uuid, 1).await;
    world.cloud.let_heat_die(true);
    world.cloud.report_all_ready();
    for hidden in ["/resources", "_handle/metadata", "_handle/events"] {
        let refusal = Fault { times: u32::MAX, ..Fault::once("heat", "GET", hidden, Effect::Refuse(403)) };
        world.cloud.inject(refusal);
        wait(&world, &uuid, 14).await;
        let refused =
            world.cloud.calls().iter().filter(|call| call.path.contains(hidden) && call.status == 403).count();
        assert!(refused > 0, "{hidden} was not asked for");
        assert_eq!(changes(&world), 0, "{hidden}");
        assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "CREATE_IN_PROGRESS", "{hidden}");
        world.cloud.clear_faults();
    }
    world.cloud.let_heat_die(false);
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "CREATE_COMPLETE");
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.cloud.census(), before);
    world.end().await;
}

/// Heat says that a stack is deleted before it has removed the trust of its own that belongs to it. It does so with the
/// token that asked for the deletion, which ends when the cluster's trust does.
#[tokio::test(flavor = "multi_thread")]
async fn the_trust_stays_until_heat_has_let_go_of_the_stack() {
    let world = World::new().await;
    world.template().await;
    let before = world.cloud.census();
    let uuid = world.accept_create("held").await;
    world.run_until_idle(&world.engine()).await;
    let (made, engine) = (world.cloud.census(), world.engine());
    world.cloud.let_heat_hold_deleted(true);
    world.accept_delete(&uuid).await;
    let op = world.active(&uuid).await;
    while !world.cloud.census().servers.is_empty() {
        engine.advance(&op.id, &|| false).await.unwrap();
        world.deps.clock.advance(Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for _ in 0..20 {
        engine.advance(&op.id, &|| false).await.unwrap();
        world.deps.clock.advance(Duration::from_secs(2));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(world.active(&uuid).await.step, "delete_stack");
    assert_eq!(world.cloud.census().trusts, made.trusts);
    world.cloud.let_heat_hold_deleted(false);
    world.run_until_idle(&engine).await;
    assert_eq!(world.cluster(&uuid).await, None);
    assert_eq!(world.cloud.census(), before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heat_that_never_lets_go_keeps_no_cluster() {
    let world = World::new().await;
    world.template().await;
    let uuid = world.accept_create("held").await;
    world.run_until_idle(&world.engine()).await;
    world.cloud.let_heat_hold_deleted(true);
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.cluster(&uuid).await, None);
    let census = world.cloud.census();
    assert!(census.servers.is_empty() && census.trusts.is_empty());
    world.end().await;
}

/// One stack that nobody lets go of is given up while another is still being deleted, whose resources the cluster's own
/// stack has to outlive.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_ends_the_wait_for_nothing_else() {
    let world = World::with(|settings| settings.play_nodes = false).await;
    world.template().await;
    let uuid = world.accept_create("held").await;
    world.run_until_idle(&world.engine()).await;
    for name in ["first", "second"] {
        world.accept_nodegroup_create(&uuid, name, 1).await;
        world.run_until_idle(&world.engine()).await;
    }
    world.cloud.let_heat_hold_deleted(true);
    let cluster = world.store.cluster(&store::Scope::All, &domain::Ident::of(&uuid)).await.unwrap();
    let stack = |name| cluster.nodegroups.iter().find(|group| group.name == name).unwrap().stack_id.clone().unwrap();
    let (first, second) = (stack("first"), stack("second"));
    let somebody = crate::mishaps::somebody(&world).await;
    let emptied = async |stack: &str| {
        while somebody.heat().stack(stack).await.unwrap().unwrap().status != "DELETE_COMPLETE" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    somebody.heat().delete(&second).await.unwrap();
    emptied(&second).await;
    world.cloud.set_stack_delay(Duration::from_secs(10));
    world.accept_delete(&uuid).await;
    let (op, engine) = (world.active(&uuid).await, world.engine());
    for _ in 0..100 {
        engine.advance(&op.id, &|| false).await.unwrap();
        world.deps.clock.advance(Duration::from_secs(20));
    }
    assert_eq!(somebody.heat().stack(&first).await.unwrap().unwrap().status, "DELETE_IN_PROGRESS");
    assert_eq!(world.active(&uuid).await.step, "delete_node_groups");
    world.cloud.let_heat_hold_deleted(false);
    world.cloud.set_stack_delay(Duration::ZERO);
    emptied(&first).await;
    world.run_until_idle(&engine).await;
    assert_eq!(world.cluster(&uuid).await, None);
    world.end().await;
}
