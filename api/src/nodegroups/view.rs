//! What a node group looks like: the table of its attributes for bodies, and the short and full views for answers.

use std::collections::BTreeMap;

use domain::{Cluster, Labels, NodeGroup, NodeGroupRequest, Status, Taint};
use serde::Serialize;
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{
    base::{Base, Link},
    body::Shaped,
    fields::{COLUMN, Kind, Shape, at_least, field, mandatory},
    time::stamp,
};

const TEXT: Kind = Kind::Text(1, COLUMN);

/// Attributes of a node group.
const NODEGROUP: Shape = Shape {
    argument: "nodegroup",
    fields: &[
        mandatory("name", TEXT, "Unique within the cluster."),
        field("role", TEXT, "Any word but master; worker when absent."),
        field("node_count", at_least(0), "Number of nodes; 1 when absent."),
        field("min_node_count", at_least(0), "Least number of nodes; 0 when absent."),
        field("max_node_count", at_least(0), "Most nodes; none or 0 is no limit."),
        field("flavor_id", TEXT, "Flavor of the nodes; the cluster's when absent."),
        field("image_id", TEXT, "Image of the nodes; the template's when absent."),
        field("docker_volume_size", at_least(1), "GB of the container runtime's volume; none when absent."),
        field("labels", Kind::Dict, "In the place of the cluster's labels, or laid over them with merge_labels."),
        field("merge_labels", Kind::Bool, "Lay the labels over the cluster's."),
        field("node_labels", Kind::Dict, "Kubernetes labels of the nodes."),
        field("node_taints", Kind::Taints, "Kubernetes taints of the nodes."),
        field("version", Kind::Ignored, ""),
        field("id", Kind::Ignored, ""),
        field("uuid", Kind::Ignored, ""),
        field("cluster_id", Kind::Ignored, ""),
        field("is_default", Kind::Ignored, ""),
        field("project_id", Kind::ReadOnly, ""),
        field("stack_id", Kind::ReadOnly, ""),
        field("status", Kind::ReadOnly, ""),
        field("status_reason", Kind::ReadOnly, ""),
        field("node_addresses", Kind::ReadOnly, ""),
        field("labels_overridden", Kind::ReadOnly, ""),
        field("labels_added", Kind::ReadOnly, ""),
        field("labels_skipped", Kind::ReadOnly, ""),
        field("created_at", Kind::ReadOnly, ""),
        field("updated_at", Kind::ReadOnly, ""),
        field("links", Kind::ReadOnly, ""),
    ],
};

/// Attributes that a PATCH may change, read from the document the patch leaves behind.
pub(crate) const CHANGEABLE: Shape = Shape {
    argument: "nodegroup",
    fields: &[
        field("min_node_count", at_least(0), "Least number of nodes."),
        field("max_node_count", at_least(0), "Most nodes."),
        field("node_labels", Kind::Dict, "Kubernetes labels of the nodes."),
        field("node_taints", Kind::Taints, "Kubernetes taints of the nodes."),
    ],
};

/// Body of a POST.
pub(crate) struct NodeGroupCreate;

impl PartialSchema for NodeGroupCreate {
    fn schema() -> RefOr<Schema> {
        NODEGROUP.schema()
    }
}

impl ToSchema for NodeGroupCreate {}

impl Shaped for NodeGroupCreate {
    type Read = NodeGroupRequest;
    const SHAPE: &'static Shape = &NODEGROUP;
}

/// A node group in the list.
#[derive(Serialize, ToSchema)]
pub(crate) struct NodeGroupBrief {
    pub(crate) uuid: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) is_default: bool,
    pub(crate) node_count: i64,
    pub(crate) min_node_count: i64,
    pub(crate) max_node_count: Option<i64>,
    pub(crate) flavor_id: Option<String>,
    pub(crate) image_id: Option<String>,
    #[schema(value_type = String)]
    pub(crate) status: Status,
    pub(crate) stack_id: Option<String>,
    /// Always false; only a request says true.
    pub(crate) merge_labels: bool,
}

/// A node group by itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct NodeGroupView {
    #[serde(flatten)]
    pub(crate) brief: NodeGroupBrief,
    /// Number of the row; nothing takes it as an identifier.
    pub(crate) id: i64,
    /// UUID of the cluster.
    pub(crate) cluster_id: String,
    pub(crate) project_id: String,
    pub(crate) docker_volume_size: Option<i64>,
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) labels: Labels,
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) labels_overridden: Labels,
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) labels_added: Labels,
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) labels_skipped: Labels,
    pub(crate) node_labels: BTreeMap<String, String>,
    #[schema(value_type = Vec<BTreeMap<String, String>>)]
    pub(crate) node_taints: Vec<Taint>,
    pub(crate) node_addresses: Vec<String>,
    pub(crate) version: Option<String>,
    pub(crate) status_reason: Option<String>,
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    #[schema(format = DateTime)]
    pub(crate) updated_at: Option<String>,
    pub(crate) links: Vec<Link>,
}

impl NodeGroupBrief {
    pub(crate) fn new(group: &NodeGroup) -> Self {
        Self {
            uuid: group.uuid.clone(),
            name: group.name.clone(),
            role: group.role.clone(),
            is_default: group.is_default,
            node_count: group.node_count,
            min_node_count: group.min_node_count,
            max_node_count: group.max_node_count,
            flavor_id: group.flavor_id.clone(),
            image_id: group.image_id.clone(),
            status: group.status,
            stack_id: group.stack_id.clone(),
            merge_labels: false,
        }
    }
}

impl NodeGroupView {
    pub(crate) fn new(group: &NodeGroup, cluster: &Cluster, base: &Base) -> Self {
        let collection = super::collection_of(cluster);
        Self {
            brief: NodeGroupBrief::new(group),
            id: group.id,
            cluster_id: group.cluster_id.clone(),
            project_id: group.project_id.clone(),
            docker_volume_size: group.docker_volume_size,
            labels: group.labels.clone(),
            labels_overridden: group.labels.overridden_from(&cluster.labels),
            labels_added: group.labels.added_to(&cluster.labels),
            labels_skipped: group.labels.skipped_from(&cluster.labels),
            node_labels: group.node_labels.clone(),
            node_taints: group.node_taints.clone(),
            node_addresses: group.node_addresses.clone(),
            version: group.version.clone(),
            status_reason: group.status_reason.clone(),
            created_at: stamp(group.created_at),
            updated_at: group.updated_at.map(stamp),
            links: base.links(&collection, &group.uuid),
        }
    }

    /// The value a list is ordered by; `None` for an attribute it cannot be ordered by.
    pub(crate) fn key(&self, name: &str) -> Option<Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(mut all)) => all.remove(name),
            _ => None,
        }
    }
}
