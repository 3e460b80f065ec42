//! Pages: order, NULLs, duplicates, markers.

use domain::{Error, OperationKind};
use store::{Page, Scope, SortDir, Store};

use super::{Fresh, fixtures::*};

/// Clusters with these keypairs, in this order; names say when they were made.
async fn filled(store: &Store, keypairs: &[Option<&str>]) {
    let template = store.insert_template(&template("t")).await.unwrap();
    for (n, keypair) in keypairs.iter().enumerate() {
        let mut row = cluster(&format!("c{n}"), &template);
        row.keypair = keypair.map(str::to_owned);
        store.insert_cluster(&template, &row, &[], &operation(&row, OperationKind::Create), 1000).await.unwrap();
    }
}

/// All names, page by page.
async fn walk(store: &Store, key: &str, dir: SortDir, limit: i64) -> Vec<String> {
    let mut names = Vec::new();
    let mut page = Page { limit, marker: None, sort_key: key.to_owned(), sort_dir: dir };
    loop {
        let rows = store.clusters(&Scope::Project(PROJECT.to_owned()), &page).await.unwrap();
        let Some(last) = rows.last() else { return names };
        assert!(rows.len() as i64 <= limit);
        page.marker = Some(last.cluster.uuid.clone());
        names.extend(rows.into_iter().map(|record| record.cluster.name));
    }
}

const KEYPAIRS: [Option<&str>; 9] =
    [Some("b"), None, Some("a"), Some("B"), None, Some("a"), Some(""), Some("ä"), Some("b")];
/// NULLs first, then by byte, then by age.
const ASCENDING: [&str; 9] = ["c1", "c4", "c6", "c3", "c2", "c5", "c0", "c8", "c7"];

pub(crate) async fn every_row_once(db: &Fresh) {
    let store = db.store().await;
    filled(&store, &[None; 7]).await;
    let all: Vec<String> = (0..7).map(|n| format!("c{n}")).collect();
    for limit in [1, 2, 3, 7, 100] {
        assert_eq!(walk(&store, "id", SortDir::Asc, limit).await, all);
        assert_eq!(walk(&store, "id", SortDir::Desc, limit).await, all.iter().rev().cloned().collect::<Vec<_>>());
        assert_eq!(walk(&store, "name", SortDir::Asc, limit).await, all);
    }
}

pub(crate) async fn nulls_and_duplicates(db: &Fresh) {
    let store = db.store().await;
    filled(&store, &KEYPAIRS).await;
    let descending: Vec<&str> = ASCENDING.into_iter().rev().collect();
    for limit in 1..=10 {
        assert_eq!(walk(&store, "keypair", SortDir::Asc, limit).await, ASCENDING, "limit {limit}");
        assert_eq!(walk(&store, "keypair", SortDir::Desc, limit).await, descending, "limit {limit}");
    }
    for key in ["created_at", "floating_ip_enabled", "create_timeout", "updated_at", "labels", "stack_id"] {
        assert_eq!(walk(&store, key, SortDir::Asc, 2).await.len(), 9, "{key}");
        assert_eq!(walk(&store, key, SortDir::Desc, 4).await.len(), 9, "{key}");
    }
}

pub(crate) async fn bad_sort_key(db: &Fresh) {
    let store = db.store().await;
    for key in ["trustee_password", "node_count", "", "id; DROP TABLE cluster", "Name"] {
        let page = Page { sort_key: key.to_owned(), ..Page::first(5) };
        assert!(matches!(store.clusters(&Scope::All, &page).await, Err(Error::Invalid(_))), "{key}");
        assert!(matches!(store.templates(&Scope::All, &page).await, Err(Error::Invalid(_))), "{key}");
    }
    assert!(matches!(store.clusters(&Scope::All, &Page::first(0)).await, Err(Error::Invalid(_))));
}

pub(crate) async fn bad_markers(db: &Fresh) {
    let store = db.store().await;
    filled(&store, &[None, None]).await;
    let own = store.clusters(&Scope::All, &Page::first(9)).await.unwrap();
    for key in ["id", "keypair", "name"] {
        let page = |marker: &str| Page { marker: Some(marker.to_owned()), sort_key: key.to_owned(), ..Page::first(9) };
        let unknown = store.clusters(&Scope::All, &page(&uuid())).await;
        assert!(matches!(unknown, Err(Error::NotFound { kind: "Cluster", .. })), "{key}");
        let foreign = store.clusters(&Scope::Project("p2".to_owned()), &page(&own[0].cluster.uuid)).await;
        assert!(matches!(foreign, Err(Error::NotFound { .. })), "{key}");
        let last = store.clusters(&Scope::All, &page(&own[1].cluster.uuid)).await.unwrap();
        assert!(last.is_empty(), "nothing is behind the last one");
        let template = store.templates(&Scope::All, &page(&own[0].cluster.uuid)).await;
        assert!(template.is_err(), "a marker is a row of its own table");
    }
}

pub(crate) async fn rows_that_go_do_not_shift_the_page(db: &Fresh) {
    let store = db.store().await;
    filled(&store, &[None; 6]).await;
    let first = store.clusters(&Scope::All, &Page::first(3)).await.unwrap();
    super::execute(&db.url, &format!("DELETE FROM cluster WHERE uuid = '{}'", first[0].cluster.uuid)).await;
    let next = Page { marker: Some(first[2].cluster.uuid.clone()), ..Page::first(3) };
    let names: Vec<String> =
        store.clusters(&Scope::All, &next).await.unwrap().into_iter().map(|record| record.cluster.name).collect();
    assert_eq!(names, ["c3", "c4", "c5"]);
}
