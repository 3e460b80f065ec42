//! The whole suite on PostgreSQL, on the server of `TEST_POSTGRES_URL`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

#[path = "suite/server.rs"]
mod server;
mod suite;

use suite::Fresh;

suite!(Fresh::on_server("TEST_POSTGRES_URL").await);
