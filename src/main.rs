//! The one binary: `api`, `conductor`, `all`, `demo` and the operator's commands. One process or many, same code.
//!
//! Only here the parts are wired together; nothing here decides anything about clusters.

mod bootstrap;
mod check;
mod cli;
mod demo;
mod help;
mod logging;
mod operations;
mod policy;
mod service;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return terminal::fail(&format!("the runtime could not be started: {error}")),
    };
    match runtime.block_on(arguments.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => terminal::fail(&terminal::chain(error.as_ref())),
    }
}
