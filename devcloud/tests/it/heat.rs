//! Stacks: what is refused, how they come and go, what they are made of.

use std::time::Duration;

use devcloud::{DevCloud, Settings};
use serde_json::{Value, json};

use crate::client::{Caller, cloud, quick, user};
use crate::templates::{cluster, output};

pub(crate) async fn created(cloud: &DevCloud, demo: &Caller, name: &str, parameters: Value) -> String {
    let made = demo.post(&demo.stacks(), cluster(cloud, name, &parameters)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.body["stack"]["id"].as_str().unwrap().to_owned()
}

/// URL path of a stack by name and id.
pub(crate) fn path(demo: &Caller, name: &str, id: &str) -> String {
    format!("{}/{name}/{id}", demo.stacks())
}

#[tokio::test]
async fn a_stack_goes_through_its_life() {
    let cloud = DevCloud::start(Settings { stack_delay: Duration::from_millis(600), ..quick() }).await.unwrap();
    let demo = user(&cloud, "demo").await;
    let before = cloud.census();
    let id = created(&cloud, &demo, "c1", json!({"number_of_minions": 2})).await;
    let early = demo.stack(&id).await.body["stack"].clone();
    assert_eq!(early["stack_status"], "CREATE_IN_PROGRESS");
    assert!(output(&early, "api_address").is_null());
    let stack = demo.settled(&id).await;
    assert_eq!(stack["stack_status"], "CREATE_COMPLETE");
    assert_eq!(stack["stack_status_reason"], "Stack CREATE completed successfully");
    assert_eq!(output(&stack, "kube_minions").as_array().unwrap().len(), 2);
    let master = output(&stack, "kube_masters")[0].as_str().unwrap();
    assert_eq!(output(&stack, "api_address"), &json!(format!("https://{master}:6443")));
    assert_eq!(output(&stack, "lb_address"), "");
    assert_eq!(stack["parameters"]["number_of_minions"], "2");
    assert_eq!(stack["parameters"]["verify_ca"], "True");
    assert_eq!(stack["parameters"]["trustee_password"], "******");
    assert_eq!(cloud.census().servers.iter().collect::<Vec<_>>(), ["c1-master-0", "c1-minion-0", "c1-minion-1"]);
    assert_eq!(demo.delete(&path(&demo, "c1", &id)).await.status, 204);
    assert_eq!(demo.stack(&id).await.body["stack"]["stack_status"], "DELETE_IN_PROGRESS");
    assert_eq!(demo.settled(&id).await["stack_status"], "DELETE_COMPLETE");
    assert_eq!(demo.get(&format!("{}/c1", demo.stacks())).await.status, 404, "by name it is gone");
    assert_eq!(cloud.census(), before);
}

#[tokio::test]
async fn a_name_or_id_alone_redirects() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let id = created(&cloud, &demo, "c1", json!({})).await;
    for ident in ["c1", id.as_str()] {
        let found = demo.get(&format!("{}/{ident}?resolve_outputs=False", demo.stacks())).await;
        assert_eq!((found.status, found.body["code"].as_str()), (302, Some("302 Found")));
        let location = found.headers["Location"].to_str().unwrap();
        assert!(location.ends_with(&format!("/c1/{id}?resolve_outputs=False")), "{location}");
        let stack = demo.get(location).await.body["stack"].clone();
        assert!(stack.get("outputs").is_none());
    }
    let missing = demo.get(&format!("{}/nothing", demo.stacks())).await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.body["error"]["message"], "The Stack (nothing) could not be found.");
    assert_eq!(missing.body["error"]["type"], "EntityNotFound");
    let other = user(&cloud, "other").await;
    assert_eq!(other.get(&format!("{}/{id}", other.stacks())).await.status, 404);
    assert_eq!(other.get(&demo.stacks()).await.status, 403);
}

#[tokio::test]
async fn names_are_unique_per_project_while_they_live() {
    let cloud = cloud().await;
    let (demo, other) = (user(&cloud, "demo").await, user(&cloud, "other").await);
    let id = created(&cloud, &demo, "c1", json!({})).await;
    let again = demo.post(&demo.stacks(), cluster(&cloud, "c1", &json!({}))).await;
    assert_eq!((again.status, again.body["error"]["message"].as_str()), (409, Some("The Stack (c1) already exists.")));
    created(&cloud, &other, "c1", json!({})).await;
    demo.settled(&id).await;
    demo.delete(&path(&demo, "c1", &id)).await;
    demo.settled(&id).await;
    assert_ne!(created(&cloud, &demo, "c1", json!({})).await, id);
}

#[tokio::test]
async fn resizing_adds_and_removes_the_servers_named() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let id = created(&cloud, &demo, "c1", json!({"number_of_minions": 3})).await;
    let first = demo.settled(&id).await;
    let refs = output(&first, "minion_refs").clone();
    let addresses = output(&first, "kube_minions").clone();
    let url = path(&demo, "c1", &id);
    let body = json!({"existing": true, "parameters": {"number_of_minions": 2, "minions_to_remove": [refs[1]]}});
    let changed = demo.patch(&url, body).await;
    assert_eq!(changed.status, 202, "{}", changed.text);
    let second = demo.settled(&id).await;
    assert_eq!(second["stack_status"], "UPDATE_COMPLETE");
    assert_eq!(output(&second, "minion_refs"), &json!([refs[0], refs[2]]), "the named server went, the others stayed");
    assert_eq!(output(&second, "kube_minions"), &json!([addresses[0], addresses[2]]));
    let body = json!({"parameters": {"number_of_minions": 3, "minions_to_remove": "0"}});
    assert_eq!(demo.patch(&url, body).await.status, 202);
    let third = demo.settled(&id).await;
    assert_eq!(output(&third, "minion_refs")[0], refs[2]);
    let names: Vec<String> = cloud.census().servers.into_iter().collect();
    assert_eq!(
        names,
        ["c1-master-0", "c1-minion-2", "c1-minion-3", "c1-minion-4"],
        "removed numbers are not used again"
    );
    assert_eq!(third["parameters"]["number_of_minions"], "3");
}

#[tokio::test]
async fn a_whole_update_starts_from_the_defaults() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let id = created(&cloud, &demo, "c1", json!({"number_of_minions": 3})).await;
    let masters = output(&demo.settled(&id).await, "kube_masters").clone();
    let mut body = cluster(&cloud, "c1", &json!({}));
    body.as_object_mut().unwrap().remove("stack_name");
    assert_eq!(demo.put(&path(&demo, "c1", &id), body.clone()).await.status, 202);
    let stack = demo.settled(&id).await;
    assert_eq!(stack["parameters"]["number_of_minions"], "1");
    assert_eq!(output(&stack, "kube_masters"), &masters);
    assert_eq!(cloud.census().servers.len(), 2);
    body["parameters"]["master_flavor"] = json!("no-flavor");
    assert_eq!(demo.put(&path(&demo, "c1", &id), body).await.status, 400);
    assert_eq!(demo.put(&path(&demo, "c1", &id), json!({})).await.status, 400, "PUT needs a template");
}

#[tokio::test]
async fn an_update_replaces_what_it_must() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let id = created(&cloud, &demo, "c1", json!({"number_of_minions": 0})).await;
    demo.settled(&id).await;
    let server =
        |demo: Caller| async move { demo.get("/compute/v2.1/servers/detail").await.body["servers"][0].clone() };
    let before = server(demo.clone()).await;
    demo.patch(&path(&demo, "c1", &id), json!({"parameters": {"master_flavor": "m1.large"}})).await;
    demo.settled(&id).await;
    let resized = server(demo.clone()).await;
    assert_eq!((&resized["id"], &resized["flavor"]["original_name"]), (&before["id"], &json!("m1.large")));
    demo.patch(&path(&demo, "c1", &id), json!({"parameters": {"cluster_uuid": "another"}})).await;
    demo.settled(&id).await;
    assert_ne!(server(demo.clone()).await["id"], before["id"], "changed user data needs a new server");
    assert_eq!(cloud.census().servers.len(), 1);
    assert!(cloud.user_data("c1-master-0").unwrap().contains("CLUSTER_UUID=\"another\""));
}

#[tokio::test]
async fn user_data_is_what_the_template_makes() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    created(&cloud, &demo, "c1", json!({"cluster_uuid": "5d12f6fd"})).await;
    let text = cloud.user_data("c1-master-0").unwrap();
    assert!(text.contains("CLUSTER_UUID=\"5d12f6fd\"\nVERIFY_CA=\"True\"\nWAIT_CURL=\"curl -i -X POST"), "{text}");
    assert!(text.contains("/resources/wait_handle/signal"), "{text}");
    assert!(cloud.user_data("nothing").is_none());
}

#[tokio::test]
async fn leftover_load_balancers_block_the_delete() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let before = cloud.census();
    let id = created(&cloud, &demo, "c1", json!({})).await;
    demo.settled(&id).await;
    let subnets = demo.get("/network/v2.0/subnets?cidr=10.0.0.0/24").await.body;
    let subnet = subnets["subnets"][0]["id"].as_str().unwrap();
    let body = json!({"loadbalancer": {"name": "kube_service", "vip_subnet_id": subnet}});
    let balancer = demo.post("/load-balancer/v2/lbaas/loadbalancers", body).await.body["loadbalancer"]["id"].clone();
    demo.delete(&path(&demo, "c1", &id)).await;
    let stack = demo.settled(&id).await;
    assert_eq!(stack["stack_status"], "DELETE_FAILED");
    let reason = stack["stack_status_reason"].as_str().unwrap();
    let start = format!(
        "Resource DELETE failed: Conflict: resources.network.resources.private_subnet: Unable to complete operation on \
         subnet {subnet}: One or more ports have an IP allocation from this subnet.\nNeutron server returns request_ids"
    );
    assert!(reason.starts_with(&start), "{reason}");
    let balancer = format!("/load-balancer/v2/lbaas/loadbalancers/{}?cascade=true", balancer.as_str().unwrap());
    assert_eq!(demo.delete(&balancer).await.status, 204);
    demo.delete(&path(&demo, "c1", &id)).await;
    assert_eq!(demo.settled(&id).await["stack_status"], "DELETE_COMPLETE");
    assert_eq!(cloud.census(), before);
}

#[tokio::test]
async fn load_balancers_of_the_stack_come_and_go_with_it() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    for service in ["OS::Octavia", "OS::Neutron::LBaaS"] {
        balanced(&cloud, &demo, service).await;
    }
}

/// Lives a stack whose load balancer is of one service's types.
async fn balanced(cloud: &DevCloud, demo: &Caller, service: &str) {
    let mut body = cluster(cloud, "c1", &json!({}));
    let template = body["files"]["lb.yaml"].as_str().unwrap().replace("OS::Octavia", service);
    body["files"]["lb.yaml"] = json!(template);
    body["environment_files"] = json!(["env.yaml", "env_lb.yaml"]);
    let id = demo.post(&demo.stacks(), body).await.body["stack"]["id"].as_str().unwrap().to_owned();
    let stack = demo.settled(&id).await;
    let balancers = demo.get("/load-balancer/v2/lbaas/loadbalancers").await.body;
    assert_eq!(output(&stack, "lb_address"), &balancers["loadbalancers"][0]["vip_address"]);
    let listed = format!("{}/resources?nested_depth=2&type={service}::LoadBalancer", path(demo, "c1", &id));
    let found = demo.get(&listed).await.body;
    assert_eq!(found["resources"][0]["physical_resource_id"], balancers["loadbalancers"][0]["id"]);
    demo.delete(&path(demo, "c1", &id)).await;
    demo.settled(&id).await;
    assert!(cloud.census().load_balancers.is_empty());
}

#[tokio::test]
async fn lists_filter_sort_and_page() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let mut ids = Vec::new();
    for (name, tags) in [("a", "x,y"), ("b", "x"), ("c", "")] {
        let mut body = cluster(&cloud, name, &json!({}));
        if !tags.is_empty() {
            body["tags"] = json!(tags);
        }
        ids.push(demo.post(&demo.stacks(), body).await.body["stack"]["id"].as_str().unwrap().to_owned());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let names = |query: String| {
        let (demo, url) = (demo.clone(), format!("{}?{query}", demo.stacks()));
        async move {
            let body = demo.get(&url).await.body;
            let rows = body["stacks"].as_array().unwrap().clone();
            rows.iter().map(|row| row["stack_name"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join("")
        }
    };
    assert_eq!(names(String::new()).await, "cba", "newest first");
    assert_eq!(names("sort_keys=name&sort_dir=asc".into()).await, "abc");
    assert_eq!(names(format!("id={}&id={}", ids[0], ids[2])).await, "ca");
    assert_eq!(names("name=b".into()).await, "b");
    assert_eq!(names("tags=x,y".into()).await, "a");
    assert_eq!(names("tags_any=x,y".into()).await, "ba");
    assert_eq!(names("not_tags=x".into()).await, "c");
    assert_eq!(names("limit=2".into()).await, "cb");
    assert_eq!(names(format!("limit=2&marker={}", ids[1])).await, "a");
    for id in &ids {
        demo.settled(id).await;
    }
    assert_eq!(names("status=COMPLETE".into()).await, "cba");
    assert_eq!(names("status=FAILED&status=IN_PROGRESS".into()).await, "");
    assert_eq!(demo.get(&format!("{}?limit=x", demo.stacks())).await.status, 400);
    assert_eq!(demo.get(&format!("{}?global_tenant=true", demo.stacks())).await.status, 403);
    let counted = demo.get(&format!("{}?with_count=true&limit=1", demo.stacks())).await.body;
    assert_eq!(counted["count"], 3);
    assert_eq!(demo.stack(&ids[0]).await.body["stack"]["tags"], json!(["x", "y"]));
}

#[tokio::test]
async fn resources_of_all_levels_can_be_seen() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let id = created(&cloud, &demo, "c1", json!({"docker_volume_size": 0})).await;
    demo.settled(&id).await;
    let base = path(&demo, "c1", &id);
    let top = demo.get(&format!("{base}/resources")).await.body;
    assert_eq!(top["resources"].as_array().unwrap().len(), 4);
    let servers = demo.get(&format!("{base}/resources?nested_depth=5&type=OS::Nova::Server")).await.body;
    assert_eq!(servers["resources"].as_array().unwrap().len(), 2);
    assert_eq!(servers["resources"][0]["resource_status"], "CREATE_COMPLETE");
    let volumes = demo.get(&format!("{base}/resources?nested_depth=5&type=OS::Cinder::Volume")).await.body;
    assert_eq!(volumes["resources"], json!([]), "the condition leaves the volume out");
    let network = demo.get(&format!("{base}/resources/network")).await.body["resource"].clone();
    assert!(network["attributes"]["subnet"].is_string());
    assert_eq!(network["required_by"], json!(["api_lb", "kube_masters", "kube_minions"]));
    let nested = network["links"].as_array().unwrap().iter().find(|link| link["rel"] == "nested").unwrap();
    let inside = demo.get(&format!("{}/resources", nested["href"].as_str().unwrap())).await.body;
    assert_eq!(inside["resources"].as_array().unwrap().len(), 4);
    let missing = demo.get(&format!("{base}/resources/nothing")).await;
    assert_eq!((missing.status, missing.body["error"]["type"].as_str()), (404, Some("ResourceNotFound")));
    let events = demo.get(&format!("{base}/events")).await.body;
    assert_eq!(events["events"][0]["resource_status"], "CREATE_COMPLETE", "newest first");
    assert_eq!(demo.get(&format!("{base}/template")).await.body["description"], "A small cluster");
    let key = demo.get(&format!("{base}/outputs/kube_masters")).await.body;
    assert_eq!(key["output"]["output_key"], "kube_masters");
}

#[tokio::test]
async fn servers_may_boot_from_volumes() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let before = cloud.census();
    let image = "      image: {get_param: image}";
    let device = "      block_device_mapping_v2: [{boot_index: 0, image: {get_param: image}, volume_size: 7}]";
    let mut body = cluster(&cloud, "c1", &json!({"docker_volume_size": 0, "number_of_minions": 0}));
    let node = body["files"]["node.yaml"].as_str().unwrap().replace(image, device);
    body["files"]["node.yaml"] = json!(node);
    let id = demo.post(&demo.stacks(), body).await.body["stack"]["id"].as_str().unwrap().to_owned();
    demo.settled(&id).await;
    let volumes = demo.get(&format!("/volume/v3/{}/volumes/detail", demo.project)).await.body;
    assert_eq!((&volumes["volumes"][0]["size"], &volumes["volumes"][0]["status"]), (&json!(7), &json!("in-use")));
    demo.delete(&path(&demo, "c1", &id)).await;
    demo.settled(&id).await;
    assert_eq!(cloud.census(), before, "Nova deletes the volume with its server");
}

#[tokio::test]
async fn many_stacks_at_once_leave_nothing() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let before = cloud.census();
    let mut lives = tokio::task::JoinSet::new();
    for number in 0..30 {
        let (cloud, demo) = (cloud.clone(), demo.clone());
        lives.spawn(async move {
            let name = format!("c{number}");
            let id = created(&cloud, &demo, &name, json!({"number_of_minions": number % 4})).await;
            let body = json!({"parameters": {"number_of_minions": 2}});
            assert_eq!(demo.patch(&path(&demo, &name, &id), body).await.status, 202, "while it is being created");
            assert_eq!(demo.settled(&id).await["stack_status"], "UPDATE_COMPLETE");
            assert_eq!(demo.delete(&path(&demo, &name, &id)).await.status, 204);
            let again = demo.delete(&path(&demo, &name, &id)).await.status;
            assert!(matches!(again, 204 | 404), "once more changes nothing, going or gone: {again}");
            assert_eq!(demo.settled(&id).await["stack_status"], "DELETE_COMPLETE");
            assert_eq!(demo.delete(&path(&demo, &name, &id)).await.status, 404);
            assert_eq!(demo.patch(&path(&demo, &name, &id), json!({})).await.status, 404);
        });
    }
    lives.join_all().await;
    assert_eq!(cloud.census(), before);
}
