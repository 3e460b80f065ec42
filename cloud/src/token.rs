//! A Keystone token as Keystone describes it: who, scoped to what, until when, with which catalogue.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};
use domain::Caller;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::catalogue::{Catalogue, WireService};

/// The facts of a token; never the token itself.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) caller: Caller,
    pub(crate) expires_at: DateTime<Utc>,
    /// Domain the token is scoped to, if it is a domain.
    pub(crate) domain_id: Option<String>,
    pub(crate) methods: Vec<String>,
    pub(crate) catalogue: Arc<Catalogue>,
}

#[derive(Deserialize)]
pub(crate) struct TokenRoot {
    token: Wire,
}

#[derive(Deserialize)]
struct Wire {
    user: WireUser,
    #[serde(deserialize_with = "utc")]
    expires_at: DateTime<Utc>,
    project: Option<WireScope>,
    domain: Option<WireRef>,
    #[serde(default)]
    roles: Option<Vec<WireRole>>,
    #[serde(default)]
    methods: Option<Vec<String>>,
    #[serde(rename = "OS-TRUST:trust")]
    trust: Option<WireRef>,
    #[serde(default)]
    catalog: Option<Vec<WireService>>,
}

#[derive(Deserialize)]
struct WireUser {
    id: String,
    #[serde(default)]
    name: String,
    domain: Option<WireRef>,
}

#[derive(Deserialize)]
struct WireScope {
    id: String,
    name: Option<String>,
    domain: Option<WireRef>,
}

#[derive(Deserialize)]
struct WireRef {
    id: Option<String>,
}

#[derive(Deserialize)]
struct WireRole {
    name: String,
}

/// A time in UTC. Keystone leaves the offset out where an application credential's end is the token's.
fn utc<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bare = || text.parse::<NaiveDateTime>().map(|time| time.and_utc());
    text.parse().or_else(|_| bare()).map_err(D::Error::custom)
}

impl From<TokenRoot> for Facts {
    fn from(TokenRoot { token }: TokenRoot) -> Self {
        let (project_id, project_name, project_domain_id) = match token.project {
            Some(project) => (Some(project.id), project.name, project.domain.and_then(|d| d.id)),
            None => (None, None, None),
        };
        Self {
            caller: Caller {
                user_id: token.user.id,
                user_name: token.user.name,
                user_domain_id: token.user.domain.and_then(|d| d.id).unwrap_or_default(),
                project_id,
                project_name,
                project_domain_id,
                roles: token.roles.unwrap_or_default().into_iter().map(|role| role.name).collect(),
                trust_id: token.trust.and_then(|trust| trust.id),
                is_admin: false,
            },
            expires_at: token.expires_at,
            domain_id: token.domain.and_then(|d| d.id),
            methods: token.methods.unwrap_or_default(),
            catalogue: Arc::new(Catalogue::from_wire(token.catalog.unwrap_or_default())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_without_offset_is_in_utc() {
        for text in ["2026-11-21T08:13:18.000000Z", "2026-11-21T08:13:18", "2026-11-21T09:13:18+01:00"] {
            let root = serde_json::json!({"token": {"user": {"id": "u"}, "expires_at": text}});
            let facts = Facts::from(serde_json::from_value::<TokenRoot>(root).unwrap());
            assert_eq!(facts.expires_at.to_rfc3339(), "2026-11-21T08:13:18+00:00", "{text}");
        }
        let root = serde_json::json!({"token": {"user": {"id": "u"}, "expires_at": "soon"}});
        assert!(serde_json::from_value::<TokenRoot>(root).is_err());
    }
}
