//! Replacing a cluster's authority: who may ask, and of which clusters.

use serde_json::json;

use crate::world::{World, cluster, template};

#[tokio::test]
async fn a_rotation_is_accepted_and_waits_for_what_runs() {
    let world = World::new().await;
    world.template(json!({})).await;
    let uuid = world.cluster(json!({})).await;
    for (ident, version) in [("blue", "1.1"), (uuid.as_str(), "latest"), ("blue", "")] {
        let answer = world.ask("PATCH", &format!("/v1/certificates/{ident}")).version(version).send().await;
        assert_eq!(answer.expect(202), json!({"uuid": uuid}));
    }
    let plain = world.ask("PATCH", "/v1/certificates/blue").header("content-type", "application/octet-stream");
    plain.send().await.expect(202);
    let operations = world.store.operations(Some(&uuid), true, 10).await.unwrap();
    let waiting = operations.iter().filter(|op| op.kind == domain::OperationKind::RotateCa).count();
    assert_eq!((operations.len(), waiting), (2, 1), "of several that wait one is carried out: {operations:?}");
    world.ask("DELETE", "/v1/clusters/blue").send().await.expect(204);
    world.ask("PATCH", "/v1/certificates/blue").send().await.expect(409);
    world.end().await;
}

#[tokio::test]
async fn what_cannot_be_rotated_is_refused_by_name_and_nothing_is_stored() {
    let world = World::with(&[("OS_MAGNUM_RS__ALLOW_INSECURE_KUBERNETES", "true")]).await;
    world.template(json!({})).await;
    world.cluster(json!({})).await;
    world.template(json!({"name": "open", "tls_disabled": true})).await;
    world.cluster(json!({"name": "open", "cluster_template_id": "open"})).await;
    let swarm = json!({"name": "swarm", "coe": "swarm-mode", "network_driver": "docker", "labels": {}});
    world.ask("POST", "/v1/clustertemplates").json(&template(swarm)).send().await.expect(201);
    let body = cluster(json!({"name": "swarm", "cluster_template_id": "swarm"}));
    world.ask("POST", "/v1/clusters").json(&body).send().await.expect(202);
    let before = world.rows().await;
    for (ident, user, status, part) in [
        ("open", "demo", 400, "non-TLS"),
        ("swarm", "demo", 400, "swarm_fedora_atomic_v2"),
        ("absent", "demo", 404, "absent"),
        ("blue", "other", 404, "blue"),
        ("blue", "", 401, ""),
    ] {
        let answer = world.ask("PATCH", &format!("/v1/certificates/{ident}")).by(user).send().await;
        assert_eq!(answer.status, status, "{ident} by {user}: {}", answer.text);
        assert!(answer.text.contains(part), "{ident} by {user}: {}", answer.text);
    }
    world.ask("PATCH", "/v1/certificates/blue?force=true").send().await.expect(400);
    world.ask("PUT", "/v1/certificates/blue").send().await.expect(405);
    assert_eq!(world.rows().await, before);
    world.end().await;
}
