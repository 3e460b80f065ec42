//! The doorbell on the broker of `TEST_RABBIT_URL`, through everything a broker does to its clients.
//!
//! The failure tests use the commands in `TEST_RABBIT_KILL`, `_START`, `_PAUSE`, `_RESUME` and `_CTL`, which
//! `tests/services.sh up` prints, and are left out without them. They have the broker to themselves; the others share it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

#[path = "broker/mod.rs"]
mod broker;
#[path = "broker/tls.rs"]
mod tls;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use broker::{Broker, heard, id, soon};
use store::{Doorbell, Rings};

const PATIENCE: Duration = Duration::from_secs(30);
/// Less than any wait for a broker, and enough for a machine that has much else to do.
const AT_ONCE: Duration = Duration::from_secs(3);

async fn all_heard(rings: &mut Rings, ids: &[String]) {
    let mut missing: HashSet<&str> = ids.iter().map(String::as_str).collect();
    while !missing.is_empty() {
        let ring = heard(rings, PATIENCE).await.unwrap_or_else(|| panic!("{} never heard", missing.len()));
        missing.remove(ring.id());
        ring.ack().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_ring_reaches_one_listener_once() {
    let broker = Broker::shared();
    let bell = broker.bell().await;
    let mut listeners = [bell.listen().await, bell.listen().await, bell.listen().await];
    broker.listeners(3).await;
    let ids: Vec<String> = (0..300).map(|_| id()).collect();
    for id in &ids {
        bell.ring(id).await;
    }
    let mut counts: HashMap<String, u32> = HashMap::new();
    let mut heard_by = [0; 3];
    while counts.len() < ids.len() {
        for (listener, total) in listeners.iter_mut().zip(&mut heard_by) {
            if let Some(ring) = heard(listener, Duration::from_millis(20)).await {
                *counts.entry(ring.id().to_owned()).or_default() += 1;
                *total += 1;
                ring.ack().await;
            }
        }
    }
    assert!(counts.values().all(|count| *count == 1));
    assert!(heard_by.iter().all(|total| *total > 0), "the broker spreads the work: {heard_by:?}");
    broker.waiting_for(0).await;
    broker.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_without_an_answer_comes_again() {
    let broker = Broker::shared();
    let bell = broker.bell().await;
    let mut first = bell.listen().await;
    let id = id();
    bell.ring(&id).await;
    let ring = heard(&mut first, PATIENCE).await.unwrap();
    drop((ring, first));
    let mut second = bell.listen().await;
    let again = heard(&mut second, PATIENCE).await.unwrap();
    assert_eq!(again.id(), id);
    again.ack().await;
    broker.waiting_for(0).await;
    broker.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_takes_and_what_is_no_ring_become_dead_letters() {
    let broker = Broker::shared();
    let bell = broker.bell().await;
    let mut rings = bell.listen().await;
    let poison = id();
    bell.ring(&poison).await;
    for delivery in 1..=4 {
        let ring = heard(&mut rings, PATIENCE).await.unwrap_or_else(|| panic!("delivery {delivery} did not come"));
        assert_eq!(ring.id(), poison);
        ring.refuse().await;
    }
    for garbage in [&b"\xff\xfe"[..], b"", b"not an id", b"'; DROP TABLE rs_operation"] {
        broker.publish(garbage).await;
    }
    let good = id();
    bell.ring(&good).await;
    all_heard(&mut rings, &[good]).await;
    let dead = soon(async || broker.dead_letters().await.filter(|dead| dead.len() == 5)).await;
    assert!(dead.contains(&poison.into_bytes()));
    broker.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_is_made_again() {
    let broker = Broker::shared();
    let bell = broker.bell().await;
    let mut rings = bell.listen().await;
    broker.listeners(1).await;
    broker.delete_queue().await;
    let ids = [id(), id()];
    for id in &ids {
        bell.ring(id).await;
    }
    all_heard(&mut rings, &ids).await;
    broker.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_with_other_arguments_is_used_as_it_is() {
    let broker = Broker::shared();
    broker.declare_classic().await;
    let bell = broker.bell().await;
    let mut rings = bell.listen().await;
    let ids = [id()];
    bell.ring(&ids[0]).await;
    all_heard(&mut rings, &ids).await;
    broker.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_first_host_is_passed_over() {
    let broker = Broker::shared();
    let bell = broker.bell_at(&broker.url_with_hosts(&["127.0.0.1:1", "", "127.0.0.1:2"])).await;
    let mut rings = bell.listen().await;
    let ids = [id()];
    bell.ring(&ids[0]).await;
    all_heard(&mut rings, &ids).await;
    broker.remove().await;
}

/// Neither wrong credentials nor a broker that is not there keep a service from starting or a request from ending.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_cannot_be_used_keeps_nobody_waiting() {
    let broker = Broker::shared();
    for url in [broker.url_with_password("wrong"), "rabbit://u:p@127.0.0.1:1/".to_owned()] {
        let begun = Instant::now();
        let bell = Doorbell::open(&url, "store-test-none", &broker::options()).unwrap();
        let mut rings = bell.listen().await;
        let ids: Vec<String> = (0..2_000).map(|_| id()).collect();
        for id in &ids {
            bell.ring(id).await;
        }
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
        all_heard(&mut rings, &ids).await;
        assert!(!bell.is_connected());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_a_ca_file() {
    let broker = Broker::shared();
    let proxy = tls::Proxy::start(broker.address());
    let trusted = broker.url_with_hosts(&[&format!("localhost:{}", proxy.port)]);
    let bell = broker.bell_at(&format!("{trusted}?ssl=1&ssl_ca_file={}", proxy.ca.path().display())).await;
    let mut rings = bell.listen().await;
    let ids = [id()];
    bell.ring(&ids[0]).await;
    all_heard(&mut rings, &ids).await;

    let doubted = Doorbell::open(&format!("{trusted}?ssl=1"), "store-test-none", &broker::options()).unwrap();
    let tried = proxy.failures();
    soon(async || (proxy.failures() > tried + 1).then_some(())).await;
    assert!(!doubted.is_connected(), "an unknown CA is not trusted");
    broker.remove().await;
}

mod alone {
    //! The tests that do things to the broker. `tests/run.sh` leaves them out, by this name, for a broker that was given.

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn an_operator_closes_all_connections() {
        let Some(broker) = Broker::alone() else { return };
        let bell = broker.bell().await;
        let mut rings = bell.listen().await;
        broker.listeners(1).await;
        broker.ctl("close_all_connections test");
        broker.still_rings(&bell, &mut rings).await;
        broker.remove().await;
    }

    /// The broker is killed and started again while rings come in all the time: none is lost, and ringing never waits.
    #[tokio::test(flavor = "multi_thread")]
    async fn killed_and_started_while_ringing() {
        let Some(broker) = Broker::alone() else { return };
        let bell = broker.bell().await;
        let mut rings = bell.listen().await;
        broker.listeners(1).await;
        let (ringing, stop) = (bell.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let ringer = tokio::spawn(async move {
            let (mut ids, mut slowest) = (Vec::new(), Duration::ZERO);
            while !stopped.load(Ordering::Relaxed) {
                let (id, begun) = (id(), Instant::now());
                ringing.ring(&id).await;
                slowest = slowest.max(begun.elapsed());
                ids.push(id);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            (ids, slowest)
        });
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let listener = tokio::spawn(async move {
            let mut seen: HashSet<String> = HashSet::new();
            while let Some(ring) = heard(&mut rings, Duration::from_secs(20)).await {
                seen.insert(ring.id().to_owned());
                counted.store(seen.len(), Ordering::Relaxed);
                ring.ack().await;
            }
            seen
        });
        let hundred_more = async || {
            let before = count.load(Ordering::Relaxed);
            soon(async || (count.load(Ordering::Relaxed) >= before + 100).then_some(())).await;
        };
        hundred_more().await;
        broker.kill();
        soon(async || (!bell.is_connected()).then_some(())).await;
        hundred_more().await;
        broker.start();
        soon(async || bell.is_connected().then_some(())).await;
        hundred_more().await;
        stop.store(true, Ordering::Relaxed);
        let (ids, slowest) = ringer.await.unwrap();
        assert!(slowest < AT_ONCE, "{slowest:?}");
        let seen = listener.await.unwrap();
        let lost = ids.iter().filter(|id| !seen.contains(*id)).count();
        assert_eq!(lost, 0, "of {}", ids.len());
        broker.waiting_for(0).await;
        broker.remove().await;
    }

    /// Neither a reset nor an answer: only heartbeats tell.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_frozen_broker_is_noticed_and_used_again() {
        let Some(broker) = Broker::alone() else { return };
        let bell = broker.bell().await;
        let mut rings = bell.listen().await;
        broker.listeners(1).await;
        broker.pause();
        soon(async || (!bell.is_connected()).then_some(())).await;
        let ids = [id()];
        bell.ring(&ids[0]).await;
        all_heard(&mut rings, &ids).await;
        broker.resume();
        soon(async || bell.is_connected().then_some(())).await;
        broker.still_rings(&bell, &mut rings).await;
        broker.remove().await;
    }

    /// Short of memory, the broker takes the connection and answers nothing at all to what is published.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_broker_short_of_memory_takes_rings_later() {
        let Some(broker) = Broker::alone() else { return };
        let bell = broker.bell().await;
        let mut rings = bell.listen().await;
        broker.listeners(1).await;
        broker.ctl("set_vm_memory_high_watermark absolute 1MB");
        let first = id();
        // The broker says that it is blocked only to who publishes; this one is not confirmed.
        bell.ring(&first).await;
        soon(async || (!bell.is_connected()).then_some(())).await;
        let begun = Instant::now();
        let second = id();
        bell.ring(&second).await;
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
        all_heard(&mut rings, std::slice::from_ref(&second)).await;
        broker.ctl("set_vm_memory_high_watermark absolute 1GB");
        soon(async || bell.is_connected().then_some(())).await;
        all_heard(&mut rings, &[first]).await;
        broker.still_rings(&bell, &mut rings).await;
        broker.remove().await;
    }
}
