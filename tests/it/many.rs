//! Many conductors on one database ask Heat as often as one.

use std::time::Duration;

use conductor::Point;

use crate::world::World;

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);
/// Several rounds of the watch over busy stacks, and one of that over idle ones.
const WINDOW: Duration = Duration::from_secs(9);

/// What was asked of Heat in a window.
#[derive(Debug)]
struct Asked {
    lists: usize,
    all: usize,
}

/// Lets conductors work for a while, after the leases of those before have run out.
async fn asked_by(world: &World, conductors: usize) -> Asked {
    world.deps.clock.advance(Duration::from_secs(120));
    world.cloud.clear_calls();
    world.serve_for(conductors, WINDOW).await;
    let calls = world.cloud.calls();
    let heat = || calls.iter().filter(|call| call.service == "orchestration");
    Asked { lists: heat().filter(|call| call.path.ends_with("/stacks")).count(), all: heat().count() }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_conductors_ask_heat_as_often_as_one() {
    let world = World::with(|settings| settings.play_nodes = false).await;
    world.template().await;
    let idle = world.accept_create("idle").await;
    world.run_until_idle(&world.engine()).await;
    world.cloud.set_stack_delay(NEVER);
    let mut busy = Vec::new();
    for name in ["one", "two", "three"] {
        let uuid = world.accept_create(name).await;
        world.die(&uuid, "await_stack", Point::Before).await;
        busy.push(uuid);
    }
    let one = asked_by(&world, 1).await;
    let ten = asked_by(&world, 10).await;
    assert!(one.lists >= 3, "one conductor hardly looked: {one:?}");
    // Pauses are drawn at random, so a window may hold a round or two more; ten times as much it must not be.
    assert!(ten.lists >= 3 && ten.lists <= one.lists + 3, "{one:?}, but {ten:?}");
    assert!(ten.all <= one.all + one.all / 2 + 3, "{one:?}, but {ten:?}");
    world.cloud.set_stack_delay(Duration::ZERO);
    for uuid in busy.iter().chain([&idle]) {
        world.accept_delete(uuid).await;
        world.run_until_idle(&world.engine()).await;
    }
    world.end().await;
}
