//! What only an administrator may ask of Keystone: places, roles, the catalogue, and switching them off.

use devcloud::DevCloud;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Caller, cloud, log_in, user};

/// A creation, with the answer of a second one of the same name.
async fn twice(caller: &Caller, collection: &str, body: Value) -> (Value, Answer) {
    let path = format!("/identity/v3/{collection}");
    let made = caller.post(&path, body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let key = collection.trim_end_matches('s');
    (made.body[key].clone(), caller.post(&path, body).await)
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

fn message(answer: &Answer) -> &str {
    answer.body["error"]["message"].as_str().unwrap()
}

async fn change(caller: &Caller, collection: &str, id: &str, members: Value) {
    let key = collection.trim_end_matches('s');
    let answer = caller.patch(&format!("/identity/v3/{collection}/{id}"), json!({ key: members })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn names_are_taken_once_whatever_their_case() {
    let cloud = cloud().await;
    let admin = user(&cloud, "admin").await;
    for (collection, body, sentence) in [
        (
            "domains",
            json!({"domain": {"name": "clusters"}}),
            "two projects acting as domains with the same name: clusters",
        ),
        ("projects", json!({"project": {"name": "p", "domain_id": "default"}}), "same domain: name is p, project id"),
        ("roles", json!({"role": {"name": "auditor"}}), "Duplicate entry found with name auditor"),
        ("regions", json!({"region": {"id": "RegionTwo"}}), "Duplicate ID, RegionTwo"),
    ] {
        let (made, again) = twice(&admin, collection, body).await;
        assert_eq!(again.status, 409, "{collection}");
        assert!(message(&again).contains(sentence), "{}", again.text);
        assert!(!id(&made).is_empty());
    }
    let found = admin.get("/identity/v3/domains?name=CLUSTERS").await;
    assert_eq!(found.body["domains"][0]["name"], "clusters");
    let unknown = json!({"project": {"name": "q", "domain_id": "nope"}});
    assert_eq!(admin.post("/identity/v3/projects", unknown).await.status, 400);
    assert_eq!(admin.post("/identity/v3/roles", json!({"role": {}})).await.status, 400);
    assert_eq!(admin.patch("/identity/v3/domains/nope", json!({"domain": {}})).await.status, 404);
}

#[tokio::test]
async fn others_are_refused_with_the_rule() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let who = demo.info["user"]["id"].as_str().unwrap();
    for kind in ["domain", "project", "role", "service", "endpoint"] {
        let path = format!("/identity/v3/{kind}s");
        let one = format!("{path}/nope");
        // Of some, Keystone looks for the object before it looks at the rights.
        let (get, patch) = match kind {
            "role" | "endpoint" => (404, 404),
            "domain" => (403, 404),
            _ => (403, 403),
        };
        for (answer, status, action) in [
            (demo.get(&path).await, 403, format!("list_{kind}s")),
            (demo.post(&path, json!({ kind: {"name": "x"} })).await, 403, format!("create_{kind}")),
            (demo.get(&one).await, get, format!("get_{kind}")),
            (demo.patch(&one, json!({ kind: {} })).await, patch, format!("update_{kind}")),
        ] {
            assert_eq!(answer.status, status, "{action}");
            let sentence =
                if status == 404 { format!("Could not find {kind}: nope.") } else { format!("identity:{action}.") };
            assert!(message(&answer).ends_with(&sentence), "{}", answer.text);
        }
    }
    assert_eq!(demo.post("/identity/v3/regions", json!({"region": {"id": "R"}})).await.status, 403);
    let admin = user(&cloud, "admin").await;
    let roles = admin.get("/identity/v3/roles?name=admin").await;
    for (role, status) in [("nope", 404), (id(&roles.body["roles"][0]), 403)] {
        let grant = format!("/identity/v3/projects/{}/users/{who}/roles/{role}", demo.project);
        assert_eq!(demo.put(&grant, json!({})).await.status, status);
    }
}

#[tokio::test]
async fn roles_are_given_looked_for_and_taken() {
    let cloud = cloud().await;
    let (admin, demo) = (user(&cloud, "admin").await, user(&cloud, "demo").await);
    let who = demo.info["user"]["id"].as_str().unwrap();
    let (role, _) = twice(&admin, "roles", json!({"role": {"name": "auditor"}})).await;
    let (domain, _) = twice(&admin, "domains", json!({"domain": {"name": "clusters"}})).await;
    for place in [format!("projects/{}", demo.project), format!("domains/{}", id(&domain))] {
        let path = format!("/identity/v3/{place}/users/{who}/roles/{}", id(&role));
        let has = async || admin.send(Method::HEAD, &path, None, &[]).await.status;
        assert_eq!(has().await, 404);
        for _ in 0..2 {
            assert_eq!(admin.put(&path, json!({})).await.status, 204);
        }
        assert_eq!(has().await, 204);
        assert_eq!(admin.delete(&path).await.status, 204);
        let gone = admin.delete(&path).await;
        assert!(gone.status == 404 && message(&gone).starts_with("Could not find role assignment"), "{}", gone.text);
    }
    for path in [
        format!("projects/nope/users/{who}/roles/{}", id(&role)),
        format!("projects/{}/users/nope/roles/{}", demo.project, id(&role)),
        format!("projects/{}/users/{who}/roles/nope", demo.project),
    ] {
        assert_eq!(admin.put(&format!("/identity/v3/{path}"), json!({})).await.status, 404, "{path}");
    }
}

async fn demo_logs_in(cloud: &DevCloud, scoped: bool) -> bool {
    let scope = json!({"project": {"name": "demo", "domain": {"id": "default"}}});
    let scope = if scoped { scope } else { json!("unscoped") };
    let given = json!({"name": "demo", "domain": {"id": "default"}, "password": "demo"});
    log_in(cloud, given, &scope).await.status == 201
}

#[tokio::test]
async fn what_is_switched_off_lets_nobody_in() {
    let cloud = cloud().await;
    let (admin, demo) = (user(&cloud, "admin").await, user(&cloud, "demo").await);
    let off = json!({"enabled": false});
    change(&admin, "projects", &demo.project, off.clone()).await;
    assert!(demo_logs_in(&cloud, false).await && !demo_logs_in(&cloud, true).await);
    assert_eq!(demo.get("/image/v2/images").await.status, 401, "also tokens that are out already");
    change(&admin, "projects", &demo.project, json!({"enabled": true})).await;
    assert!(demo_logs_in(&cloud, true).await);
    let (domain, _) = twice(&admin, "domains", json!({"domain": {"name": "clusters"}})).await;
    let body = json!({"user": {"name": "u", "domain_id": id(&domain), "password": "pw"}});
    let (made, _) = twice(&admin, "users", body).await;
    let given = json!({"id": id(&made), "password": "pw"});
    assert_eq!(log_in(&cloud, given.clone(), &json!("unscoped")).await.status, 201);
    change(&admin, "domains", id(&domain), off).await;
    assert_eq!(log_in(&cloud, given, &json!("unscoped")).await.status, 401);
}

#[tokio::test]
async fn only_administrators_have_the_system() {
    let cloud = cloud().await;
    let system = json!({"system": {"all": true}});
    let account = cloud.seed().account("admin").unwrap();
    let given = json!({"id": account.user_id, "password": account.password});
    let admin = Caller::from(&cloud, &log_in(&cloud, given, &system).await);
    assert_eq!(admin.info["system"], json!({"all": true}));
    assert_eq!(admin.get("/identity/v3/domains").await.status, 200);
    assert_eq!(admin.get("/image/v2/images").await.status, 401, "other services want a project");
    let given = json!({"name": "demo", "domain": {"id": "default"}, "password": "demo"});
    assert_eq!(log_in(&cloud, given, &system).await.status, 401);
}

async fn listed(cloud: &DevCloud) -> Vec<String> {
    let demo = user(cloud, "demo").await;
    let mut own =
        demo.info["catalog"].as_array().unwrap().iter().filter(|service| service["type"] == "container-infra");
    let endpoints = own.next().map(|service| service["endpoints"].as_array().unwrap().clone()).unwrap_or_default();
    endpoints.iter().map(|row| row["url"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_catalogue_shows_what_is_registered_and_switched_on() {
    let cloud = cloud().await;
    let admin = user(&cloud, "admin").await;
    let body = json!({"service": {"type": "container-infra", "name": "magnum"}});
    let service = admin.post("/identity/v3/services", body).await.body["service"].clone();
    let endpoint = |members: Value| {
        let mut body = json!({
            "service_id": id(&service), "interface": "public", "region_id": "RegionOne", "url": "http://one/v1",
        });
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        json!({"endpoint": body})
    };
    let path = "/identity/v3/endpoints";
    let made = admin.post(path, endpoint(json!({}))).await.body["endpoint"].clone();
    assert_eq!(listed(&cloud).await, ["http://one/v1"]);
    change(&admin, "endpoints", id(&made), json!({"url": "http://two/v1"})).await;
    assert_eq!(listed(&cloud).await, ["http://two/v1"]);
    for (kind, which) in [("endpoints", &made), ("services", &service)] {
        change(&admin, kind, id(which), json!({"enabled": false})).await;
        assert!(listed(&cloud).await.is_empty(), "{kind}");
        change(&admin, kind, id(which), json!({"enabled": true})).await;
    }
    let rows = admin.get(&format!("{path}?service_id={}&interface=public&region_id=RegionOne", id(&service))).await;
    assert_eq!(rows.body["endpoints"].as_array().unwrap().len(), 1);
    for wrong in [
        json!({"region_id": "Nowhere"}),
        json!({"service_id": "nope"}),
        json!({"interface": "private"}),
        json!({"url": "nowhere"}),
        json!({"url": null}),
    ] {
        assert_eq!(admin.post(path, endpoint(wrong.clone())).await.status, 400, "{wrong}");
    }
    assert_eq!(admin.post("/identity/v3/services", json!({"service": {"name": "x"}})).await.status, 400);
    assert_eq!(admin.patch(&format!("{path}/nope"), json!({"endpoint": {}})).await.status, 404);
}
