//! Pairs in Barbican, and what crashes and refusals in the middle leave.

use certs::{CertStore, Kind, Material, Owner};
use cloud::{NewContainer, SecretRef};
use devcloud::{Effect, Fault};
use domain::{Error, Secret};

use crate::world::{CLUSTER, authority, cluster, devcloud};

fn owner() -> Owner {
    Owner::from(&cluster())
}

async fn material() -> Material {
    let (_dev, cloud) = devcloud().await;
    let store = CertStore::barbican(cloud);
    let reference = authority(store.clone()).issue_ca(&cluster(), chrono::Utc::now()).await.unwrap();
    store.get(&reference).await.unwrap().unwrap()
}

#[tokio::test]
async fn the_key_is_encrypted_and_shared_with_the_original_service() {
    let (_dev, cloud) = devcloud().await;
    let reference =
        authority(CertStore::barbican(cloud.clone())).issue_ca(&cluster(), chrono::Utc::now()).await.unwrap();
    assert!(reference.starts_with("http"), "{reference}");
    let service = cloud.as_service();
    let container = service.barbican().container(&reference).await.unwrap().unwrap();
    assert_eq!(container.name.as_deref(), Some("magnum-5d12f6fd-a196-4bf0-ae4c-1f639a523a52-ca"));
    let payload =
        async |part: &str| service.barbican().payload(container.secret(part).unwrap()).await.unwrap().unwrap();
    assert!(payload("certificate").await.expose().starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(payload("private_key").await.expose().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    assert_eq!(payload("private_key_passphrase").await.expose().len(), 32);
}

#[tokio::test]
async fn a_store_that_fails_anywhere_leaves_nothing_and_may_be_repeated() {
    let material = material().await;
    for position in 0..4 {
        for effect in [Effect::Refuse(500), Effect::DropBeforeWork, Effect::DropAfterWork] {
            let (dev, cloud) = devcloud().await;
            let store = CertStore::barbican(cloud);
            let before = dev.census();
            dev.inject(Fault { after: position, ..Fault::once("barbican", "POST", "", effect.clone()) });
            store.put(&owner(), Kind::Ca, &material).await.unwrap_err();
            if (position, &effect) == (3, &Effect::DropAfterWork) {
                assert_eq!(dev.census().containers.len(), 1, "the container exists, so its secrets must stay");
            } else {
                assert_eq!(dev.census(), before, "position {position}, {effect:?}");
            }
            let reference = store.put(&owner(), Kind::Ca, &material).await.unwrap();
            assert_eq!(store.put(&owner(), Kind::Ca, &material).await.unwrap(), reference);
            assert_eq!(store.find(CLUSTER, Kind::Ca, false).await.unwrap().as_ref(), Some(&reference));
            let census = dev.census();
            assert_eq!((census.secrets.len(), census.containers.len()), (3, 1), "position {position}, {effect:?}");
            let read = store.get(&reference).await.unwrap().unwrap();
            assert_eq!(read.certificate, material.certificate);
            store.delete_all(CLUSTER, false).await.unwrap();
            assert_eq!(dev.census(), before);
        }
    }
}

#[tokio::test]
async fn secrets_of_a_dead_process_are_removed_before_and_after() {
    let material = material().await;
    let (dev, cloud) = devcloud().await;
    let before = dev.census();
    let store = CertStore::barbican(cloud.clone());
    let leave = async || {
        cloud
            .as_service()
            .barbican()
            .create_secret(&format!("magnum-{CLUSTER}-ca"), &Secret::new("half"))
            .await
            .unwrap()
    };
    leave().await;
    leave().await;
    store.put(&owner(), Kind::Ca, &material).await.unwrap();
    assert_eq!(dev.census().secrets.len(), 3);
    leave().await;
    store.delete_all(CLUSTER, false).await.unwrap();
    assert_eq!(dev.census(), before);
    store.delete_all(CLUSTER, false).await.unwrap();
}

#[tokio::test]
async fn a_delete_that_fails_anywhere_may_be_repeated() {
    let material = material().await;
    for position in 0..4 {
        for effect in [Effect::Refuse(403), Effect::DropAfterWork] {
            let (dev, cloud) = devcloud().await;
            let before = dev.census();
            let store = CertStore::barbican(cloud);
            let reference = store.put(&owner(), Kind::Client, &material).await.unwrap();
            dev.inject(Fault { after: position, ..Fault::once("barbican", "DELETE", "", effect.clone()) });
            store.delete(&reference).await.unwrap_err();
            store.delete(&reference).await.unwrap();
            assert_eq!(dev.census(), before, "position {position}, {effect:?}");
            store.delete(&reference).await.unwrap();
            assert!(store.get(&reference).await.unwrap().is_none());
        }
    }
}

#[tokio::test]
async fn pairs_of_the_original_service_are_read_and_deleted() {
    let (dev, cloud) = devcloud().await;
    let before = dev.census();
    let material = material().await;
    let service = cloud.as_service();
    let mut secret_refs = Vec::new();
    for (part, name, payload) in [
        ("certificate", "Certificate", material.certificate.as_str()),
        ("private_key", "Private Key", material.private_key.expose()),
        ("private_key_passphrase", "Private Key Passphrase", material.passphrase.as_ref().unwrap().expose()),
    ] {
        let secret_ref = service.barbican().create_secret(name, &Secret::new(payload)).await.unwrap();
        secret_refs.push(SecretRef { name: Some(part.to_owned()), secret_ref });
    }
    let container = NewContainer { name: "blue".to_owned(), kind: "certificate", secret_refs };
    let reference = service.barbican().create_container(&container).await.unwrap();
    let store = CertStore::barbican(cloud);
    let authority = authority(store.clone());
    assert_eq!(authority.ca_certificate(&reference).await.unwrap(), material.certificate);
    authority.issue_client(&cluster(), &reference, chrono::Utc::now()).await.unwrap();
    authority.delete_all(CLUSTER, &[reference]).await.unwrap();
    assert_eq!(dev.census(), before);
}

#[tokio::test]
async fn a_silent_barbican_is_named() {
    let (dev, cloud) = devcloud().await;
    dev.inject(Fault { times: 9, ..Fault::once("barbican", "", "", Effect::Refuse(503)) });
    let error = authority(CertStore::barbican(cloud)).issue_ca(&cluster(), chrono::Utc::now()).await.unwrap_err();
    assert!(matches!(error, Error::Cloud { service: "barbican", status: Some(503), .. }), "{error:?}");
    assert!(error.is_retryable());
}
