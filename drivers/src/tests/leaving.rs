//! What clusters are told of nodes that leave, and what they may answer.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::monitor::{DOCKER, STRANGE, monitor, said};
use crate::{Answer, Leaving, Method, Reply, Request, Roll, Turn};

const SWARM: &str = "swarm_fedora_atomic_v2";
/// Drivers whose clusters have to be told.
const HELPED: [&str; 1] = [SWARM];

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

fn empty(names: &[&str], answers: &dyn Fn(&str, Option<&Request>) -> Answer) -> (Vec<String>, Result<usize, String>) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    run(monitor(SWARM).empty(&DOCKER, &names).unwrap(), answers)
}

fn forget(
    present: Option<&[u64]>,
    answers: &dyn Fn(&str, Option<&Request>) -> Answer,
) -> (Vec<String>, Result<usize, String>) {
    run(monitor(SWARM).forget(&DOCKER, roll(SWARM, present)).unwrap(), answers)
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
    let (sent, told) = empty(&["blue-node-1", "blue-node-2", "blue-node-3", "blue-node-9"], &answers);
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
    let (sent, told) = empty(&["blue-node-9"], &answers);
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
    let (sent, told) = forget(Some(&[0, 1, 4, 5]), &answers);
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
    let (sent, told) = forget(None, &answers);
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
    assert_eq!(empty(&["blue-node-0"], &overtaken).1, Ok(1));
    assert_eq!(empty(&["blue-node-0"], &answering(500, "no")).1, Err("status 500: no".to_owned()));
    assert_eq!(forget(Some(&[0]), &answering(404, "no such node")).1, Ok(0), "somebody else removed it");
    assert_eq!(forget(Some(&[0]), &answering(403, "no")).1, Err("status 403: no".to_owned()));
    let silent = |_: &str, _: Option<&Request>| Err("no answer".to_owned());
    assert_eq!(forget(Some(&[0]), &silent).1, Err("no answer".to_owned()));
}

/// Nobody is asked without end; the rest waits for the next time.
#[test]
fn many_changes_are_made_in_several_inquiries() {
    let many: Vec<Value> =
        (0..130).map(|n| member(&format!("w{n}"), &format!("blue-node-{n}"), "down", "active")).collect();
    let many = json!(many);
    let answers = |_: &str, told: Option<&Request>| if told.is_some() { said("") } else { said(&many) };
    let (sent, told) = forget(Some(&[]), &answers);
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
