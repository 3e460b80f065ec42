//! Tokens, trusts, trustees and the catalogue.

use std::time::Duration;

use devcloud::{DevCloud, Settings};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Caller, cloud, log_in, quick, soon, trustee_admin, user};

/// A trustee user and a trust of demo for it.
struct Trusted {
    trustee: String,
    trust: String,
}

async fn trusted(cloud: &DevCloud, demo: &Caller) -> Trusted {
    let admin = trustee_admin(cloud).await;
    let body = json!({"user": {"name": "c_p", "password": "pw", "domain_id": cloud.seed().trustee_domain_id}});
    let made = admin.post("/identity/v3/users", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let trustee = made.body["user"]["id"].as_str().unwrap().to_owned();
    let trust = json!({
        "trustor_user_id": demo.info["user"]["id"], "trustee_user_id": trustee, "project_id": demo.project,
        "impersonation": true, "roles": [{"name": "member"}, {"name": "load-balancer_member"}],
    });
    let made = demo.post("/identity/v3/OS-TRUST/trusts", json!({"trust": trust})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    Trusted { trustee, trust: made.body["trust"]["id"].as_str().unwrap().to_owned() }
}

fn role_names(info: &Value) -> Vec<&str> {
    info["roles"].as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn password_gives_a_scoped_token_with_a_catalogue() {
    let cloud = cloud().await;
    cloud.set_magnum_url("http://127.0.0.1:9511/v1");
    let demo = user(&cloud, "demo").await;
    assert_eq!(demo.info["project"]["name"], "demo");
    assert!(role_names(&demo.info).contains(&"heat_stack_owner"));
    let catalog = demo.info["catalog"].as_array().unwrap();
    let url = |kind: &str| {
        let service = catalog.iter().find(|service| service["type"] == kind).unwrap();
        assert_eq!(service["endpoints"].as_array().unwrap().len(), 3);
        service["endpoints"][0]["url"].as_str().unwrap().to_owned()
    };
    assert_eq!(url("identity"), cloud.auth_url());
    assert_eq!(url("orchestration"), format!("{}/orchestration/v1/{}", cloud.origin(), demo.project));
    assert_eq!(url("container-infra"), "http://127.0.0.1:9511/v1");
    let names = catalog.iter().map(|service| service["name"].as_str().unwrap()).collect::<Vec<_>>();
    assert!(names.contains(&"magnum") && names.contains(&"octavia"));
}

#[tokio::test]
async fn wrong_logins_are_401_with_keystones_body() {
    let cloud = cloud().await;
    let project = json!({"project": {"name": "demo", "domain": {"id": "default"}}});
    let cases = [
        (json!({"name": "demo", "domain": {"id": "default"}, "password": "wrong"}), Value::Null),
        (json!({"name": "nobody", "domain": {"id": "default"}, "password": "demo"}), Value::Null),
        (json!({"name": "demo", "domain": {"id": "nowhere"}, "password": "demo"}), Value::Null),
        (json!({"name": "other", "domain": {"id": "default"}, "password": "demo"}), project),
        (
            json!({"name": "demo", "domain": {"id": "default"}, "password": "demo"}),
            json!({"project": {"name": "other", "domain": {"id": "default"}}}),
        ),
    ];
    for (user, scope) in cases {
        let answer = log_in(&cloud, user, &scope).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.body["error"]["title"], "Unauthorized");
        assert!(answer.headers["WWW-Authenticate"].to_str().unwrap().starts_with("Keystone uri="));
    }
    let nobody = Caller::nobody(&cloud);
    for path in ["/identity/v3/users", "/image/v2/images", "/orchestration/v1/p/stacks", "/network/v2.0/networks"] {
        assert_eq!(nobody.get(path).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn tokens_are_validated_revoked_and_expire() {
    let cloud = cloud().await;
    let (demo, magnum, other) = (user(&cloud, "demo").await, user(&cloud, "magnum").await, user(&cloud, "other").await);
    let tokens = "/identity/v3/auth/tokens";
    let subject = [("X-Subject-Token", demo.token.as_str())];
    let seen = magnum.send(Method::GET, tokens, None, &subject).await;
    assert_eq!(seen.status, 200);
    assert_eq!(seen.body["token"]["user"]["name"], "demo");
    assert!(seen.body["token"]["catalog"].is_array());
    assert_eq!(other.send(Method::GET, tokens, None, &subject).await.status, 403);
    let unknown = magnum.send(Method::GET, tokens, None, &[("X-Subject-Token", "gAAAA-unknown")]).await;
    assert_eq!((unknown.status, unknown.body["error"]["code"].as_u64()), (404, Some(404)));
    assert_eq!(demo.send(Method::DELETE, tokens, None, &subject).await.status, 204);
    assert_eq!(magnum.send(Method::GET, tokens, None, &subject).await.status, 404);
    assert_eq!(demo.get("/image/v2/images").await.status, 401);
    cloud.expire_tokens();
    assert_eq!(other.get("/image/v2/images").await.status, 401);
}

#[tokio::test]
async fn short_lived_tokens_end_by_themselves() {
    let settings = Settings { token_life: Duration::from_secs(5), ..quick() };
    let cloud = DevCloud::start(settings).await.unwrap();
    let demo = user(&cloud, "demo").await;
    assert_eq!(demo.get("/image/v2/images").await.status, 200);
    soon(async || demo.get("/image/v2/images").await.status == 401).await;
}

#[tokio::test]
async fn the_token_method_changes_scope_and_keeps_expiry() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let auth = json!({"auth": {"identity": {"methods": ["token"], "token": {"id": demo.token}}}});
    let unscoped = demo.post("/identity/v3/auth/tokens", auth.clone()).await;
    assert_eq!(unscoped.status, 201);
    assert!(unscoped.body["token"].get("project").is_none());
    let mut scoped = auth;
    scoped["auth"]["scope"] = json!({"project": {"id": demo.project}});
    let scoped = Caller::from(&cloud, &demo.post("/identity/v3/auth/tokens", scoped).await);
    assert_eq!(scoped.project, demo.project);
    assert_eq!(scoped.info["expires_at"], demo.info["expires_at"]);
}

#[tokio::test]
async fn a_trustee_logs_in_unscoped_and_by_trust() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let Trusted { trustee, trust } = trusted(&cloud, &demo).await;
    let me = json!({"id": trustee, "password": "pw"});
    let unscoped = Caller::from(&cloud, &log_in(&cloud, me.clone(), &Value::Null).await);
    assert!(unscoped.info.get("roles").is_none() && unscoped.info.get("catalog").is_none());
    assert_eq!(unscoped.info["user"]["domain"]["name"], "magnum");
    assert_eq!(unscoped.get("/image/v2/images").await.status, 401);
    let by_trust = log_in(&cloud, me, &json!({"OS-TRUST:trust": {"id": trust}})).await;
    let by_trust = Caller::from(&cloud, &by_trust);
    assert_eq!(by_trust.info["user"]["name"], "demo");
    assert_eq!(by_trust.project, demo.project);
    assert_eq!(
        role_names(&by_trust.info),
        ["load-balancer_member", "member"].map(|role| role).as_slice().iter().rev().copied().collect::<Vec<_>>()
    );
    assert_eq!(by_trust.info["OS-TRUST:trust"]["trustee_user"]["id"], trustee);
    assert_eq!(by_trust.get(&by_trust.stacks()).await.status, 200);
    let path = format!("/identity/v3/OS-TRUST/trusts/{trust}");
    assert_eq!(by_trust.delete(&path).await.status, 204, "impersonating the trustor, the trustee may delete the trust");
    assert_eq!(by_trust.get(&by_trust.stacks()).await.status, 401);
    assert_eq!(demo.get(&path).await.status, 404);
}

#[tokio::test]
async fn trusts_are_the_trustors_business() {
    let cloud = cloud().await;
    let (demo, other) = (user(&cloud, "demo").await, user(&cloud, "other").await);
    let Trusted { trustee, trust } = trusted(&cloud, &demo).await;
    let trusts = "/identity/v3/OS-TRUST/trusts";
    let with = |changes: Value| {
        let mut trust = json!({
            "trustor_user_id": demo.info["user"]["id"], "trustee_user_id": trustee, "project_id": demo.project,
            "impersonation": true, "roles": [{"name": "member"}],
        });
        trust.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        json!({"trust": trust})
    };
    assert_eq!(other.post(trusts, with(json!({}))).await.status, 403, "only the trustor creates");
    assert_eq!(demo.post(trusts, with(json!({"trustee_user_id": "nobody"}))).await.status, 404);
    assert_eq!(demo.post(trusts, with(json!({"roles": [{"name": "admin"}]}))).await.status, 404);
    assert_eq!(demo.post(trusts, with(json!({"roles": [{"name": "no-such-role"}]}))).await.status, 404);
    assert_eq!(demo.post(trusts, with(json!({"roles": []}))).await.status, 403);
    assert_eq!(demo.post(trusts, with(json!({"impersonation": null}))).await.status, 400);
    let once = demo.post(trusts, with(json!({"remaining_uses": 1}))).await.body["trust"]["id"].clone();
    for expected in [201, 401] {
        let me = json!({"id": trustee, "password": "pw"});
        assert_eq!(log_in(&cloud, me, &json!({"OS-TRUST:trust": {"id": once}})).await.status, expected);
    }
    assert_eq!(demo.delete(&format!("{trusts}/{}", once.as_str().unwrap())).await.status, 204);
    let listed = demo.get(&format!("{trusts}?trustor_user_id={}", demo.info["user"]["id"].as_str().unwrap())).await;
    assert_eq!(listed.body["trusts"][0]["id"], trust.as_str());
    assert_eq!(demo.get(&format!("{trusts}?trustee_user_id={trustee}")).await.status, 403);
    assert_eq!(other.get(&format!("{trusts}/{trust}")).await.status, 403);
    assert_eq!(other.delete(&format!("{trusts}/{trust}")).await.status, 403);
    assert_eq!(cloud.census().trusts.len(), 1);
    assert_eq!(demo.delete(&format!("{trusts}/{trust}")).await.status, 204);
    assert_eq!(demo.delete(&format!("{trusts}/{trust}")).await.status, 404);
    assert!(cloud.census().trusts.is_empty());
}

#[tokio::test]
async fn trustee_users_live_in_their_domain() {
    let cloud = cloud().await;
    let (admin, demo) = (trustee_admin(&cloud).await, user(&cloud, "demo").await);
    let domain = cloud.seed().trustee_domain_id.clone();
    let body = json!({"user": {"name": "c1_p1", "password": "pw", "domain_id": domain, "enabled": true}});
    assert_eq!(demo.post("/identity/v3/users", body.clone()).await.status, 403);
    let made = admin.post("/identity/v3/users", body.clone()).await;
    assert_eq!(made.status, 201);
    assert!(made.body["user"].get("password").is_none());
    assert_eq!(admin.post("/identity/v3/users", body).await.status, 409);
    let id = made.body["user"]["id"].as_str().unwrap();
    let found = admin.get(&format!("/identity/v3/users?name=c1_p1&domain_id={domain}")).await;
    assert_eq!(found.body["users"][0]["id"], id);
    assert_eq!(cloud.census().trustees.iter().collect::<Vec<_>>(), ["c1_p1"]);
    assert_eq!(
        user(&cloud, "magnum").await.get(&format!("/identity/v3/users/{id}")).await.body["user"]["name"],
        "c1_p1"
    );
    assert_eq!(demo.get(&format!("/identity/v3/users/{id}")).await.status, 403);
    let path = format!("/identity/v3/users/{id}");
    assert_eq!(admin.patch(&path, json!({"user": {"password": "new"}})).await.status, 200);
    assert_eq!(log_in(&cloud, json!({"id": id, "password": "pw"}), &Value::Null).await.status, 401);
    assert_eq!(log_in(&cloud, json!({"id": id, "password": "new"}), &Value::Null).await.status, 201);
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(admin.delete(&path).await.status, 404);
    assert!(cloud.census().trustees.is_empty());
}

#[tokio::test]
async fn lookups_of_services_regions_and_projects() {
    let cloud = cloud().await;
    let (demo, magnum) = (user(&cloud, "demo").await, user(&cloud, "magnum").await);
    let balancers = magnum.get("/identity/v3/services?type=load-balancer").await;
    assert_eq!(balancers.body["services"][0]["name"], "octavia");
    assert_eq!(demo.get("/identity/v3/regions").await.body["regions"][0]["id"], "RegionOne");
    let project = demo.get(&format!("/identity/v3/projects/{}", demo.project)).await;
    assert_eq!(project.body["project"]["name"], "demo");
    assert_eq!(user(&cloud, "other").await.get(&format!("/identity/v3/projects/{}", demo.project)).await.status, 403);
    assert_eq!(demo.get("/identity/v3/auth/catalog").await.body["catalog"], demo.info["catalog"]);
    let without = DevCloud::start(Settings { octavia: false, ..quick() }).await.unwrap();
    let magnum = user(&without, "magnum").await;
    let balancers = magnum.get("/identity/v3/services?type=load-balancer").await;
    assert_eq!(balancers.body["services"], json!([]));
}

#[tokio::test]
async fn application_credentials_log_in_but_make_no_trusts() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let id = demo.info["user"]["id"].as_str().unwrap();
    let path = format!("/identity/v3/users/{id}/application_credentials");
    let made = demo.post(&path, json!({"application_credential": {"name": "ci"}})).await.body;
    let credential = &made["application_credential"];
    let given = json!({"id": credential["id"], "secret": credential["secret"]});
    let auth = json!({"identity": {"methods": ["application_credential"], "application_credential": given}});
    let by_credential = demo.post("/identity/v3/auth/tokens", json!({"auth": auth})).await;
    let by_credential = Caller::from(&cloud, &by_credential);
    assert_eq!(by_credential.project, demo.project);
    let trust = json!({
        "trustor_user_id": id, "trustee_user_id": id, "project_id": demo.project, "impersonation": true,
        "roles": [{"name": "member"}],
    });
    assert_eq!(by_credential.post("/identity/v3/OS-TRUST/trusts", json!({"trust": trust})).await.status, 403);
    let stack = crate::templates::cluster(&cloud, "c1", &json!({}));
    assert_eq!(by_credential.post(&demo.stacks(), stack).await.status, 500, "Heat would need a trust");
    assert_eq!(by_credential.get(&demo.stacks()).await.status, 200);
}

#[tokio::test]
async fn the_environment_of_a_seeded_user_logs_in() {
    let cloud = cloud().await;
    let env = cloud.env("demo", "demo");
    let value = |name: &str| env.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap();
    assert_eq!(value("OS_AUTH_URL"), cloud.auth_url());
    let given = json!({
        "name": value("OS_USERNAME"), "password": value("OS_PASSWORD"),
        "domain": {"name": value("OS_USER_DOMAIN_NAME")},
    });
    let project = json!({"name": value("OS_PROJECT_NAME"), "domain": {"name": value("OS_PROJECT_DOMAIN_NAME")}});
    assert_eq!(log_in(&cloud, given, &json!({"project": project})).await.status, 201);
    assert!(cloud.env("demo", "nobody").is_empty());
}
