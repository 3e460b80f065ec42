//! What a cluster is and what is allowed. No network, no database, no clock; only `config` reads files, once at start.
//!
//! Everything here is a plain value or a pure function, so that the API, the conductor and the drivers share one
//! vocabulary and every rule can be tested without a server.

mod caller;
pub mod checks;
mod cluster;
pub mod config;
mod error;
mod ident;
mod labels;
mod literal;
mod new_cluster;
mod new_nodegroup;
mod new_template;
mod nodegroup;
mod operation;
pub mod options;
mod patch;
pub mod policy;
mod status;
mod template;

pub use crate::config::{ConfigError, Warning, load};
pub use caller::Caller;
pub use cluster::{Cluster, HealthStatus};
pub use error::{Error, Result};
pub use ident::Ident;
pub use labels::Labels;
pub use literal::parse_literal;
pub use new_cluster::{ClusterRequest, NewCluster};
pub use new_nodegroup::NodeGroupRequest;
pub use new_template::{TemplateRequest, changed_attributes, check_referenced};
pub use nodegroup::{NodeGroup, Role, Taint};
pub use operation::{Operation, OperationKind, OperationState, ResizeParams, UpgradeParams};
pub use options::{DefaultSet, Options, Secret, options_doc, sample_config};
pub use patch::{Patch, PatchRules};
pub use policy::{Policy, Rule, Target, sample_policy};
pub use status::Status;
pub use template::ClusterTemplate;
