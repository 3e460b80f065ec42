//! What a first master gives to its cluster, read as Kubernetes would read it.

use std::{collections::BTreeSet, fs, sync::LazyLock};

use serde_json::{Value, json};

use super::{
    super::samples::{
        SECRETS, Sample,
        coreos::{every_label, with},
    },
    node::Node,
};

/// What Kubernetes 1.35 serves of what is made here.
const SERVED: [&str; 9] = [
    "apiextensions.k8s.io/v1",
    "apiregistration.k8s.io/v1",
    "apps/v1",
    "networking.k8s.io/v1",
    "rbac.authorization.k8s.io/v1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1",
    "v1",
    "coordination.k8s.io/v1",
];

/// Name of each manifest and its objects, in the order they were applied.
type Manifests = Vec<(String, Vec<Value>)>;

fn applied(sample: &Sample) -> Manifests {
    let master = Node::new(sample, "kube_masters");
    let (fine, log) = master.boot();
    assert!(fine, "{log}");
    master
        .all("/applied")
        .keys()
        .map(|name| {
            let text = master.read(name);
            let name = name.trim_start_matches("/applied/")[3..].trim_end_matches(".yaml").to_owned();
            (name, objects(&text))
        })
        .collect()
}

fn objects(text: &str) -> Vec<Value> {
    let documents = text.split("\n---\n").map(|part| part.trim_start_matches("---\n"));
    let kept = documents.filter(|part| !part.trim().is_empty());
    kept.map(|part| serde_yaml_ng::from_str(part).unwrap_or_else(|e| panic!("{e}\n{part}"))).collect()
}

/// What the first masters of several clusters apply.
static APPLIED: LazyLock<Vec<Manifests>> = LazyLock::new(|| samples().iter().map(applied).collect());

fn samples() -> Vec<Sample> {
    let mut all = vec![with(|_| {}), every_label()];
    for ingress in ["traefik", "nginx"] {
        let mut sample = every_label();
        sample.cluster.labels.0.insert("ingress_controller".to_owned(), ingress.to_owned());
        sample.template.network_driver = Some("flannel".to_owned());
        all.push(sample);
    }
    all
}

fn pods(object: &Value) -> Option<&Value> {
    let spec = &object["spec"]["template"]["spec"];
    if object["kind"] == "Pod" { Some(&object["spec"]) } else { spec.is_object().then_some(spec) }
}

#[test]
fn what_is_applied_when() {
    let names = |index: usize| APPLIED[index].iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    assert_eq!(names(0), ["roles", "flannel", "coredns", "metrics-server"]);
    assert_eq!(
        names(1),
        [
            "roles",
            "calico",
            "cloud-config",
            "cloud-controller-manager",
            "cinder-csi",
            "coredns",
            "metrics-server",
            "dashboard",
            "monitoring",
            "ingress"
        ]
    );
    let second = with(|s| {
        s.groups[0].node_count = 3;
        s.cluster.master_lb_enabled = true;
    });
    let node = Node::new(&second, "kube_masters");
    let parameters = node.path("/etc/sysconfig/heat-params");
    let text = fs::read_to_string(&parameters).unwrap().replace("NODE_INDEX=0", "NODE_INDEX=1");
    fs::write(parameters, text).unwrap();
    assert!(node.boot().0);
    assert!(node.all("/applied").is_empty(), "once is enough");
}

#[test]
fn objects_are_of_kinds_that_are_served_and_in_namespaces_that_exist() {
    for manifests in APPLIED.iter() {
        let mut spaces: BTreeSet<String> = ["kube-system", "default"].map(str::to_owned).into();
        for (manifest, objects) in manifests {
            for object in objects {
                let name = object["metadata"]["name"].as_str().unwrap();
                let version = object["apiVersion"].as_str().unwrap();
                assert!(SERVED.contains(&version), "{manifest}: {version} of {name}");
                if object["kind"] == "Namespace" {
                    spaces.insert(name.to_owned());
                }
                if let Some(space) = object["metadata"]["namespace"].as_str() {
                    assert!(spaces.contains(space), "{manifest}: {name} in {space}, which is not there yet");
                }
                let labels = &object["spec"]["template"]["metadata"]["labels"];
                for (key, value) in object["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten() {
                    assert_eq!(&labels[key], value, "{manifest}: {name} does not select its own pods");
                }
            }
        }
    }
}

#[test]
fn every_account_is_made_and_may_do_something() {
    for manifests in APPLIED.iter() {
        for (manifest, objects) in manifests {
            let of = |kind: &str| -> BTreeSet<String> {
                let found = objects.iter().filter(|object| object["kind"] == kind);
                found.map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()).collect()
            };
            let (accounts, roles) = (of("ServiceAccount"), of("ClusterRole"));
            for object in objects {
                if let Some(account) = pods(object).and_then(|spec| spec["serviceAccountName"].as_str()) {
                    assert!(accounts.contains(account) || account == "default", "{manifest}: account {account}");
                }
                if object["kind"] == "ClusterRoleBinding" {
                    let role = object["roleRef"]["name"].as_str().unwrap();
                    assert!(roles.contains(role) || role.starts_with("system:"), "{manifest}: role {role}");
                    assert_ne!(role, "cluster-admin", "{manifest}");
                }
            }
        }
    }
}

#[test]
fn images_follow_the_mirror_and_have_versions() {
    let mut images = BTreeSet::new();
    for manifests in APPLIED.iter().skip(1) {
        for (manifest, objects) in manifests {
            for spec in objects.iter().filter_map(pods) {
                for container in ["containers", "initContainers"]
                    .iter()
                    .flat_map(|kind| spec[*kind].as_array().into_iter().flatten())
                {
                    let image = container["image"].as_str().unwrap();
                    let bare = image
                        .strip_prefix("mirror.example:5000/kube/")
                        .unwrap_or_else(|| panic!("{manifest}: {image}"));
                    assert!(!bare.contains('/') && bare.ends_with(":v9.9.9"), "{image}");
                    images.insert(bare.to_owned());
                    let mounted: BTreeSet<_> = container["volumeMounts"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(|m| m["name"].as_str().unwrap())
                        .collect();
                    let there: BTreeSet<_> =
                        spec["volumes"].as_array().into_iter().flatten().map(|v| v["name"].as_str().unwrap()).collect();
                    assert!(mounted.is_subset(&there), "{manifest} {bare}: {mounted:?} of {there:?}");
                }
            }
        }
    }
    assert!(images.len() >= 19, "{images:?}");
}

/// Bundles of authorities are links within `/etc/pki/ca-trust` on Fedora, which lead nowhere below any other mount.
#[test]
fn what_asks_the_cloud_trusts_what_the_node_trusts() {
    const TRUST: &str = "/etc/pki/ca-trust/extracted";
    let mut trusting = Vec::new();
    for (manifest, objects) in &APPLIED[1] {
        for spec in objects.iter().filter_map(pods) {
            let of_node = |path: &str| {
                spec["volumes"].as_array().into_iter().flatten().find(|volume| volume["hostPath"]["path"] == path)
            };
            for path in ["/etc/ssl", "/etc/ssl/certs", "/etc/pki/tls", "/etc/pki/tls/certs"] {
                assert!(of_node(path).is_none(), "{manifest}: {path}");
            }
            let Some(volume) = of_node(TRUST) else { continue };
            let container = &spec["containers"][0];
            let mounts = container["volumeMounts"].as_array().unwrap();
            let mount = mounts.iter().find(|mount| mount["name"] == volume["name"]).unwrap();
            assert_eq!((mount["mountPath"].as_str(), mount["readOnly"].as_bool()), (Some(TRUST), Some(true)));
            let bundle = json!([{"name": "SSL_CERT_FILE", "value": format!("{TRUST}/pem/tls-ca-bundle.pem")}]);
            assert_eq!(container["env"], bundle, "{manifest}");
            trusting.push(container["name"].as_str().unwrap());
        }
    }
    assert_eq!(trusting, ["octavia-ingress-controller"]);
}

#[test]
fn secrets_are_in_secrets_only() {
    for manifests in APPLIED.iter() {
        for (manifest, objects) in manifests {
            for object in objects.iter().filter(|object| object["kind"] != "Secret") {
                let text = object.to_string();
                assert!(SECRETS.iter().all(|secret| !text.contains(secret)), "{manifest}: {text}");
            }
        }
    }
}
