//! The intrinsic functions.

use serde_json::{Map, Value, json};

use super::eval::{Scope, descend, evaluate, holds};
use super::invalid;
use super::parameters::plain;
use crate::http::Refusal;

/// Carries out one function.
pub(crate) fn apply(name: &str, arguments: &Value, scope: &dyn Scope) -> Result<Value, Refusal> {
    match name {
        "get_param" => get_param(arguments, scope),
        "get_resource" => scope.reference(&plain(arguments)),
        "get_attr" => get_attr(arguments, scope),
        "get_file" => scope.file(&plain(&evaluate(arguments, scope)?)),
        "if" => choose(arguments, scope),
        "equals" | "not" | "and" | "or" | "contains" => logic(name, arguments, scope).map(Value::Bool),
        "repeat" => repeat(arguments, scope),
        "str_replace" | "str_replace_strict" | "str_replace_vstrict" => replace(name, arguments, scope),
        "yaql" => Err(invalid("The function yaql is not available in this cloud.")),
        "resource_facade" | "Fn::ResourceFacade" => Ok(Value::Null),
        "list_concat" | "list_concat_unique" => concat(name, arguments, scope),
        _ => simple(name, &evaluate(arguments, scope)?),
    }
}

/// Functions whose arguments are all evaluated first.
fn simple(name: &str, arguments: &Value) -> Result<Value, Refusal> {
    let wrong = || invalid(&format!("Incorrect arguments to \"{name}\"."));
    match name {
        "list_join" | "Fn::Join" => join(arguments).ok_or_else(wrong),
        "str_split" | "Fn::Split" => split(arguments).ok_or_else(wrong),
        "digest" => digest(arguments).ok_or_else(wrong),
        "map_merge" => {
            let mut merged = Map::new();
            for map in arguments.as_array().ok_or_else(wrong)? {
                merged.extend(map.as_object().cloned().unwrap_or_default());
            }
            Ok(Value::Object(merged))
        }
        "map_replace" => map_replace(arguments).ok_or_else(wrong),
        "filter" => {
            let (unwanted, list) =
                (arguments[0].as_array().ok_or_else(wrong)?, arguments[1].as_array().ok_or_else(wrong)?);
            Ok(list.iter().filter(|item| !unwanted.contains(item)).cloned().collect())
        }
        "make_url" => Ok(Value::String(make_url(arguments))),
        "Fn::Select" => Ok(descend(&arguments[1], std::slice::from_ref(&arguments[0]))),
        "Fn::Base64" => Ok(arguments.clone()),
        _ => Err(wrong()),
    }
}

fn get_param(arguments: &Value, scope: &dyn Scope) -> Result<Value, Refusal> {
    let path = match evaluate(arguments, scope)? {
        Value::Array(path) => path,
        one => vec![one],
    };
    let (name, rest) = path.split_first().ok_or_else(|| invalid("Function \"get_param\" must have arguments"))?;
    // What is not in a parameter's value is an empty text to Heat.
    Ok(match descend(&scope.parameter(&plain(name))?, rest) {
        Value::Null if !rest.is_empty() => Value::String(String::new()),
        found => found,
    })
}

fn get_attr(arguments: &Value, scope: &dyn Scope) -> Result<Value, Refusal> {
    let path = evaluate(arguments, scope)?;
    let path = path.as_array().filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| {
        invalid("Arguments to \"get_attr\" must be of the form [resource_name, attribute, (path), ...]")
    })?;
    scope.attribute(&plain(&path[0]), &path[1..])
}

fn choose(arguments: &Value, scope: &dyn Scope) -> Result<Value, Refusal> {
    let parts = arguments.as_array().filter(|parts| matches!(parts.len(), 2 | 3));
    let parts = parts.ok_or_else(|| {
        invalid("Arguments to \"if\" must be of the form: [condition_name, value_if_true, value_if_false]")
    })?;
    let taken = if holds(&parts[0], scope)? { parts.get(1) } else { parts.get(2) };
    taken.map_or(Ok(Value::Null), |value| evaluate(value, scope))
}

fn logic(name: &str, arguments: &Value, scope: &dyn Scope) -> Result<bool, Refusal> {
    let list = || arguments.as_array().ok_or_else(|| invalid(&format!("Arguments to \"{name}\" must be a list")));
    match name {
        "not" => Ok(!holds(arguments, scope)?),
        "and" => list()?.iter().try_fold(true, |so_far, one| Ok(so_far && holds(one, scope)?)),
        "or" => list()?.iter().try_fold(false, |so_far, one| Ok(so_far || holds(one, scope)?)),
        _ => {
            let pair = list()?;
            if pair.len() != 2 {
                let message = format!("Arguments to \"{name}\" must be of the form: [value_1, value_2]");
                return Err(invalid(&message));
            }
            let (left, right) = (evaluate(&pair[0], scope)?, evaluate(&pair[1], scope)?);
            if name == "equals" {
                return Ok(left == right);
            }
            Ok(match &right {
                Value::Array(items) => items.contains(&left),
                other => plain(other).contains(&plain(&left)),
            })
        }
    }
}

fn join(arguments: &Value) -> Option<Value> {
    let (delimiter, lists) = arguments.as_array()?.split_first()?;
    let mut words = Vec::new();
    for list in lists {
        match list {
            Value::Null => {}
            Value::Array(items) => words.extend(items.iter().map(plain)),
            other => words.push(plain(other)),
        }
    }
    Some(Value::String(words.join(&plain(delimiter))))
}

fn split(arguments: &Value) -> Option<Value> {
    let parts = arguments.as_array().filter(|parts| parts.len() >= 2)?;
    let pieces: Vec<Value> =
        plain(&parts[1]).split(&plain(&parts[0])).map(|piece| Value::String(piece.to_owned())).collect();
    Some(match parts.get(2) {
        Some(index) => descend(&Value::Array(pieces), std::slice::from_ref(index)),
        None => Value::Array(pieces),
    })
}

fn digest(arguments: &Value) -> Option<Value> {
    let (algorithm, text) = (arguments[0].as_str()?, plain(&arguments[1]));
    let kind = openssl::hash::MessageDigest::from_name(algorithm)?;
    let bytes = openssl::hash::hash(kind, text.as_bytes()).ok()?;
    Some(Value::String(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

fn concat(name: &str, arguments: &Value, scope: &dyn Scope) -> Result<Value, Refusal> {
    let mut all: Vec<Value> = Vec::new();
    for list in evaluate(arguments, scope)?.as_array().into_iter().flatten() {
        for item in list.as_array().into_iter().flatten() {
            if name == "list_concat" || !all.contains(item) {
                all.push(item.clone());
            }
        }
    }
    Ok(Value::Array(all))
}

fn map_replace(arguments: &Value) -> Option<Value> {
    let (map, change) = (arguments[0].as_object()?, &arguments[1]);
    let mut result = Map::new();
    for (key, value) in map {
        let key = change["keys"].get(key).map_or_else(|| key.clone(), plain);
        let value = change["values"].get(plain(value)).cloned().unwrap_or_else(|| value.clone());
        result.insert(key, value);
    }
    Some(Value::Object(result))
}

fn make_url(parts: &Value) -> String {
    let part = |key: &str| parts.get(key).filter(|value| !value.is_null()).map(plain).unwrap_or_default();
    let mut url = format!("{}://{}", part("scheme"), part("host"));
    if !part("port").is_empty() {
        url = format!("{url}:{}", part("port"));
    }
    let path = part("path");
    let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
    let query: Vec<String> = parts["query"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", plain(value)))
        .collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{url}{slash}{path}{mark}{}", query.join("&"))
}

/// `str_replace`: longer keys first, and what one key put in is not searched for another.
fn replace(name: &str, arguments: &Value, scope: &dyn Scope) -> Result<Value, Refusal> {
    let evaluated = evaluate(arguments, scope)?;
    let (Some(template), Some(Value::Object(params))) = (evaluated.get("template"), evaluated.get("params")) else {
        return Err(invalid("\"str_replace\" syntax should be str_replace: template: ... params: ..."));
    };
    let template = plain(template);
    let mut pairs: Vec<(&String, String)> = Vec::new();
    for (key, value) in params {
        if name == "str_replace_vstrict" && plain(value).is_empty() {
            return Err(invalid(&format!("The following params in \"{name}\" have an empty value: {key}")));
        }
        if name != "str_replace" && !template.contains(key.as_str()) {
            return Err(invalid(&format!("The following params were not found in the template: {key}")));
        }
        pairs.push((key, plain(value)));
    }
    pairs.sort_by_key(|(key, _)| std::cmp::Reverse(key.len()));
    Ok(Value::String(substitute(&template, &pairs)))
}

/// Replaces every key by its value in one pass over the text.
pub(crate) fn substitute(text: &str, pairs: &[(&String, String)]) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        match pairs.iter().find(|(key, _)| !key.is_empty() && rest.starts_with(key.as_str())) {
            Some((key, value)) => {
                result.push_str(value);
                rest = &rest[key.len()..];
            }
            None => {
                result.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    result
}

fn repeat(arguments: &Value, scope: &dyn Scope) -> Result<Value, Refusal> {
    let wrong = || invalid("\"repeat\" syntax should be repeat: template: ... for_each: <var>: <list>");
    let each = evaluate(arguments.get("for_each").ok_or_else(wrong)?, scope)?;
    let template = arguments.get("template").ok_or_else(wrong)?;
    let permute = arguments.get("permutations").is_none_or(|flag| plain(flag) != "False");
    let mut lists: Vec<(String, Vec<Value>)> = Vec::new();
    for (name, list) in each.as_object().ok_or_else(wrong)? {
        let list = match list {
            Value::Array(list) => list.clone(),
            Value::Null => Vec::new(),
            _ => return Err(wrong()),
        };
        lists.push((name.clone(), list));
    }
    let rows: Vec<Vec<(String, Value)>> = if permute { product(&lists) } else { zip(&lists) };
    rows.iter().map(|row| evaluate(&fill(template, row), scope)).collect()
}

fn product(lists: &[(String, Vec<Value>)]) -> Vec<Vec<(String, Value)>> {
    lists.iter().fold(vec![Vec::new()], |rows, (name, list)| {
        rows.iter()
            .flat_map(|row| {
                list.iter().map(move |value| {
                    let mut row = row.clone();
                    row.push((name.clone(), value.clone()));
                    row
                })
            })
            .collect()
    })
}

fn zip(lists: &[(String, Vec<Value>)]) -> Vec<Vec<(String, Value)>> {
    let length = lists.iter().map(|(_, list)| list.len()).min().unwrap_or(0);
    (0..length).map(|at| lists.iter().map(|(name, list)| (name.clone(), list[at].clone())).collect()).collect()
}

/// A template with the loop's variables put in; a text that is one variable becomes its value.
fn fill(template: &Value, row: &[(String, Value)]) -> Value {
    match template {
        Value::String(text) => match row.iter().find(|(name, _)| name == text) {
            Some((_, value)) => value.clone(),
            None => {
                let pairs: Vec<(&String, String)> = row.iter().map(|(name, value)| (name, plain(value))).collect();
                Value::String(substitute(text, &pairs))
            }
        },
        Value::Array(items) => items.iter().map(|item| fill(item, row)).collect(),
        Value::Object(map) => map.iter().map(|(key, item)| (plain(&fill(&json!(key), row)), fill(item, row))).collect(),
        other => other.clone(),
    }
}
