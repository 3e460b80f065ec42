//! The HTTP contract over real sockets, with a simulated cloud and a database per test.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on shall say where")]
#![expect(clippy::needless_pass_by_value, reason = "JSON literals read best without a reference in front")]

mod bays;
mod certificates;
mod clusters;
mod contents;
mod cost;
#[path = "../../../tests/database/mod.rs"]
mod database;
mod discovery;
mod documented;
mod documents;
mod federations;
mod fields;
mod kept;
mod matrix;
mod mesos;
mod oddities;
mod quotas;
mod refusals;
mod rewind;
mod rotations;
mod templates;
mod tenancy;
mod world;
