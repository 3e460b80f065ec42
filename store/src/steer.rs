//! The two ways an operator steers an operation: run it again, or give it up.

use chrono::{DateTime, Utc};
use domain::{Error, NodeGroup, Operation, OperationKind, OperationState, Result, Status};
use sea_query::{Expr, ExprTrait, Func, Query};

use crate::{
    Store,
    accept::{active, ending, select},
    clusters,
    db::{Run, Tx},
    failure::Failure,
    nodegroups,
    row::Row,
    turn::Turn,
    work::{make_active, promote},
};

async fn read(tx: &mut Tx, id: &str) -> Result<Operation, Failure> {
    let found: Option<Operation> = tx.one(select().and_where(Expr::col("id").eq(id))).await?;
    Ok(found.ok_or_else(|| Error::NotFound { kind: "Operation", ident: id.to_owned() })?)
}

/// Refuses to repeat what later requests have built upon.
async fn check_latest(tx: &mut Tx, operation: &Operation) -> Result<(), Failure> {
    let mut later = Query::select();
    later
        .expr(Func::count(Expr::col("seq")))
        .from(Operation::TABLE)
        .and_where(Expr::col("cluster_uuid").eq(operation.cluster_uuid.as_str()))
        .and_where(Expr::col("seq").gt(operation.seq));
    let busy = active(tx, &operation.cluster_uuid).await?.is_some();
    if busy || tx.one::<(i64,)>(&later).await?.is_some_and(|(count,)| count > 0) {
        let text = format!("Operation {} is not the latest of its cluster and cannot run again.", operation.id);
        return Err(Error::Conflict(text).into());
    }
    Ok(())
}

impl Store {
    /// Makes an operation due at once with a fresh deadline: a live one, or the latest of its cluster if it failed. The
    /// cluster shows that it is being worked on again.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when it has ended well, was cancelled, or waits for another one.
    pub async fn retry_operation(&self, id: &str, now: DateTime<Utc>) -> Result<()> {
        let retried = self.db.transaction("retry an operation", |mut tx| async move {
            let seen = read(&mut tx, id).await?;
            Turn::Cluster(&seen.cluster_uuid).take(&mut tx).await?;
            let operation = read(&mut tx, id).await?;
            match operation.state {
                OperationState::Active => run_now(&mut tx, &operation, now).await?,
                OperationState::Failed => {
                    check_latest(&mut tx, &operation).await?;
                    clusters::read(&mut tx, &operation.cluster_uuid).await?;
                    if !make_active(&mut tx, operation, now).await? {
                        return Err(Error::Conflict("The node group of this operation is gone.".to_owned()).into());
                    }
                }
                OperationState::Queued => {
                    let text = "It waits for the operation that runs now and starts by itself.".to_owned();
                    return Err(Error::Conflict(text).into());
                }
                state => return Err(Error::Conflict(format!("Operation {id} is {state} and cannot run again.")).into()),
            }
            tx.commit().await
        });
        retried.await
    }

    /// Gives up an unfinished operation. The cluster of a live one becomes `*_FAILED` with the reason, and what waits
    /// behind it may run. What was made outside stays.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when it has ended.
    pub async fn abandon_operation(&self, id: &str, reason: &str, now: DateTime<Utc>) -> Result<()> {
        let abandoned = self.db.transaction("abandon an operation", |mut tx| async move {
            let seen = read(&mut tx, id).await?;
            Turn::Cluster(&seen.cluster_uuid).take(&mut tx).await?;
            let operation = read(&mut tx, id).await?;
            if operation.finished_at.is_some() {
                return Err(Error::Conflict(format!("Operation {id} is {} already.", operation.state)).into());
            }
            let mut end = ending(OperationState::Cancelled, Some(reason), now);
            tx.run(end.and_where(Expr::col("id").eq(id))).await?;
            if operation.state == OperationState::Active {
                fail_cluster(&mut tx, &operation, reason, now).await?;
            }
            tx.commit().await
        });
        abandoned.await
    }
}

async fn run_now(tx: &mut Tx, operation: &Operation, now: DateTime<Utc>) -> Result<(), Failure> {
    let next = Operation { run_at: now, step_since: now, attempt: 0, updated_at: Some(now), ..operation.clone() };
    let mut update = next.update(&["run_at", "step_since", "attempt", "updated_at"]);
    tx.run(update.and_where(Expr::col("id").eq(operation.id.as_str()))).await?;
    Ok(())
}

/// The count that a resize found, as when it fails by itself.
async fn restore_count(tx: &mut Tx, operation: &Operation) -> Result<(), Failure> {
    let params = crate::accept::resize_params(operation)?;
    let Some(previous) = params.previous else { return Ok(()) };
    let mut update = Query::update();
    update.table(NodeGroup::TABLE).value("node_count", previous).and_where(Expr::col("uuid").eq(params.nodegroup));
    tx.run(&update).await?;
    Ok(())
}

async fn fail_cluster(tx: &mut Tx, operation: &Operation, reason: &str, now: DateTime<Utc>) -> Result<(), Failure> {
    let uuid = operation.cluster_uuid.as_str();
    match clusters::read(tx, uuid).await {
        Err(Failure::Refused(Error::NotFound { .. })) => return Turn::Cluster(uuid).end(tx).await,
        other => other?,
    };
    let (status, of_group) = match operation.kind {
        OperationKind::Create => (Status::CreateFailed, Status::CreateFailed),
        OperationKind::Delete => (Status::DeleteFailed, Status::DeleteFailed),
        OperationKind::NodegroupCreate => (Status::UpdateFailed, Status::CreateFailed),
        OperationKind::NodegroupDelete => (Status::UpdateFailed, Status::DeleteFailed),
        OperationKind::Resize
        | OperationKind::NodegroupUpdate
        | OperationKind::Upgrade
        | OperationKind::RotateCa
        | OperationKind::RotateCredentials => (Status::UpdateFailed, Status::UpdateFailed),
    };
    let which = nodegroups::taking_part(operation);
    clusters::write_status(tx, uuid, which, status, Some(reason), now).await?;
    clusters::write_group_status(tx, uuid, which, of_group, Some(reason), now).await?;
    if operation.kind == OperationKind::Resize {
        restore_count(tx, operation).await?;
    }
    promote(tx, uuid, now).await?;
    Ok(())
}
