//! Quotas and what they are compared with.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::world::{World, cluster};

fn project_of(world: &World, user: &str) -> String {
    world.cloud.seed().account(user).unwrap().project_id.clone()
}

async fn set(world: &World, project: &str, hard_limit: i64) -> Value {
    let body = json!({"project_id": project, "resource": "Cluster", "hard_limit": hard_limit});
    world.ask("POST", "/v1/quotas").by("admin").json(&body).send().await.expect(201)
}

#[tokio::test]
async fn a_quota_is_made_shown_changed_and_taken_away() {
    let world = World::with(&[("OS_QUOTAS__MAX_CLUSTERS_PER_PROJECT", "7")]).await;
    let (mine, theirs) = (project_of(&world, "demo"), project_of(&world, "other"));
    let path = format!("/v1/quotas/{mine}/Cluster");
    let configured = json!({"project_id": mine, "resource": "Cluster", "hard_limit": 7});
    assert_eq!(world.ask("GET", &path).send().await.expect(200), configured, "no row, so no id and no times");

    let made = set(&world, &mine, 3).await;
    let keys: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["created_at", "hard_limit", "id", "project_id", "resource", "updated_at"]);
    assert_eq!((&made["hard_limit"], &made["updated_at"]), (&json!(3), &Value::Null));
    assert_eq!(world.ask("GET", &path).send().await.expect(200), made);
    set(&world, &theirs, 4).await;

    // As the client sends it: a plain object, with what the path says once more.
    let body = json!({"project_id": theirs, "resource": "Cluster", "hard_limit": 5});
    let changed = world.ask("PATCH", &path).by("admin").json(&body).send().await.expect(202);
    assert_eq!((&changed["hard_limit"], &changed["project_id"]), (&json!(5), &json!(mine)), "the path decides");
    assert!(changed["updated_at"].is_string());
    let reset = world.ask("PATCH", &path).by("admin").json(&json!({})).send().await.expect(202);
    assert_eq!(reset["hard_limit"], 1);

    let answer = world.ask("DELETE", &path).by("admin").send().await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert_eq!(world.ask("GET", &path).send().await.expect(200), configured);
    let left = world.ask("GET", "/v1/quotas?all_tenants=true").by("admin").send().await.expect(200);
    assert_eq!(left["quotas"].as_array().unwrap().len(), 1, "only the one row goes");
    world.end().await;
}

#[tokio::test]
async fn the_list_is_of_the_own_project_or_of_all() {
    let world = World::new().await;
    for user in ["demo", "other", "admin"] {
        set(&world, &project_of(&world, user), 3).await;
    }
    let list = async |path: &str| world.ask("GET", path).by("admin").send().await.expect(200);
    assert_eq!(list("/v1/quotas").await["quotas"].as_array().unwrap().len(), 1);
    // What `next` says is followed as it is.
    let mut path = "/v1/quotas?limit=2&sort_key=id&all_tenants=True".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = list(&path).await;
        seen.extend(page["quotas"].as_array().unwrap().iter().map(|one| one["project_id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = next.strip_prefix(&world.url).unwrap().to_owned();
    }
    assert_eq!(seen, ["demo", "other", "admin"].map(|user| json!(project_of(&world, user))));
    for (path, status) in [
        ("/v1/quotas?marker=x", 400),
        ("/v1/quotas?marker=0", 400),
        ("/v1/quotas?marker=99", 404),
        ("/v1/quotas?sort_key=nonsense", 400),
        ("/v1/quotas?all_tenants=perhaps", 400),
        ("/v1/quotas?name=x", 400),
        ("/v1/clusters?all_tenants=true", 400),
    ] {
        assert_eq!(world.ask("GET", path).by("admin").send().await.status, status, "{path}");
    }
    world.end().await;
}

#[tokio::test]
async fn only_admins_set_quotas_and_everybody_sees_the_own_one() {
    let world = World::new().await;
    let (mine, theirs) = (project_of(&world, "demo"), project_of(&world, "other"));
    set(&world, &mine, 3).await;
    let before = world.rows().await;
    let (own, foreign) = (format!("/v1/quotas/{mine}/Cluster"), format!("/v1/quotas/{theirs}/Cluster"));
    let body = json!({"project_id": mine, "hard_limit": 9});
    let project = |id: &str| json!({"project_id": id, "hard_limit": 9});
    for (user, method, path, body, status) in [
        ("demo", "GET", "/v1/quotas", None, 403),
        ("demo", "GET", own.as_str(), None, 200),
        ("demo", "GET", foreign.as_str(), None, 403),
        ("admin", "GET", foreign.as_str(), None, 200),
        ("demo", "POST", "/v1/quotas", Some(body.clone()), 403),
        ("demo", "PATCH", own.as_str(), Some(body.clone()), 403),
        ("demo", "DELETE", own.as_str(), None, 403),
        ("admin", "POST", "/v1/quotas", Some(body.clone()), 409),
        ("admin", "POST", "/v1/quotas", Some(project("nobody")), 404),
        ("admin", "POST", "/v1/quotas", Some(project("..")), 404),
        ("admin", "POST", "/v1/quotas", Some(project("a/b")), 404),
        ("admin", "POST", "/v1/quotas", Some(json!({"hard_limit": 9})), 400),
        ("admin", "POST", "/v1/quotas", Some(json!({"project_id": theirs, "hard_limit": -1})), 400),
        ("admin", "POST", "/v1/quotas", Some(json!({"project_id": theirs, "resource": "cluster"})), 400),
        ("admin", "POST", "/v1/quotas", Some(json!({"project_id": theirs, "created_at": "x"})), 400),
        ("admin", "PATCH", own.as_str(), Some(json!([{"op": "replace", "path": "/hard_limit", "value": 9}])), 400),
        ("admin", "PATCH", foreign.as_str(), Some(body), 404),
        ("admin", "DELETE", foreign.as_str(), None, 404),
        ("admin", "GET", "/v1/quotas/x", None, 404),
        ("admin", "PUT", own.as_str(), None, 405),
    ] {
        let mut ask = world.ask(method, path).by(user).version("");
        if let Some(body) = &body {
            ask = ask.json(body);
        }
        let answer = ask.send().await;
        assert_eq!(answer.status, status, "{method} {path} {body:?} by {user}: {}", answer.text);
    }
    let odd = world.ask("GET", &format!("/v1/quotas/{mine}/Volume")).send().await.expect(200);
    assert_eq!((&odd["resource"], &odd["hard_limit"]), (&json!("Cluster"), &json!(20)), "as upstream");
    world.ask("DELETE", &format!("/v1/quotas/{mine}/Volume")).by("admin").send().await.expect(404);
    assert_eq!(world.rows().await, before);
    world.end().await;
}

/// Through the whole service: policy, look-ups, transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_creates_at_once_with_a_quota_of_ten_make_ten() {
    let world = World::new().await;
    world.template(json!({})).await;
    set(&world, &project_of(&world, "demo"), 10).await;
    world.token("demo").await;
    let body = cluster(json!({"name": "ABSENT"}));
    let creates = (0..50).map(|_| world.ask("POST", "/v1/clusters").json(&body).send());
    let statuses: Vec<u16> = join_all(creates).await.iter().map(|answer| answer.status).collect();
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(202), count(403)), (10, 40), "{statuses:?}");
    let list = world.ask("GET", "/v1/clusters").send().await.expect(200);
    assert_eq!(list["clusters"].as_array().unwrap().len(), 10);
    assert_eq!(world.store.operations(None, true, 100).await.unwrap().len(), 10, "one operation each");
    world.end().await;
}

#[tokio::test]
async fn stats_count_clusters_and_nodes() {
    let world = World::new().await;
    let (mine, theirs) = (project_of(&world, "demo"), project_of(&world, "other"));
    world.template(json!({})).await;
    world.cluster(json!({"node_count": 4})).await;
    world.cluster(json!({"name": "green", "node_count": 0})).await;
    let expect = json!({"clusters": 2, "nodes": 6});
    let nothing = json!({"clusters": 0, "nodes": 0});
    for (user, query, expect) in [
        ("demo", String::new(), &expect),
        ("demo", format!("?project_id={mine}&type=Cluster"), &expect),
        ("other", String::new(), &nothing),
        ("admin", String::new(), &expect),
        ("admin", "?project_id=".to_owned(), &expect),
        ("admin", format!("?project_id={mine}"), &expect),
        ("admin", format!("?project_id={theirs}"), &nothing),
        ("admin", "?project_id=nobody".to_owned(), &nothing),
    ] {
        let before = world.store.statements();
        let answer = world.ask("GET", &format!("/v1/stats{query}")).by(user).version("").send().await;
        assert_eq!(&answer.expect(200), expect, "{user} {query}");
        assert_eq!(world.store.statements() - before, 1, "one statement");
    }
    for (query, status) in
        [(format!("?project_id={theirs}"), 403), ("?type=node".to_owned(), 400), ("?type=".to_owned(), 400)]
    {
        world.ask("GET", &format!("/v1/stats{query}")).send().await.expect(status);
    }
    world.end().await;
}
