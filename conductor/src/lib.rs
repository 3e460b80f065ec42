//! Making it happen, once, whatever crashes.
//!
//! The conductor carries out the operations that the API accepted. It owns the step tables, the engine that runs them
//! and the periodic work around them. It promises nothing of its own: every promise is a row in the database before
//! the conductor hears of it, and any number of conductors share the rows.

mod clock;
mod cluster;
mod engine;
mod health;
mod idle;
mod probe;
mod reconcile;
mod serve;
mod step;

use std::sync::Arc;

use certs::Authority;
use chrono::TimeDelta;
use cloud::Cloud;
use domain::Options;
use store::{Doorbell, Seal, Store};

pub use clock::Clock;
pub use engine::{Advanced, Breakpoint, Engine, Point};
pub use health::round as look_at_health;
pub use idle::round as look_at_idle_clusters;
pub use serve::Conductor;

/// What the conductor works with.
pub struct Deps {
    /// Options in force.
    pub options: Arc<Options>,
    /// Rows and operations.
    pub store: Store,
    /// OpenStack.
    pub cloud: Cloud,
    /// Certificates and where they are kept.
    pub certs: Authority,
    /// Opens and seals tokens and passwords.
    pub seal: Seal,
    /// Rings when an operation may be due.
    pub doorbell: Doorbell,
    /// The one clock of leases and waits.
    pub clock: Clock,
    /// How long a claim lasts without renewal.
    pub lease: TimeDelta,
}

impl Deps {
    /// Pause between two looks at something that Heat works on.
    pub(crate) fn poll_interval(&self) -> TimeDelta {
        TimeDelta::seconds(self.options.magnum_rs.status_poll_interval)
    }

    /// Pause of a step that the watch over the stacks wakes early; only its fallback.
    pub(crate) fn long_wait(&self) -> TimeDelta {
        self.poll_interval() * 6
    }
}

/// A name no other process has: host, process id and eight random hexadecimal digits.
#[must_use]
pub fn owner_name(host: &str) -> String {
    format!("{host}:{}:{:08x}", std::process::id(), rand::random::<u32>())
}

/// Names of the steps of an operation, in order.
#[must_use]
pub fn step_names(kind: domain::OperationKind) -> Vec<&'static str> {
    cluster::steps(kind).iter().map(|step| step.name).collect()
}

/// `true` for a creation that ended before its stack was made, for want of the user's token, which only a new request
/// brings: running it again is no use.
#[must_use]
pub fn lacks_token(operation: &domain::Operation) -> bool {
    cluster::lacks_token(operation)
}
