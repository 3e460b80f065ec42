//! Drives the simulated cloud over HTTP, as its clients do.

mod client;
mod faults;
mod heat;
mod keystone;
mod played;
mod services;
mod templates;
