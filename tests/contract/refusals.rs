//! What Heat refuses at once, in the words that its user will read.

use serde_json::{Value, json};

use crate::access::{FLAVOR, KEYPAIR};
use crate::world::{World, on_cloud, refusal, unique};

/// A stack that uses every kind of thing that can be wrong.
fn body(w: &World) -> Value {
    json!({
        "stack_name": unique("refused"),
        "template": {
            "heat_template_version": "2017-02-24",
            "parameters": {
                "key": {"type": "string", "constraints": [{"custom_constraint": "nova.keypair"}]},
                "flavor": {"type": "string", "constraints": [{"custom_constraint": "nova.flavor"}]},
                "image": {"type": "string", "constraints": [{"custom_constraint": "glance.image"}]},
                "external": {"type": "string", "constraints": [{"custom_constraint": "neutron.network"}]},
                "inner": {"type": "string", "constraints": [{"custom_constraint": "neutron.subnet"}]},
                "volume_type": {"type": "string", "constraints": [{"custom_constraint": "cinder.vtype"}]},
                "count": {"type": "number", "default": 1, "constraints": [{"range": {"min": 1, "max": 20}}]},
                "at_least": {"type": "number", "default": 1, "constraints": [{"range": {"min": 1}}]},
                "driver": {"type": "string", "default": "a", "constraints": [{"allowed_values": ["a", "b"]}]},
                "prefix": {"type": "string", "default": "", "constraints": [{"allowed_pattern": "^$|.*/"}]},
                "short": {"type": "string", "default": "", "constraints": [{"length": {"max": 3}}]},
                "flag": {"type": "boolean", "default": true},
                "list": {"type": "comma_delimited_list", "default": ""},
                "map": {"type": "json", "default": {}},
            },
            "resources": {
                "group": {"type": "OS::Heat::ResourceGroup", "properties": {
                    "count": {"get_param": "count"},
                    "resource_def": {"type": "node.yaml", "properties": {"length": 5}},
                }},
                "word": {"type": "OS::Heat::RandomString", "properties": {"length": 5}},
            },
            "outputs": {"word": {"value": {"get_attr": ["word", "value"]}}},
        },
        "files": {"node.yaml": NODE},
        "parameters": {
            "key": KEYPAIR, "flavor": FLAVOR, "image": w.access.image, "external": w.access.external_network,
            "inner": w.access.subnet, "volume_type": w.access.volume_type,
        },
        "disable_rollback": true,
    })
}

fn resource<'b>(body: &'b mut Value, name: &str) -> &'b mut Value {
    &mut body["template"]["resources"][name]
}

fn member(body: &mut Value) -> &mut Value {
    &mut resource(body, "group")["properties"]["resource_def"]["properties"]
}

const NODE: &str = "heat_template_version: 2017-02-24
parameters:
  length: {type: number}
resources:
  word:
    type: OS::Heat::RandomString
    properties:
      length: {get_param: length}
outputs:
  OS::stack_id: {value: {get_resource: word}}
  value: {value: {get_attr: [word, value]}}
";

/// Fails with every case whose sentence does not begin as expected.
fn assert_no(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// `None` when the sentence begins as expected.
fn differs(what: &str, found: &str, expected: &str) -> Option<String> {
    (!found.starts_with(expected)).then(|| format!("{what}\n     is: {found}\n  wants: {expected}"))
}

/// Heat's sentence for the stack after a change.
async fn sentence(w: &World, change: impl FnOnce(&mut Value)) -> String {
    let demo = w.demo().await;
    let mut body = body(w);
    change(&mut body);
    match w.stack(&demo, &body).await {
        Ok(_) => "accepted".to_owned(),
        refused => match refusal(refused) {
            (400, sentence) => sentence,
            (status, sentence) => format!("{status} {sentence}"),
        },
    }
}

#[tokio::test]
async fn the_stack_that_the_refusals_start_from_is_accepted() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let id = w.stack(&demo, &body(w)).await.unwrap();
        assert_eq!(crate::world::settled(&demo, &id).await.status, "CREATE_COMPLETE");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_parameter_is_named_with_what_is_wrong_about_it() {
    on_cloud(async |w: &World| {
        let mut wrong = Vec::new();
        for (parameter, value, expected) in [
            ("nothing", json!("x"), "The Parameter (nothing) was not defined in template."),
            ("key", Value::Null, "The Parameter (key) was not provided."),
            (
                "key",
                json!("no-key"),
                "Parameter 'key' is invalid: Error validating value 'no-key': The Key (no-key) could not be found.",
            ),
            (
                "flavor",
                json!("m9"),
                "Parameter 'flavor' is invalid: Error validating value 'm9': No Flavor matching {'name': 'm9'}. (HTTP 404)",
            ),
            (
                "image",
                json!("no-image"),
                "Parameter 'image' is invalid: Error validating value 'no-image': No images matching {'name': 'no-image'}.",
            ),
            (
                "external",
                json!("no-net"),
                "Parameter 'external' is invalid: Error validating value 'no-net': \
                 Unable to find network with name or id 'no-net'",
            ),
            (
                "inner",
                json!("no-subnet"),
                "Parameter 'inner' is invalid: Error validating value 'no-subnet': \
                 Unable to find subnet with name or id 'no-subnet'",
            ),
            (
                "volume_type",
                json!("no-type"),
                "Parameter 'volume_type' is invalid: Error validating value 'no-type': \
                 The VolumeType (no-type) could not be found.",
            ),
            ("count", json!(21), "Parameter 'count' is invalid: 21 is out of range (min: 1, max: 20)"),
            ("count", json!(0), "Parameter 'count' is invalid: 0 is out of range (min: 1, max: 20)"),
            ("at_least", json!(0), "Parameter 'at_least' is invalid: 0 is out of range (min: 1, max: None)"),
            ("count", json!("many"), "Parameter 'count' is invalid: could not convert string to float: 'many'"),
            ("driver", json!("c"), "Parameter 'driver' is invalid: \"c\" is not an allowed value [\"a\", \"b\"]"),
            ("prefix", json!("x"), "Parameter 'prefix' is invalid: \"x\" does not match pattern \"^$|.*/\""),
            ("short", json!("long"), "Parameter 'short' is invalid: length (4) is out of range (min: None, max: 3)"),
            (
                "flag",
                json!("perhaps"),
                "Parameter 'flag' is invalid: Unrecognized value 'perhaps', acceptable values are: '0', '1', 'f', \
                 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'",
            ),
            (
                "map",
                json!("{"),
                "Parameter 'map' is invalid: Value must be valid JSON: ",
            ),
        ] {
            let found = sentence(w, |body| body["parameters"][parameter] = value.clone()).await;
            wrong.extend(differs(&format!("{parameter}: {value}"), &found, expected));
        }
        assert_no(&wrong);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_template_is_refused_with_its_place() {
    on_cloud(async |w: &World| {
        type Change = fn(&mut Value);
        let cases: [(&str, Change, &str); 25] = [
            (
                "unknown property",
                |b| resource(b, "word")["properties"]["colour"] = json!("red"),
                "Property error: : resources.word.properties: : Unknown Property colour",
            ),
            (
                "unknown property of a member",
                |b| member(b)["colour"] = json!(1),
                "Property error: : resources.group<nested_stack>.resources[0].properties: : Unknown Property colour",
            ),
            (
                "unknown property inside a member",
                |b| b["files"]["node.yaml"] = json!(NODE.replace("length: {get_param", "colour: {get_param")),
                "Property error: : resources.group<nested_stack>.resources.0<node.yaml>.resources.word.properties: : \
                 Unknown Property colour",
            ),
            (
                "unknown property inside a nested stack",
                |b| {
                    *resource(b, "word") = json!({"type": "node.yaml", "properties": {"length": 5}});
                    resource(b, "group")["properties"]["resource_def"] = json!({"type": "OS::Heat::RandomString"});
                    b["template"]["outputs"] = json!({});
                    b["files"]["node.yaml"] = json!(NODE.replace("length: {get_param", "colour: {get_param"));
                },
                "Property error: : resources.word<node.yaml>.resources.word.properties: : Unknown Property colour",
            ),
            (
                "missing property",
                |b| *resource(b, "word") = json!({"type": "OS::Heat::Value"}),
                "Property error: : resources.word.properties: : Property value not assigned",
            ),
            (
                "missing property of a nested stack",
                |b| *resource(b, "word") = json!({"type": "node.yaml"}),
                "Property error: : resources.word.properties: : Property length not assigned",
            ),
            (
                "missing property of a member",
                |b| *member(b) = json!({}),
                "ValueError: : resources.group<nested_stack>.resources.0<node.yaml>.resources.word: : \
                 The Parameter (length) was not provided.",
            ),
            (
                "value of a nested stack's parameter",
                |b| *resource(b, "word") = json!({"type": "node.yaml", "properties": {"length": "x"}}),
                "Property error: : resources.word.properties.length: : could not convert string to float: 'x'",
            ),
            (
                "number that is none",
                |b| resource(b, "word")["properties"]["length"] = json!("x"),
                "Property error: : resources.word.properties.length: : Value 'x' is not an integer",
            ),
            (
                "number out of range",
                |b| resource(b, "word")["properties"]["length"] = json!(1000),
                "Property error: : resources.word.properties.length: : 1000 is out of range (min: 1, max: 512)",
            ),
            (
                "flavor, image and network that are not there",
                |b| {
                    *resource(b, "word") = json!({"type": "OS::Nova::Server", "properties": {
                        "flavor": "m9", "image": {"get_param": "image"}, "networks": [{"network": "x"}],
                    }});
                    b["template"]["outputs"] = json!({});
                },
                "Property error: : resources.word.properties.flavor: : Error validating value 'm9': \
                 No Flavor matching {'name': 'm9'}. (HTTP 404)",
            ),
            (
                "network that is not there",
                |b| {
                    *resource(b, "word") = json!({"type": "OS::Nova::Server", "properties": {
                        "flavor": FLAVOR, "image": {"get_param": "image"}, "networks": [{"network": "x"}],
                    }});
                    b["template"]["outputs"] = json!({});
                },
                "Property error: : resources.word.properties.networks[0].network: : Error validating value 'x': \
                 Unable to find network with name or id 'x'",
            ),
            (
                "unknown type",
                |b| resource(b, "word")["type"] = json!("OS::Heat::Wish"),
                "The Resource Type (OS::Heat::Wish) could not be found.",
            ),
            (
                "file of a member that was not sent",
                |b| b["files"] = json!({}),
                "resources.group<nested_stack>: : Could not fetch remote template \"node.yaml\": Invalid URL scheme",
            ),
            (
                "file of a function that was not sent",
                |b| {
                    let config = json!({"config": {"get_file": "nothing.sh"}});
                    *resource(b, "config") = json!({"type": "OS::Heat::SoftwareConfig", "properties": config});
                },
                "Property error: : resources.config.properties.config: : \
                 No content found in the \"files\" section for get_file path: nothing.sh",
            ),
            (
                "unknown parameter in a function",
                |b| resource(b, "word")["properties"]["length"] = json!({"get_param": "nothing"}),
                "Property error: : resources.word.properties.length: : The Parameter (nothing) was not provided.",
            ),
            (
                "unknown resource in an output",
                |b| b["template"]["outputs"]["word"]["value"] = json!({"get_attr": ["nothing", "value"]}),
                "outputs.word.value.get_attr: : The specified reference \"nothing\" (in unknown) is incorrect.",
            ),
            (
                "unknown resource in a property",
                |b| resource(b, "word")["properties"]["length"] = json!({"get_attr": ["nothing", "value"]}),
                "The specified reference \"nothing\" (in word.Properties.length) is incorrect.",
            ),
            (
                "unknown attribute",
                |b| b["template"]["outputs"]["word"]["value"] = json!({"get_attr": ["word", "colour"]}),
                "outputs.word.value.get_attr: : The Referenced Attribute (word colour) is incorrect.",
            ),
            (
                "unknown resource to wait for",
                |b| resource(b, "word")["depends_on"] = json!("nothing"),
                "The specified reference \"nothing\" (in word) is incorrect.",
            ),
            (
                "circle",
                |b| {
                    resource(b, "word")["depends_on"] = json!("group");
                    resource(b, "group")["depends_on"] = json!("word");
                },
                "500 The server has either erred or is incapable of performing the requested operation.",
            ),
            (
                "misspelt key",
                |b| resource(b, "word")["depend_on"] = json!("group"),
                "\"depend_on\" is not a valid keyword inside a resource definition",
            ),
            ("misspelt section", |b| b["template"]["resource"] = json!({}), "The template section is invalid: resource"),
            (
                "version from the future",
                |b| b["template"]["heat_template_version"] = json!("2099-01-01"),
                "The template version is invalid: \"heat_template_version: 2099-01-01\". \"heat_template_version\" \
                 should be one of: 2013-05-23, 2014-10-16, 2015-04-30, 2015-10-15, 2016-04-08, 2016-10-14, 2017-02-24, ",
            ),
            (
                "no YAML",
                |b| b["template"] = json!("a: ["),
                "Template not in valid format: Error parsing template [root stack] ",
            ),
        ];
        let mut wrong = Vec::new();
        for (what, change, expected) in cases {
            wrong.extend(differs(what, &sentence(w, change).await, expected));
        }
        assert_no(&wrong);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_request_is_refused() {
    on_cloud(async |w: &World| {
        type Change = fn(&mut Value);
        let long = unique("x").repeat(20);
        assert!(sentence(w, |b| b["stack_name"] = json!(long)).await.starts_with("Invalid stack name "));
        let cases: [(Change, &str); 7] = [
            (
                |b| b["stack_name"] = json!("1st"),
                "Invalid stack name 1st must contain only alphanumeric or \"_-.\" characters, must start with alpha \
                 and must be 255 characters or less.",
            ),
            (|b| b["stack_name"] = json!("two words"), "Invalid stack name two words must contain only"),
            (|b| b["timeout_mins"] = json!("soon"), "Only integer is acceptable by 'timeout_mins'."),
            (|b| b["timeout_mins"] = json!(-1), "Value '-1' is invalid for 'timeout_mins'"),
            (|b| b["template"] = Value::Null, "No template specified"),
            (|b| b["stack_name"] = Value::Null, "Invalid stack name None, must be a string"),
            (|b| drop(b.as_object_mut().unwrap().remove("stack_name")), "No stack name specified"),
        ];
        let mut wrong = Vec::new();
        for (change, expected) in cases {
            wrong.extend(differs("request", &sentence(w, change).await, expected));
        }
        assert_no(&wrong);
    })
    .await;
}
