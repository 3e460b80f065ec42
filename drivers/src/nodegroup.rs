//! Node groups that a cluster did not come with: a stack of workers beside the cluster's own.
//!
//! What the cluster's stack made (network, security groups, address of the API) are outputs of that stack, and parameters of
//! the same names here. Everything else is computed as for the cluster, with the group in the place of its workers, so a
//! further node is told the same as a first one.

use domain::{Cluster, Error, Labels, NodeGroup, Role};

use crate::{
    Driver, Input, Label, NodeGroups, Outputs, StackRequest,
    params::{self, Parameters, Put, group},
    release,
    templates::Folder,
};

/// Labels of Kubernetes nodes that tell which group they are of.
const NAME_LABEL: &str = "magnum.openstack.org/nodegroup";
const ROLE_LABEL: &str = "magnum.openstack.org/role";

/// Labels that are a node's own matter; all others have to be the same in the whole cluster, and are the cluster's.
const OF_NODES: [&str; 8] = [
    "availability_zone",
    "boot_volume_size",
    "boot_volume_type",
    "docker_volume_type",
    "kube_tag",
    "kubelet_options",
    "kubeproxy_options",
    "selinux_mode",
];

/// What the cluster's stack was looked up or computed for, and must not be anew.
const OF_CLUSTER: [&str; 3] = ["dns_service_ip", "external_network", "fixed_network_cidr"];

/// Workers of a Kubernetes cluster in a stack of their own.
pub(crate) struct Workers {
    /// Whose workers.
    pub(crate) driver: &'static dyn Driver,
    /// `nodegroup.yaml` and everything it refers to.
    pub(crate) folder: &'static Folder,
}

impl NodeGroups for Workers {
    fn check(&self, cluster: &Cluster, group: &NodeGroup) -> Result<(), Error> {
        let table = self.driver.labels();
        table.iter().try_for_each(|label| label.check(&group.labels))?;
        let differs = |label: &&Label| {
            !OF_NODES.contains(&label.name)
                && label.given(&group.labels).is_some_and(|own| label.given(&cluster.labels) != Some(own))
        };
        match table.iter().find(differs) {
            None => Ok(()),
            Some(label) => Err(Error::bad_value(
                "labels",
                label.given(&group.labels).unwrap_or_default(),
                &format!("Label {} is the same in the whole cluster and cannot be a node group's own", label.name),
            )),
        }
    }

    fn stack(&self, input: &Input<'_>, group: &NodeGroup, cluster: &Outputs) -> Result<StackRequest, Error> {
        let seen = Seen::new(input, group)?;
        let input = &seen.input(input);
        let whole = self.driver.stack(input)?;
        let mut parameters: Parameters =
            whole.parameters.into_iter().filter(|(name, _)| self.folder.parameters.contains(&name.as_str())).collect();
        parameters.put("docker_volume_size", group.docker_volume_size.unwrap_or(0));
        for name in self.folder.parameters {
            if let Some(value) = cluster.value(name) {
                parameters.put(name, value.clone());
            }
        }
        for name in OF_CLUSTER {
            parameters.put_given(name, cluster.parameter(name));
        }
        if cluster.value("api_private_address").is_none() {
            return Err(Error::invalid(
                "The stack of the cluster was made by an older version and does not tell what further nodes need. Make \
                 a new cluster for further node groups",
            ));
        }
        let variant = if input.facts.octavia { "octavia" } else { "neutron" };
        let request = params::request(input, self.folder, variant, parameters);
        Ok(StackRequest { name: group.stack_name(input.cluster), ..request })
    }

    fn resize(&self, input: &Input<'_>, group: &NodeGroup) -> Result<StackRequest, Error> {
        let seen = Seen::new(input, group)?;
        let request = self.driver.resize(&seen.input(input))?;
        Ok(StackRequest { name: group.stack_name(input.cluster), ..request })
    }

    fn outputs(&self, stack: &Outputs, group: &mut NodeGroup) -> Result<(), Error> {
        group.node_addresses = stack.addresses("kube_minions")?;
        if let Some(version) = release::group_version(stack, Role::Worker, group.node_count) {
            group.version = Some(version);
        }
        Ok(())
    }
}

/// The cluster as it would be if the group were its only workers.
struct Seen {
    cluster: Cluster,
    groups: [NodeGroup; 2],
}

impl Seen {
    fn new(input: &Input<'_>, own: &NodeGroup) -> Result<Self, Error> {
        let of_node = |name: &String| OF_NODES.contains(&name.as_str());
        let common = input.cluster.labels.0.iter().filter(|(name, _)| !of_node(name));
        let own_labels = own.labels.0.iter().filter(|(name, _)| of_node(name));
        let labels: Labels = common.chain(own_labels).map(|(name, value)| (name.clone(), value.clone())).collect();
        let mut masters = group(input, Role::Master)?.clone();
        masters.image_id.clone_from(&own.image_id);
        let workers = NodeGroup { is_default: true, labels: labels.clone(), ..registered(own) };
        let cluster = Cluster { labels, flavor_id: own.flavor_id.clone(), ..input.cluster.clone() };
        Ok(Self { cluster, groups: [masters, workers] })
    }

    fn input<'a>(&'a self, of: &Input<'a>) -> Input<'a> {
        Input {
            cluster: &self.cluster,
            template: of.template,
            groups: &self.groups,
            facts: of.facts,
            removals: of.removals,
        }
    }
}

/// The group with the labels its nodes register with: those of a further group tell which one it is.
pub(crate) fn registered(group: &NodeGroup) -> NodeGroup {
    let mut seen = group.clone();
    for (name, value) in [(NAME_LABEL, &group.name), (ROLE_LABEL, &group.role)] {
        if !group.is_default && is_label_value(value) {
            seen.node_labels.entry(name.to_owned()).or_insert_with(|| value.clone());
        }
    }
    seen
}

/// Names and roles of groups are free text, which Kubernetes takes only in part.
pub(crate) fn is_label_value(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    text.len() <= 63
        && text.starts_with(ends)
        && text.ends_with(ends)
        && text.chars().all(|c| ends(c) || matches!(c, '-' | '_' | '.'))
}

/// Labels a group's nodes register with, as kubelet takes them.
pub(crate) fn node_labels(group: &NodeGroup) -> String {
    group.node_labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

/// Taints a group's nodes register with, as kubelet takes them.
pub(crate) fn node_taints(group: &NodeGroup) -> String {
    let taint = |taint: &domain::Taint| {
        format!("{}={}:{}", taint.key, taint.value.as_deref().unwrap_or_default(), taint.effect)
    };
    group.node_taints.iter().map(taint).collect::<Vec<_>>().join(",")
}
