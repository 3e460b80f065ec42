//! `magnum operation`: what was accepted, how far it is, and the two ways to steer it.

use domain::{Operation, OperationState};
use store::Store;

use crate::{cli::Outcome, terminal};

/// Rows shown at most.
const ROWS: i64 = 500;

pub(crate) async fn list(store: &Store, all: bool, cluster: Option<&str>) -> Outcome {
    let operations = store.operations(cluster, !all, ROWS).await?;
    if operations.is_empty() {
        terminal::say(if all {
            "No operation has been accepted yet."
        } else {
            "No unfinished operation. Add --all to see finished ones."
        });
        return Ok(());
    }
    let rows: Vec<Vec<String>> = operations.iter().map(row).collect();
    terminal::table(&["ID", "CLUSTER", "KIND", "STATE", "STEP", "TRIES", "NEXT RUN", "REASON"], &rows);
    Ok(())
}

fn row(operation: &Operation) -> Vec<String> {
    let next = if operation.finished_at.is_some() { String::new() } else { time(operation.run_at) };
    vec![
        operation.id.clone(),
        operation.cluster_uuid.clone(),
        operation.kind.to_string(),
        operation.state.to_string(),
        operation.step.clone(),
        operation.attempt.to_string(),
        next,
        shortened(operation.reason.as_deref().unwrap_or_default(), 60),
    ]
}

pub(crate) async fn show(store: &Store, id: &str) -> Outcome {
    let operation = store.operation(id).await?;
    let optional = |at: Option<chrono::DateTime<chrono::Utc>>| at.map(time).unwrap_or_default();
    let fields = [
        ("id", operation.id.clone()),
        ("cluster", operation.cluster_uuid.clone()),
        ("project", operation.project_id.clone()),
        ("user", operation.user_id.clone()),
        ("request id", operation.request_id.clone()),
        ("kind", operation.kind.to_string()),
        ("parameters", operation.params.to_string()),
        ("state", operation.state.to_string()),
        ("step", operation.step.clone()),
        ("in this step since", time(operation.step_since)),
        ("tries", operation.attempt.to_string()),
        ("next run", time(operation.run_at)),
        ("lease", operation.lease_owner.clone().unwrap_or_default()),
        ("lease until", optional(operation.lease_until)),
        ("holds the caller's token", if operation.sealed_token.is_some() { "yes, sealed" } else { "no" }.to_owned()),
        ("reason", operation.reason.clone().unwrap_or_default()),
        ("accepted", time(operation.created_at)),
        ("finished", optional(operation.finished_at)),
    ];
    for (name, value) in fields {
        terminal::say(&format!("{name:>24}  {value}"));
    }
    Ok(())
}

pub(crate) async fn retry(store: &Store, id: &str) -> Outcome {
    let operation = store.operation(id).await?;
    if operation.state == OperationState::Failed && conductor::lacks_token(&operation) {
        return Err(format!(
            "operation {id} cannot go on at {}: only the user may make the trust and the stack, and the user's token was \
             wiped when it failed. Have the user delete cluster {} and create it again",
            operation.step, operation.cluster_uuid
        )
        .into());
    }
    store.retry_operation(id, chrono::Utc::now()).await?;
    terminal::say(&format!(
        "Operation {id} will run with the next sweep of a conductor. Watch it with: magnum operation show {id}"
    ));
    Ok(())
}

pub(crate) async fn abandon(store: &Store, id: &str, reason: &str) -> Outcome {
    let operation = store.operation(id).await?;
    if !matches!(operation.state, OperationState::Active | OperationState::Queued) {
        return Err(
            format!("operation {id} is {} already; only unfinished ones can be abandoned", operation.state).into()
        );
    }
    store.abandon_operation(id, reason, chrono::Utc::now()).await?;
    terminal::say(&format!(
        "Operation {id} is given up. What it made is still there; delete the cluster to remove it."
    ));
    Ok(())
}

fn time(at: chrono::DateTime<chrono::Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

fn shortened(text: &str, length: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= length {
        line.to_owned()
    } else {
        line.chars().take(length - 1).chain(['…']).collect()
    }
}
