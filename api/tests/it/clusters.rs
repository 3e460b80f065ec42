//! Clusters: accepted, shown in every version, changed and deleted. Nothing carries the operations out here.

use serde_json::{Value, json};

use crate::world::World;

/// The answer with what differs from run to run in the place of it.
fn steady(world: &World, template: &str, mut value: Value) -> Value {
    let uuid = value["uuid"].as_str().unwrap().to_owned();
    let text = value.to_string().replace(&uuid, "<uuid>").replace(template, "<template>");
    value = serde_json::from_str(&text.replace(&world.url, "http://magnum.test")).unwrap();
    for (name, word) in [("created_at", "<time>"), ("project_id", "<project>"), ("user_id", "<user>")] {
        if value.get(name).is_some() {
            assert!(value[name].is_string(), "{name}");
            value[name] = json!(word);
        }
    }
    value
}

#[tokio::test]
async fn a_cluster_is_shown_from_the_moment_it_is_accepted() {
    let world = World::new().await;
    let template = world.template(json!({"labels": {"kube_tag": "v1.9.3", "flannel_backend": "vxlan"}})).await;
    let template = template["uuid"].as_str().unwrap();
    let body = json!({"name": "blue", "cluster_template_id": "k8s", "node_count": "2", "create_timeout": "90",
        "discovery_url": "", "labels": {"kube_tag": "v1.11.6", "x": true}, "merge_labels": "true"});
    let answer = world.ask("POST", "/v1/clusters").json(&body).send().await;
    let made = answer.expect(202);
    assert_eq!(made.as_object().unwrap().len(), 1, "only the uuid");
    assert!(answer.headers.get("location").is_none());
    let uuid = made["uuid"].as_str().unwrap();
    for (version, stack) in [("", "stack_id"), ("1.12", "stack_id"), ("1.13", "cluster_id"), ("latest", "cluster_id")] {
        let show = world.ask("GET", &format!("/v1/clusters/{uuid}")).version(version).send().await.expect(200);
        let by_name = world.ask("GET", "/v1/clusters/blue").version(version).send().await.expect(200);
        assert_eq!(show, by_name);
        let name = if stack == "stack_id" { "cluster until 1.12" } else { "cluster from 1.13" };
        insta::assert_json_snapshot!(name, steady(&world, template, show.clone()));
        let detail = world.ask("GET", "/v1/clusters/detail").version(version).send().await.expect(200);
        assert_eq!(detail, json!({"clusters": [show]}));
        let list = world.ask("GET", "/v1/clusters").version(version).send().await.expect(200);
        let mut keys: Vec<&str> = list["clusters"][0].as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        let mut expect = vec![
            "cluster_template_id",
            "create_timeout",
            "docker_volume_size",
            "flavor_id",
            "health_status",
            "keypair",
            "labels",
            "links",
            "master_count",
            "master_flavor_id",
            "merge_labels",
            "name",
            "node_count",
            stack,
            "status",
            "uuid",
        ];
        expect.sort_unstable();
        assert_eq!(keys, expect);
        for key in keys {
            assert_eq!(list["clusters"][0][key], show[key]);
        }
    }
    let rows = world.rows().await;
    assert_eq!((rows["cluster"].len(), rows["nodegroup"].len(), rows["rs_operation"].len()), (1, 2, 1));
    let token = world.token("demo").await;
    assert!(rows.values().flatten().all(|row| !row.contains(&token)), "the token is sealed");
    world.end().await;
}

#[tokio::test]
async fn defaults_come_from_the_template() {
    let world = World::new().await;
    world
        .template(json!({"master_lb_enabled": true, "fixed_network": "private", "fixed_subnet": "private-subnet"}))
        .await;
    let body = json!({"cluster_template_id": "k8s", "keypair": null, "labels": null, "docker_volume_size": null,
        "floating_ip_enabled": null, "master_lb_enabled": null, "create_timeout": null, "master_count": 3, "node_count": 0,
        "uuid": "not looked at", "status": "CREATE_COMPLETE"});
    let uuid = world.ask("POST", "/v1/clusters").version("1.10").json(&body).send().await.expect(202);
    let show = world.ask("GET", &format!("/v1/clusters/{}", uuid["uuid"].as_str().unwrap())).send().await.expect(200);
    assert!(show["name"].as_str().unwrap().ends_with("-cluster"));
    assert_eq!((&show["node_count"], &show["master_count"]), (&json!(0), &json!(3)));
    assert_eq!((&show["keypair"], &show["flavor_id"]), (&json!("testkey"), &json!("m1.small")));
    assert_eq!((&show["floating_ip_enabled"], &show["master_lb_enabled"]), (&json!(true), &json!(true)));
    assert_eq!((&show["fixed_network"], &show["docker_volume_size"]), (&json!("private"), &json!(10)));
    assert_eq!((&show["labels"], &show["create_timeout"]), (&json!({"flannel_backend": "vxlan"}), &Value::Null));
    assert_eq!(show["status"], "CREATE_IN_PROGRESS");
    assert_eq!((&show["labels_added"], &show["labels_skipped"]), (&json!({}), &json!({})));
    world.end().await;
}

fn count(value: Value) -> Value {
    json!([{"op": "replace", "path": "/node_count", "value": value}])
}

#[tokio::test]
async fn a_patch_of_a_busy_cluster_is_kept_and_delete_wins() {
    let world = World::new().await;
    world.template(json!({})).await;
    let uuid = world.cluster(json!({})).await;
    for value in [json!(2), json!("3"), json!(4)] {
        let path = format!("/v1/clusters/{uuid}/?rollback=True");
        let answer = world.ask("PATCH", &path).json(&count(value)).send().await;
        assert_eq!(answer.expect(202), json!({"uuid": uuid}));
    }
    let unfinished = world.store.operations(Some(&uuid), true, 10).await.unwrap();
    let kinds: Vec<&str> = unfinished.iter().map(|op| op.kind.as_str()).collect();
    assert_eq!(unfinished.len(), 2, "the sizes collapse into the last: {kinds:?}");
    let nothing = world.ask("PATCH", &format!("/v1/clusters/{uuid}")).json(&json!([])).send().await;
    assert_eq!(nothing.expect(202), json!({"uuid": uuid}));
    for _ in 0..2 {
        let answer = world.ask("DELETE", &format!("/v1/clusters/{uuid}")).send().await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    }
    let show = world.ask("GET", &format!("/v1/clusters/{uuid}")).send().await.expect(200);
    assert_eq!(show["status"], "DELETE_IN_PROGRESS");
    let late = world.ask("PATCH", &format!("/v1/clusters/{uuid}")).json(&count(json!(5))).send().await;
    assert_eq!(late.expect(409)["errors"][0]["status"], 409);
    let unfinished = world.store.operations(Some(&uuid), true, 10).await.unwrap();
    assert_eq!(unfinished.iter().map(|op| op.kind.as_str()).collect::<Vec<_>>(), ["delete"]);
    world.end().await;
}

#[tokio::test]
async fn the_last_size_named_is_the_one_to_come() {
    let world = World::new().await;
    world.template(json!({})).await;
    let uuid = world.cluster(json!({"node_count": 1})).await;
    for value in [json!(5), json!(1)] {
        world.ask("PATCH", &format!("/v1/clusters/{uuid}")).json(&count(value)).send().await.expect(202);
    }
    let unfinished = world.store.operations(Some(&uuid), true, 10).await.unwrap();
    let resize = unfinished.iter().find(|op| op.kind.as_str() == "resize").unwrap();
    assert_eq!(resize.params["node_count"], 1);
    world.end().await;
}

#[tokio::test]
async fn a_resize_names_its_group_and_the_nodes_that_go() {
    let world = World::new().await;
    world.template(json!({})).await;
    let uuid = world.cluster(json!({"node_count": 3})).await;
    let path = format!("/v1/clusters/{uuid}/actions/resize");
    let servers = json!(["6f1c2d3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f", "1"]);
    let body = json!({"node_count": "2", "nodes_to_remove": servers, "nodegroup": "default-worker"});
    assert_eq!(world.ask("POST", &path).version("1.7").json(&body).send().await.expect(202), json!({"uuid": uuid}));
    let unfinished = world.store.operations(Some(&uuid), true, 10).await.unwrap();
    let resize = unfinished.iter().find(|op| op.kind.as_str() == "resize").unwrap();
    assert_eq!((&resize.params["node_count"], &resize.params["nodes_to_remove"]), (&json!(2), &servers));
    // openstacksdk sends a null for what its caller left out.
    let body = json!({"node_count": 4, "nodes_to_remove": null, "nodegroup": null});
    world.ask("POST", &path).version("latest").json(&body).send().await.expect(202);
    let before = world.rows().await;
    for (version, body, status) in [
        ("1.6", json!({"node_count": 2}), 406),
        ("1.7", json!({"node_count": 0}), 400),
        ("1.10", json!({"node_count": -1}), 400),
        ("1.7", json!({}), 400),
        ("1.7", json!({"node_count": 2, "nodes_to_remove": "one"}), 400),
        ("1.7", json!({"node_count": 2, "nodes_to_remove": [1]}), 400),
        ("1.7", json!({"node_count": 2, "nodegroup": "default-master"}), 400),
        ("1.7", json!({"node_count": 2, "nodegroup": "no such group"}), 404),
        ("1.7", json!({"node_count": 2, "unknown": 1}), 400),
    ] {
        let answer = world.ask("POST", &path).version(version).json(&body).send().await;
        assert_eq!(answer.status, status, "{version} {body}: {}", answer.text);
    }
    assert_eq!(world.rows().await, before, "what is refused is not stored");
    world.end().await;
}

#[tokio::test]
async fn no_size_is_beyond_the_bounds_of_its_group() {
    let world = World::new().await;
    world.template(json!({})).await;
    let uuid = world.cluster(json!({"node_count": 3})).await;
    let bounds = json!([
        {"op": "replace", "path": "/min_node_count", "value": 2},
        {"op": "replace", "path": "/max_node_count", "value": 5}
    ]);
    let group = format!("/v1/clusters/{uuid}/nodegroups/default-worker");
    world.ask("PATCH", &group).version("1.14").json(&bounds).send().await.expect(202);
    let before = world.rows().await;
    for (size, bound) in [(1, "greater or equal to 2"), (6, "lower or equal to 5")] {
        let ways = [
            world.ask("PATCH", &format!("/v1/clusters/{uuid}")).json(&count(json!(size))),
            world.ask("PATCH", &format!("/v1/bays/{uuid}")).version("1.4").json(&count(json!(size))),
            world.ask("POST", &format!("/v1/clusters/{uuid}/actions/resize")).json(&json!({"node_count": size})),
        ];
        for way in ways {
            let answer = way.send().await;
            assert_eq!(answer.status, 400, "{}", answer.text);
            assert!(answer.text.contains("node_count") && answer.text.contains(bound), "{}", answer.text);
        }
    }
    assert_eq!(world.rows().await, before, "what is refused is not stored");
    world.ask("PATCH", &format!("/v1/clusters/{uuid}")).json(&count(json!(5))).send().await.expect(202);
    world.end().await;
}

#[tokio::test]
async fn node_groups_are_put_in_order_by_every_attribute() {
    let world = World::new().await;
    world.template(json!({})).await;
    let uuid = world.cluster(json!({})).await;
    let path = format!("/v1/clusters/{uuid}/nodegroups");
    let group = world.ask("GET", &format!("{path}/default-worker")).version("1.14").send().await.expect(200);
    for attribute in group.as_object().unwrap().keys() {
        let query = format!("{path}?sort_key={attribute}&sort_dir=desc");
        world.ask("GET", &query).version("1.14").send().await.expect(200);
    }
    world.ask("GET", &format!("{path}?sort_key=colour")).version("1.14").send().await.expect(400);
    let first = async |direction: &str| {
        let query = format!("{path}?sort_key=cluster_id&sort_dir={direction}");
        let list = world.ask("GET", &query).version("1.14").send().await.expect(200);
        list["nodegroups"][0]["name"].clone()
    };
    assert_eq!((first("asc").await, first("desc").await), (json!("default-master"), json!("default-master")));
    world.end().await;
}

#[tokio::test]
async fn a_cluster_that_failed_tells_why_and_takes_no_patch() {
    let world = World::new().await;
    world.template(json!({})).await;
    let uuid = world.cluster(json!({})).await;
    let now = chrono::Utc::now();
    let mut record = world.store.cluster(&store::Scope::All, &domain::Ident::of(&uuid)).await.unwrap();
    record.cluster.status = domain::Status::CreateFailed;
    record.cluster.status_reason = Some("no quota".to_owned());
    for group in &mut record.nodegroups {
        group.status = domain::Status::CreateFailed;
        group.status_reason = Some(format!("no quota for {}", group.name));
    }
    let id = world.store.operations(Some(&uuid), true, 1).await.unwrap()[0].id.clone();
    let op = world.store.claim_operation(&id, "test", now, chrono::TimeDelta::seconds(60)).await.unwrap().unwrap();
    let failed = store::Outcome::failed(&record.cluster, &record.nodegroups, "no quota");
    world.store.finish(&op, failed, now).await.unwrap();
    let path = format!("/v1/clusters/{uuid}");
    let show = world.ask("GET", &path).send().await.expect(200);
    assert_eq!((&show["status"], &show["status_reason"]), (&json!("CREATE_FAILED"), &json!("no quota")));
    let faults =
        json!({"default-master": "no quota for default-master", "default-worker": "no quota for default-worker"});
    assert_eq!(show["faults"], faults);
    let detail = world.ask("GET", "/v1/clusters/detail").send().await.expect(200);
    assert!(detail["clusters"][0].get("faults").is_none(), "faults are not in lists");
    let before = world.rows().await;
    world.ask("PATCH", &path).json(&count(json!(3))).send().await.expect(409);
    assert_eq!(world.rows().await, before, "what can never run is not stored");
    assert_eq!(world.ask("DELETE", &path).send().await.status, 204);
    world.end().await;
}

#[tokio::test]
async fn health_is_patched_without_an_operation() {
    let world = World::new().await;
    world.template(json!({})).await;
    let uuid = world.cluster(json!({})).await;
    let before = world.rows().await["rs_operation"].clone();
    let patch = json!([
        {"op": "replace", "path": "/health_status", "value": "UNHEALTHY"},
        {"op": "replace", "path": "/health_status_reason", "value": "{'api': 'ok', 'node-0.Ready': False}"},
    ]);
    let path = format!("/v1/clusters/{uuid}");
    // Nothing was observed yet, so there is something to add and nothing to replace; both work.
    world.ask("PATCH", &path).json(&patch).send().await.expect(202);
    let show = world.ask("GET", &path).send().await.expect(200);
    assert_eq!(show["health_status"], "UNHEALTHY");
    assert_eq!(show["health_status_reason"], json!({"api": "ok", "node-0.Ready": "False"}));
    assert_eq!(show["status"], "CREATE_IN_PROGRESS");
    assert_eq!(world.rows().await["rs_operation"], before);
    world.end().await;
}

#[tokio::test]
async fn the_quota_holds() {
    let world = World::with(&[("OS_QUOTAS__MAX_CLUSTERS_PER_PROJECT", "1")]).await;
    world.template(json!({})).await;
    world.cluster(json!({})).await;
    let answer = world.ask("POST", "/v1/clusters").json(&crate::world::cluster(json!({}))).send().await.expect(403);
    assert!(answer["errors"][0]["title"].as_str().unwrap().contains("quota"), "{answer}");
    assert_eq!(world.rows().await["cluster"].len(), 1);
    world.end().await;
}

#[tokio::test]
async fn the_quota_is_looked_at_before_openstack_is() {
    let world = World::with(&[("OS_QUOTAS__MAX_CLUSTERS_PER_PROJECT", "1")]).await;
    world.template(json!({})).await;
    world.cluster(json!({})).await;
    world.cloud.clear_calls();
    let body = crate::world::cluster(json!({"keypair": "no such key", "flavor_id": "no such flavor"}));
    let answer = world.ask("POST", "/v1/clusters").json(&body).send().await.expect(403);
    let expect = "Resource limit exceeded: cluster quota of 1 reached";
    assert_eq!(answer["errors"][0]["title"], expect);
    assert_eq!(answer["errors"][0]["detail"].as_str().unwrap().split('.').next().unwrap(), expect);
    assert!(world.cloud.calls().is_empty(), "{:?}", world.cloud.calls());
    let wrong = crate::world::cluster(json!({"node_count": -1}));
    world.ask("POST", "/v1/clusters").json(&wrong).send().await.expect(400);
    let project = world.cloud.seed().account("demo").unwrap().project_id.clone();
    world.store.insert_quota(&project, -1, chrono::Utc::now()).await.unwrap();
    world.cluster(json!({"name": "green"})).await;
    world.store.change_quota(&project, 0, chrono::Utc::now()).await.unwrap();
    world.ask("POST", "/v1/clusters").json(&body).send().await.expect(403);
    world.end().await;
}

#[tokio::test]
async fn a_quota_of_minus_one_is_none() {
    let world = World::with(&[("OS_QUOTAS__MAX_CLUSTERS_PER_PROJECT", "-1")]).await;
    world.template(json!({})).await;
    for name in ["one", "two", "three"] {
        world.cluster(json!({"name": name})).await;
    }
    world.end().await;
}

#[tokio::test]
async fn a_second_delete_brings_its_token() {
    let world = World::new().await;
    world.template(json!({})).await;
    let uuid = world.cluster(json!({})).await;
    let path = format!("/v1/clusters/{uuid}");
    let mut held = Vec::new();
    for user in ["demo", "reader"] {
        world.ask("DELETE", &path).by(user).send().await.expect(204);
        let live = world.store.operations(Some(&uuid), true, 9).await.unwrap();
        assert_eq!(live.len(), 1, "a cluster is deleted once");
        let token = world.seal.open(live[0].sealed_token.as_deref().unwrap(), &live[0].id).unwrap();
        assert_eq!(token.expose(), world.token(user).await);
        held.push(live[0].id.clone());
    }
    assert_eq!(held[0], held[1]);
    world.end().await;
}

#[tokio::test]
async fn pages_follow_each_other() {
    let world = World::new().await;
    world.template(json!({})).await;
    let mut made = Vec::new();
    for name in ["one", "two", "three"] {
        made.push(world.cluster(json!({"name": name})).await);
    }
    for collection in ["/v1/clusters", "/v1/clusters/detail"] {
        let page = world.ask("GET", &format!("{collection}?limit=2")).send().await.expect(200);
        assert_eq!(page["clusters"].as_array().unwrap().len(), 2);
        let next = page["next"].as_str().unwrap();
        let expect = format!("{}{collection}?sort_key=id&sort_dir=asc&limit=2&marker={}", world.url, made[1]);
        assert_eq!(next, expect);
        let rest = world.ask("GET", next.strip_prefix(&world.url).unwrap()).send().await.expect(200);
        assert_eq!(rest["clusters"][0]["uuid"], made[2].as_str());
        assert!(rest.get("next").is_none());
    }
    let empty = world.ask("GET", &format!("/v1/clusters?limit=5&marker={}", made[2])).send().await.expect(200);
    assert_eq!(empty, json!({"clusters": []}));
    world.end().await;
}

#[tokio::test]
async fn a_page_costs_two_statements_and_no_call_to_keystone() {
    let world = World::new().await;
    world.template(json!({})).await;
    for name in ["one", "two", "three"] {
        world.cluster(json!({"name": name})).await;
    }
    let calls = world.client.identity().calls();
    for (path, most) in
        [("/v1/clusters", 2), ("/v1/clusters/detail", 2), ("/v1/clusters/one", 2), ("/v1/clustertemplates", 1)]
    {
        let before = world.store.statements();
        world.ask("GET", path).send().await.expect(200);
        let used = world.store.statements() - before;
        assert!(used <= most, "{path} used {used} statements");
    }
    assert_eq!(world.client.identity().calls(), calls, "a known token is not asked for again");
    world.end().await;
}
