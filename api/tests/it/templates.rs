//! Cluster templates: what goes in comes out, in every version.

use serde_json::{Value, json};

use crate::world::{World, template};

/// The answer with what differs from run to run in the place of it.
fn steady(world: &World, mut value: Value) -> Value {
    fn walk(url: &str, uuid: &str, value: &mut Value) {
        match value {
            Value::String(text) => {
                *text = text.replace(url, "http://magnum.test").replace(uuid, "<uuid>");
            }
            Value::Array(items) => items.iter_mut().for_each(|item| walk(url, uuid, item)),
            Value::Object(map) => map.values_mut().for_each(|item| walk(url, uuid, item)),
            _ => {}
        }
    }
    let uuid = value["uuid"].as_str().unwrap().to_owned();
    walk(&world.url, &uuid, &mut value);
    for (name, word) in [("created_at", "<time>"), ("project_id", "<project>"), ("user_id", "<user>")] {
        assert!(value[name].is_string(), "{name}");
        value[name] = json!(word);
    }
    value
}

#[tokio::test]
async fn a_template_comes_back_as_it_was_sent() {
    let world = World::new().await;
    let body = template(json!({"labels": {"kube_tag": "v1.9.3", "n": 5, "b": true}, "http_proxy": "http://proxy:3128",
        "tags": "a,b", "apiserver_port": 6443, "fixed_network": "private", "fixed_subnet": "private-subnet",
        "volume_driver": "cinder", "cluster_distro": null}));
    let answer = world.ask("POST", "/v1/clustertemplates").version("").json(&body).send().await;
    let created = answer.expect(201);
    let uuid = created["uuid"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("{}/v1/clustertemplates/{uuid}", world.url));
    insta::assert_json_snapshot!("template", steady(&world, created.clone()));
    for version in ["", "1.6", "1.12", "1.13", "latest"] {
        for ident in [uuid, "k8s"] {
            let shown = world.ask("GET", &format!("/v1/clustertemplates/{ident}")).version(version).send().await;
            assert_eq!(shown.expect(200), created, "version {version}");
        }
        for path in ["/v1/clustertemplates", "/v1/clustertemplates/detail"] {
            let list = world.ask("GET", path).version(version).send().await.expect(200);
            assert_eq!(list, json!({"clustertemplates": [created]}));
        }
    }
    world.end().await;
}

#[tokio::test]
async fn scalars_as_text_are_read_and_names_are_made() {
    let world = World::new().await;
    let body = json!({"coe": "kubernetes", "image_id": "fedora-atomic-27", "docker_volume_size": "5",
        "tls_disabled": "False", "floating_ip_enabled": "false", "master_lb_enabled": "True", "labels": {}});
    let made = world.ask("POST", "/v1/clustertemplates").json(&body).send().await.expect(201);
    assert!(made["name"].as_str().unwrap().ends_with("-template"));
    assert_eq!(made["docker_volume_size"], 5);
    assert_eq!((&made["floating_ip_enabled"], &made["master_lb_enabled"]), (&json!(false), &json!(true)));
    assert_eq!((&made["network_driver"], &made["cluster_distro"]), (&json!("flannel"), &json!("fedora-atomic")));
    let uuid = "0b6f3a52-7c1d-4e0b-9b0a-4d2f6a1c8e11";
    let chosen = world.template(json!({"uuid": uuid})).await;
    assert_eq!(chosen["uuid"], uuid);
    let again = world.ask("POST", "/v1/clustertemplates").json(&template(json!({"uuid": uuid}))).send().await;
    again.expect(409);
    world.end().await;
}

#[tokio::test]
async fn patches_change_what_they_name() {
    let world = World::new().await;
    world.template(json!({})).await;
    let patch = json!([
        {"op": "replace", "path": "/flavor_id", "value": "m1.large"},
        {"op": "replace", "path": "/labels", "value": "{'a': 'b'}"},
        {"op": "add", "path": "/labels/c", "value": 5},
        {"op": "replace", "path": "/floating_ip_enabled", "value": "false"},
        {"op": "replace", "path": "/docker_volume_size", "value": "20"},
        {"op": "add", "path": "/http_proxy", "value": "http://proxy"},
        {"op": "remove", "path": "/dns_nameserver"},
    ]);
    let changed = world.ask("PATCH", "/v1/clustertemplates/k8s").version("").json(&patch).send().await.expect(200);
    assert_eq!(changed["flavor_id"], "m1.large");
    assert_eq!(changed["labels"], json!({"a": "b", "c": "5"}));
    assert_eq!(changed["floating_ip_enabled"], false);
    assert_eq!((&changed["docker_volume_size"], &changed["http_proxy"]), (&json!(20), &json!("http://proxy")));
    assert_eq!(changed["dns_nameserver"], Value::Null);
    assert!(changed["updated_at"].is_string());
    let shown = world.ask("GET", "/v1/clustertemplates/k8s").send().await.expect(200);
    assert_eq!(shown, changed);
    let nothing = world.ask("PATCH", "/v1/clustertemplates/k8s").json(&json!([])).send().await;
    assert_eq!(nothing.expect(200)["labels"], json!({"a": "b", "c": "5"}));
    world.end().await;
}

#[tokio::test]
async fn a_template_in_use_keeps_its_substance() {
    let world = World::new().await;
    world.template(json!({})).await;
    world.cluster(json!({})).await;
    let change = |attribute: &str, value: Value| json!([{"op": "replace", "path": attribute, "value": value}]);
    let patch = |user: &'static str, body: Value| {
        let world = &world;
        async move { world.ask("PATCH", "/v1/clustertemplates/k8s").by(user).json(&body).send().await.status }
    };
    assert_eq!(patch("demo", change("/keypair_id", json!("other"))).await, 400);
    assert_eq!(patch("demo", json!([{"op": "add", "path": "/tags", "value": "x"}])).await, 200);
    assert_eq!(patch("admin", change("/public", json!(true))).await, 200);
    assert_eq!(patch("admin", change("/public", json!(false))).await, 400);
    assert_eq!(patch("demo", change("/name", json!("k8s"))).await, 200);
    assert_eq!(world.ask("DELETE", "/v1/clustertemplates/k8s").send().await.status, 400);
    world.end().await;
}

#[tokio::test]
async fn lists_are_paged_and_sorted() {
    let world = World::new().await;
    for name in ["c", "a", "b"] {
        world.template(json!({"name": name})).await;
    }
    let names = |list: &Value| {
        let all = list["clustertemplates"].as_array().unwrap();
        all.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let get = |path: String| {
        let world = &world;
        async move { world.ask("GET", &path).send().await.expect(200) }
    };
    assert_eq!(names(&get("/v1/clustertemplates".to_owned()).await), ["c", "a", "b"]);
    assert_eq!(names(&get("/v1/clustertemplates?sort_dir=desc".to_owned()).await), ["b", "a", "c"]);
    let mut path = "/v1/clustertemplates/?limit=1&marker=&sort_key=name&sort_dir=asc".replace("&marker=", "");
    let mut seen = Vec::new();
    loop {
        let page = get(path.clone()).await;
        seen.extend(names(&page));
        let Some(next) = page["next"].as_str() else { break };
        assert!(
            next.starts_with(&format!("{}/v1/clustertemplates?sort_key=name&sort_dir=asc&limit=1&marker=", world.url))
        );
        path = next.strip_prefix(&world.url).unwrap().to_owned();
    }
    assert_eq!(seen, ["a", "b", "c"], "the last full page leads to an empty one");
    world.end().await;
}
