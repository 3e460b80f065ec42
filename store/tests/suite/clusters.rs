//! Clusters: creation under a quota, reading, tenancy, broken rows.

use std::collections::BTreeMap;

use domain::{Error, HealthStatus, Ident, Labels, OperationKind, OperationState, Status};
use futures::future::join_all;
use store::{Page, Scope};

use super::{Fresh, execute, fixtures::*};

pub(crate) async fn round_trip(db: &Fresh) {
    let store = db.store().await;
    let template = store.insert_template(&template("t")).await.unwrap();
    let mut wanted = cluster("c", &template);
    wanted.discovery_url = Some("https://discovery.etcd.io/x".to_owned());
    wanted.trustee_password = Some("v1:sealed".to_owned());
    wanted.health_status = Some(HealthStatus::Healthy);
    wanted.health_status_reason = [("api".to_owned(), "ok".to_owned())].into();
    let groups = groups(&wanted);
    let create = operation(&wanted, OperationKind::Create);
    store.insert_cluster(&template, &wanted, &groups, &create, 1).await.unwrap();

    let mut kept = show(&store, &wanted.uuid).await;
    assert!(kept.cluster.id > 0);
    kept.cluster.id = 0;
    kept.nodegroups.iter_mut().for_each(|group| group.id = 0);
    kept.template.iter_mut().for_each(|row| row.id = 0);
    assert_eq!((kept.cluster, kept.nodegroups, kept.template), (wanted.clone(), groups, Some(template.clone())));

    let mut row = store.operation(&create.id).await.unwrap();
    assert_eq!(row.state, OperationState::Active, "created and live in one transaction");
    (row.seq, row.state) = (create.seq, create.state);
    assert_eq!(row, create);

    let again = operation(&wanted, OperationKind::Create);
    assert!(matches!(store.insert_cluster(&template, &wanted, &[], &again, 9).await, Err(Error::Conflict(_))));
    assert!(matches!(store.operation(&again.id).await, Err(Error::NotFound { .. })), "nothing of it is left");
}

pub(crate) async fn tenancy(db: &Fresh) {
    let store = db.store().await;
    let template = store.insert_template(&template("t")).await.unwrap();
    for (name, project, user) in [("a", "p1", "u1"), ("b", "p2", "u2"), ("c", "p1", "u2")] {
        let mut row = cluster(name, &template);
        (row.project_id, row.user_id) = (project.to_owned(), user.to_owned());
        store.insert_cluster(&template, &row, &groups(&row), &operation(&row, OperationKind::Create), 9).await.unwrap();
    }
    let names = async |scope: Scope| -> Vec<String> {
        let page = store.clusters(&scope, &Page::first(10)).await.unwrap();
        page.into_iter().map(|record| record.cluster.name).collect()
    };
    assert_eq!(names(Scope::Project("p1".to_owned())).await, ["a", "c"]);
    assert_eq!(names(Scope::User("u2".to_owned())).await, ["b", "c"]);
    assert_eq!(names(Scope::All).await, ["a", "b", "c"]);
    assert!(names(Scope::Project("P1".to_owned())).await.is_empty());
    let foreign = show(&store, &store.clusters(&Scope::All, &Page::first(2)).await.unwrap()[1].cluster.uuid).await;
    for ident in [foreign.cluster.uuid.as_str(), "b"] {
        let found = store.cluster(&Scope::Project("p1".to_owned()), &Ident::of(ident)).await;
        assert!(matches!(found, Err(Error::NotFound { kind: "Cluster", .. })), "{ident}");
    }
}

pub(crate) async fn names(db: &Fresh) {
    let store = db.store().await;
    let template = store.insert_template(&template("t")).await.unwrap();
    for name in ["one", "two", "two"] {
        let row = cluster(name, &template);
        store.insert_cluster(&template, &row, &[], &operation(&row, OperationKind::Create), 9).await.unwrap();
    }
    let one = store.cluster(&Scope::All, &Ident::of("one")).await.unwrap();
    assert!(matches!(store.cluster(&Scope::All, &Ident::of("two")).await, Err(Error::Ambiguous { .. })));
    assert!(matches!(store.cluster(&Scope::All, &Ident::of("ONE")).await, Err(Error::NotFound { .. })));
    let bare = one.cluster.uuid.replace('-', "");
    assert!(matches!(store.cluster(&Scope::All, &Ident::of(&bare)).await, Err(Error::NotFound { .. })));
}

pub(crate) async fn a_page_is_two_statements(db: &Fresh) {
    let store = db.store().await;
    let template = store.insert_template(&template("t")).await.unwrap();
    for n in 0..7 {
        let row = cluster(&format!("c{n}"), &template);
        store.insert_cluster(&template, &row, &groups(&row), &operation(&row, OperationKind::Create), 9).await.unwrap();
    }
    let before = store.statements();
    let page = store.clusters(&Scope::All, &Page::first(5)).await.unwrap();
    assert_eq!(store.statements() - before, 2);
    let before = store.statements();
    let next = Page { marker: Some(page[4].cluster.uuid.clone()), ..Page::first(5) };
    assert_eq!(store.clusters(&Scope::All, &next).await.unwrap().len(), 2);
    show(&store, &page[0].cluster.uuid).await;
    assert_eq!(store.statements() - before, 4);
    assert!(page.iter().all(|record| record.nodegroups.len() == 2 && record.template.is_some()));
}

pub(crate) async fn quota_is_exact(db: &Fresh) {
    let store = db.store().await;
    let template = store.insert_template(&template("t")).await.unwrap();
    let creates = (0..50).map(|n| {
        let row = cluster(&format!("c{n}"), &template);
        let (store, template) = (store.clone(), template.clone());
        tokio::spawn(async move {
            let create = operation(&row, OperationKind::Create);
            store.insert_cluster(&template, &row, &groups(&row), &create, 10).await
        })
    });
    let mut refused = 0;
    for ended in join_all(creates).await {
        match ended.unwrap() {
            Ok(()) => {}
            Err(Error::QuotaReached { limit: 10 }) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((refused, store.cluster_count(PROJECT).await.unwrap()), (40, 10));
    assert_eq!(store.operations(None, true, 100).await.unwrap().len(), 10);
    let mut elsewhere = cluster("other", &template);
    elsewhere.project_id = "p2".to_owned();
    store.insert_cluster(&template, &elsewhere, &[], &operation(&elsewhere, OperationKind::Create), 10).await.unwrap();
}

pub(crate) async fn own_quota_row(db: &Fresh) {
    let store = db.store().await;
    let template = store.insert_template(&template("t")).await.unwrap();
    let create = async || {
        let row = cluster("c", &template);
        store.insert_cluster(&template, &row, &[], &operation(&row, OperationKind::Create), 0).await
    };
    assert!(matches!(create().await, Err(Error::QuotaReached { limit: 0 })));
    store.insert_quota(PROJECT, 1, at(0)).await.unwrap();
    create().await.unwrap();
    assert!(matches!(create().await, Err(Error::QuotaReached { limit: 1 })));
    let early = store.check_quota(PROJECT, 9).await;
    assert!(
        matches!(early, Err(Error::QuotaReached { limit: 1 })),
        "its own row counts, also before there is a cluster"
    );
    store.check_quota("p2", 1).await.unwrap();
    assert!(matches!(store.check_quota("p2", 0).await, Err(Error::QuotaReached { limit: 0 })));
}

pub(crate) async fn below_zero_is_no_quota(db: &Fresh) {
    let store = db.store().await;
    let template = store.insert_template(&template("t")).await.unwrap();
    let create = async |quota| {
        let row = cluster("c", &template);
        store.insert_cluster(&template, &row, &[], &operation(&row, OperationKind::Create), quota).await
    };
    create(-1).await.unwrap();
    create(-1).await.unwrap();
    store.check_quota(PROJECT, -1).await.unwrap();
    store.insert_quota(PROJECT, 2, at(0)).await.unwrap();
    assert!(matches!(create(-1).await, Err(Error::QuotaReached { limit: 2 })));
    store.change_quota(PROJECT, -1, at(1)).await.unwrap();
    create(1).await.unwrap();
    store.check_quota(PROJECT, 1).await.unwrap();
}

pub(crate) async fn template_must_exist(db: &Fresh) {
    let store = db.store().await;
    let template = template("never stored");
    let row = cluster("c", &template);
    let refused = store.insert_cluster(&template, &row, &[], &operation(&row, OperationKind::Create), 9).await;
    assert!(matches!(refused, Err(Error::NotFound { kind: "ClusterTemplate", .. })));
    assert_eq!(store.cluster_count(PROJECT).await.unwrap(), 0);
}

pub(crate) async fn broken_rows_do_not_break_the_page(db: &Fresh) {
    let store = db.store().await;
    for _ in 0..3 {
        creating(&store).await;
    }
    let page = store.clusters(&Scope::All, &Page::first(9)).await.unwrap();
    let uuid = |n: usize| page[n].cluster.uuid.clone();
    let gone = page[1].cluster.cluster_template_id.clone();
    for sql in [
        format!("UPDATE cluster SET labels = 'no json', status = 'CHECK_FAILED' WHERE uuid = '{}'", uuid(0)),
        format!("UPDATE cluster SET labels = '{{\"a\": 1, \"b\": true, \"c\": \"x\"}}' WHERE uuid = '{}'", uuid(2)),
        format!(
            "UPDATE nodegroup SET node_count = NULL, labels = NULL, node_addresses = '{{}}', node_taints = 'x', status = NULL WHERE cluster_id = '{}'",
            uuid(0)
        ),
        format!(
            "UPDATE cluster SET created_at = NULL, floating_ip_enabled = NULL, health_status = 'FINE', health_status_reason = '[]' WHERE uuid = '{}'",
            uuid(1)
        ),
        format!("DELETE FROM cluster_template WHERE uuid = '{gone}'"),
    ] {
        execute(&db.url, &sql).await;
    }
    let page = store.clusters(&Scope::All, &Page::first(9)).await.unwrap();
    assert_eq!(page.len(), 3);
    assert_eq!((page[0].cluster.status, page[0].cluster.labels.is_empty()), (Status::UpdateFailed, true));
    let group = &page[0].nodegroups[0];
    assert_eq!((group.node_count, group.status, group.node_addresses.len()), (0, Status::UpdateFailed, 0));
    assert_eq!((page[1].template.is_none(), page[1].cluster.health_status), (true, Some(HealthStatus::Unknown)));
    assert!(!page[1].cluster.floating_ip_enabled);
    assert_eq!(page[2].cluster.labels, Labels::from([("a", "1"), ("b", "true"), ("c", "x")]));
    assert_eq!(show(&store, &uuid(0)).await, page[0]);
}

/// `magnum check` finds each of them by name, and nothing where nothing is wrong.
pub(crate) async fn broken_rows_are_named(db: &Fresh) {
    let store = db.store().await;
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(creating(&store).await.0);
    }
    store.insert_quota(PROJECT, 9, at(0)).await.unwrap();
    store.heartbeat("node-1", "magnum-conductor", at(0)).await.unwrap();
    let before = store.defects().await.unwrap();
    assert_eq!((before.rows, before.defects.len()), (4 + 4 + 8 + 4 + 1 + 1, 0), "{before:?}");
    let uuid = |n: usize| made[n].cluster.uuid.clone();
    let (gone, lost) = (&made[1].cluster.cluster_template_id, &made[2].nodegroups[1].uuid);
    for sql in [
        format!("UPDATE cluster SET labels = 'no json', status = 'MELTED' WHERE uuid = '{}'", uuid(0)),
        format!("DELETE FROM cluster_template WHERE uuid = '{gone}'"),
        format!("UPDATE nodegroup SET node_taints = '{{}}', cluster_id = 'nobody' WHERE uuid = '{lost}'"),
        format!("UPDATE rs_operation SET kind = 'dance' WHERE cluster_uuid = '{}'", uuid(3)),
        format!(
            "UPDATE cluster SET ca_cert_ref = 'lost', magnum_cert_ref = 'http://barbican' WHERE uuid = '{}'",
            uuid(3)
        ),
    ] {
        execute(&db.url, &sql).await;
    }
    let found = store.defects().await.unwrap();
    assert_eq!(found.rows + 1, before.rows, "all but the template; also rows behind a broken one");
    let operation = store.operations(None, false, 9).await.unwrap();
    assert_eq!(operation.len(), 3, "the others are still listed");
    let has = |table: &str, row: &str, part: &str| {
        found.defects.iter().any(|one| (one.table, one.row.as_str()) == (table, row) && one.problem.contains(part))
    };
    assert!(has("cluster", &uuid(0), "labels: expected"), "{found:?}");
    assert!(has("cluster", &uuid(0), "MELTED"), "{found:?}");
    assert!(has("cluster", &uuid(1), "template is gone"), "{found:?}");
    assert!(has("cluster", &uuid(2), "no default node group of workers"), "{found:?}");
    assert!(has("nodegroup", lost, "cluster is gone"), "{found:?}");
    assert!(has("nodegroup", lost, "node_taints"), "{found:?}");
    assert!(found.defects.iter().any(|one| one.table == "rs_operation" && one.problem.contains("read at all")));
    assert!(has("cluster", &uuid(3), "ca_cert_ref"), "{found:?}");
    assert_eq!(found.defects.len(), 8, "{found:?}");
}

pub(crate) async fn health_is_written_alone(db: &Fresh) {
    let store = db.store().await;
    let (record, _) = creating(&store).await;
    let reason: BTreeMap<String, String> = [("node-1".to_owned(), "down".to_owned())].into();
    store.set_health(&record.cluster.uuid, Some(HealthStatus::Unhealthy), &reason, at(7)).await.unwrap();
    let mut wanted = record.clone();
    wanted.cluster.health_status = Some(HealthStatus::Unhealthy);
    wanted.cluster.health_status_reason = reason.clone();
    wanted.cluster.updated_at = Some(at(7));
    assert_eq!(show(&store, &record.cluster.uuid).await, wanted);
    assert!(matches!(store.set_health(&uuid(), None, &reason, at(7)).await, Err(Error::NotFound { .. })));
}

/// What somebody reports while a look is under way stays; a look that finds what it expects leaves the time alone.
pub(crate) async fn a_health_found_gives_way_to_one_reported(db: &Fresh) {
    let store = db.store().await;
    let (record, _) = creating(&store).await;
    let reason = |text: &str| BTreeMap::from([("api".to_owned(), text.to_owned())]);
    let seen = record.cluster.clone();
    assert!(store.set_health_if(&seen, Some(HealthStatus::Healthy), &reason("ok")).await.unwrap());
    let found = show(&store, &seen.uuid).await.cluster;
    assert_eq!((found.health_status, &found.health_status_reason), (Some(HealthStatus::Healthy), &reason("ok")));
    assert_eq!(found.updated_at, seen.updated_at);
    assert!(!store.set_health_if(&seen, Some(HealthStatus::Unknown), &reason("old")).await.unwrap(), "seen before");
    store.set_health(&seen.uuid, Some(HealthStatus::Healthy), &reason("fine"), at(7)).await.unwrap();
    assert!(!store.set_health_if(&found, Some(HealthStatus::Unknown), &reason("old")).await.unwrap(), "reported");
    assert_eq!(show(&store, &seen.uuid).await.cluster.health_status_reason, reason("fine"));
    let gone = domain::Cluster { uuid: uuid(), ..found };
    assert!(!store.set_health_if(&gone, None, &reason("old")).await.unwrap());
}

pub(crate) async fn hostile_text_is_only_text(db: &Fresh) {
    let store = db.store().await;
    let (record, _) = creating(&store).await;
    for text in ["'; DROP TABLE cluster; --", "\" OR 1=1", "%", "_", "\\", "?", "$1", "`", "🦀", "a\nb"] {
        let template = store.insert_template(&template(text)).await.unwrap();
        let found = store.template(&Scope::All, &Ident::Name(text.to_owned())).await.unwrap();
        assert_eq!(found.uuid, template.uuid, "{text}");
        let by_uuid = store.cluster(&Scope::Project(text.to_owned()), &Ident::Uuid(text.to_owned())).await;
        assert!(matches!(by_uuid, Err(Error::NotFound { .. })), "{text}");
        assert!(store.clusters(&Scope::User(text.to_owned()), &Page::first(9)).await.unwrap().is_empty(), "{text}");
    }
    assert_eq!(show(&store, &record.cluster.uuid).await, record);
}
