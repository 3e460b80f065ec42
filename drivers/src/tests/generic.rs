//! What holds for every driver and every sample.

use std::collections::{BTreeMap, BTreeSet};

use domain::Error;
use serde_json::{Value, json};

use super::{
    hot::{Rendered, each_call, parse},
    samples::{SECRETS, Sample, all, atomic, every_label, group},
};
use crate::{
    Check, DRIVERS, Driver, NodesNetwork, Outputs, Rules, StackRequest, driver_for, driver_named, params::HIDDEN,
};

/// Every request each driver makes of the samples.
fn requests() -> Vec<(String, &'static dyn Driver, StackRequest)> {
    DRIVERS
        .iter()
        .flat_map(|driver| {
            all(*driver)
                .into_iter()
                .map(|(name, sample)| (format!("{} {name}", driver.name()), *driver, sample.stack(*driver)))
        })
        .collect()
}

/// All templates of a request: the main one and the nested ones, by name.
fn templates(request: &StackRequest) -> BTreeMap<String, Value> {
    let nested = request.files.iter().filter(|(name, _)| name.ends_with(".yaml"));
    let mut all: BTreeMap<_, _> = nested.map(|(name, text)| (name.clone(), parse(text))).collect();
    all.insert("cluster.yaml".to_owned(), parse(&request.template));
    all
}

fn declared(template: &Value) -> BTreeSet<String> {
    template["parameters"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// Names a template reads through `get_param`.
fn read(template: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    each_call(template, &mut |function, arguments| {
        if function == "get_param" {
            names.extend(arguments.as_str().or_else(|| arguments[0].as_str()).map(str::to_owned));
        }
    });
    names
}

#[test]
fn drivers_are_found_by_what_they_serve() {
    let found = driver_for("vm", "fedora-atomic", "kubernetes", &[]).unwrap();
    assert_eq!(found.name(), "k8s_fedora_atomic_v1");
    assert!(driver_for("vm", "Fedora-Atomic", "kubernetes", &[]).is_none(), "compared as written");
    assert!(driver_for("vm", "fedora-atomic", "kubernetes", &["k8s_fedora_atomic_v1".to_owned()]).is_none());
    assert!(driver_named("k8s_fedora_atomic_v1").is_some());
    let mut served = BTreeSet::new();
    for driver in DRIVERS {
        assert!(!driver.provides().is_empty());
        for p in driver.provides() {
            assert!(served.insert((p.server_type, p.os, p.coe)), "two drivers serve {p:?}");
        }
    }
}

/// Heat takes the properties of a nested stack for a whole environment when one has the name of an environment's section.
#[test]
fn no_parameter_has_the_name_of_an_environments_section() {
    let sections = [
        "parameters",
        "parameter_defaults",
        "parameter_merge_strategies",
        "resource_registry",
        "encrypted_param_names",
        "event_sinks",
    ];
    for (name, _, request) in requests() {
        for (file, template) in templates(&request) {
            let names = declared(&template);
            assert!(sections.iter().all(|section| !names.contains(*section)), "{name}: {file}");
        }
    }
}

#[test]
fn what_is_sent_is_declared_and_what_is_required_is_given() {
    for (name, driver, request) in requests() {
        let template = parse(&request.template);
        let known = declared(&template);
        for sent in request.parameters.keys() {
            assert!(known.contains(sent), "{name}: {sent} is sent and not declared");
        }
        for (parameter, shape) in template["parameters"].as_object().unwrap() {
            let given = request.parameters.contains_key(parameter) || shape.get("default").is_some();
            assert!(given, "{name}: {parameter} is required and not sent");
        }
        let change = driver.resize(&Sample::of(driver).input()).unwrap();
        assert!(change.parameters.keys().all(|sent| known.contains(sent)), "{name}: resize");
        assert!(request.parameters.values().all(|value| !value.is_null()), "{name}: null");
    }
}

#[test]
fn what_is_declared_is_used() {
    for driver in DRIVERS {
        // Variants of one file share their parameters, and one of them may have no use for some.
        let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut used = known.clone();
        for (_, sample) in all(*driver) {
            for (file, template) in templates(&sample.stack(*driver)) {
                known.entry(file.clone()).or_default().extend(declared(&template));
                used.entry(file).or_default().extend(read(&template));
            }
        }
        for (file, names) in &known {
            let unused: Vec<_> = names.difference(&used[file]).collect();
            assert!(unused.is_empty(), "{} {file}: {unused:?} are declared and not used", driver.name());
            let unknown: Vec<_> = used[file].difference(names).filter(|name| !name.starts_with("OS::")).collect();
            assert!(unknown.is_empty(), "{} {file}: {unknown:?} are used and not declared", driver.name());
        }
    }
}

/// By its name the conductor finds the handle of a condition, when it looks who has reported.
#[test]
fn a_wait_condition_is_named_like_its_handle() {
    for (name, _, request) in requests() {
        for (file, template) in templates(&request) {
            for (condition, resource) in template["resources"].as_object().into_iter().flatten() {
                if resource["type"] == "OS::Heat::WaitCondition" {
                    let handle = json!({"get_resource": condition.replace("_condition", "_handle")});
                    assert_eq!(resource["properties"]["handle"], handle, "{name} {file}: {condition}");
                }
            }
        }
    }
}

/// A condition that waits for fewer reports than there were orders is met before its node has heard of the last one.
#[test]
fn who_gives_orders_waits_for_all_reports() {
    let mut seen = 0;
    for driver in DRIVERS.iter().filter(|driver| driver.takes_orders()) {
        for (_, sample) in all(*driver) {
            for (file, template) in templates(&sample.stack(*driver)) {
                for (name, resource) in template["resources"].as_object().into_iter().flatten() {
                    if resource["type"] == "OS::Heat::WaitCondition" {
                        let count = &resource["properties"]["count"];
                        assert_eq!(count, &json!({"get_param": "node_reports"}), "{} {file}: {name}", driver.name());
                        seen += 1;
                    }
                }
            }
        }
    }
    assert!(seen > 0);
}

#[test]
fn references_lead_somewhere() {
    for (name, _, request) in requests() {
        let mut reached = BTreeSet::new();
        for (file, template) in templates(&request) {
            let resources = template["resources"].as_object().cloned().unwrap_or_default();
            let conditions = template["conditions"].as_object().cloned().unwrap_or_default();
            each_call(&template, &mut |function, arguments| match function {
                "get_file" => {
                    let target = arguments.as_str().unwrap();
                    assert!(request.files.contains_key(target), "{name} {file}: no file {target}");
                    reached.insert(target.to_owned());
                }
                "get_resource" | "get_attr" => {
                    let target = arguments.as_str().or_else(|| arguments[0].as_str()).unwrap();
                    assert!(resources.contains_key(target), "{name} {file}: no resource {target}");
                }
                "if" => {
                    let target = arguments[0].as_str().unwrap();
                    assert!(conditions.contains_key(target), "{name} {file}: no condition {target}");
                }
                _ => {}
            });
            for resource in resources.values() {
                reached.extend(nested_types(&request, &file, resource));
                if let Some(condition) = resource["condition"].as_str() {
                    assert!(conditions.contains_key(condition), "{name} {file}: no condition {condition}");
                }
            }
        }
        let sent: BTreeSet<_> = request.files.keys().cloned().collect();
        assert_eq!(sent, reached, "{name}: files that nothing refers to");
    }
}

/// Names of the nested templates a resource is made of, after a check that it gives what they declare: nothing else, and
/// everything that has no default.
fn nested_types(request: &StackRequest, file: &str, resource: &Value) -> Vec<String> {
    let group = &resource["properties"]["resource_def"];
    [resource, group]
        .into_iter()
        .filter_map(|node| {
            let kind = node["type"].as_str().filter(|kind| kind.ends_with(".yaml"))?;
            let text = request.files.get(kind).unwrap_or_else(|| panic!("{file}: no nested template {kind}"));
            let given: BTreeSet<_> = node["properties"].as_object().unwrap().keys().cloned().collect();
            let template = parse(text);
            let known = declared(&template);
            let needed = |name: &&String| template["parameters"][name.as_str()].get("default").is_none();
            let missing: Vec<_> = known.iter().filter(needed).filter(|name| !given.contains(*name)).collect();
            assert!(
                given.is_subset(&known) && missing.is_empty(),
                "{file}: properties of {kind}: {given:?}, not {known:?}"
            );
            Some(kind.to_owned())
        })
        .collect()
}

/// A registry without the trust would run and reach no image.
#[test]
fn a_registry_needs_the_trust_beside_the_switch() {
    let mut seen = 0;
    for driver in DRIVERS {
        for trust in [None, Some("trust-1".to_owned())] {
            let mut sample = Sample::of(*driver);
            sample.template.registry_enabled = true;
            sample.facts.trust_id = trust;
            let further = domain::NodeGroup { is_default: false, ..group("further", "worker", 1) };
            let known = json!({"outputs": [{"output_key": "api_private_address", "output_value": "10.0.0.5"}]});
            let cluster = Outputs::of_stack(&known);
            let groups = driver.node_groups().map(|groups| groups.stack(&sample.input(), &further, &cluster).unwrap());
            for request in [Some(sample.stack(*driver)), groups].into_iter().flatten() {
                if parse(&request.template)["conditions"].get("with_registry").is_none() {
                    continue;
                }
                let runs = Rendered::new(&request).holds("with_registry");
                assert_eq!(runs, sample.facts.trust_id.is_some(), "{} {}", driver.name(), request.name);
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 10, "both templates of one driver, one of three");
}

/// Words that the nodes' runtime does not know would only fail there.
#[test]
fn storage_drivers_are_those_that_the_nodes_have() {
    let labels = domain::Labels::default();
    for (name, allowed) in [
        ("k8s_fedora_atomic_v1", "devicemapper, overlay, overlay2, vfs"),
        ("swarm_fedora_atomic_v1", "devicemapper, overlay, overlay2, vfs"),
        ("swarm_fedora_atomic_v2", "devicemapper, overlay, overlay2, vfs"),
        ("k8s_fedora_coreos_v1", "overlay, overlay2"),
        ("mesos_ubuntu_v1", "aufs, overlay, overlay2, vfs"),
    ] {
        let driver = driver_named(name).unwrap();
        let check = |storage| {
            driver.check(&Check {
                labels: &labels,
                master_count: None,
                master_lb_enabled: false,
                tls_disabled: driver.name() == "mesos_ubuntu_v1",
                network_driver: None,
                nodes_network: NodesNetwork::Made,
                registry_enabled: false,
                volume_driver: None,
                docker_volume_size: None,
                docker_storage_driver: storage,
                docker_volume_type: None,
                rules: Rules::default(),
            })
        };
        for storage in allowed.split(", ").map(Some).chain([None, Some("")]) {
            assert!(check(storage).is_ok(), "{name} {storage:?}");
        }
        for storage in ["overlay3", "Overlay2", "btrfs", "zfs", "overlay2 "] {
            let Err(Error::Invalid(text)) = check(Some(storage)) else { panic!("{name} takes {storage}") };
            assert!(text.contains("docker_storage_driver") && text.contains(allowed), "{text}");
        }
    }
}

#[test]
fn labels_reach_the_parameters_they_name() {
    for driver in DRIVERS {
        let template = parse(&Sample::of(*driver).stack(*driver).template);
        for label in driver.labels() {
            let shape = &template["parameters"][label.parameter];
            assert!(shape.is_object(), "{}: {} fills no parameter", driver.name(), label.name);
            if !label.default.is_empty() {
                let default = shape["default"].as_str().map_or_else(|| shape["default"].to_string(), str::to_owned);
                assert_eq!(default, label.default, "{}: default of {}", driver.name(), label.name);
            }
        }
    }
    let sample = every_label();
    let request = sample.stack(atomic());
    // Facts and switches decide about these; they are seen in the snapshots.
    let decided = ["boot_volume_size", "master_lb_floating_ip_enabled"];
    for label in atomic().labels().iter().filter(|label| !decided.contains(&label.name)) {
        assert_eq!(
            request.parameters[label.parameter].as_str(),
            sample.cluster.labels.value(label.name),
            "{}",
            label.name
        );
    }
}

/// What the Kubernetes drivers of Magnum's Queens release read from labels.
#[test]
fn no_label_of_queens_is_missing() {
    let queens = [
        "flannel_network_cidr",
        "flannel_network_subnetlen",
        "flannel_backend",
        "system_pods_initial_delay",
        "system_pods_timeout",
        "admission_control_list",
        "prometheus_monitoring",
        "grafana_admin_passwd",
        "kube_dashboard_enabled",
        "influx_grafana_dashboard_enabled",
        "etcd_volume_size",
        "docker_volume_type",
        "kube_tag",
        "etcd_tag",
        "flannel_tag",
        "container_infra_prefix",
        "availability_zone",
        "cert_manager_api",
        "cgroup_driver",
        "ingress_controller",
        "ingress_controller_role",
        "kubelet_options",
        "kubeapi_options",
        "kubecontroller_options",
        "kubeproxy_options",
        "kubescheduler_options",
        "calico_tag",
        "calico_cni_tag",
        "calico_kube_controllers_tag",
        "calico_ipv4pool",
        "cloud_provider_enabled",
        "cloud_provider_tag",
    ];
    let known: BTreeSet<_> = atomic().labels().iter().map(|label| label.name).collect();
    assert_eq!(queens.iter().filter(|name| !known.contains(**name)).collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[test]
fn secrets_stay_hidden() {
    for (name, _, request) in requests() {
        let template = parse(&request.template);
        for (parameter, shape) in template["parameters"].as_object().unwrap() {
            let marked = shape["hidden"].as_bool().unwrap_or(false);
            assert_eq!(marked, HIDDEN.contains(&parameter.as_str()), "{name}: {parameter}");
        }
        let shown = format!("{request:?}");
        for secret in SECRETS {
            assert!(!shown.contains(secret), "{name}: {secret} is in the debug text");
            for (parameter, value) in &request.parameters {
                assert!(
                    HIDDEN.contains(&parameter.as_str()) || !value.to_string().contains(secret),
                    "{name}: {parameter}"
                );
            }
        }
        for (file, template) in templates(&request) {
            let read = read(&template["outputs"]);
            let told: Vec<_> = HIDDEN.iter().filter(|secret| read.contains(**secret)).collect();
            assert!(told.is_empty(), "{name} {file}: outputs tell {told:?}");
        }
    }
}

#[test]
fn outputs_have_the_names_operators_know() {
    let template = parse(&Sample::plain().stack(atomic()).template);
    for name in [
        "api_address",
        "kube_masters",
        "kube_masters_private",
        "kube_minions",
        "kube_minions_private",
        "registry_address",
    ] {
        assert!(template["outputs"].get(name).is_some(), "{name}");
    }
    for group in ["kube_masters", "kube_minions"] {
        assert_eq!(template["resources"][group]["type"], "OS::Heat::ResourceGroup");
    }
    let removed = &template["resources"]["kube_minions"]["properties"]["removal_policies"][0]["resource_list"];
    assert_eq!(removed["get_param"], "minions_to_remove");
}

#[test]
fn only_functions_and_types_of_old_and_new_heat() {
    let functions = [
        "get_param",
        "get_attr",
        "get_resource",
        "get_file",
        "str_replace",
        "str_split",
        "list_join",
        "repeat",
        "if",
        "equals",
        "not",
        "and",
        "or",
    ];
    for (name, _, request) in requests() {
        for (file, template) in templates(&request) {
            assert_eq!(template["heat_template_version"], "2018-08-31", "{name} {file}");
            let text = template.to_string();
            for missing in ["yaql", "map_merge", "resource_facade", "digest", "make_url", "Fn::"] {
                assert!(!text.contains(missing), "{name} {file}: {missing}, which is none of {functions:?}");
            }
            if file.starts_with("lb") {
                let octavia = request.parameters["octavia_enabled"].as_bool().unwrap();
                assert_eq!(text.contains("OS::Octavia::"), octavia, "{name} {file}");
                assert_eq!(text.contains("OS::Neutron::LBaaS::"), !octavia, "{name} {file}");
            }
        }
    }
}
