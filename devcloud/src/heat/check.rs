//! What Heat refuses at once: references, types and properties that cannot be right, through all nested templates.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::scope::no_file;
use super::types;
use crate::hot::environment::{Environment, is_template};
use crate::hot::eval::{order, walk};
use crate::hot::invalid;
use crate::hot::parameters::plain;
use crate::hot::template::{Definition, Template};
use crate::http::Refusal;

/// Deepest nesting of templates that Heat allows.
const DEPTH: usize = 5;

/// Checks a template and everything that it nests.
pub(super) struct Check<'a> {
    pub(super) environment: &'a Environment,
    pub(super) files: &'a Map<String, Value>,
    /// Nested templates by name, read once.
    pub(super) templates: BTreeMap<String, Arc<Template>>,
}

impl Check<'_> {
    /// Refuses a template that cannot work.
    pub(super) fn template(&mut self, template: &Template, depth: usize) -> Result<(), Refusal> {
        if depth > DEPTH {
            let message = format!("Request limit exceeded: Recursion depth exceeds {DEPTH}.");
            return Err(Refusal::new(400, "RequestLimitExceeded", &message));
        }
        for (name, definition) in &template.resources {
            for need in &definition.depends_on {
                known_resource(template, need, name)?;
            }
            self.functions(template, &definition.properties, name)?;
            self.definition(definition, name, depth)?;
        }
        for (name, output) in &template.outputs {
            self.functions(template, &output.value, name)?;
        }
        order(template).map(drop)
    }

    /// Checks what the functions in a value refer to.
    fn functions(&mut self, template: &Template, value: &Value, place: &str) -> Result<(), Refusal> {
        let files = self.files;
        let mut attributes = Vec::new();
        walk(value, &mut |name, arguments| match name {
            "get_param" => known_parameter(template, arguments),
            "get_resource" => known_resource(template, &plain(arguments), place),
            "get_attr" => {
                let (resource, attribute) = (plain(&arguments[0]), arguments.get(1).and_then(Value::as_str));
                known_resource(template, &resource, place)?;
                attributes.extend(attribute.map(|attribute| (resource, attribute.to_owned())));
                Ok(())
            }
            "get_file" => match arguments.as_str() {
                Some(file) if !files.contains_key(file) => Err(no_file(file)),
                _ => Ok(()),
            },
            "if" => match arguments[0].as_str() {
                Some(condition) if !template.conditions.contains_key(condition) => {
                    Err(invalid(&format!("Invalid condition \"{condition}\"")))
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        })?;
        attributes.iter().try_for_each(|(resource, attribute)| self.known_attribute(template, resource, attribute))
    }

    /// Attributes of nested templates, and of groups of them, are their outputs.
    fn known_attribute(&mut self, template: &Template, resource: &str, attribute: &str) -> Result<(), Refusal> {
        let Some(definition) = template.resources.get(resource) else { return Ok(()) };
        let declared = match definition.kind.as_str() {
            types::GROUP => definition.properties["resource_def"]["type"].as_str().unwrap_or_default(),
            kind => kind,
        };
        let kind = self.environment.resolve(declared);
        let group_own = matches!(attribute, "refs" | "refs_map" | "attributes" | "removed_rsrc_list" | "show");
        if !is_template(&kind) || group_own || attribute.starts_with("resource.") {
            return Ok(());
        }
        if self.nested(&kind)?.outputs.contains_key(attribute) {
            return Ok(());
        }
        let message = format!("The Referenced Attribute ({resource} {attribute}) is incorrect.");
        Err(Refusal::new(400, "InvalidTemplateAttribute", &message))
    }

    fn definition(&mut self, definition: &Definition, name: &str, depth: usize) -> Result<(), Refusal> {
        self.typed(&definition.kind, &definition.properties, &format!("resources.{name}"), depth)
    }

    /// Checks a resource's properties against its type; `place` is its path for the message.
    fn typed(&mut self, declared: &str, properties: &Value, place: &str, depth: usize) -> Result<(), Refusal> {
        let kind = self.environment.resolve(declared);
        let empty = Map::new();
        let given = properties.as_object().unwrap_or(&empty);
        let wrong = |message: String| Err(invalid(&format!("Property error: {place}.properties: {message}")));
        if kind == types::NONE {
            return Ok(());
        }
        if is_template(&kind) {
            let nested = self.nested(&kind)?;
            if let Some(unknown) = given.keys().find(|key| !nested.parameters.contains_key(*key)) {
                return wrong(format!("Unknown Property {unknown}"));
            }
            let absent = nested.parameters.iter().find(|(name, parameter)| {
                parameter.default.is_none()
                    && !given.contains_key(*name)
                    && !self.environment.defaults.contains_key(*name)
            });
            if let Some((name, _)) = absent {
                return wrong(format!("Property {name} not assigned"));
            }
            return self.template(&nested, depth + 1);
        }
        let Some(schema) = types::schema_of(&kind) else {
            return Err(invalid(&format!("{place}: The Resource Type ({declared}) could not be found.")));
        };
        let known = |key: &str| schema.required.contains(&key) || schema.optional.contains(&key);
        if let Some(unknown) = given.keys().find(|key| !known(key)) {
            return wrong(format!("Unknown Property {unknown}"));
        }
        if let Some(absent) = schema.required.into_iter().find(|key| !given.contains_key(*key)) {
            return wrong(format!("Property {absent} not assigned"));
        }
        if kind == types::GROUP {
            let member = &given.get("resource_def").cloned().unwrap_or_default();
            let declared = member["type"].as_str().unwrap_or_default().to_owned();
            return self.typed(&declared, &member["properties"], &format!("{place}.resources.0"), depth + 1);
        }
        Ok(())
    }

    /// A nested template by its name in `files`.
    pub(super) fn nested(&mut self, name: &str) -> Result<Arc<Template>, Refusal> {
        if let Some(known) = self.templates.get(name) {
            return Ok(Arc::clone(known));
        }
        let content = self
            .files
            .get(name)
            .ok_or_else(|| invalid(&format!("Could not fetch remote template \"{name}\": Invalid URL scheme ")))?;
        let read = Template::read(content).map_err(|refusal| invalid(&format!("{name}: {}", refusal.message)))?;
        let read = Arc::new(read);
        self.templates.insert(name.to_owned(), Arc::clone(&read));
        Ok(read)
    }
}

fn known_parameter(template: &Template, arguments: &Value) -> Result<(), Refusal> {
    let name = arguments.as_str().or_else(|| arguments.get(0).and_then(Value::as_str));
    match name {
        Some(name) if !name.starts_with("OS::") && !template.parameters.contains_key(name) => {
            Err(Refusal::new(400, "UserParameterMissing", &format!("The Parameter ({name}) was not provided.")))
        }
        _ => Ok(()),
    }
}

fn known_resource(template: &Template, wanted: &str, place: &str) -> Result<(), Refusal> {
    if template.resources.contains_key(wanted) {
        return Ok(());
    }
    let message = format!("The specified reference \"{wanted}\" (in {place}) is incorrect.");
    Err(Refusal::new(400, "InvalidTemplateReference", &message))
}
