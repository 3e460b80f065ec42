//! Evaluating a value of a template: walking it, and carrying out the functions found in it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::functions;
use super::parameters::plain;
use super::template::Template;
use crate::http::Refusal;

/// What a template's functions refer to.
pub(crate) trait Scope {
    /// Value of a parameter or pseudo parameter.
    fn parameter(&self, name: &str) -> Result<Value, Refusal>;
    /// Reference id of a resource.
    fn reference(&self, resource: &str) -> Result<Value, Refusal>;
    /// Attribute of a resource; `path` begins with the attribute's name.
    fn attribute(&self, resource: &str, path: &[Value]) -> Result<Value, Refusal>;
    /// Content of a file that came with the stack.
    fn file(&self, name: &str) -> Result<Value, Refusal>;
    /// The expression of a named condition.
    fn condition(&self, name: &str) -> Option<Value>;
}

/// Names that are functions when they are the only key of a map.
const FUNCTIONS: [&str; 31] = [
    "get_param",
    "get_resource",
    "get_attr",
    "get_file",
    "str_replace",
    "str_replace_strict",
    "str_replace_vstrict",
    "str_split",
    "list_join",
    "list_concat",
    "list_concat_unique",
    "repeat",
    "if",
    "equals",
    "not",
    "and",
    "or",
    "contains",
    "digest",
    "map_merge",
    "map_replace",
    "make_url",
    "filter",
    "yaql",
    "resource_facade",
    "Fn::Select",
    "Fn::Join",
    "Fn::Split",
    "Fn::Replace",
    "Fn::Base64",
    "Fn::ResourceFacade",
];

/// The function and its arguments, if a value is a function call.
pub(crate) fn call(value: &Value) -> Option<(&str, &Value)> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    let (name, arguments) = map.iter().next()?;
    FUNCTIONS.contains(&name.as_str()).then_some((name.as_str(), arguments))
}

/// Evaluates a value completely.
pub(crate) fn evaluate(value: &Value, scope: &dyn Scope) -> Result<Value, Refusal> {
    if let Some((name, arguments)) = call(value) {
        return functions::apply(name, arguments, scope);
    }
    match value {
        Value::Array(items) => {
            Ok(Value::Array(items.iter().map(|item| evaluate(item, scope)).collect::<Result<_, _>>()?))
        }
        Value::Object(map) => {
            let mut result = Map::new();
            for (key, item) in map {
                result.insert(key.clone(), evaluate(item, scope)?);
            }
            Ok(Value::Object(result))
        }
        other => Ok(other.clone()),
    }
}

/// Evaluates a condition: a literal, a name, or an expression.
pub(crate) fn holds(condition: &Value, scope: &dyn Scope) -> Result<bool, Refusal> {
    match condition {
        Value::Bool(flag) => Ok(*flag),
        Value::String(name) => {
            let named = scope.condition(name);
            let named = named.ok_or_else(|| super::invalid(&format!("Invalid condition \"{name}\"")))?;
            holds(&named, scope)
        }
        other => match evaluate(other, scope)? {
            Value::Bool(flag) => Ok(flag),
            text => Ok(crate::http::is_true(&plain(&text))),
        },
    }
}

/// One step into a value, by key or index, as `get_param` and `get_attr` do.
pub(crate) fn descend(value: &Value, path: &[Value]) -> Value {
    path.iter().fold(value.clone(), |at, step| match (&at, step) {
        (Value::Array(list), step) => {
            let index = step.as_u64().or_else(|| plain(step).parse().ok());
            index.and_then(|index| list.get(usize::try_from(index).ok()?)).cloned().unwrap_or(Value::Null)
        }
        (Value::Object(map), step) => map.get(&plain(step)).cloned().unwrap_or(Value::Null),
        _ => Value::Null,
    })
}

/// Calls `visit` for every function call in a value, outermost first.
pub(crate) fn walk<E>(value: &Value, visit: &mut dyn FnMut(&str, &Value) -> Result<(), E>) -> Result<(), E> {
    if let Some((name, arguments)) = call(value) {
        visit(name, arguments)?;
        return walk_parts(arguments, visit);
    }
    walk_parts(value, visit)
}

fn walk_parts<E>(value: &Value, visit: &mut dyn FnMut(&str, &Value) -> Result<(), E>) -> Result<(), E> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| walk(item, visit)),
        Value::Object(map) => map.values().try_for_each(|item| walk(item, visit)),
        _ => Ok(()),
    }
}

/// Names of the resources that a value refers to.
pub(crate) fn references(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let walked = walk::<std::convert::Infallible>(value, &mut |name, arguments| {
        let target = match name {
            "get_resource" => arguments.as_str(),
            "get_attr" => arguments.get(0).and_then(Value::as_str),
            _ => None,
        };
        found.extend(target.map(str::to_owned));
        Ok(())
    });
    match walked {
        Ok(()) => found,
    }
}

/// The resources of a template in an order in which each comes after what it needs.
pub(crate) fn order(template: &Template) -> Result<Vec<String>, Refusal> {
    let mut waiting: Vec<(&String, BTreeSet<String>)> = template
        .resources
        .iter()
        .map(|(name, definition)| {
            let mut needs = references(&definition.properties);
            needs.extend(references(&definition.metadata));
            needs.extend(definition.depends_on.iter().cloned());
            (name, needs)
        })
        .collect();
    let mut done: Vec<String> = Vec::new();
    while !waiting.is_empty() {
        let ready = |needs: &BTreeSet<String>| needs.iter().all(|need| done.contains(need));
        let Some(at) = waiting.iter().position(|(_, needs)| ready(needs)) else {
            let names: Vec<&str> = waiting.iter().map(|(name, _)| name.as_str()).collect();
            let message = format!("Circular Dependency Found: {{{}}}", names.join(", "));
            return Err(Refusal::new(400, "CircularDependencyException", &message));
        };
        done.push(waiting.remove(at).0.clone());
    }
    Ok(done)
}
