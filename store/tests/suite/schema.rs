//! Migrations, and what the store says about its database.

use domain::Error;
use store::{Page, Scope};

use super::{Fresh, execute, fixtures::creating};

pub(crate) async fn migrations_run_once(db: &Fresh) {
    let store = db.unmigrated().await;
    let pending = store.pending_migrations().await.unwrap();
    assert_eq!(pending.first().map(String::as_str), Some("0001_cluster"));
    assert_eq!(store.migrate().await.unwrap(), pending);
    creating(&store).await;
    assert!(store.migrate().await.unwrap().is_empty(), "nothing is left to do");
    assert!(store.pending_migrations().await.unwrap().is_empty());
    assert_eq!(store.clusters(&Scope::All, &Page::first(9)).await.unwrap().len(), 1, "rows are left alone");
}

pub(crate) async fn migrations_run_at_once(db: &Fresh) {
    let (a, b, c, d) = (db.unmigrated().await, db.unmigrated().await, db.unmigrated().await, db.unmigrated().await);
    let ended = tokio::join!(a.migrate(), b.migrate(), c.migrate(), d.migrate());
    for one in [ended.0, ended.1, ended.2, ended.3] {
        one.unwrap();
    }
    assert!(a.pending_migrations().await.unwrap().is_empty());
}

pub(crate) async fn a_foreign_schema_is_left_alone(db: &Fresh) {
    let store = db.unmigrated().await;
    execute(&db.url, "CREATE TABLE cluster (id INT)").await;
    assert!(!store.is_empty().await.unwrap());
    assert!(matches!(store.migrate().await, Err(Error::Conflict(_))));
}

pub(crate) async fn an_empty_database_says_so(db: &Fresh) {
    let store = db.unmigrated().await;
    assert!(store.is_empty().await.unwrap());
    store.migrate().await.unwrap();
    assert!(!store.is_empty().await.unwrap());
}

pub(crate) async fn statements_are_counted(db: &Fresh) {
    let store = db.store().await;
    let before = store.statements();
    store.templates(&Scope::All, &Page::first(20)).await.unwrap();
    assert_eq!(store.clone().statements() - before, 1);
}
