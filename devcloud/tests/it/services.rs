//! Glance, Nova, Neutron, Cinder, Barbican and Octavia.

use std::time::Duration;

use devcloud::{DevCloud, Settings};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Caller, cloud, quick, soon, user};

#[tokio::test]
async fn version_documents_need_no_token() {
    let cloud = cloud().await;
    let nobody = Caller::nobody(&cloud);
    for (path, status) in [
        ("/identity", 300),
        ("/identity/v3", 200),
        ("/image", 300),
        ("/image/v2", 200),
        ("/compute/v2.1/", 200),
        ("/network", 200),
        ("/network/v2.0", 200),
        ("/volume", 300),
        ("/key-manager", 300),
        ("/load-balancer", 200),
        ("/orchestration", 300),
    ] {
        let answer = nobody.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text.contains("\"self\""), "{path}");
    }
    assert_eq!(nobody.get("/no-such-service").await.status, 404);
}

#[tokio::test]
async fn images_by_id_and_name() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let id = &cloud.seed().images["fedora-atomic-27"];
    assert_eq!(demo.get(&format!("/image/v2/images/{id}")).await.body["os_distro"], "fedora-atomic");
    let named = |name: &str| format!("/image/v2/images?name={name}");
    assert_eq!(demo.get(&named("twin")).await.body["images"].as_array().unwrap().len(), 2);
    let plain = demo.get(&named("no-distro")).await.body["images"][0].clone();
    assert!(plain.get("os_distro").is_none());
    assert_eq!(demo.get(&named("nothing")).await.body["images"], json!([]));
    let missing = demo.get("/image/v2/images/nothing").await;
    assert_eq!(missing.status, 404);
    assert!(missing.text.contains("404 Not Found"));
}

#[tokio::test]
async fn flavors_and_key_pairs() {
    let cloud = cloud().await;
    let (demo, other) = (user(&cloud, "demo").await, user(&cloud, "other").await);
    let flavors = demo.get("/compute/v2.1/flavors/detail").await.body;
    let disks: Vec<u64> =
        flavors["flavors"].as_array().unwrap().iter().map(|one| one["disk"].as_u64().unwrap()).collect();
    assert_eq!(disks, [20, 40, 80, 0]);
    assert_eq!(demo.get("/compute/v2.1/flavors/2").await.body["flavor"]["name"], "m1.small");
    assert_eq!(demo.get("/compute/v2.1/os-keypairs/testkey").await.body["keypair"]["name"], "testkey");
    let missing = demo.get("/compute/v2.1/os-keypairs/nokey").await;
    assert_eq!((missing.status, missing.body["itemNotFound"]["code"].as_u64()), (404, Some(404)));
    let body = json!({"keypair": {"name": "mine", "public_key": "ssh-rsa AAAA x"}});
    assert_eq!(demo.post("/compute/v2.1/os-keypairs", body.clone()).await.status, 200);
    assert_eq!(demo.post("/compute/v2.1/os-keypairs", body).await.status, 409);
    assert_eq!(other.get("/compute/v2.1/os-keypairs/mine").await.status, 404, "key pairs belong to users");
}

#[tokio::test]
async fn networks_by_filter() {
    let cloud = cloud().await;
    let (demo, other) = (user(&cloud, "demo").await, user(&cloud, "other").await);
    let external = other.get("/network/v2.0/networks?router:external=True").await.body;
    assert_eq!(external["networks"].as_array().unwrap().len(), 1);
    assert_eq!(external["networks"][0]["id"], cloud.seed().networks["public"].as_str());
    let private = "/network/v2.0/networks?name=private";
    assert_eq!(demo.get(private).await.body["networks"].as_array().unwrap().len(), 1);
    assert_eq!(other.get(private).await.body["networks"], json!([]), "another project's network is invisible");
    let subnet = &cloud.seed().subnets["private-subnet"];
    assert_eq!(demo.get(&format!("/network/v2.0/subnets/{subnet}")).await.body["subnet"]["cidr"], "10.10.0.0/24");
    let missing = demo.get("/network/v2.0/subnets/nothing").await;
    assert_eq!((missing.status, missing.body["NeutronError"]["type"].as_str()), (404, Some("SubnetNotFound")));
}

#[tokio::test]
async fn floating_ips_follow_their_port() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let network = &cloud.seed().networks["private"];
    let port = demo.post("/network/v2.0/ports", json!({"port": {"network_id": network}})).await.body["port"].clone();
    let id = port["id"].as_str().unwrap();
    let body = json!({"floatingip": {"floating_network_id": cloud.seed().networks["public"], "port_id": id}});
    let floating = demo.post("/network/v2.0/floatingips", body).await;
    assert_eq!(floating.status, 201, "{}", floating.text);
    let listed = demo.get(&format!("/network/v2.0/floatingips?port_id={id}")).await.body;
    assert_eq!(listed["floatingips"].as_array().unwrap().len(), 1);
    let used = demo.delete(&format!("/network/v2.0/networks/{network}")).await;
    assert_eq!((used.status, used.body["NeutronError"]["type"].as_str()), (409, Some("NetworkInUse")));
    let gone = listed["floatingips"][0]["id"].as_str().unwrap();
    assert_eq!(demo.delete(&format!("/network/v2.0/floatingips/{gone}")).await.status, 204);
    assert!(cloud.census().floating_ips.is_empty());
    let internal = json!({"floatingip": {"floating_network_id": network}});
    assert_eq!(demo.post("/network/v2.0/floatingips", internal).await.status, 400);
}

#[tokio::test]
async fn volume_types_and_volumes() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let path = |rest: &str| format!("/volume/v3/{}/{rest}", demo.project);
    assert_eq!(demo.get(&path("types")).await.body["volume_types"][0]["name"], "lvm");
    assert_eq!(demo.get(&path("types/default")).await.body["volume_type"]["name"], "lvm");
    let made = demo.post(&path("volumes"), json!({"volume": {"size": 1, "name": "v"}})).await;
    assert_eq!(made.status, 202);
    assert_eq!(cloud.census().volumes.len(), 1);
    let id = made.body["volume"]["id"].as_str().unwrap();
    assert_eq!(demo.delete(&path(&format!("volumes/{id}"))).await.status, 202);
    assert!(cloud.census().volumes.is_empty());
    assert_eq!(demo.get("/volume/v3/someone-else/types").await.status, 400);
}

#[tokio::test]
async fn secrets_and_containers() {
    let cloud = cloud().await;
    let (magnum, demo) = (user(&cloud, "magnum").await, user(&cloud, "demo").await);
    let mut refs = Vec::new();
    for (name, payload) in [("Certificate", "-----BEGIN CERTIFICATE-----"), ("Private Key", "-----BEGIN")] {
        let body = json!({"name": name, "payload": payload, "payload_content_type": "text/plain"});
        let made = magnum.post("/key-manager/v1/secrets", body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        refs.push(made.body["secret_ref"].as_str().unwrap().to_owned());
    }
    let shown = magnum.get(&refs[0]).await;
    assert_eq!(shown.body["name"], "Certificate");
    assert!(!shown.text.contains("BEGIN"), "metadata holds no payload");
    let payload = magnum.send(Method::GET, &format!("{}/payload", refs[0]), None, &[("Accept", "text/plain")]).await;
    assert_eq!(payload.text, "-----BEGIN CERTIFICATE-----");
    assert_eq!(demo.get(&refs[0]).await.status, 403);
    let parts = json!([{"name": "certificate", "secret_ref": refs[0]}, {"name": "private_key", "secret_ref": refs[1]}]);
    let body = json!({"name": "c", "type": "certificate", "secret_refs": parts});
    let made = magnum.post("/key-manager/v1/containers", body).await;
    assert_eq!(made.status, 201);
    let container = made.body["container_ref"].as_str().unwrap();
    let consumer = json!({"name": "Magnum", "URL": "cluster-uuid"});
    let read = magnum.post(&format!("{container}/consumers"), consumer).await;
    assert_eq!(read.body["secret_refs"], parts);
    let census = cloud.census();
    assert_eq!((census.secrets.len(), census.containers.len()), (2, 1));
    for gone in [container, &refs[0], &refs[1]] {
        assert_eq!(magnum.delete(gone).await.status, 204);
        assert_eq!(magnum.get(gone).await.status, 404);
    }
    assert_eq!(cloud.census(), devcloud::Census { networks: cloud.census().networks, ..Default::default() });
}

#[tokio::test]
async fn secrets_must_be_well_formed() {
    let cloud = cloud().await;
    let (demo, reader) = (user(&cloud, "demo").await, user(&cloud, "reader").await);
    let secrets = "/key-manager/v1/secrets";
    let good = json!({"payload": "x", "payload_content_type": "text/plain"});
    assert_eq!(reader.post(secrets, good).await.status, 403);
    assert_eq!(demo.post(secrets, json!({"payload": "x"})).await.status, 400);
    let binary = json!({"payload": "eA==", "payload_content_type": "application/octet-stream"});
    assert_eq!(demo.post(secrets, binary.clone()).await.status, 400, "binary needs an encoding");
    let mut encoded = binary;
    encoded["payload_content_encoding"] = json!("base64");
    let made = demo.post(secrets, encoded).await.body["secret_ref"].as_str().unwrap().to_owned();
    assert_eq!(demo.get(&format!("{made}/payload")).await.text, "x");
}

/// A load balancer as Kubernetes' cloud provider leaves it, with a listener and a pool.
async fn service_balancer(cloud: &DevCloud, name: &str) -> String {
    let demo = user(cloud, "demo").await;
    let body = json!({
        "name": name, "vip_subnet_id": cloud.seed().subnets["private-subnet"],
        "description": "Kubernetes external service x from cluster 5d12f6fd-a196-4bf0-ae4c-1f639a523a52",
    });
    let made = demo.post("/load-balancer/v2.0/lbaas/loadbalancers", json!({"loadbalancer": body})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.body["loadbalancer"]["id"].as_str().unwrap().to_owned();
    ready(&demo, &id).await;
    let listener = json!({"listener": {"loadbalancer_id": id, "protocol": "TCP", "protocol_port": 80}});
    let made = demo.post("/load-balancer/v2.0/lbaas/listeners", listener).await.body;
    let pool =
        json!({"pool": {"listener_id": made["listener"]["id"], "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"}});
    ready(&demo, &id).await;
    assert_eq!(demo.post("/load-balancer/v2.0/lbaas/pools", pool).await.status, 201);
    ready(&demo, &id).await;
    id
}

/// Waits until a load balancer can be worked on.
async fn ready(demo: &Caller, id: &str) {
    let path = format!("/load-balancer/v2.0/lbaas/loadbalancers/{id}");
    while demo.get(&path).await.body["loadbalancer"]["provisioning_status"] != "ACTIVE" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn load_balancers_go_with_cascade_only() {
    let cloud = cloud().await;
    let (demo, reader) = (user(&cloud, "demo").await, user(&cloud, "reader").await);
    let id = service_balancer(&cloud, "kube_service").await;
    let all = "/load-balancer/v2/lbaas/loadbalancers";
    let listed = demo.get(all).await.body;
    assert!(listed["loadbalancers"][0]["description"].as_str().unwrap().contains("from cluster 5d12f6fd"));
    let port = listed["loadbalancers"][0]["vip_port_id"].as_str().unwrap().to_owned();
    assert_eq!(demo.get(&format!("/network/v2.0/ports/{port}")).await.status, 200);
    assert_eq!(reader.get(all).await.status, 403, "the load-balancer role is needed");
    let refused = demo.delete(&format!("{all}/{id}")).await;
    assert_eq!((refused.status, refused.body["faultcode"].as_str()), (400, Some("Client")));
    assert_eq!(demo.delete(&format!("{all}/{id}?cascade=true")).await.status, 204);
    assert_eq!(demo.get(&format!("{all}/{id}")).await.status, 404);
    assert_eq!(demo.get(&format!("/network/v2.0/ports/{port}")).await.status, 404);
    assert_eq!(demo.get("/load-balancer/v2/lbaas/pools").await.body["pools"], json!([]));
}

#[tokio::test]
async fn a_slow_load_balancer_is_immutable_while_it_goes() {
    let cloud = DevCloud::start(Settings { balancer_delay: Duration::from_secs(1), ..quick() }).await.unwrap();
    let demo = user(&cloud, "demo").await;
    let id = service_balancer(&cloud, "slow").await;
    let path = format!("/load-balancer/v2/lbaas/loadbalancers/{id}");
    assert_eq!(demo.delete(&format!("{path}?cascade=true")).await.status, 204);
    let shown = demo.get(&path).await.body["loadbalancer"].clone();
    assert_eq!(shown["provisioning_status"], "PENDING_DELETE");
    assert!(shown.as_object().unwrap().keys().all(|key| !key.starts_with('_')));
    assert_eq!(demo.delete(&format!("{path}?cascade=true")).await.status, 409);
    soon(async || demo.get(&path).await.status == 404).await;
    assert!(cloud.census().load_balancers.is_empty());
}

#[tokio::test]
async fn malformed_bodies_are_400_everywhere() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    for path in [
        "/identity/v3/auth/tokens".to_owned(),
        demo.stacks(),
        "/network/v2.0/ports".to_owned(),
        "/compute/v2.1/os-keypairs".to_owned(),
        "/key-manager/v1/secrets".to_owned(),
        "/load-balancer/v2/lbaas/loadbalancers".to_owned(),
    ] {
        for body in [json!([]), json!("text"), json!({}), Value::Null] {
            let answer = demo.post(&path, body.clone()).await;
            assert_eq!(
                answer.status,
                if path.ends_with("secrets") && body == json!({}) { 201 } else { 400 },
                "{path} {body}"
            );
        }
    }
}
