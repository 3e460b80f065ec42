//! What a cluster looks like: the table of its attributes for bodies, and the short and full views for answers.

use std::collections::BTreeMap;

use domain::{Cluster, ClusterRequest, HealthStatus, Labels, NodeGroup, Role, Status};
use serde::Serialize;
use store::ClusterRecord;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{
    base::{Base, Link},
    body::Shaped,
    fields::{COLUMN, Kind, Shape, at_least, field, mandatory},
    time::stamp,
    versions::Version,
};

/// Name of the collection in paths and lists.
pub(crate) const COLLECTION: &str = "clusters";

const TEXT: Kind = Kind::Text(1, COLUMN);
const HEALTH: Kind = Kind::Word(&["HEALTHY", "UNHEALTHY", "UNKNOWN"]);

/// Longest name of a cluster: 255 less what other names append to it.
const NAME: usize = 242;

/// Attributes of a cluster.
pub(crate) const CLUSTER: Shape = Shape {
    argument: "cluster",
    fields: &[
        field("name", Kind::Name(NAME), "Not unique; generated when absent."),
        mandatory("cluster_template_id", TEXT, "UUID or name of the template."),
        field("keypair", TEXT, "Key pair for the nodes; the template's when absent."),
        field("node_count", at_least(0), "Workers; 0 needs version 1.10."),
        field("master_count", at_least(1), "Masters, an odd number."),
        field("docker_volume_size", at_least(1), "GB of the container runtime's volume; the template's when absent."),
        field("labels", Kind::Dict, "In the place of the template's labels, or laid over them with merge_labels."),
        field("merge_labels", Kind::Bool, "Lay the labels over the template's."),
        field("flavor_id", TEXT, "Flavor of the workers; the template's when absent."),
        field("master_flavor_id", TEXT, "Flavor of the masters; the template's when absent."),
        field("create_timeout", at_least(0), "Minutes the creation may take; 0 is the configured default."),
        field("discovery_url", Kind::Text(0, COLUMN), "etcd discovery URL."),
        field("fixed_network", TEXT, "Name or UUID of an existing network; the template's when absent."),
        field("fixed_subnet", TEXT, "Name or UUID of a subnet of it; the template's when absent."),
        field("floating_ip_enabled", Kind::Bool, "Floating IPs for the nodes; the template's when absent."),
        field("master_lb_enabled", Kind::Bool, "Load balancer for the masters; the template's when absent."),
        field("health_status", HEALTH, "Health as last observed."),
        field("health_status_reason", Kind::Dict, "What the health was decided from."),
        field("uuid", Kind::Ignored, ""),
        field("status", Kind::Ignored, ""),
        field("status_reason", Kind::Ignored, ""),
        field("stack_id", Kind::ReadOnly, ""),
        field("cluster_id", Kind::ReadOnly, ""),
        field("api_address", Kind::ReadOnly, ""),
        field("coe_version", Kind::ReadOnly, ""),
        field("container_version", Kind::ReadOnly, ""),
        field("node_addresses", Kind::ReadOnly, ""),
        field("master_addresses", Kind::ReadOnly, ""),
        field("labels_overridden", Kind::ReadOnly, ""),
        field("labels_added", Kind::ReadOnly, ""),
        field("labels_skipped", Kind::ReadOnly, ""),
        field("faults", Kind::ReadOnly, ""),
        field("project_id", Kind::ReadOnly, ""),
        field("user_id", Kind::ReadOnly, ""),
        field("created_at", Kind::ReadOnly, ""),
        field("updated_at", Kind::ReadOnly, ""),
        field("links", Kind::ReadOnly, ""),
    ],
};

/// Attributes that a PATCH may change, read from the document the patch leaves behind.
pub(crate) const CHANGEABLE: Shape = Shape {
    argument: "cluster",
    fields: &[
        field("node_count", at_least(0), "Workers of the default group."),
        field("health_status", HEALTH, "Health as last observed."),
        field("health_status_reason", Kind::Dict, "What the health was decided from."),
    ],
};

/// Body of a POST.
pub(crate) struct ClusterCreate;

impl PartialSchema for ClusterCreate {
    fn schema() -> RefOr<Schema> {
        CLUSTER.schema()
    }
}

impl ToSchema for ClusterCreate {}

impl Shaped for ClusterCreate {
    type Read = ClusterRequest;
    const SHAPE: &'static Shape = &CLUSTER;
}

/// Answer to everything that is carried out later.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClusterId {
    /// UUID of the cluster.
    pub(crate) uuid: String,
}

/// A cluster in the plain list.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClusterBrief {
    pub(crate) uuid: String,
    pub(crate) name: String,
    pub(crate) cluster_template_id: String,
    pub(crate) keypair: Option<String>,
    pub(crate) node_count: i64,
    pub(crate) master_count: i64,
    pub(crate) docker_volume_size: Option<i64>,
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) labels: Labels,
    /// Always false; only a request says true.
    pub(crate) merge_labels: bool,
    pub(crate) flavor_id: Option<String>,
    pub(crate) master_flavor_id: Option<String>,
    pub(crate) create_timeout: Option<i64>,
    #[schema(value_type = String)]
    pub(crate) status: Status,
    #[schema(value_type = Option<String>)]
    pub(crate) health_status: Option<HealthStatus>,
    /// Until 1.12.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) stack_id: Option<Option<String>>,
    /// From 1.13 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) cluster_id: Option<Option<String>>,
    pub(crate) links: Vec<Link>,
}

/// A cluster in the detailed list and by itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClusterView {
    #[serde(flatten)]
    pub(crate) brief: ClusterBrief,
    pub(crate) status_reason: Option<String>,
    pub(crate) health_status_reason: BTreeMap<String, String>,
    pub(crate) discovery_url: Option<String>,
    pub(crate) api_address: Option<String>,
    pub(crate) coe_version: Option<String>,
    pub(crate) container_version: Option<String>,
    pub(crate) node_addresses: Vec<String>,
    pub(crate) master_addresses: Vec<String>,
    pub(crate) fixed_network: Option<String>,
    pub(crate) fixed_subnet: Option<String>,
    pub(crate) floating_ip_enabled: bool,
    pub(crate) master_lb_enabled: bool,
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) labels_overridden: Labels,
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) labels_added: Labels,
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) labels_skipped: Labels,
    /// Only on a cluster that failed, and not in lists: node group to reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) faults: Option<BTreeMap<String, Option<String>>>,
    pub(crate) project_id: String,
    pub(crate) user_id: String,
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    #[schema(format = DateTime)]
    pub(crate) updated_at: Option<String>,
}

/// Sum of the nodes of one role.
pub(crate) fn count(groups: &[NodeGroup], role: Role) -> i64 {
    groups.iter().filter(|group| group.role() == role).map(|group| group.node_count).sum()
}

fn addresses(groups: &[NodeGroup], role: Role) -> Vec<String> {
    groups.iter().filter(|group| group.role() == role).flat_map(|group| group.node_addresses.clone()).collect()
}

impl ClusterBrief {
    pub(crate) fn new(cluster: &Cluster, groups: &[NodeGroup], version: Version, base: &Base) -> Self {
        let stack = cluster.stack_id.clone();
        let (stack_id, cluster_id) = if version.shows_cluster_id() { (None, Some(stack)) } else { (Some(stack), None) };
        Self {
            uuid: cluster.uuid.clone(),
            name: cluster.name.clone(),
            cluster_template_id: cluster.cluster_template_id.clone(),
            keypair: cluster.keypair.clone(),
            node_count: count(groups, Role::Worker),
            master_count: count(groups, Role::Master),
            docker_volume_size: cluster.docker_volume_size,
            labels: cluster.labels.clone(),
            merge_labels: false,
            flavor_id: cluster.flavor_id.clone(),
            master_flavor_id: cluster.master_flavor_id.clone(),
            create_timeout: cluster.create_timeout,
            status: cluster.status,
            health_status: cluster.health_status,
            stack_id,
            cluster_id,
            links: base.links(COLLECTION, &cluster.uuid),
        }
    }
}

impl ClusterView {
    pub(crate) fn new(record: &ClusterRecord, version: Version, base: &Base) -> Self {
        let ClusterRecord { cluster, nodegroups: groups, template } = record;
        // Without its template a cluster differs from nothing.
        let template = template.as_ref().map_or(&cluster.labels, |template| &template.labels);
        Self {
            brief: ClusterBrief::new(cluster, groups, version, base),
            status_reason: cluster.status_reason.clone(),
            health_status_reason: cluster.health_status_reason.clone(),
            discovery_url: cluster.discovery_url.clone(),
            api_address: cluster.api_address.clone(),
            coe_version: cluster.coe_version.clone(),
            container_version: cluster.container_version.clone(),
            node_addresses: addresses(groups, Role::Worker),
            master_addresses: addresses(groups, Role::Master),
            fixed_network: cluster.fixed_network.clone(),
            fixed_subnet: cluster.fixed_subnet.clone(),
            floating_ip_enabled: cluster.floating_ip_enabled,
            master_lb_enabled: cluster.master_lb_enabled,
            labels_overridden: cluster.labels.overridden_from(template),
            labels_added: cluster.labels.added_to(template),
            labels_skipped: cluster.labels.skipped_from(template),
            faults: None,
            project_id: cluster.project_id.clone(),
            user_id: cluster.user_id.clone(),
            created_at: stamp(cluster.created_at),
            updated_at: cluster.updated_at.map(stamp),
        }
    }

    /// With the reason of every node group that failed, where the cluster did.
    pub(crate) fn with_faults(mut self, groups: &[NodeGroup]) -> Self {
        if self.brief.status.is_failed() {
            let failed = groups.iter().filter(|group| group.status.is_failed());
            self.faults = Some(failed.map(|group| (group.name.clone(), group.status_reason.clone())).collect());
        }
        self
    }
}
