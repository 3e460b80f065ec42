//! The patch dialect of PATCH bodies: a list of `add`, `replace` and `remove` on the attributes of one object.
//!
//! Not RFC 6902: only top-level attributes and the keys of dict attributes can be addressed, an attribute that has a value
//! must be replaced instead of added, and removing an attribute resets it. Beyond upstream, values may be JSON objects,
//! booleans and numbers in text form, because Horizon and Terraform send those.

use serde_json::{Map, Value};

use crate::{Error, Result, parse_literal};

/// Attributes nobody may patch, on every kind of object.
const INTERNAL: [&str; 7] = ["created_at", "updated_at", "id", "links", "uuid", "project_id", "user_id"];

/// Attributes that hold a dict, whose keys can be addressed one by one.
const DICTS: [&str; 3] = ["labels", "health_status_reason", "node_labels"];

/// Attributes that hold a list of objects.
const LISTS: [&str; 1] = ["node_taints"];

/// What one kind of object allows.
pub struct PatchRules<'a> {
    /// Attributes besides the common ones that may not be patched.
    pub internal: &'a [&'a str],
    /// Attributes that may not be removed.
    pub mandatory: &'a [&'a str],
    /// Value of an attribute after `remove`; attributes that are not listed become null.
    pub defaults: &'a [(&'a str, Value)],
}

#[derive(Clone, Copy, PartialEq)]
enum Op {
    Add,
    Replace,
    Remove,
}

/// One change, checked for form.
struct Change {
    op: Op,
    attribute: String,
    key: Option<String>,
    value: Value,
    path: String,
}

/// A patch whose form and paths were checked. Applied all or nothing.
pub struct Patch(Vec<Change>);

impl Patch {
    /// Checks the body against the dialect and against the paths `rules` closes.
    ///
    /// # Errors
    /// `Invalid`, naming the operation or path that is wrong.
    pub fn parse(body: &Value, rules: &PatchRules<'_>) -> Result<Self> {
        let Value::Array(items) = body else {
            return Err(Error::invalid("A patch must be a list of operations, each with op, path and value"));
        };
        items.iter().map(|item| Change::parse(item, rules)).collect::<Result<_>>().map(Self)
    }

    /// `document` with every change applied in order.
    ///
    /// # Errors
    /// `Invalid` when a change does not fit the document, which then is unchanged.
    pub fn apply(&self, document: &Map<String, Value>, rules: &PatchRules<'_>) -> Result<Map<String, Value>> {
        let mut patched = document.clone();
        for change in &self.0 {
            change.apply(&mut patched, rules)?;
        }
        Ok(patched)
    }

    /// Names of the attributes the patch touches.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|change| change.attribute.as_str())
    }
}

impl Change {
    fn parse(item: &Value, rules: &PatchRules<'_>) -> Result<Self> {
        let Value::Object(map) = item else {
            return Err(Error::invalid("Each operation of a patch must be an object with op, path and value"));
        };
        if let Some(key) = map.keys().find(|key| !matches!(key.as_str(), "op" | "path" | "value")) {
            return Err(Error::invalid(format!("Unknown attribute for argument patch: {key}")));
        }
        let op = match map.get("op").and_then(Value::as_str) {
            Some("add") => Op::Add,
            Some("replace") => Op::Replace,
            Some("remove") => Op::Remove,
            _ => return Err(bad("op", map.get("op"), "It must be one of add, replace, remove")),
        };
        let path = map.get("path").and_then(Value::as_str).unwrap_or_default();
        let (attribute, key) =
            split(path).ok_or_else(|| bad("path", map.get("path"), "It must look like /attribute or /labels/key"))?;
        if INTERNAL.contains(&attribute.as_str()) || rules.internal.contains(&attribute.as_str()) {
            return Err(Error::invalid(format!("'/{attribute}' is an internal attribute and can not be updated")));
        }
        if op == Op::Remove && key.is_none() && rules.mandatory.contains(&attribute.as_str()) {
            return Err(Error::invalid(format!("'/{attribute}' is a mandatory attribute and can not be removed")));
        }
        let value = map.get("value").cloned().unwrap_or_default();
        if op != Op::Remove && value.is_null() {
            return Err(Error::invalid(format!("'{path}': add and replace need a value")));
        }
        Ok(Self { op, attribute, key, value, path: path.to_owned() })
    }

    fn apply(&self, document: &mut Map<String, Value>, rules: &PatchRules<'_>) -> Result<()> {
        let fail =
            |reason: &str| Err(Error::invalid(format!("Couldn't apply patch '{}'. Reason: {reason}", self.path)));
        let Some(current) = document.get_mut(&self.attribute) else {
            return fail("there is no such attribute");
        };
        if let Some(key) = &self.key {
            let Value::Object(dict) = current else { return fail("the attribute has no keys") };
            if self.op != Op::Add && !dict.contains_key(key) {
                return fail("there is no such key");
            }
            match self.op {
                Op::Remove => dict.remove(key),
                Op::Add | Op::Replace => dict.insert(key.clone(), self.value.clone()),
            };
            return Ok(());
        }
        let set = match self.op {
            Op::Remove => rules
                .defaults
                .iter()
                .find(|(name, _)| *name == self.attribute)
                .map_or(Value::Null, |(_, value)| value.clone()),
            Op::Add if !is_unset(current) => return fail("the attribute has a value already, use replace"),
            Op::Add | Op::Replace => self.dict_or_value()?,
        };
        *current = set;
        Ok(())
    }

    /// The value, with the text form of a dict read where the attribute is one.
    fn dict_or_value(&self) -> Result<Value> {
        match &self.value {
            Value::String(text) if DICTS.contains(&self.attribute.as_str()) => match parse_literal(text) {
                Some(dict @ Value::Object(_)) => Ok(dict),
                _ => {
                    Err(bad(&self.attribute, Some(&self.value), "It must be a dict, for example {\"key\": \"value\"}"))
                }
            },
            Value::String(text) if LISTS.contains(&self.attribute.as_str()) => match parse_literal(text) {
                Some(list @ Value::Array(_)) => Ok(list),
                _ => Err(bad(
                    &self.attribute,
                    Some(&self.value),
                    "It must be a list, for example [{\"key\": \"value\"}]",
                )),
            },
            value => Ok(value.clone()),
        }
    }
}

/// Null, or a dict or list without an entry: they may be set with `add`.
fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(dict) => dict.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// `/a` or `/a/b` into its parts, with the JSON pointer escapes of the key undone.
fn split(path: &str) -> Option<(String, Option<String>)> {
    let mut parts = path.strip_prefix('/')?.splitn(2, '/');
    let attribute = parts.next()?;
    if attribute.is_empty() || !attribute.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
        return None;
    }
    let key = match parts.next() {
        None => None,
        Some(key) if key.is_empty() || key.contains('/') || key.contains(char::is_control) => return None,
        Some(key) => Some(key.replace("~1", "/").replace("~0", "~")),
    };
    Some((attribute.to_owned(), key))
}

/// A 400 in the form of all wrong values.
fn bad(name: &str, value: Option<&Value>, reason: &str) -> Error {
    let text = match value {
        None => "None".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    Error::bad_value(name, &text, reason)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules() -> PatchRules<'static> {
        static DEFAULTS: std::sync::LazyLock<[(&str, Value); 1]> =
            std::sync::LazyLock::new(|| [("node_count", json!(1))]);
        PatchRules { internal: &["stack_id"], mandatory: &["image_id"], defaults: &*DEFAULTS }
    }

    fn document() -> Map<String, Value> {
        let value = json!({"name": "blue", "node_count": 3, "image_id": "i", "stack_id": null, "flavor_id": null,
            "labels": {"a": "1"}});
        value.as_object().unwrap().clone()
    }

    fn patched(patch: &Value) -> Result<Value> {
        Patch::parse(patch, &rules())?.apply(&document(), &rules()).map(Value::Object)
    }

    #[test]
    fn changes_apply_in_order() {
        let after = patched(&json!([
            {"op": "replace", "path": "/name", "value": "red"},
            {"op": "add", "path": "/flavor_id", "value": "m1"},
            {"op": "remove", "path": "/node_count"},
            {"op": "add", "path": "/labels/b", "value": 2},
            {"op": "remove", "path": "/labels/a"},
        ]));
        assert_eq!(
            after.unwrap(),
            json!({"name": "red", "node_count": 1, "image_id": "i", "stack_id": null, "flavor_id": "m1", "labels": {"b": 2}})
        );
        assert_eq!(patched(&json!([])).unwrap(), Value::Object(document()));
    }

    #[test]
    fn labels_come_as_object_or_as_text() {
        for value in [json!({"x": "y"}), json!("{'x': 'y'}"), json!("{\"x\": \"y\"}")] {
            let after = patched(&json!([{"op": "replace", "path": "/labels", "value": value}])).unwrap();
            assert_eq!(after["labels"], json!({"x": "y"}));
        }
    }

    #[test]
    fn a_dotted_or_escaped_label_key_can_be_addressed() {
        let after = patched(&json!([{"op": "add", "path": "/labels/a.b~1c", "value": "v"}])).unwrap();
        assert_eq!(after["labels"]["a.b/c"], "v");
    }

    #[test]
    fn wrong_patches_name_what_is_wrong() {
        for (patch, part) in [
            (json!({}), "list"),
            (json!([1]), "object"),
            (json!([{"op": "move", "path": "/name", "value": "x"}]), "op"),
            (json!([{"path": "/name", "value": "x"}]), "op"),
            (json!([{"op": "add", "path": "name", "value": "x"}]), "path"),
            (json!([{"op": "add", "path": "/", "value": "x"}]), "path"),
            (json!([{"op": "add", "path": 5, "value": "x"}]), "path"),
            (json!([{"op": "add", "path": "/labels/a/b", "value": "x"}]), "path"),
            (json!([{"op": "replace", "path": "/uuid", "value": "x"}]), "internal"),
            (json!([{"op": "replace", "path": "/stack_id", "value": "x"}]), "internal"),
            (json!([{"op": "remove", "path": "/image_id"}]), "mandatory"),
            (json!([{"op": "replace", "path": "/name"}]), "need a value"),
            (json!([{"op": "replace", "path": "/name", "value": null}]), "need a value"),
            (json!([{"op": "replace", "path": "/name", "value": "x", "from": "/y"}]), "from"),
            (json!([{"op": "replace", "path": "/zzz", "value": "x"}]), "no such attribute"),
            (json!([{"op": "add", "path": "/zzz", "value": "x"}]), "no such attribute"),
            (json!([{"op": "remove", "path": "/zzz"}]), "no such attribute"),
            (json!([{"op": "add", "path": "/name", "value": "x"}]), "use replace"),
            (json!([{"op": "remove", "path": "/labels/zzz"}]), "no such key"),
            (json!([{"op": "replace", "path": "/labels/zzz", "value": "1"}]), "no such key"),
            (json!([{"op": "add", "path": "/name/zzz", "value": "1"}]), "no keys"),
            (json!([{"op": "replace", "path": "/labels", "value": "{'a'"}]), "labels"),
            (json!([{"op": "replace", "path": "/labels", "value": "5"}]), "labels"),
        ] {
            let text = patched(&patch).expect_err(&patch.to_string()).to_string();
            assert!(text.contains(part), "{patch}: {text}");
        }
    }
}
