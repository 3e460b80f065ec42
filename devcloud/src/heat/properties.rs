//! Values of properties that Heat checks against the cloud: does the flavor, the image, the network exist?

use serde_json::Value;

use super::scope::Unbuilt;
use super::types;
use crate::hot::constraints::exists;
use crate::hot::eval::{evaluate, holds, references};
use crate::hot::parameters::plain;
use crate::hot::template::Definition;
use crate::state::World;

/// What is wrong, with the path below `properties`.
type Wrong = (String, String);

/// What a property's value must be.
enum Rule {
    /// Something that exists in the cloud, by the name of Heat's constraint.
    Exists(&'static str),
    /// A whole number in a range.
    Whole(i64, Option<i64>),
}

fn rule(kind: &str, property: &str) -> Option<Rule> {
    Some(match (kind, property) {
        (types::SERVER, "flavor") => Rule::Exists("nova.flavor"),
        (types::SERVER, "image") => Rule::Exists("glance.image"),
        (types::SERVER, "key_name") => Rule::Exists("nova.keypair"),
        ("OS::Neutron::FloatingIP", "floating_network") => Rule::Exists("neutron.network"),
        ("OS::Neutron::Port" | "OS::Neutron::Subnet", "network") => Rule::Exists("neutron.network"),
        ("OS::Cinder::Volume", "volume_type") => Rule::Exists("cinder.vtype"),
        ("OS::Cinder::Volume", "size") => Rule::Whole(1, None),
        ("OS::Heat::RandomString", "length") => Rule::Whole(1, Some(512)),
        (types::GROUP, "count") => Rule::Whole(0, None),
        ("OS::Heat::WaitCondition", "count") => Rule::Whole(1, None),
        ("OS::Heat::WaitCondition", "timeout") => Rule::Whole(1, Some(43_200)),
        (_, "vip_subnet") => Rule::Exists("neutron.subnet"),
        _ => return None,
    })
}

/// A value that hangs on no resource; others are known when those exist.
pub(super) fn known(value: &Value, scope: &Unbuilt) -> Option<Value> {
    if !references(value).is_empty() {
        return None;
    }
    evaluate(value, scope).ok().filter(|value| !value.is_null())
}

/// Checks the values that are known, unless the resource is left out.
pub(super) fn check(
    world: &World,
    user_id: &str,
    (kind, definition): (&str, &Definition),
    scope: &Unbuilt,
) -> Result<(), Wrong> {
    if definition.condition.as_ref().is_some_and(|condition| holds(condition, scope) == Ok(false)) {
        return Ok(());
    }
    for (property, value) in definition.properties.as_object().into_iter().flatten() {
        if kind == types::SERVER && property == "networks" {
            networks(world, user_id, value, scope)?;
            continue;
        }
        let (Some(rule), Some(value)) = (rule(kind, property), known(value, scope)) else { continue };
        let wrong = |sentence| (property.clone(), sentence);
        match rule {
            Rule::Exists(constraint) => found(constraint, &value, world, user_id).map_err(wrong)?,
            Rule::Whole(min, max) => whole(&value, min, max).map_err(wrong)?,
        }
    }
    Ok(())
}

fn networks(world: &World, user_id: &str, value: &Value, scope: &Unbuilt) -> Result<(), Wrong> {
    for (at, entry) in value.as_array().into_iter().flatten().enumerate() {
        for key in ["network", "uuid"] {
            if let Some(value) = entry.get(key).and_then(|value| known(value, scope)) {
                found("neutron.network", &value, world, user_id)
                    .map_err(|sentence| (format!("networks[{at}].{key}"), sentence))?;
            }
        }
    }
    Ok(())
}

fn found(constraint: &str, value: &Value, world: &World, user_id: &str) -> Result<(), String> {
    let wanted = plain(value);
    if wanted.is_empty() { Ok(()) } else { exists(constraint, &wanted, world, user_id) }
}

fn whole(value: &Value, min: i64, max: Option<i64>) -> Result<(), String> {
    let text = plain(value);
    let number = text.parse::<i64>().map_err(|_| format!("Value '{text}' is not an integer"))?;
    if number >= min && max.is_none_or(|max| number <= max) {
        return Ok(());
    }
    let max = max.map_or_else(|| "None".to_owned(), |max| max.to_string());
    Err(format!("{number} is out of range (min: {min}, max: {max})"))
}
