//! What an operator and a tenant of this cloud would type: options for a Magnum service, and a log-in.

use std::{io, path::Path};

use serde_json::json;

use crate::DevCloud;

impl DevCloud {
    /// Options of a Magnum service that uses this cloud and keeps its state in `state`, spelled as the environment
    /// variables `OS_<SECTION>__<OPTION>`. Polling is quick, because stacks here are.
    #[must_use]
    pub fn magnum_options(&self, state: &Path) -> Vec<(String, String)> {
        let seed = self.seed();
        let state_path = state.display().to_string();
        let database = format!("sqlite:///{}", state.join("magnum.sqlite").display());
        let auth_url = self.auth_url();
        let mut pairs = vec![
            ("DEFAULT__STATE_PATH", state_path),
            ("DATABASE__CONNECTION", database),
            ("KEYSTONE_AUTHTOKEN__WWW_AUTHENTICATE_URI", auth_url.clone()),
            ("KEYSTONE_AUTHTOKEN__AUTH_URL", auth_url),
            ("TRUST__TRUSTEE_DOMAIN_NAME", seed.trustee_admin.domain.clone()),
            ("TRUST__TRUSTEE_DOMAIN_ADMIN_NAME", seed.trustee_admin.user.clone()),
            ("TRUST__TRUSTEE_DOMAIN_ADMIN_PASSWORD", seed.trustee_admin.password.clone()),
            ("TRUST__CLUSTER_USER_TRUST", "true".to_owned()),
            ("CINDER_CLIENT__REGION_NAME", "RegionOne".to_owned()),
            ("MAGNUM_RS__STATUS_POLL_INTERVAL", "1".to_owned()),
            ("MAGNUM_RS__OPERATION_SWEEP_INTERVAL", "1".to_owned()),
        ];
        if let Some(service) = seed.account("magnum") {
            pairs.extend([
                ("KEYSTONE_AUTHTOKEN__USERNAME", service.user.clone()),
                ("KEYSTONE_AUTHTOKEN__PASSWORD", service.password.clone()),
                ("KEYSTONE_AUTHTOKEN__PROJECT_NAME", service.project.clone()),
                ("KEYSTONE_AUTHTOKEN__USER_DOMAIN_NAME", service.domain.clone()),
                ("KEYSTONE_AUTHTOKEN__PROJECT_DOMAIN_NAME", service.domain.clone()),
            ]);
        }
        pairs.into_iter().map(|(name, value)| (format!("OS_{name}"), value)).collect()
    }

    /// A token of a seeded account, scoped to its project, asked for over HTTP as any client does.
    ///
    /// # Errors
    /// There is no such account, or Keystone does not answer with a token.
    pub async fn login(&self, user: &str) -> io::Result<String> {
        let account = self.seed().account(user).ok_or_else(|| io::Error::other(format!("no account {user}")))?;
        let domain = json!({"name": account.domain});
        let body = json!({"auth": {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": account.user, "password": account.password, "domain": domain}},
            },
            "scope": {"project": {"name": account.project, "domain": domain}},
        }});
        let http = reqwest::Client::builder().no_proxy().build().map_err(io::Error::other)?;
        let url = format!("{}/auth/tokens", self.auth_url());
        let answer = http.post(url).json(&body).send().await.map_err(io::Error::other)?;
        let token = answer.headers().get("x-subject-token").and_then(|token| token.to_str().ok());
        token.map(str::to_owned).ok_or_else(|| io::Error::other("Keystone gave no token"))
    }
}
