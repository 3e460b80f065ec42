//! Results that the database does not take for their size.

use crate::{database::execute, world::World};

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_does_not_fit_fails_the_operation() {
    let world = World::new().await;
    // SQLite's columns have no bound.
    if let Some(database) = &world.database {
        let narrow = if database.url.starts_with("mysql") { "MODIFY" } else { "ALTER" };
        let kind = if database.url.starts_with("mysql") { "VARCHAR(12)" } else { "TYPE VARCHAR(12)" };
        execute(&database.url, &format!("ALTER TABLE nodegroup {narrow} node_addresses {kind}")).await;
        world.template().await;
        let before = world.cloud.census();
        let uuid = world.accept_create("wide").await;
        world.run_until_idle(&world.engine()).await;
        let cluster = world.cluster(&uuid).await.unwrap();
        assert_eq!(cluster["status"], "CREATE_FAILED", "{cluster}");
        let reason = cluster["status_reason"].as_str().unwrap();
        assert!(reason.starts_with("A value is too long"), "{reason}");
        world.accept_delete(&uuid).await;
        world.run_until_idle(&world.engine()).await;
        assert!(world.cluster(&uuid).await.is_none());
        assert_eq!(world.cloud.census(), before);
    }
    world.end().await;
}
