//! Bodies: one table per kind of object says what each attribute may be.
//!
//! The table reads a POST body, checks the document a patch leaves behind, and gives the `OpenAPI` schema. Reading turns the
//! loose scalars clients send (Horizon sends every number and boolean as text) into the declared type and refuses the
//! rest, naming the attribute. Own code, because Magnum's messages and coercions decide.

use domain::{Error, Result};
use serde_json::{Map, Value};
use utoipa::openapi::{
    ObjectBuilder, RefOr, Schema, Type,
    schema::{AdditionalProperties, ArrayBuilder, SchemaFormat, SchemaType},
};
use utoipa::{PartialSchema, ToSchema};

/// Text columns are this wide.
pub(crate) const COLUMN: usize = 255;

/// Lists and dictionaries are kept as JSON text of at most so many bytes, all that Magnum's own columns hold on `MySQL`.
const JSON_TEXT: usize = 65_535;

/// Numbers are kept in 32 bits by every database Magnum ran on.
const MAX_INT: i64 = i32::MAX as i64;

/// What an attribute may be. Null means "not given" for all but the read-only ones.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Text of this many characters.
    Text(usize, usize),
    /// Text that starts with a letter and goes on with letters, digits, `_`, `.` and `-`.
    Name(usize),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number in this range.
    Int(i64, i64),
    /// True or false.
    Bool,
    /// An object of scalars, kept as strings.
    Dict,
    /// A list of texts of at most this many characters.
    Texts(usize),
    /// A list of taints: objects of texts under `key`, `value` and `effect`.
    Taints,
    /// A UUID, with or without hyphens.
    Uuid,
    /// Must not be in a body.
    ReadOnly,
    /// May be in a body and is not looked at.
    Ignored,
}

/// A whole number of at least `min`.
pub(crate) const fn at_least(min: i64) -> Kind {
    Kind::Int(min, MAX_INT)
}

/// One attribute.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    name: &'static str,
    kind: Kind,
    mandatory: bool,
    doc: &'static str,
}

/// An attribute that may be left out.
pub(crate) const fn field(name: &'static str, kind: Kind, doc: &'static str) -> Field {
    Field { name, kind, mandatory: false, doc }
}

/// An attribute that must be given.
pub(crate) const fn mandatory(name: &'static str, kind: Kind, doc: &'static str) -> Field {
    Field { name, kind, mandatory: true, doc }
}

/// The attributes of one kind of object, under the name errors call the body.
pub(crate) struct Shape {
    pub(crate) argument: &'static str,
    pub(crate) fields: &'static [Field],
}

impl Shape {
    /// Its attributes without `missing`, of which each is one; those of `musts` must be given.
    pub(crate) const fn without<const N: usize>(&self, missing: &[&str], musts: &[&str]) -> [Field; N] {
        let mut fields = [self.fields[0]; N];
        let (mut at, mut next) = (0, 0);
        while at < self.fields.len() {
            let field = self.fields[at];
            if !among(field.name, missing) {
                fields[next] = Field { mandatory: field.mandatory || among(field.name, musts), ..field };
                next += 1;
            }
            at += 1;
        }
        fields
    }

    /// Names of its attributes.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().map(|field| field.name)
    }

    /// The body with every attribute in its declared type.
    ///
    /// # Errors
    /// `Invalid` for the first thing that is wrong: no object, unknown attributes, a wrong or missing value.
    pub(crate) fn read(&self, body: Value) -> Result<Map<String, Value>> {
        let Value::Object(mut given) = body else {
            return Err(Error::bad_value(self.argument, kind_of(&body), "It must be a JSON object"));
        };
        let unknown: Vec<&str> =
            given.keys().map(String::as_str).filter(|name| !self.fields.iter().any(|f| f.name == *name)).collect();
        if !unknown.is_empty() {
            return Err(Error::invalid(format!(
                "Unknown attribute for argument {}: {}",
                self.argument,
                cut(&unknown.join(", "))
            )));
        }
        let mut read = Map::new();
        for field in self.fields {
            match given.remove(field.name) {
                None | Some(Value::Null) if field.mandatory => {
                    return Err(Error::bad_value(field.name, "None", "Mandatory field missing"));
                }
                None => {}
                Some(value) => {
                    if let Some(value) = field.read(value)? {
                        read.insert(field.name.to_owned(), value);
                    }
                }
            }
        }
        Ok(read)
    }

    /// The `OpenAPI` schema.
    pub(crate) fn schema(&self) -> RefOr<Schema> {
        let mut object = ObjectBuilder::new();
        for field in self.fields {
            if matches!(field.kind, Kind::Ignored | Kind::ReadOnly) {
                continue;
            }
            object = object.property(field.name, field.schema());
            if field.mandatory {
                object = object.required(field.name);
            }
        }
        // What is not listed is a 400.
        object.additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false))).into()
    }
}

/// Whether `name` is one of `names`; the standard library cannot tell at compile time.
const fn among(name: &str, names: &[&str]) -> bool {
    let mut at = 0;
    while at < names.len() {
        let (one, other) = (name.as_bytes(), names[at].as_bytes());
        let mut same = one.len() == other.len();
        let mut byte = 0;
        while same && byte < one.len() {
            same = one[byte] == other[byte];
            byte += 1;
        }
        if same {
            return true;
        }
        at += 1;
    }
    false
}

impl Field {
    fn read(&self, value: Value) -> Result<Option<Value>> {
        let value = match (self.kind, value) {
            (Kind::Ignored, _) => return Ok(None),
            (Kind::ReadOnly, value) => return Err(self.bad(&value, "Cannot set read only field.")),
            (_, Value::Null) => Value::Null,
            (Kind::Text(min, max), value) => self.text(value, min, max)?,
            (Kind::Name(max), value) => self.name(value, max)?,
            (Kind::Word(words), value) => match value.as_str() {
                Some(word) if words.contains(&word) => value,
                _ => return Err(self.bad(&value, &format!("Value should be one of: {}", words.join(", ")))),
            },
            (Kind::Int(min, max), value) => self.int(&value, min, max)?,
            (Kind::Bool, value) => match boolean(&value) {
                Some(flag) => flag.into(),
                None => return Err(self.bad(&value, "It must be true or false")),
            },
            (Kind::Dict, value) => self.keepable(self.dict(value)?)?,
            (Kind::Texts(max), Value::Array(texts)) => {
                let texts = texts.into_iter().map(|text| self.text(text, 1, max)).collect::<Result<Vec<_>>>()?;
                self.keepable(texts.into())?
            }
            (Kind::Texts(_), value) => return Err(self.bad(&value, "It must be a list of texts")),
            (Kind::Taints, Value::Array(taints)) => {
                let taints = taints.into_iter().map(|taint| self.taint(taint)).collect::<Result<Vec<_>>>()?;
                self.keepable(taints.into())?
            }
            (Kind::Taints, value) => return Err(self.bad(&value, "It must be a list of objects")),
            (Kind::Uuid, value) => match value.as_str().map(uuid::Uuid::try_parse) {
                Some(Ok(uuid)) => uuid.to_string().into(),
                _ => return Err(self.bad(&value, "It must be a UUID")),
            },
        };
        Ok(Some(value))
    }

    fn text(&self, value: Value, min: usize, max: usize) -> Result<Value> {
        let Value::String(text) = &value else { return Err(self.bad(&value, "It must be text")) };
        let length = text.chars().count();
        if length < min {
            return Err(self.bad(&value, &format!("It must have at least {min} character(s)")));
        }
        if length > max {
            return Err(self.bad(&value, &format!("It must have at most {max} characters")));
        }
        if !storable(text) {
            return Err(self.bad(&value, "It must not contain the character U+0000"));
        }
        Ok(value)
    }

    fn name(&self, value: Value, max: usize) -> Result<Value> {
        let value = self.text(value, 1, max)?;
        let text = value.as_str().unwrap_or_default();
        let right = text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        if right {
            Ok(value)
        } else {
            Err(self.bad(&value, "Value should match the pattern ^[a-zA-Z][a-zA-Z0-9_.-]*$"))
        }
    }

    fn int(&self, value: &Value, min: i64, max: i64) -> Result<Value> {
        let number = integer(value).ok_or_else(|| self.bad(value, "It must be a whole number"))?;
        if number < min {
            return Err(self.bad(value, &format!("Value should be greater or equal to {min}")));
        }
        if number > max {
            return Err(self.bad(value, &format!("Value should be lesser or equal to {max}")));
        }
        Ok(number.into())
    }

    fn dict(&self, value: Value) -> Result<Value> {
        let Value::Object(map) = value else { return Err(self.bad(&value, "It must be an object of text values")) };
        let mut dict = Map::new();
        for (key, value) in map {
            let text = match &value {
                Value::String(text) => text.clone(),
                Value::Bool(true) => "True".to_owned(),
                Value::Bool(false) => "False".to_owned(),
                Value::Number(number) => number.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => {
                    return Err(
                        self.bad(&value, &format!("The value of '{}' must be text, a number or a boolean", cut(&key)))
                    );
                }
            };
            if !(storable(&key) && storable(&text)) || key.is_empty() {
                return Err(
                    self.bad(&key.into(), "A key must not be empty, and nothing may contain the character U+0000")
                );
            }
            dict.insert(key, text.into());
        }
        Ok(dict.into())
    }

    /// What is no taint at all is a conflict, as all that is wrong with one.
    fn taint(&self, value: Value) -> Result<Value> {
        let Value::Object(taint) = &value else { return Err(self.bad(&value, "It must be a list of objects")) };
        let texts = taint.iter().all(|(name, part)| {
            matches!(name.as_str(), "key" | "value" | "effect") && part.as_str().is_some_and(storable)
                || (name == "value" && part.is_null())
        });
        let whole = taint.contains_key("key") && taint.contains_key("effect");
        if texts && whole {
            return Ok(value);
        }
        let reason = format!("{}: A taint has the texts key, effect and, if need be, value", self.name);
        Err(Error::Conflict(reason))
    }

    /// A list or dictionary that is not too long as a whole.
    fn keepable(&self, value: Value) -> Result<Value> {
        let length = value.to_string().len();
        if length > JSON_TEXT {
            let reason = format!("It has {length} bytes as JSON text, the most is {JSON_TEXT}");
            return Err(self.bad(&value, &reason));
        }
        Ok(value)
    }

    fn bad(&self, value: &Value, reason: &str) -> Error {
        let text = match value {
            Value::Null => "None".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Error::bad_value(self.name, &text, reason)
    }

    fn schema(&self) -> RefOr<Schema> {
        let typed = |kind: Type| {
            ObjectBuilder::new().description(Some(self.doc)).schema_type(SchemaType::from_iter([kind, Type::Null]))
        };
        let object = match self.kind {
            Kind::Text(min, max) => typed(Type::String).min_length(Some(min)).max_length(Some(max)),
            Kind::Name(max) => {
                typed(Type::String).min_length(Some(1)).max_length(Some(max)).pattern(Some("^[a-zA-Z][a-zA-Z0-9_.-]*$"))
            }
            Kind::Word(words) => ObjectBuilder::new()
                .description(Some(self.doc))
                .schema_type(Type::String)
                .enum_values(Some(words.iter().copied())),
            Kind::Int(min, max) => typed(Type::Integer).minimum(Some(min)).maximum(Some(max)),
            Kind::Bool => typed(Type::Boolean),
            Kind::Uuid => typed(Type::String).format(Some(SchemaFormat::Custom("uuid".to_owned()))),
            Kind::Dict => typed(Type::Object).additional_properties(Some(
                ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Number, Type::Boolean])),
            )),
            Kind::Texts(max) => {
                let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(max));
                let list = ArrayBuilder::new().schema_type(SchemaType::from_iter([Type::Array, Type::Null]));
                return list.description(Some(self.doc)).items(text).into();
            }
            Kind::Taints => {
                let text = || ObjectBuilder::new().schema_type(Type::String);
                let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
                let taint = ObjectBuilder::new()
                    .property("key", text())
                    .property("value", text())
                    .property("effect", text().enum_values(Some(effects)))
                    .required("key")
                    .required("effect");
                let list = ArrayBuilder::new().schema_type(SchemaType::from_iter([Type::Array, Type::Null]));
                return list.description(Some(self.doc)).items(taint).into();
            }
            Kind::ReadOnly | Kind::Ignored => ObjectBuilder::new(),
        };
        object.into()
    }
}

/// Body of a PATCH: a list of changes.
pub(crate) struct PatchBody;

impl ToSchema for PatchBody {}

impl PartialSchema for PatchBody {
    fn schema() -> RefOr<Schema> {
        let operation = ObjectBuilder::new()
            .property(
                "op",
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["add", "replace", "remove"])),
            )
            .property("path", ObjectBuilder::new().schema_type(Type::String).pattern(Some("^/[^/]+(/[^/]+)?$")))
            .property("value", ObjectBuilder::new().schema_type(SchemaType::AnyValue))
            .required("op")
            .required("path");
        ArrayBuilder::new().items(operation).into()
    }
}

/// A whole number: an integer, a float without its fraction, digits as text, true or false.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(flag) => Some(i64::from(*flag)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?.trunc();
            // Beyond 2^53 a float is no exact number any more; everything there is over every limit.
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
            (float.abs() < 9e15).then_some(float as i64)
        }),
        _ => None,
    }
}

/// True or false as any client spells it.
pub(crate) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(1) => Some(true),
            Some(0) => Some(false),
            _ => None,
        },
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
            "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// PostgreSQL keeps every character but U+0000.
pub(crate) fn storable(text: &str) -> bool {
    !text.contains('\0')
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Array(_) => "a list",
        _ => "a scalar",
    }
}

/// At most 100 characters of what the caller sent, for an error text.
fn cut(text: &str) -> &str {
    text.char_indices().nth(100).map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests;
