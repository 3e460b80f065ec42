//! Replacing a cluster's trustee and its trust while it runs.

use std::sync::Arc;

use domain::OperationState;
use openssl::{base64::decode_block, hash::MessageDigest, pkcs5::bytes_to_key, sha::sha256, symm};
use serde_json::{Value, json};

use crate::world::World;

/// Asks for another trustee.
pub(crate) async fn accept_rotation(world: &World, uuid: &str) {
    let (status, answer) = world.send("PATCH", &format!("/credentials/{uuid}"), None).await;
    assert_eq!((status, &answer["uuid"]), (202, &json!(uuid)), "{answer}");
}

/// The cluster's row: trustee and trust as the conductor uses them.
async fn record(world: &World, uuid: &str) -> domain::Cluster {
    crate::mishaps::record(world, uuid).await
}

/// The cluster's trustee logs in with its trust and sees the cluster's stack.
async fn assert_works(world: &World, uuid: &str) {
    let row = record(world, uuid).await;
    let password = world.deps.seal.open(row.trustee_password.as_ref().unwrap(), uuid).unwrap();
    let (user, trust) = (row.trustee_user_id.unwrap(), row.trust_id.unwrap());
    let session = world.deps.cloud.as_trust_anew(&user, &password, &trust);
    assert!(session.heat().stack(&row.stack_id.unwrap()).await.unwrap().is_some());
}

/// What a stack hands to its nodes: the order, and the credentials as they are sealed.
async fn handed(world: &World, stack: &Value) -> (String, Value) {
    let parameters = world.stack_parameters(stack.as_str().unwrap()).await;
    let sealed = serde_json::from_str(parameters["node_credentials"].as_str().unwrap()).unwrap();
    (parameters["node_task"].as_str().unwrap().to_owned(), sealed)
}

/// What is sealed, line by line, as a node reads it that was made with this password.
fn opened(sealed: &Value, password: &str) -> Vec<String> {
    let text = ["first", "rest"].map(|piece| sealed[piece].as_str().unwrap()).concat();
    let bytes = decode_block(&text).unwrap();
    let (salt, bytes) = bytes.strip_prefix(b"Salted__").unwrap().split_at(8);
    let phrase: String =
        sha256(format!("seal:{password}").as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let cipher = symm::Cipher::aes_256_cbc();
    let pair = bytes_to_key(cipher, MessageDigest::sha256(), phrase.as_bytes(), Some(salt), 1).unwrap();
    let text = symm::decrypt(cipher, &pair.key, pair.iv.as_deref(), bytes).unwrap();
    String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
}

/// The only trust and the only trustee there are.
fn only(world: &World) -> (String, String) {
    let census = world.cloud.census();
    assert_eq!((census.trusts.len(), census.trustees.len()), (1, 1), "{census}");
    (census.trusts.into_iter().next().unwrap(), census.trustees.into_iter().next().unwrap())
}

/// The second trustee is the only one, and works.
pub(crate) async fn assert_rotated(world: &World, uuid: &str, what: &str) {
    let (trust, trustee) = only(world);
    let row = record(world, uuid).await;
    assert!(trustee.starts_with(&format!("{uuid}.2_")), "{what}: {trustee}");
    assert_eq!((row.trust_id, row.trustee_username), (Some(trust), Some(trustee)), "{what}");
    assert_works(world, uuid).await;
}

async fn with_trust() -> World {
    World::with_options(&[("OS_TRUST__CLUSTER_USER_TRUST", "true")]).await
}

async fn rotate(world: &World, uuid: &str) {
    accept_rotation(world, uuid).await;
    world.run_until_idle(&world.engine()).await;
    let cluster = world.cluster(uuid).await.unwrap();
    assert_eq!(cluster["status"], "UPDATE_COMPLETE", "{cluster}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trustee_and_trust_are_replaced_and_nodes_of_every_age_get_the_new_ones() {
    let world = with_trust().await;
    world.template().await;
    let empty = world.cloud.census();
    let uuid = world.accept_create("blue").await;
    world.run_until_idle(&world.engine()).await;
    let (first, servers) = (only(&world), world.cloud.census().servers);
    let before = record(&world, &uuid).await;
    rotate(&world, &uuid).await;
    let second = only(&world);
    assert!(first.0 != second.0 && first.1 != second.1, "the old ones are gone: {first:?} {second:?}");
    assert_eq!(second.1, format!("{uuid}.2_{}", before.project_id));
    assert_eq!(world.cloud.census().servers, servers, "no server was made anew");
    assert_works(&world, &uuid).await;
    let after = record(&world, &uuid).await;
    assert_ne!(before.trustee_password, after.trustee_password);

    // Nodes that come later, in the same stack and in another one, are made with what is gone and told what is there.
    world.accept_resize(&uuid, 2).await;
    world.accept_nodegroup_create(&uuid, "further", 1).await;
    world.run_until_idle(&world.engine()).await;
    let cluster = world.cluster(&uuid).await.unwrap();
    let group = world.nodegroup(&uuid, "further").await.unwrap();
    assert_eq!((&cluster["status"], &group["status"]), (&json!("UPDATE_COMPLETE"), &json!("CREATE_COMPLETE")));
    let (own, further) = (handed(&world, &cluster["cluster_id"]).await, handed(&world, &group["stack_id"]).await);
    assert!(own.0.starts_with("1 credentials "), "{own:?}");
    assert_eq!(
        further,
        (String::new(), own.1.clone()),
        "sealed with the same password, so all servers are made with one"
    );
    assert!(!own.1["mac"].as_str().unwrap().is_empty());

    // The played nodes log in with what they were handed, or the authority could not be replaced.
    crate::rotations::accept_rotation(&world, &uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "UPDATE_COMPLETE");

    rotate(&world, &uuid).await;
    let third = only(&world);
    assert!(third.0 != second.0 && third.1 == first.1, "the names take turns: {third:?}");
    assert_works(&world, &uuid).await;
    let (again, of_group) = (handed(&world, &cluster["cluster_id"]).await, handed(&world, &group["stack_id"]).await);
    assert!(
        again.0.starts_with("5 credentials ") && of_group.0.starts_with("4 credentials "),
        "{again:?} {of_group:?}"
    );
    assert!(again.1 == of_group.1 && again.1 != own.1);
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.cloud.census(), empty);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_have_a_trust_get_the_new_one_whatever_the_option_says_by_then() {
    let mut world = with_trust().await;
    world.template().await;
    let uuid = world.accept_create("blue").await;
    world.run_until_idle(&world.engine()).await;
    let first = record(&world, &uuid).await;
    let password = world.deps.seal.open(first.trustee_password.as_ref().unwrap(), &uuid).unwrap();
    let deps = Arc::get_mut(&mut world.deps).unwrap();
    let mut options = deps.options.as_ref().clone();
    options.trust.cluster_user_trust = false;
    deps.options = Arc::new(options);
    rotate(&world, &uuid).await;
    let second = record(&world, &uuid).await;
    assert_ne!(first.trust_id, second.trust_id);
    let told = async |stack: &Value| {
        let (_, sealed) = handed(&world, stack).await;
        opened(&sealed, password.expose())
    };
    let cluster = world.cluster(&uuid).await.unwrap();
    let expected = [second.trustee_user_id, second.trustee_username].map(Option::unwrap);
    let own = told(&cluster["cluster_id"]).await;
    assert_eq!(own[..2], expected);
    assert_eq!(Some(&own[3]), second.trust_id.as_ref());

    // Nodes of a later stack are made without one, and drop what they are told.
    let servers = world.cloud.server_names();
    world.accept_nodegroup_create(&uuid, "further", 1).await;
    world.run_until_idle(&world.engine()).await;
    let group = world.nodegroup(&uuid, "further").await.unwrap();
    assert_eq!(told(&group["stack_id"]).await, own);
    let server = world.cloud.server_names().into_iter().find(|name| !servers.contains(name)).unwrap();
    assert!(world.cloud.user_data(&server).unwrap().contains("\nTRUST_ID=\n"));
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_leaves_the_old_ones_and_is_gone_on_with() {
    let world = World::with_barbican(|settings| settings.play_nodes = false).await;
    world.template().await;
    let empty = world.cloud.census();
    let uuid = world.accept_create("blue").await;
    world.run_until_idle(&world.engine()).await;
    let first = record(&world, &uuid).await;
    accept_rotation(&world, &uuid).await;
    let id = world.active(&uuid).await.id;
    world.cloud.inject(devcloud::Fault::once("heat", "PATCH", "/stacks", devcloud::Effect::Refuse(400)));
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.store.operation(&id).await.unwrap().state, OperationState::Failed);
    let cluster = world.cluster(&uuid).await.unwrap();
    assert_eq!(cluster["status"], "UPDATE_FAILED", "{cluster}");
    let failed = record(&world, &uuid).await;
    assert_eq!((&failed.trust_id, &failed.trustee_user_id), (&first.trust_id, &first.trustee_user_id));
    assert_works(&world, &uuid).await;
    let both = world.cloud.census();
    assert_eq!((both.trusts.len(), both.trustees.len()), (2, 2), "{both}");
    world.accept_resize(&uuid, 2).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "UPDATE_COMPLETE", "the cluster is usable");

    rotate(&world, &uuid).await;
    let (trust, trustee) = only(&world);
    assert!(both.trusts.contains(&trust) && both.trustees.contains(&trustee), "what was begun, not a third");
    assert_works(&world, &uuid).await;
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.cloud.census(), empty);
    world.end().await;
}

/// What an administrator changes about the user that is to become the cluster's own; its name.
async fn change_second_user(world: &World, uuid: &str, change: Value) -> String {
    let name = format!("{uuid}.2_{}", record(world, uuid).await.project_id);
    let domain = world.deps.cloud.trustee_domain_id().await.unwrap();
    let found = world.deps.cloud.as_domain_admin().keystone().find_user(&name, &domain).await.unwrap().unwrap();
    let request = reqwest::Client::new().patch(format!("{}/users/{}", world.cloud.auth_url(), found.id));
    let request = request.header("x-auth-token", world.cloud.login("admin").await.unwrap());
    let answer = request.json(&json!({"user": change})).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    name
}

#[tokio::test(flavor = "multi_thread")]
async fn a_begun_trustee_that_cannot_log_in_is_made_anew() {
    let world = World::with_barbican(|settings| settings.play_nodes = false).await;
    world.template().await;
    let empty = world.cloud.census();
    for (step, trusts, change) in [
        ("trust_trustee", 1, json!({"enabled": false})),
        ("trust_trustee", 1, json!({"password": "another"})),
        ("tell_credentials", 2, json!({"enabled": false})),
        ("tell_credentials", 2, json!({"password": "another"})),
    ] {
        let what = format!("{change} at {step}");
        let uuid = world.accept_create("blue").await;
        world.run_until_idle(&world.engine()).await;
        accept_rotation(&world, &uuid).await;
        world.die(&uuid, step, conductor::Point::Before).await;
        let name = change_second_user(&world, &uuid, change).await;
        world.cloud.inject(devcloud::Fault::once("heat", "PATCH", "/stacks", devcloud::Effect::Refuse(400)));
        world.run_until_idle(&world.engine()).await;
        world.cloud.clear_faults();
        assert_eq!(world.cluster(&uuid).await.unwrap()["status"], "UPDATE_FAILED", "{what}");
        let before = world.cloud.census();
        assert_eq!((before.trusts.len(), before.trustees.len()), (trusts, 2), "{what}: {before}");
        rotate(&world, &uuid).await;
        let (trust, trustee) = only(&world);
        assert_eq!(trustee, name, "{what}");
        assert!(!before.trusts.contains(&trust), "{what}");
        assert_works(&world, &uuid).await;
        world.accept_delete(&uuid).await;
        world.run_until_idle(&world.engine()).await;
        assert_eq!(world.cloud.census(), empty, "{what}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_saves_a_cluster_whose_trust_was_revoked() {
    let world = World::with_barbican(|settings| {
        settings.play_nodes = false;
        // The service, the only one left besides the new trust, does not see the stack.
        settings.foreign_stacks = false;
    })
    .await;
    world.template().await;
    let empty = world.cloud.census();
    let uuid = world.accept_create("blue").await;
    world.run_until_idle(&world.engine()).await;
    let first = record(&world, &uuid).await;
    let owner = crate::mishaps::somebody(&world).await;
    assert!(owner.keystone().delete_trust(&first.trust_id.unwrap()).await.unwrap());
    rotate(&world, &uuid).await;
    only(&world);
    assert_works(&world, &uuid).await;
    world.accept_delete(&uuid).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(world.cloud.census(), empty);
    world.end().await;
}
