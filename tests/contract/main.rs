//! What this product relies on in OpenStack, as tests of the `cloud` crate's calls.
//!
//! Without further ado the cloud is the simulated one, a fresh one per test. With `TEST_CLOUD_ENV` naming a file of
//! `export NAME=value` lines the same tests run on the real cloud that the file describes. Where the two differ, the
//! simulation is wrong; docs/SIMULATION.md lists what was found.
//!
//! Assertions are about what our code sees: the error's class, the sentence a user would read, ids and fields. Each
//! test removes what it made, also when it fails, and gives it a random name: tests run side by side and again.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise, and its stack is its own"
)]

mod access;
mod api;
mod balancers;
mod cluster;
mod failures;
mod groups;
mod identity;
mod lookups;
mod operator;
mod refusals;
mod secrets;
mod signals;
mod stacks;
mod trusts;
mod world;
