//! Requests that are odd and still right, and numbers that no cloud could serve.

use serde_json::{Value, json};

use crate::world::{World, cluster};

#[tokio::test]
async fn a_patch_of_nothing_is_accepted_and_changes_nothing() {
    let world = World::new().await;
    world.template(json!({})).await;
    let uuid = world.cluster(json!({})).await;
    let before = world.rows().await;
    let patch = |path: String| {
        let world = &world;
        async move { world.ask("PATCH", &path).json(&json!([])).send().await }
    };
    assert_eq!(patch(format!("/v1/clusters/{uuid}")).await.expect(202), json!({"uuid": uuid}));
    assert_eq!(world.rows().await, before, "no operation, no time of change");
    assert_eq!(patch("/v1/clustertemplates/k8s".to_owned()).await.expect(200)["name"], "k8s");
    patch("/v1/clusters/nobody".to_owned()).await.expect(404);
    world.end().await;
}

#[tokio::test]
async fn a_huge_limit_is_the_largest() {
    let world = World::with(&[("OS_API__MAX_LIMIT", "2")]).await;
    for name in ["one", "two", "three"] {
        world.template(json!({"name": name})).await;
    }
    for limit in ["3", "1000", "4294967296", "99999999999999999999999999"] {
        let page = world.ask("GET", &format!("/v1/clustertemplates?limit={limit}")).send().await.expect(200);
        assert_eq!(page["clustertemplates"].as_array().unwrap().len(), 2, "{limit}");
        assert!(page["next"].as_str().unwrap().contains("limit=2&"), "{limit}");
    }
    world.end().await;
}

/// What is shown of a column may be sorted by; what is put together, secret or unknown may not.
#[tokio::test]
async fn lists_are_sorted_by_what_is_a_column() {
    let world = World::new().await;
    world.template(json!({})).await;
    for name in ["one", "two"] {
        world.cluster(json!({"name": name})).await;
    }
    for (path, right, wrong) in [
        (
            "/v1/clusters",
            ["labels", "status", "keypair", "health_status_reason", "docker_volume_size", "floating_ip_enabled"],
            ["node_count", "master_count", "node_addresses", "links", "trust_id", "ca_cert_ref", "NAME", "a b", "%00"],
        ),
        (
            "/v1/clustertemplates",
            ["labels", "tags", "driver", "public", "updated_at", "coe"],
            ["node_count", "links", "cluster_id", "password", "stack_id", "faults", "NAME", "a b", "%00"],
        ),
    ] {
        for key in right {
            for direction in ["asc", "desc"] {
                let asked = format!("{path}?limit=1&sort_key={key}&sort_dir={direction}");
                let page = world.ask("GET", &asked).send().await.expect(200);
                let next = page["next"].as_str().unwrap().strip_prefix(&world.url).unwrap().to_owned();
                world.ask("GET", &next).send().await.expect(200);
            }
        }
        for key in wrong {
            let answer = world.ask("GET", &format!("{path}?sort_key={key}")).send().await.expect(400);
            assert!(answer["errors"][0]["detail"].as_str().unwrap().contains("sort_key"), "{key}: {answer}");
        }
    }
    world.end().await;
}

/// Of an attribute that is given twice the last one counts, as in Python's reader of JSON; what it hides is not checked.
#[tokio::test]
async fn of_a_doubled_key_the_last_counts() {
    let world = World::new().await;
    world.template(json!({})).await;
    let post = |body: &'static str| {
        let world = &world;
        let asked = world.ask("POST", "/v1/clusters").header("content-type", "application/json").body(body);
        async move { asked.send().await }
    };
    let made = post(r#"{"name": 7, "name": "blue", "cluster_template_id": "x", "cluster_template_id": "k8s"}"#).await;
    let path = format!("/v1/clusters/{}", made.expect(202)["uuid"].as_str().unwrap());
    assert_eq!(world.ask("GET", &path).send().await.expect(200)["name"], "blue");
    post(r#"{"name": "blue", "cluster_template_id": "k8s", "cluster_template_id": "x"}"#).await.expect(404);
    let patch =
        r#"[{"op": "remove", "op": "replace", "path": "/name", "path": "/node_count", "value": 0, "value": 3}]"#;
    let asked = world.ask("PATCH", &path).header("content-type", "application/json").body(patch);
    asked.send().await.expect(202);
    let workers = world.store.operations(None, true, 9).await.unwrap().remove(0).params;
    assert_eq!(workers["node_count"], 3);
    world.end().await;
}

#[tokio::test]
async fn absurd_sizes_are_refused_at_once() {
    let world = World::with(&[("OS_MAGNUM_RS__MAX_NODE_COUNT", "9")]).await;
    world.template(json!({})).await;
    let path = format!("/v1/clusters/{}", world.cluster(json!({"node_count": 9})).await);
    let before = world.rows().await;
    world.cloud.clear_calls();
    for (name, count) in [
        ("node_count", json!(10)),
        ("node_count", json!(2_147_483_647)),
        ("node_count", json!(1e300)),
        ("node_count", json!("99999999999999999999")),
        ("master_count", json!(11)),
        ("master_count", json!(i64::MAX)),
    ] {
        let body = cluster(json!({ name: count.clone() }));
        let answer = world.ask("POST", "/v1/clusters").json(&body).send().await.expect(400);
        refused_for(&answer, name);
    }
    for count in [json!(10), json!(u64::MAX)] {
        let patch = json!([{"op": "replace", "path": "/node_count", "value": count}]);
        refused_for(&world.ask("PATCH", &path).json(&patch).send().await.expect(400), "node_count");
    }
    assert!(world.cloud.calls().is_empty(), "{:?}", world.cloud.calls());
    assert_eq!(world.rows().await, before);
    world.end().await;
}

fn refused_for(answer: &Value, name: &str) {
    assert!(answer["errors"][0]["detail"].as_str().unwrap().contains(name), "{answer}");
}
