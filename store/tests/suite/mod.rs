//! Every promise of [`store::Store`], as functions over any of the three databases.
//!
//! `sqlite.rs`, `mysql.rs` and `postgres.rs` run all of them, each on a fresh database of its own.

pub(crate) mod accepting;
pub(crate) mod clusters;
pub(crate) mod depth;
pub(crate) mod discovery;
pub(crate) mod fixtures;
pub(crate) mod misc;
pub(crate) mod paging;
pub(crate) mod schema;
pub(crate) mod snapshot;
pub(crate) mod steering;
pub(crate) mod templates;
pub(crate) mod widths;
pub(crate) mod working;

use std::{future::Future, panic::resume_unwind};

use sqlx::{AssertSqlSafe, Connection, Executor};
use store::{PoolOptions, Store};

/// A fresh database.
pub(crate) struct Fresh {
    pub(crate) url: String,
    pub(crate) folder: Option<tempfile::TempDir>,
    /// The server to remove it from.
    pub(crate) server: Option<String>,
}

impl Fresh {
    /// The store on it, migrated.
    pub(crate) async fn store(&self) -> Store {
        let store = self.unmigrated().await;
        store.migrate().await.unwrap();
        store
    }

    /// The store on it.
    pub(crate) async fn unmigrated(&self) -> Store {
        Store::connect(&self.url, PoolOptions { max: 12, ..PoolOptions::default() }).await.unwrap()
    }

    async fn remove(self) {
        let Some(server) = &self.server else { return };
        let name = self.url.rsplit('/').next().unwrap();
        let force = if server.starts_with("postgres") { " WITH (FORCE)" } else { "" };
        execute(server, &format!("DROP DATABASE {name}{force}")).await;
    }
}

/// Runs a test on a fresh database and removes that afterwards, however the test ends.
pub(crate) async fn run<F>(fresh: Fresh, test: impl FnOnce(Fresh) -> F)
where
    F: Future<Output = Fresh> + Send + 'static,
{
    assert!(fresh.folder.is_some() || fresh.server.is_some());
    let keep = Fresh { url: fresh.url.clone(), folder: None, server: fresh.server.clone() };
    let ended = tokio::spawn(test(fresh)).await;
    keep.remove().await;
    if let Err(error) = ended {
        resume_unwind(error.into_panic());
    }
}

/// Runs statements of the test's own, which are the same on every server.
pub(crate) async fn execute(url: &str, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    match url.split(':').next().unwrap() {
        "sqlite" => {
            let path = url.strip_prefix("sqlite:///").unwrap();
            let mut db = sqlx::SqliteConnection::connect(&format!("sqlite://{path}")).await.unwrap();
            db.execute(sql).await.unwrap();
        }
        "mysql" => {
            let mut db = sqlx::MySqlConnection::connect(url).await.unwrap();
            db.execute(sql).await.unwrap();
        }
        _ => {
            let mut db = sqlx::PgConnection::connect(url).await.unwrap();
            db.execute(sql).await.unwrap();
        }
    }
}

/// One test function per promise, each on a fresh database that `$fresh` makes.
#[macro_export]
macro_rules! tests {
    ($fresh:expr, $($module:ident: [$($name:ident),+ $(,)?]),+ $(,)?) => {$(
        mod $module {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    suite::run($fresh, |db| async move {
                        suite::$module::$name(&db).await;
                        db
                    })
                    .await;
                }
            )+
        }
    )+};
}

/// The whole list.
#[macro_export]
macro_rules! suite {
    ($fresh:expr) => {
        $crate::tests! { $fresh,
            schema: [
                migrations_run_once, migrations_run_at_once, a_foreign_schema_is_left_alone, an_empty_database_says_so,
                statements_are_counted,
            ],
            snapshot: [the_schema_is_the_one_on_file],
            templates: [
                round_trip, visibility, names, save_keeps_owner, referenced_ones_stay,
                delete_and_create_do_not_pass_each_other, change_and_create_do_not_pass_each_other,
                a_new_name_does_not_stop_a_create, an_upgrade_keeps_its_template,
            ],
            clusters: [
                round_trip, tenancy, names, a_page_is_two_statements, quota_is_exact, own_quota_row, below_zero_is_no_quota, template_must_exist,
                broken_rows_do_not_break_the_page, broken_rows_are_named, health_is_written_alone,
                a_health_found_gives_way_to_one_reported, hostile_text_is_only_text,
            ],
            paging: [
                every_row_once, nulls_and_duplicates, bad_sort_key, bad_markers, rows_that_go_do_not_shift_the_page,
            ],
            depth: [a_page_of_clusters, a_page_of_templates, a_page_of_quotas],
            accepting: [
                idle_resize_starts, a_size_out_of_bounds_is_refused, a_name_of_a_node_group_is_taken_once,
                busy_resize_waits_and_collapses, other_groups_wait_their_turn, refused_states,
                unknown_things, delete_takes_over, second_delete_is_the_same, second_delete_brings_its_token,
                second_delete_leaves_the_worker_alone, second_delete_races_with_failure, delete_of_failed_clusters,
                accepts_race_with_finish, rotations_wait_in_line_one_of_each,
            ],
            working: [
                one_claim_wins, claims_wait_for_time_and_lease, a_stale_worker_writes_nothing,
                a_cancelled_worker_writes_nothing, steps_are_committed_with_the_cluster, record_leaves_health_alone,
                a_choice_is_kept_by_who_holds_the_lease,
                finish_promotes, finish_cancels_what_cannot_run, finish_of_delete_removes_rows, stranded_ones_start,
                leases_of_taken_over_operations, sealed_token_is_wiped,
            ],
            steering: [
                retry, abandon, listing, forgetting, waking, watched, idle_stacks_in_pages,
                status_is_set_only_while_expected, status_does_not_pass_a_request,
            ],
            discovery: [
                a_place_is_the_clusters_own, members_come_once_and_in_order, members_that_come_at_once_are_all_kept,
                a_place_is_gone_after_its_time, a_place_goes_with_its_cluster,
            ],
            widths: [large_clusters_are_kept_whole, what_does_not_fit_is_no_failure_of_the_database],
            misc: [
                keypairs, services, the_clock_is_the_databases, leases, one_lease_wins, quotas, quotas_in_pages,
                usage_is_one_statement, ping,
            ],
        }
    };
}
