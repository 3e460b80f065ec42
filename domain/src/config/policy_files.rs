//! The policy files the options name.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{ConfigError, unreadable};
use crate::options::OsloPolicy;

/// Names tried when `policy_file` is not set: the later releases', then Queens'.
const DEFAULT_FILES: [&str; 2] = ["policy.yaml", "policy.json"];
/// Where files with a relative name are looked for after the directories of the configuration.
const DEFAULT_DIR: &str = "/etc/magnum";

/// Check strings by rule name, from `[oslo_policy] policy_file` and the files of `policy_dirs` on top, in order of name.
///
/// `config_dirs` are the directories of the configuration files, where relative names are looked for first. Rules in
/// the old list form are handed on as JSON text, which [`crate::Policy`] reads.
///
/// # Errors
///
/// A `policy_file` that is set and missing, a file that is neither JSON nor YAML, a rule that is not text or lists.
pub fn policy_overrides(
    options: &OsloPolicy,
    config_dirs: &[PathBuf],
) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut rules = BTreeMap::new();
    match &options.policy_file {
        Some(name) => {
            // Queens' samples name the file though it need not exist; only an absolute name is a promise.
            match find(name, config_dirs) {
                Some(path) => read_into(&mut rules, &path)?,
                None if DEFAULT_FILES.contains(&name.as_str()) => {}
                None => {
                    let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
                    return Err(unreadable(Path::new(name), missing));
                }
            }
        }
        None => {
            if let Some(path) = DEFAULT_FILES.iter().find_map(|name| find(name, config_dirs)) {
                read_into(&mut rules, &path)?;
            }
        }
    }
    for dir in &options.policy_dirs.0 {
        let Some(dir) = find(dir, config_dirs).filter(|dir| dir.is_dir()) else { continue };
        let wrap = |source| unreadable(&dir, source);
        let mut paths = fs::read_dir(&dir)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>())
            .map_err(wrap)?;
        // As oslo.policy: every file counts, hidden ones do not.
        paths.retain(|path| {
            path.is_file() && !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
        });
        paths.sort();
        for path in paths {
            read_into(&mut rules, &path)?;
        }
    }
    Ok(rules)
}

fn find(name: &str, config_dirs: &[PathBuf]) -> Option<PathBuf> {
    // Joining an absolute name gives that name.
    let dirs = config_dirs.iter().map(PathBuf::as_path).chain([Path::new(DEFAULT_DIR)]);
    dirs.map(|dir| dir.join(name)).find(|path| path.exists())
}

fn read_into(rules: &mut BTreeMap<String, String>, path: &Path) -> Result<(), ConfigError> {
    let bad = |what: String| ConfigError::Policy { path: path.display().to_string(), what };
    let text = fs::read_to_string(path).map_err(|source| unreadable(path, source))?;
    // JSON is YAML, but for tabs as blank space, which JSON files may be indented with.
    let parsed = match serde_json::from_str(&text) {
        Ok(value) => value,
        Err(_) => {
            serde_yaml_ng::from_str::<serde_json::Value>(&text).map_err(|e| bad(format!("not YAML or JSON: {e}")))?
        }
    };
    match parsed {
        serde_json::Value::Null => Ok(()),
        serde_json::Value::Object(entries) => {
            for (name, rule) in entries {
                let text = match rule {
                    serde_json::Value::String(text) => text,
                    serde_json::Value::Array(_) => rule.to_string(),
                    // `rule:` with nothing behind it is YAML's null and oslo's empty string: allowed to all.
                    serde_json::Value::Null => String::new(),
                    _ => return Err(bad(format!("rule {name} is neither text nor a list"))),
                };
                rules.insert(name, text);
            }
            Ok(())
        }
        _ => Err(bad("not a mapping from rule names to rules".to_owned())),
    }
}
