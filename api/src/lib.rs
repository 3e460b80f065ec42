//! The HTTP contract: routes, bodies, views, versions, problems.
//!
//! A request passes the gate (`gate.rs`: token, version, request id), is read by its table (`fields.rs`), checked in the
//! documented order, and answered from the database. Whatever takes time is stored as an operation in the transaction of
//! the visible status and left to the conductor; a 202 or 204 is a promise. One file or folder per resource holds its
//! bodies, views and handlers.

mod accept;
mod base;
mod body;
mod certificates;
mod cluster_type;
mod clusters;
mod ctx;
mod discovery;
mod document;
mod federations;
mod fields;
mod gate;
mod lookups;
mod mservices;
mod nodegroups;
mod problem;
mod query;
mod quotas;
mod root;
mod rotations;
mod routes;
mod serve;
mod stats;
mod templates;
mod time;
mod trustee;
mod versions;

use std::sync::Arc;

pub use document::openapi;
pub use problem::Problem;
pub use serve::serve;
pub use versions::{HISTORY, Since, Until, Version};

/// What the handlers work with. Everything is cheap to clone and shared.
#[derive(Clone)]
pub struct Deps {
    /// The options in force.
    pub options: Arc<domain::Options>,
    /// Rows and operations.
    pub store: store::Store,
    /// OpenStack, and token validation.
    pub cloud: cloud::Cloud,
    /// Cluster CAs.
    pub certs: certs::Authority,
    /// Seals callers' tokens.
    pub seal: store::Seal,
    /// Tells the conductors what is due.
    pub doorbell: store::Doorbell,
    /// Who may do what.
    pub policy: Arc<domain::Policy>,
}
