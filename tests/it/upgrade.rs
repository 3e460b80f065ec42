//! Upgrades: batch by batch, what a failed one leaves, and what is refused.

use cloud::Server;
use serde_json::{Value, json};

use crate::{
    mishaps::{somebody, status},
    world::World,
};

const OLD: &str = "v1.11.6";
const NEW: &str = "v1.12.7";

/// The templates `old` and `new`, whose masters keep etcd on volumes.
pub(crate) async fn templates(world: &World) {
    template(world, "old", OLD).await;
    template(world, "new", NEW).await;
}

async fn template(world: &World, name: &str, tag: &str) {
    let body = json!({"name": name, "coe": "kubernetes", "image_id": "fedora-atomic-27", "external_network_id": "public",
        "keypair_id": "testkey", "flavor_id": "m1.small", "master_flavor_id": "m1.small", "docker_volume_size": 5,
        "master_lb_enabled": true, "labels": {"kube_tag": tag, "etcd_volume_size": "1"}});
    let (code, answer) = world.send("POST", "/clustertemplates", Some(body)).await;
    assert_eq!(code, 201, "{answer}");
}

/// Accepts a new cluster of the template `old`; its uuid.
pub(crate) async fn accept_create(world: &World, name: &str, masters: i64, workers: i64) -> String {
    let body = json!({"name": name, "cluster_template_id": "old", "master_count": masters, "node_count": workers});
    let (code, answer) = world.send("POST", "/clusters", Some(body)).await;
    assert_eq!(code, 202, "{answer}");
    answer["uuid"].as_str().unwrap().to_owned()
}

pub(crate) async fn accept_upgrade(world: &World, uuid: &str, body: Value) {
    let (code, answer) = world.send("POST", &format!("/clusters/{uuid}/actions/upgrade"), Some(body)).await;
    assert_eq!((code, &answer["uuid"]), (202, &json!(uuid)), "{answer}");
}

/// Every server of the project, which has no other cluster, has the new version.
pub(crate) async fn assert_upgraded(world: &World, uuid: &str, what: &str) {
    let cluster = world.cluster(uuid).await.unwrap();
    assert_eq!(
        (&cluster["coe_version"], &cluster["labels"]["kube_tag"]),
        (&json!(NEW), &json!(NEW)),
        "{what}: {cluster}"
    );
    assert_eq!(versions(&servers(world).await), [NEW; 2], "{what}");
}

async fn built(world: &World, name: &str, masters: i64, workers: i64) -> String {
    templates(world).await;
    let uuid = accept_create(world, name, masters, workers).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(status(world, &uuid).await.0, "CREATE_COMPLETE");
    uuid
}

/// Servers with the version each was booted with, by name.
async fn servers(world: &World) -> Vec<(Server, String)> {
    let mut found = somebody(world).await.nova().servers("").await.unwrap();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let version = |server: &Server| {
        let text = world.cloud.user_data(&server.name).unwrap();
        text.lines().find_map(|line| line.strip_prefix("KUBE_TAG=")).unwrap().to_owned()
    };
    found.into_iter().map(|server| (server.clone(), version(&server))).collect()
}

fn versions(servers: &[(Server, String)]) -> Vec<&str> {
    servers.iter().map(|(_, version)| version.as_str()).collect()
}

/// How many servers of `before` are there no more.
fn replaced(before: &[(Server, String)], after: &[(Server, String)]) -> usize {
    before.iter().filter(|(old, _)| !after.iter().any(|(new, _)| new.id == old.id)).count()
}

fn quota(world: &World, limit: Option<u64>) {
    let project = world.cloud.seed().account("demo").unwrap().project_id.clone();
    world.cloud.set_instance_quota(&project, limit);
}

async fn delete(world: World, uuid: &str) {
    world.accept_delete(uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert!(world.cluster(uuid).await.is_none());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn masters_go_one_by_one_and_workers_in_batches() {
    let world = World::with_barbican(|_| {}).await;
    let uuid = built(&world, "blue", 3, 3).await;
    let before = servers(&world).await;
    assert_eq!(versions(&before), [OLD; 6]);
    accept_upgrade(&world, &uuid, json!({"cluster_template": "new", "max_batch_size": 2})).await;
    assert_eq!(status(&world, &uuid).await.0, "UPDATE_IN_PROGRESS");
    let (code, answer) = world.send("DELETE", "/clustertemplates/new", None).await;
    assert_eq!(code, 400, "a template that somebody goes to is in use: {answer}");
    let engine = world.engine();
    let mut seen: Vec<(String, usize)> = Vec::new();
    for _ in 0..200 {
        let operations = world.store.operations(Some(&uuid), true, 10).await.unwrap();
        let Some(op) = operations.first() else { break };
        engine.advance(&op.id, &|| false).await.unwrap();
        let reason = status(&world, &uuid).await.1;
        if !reason.is_empty() && seen.last().is_none_or(|(last, _)| *last != reason) {
            seen.push((reason, replaced(&before, &servers(&world).await)));
        }
        world.deps.clock.advance(std::time::Duration::from_secs(120));
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    let expected: Vec<(String, usize)> = [
        ("master nodes: batch 1 of 3", 1),
        ("master nodes: batch 2 of 3", 2),
        ("master nodes: batch 3 of 3", 3),
        ("minion nodes: batch 1 of 2", 5),
        ("minion nodes: batch 2 of 2", 6),
    ]
    .map(|(text, replaced)| (format!("Upgrading {text}"), replaced))
    .into();
    assert_eq!(seen, expected);
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!((&cluster["status"], &cluster["status_reason"]), (&json!("UPDATE_COMPLETE"), &json!(null)), "{cluster}");
    assert_eq!((&cluster["coe_version"], &cluster["labels"]["kube_tag"]), (&json!(NEW), &json!(NEW)), "{cluster}");
    let (_, template) = world.send("GET", "/clustertemplates/new", None).await;
    assert_eq!(cluster["cluster_template_id"], template["uuid"]);
    for name in ["default-master", "default-worker"] {
        let group = world.nodegroup(&uuid, name).await.unwrap();
        assert_eq!((&group["version"], &group["labels"]["kube_tag"]), (&json!(NEW), &json!(NEW)), "{group}");
        assert_eq!(group["node_addresses"].as_array().unwrap().len(), 3, "{group}");
    }
    let after = servers(&world).await;
    assert_eq!((versions(&after), replaced(&before, &after)), (vec![NEW; 6], 6));
    world.accept_resize(&uuid, 4).await;
    world.run_until_idle(&engine).await;
    let grown = servers(&world).await;
    assert_eq!((versions(&grown), replaced(&after, &grown)), (vec![NEW; 7], 0), "a resize replaces nothing");
    accept_upgrade(&world, &uuid, json!({"cluster_template": "new"})).await;
    world.run_until_idle(&engine).await;
    assert_eq!(replaced(&grown, &servers(&world).await), 0, "nothing is left to do");
    assert_eq!(status(&world, &uuid).await.0, "UPDATE_COMPLETE");
    delete(world, &uuid).await;
}

/// A cluster whose upgrade failed at its second batch of workers.
async fn failed(world: &World) -> String {
    failed_in(world, (1, 2), "minion nodes: batch 2 of 2").await
}

/// A cluster of so many masters and workers whose upgrade failed in the second batch of a group.
async fn failed_in(world: &World, (masters, workers): (i64, i64), second: &str) -> String {
    let uuid = built(world, "green", masters, workers).await;
    accept_upgrade(world, &uuid, json!({"cluster_template": "new"})).await;
    let engine = world.engine();
    let first = second.replacen("batch 2", "batch 1", 1);
    for _ in 0..200 {
        let operations = world.store.operations(Some(&uuid), true, 10).await.unwrap();
        let Some(op) = operations.first() else { break };
        let before = status(world, &uuid).await.1;
        if before.ends_with(&first) {
            quota(world, u64::try_from(masters + workers).ok());
        }
        engine.advance(&op.id, &|| false).await.unwrap();
        world.deps.clock.advance(std::time::Duration::from_secs(120));
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    quota(world, None);
    let (code, reason) = status(world, &uuid).await;
    assert_eq!(code, "UPDATE_FAILED", "{reason}");
    assert!(reason.contains(&format!("{second} failed: ")) && reason.contains("Quota exceeded"), "{reason}");
    let cluster = world.cluster(&uuid).await.unwrap();
    let (_, template) = world.send("GET", "/clustertemplates/old", None).await;
    assert_eq!(cluster["cluster_template_id"], template["uuid"], "not before all is done");
    uuid
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_goes_on_where_an_upgrade_failed() {
    let world = World::with(|settings| settings.play_nodes = false).await;
    let uuid = failed(&world).await;
    let before = servers(&world).await;
    accept_upgrade(&world, &uuid, json!({"cluster_template": "new"})).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(status(&world, &uuid).await, ("UPDATE_COMPLETE".to_owned(), String::new()));
    let after = servers(&world).await;
    assert_eq!(versions(&after), [NEW; 3]);
    assert_eq!(replaced(&before, &after), 0, "what was done stays, only the missing one is made");
    delete(world, &uuid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_can_run_a_failed_upgrade_again() {
    let world = World::with(|settings| settings.play_nodes = false).await;
    let uuid = failed(&world).await;
    let id = world.store.operations(Some(&uuid), false, 1).await.unwrap()[0].id.clone();
    world.store.retry_operation(&id, world.deps.clock.now()).await.unwrap();
    world.run_until_idle(&world.engine()).await;
    assert_eq!(status(&world, &uuid).await, ("UPDATE_COMPLETE".to_owned(), String::new()));
    assert_eq!(versions(&servers(&world).await), [NEW; 3]);
    delete(world, &uuid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_upgrade_workers_go_back_and_masters_do_not() {
    let world = World::with(|settings| settings.play_nodes = false).await;
    let uuid = failed(&world).await;
    world.accept_resize(&uuid, 3).await;
    world.run_until_idle(&world.engine()).await;
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!((&cluster["status"], &cluster["node_count"]), (&json!("UPDATE_COMPLETE"), &json!(3)), "{cluster}");
    let path = format!("/clusters/{uuid}/actions/upgrade");
    let (code, answer) = world.send("POST", &path, Some(json!({"cluster_template": "old"}))).await;
    assert_eq!(code, 409, "{answer}");
    assert!(answer.to_string().contains("cannot go back"), "{answer}");
    accept_upgrade(
        &world,
        &uuid,
        json!({"cluster_template": "old", "nodegroup": "default-worker", "max_batch_size": 5}),
    )
    .await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(status(&world, &uuid).await.0, "UPDATE_COMPLETE");
    assert_eq!(versions(&servers(&world).await), [NEW, OLD, OLD, OLD]);
    let workers = world.nodegroup(&uuid, "default-worker").await.unwrap();
    assert_eq!(workers["version"], OLD, "{workers}");
    assert_eq!(world.nodegroup(&uuid, "default-master").await.unwrap()["version"], NEW);
    delete(world, &uuid).await;
}

/// The row has the newest version of the masters, so this can only be seen when the stack is.
#[tokio::test(flavor = "multi_thread")]
async fn no_master_skips_a_version_because_another_one_is_further() {
    let world = World::with(|settings| settings.play_nodes = false).await;
    let uuid = failed_in(&world, (3, 1), "master nodes: batch 2 of 3").await;
    assert_eq!(world.nodegroup(&uuid, "default-master").await.unwrap()["version"], NEW);
    template(&world, "newer", "v1.13.4").await;
    let before = servers(&world).await;
    accept_upgrade(&world, &uuid, json!({"cluster_template": "newer"})).await;
    world.run_until_idle(&world.engine()).await;
    let (code, reason) = status(&world, &uuid).await;
    assert_eq!(code, "UPDATE_FAILED");
    assert!(reason.contains(&format!("masters cannot skip a minor version, from {OLD} to v1.13.4")), "{reason}");
    assert_eq!(replaced(&before, &servers(&world).await), 0);
    accept_upgrade(&world, &uuid, json!({"cluster_template": "new"})).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(versions(&servers(&world).await), [NEW; 4]);
    delete(world, &uuid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_upgrades_that_wait_the_last_one_is_carried_out() {
    let world = World::with(|settings| settings.play_nodes = false).await;
    templates(&world).await;
    let uuid = accept_create(&world, "blue", 1, 1).await;
    for template in ["new", "old", "new"] {
        accept_upgrade(&world, &uuid, json!({"cluster_template": template})).await;
    }
    let waiting = world.store.operations(Some(&uuid), true, 10).await.unwrap();
    assert_eq!(waiting.len(), 2, "the create and one upgrade");
    world.run_until_idle(&world.engine()).await;
    assert_eq!(versions(&servers(&world).await), [NEW; 2]);
    delete(world, &uuid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_group_follows_its_cluster() {
    let world = World::with(|settings| settings.play_nodes = false).await;
    let uuid = built(&world, "red", 1, 1).await;
    world.accept_nodegroup_create(&uuid, "gpu", 2).await;
    world.run_until_idle(&world.engine()).await;
    let path = format!("/clusters/{uuid}/actions/upgrade");
    let early = json!({"cluster_template": "new", "nodegroup": "gpu"});
    let (code, answer) = world.send("POST", &path, Some(early.clone())).await;
    assert_eq!(code, 409, "{answer}");
    accept_upgrade(&world, &uuid, json!({"cluster_template": "new"})).await;
    world.run_until_idle(&world.engine()).await;
    let first = servers(&world).await;
    assert_eq!(first.iter().filter(|(_, version)| version == OLD).count(), 2, "the group is still as it was");
    accept_upgrade(&world, &uuid, early).await;
    assert_eq!(world.nodegroup(&uuid, "gpu").await.unwrap()["status"], "UPDATE_IN_PROGRESS");
    world.run_until_idle(&world.engine()).await;
    let group = world.nodegroup(&uuid, "gpu").await.unwrap();
    assert_eq!((&group["status"], &group["version"]), (&json!("UPDATE_COMPLETE"), &json!(NEW)), "{group}");
    assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "UPDATE_COMPLETE");
    let after = servers(&world).await;
    assert_eq!((versions(&after), replaced(&first, &after)), (vec![NEW; 4], 2));
    delete(world, &uuid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_says_what_the_cluster_has_of_its_own_asks_for_no_change() {
    let world = World::with(|settings| settings.play_nodes = false).await;
    templates(&world).await;
    let body = json!({"name": "own", "cluster_template_id": "old", "flavor_id": "m1.large", "docker_volume_size": 7,
        "master_lb_enabled": false, "labels": {"etcd_tag": "v3.2.9"}, "merge_labels": true});
    let (code, made) = world.send("POST", "/clusters", Some(body)).await;
    assert_eq!(code, 202, "{made}");
    world.run_until_idle(&world.engine()).await;
    let uuid = made["uuid"].as_str().unwrap();
    let template = |flavor: &str| {
        json!({"name": flavor, "coe": "kubernetes", "image_id": "fedora-atomic-27", "external_network_id": "public",
            "keypair_id": "testkey", "flavor_id": flavor, "docker_volume_size": 7, "master_lb_enabled": false,
            "labels": {"kube_tag": NEW, "etcd_volume_size": "1", "etcd_tag": "v3.2.9"}})
    };
    for flavor in ["m1.medium", "m1.large"] {
        let (code, answer) = world.send("POST", "/clustertemplates", Some(template(flavor))).await;
        assert_eq!(code, 201, "{answer}");
    }
    let path = format!("/clusters/{uuid}/actions/upgrade");
    let (code, answer) = world.send("POST", &path, Some(json!({"cluster_template": "m1.medium"}))).await;
    assert_eq!(code, 409, "{answer}");
    assert!(answer.to_string().contains("in flavor_id. Name"), "{answer}");
    accept_upgrade(&world, uuid, json!({"cluster_template": "m1.large"})).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(status(&world, uuid).await.0, "UPDATE_COMPLETE");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_upgraded_is_refused_and_nothing_is_stored() {
    let world = World::with(|settings| settings.play_nodes = false).await;
    let uuid = built(&world, "plain", 1, 1).await;
    world.template().await;
    let more = json!({"flavor_id": "m1.large", "docker_volume_size": 9, "floating_ip_enabled": false,
        "master_lb_enabled": false, "labels": {"kube_tag": NEW, "etcd_volume_size": "1"}});
    let kinds: [(&str, Value); 6] = [
        ("more", more),
        ("larger", json!({"labels": {"kube_tag": NEW, "etcd_volume_size": "2"}})),
        ("far", json!({"labels": {"kube_tag": "v1.14.0", "etcd_volume_size": "1"}})),
        ("back", json!({"labels": {"kube_tag": "v1.10.0", "etcd_volume_size": "1"}})),
        ("calico", json!({"network_driver": "calico"})),
        ("swarm", json!({"coe": "swarm-mode", "labels": {}})),
    ];
    for (name, changes) in kinds {
        let mut body = json!({"name": name, "coe": "kubernetes", "image_id": "fedora-atomic-27", "keypair_id": "testkey",
            "external_network_id": "public", "master_lb_enabled": true, "docker_volume_size": 5});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let (code, answer) = world.send("POST", "/clustertemplates", Some(body)).await;
        assert_eq!(code, 201, "{answer}");
    }
    let path = format!("/clusters/{uuid}/actions/upgrade");
    let asked = "flavor_id, docker_volume_size, floating_ip_enabled, master_lb_enabled. Name";
    let cases: [(Value, u16, &str); 12] = [
        (json!({"cluster_template": "more"}), 409, asked),
        (json!({"cluster_template": "larger"}), 409, "the label etcd_volume_size"),
        (json!({}), 400, "cluster_template"),
        (json!({"cluster_template": "new", "max_batch_size": 0}), 400, "max_batch_size"),
        (json!({"cluster_template": "new", "other": 1}), 400, "other"),
        (json!({"cluster_template": "absent"}), 404, "absent"),
        (json!({"cluster_template": "new", "nodegroup": "absent"}), 404, "absent"),
        (json!({"cluster_template": "far"}), 409, "upgraded: masters cannot skip a minor version"),
        (json!({"cluster_template": "back"}), 409, "cannot go back"),
        (json!({"cluster_template": "new", "nodegroup": "default-worker"}), 409, "nodes may not be newer"),
        (json!({"cluster_template": "calico"}), 409, "network_driver"),
        (json!({"cluster_template": "swarm"}), 409, "swarm_fedora_atomic_v2"),
    ];
    for (body, expected, part) in cases {
        let (code, answer) = world.send("POST", &path, Some(body.clone())).await;
        assert_eq!(code, expected, "{body}: {answer}");
        assert!(answer.to_string().contains(part), "{body}: {answer}");
    }
    assert!(world.store.operations(Some(&uuid), true, 10).await.unwrap().is_empty());
    let body = json!({"name": "rootdisk", "cluster_template_id": "k8s", "node_count": 1});
    let (_, made) = world.send("POST", "/clusters", Some(body)).await;
    world.run_until_idle(&world.engine()).await;
    let rootdisk = made["uuid"].as_str().unwrap();
    let (code, answer) = world
        .send("POST", &format!("/clusters/{rootdisk}/actions/upgrade"), Some(json!({"cluster_template": "new"})))
        .await;
    assert_eq!(code, 409, "{answer}");
    assert!(answer.to_string().contains("etcd_volume_size"), "{answer}");
    world.accept_delete(rootdisk).await;
    delete(world, &uuid).await;
}
