//! What the worker of an operation writes. Every write is conditional on the generation of its claim and on the operation
//! being active, in the same transaction as what it writes elsewhere: a worker that was paused past its lease, or whose
//! operation a delete took over, changes nothing when it wakes up.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Cluster, NodeGroup, Operation, OperationKind, OperationState, Result, Status};
use sea_query::{Cond, Condition, Expr, ExprTrait, Order, Query, UpdateStatement};

use crate::{
    Store,
    accept::{active, as_json, ending, select, start_resize},
    clusters::{self, Which},
    db::{Run, Tx},
    failure::Failure,
    nodegroups,
    row::{Cell, Row},
    turn::Turn,
};

const TABLE: &str = Operation::TABLE;

/// Tells the user of a request that was accepted while a creation ran that then failed.
const DROPPED: &str = "A change of the number of nodes that waited for this was given up.";

/// How an operation ends, and what becomes of its cluster.
#[derive(Clone, Debug)]
pub struct Outcome {
    state: OperationState,
    reason: Option<String>,
    end: End,
}

#[derive(Clone, Debug)]
enum End {
    Save(Box<Cluster>, Vec<NodeGroup>),
    DeleteGroup(Box<Cluster>, String),
    DeleteRow,
    Nothing,
}

impl Outcome {
    /// It did what was promised; cluster and node groups are written as given.
    #[must_use]
    pub fn done(cluster: &Cluster, groups: &[NodeGroup]) -> Self {
        Self { state: OperationState::Done, reason: None, end: End::Save(Box::new(cluster.clone()), groups.to_vec()) }
    }

    /// It failed for good; cluster and node groups are written as given.
    #[must_use]
    pub fn failed(cluster: &Cluster, groups: &[NodeGroup], reason: impl Into<String>) -> Self {
        let end = End::Save(Box::new(cluster.clone()), groups.to_vec());
        Self { state: OperationState::Failed, reason: Some(reason.into()), end }
    }

    /// Everything is gone; the rows of the cluster go as well.
    #[must_use]
    pub fn deleted() -> Self {
        Self { state: OperationState::Done, reason: None, end: End::DeleteRow }
    }

    /// Everything of one node group is gone; its row goes as well, and the cluster is written as given.
    #[must_use]
    pub fn group_deleted(cluster: &Cluster, group: &str) -> Self {
        let end = End::DeleteGroup(Box::new(cluster.clone()), group.to_owned());
        Self { state: OperationState::Done, reason: None, end }
    }

    /// There is nothing left to work on.
    #[must_use]
    pub fn gone(reason: impl Into<String>) -> Self {
        Self { state: OperationState::Cancelled, reason: Some(reason.into()), end: End::Nothing }
    }
}

/// No lease, or one that has run out.
pub(crate) fn lease_is_free(now: &DateTime<Utc>) -> Condition {
    Cond::any().add(Expr::col("lease_until").is_null()).add(Expr::col("lease_until").lt(Cell::value(now)))
}

/// Holds for the row of `operation` as long as this claim is the latest and the operation is live.
fn guard(update: &mut UpdateStatement, operation: &Operation) {
    update
        .table(TABLE)
        .and_where(Expr::col("id").eq(operation.id.as_str()))
        .and_where(Expr::col("generation").eq(operation.generation))
        .and_where(Expr::col("state").eq(OperationState::Active.as_str()));
}

/// Holds as long as this claim is the latest and was not handed back, live or taken over.
fn only_claim(update: &mut UpdateStatement, operation: &Operation) {
    update
        .and_where(Expr::col("id").eq(operation.id.as_str()))
        .and_where(Expr::col("generation").eq(operation.generation))
        .and_where(Expr::col("lease_owner").eq(operation.lease_owner.clone()));
}

fn without_lease(update: &mut UpdateStatement) {
    let (owner, until): (Option<String>, Option<DateTime<Utc>>) = (None, None);
    update.value("lease_owner", owner).value("lease_until", until);
}

/// Holds while the token in the row is the one this worker has.
fn token_is_unchanged(operation: &Operation) -> Expr {
    let token = Expr::col("sealed_token");
    operation.sealed_token.as_deref().map_or_else(|| token.clone().is_null(), |sealed| token.clone().eq(sealed))
}

impl Store {
    /// Takes the lease of an operation that is live, due and free; `None` when somebody else was faster or it is not.
    ///
    /// # Errors
    /// `Database`.
    pub async fn claim_operation(
        &self,
        id: &str,
        owner: &str,
        now: DateTime<Utc>,
        ttl: TimeDelta,
    ) -> Result<Option<Operation>> {
        let claim = async {
            let mut db = &self.db;
            let Some(found) = db.one::<Operation>(select().and_where(Expr::col("id").eq(id))).await? else {
                return Ok(None);
            };
            let claimed = Operation {
                lease_owner: Some(owner.to_owned()),
                lease_until: Some(now + ttl),
                generation: found.generation + 1,
                updated_at: Some(now),
                ..found.clone()
            };
            let mut update = claimed.update(&["lease_owner", "lease_until", "generation", "updated_at"]);
            guard(&mut update, &found);
            update.and_where(Expr::col("run_at").lte(Cell::value(&now))).cond_where(lease_is_free(&now));
            Ok((db.run(&update).await? == 1).then_some(claimed))
        };
        claim.await.map_err(|failure: Failure| failure.while_doing("claim an operation"))
    }

    /// Makes the lease last until `until`; `false` when it is somebody else's by now.
    ///
    /// # Errors
    /// `Database`.
    pub async fn renew_lease(&self, operation: &Operation, until: DateTime<Utc>) -> Result<bool> {
        let mut update = Query::update();
        guard(&mut update, operation);
        update.value("lease_until", Cell::value(&until));
        let rows = (&self.db).run(&update).await.map_err(|failure| failure.while_doing("renew a lease"))?;
        Ok(rows == 1)
    }

    /// Makes the lease of an operation that was taken over last until `until`, for a worker in the middle of a request:
    /// whoever took over waits for what it makes. `false` when the lease has run out, was handed back or is somebody
    /// else's.
    ///
    /// # Errors
    /// `Database`.
    pub async fn linger(&self, operation: &Operation, now: DateTime<Utc>, until: DateTime<Utc>) -> Result<bool> {
        let mut update = Query::update();
        update.table(TABLE).value("lease_until", Cell::value(&until));
        update.and_where(Expr::col("lease_until").gte(Cell::value(&now)));
        only_claim(&mut update, operation);
        let rows = (&self.db).run(&update).await.map_err(|failure| failure.while_doing("keep a lease"))?;
        Ok(rows == 1)
    }

    /// Lets go of an operation, also of one that was taken over meanwhile, so that whoever waits for that need not wait
    /// for the lease to run out. `false` when it was somebody else's already.
    ///
    /// # Errors
    /// `Database`.
    pub async fn release(&self, operation: &Operation) -> Result<bool> {
        let mut update = Query::update();
        update.table(TABLE);
        without_lease(&mut update);
        only_claim(&mut update, operation);
        let rows = (&self.db).run(&update).await.map_err(|failure| failure.while_doing("release an operation"))?;
        Ok(rows == 1)
    }

    /// Writes cluster and node groups in the middle of a step: the columns operations own, nothing else. `false` when
    /// the lease is lost; nothing is written then.
    ///
    /// # Errors
    /// `NotFound` when the cluster row is gone.
    pub async fn record(
        &self,
        operation: &Operation,
        cluster: &Cluster,
        groups: &[NodeGroup],
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let recorded = self.db.transaction("record a step", |mut tx| async move {
            let mut update = Query::update();
            guard(&mut update, operation);
            update.value("updated_at", Cell::value(&now));
            if tx.run(&update).await? != 1 {
                return Ok(false);
            }
            clusters::write_progress(&mut tx, cluster, groups, now).await?;
            tx.commit().await?;
            Ok(true)
        });
        recorded.await
    }

    /// Commits a step: cluster, node groups, and from `operation` itself `step`, `attempt`, `run_at`, `step_since`,
    /// `reason` and, once it is `None`, the wiped token. Without `keep_lease` the lease ends with it. `false` when the
    /// lease is lost; nothing is written then.
    ///
    /// A delete that was given a fresh token meanwhile keeps that one and is due at once.
    ///
    /// # Errors
    /// `NotFound` when the cluster row is gone.
    pub async fn commit_step(
        &self,
        operation: &Operation,
        cluster: &Cluster,
        groups: &[NodeGroup],
        keep_lease: bool,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let committed = self.db.transaction("commit a step", |mut tx| async move {
            let mut next = Operation { updated_at: Some(now), ..operation.clone() };
            next.reason = next.reason.map(clusters::fitting);
            let mut update = next.update(&["step", "attempt", "step_since", "reason", "updated_at"]);
            guard(&mut update, operation);
            if operation.kind.removes() {
                let waits = Expr::case(token_is_unchanged(operation), Cell::value(&next.run_at));
                update.value("run_at", waits.finally(Cell::value(&now)));
            } else {
                update.value("run_at", Cell::value(&next.run_at));
                if operation.sealed_token.is_none() {
                    update.value("sealed_token", operation.sealed_token.clone());
                }
            }
            if !keep_lease {
                without_lease(&mut update);
            }
            if tx.run(&update).await? != 1 {
                return Ok(false);
            }
            clusters::write_progress(&mut tx, cluster, groups, now).await?;
            tx.commit().await?;
            Ok(true)
        });
        committed.await
    }

    /// Ends an operation: final state, no key, no token, no lease; writes or removes the cluster; and makes the next
    /// waiting operation of the cluster the live one. `None` when the lease is lost, nothing is written then; else the
    /// id of the operation that may run now, if there is one.
    ///
    /// A delete that was given a fresh token meanwhile cannot fail with the old one: that is `None` as well, and once the
    /// operation is released it is claimed again.
    ///
    /// # Errors
    /// `NotFound` when the cluster row to be written is gone.
    pub async fn finish(
        &self,
        operation: &Operation,
        outcome: Outcome,
        now: DateTime<Utc>,
    ) -> Result<Option<Option<String>>> {
        let outcome = &outcome;
        let finished = self.db.transaction("finish an operation", |mut tx| async move {
            let cluster = operation.cluster_uuid.as_str();
            Turn::Cluster(cluster).take(&mut tx).await?;
            let mut update = ending(outcome.state, outcome.reason.as_deref(), now);
            guard(&mut update, operation);
            without_lease(&mut update);
            if operation.kind.removes() && outcome.state == OperationState::Failed {
                update.and_where(token_is_unchanged(operation));
            }
            if tx.run(&update).await? != 1 {
                return Ok(None);
            }
            let next = match &outcome.end {
                End::Save(cluster, groups) => {
                    clusters::write_progress(&mut tx, cluster, groups, now).await?;
                    promote(&mut tx, &cluster.uuid, now).await?
                }
                End::DeleteGroup(cluster, group) => {
                    nodegroups::delete_row(&mut tx, group).await?;
                    clusters::write_progress(&mut tx, cluster, &[], now).await?;
                    promote(&mut tx, &cluster.uuid, now).await?
                }
                End::DeleteRow => {
                    cancel_waiting(&mut tx, cluster, "The cluster has been deleted.", now).await?;
                    clusters::delete_rows(&mut tx, cluster).await?;
                    None
                }
                End::Nothing => {
                    cancel_waiting(&mut tx, cluster, "The cluster is gone.", now).await?;
                    Turn::Cluster(cluster).end(&mut tx).await?;
                    None
                }
            };
            tx.commit().await?;
            Ok(Some(next))
        });
        finished.await
    }
}

/// Ends every operation of a cluster that waits.
pub(crate) async fn cancel_waiting(
    tx: &mut Tx,
    cluster: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let mut update = ending(OperationState::Cancelled, Some(reason), now);
    update
        .and_where(Expr::col("cluster_uuid").eq(cluster))
        .and_where(Expr::col("state").eq(OperationState::Queued.as_str()));
    tx.run(&update).await?;
    Ok(())
}

/// Makes the operation that waits longest the live one of its idle cluster; one that can no longer run is cancelled with
/// the reason.
pub(crate) async fn promote(tx: &mut Tx, cluster: &str, now: DateTime<Utc>) -> Result<Option<String>, Failure> {
    if active(tx, cluster).await?.is_some() {
        return Ok(None);
    }
    loop {
        let mut waiting = select();
        waiting
            .and_where(Expr::col("cluster_uuid").eq(cluster))
            .and_where(Expr::col("state").eq(OperationState::Queued.as_str()))
            .order_by("seq", Order::Asc)
            .limit(1);
        let Some(next) = tx.one::<Operation>(&waiting).await? else { return Ok(None) };
        let seen = clusters::read(tx, cluster).await?;
        if !seen.status.accepts_update() {
            let reason = format!("The cluster is {}, from where it cannot be changed.", seen.status);
            cancel_waiting(tx, cluster, &reason, now).await?;
            let cause = seen.status_reason.iter().map(String::as_str);
            let told = cause.chain([DROPPED]).collect::<Vec<_>>().join("\n");
            clusters::write_status(tx, cluster, Which::All, seen.status, Some(&told), now).await?;
            return Ok(None);
        }
        if make_active(tx, next.clone(), now).await? {
            return Ok(Some(next.id));
        }
        let mut gone = ending(OperationState::Cancelled, Some("The node group is gone, or was never made."), now);
        tx.run(gone.and_where(Expr::col("id").eq(next.id.as_str()))).await?;
    }
}

/// `false` when what it is about is gone.
pub(crate) async fn make_active(tx: &mut Tx, operation: Operation, now: DateTime<Utc>) -> Result<bool, Failure> {
    let mut next = operation;
    match next.kind {
        OperationKind::Resize => {
            let Some(params) = start_resize(tx, &next, now).await? else { return Ok(false) };
            next.params = as_json(&params)?;
        }
        OperationKind::NodegroupCreate
        | OperationKind::NodegroupUpdate
        | OperationKind::NodegroupDelete
        | OperationKind::Upgrade
        | OperationKind::RotateCa
        | OperationKind::RotateCredentials => {
            if !nodegroups::start(tx, &next, now).await? {
                return Ok(false);
            }
        }
        OperationKind::Create => {
            clusters::write_status(tx, &next.cluster_uuid, Which::All, Status::CreateInProgress, None, now).await?;
        }
        OperationKind::Delete => {
            clusters::write_status(tx, &next.cluster_uuid, Which::All, Status::DeleteInProgress, None, now).await?;
        }
    }
    next.state = OperationState::Active;
    next.attempt = 0;
    (next.run_at, next.step_since, next.updated_at) = (now, now, Some(now));
    (next.reason, next.finished_at) = (None, None);
    let nothing: Option<String> = None;
    let mut update =
        next.update(&["state", "attempt", "run_at", "step_since", "params", "reason", "updated_at", "finished_at"]);
    update
        .value("active_key", next.cluster_uuid.as_str())
        .value("pending_key", nothing)
        .and_where(Expr::col("id").eq(next.id.as_str()));
    Ok(tx.run(&update).await? == 1)
}
