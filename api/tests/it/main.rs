//! The HTTP contract over real sockets, with a simulated cloud and a database file per test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall say where")]
#![expect(clippy::needless_pass_by_value, reason = "JSON literals read best without a reference in front")]

mod certificates;
mod clusters;
mod documents;
mod oddities;
mod refusals;
mod templates;
mod tenancy;
mod world;
