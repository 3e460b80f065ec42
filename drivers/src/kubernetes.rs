//! What every Kubernetes driver shares: labels, parameters, outputs.

use std::ops::RangeInclusive;

use domain::{Cluster, Error, Labels, NodeGroup, Role};

use crate::{
    Check, Form, Input, Label, Outputs,
    check::networks,
    label::{label, renamed, switch},
    params::{Parameters, Put, first, group},
    release,
};

/// Admission plug-ins, in the order of Kubernetes 1.11's recommendation.
const ADMISSION: &str = "NamespaceLifecycle,LimitRanger,ServiceAccount,DefaultStorageClass,DefaultTolerationSeconds,\
                         MutatingAdmissionWebhook,ValidatingAdmissionWebhook,ResourceQuota";

/// Parameter of the services' network.
const SERVICES: &str = "portal_network_cidr";

const GB: Form = Form::Number(0, 1_000_000);
const SECONDS: Form = Form::Number(0, 86_400);

/// Labels of all Kubernetes drivers, with the defaults of their templates.
///
/// Versions stand here and as parameter defaults in the templates; a test keeps the two equal. Kubernetes v1.11.6 is
/// the newest 1.11 whose five node images exist for Fedora Atomic: the last line that still fits its Docker 1.13, the
/// etcd 3.2 with the v2 API that flannel needs, and the in-tree OpenStack provider with Octavia.
pub(crate) static LABELS: &[Label] = &[
    label("admission_control_list", ADMISSION, Form::Names, "Admission plug-ins; NodeRestriction is put before them."),
    label("availability_zone", "", Form::Text, "Nova availability zone of all nodes."),
    label("boot_volume_size", "0", GB, "GB of each node's root volume; 0 boots from the image."),
    label("boot_volume_type", "", Form::Text, "Cinder type of root volumes."),
    label("calico_cni_tag", "v3.3.6", Form::Tag, "Version of calico's CNI plug-in."),
    label("calico_ipv4pool", "192.168.0.0/16", Form::Cidr, "Network of the pods with calico."),
    label(
        "calico_ipv4pool_ipip",
        "Off",
        Form::OneOf(&["Always", "CrossSubnet", "Never", "Off"]),
        "When calico wraps packets in IPIP.",
    ),
    label("calico_kube_controllers_tag", "v3.3.6", Form::Tag, "Version of calico's controllers."),
    label("calico_tag", "v3.3.6", Form::Tag, "Version of calico's node agent."),
    label(
        "cert_manager_api",
        "false",
        Form::Bool,
        "Certificates can be signed in the cluster; masters get the CA key.",
    ),
    label("cgroup_driver", "systemd", Form::OneOf(&["systemd", "cgroupfs"]), "Of kubelet and docker."),
    label("cloud_provider_enabled", "true", Form::Bool, "Load balancers and volumes from the cloud; needs the trust."),
    label("cloud_provider_tag", "", Form::Tag, "Version of the external cloud provider; empty uses the one in-tree."),
    label("container_infra_prefix", "", Form::Prefix, "Put before every image name."),
    label("coredns_tag", "1.1.3", Form::Tag, "Version of the cluster's DNS server."),
    label("docker_volume_type", "", Form::Text, "Cinder type of docker volumes."),
    label("etcd_tag", "v3.2.7", Form::Tag, "Version of etcd."),
    label("etcd_volume_size", "0", GB, "GB of each master's etcd volume; 0 keeps etcd on the root disk."),
    label("etcd_volume_type", "", Form::Text, "Cinder type of etcd volumes."),
    renamed("fixed_subnet_cidr", "fixed_network_cidr", "10.0.0.0/24", Form::Cidr, "Network of the created subnet."),
    label("flannel_backend", "udp", Form::OneOf(&["udp", "vxlan", "host-gw"]), "How flannel carries packets."),
    label("flannel_network_cidr", "10.100.0.0/16", Form::Cidr, "Network of the pods with flannel."),
    label("flannel_network_subnetlen", "24", Form::Number(1, 30), "Prefix length of each node's part of it."),
    label("flannel_tag", "v0.9.0", Form::Tag, "Version of flannel."),
    label("grafana_admin_passwd", "admin", Form::Text, "Password of Grafana's user admin."),
    label("grafana_tag", "5.1.5", Form::Tag, "Version of Grafana."),
    label(
        "influx_grafana_dashboard_enabled",
        "false",
        Form::Bool,
        "InfluxDB and Grafana behind the dashboard's heapster.",
    ),
    label("ingress_controller", "", Form::OneOf(&["traefik"]), "Ingress controller to run."),
    label("ingress_controller_role", "ingress", Form::LabelValue, "Value of the node label role where it runs."),
    label("kube_dashboard_enabled", "true", Form::Bool, "Dashboard and heapster."),
    label("kube_dashboard_version", "v1.8.3", Form::Tag, "Version of the dashboard."),
    // Manifests are of apps/v1, and from 1.20 on the API server has no port without TLS for the master's own parts.
    label("kube_tag", "v1.11.6", Form::Kubernetes(9, 20), "Version of Kubernetes."),
    label("kubeapi_options", "", Form::Text, "More arguments of the API server."),
    label("kubecontroller_options", "", Form::Text, "More arguments of the controller manager."),
    label("kubelet_options", "", Form::Text, "More arguments of the kubelets."),
    label("kubeproxy_options", "", Form::Text, "More arguments of kube-proxy."),
    label("kubescheduler_options", "", Form::Text, "More arguments of the scheduler."),
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
    label("prometheus_monitoring", "false", Form::Bool, "Prometheus, Grafana and node exporters."),
    label("prometheus_tag", "v1.8.2", Form::Tag, "Version of Prometheus."),
    label("selinux_mode", "permissive", Form::OneOf(&["enforcing", "permissive", "disabled"]), "SELinux on the nodes."),
    renamed(
        "service_cluster_ip_range",
        SERVICES,
        "10.254.0.0/16",
        Form::Cidr,
        "Network of services; its tenth address is the DNS server's.",
    ),
    label("system_pods_initial_delay", "30", SECONDS, "Seconds before the first probe of system pods."),
    label("system_pods_timeout", "5", SECONDS, "Seconds a probe of system pods may take."),
    label("traefik_ingress_controller_tag", "v1.7.28", Form::Tag, "Version of traefik."),
];

/// Kubernetes' own parameters, apart from labels that go through as they are.
pub(crate) fn kubernetes(input: &Input<'_>) -> Result<Parameters, Error> {
    let (cluster, template, facts) = (input.cluster, input.template, input.facts);
    let (masters, workers) = (group(input, Role::Master)?, group(input, Role::Worker)?);
    let mut p = Parameters::new();
    p.put_given("master_flavor", first(&[&masters.flavor_id, &cluster.master_flavor_id, &template.master_flavor_id]));
    p.put_given("minion_flavor", first(&[&workers.flavor_id, &cluster.flavor_id, &template.flavor_id]));
    p.put("number_of_minions", workers.node_count);
    p.put("network_driver", network_driver(input));
    p.put("pods_network_cidr", pods_network(input));
    p.put_given("dns_service_ip", dns_service_ip(input.labels())?.as_deref());
    p.put("tls_disabled", template.tls_disabled);
    p.put("loadbalancing_protocol", if template.tls_disabled { "HTTP" } else { "TCP" });
    p.put("kubernetes_port", api_port(input)?);
    p.put_given("discovery_url", cluster.discovery_url.as_deref().or(facts.discovery_url.as_deref()));
    p.put_given("insecure_registry_url", template.insecure_registry.as_deref());
    p.put_given("kube_version", cluster.coe_version.as_deref());
    p.put("registry_enabled", template.registry_enabled);
    if template.registry_enabled {
        p.put_given("swift_region", facts.swift_region.as_deref());
        p.put_given("registry_container", Some(&facts.registry_container));
    }
    p.put("kube_service_account_key", facts.service_account_key.as_str());
    p.put("kube_service_account_private_key", facts.service_account_private_key.expose());
    if signs_itself(input.labels()) {
        p.put_given("ca_key", facts.ca_private_key.as_ref().map(domain::Secret::expose));
    }
    p.put_given("block_storage_version", Some(&facts.block_storage_version));
    Ok(p)
}

/// Whether a cluster signs certificates by itself, for which its masters hold the authority's key.
#[must_use]
pub fn signs_itself(labels: &Labels) -> bool {
    switch(labels, "cert_manager_api", false)
}

/// Place of the DNS server in the network of services.
const DNS_PLACE: u32 = 10;

/// The API server starts with no larger network of services: its table of addresses has at most 20 bits.
const LARGEST_SERVICES: u32 = 12;

/// Prefix length of what calico gives each node of its pool.
const CALICO_BLOCK: u32 = 26;

/// Networks that lie apart from each other; the services' is as large as it may be and has the DNS server, calico's holds a
/// block, and `flannel_bits` are what a node's part of flannel's network may be longer.
pub(crate) fn networks(table: &[Label], given: &Check<'_>, flannel_bits: RangeInclusive<u32>) -> Result<(), Error> {
    let flannel = given.network_driver != Some("calico");
    let pods = if flannel { "flannel_network_cidr" } else { "calico_ipv4pool" };
    networks::apart(table, given, &[pods, SERVICES])?;
    if flannel {
        networks::has_parts(table, given.labels, pods, "flannel_network_subnetlen", flannel_bits)?;
    } else {
        networks::holds(table, given.labels, pods, CALICO_BLOCK)?;
    }
    dns_service_ip(given.labels).map(drop)
}

/// Where the DNS server is, when the network of services was chosen; else the template knows.
fn dns_service_ip(labels: &Labels) -> Result<Option<String>, Error> {
    let label = LABELS.iter().find(|label| label.parameter == SERVICES);
    let Some((label, text)) = label.and_then(|label| Some((label, label.given(labels)?))) else { return Ok(None) };
    let found = networks::address(text, DNS_PLACE).filter(|_| networks::is_within(text, LARGEST_SERVICES));
    found.map(|address| Some(address.to_string())).ok_or_else(|| {
        let fix = format!(
            "Label {}: choose a network of at least 16 addresses and not larger than /{LARGEST_SERVICES}, such as \
             10.254.0.0/16",
            label.name
        );
        Error::bad_value("labels", text, &fix)
    })
}

/// Port inside every master for its own components, without TLS; the public one where TLS is off.
const INSECURE_PORT: i64 = 8080;

/// What listens on every master besides: ssh, etcd, kubelet, kube-proxy, scheduler and controller manager, old and new.
const TAKEN: [i64; 10] = [INSECURE_PORT, 22, 2379, 2380, 10250, 10251, 10252, 10256, 10257, 10259];

/// 6443 or the template's own choice; without TLS always 8080.
fn api_port(input: &Input<'_>) -> Result<i64, Error> {
    match input.template.apiserver_port.filter(|port| *port > 0) {
        _ if input.template.tls_disabled => Ok(INSECURE_PORT),
        Some(port) if TAKEN.contains(&port) => Err(Error::bad_value(
            "apiserver_port",
            &port.to_string(),
            "The masters need this port for themselves. Leave apiserver_port unset or choose another one",
        )),
        other => Ok(other.unwrap_or(6443)),
    }
}

fn network_driver<'a>(input: &Input<'a>) -> &'a str {
    input.template.network_driver.as_deref().filter(|name| !name.is_empty()).unwrap_or("flannel")
}

/// The network the pods get addresses from, which kube-proxy and the ports of the nodes must know.
fn pods_network<'a>(input: &Input<'a>) -> &'a str {
    let name = if network_driver(input) == "calico" { "calico_ipv4pool" } else { "flannel_network_cidr" };
    let label = LABELS.iter().find(|label| label.name == name);
    label.map_or("", |label| label.given(input.labels()).unwrap_or(label.default))
}

/// The number of workers and which of them go first.
pub(crate) fn resize(input: &Input<'_>) -> Result<Parameters, Error> {
    let mut p = Parameters::new();
    p.put("number_of_minions", group(input, Role::Worker)?.node_count);
    p.put("minions_to_remove", input.removals);
    Ok(p)
}

/// Container runtime of Fedora Atomic 27: the Docker that the image ships.
const CONTAINER_VERSION: &str = "1.13.1";

/// Addresses and versions. Without floating IPs the nodes' private addresses stand in.
pub(crate) fn outputs(stack: &Outputs, cluster: &mut Cluster, groups: &mut [NodeGroup]) -> Result<(), Error> {
    if let Some(address) = stack.text("api_address") {
        cluster.api_address = Some(address.to_owned());
    }
    let masters = stack.addresses("kube_masters")?;
    let workers = stack.addresses("kube_minions")?;
    for group in groups.iter_mut().filter(|group| group.is_default) {
        let version = release::group_version(stack, group.role(), group.node_count);
        group.version = version.or_else(|| group.version.take());
        if group.role() == Role::Master {
            group.node_addresses.clone_from(&masters);
            cluster.coe_version = group.version.clone().or_else(|| cluster.coe_version.take());
        } else {
            group.node_addresses.clone_from(&workers);
        }
    }
    cluster.container_version = Some(CONTAINER_VERSION.to_owned());
    Ok(())
}
