//! A cluster, as stored.

use std::{collections::BTreeMap, fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Labels, Status};

/// One row of `cluster`. Counts and addresses live in its node groups.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "fields carry the names and meanings of the REST reference")]
pub struct Cluster {
    pub id: i64,
    pub uuid: String,
    pub name: String,
    pub project_id: String,
    pub user_id: String,
    /// Uuid of the template.
    pub cluster_template_id: String,
    pub keypair: Option<String>,
    pub flavor_id: Option<String>,
    pub master_flavor_id: Option<String>,
    /// GB; `None` means no volume.
    pub docker_volume_size: Option<i64>,
    /// Effective labels.
    pub labels: Labels,
    /// Minutes; `None` or 0 means the configured default.
    pub create_timeout: Option<i64>,
    pub discovery_url: Option<String>,
    pub fixed_network: Option<String>,
    pub fixed_subnet: Option<String>,
    pub floating_ip_enabled: bool,
    pub master_lb_enabled: bool,
    pub status: Status,
    pub status_reason: Option<String>,
    pub health_status: Option<HealthStatus>,
    pub health_status_reason: BTreeMap<String, String>,
    pub stack_id: Option<String>,
    pub api_address: Option<String>,
    pub coe_version: Option<String>,
    pub container_version: Option<String>,
    pub ca_cert_ref: Option<String>,
    pub magnum_cert_ref: Option<String>,
    pub etcd_ca_cert_ref: Option<String>,
    pub front_proxy_ca_cert_ref: Option<String>,
    pub trust_id: Option<String>,
    /// One of [`Cluster::trustee_names`].
    pub trustee_username: Option<String>,
    pub trustee_user_id: Option<String>,
    /// Sealed text, never the password itself.
    pub trustee_password: Option<String>,
    /// Sealed text: the credentials its servers are made with, and a trustee that is to come or to go. `None` until they
    /// are rotated.
    pub trustee_rotation: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: Option<DateTime<Utc>>,
}

impl Cluster {
    /// Name of the trustee user, derived so that a rerun finds the one that exists.
    #[must_use]
    pub fn trustee_name(&self) -> String {
        let [first, _] = self.trustee_names();
        first
    }

    /// Names its trustees have in turns: with the first it is made, and each rotation of its credentials goes from one to
    /// the other. What follows the `_` is the project, see [`crate::Caller::trustee_project`].
    #[must_use]
    pub fn trustee_names(&self) -> [String; 2] {
        ["", ".2"].map(|turn| format!("{}{turn}_{}", self.uuid, self.project_id))
    }

    /// Name of the Heat stack: the shape Magnum makes from a random id, here derived from the uuid so that a rerun (or
    /// Heat's 409) leads to the stack that exists.
    ///
    /// The first 30 characters of the name with `_` and `.` as `-` and other characters dropped, a dash, 12 characters
    /// of the uuid; lower case.
    #[must_use]
    pub fn stack_name(&self) -> String {
        stack_name(&self.name, &self.uuid)
    }
}

/// A name that Heat takes, see [`Cluster::stack_name`].
pub(crate) fn stack_name(name: &str, uuid: &str) -> String {
    let head: String = name
        .chars()
        .take(30)
        .filter_map(|c| match c {
            '_' | '.' | '-' => Some('-'),
            c if c.is_ascii_alphanumeric() => Some(c.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    let tail: String = uuid.chars().filter(|c| *c != '-').take(12).collect();
    let head = head.trim_matches('-');
    // Heat wants a letter first.
    if head.starts_with(|c: char| c.is_ascii_alphabetic()) {
        format!("{head}-{tail}")
    } else {
        format!("c{head}-{tail}")
    }
}

/// Health of a cluster as last observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the words are Magnum's and say it themselves")]
pub enum HealthStatus {
    Healthy,
    Unhealthy,
    Unknown,
}

impl HealthStatus {
    /// The word on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for HealthStatus {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        [Self::Healthy, Self::Unhealthy, Self::Unknown]
            .into_iter()
            .find(|h| h.as_str() == s)
            .ok_or_else(|| format!("unknown health status {s:?}"))
    }
}
