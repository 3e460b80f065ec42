//! The whole suite on PostgreSQL, on the server of `TEST_POSTGRES_URL`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

#[path = "suite/server.rs"]
mod server;
mod suite;
#[path = "suite/tls.rs"]
mod tls;

use suite::Fresh;

suite!(Fresh::on_server("TEST_POSTGRES_URL").await);

#[tokio::test(flavor = "multi_thread")]
async fn postgres_over_tls_only_a_known_authority_is_believed() {
    suite::run(Fresh::on_server("TEST_POSTGRES_URL").await, |db| async move {
        tls::only_a_known_authority_is_believed(&db, "TEST_POSTGRES_CA", "sslrootcert", "sslmode=verify-full&").await;
        db
    })
    .await;
}
