//! Which crate may use which: the direction of dependencies, held by a test.

use std::{collections::BTreeMap, process::Command};

/// Allowed arrows, from the crate to those it may use. Tests may use more; shipped code may not.
const ARROWS: [(&str, &[&str]); 8] = [
    ("domain", &[]),
    ("store", &["domain"]),
    ("cloud", &["domain"]),
    ("drivers", &["domain"]),
    ("certs", &["domain", "store", "cloud"]),
    ("api", &["domain", "store", "cloud", "drivers", "certs"]),
    ("conductor", &["domain", "store", "cloud", "drivers", "certs"]),
    ("devcloud", &[]),
];

#[test]
fn dependencies_point_the_way_they_may() {
    let output = Command::new(env!("CARGO")).args(["metadata", "--format-version", "1", "--no-deps"]).output().unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let mut seen = 0;
    for package in metadata["packages"].as_array().unwrap() {
        let Some(may_use) = allowed.get(package["name"].as_str().unwrap()) else { continue };
        seen += 1;
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap();
            let is_ours = allowed.contains_key(name) && dependency["kind"] != "dev";
            assert!(!is_ours || may_use.contains(&name), "{} must not use {name}", package["name"]);
        }
    }
    assert_eq!(seen, ARROWS.len(), "a crate is missing from the table");
}
