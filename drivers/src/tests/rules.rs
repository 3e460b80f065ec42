//! What the atomic driver refuses, computes and reads back.

use domain::{Error, Labels};
use serde_json::{Value, json};

use super::{
    hot::Rendered,
    samples::{Sample, all, atomic, every_label, group},
};
use crate::{Check, NodesNetwork, Outputs, Rules};

fn refusal(sample: &Sample) -> String {
    match atomic().stack(&sample.input()).unwrap_err() {
        Error::Invalid(text) => text,
        other => panic!("not a 400: {other:?}"),
    }
}

#[test]
fn the_id_of_the_external_network_wins_over_its_name() {
    let sample =
        Sample::with(|s| s.facts.external_network_uuid = Some("0d6f2d5e-8f0a-4ab7-9c0e-1d2c3b4a5968".to_owned()));
    assert_eq!(sample.stack(atomic()).parameters["external_network"], "0d6f2d5e-8f0a-4ab7-9c0e-1d2c3b4a5968");
}

#[test]
fn the_external_network_is_needed() {
    assert!(refusal(&Sample::with(|s| s.template.external_network_id = None)).contains("external_network_id"));
}

#[test]
fn a_load_balancer_on_a_given_network_needs_the_subnet() {
    let text = refusal(&Sample::with(|s| {
        s.cluster.fixed_network = Some("net".to_owned());
        s.cluster.master_lb_enabled = true;
    }));
    assert!(text.contains("fixed_subnet"), "{text}");
}

#[test]
fn a_volume_type_is_never_empty() {
    for (name, sample) in all(atomic()) {
        let request = sample.stack(atomic());
        for parameter in ["docker_volume_type", "etcd_volume_type", "boot_volume_type"] {
            assert_ne!(request.parameters.get(parameter), Some(&json!("")), "{name}: {parameter}");
        }
    }
}

#[test]
fn nodes_report_before_the_stack_times_out() {
    for (name, sample) in all(atomic()) {
        let request = sample.stack(atomic());
        let wait = request.parameters["wait_condition_timeout"].as_i64().unwrap();
        assert!(wait > 0 && wait < request.timeout_mins * 60, "{name}: {wait}");
    }
    assert_eq!(Sample::with(|s| s.cluster.create_timeout = Some(0)).stack(atomic()).timeout_mins, 60);
}

#[test]
fn the_api_address_follows_tls() {
    let url = |sample: &Sample| Rendered::new(&sample.stack(atomic())).output("api_address");
    assert_eq!(url(&Sample::plain()), "https://api_address-of-public:6443");
    assert_eq!(url(&Sample::with(|s| s.template.tls_disabled = true)), "http://api_address-of-public:8080");
    let inside = Sample::with(|s| s.cluster.floating_ip_enabled = false).stack(atomic());
    assert_eq!(Rendered::new(&inside).output("kube_masters"), json!([]));
}

#[test]
fn the_template_may_choose_the_port() {
    let port =
        |port| Sample::with(|s| s.template.apiserver_port = port).stack(atomic()).parameters["kubernetes_port"].clone();
    assert_eq!((port(None), port(Some(443))), (json!(6443), json!(443)));
    assert!(refusal(&Sample::with(|s| s.template.apiserver_port = Some(8080))).contains("apiserver_port"));
}

#[test]
fn the_cloud_provider_needs_the_trust() {
    let on = |trust: Option<&str>, label: &str| {
        let sample = Sample::with(|s| {
            s.facts.trust_id = trust.map(str::to_owned);
            s.labels([("cloud_provider_enabled", label)]);
        });
        Rendered::new(&sample.stack(atomic())).holds("with_cloud_provider")
    };
    assert!(on(Some("trust-1"), "true"));
    assert!(!on(None, "true"));
    assert!(!on(Some("trust-1"), "False"));
}

#[test]
fn several_masters_know_each_other_and_share_one_key() {
    let sample = Sample::with(|s| {
        s.groups[0].node_count = 3;
        s.cluster.master_lb_enabled = true;
    });
    let request = sample.stack(atomic());
    let rendered = Rendered::new(&request);
    for index in 0..3 {
        let text = rendered.user_data("kube_masters", index);
        assert!(text.contains("MASTER_ADDRESSES=10.0.0.5,10.0.0.6,10.0.0.7\n"));
        assert!(text.contains(&format!("KUBE_NODE_IP=10.0.0.{}\n", index + 5)));
        assert!(text.contains(&format!("INSTANCE_NAME=blue-9d3c1f7652ab-master-{index}\n")));
        assert!(text.contains("\nsa-private-secret\n"));
        assert!(text.contains("ETCD_DISCOVERY_URL=\n"), "no public discovery unless asked for");
    }
    assert!(!rendered.user_data("kube_minions", 0).contains("sa-private-secret"), "workers sign nothing");
}

#[test]
fn user_data_does_not_depend_on_the_number_of_workers() {
    let text = |count| {
        let request = Sample::with(|s| s.groups[1].node_count = count).stack(atomic());
        let rendered = Rendered::new(&request);
        (rendered.user_data("kube_masters", 0), rendered.user_data("kube_minions", 0))
    };
    assert!(text(1) == text(9), "a resize would rebuild servers");
}

#[test]
fn outputs_fill_the_cluster() {
    let mut sample = Sample::plain();
    let stack = json!({
        "outputs": [
            {"output_key": "api_address", "output_value": "https://172.24.4.5:6443"},
            {"output_key": "kube_masters", "output_value": ["172.24.4.5"]},
            {"output_key": "kube_masters_private", "output_value": ["10.0.0.5"]},
            {"output_key": "kube_minions", "output_value": []},
            {"output_key": "kube_minions_private", "output_value": ["10.0.0.8", "10.0.0.9"]},
        ],
        "parameters": {"kube_tag": "v1.11.6"},
    });
    sample.groups.push(domain::NodeGroup { is_default: false, ..group("extra", "worker", 1) });
    atomic().outputs(&Outputs::of_stack(&stack), &mut sample.cluster, &mut sample.groups).unwrap();
    assert_eq!(sample.cluster.api_address.as_deref(), Some("https://172.24.4.5:6443"));
    assert_eq!(sample.cluster.coe_version.as_deref(), Some("v1.11.6"));
    assert_eq!(sample.groups[0].node_addresses, ["172.24.4.5"]);
    assert_eq!(sample.groups[1].node_addresses, ["10.0.0.8", "10.0.0.9"], "private where there is nothing else");
    assert!(sample.groups[2].node_addresses.is_empty(), "a group with a stack of its own");
    let broken = json!({"outputs": [{"output_key": "kube_masters", "output_value": "10.0.0.5"}]});
    assert!(atomic().outputs(&Outputs::of_stack(&broken), &mut sample.cluster, &mut sample.groups).is_err());
}

#[test]
fn a_half_made_stack_does_not_erase_what_is_known() {
    let mut sample = Sample::with(|s| s.cluster.api_address = Some("https://172.24.4.5:6443".to_owned()));
    let empty = Outputs::of_stack(&Value::Null);
    atomic().outputs(&empty, &mut sample.cluster, &mut sample.groups).unwrap();
    assert_eq!(sample.cluster.api_address.as_deref(), Some("https://172.24.4.5:6443"));
}

fn checked(labels: &Labels) -> Check<'_> {
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

#[test]
fn labels_are_checked_by_name() {
    for (name, wrong) in [
        ("flannel_backend", "gre"),
        ("flannel_network_cidr", "10.0.0.0"),
        ("etcd_volume_size", "-1"),
        ("kube_tag", "latest"),
        ("container_infra_prefix", "mirror.example/kube"),
        ("prometheus_monitoring", "perhaps"),
        ("kubelet_options", "--v=2\nrm"),
        ("ingress_controller", "nginx"),
    ] {
        let text = match atomic().check(&checked(&Labels::from([(name, wrong)]))).unwrap_err() {
            Error::Invalid(text) => text,
            other => panic!("not a 400: {other:?}"),
        };
        assert!(text.contains(name), "{text}");
    }
    let all = every_label().cluster.labels;
    let rules = Rules { cluster_user_trust: true, ..Rules::default() };
    let complete = Check { master_lb_enabled: true, rules, ..checked(&all) };
    assert_eq!(atomic().check(&complete).unwrap(), Vec::<String>::new());
    assert!(atomic().check(&checked(&Labels::from([("test", "what ever")]))).is_ok(), "unknown labels are ignored");
}

#[test]
fn a_given_subnet_is_apart_from_pods_and_services() {
    let none = Labels::default();
    let on = |range, network_driver| {
        let nodes_network = NodesNetwork::Given(range);
        atomic().check(&Check { nodes_network, network_driver, ..checked(&none) })
    };
    for (range, network_driver, label, its) in [
        ("10.100.7.0/24", None, "flannel_network_cidr", "10.100.0.0/16"),
        ("10.0.0.0/8", Some("flannel"), "flannel_network_cidr", "10.100.0.0/16"),
        ("192.168.1.0/24", Some("calico"), "calico_ipv4pool", "192.168.0.0/16"),
        ("10.254.0.0/28", Some("calico"), "service_cluster_ip_range", "10.254.0.0/16"),
    ] {
        let text = on(Some(range), network_driver).unwrap_err().to_string();
        let fix = format!("Label {label}: choose a network apart from that of fixed_subnet, which is {range}");
        assert!(text.contains(&fix) && text.contains(its), "{text}");
    }
    for (range, network_driver) in [
        (Some("192.168.1.0/24"), Some("flannel")),
        (Some("10.100.7.0/24"), Some("calico")),
        (Some("2001:db8::/64"), None),
        (None, None),
    ] {
        assert_eq!(on(range, network_driver).unwrap(), Vec::<String>::new(), "{range:?}");
    }
    let label = Labels::from([("fixed_subnet_cidr", "10.100.0.0/24")]);
    assert!(atomic().check(&checked(&label)).is_err(), "the label is the range of a network that is made");
    let nodes_network = NodesNetwork::Given(Some("10.10.0.0/24"));
    assert!(atomic().check(&Check { nodes_network, ..checked(&label) }).is_ok(), "and of no other");
}
