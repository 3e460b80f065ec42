//! The whole service in one process: real HTTP, a real database, a simulated cloud, a conductor the test steps.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod arrows;
mod coes;
mod crash;
mod credentials;
#[path = "../database/mod.rs"]
mod database;
mod deaths;
mod deletions;
mod discovery;
mod faults;
mod flows;
mod hidden;
mod inflight;
mod leaving;
mod leftovers;
mod many;
mod mishaps;
mod monitors;
mod nodegroups;
mod rotations;
mod stalled;
mod unfit;
mod upgrade;
mod world;
