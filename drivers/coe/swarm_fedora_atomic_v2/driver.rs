//! Docker in swarm mode on Fedora Atomic virtual machines.
//!
//! The first master makes the swarm, all other nodes join it. How they get its tokens: docs/adr/0010-swarm-tokens.md.

use domain::{Cluster, Error, NodeGroup};

use crate::{
    Check, Driver, Input, Label, Outputs, Plugins, Provides, StackRequest, params,
    registry::SWARM_FEDORA_ATOMIC_V2,
    swarm::{self, MODE},
};

/// The driver of the folder this file lies in.
pub(crate) struct SwarmFedoraAtomicV2;

pub(crate) static DRIVER: SwarmFedoraAtomicV2 = SwarmFedoraAtomicV2;

impl Driver for SwarmFedoraAtomicV2 {
    fn name(&self) -> &'static str {
        "swarm_fedora_atomic_v2"
    }

    fn provides(&self) -> &'static [Provides] {
        &[Provides { server_type: "vm", os: "fedora-atomic", coe: "swarm-mode" }]
    }

    fn labels(&self) -> &'static [Label] {
        swarm::MODE_LABELS
    }

    fn plugins(&self) -> Plugins {
        Plugins { network: &["docker", "flannel"], volume: &["rexray"] }
    }

    fn multi_master(&self) -> bool {
        true
    }

    fn check(&self, given: &Check<'_>) -> Result<Vec<String>, Error> {
        let mut warnings = swarm::check(self, given)?;
        warnings.extend(swarm::without_flannel(given));
        Ok(warnings)
    }

    fn stack(&self, input: &Input<'_>) -> Result<StackRequest, Error> {
        let mut parameters = swarm::parameters(input, &MODE)?;
        params::add_labels(&mut parameters, self.labels(), input);
        let balancer = if input.facts.octavia { "octavia" } else { "neutron" };
        Ok(params::request(input, &SWARM_FEDORA_ATOMIC_V2, balancer, parameters))
    }

    fn resize(&self, input: &Input<'_>) -> Result<StackRequest, Error> {
        Ok(params::patch(input, swarm::resize(input)?))
    }

    fn monitor(&self) -> Option<&'static dyn crate::Monitor> {
        Some(&crate::monitor::SwarmMode)
    }

    fn outputs(&self, stack: &Outputs, cluster: &mut Cluster, groups: &mut [NodeGroup]) -> Result<(), Error> {
        swarm::outputs(stack, cluster, groups)
    }
}
