//! A delete that arrives while a request of the create is on its way through the cloud: the request is carried out all
//! the same, so the delete waits for it, and nothing that it makes is left behind.
//!
//! These tests run in real time with a short lease: a clock that leaps would end the lease that is waited for.

use std::time::Duration;

use chrono::TimeDelta;
use conductor::{Advanced, Engine};
use devcloud::{Effect, Fault};
use domain::OperationState;

use crate::world::World;

const LEASE: TimeDelta = TimeDelta::seconds(3);
/// Longer than a third of the lease, after which its renewal tells that the operation was taken over.
const SLOW: Duration = Duration::from_millis(2000);
/// Longer than the lease.
const VERY_SLOW: Duration = Duration::from_millis(4500);
const TICK: Duration = Duration::from_millis(20);

/// Works on everything unfinished as its time comes.
async fn run_in_real_time(world: &World, engine: &Engine) {
    loop {
        let unfinished = world.store.operations(None, true, 100).await.unwrap();
        let Some(op) = unfinished.iter().find(|op| op.state == OperationState::Active) else { return };
        if let Advanced::NotClaimed | Advanced::Waiting(_) = engine.advance(&op.id, &|| false).await.unwrap() {
            tokio::time::sleep(TICK).await;
        }
    }
}

/// Deletes a cluster while the first POST of its creation to `path` of `service` is in flight for this time.
async fn delete_during(service: &str, path: &str, time: Duration) {
    let world = World::with_lease(LEASE, |settings| settings.play_nodes = false).await;
    world.template().await;
    let before = world.cloud.census();
    world.cloud.inject(Fault::once(service, "POST", path, Effect::Delay(time)));
    let uuid = world.accept_create("overtaken").await;
    let id = world.active(&uuid).await.id;
    let engine = world.engine();
    let worker = Box::pin(async { engine.advance(&id, &|| false).await.unwrap() });
    let overtake = Box::pin(async {
        while world.cloud.faults_left() > 0 {
            tokio::time::sleep(TICK).await;
        }
        world.accept_delete(&uuid).await;
        run_in_real_time(&world, &world.engine()).await;
    });
    let (ended, ()) = tokio::join!(worker, overtake);
    let made = |call: &&devcloud::Call| call.method == "POST" && call.path.ends_with(path) && call.status == 201;
    assert_eq!(world.cloud.calls().iter().filter(made).count(), 1, "the request was not carried out");
    assert_eq!(ended, Advanced::Lost, "the delete came too late to overtake anything");
    assert!(world.cluster(&uuid).await.is_none());
    assert_eq!(world.cloud.census(), before, "what was made after the delete was accepted is left");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_waits_for_a_stack_that_is_being_asked_for() {
    delete_during("heat", "/stacks", SLOW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_waits_for_a_trust_that_is_being_made() {
    delete_during("keystone", "/OS-TRUST/trusts", SLOW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_waits_for_a_trustee_that_is_being_made() {
    delete_during("keystone", "/users", SLOW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_waits_for_a_request_that_takes_longer_than_the_lease() {
    delete_during("heat", "/stacks", VERY_SLOW).await;
}
