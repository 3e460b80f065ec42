//! The cluster's CA, the service's own client certificate and the service account key.
//!
//! Each is stored under a name that derives from the cluster and recorded as soon as it is stored, so neither a crash
//! nor a second run leaves one behind that nobody knows.

use certs::ServiceAccountKeys;
use domain::Secret;
use drivers::signs_itself;

use crate::step::{Fail, Next, StepCtx};

/// Makes what the cluster's parties trust each other by.
pub(super) async fn issue_certs(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let now = ctx.deps.clock.now();
    if ctx.cluster.ca_cert_ref.is_none() {
        ctx.cluster.ca_cert_ref = Some(ctx.deps.certs.issue_ca(&ctx.cluster, now).await?);
        ctx.record().await?;
    }
    if let (Some(ca), None) = (&ctx.cluster.ca_cert_ref, &ctx.cluster.magnum_cert_ref) {
        ctx.cluster.magnum_cert_ref = Some(ctx.deps.certs.issue_client(&ctx.cluster, ca, now).await?);
        ctx.record().await?;
    }
    ctx.deps.certs.service_account(&ctx.cluster).await?;
    Ok(Next::Done)
}

/// Removes every certificate and key of the cluster, recorded or not.
pub(super) async fn delete_certs(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let cluster = &mut ctx.cluster;
    let recorded: Vec<String> = [
        cluster.ca_cert_ref.take(),
        cluster.magnum_cert_ref.take(),
        cluster.etcd_ca_cert_ref.take(),
        cluster.front_proxy_ca_cert_ref.take(),
    ]
    .into_iter()
    .flatten()
    .collect();
    ctx.deps.certs.delete_all(&ctx.cluster.uuid, &recorded).await?;
    Ok(Next::Done)
}

impl StepCtx {
    /// The pair that all masters share.
    pub(super) async fn service_account_keys(&self) -> Result<ServiceAccountKeys, Fail> {
        Ok(self.deps.certs.service_account(&self.cluster).await?)
    }

    /// The authority's key, which leaves the service only for a cluster whose owner wants it to sign by itself.
    pub(super) async fn authority_key(&self) -> Result<Option<Secret>, Fail> {
        match self.cluster.ca_cert_ref.as_deref() {
            Some(reference) if signs_itself(&self.cluster.labels) => Ok(Some(self.deps.certs.ca_key(reference).await?)),
            _ => Ok(None),
        }
    }
}
