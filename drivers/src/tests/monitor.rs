//! What clusters answer, as recorded, and what a hostile one may answer instead.

use domain::HealthStatus;
use serde_json::{Value, json};

use crate::{Answer, Health, Inquiry, Monitor, NodeUse, Reply, Site, Turn, driver_named};

pub(super) fn monitor(name: &str) -> &'static dyn Monitor {
    driver_named(name).unwrap().monitor().unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "values are made for the call")]
pub(super) fn said(body: impl ToString) -> Answer {
    Ok(Reply { status: 200, body: body.to_string() })
}

/// Lets an inquiry hear answers by the beginning of what it asks; the URLs in order, and what came out.
fn run<T>(inquiry: &mut dyn Inquiry<Told = T>, answers: &dyn Fn(&str) -> Answer) -> (Vec<String>, T) {
    let mut asked = Vec::new();
    let mut turn = inquiry.begin();
    loop {
        match turn {
            Turn::Told(told) => return (asked, told),
            Turn::Tell(request) => panic!("a question changes nothing: {request:?}"),
            Turn::Ask(url) => {
                assert!(asked.len() < 200, "it never ends: {url}");
                turn = inquiry.hear(answers(&url));
                asked.push(url);
            }
        }
    }
}

const HTTPS: Site<'_> = Site { api_address: "https://203.0.113.7:6443", masters: &[], tls: true };
pub(super) const DOCKER: Site<'_> = Site { api_address: "tcp://203.0.113.7:2376", masters: &[], tls: true };

fn health(name: &str, site: &Site<'_>, answers: &dyn Fn(&str) -> Answer) -> Health {
    run(&mut *monitor(name).health(site), answers).1
}

fn usage(name: &str, site: &Site<'_>, answers: &dyn Fn(&str) -> Answer) -> Result<Vec<NodeUse>, String> {
    run(&mut *monitor(name).usage(site), answers).1
}

fn node(name: &str, address: &str, ready: &str) -> Value {
    json!({
        "metadata": {"name": name, "uid": "5f1e"},
        "status": {
            "addresses": [
                {"type": "ExternalIP", "address": "203.0.113.9"}, {"type": "InternalIP", "address": address},
                {"type": "Hostname", "address": name},
            ],
            "conditions": [
                {"type": "MemoryPressure", "status": "False"},
                {"type": "Ready", "status": ready, "reason": "KubeletReady"},
            ],
        },
    })
}

fn nodes(ready: &str) -> Answer {
    said(json!({"kind": "NodeList", "metadata": {"resourceVersion": "71"}, "items": [
        node("blue-minion-0", "10.0.0.6", "True"), node("blue-minion-1", "10.0.0.7", ready),
    ]}))
}

#[expect(clippy::needless_pass_by_value, reason = "values are made for the call")]
fn pod(node: &str, more: Value) -> Value {
    let mut pod = json!({"metadata": {"name": "web"}, "spec": {"nodeName": node}, "status": {"phase": "Running"}});
    for (key, value) in more.as_object().unwrap() {
        pod[key] = value.clone();
    }
    pod
}

#[test]
fn kubernetes_is_healthy_when_its_api_and_every_node_are() {
    for (ready, status, word) in
        [("True", HealthStatus::Healthy, "True"), ("Unknown", HealthStatus::Unhealthy, "False")]
    {
        let answers = |url: &str| if url.ends_with("/healthz") { said("ok") } else { nodes(ready) };
        let (asked, told) = run(&mut *monitor("k8s_fedora_coreos_v1").health(&HTTPS), &answers);
        assert_eq!(asked, ["https://203.0.113.7:6443/healthz", "https://203.0.113.7:6443/api/v1/nodes?limit=100"]);
        assert_eq!(told.status, status);
        let reason: Vec<_> = told.reason.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(reason, [("api", "ok"), ("blue-minion-0.Ready", "True"), ("blue-minion-1.Ready", word)]);
    }
}

#[test]
fn an_api_that_is_not_well_says_why() {
    let broken = "[+]ping ok\n[-]etcd failed: reason withheld\nhealthz check failed";
    let answers = |_: &str| Ok(Reply { status: 500, body: broken.to_owned() });
    let told = health("k8s_fedora_atomic_v1", &HTTPS, &answers);
    assert_eq!((told.status, told.reason["api"].as_str()), (HealthStatus::Unhealthy, "status 500: [+]ping ok"));
    let told = health("k8s_fedora_atomic_v1", &HTTPS, &|_| Err("no answer within 10 seconds".to_owned()));
    assert_eq!((told.status, told.reason["api"].as_str()), (HealthStatus::Unhealthy, "no answer within 10 seconds"));
    let refused = |url: &str| {
        if url.ends_with("/healthz") { said("ok") } else { Ok(Reply { status: 403, body: "{}".to_owned() }) }
    };
    let told = health("k8s_fedora_atomic_v1", &HTTPS, &refused);
    assert_eq!(told.status, HealthStatus::Unhealthy, "nodes that cannot be listed are not healthy");
    assert_eq!((told.reason["api"].as_str(), told.reason["nodes"].as_str()), ("ok", "status 403: {}"));
}

#[test]
fn pods_that_would_have_to_move_are_counted_page_by_page() {
    let owned = |kind: &str| json!({"metadata": {"ownerReferences": [{"kind": kind, "name": "x"}]}});
    let mirror = json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": "0a1b"}}});
    let answers = |url: &str| match url {
        url if url.contains("/nodes") => nodes("False"),
        url if url.contains("continue=a%2Fb%3D") => said(json!({"items": [pod("blue-minion-0", json!({}))]})),
        _ => said(json!({"metadata": {"continue": "a/b="}, "items": [
            pod("blue-minion-0", owned("ReplicaSet")), pod("blue-minion-0", owned("DaemonSet")),
            pod("blue-minion-1", mirror.clone()), pod("blue-minion-1", json!({"status": {"phase": "Succeeded"}})),
            pod("elsewhere", json!({})), {"metadata": {}, "spec": {}},
        ]})),
    };
    let (asked, told) = run(&mut *monitor("k8s_fedora_atomic_v1").usage(&HTTPS), &answers);
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked[1].contains("/api/v1/pods?limit=250&fieldSelector=status.phase!%3DSucceeded"), "{asked:?}");
    let of = |address: &str, ready, load| NodeUse { addresses: vec![address.to_owned()], ready, load };
    assert_eq!(told.unwrap(), [of("10.0.0.6", true, 2), of("10.0.0.7", false, 0)]);
}

#[test]
fn a_list_that_does_not_end_is_given_up() {
    let endless = |url: &str| match url.ends_with("/healthz") {
        true => said("ok"),
        false => said(json!({"metadata": {"continue": "again"}, "items": []})),
    };
    let told = health("k8s_fedora_atomic_v1", &HTTPS, &endless);
    assert_eq!(told.reason["nodes"], "the list /api/v1/nodes does not end");
    assert!(usage("k8s_fedora_atomic_v1", &HTTPS, &endless).unwrap_err().contains("does not end"));
    let huge = |_: &str| said(json!({"metadata": {"continue": "x".repeat(5000)}, "items": []}));
    assert!(usage("k8s_fedora_atomic_v1", &HTTPS, &huge).is_err());
}

fn info(status: &str) -> Answer {
    said(json!({"Containers": 5, "Driver": "", "SystemStatus": [
        ["Role", "primary"], ["Strategy", "spread"], ["Filters", "health, port"], ["Nodes", "2"],
        [" blue-node-0", "10.0.0.6:2375"], ["  \u{2514} ID", "QX3W"], ["  \u{2514} Status", "Healthy"],
        ["  \u{2514} Containers", "2 (2 Running, 0 Paused, 0 Stopped)"],
        [" blue-node-1", "10.0.0.7:2375"], ["  \u{2514} Status", status], ["  \u{2514} Error", "(none)"],
    ]}))
}

#[test]
fn a_legacy_swarm_tells_of_its_engines() {
    for (word, status) in [("Healthy", HealthStatus::Healthy), ("Disconnected", HealthStatus::Unhealthy)] {
        let answers = |url: &str| if url.ends_with("/_ping") { said("OK") } else { info(word) };
        let (asked, told) = run(&mut *monitor("swarm_fedora_atomic_v1").health(&DOCKER), &answers);
        assert_eq!(asked, ["https://203.0.113.7:2376/_ping", "https://203.0.113.7:2376/info"]);
        assert_eq!(told.status, status);
        assert_eq!(told.reason["blue-node-0.Healthy"], "True");
        assert_eq!(told.reason["blue-node-1.Healthy"] == "True", word == "Healthy");
    }
    let answers = |url: &str| match url.ends_with("/info") {
        true => info("Healthy"),
        false => said(json!([
            {"Names": ["/blue-node-1/web"], "Image": "nginx:1.13"}, {"Names": ["/blue-node-1/db"], "Image": "sha256:00"},
            {"Names": ["/blue-node-1/agent"], "Image": "mirror.example:5000/swarm:1.2.8"},
            {"Names": ["/gone/web"], "Image": "nginx"}, {"Names": []}, 7,
        ])),
    };
    let found = usage("swarm_fedora_atomic_v1", &DOCKER, &answers).unwrap();
    assert_eq!(
        found.iter().map(|node| (node.addresses[0].as_str(), node.load)).collect::<Vec<_>>(),
        [("10.0.0.6", 0), ("10.0.0.7", 2)]
    );
}

#[test]
fn a_legacy_swarm_without_workers_is_well() {
    let asked = |count: &'static str| {
        let answers = move |url: &str| match url.ends_with("/_ping") {
            true => said("OK"),
            false => said(json!({"SystemStatus": [["Role", "primary"], ["Nodes", count]]})),
        };
        health("swarm_fedora_atomic_v1", &DOCKER, &answers).status
    };
    assert_eq!((asked("0"), asked("2")), (HealthStatus::Healthy, HealthStatus::Unhealthy));
}

fn members(reachability: &str) -> Answer {
    said(json!([
        {"ID": "m1", "Description": {"Hostname": "blue-master-0"}, "Spec": {"Role": "manager"},
            "Status": {"State": "ready", "Addr": "10.0.0.5"}, "ManagerStatus": {"Reachability": reachability, "Leader": true}},
        {"ID": "w1", "Description": {"Hostname": "blue-node-0"}, "Status": {"State": "ready", "Addr": "10.0.0.6"}},
        {"ID": "w2", "Description": {"Hostname": "blue-node-1"}, "Status": {"State": "down", "Addr": "10.0.0.7"}},
    ]))
}

#[test]
fn swarm_mode_tells_of_nodes_and_managers() {
    let site = Site { tls: false, ..DOCKER };
    let answers = |url: &str| if url.ends_with("/_ping") { said("OK\n") } else { members("unreachable") };
    let (asked, told) = run(&mut *monitor("swarm_fedora_atomic_v2").health(&site), &answers);
    assert_eq!(asked, ["http://203.0.113.7:2376/_ping", "http://203.0.113.7:2376/nodes"]);
    assert_eq!(told.status, HealthStatus::Unhealthy);
    assert_eq!(told.reason["blue-master-0.Reachable"], "False");
    assert_eq!(
        (told.reason["blue-node-0.Ready"].as_str(), told.reason["blue-node-1.Ready"].as_str()),
        ("True", "False")
    );
    let answers = |url: &str| match url.contains("/tasks?filters=%7B%22desired-state") {
        true => said(json!([
            {"NodeID": "w1", "Slot": 1}, {"NodeID": "w1", "Slot": 2}, {"NodeID": "w1"}, {"NodeID": "m1", "Slot": 3}, {},
        ])),
        false => members("reachable"),
    };
    let found = usage("swarm_fedora_atomic_v2", &site, &answers).unwrap();
    let found: Vec<_> = found.iter().map(|node| (node.addresses[0].as_str(), node.ready, node.load)).collect();
    assert_eq!(found, [("10.0.0.5", true, 1), ("10.0.0.6", true, 2), ("10.0.0.7", false, 0)]);
}

fn summary() -> Answer {
    said(json!({"hostname": "10.0.0.5", "slaves": [
        {"id": "S0", "hostname": "10.0.0.6", "pid": "slave(1)@10.0.0.6:5051", "active": true, "TASK_RUNNING": 2,
            "TASK_STAGING": 1, "TASK_FINISHED": 40},
        {"id": "S1", "hostname": "10.0.0.7", "pid": "slave(1)@10.0.0.7:5051", "active": false, "TASK_RUNNING": 0},
    ], "frameworks": []}))
}

#[test]
fn mesos_tells_by_the_master_that_is_elected() {
    let masters = ["203.0.113.5".to_owned(), "203.0.113.6".to_owned(), "2001:db8::6".to_owned()];
    let site = Site { api_address: "203.0.113.5", masters: &masters, tls: false };
    let answers = |url: &str| match url {
        "http://203.0.113.5:5050/metrics/snapshot" => said(json!({"master/elected": 0.0})),
        "http://203.0.113.6:5050/metrics/snapshot" => said(json!({"master/elected": 1.0, "master/slaves_active": 1.0})),
        "http://[2001:db8::6]:5050/metrics/snapshot" => Err("connection refused".to_owned()),
        "http://203.0.113.6:5050/state-summary" => summary(),
        _ => Ok(Reply { status: 307, body: String::new() }),
    };
    let told = health("mesos_ubuntu_v1", &site, &answers);
    let reason: Vec<_> = told.reason.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let expected = [
        ("10.0.0.6.Active", "True"),
        ("10.0.0.7.Active", "False"),
        ("2001:db8::6.Answers", "False"),
        ("203.0.113.5.Answers", "True"),
        ("203.0.113.6.Answers", "True"),
        ("api", "ok"),
    ];
    assert_eq!((told.status, reason.as_slice()), (HealthStatus::Unhealthy, expected.as_slice()));
    let found = usage("mesos_ubuntu_v1", &site, &answers).unwrap();
    let found: Vec<_> = found.iter().map(|node| (node.addresses[0].as_str(), node.ready, node.load)).collect();
    assert_eq!(found, [("10.0.0.6", true, 3), ("10.0.0.7", false, 0)]);
    let nobody = health("mesos_ubuntu_v1", &site, &|_| Err("connection refused".to_owned()));
    assert_eq!(nobody.reason["api"], "no master is elected");
    assert_eq!(usage("mesos_ubuntu_v1", &site, &|_| Err("refused".to_owned())).unwrap_err(), "refused");
}

/// What a cluster may answer instead.
pub(super) const STRANGE: [&str; 11] = [
    "",
    "null",
    "[]",
    "{}",
    "7",
    "\"ok\"",
    "<html><head><title>302 Found</title></head></html>",
    "\u{0}\u{1b}[31m",
    r#"{"items": {"a": 1}, "slaves": 7, "SystemStatus": [[], [1, 2], [" a"]], "master/elected": 1}"#,
    r#"{"items": [null, 7, {"metadata": {"name": ["x"]}}], "metadata": {"continue": 3}, "slaves": [null, {"pid": "@"}]}"#,
    r#"[null, 7, {"Names": "x", "ID": 7, "NodeID": {}, "Slot": -1, "Description": []}]"#,
];

/// Whatever comes back, a health comes out that fits into its column, and a usage that is an error or a list.
#[test]
fn no_answer_is_too_strange() {
    let masters = ["203.0.113.5".to_owned()];
    for name in ["k8s_fedora_atomic_v1", "swarm_fedora_atomic_v1", "swarm_fedora_atomic_v2", "mesos_ubuntu_v1"] {
        for body in STRANGE {
            for status in [200, 204, 302, 401, 503] {
                for first in ["ok", "OK", body] {
                    let answers = |url: &str| match url.ends_with("/healthz") || url.ends_with("/_ping") {
                        true => said(first),
                        false => Ok(Reply { status, body: body.to_owned() }),
                    };
                    let site = Site { masters: &masters, ..HTTPS };
                    let told = health(name, &site, &answers);
                    let bytes: usize = told.reason.iter().map(|(key, text)| key.len() + text.len()).sum();
                    assert!(bytes < 30_000 && told.reason.values().all(|text| !text.contains('\u{1b}')), "{told:?}");
                    let well = told.status == HealthStatus::Healthy;
                    assert!(!well || (status == 200 && body.contains("items")), "{name} {status} {body}: {told:?}");
                    let _ = usage(name, &site, &answers);
                }
            }
        }
    }
}

/// Two bytes of text would take a hundred of memory.
#[test]
fn an_answer_with_too_many_values_is_not_taken_apart() {
    let body = format!("{{\"items\":[{}0]}}", "0,".repeat(300_000));
    let answers = |url: &str| if url.ends_with("/healthz") { said("ok") } else { said(&body) };
    let told = health("k8s_fedora_atomic_v1", &HTTPS, &answers);
    assert_eq!(told.status, HealthStatus::Unhealthy);
    assert!(told.reason.values().any(|why| why == "an answer with too much in it"), "{told:?}");
    assert!(usage("k8s_fedora_atomic_v1", &HTTPS, &answers).is_err());
}

#[test]
fn a_reason_never_outgrows_its_column_and_keeps_what_is_broken() {
    let many = |count: usize, name: &str| {
        let items: Vec<_> = (0..count).map(|n| node(&format!("{name}{n}"), "10.0.0.6", "True")).collect();
        said(json!({"items": items.into_iter().chain([node("broken", "10.0.0.7", "False")]).collect::<Vec<_>>()}))
    };
    let long = "n".repeat(100_000);
    for answer in [many(5000, "node-"), many(3, &long)] {
        let answers = |url: &str| if url.ends_with("/healthz") { said("ok") } else { answer.clone() };
        let told = health("k8s_fedora_atomic_v1", &HTTPS, &answers);
        let text = serde_json::to_string(&told.reason).unwrap();
        assert!(text.len() < 40_000, "{} bytes", text.len());
        assert_eq!(told.reason["broken.Ready"], "False");
    }
    let all = |_: &str| said(json!({"items": []}));
    let answers = |url: &str| if url.ends_with("/healthz") { said("ok") } else { all(url) };
    assert_eq!(health("k8s_fedora_atomic_v1", &HTTPS, &answers).status, HealthStatus::Healthy, "as upstream has it");
}
