//! Accepting requests: the status a caller sees and the operation that makes it true are written in one transaction.
//!
//! One live operation per cluster. A resize of a busy cluster waits; several waiting for one node group collapse into
//! the last. A delete takes over from whatever runs.

use chrono::{DateTime, Utc};
use domain::{Cluster, Error, NodeGroup, Operation, OperationKind, OperationState, ResizeParams, Result, Status};
use sea_query::{Expr, ExprTrait, Query, SelectStatement, UpdateStatement};

use crate::{
    Store,
    clusters::{self, Which},
    db::{Run, Tx},
    failure::Failure,
    row::{Cell, Row},
    turn::Turn,
};

const TABLE: &str = Operation::TABLE;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The operation that carries it out: the given one, or the delete that runs already.
    pub operation_id: String,
    /// It waits for the operation that runs now.
    pub queued: bool,
}

pub(crate) fn select() -> SelectStatement {
    let mut select = Query::select();
    select.columns(Operation::COLUMNS.iter().copied()).from(TABLE);
    select
}

/// The live operation of a cluster.
pub(crate) async fn active(on: &mut impl Run, cluster: &str) -> Result<Option<Operation>, Failure> {
    on.one(select().and_where(Expr::col("active_key").eq(cluster))).await
}

/// Inserts an operation as the live one of its cluster.
pub(crate) async fn insert_active(tx: &mut Tx, operation: &Operation) -> Result<(), Failure> {
    insert(tx, operation, OperationState::Active, ("active_key", operation.cluster_uuid.clone())).await
}

async fn insert(
    tx: &mut Tx,
    operation: &Operation,
    state: OperationState,
    (key, value): (&'static str, String),
) -> Result<(), Failure> {
    let fresh = Operation {
        state,
        generation: 0,
        lease_owner: None,
        lease_until: None,
        finished_at: None,
        ..operation.clone()
    };
    let (mut columns, mut values): (Vec<_>, Vec<_>) = fresh.stored().filter(|(column, _)| *column != "seq").unzip();
    columns.push(key);
    values.push(value.into());
    let mut insert = Query::insert();
    insert.into_table(TABLE).columns(columns).values_panic(values.into_iter().map(Expr::val));
    tx.run(&insert).await?;
    Ok(())
}

/// An update that ends operations: no key, no token, final state. The lease stays, because a worker may still be at it.
pub(crate) fn ending(state: OperationState, reason: Option<&str>, now: DateTime<Utc>) -> UpdateStatement {
    let nothing: Option<String> = None;
    let mut update = Query::update();
    update
        .table(TABLE)
        .value("state", Cell::value(&state))
        .value("active_key", nothing.clone())
        .value("pending_key", nothing.clone())
        .value("sealed_token", nothing)
        .value("reason", reason.map(|reason| clusters::fitting(reason.to_owned())))
        .value("updated_at", Cell::value(&now))
        .value("finished_at", Cell::value(&now));
    update
}

pub(crate) fn resize_params(operation: &Operation) -> Result<ResizeParams, Failure> {
    serde_json::from_value(operation.params.clone())
        .map_err(|error| Error::internal("read the parameters of a resize", error).into())
}

pub(crate) async fn group_of(tx: &mut Tx, cluster: &str, uuid: &str) -> Result<Option<NodeGroup>, Failure> {
    Ok(clusters::groups(tx, &[cluster]).await?.into_iter().find(|group| group.uuid == uuid))
}

/// Writes what a resize that starts now shows: busy cluster, busy group, new size. Returns the parameters with the size
/// before; `None` when the group is gone, or was never made.
pub(crate) async fn start_resize(
    tx: &mut Tx,
    operation: &Operation,
    now: DateTime<Utc>,
) -> Result<Option<ResizeParams>, Failure> {
    let mut params = resize_params(operation)?;
    let cluster = operation.cluster_uuid.as_str();
    let Some(group) = group_of(tx, cluster, &params.nodegroup).await? else { return Ok(None) };
    if !group.status.accepts_update() {
        return Ok(None);
    }
    params.previous = Some(group.node_count);
    clusters::write_status(tx, cluster, Which::One(&group.uuid), Status::UpdateInProgress, None, now).await?;
    let mut update = Query::update();
    update
        .table(NodeGroup::TABLE)
        .value("node_count", params.node_count)
        .and_where(Expr::col("uuid").eq(group.uuid.as_str()));
    tx.run(&update).await?;
    Ok(Some(params))
}

pub(crate) fn as_json(params: &ResizeParams) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(params).map_err(|error| Error::internal("write the parameters of a resize", error).into())
}

/// Refuses what can never run from here.
pub(crate) fn check_changeable(cluster: &Cluster) -> Result<()> {
    if cluster.status.accepts_update() {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "Updating a cluster when status is \"{}\" is not supported. {}",
        cluster.status,
        match cluster.status {
            Status::CreateFailed => "Its creation did not end well; delete it and create it again.",
            Status::DeleteInProgress => "It is being deleted.",
            Status::DeleteFailed => "Its deletion failed; delete it again.",
            _ => "Look at its status_reason; it can be deleted.",
        }
    )))
}

impl Store {
    /// Accepts a resize: starts it on an idle cluster, or lets it wait on a busy one, in the place of an earlier one that
    /// waits for the same node group. `operation.params` are [`ResizeParams`]; `previous` is filled here.
    ///
    /// # Errors
    /// `NotFound` for cluster or node group, `Conflict` with the reason when it can never run in this state, `Invalid` when
    /// the group may not have this size.
    pub async fn accept_resize(&self, cluster_uuid: &str, operation: &Operation) -> Result<Accepted> {
        self.db
            .transaction("accept a resize", |mut tx| async move {
                Turn::Cluster(cluster_uuid).take(&mut tx).await?;
                let cluster = clusters::read(&mut tx, cluster_uuid).await?;
                check_changeable(&cluster)?;
                let params = resize_params(operation)?;
                check_group(&mut tx, cluster_uuid, &params.nodegroup).await?.check_count(params.node_count)?;
                let busy = active(&mut tx, cluster_uuid).await?;
                let accepted = match busy {
                    Some(running) if running.kind == OperationKind::Delete => {
                        return Err(Error::Conflict("The cluster is being deleted.".to_owned()).into());
                    }
                    Some(_) => wait_in_line(&mut tx, operation, &params).await?,
                    None => start_now(&mut tx, operation, &params).await?,
                };
                tx.commit().await?;
                Ok(accepted)
            })
            .await
    }

    /// Accepts a delete, in any status: ends what runs or waits, and shows `DELETE_IN_PROGRESS`.
    ///
    /// While a delete runs, another one is the same, and brings it a fresh token: `seal_for` seals it for the operation
    /// whose id it is given. That one is due at once, or as soon as its worker, who is left alone, lets go of it.
    ///
    /// The operation taken over keeps its lease until its worker lets go ([`Store::release`]) or the lease runs out: the
    /// delete should wait for that ([`Store::leases_of_cluster`]) before it looks for what was made.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn accept_delete(
        &self,
        cluster_uuid: &str,
        operation: &Operation,
        seal_for: &(dyn Fn(&str) -> Result<String> + Sync),
    ) -> Result<Accepted> {
        self.db
            .transaction("accept a delete", |mut tx| async move {
                Turn::Cluster(cluster_uuid).take(&mut tx).await?;
                clusters::read(&mut tx, cluster_uuid).await?;
                let now = operation.created_at;
                if let Some(running) =
                    active(&mut tx, cluster_uuid).await?.filter(|op| op.kind == OperationKind::Delete)
                {
                    renew_token(&mut tx, &running.id, seal_for(&running.id)?, now).await?;
                    tx.commit().await?;
                    return Ok(Accepted { operation_id: running.id, queued: false });
                }
                let mut end = ending(OperationState::Cancelled, Some("The cluster is being deleted."), now);
                end.and_where(Expr::col("cluster_uuid").eq(cluster_uuid));
                end.and_where(Expr::col("state").is_in(unfinished()));
                tx.run(&end).await?;
                clusters::write_status(&mut tx, cluster_uuid, Which::All, Status::DeleteInProgress, None, now).await?;
                insert_active(&mut tx, operation).await?;
                tx.commit().await?;
                Ok(Accepted { operation_id: operation.id.clone(), queued: false })
            })
            .await
    }
}

pub(crate) fn unfinished() -> [&'static str; 2] {
    [OperationState::Active.as_str(), OperationState::Queued.as_str()]
}

/// Gives an operation another token, and makes it due now if it waits.
pub(crate) async fn renew_token(tx: &mut Tx, id: &str, sealed: String, now: DateTime<Utc>) -> Result<(), Failure> {
    let run_at = Expr::case(Expr::col("run_at").gt(Cell::value(&now)), Cell::value(&now)).finally(Expr::col("run_at"));
    let mut update = Query::update();
    update.table(TABLE).value("sealed_token", sealed).value("run_at", run_at).and_where(Expr::col("id").eq(id));
    tx.run(&update).await?;
    Ok(())
}

async fn start_now(tx: &mut Tx, operation: &Operation, params: &ResizeParams) -> Result<Accepted, Failure> {
    let Some(params) = start_resize(tx, operation, operation.created_at).await? else {
        return Err(Error::NotFound { kind: "Nodegroup", ident: params.nodegroup.clone() }.into());
    };
    let operation = Operation { params: as_json(&params)?, ..operation.clone() };
    insert_active(tx, &operation).await?;
    Ok(Accepted { operation_id: operation.id, queued: false })
}

async fn wait_in_line(tx: &mut Tx, operation: &Operation, params: &ResizeParams) -> Result<Accepted, Failure> {
    let cluster = operation.cluster_uuid.as_str();
    let key = format!("{cluster}/{}", params.nodegroup);
    queue(tx, operation, key, "A later resize of the same node group replaced it.").await
}

/// Lets an operation wait, in the place of an earlier one with the same key, which ends with `replaced`.
pub(crate) async fn queue(
    tx: &mut Tx,
    operation: &Operation,
    key: String,
    replaced: &str,
) -> Result<Accepted, Failure> {
    let mut replace = ending(OperationState::Cancelled, Some(replaced), operation.created_at);
    replace.and_where(Expr::col("pending_key").eq(key.as_str()));
    tx.run(&replace).await?;
    insert(tx, operation, OperationState::Queued, ("pending_key", key)).await?;
    Ok(Accepted { operation_id: operation.id.clone(), queued: true })
}

/// The node group, which must be there and not on its way out.
pub(crate) async fn check_group(tx: &mut Tx, cluster: &str, uuid: &str) -> Result<NodeGroup, Failure> {
    let found = group_of(tx, cluster, uuid).await?;
    let group = found.ok_or_else(|| Error::NotFound { kind: "Nodegroup", ident: uuid.to_owned() })?;
    if group.status.accepts_update() {
        return Ok(group);
    }
    let text = format!("Node group {} is {}, from where it cannot be changed. Delete it.", group.name, group.status);
    Err(Error::Conflict(text).into())
}
