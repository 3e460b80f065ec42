//! Node groups that a cluster did not come with: built, resized and removed in stacks of their own.

use devcloud::{Effect, Fault};
use serde_json::{Value, json};

use crate::world::World;

async fn built(world: &World, name: &str) -> String {
    world.template().await;
    let uuid = world.accept_create(name).await;
    world.run_until_idle(&world.engine()).await;
    uuid
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_built_resized_and_removed_without_a_trace() {
    let world = World::with_barbican(|_| {}).await;
    let empty = world.cloud.census();
    let uuid = built(&world, "blue").await;
    let before = world.cloud.census();
    let body = json!({"name": "gpu", "node_count": 2, "min_node_count": 1, "max_node_count": 5, "flavor_id": "m1.medium",
        "labels": {"availability_zone": "nova"}, "merge_labels": true, "node_labels": {"accelerator": "gpu"},
        "node_taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]});
    let (status, made) = world.send("POST", &format!("/clusters/{uuid}/nodegroups/"), Some(body)).await;
    assert_eq!((status, &made["status"]), (202, &json!("CREATE_IN_PROGRESS")), "{made}");
    assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "UPDATE_IN_PROGRESS");
    world.run_until_idle(&world.engine()).await;
    let group = world.nodegroup(&uuid, "gpu").await.unwrap();
    assert_eq!((&group["status"], &group["is_default"]), (&json!("CREATE_COMPLETE"), &json!(false)), "{group}");
    assert_eq!(group["node_addresses"].as_array().unwrap().len(), 2, "{group}");
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!((&cluster["status"], &cluster["node_count"]), (&json!("UPDATE_COMPLETE"), &json!(3)), "{cluster}");
    assert_ne!(group["stack_id"], cluster["cluster_id"]);
    let parameters = world.stack_parameters(group["stack_id"].as_str().unwrap()).await;
    let labels = "accelerator=gpu,magnum.openstack.org/nodegroup=gpu,magnum.openstack.org/role=worker";
    assert_eq!(parameters["minion_node_labels"], labels);
    assert_eq!(parameters["minion_node_taints"], "gpu=yes:NoSchedule");
    assert_eq!(parameters["minion_flavor"], "m1.medium");
    let resize = json!({"node_count": 3, "nodegroup": "gpu"});
    let (status, answer) = world.send("POST", &format!("/clusters/{uuid}/actions/resize"), Some(resize)).await;
    assert_eq!(status, 202, "{answer}");
    world.run_until_idle(&world.engine()).await;
    let group = world.nodegroup(&uuid, "gpu").await.unwrap();
    assert_eq!((&group["status"], &group["node_count"]), (&json!("UPDATE_COMPLETE"), &json!(3)), "{group}");
    assert_eq!(group["node_addresses"].as_array().unwrap().len(), 3, "{group}");
    let workers = world.nodegroup(&uuid, "default-worker").await.unwrap();
    assert_eq!(workers["node_addresses"].as_array().unwrap().len(), 1, "{workers}");
    world.accept_nodegroup_delete(&uuid, "gpu").await;
    assert_eq!(world.nodegroup(&uuid, "gpu").await.unwrap()["status"], "DELETE_IN_PROGRESS");
    world.run_until_idle(&world.engine()).await;
    assert!(world.nodegroup(&uuid, "gpu").await.is_none());
    assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "UPDATE_COMPLETE");
    assert_eq!(world.cloud.census(), before);
    world.accept_nodegroup_create(&uuid, "last", 1).await;
    world.run_until_idle(&world.engine()).await;
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert!(world.cluster(&uuid).await.is_none());
    assert_eq!(world.cloud.census(), empty);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_a_busy_cluster_waits_in_order() {
    let world = World::new().await;
    let uuid = built(&world, "busy").await;
    world.accept_resize(&uuid, 2).await;
    world.accept_nodegroup_create(&uuid, "a", 1).await;
    world.accept_nodegroup_create(&uuid, "b", 1).await;
    for count in [3, 2] {
        let resize = json!({"node_count": count, "nodegroup": "a"});
        let (status, answer) = world.send("POST", &format!("/clusters/{uuid}/actions/resize"), Some(resize)).await;
        assert_eq!(status, 202, "{answer}");
    }
    world.accept_nodegroup_delete(&uuid, "b").await;
    world.run_until_idle(&world.engine()).await;
    let a = world.nodegroup(&uuid, "a").await.unwrap();
    assert_eq!((&a["status"], &a["node_count"]), (&json!("UPDATE_COMPLETE"), &json!(2)), "{a}");
    assert_eq!(a["node_addresses"].as_array().unwrap().len(), 2, "{a}");
    assert!(world.nodegroup(&uuid, "b").await.is_none());
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!((&cluster["status"], &cluster["node_count"]), (&json!("UPDATE_COMPLETE"), &json!(4)), "{cluster}");
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_failed_is_told_and_can_be_removed() {
    let world = World::new().await;
    let uuid = built(&world, "green").await;
    let before = world.cloud.census();
    world.cloud.inject(Fault::once("heat", "POST", "/stacks", Effect::Refuse(400)));
    world.accept_nodegroup_create(&uuid, "bad", 1).await;
    world.run_until_idle(&world.engine()).await;
    let group = world.nodegroup(&uuid, "bad").await.unwrap();
    assert_eq!(group["status"], "CREATE_FAILED", "{group}");
    assert!(group["status_reason"].as_str().unwrap().contains("create stack"), "{group}");
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!(cluster["status"], "UPDATE_FAILED", "{cluster}");
    assert!(cluster["status_reason"].as_str().unwrap().starts_with("bad failed: "), "{cluster}");
    assert!(cluster["faults"].get("bad").is_some(), "{cluster}");
    let resize = json!({"node_count": 2, "nodegroup": "bad"});
    let (status, answer) = world.send("POST", &format!("/clusters/{uuid}/actions/resize"), Some(resize)).await;
    assert_eq!(status, 409, "a group that was never made cannot grow: {answer}");
    world.accept_resize(&uuid, 2).await;
    world.run_until_idle(&world.engine()).await;
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!((&cluster["status"], &cluster["status_reason"]), (&json!("UPDATE_FAILED"), &json!("bad failed")));
    assert_eq!(world.nodegroup(&uuid, "default-worker").await.unwrap()["status"], "UPDATE_COMPLETE");
    world.accept_resize(&uuid, 1).await;
    world.accept_nodegroup_delete(&uuid, "bad").await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "UPDATE_COMPLETE");
    assert_eq!(world.cloud.census().stacks, before.stacks);
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_and_nothing_is_stored() {
    let world = World::new().await;
    let uuid = built(&world, "plain").await;
    let path = format!("/clusters/{uuid}/nodegroups");
    let cases: [(Value, u16, &str); 10] = [
        (json!({}), 400, "name"),
        (json!({"name": "m", "role": "master"}), 400, "role"),
        (json!({"name": "default-worker"}), 409, "already exists"),
        (json!({"name": "g", "node_count": 2, "max_node_count": 1}), 409, "max_node_count"),
        (json!({"name": "g", "node_labels": {"kubernetes.io/x": "y"}}), 409, "node_labels"),
        (json!({"name": "g", "node_taints": [{"key": "x", "effect": "Never"}]}), 409, "node_taints"),
        (json!({"name": "g", "flavor_id": "absent"}), 400, "flavor_id"),
        (json!({"name": "g", "labels": {"kube_tag": "v1.12.0"}}), 400, "newer than their masters"),
        (json!({"name": "g", "labels": {"kube_tag": "v1.8.0"}}), 400, "are set up for versions from v1.9"),
        (json!({"name": "g", "labels": {"flannel_backend": "vxlan"}}), 400, "flannel_backend"),
    ];
    for (body, expected, part) in cases {
        let (status, answer) = world.send("POST", &path, Some(body.clone())).await;
        assert_eq!(status, expected, "{body}: {answer}");
        assert!(answer.to_string().contains(part), "{body}: {answer}");
    }
    let (status, answer) = world.send("DELETE", &format!("{path}/default-worker"), None).await;
    assert_eq!(status, 400, "{answer}");
    let (status, _) = world.send("GET", &format!("{path}/absent"), None).await;
    assert_eq!(status, 404);
    let (status, list) = world.send("GET", &format!("{path}/?role=worker"), None).await;
    assert_eq!((status, list["nodegroups"].as_array().unwrap().len()), (200, 1), "{list}");
    assert!(world.store.operations(Some(&uuid), true, 10).await.unwrap().is_empty());
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    world.end().await;
}

/// What is shown of a cluster counts the workers of all groups; what a PATCH names is the size of the default ones.
#[tokio::test(flavor = "multi_thread")]
async fn the_size_that_is_shown_is_no_answer_to_the_one_that_is_asked_for() {
    let world = World::new().await;
    let uuid = built(&world, "sum").await;
    world.accept_nodegroup_create(&uuid, "more", 2).await;
    world.run_until_idle(&world.engine()).await;
    let shown = world.cluster(&uuid).await.unwrap()["node_count"].clone();
    let own = world.nodegroup(&uuid, "default-worker").await.unwrap()["node_count"].as_i64().unwrap();
    assert_eq!(shown, own + 2);
    let patch = json!([{"op": "replace", "path": "/node_count", "value": shown}]);
    let (status, answer) = world.send("PATCH", &format!("/clusters/{uuid}"), Some(patch)).await;
    assert_eq!(status, 202, "{answer}");
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.nodegroup(&uuid, "default-worker").await.unwrap()["node_count"], shown);
    assert_eq!(world.cluster(&uuid).await.unwrap()["node_count"], own + 4);

    let path = format!("/clusters/{uuid}/nodegroups/?role=worker&limit=1");
    let (_, page) = world.send("GET", &path, None).await;
    let next = page["next"].as_str().unwrap_or_else(|| panic!("{page}"));
    assert!(next.ends_with("&role=worker"), "{next}");
    let (_, second) = world.send("GET", next.split_once("/v1").unwrap().1, None).await;
    assert_eq!(second["nodegroups"][0]["name"], "more", "{second}");
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    world.end().await;
}
