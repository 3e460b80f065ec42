//! What the functions of one level's template see.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::tree::Node;
use crate::hot::eval::Scope;
use crate::hot::invalid;
use crate::hot::parameters::plain;
use crate::hot::template::Template;
use crate::http::Refusal;

/// A level while it is evaluated.
pub(super) struct LevelScope<'a> {
    pub(super) template: &'a Template,
    pub(super) parameters: &'a Map<String, Value>,
    pub(super) nodes: &'a IndexMap<String, Node>,
    pub(super) files: &'a Map<String, Value>,
    pub(super) stack_id: &'a str,
    pub(super) stack_name: &'a str,
    pub(super) project_id: &'a str,
}

impl Scope for LevelScope<'_> {
    fn parameter(&self, name: &str) -> Result<Value, Refusal> {
        match name {
            "OS::stack_name" => Ok(json!(self.stack_name)),
            "OS::stack_id" => Ok(json!(self.stack_id)),
            "OS::project_id" => Ok(json!(self.project_id)),
            _ => self.parameters.get(name).cloned().ok_or_else(|| {
                Refusal::new(400, "UserParameterMissing", &format!("The Parameter ({name}) was not provided."))
            }),
        }
    }

    fn reference(&self, resource: &str) -> Result<Value, Refusal> {
        match self.nodes.get(resource) {
            Some(node) => Ok(node.reference()),
            None if self.template.resources.contains_key(resource) => Ok(Value::Null),
            None => Err(invalid(&format!("The specified reference \"{resource}\" (in unknown) is incorrect."))),
        }
    }

    fn attribute(&self, resource: &str, path: &[Value]) -> Result<Value, Refusal> {
        let Some(node) = self.nodes.get(resource) else {
            return Ok(Value::Null);
        };
        node.attribute(path).ok_or_else(|| {
            let key = path.first().map(plain).unwrap_or_default();
            let message = format!("The Referenced Attribute ({resource} {key}) is incorrect.");
            Refusal::new(400, "InvalidTemplateAttribute", &message)
        })
    }

    fn file(&self, name: &str) -> Result<Value, Refusal> {
        self.files.get(name).cloned().ok_or_else(|| no_file(name))
    }

    fn condition(&self, name: &str) -> Option<Value> {
        self.template.conditions.get(name).cloned()
    }
}

/// A template of which nothing exists yet: parameters and files are known, resources are not.
pub(super) struct Unbuilt<'a> {
    pub(super) template: &'a Template,
    pub(super) parameters: &'a Map<String, Value>,
    pub(super) files: &'a Map<String, Value>,
}

impl Scope for Unbuilt<'_> {
    fn parameter(&self, name: &str) -> Result<Value, Refusal> {
        // The pseudo parameters get their values with the stack.
        Ok(self.parameters.get(name).cloned().unwrap_or_default())
    }

    fn reference(&self, _: &str) -> Result<Value, Refusal> {
        Ok(Value::Null)
    }

    fn attribute(&self, _: &str, _: &[Value]) -> Result<Value, Refusal> {
        Ok(Value::Null)
    }

    fn file(&self, name: &str) -> Result<Value, Refusal> {
        self.files.get(name).cloned().ok_or_else(|| no_file(name))
    }

    fn condition(&self, name: &str) -> Option<Value> {
        self.template.conditions.get(name).cloned()
    }
}

/// Heat's sentence for a file that was not sent along.
pub(super) fn no_file(name: &str) -> Refusal {
    Refusal::new(400, "ValueError", &format!("No content found in the \"files\" section for get_file path: {name}"))
}
