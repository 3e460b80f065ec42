//! Stacks that fail after they were accepted.

use std::time::Duration;

use devcloud::{DevCloud, Settings};
use serde_json::json;

use crate::client::{cloud, user};
use crate::heat::{created, path};
use crate::templates::cluster;

#[tokio::test]
async fn a_small_quota_fails_the_stack_with_the_path() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let before = cloud.census();
    cloud.set_instance_quota(&demo.project, Some(3));
    let id = created(&cloud, &demo, "c1", json!({"number_of_minions": 4})).await;
    let stack = demo.settled(&id).await;
    assert_eq!(stack["stack_status"], "CREATE_FAILED");
    let reason = stack["stack_status_reason"].as_str().unwrap();
    let start = "Resource CREATE failed: Forbidden: resources.kube_minions.resources[2].resources.server: \
                 Quota exceeded for instances: Requested 1, but already used 3 of 3 instances (HTTP 403)";
    assert!(reason.starts_with(start), "{reason}");
    let failed = demo.get(&format!("{}/resources?nested_depth=5&status=FAILED", path(&demo, "c1", &id))).await.body;
    assert_eq!(failed["resources"].as_array().unwrap().len(), 3);
    cloud.set_instance_quota(&demo.project, None);
    demo.patch(&path(&demo, "c1", &id), json!({"parameters": {}})).await;
    assert_eq!(demo.settled(&id).await["stack_status"], "UPDATE_COMPLETE");
    assert_eq!(cloud.census().servers.len(), 5);
    demo.delete(&path(&demo, "c1", &id)).await;
    demo.settled(&id).await;
    assert_eq!(cloud.census(), before);
}

#[tokio::test]
async fn rollback_takes_everything_away() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    cloud.set_instance_quota(&demo.project, Some(1));
    let mut body = cluster(&cloud, "c1", &json!({}));
    body["disable_rollback"] = json!(false);
    let id = demo.post(&demo.stacks(), body).await.body["stack"]["id"].as_str().unwrap().to_owned();
    assert_eq!(demo.settled(&id).await["stack_status"], "ROLLBACK_COMPLETE");
    assert!(cloud.census().servers.is_empty());
}

#[tokio::test]
async fn a_slow_stack_times_out() {
    let settings = Settings {
        stack_delay: Duration::from_secs(5),
        stack_minute: Duration::from_millis(100),
        ..Settings::default()
    };
    let cloud = DevCloud::start(settings).await.unwrap();
    let demo = user(&cloud, "demo").await;
    let mut body = cluster(&cloud, "c1", &json!({}));
    body["timeout_mins"] = json!(1);
    let id = demo.post(&demo.stacks(), body).await.body["stack"]["id"].as_str().unwrap().to_owned();
    let stack = demo.settled(&id).await;
    assert_eq!(
        (stack["stack_status"].as_str(), stack["stack_status_reason"].as_str()),
        (Some("CREATE_FAILED"), Some("Timed out"))
    );
}

#[tokio::test]
async fn a_missing_volume_type_or_port_fails_the_stack() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    for (from, to, start) in [
        (
            "properties:\n      size: {get_param: volume_size}",
            "properties: {size: 1, volume_type: gold}",
            "Resource CREATE failed: resources[0]: resources.kube_masters.Property error: \
             resources.docker_volume.properties.volume_type: Error validating value 'gold': The VolumeType (gold)",
        ),
        (
            "networks: [{port: {get_resource: eth0}}]",
            "networks: [{port: nothing}]",
            "Resource CREATE failed: NotFound: resources.kube_masters.resources[0].resources.server: Port nothing",
        ),
    ] {
        let mut body = cluster(&cloud, "c1", &json!({}));
        let node = body["files"]["node.yaml"].as_str().unwrap().replace(from, to);
        assert_ne!(body["files"]["node.yaml"], json!(node));
        body["files"]["node.yaml"] = json!(node);
        let id = demo.post(&demo.stacks(), body).await.body["stack"]["id"].as_str().unwrap().to_owned();
        let stack = demo.settled(&id).await;
        let reason = stack["stack_status_reason"].as_str().unwrap();
        assert!(reason.starts_with(start), "{reason}");
        demo.delete(&path(&demo, "c1", &id)).await;
        demo.settled(&id).await;
    }
}
