//! What clusters are told of nodes that leave, and what they may answer.

use std::{cell::Cell, collections::BTreeSet};

use serde_json::{Value, json};

use super::{
    hot::{parse, plain},
    monitor::{DOCKER, STRANGE, monitor, said},
    samples::Sample,
};
use crate::{Answer, DRIVERS, Leaving, Method, Reply, Request, Roll, Turn};

const SWARM: &str = "swarm_fedora_atomic_v2";
const KUBERNETES: &str = "k8s_fedora_coreos_v1";
/// Drivers whose clusters have to be told.
const HELPED: [&str; 2] = [SWARM, KUBERNETES];

/// Lets an inquiry hear answers; what it asked and told, in order, and what came out.
fn run(
    mut inquiry: Box<dyn Leaving>,
    answers: &dyn Fn(&str, Option<&Request>) -> Answer,
) -> (Vec<String>, Result<usize, String>) {
    let mut sent = Vec::new();
    let mut turn = inquiry.begin();
    loop {
        assert!(sent.len() < 150, "it never ends: {sent:?}");
        turn = match turn {
            Turn::Told(told) => return (sent, told),
            Turn::Ask(url) => {
                sent.push(format!("GET {}", path(&url)));
                inquiry.hear(answers(path(&url), None))
            }
            Turn::Tell(request) => {
                let method = match request.method {
                    Method::Post => "POST",
                    Method::MergePatch => "PATCH",
                    Method::Delete => "DELETE",
                };
                sent.push(format!("{method} {}", path(&request.url)));
                inquiry.hear(answers(path(&request.url), Some(&request)))
            }
        };
    }
}

fn path(url: &str) -> &str {
    let rest = url.strip_prefix("https://203.0.113.7:").expect("the cluster's own address");
    &rest[rest.find('/').unwrap()..]
}

fn roll(name: &str, present: Option<&[u64]>) -> Roll {
    let present = present.map(|numbers| numbers.iter().copied().collect::<BTreeSet<u64>>());
    Roll::new(monitor(name).workers(), "blue", present)
}

fn empty(
    driver: &str,
    names: &[&str],
    answers: &dyn Fn(&str, Option<&Request>) -> Answer,
) -> (Vec<String>, Result<usize, String>) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    run(monitor(driver).empty(&DOCKER, &names).unwrap(), answers)
}

fn forget(
    driver: &str,
    present: Option<&[u64]>,
    answers: &dyn Fn(&str, Option<&Request>) -> Answer,
) -> (Vec<String>, Result<usize, String>) {
    run(monitor(driver).forget(&DOCKER, roll(driver, present)).unwrap(), answers)
}

fn member(id: &str, name: &str, state: &str, availability: &str) -> Value {
    json!({
        "ID": id, "Version": {"Index": 71}, "Description": {"Hostname": name}, "Status": {"State": state},
        "Spec": {"Name": "own", "Role": "worker", "Availability": availability, "Labels": {"disk": "ssd"}},
    })
}

fn marked(mut member: Value, before: &str) -> Value {
    member["Spec"]["Labels"]["org.openstack.magnum.emptied"] = json!(before);
    member
}

fn refused(status: u16, body: &str) -> Answer {
    Ok(Reply { status, body: body.to_owned() })
}

#[test]
fn names_of_a_stacks_workers_are_told_from_others() {
    let roll = roll(SWARM, Some(&[0, 7]));
    assert_eq!(roll.name(7), "blue-node-7");
    assert_eq!((roll.number("blue-node-7"), roll.number("Blue-Node-12")), (Some(7), Some(12)));
    for other in [
        "blue-node-07",
        "blue-node-+7",
        "blue-node-",
        "blue-master-0",
        "blue-node-7.local",
        "dark-blue-node-7",
        "",
        "bl\u{fc}e-node-7",
    ] {
        assert_eq!(roll.number(other), None, "{other}");
    }
}

#[test]
fn nodes_of_a_swarm_are_drained_and_their_live_tasks_counted() {
    let nodes = json!([
        member("m0", "blue-master-0", "ready", "active"),
        member("w0", "blue-node-0", "ready", "active"),
        member("w1", "blue-node-1", "ready", "pause"),
        member("w2", "blue-node-2", "ready", "drain"),
        member("w3", "blue-node-3", "down", "active"),
        member("w4", "blue-node-4", "ready", "active"),
    ]);
    let task =
        |node: &str, state: &str| json!({"NodeID": node, "Status": {"State": state}, "DesiredState": "shutdown"});
    let tasks = json!([
        task("w1", "running"), task("w1", "shutdown"), task("w2", "preparing"), task("w2", "failed"),
        task("w4", "running"), 7, {"NodeID": "w1"},
    ]);
    let answers = |url: &str, told: Option<&Request>| match told {
        None if url == "/nodes" => said(&nodes),
        None => said(&tasks),
        Some(request) => {
            let spec = request.body.as_ref().unwrap();
            assert_eq!(spec["Availability"], "drain");
            assert_eq!(
                (&spec["Name"], &spec["Role"], &spec["Labels"]["disk"]),
                (&json!("own"), &json!("worker"), &json!("ssd"))
            );
            let before = if url.contains("w1") { "pause" } else { "active" };
            assert_eq!(spec["Labels"]["org.openstack.magnum.emptied"], before);
            said("")
        }
    };
    let (sent, told) = empty(SWARM, &["blue-node-1", "blue-node-2", "blue-node-3", "blue-node-9"], &answers);
    assert_eq!(
        sent,
        [
            "GET /nodes",
            "POST /nodes/w1/update?version=71",
            "POST /nodes/w3/update?version=71",
            "GET /tasks?filters=%7B%22node%22%3A%5B%22w1%22,%22w2%22%5D%7D",
        ]
    );
    assert_eq!(told, Ok(2), "a dead node is not waited for");
    let (sent, told) = empty(SWARM, &["blue-node-9"], &answers);
    assert_eq!((sent.len(), told), (1, Ok(0)), "nobody knows that node");
}

#[test]
fn a_swarm_forgets_who_is_gone_and_readmits_who_stays() {
    let nodes = json!([
        member("m1", "blue-master-1", "down", "active"),
        member("w0", "blue-node-0", "down", "active"),
        marked(member("w1", "blue-node-1", "ready", "drain"), "active"),
        member("w2", "blue-node-2", "down", "drain"),
        member("w3", "blue-node-3", "ready", "drain"),
        member("x", "other-node-2", "down", "active"),
        marked(member("w4", "blue-node-4", "ready", "drain"), "pause"),
        member("old", "blue-node-4", "down", "active"),
        member("w5", "blue-node-5", "ready", "drain"),
        member("../x", "blue-node-6", "down", "active"),
    ]);
    let answers = |_: &str, told: Option<&Request>| match told {
        None => said(&nodes),
        Some(Request { method: Method::Delete, body, .. }) => {
            assert_eq!(body, &None);
            said("")
        }
        Some(request) => {
            let spec = request.body.as_ref().unwrap();
            let stays = if request.url.contains("w4") { "pause" } else { "active" };
            assert_eq!(spec["Availability"], stays);
            assert_eq!(spec["Labels"], json!({"disk": "ssd"}));
            said("")
        }
    };
    let (sent, told) = forget(SWARM, Some(&[0, 1, 4, 5]), &answers);
    assert_eq!(
        sent,
        [
            "GET /nodes",
            "POST /nodes/w1/update?version=71",
            "DELETE /nodes/w2?force=true",
            "POST /nodes/w4/update?version=71",
            "DELETE /nodes/old?force=true",
        ],
        "whose server is there, who is nobody's or was drained by somebody else stays as it is"
    );
    assert_eq!(told, Ok(1), "that node 3 is gone will be noticed");
    let (sent, told) = forget(SWARM, None, &answers);
    assert_eq!(sent.iter().filter(|one| one.starts_with("DELETE")).count(), 1, "{sent:?}");
    assert_eq!(told, Ok(0));
}

#[test]
fn what_is_refused_is_tried_again_or_said() {
    let nodes = json!([member("w0", "blue-node-0", "ready", "active"), member("w1", "blue-node-1", "down", "active")]);
    let answering = |status: u16, body: &'static str| {
        let nodes = nodes.clone();
        move |url: &str, told: Option<&Request>| match told {
            None if url == "/nodes" => said(&nodes),
            None => said("[]"),
            Some(_) => refused(status, body),
        }
    };
    let overtaken = answering(500, r#"{"message":"rpc error: code = 2 desc = update out of sequence"}"#);
    assert_eq!(empty(SWARM, &["blue-node-0"], &overtaken).1, Ok(1));
    assert_eq!(empty(SWARM, &["blue-node-0"], &answering(500, "no")).1, Err("status 500: no".to_owned()));
    assert_eq!(forget(SWARM, Some(&[0]), &answering(404, "no such node")).1, Ok(0), "somebody else removed it");
    assert_eq!(forget(SWARM, Some(&[0]), &answering(403, "no")).1, Err("status 403: no".to_owned()));
    let silent = |_: &str, _: Option<&Request>| Err("no answer".to_owned());
    assert_eq!(forget(SWARM, Some(&[0]), &silent).1, Err("no answer".to_owned()));
}

/// The names that are told are those the templates give.
#[test]
fn workers_are_named_as_the_templates_name_them() {
    for driver in DRIVERS {
        let Some(monitor) = driver.monitor() else { continue };
        let workers = monitor.workers();
        let request = Sample::of(*driver).stack(*driver);
        let template = parse(&request.template);
        let name = &template["resources"][workers.group]["properties"]["resource_def"]["properties"]["name"];
        let parts: Vec<String> = name["list_join"][1].as_array().unwrap().iter().map(plain).collect();
        assert_eq!((&name["list_join"][0], parts.len()), (&json!("-"), 3), "{}", driver.name());
        assert_eq!((parts[1].as_str(), parts[2].as_str()), (workers.word, "%index%"), "{}", driver.name());
        assert_eq!(name["list_join"][1][0], json!({"get_param": "OS::stack_name"}), "{}", driver.name());
    }
}

fn node(name: &str, ready: &str, more: &Value) -> Value {
    let mut node = json!({
        "metadata": {"name": name, "labels": {"disk": "ssd"}}, "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    });
    if more["unschedulable"] == true {
        node["spec"] = more.clone();
    }
    if more["marked"] == true {
        node["metadata"]["labels"]["magnum.openstack.org/emptied"] = json!("true");
    }
    node
}

fn pod(name: &str, node: &str, owner: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "ownerReferences": [{"kind": owner}]},
        "spec": {"nodeName": node}, "status": {"phase": "Running"},
    })
}

#[test]
fn nodes_of_kubernetes_are_cordoned_and_their_pods_evicted() {
    let evicted = Cell::new(0);
    for (resource, version) in [
        (json!({"name": "pods/eviction", "group": "policy", "version": "v1"}), "policy/v1"),
        (json!({"name": "pods/eviction", "kind": "Eviction"}), "policy/v1beta1"),
    ] {
        let answers = |url: &str, told: Option<&Request>| match (url, told) {
            ("/api/v1/nodes/blue-minion-0", None) => said(node("blue-minion-0", "True", &json!({}))),
            ("/api/v1/nodes/blue-minion-1", None) => {
                said(node("blue-minion-1", "True", &json!({"unschedulable": true})))
            }
            ("/api/v1/nodes/blue-minion-2", None) => said(node("blue-minion-2", "Unknown", &json!({}))),
            (_, Some(Request { method: Method::MergePatch, body, .. })) => {
                let mark = json!({"labels": {"magnum.openstack.org/emptied": "true"}});
                assert_eq!(body.as_ref().unwrap(), &json!({"metadata": mark, "spec": {"unschedulable": true}}));
                said("{}")
            }
            (url, None) if url.contains("nodeName%3Dblue-minion-0") => said(json!({"items": [
                pod("web", "blue-minion-0", "ReplicaSet"), pod("agent", "blue-minion-0", "DaemonSet"),
                pod("../x", "blue-minion-0", "ReplicaSet"), pod("elsewhere", "blue-minion-7", "ReplicaSet"),
            ]})),
            (url, None) if url.contains("nodeName%3Dblue-minion-1") => {
                let mut ending = pod("ending", "blue-minion-1", "ReplicaSet");
                ending["metadata"]["deletionTimestamp"] = json!("2026-11-21T12:00:00Z");
                said(json!({"items": [pod("db", "blue-minion-1", "StatefulSet"), ending]}))
            }
            ("/api/v1", None) => said(json!({"resources": [{"name": "pods"}, resource.clone()]})),
            (url, Some(Request { method: Method::Post, body, .. })) => {
                assert_eq!(body.as_ref().unwrap()["apiVersion"], version);
                evicted.set(evicted.get() + 1);
                match (url.contains("db"), version) {
                    (true, _) => refused(429, "budget"),
                    (false, "policy/v1") => refused(403, "the namespace is being terminated"),
                    (false, _) => said(""),
                }
            }
            _ => refused(404, "{}"),
        };
        let names = ["Blue-minion-0", "blue-minion-1", "blue-minion-2", "blue-minion-3"];
        let (sent, told) = empty(KUBERNETES, &names, &answers);
        let sent: Vec<_> = sent.iter().map(|one| one.split('?').next().unwrap()).collect();
        assert_eq!(
            sent,
            [
                "GET /api/v1/nodes/blue-minion-0",
                "PATCH /api/v1/nodes/blue-minion-0",
                "GET /api/v1/pods",
                "GET /api/v1/nodes/blue-minion-1",
                "GET /api/v1/pods",
                "GET /api/v1/nodes/blue-minion-2",
                "PATCH /api/v1/nodes/blue-minion-2",
                "GET /api/v1/nodes/blue-minion-3",
                "GET /api/v1",
                "POST /api/v1/namespaces/shop/pods/web/eviction",
                "POST /api/v1/namespaces/shop/pods/db/eviction",
            ]
        );
        assert_eq!(told, Ok(4), "all that would have to move and has not ended yet");
    }
    assert_eq!(evicted.get(), 4);
    let without = |url: &str, _: Option<&Request>| match url {
        "/api/v1" => said(json!({"resources": []})),
        url if url.contains("/pods") => said(json!({"items": [pod("web", "blue-minion-1", "ReplicaSet")]})),
        _ => said(node("blue-minion-1", "True", &json!({"unschedulable": true}))),
    };
    assert_eq!(empty(KUBERNETES, &["blue-minion-1"], &without).1, Err("the API server knows no evictions".to_owned()));
}

#[test]
fn kubernetes_forgets_who_is_gone_and_readmits_who_stays() {
    let marked = json!({"unschedulable": true, "marked": true});
    let pages = [
        json!({"metadata": {"continue": "more"}, "items": [
            node("blue-master-0", "False", &json!({})), node("blue-minion-0", "Unknown", &json!({})),
            node("blue-minion-1", "True", &marked), node("blue-minion-2", "False", &marked),
        ]}),
        json!({"items": [
            node("blue-minion-3", "True", &json!({})), node("other-minion-9", "False", &json!({})),
            node("blue-minion-4", "True", &json!({"unschedulable": true})),
        ]}),
    ];
    let answers = |url: &str, told: Option<&Request>| match told {
        None => said(&pages[usize::from(url.contains("continue"))]),
        Some(Request { method: Method::MergePatch, body, .. }) => {
            let mark = json!({"labels": {"magnum.openstack.org/emptied": null}});
            assert_eq!(body.as_ref().unwrap(), &json!({"metadata": mark, "spec": {"unschedulable": null}}));
            said("{}")
        }
        Some(_) => said("{}"),
    };
    let (sent, told) = forget(KUBERNETES, Some(&[0, 1, 4]), &answers);
    let changes = ["PATCH /api/v1/nodes/blue-minion-1", "DELETE /api/v1/nodes/blue-minion-2"];
    assert_eq!((sent[2..].to_vec(), told), (changes.map(str::to_owned).to_vec(), Ok(1)), "node 3 is not noticed yet");
}

/// Nobody is asked without end; the rest waits for the next time.
#[test]
fn many_changes_are_made_in_several_inquiries() {
    let many: Vec<Value> =
        (0..130).map(|n| member(&format!("w{n}"), &format!("blue-node-{n}"), "down", "active")).collect();
    let many = json!(many);
    let answers = |_: &str, told: Option<&Request>| if told.is_some() { said("") } else { said(&many) };
    let (sent, told) = forget(SWARM, Some(&[]), &answers);
    assert_eq!((sent.len(), told), (61, Ok(70)));
}

#[test]
fn no_answer_to_a_change_is_too_strange() {
    for name in HELPED {
        for body in STRANGE {
            for status in [200, 204, 302, 401, 404, 409, 429, 500, 503] {
                let answers = |_: &str, _: Option<&Request>| refused(status, body);
                let names = ["blue-node-0".to_owned()];
                let emptied = run(monitor(name).empty(&DOCKER, &names).unwrap(), &answers).1;
                assert!(
                    emptied.as_ref().is_ok_and(|left| *left == 0) || emptied.is_err_and(|why| !why.contains('\u{1b}'))
                );
                let (sent, _) = run(monitor(name).forget(&DOCKER, roll(name, Some(&[]))).unwrap(), &answers);
                assert!(sent.iter().all(|one| one.starts_with("GET ")), "{sent:?}");
            }
        }
    }
}
