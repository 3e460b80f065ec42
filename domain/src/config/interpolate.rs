//! `$option`, `${group.option}` and `$$` inside values (oslo.config's substitution).
//!
//! A plain name is looked for in the option's own section, then in `[DEFAULT]`. A `$` that starts no name stands for
//! itself. A name that no option has is an error, because a password with a bare `$` would silently become another.

use super::settings::Settings;
use crate::options;

/// How deep references may nest; more can only be a circle.
const DEPTH: usize = 16;

/// Why a value cannot be worked out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// The name no option has, or that has no value.
    Unknown(String),
    /// References lead in a circle.
    Circle,
}

/// `text`, found in `section`, with every reference replaced.
pub(super) fn interpolate(settings: &Settings, section: &str, text: &str) -> Result<String, Bad> {
    expand(settings, section, text, DEPTH)
}

fn expand(settings: &Settings, section: &str, text: &str, depth: usize) -> Result<String, Bad> {
    if !text.contains('$') {
        return Ok(text.to_owned());
    }
    let depth = depth.checked_sub(1).ok_or(Bad::Circle)?;
    // oslo.config takes `\$` for `$$`.
    let text = text.replace(r"\$", "$$");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = reference(rest) {
            out.push_str(&value_of(settings, section, name, depth)?);
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The name at the start of `text`, with or without braces, and what follows it.
fn reference(text: &str) -> Option<(&str, &str)> {
    let braced = text.strip_prefix('{');
    let body = braced.unwrap_or(text);
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    if !body.starts_with(starts) {
        return None;
    }
    let end = body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(body.len());
    let (name, after) = body.split_at(end);
    match braced {
        Some(_) => after.strip_prefix('}').map(|after| (name, after)),
        None => Some((name, after)),
    }
}

fn value_of(settings: &Settings, section: &str, name: &str, depth: usize) -> Result<String, Bad> {
    let places = match name.split_once('.') {
        Some((section, name)) => vec![(section, name)],
        None => vec![(section, name), ("DEFAULT", name)],
    };
    for (section, name) in places {
        if let Some(text) = settings.found(section, name).and_then(|found| found.values.last()) {
            return expand(settings, section, text, depth);
        }
        if let Some(text) = options::declared(section, name).and_then(|opt| opt.default) {
            return expand(settings, section, text, depth);
        }
    }
    Err(Bad::Unknown(name.to_owned()))
}
