//! Cluster templates.

use domain::{ClusterTemplate, Error, Ident, Operation, OperationKind, Status};
use store::{Page, Scope};

use super::{Fresh, fixtures::*};

fn project(id: &str) -> Scope {
    Scope::Project(id.to_owned())
}

pub(crate) async fn round_trip(db: &Fresh) {
    let store = db.store().await;
    let mut wanted = template("t");
    wanted.created_at += chrono::TimeDelta::milliseconds(999);
    let answered = store.insert_template(&wanted).await.unwrap();
    assert_eq!(answered.created_at, at(0), "whole seconds, never rounded up");
    let mut kept = store.template(&Scope::All, &Ident::of(&wanted.uuid)).await.unwrap();
    assert!(kept.id > 0);
    kept.id = answered.id;
    assert_eq!(kept, answered);
    assert!(matches!(store.insert_template(&wanted).await, Err(Error::Conflict(_))));
}

pub(crate) async fn visibility(db: &Fresh) {
    let store = db.store().await;
    for (name, owner, public, hidden) in [
        ("own", "p1", false, false),
        ("own-hidden", "p1", false, true),
        ("shown", "p2", true, false),
        ("shown-hidden", "p2", true, true),
        ("private", "p2", false, false),
    ] {
        let mut row = template(name);
        (row.project_id, row.user_id, row.public, row.hidden) =
            (owner.to_owned(), format!("user-{owner}"), public, hidden);
        store.insert_template(&row).await.unwrap();
    }
    let names = async |scope: &Scope| -> Vec<String> {
        let page = store.templates(scope, &Page::first(10)).await.unwrap();
        page.into_iter().map(|row| row.name.unwrap()).collect()
    };
    assert_eq!(names(&project("p1")).await, ["own", "own-hidden", "shown"]);
    assert_eq!(names(&Scope::User("user-p1".to_owned())).await, ["own", "own-hidden", "shown"]);
    assert_eq!(names(&project("p3")).await, ["shown"]);
    assert_eq!(names(&Scope::All).await.len(), 5);
    let private = store.template(&project("p1"), &Ident::of("private")).await;
    assert!(matches!(private, Err(Error::NotFound { kind: "ClusterTemplate", .. })));
    // What is hidden may have lost its value in an older release.
    super::execute(&db.url, "UPDATE cluster_template SET hidden = NULL WHERE name = 'shown'").await;
    assert_eq!(names(&project("p3")).await, ["shown"]);
}

pub(crate) async fn names(db: &Fresh) {
    let store = db.store().await;
    for name in ["blue", "Blue", "blue ", "twice", "twice"] {
        store.insert_template(&template(name)).await.unwrap();
    }
    for name in ["blue", "Blue", "blue "] {
        let found = store.template(&project("p1"), &Ident::of(name)).await.unwrap();
        assert_eq!(found.name.as_deref(), Some(name), "names are compared byte by byte");
    }
    assert!(matches!(store.template(&Scope::All, &Ident::of("BLUE")).await, Err(Error::NotFound { .. })));
    assert!(matches!(store.template(&Scope::All, &Ident::of("twice")).await, Err(Error::Ambiguous { .. })));
}

pub(crate) async fn save_keeps_owner(db: &Fresh) {
    let store = db.store().await;
    let before = store.insert_template(&template("t")).await.unwrap();
    let mut row = before.clone();
    row.name = Some("renamed".to_owned());
    row.public = true;
    row.updated_at = Some(at(5));
    let mut saved = row.clone();
    saved.project_id = "somebody else".to_owned();
    store.save_template(&before, &saved).await.unwrap();
    let mut kept = store.template(&Scope::All, &Ident::of(&row.uuid)).await.unwrap();
    kept.id = row.id;
    assert_eq!(kept, row);
    let missing = template("missing");
    assert!(matches!(store.save_template(&missing, &missing).await, Err(Error::NotFound { .. })));
    assert!(matches!(store.save_unused_template(&missing, &missing).await, Err(Error::NotFound { .. })));
    // Somebody who read the template before that changes something else.
    let hidden = ClusterTemplate { hidden: true, ..before.clone() };
    store.save_unused_template(&before, &hidden).await.unwrap();
    let kept = store.template(&Scope::All, &Ident::of(&row.uuid)).await.unwrap();
    assert_eq!((kept.name.as_deref(), kept.public, kept.hidden), (Some("renamed"), true, true));
}

pub(crate) async fn referenced_ones_stay(db: &Fresh) {
    let store = db.store().await;
    let (record, _) = creating(&store).await;
    let used = record.cluster.cluster_template_id;
    let before = record.template.unwrap();
    let other = ClusterTemplate { flavor_id: Some("other".to_owned()), ..before.clone() };
    assert!(matches!(store.save_unused_template(&before, &other).await, Err(Error::TemplateReferenced { .. })));
    assert_eq!(store.template(&Scope::All, &Ident::of(&used)).await.unwrap(), before);
    let renamed = ClusterTemplate { name: Some("renamed".to_owned()), ..before.clone() };
    store.save_template(&before, &renamed).await.unwrap();
    assert!(matches!(store.delete_template(&used).await, Err(Error::TemplateReferenced { .. })));
    let free = store.insert_template(&template("free")).await.unwrap();
    let changed = ClusterTemplate { flavor_id: Some("other".to_owned()), ..free.clone() };
    store.save_unused_template(&free, &changed).await.unwrap();
    store.delete_template(&free.uuid).await.unwrap();
    assert!(matches!(store.delete_template(&free.uuid).await, Err(Error::NotFound { .. })));
}

/// Whoever comes first wins; never both.
pub(crate) async fn delete_and_create_do_not_pass_each_other(db: &Fresh) {
    let store = db.store().await;
    for _ in 0..10 {
        let template = store.insert_template(&template("t")).await.unwrap();
        let cluster = cluster("c", &template);
        let (groups, create) = (groups(&cluster), operation(&cluster, OperationKind::Create));
        let (deleted, created) = tokio::join!(
            store.delete_template(&template.uuid),
            store.insert_cluster(&template, &cluster, &groups, &create, 1000)
        );
        match (deleted, created) {
            (Ok(()), Err(Error::NotFound { kind: "ClusterTemplate", .. })) => {}
            (Err(Error::TemplateReferenced { .. }), Ok(())) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// A cluster is made of the template as it is in the end, or of none.
pub(crate) async fn change_and_create_do_not_pass_each_other(db: &Fresh) {
    let store = db.store().await;
    for round in 0..10 {
        let before = store.insert_template(&template("t")).await.unwrap();
        let after = ClusterTemplate { flavor_id: Some("other".to_owned()), ..before.clone() };
        let cluster = cluster("c", &before);
        let (groups, create) = (groups(&cluster), operation(&cluster, OperationKind::Create));
        let (saved, created) = tokio::join!(
            store.save_unused_template(&before, &after),
            store.insert_cluster(&before, &cluster, &groups, &create, 1000)
        );
        let kept = store.template(&Scope::All, &Ident::of(&before.uuid)).await.unwrap().flavor_id;
        match (saved, created) {
            (Ok(()), Err(Error::Conflict(_))) => assert_eq!(kept, after.flavor_id, "round {round}"),
            (Err(Error::TemplateReferenced { .. }), Ok(())) => assert_eq!(kept, before.flavor_id, "round {round}"),
            other => panic!("round {round}: {other:?}"),
        }
    }
}

/// What does not concern clusters may change under a create.
pub(crate) async fn a_new_name_does_not_stop_a_create(db: &Fresh) {
    let store = db.store().await;
    let before = store.insert_template(&template("t")).await.unwrap();
    let after = ClusterTemplate {
        name: Some("renamed".to_owned()),
        public: true,
        hidden: true,
        tags: Some("x".to_owned()),
        updated_at: Some(at(9)),
        ..before.clone()
    };
    store.save_template(&before, &after).await.unwrap();
    let cluster = cluster("c", &before);
    let create = operation(&cluster, OperationKind::Create);
    store.insert_cluster(&before, &cluster, &groups(&cluster), &create, 1000).await.unwrap();
}

/// While somebody goes to a template it stays as it is; the cluster shows at once that it is on its way.
pub(crate) async fn an_upgrade_keeps_its_template(db: &Fresh) {
    let store = db.store().await;
    let record = created(&store, Status::CreateComplete).await;
    let new = store.insert_template(&template("new")).await.unwrap();
    let upgrade = || Operation {
        params: serde_json::json!({"cluster_template": new.uuid, "max_batch_size": 1}),
        ..operation(&record.cluster, OperationKind::Upgrade)
    };
    let changed = ClusterTemplate { flavor_id: Some("other".to_owned()), ..new.clone() };
    let refused = store.accept_upgrade(&changed, &upgrade()).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    let first = store.accept_upgrade(&new, &upgrade()).await.unwrap();
    let second = store.accept_upgrade(&new, &upgrade()).await.unwrap();
    assert_eq!((first.queued, second.queued), (false, true));
    let shown = show(&store, &record.cluster.uuid).await;
    assert_eq!(shown.cluster.status, Status::UpdateInProgress);
    assert!(shown.nodegroups.iter().all(|group| group.status == Status::UpdateInProgress));
    for id in [first.operation_id, second.operation_id] {
        let kept = store.delete_template(&new.uuid).await;
        assert!(matches!(kept, Err(Error::TemplateReferenced { .. })), "{kept:?}");
        store.abandon_operation(&id, "enough", at(60)).await.unwrap();
    }
    assert_eq!(show(&store, &record.cluster.uuid).await.cluster.status, Status::UpdateFailed);
    store.delete_template(&new.uuid).await.unwrap();
}
