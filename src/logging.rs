//! Structured logs to standard error or a file: lines for people, or JSON with `[DEFAULT] use_json`.
//!
//! What to log is chosen with `RUST_LOG`, else `debug` (INFO without it) and on top of it `default_log_levels`.

use std::{
    fs::OpenOptions,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    sync::Mutex,
};

use domain::options::Service;
use tracing_subscriber::{
    EnvFilter, fmt,
    fmt::{MakeWriter, writer::MakeWriterExt},
    util::SubscriberInitExt,
};

/// Name of the file where only `log_dir` is set.
const FILE: &str = "magnum.log";

/// Who logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logs {
    /// A service, which obeys `log_file`.
    Service,
    /// A command of the operator, who looks at the terminal.
    Command,
    /// A show that prints by itself.
    Silent,
}

/// Starts logging. Call once.
///
/// # Errors
///
/// The log file cannot be opened.
pub(crate) fn start(options: &Service, logs: Logs) -> Result<(), String> {
    let path = file(options).filter(|_| logs == Logs::Service);
    let filter = filter(options, logs);
    match path {
        None => init(filter, options.use_json, io::stderr().is_terminal(), io::stderr),
        Some(path) => {
            let open = OpenOptions::new().create(true).append(true).open(&path);
            let file = Mutex::new(open.map_err(|error| format!("the log file {}: {error}", path.display()))?);
            if options.use_stderr {
                init(filter, options.use_json, false, io::stderr.and(file));
            } else {
                init(filter, options.use_json, false, file);
            }
        }
    }
    Ok(())
}

fn init<W>(filter: EnvFilter, json: bool, colours: bool, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = fmt().with_env_filter(filter).with_ansi(colours).with_writer(writer);
    let started = if json { builder.json().finish().try_init() } else { builder.finish().try_init() };
    if started.is_err() {
        tracing::debug!("logging was started already");
    }
}

/// The log file, if any: `log_file` under `log_dir`, or [`FILE`] there.
fn file(options: &Service) -> Option<PathBuf> {
    match (&options.log_dir, &options.log_file) {
        (None, None) => None,
        (None, Some(file)) => Some(PathBuf::from(file)),
        (Some(dir), file) => Some(Path::new(dir).join(file.as_deref().unwrap_or(FILE))),
    }
}

fn filter(options: &Service, logs: Logs) -> EnvFilter {
    if logs == Logs::Silent {
        return EnvFilter::new("off");
    }
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directives(options)))
}

/// What is logged without `RUST_LOG`. Of two entries for one logger the later counts.
fn directives(options: &Service) -> String {
    let base = if options.debug {
        "info,magnum=debug,api=debug,conductor=debug,store=debug,cloud=debug,certs=debug,drivers=debug"
    } else {
        "info,actix_server=warn,lapin=warn"
    };
    let levels = options.default_log_levels.iter().filter_map(|entry| {
        let (logger, level) = entry.split_once('=')?;
        let level = match level.trim().to_ascii_uppercase().as_str() {
            "CRITICAL" | "ERROR" => "error",
            "WARNING" | "WARN" => "warn",
            "INFO" | "AUDIT" => "info",
            "DEBUG" => "debug",
            "TRACE" => "trace",
            _ => return None,
        };
        Some(format!("{}={level}", logger.trim()))
    });
    let known = levels.filter(|entry| entry.parse::<tracing_subscriber::filter::Directive>().is_ok());
    std::iter::once(base.to_owned()).chain(known).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(lines: &str) -> Service {
        domain::config::parse(&[("1.conf".to_owned(), format!("[DEFAULT]\n{lines}"))], []).unwrap().0.default
    }

    #[test]
    fn the_file_is_under_the_directory_unless_absolute() {
        let path = |lines| file(&options(lines)).map(|path| path.display().to_string());
        assert_eq!(path(""), None);
        assert_eq!(path("log_file = a.log").as_deref(), Some("a.log"));
        assert_eq!(path("log_dir = /d").as_deref(), Some("/d/magnum.log"));
        assert_eq!(path("logdir = /d\nlogfile = a.log").as_deref(), Some("/d/a.log"));
        assert_eq!(path("log_dir = /d\nlog_file = /e/a.log").as_deref(), Some("/e/a.log"));
    }

    #[test]
    fn pythons_level_names_are_understood_and_what_is_not_is_left_out() {
        let of = |lines| directives(&options(lines));
        assert_eq!(
            of("default_log_levels = sqlx=WARNING, oslo.messaging=CRITICAL, x=LOUD, nothing"),
            "info,actix_server=warn,lapin=warn,sqlx=warn,oslo.messaging=error"
        );
        assert!(of("debug = true").contains("conductor=debug"));
    }
}
