//! A simulated cloud, a cluster, and an authority with quick keys.

use std::time::Duration;

use certs::{Authority, CertStore, KeyKind, X509Policy};
use chrono::Utc;
use cloud::{Cloud, Credentials, Named, Settings};
use devcloud::DevCloud;
use domain::{Cluster, Labels, Secret, Status};
use store::{PoolOptions, Seal, Store};
use tempfile::TempDir;

pub(crate) const CLUSTER: &str = "5d12f6fd-a196-4bf0-ae4c-1f639a523a52";

pub(crate) fn policy() -> X509Policy {
    X509Policy::default().with_key(KeyKind::P256)
}

pub(crate) async fn devcloud() -> (DevCloud, Cloud) {
    let dev = DevCloud::start(devcloud::Settings::default()).await.unwrap();
    let user = dev.seed().account("magnum").unwrap();
    let settings = Settings {
        auth_url: dev.auth_url(),
        service: Credentials {
            user: Named::name(&user.user),
            user_domain: Named::name(&user.domain),
            password: Some(Secret::new(&user.password)),
            project: Named::name(&user.project),
            project_domain: Named::name(&user.domain),
        },
        attempts: 1,
        retry_pause: Duration::from_millis(5),
        ..Settings::default()
    };
    let cloud = Cloud::new(settings).unwrap();
    (dev, cloud)
}

/// A fresh SQLite database and a key to seal with.
pub(crate) async fn database() -> (TempDir, Store, Seal) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:///{}", dir.path().join("certs.sqlite").display());
    let store = Store::connect(&url, PoolOptions::default()).await.unwrap();
    store.migrate().await.unwrap();
    let seal = Seal::from_file_or_create(&dir.path().join("secret.key")).unwrap();
    (dir, store, seal)
}

pub(crate) fn authority(store: CertStore) -> Authority {
    Authority::new(store, policy())
}

pub(crate) fn cluster() -> Cluster {
    Cluster {
        id: 1,
        uuid: CLUSTER.to_owned(),
        name: "blue".to_owned(),
        project_id: "p1".to_owned(),
        user_id: "u1".to_owned(),
        cluster_template_id: "t1".to_owned(),
        keypair: None,
        flavor_id: None,
        master_flavor_id: None,
        docker_volume_size: None,
        labels: Labels::default(),
        create_timeout: None,
        discovery_url: None,
        fixed_network: None,
        fixed_subnet: None,
        floating_ip_enabled: true,
        master_lb_enabled: false,
        status: Status::CreateInProgress,
        status_reason: None,
        health_status: None,
        health_status_reason: Default::default(),
        stack_id: None,
        api_address: None,
        coe_version: None,
        container_version: None,
        ca_cert_ref: None,
        magnum_cert_ref: None,
        etcd_ca_cert_ref: None,
        front_proxy_ca_cert_ref: None,
        trust_id: None,
        trustee_username: None,
        trustee_user_id: None,
        trustee_password: None,
        trustee_rotation: None,
        created_at: Utc::now(),
        updated_at: None,
    }
}
