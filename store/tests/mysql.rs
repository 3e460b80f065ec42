//! The whole suite on MariaDB or `MySQL`, on the server of `TEST_MYSQL_URL`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

#[path = "suite/server.rs"]
mod server;
mod suite;
#[path = "suite/tls.rs"]
mod tls;

use suite::Fresh;

suite!(Fresh::on_server("TEST_MYSQL_URL").await);

#[tokio::test(flavor = "multi_thread")]
async fn mysql_over_tls_only_a_known_authority_is_believed() {
    suite::run(Fresh::on_server("TEST_MYSQL_URL").await, |db| async move {
        tls::only_a_known_authority_is_believed(&db, "TEST_MYSQL_CA", "ssl_ca", "").await;
        db
    })
    .await;
}
