//! A small driver that only the tests of this crate build: Nomad on Debian, one kind of node, nothing to choose but a tag.
//!
//! It stands for what somebody adds. Every generic test runs over it, and no other file of the crate names it.

use domain::{Cluster, Error, NodeGroup, Role};

use crate::{
    Check, Driver, Form, Input, Label, Outputs, Plugins, Provides, StackRequest, check,
    label::label,
    params::{self, Parameters, Put},
    registry::NOMAD_DEBIAN_V1,
};

pub(crate) struct NomadDebian;

pub(crate) static DRIVER: NomadDebian = NomadDebian;

static LABELS: &[Label] = &[label("nomad_tag", "1.7.7", Form::Tag, "Version of Nomad.")];

impl Driver for NomadDebian {
    fn name(&self) -> &'static str {
        "nomad_debian_v1"
    }

    fn provides(&self) -> &'static [Provides] {
        &[Provides { server_type: "vm", os: "debian", coe: "nomad" }]
    }

    fn labels(&self) -> &'static [Label] {
        LABELS
    }

    fn plugins(&self) -> Plugins {
        Plugins { network: &["docker"], volume: &[] }
    }

    fn multi_master(&self) -> bool {
        false
    }

    fn check(&self, given: &Check<'_>) -> Result<Vec<String>, Error> {
        check::labels(self.labels(), given.labels)?;
        Ok(check::masters(given, self.multi_master())?.into_iter().collect())
    }

    fn stack(&self, input: &Input<'_>) -> Result<StackRequest, Error> {
        let mut parameters = params::base(input)?;
        parameters.extend(params::network(input)?);
        parameters.retain(|name, _| NOMAD_DEBIAN_V1.parameters.contains(&name.as_str()));
        parameters.extend(sizes(input)?);
        params::add_labels(&mut parameters, self.labels(), input);
        Ok(params::request(input, &NOMAD_DEBIAN_V1, "octavia", parameters))
    }

    fn resize(&self, input: &Input<'_>) -> Result<StackRequest, Error> {
        Ok(params::patch(input, sizes(input)?))
    }

    fn outputs(&self, stack: &Outputs, cluster: &mut Cluster, groups: &mut [NodeGroup]) -> Result<(), Error> {
        cluster.api_address = stack.text("api_address").map(str::to_owned).or(cluster.api_address.take());
        for group in groups.iter_mut().filter(|group| group.is_default) {
            let key = if group.role() == Role::Master { "nomad_servers" } else { "nomad_clients" };
            group.node_addresses = stack.addresses(key)?;
        }
        Ok(())
    }
}

fn sizes(input: &Input<'_>) -> Result<Parameters, Error> {
    let mut parameters = Parameters::new();
    parameters.put("number_of_clients", params::group(input, Role::Worker)?.node_count);
    parameters.put("clients_to_remove", input.removals);
    Ok(parameters)
}
