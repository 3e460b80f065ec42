//! Mesos on Ubuntu virtual machines, with ZooKeeper and Marathon on the masters.
//!
//! One stack: network, load balancer, masters and slaves. ZooKeeper's ensemble is made of the masters' addresses, which
//! are known before the first of them boots. Mesos and Marathon serve plain HTTP, so clusters with TLS are refused.

use domain::{Cluster, Error, NodeGroup};

use crate::{
    Check, Driver, Input, Label, Outputs, Plugins, Provides, StackRequest, check, mesos,
    params::{self, Put},
    registry::MESOS_UBUNTU_V1,
};

/// The driver of the folder this file lies in.
pub(crate) struct MesosUbuntu;

pub(crate) static DRIVER: MesosUbuntu = MesosUbuntu;

impl Driver for MesosUbuntu {
    fn name(&self) -> &'static str {
        "mesos_ubuntu_v1"
    }

    fn provides(&self) -> &'static [Provides] {
        &[Provides { server_type: "vm", os: "ubuntu", coe: "mesos" }]
    }

    fn labels(&self) -> &'static [Label] {
        mesos::LABELS
    }

    fn plugins(&self) -> Plugins {
        Plugins { network: &["docker"], volume: &["rexray"] }
    }

    fn multi_master(&self) -> bool {
        true
    }

    fn check(&self, given: &Check<'_>) -> Result<Vec<String>, Error> {
        check::labels(self.labels(), given.labels)?;
        mesos::check(given)?;
        check::balancer(self.labels(), given)?;
        check::docker_volume(given)?;
        let warnings = [check::masters(given, self.multi_master())?, mesos::volume_access(given)];
        Ok(warnings.into_iter().flatten().collect())
    }

    fn stack(&self, input: &Input<'_>) -> Result<StackRequest, Error> {
        let mut parameters = params::base(input)?;
        parameters.extend(params::network(input)?);
        parameters.extend(params::volumes(input));
        parameters.extend(mesos::mesos(input)?);
        parameters.retain(|name, _| !mesos::NOT_ON_NODES.contains(&name.as_str()));
        parameters.put("slaves_to_remove", input.removals);
        params::add_labels(&mut parameters, self.labels(), input);
        let balancer = if input.facts.octavia { "octavia" } else { "neutron" };
        Ok(params::request(input, &MESOS_UBUNTU_V1, balancer, parameters))
    }

    fn resize(&self, input: &Input<'_>) -> Result<StackRequest, Error> {
        Ok(params::patch(input, mesos::resize(input)?))
    }

    fn monitor(&self) -> Option<&'static dyn crate::Monitor> {
        Some(&crate::monitor::Mesos)
    }

    fn outputs(&self, stack: &Outputs, cluster: &mut Cluster, groups: &mut [NodeGroup]) -> Result<(), Error> {
        mesos::outputs(stack, cluster, groups)
    }
}
