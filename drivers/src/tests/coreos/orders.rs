//! What nodes do when they are told something after they were made.

use std::{fs, process::Command};

use super::node::Node;
use crate::tests::samples::{Sample, coreos::with};

fn made(group: &str) -> Node {
    made_of(&Sample::plain(), group)
}

fn made_of(sample: &Sample, group: &str) -> Node {
    let node = Node::new(sample, group);
    let (fine, log) = node.boot();
    assert!(fine, "{log}");
    node
}

/// Has the timer look once, and answers how it ended, with the commands it gave.
fn look(node: &Node, told: &str) -> (bool, String, String) {
    let metadata = format!("{{\"uuid\": \"x\", \"meta\": {{\"magnum_task\": \"{told}\"}}}}");
    fs::write(node.root.join("metadata"), metadata).unwrap();
    let _ = fs::remove_file(node.root.join("calls"));
    let (fine, log) = node.run("/usr/local/libexec/magnum-orders");
    (fine, log, fs::read_to_string(node.root.join("calls")).unwrap_or_default())
}

fn signals(node: &Node) -> Vec<String> {
    let text = fs::read_to_string(node.root.join("signals")).unwrap();
    let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
    text.lines().map(id).collect()
}

fn openssl(node: &Node, arguments: &str) -> bool {
    let output = Command::new("/usr/bin/openssl").args(arguments.split(' ')).current_dir(&node.root).output().unwrap();
    output.status.success()
}

/// Makes another authority, which is shown before the old one.
fn another_authority(node: &Node) {
    fs::rename(node.root.join("authority.crt"), node.root.join("old.crt")).unwrap();
    fs::rename(node.root.join("authority.key"), node.root.join("old.key")).unwrap();
    let made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=new -keyout \
                new.key -out new.crt";
    assert!(openssl(node, made));
    let both = ["new.crt", "old.crt"].map(|name| fs::read_to_string(node.root.join(name)).unwrap());
    fs::write(node.root.join("both.crt"), both.concat()).unwrap();
}

fn sign_as(node: &Node, name: &str) {
    for end in ["crt", "key"] {
        fs::copy(node.root.join(format!("{name}.{end}")), node.root.join(format!("authority.{end}"))).unwrap();
    }
}

#[test]
fn a_node_goes_through_a_rotation_and_does_everything_once() {
    for (group, own, restarted) in [
        ("kube_masters", "server", ["etcd", "kube-apiserver", "kubelet"].as_slice()),
        ("kube_minions", "kubelet", ["kubelet", "kube-proxy"].as_slice()),
    ] {
        let node = made(group);
        let certificate = format!("etc/kubernetes/certs/{own}.crt");
        let trusts =
            |certificate: &str| openssl(&node, &format!("verify -CAfile etc/kubernetes/certs/ca.crt {certificate}"));
        let (fine, log, calls) = look(&node, "");
        assert!(fine && !calls.contains("systemctl"), "{log}{calls}");
        fs::copy(node.path(&certificate), node.root.join("first.crt")).unwrap();

        another_authority(&node);
        sign_as(&node, "old");
        let (fine, log, calls) = look(&node, "1 certificates abc/trust");
        assert!(fine, "{log}");
        for unit in restarted {
            assert!(calls.contains(&format!("systemctl restart {unit}")), "{group} {unit}: {calls}");
        }
        let renewed = calls.contains("patch deployment.apps/coredns") && calls.contains("patch daemonset.apps/flannel");
        assert_eq!(renewed, group == "kube_masters", "pods read the authority only once: {calls}");
        assert!(trusts("first.crt") && trusts(&certificate), "{group}");
        assert!(openssl(&node, &format!("verify -CAfile old.crt {certificate}")), "{group}: others know the old only");

        let (fine, _, calls) = look(&node, "1 certificates abc/trust");
        assert!(fine && !calls.contains("systemctl"), "{group}: an order is carried out once: {calls}");

        sign_as(&node, "new");
        let (fine, log, _) = look(&node, "2 certificates abc/renew");
        assert!(fine, "{log}");
        assert!(openssl(&node, &format!("verify -CAfile new.crt {certificate}")), "{group}");
        assert!(trusts("first.crt"), "{group}: others still show certificates of the old");

        fs::remove_file(node.root.join("both.crt")).unwrap();
        let (fine, log, _) = look(&node, "3 certificates abc/remove");
        assert!(fine, "{log}");
        assert!(trusts(&certificate) && !trusts("first.crt"), "{group}");
        let last: Vec<String> = signals(&node).into_iter().rev().take(3).collect();
        assert_eq!(last, ["order-3", "order-2", "order-1"], "{group}");
        assert_eq!(node.read("/var/lib/magnum/order"), "3\n");
        assert_eq!(node.mode(&format!("/etc/kubernetes/certs/{own}.key")) & 0o007, 0, "{group}");
    }
}

/// A timer has no environment of a login, in which the proxies of the first boot would be.
#[test]
fn orders_reach_the_cloud_through_the_proxies_too() {
    let sample = with(|s| {
        s.template.https_proxy = Some("http://proxy.example:3129".to_owned());
        s.template.no_proxy = Some("intranet.example".to_owned());
    });
    let node = made_of(&sample, "kube_minions");
    fs::remove_file(node.root.join("proxies")).unwrap();
    let (fine, log, _) = look(&node, "1 certificates abc/trust");
    assert!(fine, "{log}");
    let calls = fs::read_to_string(node.root.join("proxies")).unwrap();
    let to_cloud: Vec<&str> = calls.lines().filter(|call| call.starts_with("https://cloud.example")).collect();
    assert!(to_cloud.len() >= 4, "logins, certificates and reports: {calls}");
    for call in to_cloud {
        assert!(call.contains(" http://proxy.example:3129 http://proxy.example:3129 intranet.example,"), "{call}");
        assert!(call.contains(",10.0.0.5/24"), "what belongs to the cluster is still left out: {call}");
    }
}

#[test]
fn what_fails_is_tried_again_and_not_reported_before() {
    let node = made("kube_minions");
    let before = signals(&node);
    fs::rename(node.root.join("authority.key"), node.root.join("kept.key")).unwrap();
    let (fine, log, calls) = look(&node, "1 certificates abc/trust");
    assert!(!fine && log.contains("did not sign"), "{log}");
    assert!(!calls.contains("systemctl restart"), "nothing was changed: {calls}");
    assert_eq!(signals(&node), before);
    fs::rename(node.root.join("kept.key"), node.root.join("authority.key")).unwrap();
    let (fine, log, _) = look(&node, "1 certificates abc/trust");
    assert!(fine, "{log}");
    assert_eq!(signals(&node).last().unwrap(), "order-1");
}

#[test]
fn what_is_no_order_does_nothing() {
    let node = made("kube_minions");
    for told in ["x certificates", "a[$(touch $ROOT/pwned)] certificates", "0 certificates abc", " "] {
        let (fine, log, calls) = look(&node, told);
        assert!(fine && !calls.contains("systemctl"), "{told}: {log}{calls}");
    }
    assert!(!node.root.join("pwned").exists());
    let (fine, log, _) = look(&node, "1 dance abc");
    assert!(!fine && log.contains("dance"), "{log}");
}
