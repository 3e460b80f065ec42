//! What Heat refuses at once: references, types and properties that cannot be right, through all nested templates.
//!
//! The sentences say where, in Heat's own notation: `resources.a` is a resource, `resources.a<node.yaml>.resources.b` one
//! in the template that it stands for, `resources.g<nested_stack>.resources[0]` a member of a group. What comes from
//! parameters is checked against the cloud in the outermost template only; nested ones fail later, when they are built.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::properties;
use super::scope::{Unbuilt, no_file};
use super::types::{self, Type};
use crate::hot::environment::{Environment, is_template};
use crate::hot::eval::{call, order};
use crate::hot::invalid;
use crate::hot::parameters::{self, plain};
use crate::hot::template::{Definition, Template};
use crate::http::Refusal;
use crate::state::World;

/// Deepest nesting of templates that Heat allows.
const DEPTH: usize = 5;

/// Checks a template and everything that it nests.
pub(super) struct Check<'a> {
    pub(super) world: &'a World,
    pub(super) user_id: &'a str,
    pub(super) environment: &'a Environment,
    pub(super) files: &'a Map<String, Value>,
    /// Nested templates by name, read once.
    pub(super) templates: BTreeMap<String, Arc<Template>>,
}

/// Where in the nesting a template is.
#[derive(Clone, Copy)]
struct At<'a> {
    /// Put before `resources.NAME`.
    place: &'a str,
    depth: usize,
    /// Values of the outermost template's parameters.
    values: Option<&'a Map<String, Value>>,
}

/// A function call, with the resource or output and the path at which it stands.
struct Call<'a> {
    name: &'a str,
    arguments: &'a Value,
    /// Path of the whole value: of a property, or of an output.
    place: &'a str,
    /// Path down to the function.
    path: &'a str,
    /// `resource.Properties.property` where it is in a resource.
    owner: Option<&'a str>,
}

/// Heat's sentence for a property.
pub(super) fn property_error(place: &str, sentence: &str) -> Refusal {
    invalid(&format!("Property error: : {place}: : {sentence}"))
}

/// Something that makes Heat's engine stumble: its API says no more than that.
fn stumbled() -> Refusal {
    Refusal::new(500, "RemoteError", "")
}

impl Check<'_> {
    /// Refuses a template that cannot work; `values` are those of its parameters.
    pub(super) fn root(&mut self, template: &Template, values: &Map<String, Value>) -> Result<(), Refusal> {
        self.template(template, At { place: "", depth: 0, values: Some(values) })
    }

    fn template(&mut self, template: &Template, at: At) -> Result<(), Refusal> {
        if at.depth > DEPTH {
            return Err(stumbled());
        }
        for (name, definition) in &template.resources {
            let own = format!("{}resources.{name}", at.place);
            for need in &definition.depends_on {
                known_resource(template, need, name)?;
            }
            if let Some(Value::String(condition)) = &definition.condition
                && !template.conditions.contains_key(condition)
            {
                return Err(invalid(&format!("{own}.condition: : Invalid condition \"{condition}\"")));
            }
            for (property, value) in definition.properties.as_object().into_iter().flatten() {
                let place = format!("{own}.properties.{property}");
                let owner = format!("{name}.Properties.{property}");
                self.calls(template, value, (&place, Some(&owner)))?;
            }
            self.resource(template, definition, &own, at)?;
        }
        for (name, output) in &template.outputs {
            self.calls(template, &output.value, (&format!("outputs.{name}.value"), None))?;
        }
        order(template).map(drop).map_err(|_| stumbled())
    }

    /// Checks every function call in a value.
    fn calls(&self, template: &Template, value: &Value, (place, owner): (&str, Option<&str>)) -> Result<(), Refusal> {
        each_call(value, place, &mut |name, arguments, path| {
            self.call(template, &Call { name, arguments, place, path, owner })
        })
    }

    fn call(&self, template: &Template, call: &Call) -> Result<(), Refusal> {
        match (call.name, call.owner) {
            ("get_param", Some(_)) => known_parameter(template, call),
            ("get_resource", _) => referred(template, &plain(call.arguments), call),
            ("get_attr", _) => {
                let (resource, attribute) = (plain(&call.arguments[0]), call.arguments.get(1).and_then(Value::as_str));
                referred(template, &resource, call)?;
                attribute.map_or(Ok(()), |attribute| self.known_attribute(template, &resource, attribute, call.path))
            }
            ("get_file", Some(_)) => match call.arguments.as_str() {
                Some(file) if !self.files.contains_key(file) => Err(property_error(call.place, &no_file(file).message)),
                _ => Ok(()),
            },
            ("if", _) => match call.arguments[0].as_str() {
                Some(condition) if !template.conditions.contains_key(condition) => {
                    Err(invalid(&format!("{}: : Invalid condition \"{condition}\"", call.path)))
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Attributes of nested stacks and of groups are known when these exist; until then any may be asked for.
    fn known_attribute(&self, template: &Template, resource: &str, name: &str, path: &str) -> Result<(), Refusal> {
        let kind = template.resources.get(resource).map(|definition| self.environment.resolve(&definition.kind));
        match kind.as_deref().filter(|kind| *kind != types::GROUP).and_then(Type::of) {
            Some(known) if !known.gives(name) => {
                Err(invalid(&format!("{path}: : The Referenced Attribute ({resource} {name}) is incorrect.")))
            }
            _ => Ok(()),
        }
    }

    fn resource(&mut self, template: &Template, definition: &Definition, own: &str, at: At) -> Result<(), Refusal> {
        let kind = self.environment.resolve(&definition.kind);
        let empty = Map::new();
        let given = definition.properties.as_object().unwrap_or(&empty);
        self.typed(&definition.kind, given, own)?;
        let known = at.values.map(|values| Unbuilt { template, parameters: values, files: self.files });
        if let Some(scope) = &known {
            let found = properties::check(self.world, self.user_id, (&kind, definition), scope);
            found.map_err(|(path, sentence)| property_error(&format!("{own}.properties.{path}"), &sentence))?;
        }
        if kind == types::GROUP {
            return self.group(given, own, at);
        }
        if !is_template(&kind) {
            return Ok(());
        }
        let nested = self.nested(&kind)?;
        if let Some(scope) = &known {
            self.arguments(&nested, given, scope, own)?;
        }
        self.template(&nested, At { place: &format!("{own}<{kind}>."), depth: at.depth + 1, values: None })
    }

    /// A group's members, all of which are alike.
    fn group(&mut self, given: &Map<String, Value>, own: &str, at: At) -> Result<(), Refusal> {
        let member = given.get("resource_def").cloned().unwrap_or_default();
        let declared = member["type"].as_str().unwrap_or_default();
        let empty = Map::new();
        let inner = member["properties"].as_object().unwrap_or(&empty);
        let kind = self.environment.resolve(declared);
        let group = format!("{own}<nested_stack>");
        if is_template(&kind) {
            let nested = self.nested(&kind).map_err(|mut refusal| {
                refusal.message = format!("{group}: : {}", refusal.message);
                refusal
            })?;
            let place = format!("{group}.resources.0<{kind}>.");
            // What a member lacks shows where its template would use it.
            if let Some(absent) = self.unassigned(&nested, inner) {
                let user = nested.resources.iter().find(|(_, one)| uses(&one.properties, absent));
                let user = user.map_or(absent, |(name, _)| name);
                let sentence = format!("The Parameter ({absent}) was not provided.");
                return Err(invalid(&format!("ValueError: : {place}resources.{user}: : {sentence}")));
            }
            self.typed(declared, inner, &format!("{group}.resources[0]"))?;
            return self.template(&nested, At { place: &place, depth: at.depth + 1, values: None });
        }
        self.typed(declared, inner, &format!("{group}.resources[0]"))
    }

    /// The first parameter of a nested template that has neither a value nor a default.
    fn unassigned<'t>(&self, nested: &'t Template, given: &Map<String, Value>) -> Option<&'t str> {
        let absent = nested.parameters.iter().find(|(name, parameter)| {
            parameter.default.is_none() && !given.contains_key(*name) && !self.environment.defaults.contains_key(*name)
        });
        absent.map(|(name, _)| name.as_str())
    }

    /// Checks the names of a resource's properties against its type.
    fn typed(&mut self, declared: &str, given: &Map<String, Value>, own: &str) -> Result<(), Refusal> {
        let kind = self.environment.resolve(declared);
        let wrong = |sentence: String| Err(property_error(&format!("{own}.properties"), &sentence));
        if kind == types::NONE {
            return Ok(());
        }
        if is_template(&kind) {
            let nested = self.nested(&kind)?;
            if let Some(unknown) = given.keys().find(|key| !nested.parameters.contains_key(*key)) {
                return wrong(format!("Unknown Property {unknown}"));
            }
            let absent = self.unassigned(&nested, given);
            return absent.map_or(Ok(()), |name| wrong(format!("Property {name} not assigned")));
        }
        let Some(known) = Type::of(&kind) else {
            return Err(invalid(&format!("The Resource Type ({declared}) could not be found.")));
        };
        if let Some(unknown) = given.keys().find(|key| !known.takes(key)) {
            return wrong(format!("Unknown Property {unknown}"));
        }
        known.missing(given).map_or(Ok(()), |name| wrong(format!("Property {name} not assigned")))
    }

    /// Checks what is handed to a nested template, as far as it is known by now.
    fn arguments(
        &self,
        nested: &Template,
        given: &Map<String, Value>,
        scope: &Unbuilt,
        own: &str,
    ) -> Result<(), Refusal> {
        for (name, value) in given {
            let Some(value) = properties::known(value, scope) else { continue };
            if let Some(parameter) = nested.parameters.get(name) {
                parameters::check(parameter, &value, self.world, self.user_id)
                    .map_err(|sentence| property_error(&format!("{own}.properties.{name}"), &sentence))?;
            }
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
        let read = Arc::new(Template::nested(name, content)?);
        self.templates.insert(name.to_owned(), Arc::clone(&read));
        Ok(read)
    }
}

/// Calls `visit` for every function call in a value with the path to it, outermost first.
fn each_call(
    value: &Value,
    path: &str,
    visit: &mut dyn FnMut(&str, &Value, &str) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    if let Some((name, arguments)) = call(value) {
        let path = format!("{path}.{name}");
        visit(name, arguments, &path)?;
        return each_part(arguments, &path, visit);
    }
    each_part(value, path, visit)
}

fn each_part(
    value: &Value,
    path: &str,
    visit: &mut dyn FnMut(&str, &Value, &str) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(at, item)| each_call(item, &format!("{path}[{at}]"), visit))
        }
        Value::Object(map) => map.iter().try_for_each(|(key, item)| each_call(item, &format!("{path}.{key}"), visit)),
        _ => Ok(()),
    }
}

/// Whether a value reads this parameter.
fn uses(value: &Value, parameter: &str) -> bool {
    let mut found = false;
    let walked = each_call(value, "", &mut |name, arguments, _| {
        found |= name == "get_param" && parameter_name(arguments) == Some(parameter);
        Ok(())
    });
    walked.is_ok() && found
}

fn parameter_name(arguments: &Value) -> Option<&str> {
    arguments.as_str().or_else(|| arguments.get(0).and_then(Value::as_str))
}

fn known_parameter(template: &Template, call: &Call) -> Result<(), Refusal> {
    match parameter_name(call.arguments) {
        Some(name) if !name.starts_with("OS::") && !template.parameters.contains_key(name) => {
            Err(property_error(call.place, &format!("The Parameter ({name}) was not provided.")))
        }
        _ => Ok(()),
    }
}

/// A resource that a function names must be in the template.
fn referred(template: &Template, wanted: &str, call: &Call) -> Result<(), Refusal> {
    match call.owner {
        Some(owner) => known_resource(template, wanted, owner),
        None => known_resource(template, wanted, "unknown")
            .map_err(|refusal| invalid(&format!("{}: : {}", call.path, refusal.message))),
    }
}

fn known_resource(template: &Template, wanted: &str, place: &str) -> Result<(), Refusal> {
    if template.resources.contains_key(wanted) {
        return Ok(());
    }
    let message = format!("The specified reference \"{wanted}\" (in {place}) is incorrect.");
    Err(Refusal::new(400, "InvalidTemplateReference", &message))
}
