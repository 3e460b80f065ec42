//! From `magnum.conf` and the environment to [`Options`]; and the policy files they name.
//!
//! This is the one place of the crate that reads files: [`load`] those it is given (or the default ones),
//! [`policy_overrides`] those the options name. Layers, later over earlier: defaults, `--config-file` in order,
//! `*.conf` of each `--config-dir` by name, environment variables `OS_SECTION__OPTION`.
//! The dialect is oslo.config's; messages name file, line, section and option, and never show a secret.

mod ini;
mod interpolate;
mod policy_files;
mod reader;
mod settings;
#[cfg(test)]
mod tests;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use config::{Config, Environment, Source};

pub use policy_files::policy_overrides;
pub(crate) use reader::Reader;
pub(crate) use settings::Settings;

use crate::Options;

/// Read when no file is named and it exists.
const DEFAULT_FILE: &str = "/etc/magnum/magnum.conf";
/// Read when no directory is named and it exists.
const DEFAULT_DIR: &str = "/etc/magnum/magnum.conf.d";
/// Where Linux tells the name of the host.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// Why a configuration cannot be used. Texts are for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or directory cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not INI.
    #[error("{path} line {line}: {what}")]
    Syntax {
        /// The file.
        path: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it, without its text.
        what: &'static str,
    },
    /// A value is of the wrong type or outside its range.
    #[error("{origin}: [{section}] {option} = {value}: must be {allowed}")]
    Value {
        /// File and line, or the environment.
        origin: String,
        /// Section of the option.
        section: &'static str,
        /// Name of the option.
        option: &'static str,
        /// As read, or stars for a secret.
        value: String,
        /// What would be right.
        allowed: String,
    },
    /// A `$name` cannot be replaced.
    #[error("{origin}: [{section}] {option} {what} (a dollar sign is written $$)")]
    Reference {
        /// File and line, or the environment.
        origin: String,
        /// Section of the option.
        section: &'static str,
        /// Name of the option.
        option: &'static str,
        /// What is wrong.
        what: String,
    },
    /// An option without a default is not set.
    #[error("[{section}] {option} must be set")]
    Missing {
        /// Section of the option.
        section: &'static str,
        /// Name of the option.
        option: String,
    },
    /// `auth_section` names a section that is not there.
    #[error("[{section}] auth_section = {target}: there is no section [{target}]")]
    AuthSection {
        /// Where it says so.
        section: &'static str,
        /// What it names.
        target: String,
    },
    /// No user, password or Keystone URL can be found for the service.
    #[error("no login for the service: {missing} is set neither in [keystone_auth] nor in [keystone_authtoken]")]
    Login {
        /// The option that is missing.
        missing: &'static str,
    },
    /// A policy file is not a mapping from rule names to check strings.
    #[error("{path}: {what}")]
    Policy {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// A policy rule cannot be used.
    #[error("policy rule {rule}: {what}")]
    Rule {
        /// Its name.
        rule: String,
        /// What is wrong.
        what: String,
    },
    /// The sources cannot be combined.
    #[error("cannot combine the configuration: {0}")]
    Layers(#[from] config::ConfigError),
}

/// Something in a configuration that does no harm and deserves a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the words of the message below")]
pub enum Warning {
    /// Nobody reads this option.
    UnknownOption { origin: String, section: String, option: String, nearest: Option<&'static str> },
    /// Nobody reads this section.
    UnknownSection { origin: String, section: String, nearest: Option<&'static str> },
    /// The option asks for something that is not done here.
    Unheeded { origin: String, section: String, option: String, instead: &'static str },
    /// The option has another name now.
    Deprecated { origin: String, old: String, new: String },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nearest = match self {
            Self::UnknownOption { origin, section, option, nearest } => {
                write!(f, "{origin}: unknown option {option} in [{section}] is ignored")?;
                nearest
            }
            Self::UnknownSection { origin, section, nearest } => {
                write!(f, "{origin}: unknown section [{section}] is ignored")?;
                nearest
            }
            Self::Unheeded { origin, section, option, instead } => {
                return write!(f, "{origin}: [{section}] {option} has no effect: {instead}");
            }
            Self::Deprecated { origin, old, new } => return write!(f, "{origin}: {old} is now called {new}"),
        };
        nearest.map_or(Ok(()), |nearest| write!(f, "; did you mean {nearest}?"))
    }
}

/// Reads the configuration from `files` in order, then `*.conf` of `dirs` in order of name, then `env`, pairs of
/// variable and value of which only `OS_SECTION__OPTION` are looked at.
///
/// # Errors
///
/// A named file or directory that cannot be read, a line that is not INI, a value that does not fit its option. With
/// neither files nor directories named, /etc/magnum/magnum.conf and magnum.conf.d are read where they exist.
///
/// Two values are completed from the system: `host` with its name, and relative policy files, which are looked for
/// beside the configuration files and then in /etc/magnum.
pub fn load(
    files: &[PathBuf],
    dirs: &[PathBuf],
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<(Options, Vec<Warning>), ConfigError> {
    let mut paths = files.to_vec();
    for dir in dirs {
        paths.extend(conf_files(dir)?);
    }
    if files.is_empty() && dirs.is_empty() {
        paths.extend(Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()));
        if Path::new(DEFAULT_DIR).is_dir() {
            paths.extend(conf_files(Path::new(DEFAULT_DIR))?);
        }
    }
    let mut texts = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
        texts.push((path.display().to_string(), text));
    }
    let (mut options, warnings) = parse(&texts, env)?;
    if options.default.host.is_none() {
        options.default.host = fs::read_to_string(HOST_NAME).ok().map(|name| name.trim().to_owned());
    }
    let config_dirs: Vec<_> = texts.iter().filter_map(|(path, _)| Path::new(path).parent()).collect();
    policy_files::locate(&mut options.oslo_policy, &config_dirs);
    Ok((options, warnings))
}

/// The pure part of [`load`]: `texts` are pairs of file name and content, earliest first.
///
/// # Errors
///
/// As [`load`], but for reading.
pub fn parse(
    texts: &[(String, String)],
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<(Options, Vec<Warning>), ConfigError> {
    let mut settings = Settings::default();
    for (path, text) in texts {
        let syntax = |ini::Bad { line, what }| ConfigError::Syntax { path: path.clone(), line, what };
        settings.overlay(layer(ini::Ini::parse(path, text).map_err(syntax)?)?);
    }
    settings.overlay(layer(environment(env))?);
    settings.follow_auth_sections()?;
    let mut reader = Reader::new(&settings);
    let options = Options::read(&mut reader)?;
    reader.warn_of_unknown();
    Ok((options, reader.warnings))
}

fn layer(source: impl Source + Send + Sync + 'static) -> Result<Config, config::ConfigError> {
    Config::builder().add_source(source).build()
}

/// The variables that can be meant for this service: those of sections it knows.
fn environment(env: impl IntoIterator<Item = (String, String)>) -> Environment {
    let ours = |name: &str| {
        let section = name.strip_prefix("OS_").and_then(|rest| rest.split_once("__")).map(|(section, _)| section);
        section.is_some_and(|section| {
            crate::options::SECTIONS.iter().any(|known| known.name.eq_ignore_ascii_case(section))
        })
    };
    let ours = env.into_iter().filter(|(name, _)| ours(name)).collect();
    Environment::with_prefix("OS").prefix_separator("_").separator("__").source(Some(ours))
}

fn conf_files(dir: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let wrap = |source| unreadable(dir, source);
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(wrap)? {
        let path = entry.map_err(wrap)?.path();
        if path.extension().is_some_and(|extension| extension == "conf") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn unreadable(path: &Path, source: io::Error) -> ConfigError {
    ConfigError::Read { path: path.display().to_string(), source }
}
