//! Pairs in the database: sealed, bound to their row, and readable from the original service.

use std::process::Command;

use certs::{Authority, CertStore, Kind, Owner};
use chrono::Utc;
use domain::options::CertManager;
use domain::{Error, Options};
use store::{Keypair, Seal};

use crate::world::{CLUSTER, authority, cluster, database, devcloud, policy};

#[tokio::test]
async fn keys_are_sealed_and_bound_to_their_row() {
    let (_dir, store, seal) = database().await;
    let certs = CertStore::database(store.clone(), seal.clone());
    let reference = authority(certs.clone()).issue_ca(&cluster(), Utc::now()).await.unwrap();
    let row = store.keypair(&reference).await.unwrap();
    let sealed = row.private_key.clone().unwrap();
    assert!(Seal::is_sealed(&sealed) && !sealed.contains("KEY"), "{sealed}");
    assert_eq!((row.project_id.as_deref(), row.user_id.as_deref()), (Some("p1"), Some("u1")));
    let moved = Keypair { uuid: "00000000-0000-4000-8000-000000000001".to_owned(), ..row.clone() };
    store.insert_keypair(&moved).await.unwrap();
    assert!(certs.get(&moved.uuid).await.is_err(), "a key moved to another row must not open");
    let stranger = Seal::from_keys([["f"; 64].concat().as_str()]).unwrap();
    let error = CertStore::database(store, stranger).get(&reference).await.unwrap_err();
    assert!(error.to_string().contains("secret_keys"), "{error}");
}

#[tokio::test]
async fn storing_twice_keeps_the_first() {
    let (_dir, store, seal) = database().await;
    let certs = CertStore::database(store, seal);
    let (one, two) = (authority(certs.clone()), authority(certs.clone()));
    let (a, b) = (cluster(), cluster());
    let (first, second) = tokio::join!(one.issue_ca(&a, Utc::now()), two.issue_ca(&b, Utc::now()));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first, second);
    let stored = certs.get(&first).await.unwrap().unwrap();
    let mut late = stored.clone();
    late.certificate = "another".to_owned();
    assert_eq!(certs.put(&Owner::from(&a), Kind::Ca, &late).await.unwrap(), first);
    assert_eq!(certs.get(&first).await.unwrap().unwrap().certificate, stored.certificate);
    assert_eq!(certs.find(CLUSTER, Kind::Ca, false).await.unwrap(), Some(first));
    assert_eq!(certs.find(CLUSTER, Kind::Client, false).await.unwrap(), None);
}

#[tokio::test]
async fn rows_of_the_original_service_are_read() {
    let (dir, store, seal) = database().await;
    let run = |args: &[&str]| {
        let out = Command::new("openssl").current_dir(dir.path()).args(args).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    };
    run(&["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k.pem", "-out", "c.pem", "-subj", "/CN=old"]);
    run(&["pkcs8", "-topk8", "-in", "k.pem", "-out", "e.pem", "-passout", "pass:abcdefghijkl", "-v2", "aes256"]);
    let text = |name: &str| Some(std::fs::read_to_string(dir.path().join(name)).unwrap().trim_end().to_owned());
    let row = Keypair {
        uuid: "b2b5a3c9-0000-4000-8000-000000000002".to_owned(),
        certificate: text("c.pem"),
        private_key: text("e.pem"),
        private_key_passphrase: Some("abcdefghijkl".to_owned()),
        intermediates: None,
        project_id: Some("p".to_owned()),
        user_id: Some("u".to_owned()),
        created_at: Utc::now(),
    };
    store.insert_keypair(&row).await.unwrap();
    let authority = authority(CertStore::database(store.clone(), seal));
    assert_eq!(authority.ca_certificate(&row.uuid).await.unwrap().trim_end(), row.certificate.clone().unwrap());
    authority.issue_client(&cluster(), &row.uuid, Utc::now()).await.unwrap();
    authority.delete_all(CLUSTER, std::slice::from_ref(&row.uuid)).await.unwrap();
    assert!(matches!(store.keypair(&row.uuid).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_key_of_another_certificate_is_noticed() {
    let (_dir, store, seal) = database().await;
    let certs = CertStore::database(store.clone(), seal);
    let authority = authority(certs.clone());
    let ca = authority.issue_ca(&cluster(), Utc::now()).await.unwrap();
    let client = authority.issue_client(&cluster(), &ca, Utc::now()).await.unwrap();
    let swapped =
        Keypair { certificate: store.keypair(&client).await.unwrap().certificate, ..store.keypair(&ca).await.unwrap() };
    store.delete_keypair(&ca).await.unwrap();
    store.insert_keypair(&swapped).await.unwrap();
    let mut other = cluster();
    other.uuid = "00000000-0000-4000-8000-000000000009".to_owned();
    let error = authority.issue_client(&other, &ca, Utc::now()).await.unwrap_err();
    assert!(error.to_string().contains("another certificate"), "{error}");
}

#[tokio::test]
async fn a_change_of_store_leaves_old_clusters_usable_and_removable() {
    let (dev, cloud) = devcloud().await;
    let before = dev.census();
    let (_dir, store, seal) = database().await;
    let with =
        |manager| Authority::new(CertStore::configured(manager, store.clone(), seal.clone(), cloud.clone()), policy());
    let mut cluster = cluster();
    let old = with(CertManager::Barbican);
    let ca = old.issue_ca(&cluster, Utc::now()).await.unwrap();
    let keys = old.service_account(&cluster).await.unwrap();
    assert!(ca.starts_with("http"));
    cluster.ca_cert_ref = Some(ca.clone());
    let new = with(CertManager::X509Keypair);
    assert_eq!(new.issue_ca(&cluster, Utc::now()).await.unwrap(), ca);
    assert_eq!(new.service_account(&cluster).await.unwrap().private_key.expose(), keys.private_key.expose());
    let client = new.issue_client(&cluster, &ca, Utc::now()).await.unwrap();
    assert!(!client.starts_with("http"));
    new.client_identity(&ca, &client).await.unwrap();
    new.delete_all(CLUSTER, &[ca, client.clone()]).await.unwrap();
    assert_eq!(dev.census(), before);
    assert!(store.keypair(&client).await.is_err());
}

#[tokio::test]
async fn options_choose_the_store_and_weak_keys_are_refused_at_start() {
    let (_dir, store, seal) = database().await;
    let (_dev, cloud) = devcloud().await;
    let mut options = Options::default();
    options.x509.rsa_key_size = 1024;
    let error = Authority::from_options(&options, store.clone(), seal.clone(), cloud.clone()).unwrap_err();
    assert!(error.to_string().contains("rsa_key_size"), "{error}");
    options.x509.rsa_key_size = 2048;
    let authority = Authority::from_options(&options, store.clone(), seal, cloud).unwrap();
    let reference = authority.issue_ca(&cluster(), Utc::now()).await.unwrap();
    assert!(store.keypair(&reference).await.is_ok(), "the database is the default");
}
