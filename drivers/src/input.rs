//! Everything a driver may look at.

use domain::{Cluster, ClusterTemplate, Labels, NodeGroup, Role, Secret};

use crate::Credentials;

/// What a stack is computed from.
pub struct Input<'a> {
    /// The cluster, with its effective labels.
    pub cluster: &'a Cluster,
    /// Its template.
    pub template: &'a ClusterTemplate,
    /// Its node groups; the default master and default worker group must be among them.
    pub groups: &'a [NodeGroup],
    /// What the conductor found out beforehand.
    pub facts: &'a Facts,
    /// Server ids or group indexes to remove first; empty except in a resize.
    pub removals: &'a [String],
}

impl<'a> Input<'a> {
    /// The group made with the cluster for that role.
    pub(crate) fn default_group(&self, role: Role) -> Option<&'a NodeGroup> {
        self.groups.iter().find(|group| group.is_default && group.role() == role)
    }

    /// Effective labels of the cluster.
    pub(crate) fn labels(&self) -> &'a Labels {
        &self.cluster.labels
    }

    /// Minutes Heat may take: the cluster's own, else the configured default; never zero.
    pub(crate) fn timeout_mins(&self) -> i64 {
        self.cluster.create_timeout.filter(|mins| *mins > 0).unwrap_or(self.facts.default_timeout_mins).max(1)
    }
}

/// Values from the cloud and from the configuration. Has no `Debug`, because of what it holds.
#[derive(Clone)]
pub struct Facts {
    /// Domain of the trustee users.
    pub trustee_domain_id: String,
    /// User id of the trustee that servers are made with; of all stacks of a cluster the same.
    pub trustee_user_id: String,
    /// Its name.
    pub trustee_username: String,
    /// Its password, opened.
    pub trustee_password: Secret,
    /// Its trust for the nodes; `None` unless `[trust] cluster_user_trust` hands it to them.
    pub trust_id: Option<String>,
    /// The trustee of today, where that is another one.
    pub credentials: Option<Credentials>,
    /// Keystone v3 endpoint as the nodes reach it, with the version.
    pub auth_url: String,
    /// Our own endpoint as the nodes reach it, with `/v1`.
    pub magnum_url: String,
    /// Region the cluster lives in.
    pub region_name: String,
    /// The name of the user who asks, for the cloud configuration of the nodes.
    pub username: Option<String>,
    /// A service `load-balancer` is in the catalogue.
    pub octavia: bool,
    /// The etcd discovery URL of the user or the operator; `None` makes a static initial cluster.
    pub discovery_url: Option<String>,
    /// Neutron's id of the template's external network, which the cloud provider on the nodes needs. `None`: not looked
    /// up, what the template says is used.
    pub external_network_uuid: Option<String>,
    /// The existing subnet the nodes are to be on. `None`: none is named, or it was not looked up and its name is used.
    pub given_subnet: Option<GivenSubnet>,
    /// Cinder type for docker volumes: label, else option, else the first type of Cinder. `None`: nothing found.
    pub docker_volume_type: Option<String>,
    /// Cinder type for etcd volumes, found the same way.
    pub etcd_volume_type: Option<String>,
    /// GB of every node's root volume; 0 boots from the image. The label, else the option.
    pub boot_volume_size: i64,
    /// Cinder type for root volumes; `None` leaves the choice to Cinder.
    pub boot_volume_type: Option<String>,
    /// PEM public key that verifies service-account tokens, one per cluster.
    pub service_account_key: String,
    /// PEM private key that signs them.
    pub service_account_private_key: Secret,
    /// PEM of the CA of the cloud's own endpoints; empty when they are publicly trusted.
    pub openstack_ca: String,
    /// `[drivers] verify_ca`.
    pub verify_ca: bool,
    /// `[cluster] nodes_affinity_policy`: affinity, anti-affinity, soft-affinity or soft-anti-affinity.
    pub nodes_affinity_policy: String,
    /// `[docker_registry] swift_region`.
    pub swift_region: Option<String>,
    /// `[docker_registry] swift_registry_container`.
    pub registry_container: String,
    /// The cluster CA's private key (PEM), only when label `cert_manager_api` is true.
    pub ca_private_key: Option<Secret>,
    /// Block-storage API version for the cloud configuration, for example `v3`.
    pub block_storage_version: String,
    /// Minutes for clusters without `create_timeout`.
    pub default_timeout_mins: i64,
}

/// A subnet as Neutron knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenSubnet {
    /// Its id.
    pub id: String,
    /// The network it belongs to.
    pub network_id: String,
    /// Its addresses.
    pub cidr: Option<String>,
}

impl Default for Facts {
    /// Empty values, with the configuration's defaults where it has some.
    fn default() -> Self {
        Self {
            trustee_domain_id: String::new(),
            trustee_user_id: String::new(),
            trustee_username: String::new(),
            trustee_password: Secret::new(""),
            trust_id: None,
            credentials: None,
            auth_url: String::new(),
            magnum_url: String::new(),
            region_name: String::new(),
            username: None,
            octavia: false,
            discovery_url: None,
            external_network_uuid: None,
            given_subnet: None,
            docker_volume_type: None,
            etcd_volume_type: None,
            boot_volume_size: 0,
            boot_volume_type: None,
            service_account_key: String::new(),
            service_account_private_key: Secret::new(""),
            openstack_ca: String::new(),
            verify_ca: true,
            nodes_affinity_policy: "soft-anti-affinity".to_owned(),
            swift_region: None,
            registry_container: "docker_registry".to_owned(),
            ca_private_key: None,
            block_storage_version: "v3".to_owned(),
            default_timeout_mins: 60,
        }
    }
}
