//! The policy files the options name.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{ConfigError, unreadable};
use crate::options::OsloPolicy;

/// Names tried when `policy_file` is not set: the later releases', then Queens'.
const DEFAULT_FILES: [&str; 2] = ["policy.yaml", "policy.json"];
/// Where files with a relative name are looked for after the directories of the configuration.
const DEFAULT_DIR: &str = "/etc/magnum";

/// Makes the names in `options` absolute where the thing exists, in one of `config_dirs` or in /etc/magnum; without a
/// `policy_file` the default names are tried.
pub(super) fn locate(options: &mut OsloPolicy, config_dirs: &[&Path]) {
    let find = |name: &str| {
        // Joining an absolute name gives that name.
        let dirs = config_dirs.iter().copied().chain([Path::new(DEFAULT_DIR)]);
        dirs.map(|dir| dir.join(name)).find(|path| path.exists()).map(|path| path.display().to_string())
    };
    match &options.policy_file {
        Some(name) => {
            // Queens' samples name the file though it need not exist; upstream starts without it.
            if let found @ Some(_) = find(name) {
                options.policy_file = found;
            } else if DEFAULT_FILES.contains(&name.as_str()) {
                options.policy_file = None;
            }
        }
        None => options.policy_file = DEFAULT_FILES.iter().find_map(|name| find(name)),
    }
    options.policy_dirs.0 = options.policy_dirs.0.iter().filter_map(|name| find(name)).collect();
}

/// Check strings by rule name, from `[oslo_policy] policy_file` and the files of `policy_dirs` on top, in order of name.
///
/// [`super::load`] has made the names absolute. Rules in the old list form are handed on as JSON text, which
/// [`crate::Policy`] reads.
///
/// # Errors
///
/// A `policy_file` that is set and missing, a file that is neither JSON nor YAML, a rule that is neither text nor lists.
pub fn policy_overrides(options: &OsloPolicy) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut rules = BTreeMap::new();
    if let Some(file) = &options.policy_file {
        read_into(&mut rules, Path::new(file))?;
    }
    for dir in options.policy_dirs.0.iter().map(Path::new).filter(|dir| dir.is_dir()) {
        for path in files_of(dir).map_err(|source| unreadable(dir, source))? {
            read_into(&mut rules, &path)?;
        }
    }
    Ok(rules)
}

/// As oslo.policy: every file counts but hidden ones, in order of name.
fn files_of(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    paths.retain(|path| path.is_file() && !hidden(path));
    paths.sort();
    Ok(paths)
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
