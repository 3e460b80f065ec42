//! What a COE needs from Heat, as pure functions.
//!
//! A driver turns a cluster, its template and a set of [`Facts`] into a [`StackRequest`], and the outputs of the stack
//! back into columns. Nothing here does IO: the conductor gathers the facts and talks to Heat.
//!
//! Drivers are found at build time: each folder `coe/<name>/` with a `driver.rs` and `templates/cluster.yaml` is in
//! [`DRIVERS`], and nothing else has to be changed to add one.

mod check;
mod credentials;
mod driver;
mod input;
mod kubernetes;
mod label;
mod mesos;
mod monitor;
mod nodegroup;
mod order;
mod outputs;
mod params;
mod registry;
mod release;
mod retired;
mod stack;
mod swarm;
mod templates;
#[cfg(test)]
mod tests;
mod version;

pub use check::{Check, NodesNetwork, Rules};
pub use credentials::Credentials;
pub use driver::{Driver, NodeGroups, Plugins, Provides};
pub use input::{Facts, GivenSubnet, Input};
pub use kubernetes::signs_itself;
pub use label::{Form, Label};
pub use monitor::{
    Answer, Health, Inquiry, Leaving, Method, Monitor, NodeUse, Reply, Request, Roll, Site, Turn, Workers,
};
pub use order::{Order, Task, no_orders};
pub use outputs::Outputs;
pub use registry::{DRIVERS, driver_for, driver_named};
pub use release::{Batch, Upgrades, upgrade_order};
pub use retired::{RETIRED, Retired, retired_for, retired_named};
pub use stack::StackRequest;
pub use version::{master_upgrade, version_skew};
