//! Retries, renewals, redirects, limits and errors: what every call has in common.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use cloud::{Service, Settings};
use domain::{Error, Secret};
use serde_json::json;

use crate::stub::{Reply, Stub};

fn stack() -> Reply {
    Reply::Json(200, json!({"stack": {"id": "s1", "stack_name": "blue", "stack_status": "CREATE_COMPLETE"}}))
}

fn fault(status: u16) -> Reply {
    let body = json!({"code": status, "title": "T", "error": {"message": format!("words for {status}")}});
    Reply::Raw(status, vec![("x-openstack-request-id", "req-7".to_owned())], body.to_string())
}

fn parts(error: Error) -> (Option<u16>, String) {
    let text = error.to_string();
    match error {
        Error::Cloud { service, status, .. } => {
            assert_eq!(service, "heat");
            (status, text)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refusal_says_what_was_done_and_what_the_service_said() {
    for status in [400, 403, 409, 500, 501] {
        let stub = Stub::start(move |_, _| fault(status)).await;
        let error = stub.cloud().as_service().heat().stack("blue").await.unwrap_err();
        assert_eq!(error.is_retryable(), status >= 500);
        let (found, text) = parts(error);
        assert_eq!(found, Some(status));
        assert_eq!(text, format!("heat could not read stack blue: words for {status} (req-7)"));
        assert_eq!(stub.asked().len(), 1, "{status} is final");
    }
    let stub = Stub::start(|_, _| fault(404)).await;
    assert_eq!(stub.cloud().as_service().heat().stack("blue").await.unwrap(), None);
}

#[tokio::test]
async fn passing_trouble_is_asked_again_for_safe_calls() {
    for trouble in [fault(502), fault(503), fault(504), Reply::Drop, Reply::Break] {
        let first = trouble.clone();
        let stub = Stub::start(move |_, n| if n < 2 { first.clone() } else { stack() }).await;
        let found = stub.cloud().as_service().heat().stack("blue").await.unwrap().unwrap();
        assert_eq!(found.id, "s1");
        assert_eq!(stub.asked().len(), 3);
        stub.script(move |_, _| trouble.clone());
        let error = stub.cloud().as_service().heat().stack("blue").await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        assert_eq!(stub.asked().len(), 3, "three attempts, not more");
    }
}

#[tokio::test]
async fn a_change_is_repeated_only_when_it_is_marked_and_nothing_was_answered() {
    let stub = Stub::start(|_, _| Reply::Drop).await;
    let session = stub.cloud().as_service();
    session.heat().create(&json!({"stack_name": "blue"})).await.unwrap_err();
    assert_eq!(stub.asked().len(), 3, "a second creation is answered by a 409");
    stub.script(|_, _| Reply::Drop);
    session.heat().update("blue", &json!({})).await.unwrap_err();
    assert_eq!(stub.asked().len(), 1);
    stub.script(|_, _| Reply::Drop);
    session.barbican().create_secret("s", &Secret::new("p")).await.unwrap_err();
    assert_eq!(stub.asked().len(), 1);
    stub.script(|_, _| fault(503));
    session.heat().create(&json!({"stack_name": "blue"})).await.unwrap_err();
    assert_eq!(stub.asked().len(), 1, "an answer is final for a change");
    stub.script(|_, _| Reply::Drop);
    session.heat().delete("blue").await.unwrap_err();
    assert_eq!(stub.asked().len(), 3, "deleting twice does no harm");
}

#[tokio::test]
async fn a_slow_answer_ends_in_time_and_is_not_asked_for_again() {
    let stub = Stub::start(|_, _| Reply::Slow(Duration::from_secs(30))).await;
    let mut settings = stub.settings();
    settings.heat.timeout = Duration::from_millis(300);
    let start = Instant::now();
    let error = cloud::Cloud::new(settings).unwrap().as_service().heat().stack("blue").await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5));
    let (status, text) = parts(error);
    assert_eq!((status, text.contains("no answer within 0.3 s")), (None, true), "{text}");
    assert_eq!(stub.asked().len(), 1);
}

#[tokio::test]
async fn a_refused_connection_is_named_and_retryable() {
    let settings =
        Settings { auth_url: "http://127.0.0.1:9".to_owned(), ..Stub::start(|_, _| stack()).await.settings() };
    let error = cloud::Cloud::new(settings).unwrap().as_service().heat().stack("blue").await.unwrap_err();
    assert!(error.is_retryable());
    let text = error.to_string();
    assert!(text.starts_with("keystone could not log in as the service user"), "{text}");
    assert!(text.contains("refused"), "{text}");
}

#[tokio::test]
async fn a_revoked_login_is_renewed_exactly_once() {
    let stub = Stub::start(|a, _| if a.header("x-auth-token") == Some("login-1") { fault(401) } else { stack() }).await;
    let session = stub.cloud().as_service();
    session.heat().stack("blue").await.unwrap().unwrap();
    assert_eq!((stub.logins(), stub.asked().len()), (2, 2));
    session.heat().stack("blue").await.unwrap().unwrap();
    assert_eq!((stub.logins(), stub.asked().len()), (2, 3), "the new token is kept");

    stub.script(|_, _| fault(401));
    let (status, _) = parts(session.heat().create(&json!({"stack_name": "b"})).await.unwrap_err());
    assert_eq!(status, Some(401));
    assert_eq!((stub.logins(), stub.asked().len()), (3, 2), "one repetition, then the refusal is the answer");
}

#[tokio::test]
async fn parallel_calls_share_one_login() {
    let stub = Stub::start(|_, _| stack()).await;
    let session = stub.cloud().as_service();
    let calls = (0..50).map(|_| async { session.heat().stack("blue").await });
    for result in futures::future::join_all(calls).await {
        result.unwrap().unwrap();
    }
    assert_eq!((stub.logins(), stub.asked().len()), (1, 50));
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed_but_a_short_life_is_no_storm() {
    let stub = Stub::start(|_, _| stack()).await;
    stub.set_token_life(TimeDelta::seconds(40));
    let session = stub.cloud().as_service();
    for _ in 0..3 {
        session.heat().stack("blue").await.unwrap();
    }
    assert_eq!(stub.logins(), 1);
    let stub = Stub::start(|_, _| stack()).await;
    stub.set_token_life(TimeDelta::seconds(-1));
    let session = stub.cloud().as_service();
    session.heat().stack("blue").await.unwrap();
    session.heat().stack("blue").await.unwrap();
    assert!(stub.logins() > 1, "an ended token is not used");
}

#[tokio::test]
async fn redirects_keep_method_and_body_and_never_leave_the_address() {
    let stub = Stub::start(|a, n| match n {
        0 => Reply::Raw(
            302,
            vec![("Location", "http://elsewhere.invalid/heat/v1/p1/stacks/blue/s1".to_owned())],
            String::new(),
        ),
        _ if a.path == "/heat/v1/p1/stacks/blue/s1" => Reply::Raw(202, vec![], String::new()),
        _ => fault(500),
    })
    .await;
    stub.cloud().as_service().heat().update("s1", &json!({"parameters": {"n": 2}})).await.unwrap();
    let asked = stub.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!((asked[1].method.as_str(), asked[1].body.as_str()), ("PUT", asked[0].body.as_str()));

    stub.script(|_, _| Reply::Raw(302, vec![("Location", "/other/place".to_owned())], String::new()));
    let (_, text) = parts(stub.cloud().as_service().heat().delete("s1").await.unwrap_err());
    assert!(text.contains("out of its own address"), "{text}");
    assert_eq!(stub.asked().len(), 1);

    stub.script(|a, _| Reply::Raw(302, vec![("Location", a.path.clone())], String::new()));
    stub.cloud().as_service().heat().delete("s1").await.unwrap_err();
    assert_eq!(stub.asked().len(), 4, "a loop ends");
}

#[tokio::test]
async fn calls_at_the_same_time_are_bounded() {
    let stub = Stub::start(|_, _| Reply::Slow(Duration::from_millis(200))).await;
    let cloud = cloud::Cloud::new(Settings { concurrency: 2, ..stub.settings() }).unwrap();
    let session = cloud.as_service();
    let start = Instant::now();
    futures::future::join_all((0..6).map(|_| async { session.neutron().ports("n").await.unwrap_err() })).await;
    assert!(start.elapsed() >= Duration::from_millis(600), "three rounds of two");
    assert_eq!(cloud.calls(Service::Neutron), 6);
}

#[tokio::test]
async fn an_answer_that_is_not_understood_is_not_quoted() {
    let stub =
        Stub::start(|_, _| Reply::Json(200, json!({"stack": {"id": "hunter2", "stack_name": {"p": "hunter2"}}}))).await;
    let (status, text) = parts(stub.cloud().as_service().heat().stack("blue").await.unwrap_err());
    assert_eq!(status, None);
    assert!(text.contains("expected form") && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn secrets_stay_out_of_errors_and_debug() {
    let stub = Stub::start(|a, _| {
        let token = a.header("x-auth-token").unwrap_or_default();
        Reply::Json(400, json!({"error": {"message": format!("bad {} with {token}", a.body)}}))
    })
    .await;
    let cloud = stub.cloud();
    let session = cloud.as_domain_admin();
    let text = session.keystone().create_user("u", &Secret::new("hunter2"), "d").await.unwrap_err().to_string();
    assert!(!text.contains("hunter2") && !text.contains("login-"), "{text}");
    let body = json!({"stack_name": "b", "parameters": {"trustee_password": "hunter2"}});
    let text = cloud.as_service().heat().create(&body).await.unwrap_err().to_string();
    assert!(!text.contains("hunter2"), "{text}");
    let trustee = cloud.as_trust("u", &Secret::new("hunter2"), "t");
    let user = cloud.as_user(Secret::new("user-token"), "p1");
    let shown = format!("{cloud:?} {trustee:?} {user:?}");
    for secret in ["hunter2", "user-token", "service-password", "admin-password", "login-"] {
        assert!(!shown.contains(secret), "{secret} shows");
    }
}

#[tokio::test]
async fn another_interface_and_region_and_a_missing_service_are_honoured() {
    let stub = Stub::start(|_, _| stack()).await;
    let mut settings = stub.settings();
    settings.heat.interface = cloud::Interface::Internal;
    settings.heat.region = Some("R".to_owned());
    settings.nova.interface = cloud::Interface::Admin;
    settings.nova.region = Some("R".to_owned());
    let session = cloud::Cloud::new(settings).unwrap().as_service();
    session.heat().stack("blue").await.unwrap();
    assert!(stub.asked()[0].path.starts_with("/internal/heat/v1/p1/stacks/blue"));
    session.in_project("p2").heat().stack("blue").await.unwrap();
    assert!(stub.asked()[1].path.starts_with("/internal/heat/v1/p2/stacks/blue"));
    let text = session.nova().flavors().await.unwrap_err().to_string();
    assert!(text.contains("the catalogue has no admin endpoint of compute in region R"), "{text}");
}

#[tokio::test]
async fn a_token_without_a_catalogue_can_still_ask_keystone() {
    let stub = Stub::start(|_, _| Reply::Json(200, json!({"regions": [{"id": "R"}]}))).await;
    stub.set_catalogue(json!(null));
    let session = stub.cloud().as_service();
    assert_eq!(session.keystone().regions().await.unwrap()[0].id, "R");
    let text = session.heat().stack("b").await.unwrap_err().to_string();
    assert!(text.contains("no public endpoint of orchestration"), "{text}");
}

#[tokio::test]
async fn missing_settings_are_named() {
    let error = cloud::Cloud::new(Settings::default()).unwrap_err();
    assert!(error.to_string().contains("auth_url"), "{error}");
    let stub = Stub::start(|_, _| stack()).await;
    let mut settings = stub.settings();
    settings.trust.admin_password = None;
    settings.heat.ca_file = Some("/nonexistent/ca.pem".to_owned());
    let error = cloud::Cloud::new(settings.clone()).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/ca.pem"), "{error}");
    settings.heat.ca_file = None;
    let error = cloud::Cloud::new(settings).unwrap().as_domain_admin().caller().await.unwrap_err();
    assert!(error.to_string().contains("trustee_domain_admin"), "{error}");
}

#[tokio::test]
async fn only_heats_own_word_makes_a_stack_missing() {
    let stub = Stub::start(|_, n| match n {
        0 => Reply::Raw(404, vec![], "<html><body>nginx</body></html>".to_owned()),
        // Heat about a path that it has nothing at.
        _ => Reply::Json(404, json!({"message": "The resource could not be found.", "code": "404 Not Found"})),
    })
    .await;
    for _ in 0..2 {
        let (status, text) = parts(stub.cloud().as_service().heat().stack("blue").await.unwrap_err());
        assert_eq!(status, None);
        assert!(text.contains("not heat"), "{text}");
    }
    stub.refuse_logins(404);
    let error = stub.cloud().as_trust("u", &Secret::new("pw"), "gone").heat().stack("blue").await.unwrap_err();
    assert_eq!(error.cloud_status(), Some(401), "a trust that is gone is no stack that is gone: {error}");
}

#[tokio::test]
async fn a_new_login_brings_new_addresses() {
    let stub =
        Stub::start(|a, n| if n == 1 && a.header("x-auth-token") == Some("login-1") { fault(401) } else { stack() })
            .await;
    let session = stub.cloud().as_service();
    session.heat().stack("blue").await.unwrap();
    stub.set_catalogue(json!([{"type": "orchestration", "endpoints": [
        {"interface": "public", "region": "R", "url": format!("{}/moved/v1/p1", stub.url)}]}]));
    session.heat().stack("blue").await.unwrap();
    session.heat().stack("blue").await.unwrap();
    assert!(stub.asked().last().unwrap().path.starts_with("/moved/v1/p1/stacks/blue"));
}
