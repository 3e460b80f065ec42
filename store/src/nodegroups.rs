//! Accepting what is asked of node groups: the row, the status a caller sees and the operation are written in one
//! transaction, as in [`crate::accept`].

use chrono::{DateTime, SubsecRound, Utc};
use domain::{ClusterTemplate, Error, NodeGroup, Operation, OperationKind, OperationState, Result, Status};
use sea_query::{Expr, ExprTrait, Query};

use crate::{
    Accepted, Store,
    accept::{active, check_changeable, check_group, ending, group_of, insert_active, queue, renew_token, unfinished},
    clusters::{self, Which},
    db::{Run, Tx},
    failure::Failure,
    row::Row,
    templates::check_unchanged,
    turn::Turn,
};

/// Columns that are the user's and may change.
const CHANGEABLE: &[&str] = &["min_node_count", "max_node_count", "node_labels", "node_taints", "updated_at"];

/// The node groups whose status is that of an operation.
pub(crate) fn taking_part(operation: &Operation) -> Which<'_> {
    match (operation.kind, operation.nodegroup()) {
        (OperationKind::Create | OperationKind::Delete, _) => Which::All,
        (_, Some(group)) => Which::One(group),
        (_, None) => Which::Default,
    }
}

/// Writes what an operation on node groups that starts now shows; `false` when its group is gone, or cannot be changed.
pub(crate) async fn start(tx: &mut Tx, operation: &Operation, now: DateTime<Utc>) -> Result<bool, Failure> {
    let cluster = operation.cluster_uuid.as_str();
    let status = match operation.kind {
        OperationKind::NodegroupCreate => Status::CreateInProgress,
        OperationKind::NodegroupDelete => Status::DeleteInProgress,
        _ => Status::UpdateInProgress,
    };
    if let Some(uuid) = operation.nodegroup() {
        let Some(group) = group_of(tx, cluster, uuid).await? else { return Ok(false) };
        if status == Status::UpdateInProgress && !group.status.accepts_update() {
            return Ok(false);
        }
    }
    let which = taking_part(operation);
    clusters::write_status(tx, cluster, which, Status::UpdateInProgress, None, now).await?;
    clusters::write_group_status(tx, cluster, which, status, None, now).await?;
    Ok(true)
}

pub(crate) async fn delete_row(tx: &mut Tx, uuid: &str) -> Result<(), Failure> {
    tx.run(Query::delete().from_table(NodeGroup::TABLE).and_where(Expr::col("uuid").eq(uuid))).await?;
    Ok(())
}

/// What waits is told apart by this; what it is about, and of a size only the last one counts.
fn pending_key(operation: &Operation) -> String {
    let (cluster, group) = (operation.cluster_uuid.as_str(), operation.nodegroup().unwrap_or_default());
    match operation.kind {
        OperationKind::NodegroupCreate => format!("{cluster}/{group}/c"),
        OperationKind::NodegroupUpdate => format!("{cluster}/{group}/u"),
        OperationKind::NodegroupDelete => format!("{cluster}/{group}/d"),
        OperationKind::RotateCa | OperationKind::RotateCredentials => format!("{cluster}/{}", operation.kind),
        OperationKind::Upgrade => format!("{cluster}/{group}/v"),
        _ => format!("{cluster}/{}", operation.id),
    }
}

/// Starts an operation on an idle cluster, or lets it wait.
async fn begin(tx: &mut Tx, operation: &Operation) -> Result<Accepted, Failure> {
    match active(tx, &operation.cluster_uuid).await? {
        Some(running) if running.kind == OperationKind::Delete => {
            Err(Error::Conflict("The cluster is being deleted.".to_owned()).into())
        }
        Some(_) => queue(tx, operation, pending_key(operation), "A later request for the same replaced it.").await,
        None => {
            start(tx, operation, operation.created_at).await?;
            insert_active(tx, operation).await?;
            Ok(Accepted { operation_id: operation.id.clone(), queued: false })
        }
    }
}

/// The group's operation that runs or waits, of that kind.
async fn unfinished_of(tx: &mut Tx, operation: &Operation, kind: OperationKind) -> Result<Option<Operation>, Failure> {
    let mut query = crate::accept::select();
    query
        .and_where(Expr::col("cluster_uuid").eq(operation.cluster_uuid.as_str()))
        .and_where(Expr::col("kind").eq(kind.as_str()))
        .and_where(Expr::col("state").is_in(unfinished()));
    let found: Vec<Operation> = tx.all(&query).await?;
    Ok(found.into_iter().find(|other| other.nodegroup() == operation.nodegroup()))
}

/// Ends what runs or waits for the group of `operation`, which takes over.
async fn take_over(tx: &mut Tx, operation: &Operation) -> Result<(), Failure> {
    let mut query = crate::accept::select();
    query
        .and_where(Expr::col("cluster_uuid").eq(operation.cluster_uuid.as_str()))
        .and_where(Expr::col("state").is_in(unfinished()));
    let all: Vec<Operation> = tx.all(&query).await?;
    for other in all.iter().filter(|other| other.nodegroup() == operation.nodegroup()) {
        let reason = Some("The node group is being deleted.");
        let mut end = ending(OperationState::Cancelled, reason, operation.created_at);
        tx.run(end.and_where(Expr::col("id").eq(other.id.as_str()))).await?;
    }
    Ok(())
}

impl Store {
    /// Inserts a node group with the operation that builds it, which waits while the cluster is busy.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` with the reason when the cluster cannot have it now, or the name is taken.
    pub async fn accept_nodegroup_create(&self, group: &NodeGroup, operation: &Operation) -> Result<Accepted> {
        self.db
            .transaction("accept a node group", |mut tx| async move {
                let uuid = group.cluster_id.as_str();
                Turn::Cluster(uuid).take(&mut tx).await?;
                let cluster = clusters::read(&mut tx, uuid).await?;
                check_changeable(&cluster)?;
                if cluster.api_address.as_deref().is_none_or(str::is_empty) {
                    let text = "The cluster has no API address yet; wait until it is built.".to_owned();
                    return Err(Error::Conflict(text).into());
                }
                let taken = || Error::Conflict(format!("A node group with name {} already exists.", group.name));
                if clusters::groups(&mut tx, &[uuid]).await?.iter().any(|other| other.name == group.name) {
                    return Err(taken().into());
                }
                // MariaDB takes no notice of blanks at the end.
                tx.run(&group.insert("id")).await.map_err(|failure| match failure {
                    failure if failure.is_duplicate() => taken().into(),
                    failure => failure,
                })?;
                let accepted = begin(&mut tx, operation).await?;
                tx.commit().await?;
                Ok(accepted)
            })
            .await
    }

    /// Changes bounds, labels and taints of a node group, with the operation that brings them to the nodes. `change` is
    /// given the row as it is now. The row as it then is, and what became of the request.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` with the reason when it can never run in this state; those of `change`.
    pub async fn accept_nodegroup_update(
        &self,
        operation: &Operation,
        change: &(dyn Fn(&mut NodeGroup) -> Result<()> + Sync),
    ) -> Result<(NodeGroup, Accepted)> {
        self.db
            .transaction("accept a change of a node group", |mut tx| async move {
                let (cluster, uuid) = (operation.cluster_uuid.as_str(), operation.nodegroup().unwrap_or_default());
                Turn::Cluster(cluster).take(&mut tx).await?;
                check_changeable(&clusters::read(&mut tx, cluster).await?)?;
                let mut group = check_group(&mut tx, cluster, uuid).await?;
                change(&mut group)?;
                group.updated_at = Some(operation.created_at.trunc_subsecs(0));
                tx.run(group.update(CHANGEABLE).and_where(Expr::col("uuid").eq(uuid))).await?;
                let accepted = begin(&mut tx, operation).await?;
                let seen = check_group(&mut tx, cluster, uuid).await?;
                tx.commit().await?;
                Ok((seen, accepted))
            })
            .await
    }

    /// Accepts the removal of a node group, whatever its status: ends what runs or waits for it, and shows
    /// `DELETE_IN_PROGRESS`. While something else of the cluster runs, it waits.
    ///
    /// While a removal runs or waits, another one is the same, and brings it a fresh token, see
    /// [`Store::accept_delete`].
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while the cluster is being deleted.
    pub async fn accept_nodegroup_delete(
        &self,
        operation: &Operation,
        seal_for: &(dyn Fn(&str) -> Result<String> + Sync),
    ) -> Result<Accepted> {
        self.db
            .transaction("accept the removal of a node group", |mut tx| async move {
                let (cluster, uuid) = (operation.cluster_uuid.as_str(), operation.nodegroup().unwrap_or_default());
                Turn::Cluster(cluster).take(&mut tx).await?;
                check_changeable(&clusters::read(&mut tx, cluster).await?)?;
                if group_of(&mut tx, cluster, uuid).await?.is_none() {
                    return Err(Error::NotFound { kind: "Nodegroup", ident: uuid.to_owned() }.into());
                }
                let now = operation.created_at;
                if let Some(running) = unfinished_of(&mut tx, operation, OperationKind::NodegroupDelete).await? {
                    renew_token(&mut tx, &running.id, seal_for(&running.id)?, now).await?;
                    tx.commit().await?;
                    let queued = running.state == OperationState::Queued;
                    return Ok(Accepted { operation_id: running.id, queued });
                }
                take_over(&mut tx, operation).await?;
                let accepted = begin(&mut tx, operation).await?;
                let status = Status::DeleteInProgress;
                clusters::write_group_status(&mut tx, cluster, Which::One(uuid), status, None, now).await?;
                tx.commit().await?;
                Ok(accepted)
            })
            .await
    }

    /// Accepts the replacement of a cluster's authority or of its trustee, which waits while the cluster is busy; of several
    /// that wait only the last is carried out.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` with the reason when it can never run in this state.
    pub async fn accept_rotation(&self, operation: &Operation) -> Result<Accepted> {
        self.db
            .transaction("accept a rotation", |mut tx| async move {
                let cluster = operation.cluster_uuid.as_str();
                Turn::Cluster(cluster).take(&mut tx).await?;
                check_changeable(&clusters::read(&mut tx, cluster).await?)?;
                let accepted = begin(&mut tx, operation).await?;
                tx.commit().await?;
                Ok(accepted)
            })
            .await
    }

    /// Accepts an upgrade to `template`, which waits while the cluster is busy. Until it has ended the template is in use.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` with the reason when it can never run in this state, or the template has changed.
    pub async fn accept_upgrade(&self, template: &ClusterTemplate, operation: &Operation) -> Result<Accepted> {
        self.db
            .transaction("accept an upgrade", |mut tx| async move {
                let cluster = operation.cluster_uuid.as_str();
                Turn::Template(&template.uuid).take(&mut tx).await?;
                check_unchanged(&mut tx, template).await?;
                Turn::Cluster(cluster).take(&mut tx).await?;
                check_changeable(&clusters::read(&mut tx, cluster).await?)?;
                if let Some(group) = operation.nodegroup() {
                    check_group(&mut tx, cluster, group).await?;
                }
                let accepted = begin(&mut tx, operation).await?;
                tx.commit().await?;
                Ok(accepted)
            })
            .await
    }
}
