//! Barbican: where certificates are kept.

use std::collections::BTreeSet;

use cloud::{NewContainer, SecretRef, Session};
use domain::Secret;

use crate::world::{World, on_cloud, refusal, unique};

/// Barbican strips white space from both ends of a text.
const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";

async fn secret(w: &World, session: &Session, name: &str) -> String {
    let made = session.barbican().create_secret(name, &Secret::new(format!("\n{PEM}\n"))).await.unwrap();
    let (session, reference) = (session.clone(), made.clone());
    w.undo(
        "secret",
        async move { session.barbican().delete_secret(&reference).await.map(drop).map_err(|e| e.to_string()) },
    );
    made
}

fn part(name: &str, reference: &str) -> SecretRef {
    SecretRef { name: Some(name.to_owned()), secret_ref: reference.to_owned() }
}

async fn container(w: &World, session: &Session, name: &str, parts: Vec<SecretRef>) -> String {
    let new = NewContainer { name: name.to_owned(), kind: "certificate", secret_refs: parts };
    let made = session.barbican().create_container(&new).await.unwrap();
    let (session, reference) = (session.clone(), made.clone());
    w.undo("container", async move {
        session.barbican().delete_container(&reference).await.map(drop).map_err(|e| e.to_string())
    });
    made
}

#[tokio::test]
async fn a_secret_gives_back_what_was_put_in() {
    on_cloud(async |w: &World| {
        for session in [w.demo().await, w.cloud.as_service()] {
            let barbican = session.barbican();
            let name = unique("secret");
            let reference = secret(w, &session, &name).await;
            assert!(reference.contains("/v1/secrets/"), "{reference}");
            assert_eq!(barbican.payload(&reference).await.unwrap().unwrap().expose(), PEM);
            let found = barbican.secrets(&name).await.unwrap();
            assert_eq!((found.len(), &found[0].secret_ref, found[0].name.as_ref()), (1, &reference, Some(&name)));
            assert!(barbican.secrets(&unique("none")).await.unwrap().is_empty());
            assert!(barbican.delete_secret(&reference).await.unwrap());
            assert!(!barbican.delete_secret(&reference).await.unwrap());
            assert!(barbican.payload(&reference).await.unwrap().is_none());
        }
    })
    .await;
}

/// Barbican cuts a list at ten, unless it is asked for more, and never gives more than a hundred.
#[tokio::test]
async fn a_list_that_is_cut_is_read_to_its_end() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let name = unique("many");
        let mut made = BTreeSet::new();
        for _ in 0..11 {
            made.insert(secret(w, &demo, &name).await);
        }
        let found: BTreeSet<String> =
            demo.barbican().secrets(&name).await.unwrap().into_iter().map(|one| one.secret_ref).collect();
        assert_eq!(found, made);
        for _ in 0..101 {
            let new = NewContainer { name: name.clone(), kind: "generic", secret_refs: Vec::new() };
            let made = demo.barbican().create_container(&new).await.unwrap();
            let (session, reference) = (demo.clone(), made);
            w.undo("container", async move {
                session.barbican().delete_container(&reference).await.map(drop).map_err(|e| e.to_string())
            });
        }
        assert_eq!(demo.barbican().containers(&name).await.unwrap().len(), 101);
    })
    .await;
}

#[tokio::test]
async fn names_need_not_be_unique() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let name = unique("twins");
        let (one, other) = (secret(w, &demo, &name).await, secret(w, &demo, &name).await);
        let mut found: Vec<_> =
            demo.barbican().secrets(&name).await.unwrap().into_iter().map(|found| found.secret_ref).collect();
        found.sort();
        let mut made = [one, other];
        made.sort();
        assert_eq!(found, made);
    })
    .await;
}

#[tokio::test]
async fn a_container_names_its_parts_and_leaves_them_when_it_goes() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let barbican = demo.barbican();
        let name = unique("container");
        let (certificate, key) = (secret(w, &demo, &name).await, secret(w, &demo, &name).await);
        let parts = vec![part("certificate", &certificate), part("private_key", &key)];
        let reference = container(w, &demo, &name, parts).await;
        let read = barbican.container(&reference).await.unwrap().unwrap();
        assert_eq!((read.name.as_ref(), &read.container_ref), (Some(&name), &reference));
        assert_eq!(read.secret("certificate"), Some(certificate.as_str()));
        assert_eq!(read.secret("private_key"), Some(key.as_str()));
        assert_eq!(read.secret("intermediates"), None);
        let found = barbican.containers(&name).await.unwrap();
        assert_eq!((found.len(), &found[0].container_ref), (1, &reference));
        assert!(barbican.containers(&unique("none")).await.unwrap().is_empty());
        assert!(barbican.delete_container(&reference).await.unwrap());
        assert!(!barbican.delete_container(&reference).await.unwrap());
        assert_eq!(barbican.container(&reference).await.unwrap(), None);
        assert!(barbican.payload(&key).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_certificate_without_its_certificate_is_refused() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let key = secret(w, &demo, &unique("key")).await;
        let new = |kind, parts| NewContainer { name: unique("bad"), kind, secret_refs: parts };
        let incomplete = new("certificate", vec![part("private_key", &key)]);
        let (status, sentence) = refusal(demo.barbican().create_container(&incomplete).await);
        assert_eq!(status, 400);
        let expected = "Provided object does not match schema 'Container': The minimum required reference name is \
                        'certificate' for Certificate type. Invalid property: 'secret_refs'";
        assert!(sentence.starts_with(expected), "{sentence}");
        let (status, sentence) = refusal(demo.barbican().create_container(&new("shelf", Vec::new())).await);
        assert_eq!(status, 400, "{sentence}");
        let nowhere = key.replace(key.rsplit('/').next().unwrap(), &crate::world::uuid());
        let dangling = new("generic", vec![part("x", &nowhere)]);
        let (status, sentence) = refusal(demo.barbican().create_container(&dangling).await);
        assert_eq!(status, 404);
        assert!(sentence.starts_with("Secret provided for 'x' doesn't exist."), "{sentence}");
    })
    .await;
}

#[tokio::test]
async fn who_is_no_creator_stores_nothing_and_says_so() {
    on_cloud(async |w: &World| {
        let member = w.user_with(&w.access.demo, &["member"]).await;
        let session = w.session(&member).await;
        let (status, sentence) = refusal(session.barbican().create_secret("s", &Secret::new("payload-text")).await);
        assert_eq!(status, 403);
        let expected = "Secret creation attempt not allowed - please review your user/project privileges";
        assert!(sentence.starts_with(expected), "{sentence}");
        assert!(!sentence.contains("payload-text"), "{sentence}");
        let new = NewContainer { name: "c".to_owned(), kind: "generic", secret_refs: Vec::new() };
        let (status, sentence) = refusal(session.barbican().create_container(&new).await);
        assert_eq!(status, 403);
        let expected = "Container creation attempt not allowed - please review your user/project privileges";
        assert!(sentence.starts_with(expected), "{sentence}");
    })
    .await;
}

#[tokio::test]
async fn another_projects_secret_is_forbidden() {
    on_cloud(async |w: &World| {
        let (demo, alt) = (w.demo().await, w.alt().await);
        let name = unique("private");
        let reference = secret(w, &demo, &name).await;
        let (status, sentence) = refusal(alt.barbican().payload(&reference).await.map(drop));
        assert_eq!(status, 403);
        let expected = "Secret payload retrieval attempt not allowed - please review your user/project privileges";
        assert!(sentence.starts_with(expected), "{sentence}");
        let (status, sentence) = refusal(alt.barbican().delete_secret(&reference).await);
        assert_eq!(status, 403);
        let expected = "Secret deletion attempt not allowed - please review your user/project privileges";
        assert!(sentence.starts_with(expected), "{sentence}");
        assert!(alt.barbican().secrets(&name).await.unwrap().is_empty());
    })
    .await;
}
