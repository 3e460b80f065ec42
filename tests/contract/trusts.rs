//! The clusters' own users and the trusts they act with.

use cloud::{Session, Trust, User};
use domain::Secret;
use serde_json::json;

use crate::world::{World, eventually, on_cloud, refusal, unique};

/// A cluster's own user, as the conductor makes one.
struct Trustee {
    user: User,
    password: Secret,
}

async fn trustee(w: &World) -> Trustee {
    let admin = w.cloud.as_domain_admin();
    let domain = w.cloud.trustee_domain_id().await.unwrap();
    let password = Secret::new("Trustee-Passw0rd");
    let user = admin.keystone().create_user(&unique("trustee"), &password, &domain).await.unwrap();
    let id = user.id.clone();
    w.undo(
        "trustee",
        async move { admin.keystone().delete_user(&id).await.map(drop).map_err(|error| error.to_string()) },
    );
    Trustee { user, password }
}

async fn trust(w: &World, giver: &Session, trustee: &Trustee, roles: &[&str]) -> Trust {
    let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
    let trust = giver.keystone().create_trust(&trustee.user.id, &roles).await.unwrap();
    let (giver, id) = (giver.clone(), trust.id.clone());
    w.undo("trust", async move { giver.keystone().delete_trust(&id).await.map(drop).map_err(|e| e.to_string()) });
    trust
}

#[tokio::test]
async fn a_trustee_is_made_found_and_deleted_by_the_domains_admin() {
    on_cloud(async |w: &World| {
        let admin = w.cloud.as_domain_admin();
        let domain = w.cloud.trustee_domain_id().await.unwrap();
        let Trustee { user, password } = trustee(w).await;
        assert_eq!(user.domain_id, domain);
        let (status, sentence) = refusal(admin.keystone().create_user(&user.name, &password, &domain).await);
        assert_eq!(status, 409);
        let expected = format!(
            "Conflict occurred attempting to store user - Duplicate entry found with name {} at domain ID {domain}.",
            user.name
        );
        assert!(sentence.starts_with(&expected), "{sentence}");
        assert_eq!(admin.keystone().find_user(&user.name, &domain).await.unwrap().as_ref(), Some(&user));
        assert_eq!(admin.keystone().find_user(&unique("nobody"), &domain).await.unwrap(), None);
        assert!(admin.keystone().users(&domain).await.unwrap().contains(&user));
        assert!(admin.keystone().delete_user(&user.id).await.unwrap());
        assert!(!admin.keystone().delete_user(&user.id).await.unwrap());
        assert_eq!(admin.keystone().find_user(&user.name, &domain).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn nobody_else_makes_users_in_the_trustee_domain() {
    on_cloud(async |w: &World| {
        let domain = w.cloud.trustee_domain_id().await.unwrap();
        let demo = w.demo().await;
        let (status, sentence) = refusal(demo.keystone().create_user("x", &Secret::new("Passw0rd-1"), &domain).await);
        assert_eq!(status, 403);
        let expected = "You are not authorized to perform the requested action: identity:create_user.";
        assert!(sentence.starts_with(expected), "{sentence}");
    })
    .await;
}

#[tokio::test]
async fn a_trust_lets_the_trustee_act_for_its_giver() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let owner = demo.caller().await.unwrap();
        let trustee = trustee(w).await;
        let trust = trust(w, &demo, &trustee, &["member"]).await;
        assert_eq!(trust.trustor_user_id, owner.user_id);
        assert_eq!(trust.trustee_user_id, trustee.user.id);
        assert_eq!(trust.project_id, owner.project_id);
        assert_eq!(demo.keystone().trust(&trust.id).await.unwrap().as_ref(), Some(&trust));
        assert_eq!(demo.keystone().find_trust(&trustee.user.id).await.unwrap().as_ref(), Some(&trust));

        let acting = w.cloud.as_trust(&trustee.user.id, &trustee.password, &trust.id);
        let caller = acting.caller().await.unwrap();
        assert_eq!((&caller.user_id, &caller.project_id), (&owner.user_id, &owner.project_id));
        assert_eq!(caller.trust_id.as_deref(), Some(trust.id.as_str()));
        // Keystone adds the roles that a role implies.
        assert!(caller.roles.contains(&"member".to_owned()), "{:?}", caller.roles);
        assert!(caller.roles.iter().all(|role| role == "member" || role == "reader"), "{:?}", caller.roles);
        assert!(acting.heat().stack(&unique("none")).await.unwrap().is_none());

        let (status, sentence) = refusal(acting.keystone().create_trust(&trustee.user.id, &["member".into()]).await);
        assert_eq!(status, 403, "a trust does not breed: {sentence}");
    })
    .await;
}

#[tokio::test]
async fn a_trustee_without_scope_sees_its_trusts_and_little_else() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let trustee = trustee(w).await;
        let trust = trust(w, &demo, &trustee, &[]).await;
        let alone = w.cloud.unscoped_trustee(&trustee.user.id, &trustee.password);
        let caller = alone.caller().await.unwrap();
        assert_eq!((&caller.user_id, &caller.project_id), (&trustee.user.id, &None));
        assert_eq!(caller.user_domain_id, w.cloud.trustee_domain_id().await.unwrap());
        assert!(caller.roles.is_empty());
        assert!(alone.catalogue().await.unwrap().is_empty());
        assert_eq!(alone.keystone().trusts_of(&trustee.user.id).await.unwrap(), std::slice::from_ref(&trust));
        assert_eq!(alone.keystone().find_trust(&trustee.user.id).await.unwrap().as_ref(), Some(&trust));
        let (status, sentence) = refusal(alone.keystone().delete_trust(&trust.id).await);
        assert_eq!(status, 403, "only its giver, or who logs in with it, ends a trust: {sentence}");
        let (status, _) = refusal(alone.keystone().users(&caller.user_domain_id).await);
        assert_eq!(status, 403);
    })
    .await;
}

#[tokio::test]
async fn a_trust_is_ended_by_its_giver_or_by_who_acts_with_it() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let trustee = trustee(w).await;
        let first = trust(w, &demo, &trustee, &["member"]).await;
        let second = trust(w, &demo, &trustee, &["member"]).await;
        let (status, _) = refusal(w.alt().await.keystone().delete_trust(&first.id).await);
        assert_eq!(status, 403);
        assert!(demo.keystone().delete_trust(&first.id).await.unwrap());
        assert!(!demo.keystone().delete_trust(&first.id).await.unwrap());
        assert_eq!(demo.keystone().trust(&first.id).await.unwrap(), None);
        let acting = w.cloud.as_trust(&trustee.user.id, &trustee.password, &second.id);
        assert!(acting.keystone().delete_trust(&second.id).await.unwrap());
        assert!(demo.keystone().trusts_of(&trustee.user.id).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_login_with_a_trust_that_is_gone_is_refused_and_never_looks_like_an_absence() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let trustee = trustee(w).await;
        let trust = trust(w, &demo, &trustee, &["member"]).await;
        demo.keystone().delete_trust(&trust.id).await.unwrap();
        let acting = w.cloud.as_trust(&trustee.user.id, &trustee.password, &trust.id);
        let error = acting.heat().stack("none").await.unwrap_err();
        assert!(!error.is_retryable(), "{error}");
        let (status, sentence) = refusal(acting.heat().stack("none").await);
        assert_eq!(status, 401);
        assert!(sentence.starts_with("The request you have made requires authentication."), "{sentence}");
    })
    .await;
}

#[tokio::test]
async fn nobody_but_the_trustee_logs_in_with_a_trust() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let (one, other) = (trustee(w).await, trustee(w).await);
        let trust = trust(w, &demo, &one, &["member"]).await;
        let (status, _) = refusal(w.cloud.as_trust(&other.user.id, &other.password, &trust.id).caller().await);
        assert!(matches!(status, 401 | 403), "{status}");
        let wrong = w.cloud.as_trust(&one.user.id, &Secret::new("wrong"), &trust.id);
        let (status, sentence) = refusal(wrong.caller().await);
        assert_eq!(status, 401);
        assert!(sentence.starts_with("The request you have made requires authentication."), "{sentence}");
    })
    .await;
}

#[tokio::test]
async fn a_role_that_its_giver_lacks_cannot_be_entrusted() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let trustee = trustee(w).await;
        let (status, sentence) = refusal(demo.keystone().create_trust(&trustee.user.id, &["admin".to_owned()]).await);
        assert_eq!(status, 404, "{sentence}");
        assert!(sentence.starts_with("Could not find role: "), "{sentence}");
        let (status, sentence) = refusal(demo.keystone().create_trust(&trustee.user.id, &[unique("role")]).await);
        assert_eq!(status, 404, "{sentence}");
        let (status, sentence) = refusal(demo.keystone().create_trust("nobody", &["member".to_owned()]).await);
        assert_eq!((status, sentence.starts_with("Could not find user: nobody.")), (404, true), "{sentence}");
        assert!(demo.keystone().trusts_of(&trustee.user.id).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_application_credential_makes_no_trust() {
    on_cloud(async |w: &World| {
        let demo = w.api(&w.access.demo).await;
        let api = w.by_credential(&demo, None).await;
        let trustee = trustee(w).await;
        let outcome = w.session_of(&api).keystone().create_trust(&trustee.user.id, &["member".to_owned()]).await;
        let (status, sentence) = refusal(outcome);
        assert_eq!(status, 403);
        let expected = "You are not authorized to perform the requested action: ";
        assert!(sentence.starts_with(expected) && sentence.contains("trusts"), "{sentence}");
    })
    .await;
}

#[tokio::test]
async fn a_trusts_end_ends_its_tokens() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let trustee = trustee(w).await;
        let trust = trust(w, &demo, &trustee, &["member"]).await;
        let scope = json!({"OS-TRUST:trust": {"id": trust.id}});
        let user = json!({"id": trustee.user.id, "password": trustee.password.expose()});
        let login = w.log_in(user, scope).await;
        assert_eq!(login.status, 201, "{}", login.text);
        let token = Secret::new(login.token.unwrap());
        assert!(w.forgetful().identity().validate(&token).await.unwrap().is_some());
        demo.keystone().delete_trust(&trust.id).await.unwrap();
        eventually("the end of the token", async || {
            w.forgetful().identity().validate(&token).await.unwrap().is_none().then_some(())
        })
        .await;
    })
    .await;
}
