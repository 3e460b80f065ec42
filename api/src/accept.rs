//! Promises: what a 202 or 204 stands for is one row in the operation table, written with the status the caller sees.
//!
//! The operation carries the caller's token, sealed for this operation alone, because the conductor acts in the caller's
//! name. After the commit the doorbell rings; should nobody hear it, the conductors' sweep finds the row.

use chrono::Utc;
use domain::{
    Cluster, ClusterTemplate, Error, NewCluster, NodeGroup, Operation, OperationKind, OperationState, ResizeParams,
    Result, UpgradeParams,
};
use serde_json::{Value, json};
use store::ClusterRecord;

use crate::{
    clusters::{Changed, default_workers},
    ctx::Ctx,
};

impl Ctx {
    /// Stores a new cluster with the operation that builds it, whose id is the answer, unless the quota is reached.
    pub(crate) async fn accept_create(&self, new: &NewCluster, template: &ClusterTemplate) -> Result<String> {
        let operation = self.operation(OperationKind::Create, &new.cluster, json!({}))?;
        let groups = [new.masters.clone(), new.workers.clone()];
        let quota = self.options().quotas.max_clusters_per_project;
        self.store().insert_cluster(template, &new.cluster, &groups, &operation, quota).await?;
        self.ring(&operation.id).await;
        Ok(operation.id)
    }

    /// Refuses a new cluster early, before OpenStack is asked about it, when there are as many as there may be.
    pub(crate) async fn check_quota(&self) -> Result<()> {
        let Some(project) = &self.caller.project_id else { return Ok(()) };
        self.store().check_quota(project, self.options().quotas.max_clusters_per_project).await
    }

    /// Stores what a PATCH changes. Health is a fact and takes effect at once; a size is an operation, whose id is the
    /// answer.
    pub(crate) async fn accept_change(
        &self,
        record: &ClusterRecord,
        changed: &Changed,
        rollback: bool,
    ) -> Result<Option<String>> {
        let (cluster, mut operation) = (&record.cluster, None);
        if let Some(node_count) = changed.node_count {
            let workers = default_workers(&record.nodegroups)?;
            operation = Some(self.accept_resize(cluster, workers, node_count, Vec::new(), rollback).await?);
        }
        if let Some((health, reason)) = &changed.health {
            self.store().set_health(&cluster.uuid, *health, reason, self.now()).await?;
        }
        Ok(operation)
    }

    /// Stores a new size of a node group, and answers the operation's id. Heat takes the nodes to remove before it takes
    /// others.
    pub(crate) async fn accept_resize(
        &self,
        cluster: &Cluster,
        group: &NodeGroup,
        node_count: i64,
        nodes_to_remove: Vec<String>,
        rollback: bool,
    ) -> Result<String> {
        let params =
            ResizeParams { nodegroup: group.uuid.clone(), node_count, nodes_to_remove, rollback, previous: None };
        let params =
            serde_json::to_value(params).map_err(|error| Error::internal("write the parameters of a resize", error))?;
        let operation = self.operation(OperationKind::Resize, cluster, params)?;
        let accepted = self.store().accept_resize(&cluster.uuid, &operation).await?;
        self.ring(&accepted.operation_id).await;
        Ok(accepted.operation_id)
    }

    /// Stores an upgrade.
    pub(crate) async fn accept_upgrade(
        &self,
        cluster: &Cluster,
        template: &ClusterTemplate,
        params: &UpgradeParams,
    ) -> Result<()> {
        let params = serde_json::to_value(params)
            .map_err(|error| Error::internal("write the parameters of an upgrade", error))?;
        let operation = self.operation(OperationKind::Upgrade, cluster, params)?;
        let accepted = self.store().accept_upgrade(template, &operation).await?;
        self.ring(&accepted.operation_id).await;
        Ok(())
    }

    /// Stores a delete, which ends whatever runs. One that runs already gets the caller's token, as its own may be old.
    pub(crate) async fn accept_delete(&self, cluster: &Cluster) -> Result<()> {
        let operation = self.operation(OperationKind::Delete, cluster, json!({}))?;
        let seal_for = |id: &str| self.sealed_token(id);
        let accepted = self.store().accept_delete(&cluster.uuid, &operation, &seal_for).await?;
        self.ring(&accepted.operation_id).await;
        Ok(())
    }

    /// An operation about a cluster, with the caller's token.
    pub(crate) fn operation(&self, kind: OperationKind, cluster: &Cluster, params: Value) -> Result<Operation> {
        let (id, now) = (uuid::Uuid::new_v4().to_string(), Utc::now());
        Ok(Operation {
            sealed_token: Some(self.sealed_token(&id)?),
            id,
            seq: 0,
            cluster_uuid: cluster.uuid.clone(),
            project_id: cluster.project_id.clone(),
            user_id: self.caller.user_id.clone(),
            request_id: self.request_id.to_string(),
            kind,
            params,
            state: OperationState::Active,
            step: String::new(),
            attempt: 0,
            run_at: now,
            step_since: now,
            lease_owner: None,
            lease_until: None,
            generation: 0,
            reason: None,
            created_at: now,
            updated_at: None,
            finished_at: None,
        })
    }
}
