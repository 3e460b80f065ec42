//! Clusters of the Fedora CoreOS driver: those of all Kubernetes drivers, and what only it has.

use domain::{Secret, Taint};

use super::{Sample, other_value};
use crate::{Driver, driver_named};

pub(in crate::tests) fn driver() -> &'static dyn Driver {
    driver_named("k8s_fedora_coreos_v1").unwrap()
}

/// Clusters the API of this driver's Kubernetes cannot serve.
const REFUSED: [&str; 1] = ["tls_disabled"];

pub(in crate::tests) fn with(change: impl FnOnce(&mut Sample)) -> Sample {
    Sample::with(|s| {
        s.template.image_id = "fedora-coreos-44".to_owned();
        s.template.cluster_distro = Some("fedora-coreos".to_owned());
        change(s);
    })
}

pub(super) fn all() -> Vec<(&'static str, Sample)> {
    let mut all = super::kubernetes();
    all.retain(|(name, _)| !REFUSED.contains(name) && *name != "every_label");
    for (_, sample) in &mut all {
        let plain = with(|_| {}).template;
        sample.template.image_id = plain.image_id;
        sample.template.cluster_distro = plain.cluster_distro;
    }
    let mut add = |name, change: fn(&mut Sample)| all.push((name, with(change)));
    add("cloud_provider", |s| s.facts.trust_id = Some("trust-1".to_owned()));
    add("groups", |s| {
        let [masters, workers] = s.groups.as_mut_slice() else { unreachable!() };
        masters.labels = domain::Labels::from([("kube_tag", "v1.35.6")]);
        workers.node_labels = [("disk".to_owned(), "ssd".to_owned()), ("team".to_owned(), "blue".to_owned())].into();
        workers.node_taints = vec![
            Taint { key: "gpu".to_owned(), value: Some("yes".to_owned()), effect: "NoSchedule".to_owned() },
            Taint { key: "batch".to_owned(), value: None, effect: "PreferNoSchedule".to_owned() },
        ];
    });
    all.push(("every_label", every_label()));
    all
}

/// All labels of the driver set to something else than their defaults, with every extra switched on.
pub(in crate::tests) fn every_label() -> Sample {
    with(|s| {
        s.cluster.labels = driver().labels().iter().map(|l| (l.name.to_owned(), other_value(l))).collect();
        s.cluster.labels.0.extend(
            [
                ("prometheus_monitoring", "true"),
                ("kube_dashboard_enabled", "true"),
                ("cloud_provider_enabled", "true"),
                ("cinder_csi_enabled", "true"),
                ("metrics_server_enabled", "true"),
                ("cert_manager_api", "true"),
                ("grafana_admin_passwd", "grafana-secret"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        s.template.network_driver = Some("calico".to_owned());
        s.template.volume_driver = Some("cinder".to_owned());
        s.template.registry_enabled = true;
        s.facts.trust_id = Some("trust-1".to_owned());
        s.facts.octavia = true;
        s.facts.ca_private_key = Some(Secret::new("ca-key-secret"));
        s.facts.boot_volume_size = 7;
        s.facts.docker_volume_type = Some("ssd".to_owned());
        s.cluster.docker_volume_size = Some(20);
    })
}
