//! The whole suite on MariaDB or `MySQL`, on the server of `TEST_MYSQL_URL`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

#[path = "suite/server.rs"]
mod server;
mod suite;

use suite::Fresh;

suite!(Fresh::on_server("TEST_MYSQL_URL").await);
