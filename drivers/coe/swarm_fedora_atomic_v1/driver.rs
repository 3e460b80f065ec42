//! The legacy Docker Swarm on Fedora Atomic virtual machines.
//!
//! Masters run etcd and the swarm's manager, workers its agent; all of them find each other through that etcd, which
//! starts from the masters' addresses.

use domain::{Cluster, Error, NodeGroup};

use crate::{
    Check, Driver, Input, Label, Outputs, Plugins, Provides, StackRequest,
    params::{self, Put},
    registry::SWARM_FEDORA_ATOMIC_V1,
    swarm::{self, LEGACY},
};

/// The driver of the folder this file lies in.
pub(crate) struct SwarmFedoraAtomicV1;

pub(crate) static DRIVER: SwarmFedoraAtomicV1 = SwarmFedoraAtomicV1;

impl Driver for SwarmFedoraAtomicV1 {
    fn name(&self) -> &'static str {
        "swarm_fedora_atomic_v1"
    }

    fn provides(&self) -> &'static [Provides] {
        &[Provides { server_type: "vm", os: "fedora-atomic", coe: "swarm" }]
    }

    fn labels(&self) -> &'static [Label] {
        swarm::LEGACY_LABELS
    }

    fn plugins(&self) -> Plugins {
        Plugins { network: &["docker", "flannel"], volume: &["rexray"] }
    }

    fn multi_master(&self) -> bool {
        true
    }

    fn discovers_etcd(&self) -> bool {
        true
    }

    fn check(&self, given: &Check<'_>) -> Result<Vec<String>, Error> {
        swarm::check(self, given)
    }

    fn stack(&self, input: &Input<'_>) -> Result<StackRequest, Error> {
        let mut parameters = swarm::parameters(input, &LEGACY)?;
        parameters.put_given("discovery_url", swarm::discovery_url(input));
        parameters.put_given("network_driver", input.template.network_driver.as_deref());
        params::add_labels(&mut parameters, self.labels(), input);
        let balancer = if input.facts.octavia { "octavia" } else { "neutron" };
        Ok(params::request(input, &SWARM_FEDORA_ATOMIC_V1, balancer, parameters))
    }

    fn resize(&self, input: &Input<'_>) -> Result<StackRequest, Error> {
        Ok(params::patch(input, swarm::resize(input)?))
    }

    fn monitor(&self) -> Option<&'static dyn crate::Monitor> {
        Some(&crate::monitor::Legacy)
    }

    fn outputs(&self, stack: &Outputs, cluster: &mut Cluster, groups: &mut [NodeGroup]) -> Result<(), Error> {
        swarm::outputs(stack, cluster, groups)
    }
}
