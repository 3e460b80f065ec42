//! Kubernetes on Fedora CoreOS virtual machines, in a version that is maintained.
//!
//! One stack, as with Fedora Atomic, and Ignition instead of cloud-init: everything a node needs to know and to do is in
//! its user data, and it reports by itself (see `docs/adr/0011-nodes-on-coreos.md`).

use std::sync::LazyLock;

use domain::{Cluster, Error, NodeGroup, Role};

use crate::{
    Check, Driver, Form, Input, Label, NodeGroups, Order, Outputs, Plugins, Provides, StackRequest, check, kubernetes,
    label::switch,
    nodegroup::{self, Workers},
    params::{self, Parameters, Put},
    registry::{K8S_FEDORA_COREOS_V1, K8S_FEDORA_COREOS_V1_NODEGROUP},
    release::{self, Releases},
};

mod versions;

/// The driver of the folder this file lies in.
pub(crate) struct K8sFedoraCoreos;

pub(crate) static DRIVER: K8sFedoraCoreos = K8sFedoraCoreos;

static WORKERS: Workers = Workers { driver: &DRIVER, folder: &K8S_FEDORA_COREOS_V1_NODEGROUP };

static RELEASES: Releases = Releases { driver: &DRIVER, rejoins: true };

static LABELS: LazyLock<Vec<Label>> = LazyLock::new(|| {
    let replaced = |name: &str| versions::NOT_HERE.contains(&name) || versions::OWN.iter().any(|own| own.name == name);
    let shared = kubernetes::LABELS.iter().filter(|label| !replaced(label.name));
    shared.chain(versions::OWN).copied().collect()
});

/// What the shared blocks send and nothing here reads: containerd has one way to store layers, the API always has TLS,
/// and cloud provider and Cinder CSI find out by themselves which APIs there are.
const NOT_ON_NODES: [&str; 7] = [
    "block_storage_version",
    "cgroup_driver",
    "docker_storage_driver",
    "kube_version",
    "loadbalancing_protocol",
    "tls_disabled",
    "username",
];

/// What reaches the nodes and does not come from a label.
const WRITTEN: [&str; 10] = [
    "auth_url",
    "external_network",
    "http_proxy",
    "https_proxy",
    "insecure_registry_url",
    "magnum_url",
    "no_proxy",
    "region_name",
    "registry_container",
    "swift_region",
];

/// containerd stores layers with overlayfs only; both words are names of it.
const LAYERS: &[&str] = &["overlay", "overlay2"];

impl Driver for K8sFedoraCoreos {
    fn name(&self) -> &'static str {
        "k8s_fedora_coreos_v1"
    }

    fn provides(&self) -> &'static [Provides] {
        &[Provides { server_type: "vm", os: "fedora-coreos", coe: "kubernetes" }]
    }

    fn labels(&self) -> &'static [Label] {
        &LABELS
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
        kubernetes::networks(self.labels(), given, check::networks::FLANNEL_IN_KUBERNETES)?;
        check::balancer(self.labels(), given)?;
        readable(self.labels(), given)?;
        needed(given)?;
        always_tls(given)?;
        check::storage_driver(given, LAYERS)?;
        check::docker_volume(given)?;
        let warnings = [check::masters(given, self.multi_master())?, check::cloud_access(given)?];
        Ok(warnings.into_iter().flatten().collect())
    }

    fn stack(&self, input: &Input<'_>) -> Result<StackRequest, Error> {
        let mut parameters = params::base(input)?;
        parameters.extend(params::network(input)?);
        parameters.extend(params::volumes(input));
        parameters.extend(kubernetes::kubernetes(input)?);
        parameters.retain(|name, _| !NOT_ON_NODES.contains(&name.as_str()));
        parameters.put("minions_to_remove", input.removals);
        parameters.extend(groups(input)?);
        params::add_labels(&mut parameters, self.labels(), input);
        for name in WRITTEN {
            let text = parameters.get(name).and_then(|value| value.as_str()).unwrap_or_default();
            ascii(name, text)?;
        }
        let balancer = if input.facts.octavia { "octavia" } else { "neutron" };
        Ok(params::request(input, &K8S_FEDORA_COREOS_V1, balancer, parameters))
    }

    fn resize(&self, input: &Input<'_>) -> Result<StackRequest, Error> {
        Ok(params::patch(input, kubernetes::resize(input)?))
    }

    fn takes_orders(&self) -> bool {
        true
    }

    fn order(&self, input: &Input<'_>, stack: &Outputs, order: &Order<'_>) -> Result<StackRequest, Error> {
        let mut p = order.parameters()?;
        // All workers at once: an order takes a node a minute, and Heat has to be done with all of them in time. Masters
        // take turns, or etcd and the API would be gone.
        let most = input.groups.iter().map(|group| group.node_count).max().unwrap_or_default().max(1);
        if let Some(name) = release::at_a_time(stack) {
            let all_alike = name != release::AT_A_TIME && stack.knows("number_of_masters");
            p.put(name, if all_alike { 1 } else { most });
        }
        Ok(params::patch(input, p))
    }

    fn node_groups(&self) -> Option<&'static dyn NodeGroups> {
        Some(&WORKERS)
    }

    fn upgrades(&self) -> Option<&'static dyn crate::Upgrades> {
        Some(&RELEASES)
    }

    fn monitor(&self) -> Option<&'static dyn crate::Monitor> {
        Some(&crate::monitor::Kubernetes)
    }

    fn outputs(&self, stack: &Outputs, cluster: &mut Cluster, groups: &mut [NodeGroup]) -> Result<(), Error> {
        kubernetes::outputs(stack, cluster, groups)?;
        cluster.container_version = None;
        Ok(())
    }
}

/// What the default groups have of their own: version, labels, taints.
fn groups(input: &Input<'_>) -> Result<Parameters, Error> {
    let mut p = Parameters::new();
    for (role, prefix) in [(Role::Master, "master"), (Role::Worker, "minion")] {
        let group = params::group(input, role)?;
        let version = group.labels.value("kube_tag").filter(|tag| input.labels().value("kube_tag") != Some(*tag));
        p.put_given(&format!("{prefix}_kube_tag"), version);
        group.node_labels.keys().try_for_each(|name| allowed(name))?;
        p.put_given(&format!("{prefix}_node_labels"), Some(&nodegroup::node_labels(group)));
        p.put_given(&format!("{prefix}_node_taints"), Some(&nodegroup::node_taints(group)));
    }
    Ok(p)
}

/// Kubelets do not start with labels of Kubernetes' own domains, apart from two.
fn allowed(name: &str) -> Result<(), Error> {
    let Some((domain, _)) = name.split_once('/') else { return Ok(()) };
    let within = |parent: &str| domain == parent || domain.ends_with(&format!(".{parent}"));
    let free = within("node.kubernetes.io") || within("kubelet.kubernetes.io");
    if free || !(within("kubernetes.io") || within("k8s.io")) {
        return Ok(());
    }
    Err(Error::bad_value(
        "node_labels",
        name,
        "A node may not give itself labels of kubernetes.io and k8s.io, apart from those of node.kubernetes.io",
    ))
}

/// Ignition reads parameters from URLs, in which Heat can write no character but ASCII.
fn ascii(name: &str, text: &str) -> Result<(), Error> {
    if text.is_ascii() {
        return Ok(());
    }
    Err(Error::bad_value(name, text, "Fedora CoreOS nodes can be told only of ASCII characters"))
}

fn readable(table: &[Label], given: &Check<'_>) -> Result<(), Error> {
    let texts = table.iter().filter(|label| label.form == Form::Text);
    for label in texts {
        if let Some(text) = label.given(given.labels) {
            ascii(label.name, text)?;
        }
    }
    Ok(())
}

/// What is asked for has the parts it works with.
fn needed(given: &Check<'_>) -> Result<(), Error> {
    let off = |name| !switch(given.labels, name, true);
    if given.volume_driver == Some("cinder") && off("cinder_csi_enabled") {
        return Err(Error::bad_value(
            "volume_driver",
            "cinder",
            "Volumes come from the Cinder CSI plug-in. Leave the label cinder_csi_enabled true, or volume_driver unset",
        ));
    }
    if given.labels.value("ingress_controller") == Some("octavia") && off("cloud_provider_enabled") {
        return Err(Error::bad_value(
            "labels",
            "octavia",
            "Label ingress_controller: octavia needs the label cloud_provider_enabled to be true or unset",
        ));
    }
    check::needs_trust(given, "cinder_csi_enabled", "true")?;
    check::needs_trust(given, "ingress_controller", "octavia")
}

fn always_tls(given: &Check<'_>) -> Result<(), Error> {
    if !given.tls_disabled {
        return Ok(());
    }
    Err(Error::bad_value(
        "tls_disabled",
        "true",
        "The Kubernetes of today has no API without TLS. Leave tls_disabled false",
    ))
}
