//! A cluster's certificates from issue to removal, judged by the openssl command line.

use std::path::Path;
use std::process::Command;

use certs::{Authority, CertStore, SignFor};
use chrono::Utc;
use domain::Error;

use crate::world::{CLUSTER, authority, cluster, database, devcloud};

fn openssl(dir: &Path, args: &[&str]) -> String {
    let out = Command::new("openssl").current_dir(dir).args(args).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{args:?}: {text}");
    text
}

/// Issues, signs, reads and removes; everything twice, as after a crash.
async fn live(authority: &Authority) {
    let (cluster, now) = (cluster(), Utc::now());
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();

    let ca_ref = authority.issue_ca(&cluster, now).await.unwrap();
    let ca = authority.ca_certificate(&ca_ref).await.unwrap();
    assert_eq!(authority.issue_ca(&cluster, now).await.unwrap(), ca_ref);
    assert_eq!(authority.ca_certificate(&ca_ref).await.unwrap(), ca, "a repetition makes no second CA");
    let client_ref = authority.issue_client(&cluster, &ca_ref, now).await.unwrap();
    assert_eq!(authority.issue_client(&cluster, &ca_ref, now).await.unwrap(), client_ref);
    let identity = authority.client_identity(&ca_ref, &client_ref).await.unwrap();
    assert_eq!(identity.ca, ca);
    assert!(identity.private_key.expose().starts_with("-----BEGIN PRIVATE KEY-----"));
    write("ca.pem", &ca);
    write("client.pem", &identity.certificate);
    write("client.key", identity.private_key.expose());
    openssl(dir.path(), &["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "ca.pem", "client.pem"]);
    let public = openssl(dir.path(), &["x509", "-in", "client.pem", "-noout", "-pubkey"]);
    assert_eq!(openssl(dir.path(), &["pkey", "-in", "client.key", "-pubout"]), public, "the key is the certificate's");

    openssl(
        dir.path(),
        &[
            "req",
            "-new",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "n.key",
            "-out",
            "n.csr",
            "-subj",
            "/O=system:nodes/CN=system:node:n",
        ],
    );
    let csr = std::fs::read_to_string(dir.path().join("n.csr")).unwrap();
    let node = authority.sign(&ca_ref, &csr, SignFor::Trustee, now).await.unwrap();
    write("n.pem", &node);
    openssl(dir.path(), &["verify", "-x509_strict", "-CAfile", "ca.pem", "n.pem"]);

    let keys = authority.service_account(&cluster).await.unwrap();
    assert_eq!(authority.service_account(&cluster).await.unwrap().private_key.expose(), keys.private_key.expose());
    assert!(keys.private_key.expose().starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    write("sa.key", keys.private_key.expose());
    assert!(openssl(dir.path(), &["pkey", "-in", "sa.key", "-pubout"]).ends_with(&keys.public_key));
    assert!(!format!("{identity:?} {keys:?} {authority:?}").contains("PRIVATE"));

    let found = authority.sign(&ca_ref, "nonsense", SignFor::Owner, now).await;
    assert!(matches!(found, Err(Error::Invalid(_))), "{found:?}");
    let recorded = [ca_ref.clone(), client_ref];
    authority.delete_all(CLUSTER, &recorded).await.unwrap();
    authority.delete_all(CLUSTER, &recorded).await.unwrap();
    let gone = authority.ca_certificate(&ca_ref).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
    assert!(authority.sign(&ca_ref, &csr, SignFor::Owner, now).await.is_err());
}

#[tokio::test]
async fn in_the_database() {
    let (_dir, store, seal) = database().await;
    live(&authority(CertStore::database(store, seal))).await;
}

#[tokio::test]
async fn in_barbican() {
    let (dev, cloud) = devcloud().await;
    let before = dev.census();
    live(&authority(CertStore::barbican(cloud))).await;
    assert_eq!(dev.census(), before);
}
