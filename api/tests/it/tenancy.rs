//! Who may do what to whose things: nobody, a member, another member, another project, an admin, and clusters' own users.

use serde_json::{Value, json};

use crate::{
    certificates::{csr, issue},
    world::{World, cluster, template},
};

const PASSWORD: &str = "trustee-secret";

/// A user of the trustee domain with an unscoped token, as a cluster's nodes have it.
pub(crate) async fn trustee(world: &World, label: &str, uuid: &str) -> String {
    named_trustee(world, label, uuid).await
}

/// One whose name begins otherwise than with the cluster's uuid alone.
pub(crate) async fn named_trustee(world: &World, label: &str, name: &str) -> String {
    let project = &world.cloud.seed().account("demo").unwrap().project_id;
    let admin = world.client.as_domain_admin();
    let domain = world.client.trustee_domain_id().await.unwrap();
    let name = format!("{name}_{project}");
    let user = admin.keystone().create_user(&name, &domain::Secret::new(PASSWORD), &domain).await.unwrap();
    log_in(world, label, &user.id, json!("unscoped")).await;
    user.id
}

/// Has `demo` give that trustee a trust, and knows the token it logs in with by this label.
pub(crate) async fn lend(world: &World, label: &str, user: &str) {
    let project = &world.cloud.seed().account("demo").unwrap().project_id;
    let owner = world.client.as_user(domain::Secret::new(world.token("demo").await), project);
    let trust = owner.keystone().create_trust(user, &[]).await.unwrap().id;
    log_in(world, label, user, json!({"OS-TRUST:trust": {"id": trust}})).await;
}

/// Knows the token of a trustee by this label.
async fn log_in(world: &World, label: &str, user: &str, scope: Value) {
    let body = json!({"auth": {"scope": scope, "identity": {"methods": ["password"],
        "password": {"user": {"id": user, "password": PASSWORD}}}}});
    let url = format!("{}/auth/tokens", world.cloud.auth_url());
    let answer = world.http.post(url).json(&body).send().await.unwrap();
    world.know(label, answer.headers()["x-subject-token"].to_str().unwrap());
}

/// Two clusters of `demo` with a CA and a user each, and one of `other`.
async fn furnish(world: &World) -> (String, String) {
    world.template(json!({})).await;
    let (blue, green) = (world.cluster(json!({})).await, world.cluster(json!({"name": "green"})).await);
    let user = trustee(world, "blue's node", &blue).await;
    issue(world, &blue, Some(&user)).await;
    let user = trustee(world, "green's node", &green).await;
    issue(world, &green, Some(&user)).await;
    let theirs = template(json!({"name": "theirs"}));
    world.ask("POST", "/v1/clustertemplates").by("other").json(&theirs).send().await.expect(201);
    let foreign = cluster(json!({"name": "foreign", "cluster_template_id": "theirs"}));
    world.ask("POST", "/v1/clusters").by("other").json(&foreign).send().await.expect(202);
    (blue, green)
}

#[tokio::test]
async fn everybody_gets_what_the_policy_says() {
    let world = World::new().await;
    let (blue, green) = furnish(&world).await;
    let sign = |uuid: &str| json!({"cluster_uuid": uuid, "csr": csr("system:nodes", "system:node:a")});
    let who = ["", "demo", "reader", "other", "admin", "blue's node", "green's node"];
    // One row per request: what each of them gets, in this order. `reader` is another user of demo's project.
    let none = Value::Null;
    let table: Vec<(&str, String, Value, [u16; 7])> = vec![
        ("GET", "/v1/clusters".into(), none.clone(), [401, 200, 200, 200, 200, 403, 403]),
        ("GET", "/v1/clusters/detail".into(), none.clone(), [401, 200, 200, 200, 200, 403, 403]),
        ("GET", format!("/v1/clusters/{blue}"), none.clone(), [401, 200, 200, 404, 200, 403, 403]),
        ("GET", "/v1/clustertemplates".into(), none.clone(), [401, 200, 200, 200, 200, 403, 403]),
        ("GET", "/v1/clustertemplates/k8s".into(), none.clone(), [401, 200, 200, 404, 200, 403, 403]),
        ("GET", "/v1/mservices".into(), none.clone(), [401, 403, 403, 403, 200, 403, 403]),
        ("GET", format!("/v1/certificates/{blue}"), none.clone(), [401, 200, 403, 404, 404, 200, 403]),
        ("GET", format!("/v1/certificates/{green}"), none.clone(), [401, 200, 403, 404, 404, 403, 200]),
        ("POST", "/v1/certificates".into(), sign(&blue), [401, 201, 403, 400, 400, 201, 403]),
        ("POST", "/v1/certificates".into(), sign(&green), [401, 201, 403, 400, 400, 403, 201]),
        ("POST", "/v1/clustertemplates".into(), template(json!({"name": "n"})), [401, 201, 201, 201, 201, 403, 403]),
        ("PATCH", format!("/v1/clusters/{blue}"), json!([]), [401, 202, 202, 404, 202, 403, 403]),
        ("PATCH", "/v1/clustertemplates/theirs".into(), json!([]), [401, 404, 404, 200, 200, 404, 404]),
        ("DELETE", "/v1/clusters/foreign".into(), none.clone(), [401, 404, 404, 204, 204, 404, 404]),
    ];
    for (method, path, body, statuses) in &table {
        for (user, status) in who.iter().zip(statuses) {
            let mut ask = world.ask(method, path).by(user);
            if !body.is_null() {
                ask = ask.json(body);
            }
            let answer = ask.send().await;
            assert_eq!(answer.status, *status, "{method} {path} by {user:?}: {}", answer.text);
        }
    }
    world.end().await;
}

#[tokio::test]
async fn a_node_cannot_become_the_cluster_admin() {
    let world = World::new().await;
    let (blue, _) = furnish(&world).await;
    let body = json!({"cluster_uuid": blue, "csr": csr("system:masters", "mallory")});
    let refused = world.ask("POST", "/v1/certificates").by("blue's node").json(&body).send().await;
    assert!(matches!(refused.status, 400 | 403), "{}", refused.text);
    world.ask("POST", "/v1/certificates").json(&body).send().await.expect(201);
    world.end().await;
}

#[tokio::test]
async fn nobody_who_acts_by_a_trust_can_become_the_cluster_admin() {
    let world = World::new().await;
    let (blue, _) = furnish(&world).await;
    let user = named_trustee(&world, "unscoped", &format!("{blue}.2")).await;
    lend(&world, "on loan", &user).await;
    let ask = async |user: &str, group: &str, name: &str| {
        let body = json!({"cluster_uuid": blue, "csr": csr(group, name)});
        world.ask("POST", "/v1/certificates").by(user).json(&body).send().await
    };
    ask("on loan", "system:nodes", "system:node:a").await.expect(201);
    let refused = ask("on loan", "system:masters", "mallory").await;
    assert!(refused.expect(403)["errors"][0]["detail"].as_str().unwrap().contains("system:masters"));
    ask("demo", "system:masters", "mallory").await.expect(201);
    world.end().await;
}

#[tokio::test]
async fn public_and_hidden_templates_show_to_whom_they_should() {
    let world = World::new().await;
    let publish = |name: &'static str, hidden: bool| {
        let world = &world;
        async move {
            let body = template(json!({"name": name, "public": true, "hidden": hidden}));
            world.ask("POST", "/v1/clustertemplates").by("admin").json(&body).send().await.expect(201);
        }
    };
    publish("open", false).await;
    publish("secret", true).await;
    let names = |user: &'static str| {
        let world = &world;
        async move {
            let list = world.ask("GET", "/v1/clustertemplates").by(user).send().await.expect(200);
            let all = list["clustertemplates"].as_array().unwrap().iter();
            all.map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(names("demo").await, ["open"]);
    assert_eq!(names("admin").await, ["open", "secret"]);
    world.ask("GET", "/v1/clustertemplates/open").send().await.expect(200);
    world.ask("GET", "/v1/clustertemplates/secret").send().await.expect(404);
    // Anybody may build on a public template, and then also read it, which `cluster config` needs.
    world.cluster(json!({"cluster_template_id": "open"})).await;
    world.ask("DELETE", "/v1/clustertemplates/open").by("admin").send().await.expect(400);
    world.end().await;
}

#[tokio::test]
async fn a_token_that_expires_is_refused() {
    let world = World::new().await;
    world.template(json!({})).await;
    world.cloud.expire_tokens();
    let body = cluster(json!({}));
    let answer = world.ask("POST", "/v1/clusters").json(&body).send().await;
    assert!(matches!(answer.status, 401 | 403), "the services refuse what the cache still takes: {}", answer.text);
    world.end().await;
}

#[tokio::test]
async fn a_token_without_a_project_makes_nothing() {
    let world = World::new().await;
    world.template(json!({})).await;
    let demo = world.cloud.seed().account("demo").unwrap();
    let body = json!({"auth": {"scope": "unscoped", "identity": {"methods": ["password"],
        "password": {"user": {"id": demo.user_id, "password": demo.password}}}}});
    let url = format!("{}/auth/tokens", world.cloud.auth_url());
    let answer = world.http.post(url).json(&body).send().await.unwrap();
    world.know("homeless", answer.headers()["x-subject-token"].to_str().unwrap());
    let before = world.rows().await;
    let post = |path: &'static str, body: Value| world.ask("POST", path).by("homeless").json(&body).send();
    post("/v1/clustertemplates", template(json!({}))).await.expect(403);
    post("/v1/clusters", cluster(json!({}))).await.expect(403);
    assert_eq!(world.rows().await, before);
    let list = world.ask("GET", "/v1/clustertemplates").by("homeless").send().await.expect(200);
    assert_eq!(list["clustertemplates"].as_array().unwrap().len(), 1, "what its user made");
    world.end().await;
}

#[tokio::test]
async fn admins_see_the_conductors() {
    let world = World::new().await;
    let now = chrono::Utc::now();
    world.store.heartbeat("ctl-1", "magnum-conductor", now).await.unwrap();
    let list = world.ask("GET", "/v1/mservices").by("admin").send().await.expect(200);
    let service = &list["mservices"][0];
    assert_eq!(list["mservices"].as_array().unwrap().len(), 1);
    assert_eq!((&service["id"], &service["host"], &service["state"]), (&json!(1), &json!("ctl-1"), &json!("up")));
    assert_eq!((&service["binary"], &service["disabled"]), (&json!("magnum-conductor"), &json!(false)));
    assert!(service["report_count"].as_i64().unwrap() > 0);
    let mut keys: Vec<&String> = service.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(
        keys,
        ["binary", "created_at", "disabled", "disabled_reason", "host", "id", "report_count", "state", "updated_at"]
    );
    world.store.heartbeat("ctl-2", "magnum-conductor", now - chrono::TimeDelta::seconds(600)).await.unwrap();
    let list = world.ask("GET", "/v1/mservices").by("admin").send().await.expect(200);
    assert_eq!(list["mservices"][1]["state"], "down");
    world.end().await;
}

#[tokio::test]
async fn the_newer_rules_tell_readers_from_members() {
    let world = World::with(&[("OS_MAGNUM_RS__DEFAULT_RULES", "master")]).await;
    world.template(json!({})).await;
    world.cluster(json!({})).await;
    for path in ["/v1/clusters", "/v1/clusters/blue", "/v1/clustertemplates/k8s"] {
        world.ask("GET", path).by("reader").send().await.expect(200);
    }
    let before = world.rows().await;
    let made = world.ask("POST", "/v1/clustertemplates").by("reader").json(&template(json!({}))).send().await;
    assert!(made.expect(403)["errors"][0]["detail"].as_str().unwrap().contains("clustertemplate:create"));
    world.ask("POST", "/v1/clusters").by("reader").json(&cluster(json!({}))).send().await.expect(403);
    world.ask("PATCH", "/v1/clusters/blue").by("reader").json(&json!([])).send().await.expect(403);
    world.ask("DELETE", "/v1/clusters/blue").by("reader").send().await.expect(403);
    assert_eq!(world.rows().await, before);
    world.end().await;
}

#[tokio::test]
async fn a_broken_trust_section_breaks_no_ordinary_request() {
    let world = World::with(&[("OS_TRUST__TRUSTEE_DOMAIN_ADMIN_PASSWORD", "wrong")]).await;
    world.template(json!({})).await;
    world.ask("GET", "/v1/clustertemplates/k8s").send().await.expect(200);
    let attempts = || {
        world.cloud.calls().iter().filter(|call| call.path.ends_with("/auth/tokens") && call.method == "POST").count()
    };
    let before = attempts();
    for _ in 0..5 {
        world.ask("GET", "/v1/clusters").send().await.expect(200);
    }
    assert_eq!(attempts(), before, "a log-in that fails is not tried again with every request");
    world.end().await;
}
