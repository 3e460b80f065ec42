//! What docs/DRIVERS.md says about adding a driver, held by the small one in `added/`, which only tests are built with.
//!
//! The generic tests run over it as over every other driver; here is what is special about one that nobody has heard of.

use std::{
    fs,
    path::{Path, PathBuf},
};

use domain::Labels;
use serde_json::json;

use super::samples::{Sample, all, atomic};
use crate::{Check, DRIVERS, Driver, NodesNetwork, Outputs, Rules, driver_for, driver_named};

#[expect(dead_code, reason = "its main belongs to cargo")]
#[path = "../../build.rs"]
mod build;

const NAME: &str = "nomad_debian_v1";

fn added() -> &'static dyn Driver {
    driver_named(NAME).unwrap()
}

fn files_below(folder: PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(path)) } else { found.push(path) }
    }
    found
}

#[test]
fn the_folder_is_all_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = ["src", "shared", "coe"].map(|name| files_below(root.join(name))).concat();
    for path in places.into_iter().chain([root.join("build.rs")]) {
        let place = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        let own = place.starts_with("src/tests/added") || place.contains(NAME);
        assert!(own || !fs::read_to_string(&path).unwrap().contains("nomad"), "{place} knows of the added driver");
    }
}

#[test]
fn it_is_found_by_its_image_and_can_be_switched_off() {
    assert_eq!(driver_for("vm", "debian", "nomad", &[]).map(Driver::name), Some(NAME));
    assert!(driver_for("vm", "debian", "nomad", &[NAME.to_owned()]).is_none());
    assert!(DRIVERS.iter().any(|driver| driver.name() == NAME));
    assert_eq!(all(added()).len(), 1, "it has no samples of its own, and is tested with the plain one");
}

#[test]
fn labels_are_checked_by_its_table() {
    let labels = Labels::from([("nomad_tag", "latest")]);
    let check = Check {
        labels: &labels,
        master_count: Some(1),
        master_lb_enabled: false,
        tls_disabled: false,
        network_driver: None,
        nodes_network: NodesNetwork::Made,
        registry_enabled: false,
        volume_driver: None,
        docker_volume_size: None,
        docker_storage_driver: None,
        docker_volume_type: None,
        rules: Rules::default(),
    };
    let message = added().check(&check).unwrap_err().to_string();
    assert!(message.contains("nomad_tag"), "{message}");
}

#[test]
fn shared_files_and_its_own_travel_together() {
    let request = Sample::plain().stack(added());
    let names: Vec<&str> = request.files.keys().map(String::as_str).collect();
    assert_eq!(names, ["network.yaml", "nomad.sh", "nomadnode.yaml", "port.yaml", "server.yaml"]);
    assert!(!request.files["nomad.sh"].contains("quorum"), "comments stay at home");
    assert_eq!(request.files["server.yaml"], Sample::plain().stack(atomic()).files["server.yaml"]);
}

#[test]
fn outputs_become_columns() {
    let stack = Outputs::of_stack(&json!({"outputs": [
        {"output_key": "api_address", "output_value": "http://10.0.0.5:4646"},
        {"output_key": "nomad_servers_private", "output_value": ["10.0.0.5"]},
        {"output_key": "nomad_clients_private", "output_value": ["10.0.0.6", "10.0.0.7"]},
    ]}));
    let Sample { mut cluster, mut groups, .. } = Sample::plain();
    added().outputs(&stack, &mut cluster, &mut groups).unwrap();
    assert_eq!(cluster.api_address.as_deref(), Some("http://10.0.0.5:4646"));
    assert_eq!(groups[1].node_addresses, ["10.0.0.6", "10.0.0.7"]);
}

#[test]
fn a_folder_without_a_driver_is_none_and_a_reference_that_leads_nowhere_fails_the_build() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let added = root.join("src/tests/added");
    let found = build::driver_folders(&added).unwrap();
    assert_eq!(found.iter().map(|path| path.file_name().unwrap()).collect::<Vec<_>>(), [NAME]);
    assert!(build::driver_folders(&added.join(NAME)).unwrap().is_empty(), "templates/ has no driver.rs");
    let templates = added.join(NAME).join("templates");
    let main = templates.join("cluster.yaml");
    let files = build::referenced(&main, &templates, &root.join("shared")).unwrap();
    assert!(files.keys().any(|(name, _)| name == "nomad.sh"));
    let failure = build::referenced(&main, &templates, &added).unwrap_err().to_string();
    assert!(failure.contains("leads to no file"), "{failure}");
}

/// A driver that the table does not have, or a file or test that is not there, is found here.
#[test]
fn the_guide_knows_every_driver_and_names_what_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join("../docs/DRIVERS.md")).unwrap();
    let heading = guide.lines().find(|line| line.starts_with("| feature |")).unwrap();
    for driver in DRIVERS {
        assert_eq!(heading.contains(driver.name()), driver.name() != NAME, "{}", driver.name());
    }
    let columns = heading.matches('|').count();
    let table = guide.lines().skip_while(|line| *line != heading).take_while(|line| line.starts_with('|'));
    for line in table {
        assert_eq!(line.matches('|').count(), columns, "{line}");
    }
    let sources: String =
        files_below(root.join("src/tests")).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    for word in guide.split(['`', '(', ')', ' ', '\n']).map(|word| word.trim_end_matches(['.', ',', ':', ';', '/'])) {
        let is_path = word.starts_with("drivers/") || word.starts_with("tests/");
        assert!(!is_path || word.contains("NAME") || root.join("..").join(word).exists(), "no {word}");
        let is_test = word.matches('_').count() >= 3 && !word.contains("_v");
        assert!(!is_test || sources.contains(&format!("fn {word}()")), "no test {word}");
    }
}
