//! What a parameter's value must satisfy, and how Heat words it when it does not.

use regex::Regex;
use serde_json::Value;

use super::invalid;
use super::parameters::{dumped, plain};
use crate::http::Refusal;
use crate::state::World;
use crate::{cinder, glance, neutron, nova};

/// One constraint of a parameter.
#[derive(Clone, Debug)]
pub(crate) struct Constraint {
    description: Option<String>,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Range { min: Option<f64>, max: Option<f64> },
    Length { min: Option<u64>, max: Option<u64> },
    Allowed(Vec<Value>),
    Pattern { text: String, regex: Regex },
    Modulo { step: i64, offset: i64 },
    Custom(String),
}

impl Constraint {
    pub(crate) fn read(parameter: &str, value: &Value) -> Result<Constraint, Refusal> {
        let description = value["description"].as_str().map(str::to_owned);
        let test = if let Some(range) = value.get("range") {
            Test::Range { min: range["min"].as_f64(), max: range["max"].as_f64() }
        } else if let Some(length) = value.get("length") {
            Test::Length { min: length["min"].as_u64(), max: length["max"].as_u64() }
        } else if let Some(Value::Array(allowed)) = value.get("allowed_values") {
            Test::Allowed(allowed.clone())
        } else if let Some(text) = value["allowed_pattern"].as_str() {
            let regex = Regex::new(&format!("^(?:{text})$"))
                .map_err(|_| invalid(&format!("Invalid allowed_pattern in parameter {parameter}")))?;
            Test::Pattern { text: text.to_owned(), regex }
        } else if let Some(modulo) = value.get("modulo") {
            let number = |key: &str| modulo[key].as_i64().unwrap_or_default();
            Test::Modulo { step: number("step").max(1), offset: number("offset") }
        } else if let Some(custom) = value["custom_constraint"].as_str() {
            Test::Custom(custom.to_owned())
        } else {
            let message = format!("Invalid key in the constraints of parameter {parameter}");
            return Err(invalid(&message));
        };
        Ok(Constraint { description, test })
    }

    /// Checks a parsed value for a user; the error is Heat's sentence, or the template's own where it has one.
    pub(crate) fn check(&self, value: &Value, world: &World, user_id: &str) -> Result<(), String> {
        self.test.check(value, world, user_id).map_err(|sentence| match (&self.description, &self.test) {
            (Some(own), _) => own.clone(),
            (None, _) => sentence,
        })
    }
}

impl Test {
    fn check(&self, value: &Value, world: &World, user_id: &str) -> Result<(), String> {
        let shown = plain(value);
        match self {
            Test::Range { min, max } => {
                let number = value.as_f64().or_else(|| shown.parse().ok()).unwrap_or(f64::NAN);
                let inside = min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max);
                let bound = |bound: &Option<f64>| bound.map_or_else(|| "None".to_owned(), |bound| bound.to_string());
                let sentence = || format!("{shown} is out of range (min: {}, max: {})", bound(min), bound(max));
                if inside { Ok(()) } else { Err(sentence()) }
            }
            Test::Length { min, max } => {
                let length = match value {
                    Value::Array(list) => list.len() as u64,
                    Value::Object(map) => map.len() as u64,
                    _ => shown.chars().count() as u64,
                };
                let inside = min.is_none_or(|min| length >= min) && max.is_none_or(|max| length <= max);
                let bound = |bound: &Option<u64>| bound.map_or_else(|| "None".to_owned(), |bound| bound.to_string());
                let sentence =
                    || format!("length ({length}) is out of range (min: {}, max: {})", bound(min), bound(max));
                if inside { Ok(()) } else { Err(sentence()) }
            }
            Test::Allowed(allowed) => {
                let known = |one: &Value| allowed.iter().any(|have| plain(have) == plain(one));
                let fits = if let Value::Array(list) = value { list.iter().all(known) } else { known(value) };
                let sentence =
                    || format!("\"{shown}\" is not an allowed value {}", dumped(&Value::Array(allowed.clone())));
                if fits { Ok(()) } else { Err(sentence()) }
            }
            Test::Pattern { text, regex } => {
                if regex.is_match(&shown) {
                    return Ok(());
                }
                Err(format!("\"{shown}\" does not match pattern \"{text}\""))
            }
            Test::Modulo { step, offset } => {
                let fits = value.as_i64().is_some_and(|number| number.rem_euclid(*step) == offset.rem_euclid(*step));
                let sentence = || format!("{shown} is not a multiple of {step} with an offset of {offset})");
                if fits { Ok(()) } else { Err(sentence()) }
            }
            Test::Custom(kind) => exists(kind, &shown, world, user_id),
        }
    }
}

/// Whether what a custom constraint names exists in the cloud.
pub(crate) fn exists(kind: &str, wanted: &str, world: &World, user_id: &str) -> Result<(), String> {
    let found = match kind {
        "nova.flavor" => nova::find_flavor(world, wanted)
            .map(drop)
            .ok_or_else(|| format!("No Flavor matching {{'name': '{wanted}'}}. (HTTP 404)")),
        "nova.keypair" => world
            .keypairs
            .get(&format!("{user_id}/{wanted}"))
            .map(drop)
            .ok_or_else(|| format!("The Key ({wanted}) could not be found.")),
        "neutron.network" => neutron::find_network(world, wanted)
            .map(drop)
            .ok_or_else(|| format!("Unable to find network with name or id '{wanted}'")),
        "neutron.subnet" => neutron::find_subnet(world, wanted)
            .map(drop)
            .ok_or_else(|| format!("Unable to find subnet with name or id '{wanted}'")),
        "cinder.vtype" => cinder::find_type(world, wanted)
            .map(drop)
            .ok_or_else(|| format!("The VolumeType ({wanted}) could not be found.")),
        "glance.image" => glance::find(world, wanted).map(drop),
        _ => Ok(()),
    };
    found.map_err(|sentence| format!("Error validating value '{wanted}': {sentence}"))
}
