//! What the Fedora CoreOS driver refuses, computes and reads back.

use domain::{Error, Labels};
use serde_json::{Value, json};

use super::super::{
    hot::{Rendered, parse},
    ignition::{files, readable},
    samples::{
        Sample, all,
        coreos::{driver, every_label, with},
        group,
    },
};
use crate::{Check, NodesNetwork, Order, Outputs, Rules, Task};

fn given(labels: &Labels) -> Check<'_> {
    Check {
        labels,
        master_count: Some(1),
        master_lb_enabled: false,
        tls_disabled: false,
        network_driver: None,
        nodes_network: NodesNetwork::Made,
        registry_enabled: false,
        volume_driver: None,
        docker_volume_size: None,
        docker_storage_driver: None,
        docker_volume_type: None,
        rules: Rules::default(),
    }
}

fn refusal(check: &Check<'_>) -> String {
    text(driver().check(check).unwrap_err())
}

fn text(error: Error) -> String {
    match error {
        Error::Invalid(text) => text,
        other => panic!("not a 400: {other:?}"),
    }
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    let none = Labels::default();
    let good = given(&none);
    assert_eq!(driver().check(&good).unwrap(), Vec::<String>::new());
    let free = Rules { allow_tls_disabled: true, ..Rules::default() };
    assert!(refusal(&Check { tls_disabled: true, rules: free, ..good }).contains("tls_disabled"));
    let mapper = Check { docker_storage_driver: Some("devicemapper"), docker_volume_size: Some(10), ..good };
    assert!(refusal(&mapper).contains("docker_storage_driver"));
    assert!(driver().check(&Check { docker_storage_driver: Some("overlay2"), ..good }).is_ok());
    let behind = Check { master_lb_enabled: true, ..good };
    assert!(refusal(&Check { master_count: Some(2), ..behind }).contains("even number"));
    for count in [3, 5] {
        assert!(driver().check(&Check { master_count: Some(count), ..behind }).is_ok());
    }
}

#[test]
fn labels_are_checked_by_name() {
    for (name, wrong) in [
        ("kube_tag", "latest"),
        ("kube_binaries_url", "dl.example"),
        ("cni_plugins_url", "https://dl.example/"),
        ("flannel_backend", "udp"),
        ("selinux_mode", "disabled"),
        ("ingress_controller", "haproxy"),
        ("cinder_csi_enabled", "perhaps"),
        ("kubelet_options", "--node-labels=größe=1"),
    ] {
        let said = refusal(&given(&Labels::from([(name, wrong)])));
        assert!(said.contains(name), "{name}: {said}");
    }
    let all = every_label().cluster.labels;
    let rules = Rules { cluster_user_trust: true, ..Rules::default() };
    let complete = Check { master_lb_enabled: true, rules, ..given(&all) };
    assert_eq!(driver().check(&complete).unwrap(), Vec::<String>::new());
}

#[test]
fn labels_reach_their_parameters() {
    let sample = every_label();
    let request = sample.stack(driver());
    // Facts and switches decide about these; they are seen in the snapshots.
    let decided = ["boot_volume_size", "docker_volume_type", "master_lb_floating_ip_enabled"];
    for label in driver().labels().iter().filter(|label| !decided.contains(&label.name)) {
        let sent = request.parameters[label.parameter].as_str();
        assert_eq!(sent, sample.cluster.labels.value(label.name), "{}", label.name);
    }
    let mut names: Vec<_> = driver().labels().iter().map(|label| label.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), driver().labels().len(), "a label twice");
}

#[test]
fn what_heat_cannot_write_into_ignition_is_refused() {
    let sample = with(|s| s.template.http_proxy = Some("http://prøxy.example:3128".to_owned()));
    assert!(text(driver().stack(&sample.input()).unwrap_err()).contains("http_proxy"));
}

#[test]
fn only_root_reads_secrets_on_a_node() {
    for (name, sample) in all(driver()) {
        let request = sample.stack(driver());
        let rendered = Rendered::new(&request);
        for group in ["kube_masters", "kube_minions"] {
            for (path, file) in files(&rendered.user_data(group, 0)) {
                let secret = super::super::samples::SECRETS.iter().any(|secret| file.text.contains(secret));
                assert!(!secret || file.mode == 0o600, "{name} {group} {path}: {:o}", file.mode);
                assert!([0o600, 0o644, 0o700].contains(&file.mode), "{name} {path}: {:o}", file.mode);
            }
        }
    }
}

#[test]
fn every_character_reaches_the_node_as_it_was() {
    let hostile = r##"$(id) `id` "quoted" 'single' \back %41 %% #a <b> [c] {d} |e ^f ~g	tab+=&?;:@@"##;
    let sample = with(|s| s.labels([("kubelet_options", hostile), ("grafana_admin_passwd", hostile)]));
    let request = sample.stack(driver());
    let node = readable(&Rendered::new(&request).user_data("kube_masters", 0));
    assert!(node.contains(&format!("\nKUBELET_OPTIONS={hostile}\n")), "{node}");
    assert!(node.contains(&format!("\nGRAFANA_ADMIN_PASSWD={hostile}\n")), "{node}");
}

#[test]
fn several_masters_know_each_other_and_share_one_key() {
    let sample = with(|s| {
        s.groups[0].node_count = 3;
        s.cluster.master_lb_enabled = true;
    });
    let request = sample.stack(driver());
    let rendered = Rendered::new(&request);
    for index in 0..3 {
        let text = readable(&rendered.user_data("kube_masters", index));
        assert!(text.contains("MASTER_ADDRESSES=10.0.0.5,10.0.0.6,10.0.0.7\n"));
        assert!(text.contains(&format!("KUBE_NODE_IP=10.0.0.{}\n", index + 5)));
        assert!(text.contains(&format!("INSTANCE_NAME=blue-9d3c1f7652ab-master-{index}\n")));
        assert!(text.contains("sa-private-secret"));
        assert!(text.contains("ETCD_DISCOVERY_URL=\n"), "no discovery unless asked for");
    }
    let worker = readable(&rendered.user_data("kube_minions", 0));
    assert!(!worker.contains("sa-private-secret"), "workers sign nothing");
    assert!(!worker.contains("KUBEAPI_OPTIONS"), "workers run no API server");
}

#[test]
fn user_data_does_not_depend_on_the_number_of_workers() {
    let text = |count| {
        let request = with(|s| s.groups[1].node_count = count).stack(driver());
        let rendered = Rendered::new(&request);
        (rendered.user_data("kube_masters", 0), rendered.user_data("kube_minions", 0))
    };
    assert!(text(1) == text(9), "a resize would rebuild servers");
}

#[test]
fn a_group_has_its_own_version_labels_and_taints() {
    let (_, sample) = all(driver()).into_iter().find(|(name, _)| *name == "groups").unwrap();
    let request = sample.stack(driver());
    let rendered = Rendered::new(&request);
    let (master, worker) =
        (readable(&rendered.user_data("kube_masters", 0)), readable(&rendered.user_data("kube_minions", 0)));
    assert!(master.contains("\nKUBE_TAG=v1.35.6\n") && worker.contains("\nKUBE_TAG=v1.35.5\n"));
    assert!(worker.contains("\nNODE_LABELS=disk=ssd,team=blue\n"));
    assert!(worker.contains("\nNODE_TAINTS=gpu=yes:NoSchedule,batch=:PreferNoSchedule\n"));
    let roles = with(|s| {
        s.groups[1].node_labels = [("node-role.kubernetes.io/gpu".to_owned(), String::new())].into();
    });
    assert!(text(driver().stack(&roles.input()).unwrap_err()).contains("node_labels"));
}

/// A further group's worker is told what a first one is told, apart from what is its own.
#[test]
fn a_further_group_uses_what_the_cluster_has() {
    let sample = with(|s| s.labels([("kubelet_options", "--v=3")]));
    let cluster = Outputs::of_stack(&json!({
        "outputs": [
            {"output_key": "network", "output_value": "network-1"},
            {"output_key": "subnet", "output_value": "network-of-fixed_subnet"},
            {"output_key": "security_groups", "output_value": ["group-1", "group-2"]},
            {"output_key": "server_group", "output_value": "server-group-1"},
            {"output_key": "api_public_address", "output_value": "api_address-of-public"},
            {"output_key": "api_private_address", "output_value": "api_address-of-private"},
            {"output_key": "master_addresses", "output_value": ["10.0.0.5"]},
        ],
        "parameters": {"external_network": "public", "fixed_network_cidr": "10.0.0.0/24"},
    }));
    let further = domain::NodeGroup {
        is_default: false,
        labels: Labels::from([("kube_tag", "v1.35.6"), ("kubelet_options", "--v=4")]),
        node_labels: [("disk".to_owned(), "ssd".to_owned())].into(),
        ..group("gpu", "worker", 2)
    };
    let groups = driver().node_groups().unwrap();
    groups.check(&sample.cluster, &further).unwrap();
    let request = groups.stack(&sample.input(), &further, &cluster).unwrap();
    let worker = readable(&Rendered::new(&request).user_data("kube_minions", 0));
    let first = readable(&Rendered::new(&sample.stack(driver())).user_data("kube_minions", 0));
    let own = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    let (worker, first) = (own(&worker), own(&first));
    let mut differs: Vec<&str> = worker.difference(&first).map(|line| line.split('=').next().unwrap()).collect();
    differs.sort_unstable();
    assert_eq!(differs, ["KUBELET_OPTIONS", "KUBE_TAG", "NODE_LABELS"], "{:?}", worker.difference(&first));
    assert!(worker.contains("KUBE_TAG=v1.35.6") && worker.contains("KUBELET_OPTIONS=--v=4"));
    let elsewhere = domain::NodeGroup { labels: Labels::from([("flannel_tag", "v0.28.0")]), ..further };
    assert!(text(groups.check(&sample.cluster, &elsewhere).unwrap_err()).contains("flannel_tag"));
}

#[test]
fn outputs_fill_the_cluster() {
    let mut sample = with(|_| {});
    let stack = json!({
        "outputs": [
            {"output_key": "api_address", "output_value": "https://172.24.4.5:6443"},
            {"output_key": "kube_masters", "output_value": ["172.24.4.5"]},
            {"output_key": "kube_minions_private", "output_value": ["10.0.0.8", "10.0.0.9"]},
        ],
        "parameters": {"kube_tag": "v1.35.5", "master_kube_tag": "v1.35.6", "minion_kube_tag": ""},
    });
    driver().outputs(&Outputs::of_stack(&stack), &mut sample.cluster, &mut sample.groups).unwrap();
    assert_eq!(sample.cluster.api_address.as_deref(), Some("https://172.24.4.5:6443"));
    assert_eq!(sample.cluster.coe_version.as_deref(), Some("v1.35.6"), "that of the masters");
    assert_eq!(sample.cluster.container_version, None, "the image's containerd, which Heat does not know");
    assert_eq!(sample.groups[0].version.as_deref(), Some("v1.35.6"));
    assert_eq!(sample.groups[1].version.as_deref(), Some("v1.35.5"));
    assert_eq!(sample.groups[1].node_addresses, ["10.0.0.8", "10.0.0.9"]);
    driver().outputs(&Outputs::of_stack(&Value::Null), &mut sample.cluster, &mut sample.groups).unwrap();
    assert_eq!(sample.cluster.api_address.as_deref(), Some("https://172.24.4.5:6443"), "nothing is erased");
}

/// Everything at once, with keys and a CA of their real sizes.
#[test]
fn the_largest_user_data_still_fits() {
    let pem = |bytes: usize| format!("-----BEGIN X-----\n{}\n-----END X-----", "A".repeat(bytes));
    let mut sample: Sample = every_label();
    sample.facts.openstack_ca = pem(8_000);
    sample.facts.service_account_key = pem(420);
    sample.facts.service_account_private_key = domain::Secret::new(pem(1_680));
    sample.facts.ca_private_key = Some(domain::Secret::new(pem(1_680)));
    let request = sample.stack(driver());
    let text = Rendered::new(&request).user_data("kube_masters", 0);
    let size = text.len().div_ceil(3) * 4;
    assert!(size < 65_535 - 7_000, "{size} bytes in base64 leave no room for what comes");
}

/// Whatever the age of the stack: a master that is told something restarts its etcd and its API server.
#[test]
fn workers_are_told_all_at_once_and_masters_one_by_one() {
    let sample = with(|sample| {
        sample.groups[0].node_count = 3;
        sample.groups[1].node_count = 5;
    });
    let order = Order { number: 1, reason: "abc/trust", task: Task::Certificates };
    let sent = |known: &[&str]| {
        let parameters: serde_json::Map<String, Value> =
            known.iter().map(|name| ((*name).to_owned(), json!("1"))).collect();
        let stack = Outputs::of_stack(&json!({"parameters": parameters}));
        let request = driver().order(&sample.input(), &stack, &order).unwrap();
        let mut sizes = request.parameters.into_iter().filter(|(name, _)| name.ends_with("batch_size"));
        (sizes.next(), sizes.next())
    };
    let only = |name: &str, size: i64| (Some((name.to_owned(), json!(size))), None);
    assert_eq!(sent(&["number_of_masters", "worker_batch_size"]), only("worker_batch_size", 5));
    assert_eq!(sent(&["number_of_masters", "update_max_batch_size"]), only("update_max_batch_size", 1));
    assert_eq!(sent(&["update_max_batch_size"]), only("update_max_batch_size", 5), "a group of workers alone");
    assert_eq!(sent(&["number_of_masters"]), (None, None));
    let template = parse(&sample.stack(driver()).template);
    let rolling =
        |group: &str| template["resources"][group]["update_policy"]["rolling_update"]["max_batch_size"].clone();
    assert_eq!(rolling("kube_masters"), json!(1));
    assert_eq!(rolling("kube_minions"), json!({"get_param": "worker_batch_size"}));
}
