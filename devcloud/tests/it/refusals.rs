//! What Heat refuses at once, in Heat's words.

use devcloud::DevCloud;
use serde_json::{Value, json};

use crate::client::{Caller, cloud, user};
use crate::templates::cluster;

#[tokio::test]
async fn wrong_parameters_are_refused_in_heats_words() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let before = cloud.census();
    let invalid = "StackValidationFailed";
    for (parameters, kind, message) in [
        (
            json!({"octavia_provider": "x"}),
            "UnknownUserParameter",
            "The Parameter (octavia_provider) was not defined in template.",
        ),
        (json!({"ssh_key_name": null}), "UserParameterMissing", "The Parameter (ssh_key_name) was not provided."),
        (
            json!({"ssh_key_name": "nokey"}),
            invalid,
            "Parameter 'ssh_key_name' is invalid: Error validating value 'nokey': The Key (nokey) could not be found.",
        ),
        (
            json!({"number_of_minions": 21}),
            invalid,
            "Parameter 'number_of_minions' is invalid: 21 is out of range (min: 0, max: 20)",
        ),
        (
            json!({"number_of_minions": "many"}),
            invalid,
            "Parameter 'number_of_minions' is invalid: could not convert string to float: 'many'",
        ),
        (
            json!({"network_driver": "weave"}),
            invalid,
            "Parameter 'network_driver' is invalid: \"weave\" is not an allowed value [\"flannel\", \"calico\"]",
        ),
        (json!({"prefix": "x"}), invalid, "Parameter 'prefix' is invalid: \"x\" does not match pattern \"^$|.*/\""),
        (
            json!({"external_network": "x"}),
            invalid,
            "Parameter 'external_network' is invalid: Error validating value 'x': Unable to find network with name or id 'x'",
        ),
        (
            json!({"master_flavor": "x"}),
            invalid,
            "Parameter 'master_flavor' is invalid: Error validating value 'x': No Flavor matching {'name': 'x'}. (HTTP 404)",
        ),
    ] {
        let answer = demo.post(&demo.stacks(), cluster(&cloud, "bad", &parameters.clone())).await;
        assert_eq!(answer.status, 400, "{parameters}");
        assert_eq!(answer.body["error"]["message"], message, "{parameters}");
        assert_eq!(answer.body["error"]["type"], kind, "{parameters}");
    }
    assert_eq!(cloud.census(), before);
}

/// Sends the cluster's stack after `change` and returns the refusal's message.
async fn refused(cloud: &DevCloud, demo: &Caller, change: impl Fn(&mut Value)) -> String {
    let mut body = cluster(cloud, "bad", &json!({}));
    change(&mut body);
    let answer = demo.post(&demo.stacks(), body).await;
    let message = answer.body["error"]["message"].as_str();
    // What makes Heat's engine stumble is a 500 without a word.
    assert_eq!(answer.status, if message.is_none() { 500 } else { 400 }, "{}", answer.text);
    message.unwrap_or("Heat says nothing").to_owned()
}

#[tokio::test]
async fn wrong_templates_are_refused() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let edit = |key: &'static str, from: &'static str, to: &'static str| {
        move |body: &mut Value| {
            let place = if key == "template" { &mut body["template"] } else { &mut body["files"][key] };
            let text = place.as_str().unwrap();
            assert!(text.contains(from), "{from} is not in {key}");
            *place = json!(text.replacen(from, to, 1));
        }
    };
    let without = |file: &'static str| {
        move |body: &mut Value| {
            body["files"].as_object_mut().unwrap().remove(file);
        }
    };
    let message = refused(&cloud, &demo, without("heat-params.txt")).await;
    let nested = "resources.kube_masters<nested_stack>.resources.0<node.yaml>.resources";
    let sentence = "No content found in the \"files\" section for get_file path: heat-params.txt";
    assert_eq!(message, format!("Property error: : {nested}.params.properties.config: : {sentence}"));
    let message = refused(&cloud, &demo, without("network.yaml")).await;
    assert!(message.starts_with("Could not fetch remote template \"network.yaml\""), "{message}");
    assert!(refused(&cloud, &demo, without("env.yaml")).await.contains("env.yaml"));
    let message = refused(&cloud, &demo, |body| body["environment_files"] = json!([])).await;
    assert_eq!(message, "The Resource Type (Demo::Lb) could not be found.");
    let message = refused(&cloud, &demo, edit("template", "{get_param: master_flavor}", "{get_param: nothing}")).await;
    assert!(message.ends_with("The Parameter (nothing) was not provided."), "{message}");
    let message =
        refused(&cloud, &demo, edit("template", "get_attr: [network, subnet]", "get_attr: [nothing, subnet]")).await;
    assert_eq!(message, "The specified reference \"nothing\" (in api_lb.Properties.subnet) is incorrect.");
    let message =
        refused(&cloud, &demo, edit("template", "          key: ", "          unknown: x\n          key: ")).await;
    let member = "resources.kube_masters<nested_stack>.resources[0]";
    assert_eq!(message, format!("Property error: : {member}.properties: : Unknown Property unknown"));
    let message = refused(&cloud, &demo, edit("node.yaml", "key_name: ", "keyname: ")).await;
    assert!(message.ends_with("resources.server.properties: : Unknown Property keyname"), "{message}");
    let message =
        refused(&cloud, &demo, edit("template", "          subnet: {get_attr: [network, subnet]}\n", "")).await;
    assert!(message.ends_with("The Parameter (subnet) was not provided."), "{message}");
    let message = refused(&cloud, &demo, edit("template", "2017-02-24", "2099-01-01")).await;
    assert!(message.starts_with("The template version is invalid"), "{message}");
    let message = refused(&cloud, &demo, edit("template", "    type: network.yaml", "    typ: network.yaml")).await;
    assert_eq!(message, "\"typ\" is not a valid keyword inside a resource definition");
    let message =
        refused(&cloud, &demo, edit("network.yaml", "{name: private}", "{name: {get_resource: private_subnet}}")).await;
    assert_eq!(message, "Heat says nothing");
    let message = refused(&cloud, &demo, |body| body["template"] = json!("a: [")).await;
    assert!(message.starts_with("Template not in valid format: "), "{message}");
    let message = refused(&cloud, &demo, |body| body["stack_name"] = json!("1 name")).await;
    assert!(message.starts_with("Invalid stack name 1 name"), "{message}");
    assert!(cloud.census().stacks.is_empty());
}

#[tokio::test]
async fn templates_are_validated_without_a_stack() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let url = format!("/orchestration/v1/{}/validate", demo.project);
    let mut body = cluster(&cloud, "c1", &json!({}));
    let good = demo.post(&url, body.clone()).await;
    assert_eq!(good.body["Parameters"]["trustee_password"]["NoEcho"], "true");
    body["parameters"]["nothing"] = json!(1);
    assert_eq!(demo.post(&url, body).await.status, 400);
    assert!(cloud.census().stacks.is_empty());
}
