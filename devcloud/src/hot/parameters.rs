//! Values of a stack's parameters: which may be sent, which must be, how they are read and shown.

use serde_json::{Map, Number, Value};

use super::invalid;
use super::template::{Parameter, Template};
use crate::http::Refusal;
use crate::state::World;

/// The values a template sees, from those sent and those the environment defaults.
///
/// Unknown names, missing ones, and values that break a type or constraint are refused with Heat's sentences.
pub(crate) fn resolve(
    template: &Template,
    given: &Map<String, Value>,
    defaults: &Map<String, Value>,
    world: &World,
    user_id: &str,
) -> Result<Map<String, Value>, Refusal> {
    if let Some(name) = given.keys().find(|name| !template.parameters.contains_key(*name)) {
        let message = format!("The Parameter ({name}) was not defined in template.");
        return Err(Refusal::new(400, "UnknownUserParameter", &message));
    }
    let mut values = Map::new();
    for (name, parameter) in &template.parameters {
        let sent = [given.get(name), defaults.get(name), parameter.default.as_ref()];
        let Some(value) = sent.into_iter().flatten().find(|value| !value.is_null()) else {
            let message = format!("The Parameter ({name}) was not provided.");
            return Err(Refusal::new(400, "UserParameterMissing", &message));
        };
        let value = check(parameter, value, world, user_id)
            .map_err(|sentence| invalid(&format!("Parameter '{name}' is invalid: {sentence}")))?;
        values.insert(name.clone(), value);
    }
    Ok(values)
}

/// A value in the type of its parameter, if it satisfies it; the error is Heat's sentence.
pub(crate) fn check(parameter: &Parameter, value: &Value, world: &World, user_id: &str) -> Result<Value, String> {
    let value = read(&parameter.kind, value)?;
    for constraint in &parameter.constraints {
        constraint.check(&value, world, user_id)?;
    }
    Ok(value)
}

/// A sent value in the type of its parameter.
fn read(kind: &str, value: &Value) -> Result<Value, String> {
    match kind {
        "number" => match value {
            Value::Number(_) => Ok(value.clone()),
            other => number(&plain(other)),
        },
        "boolean" => match plain(value).to_ascii_lowercase().as_str() {
            "1" | "t" | "true" | "on" | "y" | "yes" => Ok(Value::Bool(true)),
            "0" | "f" | "false" | "off" | "n" | "no" => Ok(Value::Bool(false)),
            other => Err(format!(
                "Unrecognized value '{other}', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', \
                 't', 'true', 'y', 'yes'"
            )),
        },
        "comma_delimited_list" => match value {
            Value::Array(_) => Ok(value.clone()),
            Value::String(text) if text.is_empty() => Ok(Value::Array(Vec::new())),
            Value::String(text) => Ok(text.split(',').map(|part| Value::String(part.trim().to_owned())).collect()),
            _ => Err("Value must be a comma-delimited list string".to_owned()),
        },
        "json" => match value {
            Value::String(text) if text.is_empty() => Ok(Value::Object(Map::new())),
            Value::String(text) => {
                serde_json::from_str(text).map_err(|error| format!("Value must be valid JSON: {error}"))
            }
            other => Ok(other.clone()),
        },
        _ => Ok(Value::String(plain(value))),
    }
}

fn number(text: &str) -> Result<Value, String> {
    if let Ok(whole) = text.trim().parse::<i64>() {
        return Ok(Value::Number(whole.into()));
    }
    let float = text.trim().parse::<f64>().ok().and_then(Number::from_f64);
    float.map(Value::Number).ok_or_else(|| format!("could not convert string to float: '{text}'"))
}

/// A value as Heat writes it into text: Python's spelling of booleans, JSON for lists and maps.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        other => dumped(other),
    }
}

/// JSON as Python's library writes it, with a space after each separator.
pub(crate) fn dumped(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(dumped).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let rows: Vec<String> =
                map.iter().map(|(key, item)| format!("{}: {}", Value::String(key.clone()), dumped(item))).collect();
            format!("{{{}}}", rows.join(", "))
        }
        other => other.to_string(),
    }
}

/// A parameter's value as `stack show` has it: text, hidden ones starred out.
pub(crate) fn shown(parameter: Option<&Parameter>, value: &Value) -> Value {
    let hidden = parameter.is_some_and(|parameter| parameter.hidden);
    Value::String(if hidden {
        "******".to_owned()
    } else if parameter.is_some_and(|parameter| parameter.kind == "comma_delimited_list") {
        value.as_array().map_or_else(String::new, |list| list.iter().map(plain).collect::<Vec<_>>().join(","))
    } else {
        plain(value)
    })
}
