//! Certificates, services, leases, quotas.

use chrono::TimeDelta;
use domain::Error;
use futures::future::join_all;
use store::Keypair;

use super::{Fresh, fixtures::*};

pub(crate) async fn keypairs(db: &Fresh) {
    let store = db.store().await;
    let pair = Keypair {
        uuid: uuid(),
        certificate: Some("-----BEGIN CERTIFICATE-----\n".repeat(200)),
        private_key: Some("v1:sealed".to_owned()),
        private_key_passphrase: None,
        intermediates: None,
        project_id: Some(PROJECT.to_owned()),
        user_id: Some("u1".to_owned()),
        created_at: at(0),
    };
    assert!(store.insert_keypair(&pair).await.unwrap());
    let other = Keypair { certificate: Some("other".to_owned()), ..pair.clone() };
    assert!(!store.insert_keypair(&other).await.unwrap(), "what is stored stays");
    assert_eq!(store.keypair(&pair.uuid).await.unwrap(), pair);
    assert!(!format!("{pair:?}").contains("sealed"));
    assert!(store.delete_keypair(&pair.uuid).await.unwrap());
    assert!(!store.delete_keypair(&pair.uuid).await.unwrap());
    assert!(matches!(store.keypair(&pair.uuid).await, Err(Error::NotFound { .. })));
}

pub(crate) async fn services(db: &Fresh) {
    let store = db.store().await;
    let beats = (0..8).map(|_| store.heartbeat("node-1", "magnum-conductor", at(0)));
    join_all(beats).await.into_iter().for_each(|beat| beat.unwrap());
    store.heartbeat("node-2", "magnum-conductor", at(5)).await.unwrap();
    store.heartbeat("node-1", "magnum-conductor", at(60)).await.unwrap();
    let rows = store.services().await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].host.as_deref(), rows[0].report_count), (Some("node-1"), 9));
    assert_eq!((rows[0].last_seen_up, rows[0].created_at), (Some(at(60)), at(0)));
    assert_eq!((rows[1].report_count, rows[1].disabled, rows[1].forced_down), (1, false, false));
}

/// Test and server share a machine, and with it a clock; a zone or a unit that is mixed up shows.
pub(crate) async fn the_clock_is_the_databases(db: &Fresh) {
    let offset = db.store().await.clock_offset().await.unwrap();
    assert!(offset.abs() < TimeDelta::seconds(5), "{offset}");
    assert_eq!(offset.is_zero(), db.url.starts_with("sqlite"), "a server is asked");
}

pub(crate) async fn leases(db: &Fresh) {
    let store = db.store().await;
    let claim = async |owner: &str, seconds| store.claim_lease("job", owner, at(seconds), TTL).await.unwrap();
    assert!(claim("one", 0).await);
    assert!(!claim("two", 60).await, "held");
    assert!(claim("one", 50).await, "renewed");
    assert!(!claim("two", 110).await);
    assert!(claim("two", 111).await, "run out");
    assert!(!store.release_lease("job", "one").await.unwrap());
    assert!(store.release_lease("job", "two").await.unwrap());
    assert!(claim("one", 111).await);
    assert!(store.claim_lease("another", "two", at(0), TTL).await.unwrap());
}

pub(crate) async fn one_lease_wins(db: &Fresh) {
    let store = db.store().await;
    for seconds in [0, 1000] {
        let claims = (0..16).map(|worker| {
            let store = store.clone();
            tokio::spawn(async move {
                let owner = format!("w{seconds}-{worker}");
                store.claim_lease("job", &owner, at(seconds), TimeDelta::seconds(60)).await.unwrap()
            })
        });
        let won = join_all(claims).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();
        assert_eq!(won, 1);
    }
}

pub(crate) async fn quotas(db: &Fresh) {
    let store = db.store().await;
    assert_eq!(store.quota(PROJECT).await.unwrap(), None);
    store.set_quota(PROJECT, 5, at(0)).await.unwrap();
    store.set_quota("p2", 7, at(0)).await.unwrap();
    store.set_quota(PROJECT, 6, at(9)).await.unwrap();
    let quota = store.quota(PROJECT).await.unwrap().unwrap();
    assert_eq!((quota.hard_limit, quota.created_at, quota.updated_at), (6, at(0), Some(at(9))));
    assert!(store.delete_quota(PROJECT).await.unwrap());
    assert!(!store.delete_quota(PROJECT).await.unwrap());
    assert_eq!(store.quota("p2").await.unwrap().unwrap().hard_limit, 7, "other projects keep theirs");
}

pub(crate) async fn ping(db: &Fresh) {
    let store = db.unmigrated().await;
    store.ping().await.unwrap();
    store.close().await;
    assert!(matches!(store.ping().await, Err(Error::Database { .. })));
}
