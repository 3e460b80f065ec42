//! The generic fault test: every call to the cloud that an operation makes goes wrong once, in every way. Same final
//! state, nothing left behind.

use std::{collections::BTreeSet, time::Duration};

use devcloud::{Call, Effect, Fault};

use crate::world::World;

/// What is disturbed in one life of a cluster: the call with this number, counted anew for each operation.
#[derive(Clone)]
struct Disturbance {
    number: usize,
    effect: Effect,
}

/// What a run of one operation called, in order.
type Calls = [Vec<String>; 4];

/// A call without what differs from run to run.
fn shape(call: &Call) -> String {
    let is_id = |part: &str| part.len() >= 32 && part.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let is_stack = |part: &str| part.starts_with("faulty");
    let path: Vec<&str> =
        call.path.split('/').map(|part| if is_id(part) || is_stack(part) { "*" } else { part }).collect();
    format!("{} {}{}", call.method, call.service, path.join("/"))
}

/// Runs what was accepted to its end, disturbed; what it called.
async fn run(world: &World, disturbance: Option<&Disturbance>) -> Vec<String> {
    world.cloud.clear_calls();
    if let Some(Disturbance { number, effect }) = disturbance {
        let after = u32::try_from(*number).unwrap();
        world.cloud.inject(Fault { after, ..Fault::once("", "", "", effect.clone()) });
    }
    world.run_until_idle(&world.engine()).await;
    world.cloud.clear_faults();
    world.cloud.calls().iter().map(shape).collect()
}

/// Creates a cluster, resizes it, rotates its credentials and deletes it; each operation is disturbed.
async fn life(world: &World, disturbance: Option<&Disturbance>) -> Calls {
    let what = disturbance.map_or_else(String::new, |d| format!("{:?} at call {}", d.effect, d.number));
    let before = world.cloud.census();
    let uuid = world.accept_create("faulty").await;
    let create = run(world, disturbance).await;
    let cluster = world.cluster(&uuid).await.unwrap();
    let blame = |calls: &[String]| disturbance.and_then(|d| calls.get(d.number)).cloned().unwrap_or_default();
    assert_eq!(cluster["status"], "CREATE_COMPLETE", "{what}, {}: {cluster}", blame(&create));
    assert_eq!(cluster["node_addresses"].as_array().unwrap().len(), 1, "{what}, {}: {cluster}", blame(&create));
    world.accept_resize(&uuid, 2).await;
    let resize = run(world, disturbance).await;
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!(cluster["status"], "UPDATE_COMPLETE", "{what}, {}: {cluster}", blame(&resize));
    assert_eq!(cluster["node_addresses"].as_array().unwrap().len(), 2, "{what}, {}: {cluster}", blame(&resize));
    crate::credentials::accept_rotation(world, &uuid).await;
    let rotate = run(world, disturbance).await;
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!(cluster["status"], "UPDATE_COMPLETE", "{what}, {}: {cluster}", blame(&rotate));
    crate::credentials::assert_rotated(world, &uuid, &what).await;
    world.accept_delete(&uuid).await;
    let delete = run(world, disturbance).await;
    let left = world.cluster(&uuid).await;
    assert!(left.is_none(), "{what}, {}: {left:?}", blame(&delete));
    assert_eq!(world.cloud.census(), before, "{what}: something was left behind");
    [create, resize, rotate, delete]
}

fn shapes(calls: &Calls) -> [BTreeSet<String>; 4] {
    calls.each_ref().map(|calls| calls.iter().cloned().collect())
}

/// A life for each call of the longest operation. That every kind of call was hit is checked, not assumed: how often a
/// stack is looked at depends on the time it takes.
async fn every_call_meets(effect: Effect) {
    let world = World::with_barbican(|settings| settings.play_nodes = false).await;
    world.template().await;
    life(&world, None).await;
    let undisturbed = life(&world, None).await;
    let longest = undisturbed.iter().map(Vec::len).max().unwrap();
    let mut hit: [BTreeSet<String>; 4] = Default::default();
    for number in 0..longest {
        let calls = life(&world, Some(&Disturbance { number, effect: effect.clone() })).await;
        for (hit, calls) in hit.iter_mut().zip(&calls) {
            hit.extend(calls.get(number).cloned());
        }
    }
    for (hit, wanted) in hit.iter().zip(shapes(&undisturbed)) {
        let missed: Vec<_> = wanted.difference(hit).collect();
        assert!(missed.is_empty(), "never disturbed: {missed:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_changes_nothing() {
    every_call_meets(Effect::DropAfterWork).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defect_of_a_service_changes_nothing() {
    every_call_meets(Effect::Refuse(500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_down_for_a_moment_changes_nothing() {
    every_call_meets(Effect::Refuse(503)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_changes_nothing() {
    every_call_meets(Effect::Delay(Duration::from_millis(100))).await;
}
