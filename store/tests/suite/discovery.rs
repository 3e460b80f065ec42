//! Places where etcd members find each other.

use chrono::TimeDelta;
use domain::Status;
use futures::future::join_all;
use store::{Joined, Member, Outcome};

use super::{Fresh, fixtures::*};

const HOURS: TimeDelta = TimeDelta::hours(6);

fn member(id: &str) -> Member {
    Member { id: id.to_owned(), value: format!("n{id}=http://10.0.0.{id}:2380") }
}

pub(crate) async fn a_place_is_the_clusters_own(db: &Fresh) {
    let store = db.store().await;
    let (one, two) = (uuid(), uuid());
    let place = store.open_discovery(&one, 3, at(0), HOURS).await.unwrap();
    assert_eq!((place.token.len(), place.size, place.members.len()), (32, 3, 0));
    assert!(place.token.chars().all(|c| c.is_ascii_hexdigit()));
    assert!(!format!("{place:?}").contains(&place.token));
    let other = store.open_discovery(&two, 3, at(0), HOURS).await.unwrap();
    assert_ne!(other.token, place.token);
    store.join_discovery(&place.token, &member("1"), at(1)).await.unwrap();
    let again = store.open_discovery(&one, 3, at(60), HOURS).await.unwrap();
    assert_eq!((&again.token, again.expires_at), (&place.token, at(60) + HOURS), "a repeated step finds its own");
    assert_eq!(again.members, [member("1")]);
    assert_eq!(store.discovery(&place.token, at(60)).await.unwrap().unwrap(), again);
    let larger = store.open_discovery(&one, 5, at(60), HOURS).await.unwrap();
    assert!(larger.token != place.token && larger.members.is_empty());
    assert_eq!(store.discovery(&place.token, at(60)).await.unwrap(), None, "replaced");
    assert_eq!(store.discovery(&other.token, at(60)).await.unwrap().unwrap().members, [], "nobody else's");
}

pub(crate) async fn members_come_once_and_in_order(db: &Fresh) {
    let store = db.store().await;
    let place = store.open_discovery(&uuid(), 3, at(0), HOURS).await.unwrap();
    let join = async |id: &str| store.join_discovery(&place.token, &member(id), at(1)).await.unwrap();
    for (number, id) in ["9", "3", "5"].into_iter().enumerate() {
        let Joined::New(now) = join(id).await else { panic!("{id} was not taken") };
        assert_eq!(now.members.len(), number + 1);
        assert_eq!(now.members.last(), Some(&member(id)));
    }
    let changed = Member { value: "n3=http://6.6.6.6:2380".to_owned(), ..member("3") };
    let Joined::Before(kept) = store.join_discovery(&place.token, &changed, at(1)).await.unwrap() else {
        panic!("taken twice")
    };
    assert_eq!(kept.members, [member("9"), member("3"), member("5")], "the first word counts");
    for id in ["6", "7", "8"] {
        assert!(matches!(join(id).await, Joined::New(_)), "{id}");
    }
    assert!(matches!(join("4").await, Joined::Full(_)));
    assert!(matches!(join("9").await, Joined::Before(_)), "also when there is no room");
    assert_eq!(store.discovery(&place.token, at(2)).await.unwrap().unwrap().members.len(), 6);
}

pub(crate) async fn members_that_come_at_once_are_all_kept(db: &Fresh) {
    let store = db.store().await;
    let place = store.open_discovery(&uuid(), 7, at(0), HOURS).await.unwrap();
    let joins = (1..=7).map(|id| {
        let (store, token) = (store.clone(), place.token.clone());
        tokio::spawn(async move { store.join_discovery(&token, &member(&id.to_string()), at(1)).await })
    });
    for joined in join_all(joins).await {
        assert!(matches!(joined.unwrap().unwrap(), Joined::New(_)));
    }
    let mut ids: Vec<String> =
        store.discovery(&place.token, at(1)).await.unwrap().unwrap().members.into_iter().map(|m| m.id).collect();
    ids.sort();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6", "7"]);
}

pub(crate) async fn a_place_is_gone_after_its_time(db: &Fresh) {
    let store = db.store().await;
    let cluster = uuid();
    let place = store.open_discovery(&cluster, 3, at(0), HOURS).await.unwrap();
    let end = at(0) + HOURS;
    assert!(store.discovery(&place.token, end - TimeDelta::seconds(1)).await.unwrap().is_some());
    assert_eq!(store.discovery(&place.token, end).await.unwrap(), None);
    assert_eq!(store.join_discovery(&place.token, &member("1"), end).await.unwrap(), Joined::Nowhere);
    assert_eq!(store.join_discovery("unknown", &member("1"), at(0)).await.unwrap(), Joined::Nowhere);
    let fresh = store.open_discovery(&cluster, 3, end, HOURS).await.unwrap();
    assert_ne!(fresh.token, place.token, "what is over does not come back");
    let other = store.open_discovery(&uuid(), 3, end + HOURS, HOURS).await.unwrap();
    assert_eq!(store.forget_discoveries(end + HOURS).await.unwrap(), 1);
    assert_eq!(store.discovery(&fresh.token, at(0)).await.unwrap(), None, "removed");
    assert!(store.discovery(&other.token, end + HOURS).await.unwrap().is_some());
}

pub(crate) async fn a_place_goes_with_its_cluster(db: &Fresh) {
    let store = db.store().await;
    let record = created(&store, Status::CreateComplete).await;
    let place = store.open_discovery(&record.cluster.uuid, 3, at(0), HOURS).await.unwrap();
    let other = store.open_discovery(&uuid(), 3, at(0), HOURS).await.unwrap();
    let removal = delete(&record);
    store.accept_delete(&record.cluster.uuid, &removal, &fresh_token).await.unwrap();
    let claim = claimed(&store, &removal.id, "w", 0).await;
    assert!(store.discovery(&place.token, at(0)).await.unwrap().is_some(), "until the cluster is gone");
    store.finish(&claim, Outcome::deleted(), at(9)).await.unwrap();
    assert_eq!(store.discovery(&place.token, at(0)).await.unwrap(), None);
    assert!(store.discovery(&other.token, at(0)).await.unwrap().is_some());
}
