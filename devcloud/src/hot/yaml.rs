//! YAML as Heat reads it, turned into JSON values.

use serde_json::{Map, Number, Value};
use serde_yaml_ng::Value as Yaml;

/// Reads a YAML (or JSON) text; the error is the parser's sentence.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let mut yaml: Yaml = serde_yaml_ng::from_str(text).map_err(|error| error.to_string())?;
    yaml.apply_merge().map_err(|error| error.to_string())?;
    convert(yaml)
}

fn convert(yaml: Yaml) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => Value::Bool(flag),
        Yaml::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), _, _) => Value::Number(whole.into()),
            (_, Some(whole), _) => Value::Number(whole.into()),
            (_, _, float) => Number::from_f64(float.unwrap_or_default()).map_or(Value::Null, Value::Number),
        },
        Yaml::String(text) => Value::String(text),
        Yaml::Sequence(items) => Value::Array(items.into_iter().map(convert).collect::<Result<_, _>>()?),
        Yaml::Mapping(map) => {
            let mut object = Map::new();
            for (key, value) in map {
                let key = match convert(key)? {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                object.insert(key, convert(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tagged) => return Err(format!("could not determine a constructor for the tag '{}'", tagged.tag)),
    })
}
