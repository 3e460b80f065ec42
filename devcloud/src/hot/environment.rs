//! Environments: which type stands for which, and further parameters.

use serde_json::{Map, Value};

use super::yaml;
use crate::http::Refusal;

/// A merged environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    pub(crate) parameters: Map<String, Value>,
    pub(crate) defaults: Map<String, Value>,
    registry: Map<String, Value>,
}

impl Environment {
    /// Merges the body's `environment` with its `environment_files` (names of entries of `files`), later ones winning.
    pub(crate) fn read(body: &Value, files: &Map<String, Value>) -> Result<Environment, Refusal> {
        let mut merged = Environment::default();
        merged.merge(&body["environment"])?;
        for name in body["environment_files"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            let content = files.get(name).ok_or_else(|| {
                Refusal::bad(&format!("No content found in the \"files\" section for environment file: {name}"))
            })?;
            merged.merge(content)?;
        }
        Ok(merged)
    }

    fn merge(&mut self, given: &Value) -> Result<(), Refusal> {
        let parsed = match given {
            Value::Null => return Ok(()),
            Value::String(text) if text.trim().is_empty() => return Ok(()),
            Value::String(text) => yaml::parse(text).map_err(|error| Refusal::bad(&format!("environment: {error}")))?,
            other => other.clone(),
        };
        let Value::Object(sections) = parsed else {
            return Err(Refusal::bad("The environment is not a valid YAML mapping data type."));
        };
        for (name, section) in sections {
            let target = match name.as_str() {
                "parameters" => &mut self.parameters,
                "parameter_defaults" => &mut self.defaults,
                "resource_registry" => &mut self.registry,
                "encrypted_param_names" | "event_sinks" | "parameter_merge_strategies" => continue,
                other => return Err(Refusal::bad(&format!("environment has wrong section \"{other}\""))),
            };
            if let Value::Object(section) = section {
                target.extend(section);
            }
        }
        Ok(())
    }

    /// What a type stands for: another type, or the name of a template in `files`. Follows chains; a cycle ends.
    pub(crate) fn resolve(&self, kind: &str) -> String {
        let mut kind = kind.to_owned();
        for _ in 0..16 {
            match self.lookup(&kind) {
                Some(next) if next != kind => kind = next,
                _ => break,
            }
        }
        kind
    }

    fn lookup(&self, kind: &str) -> Option<String> {
        if let Some(exact) = self.registry.get(kind).and_then(Value::as_str) {
            return Some(exact.to_owned());
        }
        self.registry.iter().find_map(|(pattern, target)| {
            let (pattern, target) = (pattern.strip_suffix('*')?, target.as_str()?);
            let rest = kind.strip_prefix(pattern)?;
            Some(target.strip_suffix('*').map_or_else(|| target.to_owned(), |stem| format!("{stem}{rest}")))
        })
    }

    /// As `GET .../environment` shows it.
    pub(crate) fn show(&self) -> Value {
        serde_json::json!({
            "parameters": self.parameters, "parameter_defaults": self.defaults, "resource_registry": self.registry,
        })
    }
}

/// Whether a resolved type names a template rather than a resource.
pub(crate) fn is_template(kind: &str) -> bool {
    kind.ends_with(".yaml") || kind.ends_with(".yml") || kind.ends_with(".template")
}
