//! Real processes, killed while requests are sent: whatever was answered with 202 or 204 has its effect exactly once.
//!
//! Clients create, resize and delete clusters while, at the same time, conductors are killed (SIGKILL) or paused past
//! their lease (SIGSTOP), the API process is killed, and the database and the broker are killed and started again. Each
//! of these happens at least once, whatever the seed, and while it lasts requests are sent. What happens when is drawn
//! from the seed, which is printed and taken from `TEST_SEED`, so that a failure can be looked for again. Runs on SQLite
//! without a broker, and on MariaDB and PostgreSQL with RabbitMQ (`tests/services.sh`).

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops at the first surprise and names its seed")]

mod client;
mod disturb;
mod fleet;
mod servers;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use client::Client;
use fleet::Fleet;
use rand::{Rng, SeedableRng, rngs::StdRng};
use servers::Database;
use tokio::{sync::Mutex, task::JoinSet};

const CLUSTERS: u64 = 50;
const CLIENTS: u64 = 5;
/// They kill the broker that they share.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// What a cluster was promised last.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Promise {
    Nodes(i64),
    Gone,
}

type Promises = BTreeMap<String, Promise>;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_on_sqlite() {
    chaos(|| Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_on_mariadb_and_rabbitmq() {
    chaos(|| Database::from_env("mysql")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_on_postgresql_and_rabbitmq() {
    chaos(|| Database::from_env("postgres")).await;
}

async fn chaos(database: fn() -> Database) {
    let _turn = ONE_AT_A_TIME.lock().await;
    let seed = std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed} (repeat with TEST_SEED={seed})");
    let mut fleet = Fleet::start(database()).await;
    let before = fleet.cloud.census();
    fleet.client.template().await;
    let disturbed = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let rng = StdRng::seed_from_u64(seed ^ (number + 1));
        clients.spawn(work(fleet.client.clone(), number, rng, Arc::clone(&disturbed)));
    }
    let plan = disturb::plan(fleet.servers.len(), &mut StdRng::seed_from_u64(seed));
    disturb::carry_out(&mut fleet, &plan, seed).await;
    disturbed.store(true, Ordering::Relaxed);
    let promised: Promises = clients.join_all().await.into_iter().flatten().collect();
    println!("{} accepted, {} sent again: {plan:?}", fleet.client.accepted(), fleet.client.troubles());
    fleet.calm().await;
    fleet.settle().await;
    check(&fleet, &promised, seed).await;
    for (uuid, _) in alive(&promised) {
        fleet.client.delete(&uuid).await;
    }
    fleet.settle().await;
    assert_eq!(fleet.cloud.census(), before, "seed {seed}: something was left behind");
    fleet.end().await;
}

/// One client: makes its share of the clusters and goes on changing them until all disturbances are over.
async fn work(client: Client, number: u64, mut rng: StdRng, disturbed: Arc<AtomicBool>) -> Promises {
    let mut promised = Promises::new();
    for cluster in (0..CLUSTERS).filter(|cluster| cluster % CLIENTS == number) {
        let uuid = client.create(&format!("chaos-{cluster}")).await;
        promised.insert(uuid, Promise::Nodes(1));
        steer(&client, &mut promised, &mut rng).await;
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..1500))).await;
    }
    while !disturbed.load(Ordering::Relaxed) {
        steer(&client, &mut promised, &mut rng).await;
        tokio::time::sleep(Duration::from_millis(rng.random_range(500..1500))).await;
    }
    promised
}

/// Resizes or deletes a cluster that was promised to exist; the last one stays, so that there is always work.
async fn steer(client: &Client, promised: &mut Promises, rng: &mut StdRng) {
    let alive = alive(promised);
    let (uuid, _) = alive[rng.random_range(0..alive.len())].clone();
    if alive.len() > 1 && rng.random_bool(0.2) {
        client.delete(&uuid).await;
        promised.insert(uuid, Promise::Gone);
    } else {
        let count = rng.random_range(1..5);
        client.resize(&uuid, count).await;
        promised.insert(uuid, Promise::Nodes(count));
    }
}

fn alive(promised: &Promises) -> Vec<(String, i64)> {
    let nodes = |(uuid, promise): (&String, &Promise)| match promise {
        Promise::Nodes(count) => Some((uuid.clone(), *count)),
        Promise::Gone => None,
    };
    promised.iter().filter_map(nodes).collect()
}

/// Every promise was kept, once: each cluster has the nodes it was promised last, and there is nothing else.
async fn check(fleet: &Fleet, promised: &Promises, seed: u64) {
    let alive = alive(promised);
    for (uuid, count) in &alive {
        let cluster = fleet.client.cluster(uuid).await.unwrap_or_else(|| panic!("seed {seed}: {uuid} is lost"));
        assert!(cluster["status"].as_str().unwrap().ends_with("_COMPLETE"), "seed {seed}: {cluster}");
        assert_eq!(cluster["node_count"], *count, "seed {seed}: {cluster}");
        let nodes = cluster["node_addresses"].as_array().map_or(0, Vec::len);
        assert_eq!(i64::try_from(nodes).unwrap(), *count, "seed {seed}: {cluster}");
    }
    let exist: Vec<String> =
        fleet.client.clusters().await.iter().map(|cluster| cluster["uuid"].as_str().unwrap().to_owned()).collect();
    let others: Vec<_> = exist.iter().filter(|uuid| !alive.iter().any(|(known, _)| known == *uuid)).collect();
    assert!(others.is_empty(), "seed {seed}: nobody was promised {others:?}");
    let census = fleet.cloud.census();
    assert_eq!(census.stacks.len(), alive.len(), "seed {seed}: {census}");
    assert_eq!(census.trusts.len(), alive.len(), "seed {seed}: {census}");
    assert_eq!(census.trustees.len(), alive.len(), "seed {seed}: {census}");
}
