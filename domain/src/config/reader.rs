//! From settings as text to typed options: old names, substitution, types and ranges, unknown names.

use super::{
    ConfigError, Warning,
    interpolate::{Bad, interpolate},
    settings::{Found, Settings},
};
use crate::options::{self, Opt, SECTIONS, Setting, ignored};

/// Hands out the options of one configuration and notes what is worth a warning.
pub(crate) struct Reader<'a> {
    settings: &'a Settings,
    pub(super) warnings: Vec<Warning>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Self {
        Self { settings, warnings: Vec::new() }
    }

    /// The value of the option `name` among `options`, which stand in `section`.
    pub(crate) fn setting<T: Setting>(
        &mut self,
        section: &'static str,
        options: &'static [Opt],
        name: &str,
    ) -> Result<T, ConfigError> {
        let missing = || ConfigError::Missing { section, option: name.to_owned() };
        let opt = options.iter().find(|opt| opt.name == name).ok_or_else(missing)?;
        let (texts, origin) = match self.find(section, opt) {
            Some(found) => (found.values.clone(), found.origin.clone()),
            None => match opt.default {
                Some(text) => (vec![text.to_owned()], "the default".to_owned()),
                None => return T::unset().ok_or_else(missing),
            },
        };
        let texts = texts
            .iter()
            .map(|text| interpolate(self.settings, section, text))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|bad| unresolved(section, opt, &origin, bad))?;
        let within = |value: &T| match (opt.range, value.number()) {
            (Some((low, high)), Some(number)) => (low..=high).contains(&number),
            _ => true,
        };
        T::read(&texts).filter(within).ok_or_else(|| ConfigError::Value {
            origin,
            section,
            option: opt.name,
            value: if opt.kind.secret { "***".to_owned() } else { texts.join(", ") },
            allowed: opt.allowed(),
        })
    }

    /// What was written for an option, under its own name or else an old one.
    fn find(&mut self, section: &'static str, opt: &Opt) -> Option<&'a Found> {
        if let Some(found) = self.settings.found(section, opt.name) {
            return Some(found);
        }
        let (old, found) = opt.old.iter().find_map(|old| {
            let (old_section, old_name) = old.split_once('.').unwrap_or((section, old));
            self.settings.found(old_section, old_name).map(|found| (format!("[{old_section}] {old_name}"), found))
        })?;
        let new = format!("[{section}] {}", opt.name);
        self.warnings.push(Warning::Deprecated { origin: found.origin.clone(), old, new });
        Some(found)
    }

    /// Notes every section and option that nobody reads, with the nearest known name.
    pub(super) fn warn_of_unknown(&mut self) {
        for (section, options) in &self.settings.sections {
            let in_use = self.settings.auth_sections.contains(section);
            if !in_use && !ignored::section(section) && SECTIONS.iter().all(|known| known.name != section) {
                let origin = options.values().next().map(|found| found.origin.clone()).unwrap_or_default();
                let nearest = nearest(section, SECTIONS.iter().map(|known| known.name));
                self.warnings.push(Warning::UnknownSection { origin, section: section.clone(), nearest });
                continue;
            }
            for (name, found) in options {
                if let Some(instead) = ignored::unheeded(section, name, &found.values) {
                    self.warnings.push(Warning::Unheeded {
                        origin: found.origin.clone(),
                        section: section.clone(),
                        option: name.clone(),
                        instead,
                    });
                }
                let login =
                    || in_use && options::AuthPlugin::OPTIONS.iter().any(|opt| is_named(opt, section, section, name));
                if !is_known(section, name) && !login() {
                    self.warnings.push(Warning::UnknownOption {
                        origin: found.origin.clone(),
                        section: section.clone(),
                        option: name.clone(),
                        nearest: nearest(name, options::options_of(section).map(|opt| opt.name)),
                    });
                }
            }
        }
    }
}

fn unresolved(section: &'static str, opt: &Opt, origin: &str, bad: Bad) -> ConfigError {
    let what = match bad {
        Bad::Circle => "refers to itself".to_owned(),
        // The name may be the rest of a password.
        Bad::Unknown(_) if opt.kind.secret => "holds a $ that names no option".to_owned(),
        Bad::Unknown(name) => format!("refers to ${name}, which no option has set"),
    };
    ConfigError::Reference { origin: origin.to_owned(), section, option: opt.name, what }
}

fn is_known(section: &str, name: &str) -> bool {
    ignored::option(section, name)
        || SECTIONS
            .iter()
            .flat_map(|known| known.options.iter().map(|opt| (known.name, opt)))
            .any(|(of, opt)| is_named(opt, of, section, name))
}

/// `true` when `[section] name` is a spelling, present or past, of `opt` in the section `of`.
fn is_named(opt: &Opt, of: &str, section: &str, name: &str) -> bool {
    (of == section && opt.name == name)
        || opt.old.iter().any(|old| old.split_once('.').unwrap_or((of, old)) == (section, name))
}

/// The candidate most like `name`, if one is like it at all: a third of its letters may differ.
fn nearest(name: &str, candidates: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let plain = name.to_lowercase().replace('-', "_");
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&plain, candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= (plain.len() / 3).max(1))
        .map(|(_, candidate)| candidate)
}
