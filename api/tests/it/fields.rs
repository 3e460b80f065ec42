//! The fields of later releases, from the body to the view, and what may change of a template that is in use.

use serde_json::{Value, json};

use crate::world::{World, cluster, template};

fn replace(path: &str, value: Value) -> Value {
    json!([{"op": "replace", "path": path, "value": value}])
}

#[tokio::test]
async fn a_template_keeps_tags_driver_and_every_name_server() {
    let world = World::new().await;
    let changes = json!({"tags": "blue,green", "driver": "k8s_fedora_atomic_v1", "hidden": false,
        "dns_nameserver": "8.8.8.8,1.1.1.1", "fixed_network": "private", "fixed_subnet": "private-subnet"});
    let made = world.template(changes.clone()).await;
    let shown = world.ask("GET", "/v1/clustertemplates/k8s").send().await.expect(200);
    for (name, value) in changes.as_object().unwrap() {
        assert_eq!((&made[name], &shown[name]), (value, value), "{name}");
    }
    let patch = json!([{"op": "replace", "path": "/tags", "value": "red"},
        {"op": "replace", "path": "/dns_nameserver", "value": "9.9.9.9,8.8.4.4,1.0.0.1"}]);
    let patched = world.ask("PATCH", "/v1/clustertemplates/k8s").json(&patch).send().await;
    patched.expect(200);
    let shown = world.ask("GET", "/v1/clustertemplates/k8s").send().await.expect(200);
    assert_eq!((&shown["tags"], &shown["dns_nameserver"]), (&json!("red"), &json!("9.9.9.9,8.8.4.4,1.0.0.1")));
    for wrong in [
        json!({"driver": "k8s_of_nobody_v1"}),
        json!({"driver": "swarm_fedora_atomic_v1"}),
        json!({"dns_nameserver": "8.8.8.8,eight"}),
        json!({"fixed_network": "nowhere"}),
        json!({"fixed_network": "private", "fixed_subnet": "nowhere"}),
    ] {
        let refused = world.ask("POST", "/v1/clustertemplates").json(&template(wrong.clone())).send().await;
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text);
    }
    world.end().await;
}

#[tokio::test]
async fn a_cluster_says_what_its_labels_make_of_the_templates() {
    let world = World::new().await;
    world.template(json!({"labels": {"flannel_backend": "vxlan", "kube_tag": "v1.11.5"}})).await;
    let labels = json!({"kube_tag": "v1.11.6", "availability_zone": "nova"});
    let merged = world.cluster(json!({"name": "merged", "labels": labels, "merge_labels": true})).await;
    let replaced = world.cluster(json!({"name": "replaced", "labels": labels})).await;
    let show = |uuid: String| world.ask("GET", &format!("/v1/clusters/{uuid}")).send();
    let merged = show(merged).await.expect(200);
    assert_eq!(
        merged["labels"],
        json!({"flannel_backend": "vxlan", "kube_tag": "v1.11.6", "availability_zone": "nova"})
    );
    assert_eq!(merged["labels_overridden"], json!({"kube_tag": "v1.11.5"}), "the template's value");
    assert_eq!(merged["labels_added"], json!({"availability_zone": "nova"}));
    assert_eq!(merged["labels_skipped"], json!({}));
    let replaced = show(replaced).await.expect(200);
    assert_eq!(replaced["labels"], labels);
    assert_eq!(replaced["labels_skipped"], json!({"flannel_backend": "vxlan"}));
    assert_eq!(replaced["labels_overridden"], merged["labels_overridden"]);
    world.end().await;
}

#[tokio::test]
async fn the_zone_of_the_nodes_is_asked_for_where_one_is_named() {
    let world = World::new().await;
    world.template(json!({"labels": {"availability_zone": "nova"}})).await;
    let asked = || world.cloud.calls().iter().filter(|call| call.path.contains("os-availability-zone")).count();
    for (name, labels, questions) in [
        ("inherited", json!(null), 1),
        ("replaced", json!({"flannel_backend": "vxlan"}), 0),
        ("empty", json!({"availability_zone": ""}), 0),
        ("own", json!({"availability_zone": "nova"}), 1),
        ("host", json!({"availability_zone": "nova:host-1:node-1"}), 1),
        ("any-zone", json!({"availability_zone": ":host-1"}), 0),
    ] {
        world.cloud.clear_calls();
        world.cluster(json!({"name": name, "labels": labels})).await;
        assert_eq!(asked(), questions, "{name}");
    }
    let mars = cluster(json!({"name": "mars", "labels": {"availability_zone": "mars"}}));
    let create = || world.ask("POST", "/v1/clusters").json(&mars).send();
    create().await.expect(400);
    let refuse = |status| {
        let effect = devcloud::Effect::Refuse(status);
        world.cloud.inject(devcloud::Fault {
            times: 50,
            ..devcloud::Fault::once("nova", "GET", "os-availability-zone", effect)
        });
    };
    refuse(503);
    create().await.expect(503);
    world.cloud.clear_faults();
    refuse(403);
    create().await.expect(202);
    world.end().await;
}

#[tokio::test]
async fn a_cluster_has_network_and_flags_of_its_own() {
    let world = World::new().await;
    world.template(json!({"master_lb_enabled": false, "floating_ip_enabled": true})).await;
    let own = json!({"fixed_network": "private", "fixed_subnet": "private-subnet", "master_lb_enabled": true,
        "floating_ip_enabled": false, "docker_volume_size": 7, "flavor_id": "m1.large"});
    let uuid = world.cluster(own.clone()).await;
    let plain = world.cluster(json!({"name": "plain"})).await;
    let shown = world.ask("GET", &format!("/v1/clusters/{uuid}")).send().await.expect(200);
    for (name, value) in own.as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name}");
    }
    let plain = world.ask("GET", &format!("/v1/clusters/{plain}")).send().await.expect(200);
    assert_eq!((&plain["master_lb_enabled"], &plain["floating_ip_enabled"]), (&json!(false), &json!(true)));
    for wrong in [json!({"fixed_network": "nowhere"}), json!({"fixed_network": "private", "fixed_subnet": "nowhere"})] {
        let refused = world.ask("POST", "/v1/clusters").json(&cluster(wrong.clone())).send().await;
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text);
    }
    world.end().await;
}

#[tokio::test]
async fn a_template_in_use_is_renamed_published_hidden_and_tagged() {
    let world = World::new().await;
    let uuid = world.template(json!({})).await["uuid"].as_str().unwrap().to_owned();
    world.cluster(json!({})).await;
    let path = format!("/v1/clustertemplates/{uuid}");
    let by = |user: &'static str, body: Value| world.ask("PATCH", &path).by(user).json(&body).send();
    by("demo", replace("/name", json!("renamed"))).await.expect(200);
    by("demo", replace("/tags", json!("old"))).await.expect(200);
    by("demo", replace("/public", json!(true))).await.expect(403);
    by("demo", replace("/hidden", json!(true))).await.expect(403);
    by("admin", replace("/public", json!(true))).await.expect(200);
    world.ask("GET", &path).by("other").send().await.expect(200);
    by("admin", replace("/hidden", json!(true))).await.expect(200);
    world.ask("GET", &path).by("other").send().await.expect(404);
    world.ask("GET", &path).send().await.expect(200);
    by("admin", replace("/hidden", json!(false))).await.expect(200);
    world.ask("GET", &path).by("other").send().await.expect(200);
    let both =
        json!([{"op": "replace", "path": "/name", "value": "a"}, {"op": "replace", "path": "/tags", "value": "b"}]);
    for refused in [both, replace("/public", json!(false)), replace("/flavor_id", json!("m1.large"))] {
        let answer = by("admin", refused.clone()).await;
        assert_eq!(answer.status, 400, "{refused}: {}", answer.text);
    }
    let shown = world.ask("GET", &path).send().await.expect(200);
    assert_eq!((&shown["name"], &shown["tags"]), (&json!("renamed"), &json!("old")));
    assert_eq!((&shown["public"], &shown["hidden"]), (&json!(true), &json!(false)));
    world.end().await;
}
