//! Kubernetes on Fedora Atomic virtual machines.
//!
//! One stack: network, load balancer, masters and workers, switched by Heat conditions. Several masters work, because
//! they get one service-account key pair and know each other's addresses before they boot.

use domain::{Cluster, Error, NodeGroup, Role};

use crate::{
    Check, Driver, Input, Label, NodeGroups, Order, Outputs, Plugins, Provides, StackRequest, check, kubernetes,
    nodegroup::{self, Workers},
    params::{self, Put},
    registry::{K8S_FEDORA_ATOMIC_V1, K8S_FEDORA_ATOMIC_V1_NODEGROUP},
    release::Releases,
};

/// The driver of the folder this file lies in.
pub(crate) struct K8sFedoraAtomic;

pub(crate) static DRIVER: K8sFedoraAtomic = K8sFedoraAtomic;

static WORKERS: Workers = Workers { driver: &DRIVER, folder: &K8S_FEDORA_ATOMIC_V1_NODEGROUP };

static RELEASES: Releases = Releases { driver: &DRIVER, rejoins: false };

impl Driver for K8sFedoraAtomic {
    fn name(&self) -> &'static str {
        "k8s_fedora_atomic_v1"
    }

    fn provides(&self) -> &'static [Provides] {
        &[Provides { server_type: "vm", os: "fedora-atomic", coe: "kubernetes" }]
    }

    fn labels(&self) -> &'static [Label] {
        kubernetes::LABELS
    }

    fn plugins(&self) -> Plugins {
        Plugins { network: &["flannel", "calico"], volume: &["cinder"] }
    }

    fn multi_master(&self) -> bool {
        true
    }

    fn discovers_etcd(&self) -> bool {
        true
    }

    fn check(&self, given: &Check<'_>) -> Result<Vec<String>, Error> {
        check::labels(self.labels(), given.labels)?;
        kubernetes::networks(self.labels(), given, check::networks::FLANNEL_IN_ETCD)?;
        check::balancer(self.labels(), given)?;
        check::tls(given)?;
        check::storage_driver(given, check::DOCKER_ON_ATOMIC)?;
        check::docker_volume(given)?;
        let warnings = [check::masters(given, self.multi_master())?, check::cloud_access(given)?];
        Ok(warnings.into_iter().flatten().collect())
    }

    fn stack(&self, input: &Input<'_>) -> Result<StackRequest, Error> {
        let mut parameters = params::base(input)?;
        parameters.extend(params::network(input)?);
        parameters.extend(params::volumes(input));
        parameters.extend(kubernetes::kubernetes(input)?);
        let workers = params::group(input, Role::Worker)?;
        parameters.put_given("minion_node_labels", Some(&nodegroup::node_labels(workers)));
        parameters.put_given("minion_node_taints", Some(&nodegroup::node_taints(workers)));
        parameters.put("minions_to_remove", input.removals);
        params::add_labels(&mut parameters, self.labels(), input);
        let balancer = if input.facts.octavia { "octavia" } else { "neutron" };
        Ok(params::request(input, &K8S_FEDORA_ATOMIC_V1, balancer, parameters))
    }

    fn resize(&self, input: &Input<'_>) -> Result<StackRequest, Error> {
        Ok(params::patch(input, kubernetes::resize(input)?))
    }

    fn monitor(&self) -> Option<&'static dyn crate::Monitor> {
        Some(&crate::monitor::Kubernetes)
    }

    fn takes_orders(&self) -> bool {
        true
    }

    fn order(&self, input: &Input<'_>, _: &Outputs, order: &Order<'_>) -> Result<StackRequest, Error> {
        Ok(params::patch(input, order.parameters()?))
    }

    fn outputs(&self, stack: &Outputs, cluster: &mut Cluster, groups: &mut [NodeGroup]) -> Result<(), Error> {
        kubernetes::outputs(stack, cluster, groups)
    }

    fn node_groups(&self) -> Option<&'static dyn NodeGroups> {
        Some(&WORKERS)
    }

    fn upgrades(&self) -> Option<&'static dyn crate::Upgrades> {
        Some(&RELEASES)
    }
}
