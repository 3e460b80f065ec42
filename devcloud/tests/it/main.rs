//! Drives the simulated cloud over HTTP, as its clients do.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected is missing")]

mod client;
mod faults;
mod heat;
mod keystone;
mod played;
mod services;
mod templates;
