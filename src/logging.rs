//! Structured logs to standard error: lines for people, or JSON with `[DEFAULT] use_json`.
//!
//! What to log is chosen with `RUST_LOG`, else `debug = true`, else `info`.

use domain::Options;
use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt};

/// Starts logging. Call once.
pub(crate) fn start(options: &Options, quiet: bool) {
    let level = match (quiet, options.default.debug) {
        (true, _) => "off",
        (false, true) => {
            "info,magnum=debug,api=debug,conductor=debug,store=debug,cloud=debug,certs=debug,drivers=debug"
        }
        (false, false) => "info,actix_server=warn,lapin=warn",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if options.default.use_json {
        builder.json().finish().try_init()
    } else {
        builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).finish().try_init()
    };
    if started.is_err() {
        tracing::debug!("logging was started already");
    }
}
