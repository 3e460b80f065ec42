//! What a finished stack tells.

use std::collections::BTreeMap;

use domain::Error;
use serde_json::Value;

/// Outputs and parameters of a stack, as in the body of Heat's stack show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs {
    values: BTreeMap<String, Value>,
    parameters: BTreeMap<String, Value>,
}

impl Outputs {
    /// Reads the `stack` object of Heat: the list `outputs` and the object `parameters`, both optional.
    #[must_use]
    pub fn of_stack(stack: &Value) -> Self {
        let values = stack["outputs"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|output| Some((output["output_key"].as_str()?.to_owned(), output["output_value"].clone())))
            .collect();
        let parameters =
            stack["parameters"].as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
        Self { values, parameters }
    }

    /// A text output; `None` when absent, null or empty.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key)?.as_str().filter(|text| !text.is_empty())
    }

    /// An output as it is; `None` when absent or null.
    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// A list of addresses; entries that are null or empty are left out, a missing output is an empty list.
    ///
    /// # Errors
    /// [`Error::Internal`] when the output is there and is no list.
    pub fn list(&self, key: &str) -> Result<Vec<String>, Error> {
        match self.values.get(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                Ok(items.iter().filter_map(Value::as_str).filter(|s| !s.is_empty()).map(str::to_owned).collect())
            }
            Some(_) => Err(Error::Internal { doing: format!("stack output {key} is not a list"), source: None }),
        }
    }

    /// Addresses of a group of nodes: the public ones under `key`, or where there are none the private ones.
    pub(crate) fn addresses(&self, key: &str) -> Result<Vec<String>, Error> {
        let public = self.list(key)?;
        if public.is_empty() { self.list(&format!("{key}_private")) } else { Ok(public) }
    }

    /// `true` when the stack's template declares a parameter of this name.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.parameters.contains_key(name)
    }

    /// A stack parameter in Heat's text form.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name)?.as_str().filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_no_use_are_left_out() {
        let outputs = Outputs::of_stack(&json!({
            "outputs": [
                {"output_key": "api_address", "output_value": ""},
                {"output_key": "kube_masters", "output_value": ["10.0.0.5", null, ""]},
                {"output_key": "broken", "output_value": "text"},
            ],
            "parameters": {"number_of_minions": "3"},
        }));
        assert_eq!(outputs.text("api_address"), None);
        assert_eq!(outputs.list("kube_masters").unwrap(), ["10.0.0.5"]);
        assert_eq!(outputs.list("absent").unwrap(), Vec::<String>::new());
        assert!(outputs.list("broken").is_err());
        assert_eq!(outputs.parameter("number_of_minions"), Some("3"));
    }
}
