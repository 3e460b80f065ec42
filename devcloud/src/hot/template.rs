//! One HOT template, taken apart and checked for form.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::constraints::Constraint;
use super::{invalid, yaml};
use crate::http::Refusal;

/// Template versions that Heat of the Zed release knows.
const VERSIONS: [&str; 17] = [
    "2013-05-23",
    "2014-10-16",
    "2015-04-30",
    "2015-10-15",
    "2016-04-08",
    "2016-10-14",
    "2017-02-24",
    "2017-09-01",
    "2018-03-02",
    "2018-08-31",
    "2021-04-16",
    "newton",
    "ocata",
    "pike",
    "queens",
    "rocky",
    "wallaby",
];

const SECTIONS: [&str; 7] =
    ["heat_template_version", "description", "parameters", "parameter_groups", "resources", "outputs", "conditions"];

const RESOURCE_KEYS: [&str; 9] = [
    "type",
    "properties",
    "metadata",
    "depends_on",
    "deletion_policy",
    "update_policy",
    "description",
    "external_id",
    "condition",
];

/// A parsed template.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) description: String,
    pub(crate) parameters: IndexMap<String, Parameter>,
    pub(crate) resources: IndexMap<String, Definition>,
    pub(crate) outputs: IndexMap<String, Output>,
    pub(crate) conditions: Map<String, Value>,
    pub(crate) source: Value,
}

/// A declared parameter.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) kind: String,
    pub(crate) default: Option<Value>,
    pub(crate) hidden: bool,
    pub(crate) immutable: bool,
    pub(crate) label: Option<String>,
    pub(crate) description: String,
    pub(crate) constraints: Vec<Constraint>,
}

/// A declared resource.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) kind: String,
    pub(crate) properties: Value,
    pub(crate) depends_on: Vec<String>,
    pub(crate) condition: Option<Value>,
    pub(crate) metadata: Value,
}

/// A declared output.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) description: String,
    pub(crate) value: Value,
    pub(crate) condition: Option<Value>,
}

impl Template {
    /// Reads a template from its text or from an already parsed value.
    pub(crate) fn read(given: &Value) -> Result<Template, Refusal> {
        let wrong = |sentence: String| {
            Refusal::new(400, "HTTPBadRequest", &format!("Template not in valid format: {sentence}"))
        };
        let source = match given {
            Value::String(text) => {
                yaml::parse(text).map_err(|error| wrong(format!("Error parsing template [root stack] {error}")))?
            }
            other => other.clone(),
        };
        if !source.is_object() {
            return Err(wrong("The template is not a JSON object or YAML mapping.".to_owned()));
        }
        Template::parsed(source)
    }

    /// Reads a template out of `files`.
    pub(crate) fn nested(name: &str, content: &Value) -> Result<Template, Refusal> {
        let source = match content {
            Value::String(text) => {
                yaml::parse(text).map_err(|error| invalid(&format!("Error parsing template {name} {error}")))?
            }
            other => other.clone(),
        };
        Template::parsed(source)
    }

    fn parsed(source: Value) -> Result<Template, Refusal> {
        let Value::Object(top) = &source else {
            return Err(invalid("The template is not a JSON object or YAML mapping."));
        };
        check_version(top)?;
        if let Some(section) = top.keys().find(|key| !SECTIONS.contains(&key.as_str())) {
            let message = format!("The template section is invalid: {section}");
            return Err(Refusal::new(400, "InvalidTemplateSection", &message));
        }
        let empty = Map::new();
        let section = |name: &str| match top.get(name) {
            None | Some(Value::Null) => Ok(&empty),
            Some(Value::Object(map)) => Ok(map),
            Some(_) => Err(invalid(&format!("The \"{name}\" section must be a mapping"))),
        };
        let mut template = Template {
            description: top.get("description").and_then(Value::as_str).unwrap_or("No description").to_owned(),
            parameters: IndexMap::new(),
            resources: IndexMap::new(),
            outputs: IndexMap::new(),
            conditions: section("conditions")?.clone(),
            source: Value::Null,
        };
        for (name, value) in section("parameters")? {
            template.parameters.insert(name.clone(), Parameter::read(name, value)?);
        }
        for (name, value) in section("resources")? {
            template.resources.insert(name.clone(), Definition::read(name, value)?);
        }
        for (name, value) in section("outputs")? {
            let Some(result) = value.get("value") else {
                let sentence = "Each output definition must contain a value key.";
                return Err(invalid(&format!("Output validation error: : outputs.{name}: : {sentence}")));
            };
            let description = value["description"].as_str().unwrap_or("No description given").to_owned();
            let condition = value.get("condition").cloned();
            template.outputs.insert(name.clone(), Output { description, value: result.clone(), condition });
        }
        template.source = source;
        Ok(template)
    }
}

fn check_version(top: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(version) = top.get("heat_template_version").and_then(Value::as_str) else {
        let message = "The template version is invalid: Template version was not provided";
        return Err(Refusal::new(400, "InvalidTemplateVersion", message));
    };
    if VERSIONS.contains(&version) {
        return Ok(());
    }
    let message = format!(
        "The template version is invalid: \"heat_template_version: {version}\". \"heat_template_version\" should be one \
         of: {}",
        VERSIONS.join(", ")
    );
    Err(Refusal::new(400, "InvalidTemplateVersion", &message))
}

fn bad_schema(message: &str) -> Refusal {
    Refusal::new(400, "InvalidSchemaError", message)
}

impl Parameter {
    fn read(name: &str, value: &Value) -> Result<Parameter, Refusal> {
        let Value::Object(map) = value else {
            let message = format!("The Parameter ({name}) has no attributes.");
            return Err(Refusal::new(400, "InvalidTemplateParameter", &message));
        };
        const KEYS: [&str; 8] =
            ["type", "default", "hidden", "immutable", "label", "description", "constraints", "tags"];
        if let Some(key) = map.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(bad_schema(&format!("Invalid key '{key}' for parameter ({name})")));
        }
        let word = |key: &str| map.get(key).and_then(Value::as_str);
        let kind = word("type").ok_or_else(|| bad_schema(&format!("Missing parameter type for parameter: {name}")))?;
        if !["string", "number", "comma_delimited_list", "json", "boolean"].contains(&kind) {
            return Err(bad_schema(&format!("Invalid type ({kind})")));
        }
        let flag = |key: &str| match map.get(key) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => crate::http::is_true(text),
            _ => false,
        };
        let mut constraints = Vec::new();
        for one in map.get("constraints").and_then(Value::as_array).into_iter().flatten() {
            constraints.push(Constraint::read(name, one)?);
        }
        Ok(Parameter {
            kind: kind.to_owned(),
            default: map.get("default").cloned().filter(|value| !value.is_null()),
            hidden: flag("hidden"),
            immutable: flag("immutable"),
            label: word("label").map(str::to_owned),
            description: word("description").unwrap_or_default().to_owned(),
            constraints,
        })
    }
}

impl Definition {
    fn read(name: &str, value: &Value) -> Result<Definition, Refusal> {
        let Value::Object(map) = value else {
            let found = if value.is_string() { "str" } else { "list" };
            let what = "\"resources\" must contain a map of resource maps.";
            return Err(invalid(&format!("{what} Found a [<class '{found}'>] instead")));
        };
        if let Some(key) = map.keys().find(|key| !RESOURCE_KEYS.contains(&key.as_str())) {
            return Err(invalid(&format!("\"{key}\" is not a valid keyword inside a resource definition")));
        }
        let kind = map.get("type").and_then(Value::as_str);
        let kind = kind.ok_or_else(|| invalid("Each resource must contain a type key."))?;
        let properties = match map.get("properties") {
            None | Some(Value::Null) => Value::Object(Map::new()),
            Some(properties @ Value::Object(_)) => properties.clone(),
            Some(_) => return Err(invalid(&format!("Resource {name} properties is not a mapping"))),
        };
        let depends_on = match map.get("depends_on") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => many.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        };
        let metadata = map.get("metadata").cloned().unwrap_or(Value::Null);
        Ok(Definition {
            kind: kind.to_owned(),
            properties,
            depends_on,
            condition: map.get("condition").cloned(),
            metadata,
        })
    }
}
