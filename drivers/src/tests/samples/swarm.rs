//! Clusters of both Docker Swarm drivers.

use super::{Sample, other_value};
use crate::{Driver, GivenSubnet, driver_named};

pub(in crate::tests) fn legacy() -> &'static dyn Driver {
    driver_named("swarm_fedora_atomic_v1").unwrap()
}

pub(in crate::tests) fn mode() -> &'static dyn Driver {
    driver_named("swarm_fedora_atomic_v2").unwrap()
}

pub(in crate::tests) fn with(driver: &dyn Driver, change: impl FnOnce(&mut Sample)) -> Sample {
    Sample::with(|s| {
        driver.provides()[0].coe.clone_into(&mut s.template.coe);
        s.template.network_driver = Some("docker".to_owned());
        change(s);
    })
}

pub(super) fn all(driver: &dyn Driver) -> Vec<(&'static str, Sample)> {
    let mut all = vec![("default", with(driver, |_| {}))];
    let mut add = |name, change: fn(&mut Sample)| all.push((name, with(driver, change)));
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
    add("given_subnet", |s| {
        s.cluster.fixed_network = Some("lan".to_owned());
        s.cluster.fixed_subnet = Some("lan-subnet".to_owned());
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
    });
    add("rexray", |s| {
        s.template.volume_driver = Some("rexray".to_owned());
        s.facts.trust_id = Some("trust-1".to_owned());
        s.labels([("rexray_preempt", "true")]);
    });
    add("rexray_without_trust", |s| s.template.volume_driver = Some("rexray".to_owned()));
    add("registry", |s| {
        s.template.registry_enabled = true;
        s.facts.trust_id = Some("trust-1".to_owned());
        s.facts.swift_region = Some("RegionTwo".to_owned());
    });
    add("insecure_registry", |s| s.template.insecure_registry = Some("registry.example:5000".to_owned()));
    add("proxies", |s| {
        s.template.http_proxy = Some("http://proxy.example:3128".to_owned());
        s.template.https_proxy = Some("http://proxy.example:3129".to_owned());
        s.template.no_proxy = Some("intranet.example".to_owned());
    });
    add("three_masters", |s| {
        s.groups[0].node_count = 3;
        s.cluster.master_lb_enabled = true;
        s.facts.octavia = true;
    });
    add("timeouts", |s| s.cluster.create_timeout = Some(180));
    add("port", |s| s.template.apiserver_port = Some(4243));
    add("no_keypair", |s| {
        s.cluster.keypair = None;
        s.template.keypair_id = None;
    });
    if driver.name() == legacy().name() {
        add("flannel", |s| s.template.network_driver = Some("flannel".to_owned()));
        add("discovery_url", |s| s.facts.discovery_url = Some("https://discovery.example/0a1b2c".to_owned()));
    }
    all.push(("every_label", every_label(driver)));
    all
}

/// All labels of the driver set to something else than their defaults, with every extra switched on.
pub(in crate::tests) fn every_label(driver: &dyn Driver) -> Sample {
    with(driver, |s| {
        s.cluster.labels = driver.labels().iter().map(|l| (l.name.to_owned(), other_value(l))).collect();
        s.template.volume_driver = Some("rexray".to_owned());
        s.template.registry_enabled = true;
        s.facts.trust_id = Some("trust-1".to_owned());
        s.facts.boot_volume_size = 7;
        s.cluster.docker_volume_size = Some(20);
    })
}
