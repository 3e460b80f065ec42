//! The domain of the clusters' own users, which policy rules compare callers with.
//!
//! Cloud learns it once by logging in there. Should that fail, a broken `[trust]` section must not break every request: the
//! request goes on without it, so that nobody is recognised as a cluster's user (who then has no rows and no project),
//! and the next attempt waits a while.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::Deps;

/// Between two attempts that fail.
const PAUSE: Duration = Duration::from_secs(30);

/// What is known about the domain; one per server.
#[derive(Default)]
pub(crate) struct TrusteeDomain(Mutex<Known>);

#[derive(Clone, Default)]
enum Known {
    #[default]
    Nothing,
    Id(Arc<str>),
    FailedAt(Instant),
}

impl TrusteeDomain {
    /// The domain's id; `None` where there is none, or where it cannot be found out now.
    pub(crate) async fn id(&self, deps: &Deps) -> Option<Arc<str>> {
        let trust = &deps.options.trust;
        if trust.trustee_domain_id.is_none() && trust.trustee_domain_name.is_none() {
            return None;
        }
        match self.known() {
            Known::Id(id) => return Some(id),
            Known::FailedAt(when) if when.elapsed() < PAUSE => return None,
            Known::Nothing | Known::FailedAt(_) => {}
        }
        let found = deps.cloud.trustee_domain_id().await.map(Arc::<str>::from);
        let known = match &found {
            Ok(id) => Known::Id(Arc::clone(id)),
            Err(error) => {
                tracing::warn!("clusters' own users are not recognised, because their domain cannot be found: {error}");
                Known::FailedAt(Instant::now())
            }
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = known;
        found.ok()
    }

    fn known(&self) -> Known {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
