//! A cluster template: what clusters are made from.

use chrono::{DateTime, Utc};

use crate::Labels;

/// One row of `cluster_template`. Field names are Magnum's.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "fields carry the names and meanings of the REST reference")]
pub struct ClusterTemplate {
    pub id: i64,
    pub uuid: String,
    pub name: Option<String>,
    pub project_id: String,
    pub user_id: String,
    /// Image name or id, as given.
    pub image_id: String,
    pub flavor_id: Option<String>,
    pub master_flavor_id: Option<String>,
    pub keypair_id: Option<String>,
    pub external_network_id: Option<String>,
    pub fixed_network: Option<String>,
    pub fixed_subnet: Option<String>,
    pub network_driver: Option<String>,
    pub volume_driver: Option<String>,
    /// Comma list of IPv4 addresses.
    pub dns_nameserver: Option<String>,
    pub apiserver_port: Option<i64>,
    /// GB.
    pub docker_volume_size: Option<i64>,
    pub docker_storage_driver: Option<String>,
    /// The image's `os_distro` at creation.
    pub cluster_distro: Option<String>,
    pub coe: String,
    /// `vm` or `bm`.
    pub server_type: String,
    pub http_proxy: Option<String>,
    pub https_proxy: Option<String>,
    pub no_proxy: Option<String>,
    pub insecure_registry: Option<String>,
    pub labels: Labels,
    pub registry_enabled: bool,
    pub tls_disabled: bool,
    pub public: bool,
    pub hidden: bool,
    pub master_lb_enabled: bool,
    pub floating_ip_enabled: bool,
    /// Comma list.
    pub tags: Option<String>,
    pub driver: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: Option<DateTime<Utc>>,
}
