//! A durable operation: what was promised with a 202 or 204, and how far it is.
//!
//! The row is the truth. It is written in the transaction of the visible status change, before the answer; the broker
//! only carries its id. Which steps a kind has is the conductor's business; here is only what is stored.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OperationKind {
    /// Build a cluster.
    Create,
    /// Change the size of a node group (PATCH `node_count`, `actions/resize`).
    Resize,
    /// Build a node group that a cluster did not come with.
    NodegroupCreate,
    /// Bring labels and taints of a node group to its nodes.
    NodegroupUpdate,
    /// Remove such a node group and everything made for it.
    NodegroupDelete,
    /// Bring node groups to another template, batch by batch (`actions/upgrade`).
    Upgrade,
    /// Replace a cluster's certificate authority (`PATCH /v1/certificates/{cluster}`).
    RotateCa,
    /// Replace a cluster's own user and its trust (`PATCH /v1/credentials/{cluster}`).
    RotateCredentials,
    /// Remove a cluster and everything made for it.
    Delete,
}

impl OperationKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Create,
        Self::Resize,
        Self::NodegroupCreate,
        Self::NodegroupUpdate,
        Self::NodegroupDelete,
        Self::Upgrade,
        Self::RotateCa,
        Self::RotateCredentials,
        Self::Delete,
    ];

    /// `true` for what takes things away: it wins over what makes them, and goes on with little in its hands.
    #[must_use]
    pub const fn removes(self) -> bool {
        matches!(self, Self::Delete | Self::NodegroupDelete)
    }

    /// The stored word; never renamed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Resize => "resize",
            Self::NodegroupCreate => "nodegroup_create",
            Self::NodegroupUpdate => "nodegroup_update",
            Self::NodegroupDelete => "nodegroup_delete",
            Self::Upgrade => "upgrade",
            Self::RotateCa => "rotate_ca",
            Self::RotateCredentials => "rotate_credentials",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OperationKind {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == s).ok_or_else(|| format!("unknown operation kind {s:?}"))
    }
}

/// Where an operation is in its life. `Queued` and `Active` are unfinished; the other three are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationState {
    /// Waits for the active operation of its cluster to end.
    Queued,
    /// The one live operation of its cluster; due when `run_at` has passed and no lease holds it.
    Active,
    /// Ended as promised.
    Done,
    /// Ended with `reason`.
    Failed,
    /// Taken over by a delete, or abandoned by an operator.
    Cancelled,
}

impl OperationState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Active, Self::Done, Self::Failed, Self::Cancelled];

    /// The stored word; never renamed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Active => "active",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for OperationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OperationState {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.as_str() == s).ok_or_else(|| format!("unknown operation state {s:?}"))
    }
}

/// One row of `rs_operation`.
#[derive(Clone, PartialEq)]
pub struct Operation {
    /// Uuid of the operation; all that ever travels over the broker.
    pub id: String,
    /// Order of acceptance within the whole service.
    pub seq: i64,
    /// The cluster it works on. The row outlives the cluster.
    pub cluster_uuid: String,
    /// Owner project of that cluster.
    pub project_id: String,
    /// User who asked.
    pub user_id: String,
    /// Request id of the accepted request, for log searches.
    pub request_id: String,
    /// What to do.
    pub kind: OperationKind,
    /// Desired values, by kind; see [`ResizeParams`] and [`UpgradeParams`]. Node group operations have the
    /// uuid of the group under `nodegroup`; an empty object for create, rotations and delete. What removes things also
    /// notes here the stacks whose deletion it has asked for once more.
    pub params: serde_json::Value,
    /// Where it is in its life.
    pub state: OperationState,
    /// Name of the next step; empty before the first.
    pub step: String,
    /// How often the current step was tried without success.
    pub attempt: i64,
    /// Not before this time.
    pub run_at: DateTime<Utc>,
    /// When the current step was first entered; deadlines count from here.
    pub step_since: DateTime<Utc>,
    /// Process that holds the lease, if any.
    pub lease_owner: Option<String>,
    /// End of the lease.
    pub lease_until: Option<DateTime<Utc>>,
    /// Grows with each claim; every write of a worker is conditional on it (fencing).
    pub generation: i64,
    /// The caller's token, sealed; wiped when no later step needs it.
    pub sealed_token: Option<String>,
    /// Why it failed, waits or was cancelled.
    pub reason: Option<String>,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// Last change of the row.
    pub updated_at: Option<DateTime<Utc>>,
    /// When it reached a final state.
    pub finished_at: Option<DateTime<Utc>>,
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("id", &self.id)
            .field("cluster_uuid", &self.cluster_uuid)
            .field("kind", &self.kind)
            .field("state", &self.state)
            .field("step", &self.step)
            .field("attempt", &self.attempt)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

impl Operation {
    /// Uuid of the one node group it is about; `None` when it is about the cluster as a whole.
    #[must_use]
    pub fn nodegroup(&self) -> Option<&str> {
        self.params.get("nodegroup").and_then(serde_json::Value::as_str)
    }
}

/// Parameters of [`OperationKind::Resize`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResizeParams {
    /// Uuid of the node group.
    pub nodegroup: String,
    /// Desired number of nodes.
    pub node_count: i64,
    /// Server ids or group indexes to remove first.
    #[serde(default)]
    pub nodes_to_remove: Vec<String>,
    /// Heat rolls the stack back on failure.
    #[serde(default)]
    pub rollback: bool,
    /// Count before the change; restored when the change fails.
    #[serde(default)]
    pub previous: Option<i64>,
}

/// Parameters of [`OperationKind::Upgrade`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeParams {
    /// Uuid of the only node group to upgrade; `None` for the default groups, masters first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodegroup: Option<String>,
    /// Uuid of the template to go to.
    pub cluster_template: String,
    /// Workers replaced at a time. Masters go one by one.
    pub max_batch_size: i64,
}
