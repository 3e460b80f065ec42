//! The stack that the tests create: a small cluster with nested templates.

use devcloud::DevCloud;
use serde_json::{Value, json};

/// Body of a POST that creates a cluster's stack without load balancer.
pub(crate) fn cluster(cloud: &DevCloud, name: &str, parameters: &Value) -> Value {
    let mut all = json!({
        "ssh_key_name": "testkey", "external_network": "public",
        "server_image": cloud.seed().images["fedora-atomic-27"],
    });
    all.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
    json!({
        "stack_name": name,
        "template": include_str!("templates/cluster.yaml"),
        "files": {
            "network.yaml": include_str!("templates/network.yaml"),
            "node.yaml": include_str!("templates/node.yaml"),
            "lb.yaml": include_str!("templates/lb.yaml"),
            "no_lb.yaml": include_str!("templates/no_lb.yaml"),
            "heat-params.txt": "CLUSTER_UUID=\"$UUID\"\nVERIFY_CA=\"$VERIFY\"\nWAIT_CURL=\"$WAIT\"\n",
            "env.yaml": "resource_registry: {'Demo::Lb': no_lb.yaml}",
            "env_lb.yaml": "resource_registry: {'Demo::Lb': lb.yaml}",
        },
        "environment_files": ["env.yaml"],
        "parameters": all,
        "timeout_mins": 60,
    })
}

/// The value of an output.
pub(crate) fn output<'a>(stack: &'a Value, key: &str) -> &'a Value {
    let outputs = stack["outputs"].as_array().unwrap();
    &outputs.iter().find(|output| output["output_key"] == key).unwrap()["output_value"]
}
