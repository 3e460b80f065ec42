//! Clusters as the conductor would hand them over.

use chrono::DateTime;
use domain::{Cluster, ClusterTemplate, Labels, NodeGroup, Secret, Status};

use crate::{Driver, Facts, GivenSubnet, Input, Label, StackRequest, driver_named, label::Form};

pub(super) mod coreos;
pub(super) mod mesos;
pub(super) mod swarm;

/// A cluster with everything around it.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) cluster: Cluster,
    pub(super) template: ClusterTemplate,
    pub(super) groups: Vec<NodeGroup>,
    pub(super) facts: Facts,
    pub(super) removals: Vec<String>,
}

pub(super) const UUID: &str = "9d3c1f76-52ab-4f4e-8c55-7a1b2c3d4e5f";
pub(super) const SECRETS: [&str; 4] = ["trustee-secret", "sa-private-secret", "ca-key-secret", "grafana-secret"];

impl Sample {
    pub(super) fn plain() -> Self {
        Self {
            cluster: cluster(),
            template: template(),
            groups: vec![group("default-master", "master", 1), group("default-worker", "worker", 2)],
            facts: facts(),
            removals: Vec::new(),
        }
    }

    pub(super) fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut sample = Self::plain();
        change(&mut sample);
        sample
    }

    /// A plain cluster of that driver.
    pub(super) fn of(driver: &dyn Driver) -> Self {
        let (_, first) = all(driver).swap_remove(0);
        first
    }

    pub(super) fn input(&self) -> Input<'_> {
        Input {
            cluster: &self.cluster,
            template: &self.template,
            groups: &self.groups,
            facts: &self.facts,
            removals: &self.removals,
        }
    }

    pub(super) fn stack(&self, driver: &dyn Driver) -> StackRequest {
        driver.stack(&self.input()).unwrap()
    }

    pub(super) fn labels<const N: usize>(&mut self, labels: [(&str, &str); N]) {
        self.cluster.labels = Labels::from(labels);
    }
}

pub(super) fn atomic() -> &'static dyn Driver {
    driver_named("k8s_fedora_atomic_v1").unwrap()
}

/// A right value for the label, which is not its default.
pub(super) fn other_value(label: &Label) -> String {
    match label.form {
        Form::Text => format!("some-{}", label.name.replace('_', "-")),
        Form::Bool => (label.default != "true").to_string(),
        Form::Number(least, most) => most.min(least + 27).to_string(),
        Form::Cidr => match label.parameter {
            "fixed_network_cidr" => "172.22.0.0/16".to_owned(),
            "portal_network_cidr" => "172.23.0.0/16".to_owned(),
            _ => "172.20.0.0/16".to_owned(),
        },
        Form::Cidrs => "172.20.0.0/16,172.21.0.0/16".to_owned(),
        Form::Kubernetes(..) => format!("{}.99", label.default.rsplit_once('.').unwrap().0),
        Form::Tag => "v9.9.9".to_owned(),
        Form::OneOf(words) => (*words.last().unwrap()).to_owned(),
        Form::Prefix => "mirror.example:5000/kube/".to_owned(),
        Form::Url => "https://mirror.example/files".to_owned(),
        Form::Names => "NodeRestriction,PodSecurity".to_owned(),
        Form::LabelValue => "front".to_owned(),
    }
}

/// What snapshots and generic tests run over: a name and an input, the first of them plain. A driver without samples of its
/// own has the plain one.
pub(super) fn all(driver: &dyn Driver) -> Vec<(&'static str, Sample)> {
    match driver.name() {
        "k8s_fedora_atomic_v1" => kubernetes(),
        "k8s_fedora_coreos_v1" => coreos::all(),
        "mesos_ubuntu_v1" => mesos::all(),
        "swarm_fedora_atomic_v1" | "swarm_fedora_atomic_v2" => swarm::all(driver),
        _ => vec![("default", Sample::plain())],
    }
}

fn kubernetes() -> Vec<(&'static str, Sample)> {
    let mut all = vec![("default", Sample::plain())];
    let mut add = |name, change: fn(&mut Sample)| all.push((name, Sample::with(change)));
    add("lb_octavia", |s| {
        s.cluster.master_lb_enabled = true;
        s.facts.octavia = true;
    });
    add("lb_neutron", |s| s.cluster.master_lb_enabled = true);
    add("lb_floating_ip_only", |s| {
        s.cluster.master_lb_enabled = true;
        s.cluster.floating_ip_enabled = false;
        s.facts.octavia = true;
        s.labels([("master_lb_floating_ip_enabled", "true"), ("master_lb_allowed_cidrs", "198.51.100.0/24")]);
    });
    add("no_floating_ip", |s| s.cluster.floating_ip_enabled = false);
    add("given_network", |s| {
        s.cluster.fixed_network = Some("5d0c4e9b-net".to_owned());
        s.cluster.fixed_subnet = Some("77aa61c2-subnet".to_owned());
    });
    add("given_subnet", |s| {
        s.cluster.fixed_network = Some("lan".to_owned());
        s.cluster.fixed_subnet = Some("lan-subnet".to_owned());
        s.labels([("fixed_subnet_cidr", "10.0.0.0/16")]);
        s.facts.given_subnet = Some(GivenSubnet {
            id: "77aa61c2-subnet".to_owned(),
            network_id: "5d0c4e9b-net".to_owned(),
            cidr: Some("10.20.0.0/16".to_owned()),
        });
    });
    add("volumes", |s| {
        s.cluster.docker_volume_size = Some(50);
        s.facts.docker_volume_type = Some("ssd".to_owned());
        s.facts.boot_volume_size = 20;
        s.template.volume_driver = Some("cinder".to_owned());
        s.facts.trust_id = Some("trust-1".to_owned());
        s.labels([("etcd_volume_size", "10"), ("docker_volume_type", "ssd")]);
    });
    add("volumes_of_unknown_type", |s| {
        s.cluster.docker_volume_size = Some(50);
        s.labels([("etcd_volume_size", "10")]);
    });
    add("calico", |s| {
        s.template.network_driver = Some("calico".to_owned());
        s.labels([("calico_ipv4pool", "10.244.0.0/16"), ("calico_ipv4pool_ipip", "Always")]);
    });
    add("proxies", |s| {
        s.template.http_proxy = Some("http://proxy.example:3128".to_owned());
        s.template.https_proxy = Some("http://proxy.example:3129".to_owned());
        s.template.no_proxy = Some("intranet.example".to_owned());
    });
    add("registry", |s| {
        s.template.registry_enabled = true;
        s.facts.trust_id = Some("trust-1".to_owned());
        s.facts.swift_region = Some("RegionTwo".to_owned());
    });
    add("insecure_registry", |s| {
        s.template.insecure_registry = Some("registry.example:5000".to_owned());
        s.labels([("container_infra_prefix", "registry.example:5000/kube/")]);
    });
    add("three_masters", |s| {
        s.groups[0].node_count = 3;
        s.cluster.master_lb_enabled = true;
        s.facts.octavia = true;
    });
    add("timeouts", |s| s.cluster.create_timeout = Some(180));
    add("availability_zone", |s| s.labels([("availability_zone", "az-2")]));
    add("discovery_url", |s| s.facts.discovery_url = Some("https://discovery.example/0a1b2c".to_owned()));
    add("cert_manager", |s| {
        s.facts.ca_private_key = Some(Secret::new("ca-key-secret"));
        s.labels([("cert_manager_api", "yes")]);
    });
    add("tls_disabled", |s| s.template.tls_disabled = true);
    add("no_keypair", |s| {
        s.cluster.keypair = None;
        s.template.keypair_id = None;
    });
    all.push(("every_label", every_label()));
    all
}

/// All labels of the driver set to something else than their defaults, with every extra switched on.
pub(super) fn every_label() -> Sample {
    Sample::with(|s| {
        s.cluster.labels = atomic().labels().iter().map(|l| (l.name.to_owned(), other_value(l))).collect();
        s.cluster.labels.0.extend(
            [
                ("prometheus_monitoring", "true"),
                ("kube_dashboard_enabled", "true"),
                ("cloud_provider_enabled", "true"),
                ("cert_manager_api", "true"),
                ("grafana_admin_passwd", "grafana-secret"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        s.template.network_driver = Some("calico".to_owned());
        s.facts.trust_id = Some("trust-1".to_owned());
        s.facts.ca_private_key = Some(Secret::new("ca-key-secret"));
        s.facts.boot_volume_size = 7;
        s.cluster.docker_volume_size = Some(20);
    })
}

fn facts() -> Facts {
    Facts {
        trustee_domain_id: "domain-1".to_owned(),
        trustee_user_id: "trustee-1".to_owned(),
        trustee_username: format!("{UUID}_project-1"),
        trustee_password: Secret::new("trustee-secret"),
        auth_url: "https://cloud.example:5000/v3".to_owned(),
        magnum_url: "https://cloud.example:9511/v1".to_owned(),
        region_name: "RegionOne".to_owned(),
        service_account_key: "sa-public".to_owned(),
        service_account_private_key: Secret::new("sa-private-secret"),
        ..Facts::default()
    }
}

fn cluster() -> Cluster {
    Cluster {
        id: 1,
        uuid: UUID.to_owned(),
        name: "blue".to_owned(),
        project_id: "project-1".to_owned(),
        user_id: "user-1".to_owned(),
        cluster_template_id: "template-1".to_owned(),
        keypair: Some("mykey".to_owned()),
        flavor_id: Some("m1.small".to_owned()),
        master_flavor_id: Some("m1.medium".to_owned()),
        docker_volume_size: None,
        labels: Labels::default(),
        create_timeout: None,
        discovery_url: None,
        fixed_network: None,
        fixed_subnet: None,
        floating_ip_enabled: true,
        master_lb_enabled: false,
        status: Status::CreateInProgress,
        status_reason: None,
        health_status: None,
        health_status_reason: Default::default(),
        stack_id: None,
        api_address: None,
        coe_version: None,
        container_version: None,
        ca_cert_ref: None,
        magnum_cert_ref: None,
        etcd_ca_cert_ref: None,
        front_proxy_ca_cert_ref: None,
        trust_id: None,
        trustee_username: None,
        trustee_user_id: None,
        trustee_password: None,
        trustee_rotation: None,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: None,
    }
}

fn template() -> ClusterTemplate {
    ClusterTemplate {
        id: 1,
        uuid: "template-1".to_owned(),
        name: Some("k8s".to_owned()),
        project_id: "project-1".to_owned(),
        user_id: "user-1".to_owned(),
        image_id: "fedora-atomic-latest".to_owned(),
        flavor_id: Some("m1.small".to_owned()),
        master_flavor_id: None,
        keypair_id: Some("mykey".to_owned()),
        external_network_id: Some("public".to_owned()),
        fixed_network: None,
        fixed_subnet: None,
        network_driver: Some("flannel".to_owned()),
        volume_driver: None,
        dns_nameserver: Some("8.8.8.8,8.8.4.4".to_owned()),
        apiserver_port: None,
        docker_volume_size: None,
        docker_storage_driver: Some("overlay2".to_owned()),
        cluster_distro: Some("fedora-atomic".to_owned()),
        coe: "kubernetes".to_owned(),
        server_type: "vm".to_owned(),
        http_proxy: None,
        https_proxy: None,
        no_proxy: None,
        insecure_registry: None,
        labels: Labels::default(),
        registry_enabled: false,
        tls_disabled: false,
        public: false,
        hidden: false,
        master_lb_enabled: false,
        floating_ip_enabled: true,
        tags: None,
        driver: None,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: None,
    }
}

pub(super) fn group(name: &str, role: &str, node_count: i64) -> NodeGroup {
    NodeGroup {
        id: 1,
        uuid: format!("uuid-of-{name}"),
        name: name.to_owned(),
        cluster_id: UUID.to_owned(),
        project_id: "project-1".to_owned(),
        role: role.to_owned(),
        is_default: true,
        node_count,
        min_node_count: 1,
        max_node_count: None,
        flavor_id: None,
        image_id: None,
        docker_volume_size: None,
        labels: Labels::default(),
        node_addresses: Vec::new(),
        stack_id: None,
        status: Status::CreateInProgress,
        status_reason: None,
        version: None,
        node_labels: Default::default(),
        node_taints: Vec::new(),
        created_at: DateTime::UNIX_EPOCH,
        updated_at: None,
    }
}
