//! What a cluster is and what is allowed. No IO at all: no network, no database, no clock.
//!
//! Everything here is a plain value or a pure function, so that the API, the conductor and the drivers share one
//! vocabulary and every rule can be tested without a server.

mod caller;
mod cluster;
mod error;
mod ident;
mod labels;
mod nodegroup;
mod operation;
mod status;
mod template;

pub use caller::Caller;
pub use cluster::{Cluster, HealthStatus};
pub use error::{Error, Result};
pub use ident::Ident;
pub use labels::Labels;
pub use nodegroup::{NodeGroup, Role, Taint};
pub use operation::{Operation, OperationKind, OperationState, ResizeParams};
pub use status::Status;
pub use template::ClusterTemplate;
