//! Callers' tokens: validation, its cache, and sessions that forward them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use cloud::{Cloud, Settings};
use domain::{Error, Secret};
use serde_json::{Value, json};

use crate::stub::{Asked, Reply, Stub};

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

/// Answers validations: tokens that start with `good` are valid, others unknown.
fn keystone(template: &Value) -> impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static + use<> {
    let template = template.clone();
    move |asked, _| {
        assert_eq!(asked.path, "/v3/auth/tokens");
        assert!(asked.header("x-auth-token").is_some_and(|token| token.starts_with("login-")));
        match asked.header("x-subject-token") {
            Some(token) if token.starts_with("good") => Reply::Json(200, template.clone()),
            _ => Reply::Json(404, json!({"error": {"code": 404, "message": "Could not find token"}})),
        }
    }
}

async fn with_life(life: TimeDelta) -> Arc<Stub> {
    let stub = Stub::start(|_, _| Reply::Drop).await;
    let template = stub.token("demo", Some("p1"), life);
    stub.script(keystone(&template));
    stub
}

/// Waits until it is so; on any machine that takes less than a minute.
async fn soon(mut so: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + Duration::from_secs(60);
    while !so().await {
        assert!(tokio::time::Instant::now() < end, "not within a minute");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn fifty_at_once_ask_once_and_later_ones_not_at_all() {
    let stub = with_life(TimeDelta::hours(1)).await;
    let cloud = stub.cloud();
    let token = secret("good-1");
    for result in futures::future::join_all((0..50).map(|_| cloud.identity().validate(&token))).await {
        let valid = result.unwrap().unwrap();
        assert_eq!(valid.caller.user_id, "demo");
        assert_eq!(valid.caller.project_id.as_deref(), Some("p1"));
        assert_eq!(valid.caller.roles, ["member"]);
        assert!(!valid.caller.is_admin && !valid.is_application_credential());
    }
    cloud.identity().validate(&token).await.unwrap().unwrap();
    assert_eq!((cloud.identity().calls(), stub.asked().len(), stub.logins()), (1, 1, 1));
    cloud.identity().validate(&secret("good-2")).await.unwrap().unwrap();
    assert_eq!(cloud.identity().calls(), 2);
}

#[tokio::test]
async fn an_unknown_token_is_refused_and_remembered_shortly() {
    let stub = with_life(TimeDelta::hours(1)).await;
    let remembering = |time| Cloud::new(Settings { token_cache_negative: time, ..stub.settings() }).unwrap();
    let cloud = remembering(Duration::from_secs(3600));
    for _ in 0..3 {
        assert!(cloud.identity().validate(&secret("bad")).await.unwrap().is_none());
    }
    assert_eq!(cloud.identity().calls(), 1);
    let cloud = remembering(Duration::from_millis(50));
    soon(async || {
        assert!(cloud.identity().validate(&secret("bad")).await.unwrap().is_none());
        cloud.identity().calls() == 2
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_a_token_is_not_asked_about() {
    let stub = with_life(TimeDelta::hours(1)).await;
    let cloud = stub.cloud();
    for text in ["", "two words", "line\nbreak", "\u{e4}", &"x".repeat(8_001)] {
        assert!(cloud.identity().validate(&secret(text)).await.unwrap().is_none());
    }
    assert_eq!((cloud.identity().calls(), stub.logins()), (0, 0));
}

/// What stands before Keystone may refuse a token for its form; that is no fault of a service.
#[tokio::test]
async fn a_token_that_keystone_does_not_read_is_refused() {
    for status in [400, 414, 431] {
        let stub = Stub::start(move |_, _| Reply::Json(status, json!({}))).await;
        assert!(stub.cloud().identity().validate(&secret("odd")).await.unwrap().is_none(), "{status}");
    }
    let stub = Stub::start(|_, _| Reply::Json(413, json!({}))).await;
    assert!(stub.cloud().identity().validate(&secret("odd")).await.is_err());
}

#[tokio::test]
async fn an_ended_token_is_refused_although_it_is_cached() {
    let stub = with_life(TimeDelta::seconds(3)).await;
    let cloud = Cloud::new(Settings { token_cache: Duration::from_secs(3600), ..stub.settings() }).unwrap();
    assert!(cloud.identity().validate(&secret("good")).await.unwrap().is_some());
    soon(async || cloud.identity().validate(&secret("good")).await.unwrap().is_none()).await;
}

#[tokio::test]
async fn a_revoked_token_is_refused_after_the_cache_time() {
    let stub = with_life(TimeDelta::hours(1)).await;
    let trusting = |time| Cloud::new(Settings { token_cache: time, ..stub.settings() }).unwrap();
    let (long, short) = (trusting(Duration::from_secs(3600)), trusting(Duration::from_millis(50)));
    for cloud in [&long, &short] {
        assert!(cloud.identity().validate(&secret("good")).await.unwrap().is_some());
    }
    stub.script(|_, _| Reply::Json(404, json!({})));
    assert!(long.identity().validate(&secret("good")).await.unwrap().is_some(), "trusted for its time");
    soon(async || short.identity().validate(&secret("good")).await.unwrap().is_none()).await;
}

#[tokio::test]
async fn a_silent_keystone_is_an_error_for_all_and_is_not_remembered() {
    let stub = with_life(TimeDelta::hours(1)).await;
    let template = stub.token("demo", Some("p1"), TimeDelta::hours(1));
    let down = Arc::new(AtomicBool::new(true));
    let (flag, answer) = (down.clone(), keystone(&template));
    stub.script(move |a, n| if flag.load(Ordering::SeqCst) { Reply::Json(503, json!({})) } else { answer(a, n) });
    let cloud = stub.cloud();
    let token = secret("good");
    for result in futures::future::join_all((0..5).map(|_| cloud.identity().validate(&token))).await {
        match result.unwrap_err() {
            Error::Cloud { service: "keystone", status: Some(503), .. } => {}
            other => panic!("{other:?}"),
        }
    }
    down.store(false, Ordering::SeqCst);
    assert!(cloud.identity().validate(&token).await.unwrap().is_some());
}

#[tokio::test]
async fn without_a_cache_every_request_asks() {
    let stub = with_life(TimeDelta::hours(1)).await;
    let cloud = Cloud::new(Settings { token_cache: Duration::ZERO, ..stub.settings() }).unwrap();
    for _ in 0..3 {
        assert!(cloud.identity().validate(&secret("good")).await.unwrap().is_some());
    }
    assert_eq!(cloud.identity().calls(), 3);
}

/// A stub on which `good` tokens work, and Heat answers 200 for them.
async fn with_heat(heat_status: u16) -> Arc<Stub> {
    let stub = with_life(TimeDelta::hours(1)).await;
    let answer = keystone(&stub.token("demo", Some("p1"), TimeDelta::hours(1)));
    stub.script(move |a, n| {
        if a.path.starts_with("/heat") {
            assert_eq!(a.header("x-auth-token"), Some("good"));
            let body = json!({"stack": {"id": "s", "stack_name": "n", "stack_status": "CREATE_COMPLETE"}});
            Reply::Json(heat_status, if heat_status == 200 { body } else { json!({"error": {"message": "no"}}) })
        } else {
            answer(a, n)
        }
    });
    stub
}

#[tokio::test]
async fn the_callers_token_is_forwarded_with_its_own_catalogue() {
    let stub = with_heat(200).await;
    let cloud = stub.cloud();
    cloud.identity().validate(&secret("good")).await.unwrap();
    let session = cloud.as_user(secret("good"), "p1");
    session.heat().stack("n").await.unwrap().unwrap();
    session.heat().stack("n").await.unwrap().unwrap();
    assert_eq!(cloud.identity().calls(), 1, "a warm token costs nothing");
    assert_eq!(stub.asked().len(), 3);
}

#[tokio::test]
async fn a_token_that_ended_is_said_so_before_anything_is_sent() {
    let stub = with_heat(200).await;
    let cloud = stub.cloud();
    let error = cloud.as_user(secret("bad"), "p1").heat().stack("n").await.unwrap_err();
    assert_eq!(error.cloud_status(), Some(401));
    assert!(!error.is_retryable());
    assert!(error.to_string().contains("expired or was revoked"), "{error}");
    let error = cloud.as_user(secret("good"), "p2").heat().stack("n").await.unwrap_err();
    assert!(error.to_string().contains("scoped to p1, but project p2 is needed"), "{error}");
    assert!(stub.asked().iter().all(|a| !a.path.starts_with("/heat")));
}

#[tokio::test]
async fn a_refused_user_token_is_not_renewed_and_not_trusted_any_more() {
    let stub = with_heat(401).await;
    let cloud = stub.cloud();
    let session = cloud.as_user(secret("good"), "p1");
    let error = session.heat().stack("n").await.unwrap_err();
    assert_eq!(error.cloud_status(), Some(401));
    let heat = || stub.asked().iter().filter(|a| a.path.starts_with("/heat")).count();
    assert_eq!((heat(), stub.logins()), (1, 1));
    cloud.identity().validate(&secret("good")).await.unwrap();
    assert_eq!(cloud.identity().calls(), 2, "asked again after the refusal");
}

#[tokio::test]
async fn trustees_log_in_once_each_with_and_without_their_trust() {
    let stub = Stub::start(|_, _| Reply::Json(200, json!({"regions": []}))).await;
    let cloud = stub.cloud();
    for _ in 0..3 {
        cloud.as_trust("u", &secret("pw"), "t1").keystone().regions().await.unwrap();
        cloud.unscoped_trustee("u", &secret("pw")).keystone().regions().await.unwrap();
    }
    assert_eq!(stub.logins(), 2);
    cloud.as_trust("u", &secret("other"), "t1").keystone().regions().await.unwrap();
    assert_eq!(stub.logins(), 3, "another password is another login");
    cloud.as_trust_anew("u", &secret("pw"), "t1").keystone().regions().await.unwrap();
    assert_eq!(stub.logins(), 4, "what goes on behind the answer has a token with all of its life before it");
    assert_eq!(cloud.trustee_domain_id().await.unwrap(), "trustee-domain");
    assert_eq!(cloud.trustee_domain_id().await.unwrap(), "trustee-domain");
    assert_eq!(stub.logins(), 5);
}

#[tokio::test]
async fn addresses_for_nodes_come_from_the_catalogue() {
    let stub = Stub::start(|_, _| Reply::Drop).await;
    let url = stub.url.clone();
    let mut settings = stub.settings();
    settings.trust.keystone_interface = cloud::Interface::Internal;
    let cloud = Cloud::new(settings).unwrap();
    assert_eq!(cloud.auth_url().await.unwrap(), format!("{url}/internal/v3"));
    assert!(cloud.has_octavia().await.unwrap());
    assert!(cloud.magnum_url().await.unwrap_err().to_string().contains("container-infra"));
    stub.set_catalogue(json!([{"type": "container", "endpoints": [
        {"interface": "public", "region": "R", "url": "http://m:9511/v1/"}]}]));
    let cloud = stub.cloud();
    assert_eq!(cloud.magnum_url().await.unwrap(), "http://m:9511/v1");
    assert!(!cloud.has_octavia().await.unwrap());
    assert_eq!(cloud.auth_url().await.unwrap(), format!("{url}/v3"), "the configured one when none is listed");
}
