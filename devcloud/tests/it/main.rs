//! Drives the simulated cloud over HTTP, as its clients do.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected is missing")]

mod client;
mod failures;
mod faults;
mod heat;
mod keystone;
mod operator;
mod played;
mod refusals;
mod services;
mod templates;
