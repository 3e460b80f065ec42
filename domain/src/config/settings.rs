//! What all sources together set, as text: the layer between the files and the typed options.

use std::collections::BTreeMap;

use config::{Config, ValueKind};

use super::ConfigError;
use crate::options::{AuthPlugin, SECTIONS};

/// The values of one option, oldest first, and where the last one was written.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) values: Vec<String>,
    pub(super) origin: String,
}

/// Values by section and option name. Section names are lower case, but for `DEFAULT`.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(super) sections: BTreeMap<String, BTreeMap<String, Found>>,
    /// Sections that some `auth_section` points at, whose options are then those of a login.
    pub(super) auth_sections: Vec<String>,
}

/// Options of the session, which stay where they are when `auth_section` points elsewhere (keystoneauth).
const SESSION: [&str; 5] = ["cafile", "certfile", "keyfile", "insecure", "timeout"];

impl Settings {
    /// Lays the sections of one source over these. Values of options that repeat add up, others replace.
    pub(super) fn overlay(&mut self, layer: Config) {
        let ValueKind::Table(sections) = layer.cache.kind else { return };
        for (section, table) in sections {
            let section = if section == "default" { "DEFAULT".to_owned() } else { section };
            let ValueKind::Table(options) = table.kind else { continue };
            for (name, value) in options {
                let Some(mut found) = Found::of(value) else { continue };
                let slot = self.sections.entry(section.clone()).or_default();
                if repeats(&section, &name)
                    && let Some(before) = slot.get_mut(&name)
                {
                    found.values.splice(0..0, std::mem::take(&mut before.values));
                }
                slot.insert(name, found);
            }
        }
    }

    pub(super) fn found(&self, section: &str, name: &str) -> Option<&Found> {
        self.sections.get(section)?.get(name)
    }

    /// Obeys `auth_section`: all login options come from the named section, session options where they are missing.
    pub(super) fn follow_auth_sections(&mut self) -> Result<(), ConfigError> {
        for section in ["keystone_auth", "keystone_authtoken"] {
            let Some(found) = self.found(section, "auth_section") else { continue };
            let Some(target) = found.values.last().filter(|name| !name.is_empty() && *name != section) else {
                continue;
            };
            let target = target.to_lowercase();
            let Some(source) = self.sections.get(&target).cloned() else {
                return Err(ConfigError::AuthSection { section, target });
            };
            let own = self.sections.entry(section.to_owned()).or_default();
            for opt in AuthPlugin::OPTIONS.iter().filter(|opt| opt.name != "auth_section") {
                for name in std::iter::once(&opt.name).chain(opt.old) {
                    match source.get(*name) {
                        Some(_) if SESSION.contains(name) && own.contains_key(*name) => {}
                        Some(found) => drop(own.insert((*name).to_owned(), found.clone())),
                        None if SESSION.contains(name) => {}
                        None => drop(own.remove(*name)),
                    }
                }
            }
            self.auth_sections.push(target);
        }
        Ok(())
    }
}

impl Found {
    fn of(value: config::Value) -> Option<Self> {
        let values = match value.kind {
            ValueKind::Array(values) => values,
            ValueKind::String(_) => vec![value],
            _ => return None,
        };
        let origin = values.last()?.origin().unwrap_or_default().to_owned();
        let values = values.into_iter().map(config::Value::into_string).collect::<Result<_, _>>().ok()?;
        Some(Self { values, origin })
    }
}

/// `true` for options whose values of several files add up.
fn repeats(section: &str, name: &str) -> bool {
    SECTIONS
        .iter()
        .filter(|known| known.name == section)
        .flat_map(|known| known.options)
        .any(|opt| opt.kind.repeats && opt.name == name)
}
