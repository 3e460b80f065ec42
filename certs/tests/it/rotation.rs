//! A CA is replaced while what it signed is still in use; chains are judged by the openssl command line.

use std::path::Path;
use std::process::Command;

use certs::{Authority, CertStore, SignFor};
use chrono::Utc;
use domain::Cluster;

use crate::world::{authority, cluster, database, devcloud};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let request = ["req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "n.key", "-out", "n.csr", "-subj"];
        assert!(folder.openssl(&[&request[..], &["/O=system:nodes/CN=system:node:n"]].concat()));
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn openssl(&self, arguments: &[&str]) -> bool {
        Command::new("openssl").current_dir(self.path()).args(arguments).output().unwrap().status.success()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// Whether somebody who trusts `authority` lets in who shows `certificate`.
    fn accepts(&self, authority: &str, certificate: &str) -> bool {
        self.openssl(&["verify", "-x509_strict", "-CAfile", authority, certificate])
    }

    /// Keeps what the cluster's nodes would get now: the authority and a certificate.
    async fn node(&self, name: &str, authority: &Authority, cluster: &Cluster) {
        let reference = cluster.ca_cert_ref.as_deref().unwrap();
        let csr = std::fs::read_to_string(self.path().join("n.csr")).unwrap();
        self.write(&format!("{name}-ca.pem"), &authority.ca_certificate(reference).await.unwrap());
        self.write(
            &format!("{name}.pem"),
            &authority.sign(reference, &csr, SignFor::Trustee, Utc::now()).await.unwrap(),
        );
    }
}

/// One rotation. Each step runs twice, as after a crash, and changes nothing the second time.
async fn turn(authority: &Authority, cluster: &mut Cluster, folder: &Folder) {
    let (now, client) = (Utc::now(), cluster.magnum_cert_ref.clone());
    folder.node("old", authority, cluster).await;

    let begun = authority.begin_rotation(cluster, now).await.unwrap();
    cluster.ca_cert_ref = Some(begun.clone());
    assert_eq!(authority.begin_rotation(cluster, now).await.unwrap(), begun);
    folder.node("first", authority, cluster).await;

    cluster.ca_cert_ref = Some(authority.sign_with_new(cluster).await.unwrap());
    assert_eq!(Some(authority.sign_with_new(cluster).await.unwrap()), cluster.ca_cert_ref);
    assert_eq!(Some(authority.begin_rotation(cluster, now).await.unwrap()), cluster.ca_cert_ref, "it is gone on with");
    cluster.magnum_cert_ref = Some(authority.renew_client(cluster, now).await.unwrap());
    assert_ne!(cluster.magnum_cert_ref, client);
    assert_eq!(Some(authority.renew_client(cluster, now).await.unwrap()), cluster.magnum_cert_ref);
    folder.node("second", authority, cluster).await;

    cluster.ca_cert_ref = Some(authority.end_rotation(cluster).await.unwrap());
    assert_eq!(Some(authority.end_rotation(cluster).await.unwrap()), cluster.ca_cert_ref);
    for _ in 0..2 {
        authority.forget_replaced(cluster).await.unwrap();
    }
    folder.node("third", authority, cluster).await;

    let bundle = std::fs::read_to_string(folder.path().join("first-ca.pem")).unwrap();
    let newest = std::fs::read_to_string(folder.path().join("third-ca.pem")).unwrap();
    assert!(bundle.starts_with(newest.trim()), "the newest comes first");
    assert_eq!(bundle.matches("BEGIN CERTIFICATE").count(), 2);
    assert!(authority.ca_certificate(&begun).await.is_err(), "what shows both is gone");
    assert!(authority.client_identity(cluster.ca_cert_ref.as_ref().unwrap(), &client.unwrap()).await.is_err());

    // While nodes go from one phase to the next, each meets others of its own phase and of those beside it.
    let meets = [
        ("old", ["old", "first"]),
        ("first", ["old", "second"]),
        ("second", ["first", "third"]),
        ("third", ["second", "third"]),
    ];
    for (node, others) in meets {
        for other in others {
            assert!(folder.accepts(&format!("{node}-ca.pem"), &format!("{other}.pem")), "{node} refuses {other}");
        }
    }
    for other in ["old", "first"] {
        assert!(
            !folder.accepts("third-ca.pem", &format!("{other}.pem")),
            "the old authority is still trusted: {other}"
        );
    }
    let identity = authority
        .client_identity(cluster.ca_cert_ref.as_ref().unwrap(), cluster.magnum_cert_ref.as_ref().unwrap())
        .await
        .unwrap();
    folder.write("client.pem", &identity.certificate);
    assert!(folder.accepts("third-ca.pem", "client.pem"));
}

async fn live(authority: &Authority) {
    let (mut cluster, now, folder) = (cluster(), Utc::now(), Folder::new());
    cluster.ca_cert_ref = Some(authority.issue_ca(&cluster, now).await.unwrap());
    let ca = cluster.ca_cert_ref.clone().unwrap();
    cluster.magnum_cert_ref = Some(authority.issue_client(&cluster, &ca, now).await.unwrap());
    for _ in 0..3 {
        turn(authority, &mut cluster, &folder).await;
    }
    // A death between the making of the new authority and its record, and then a delete.
    authority.begin_rotation(&cluster, now).await.unwrap();
    let again = authority.begin_rotation(&cluster, now).await.unwrap();
    cluster.ca_cert_ref = Some(again);
    folder.node("again", authority, &cluster).await;
    let recorded = [cluster.ca_cert_ref.clone().unwrap(), cluster.magnum_cert_ref.clone().unwrap()];
    authority.delete_all(&cluster.uuid, &recorded).await.unwrap();
}

#[tokio::test]
async fn in_the_database() {
    let (_dir, store, seal) = database().await;
    live(&authority(CertStore::database(store.clone(), seal))).await;
}

#[tokio::test]
async fn in_barbican() {
    let (dev, cloud) = devcloud().await;
    let before = dev.census();
    live(&authority(CertStore::barbican(cloud))).await;
    assert_eq!(dev.census(), before);
}
