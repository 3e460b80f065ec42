//! Keystone: tokens, the clusters' own users, trusts, and the look-ups of an operator.

use std::time::Duration;

use chrono::Utc;
use domain::Secret;
use serde_json::json;

use crate::world::{World, on_cloud, refusal, unique};

#[tokio::test]
async fn a_token_says_who_it_is_and_what_it_opens() {
    on_cloud(async |w: &World| {
        let demo = w.api(&w.access.demo).await;
        let valid = w.cloud.identity().validate(&Secret::new(&demo.token)).await.unwrap().unwrap();
        assert_eq!(valid.caller.user_id, demo.user_id);
        assert_eq!(valid.caller.user_name, w.access.demo.user);
        assert_eq!(valid.caller.project_id.as_deref(), Some(demo.project_id.as_str()));
        assert_eq!(valid.caller.project_name.as_deref(), Some(w.access.demo.project.as_str()));
        assert_eq!(valid.caller.user_domain_id, "default");
        assert_eq!(valid.caller.project_domain_id.as_deref(), Some("default"));
        assert_eq!(valid.caller.trust_id, None);
        for role in ["member", "creator", "load-balancer_member"] {
            assert!(valid.caller.roles.iter().any(|have| have == role), "{role}: {:?}", valid.caller.roles);
        }
        assert!(valid.caller.roles.iter().all(|role| role != "admin"));
        assert_eq!((valid.methods.as_slice(), valid.domain_id), (["password".to_owned()].as_slice(), None));
        for kind in ["orchestration", "load-balancer", "key-manager", "volumev3", "image", "compute", "network"] {
            assert!(valid.catalogue.has(kind), "{kind}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_token_or_none_any_more_is_not_valid() {
    on_cloud(async |w: &World| {
        let forgetful = w.forgetful();
        assert!(forgetful.identity().validate(&Secret::new("gAAAAABnonsense")).await.unwrap().is_none());
        let demo = w.api(&w.access.demo).await;
        let token = Secret::new(&demo.token);
        let session = w.session_of(&demo);
        session.caller().await.unwrap();
        demo.revoke(&demo.token).await;
        assert!(w.forgetful().identity().validate(&token).await.unwrap().is_none());
        for outcome in [session.heat().stack("none").await.map(drop), session.nova().flavors().await.map(drop)] {
            let (status, sentence) = refusal(outcome);
            assert_eq!(status, 401, "a service sees the end of a token that we still believe in: {sentence}");
            assert!(!sentence.contains(&demo.token), "{sentence}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_is_a_401_that_says_no_more() {
    on_cloud(async |w: &World| {
        let user = json!({"name": w.access.demo.user, "domain": {"name": "Default"}, "password": "wrong"});
        let answer = w.log_in(user, json!(null)).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.body["error"]["message"], "The request you have made requires authentication.");
        assert_eq!(answer.body["error"]["title"], "Unauthorized");
        let unknown = json!({"name": unique("nobody"), "domain": {"name": "Default"}, "password": "wrong"});
        assert_eq!(w.log_in(unknown, json!(null)).await.body, answer.body);
    })
    .await;
}

#[tokio::test]
async fn an_application_credentials_token_says_so_and_ends_with_it() {
    on_cloud(async |w: &World| {
        let demo = w.api(&w.access.demo).await;
        let end = Utc::now() + Duration::from_secs(5);
        let api = w.by_credential(&demo, Some(end)).await;
        let token = Secret::new(&api.token);
        let valid = w.cloud.identity().validate(&token).await.unwrap().unwrap();
        assert!(valid.is_application_credential());
        assert_eq!(valid.caller.project_id.as_deref(), Some(demo.project_id.as_str()));
        assert!(valid.expires_at <= end, "{} is after {end}", valid.expires_at);
        let session = w.session_of(&api);
        assert!(session.heat().stack("none").await.unwrap().is_none());

        tokio::time::sleep(Duration::from_secs(6)).await;
        assert!(w.cloud.identity().validate(&token).await.unwrap().is_none(), "the cache knows the end");
        assert!(w.forgetful().identity().validate(&token).await.unwrap().is_none());
        let (status, sentence) = refusal(session.heat().stack("none").await);
        assert_eq!((status, sentence.contains("expired")), (401, true), "{sentence}");
        for (service, (status, sentence)) in [
            ("nova", refusal(session.nova().flavors().await)),
            ("neutron", refusal(session.neutron().ports("none").await)),
            ("glance", refusal(session.glance().image("none").await)),
            ("cinder", refusal(session.cinder().volume_types().await)),
            ("barbican", refusal(session.barbican().secrets("none").await)),
            ("octavia", refusal(session.octavia().load_balancers(None).await)),
            ("keystone", refusal(session.keystone().trusts_of("none").await)),
        ] {
            assert_eq!(status, 401, "{service}: {sentence}");
        }
        let answer = api.get("orchestration", "/stacks").await;
        assert_eq!((answer.status, answer.text.contains(&api.token)), (401, false), "{}", answer.text);
    })
    .await;
}

#[tokio::test]
async fn projects_services_and_regions_are_looked_up_by_the_service_user() {
    on_cloud(async |w: &World| {
        let demo = w.api(&w.access.demo).await;
        let service = w.cloud.as_service();
        let project = service.keystone().project(&demo.project_id).await.unwrap().unwrap();
        assert_eq!((project.name.as_str(), project.enabled), (w.access.demo.project.as_str(), true));
        assert_eq!(service.keystone().project("nothing").await.unwrap(), None);
        let found = service.keystone().services_of_type("load-balancer").await.unwrap();
        assert_eq!((found.len(), found[0].enabled), (1, true));
        assert!(service.keystone().services_of_type("nothing").await.unwrap().is_empty());
        assert_eq!(service.keystone().regions().await.unwrap()[0].id, "RegionOne");
        assert!(w.cloud.has_octavia().await.unwrap());
        assert!(w.cloud.auth_url().await.unwrap().ends_with("/v3"));
        let (status, sentence) = refusal(w.demo().await.keystone().services_of_type("load-balancer").await);
        assert_eq!(status, 403);
        let expected = "You are not authorized to perform the requested action: identity:list_services.";
        assert!(sentence.starts_with(expected), "{sentence}");
    })
    .await;
}

#[tokio::test]
async fn an_ordinary_user_validates_no_tokens_but_its_own() {
    on_cloud(async |w: &World| {
        let (demo, alt) = (w.api(&w.access.demo).await, w.api(&w.access.alt).await);
        let answer = demo.validate(&alt.token).await;
        assert_eq!(answer.status, 403, "{}", answer.text);
        assert_eq!(
            answer.body["error"]["message"],
            "You are not authorized to perform the requested action: identity:validate_token."
        );
        let own = demo.validate(&demo.token).await;
        assert_eq!((own.status, &own.body["token"]["user"]["id"]), (200, &json!(demo.user_id)));
        let unknown = demo.validate("gAAAAABnonsense").await;
        assert_eq!(unknown.status, 404, "{}", unknown.text);
    })
    .await;
}
