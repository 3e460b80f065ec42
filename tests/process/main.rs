//! Real processes, killed at random moments: whatever was answered with 202 or 204 has its effect exactly once.
//!
//! Clusters are created, resized and deleted while conductors are killed (SIGKILL), paused past their lease (SIGSTOP)
//! and restarted. The order of events is drawn from a seed, which is printed and taken from `TEST_SEED`, so that a
//! failure can be looked for again. Runs on SQLite without a broker; with `TEST_MYSQL_URL` or `TEST_POSTGRES_URL` and
//! `TEST_RABBIT_URL` on those, and then also restarts them with `TEST_SERVICES_RESTART <name>`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops at the first surprise and names its seed")]

mod fleet;

use std::{collections::BTreeMap, time::Duration};

use fleet::{Database, Fleet};
use rand::{Rng, SeedableRng, rngs::StdRng};

const CLUSTERS: usize = 50;

/// What a cluster was promised last.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Promise {
    Nodes(i64),
    Gone,
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_on_sqlite() {
    chaos(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_on_mariadb_and_rabbitmq() {
    chaos(Database::from_env("TEST_MYSQL_URL", "mysql")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_on_postgresql_and_rabbitmq() {
    chaos(Database::from_env("TEST_POSTGRES_URL", "postgres")).await;
}

async fn chaos(database: Database) {
    let seed = std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed} (repeat with TEST_SEED={seed})");
    let mut rng = StdRng::seed_from_u64(seed);
    let mut fleet = Fleet::start(database).await;
    let before = fleet.cloud.census();
    fleet.template().await;
    let mut promised = BTreeMap::new();
    for number in 0..CLUSTERS {
        let uuid = fleet.create(&format!("chaos-{number}")).await;
        promised.insert(uuid, Promise::Nodes(1));
        if number % 5 == 0 {
            fleet.disturb(&mut rng).await;
        }
        steer(&fleet, &mut promised, &mut rng).await;
    }
    for _ in 0..6 {
        steer(&fleet, &mut promised, &mut rng).await;
        fleet.disturb(&mut rng).await;
        tokio::time::sleep(Duration::from_millis(rng.random_range(100..800))).await;
    }
    fleet.calm().await;
    fleet.settle(Duration::from_secs(240)).await;
    for (uuid, promise) in &promised {
        let cluster = fleet.cluster(uuid).await;
        match promise {
            Promise::Gone => assert!(cluster.is_none(), "seed {seed}: {uuid} should be gone: {cluster:?}"),
            Promise::Nodes(count) => {
                let cluster = cluster.unwrap_or_else(|| panic!("seed {seed}: {uuid} is lost"));
                assert!(cluster["status"].as_str().unwrap().ends_with("_COMPLETE"), "seed {seed}: {cluster}");
                assert_eq!(cluster["node_count"], *count, "seed {seed}: {cluster}");
            }
        }
    }
    for (uuid, _) in promised.iter().filter(|(_, promise)| **promise != Promise::Gone) {
        fleet.delete(uuid).await;
    }
    fleet.settle(Duration::from_secs(240)).await;
    assert_eq!(fleet.cloud.census(), before, "seed {seed}: something was left behind");
    fleet.end().await;
}

/// Resizes or deletes a few clusters that were promised to exist.
async fn steer(fleet: &Fleet, promised: &mut BTreeMap<String, Promise>, rng: &mut StdRng) {
    let alive: Vec<String> =
        promised.iter().filter(|(_, p)| **p != Promise::Gone).map(|(uuid, _)| uuid.clone()).collect();
    if alive.is_empty() || rng.random_bool(0.4) {
        return;
    }
    let uuid = &alive[rng.random_range(0..alive.len())];
    if rng.random_bool(0.3) {
        fleet.delete(uuid).await;
        promised.insert(uuid.clone(), Promise::Gone);
    } else {
        let count = rng.random_range(1..5);
        fleet.resize(uuid, count).await;
        promised.insert(uuid.clone(), Promise::Nodes(count));
    }
}
