//! What a step gets to see and may answer.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};
use cloud::{Cloud, Session};
use domain::{Cluster, ClusterTemplate, Error, NodeGroup, Operation, OperationKind, Secret};

use crate::{Clock, Deps};

/// How a step ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The step is done; the next one may start at once.
    Done,
    /// Nothing went wrong, but look again after this time.
    Wait(TimeDelta),
}

/// How a step ended badly.
#[derive(Debug)]
pub(crate) enum Fail {
    /// May succeed later: tried again with growing pauses until the step's deadline.
    Retry(Error),
    /// Will never succeed: ends the operation, its text becomes `status_reason`.
    Fatal(Error),
    /// The lease is somebody else's; whatever was found out must not be written.
    Lost,
}

impl Fail {
    /// For requests that make or change something under a name of ours: a conflict (409) means that it is there already
    /// or busy, because the answer to an earlier request was lost or somebody works on it. Looking again decides.
    pub(crate) fn retry_conflict(error: Error) -> Self {
        if error.cloud_status() == Some(409) { Self::Retry(error) } else { error.into() }
    }
}

/// Says what to do about a token that Keystone no longer takes; other errors stay as they are.
pub(crate) fn as_caller_sees(error: Error) -> Fail {
    if error.cloud_status() != Some(401) {
        return error.into();
    }
    tracing::info!(error = %error, "the token of the request is refused");
    Fail::Fatal(Error::Refused(
        "The token of the request expired or was revoked before it could be used. Get a new token and send the request \
         again; a cluster that was to be created has to be deleted first"
            .to_owned(),
    ))
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        if error.is_retryable() { Self::Retry(error) } else { Self::Fatal(error) }
    }
}

/// The end of the lease as this process knows it, in milliseconds since the epoch of the conductor's clock.
#[derive(Clone, Debug)]
pub(crate) struct Lease(Arc<AtomicI64>);

impl Lease {
    fn until(end: DateTime<Utc>) -> Self {
        Self(Arc::new(AtomicI64::new(end.timestamp_millis())))
    }

    pub(crate) fn extend(&self, end: DateTime<Utc>) {
        self.0.store(end.timestamp_millis(), Ordering::Relaxed);
    }

    /// Pending while the lease lasts. Checks the clock on each poll and never wakes by itself: it is polled before the
    /// step whenever the task wakes, which is exactly when a paused process would act.
    pub(crate) async fn expired(&self, clock: Clock) {
        std::future::poll_fn(|_| {
            if clock.now().timestamp_millis() >= self.0.load(Ordering::Relaxed) {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    }
}

/// Everything a step works with. Changes to `cluster` and `groups` are written by [`StepCtx::record`] or with the
/// commit of the step, and only while the lease is held.
pub(crate) struct StepCtx {
    pub(crate) deps: Arc<Deps>,
    pub(crate) op: Operation,
    pub(crate) cluster: Cluster,
    pub(crate) groups: Vec<NodeGroup>,
    pub(crate) template: Option<ClusterTemplate>,
    pub(crate) lease: Lease,
}

impl StepCtx {
    /// Reads what `op` is about; `None` when the cluster row is gone.
    pub(crate) async fn load(deps: Arc<Deps>, op: Operation) -> Result<Option<Self>, Error> {
        let ident = domain::Ident::Uuid(op.cluster_uuid.clone());
        let record = match deps.store.cluster(&store::Scope::All, &ident).await {
            Ok(record) => record,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let lease = Lease::until(op.lease_until.unwrap_or_else(|| deps.clock.now()));
        Ok(Some(Self {
            cluster: record.cluster,
            groups: record.nodegroups,
            template: record.template,
            deps,
            op,
            lease,
        }))
    }

    /// Writes cluster and node groups in the middle of a step, so that what was just made outside is known at once.
    pub(crate) async fn record(&mut self) -> Result<(), Fail> {
        let kept = self.deps.store.record(&self.op, &self.cluster, &self.taking_part(), self.deps.clock.now()).await?;
        if kept { Ok(()) } else { Err(Fail::Lost) }
    }

    /// Whether a node group is this operation's to write. The others belong to whoever asks for something of them while
    /// this runs.
    pub(crate) fn takes_part(&self, group: &NodeGroup) -> bool {
        match self.op.kind {
            OperationKind::Create | OperationKind::Delete => true,
            _ => match self.own_group() {
                Some(own) => own.uuid == group.uuid,
                None => group.is_default,
            },
        }
    }

    /// The node groups that this operation writes.
    pub(crate) fn taking_part(&self) -> Vec<NodeGroup> {
        self.groups.iter().filter(|group| self.takes_part(group)).cloned().collect()
    }

    /// The node group this operation is about, where that has a stack of its own.
    pub(crate) fn own_group(&self) -> Option<&NodeGroup> {
        let uuid = self.op.nodegroup()?;
        self.groups.iter().find(|group| group.uuid == uuid && !group.is_default)
    }

    /// The same, to be changed.
    pub(crate) fn own_group_mut(&mut self) -> Option<&mut NodeGroup> {
        let uuid = self.op.nodegroup()?;
        self.groups.iter_mut().find(|group| group.uuid == uuid && !group.is_default)
    }

    /// The template, which must still exist while the cluster does.
    pub(crate) fn template(&self) -> Result<&ClusterTemplate, Fail> {
        self.template.as_ref().ok_or_else(|| {
            Fail::Fatal(Error::NotFound { kind: "ClusterTemplate", ident: self.cluster.cluster_template_id.clone() })
        })
    }

    /// Acts with the token of the request; fails with a text that says what to do when there is none left.
    pub(crate) fn as_caller(&self) -> Result<Session, Fail> {
        let sealed = self.op.sealed_token.as_deref().ok_or_else(|| {
            Fail::Fatal(Error::Refused("The token of the request is no longer held; send the request again".to_owned()))
        })?;
        let token = self.deps.seal.open(sealed, &self.op.id)?;
        Ok(self.deps.cloud.as_user(token, &self.cluster.project_id))
    }

    /// Acts with the cluster's own trust, if it has one. While credentials are rotated that is the new one as soon as it was
    /// proven to work: the old one may be dead, which is a reason to rotate.
    pub(crate) fn as_trust(&self) -> Result<Option<Session>, Fail> {
        self.trust_by(Cloud::as_trust)
    }

    fn trust_by(&self, log_in: fn(&Cloud, &str, &Secret, &str) -> Session) -> Result<Option<Session>, Fail> {
        if let Some((user, password, trust)) = self.coming_trust()? {
            return Ok(Some(log_in(&self.deps.cloud, &user, &password, &trust)));
        }
        let (Some(user), Some(trust)) = (&self.cluster.trustee_user_id, &self.cluster.trust_id) else {
            return Ok(None);
        };
        let Some(password) = self.trustee_password()? else { return Ok(None) };
        Ok(Some(log_in(&self.deps.cloud, user, &password, trust)))
    }

    /// The trustee's password, opened. A key that was lost must not keep a cluster from being deleted, which the caller
    /// and the administrator of the trustees' domain can do without.
    pub(crate) fn trustee_password(&self) -> Result<Option<Secret>, Fail> {
        let Some(sealed) = &self.cluster.trustee_password else { return Ok(None) };
        match self.deps.seal.open(sealed, &self.cluster.uuid) {
            Err(error) if self.op.kind.removes() => {
                tracing::warn!(error = %error, "the trustee's password cannot be opened, deleting without it");
                Ok(None)
            }
            other => Ok(Some(other?)),
        }
    }

    /// Runs `call` as the trust, then as the caller, then as the service, going on when one of them is refused.
    ///
    /// A trust dies with its owner's roles and a token dies of age; neither may keep a cluster from being looked at or
    /// deleted.
    pub(crate) async fn with_any<T, F>(&self, call: impl Fn(Session) -> F) -> Result<T, Fail>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.with_trust_first(self.as_trust()?, call).await
    }

    /// Like [`Self::with_any`], for what Heat goes on with in the name of the token after it has answered.
    pub(crate) async fn with_any_anew<T, F>(&self, call: impl Fn(Session) -> F) -> Result<T, Fail>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.with_trust_first(self.trust_by(Cloud::as_trust_anew)?, call).await
    }

    async fn with_trust_first<T, F>(&self, trust: Option<Session>, call: impl Fn(Session) -> F) -> Result<T, Fail>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let caller = self.caller_if_held()?;
        self.first_allowed(
            trust.into_iter().chain(caller).chain([self.deps.cloud.as_service().in_project(&self.cluster.project_id)]),
            call,
        )
        .await
    }

    /// Looks for something in the owner's project; a `None` of the trust or of the caller is proof that it is gone.
    ///
    /// The service is asked when both are refused, and its `None` proves nothing: a policy may hide from it what belongs
    /// to other projects. `hidden` then says how to go on.
    pub(crate) async fn find_as_any<T, F>(
        &self,
        call: impl Fn(Session) -> F,
        hidden: impl FnOnce() -> Result<Option<T>, Fail>,
    ) -> Result<Option<T>, Fail>
    where
        F: Future<Output = Result<Option<T>, Error>>,
    {
        let owners = self.as_trust()?.into_iter().chain(self.caller_if_held()?);
        match self.first_allowed(owners, &call).await {
            Err(Fail::Fatal(refusal)) if is_refusal(&refusal) => {
                match call(self.deps.cloud.as_service().in_project(&self.cluster.project_id)).await {
                    Ok(None) => hidden(),
                    Err(error) if is_refusal(&error) => Err(Fail::Fatal(refusal)),
                    other => Ok(other?),
                }
            }
            other => other,
        }
    }

    /// Like [`Self::with_any`], but as the caller first: Heat stores who changes a stack and acts for them later.
    pub(crate) async fn with_caller_first<T, F>(&self, call: impl Fn(Session) -> F) -> Result<T, Fail>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let caller = self.caller_if_held()?;
        let trust = self.as_trust()?;
        self.first_allowed(caller.into_iter().chain(trust), call).await
    }

    pub(crate) fn caller_if_held(&self) -> Result<Option<Session>, Fail> {
        if self.op.sealed_token.is_none() {
            return Ok(None);
        }
        match self.as_caller() {
            Err(fail) if self.op.kind.removes() => {
                tracing::warn!(fail = ?fail, "the token of the request cannot be opened, deleting without it");
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    async fn first_allowed<T, F>(
        &self,
        sessions: impl Iterator<Item = Session>,
        call: impl Fn(Session) -> F,
    ) -> Result<T, Fail>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut refused = None;
        for session in sessions {
            match call(session).await {
                Err(error) if is_refusal(&error) => {
                    refused.get_or_insert(error);
                }
                other => return Ok(other?),
            }
        }
        let nobody = || {
            Error::Refused(
                "Neither the token of the request nor the trust of the cluster is left to act with".to_owned(),
            )
        };
        Err(refused.unwrap_or_else(nobody).into())
    }
}

/// `true` when another identity may be let through.
pub(crate) fn is_refusal(error: &Error) -> bool {
    matches!(error.cloud_status(), Some(401 | 403)) || matches!(error, Error::Refused(_) | Error::Forbidden { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16) -> Error {
        Error::Cloud {
            service: "heat",
            doing: "create stack blue".to_owned(),
            status: Some(status),
            detail: "no".to_owned(),
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_and_the_rest_ends_the_operation() {
        for status in [408, 429, 500, 503] {
            assert!(matches!(Fail::from(answered(status)), Fail::Retry(_)), "{status}");
        }
        for status in [400, 401, 403, 404, 409] {
            assert!(matches!(Fail::from(answered(status)), Fail::Fatal(_)), "{status}");
        }
        assert!(matches!(Fail::retry_conflict(answered(409)), Fail::Retry(_)));
        assert!(matches!(Fail::retry_conflict(answered(400)), Fail::Fatal(_)));
    }

    #[test]
    fn a_token_that_is_refused_says_what_to_do_and_other_refusals_stay() {
        let text = |fail| match fail {
            Fail::Fatal(error) => error.to_string(),
            other => panic!("{other:?}"),
        };
        assert!(text(as_caller_sees(answered(401))).contains("Get a new token"));
        assert_eq!(text(as_caller_sees(answered(400))), "heat could not create stack blue: no");
    }

    #[test]
    fn another_identity_is_asked_only_after_a_refusal() {
        assert!(is_refusal(&answered(401)) && is_refusal(&answered(403)));
        assert!(!is_refusal(&answered(404)) && !is_refusal(&answered(500)));
    }
}
