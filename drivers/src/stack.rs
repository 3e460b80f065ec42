//! A request to Heat, ready to be sent.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::{Map, Value, json};

/// Body of `POST /stacks`, or of `PATCH /stacks/{name}/{id}` when it has no template.
#[derive(Clone, Default, PartialEq)]
pub struct StackRequest {
    /// Stack name.
    pub name: String,
    /// The main template as text; empty for a PATCH, which keeps the template Heat has.
    pub template: String,
    /// Texts of nested templates and scripts by the name the templates use.
    pub files: BTreeMap<String, String>,
    /// Parameters by name. Every one is declared by the template.
    pub parameters: BTreeMap<String, Value>,
    /// Environment files by name, in order, all of them in `files`.
    pub environment_files: Vec<String>,
    /// Minutes until Heat gives up.
    pub timeout_mins: i64,
    /// Stack tags.
    pub tags: Vec<String>,
    /// Heat keeps what it made when it fails.
    pub disable_rollback: bool,
    /// Parameters that must never be shown.
    pub hidden: BTreeSet<&'static str>,
}

impl StackRequest {
    /// `true` when this changes the parameters of a stack that exists.
    #[must_use]
    pub fn is_patch(&self) -> bool {
        self.template.is_empty()
    }

    /// The JSON body as Heat wants it. Holds secrets: never log it.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("parameters".to_owned(), json!(self.parameters));
        body.insert("timeout_mins".to_owned(), json!(self.timeout_mins));
        body.insert("disable_rollback".to_owned(), json!(self.disable_rollback));
        if !self.is_patch() {
            body.insert("stack_name".to_owned(), json!(self.name));
            body.insert("template".to_owned(), json!(self.template));
            body.insert("files".to_owned(), json!(self.files));
            body.insert("tags".to_owned(), json!(self.tags.join(",")));
            if !self.environment_files.is_empty() {
                body.insert("environment_files".to_owned(), json!(self.environment_files));
            }
        }
        Value::Object(body)
    }
}

impl fmt::Debug for StackRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: BTreeMap<&str, String> = self
            .parameters
            .iter()
            .map(|(name, value)| {
                let hide = self.hidden.contains(name.as_str());
                (name.as_str(), if hide { "***".to_owned() } else { value.to_string() })
            })
            .collect();
        f.debug_struct("StackRequest")
            .field("name", &self.name)
            .field("parameters", &shown)
            .field("files", &self.files.keys().collect::<Vec<_>>())
            .field("timeout_mins", &self.timeout_mins)
            .field("tags", &self.tags)
            .field("disable_rollback", &self.disable_rollback)
            .finish_non_exhaustive()
    }
}
