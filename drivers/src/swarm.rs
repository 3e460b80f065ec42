//! What both Docker Swarm drivers share: labels, refusals, parameters, outputs.

use domain::{Cluster, Error, NodeGroup, Role};

use crate::{
    Check, Driver, Form, Input, Label, Outputs, check,
    label::{label, renamed},
    params::{self, Parameters, Put, first, group},
};

/// What the legacy swarm and swarm mode differ in.
pub(crate) struct Kind {
    /// Port of the API where the template names none. 2375 in swarm mode too, as Magnum has it: with TLS all the same.
    port: i64,
    /// Ports of the masters that are taken.
    taken: &'static [i64],
}

/// ssh, docker, etcd, gossip of overlay networks.
pub(crate) static LEGACY: Kind = Kind { port: 2376, taken: &[22, 2375, 2379, 2380, 7946] };
/// ssh, joining, gossip of overlay networks.
pub(crate) static MODE: Kind = Kind { port: 2375, taken: &[22, 2377, 7946] };

const COMMON: [Label; 13] = [
    label("availability_zone", "", Form::Text, "Nova availability zone of all nodes."),
    label(
        "boot_volume_size",
        "0",
        Form::Number(0, 1_000_000),
        "GB of each node's root volume; 0 boots from the image.",
    ),
    label("boot_volume_type", "", Form::Text, "Cinder type of root volumes."),
    label("container_infra_prefix", "", Form::Prefix, "Put before every image name."),
    label("docker_volume_type", "", Form::Text, "Cinder type of docker volumes."),
    renamed("fixed_subnet_cidr", "fixed_network_cidr", "10.0.0.0/24", Form::Cidr, "Network of the created subnet."),
    label("master_lb_allowed_cidrs", "", Form::Cidrs, "Networks that may reach the API's load balancer (Octavia)."),
    label(
        "master_lb_floating_ip_enabled",
        "",
        Form::Bool,
        "A floating IP on the API's load balancer, whatever the nodes have.",
    ),
    label(
        "octavia_lb_algorithm",
        "ROUND_ROBIN",
        Form::OneOf(&["ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP", "SOURCE_IP_PORT"]),
        "How Octavia chooses a master.",
    ),
    label("octavia_lb_healthcheck", "true", Form::Bool, "Octavia checks the masters."),
    label("octavia_provider", "amphora", Form::Text, "Octavia's provider driver."),
    label("rexray_preempt", "false", Form::Bool, "A host takes volumes that another host has."),
    label("rexray_tag", "alpine", Form::Tag, "Version of rexray."),
];

const SELINUX: Label =
    label("selinux_mode", "permissive", Form::OneOf(&["enforcing", "permissive", "disabled"]), "SELinux on the nodes.");

/// Labels of the legacy swarm. 1.2.5 is the version of Magnum's; etcd keeps the v2 API, which swarm and docker speak.
pub(crate) static LEGACY_LABELS: &[Label] = &joined::<21>(&[
    label("etcd_tag", "v3.2.7", Form::Tag, "Version of etcd."),
    label("flannel_backend", "udp", Form::OneOf(&["udp", "vxlan", "host-gw"]), "How flannel carries packets."),
    label("flannel_network_cidr", "10.100.0.0/16", Form::Cidr, "Network of the containers with flannel."),
    label("flannel_network_subnetlen", "24", Form::Number(1, 30), "Prefix length of each node's part of it."),
    label("flannel_tag", "v0.9.0", Form::Tag, "Version of flannel."),
    SELINUX,
    label(
        "swarm_strategy",
        "spread",
        Form::OneOf(&["spread", "binpack", "random"]),
        "How a node is chosen for a container.",
    ),
    renamed("swarm_tag", "swarm_version", "1.2.5", Form::Tag, "Version of the swarm image."),
]);

/// Labels of swarm mode, which is part of the image's Docker. The default network keeps away from that of the nodes.
pub(crate) static MODE_LABELS: &[Label] = &joined::<15>(&[
    label(
        "overlay_network_cidr",
        "10.128.0.0/9",
        Form::Cidr,
        "Network that overlay networks get their parts of; needs an image with Docker 18.09, an older one such as the \
         1.13.1 of Fedora Atomic 27 ignores it.",
    ),
    SELINUX,
]);

/// The common labels and those of one driver.
const fn joined<const N: usize>(own: &[Label]) -> [Label; N] {
    let mut all = [SELINUX; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < COMMON.len() { COMMON[at] } else { own[at - COMMON.len()] };
        at += 1;
    }
    all
}

/// What cannot work, and warnings about what has no effect.
pub(crate) fn check(driver: &dyn Driver, given: &Check<'_>) -> Result<Vec<String>, Error> {
    check::labels(driver.labels(), given.labels)?;
    if given.tls_disabled {
        return Err(Error::bad_value(
            "tls_disabled",
            "true",
            "Docker's API without TLS makes everybody who reaches it root on the nodes. Leave tls_disabled false",
        ));
    }
    networks(driver.labels(), given)?;
    check::balancer(driver.labels(), given)?;
    check::storage_driver(given, check::DOCKER_ON_ATOMIC)?;
    check::docker_volume(given)?;
    let warnings = [check::masters(given, driver.multi_master())?, without_trust(given)];
    Ok(warnings.into_iter().flatten().collect())
}

/// Nodes and containers have networks apart from each other; flannel's is cut into one part for each node.
fn networks(table: &[Label], given: &Check<'_>) -> Result<(), Error> {
    let flannel = given.network_driver == Some("flannel");
    let mut all = vec!["overlay_network_cidr"];
    all.extend(flannel.then_some("flannel_network_cidr"));
    check::networks::apart(table, given, &all)?;
    if flannel {
        let (whole, length) = ("flannel_network_cidr", "flannel_network_subnetlen");
        check::networks::has_parts(table, given.labels, whole, length, check::networks::FLANNEL_IN_ETCD)?;
    }
    Ok(())
}

/// Volumes and registry without the trust are not set up, because they could not log in.
fn without_trust(given: &Check<'_>) -> Option<String> {
    if given.rules.cluster_user_trust {
        return None;
    }
    let wanted = if given.registry_enabled { "registry_enabled" } else { "volume_driver" };
    let needs = given.registry_enabled || given.volume_driver == Some("rexray");
    needs.then(|| format!("{wanted} has no effect on the nodes while [trust] cluster_user_trust is false"))
}

/// Swarm mode has overlay networks of Docker's own. Flannel is taken all the same, because clients' templates have it.
pub(crate) fn without_flannel(given: &Check<'_>) -> Option<String> {
    let asked = given.network_driver == Some("flannel");
    asked.then(|| "network_driver flannel has no effect: swarm mode has Docker's own overlay networks".to_owned())
}

/// Parameters of the base that no node of a swarm has a use for.
const UNUSED: [&str; 2] = ["etcd_volume_type", "username"];

/// All parameters both drivers have, apart from labels that go through as they are.
pub(crate) fn parameters(input: &Input<'_>, kind: &Kind) -> Result<Parameters, Error> {
    let (cluster, template, facts) = (input.cluster, input.template, input.facts);
    let (masters, workers) = (group(input, Role::Master)?, group(input, Role::Worker)?);
    let mut p = params::base(input)?;
    p.extend(params::network(input)?);
    p.extend(params::volumes(input));
    p.retain(|name, _| !UNUSED.contains(&name.as_str()));
    p.put_given("master_flavor", first(&[&masters.flavor_id, &cluster.master_flavor_id, &template.master_flavor_id]));
    p.put_given("node_flavor", first(&[&workers.flavor_id, &cluster.flavor_id, &template.flavor_id]));
    p.extend(resize(input)?);
    p.put("swarm_port", port(input, kind)?);
    p.put_given("insecure_registry_url", template.insecure_registry.as_deref());
    p.put("registry_enabled", template.registry_enabled);
    if template.registry_enabled {
        p.put_given("swift_region", facts.swift_region.as_deref());
        p.put_given("registry_container", Some(&facts.registry_container));
    }
    Ok(p)
}

/// The template's port of the API, or the usual one.
fn port(input: &Input<'_>, kind: &Kind) -> Result<i64, Error> {
    let Some(port) = input.template.apiserver_port.filter(|port| *port > 0) else { return Ok(kind.port) };
    if kind.taken.contains(&port) {
        return Err(Error::bad_value(
            "apiserver_port",
            &port.to_string(),
            "The masters need this port for themselves. Leave apiserver_port unset or choose another one",
        ));
    }
    Ok(port)
}

/// The user's etcd discovery service, if one is named.
pub(crate) fn discovery_url<'a>(input: &Input<'a>) -> Option<&'a str> {
    input.cluster.discovery_url.as_deref().or(input.facts.discovery_url.as_deref())
}

/// The number of workers and which of them go first.
pub(crate) fn resize(input: &Input<'_>) -> Result<Parameters, Error> {
    let mut p = Parameters::new();
    p.put("number_of_nodes", group(input, Role::Worker)?.node_count);
    p.put("nodes_to_remove", input.removals);
    Ok(p)
}

/// Container runtime of Fedora Atomic 27: the Docker that the image ships.
const CONTAINER_VERSION: &str = "1.13.1";

/// Addresses and versions. Swarm mode has no version but Docker's.
pub(crate) fn outputs(stack: &Outputs, cluster: &mut Cluster, groups: &mut [NodeGroup]) -> Result<(), Error> {
    if let Some(address) = stack.text("api_address") {
        cluster.api_address = Some(address.to_owned());
    }
    let masters = stack.addresses("swarm_masters")?;
    let workers = stack.addresses("swarm_nodes")?;
    let version = stack.parameter("swarm_version").map(str::to_owned);
    for group in groups.iter_mut().filter(|group| group.is_default) {
        group.node_addresses = if group.role() == Role::Master { masters.clone() } else { workers.clone() };
        group.version = version.clone().or_else(|| group.version.take());
    }
    if version.is_some() {
        cluster.coe_version = version;
    }
    cluster.container_version = Some(CONTAINER_VERSION.to_owned());
    Ok(())
}
