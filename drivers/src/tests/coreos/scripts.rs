//! Masters and workers from first boot to their report.

use std::fs;

use serde_json::Value;

use super::{super::samples::SECRETS, node::Node};
use crate::tests::{
    flags::{CURRENT, Flags},
    samples::{
        all,
        coreos::{driver, every_label, with},
    },
};

fn booted(node: &Node) -> String {
    let (fine, log) = node.boot();
    assert!(fine, "{log}");
    log
}

fn report(node: &Node) -> Value {
    let text = fs::read_to_string(node.root.join("signals")).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// What a unit runs in an image, and with which arguments.
fn in_image(node: &Node, unit: &str) -> (String, Vec<String>) {
    let words = node.command(unit);
    let at = words.iter().position(|word| word.starts_with("--entrypoint=")).unwrap();
    assert!(words[at].ends_with(unit), "{words:?}");
    (words[at + 1].clone(), words[at + 2..].to_vec())
}

/// Clusters that differ for Heat only; their nodes do the same as others.
const ALIKE: [&str; 10] = [
    "availability_zone",
    "given_network",
    "given_subnet",
    "lb_floating_ip_only",
    "lb_neutron",
    "lb_octavia",
    "no_floating_ip",
    "no_keypair",
    "timeouts",
    "volumes_of_unknown_type",
];

/// Minor version of the table of flags, which is the one that the driver builds.
const CURRENT_MINOR: u64 = 35;

/// Every sample, and each node from the beginning to its report.
#[test]
fn every_node_reports_success_starts_only_what_its_version_knows_and_tells_no_secret() {
    let table = Flags::read(CURRENT);
    for (name, sample) in all(driver()).into_iter().filter(|(name, _)| !ALIKE.contains(name)) {
        for (group, reason, units) in [
            ("kube_masters", "the API answers and etcd is healthy", MASTER.as_slice()),
            ("kube_minions", "the node is Ready", &["kube-proxy"]),
        ] {
            let node = Node::new(&sample, group);
            let log = booted(&node);
            let report = report(&node);
            assert_eq!((&report["status"], &report["reason"]), (&"SUCCESS".into(), &reason.into()), "{name} {group}");
            let calls = fs::read_to_string(node.root.join("calls")).unwrap();
            for secret in SECRETS {
                assert!(!log.contains(secret), "{name} {group}: {secret} in the log");
                assert!(!calls.contains(secret), "{name} {group}: {secret} among arguments");
            }
            if name == "every_label" {
                continue; // its options are no flags
            }
            for unit in units {
                let (image, arguments) = in_image(&node, unit);
                assert!(image.contains(unit), "{name}: {image}");
                assert!(arguments.len() > 2, "{name} {unit}: {arguments:?}");
                table.check(unit, &arguments, CURRENT_MINOR);
            }
            table.check("kubelet", &node.command("kubelet"), CURRENT_MINOR);
        }
    }
}

/// What podman runs on a master.
const MASTER: [&str; 5] = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"];

#[test]
fn options_of_the_user_come_last_and_unharmed() {
    let sample = with(|s| {
        s.labels([("kubeapi_options", "--v=4 --event-ttl=100%h"), ("kubelet_options", "--v=5 --root-dir=/var/lib/$x")]);
    });
    let master = Node::new(&sample, "kube_masters");
    booted(&master);
    let (_, arguments) = in_image(&master, "kube-apiserver");
    assert_eq!(arguments[arguments.len() - 2..], ["--v=4", "--event-ttl=100%h"]);
    assert_eq!(master.command("kubelet").last().unwrap(), "--root-dir=/var/lib/$x");
}

#[test]
fn secrets_on_a_master_are_for_root_alone() {
    let master = Node::new(&every_label(), "kube_masters");
    booted(&master);
    for (path, file) in master.all("/etc").into_iter().chain(master.all("/srv")) {
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        let key = text.contains("PRIVATE KEY")
            || path.starts_with("/etc/kubernetes/secrets/")
            || path.ends_with(".conf") && text.contains("token:");
        if key || SECRETS.iter().any(|secret| text.contains(secret)) {
            let folder = path.rsplit_once('/').unwrap().0;
            let private = master.mode(&path) & 0o077 == 0 || master.mode(folder) & 0o077 == 0;
            assert!(private, "{path}: {:o}", master.mode(&path));
        }
    }
}

#[test]
fn each_master_has_tokens_of_its_own_for_three_users() {
    let masters = [Node::new(&with(|_| {}), "kube_masters"), Node::new(&with(|_| {}), "kube_masters")];
    let mut seen = Vec::new();
    for master in &masters {
        booted(master);
        let tokens = master.read("/etc/kubernetes/secrets/tokens.csv");
        let lines: Vec<Vec<&str>> = tokens.lines().map(|line| line.splitn(4, ',').collect()).collect();
        assert_eq!(
            lines.iter().map(|l| (l[2], l[3])).collect::<Vec<_>>(),
            [("admin", "\"system:masters\""), ("controller-manager", "\"\""), ("scheduler", "\"\""),]
        );
        assert_eq!(lines[1][1], "system:kube-controller-manager");
        assert_eq!(lines[2][1], "system:kube-scheduler");
        for (line, name) in lines.iter().zip(["admin", "controller-manager", "scheduler"]) {
            assert_eq!(line[0].len(), 64);
            let config: Value = serde_yaml_ng::from_str(&master.read(&format!("/etc/kubernetes/{name}.conf"))).unwrap();
            assert_eq!(config["users"][0]["user"]["token"], line[0]);
            assert_eq!(config["clusters"][0]["cluster"]["server"], "https://127.0.0.1:6443", "never over the network");
            seen.push(line[0].to_owned());
        }
        booted(master);
        assert_eq!(master.read("/etc/kubernetes/secrets/tokens.csv"), tokens, "a second run changes nothing");
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 6);
}

#[test]
fn certificates_are_those_that_were_asked_for() {
    let master = Node::new(&with(|_| {}), "kube_masters");
    booted(&master);
    let shown = |name: &str| {
        let path = master.path(&format!("/etc/kubernetes/certs/{name}.crt"));
        let output = std::process::Command::new("openssl")
            .args(["x509", "-noout", "-subject", "-issuer", "-ext", "subjectAltName,extendedKeyUsage", "-in"])
            .arg(path)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for (name, parts) in [
        (
            "server",
            ["CN = kubernetes", "IP Address:127.0.0.1, IP Address:10.254.0.1, IP Address:10.0.0.5", "DNS:kubernetes,"],
        ),
        ("kubelet", ["CN = system:node:blue-9d3c1f7652ab-master-0, O = system:nodes", "IP Address:10.0.0.5", "Server"]),
        ("proxy", ["CN = system:kube-proxy", "O = system:node-proxier", "Client"]),
        ("front-proxy/client", ["CN = front-proxy-client", "issuer=CN = front-proxy-ca-blue", "Client"]),
    ] {
        let text = shown(name);
        assert!(!text.contains("system:masters"), "{text}");
        for part in parts {
            assert!(text.contains(part), "{name}: {part} is missing in\n{text}");
        }
    }
    assert!(!master.path("/etc/kubernetes/certs/front-proxy/ca.key").exists(), "nobody signs with it again");
}

#[test]
fn the_kubelet_is_told_of_taints_labels_and_its_runtime() {
    let (_, sample) = all(driver()).into_iter().find(|(name, _)| *name == "groups").unwrap();
    let worker = Node::new(&sample, "kube_minions");
    booted(&worker);
    let settings: Value = serde_yaml_ng::from_str(&worker.read("/etc/kubernetes/kubelet.yaml")).unwrap();
    assert_eq!(
        settings["registerWithTaints"],
        serde_json::json!([
            {"key": "gpu", "value": "yes", "effect": "NoSchedule"},
            {"key": "batch", "value": "", "effect": "PreferNoSchedule"},
        ])
    );
    assert_eq!(settings["cgroupDriver"], "systemd");
    assert!(settings["containerRuntimeEndpoint"].as_str().unwrap().starts_with("unix:///"));
    assert_eq!(settings["authentication"]["anonymous"]["enabled"], false);
    assert!(worker.command("kubelet").contains(&"--node-labels=disk=ssd,team=blue".to_owned()));
    let master = Node::new(&sample, "kube_masters");
    booted(&master);
    let settings: Value = serde_yaml_ng::from_str(&master.read("/etc/kubernetes/kubelet.yaml")).unwrap();
    assert_eq!(settings["registerWithTaints"][0]["key"], "node-role.kubernetes.io/control-plane");
    let calls = fs::read_to_string(master.root.join("calls")).unwrap();
    assert!(calls.contains("label --overwrite node blue-9d3c1f7652ab-master-0 node-role.kubernetes.io/control-plane="));
}

#[test]
fn the_cloud_provider_is_external_and_only_with_a_trust() {
    let external = "--cloud-provider=external".to_owned();
    for (trust, wanted) in [(Some("trust-1"), true), (None, false)] {
        let sample = with(|s| s.facts.trust_id = trust.map(str::to_owned));
        let worker = Node::new(&sample, "kube_minions");
        booted(&worker);
        assert_eq!(worker.command("kubelet").contains(&external), wanted);
    }
}

#[test]
fn a_file_with_another_checksum_is_not_kept() {
    let worker = Node::new(&with(|_| {}), "kube_minions");
    fs::create_dir_all(worker.root.join("served")).unwrap();
    let script = worker.path("/usr/local/libexec/magnum-node");
    let broken = fs::read_to_string(&script).unwrap().replace("sum=$(curl", "sum=0000$(curl");
    fs::write(script, broken).unwrap();
    let (fine, log) = worker.boot();
    assert!(!fine, "{log}");
    assert_eq!(report(&worker)["status"], "FAILURE");
    assert_eq!(
        report(&worker)["reason"],
        "blue-9d3c1f7652ab-minion-0: CNI plug-ins failed: the CNI plug-ins v1.8.0 could not be fetched"
    );
}

#[test]
fn etcd_trusts_what_the_machine_trusts_when_it_asks_a_discovery() {
    let bundle = "SSL_CERT_FILE=/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem";
    let asked = |name: &str| {
        let (_, sample) = all(driver()).into_iter().find(|(other, _)| *other == name).unwrap();
        let master = Node::new(&sample, "kube_masters");
        booted(&master);
        master.command("etcd").join(" ")
    };
    let words = asked("discovery_url");
    assert!(words.contains(bundle) && words.contains("/etc/pki/ca-trust/extracted:ro"), "{words}");
    assert!(!asked("default").contains("SSL_CERT_FILE"));
}

/// A boot does not wait for these mounts, so what keeps its data there has to.
#[test]
fn what_lies_on_a_volume_does_not_start_without_it() {
    let (_, sample) = all(driver()).into_iter().find(|(name, _)| *name == "volumes").unwrap();
    let node = Node::new(&sample, "kube_masters");
    booted(&node);
    for (unit, folder) in [("etcd", "/var/lib/etcd"), ("containerd", "/var/lib/containerd")] {
        assert!(node.read("/etc/fstab").contains(&format!(" {folder} xfs ")), "{folder}");
        let needs = node.read(&format!("/etc/systemd/system/{unit}.service.d/volume.conf"));
        assert_eq!(needs, format!("[Unit]\nRequiresMountsFor={folder}\n"));
    }
}

#[test]
fn proxies_reach_the_runtime_and_mirrors_every_image() {
    let (_, sample) = all(driver()).into_iter().find(|(name, _)| *name == "proxies").unwrap();
    let worker = Node::new(&sample, "kube_minions");
    booted(&worker);
    let drop_in = worker.read("/etc/systemd/system/containerd.service.d/proxy.conf");
    assert!(drop_in.contains("HTTPS_PROXY=http://proxy.example:3129"), "{drop_in}");
    assert!(drop_in.contains("10.254.0.0/16"), "{drop_in}");
    let master = Node::new(&every_label(), "kube_masters");
    booted(&master);
    for unit in ["etcd", "kube-apiserver", "kube-proxy"] {
        assert!(in_image(&master, unit).0.starts_with("mirror.example:5000/kube/"));
    }
    assert!(
        master
            .read("/etc/containerd/config.toml")
            .contains("sandbox_image = \"mirror.example:5000/kube/pause:v9.9.9\"")
    );
    let calls = fs::read_to_string(master.root.join("calls")).unwrap();
    assert!(calls.contains("https://mirror.example/files/release/v1.35.99/bin/linux/amd64/kubelet"), "{calls}");
}
