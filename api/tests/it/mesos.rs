//! Templates and clusters of Mesos: what is accepted, and what is refused by its name.

use serde_json::{Value, json};

use crate::world::{World, cluster, template};

fn mesos(changes: Value) -> Value {
    let mut body = template(json!({"name": "mesos", "coe": "mesos", "image_id": "ubuntu-mesos", "tls_disabled": true,
        "network_driver": "docker", "labels": {"mesos_slave_isolation": "filesystem/linux,docker/runtime",
        "mesos_slave_image_providers": "docker", "mesos_slave_work_dir": "/srv/mesos"}}));
    for (name, value) in changes.as_object().unwrap() {
        if value == "ABSENT" {
            body.as_object_mut().unwrap().remove(name);
        } else {
            body[name] = value.clone();
        }
    }
    body
}

#[tokio::test]
async fn a_cluster_of_three_masters_is_accepted() {
    let world = World::new().await;
    let body = mesos(json!({"network_driver": "ABSENT", "volume_driver": "rexray"}));
    let made = world.ask("POST", "/v1/clustertemplates").json(&body).send().await.expect(201);
    assert_eq!((&made["network_driver"], &made["cluster_distro"]), (&json!("docker"), &json!("ubuntu")));
    let body = cluster(json!({"cluster_template_id": "mesos", "master_count": 3, "master_lb_enabled": true}));
    world.ask("POST", "/v1/clusters").json(&body).send().await.expect(202);
    world.end().await;
}

#[tokio::test]
async fn what_cannot_work_is_a_400_with_its_name() {
    let world = World::new().await;
    let before = world.rows().await;
    for (changes, part) in [
        (json!({"tls_disabled": "ABSENT"}), "tls_disabled"),
        (json!({"tls_disabled": false}), "tls_disabled"),
        (json!({"registry_enabled": true}), "registry_enabled"),
        (json!({"docker_storage_driver": "devicemapper"}), "docker_storage_driver"),
        (json!({"network_driver": "flannel"}), "network_driver"),
        (json!({"volume_driver": "cinder"}), "volume_driver"),
        (json!({"image_id": "fedora-atomic-27"}), "fedora-atomic"),
        (json!({"server_type": "bm"}), "server_type bm"),
        (json!({"labels": {"mesos_slave_isolation": "filesystem/posix,filesystem/linux"}}), "mesos_slave_isolation"),
        (json!({"labels": {"mesos_slave_image_providers": "appc"}}), "mesos_slave_image_providers"),
        (json!({"labels": {"mesos_slave_work_dir": "tmp"}}), "mesos_slave_work_dir"),
        (json!({"labels": {"mesos_slave_executor_env_variables": "[1]"}}), "mesos_slave_executor_env_variables"),
        (json!({"labels": {"mesos_allowed_cidr": "all"}}), "mesos_allowed_cidr"),
    ] {
        let answer = world.ask("POST", "/v1/clustertemplates").json(&mesos(changes.clone())).send().await;
        assert_eq!(answer.status, 400, "{changes}: {}", answer.text);
        assert!(answer.text.contains(part), "{changes}: no {part} in {}", answer.text);
    }
    assert_eq!(world.rows().await, before, "a refused request changed a row");
    world.ask("POST", "/v1/clustertemplates").json(&mesos(json!({}))).send().await.expect(201);
    for (changes, part) in [
        (json!({"master_count": 3}), "master_lb_enabled"),
        (json!({"master_count": 2, "master_lb_enabled": true}), "master_count"),
        (json!({"labels": {"mesos_slave_work_dir": "tmp"}}), "mesos_slave_work_dir"),
    ] {
        let mut body = cluster(json!({"cluster_template_id": "mesos"}));
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let answer = world.ask("POST", "/v1/clusters").json(&body).send().await;
        assert_eq!(answer.status, 400, "{changes}: {}", answer.text);
        assert!(answer.text.contains(part), "{changes}: no {part} in {}", answer.text);
    }
    world.end().await;
}
