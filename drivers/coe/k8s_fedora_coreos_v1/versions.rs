//! Every version this driver installs, with its label and the reason for it, and the labels it alone has.
//!
//! The versions stand here and as parameter defaults in the template; a test keeps the two equal. They belong together:
//!
//! - Kubernetes 1.35 is maintained until February 2027, and it is the last minor that works with containerd 1.7 as well as
//!   with 2, so that it does not matter which one the Fedora CoreOS image has. Its flags are listed in `flags.txt` of the
//!   tests. 1.36 and later need containerd 2; the label `kube_tag` chooses them.
//! - etcd, pause and `CoreDNS` are those that kubeadm 1.35 installs; cloud provider and Cinder CSI have the minor of
//!   Kubernetes.
//! - The registry stays at 2.8: version 3 can no longer keep images in Swift.
//! - The dashboard's last version that needs no Helm is 2.7.0, which nobody maintains any more; it is off by default.
//! - ingress-nginx was retired in March 2026 at 1.14; it stays for those who depend on it. Traefik is maintained.

use crate::{
    Form, Label,
    label::{label, renamed},
};

/// Replaces labels of the same name in the table all Kubernetes drivers share, or is added to it.
pub(super) static OWN: &[Label] = &[
    label(
        "admission_control_list",
        "",
        Form::Names,
        "Admission plug-ins besides those that are on by default and NodeRestriction.",
    ),
    label("calico_cni_tag", "v3.31.3", Form::Tag, "Version of calico's CNI plug-in."),
    label("calico_kube_controllers_tag", "v3.31.3", Form::Tag, "Version of calico's controllers."),
    label("calico_tag", "v3.31.3", Form::Tag, "Version of calico's node agent."),
    label("cinder_csi_enabled", "true", Form::Bool, "Volumes from Cinder; needs the trust."),
    label("cinder_csi_plugin_tag", "v1.35.0", Form::Tag, "Version of the Cinder CSI plug-in."),
    label("cloud_provider_tag", "v1.35.0", Form::Tag, "Version of the OpenStack cloud controller manager."),
    label("cni_plugins_tag", "v1.8.0", Form::Tag, "Version of the basic CNI plug-ins."),
    label(
        "cni_plugins_url",
        "https://github.com/containernetworking/plugins/releases/download",
        Form::Url,
        "Where they are fetched from; holds VERSION/cni-plugins-linux-ARCHITECTURE-VERSION.tgz with its .sha256.",
    ),
    label("coredns_tag", "v1.13.1", Form::Tag, "Version of the cluster's DNS server."),
    label("csi_attacher_tag", "v4.10.0", Form::Tag, "Version of the CSI attacher."),
    label("csi_node_driver_registrar_tag", "v2.15.0", Form::Tag, "Version of the CSI registrar."),
    label("csi_provisioner_tag", "v5.3.0", Form::Tag, "Version of the CSI provisioner."),
    label("csi_resizer_tag", "v1.14.0", Form::Tag, "Version of the CSI resizer."),
    label("docker_volume_type", "", Form::Text, "Cinder type of the volumes for images and containers."),
    label("etcd_tag", "3.6.6-0", Form::Tag, "Version of etcd, as its Kubernetes image is tagged."),
    label("flannel_backend", "vxlan", Form::OneOf(&["vxlan", "host-gw"]), "How flannel carries packets."),
    label("flannel_cni_tag", "v1.8.0-flannel1", Form::Tag, "Version of flannel's CNI plug-in."),
    label("flannel_tag", "v0.27.4", Form::Tag, "Version of flannel."),
    label("grafana_tag", "12.3.0", Form::Tag, "Version of Grafana."),
    label("ingress_controller", "", Form::OneOf(&["traefik", "nginx", "octavia"]), "Ingress controller to run."),
    label("kube_binaries_url", "https://dl.k8s.io", Form::Url, "Where kubelet and kubectl are fetched from."),
    label("kube_dashboard_enabled", "false", Form::Bool, "The dashboard."),
    label("kube_dashboard_version", "v2.7.0", Form::Tag, "Version of the dashboard."),
    // Before 1.27 a kubelet's configuration does not say where containerd is.
    label("kube_tag", "v1.35.5", Form::Kubernetes(27, u64::MAX), "Version of Kubernetes."),
    label("metrics_scraper_tag", "v1.0.8", Form::Tag, "Version of the dashboard's metrics scraper."),
    label("metrics_server_enabled", "true", Form::Bool, "The metrics server, which kubectl top and autoscaling need."),
    label("metrics_server_tag", "v0.8.1", Form::Tag, "Version of the metrics server."),
    label("nginx_ingress_controller_tag", "v1.14.4", Form::Tag, "Version of the nginx ingress controller."),
    label("node_exporter_tag", "v1.10.2", Form::Tag, "Version of the node exporter."),
    label("octavia_ingress_controller_tag", "v1.35.0", Form::Tag, "Version of the Octavia ingress controller."),
    label("pause_tag", "3.10.1", Form::Tag, "Version of the pause container."),
    label("prometheus_tag", "v3.7.3", Form::Tag, "Version of Prometheus."),
    label("registry_tag", "2.8.3", Form::Tag, "Version of the registry on the workers."),
    label("selinux_mode", "enforcing", Form::OneOf(&["permissive", "enforcing"]), "SELinux on the nodes."),
    label("traefik_ingress_controller_tag", "v3.6.25", Form::Tag, "Version of traefik."),
    renamed("fixed_subnet_cidr", "fixed_network_cidr", "10.0.0.0/24", Form::Cidr, "Network of the created subnet."),
];

/// Labels of the shared table that mean nothing here: the cgroup driver is always systemd, and heapster is gone.
pub(super) const NOT_HERE: [&str; 2] = ["cgroup_driver", "influx_grafana_dashboard_enabled"];
