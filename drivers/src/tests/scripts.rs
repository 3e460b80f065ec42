//! The node scripts: shellcheck on the sources, and size, syntax and versions of what reaches the nodes.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    hot::Rendered,
    ignition::readable,
    samples::{all, atomic, every_label},
};
use crate::{DRIVERS, Driver, StackRequest};

/// Nova's limit, for the text in base64.
const USER_DATA_LIMIT: usize = 65_535;

fn scripts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut open = vec![root.join("shared"), root.join("coe"), root.join("src/tests/added")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "sh") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn shellcheck_finds_nothing() {
    let scripts = scripts();
    assert!(scripts.len() >= 15, "the scripts were not found");
    let output = Command::new("shellcheck").args(&scripts).output();
    let output = output.unwrap_or_else(|error| panic!("shellcheck must be installed: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Every request each driver makes of its samples.
fn requests() -> Vec<(String, StackRequest)> {
    let of = |driver: &'static dyn Driver| {
        all(driver).into_iter().map(move |(name, sample)| (format!("{} {name}", driver.name()), sample.stack(driver)))
    };
    DRIVERS.iter().flat_map(|driver| of(*driver)).collect()
}

fn assert_syntax(name: &str, text: &str) {
    let mut bash =
        Command::new("bash").args(["-n", "-s"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = bash.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{name}: {said}");
}

#[test]
fn user_data_is_a_script_that_nova_takes() {
    for (name, request) in requests() {
        let rendered = Rendered::new(&request);
        for group in rendered.groups() {
            let text = rendered.user_data(&group, 0);
            assert!(text.starts_with("#!/bin/bash\n") || text.starts_with("{\n"), "{name} {group}");
            assert!(text.len().div_ceil(3) * 4 < USER_DATA_LIMIT, "{name} {group}: {} bytes", text.len());
            let readable = readable(&text);
            let script = &readable[readable.find("#!/bin/bash\n").unwrap()..];
            assert_syntax(&format!("{name} {group}"), script);
        }
    }
}

/// Everything at once, with keys and a CA of their real sizes.
#[test]
fn the_largest_user_data_still_fits() {
    let pem = |bytes: usize| format!("-----BEGIN X-----\n{}\n-----END X-----", "A".repeat(bytes));
    let mut sample = every_label();
    sample.facts.openstack_ca = pem(1_900);
    sample.facts.service_account_key = pem(420);
    sample.facts.service_account_private_key = domain::Secret::new(pem(1_680));
    sample.facts.ca_private_key = Some(domain::Secret::new(pem(1_680)));
    for network in ["calico", "flannel"] {
        sample.template.network_driver = Some(network.to_owned());
        let request = sample.stack(atomic());
        let text = Rendered::new(&request).user_data("kube_masters", 0);
        let size = text.len().div_ceil(3) * 4;
        assert!(size < USER_DATA_LIMIT, "{network}: {size} bytes in base64");
    }
}

#[test]
fn every_placeholder_is_replaced() {
    for (name, request) in requests() {
        let rendered = Rendered::new(&request);
        for group in rendered.groups() {
            let text = readable(&rendered.user_data(&group, 0));
            let left = text.lines().find(|line| {
                let mut parts = line.split('@');
                let inside = parts.nth(1).unwrap_or_default();
                !inside.is_empty()
                    && parts.next().is_some()
                    && inside.chars().all(|c| c.is_ascii_uppercase() || c == '_')
            });
            assert_eq!(left, None, "{name} {group}");
        }
    }
}

/// Images come from one function only, which knows the mirror and is given a version.
#[test]
fn images_have_a_version_and_follow_the_prefix() {
    let mut calls = 0;
    for path in scripts() {
        let text = fs::read_to_string(&path).unwrap();
        let place = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!text.contains(":latest") && !text.contains("docker.io"), "{place}");
        for line in text.lines().filter(|line| line.trim_start().starts_with("image:")) {
            let value = line.trim_start().trim_start_matches("image:").trim();
            assert!(value.starts_with("$(image ") || value == "$3", "{place}: {line}");
        }
        for call in text.split("$(image ").skip(1) {
            calls += 1;
            let arguments = call.split(')').next().unwrap();
            let last = arguments.split_whitespace().last().unwrap();
            assert!(
                last.ends_with("_TAG\"") || last.ends_with("VERSION\"") || last == "\"$3\"",
                "{place}: {arguments}"
            );
            assert_eq!(arguments.split_whitespace().count(), 3, "{place}: {arguments}");
        }
    }
    assert!(calls > 15, "only {calls} images were found");
}

/// Every variable a script reads is in the parameter file of its role or set by a script.
#[test]
fn scripts_read_what_the_parameter_file_has() {
    let request = every_label().stack(atomic());
    let rendered = Rendered::new(&request);
    for group in ["kube_masters", "kube_minions"] {
        let text = readable(&rendered.user_data(group, 0));
        let known: BTreeSet<&str> = text
            .lines()
            .flat_map(|line| line.split_whitespace().map(|word| word.trim_start_matches('"')))
            .filter_map(|word| word.split_once('=').map(|(name, _)| name.trim_end_matches('+')))
            .collect();
        let allowed = [
            "FLANNEL_CERTIFICATE",
            "FLANNEL_SUBNET",
            "FLANNEL_MTU",
            "FLANNEL_KEY",
            "KUBECTL",
            "FLANNEL_NETWORK_SUBNETLEN",
        ];
        for name in read_names(&text) {
            assert!(
                known.contains(name.as_str()) || allowed.contains(&name.as_str()),
                "{group}: {name} is set nowhere"
            );
        }
    }
}

/// Names in capitals after `$` or `${`.
fn read_names(text: &str) -> BTreeSet<String> {
    text.split('$')
        .skip(1)
        .map(|rest| {
            rest.trim_start_matches('{')
                .chars()
                .take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '_')
                .collect()
        })
        .filter(|name: &String| name.len() > 2 && name.starts_with(|c: char| c.is_ascii_uppercase()))
        .collect()
}
