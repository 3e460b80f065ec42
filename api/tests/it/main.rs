//! The HTTP contract over real sockets, with a simulated cloud and a database file per test.

mod certificates;
mod clusters;
mod documents;
mod refusals;
mod templates;
mod tenancy;
mod world;
