//! Upgrades as the nodes see them: who is told what before, during and after.

use std::collections::BTreeMap;

use domain::{Error, Labels, NodeGroup, Role};
use serde_json::{Map, Value, json};

use super::{
    hot::{Rendered, parse, plain},
    ignition::readable,
    samples::{Sample, atomic, coreos, group},
};
use crate::{Batch, DRIVERS, Driver, Outputs, StackRequest, upgrade_order};

const NEW: &str = "v1.36.0";

fn upgradable() -> impl Iterator<Item = &'static dyn Driver> {
    DRIVERS.iter().copied().filter(|driver| driver.upgrades().is_some())
}

/// A stack of three masters and three workers.
fn built(driver: &dyn Driver) -> StackRequest {
    let mut sample = Sample::of(driver);
    for group in &mut sample.groups {
        group.node_count = 3;
    }
    sample.cluster.master_lb_enabled = true;
    sample.stack(driver)
}

/// What Heat tells of it: every parameter as text.
fn told(request: &StackRequest) -> Outputs {
    let mut parameters = Map::new();
    for (name, shape) in parse(&request.template)["parameters"].as_object().unwrap() {
        let value = request.parameters.get(name).unwrap_or(&shape["default"]);
        let text = if value.is_object() { value.to_string() } else { plain(value) };
        parameters.insert(name.clone(), Value::String(text));
    }
    Outputs::of_stack(&json!({"parameters": parameters}))
}

fn changed(request: &StackRequest, change: StackRequest) -> StackRequest {
    let mut after = request.clone();
    let known = parse(&request.template)["parameters"].as_object().unwrap().clone();
    assert!(change.is_patch() && change.parameters.keys().all(|name| known.contains_key(name)), "{change:?}");
    after.parameters.extend(change.parameters);
    after
}

fn user_data(request: &StackRequest) -> Vec<String> {
    let rendered = Rendered::new(request);
    let of = |resource: &str, index| rendered.user_data(resource, index);
    (0..6).map(|n| of(if n < 3 { "kube_masters" } else { "kube_minions" }, n % 3)).collect()
}

/// The lines of a node's parameters, however they reach it.
fn lines(text: &str) -> String {
    if text.trim_start().starts_with('{') { readable(text) } else { text.to_owned() }
}

fn versions(request: &StackRequest) -> Vec<String> {
    let version = |text: &String| {
        let text = lines(text);
        text.lines().find_map(|line| line.strip_prefix("KUBE_TAG=")).unwrap().to_owned()
    };
    user_data(request).iter().map(version).collect()
}

fn names(members: &[&str]) -> Vec<String> {
    members.iter().map(|name| (*name).to_owned()).collect()
}

fn batch(driver: &dyn Driver, stack: &StackRequest, of: &NodeGroup, members: &[&str]) -> StackRequest {
    let batch = Batch { group: of, members: &names(members), version: NEW, mark: "op/batch" };
    changed(stack, driver.upgrades().unwrap().batch(&told(stack), &batch).unwrap())
}

fn settled(driver: &dyn Driver, stack: &StackRequest) -> StackRequest {
    let all = names(&["0", "1", "2"]);
    let roles = BTreeMap::from([("kube_masters", all.clone()), ("kube_minions", all)]);
    changed(stack, driver.upgrades().unwrap().settle(&told(stack), &roles, NEW, "op/settled").unwrap())
}

#[test]
fn only_the_members_of_a_batch_are_told_anything_else() {
    for driver in upgradable() {
        let before = built(driver);
        let workers = group("default-worker", "worker", 3);
        let after = batch(driver, &before, &workers, &["1", "2"]);
        let (old, new) = (user_data(&before), user_data(&after));
        let differs: Vec<bool> = old.iter().zip(&new).map(|(old, new)| old != new).collect();
        assert_eq!(differs, [false, false, false, false, true, true], "{}", driver.name());
        assert_eq!(versions(&after)[4..], [NEW, NEW]);
        assert!(lines(&new[4]).contains("second_minion_wait_handle"), "a fresh handle");
        let again = batch(driver, &after, &workers, &["1"]);
        assert_ne!(user_data(&again)[4], new[4], "what failed is made anew");
        assert_eq!(user_data(&again)[5], new[5]);
        let upgrades = driver.upgrades().unwrap();
        assert_eq!(upgrades.mark(&told(&after)).unwrap(), "op/batch");
        assert_eq!(upgrades.version(&told(&after), Role::Worker, "1"), NEW);
        assert_ne!(upgrades.version(&told(&after), Role::Worker, "0"), NEW);
        assert_ne!(upgrades.version(&told(&after), Role::Master, "1"), NEW);
    }
}

#[test]
fn the_end_of_an_upgrade_replaces_nothing_and_counts_for_nodes_to_come() {
    for driver in upgradable() {
        let mut stack = built(driver);
        let mut workers = group("default-worker", "worker", 3);
        workers.node_labels = [("disk".to_owned(), "ssd".to_owned())].into();
        let masters = group("default-master", "master", 3);
        for member in ["0", "1", "2"] {
            stack = batch(driver, &stack, &masters, &[member]);
        }
        stack = batch(driver, &stack, &workers, &["0", "1", "2"]);
        let after = settled(driver, &stack);
        assert!(user_data(&after) == user_data(&stack), "{}: nodes would be replaced", driver.name());
        let rendered = Rendered::new(&after);
        let coming = lines(&rendered.user_data("kube_minions", 7));
        assert!(coming.contains(&format!("KUBE_TAG={NEW}\n")) && coming.contains("NODE_LABELS=disk=ssd\n"), "{coming}");
        let upgrades = driver.upgrades().unwrap();
        for role in [Role::Master, Role::Worker] {
            assert_eq!(upgrades.version(&told(&after), role, "9"), NEW);
        }
        let mut sample = Sample::of(driver);
        driver.outputs(&told(&after), &mut sample.cluster, &mut sample.groups).unwrap();
        assert_eq!(sample.cluster.coe_version.as_deref(), Some(NEW));
        let back = batch(driver, &after, &workers, &["0"]);
        assert_ne!(user_data(&back)[3], user_data(&after)[3], "its turn outlived its release");
    }
}

#[test]
fn nodes_that_were_told_different_labels_keep_them() {
    for driver in upgradable() {
        let mut workers = group("default-worker", "worker", 3);
        let stack = batch(driver, &built(driver), &workers, &["0", "1"]);
        workers.node_labels = [("disk".to_owned(), "ssd".to_owned())].into();
        let stack = batch(driver, &stack, &workers, &["2"]);
        let after = settled(driver, &stack);
        assert!(user_data(&after)[3..] == user_data(&stack)[3..], "{}: nodes would be replaced", driver.name());
        let rendered = Rendered::new(&after);
        assert!(lines(&rendered.user_data("kube_minions", 7)).contains(&format!("KUBE_TAG={NEW}\n")));
    }
}

#[test]
fn what_failed_is_renewed_and_keeps_its_release() {
    for driver in upgradable() {
        let workers = group("default-worker", "worker", 3);
        let stack = batch(driver, &built(driver), &workers, &["0", "1"]);
        let upgrades = driver.upgrades().unwrap();
        let renewed = upgrades.renew(&told(&stack), Role::Worker, &names(&["1"]), "other/kube_minions/1").unwrap();
        let after = changed(&stack, renewed);
        let differs: Vec<bool> = user_data(&stack).iter().zip(user_data(&after)).map(|(a, b)| *a != b).collect();
        assert_eq!(differs, [false, false, false, false, true, false], "{}", driver.name());
        assert_eq!(versions(&after), versions(&stack));
    }
}

#[test]
fn an_old_stack_is_told_from_one_that_can_be_upgraded() {
    let old = Outputs::of_stack(&json!({"parameters": {"kube_tag": "v1.11.6"}}));
    let refused = atomic().upgrades().unwrap().mark(&old).unwrap_err();
    assert!(matches!(refused, Error::Conflict(text) if text.contains("older version")));
}

#[test]
fn masters_that_would_lose_their_etcd_are_not_replaced() {
    let mut cluster = Sample::plain().cluster;
    let masters = |count| group("default-master", "master", count);
    let may = |driver: &dyn Driver, cluster: &domain::Cluster, count| {
        driver.upgrades().unwrap().check_masters(cluster, &masters(count))
    };
    cluster.labels = Labels::default();
    assert!(may(coreos::driver(), &cluster, 3).is_ok(), "its masters join again");
    for (driver, count) in [(coreos::driver(), 1), (atomic(), 1), (atomic(), 3)] {
        let refused = may(driver, &cluster, count).unwrap_err();
        assert!(matches!(refused, Error::Conflict(text) if text.contains("etcd_volume_size")));
    }
    cluster.labels = Labels::from([("etcd_volume_size", "2")]);
    assert!(may(atomic(), &cluster, 1).is_ok() && may(coreos::driver(), &cluster, 1).is_ok());
}

#[test]
fn masters_go_first_and_nobody_is_left_behind() {
    let at = |name: &str, role: &str, version: &str| NodeGroup {
        version: Some(version.to_owned()),
        uuid: name.to_owned(),
        is_default: name.starts_with("default"),
        ..group(name, role, 1)
    };
    let groups = [
        at("default-master", "master", "v1.11.6"),
        at("default-worker", "worker", "v1.11.6"),
        at("old", "worker", "v1.9.3"),
    ];
    let (masters, workers, old) = (Some(&groups[0]), Some(&groups[1]), Some(&groups[2]));
    assert_eq!(upgrade_order(&groups, None, "v1.11.9"), Ok(()));
    let behind = upgrade_order(&groups, None, "v1.12.0").unwrap_err();
    assert!(behind.starts_with("node group old: ") && behind.contains("minor versions older"), "{behind}");
    let pair = &groups[..2];
    assert_eq!(upgrade_order(pair, None, "v1.12.0"), Ok(()));
    assert_eq!(upgrade_order(pair, masters, "v1.12.0"), Ok(()));
    assert!(upgrade_order(pair, None, "v1.13.0").unwrap_err().contains("skip"));
    assert!(upgrade_order(pair, None, "v1.10.0").unwrap_err().contains("go back"));
    assert!(upgrade_order(pair, workers, "v1.12.0").unwrap_err().contains("newer"));
    assert_eq!(upgrade_order(pair, workers, "v1.10.2"), Ok(()), "workers may go back");
    assert_eq!(upgrade_order(&groups, old, "v1.11.6"), Ok(()));
}
