//! What can be wrong, one variant per thing a caller can tell apart.
//!
//! `Display` is text for the caller: it names the field and the fix, and never prints its source. The chain is logged
//! once, at the boundary. The mapping to HTTP is one table in `api/src/problem.rs`.

use std::error::Error as StdError;

/// Result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn StdError + Send + Sync>;

/// Everything the service can answer instead of success.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field, argument or header is wrong (400). The text names it and says what would be right.
    #[error("{0}")]
    Invalid(String),
    /// The caller's token may not do this (403).
    #[error("Policy does not allow {rule} to be performed")]
    Forbidden {
        /// Name of the policy rule.
        rule: String,
    },
    /// Refused for a reason other than policy (403).
    #[error("{0}")]
    Refused(String),
    /// A limit is reached (403).
    #[error(
        "Resource limit exceeded: cluster quota of {limit} reached. Delete a cluster first or ask for a larger quota"
    )]
    QuotaReached {
        /// The limit in force.
        limit: i64,
    },
    /// No such object, or not visible to the caller (404).
    #[error("{kind} {ident} could not be found")]
    NotFound {
        /// What was looked for, for example `Cluster`.
        kind: &'static str,
        /// As the caller named it.
        ident: String,
    },
    /// A name matches several objects (409).
    #[error("Multiple {kind} objects exist with the name {ident}. Use the UUID instead")]
    Ambiguous {
        /// What was looked for, for example `cluster`.
        kind: &'static str,
        /// As the caller named it.
        ident: String,
    },
    /// Taken already, or cannot be done in this state (409).
    #[error("{0}")]
    Conflict(String),
    /// A template in use by clusters (400, as upstream).
    #[error("ClusterTemplate {uuid} is referenced by one or multiple clusters")]
    TemplateReferenced {
        /// Uuid of the template.
        uuid: String,
    },
    /// An OpenStack service did not do what was asked.
    #[error("{service} could not {doing}: {detail}")]
    Cloud {
        /// Service name in the field's words, for example `heat`.
        service: &'static str,
        /// What was attempted, to be read after "could not".
        doing: String,
        /// HTTP status of the answer; `None` when there was no answer.
        status: Option<u16>,
        /// The service's own words, shortened and free of secrets.
        detail: String,
    },
    /// The database failed (503 when it can be tried again).
    #[error("the database could not {doing}")]
    Database {
        /// What was attempted, to be read after "could not".
        doing: &'static str,
        /// The database's own error.
        #[source]
        source: Source,
    },
    /// The database refuses a value for its length or size (400): the same call never succeeds. What callers give is
    /// checked before, so this is the last line of defence.
    #[error("A value is too long or too large to be kept: the database could not {doing}")]
    DoesNotFit {
        /// What was attempted, to be read after "could not".
        doing: &'static str,
        /// The database's own error.
        #[source]
        source: Source,
    },
    /// A defect or a broken row (500). The text is for operators only and never leaves the service.
    #[error("{doing}")]
    Internal {
        /// What was attempted.
        doing: String,
        /// The cause, if another error is behind it.
        #[source]
        source: Option<Source>,
    },
}

impl Error {
    /// A 400 with a text for the caller.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }

    /// A 400 for a field whose value is wrong. The value is quoted, cut after 100 characters. Clients
    /// show the text up to its first full stop, so everything that helps stands before it.
    #[must_use]
    pub fn bad_value(field: &str, value: &str, reason: &str) -> Self {
        let end = value.char_indices().nth(100).map_or(value.len(), |(at, _)| at);
        Self::Invalid(format!("Invalid input for field/attribute {field}, value '{}': {reason}", &value[..end]))
    }

    /// An internal failure with its cause.
    pub fn internal(doing: impl Into<String>, source: impl Into<Source>) -> Self {
        Self::Internal { doing: doing.into(), source: Some(source.into()) }
    }

    /// `true` when the same call may succeed later: no answer, 408, 429 or 5xx of a service, or a failing database.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Cloud { status, .. } => status.is_none_or(|s| matches!(s, 408 | 429 | 500..)),
            Self::Database { .. } => true,
            _ => false,
        }
    }

    /// HTTP status an OpenStack service answered with, if this is a service's refusal.
    #[must_use]
    pub fn cloud_status(&self) -> Option<u16> {
        match self {
            Self::Cloud { status, .. } => *status,
            _ => None,
        }
    }
}
