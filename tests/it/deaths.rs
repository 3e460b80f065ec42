//! Death inside a step: the worker dies at every single call to the cloud, once the call has done its work and nobody
//! read the answer, and once before the call went out. Same final state, nothing left behind.

use std::time::Duration;

use devcloud::{Effect, Fault};

use crate::world::World;

/// Longer than any test: a dead worker gets no answer.
const NEVER: Duration = Duration::from_secs(3600);
/// No operation makes as many calls.
const MOST: u32 = 200;

async fn world() -> World {
    let world = World::with_barbican(|settings| settings.play_nodes = false).await;
    world.template().await;
    world
}

/// Works on what was accepted and dies at the call with this number; `false` when there were fewer.
async fn die_at(world: &World, number: u32, effect: &Effect) -> bool {
    world.cloud.inject(Fault { after: number, ..Fault::once("", "", "", effect.clone()) });
    let engine = world.engine();
    let arrived = async {
        while world.cloud.faults_left() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    // The branch that loses is dropped, and with it everything that the worker was about to do.
    let died = tokio::select! {
        () = arrived => true,
        () = world.run_until_idle(&engine) => false,
    };
    world.cloud.clear_faults();
    died
}

/// Dies once in each operation of a life; the number of operations that had a call of this number.
async fn live(world: &World, number: u32, effect: &Effect) -> usize {
    let what = format!("{effect:?} at call {number}");
    let before = world.cloud.census();
    let uuid = world.accept_create("mortal").await;
    let mut deaths = usize::from(die_at(world, number, effect).await);
    world.run_until_idle(&world.engine()).await;
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!(cluster["status"], "CREATE_COMPLETE", "{what}: {cluster}");
    assert_eq!(cluster["node_addresses"].as_array().unwrap().len(), 1, "{what}: {cluster}");
    world.accept_resize(&uuid, 2).await;
    deaths += usize::from(die_at(world, number, effect).await);
    world.run_until_idle(&world.engine()).await;
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!(cluster["status"], "UPDATE_COMPLETE", "{what}: {cluster}");
    assert_eq!(cluster["node_addresses"].as_array().unwrap().len(), 2, "{what}: {cluster}");
    crate::credentials::accept_rotation(world, &uuid).await;
    deaths += usize::from(die_at(world, number, effect).await);
    world.run_until_idle(&world.engine()).await;
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!(cluster["status"], "UPDATE_COMPLETE", "{what}: {cluster}");
    crate::credentials::assert_rotated(world, &uuid, &what).await;
    world.accept_delete(&uuid).await;
    deaths += usize::from(die_at(world, number, effect).await);
    world.run_until_idle(&world.engine()).await;
    let left = world.cluster(&uuid).await;
    assert!(left.is_none(), "{what}: {left:?}");
    assert_eq!(world.cloud.census(), before, "{what}: something was left behind");
    deaths
}

async fn every_call_is_the_last(effect: Effect) {
    let world = world().await;
    for number in 0..MOST {
        if live(&world, number, &effect).await == 0 {
            assert!(number > 10, "a create makes more calls than {number}");
            world.end().await;
            return;
        }
    }
    panic!("the calls never ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_die_after_every_call() {
    every_call_is_the_last(Effect::DelayAfterWork(NEVER)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_die_before_every_call() {
    every_call_is_the_last(Effect::Delay(NEVER)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_takes_over_a_create_that_died_at_any_call() {
    let world = world().await;
    let before = world.cloud.census();
    for number in 0..MOST {
        let uuid = world.accept_create("mortal").await;
        let died = die_at(&world, number, &Effect::DelayAfterWork(NEVER)).await;
        world.accept_delete(&uuid).await;
        world.run_until_idle(&world.engine()).await;
        let left = world.cluster(&uuid).await;
        assert!(left.is_none(), "call {number}: {left:?}");
        assert_eq!(world.cloud.census(), before, "call {number}: something was left behind");
        if !died {
            assert!(number > 10, "a create makes more calls than {number}");
            world.end().await;
            return;
        }
    }
    panic!("the calls never ended");
}
