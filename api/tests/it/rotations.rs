//! Replacing a cluster's authority or its trustee: who may ask, and of which clusters.

use serde_json::json;

use crate::{
    certificates::issue,
    tenancy::{named_trustee, trustee},
    world::{World, cluster, template},
};

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
    world.cluster(json!({"name": "signer", "labels": {"cert_manager_api": "true"}})).await;
    let swarm = json!({"name": "swarm", "coe": "swarm-mode", "network_driver": "docker", "labels": {}});
    world.ask("POST", "/v1/clustertemplates").json(&template(swarm)).send().await.expect(201);
    let body = cluster(json!({"name": "swarm", "cluster_template_id": "swarm"}));
    world.ask("POST", "/v1/clusters").json(&body).send().await.expect(202);
    let before = world.rows().await;
    for (ident, user, status, part) in [
        ("open", "demo", 400, "non-TLS"),
        ("signer", "demo", 400, "cert_manager_api"),
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

#[tokio::test]
async fn a_rotation_of_credentials_is_accepted_from_its_version_on() {
    let world = World::new().await;
    world.template(json!({})).await;
    let uuid = world.cluster(json!({})).await;
    for ident in ["blue", uuid.as_str()] {
        let answer = world.ask("PATCH", &format!("/v1/credentials/{ident}")).version("latest").send().await;
        assert_eq!(answer.expect(202), json!({"uuid": uuid}));
    }
    world.ask("PATCH", "/v1/credentials/blue").version("1.12").send().await.expect(202);
    let operations = world.store.operations(Some(&uuid), true, 10).await.unwrap();
    let waiting: Vec<_> = operations.iter().filter(|op| op.kind == domain::OperationKind::RotateCredentials).collect();
    assert_eq!((operations.len(), waiting.len()), (2, 1), "of several that wait one is carried out: {operations:?}");
    assert!(waiting[0].sealed_token.is_some(), "the trust is the caller's to give");
    world.ask("DELETE", "/v1/clusters/blue").send().await.expect(204);
    world.ask("PATCH", "/v1/credentials/blue").version("latest").send().await.expect(409);
    world.end().await;
}

#[tokio::test]
async fn credentials_that_cannot_be_rotated_are_left_alone() {
    let world = World::new().await;
    world.template(json!({})).await;
    world.cluster(json!({})).await;
    let swarm = json!({"name": "swarm", "coe": "swarm-mode", "network_driver": "docker", "labels": {}});
    world.ask("POST", "/v1/clustertemplates").json(&template(swarm)).send().await.expect(201);
    let body = cluster(json!({"name": "swarm", "cluster_template_id": "swarm"}));
    world.ask("POST", "/v1/clusters").json(&body).send().await.expect(202);
    let before = world.rows().await;
    for (method, path, version, user, status, part) in [
        ("PATCH", "swarm", "latest", "demo", 400, "swarm_fedora_atomic_v2"),
        ("PATCH", "absent", "latest", "demo", 404, "absent"),
        ("PATCH", "blue", "latest", "other", 404, "blue"),
        ("PATCH", "blue", "latest", "", 401, ""),
        ("PATCH", "blue", "1.11", "demo", 406, ""),
        ("PATCH", "blue", "", "demo", 406, ""),
        ("PATCH", "blue?force=true", "latest", "demo", 400, "force"),
        ("GET", "blue", "latest", "demo", 405, ""),
    ] {
        let answer = world.ask(method, &format!("/v1/credentials/{path}")).version(version).by(user).send().await;
        assert_eq!(answer.status, status, "{method} {path} by {user}: {}", answer.text);
        assert!(answer.text.contains(part), "{path} by {user}: {}", answer.text);
    }
    assert_eq!(world.rows().await, before);
    world.end().await;
}

#[tokio::test]
async fn a_cluster_knows_its_other_user_once_its_credentials_are_rotated() {
    let world = World::new().await;
    world.template(json!({})).await;
    let (blue, green) = (world.cluster(json!({})).await, world.cluster(json!({"name": "green"})).await);
    let first = trustee(&world, "first", &blue).await;
    named_trustee(&world, "second", &format!("{blue}.2")).await;
    named_trustee(&world, "green's second", &format!("{green}.2")).await;
    issue(&world, &blue, Some(&first)).await;
    issue(&world, &green, None).await;
    let asked = async |user: &str| {
        let answer = world.ask("GET", &format!("/v1/certificates/{blue}")).by(user).send().await;
        (user.to_owned(), answer.status)
    };
    let wanted = |statuses: [u16; 3]| {
        let users = ["first", "second", "green's second"].map(str::to_owned);
        users.into_iter().zip(statuses).collect::<Vec<_>>()
    };
    let all = async || [asked("first").await, asked("second").await, asked("green's second").await].to_vec();
    assert_eq!(all().await, wanted([200, 403, 403]));
    let mut record = world.store.cluster(&store::Scope::All, &domain::Ident::of(&blue)).await.unwrap();
    record.cluster.trustee_rotation = Some("v1:kept".to_owned());
    let operations = world.store.operations(Some(&blue), true, 1).await.unwrap();
    let (now, lease) = (chrono::Utc::now() + chrono::TimeDelta::hours(1), chrono::TimeDelta::seconds(60));
    let claimed = world.store.claim_operation(&operations[0].id, "test", now, lease).await.unwrap().unwrap();
    assert!(world.store.record(&claimed, &record.cluster, &record.nodegroups, now).await.unwrap());
    assert_eq!(all().await, wanted([200, 200, 403]));
    let path = format!("/v1/credentials/{blue}");
    for user in ["first", "second"] {
        world.ask("PATCH", &path).version("latest").by(user).send().await.expect(403);
    }
    world.end().await;
}
