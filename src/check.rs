//! `magnum check`: names rows of the database that are broken. Reads only.

use store::Store;

use crate::{cli::Outcome, terminal};

pub(crate) async fn run(store: &Store) -> Outcome {
    let found = store.defects().await?;
    if found.defects.is_empty() {
        terminal::say(&format!("Nothing is broken; rows read: {}.", found.rows));
        return Ok(());
    }
    let row = |defect: &store::Defect| vec![defect.table.to_owned(), defect.row.clone(), defect.problem.clone()];
    terminal::table(&["TABLE", "ROW", "PROBLEM"], &found.defects.iter().map(row).collect::<Vec<_>>());
    Err(format!("problems: {}; rows read: {}", found.defects.len(), found.rows).into())
}
