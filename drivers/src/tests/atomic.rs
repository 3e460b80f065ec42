//! The Fedora Atomic driver's command lines, for every version of Kubernetes that it takes.

use std::{fs, path::Path, process::Command};

use super::{
    flags::Flags,
    run::{said, script},
    samples::{Sample, atomic},
};

const SCRIPTS: [&str; 6] =
    ["node.sh", "certificates.sh", "manifests.sh", "kubernetes.sh", "etcd.sh", "cloud_provider.sh"];
/// Minor versions between which something differs, with the first and the last that the driver takes.
const MINORS: [u64; 9] = [9, 10, 11, 12, 14, 15, 16, 18, 19];

/// The line of a node's script that configures its kubelet.
fn kubelet_of(script: &str) -> &str {
    let line = script.lines().find(|line| line.starts_with("step \"kubelet\" ")).unwrap();
    line.strip_prefix("step \"kubelet\" ").unwrap()
}

/// What the files of a node's services say, by service.
fn command_lines(sample: &Sample, group: &str) -> Vec<(&'static str, Vec<String>)> {
    let own = if group == "kube_masters" { "master.sh" } else { "minion.sh" };
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("coe").join(atomic().name()).join("templates").join(own);
    let kubelet = fs::read_to_string(template).unwrap();
    let control_plane = if own == "master.sh" { "configure_api_server\nconfigure_controllers\n" } else { "" };
    let with_cloud = if sample.facts.trust_id.is_some() { "configure_cloud_provider\n" } else { "" };
    let commands = format!(
        "system_container() {{ :; }}\ninstall() {{ :; }}\n{with_cloud}{control_plane}{}\n\
         configure_kube_proxy \"$(api_url 127.0.0.1)\"\nwrite_kubernetes_config\n",
        kubelet_of(&kubelet)
    );
    let scripts: Vec<&str> = SCRIPTS.into_iter().chain([own]).collect();
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().to_str().unwrap();
    let text = ["/etc/kubernetes", "/etc/cni", "/opt/cni"]
        .iter()
        .fold(script(atomic(), sample, group, &scripts, &commands), |text, path| text.replace(path, folder));
    said(&Command::new("bash").arg("-c").arg(text).output().unwrap());
    let words = |file: &str, name: &str| -> Vec<String> {
        let text = fs::read_to_string(root.path().join(file)).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once("=\"")).filter(|(found, _)| found.starts_with(name));
        lines.flat_map(|(_, value)| value.trim_end_matches('"').split_whitespace().map(str::to_owned)).collect()
    };
    let common: Vec<String> = words("config", "KUBE_LOG");
    let privileged = words("config", "KUBE_ALLOW_PRIV");
    [
        ("kube-apiserver", "apiserver", true),
        ("kube-controller-manager", "controller-manager", false),
        ("kube-scheduler", "scheduler", false),
        ("kube-proxy", "proxy", false),
        ("kubelet", "kubelet", true),
    ]
    .into_iter()
    .map(|(component, file, reads_privileged)| {
        let privileged = if reads_privileged { privileged.as_slice() } else { &[] };
        let own = words(file, "KUBE");
        let all = if own.is_empty() { own } else { [&common, privileged, &own].concat() };
        (component, all)
    })
    .filter(|(_, words)| !words.is_empty())
    .collect()
}

type Change = fn(&mut Sample);

#[test]
fn every_version_gets_flags_that_it_knows() {
    let table = Flags::read(super::flags::ATOMIC);
    let changes: [(&str, Change); 4] = [
        ("plain", |_| {}),
        ("without TLS", |s| s.template.tls_disabled = true),
        ("calico and the provider in-tree", |s| {
            s.template.network_driver = Some("calico".to_owned());
            s.facts.trust_id = Some("trust-1".to_owned());
        }),
        ("the external provider", |s| {
            s.cluster.labels.0.insert("cloud_provider_tag".to_owned(), "v1.15.0".to_owned());
            s.facts.trust_id = Some("trust-1".to_owned());
        }),
    ];
    for minor in MINORS {
        for (name, change) in changes {
            let mut sample = Sample::with(change);
            sample.cluster.labels.0.insert("kube_tag".to_owned(), format!("v1.{minor}.3"));
            for (group, count) in [("kube_masters", 5), ("kube_minions", 2)] {
                let lines = command_lines(&sample, group);
                assert_eq!(lines.len(), count, "{name} {group}: {lines:?}");
                for (component, words) in lines {
                    assert!(words.len() > 3, "{component}: {words:?}");
                    table.check(component, &words, minor);
                    assert_values(component, &words, minor, &format!("1.{minor} {name} {group}"));
                }
            }
        }
    }
}

#[test]
fn the_version_is_read_from_tags_of_every_kind() {
    for (tag, minor) in
        [("v1.19.16", "19"), ("1.15.7", "15"), ("v1.9.3-own.2", "9"), ("stable", "11"), ("20201005-a", "11")]
    {
        let sample = Sample::with(|s| s.labels([("kube_tag", "v1.11.6")]));
        let commands = format!("KUBE_TAG={tag}\nkube_minor\n");
        let text = script(atomic(), &sample, "kube_masters", &SCRIPTS, &commands);
        assert_eq!(said(&Command::new("bash").arg("-c").arg(text).output().unwrap()), minor, "{tag}");
    }
}

/// What a flag's name does not tell.
fn assert_values(component: &str, words: &[String], minor: u64, what: &str) {
    let has = |word: &str| words.iter().any(|other| other == word);
    match component {
        "kubelet" => {
            let labels = words.iter().filter_map(|word| word.strip_prefix("--node-labels="));
            // From 1.16 on a kubelet refuses to start with most labels of Kubernetes' own.
            assert!(labels.into_iter().all(|labels| !labels.contains("kubernetes.io/")), "{what}: {words:?}");
        }
        "kube-apiserver" => {
            assert!(minor < 12 || !has("--secure-port=0"), "{what}: it must have a secure port");
            assert!(has("--allow-privileged=true"), "{what}: {words:?}");
            let both = ["--admission-control", "--enable-admission-plugins"]
                .map(|flag| words.iter().any(|word| word.starts_with(flag)));
            assert_eq!(both, [minor < 10, minor >= 10], "{what}: one of them, never both");
        }
        _ => {}
    }
}
