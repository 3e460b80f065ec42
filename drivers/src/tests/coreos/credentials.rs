//! What nodes log in with after the credentials of their cluster were rotated.

use std::fs;

use domain::Secret;
use serde_json::{Value, json};

use super::node::Node;
use crate::{
    Credentials,
    tests::samples::{Sample, coreos::with},
};

const FILE: &str = "/var/lib/magnum/credentials";

fn sealed(number: u32, made_with: &str) -> Value {
    credentials(number).sealed(&Secret::new(made_with)).unwrap()
}

fn credentials(number: u32) -> Credentials {
    Credentials {
        user_id: format!("user-{number}"),
        username: format!("name-{number}"),
        password: Secret::new(format!("other-secret-{number} 'quoted' $(x)")),
        trust_id: Some(format!("trust-{number}")),
    }
}

fn tell(node: &Node, task: &str, sealed: &Value) {
    tell_in(node, "metadata", task, sealed);
}

fn tell_in(node: &Node, file: &str, task: &str, sealed: &Value) {
    let metadata = json!({"uuid": "x", "meta": {"magnum_task": task, "magnum_credentials": sealed["first"],
        "magnum_credentials_rest": sealed["rest"], "magnum_credentials_mac": sealed["mac"]}});
    fs::write(node.root.join(file), metadata.to_string()).unwrap();
}

/// Has the timer look once, and answers how it ended, with the commands it gave.
fn look(node: &Node) -> (bool, String, String) {
    let _ = fs::remove_file(node.root.join("calls"));
    let (fine, log) = node.run("/usr/local/libexec/magnum-orders");
    (fine, log, fs::read_to_string(node.root.join("calls")).unwrap_or_default())
}

/// Ids of the users it logged in as, since they were asked for last.
fn logins(node: &Node) -> Vec<String> {
    let text = fs::read_to_string(node.root.join("logins")).unwrap_or_default();
    let _ = fs::remove_file(node.root.join("logins"));
    let user = |line: &str| {
        let body: Value = serde_json::from_str(line).unwrap();
        body["auth"]["identity"]["password"]["user"]["id"].as_str().unwrap().to_owned()
    };
    let mut all: Vec<String> = text.lines().map(user).collect();
    all.dedup();
    all
}

fn booted(sample: &Sample, group: &str) -> Node {
    let node = Node::new(sample, group);
    let (fine, log) = node.boot();
    assert!(fine, "{log}");
    node
}

fn signals(node: &Node) -> String {
    fs::read_to_string(node.root.join("signals")).unwrap()
}

/// With a trust, and everything that uses one.
fn trusting() -> Sample {
    with(|sample| {
        sample.facts.trust_id = Some("trust-0".to_owned());
        sample.template.registry_enabled = true;
    })
}

#[test]
fn a_running_node_takes_what_it_is_told_and_has_everything_use_it() {
    for group in ["kube_masters", "kube_minions"] {
        let node = booted(&trusting(), group);
        assert_eq!(logins(&node), ["trustee-1"], "{group}");
        assert!(!node.path(FILE).exists());
        tell(&node, "1 credentials abc/credentials", &sealed(1, "trustee-secret"));
        let (fine, log, calls) = look(&node);
        assert!(fine, "{group}: {log}");
        assert_eq!(logins(&node), ["user-1"], "{group}");
        assert!(signals(&node).contains("order-1"), "{group}");
        assert_eq!(node.mode(FILE), 0o600, "{group}");
        for text in [&log, &calls] {
            assert!(!text.contains("secret"), "{group}: {text}");
        }
        if group == "kube_masters" {
            for pods in ["openstack-cloud-controller-manager", "csi-cinder-nodeplugin"] {
                assert!(calls.contains(&format!("patch daemonset.apps/{pods}")), "{calls}");
            }
            assert!(!calls.contains("patch deployment.apps/coredns"), "it knows nothing of credentials: {calls}");
            let mut applied = node.all("applied").into_values().map(|path| fs::read_to_string(path).unwrap());
            let secret = applied.rfind(|text| text.contains("name: cloud-config, namespace")).unwrap();
            let conf = secret.split("cloud.conf: \"").nth(1).unwrap().split('"').next().unwrap();
            let conf = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, conf).unwrap();
            let conf = String::from_utf8(conf).unwrap();
            assert!(conf.contains("user-id=\"user-1\"") && conf.contains("trust-id=\"trust-1\""), "{conf}");
            assert!(conf.contains("password=\"other-secret-1 'quoted' $(x)\""), "{conf}");
        } else {
            let settings = node.read("/etc/magnum/registry/config.yml");
            assert!(
                settings.contains("username: \"name-1\"") && settings.contains("trustid: \"trust-1\""),
                "{settings}"
            );
        }
        let (fine, _, calls) = look(&node);
        assert!(fine && !calls.contains("patch"), "{group}: an order is carried out once: {calls}");
    }
}

#[test]
fn a_node_that_is_made_later_never_uses_what_it_was_made_with() {
    for group in ["kube_masters", "kube_minions"] {
        let node = Node::new(&trusting(), group);
        tell(&node, "7 certificates abc/remove", &sealed(2, "trustee-secret"));
        for _ in 0..2 {
            let (fine, log) = node.boot();
            assert!(fine, "{log}");
            assert_eq!(logins(&node), ["user-2"], "{group}: also when it starts over");
        }
        let (fine, log, _) = look(&node);
        assert!(fine, "{log}");
        assert_eq!(logins(&node), ["user-2"], "{group}: and for orders");
    }
}

#[test]
fn what_was_missed_is_taken_with_the_next_order_of_any_kind() {
    let node = booted(&with(|_| {}), "kube_minions");
    logins(&node);
    tell(&node, "2 certificates abc/trust", &sealed(1, "trustee-secret"));
    let (fine, log, _) = look(&node);
    assert!(fine, "{log}");
    assert_eq!(logins(&node), ["user-1"]);
    assert!(node.read(FILE).ends_with("\nTRUST_ID=\n"), "nothing here was set up to use a trust");
}

#[test]
fn a_node_that_was_made_with_a_trust_takes_one_again() {
    let node = booted(&trusting(), "kube_minions");
    let without = Credentials { trust_id: None, ..credentials(1) };
    tell(&node, "1 credentials abc", &without.sealed(&Secret::new("trustee-secret")).unwrap());
    assert!(look(&node).0);
    assert!(node.read(FILE).ends_with("\nTRUST_ID=\n"));
    tell(&node, "2 credentials def", &sealed(2, "trustee-secret"));
    assert!(look(&node).0);
    assert!(node.read(FILE).ends_with("\nTRUST_ID=trust-2\n"), "{}", node.read(FILE));
}

#[test]
fn what_is_told_is_read_once_and_reported_only_when_it_is_used() {
    for group in ["kube_masters", "kube_minions"] {
        let node = booted(&trusting(), group);
        tell(&node, "1 credentials abc", &sealed(1, "trustee-secret"));
        assert!(look(&node).0, "{group}");
        tell(&node, "2 credentials def", &sealed(2, "trustee-secret"));
        tell_in(&node, "metadata.next", "1 credentials abc", &sealed(1, "trustee-secret"));
        logins(&node);
        let (fine, log, _) = look(&node);
        assert!(fine, "{group}: {log}");
        assert_eq!(logins(&node), ["user-2"], "{group}: whatever a second answer would have been");
        assert!(signals(&node).contains("order-2"), "{group}");

        let before = signals(&node);
        tell(&node, "3 credentials ghi", &json!({"first": "", "rest": "", "mac": ""}));
        let (fine, log, _) = look(&node);
        assert!(!fine && log.contains("no credentials came with it"), "{log}");
        assert_eq!(signals(&node), before, "{group}");
        tell(&node, "3 credentials ghi", &sealed(2, "trustee-secret"));
        let (fine, log, calls) = look(&node);
        assert!(fine && !calls.contains("patch"), "{group}: they are used already: {log}{calls}");
        assert!(signals(&node).contains("order-3"), "{group}");
    }
}

#[test]
fn what_is_not_sealed_for_this_node_or_does_not_work_changes_nothing() {
    let node = booted(&trusting(), "kube_minions");
    let before = signals(&node);
    let good = sealed(1, "trustee-secret");
    let mut forged = good.clone();
    let text = good["first"].as_str().unwrap();
    forged["first"] = json!(format!("{}{}", if text.starts_with('A') { 'B' } else { 'A' }, &text[1..]));
    for (told, part) in [(&sealed(1, "another"), "not sealed"), (&forged, "not sealed")] {
        tell(&node, "1 credentials abc", told);
        let (fine, log, _) = look(&node);
        assert!(!fine && log.contains(part), "{log}");
    }
    fs::write(node.root.join("refused"), "").unwrap();
    tell(&node, "1 credentials abc", &good);
    let (fine, log, _) = look(&node);
    assert!(!fine && log.contains("Keystone does not take"), "{log}");
    assert!(!node.path(FILE).exists());
    assert_eq!(signals(&node), before, "nothing is reported that is not so");
    fs::remove_file(node.root.join("refused")).unwrap();
    let (fine, log, _) = look(&node);
    assert!(fine, "{log}");
    assert!(node.read(FILE).starts_with("TRUSTEE_USER_ID=user-1\n"));
}
