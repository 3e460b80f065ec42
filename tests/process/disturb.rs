//! What is disturbed, in which order: everything once, and some of it again.

use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::{
    client::Client,
    fleet::{CONDUCTORS, Fleet},
};

/// Beyond those that every run has.
const EXTRA: usize = 3;
/// In which some request must have been sent while something was down.
const PATIENCE: Duration = Duration::from_secs(60);

/// One disturbance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Disturbance {
    /// SIGKILL of a conductor, which comes back at once.
    Kill(usize),
    /// SIGSTOP of a conductor past its lease.
    Pause(usize),
    /// SIGKILL of the API; it comes back when a request found it gone.
    Api,
    /// SIGKILL of a server, perhaps with a conductor; it comes back when requests were sent without it.
    Server(usize),
}

/// Each conductor is killed, one is paused, the API and each of the servers are killed; the rest is chance.
pub(crate) fn plan(servers: usize, rng: &mut StdRng) -> Vec<Disturbance> {
    let pause = Disturbance::Pause(rng.random_range(0..CONDUCTORS));
    let kills = (0..CONDUCTORS).map(Disturbance::Kill);
    let mut plan: Vec<Disturbance> =
        kills.chain([pause, Disturbance::Api]).chain((0..servers).map(Disturbance::Server)).collect();
    for _ in 0..EXTRA {
        plan.push(plan[rng.random_range(0..plan.len())]);
    }
    plan.shuffle(rng);
    plan
}

/// Carries the plan out, one after the other, with pauses of chance.
pub(crate) async fn carry_out(fleet: &mut Fleet, plan: &[Disturbance], seed: u64) {
    let mut rng = StdRng::seed_from_u64(!seed);
    for disturbance in plan {
        fleet.supervise_for(Duration::from_millis(rng.random_range(200..1500))).await;
        match *disturbance {
            Disturbance::Kill(victim) => {
                fleet.kill_conductor(victim);
                fleet.start_conductor(victim);
            }
            Disturbance::Pause(victim) => fleet.pause_conductor(victim).await,
            Disturbance::Api => {
                let before = fleet.client.troubles();
                fleet.kill_api();
                until(&fleet.client, |client| client.troubles() > before).await;
                fleet.start_api().await;
            }
            Disturbance::Server(number) => without_server(fleet, number, &mut rng).await,
        }
    }
}

/// Without the database nobody gets an answer that promises anything; without the broker everything is accepted.
async fn without_server(fleet: &mut Fleet, number: usize, rng: &mut StdRng) {
    let server = fleet.servers[number].clone();
    let down = server.kill().await;
    let before = (fleet.client.troubles(), fleet.client.accepted());
    let victim = rng.random_bool(0.5).then(|| rng.random_range(0..CONDUCTORS));
    if let Some(victim) = victim {
        fleet.kill_conductor(victim);
    }
    let noticed = |client: &Client| {
        if server.name == "rabbit" { client.accepted() > before.1 + 2 } else { client.troubles() > before.0 }
    };
    until(&fleet.client, noticed).await;
    tokio::time::sleep(Duration::from_millis(rng.random_range(0..1500))).await;
    down.end().await;
    if let Some(victim) = victim {
        fleet.start_conductor(victim);
    }
}

async fn until(client: &Client, noticed: impl Fn(&Client) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !noticed(client) {
        assert!(Instant::now() < end, "no request was sent meanwhile");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn every_plan_has_everything() {
    for seed in 0..200 {
        let plan = plan(2, &mut StdRng::seed_from_u64(seed));
        let has = |disturbance| plan.contains(&disturbance);
        assert!((0..CONDUCTORS).all(|victim| has(Disturbance::Kill(victim))), "{plan:?}");
        assert!(has(Disturbance::Server(0)) && has(Disturbance::Server(1)) && has(Disturbance::Api), "{plan:?}");
        assert!(plan.iter().any(|d| matches!(d, Disturbance::Pause(_))), "{plan:?}");
    }
}
