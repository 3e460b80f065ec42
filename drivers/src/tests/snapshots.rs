//! The stack request of each sample, so that a change of a parameter is seen in review.
//!
//! Files are shown by name; the user data of one master and one worker is shown as it reaches the node.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    hot::Rendered,
    samples::{Sample, all, atomic},
};
use crate::{DRIVERS, StackRequest};

fn shown(request: &StackRequest) -> Value {
    let parameters: BTreeMap<&String, Value> = request
        .parameters
        .iter()
        .map(|(name, value)| {
            let hide = request.hidden.contains(name.as_str()) && value.as_str().is_some_and(|text| !text.is_empty());
            (name, if hide { json!("(hidden)") } else { value.clone() })
        })
        .collect();
    let files: Vec<&String> = request.files.keys().collect();
    json!({
        "name": request.name, "parameters": parameters, "files": files, "tags": request.tags,
        "timeout_mins": request.timeout_mins, "disable_rollback": request.disable_rollback,
    })
}

#[test]
fn every_sample() {
    for driver in DRIVERS {
        let prefix = if driver.name() == atomic().name() { "stack" } else { driver.name() };
        for (name, sample) in all(*driver) {
            insta::assert_json_snapshot!(format!("{prefix}_{name}"), shown(&sample.stack(*driver)));
        }
    }
}

#[test]
fn a_resize_sends_two_parameters_and_no_template() {
    let sample = Sample::with(|s| {
        s.groups[1].node_count = 5;
        s.removals = vec!["server-3".to_owned()];
    });
    let request = atomic().resize(&sample.input()).unwrap();
    assert!(request.is_patch());
    insta::assert_json_snapshot!("resize", request.body());
}

#[test]
fn user_data_as_it_reaches_the_nodes() {
    let request = Sample::plain().stack(atomic());
    let rendered = Rendered::new(&request);
    insta::assert_snapshot!("user_data_master", rendered.user_data("kube_masters", 0));
    insta::assert_snapshot!("user_data_minion", rendered.user_data("kube_minions", 0));
}
