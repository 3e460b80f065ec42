//! What the Mesos driver refuses, computes and reads back, and its scripts carried out with stand-ins.

use domain::{Error, Labels};
use serde_json::{Value, json};

use super::{
    hot::{Rendered, parse},
    run::{run_of, said},
    samples::{
        Sample,
        mesos::{driver, every_label, with},
    },
};
use crate::{Check, NodesNetwork, Outputs, Rules};

fn given(labels: &Labels) -> Check<'_> {
    Check {
        labels,
        master_count: Some(1),
        master_lb_enabled: false,
        tls_disabled: true,
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
    match driver().check(check).unwrap_err() {
        Error::Invalid(text) => text,
        other => panic!("not a 400: {other:?}"),
    }
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    let none = Labels::default();
    let good = given(&none);
    assert_eq!(driver().check(&good).unwrap(), Vec::<String>::new());
    assert!(refusal(&Check { tls_disabled: false, ..good }).contains("tls_disabled"));
    assert!(refusal(&Check { registry_enabled: true, ..good }).contains("registry_enabled"));
    let mapper = Check { docker_storage_driver: Some("devicemapper"), docker_volume_size: Some(10), ..good };
    assert!(refusal(&mapper).contains("docker_storage_driver"));
    assert!(refusal(&Check { docker_volume_size: Some(10), ..good }).contains("docker_volume_type"));
    assert!(refusal(&Check { master_count: Some(3), ..good }).contains("master_lb_enabled"));
    let behind = Check { master_lb_enabled: true, ..good };
    assert!(refusal(&Check { master_count: Some(2), ..behind }).contains("even number"), "no quorum gained");
    assert!(driver().check(&Check { master_count: Some(3), ..behind }).is_ok());
    let rexray = Check { volume_driver: Some("rexray"), ..good };
    assert_eq!(driver().check(&rexray).unwrap().len(), 1, "nodes without the trust cannot make volumes");
}

#[test]
fn labels_are_checked_by_name() {
    for (name, wrong) in [
        ("mesos_slave_isolation", "posix/soul"),
        ("mesos_slave_isolation", "filesystem/posix,filesystem/linux"),
        ("mesos_slave_image_providers", "appc"),
        ("mesos_slave_image_providers", "rkt"),
        ("mesos_slave_work_dir", "var/lib/mesos"),
        ("mesos_slave_work_dir", "/var/lib/../../etc"),
        ("mesos_slave_work_dir", "/srv/my mesos"),
        ("mesos_slave_executor_env_variables", "{'a'"),
        ("mesos_slave_executor_env_variables", "{\"a\": 1}"),
        ("mesos_slave_executor_env_variables", "{\"a\":\n\"b\"}"),
        ("rexray_preempt", "perhaps"),
        ("mesos_allowed_cidr", "everybody"),
        ("rexray_tag", "latest"),
    ] {
        let text = refusal(&given(&Labels::from([(name, wrong)])));
        assert!(text.contains(name), "{name} {wrong}: {text}");
    }
    let docker = Labels::from([("mesos_slave_image_providers", "docker")]);
    assert!(refusal(&given(&docker)).contains("docker/runtime in label mesos_slave_isolation"));
    let all = every_label().cluster.labels;
    assert!(driver().check(&Check { master_lb_enabled: true, ..given(&all) }).is_ok());
    let empty = Labels::from([("mesos_slave_isolation", ""), ("mesos_slave_executor_env_variables", "{}")]);
    assert!(driver().check(&given(&empty)).is_ok());
}

#[test]
fn labels_reach_their_parameters() {
    let sample = every_label();
    let request = sample.stack(driver());
    // Facts and switches decide about these; they are seen in the snapshots.
    let decided = ["boot_volume_size", "master_lb_floating_ip_enabled", "docker_volume_type"];
    for label in driver().labels().iter().filter(|label| !decided.contains(&label.name)) {
        let sent = request.parameters[label.parameter].as_str();
        assert_eq!(sent, sample.cluster.labels.value(label.name), "{}", label.name);
    }
}

#[test]
fn the_address_is_bare_and_the_outputs_keep_their_names() {
    let request = with(|_| {}).stack(driver());
    assert_eq!(Rendered::new(&request).output("api_address"), "api_address-of-public");
    let template = parse(&request.template);
    for name in ["api_address", "mesos_master", "mesos_slaves"] {
        assert!(template["outputs"].get(name).is_some(), "{name}");
    }
    let removed = &template["resources"]["mesos_slaves"]["properties"]["removal_policies"][0]["resource_list"];
    assert_eq!(removed["get_param"], "slaves_to_remove");
}

#[test]
fn outputs_fill_the_cluster() {
    let mut sample = with(|_| {});
    let stack = json!({"outputs": [
        {"output_key": "api_address", "output_value": "172.24.4.5"},
        {"output_key": "mesos_master", "output_value": ["172.24.4.5"]},
        {"output_key": "mesos_slaves", "output_value": []},
        {"output_key": "mesos_slaves_private", "output_value": ["10.0.0.8", "10.0.0.9"]},
    ]});
    driver().outputs(&Outputs::of_stack(&stack), &mut sample.cluster, &mut sample.groups).unwrap();
    assert_eq!(sample.cluster.api_address.as_deref(), Some("172.24.4.5"));
    assert_eq!(sample.groups[0].node_addresses, ["172.24.4.5"]);
    assert_eq!(sample.groups[1].node_addresses, ["10.0.0.8", "10.0.0.9"], "private where there is nothing else");
    driver().outputs(&Outputs::of_stack(&Value::Null), &mut sample.cluster, &mut sample.groups).unwrap();
    assert_eq!(sample.cluster.api_address.as_deref(), Some("172.24.4.5"), "a half-made stack erases nothing");
}

#[test]
fn a_resize_names_the_slaves_that_go() {
    let sample = with(|s| {
        s.groups[1].node_count = 1;
        s.removals = vec!["server-3".to_owned()];
    });
    let request = driver().resize(&sample.input()).unwrap();
    assert!(request.is_patch());
    assert_eq!(json!(request.parameters), json!({"number_of_slaves": 1, "slaves_to_remove": ["server-3"]}));
}

#[test]
fn the_trustee_is_known_only_where_rexray_is() {
    let request = every_label().stack(driver());
    let rendered = Rendered::new(&request);
    assert!(rendered.user_data("mesos_slaves", 0).contains("trustee-secret"));
    assert!(!rendered.user_data("mesos_masters", 0).contains("trustee-secret"), "masters have no volumes");
    let plain = with(|_| {}).stack(driver());
    assert!(!Rendered::new(&plain).user_data("mesos_slaves", 0).contains("trustee-secret"));
}

fn three_masters() -> Sample {
    with(|s| {
        s.groups[0].node_count = 3;
        s.cluster.master_lb_enabled = true;
    })
}

const COMMON: [&str; 3] = ["node.sh", "proxy.sh", "mesos.sh"];

fn on_master(sample: &Sample, commands: &str) -> String {
    let scripts: Vec<&str> = COMMON.into_iter().chain(["master.sh"]).collect();
    said(&run_of(driver(), sample, "mesos_masters", &scripts, &in_folder(commands)))
}

fn on_slave(sample: &Sample, commands: &str) -> String {
    let scripts: Vec<&str> = COMMON.into_iter().chain(["rexray.sh", "slave.sh"]).collect();
    said(&run_of(driver(), sample, "mesos_slaves", &scripts, &in_folder(commands)))
}

/// Has the functions write below a folder of their own instead of `/etc` and `/var`, and runs them twice.
fn in_folder(commands: &str) -> String {
    format!(
        "root=$(mktemp -d)\ntrap 'rm -rf \"$root\"' EXIT\nmkdir -p \"$root/etc/systemd/system\" \"$root/etc/default\"\n\
         for name in $(declare -F | cut -d' ' -f3); do eval \"$(declare -f \"$name\" | sed -e \"s|/etc/|$root/etc/|g\" \
         -e \"s|/usr/local/|$root/usr/local/|g\")\"; done\n\
         shown() {{ (cd \"$root/etc\" && grep -r '' \"$@\" | sort); }}\n{commands}\n"
    )
}

#[test]
fn the_ensemble_is_numbered_alike_everywhere() {
    let text = on_master(
        &three_masters(),
        "configure_zookeeper; configure_zookeeper; configure_mesos_master; configure_marathon\n\
         shown zookeeper mesos mesos-master marathon default\nNODE_IP=10.0.0.7; own_number",
    );
    for part in [
        "server.1=10.0.0.5:2888:3888",
        "server.2=10.0.0.6:2888:3888",
        "server.3=10.0.0.7:2888:3888",
        "zookeeper/conf/myid:1\n",
        "admin.enableServer=false",
        "mesos/zk:zk://10.0.0.5:2181,10.0.0.6:2181,10.0.0.7:2181/mesos\n",
        "mesos-master/quorum:2\n",
        "mesos-master/cluster:blue\n",
        "mesos-master/ip:10.0.0.5\n",
        "marathon/conf/zk:zk://10.0.0.5:2181,10.0.0.6:2181,10.0.0.7:2181/marathon\n",
        "MARATHON_HOSTNAME=10.0.0.5",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    assert!(text.ends_with("\n3\n"), "{text}");
    assert_eq!(text.matches("server.1=").count(), 1, "a second run adds nothing");
}

#[test]
fn quorum_is_more_than_half() {
    let text = on_master(
        &with(|_| {}),
        "for MASTER_ADDRESSES in 10.0.0.5 1.1.1.1,1.1.1.2,1.1.1.3 1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5; do quorum; done",
    );
    assert_eq!(text, "123");
}

#[test]
fn an_address_that_is_no_masters_is_a_failure() {
    let scripts: Vec<&str> = COMMON.into_iter().chain(["master.sh"]).collect();
    let commands = in_folder("NODE_IP=10.0.0.50\nconfigure_zookeeper");
    let output = run_of(driver(), &three_masters(), "mesos_masters", &scripts, &commands);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("10.0.0.50 is none of the masters' addresses"));
}

#[test]
fn every_label_reaches_the_slave() {
    let text = on_slave(
        &every_label(),
        "mkdir() { command mkdir -p \"${@: -1}\" 2>/dev/null || :; }\nconfigure_mesos_slave; configure_mesos_slave\n\
         shown mesos mesos-slave executor_environment_variables | sed \"s|$root||\"\n\
         stat -c %a \"$root/etc/executor_environment_variables\"",
    );
    for part in [
        "mesos-slave/isolation:filesystem/linux,docker/runtime\n",
        "mesos-slave/image_providers:docker,appc\n",
        "mesos-slave/work_dir:/srv/mesos\n",
        "mesos-slave/executor_registration_timeout:5mins\n",
        "mesos-slave/containerizers:docker,mesos\n",
        r#"executor_environment_variables:{"HOME": "/tmp", "QUOTE": "it's $(id)"}"#,
        "mesos-slave/executor_environment_variables:file:///etc/executor_environment_variables\n",
        "mesos/zk:zk://10.0.0.5:2181/mesos\n",
        "\n600\n",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}

#[test]
fn without_labels_a_slave_has_no_flags_that_would_stop_it() {
    let text = on_slave(
        &with(|_| {}),
        "command mkdir -p \"$root/etc/mesos-slave\"; echo old >\"$root/etc/mesos-slave/image_providers\"\n\
         mkdir() { command mkdir -p \"${@: -1}\" 2>/dev/null || :; }\nconfigure_mesos_slave\nshown mesos-slave",
    );
    assert!(text.contains("work_dir:/var/lib/mesos\n"), "{text}");
    for flag in ["isolation", "image_providers", "executor_environment_variables"] {
        assert!(!text.contains(flag), "{flag}: {text}");
    }
}

#[test]
fn docker_is_set_up_with_json() {
    let sample = with(|s| {
        s.template.docker_storage_driver = Some("overlay2".to_owned());
        s.template.insecure_registry = Some("registry.example:5000".to_owned());
    });
    for (sample, expected) in [
        (sample, json!({"storage-driver": "overlay2", "insecure-registries": ["registry.example:5000"]})),
        (with(|_| {}), json!({})),
    ] {
        let text = on_slave(&sample, "configure_docker\ncat \"$root/etc/docker/daemon.json\"");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }
}

#[test]
fn rexray_logs_in_as_the_cluster_and_nobody_reads_how() {
    let text = on_slave(
        &every_label(),
        "start_services() { echo \"started $*\"; }\nconfigure_rexray\nstat -c %a \"$root/etc/rexray/config.yml\"\n\
         cat \"$root/etc/systemd/system/rexray.service\"; echo ---; cat \"$root/etc/rexray/config.yml\"",
    );
    assert!(text.starts_with("started rexray\n600\n"), "{text}");
    let (unit, settings) = text.split_once("---\n").unwrap();
    assert!(unit.contains("mirror.example:5000/kube/rexray:v9.9.9") && !unit.contains("trustee-secret"), "{unit}");
    let settings: Value = serde_yaml_ng::from_str(settings).unwrap();
    assert_eq!(settings["openstack"]["password"], "trustee-secret");
    assert_eq!(settings["openstack"]["trustID"], "trust-1");
    assert_eq!(settings["libstorage"]["integration"]["volume"]["operations"]["mount"]["preempt"], true);
}

#[test]
fn a_slave_is_ready_when_a_master_has_registered_it() {
    let text = on_slave(
        &with(|_| {}),
        r#"for said in '{"slave\/registered":1.0,"x":2}' '{"a":1,"slave/registered": 1}' '{"slave\/registered":0.0}' '{}'; do
    curl() { printf '%s' "$said"; }
    if is_registered; then echo yes; else echo no; fi
done"#,
    );
    assert_eq!(text, "yes\nyes\nno\nno\n");
}

/// A stand-in for `ZooKeeper` on its port: what the script asks, and how it takes the answer.
#[test]
fn zookeeper_serves_when_it_has_a_mode() {
    let [_, _, low, high] = std::process::id().to_be_bytes();
    let address = format!("127.181.{low}.{high}");
    let listener = std::net::TcpListener::bind((address.as_str(), 2181)).unwrap();
    let answers = ["This ZooKeeper instance is not currently serving requests\n", "Version: 3.8\nMode: follower\n"];
    let server = std::thread::spawn(move || {
        for answer in answers {
            let (mut socket, _) = listener.accept().unwrap();
            let mut asked = [0; 4];
            std::io::Read::read_exact(&mut socket, &mut asked).unwrap();
            assert_eq!(&asked, b"srvr");
            std::io::Write::write_all(&mut socket, answer.as_bytes()).unwrap();
        }
    });
    let text = on_master(
        &with(|_| {}),
        &format!("NODE_IP={address}\nfor i in 1 2 3; do if zookeeper_serves; then echo yes; else echo no; fi; done"),
    );
    server.join().unwrap();
    assert_eq!(text, "no\nyes\nno\n", "the third finds nobody");
}

#[test]
fn the_authority_of_the_cloud_is_trusted_ubuntus_way() {
    let commands = "update-ca-certificates() { echo updated; }\ncommand mkdir -p \"$root/etc/magnum\" \"$root/usr/local/share/ca-certificates\"\n\
                    trust_openstack_ca; echo BEGIN >\"$root/etc/magnum/openstack-ca.pem\"; trust_openstack_ca\n\
                    cat \"$root/usr/local/share/ca-certificates/openstack-ca.crt\"";
    assert_eq!(on_slave(&with(|_| {}), commands), "updated\nBEGIN\n");
}
