//! The node scripts carried out, with stand-ins for what only a node has.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use super::{
    hot::Rendered,
    ignition::readable,
    samples::{Sample, atomic, every_label},
};
use crate::Driver;

/// Runs `commands` on a node of the atomic driver.
fn run(sample: &Sample, group: &str, scripts: &[&str], commands: &str) -> Output {
    run_of(atomic(), sample, group, scripts, commands)
}

/// Runs what [`script`] makes.
pub(super) fn run_of(driver: &dyn Driver, sample: &Sample, group: &str, scripts: &[&str], commands: &str) -> Output {
    Command::new("bash").arg("-c").arg(script(driver, sample, group, scripts, commands)).output().unwrap()
}

/// `commands` after the functions of the named scripts, with the parameters of a node of the driver already read.
pub(super) fn script(driver: &dyn Driver, sample: &Sample, group: &str, scripts: &[&str], commands: &str) -> String {
    let request = sample.stack(driver);
    let user_data = readable(&Rendered::new(&request).user_data(group, 0));
    let mut text = String::new();
    for line in user_data.lines().take_while(|line| !line.starts_with("set -euo")) {
        if let Some((name, value)) = line.split_once('=').filter(|(name, _)| is_name(name)) {
            writeln!(text, "{name}='{}'", value.replace('\'', "'\\''")).unwrap();
        }
    }
    text.push_str("set -euo pipefail\n");
    for name in scripts {
        text.push_str(&source(driver, name));
    }
    text.push_str("sleep() { :; }\n");
    text.push_str(commands);
    text
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// A script without the lines that act instead of defining.
fn source(driver: &dyn Driver, name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join("coe").join(driver.name()).join("templates").join(name);
    let text = fs::read_to_string(own).or_else(|_| fs::read_to_string(root.join("shared").join(name))).unwrap();
    let acts = ["step \"", "apply_extras", "load_parameters", "trap finish"];
    let kept = text.lines().filter(|line| !acts.iter().any(|act| line.starts_with(act) && !line.ends_with('{')));
    kept.fold(String::new(), |all, line| all + line + "\n")
}

pub(super) fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Kinds and names of the objects a manifest holds.
fn objects(manifest: &str) -> Vec<(String, Value)> {
    manifest
        .split("\n---\n")
        .map(|text| text.trim_start_matches("---\n"))
        .filter(|text| !text.trim().is_empty())
        .map(|text| {
            let object: Value = serde_yaml_ng::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
            assert!(object["apiVersion"].is_string(), "{text}");
            let name = object["metadata"]["name"].as_str().unwrap();
            (format!("{} {name}", object["kind"].as_str().unwrap()), object)
        })
        .collect()
}

const MASTER: [&str; 5] = ["node.sh", "certificates.sh", "kubernetes.sh", "etcd.sh", "manifests.sh"];

#[test]
fn manifests_are_yaml_with_images_from_the_mirror() {
    let sample = every_label();
    let extras =
        ["cloud_provider.sh", "coredns.sh", "calico.sh", "dashboard.sh", "monitoring.sh", "ingress.sh", "master.sh"];
    let scripts: Vec<&str> = MASTER.into_iter().chain(extras).collect();
    let mut images = 0;
    for (function, expected) in [
        ("roles_manifest", "ServiceAccount admin"),
        ("external_provider", "DaemonSet openstack-cloud-controller-manager"),
        ("coredns_manifest", "Service kube-dns"),
        ("calico_manifest", "DaemonSet calico-node"),
        ("dashboard_manifest ''", "Deployment kubernetes-dashboard"),
        ("influx_manifest", "Service monitoring-grafana"),
        ("monitoring_manifest", "Namespace prometheus-monitoring"),
        ("ingress_manifest", "DaemonSet ingress-traefik"),
    ] {
        let found = objects(&said(&run(&sample, "kube_masters", &scripts, function)));
        assert!(
            found.iter().any(|(name, _)| name == expected),
            "{function}: {:?}",
            found.iter().map(|f| &f.0).collect::<Vec<_>>()
        );
        for (name, object) in &found {
            for container in object["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten() {
                let image = container["image"].as_str().unwrap();
                images += 1;
                assert!(image.starts_with("mirror.example:5000/kube/"), "{name}: {image}");
                let bare = image.trim_start_matches("mirror.example:5000/kube/");
                assert!(!bare.contains('/') && bare.split_once(':').is_some_and(|(_, tag)| !tag.is_empty()), "{image}");
            }
        }
    }
    assert!(images >= 11, "{images}");
    let monitoring = said(&run(&sample, "kube_masters", &scripts, "monitoring_manifest"));
    assert!(objects(&monitoring)[0].0.starts_with("Namespace"), "the namespace comes first");
    assert!(!monitoring.contains("grafana-secret"), "the password is in a Secret only");
}

#[test]
fn parameters_are_data_and_nothing_in_them_is_executed() {
    let folder = std::env::temp_dir().join(format!("drivers-parameters-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("heat-params");
    let hostile = r#"$(touch pwned) `id` "quoted" 'single' \back; a=b"#;
    fs::write(&file, format!("KUBELET_OPTIONS={hostile}\nnot a parameter\nEMPTY=\n")).unwrap();
    let path = file.to_str().unwrap();
    let script = source(atomic(), "node.sh");
    let reader = script.split("read_parameters() {").nth(1).unwrap().split("\n}\n").next().unwrap();
    let text = format!(
        "set -eu\nread_parameters() {{{reader}\n}}\nread_parameters {path}\nprintf '%s|%s' \"$KUBELET_OPTIONS\" \"$EMPTY\""
    );
    let output = Command::new("bash").arg("-c").arg(text).current_dir(&folder).output().unwrap();
    assert_eq!(said(&output), format!("{hostile}|"));
    assert!(!folder.join("pwned").exists());
    fs::remove_dir_all(folder).unwrap();
}

/// A stand-in for curl: answers by what is asked, and keeps what it was told. Tokens arrive in a file given with -K.
const CURL: &str = r#"
curl() {
    local url="" code=200 header="" previous="" argument
    for argument in "$@"; do
        [[ $argument == http* ]] && url=$argument
        [[ $previous == -K ]] && header=$(cat "$argument")
        previous=$argument
    done
    printf '%s %s\n' "$url" "$header" >&3
    case $url in
        */auth/tokens) cat >/dev/null; printf 'HTTP/1.1 201 Created\r\nX-Subject-Token: fresh\r\n\r\n' ;;
        */signal) cat >&3; if [[ $header == *tttt* ]]; then code=401; fi; printf '%s' "$code" ;;
        */certificates/*) printf '{"pem": "-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n"}' ;;
    esac
}
exec 3>&1
"#;

#[test]
fn a_failure_is_reported_with_its_reason_even_when_the_token_has_ended() {
    let commands =
        format!("{CURL}\ntrap finish EXIT\nbroken() {{ fail 'etcd is not \"healthy\"'; }}\nstep etcd broken\n");
    let output = run(&Sample::plain(), "kube_masters", &["node.sh"], &commands);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("X-Auth-Token: fresh"), "{text}");
    let body = text.lines().rfind(|line| line.starts_with('{')).unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["status"], "FAILURE");
    assert_eq!(body["reason"], "blue-9d3c1f7652ab-master-0: etcd failed: etcd is not \"healthy\"");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!log.contains("trustee-secret") && !log.contains("tttt"), "{log}");
}

#[test]
fn an_unexpected_end_is_a_failure_too() {
    let commands = format!("{CURL}\ntrap finish EXIT\nstep 'docker storage' false\n");
    let output = run(&Sample::plain(), "kube_minions", &["node.sh"], &commands);
    assert_ne!(output.status.code(), Some(0));
    assert!(
        String::from_utf8_lossy(&output.stdout)
            .contains("\"reason\":\"blue-9d3c1f7652ab-minion-0: docker storage failed\"")
    );
}

#[test]
fn what_is_no_certificate_is_not_kept() {
    let commands = format!(
        "{CURL}\nCERTIFICATES=$(mktemp -d)\nif fetch_ca 2>/dev/null; then echo kept; else echo refused; fi\nls $CERTIFICATES\n"
    );
    let text = said(&run(&Sample::plain(), "kube_minions", &["node.sh", "certificates.sh"], &commands));
    assert!(text.contains("refused"), "{text}");
    assert!(!text.lines().any(|line| line == "ca.crt"), "{text}");
    assert!(text.contains(&format!("https://cloud.example:9511/v1/certificates/{}", super::samples::UUID)));
}

/// A CA and a signing service in a few lines of openssl: the certificates a master asks for are what they should be.
const SIGNER: &str = r#"
CERTIFICATES=$(mktemp -d)
cd "$CERTIFICATES"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$CERTIFICATES/authority.key" -out ca.crt -days 30 -subj /CN=ca 2>/dev/null
retry() { shift; "$@"; }
magnum_curl() {
    local body
    body=$(cat)
    printf '%b' "$(sed -n 's/.*"csr":"\([^"]*\)".*/\1/p' <<<"$body")" >asked.csr
    openssl x509 -req -in asked.csr -CA ca.crt -CAkey authority.key -CAcreateserial -days 30 -copy_extensions copy \
        -out signed.crt 2>/dev/null
    printf '{"cluster_uuid": "x", "pem": "%s"}' "$(awk '{printf "%s\\n", $0}' signed.crt)"
}
"#;

#[test]
fn a_master_asks_for_the_certificates_of_the_reference() {
    let commands = format!(
        "{SIGNER}\npublic_address() {{ printf '%s' \"$KUBE_NODE_PUBLIC_IP\"; }}\nhostname() {{ echo node.example; }}\n\
         KUBE_NODE_PUBLIC_IP=172.24.4.5 KUBE_API_PUBLIC_ADDRESS=172.24.4.9 KUBE_API_PRIVATE_ADDRESS=10.0.0.5\n\
         make_certificate server kubernetes '' \"$(server_names)\" clientAuth,serverAuth\nkubelet_certificate\n\
         for name in server kubelet proxy; do openssl x509 -noout -subject -ext subjectAltName,extendedKeyUsage -in $name.crt; done\n\
         before=$(sha256sum server.crt)\nmake_certificate server kubernetes '' \"$(server_names)\" clientAuth,serverAuth\n\
         [[ $before == \"$(sha256sum server.crt)\" ]] && echo unchanged\n"
    );
    let scripts = ["node.sh", "certificates.sh", "kubernetes.sh", "etcd.sh", "manifests.sh", "master.sh"];
    let text = said(&run(&Sample::plain(), "kube_masters", &scripts, &commands));
    for part in [
        "CN = kubernetes",
        "IP Address:127.0.0.1, IP Address:10.254.0.1, IP Address:10.0.0.5, IP Address:172.24.4.5, IP Address:172.24.4.9, \
         DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc, DNS:kubernetes.default.svc.cluster.local",
        "CN = system:node:blue-9d3c1f7652ab-master-0, O = system:nodes",
        "CN = system:kube-proxy, O = system:node-proxier",
        "TLS Web Client Authentication, TLS Web Server Authentication",
        "unchanged",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}

#[test]
fn etcd_starts_from_the_addresses_of_all_masters() {
    let sample = Sample::with(|s| {
        s.groups[0].node_count = 3;
        s.cluster.master_lb_enabled = true;
    });
    let text = said(&run(&sample, "kube_masters", &MASTER, "initial_cluster"));
    assert_eq!(text, "10.0.0.5=https://10.0.0.5:2380,10.0.0.6=https://10.0.0.6:2380,10.0.0.7=https://10.0.0.7:2380");
}

#[test]
fn no_proxy_always_covers_the_cluster() {
    let sample = Sample::with(|s| s.template.no_proxy = Some("intranet.example".to_owned()));
    let commands = "own_networks() { printf 10.9.0.0/24; }\nfull_no_proxy\n";
    let text = said(&run(&sample, "kube_minions", &["node.sh", "proxy.sh"], commands));
    for part in [
        "intranet.example,",
        "169.254.169.254",
        "10.0.0.0/24",
        "10.100.0.0/16",
        "10.254.0.0/16",
        "10.0.0.5",
        "10.9.0.0/24",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_cloud_configuration_names_octavia_and_the_api_versions() {
    let sample = Sample::with(|s| {
        s.facts.trust_id = Some("trust-1".to_owned());
        s.facts.octavia = true;
        s.template.external_network_id = Some("0d6f2d5e-8f0a-4ab7-9c0e-1d2c3b4a5968".to_owned());
    });
    let commands = "install() { :; }\ngetent() { return 1; }\nCLOUD_CONFIG=$(mktemp)\nconfigure_cloud_provider\n\
                    stat -c %a \"$CLOUD_CONFIG\"\ncat \"$CLOUD_CONFIG\"\necho \"$KUBELET_CLOUD\"\n";
    let text = said(&run(&sample, "kube_minions", &["node.sh", "kubernetes.sh", "cloud_provider.sh"], commands));
    for part in [
        "600\n",
        "use-octavia=true",
        "bs-version=v3",
        "trust-id=\"trust-1\"",
        "floating-network-id=\"0d6f2d5e-8f0a-4ab7-9c0e-1d2c3b4a5968\"",
        "--cloud-provider=openstack",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn services_that_log_in_to_the_cloud_start_again_with_other_credentials() {
    let stubs = "start_services() { echo start \"$@\"; }; retry() { :; }; optional() { echo optional \"$@\"; }
        KUBECTL=(echo kubectl); INSTANCE_NAME=blue-0; wait_until_ready() { echo ready; }\n";
    let with_cloud = format!("{stubs} write_cloud_config() {{ echo written; }}; use_credentials 2>&1");
    let without = format!("{stubs} use_credentials 2>&1");
    let master = |commands: &str| said(&run(&Sample::plain(), "kube_masters", &["node.sh", "master.sh"], commands));
    let told = master(&with_cloud);
    assert!(told.starts_with("written\nstart kube-controller-manager kubelet\nkubectl "), "{told}");
    assert!(told.contains("delete pods") && told.trim_end().ends_with("spec.nodeName=blue-0"), "{told}");
    assert_eq!(master(&without), "", "nothing there logs in");
    let minion = |commands: &str| said(&run(&Sample::plain(), "kube_minions", &["node.sh", "minion.sh"], commands));
    assert_eq!(minion(&with_cloud), "written\nstart kubelet\noptional configure_registry\nready\n");
    assert_eq!(minion(&without), "optional configure_registry\nready\n");
}
