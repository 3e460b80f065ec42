//! Bays and bay models: the old names of clusters and templates, until 1.10.

use serde_json::{Value, json};

use crate::world::{Answer, World, template};

/// A world that does not wait for a conductor it does not have.
async fn world() -> World {
    World::with(&[("OS_DEFAULT__RPC_RESPONSE_TIMEOUT", "1")]).await
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

async fn ask(world: &World, version: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
    let ask = world.ask(method, path).version(version);
    match body {
        Some(body) => ask.json(&body).send().await,
        None => ask.send().await,
    }
}

#[tokio::test]
async fn a_bay_model_is_a_template_with_fewer_attributes() {
    let world = world().await;
    let body = template(json!({"name": "ABSENT"}));
    let answer = ask(&world, "1.1", "POST", "/v1/baymodels", Some(body)).await;
    let made = answer.expect(201);
    let uuid = made["uuid"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("{}/v1/baymodels/{uuid}", world.url));
    assert!(made["name"].as_str().unwrap().ends_with("-model"), "{made}");
    assert_eq!(made["links"][0]["href"], format!("{}/v1/baymodels/{uuid}", world.url));
    let twin = world.ask("GET", &format!("/v1/clustertemplates/{uuid}")).send().await.expect(200);
    let missing = |name: &&str| !matches!(*name, "hidden" | "tags" | "driver" | "project_id" | "user_id");
    assert_eq!(keys(&made), keys(&twin).into_iter().filter(missing).collect::<Vec<_>>());
    for name in keys(&made).into_iter().filter(|name| *name != "links") {
        assert_eq!(made[name], twin[name], "{name}");
    }

    let path = format!("/v1/baymodels/{uuid}");
    let rename = |path: &str, value: Value| Some(json!([{"op": "replace", "path": path, "value": value}]));
    let renamed = ask(&world, "1.10", "PATCH", &path, rename("/name", json!("old"))).await.expect(200);
    assert_eq!(renamed["name"], "old");
    for list in ["/v1/baymodels", "/v1/baymodels/detail"] {
        let page = ask(&world, "1.6", "GET", &format!("{list}?limit=1"), None).await.expect(200);
        assert_eq!(page["baymodels"][0]["uuid"], uuid);
        assert!(page["next"].as_str().unwrap().starts_with(&format!("{}{list}?", world.url)), "{page}");
    }
    let no_key = template(json!({"keypair_id": "ABSENT"}));
    for (method, path, body) in [
        ("POST", "/v1/baymodels", Some(no_key)),
        ("POST", "/v1/baymodels", Some(template(json!({"hidden": false})))),
        ("POST", "/v1/baymodels", Some(template(json!({"driver": "k8s_fedora_atomic_v1"})))),
        ("PATCH", &path, rename("/tags", json!("a"))),
        ("PATCH", &path, Some(json!([{"op": "remove", "path": "/keypair_id"}]))),
        ("DELETE", "/v1/baymodels", None),
    ] {
        ask(&world, "1.4", method, path, body).await.expect(400);
    }
    ask(&world, "1.4", "DELETE", &path, None).await.expect(204);
    ask(&world, "1.4", "GET", &path, None).await.expect(404);
    world.end().await;
}

#[tokio::test]
async fn a_bay_is_a_cluster_with_other_names() {
    let world = world().await;
    world.template(json!({})).await;
    let body = json!({"baymodel_id": "k8s", "bay_create_timeout": 15, "node_count": 2});
    let accepted = ask(&world, "1.2", "POST", "/v1/bays", Some(body)).await.expect(202);
    assert_eq!(keys(&accepted), ["uuid"]);
    let uuid = accepted["uuid"].as_str().unwrap();
    let bay = ask(&world, "1.10", "GET", &format!("/v1/bays/{uuid}"), None).await.expect(200);
    assert_eq!(
        keys(&bay),
        [
            "api_address",
            "bay_create_timeout",
            "baymodel_id",
            "coe_version",
            "container_version",
            "created_at",
            "discovery_url",
            "docker_volume_size",
            "flavor_id",
            "labels",
            "links",
            "master_addresses",
            "master_count",
            "master_flavor_id",
            "name",
            "node_addresses",
            "node_count",
            "stack_id",
            "status",
            "status_reason",
            "updated_at",
            "uuid",
        ]
    );
    let cluster = ask(&world, "1.1", "GET", &format!("/v1/clusters/{uuid}"), None).await.expect(200);
    assert!(bay["name"].as_str().unwrap().ends_with("-bay"), "{bay}");
    assert_eq!((&bay["bay_create_timeout"], &bay["node_count"]), (&json!(15), &json!(2)));
    assert_eq!((&bay["baymodel_id"], &bay["labels"]), (&cluster["cluster_template_id"], &cluster["labels"]));
    assert_eq!(cluster["keypair"], "testkey", "the bay model's");
    assert_eq!(bay["links"][1]["href"], format!("{}/bays/{uuid}", world.url));

    let list = ask(&world, "1.6", "GET", "/v1/bays?limit=1", None).await.expect(200);
    assert_eq!(list["bays"][0]["uuid"], uuid);
    assert!(list["bays"][0].get("status_reason").is_none() && list["bays"][0].get("keypair").is_none());
    assert!(list["next"].as_str().unwrap().contains("/v1/bays?sort_key=id"), "{list}");
    let detail = ask(&world, "1.6", "GET", "/v1/bays/detail", None).await.expect(200);
    assert_eq!(keys(&detail["bays"][0]), keys(&bay));

    let size = |path: &str, value: i64| Some(json!([{"op": "replace", "path": path, "value": value}]));
    let path = format!("/v1/bays/{uuid}");
    for (version, method, path, body, status) in [
        ("1.2", "PATCH", path.as_str(), size("/node_count", 3), 202),
        ("1.2", "PATCH", path.as_str(), size("/bay_create_timeout", 15), 202),
        ("1.2", "PATCH", path.as_str(), size("/bay_create_timeout", 16), 400),
        ("1.2", "PATCH", path.as_str(), size("/keypair", 16), 400),
        ("1.2", "PATCH", path.as_str(), size("/node_count", 0), 400),
        (
            "1.2",
            "PATCH",
            path.as_str(),
            Some(json!([{"op": "add", "path": "/health_status", "value": "HEALTHY"}])),
            400,
        ),
        ("1.2", "PATCH", path.as_str(), Some(json!([{"op": "remove", "path": "/baymodel_id"}])), 400),
        ("1.2", "PATCH", &format!("{path}?rollback=true"), Some(json!([])), 400),
        ("1.3", "PATCH", &format!("{path}?rollback=true"), Some(json!([])), 202),
        ("1.1", "PATCH", path.as_str(), size("/node_count", 4), 400),
        ("1.2", "POST", "/v1/bays", Some(json!({"cluster_template_id": "k8s"})), 400),
        ("1.2", "POST", "/v1/bays", Some(json!({"baymodel_id": "k8s", "keypair": "testkey"})), 400),
        ("1.2", "POST", "/v1/bays", Some(json!({"baymodel_id": "nothing"})), 400),
        ("1.10", "POST", "/v1/bays", Some(json!({"baymodel_id": "nothing"})), 400),
        ("1.2", "DELETE", path.as_str(), None, 204),
    ] {
        let answer = ask(&world, version, method, path, body.clone()).await;
        assert_eq!(answer.status, status, "{version} {method} {path} {body:?}: {}", answer.text);
    }
    world.end().await;
}

#[tokio::test]
async fn nobody_waits_for_ever_and_the_bay_is_built_all_the_same() {
    let world = world().await;
    world.template(json!({})).await;
    let answer = ask(&world, "1.1", "POST", "/v1/bays", Some(json!({"name": "b", "baymodel_id": "k8s"}))).await;
    let bay = answer.expect(201);
    assert_eq!((&bay["name"], &bay["status"]), (&json!("b"), &json!("CREATE_IN_PROGRESS")));
    assert!(answer.header("location").ends_with(&format!("/v1/bays/{}", bay["uuid"].as_str().unwrap())));
    assert_eq!(world.store.operations(None, true, 9).await.unwrap().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn from_1_11_on_nobody_knows_them() {
    let world = world().await;
    world.template(json!({})).await;
    world.cluster(json!({})).await;
    let before = world.rows().await;
    for (method, path) in [
        ("GET", "/v1/bays"),
        ("GET", "/v1/bays/detail"),
        ("POST", "/v1/bays"),
        ("GET", "/v1/bays/blue"),
        ("PATCH", "/v1/bays/blue"),
        ("DELETE", "/v1/bays/blue"),
        ("GET", "/v1/baymodels"),
        ("GET", "/v1/baymodels/detail"),
        ("POST", "/v1/baymodels"),
        ("GET", "/v1/baymodels/k8s"),
        ("PATCH", "/v1/baymodels/k8s"),
        ("DELETE", "/v1/baymodels/k8s"),
    ] {
        for version in ["1.11", "latest"] {
            let answer = ask(&world, version, method, path, None).await;
            let error = &answer.expect(404)["errors"][0];
            assert_eq!((&error["code"], &error["title"]), (&json!(""), &json!("Not Found")), "{method} {path}");
        }
        world.ask(method, path).by("").version("1.11").send().await.expect(401);
    }
    assert_eq!(world.rows().await, before);
    world.ask("GET", "/v1/bays").version("1.10").send().await.expect(200);
    world.end().await;
}

#[tokio::test]
async fn an_admin_reaches_the_own_projects_only() {
    let world = world().await;
    world.template(json!({})).await;
    world.cluster(json!({})).await;
    for path in ["/v1/bays/blue", "/v1/baymodels/k8s"] {
        world.ask("GET", path).version("1.6").by("admin").send().await.expect(404);
        world.ask("DELETE", path).version("1.6").by("admin").send().await.expect(404);
    }
    let list = world.ask("GET", "/v1/bays").version("1.6").by("admin").send().await.expect(200);
    assert_eq!(list["bays"], json!([]));
    let public = template(json!({"name": "open", "public": true}));
    world.ask("POST", "/v1/baymodels").version("1.6").json(&public).send().await.expect(403);
    world.ask("POST", "/v1/baymodels").version("1.6").by("admin").json(&public).send().await.expect(201);
    world.ask("GET", "/v1/baymodels/open").version("1.6").send().await.expect(200);
    world.end().await;
}
