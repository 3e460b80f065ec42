//! The template language by examples.

use serde_json::{Map, Value, json};

use super::environment::Environment;
use super::eval::{Scope, evaluate, holds, order};
use super::template::Template;
use super::yaml;
use crate::http::Refusal;

/// A scope with one parameter, one resource, one file and one condition.
struct Fixed;

impl Scope for Fixed {
    fn parameter(&self, name: &str) -> Result<Value, Refusal> {
        match name {
            "name" => Ok(json!("kube")),
            "list" => Ok(json!(["a", "b"])),
            "map" => Ok(json!({"x": {"y": 7}})),
            "zero" => Ok(json!(0)),
            _ => Err(Refusal::bad("unknown")),
        }
    }

    fn reference(&self, resource: &str) -> Result<Value, Refusal> {
        Ok(json!(format!("id-of-{resource}")))
    }

    fn attribute(&self, _: &str, path: &[Value]) -> Result<Value, Refusal> {
        Ok(super::eval::descend(&json!({"ips": [{"addr": "10.0.0.2"}]}), path))
    }

    fn file(&self, name: &str) -> Result<Value, Refusal> {
        Ok(json!(format!("content of {name}")))
    }

    fn condition(&self, name: &str) -> Option<Value> {
        (name == "empty").then(|| json!({"equals": [{"get_param": "zero"}, 0]}))
    }
}

fn value(text: &str) -> Value {
    evaluate(&yaml::parse(text).unwrap(), &Fixed).unwrap()
}

fn refusal(text: &str) -> String {
    evaluate(&yaml::parse(text).unwrap(), &Fixed).unwrap_err().message
}

#[test]
fn references_and_paths() {
    assert_eq!(value("get_param: [map, x, y]"), 7);
    assert_eq!(value("get_param: [list, 1]"), "b");
    assert_eq!(value("get_param: [list, 9]"), "", "as Heat has it");
    assert_eq!(value("{a: [{get_resource: net}]}"), json!({"a": ["id-of-net"]}));
    assert_eq!(value("get_attr: [server, ips, 0, addr]"), "10.0.0.2");
    assert_eq!(value("get_file: x.sh"), "content of x.sh");
    assert_eq!(value("{get_param: name, other: 1}"), json!({"get_param": "name", "other": 1}), "two keys are no call");
}

#[test]
fn texts() {
    assert_eq!(value("list_join: ['-', [{get_param: name}, master], {get_param: list}]"), "kube-master-a-b");
    assert_eq!(value("str_split: [',', 'a,b', 1]"), "b");
    assert_eq!(value("str_replace: {template: 'AB ABC', params: {AB: 1, ABC: true}}"), "1 True");
    assert_eq!(value("str_replace: {template: '$a $b', params: {$a: $b, $b: x}}"), "$b x", "one pass");
    assert_eq!(value("digest: [md5, abc]"), "900150983cd24fb0d6963f7d28e17f72");
    let url = "make_url: {scheme: https, host: h, port: 1, path: p, query: {a: b}}";
    assert_eq!(value(url), "https://h:1/p?a=b");
    assert!(refusal("str_replace_strict: {template: a, params: {b: 1}}").contains("not found in the template: b"));
}

#[test]
fn lists_and_maps() {
    assert_eq!(value("list_concat: [{get_param: list}, [b, c]]"), json!(["a", "b", "b", "c"]));
    assert_eq!(value("list_concat_unique: [{get_param: list}, [b, c]]"), json!(["a", "b", "c"]));
    assert_eq!(value("map_merge: [{a: 1}, {a: 2, b: 3}]"), json!({"a": 2, "b": 3}));
    assert_eq!(value("map_replace: [{a: 1}, {keys: {a: b}, values: {'1': 2}}]"), json!({"b": 2}));
    assert_eq!(value("filter: [[a], [a, b, a]]"), json!(["b"]));
    let repeat = "repeat: {template: {port: '%p%'}, for_each: {'%p%': [1, 2]}}";
    assert_eq!(value(repeat), json!([{"port": 1}, {"port": 2}]));
    let product = "repeat: {template: '%a%%b%', for_each: {'%a%': [x, y], '%b%': [1, 2]}}";
    assert_eq!(value(product), json!(["x1", "x2", "y1", "y2"]));
    let pairs = "repeat: {template: '%a%%b%', for_each: {'%a%': [x, y], '%b%': [1, 2]}, permutations: false}";
    assert_eq!(value(pairs), json!(["x1", "y2"]));
    assert!(refusal("yaql: {expression: x}").contains("yaql"));
}

#[test]
fn conditions() {
    assert_eq!(value("if: [empty, yes, {get_param: nothing}]"), "yes", "the other branch is not evaluated");
    assert_eq!(value("if: [{not: empty}, a]"), Value::Null);
    for (text, expected) in [
        ("empty", true),
        ("{not: empty}", false),
        ("{and: [empty, {equals: [{get_param: name}, kube]}]}", true),
        ("{or: [{not: empty}, {equals: [1, '1']}]}", false),
        ("{contains: [b, {get_param: list}]}", true),
        ("false", false),
    ] {
        assert_eq!(holds(&yaml::parse(text).unwrap(), &Fixed).unwrap(), expected, "{text}");
    }
    assert!(holds(&json!("nothing"), &Fixed).unwrap_err().message.contains("Invalid condition"));
}

#[test]
fn resources_come_after_what_they_need() {
    let text = "
heat_template_version: 2018-08-31
resources:
  a: {type: OS::Heat::Value, properties: {value: {list_join: ['', [{get_attr: [c, value]}]]}}}
  b: {type: OS::Heat::Value, depends_on: [a], properties: {value: 1}}
  c: {type: OS::Heat::Value, properties: {value: 2}}
";
    let template = Template::read(&json!(text)).unwrap();
    assert_eq!(order(&template).unwrap(), ["c", "a", "b"]);
}

#[test]
fn later_environments_win_and_chains_are_followed() {
    let mut files = Map::new();
    files.insert("one".into(), json!("resource_registry: {A: B, 'X::*': 'OS::*'}\nparameters: {p: 1}"));
    files.insert("two".into(), json!("resource_registry: {B: c.yaml}\nparameters: {p: 2}"));
    let environment = Environment::read(&json!({"environment_files": ["one", "two"]}), &files).unwrap();
    assert_eq!(environment.resolve("A"), "c.yaml");
    assert_eq!(environment.resolve("X::Nova::Server"), "OS::Nova::Server");
    assert_eq!(environment.parameters["p"], 2);
    let wrong = Environment::read(&json!({"environment": {"wrong": {}}}), &files).unwrap_err();
    assert!(wrong.message.contains("wrong section \"wrong\""));
}

#[test]
fn yaml_tags_and_anchors() {
    assert_eq!(yaml::parse("{a: &x [1], b: *x, 2: true}").unwrap(), json!({"a": [1], "b": [1], "2": true}));
    assert_eq!(yaml::parse("{a: &x {p: 1}, b: {<<: *x, q: 2}}").unwrap()["b"], json!({"p": 1, "q": 2}));
    assert!(yaml::parse("!custom a").is_err());
}
