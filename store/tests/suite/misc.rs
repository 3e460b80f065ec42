//! Certificates, services, leases, quotas and what they are compared with.

use chrono::TimeDelta;
use domain::{Error, OperationKind};
use futures::future::join_all;
use store::{Keypair, Page, Quota, Scope, Usage};

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
    let first = store.insert_quota(PROJECT, 5, at(0)).await.unwrap();
    assert_eq!((first.hard_limit, first.resource.as_str(), first.updated_at), (5, "Cluster", None));
    assert!(matches!(store.insert_quota(PROJECT, 8, at(1)).await, Err(Error::Conflict(_))));
    assert!(matches!(store.change_quota("p2", 8, at(1)).await, Err(Error::NotFound { kind: "Quota", .. })));
    store.insert_quota("p2", 7, at(0)).await.unwrap();
    let changed = store.change_quota(PROJECT, 6, at(9)).await.unwrap();
    assert_eq!((changed.id, changed.hard_limit, changed.updated_at), (first.id, 6, Some(at(9))));
    assert_eq!(store.quota(PROJECT).await.unwrap(), Some(changed));
    store.delete_quota(PROJECT).await.unwrap();
    assert!(matches!(store.delete_quota(PROJECT).await, Err(Error::NotFound { .. })));
    assert_eq!(store.quota("p2").await.unwrap().unwrap().hard_limit, 7, "other projects keep theirs");
}

/// The marker of this list is a number, and nobody sees a project's quota through a scope that is not its own.
pub(crate) async fn quotas_in_pages(db: &Fresh) {
    let store = db.store().await;
    for (n, project) in ["p1", "p2", "p3"].into_iter().enumerate() {
        store.insert_quota(project, 9 - i64::try_from(n).unwrap(), at(0)).await.unwrap();
    }
    let list = async |scope: Scope, page: Page| {
        let rows = store.quotas(&scope, &page).await.unwrap();
        rows.into_iter().map(|quota| quota.project_id).collect::<Vec<_>>()
    };
    let all = store.quotas(&Scope::All, &Page::first(9)).await.unwrap();
    let behind = |row: &Quota| Page { marker: Some(row.id.to_string()), ..Page::first(9) };
    assert_eq!(list(Scope::All, behind(&all[0])).await, ["p2", "p3"]);
    assert!(list(Scope::All, behind(&all[2])).await.is_empty());
    let by_limit = Page { sort_key: "hard_limit".to_owned(), ..behind(&all[1]) };
    assert_eq!(list(Scope::All, by_limit).await, ["p1"]);
    assert_eq!(list(Scope::Project("p2".to_owned()), Page::first(9)).await, ["p2"]);
    assert!(list(Scope::User("u1".to_owned()), Page::first(9)).await.is_empty());
    for marker in ["0", "99", "x"] {
        let page = Page { marker: Some(marker.to_owned()), ..Page::first(9) };
        assert!(matches!(store.quotas(&Scope::All, &page).await, Err(Error::NotFound { .. })), "{marker}");
    }
    let foreign = store.quotas(&Scope::Project("p2".to_owned()), &behind(&all[0])).await;
    assert!(matches!(foreign, Err(Error::NotFound { .. })));
}

pub(crate) async fn usage_is_one_statement(db: &Fresh) {
    let store = db.store().await;
    assert_eq!(store.usage(None).await.unwrap(), Usage::default());
    let template = store.insert_template(&template("t")).await.unwrap();
    for project in ["p1", "p1", "p2"] {
        let mut row = cluster("c", &template);
        row.project_id = project.to_owned();
        let mut groups = groups(&row);
        for group in &mut groups {
            (group.project_id, group.node_count) = (project.to_owned(), 3);
        }
        let create = operation(&row, OperationKind::Create);
        store.insert_cluster(&template, &row, &groups, &create, 9).await.unwrap();
    }
    let before = store.statements();
    assert_eq!(store.usage(Some("p1")).await.unwrap(), Usage { clusters: 2, nodes: 12 });
    assert_eq!(store.usage(Some("p3")).await.unwrap(), Usage::default());
    assert_eq!(store.usage(None).await.unwrap(), Usage { clusters: 3, nodes: 18 });
    assert_eq!(store.statements() - before, 3);
}

pub(crate) async fn ping(db: &Fresh) {
    let store = db.unmigrated().await;
    store.ping().await.unwrap();
    store.close().await;
    assert!(matches!(store.ping().await, Err(Error::Database { .. })));
}
