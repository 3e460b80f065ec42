//! Just enough of Heat to look into our own templates: reading them and carrying out the functions they use.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::StackRequest;

/// A HOT text as JSON.
pub(super) fn parse(text: &str) -> Value {
    serde_yaml_ng::from_str(text).unwrap()
}

/// Calls `see` with the name and arguments of every function in `value`.
pub(super) fn each_call(value: &Value, see: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| each_call(item, see)),
        Value::Object(map) => {
            if let (1, Some((name, arguments))) = (map.len(), map.iter().next()) {
                see(name, arguments);
            }
            map.values().for_each(|item| each_call(item, see));
        }
        _ => {}
    }
}

/// A text as Heat writes a value into a string.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Longer words first, and what one word put in is not searched for another.
fn replaced(text: &str, words: &[(&str, String)]) -> String {
    let Some(((word, value), rest)) = words.split_first() else { return text.to_owned() };
    text.split(word).map(|part| replaced(part, rest)).collect::<Vec<_>>().join(value)
}

/// Parameters, conditions and attributes of one template.
struct Scope<'a> {
    parameters: Map<String, Value>,
    conditions: Value,
    files: &'a BTreeMap<String, String>,
    masters: usize,
}

impl Scope<'_> {
    fn eval(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.eval(item)).collect(),
            Value::Object(map) => match map.iter().next() {
                Some((name, arguments)) if map.len() == 1 => {
                    self.call(name, arguments).unwrap_or_else(|| json!({name: self.eval(arguments)}))
                }
                _ => map.iter().map(|(key, item)| (key.clone(), self.eval(item))).collect(),
            },
            other => other.clone(),
        }
    }

    fn call(&self, name: &str, arguments: &Value) -> Option<Value> {
        if name == "if" {
            let branch = if self.holds(&arguments[0]) { 1 } else { 2 };
            return Some(self.eval(&arguments[branch]));
        }
        let evaluated = || self.eval(arguments);
        Some(match name {
            "get_param" => self.parameter(&evaluated()),
            "get_resource" => json!(format!("id-of-{}", plain(arguments))),
            "get_attr" => self.attribute(arguments),
            "get_file" => json!(self.files[arguments.as_str()?]),
            "list_join" => {
                let (glue, items) = (plain(&arguments[0]), self.eval(&arguments[1]));
                json!(items.as_array()?.iter().map(plain).collect::<Vec<_>>().join(&glue))
            }
            "str_split" => {
                let both = evaluated();
                plain(&both[1]).split(&plain(&both[0])).collect()
            }
            "str_replace" => {
                let text = plain(&self.eval(&arguments["template"]));
                let mut words: Vec<(&str, String)> = Vec::new();
                for (word, item) in arguments["params"].as_object()? {
                    assert!(
                        !word.starts_with('@') || text.contains(word.as_str()),
                        "{word} is not in the text it should be replaced in"
                    );
                    words.push((word, plain(&self.eval(item))));
                }
                words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
                json!(replaced(&text, &words))
            }
            _ => return None,
        })
    }

    fn parameter(&self, path: &Value) -> Value {
        let Value::Array(path) = path else { return self.named(&plain(path)) };
        // What is not there is an empty text.
        path[1..].iter().map(plain).fold(self.named(&plain(&path[0])), |at, step| {
            let found = step.parse::<usize>().ok().and_then(|index| at.get(index)).or_else(|| at.get(&step));
            found.cloned().unwrap_or_else(|| json!(""))
        })
    }

    fn named(&self, name: &str) -> Value {
        match name {
            "OS::stack_name" => json!("blue-9d3c1f7652ab"),
            name => self.parameters.get(name).unwrap_or_else(|| panic!("no parameter {name}")).clone(),
        }
    }

    /// Plausible attributes: addresses count up, a wait handle has the command Heat makes.
    fn attribute(&self, path: &Value) -> Value {
        let words: Vec<String> = path.as_array().unwrap().iter().map(plain).collect();
        let numbered = |format: fn(usize) -> String| (0..self.masters).map(format).collect::<Value>();
        match (words[0].as_str(), words[1].as_str()) {
            (ports, "address") if ports.ends_with("master_ports") => numbered(|n| format!("10.0.0.{}", n + 5)),
            (ports, "floating_address") if ports.ends_with("master_ports") => {
                numbered(|n| format!("172.24.4.{}", n + 5))
            }
            (ports, "port") if ports.ends_with("master_ports") => numbered(|n| format!("port-{n}")),
            (_, "curl_cli") => json!(format!(
                "curl -i -X POST -H 'X-Auth-Token: {}' -H 'Content-Type: application/json' -H 'Accept: \
                 application/json' https://cloud.example:8004/v1/{}/stacks/blue/{}/resources/{}/signal",
                "t".repeat(250),
                "p".repeat(32),
                "s".repeat(36),
                words[0]
            )),
            (_, "signal") => json!(format!(
                "{{\"auth_url\": \"https://cloud.example:5000/v3\", \"user_id\": \"{}\"}}",
                "u".repeat(400)
            )),
            _ => json!(words.join("-of-")),
        }
    }

    fn holds(&self, condition: &Value) -> bool {
        match condition {
            Value::String(name) => self.holds(&self.conditions[name.as_str()]),
            Value::Object(map) => {
                let (name, arguments) = map.iter().next().unwrap();
                let mut all = arguments.as_array().into_iter().flatten();
                match name.as_str() {
                    "equals" => plain(&self.eval(&arguments[0])) == plain(&self.eval(&arguments[1])),
                    "not" => !self.holds(arguments),
                    "and" => all.all(|item| self.holds(item)),
                    "or" => all.any(|item| self.holds(item)),
                    other => panic!("no condition {other}"),
                }
            }
            other => panic!("no condition {other}"),
        }
    }
}

/// A stack request with its templates read.
pub(super) struct Rendered<'a> {
    request: &'a StackRequest,
    template: Value,
}

impl<'a> Rendered<'a> {
    pub(super) fn new(request: &'a StackRequest) -> Self {
        Self { request, template: parse(&request.template) }
    }

    fn scope(&self, template: &Value, given: &Map<String, Value>) -> Scope<'a> {
        let declared = template["parameters"].as_object().unwrap();
        let parameters = declared
            .iter()
            .map(|(name, parameter)| {
                let value = given.get(name).unwrap_or(&parameter["default"]);
                (name.clone(), typed(parameter["type"].as_str().unwrap(), value))
            })
            .collect();
        let masters = self.request.parameters.get("number_of_masters").map_or(0, |count| plain(count).parse().unwrap());
        Scope { parameters, conditions: template["conditions"].clone(), files: &self.request.files, masters }
    }

    fn top(&self) -> Scope<'a> {
        self.scope(&self.template, &self.request.parameters.clone().into_iter().collect())
    }

    /// Value of an output, with plausible attributes.
    pub(super) fn output(&self, name: &str) -> Value {
        self.top().eval(&self.template["outputs"][name]["value"])
    }

    /// Whether a named condition of the main template holds.
    pub(super) fn holds(&self, condition: &str) -> bool {
        self.top().holds(&json!(condition))
    }

    /// The nested template of a group and the properties of one member.
    fn member(&self, group: &str, index: usize) -> (Value, Map<String, Value>) {
        let definition = &self.template["resources"][group]["properties"]["resource_def"];
        let properties = self.top().eval(&definition["properties"]);
        let text = properties.to_string().replace("%index%", &index.to_string());
        let template = parse(&self.request.files[definition["type"].as_str().unwrap()]);
        (template, serde_json::from_str(&text).unwrap())
    }

    /// Names of the groups of servers, which are those whose members have user data.
    pub(super) fn groups(&self) -> Vec<String> {
        let resources = self.template["resources"].as_object().unwrap().iter();
        let of_servers = |resource: &Value| {
            let kind = resource["properties"]["resource_def"]["type"].as_str();
            kind.is_some_and(|kind| self.request.files[kind].contains("user_data:"))
        };
        resources.filter(|(_, resource)| of_servers(resource)).map(|(name, _)| name.clone()).collect()
    }

    /// User data of one server.
    pub(super) fn user_data(&self, group: &str, index: usize) -> String {
        let (template, properties) = self.member(group, index);
        let scope = self.scope(&template, &properties);
        let resources = template["resources"].as_object().unwrap();
        let server = resources.values().find(|r| r["properties"].get("user_data").is_some()).unwrap();
        plain(&scope.eval(&server["properties"]["user_data"]))
    }
}

fn typed(kind: &str, value: &Value) -> Value {
    match (kind, value) {
        ("comma_delimited_list", Value::String(text)) => text.split(',').map(str::trim).collect(),
        ("boolean", Value::String(text)) => json!(crate::label::boolean(text).unwrap()),
        ("number", Value::String(text)) => json!(text.parse::<i64>().unwrap()),
        _ => value.clone(),
    }
}
