//! Validates callers' tokens, with a cache.
//!
//! One call to Keystone per token, however many requests bring it at the same time. A validated token is trusted for
//! `[keystone_authtoken] token_cache_time`, but never past its own end; a refused one is refused for a short while
//! without asking. Keys are hashes: no token is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::{Caller, Error, Result, Secret};
use moka::Expiry;
use moka::future::Cache;

use crate::catalogue::Catalogue;
use crate::core::Core;
use crate::session::{Service, Session};
use crate::token::{Facts, TokenRoot};

type Key = [u8; 32];

/// Bytes of the longest token that is asked about. Apache, before many a Keystone, refuses header lines over 8,190 bytes.
const LONGEST_TOKEN: usize = 8_000;
/// What is asked of Keystone, in its errors.
const VALIDATE: &str = "validate a token";

/// What Keystone says about a valid token.
#[derive(Clone, Debug)]
pub struct Validated {
    /// Who it is; `is_admin` is left for the policy to set.
    pub caller: Caller,
    /// When the token ends.
    pub expires_at: DateTime<Utc>,
    /// The services the token opens.
    pub catalogue: Arc<Catalogue>,
    /// How the user logged in, for example `password`, `application_credential`.
    pub methods: Vec<String>,
    /// Domain the token is scoped to, if it is a domain.
    pub domain_id: Option<String>,
}

impl Validated {
    /// `true` for a token made from an application credential, which cannot create trusts.
    #[must_use]
    pub fn is_application_credential(&self) -> bool {
        self.methods.iter().any(|method| method == "application_credential")
    }

    pub(crate) fn facts(&self) -> Facts {
        Facts {
            caller: self.caller.clone(),
            expires_at: self.expires_at,
            domain_id: self.domain_id.clone(),
            methods: self.methods.clone(),
            catalogue: self.catalogue.clone(),
        }
    }
}

/// Token validation. Cheap to clone; clones share the cache.
#[derive(Clone, Debug)]
pub struct Identity {
    service: Session,
    cache: Cache<Key, Option<Arc<Validated>>>,
    calls: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Lifetimes {
    positive: Duration,
    negative: Duration,
}

impl Expiry<Key, Option<Arc<Validated>>> for Lifetimes {
    fn expire_after_create(&self, _: &Key, value: &Option<Arc<Validated>>, _: Instant) -> Option<Duration> {
        Some(match value {
            Some(valid) => self.positive.min((valid.expires_at - Utc::now()).to_std().unwrap_or_default()),
            None => self.negative,
        })
    }
}

impl Identity {
    pub(crate) fn new(service: Session) -> Self {
        let settings = &service.core.settings;
        let lifetimes = Lifetimes { positive: settings.token_cache, negative: settings.token_cache_negative };
        let cache = Cache::builder().max_capacity(settings.token_cache_size).expire_after(lifetimes).build();
        Self { service, cache, calls: Arc::default() }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.service.core
    }

    /// What the token stands for; `None` when Keystone does not know it or refuses its form, or it has ended.
    ///
    /// # Errors
    /// [`Error::Cloud`] when Keystone cannot be asked, or refuses the service user.
    pub async fn validate(&self, token: &Secret) -> Result<Option<Validated>> {
        let text = token.expose();
        // What cannot be sent in a header cannot be a token.
        if text.is_empty() || text.len() > LONGEST_TOKEN || !text.bytes().all(|b| (0x21..=0x7e).contains(&b)) {
            return Ok(None);
        }
        let key = openssl::sha::sha256(text.as_bytes());
        let found = self.cache.try_get_with(key, self.ask(text)).await.map_err(|error| copy(&error))?;
        Ok(found.filter(|valid| Utc::now() < valid.expires_at).map(|valid| (*valid).clone()))
    }

    /// Forgets a token that a service has refused.
    pub async fn forget(&self, token: &Secret) {
        self.cache.invalidate(&openssl::sha::sha256(token.expose().as_bytes())).await;
    }

    /// Validations asked of Keystone so far; logins of the service user are not counted.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    async fn ask(&self, token: &str) -> Result<Option<Arc<Validated>>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let reply = self
            .service
            .get(Service::Keystone, VALIDATE)
            .path(&["auth", "tokens"])
            .header("X-Subject-Token", token)
            .hide(token)
            .find()
            .await;
        let reply = match reply {
            // Refused for its form, perhaps by what stands before Keystone: no token either.
            Err(Error::Cloud { status: Some(400 | 414 | 431), doing, .. }) if doing == VALIDATE => return Ok(None),
            Ok(None) => return Ok(None),
            Ok(Some(reply)) => reply,
            Err(error) => return Err(error),
        };
        let Facts { caller, expires_at, domain_id, methods, catalogue } = reply.json::<TokenRoot>()?.into();
        Ok(Some(Arc::new(Validated { caller, expires_at, catalogue, methods, domain_id })))
    }
}

/// The same error once more: the cache shares one failure among all that waited for it.
fn copy(error: &Error) -> Error {
    match error {
        Error::Cloud { service, doing, status, detail } => {
            Error::Cloud { service, doing: doing.clone(), status: *status, detail: detail.clone() }
        }
        other => Error::Internal { doing: other.to_string(), source: None },
    }
}
