//! Node groups: every cluster has `default-master` and `default-worker` from its first row on.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::{Cluster, Error, Labels, Result, Status};

/// Well-known roles; any other word counts as worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs the control plane.
    Master,
    /// Runs workloads.
    Worker,
}

/// One row of `nodegroup`.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "fields carry the names and meanings of the REST reference")]
pub struct NodeGroup {
    pub id: i64,
    pub uuid: String,
    pub name: String,
    /// Uuid of the cluster.
    pub cluster_id: String,
    pub project_id: String,
    pub role: String,
    pub is_default: bool,
    pub node_count: i64,
    pub min_node_count: i64,
    /// `None` or 0 means no maximum.
    pub max_node_count: Option<i64>,
    pub flavor_id: Option<String>,
    pub image_id: Option<String>,
    pub docker_volume_size: Option<i64>,
    pub labels: Labels,
    pub node_addresses: Vec<String>,
    pub stack_id: Option<String>,
    pub status: Status,
    pub status_reason: Option<String>,
    pub version: Option<String>,
    pub node_labels: BTreeMap<String, String>,
    pub node_taints: Vec<Taint>,
    pub created_at: DateTime<Utc>,
    pub updated_at: Option<DateTime<Utc>>,
}

impl NodeGroup {
    /// Name of the group of masters made with every cluster.
    pub const DEFAULT_MASTER: &'static str = "default-master";
    /// Name of the group of workers made with every cluster.
    pub const DEFAULT_WORKER: &'static str = "default-worker";

    /// Name of its own Heat stack, derived as the cluster's is: `<cluster>-<group>-<12 characters of the group's uuid>`.
    #[must_use]
    pub fn stack_name(&self, cluster: &Cluster) -> String {
        crate::cluster::stack_name(&format!("{:.20}-{}", cluster.name, self.name), &self.uuid)
    }

    /// Everything that is not `master` counts as worker.
    #[must_use]
    pub fn role(&self) -> Role {
        if self.role == "master" { Role::Master } else { Role::Worker }
    }

    /// Whether the group may have so many nodes; a maximum of 0 is none.
    ///
    /// # Errors
    /// `Invalid` that names `node_count` and the bound.
    pub fn check_count(&self, count: i64) -> Result<()> {
        let refused = |bound: &str| Err(Error::bad_value("node_count", &count.to_string(), bound));
        if count < self.min_node_count {
            let least = self.min_node_count;
            return refused(&format!("Value should be greater or equal to {least}, the least of the node group"));
        }
        match self.max_node_count {
            Some(most) if most > 0 && count > most => {
                refused(&format!("Value should be lower or equal to {most}, the most of the node group"))
            }
            _ => Ok(()),
        }
    }
}

/// A Kubernetes taint put on every node of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taint {
    /// Taint key, never empty.
    pub key: String,
    /// Taint value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}
