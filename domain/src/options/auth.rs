//! How the service itself logs in: the options of two sections, with upstream's fall-backs between them.

use super::{Options, Secret};
use crate::config::ConfigError;

/// A complete login of the service user.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub struct Credentials {
    /// Keystone's v3 URL, as configured or made from an older spelling.
    pub auth_url: String,
    /// Name of the user; `None` when the id is given.
    pub username: Option<String>,
    /// Id of the user.
    pub user_id: Option<String>,
    /// Its password.
    pub password: Secret,
    /// Domain of the user, by id.
    pub user_domain_id: Option<String>,
    /// Domain of the user, by name.
    pub user_domain_name: Option<String>,
    /// Project, by name.
    pub project_name: Option<String>,
    /// Project, by id.
    pub project_id: Option<String>,
    /// Domain of the project, by id.
    pub project_domain_id: Option<String>,
    /// Domain of the project, by name.
    pub project_domain_name: Option<String>,
    /// CA bundle for TLS to Keystone; also the default for the other services.
    pub cafile: Option<String>,
    /// Client certificate.
    pub certfile: Option<String>,
    /// Its key.
    pub keyfile: Option<String>,
    /// Do not verify TLS.
    pub insecure: bool,
    /// Seconds to wait for an answer.
    pub timeout: u64,
}

impl Options {
    /// The login of the service user: `[keystone_auth]`, or where that names no user with a password, the login options
    /// of `[keystone_authtoken]`, or last its `admin_user`, `admin_password`, `admin_tenant_name`.
    ///
    /// # Errors
    ///
    /// No user, password or Keystone URL is set in either section.
    pub fn credentials(&self) -> Result<Credentials, ConfigError> {
        self.login([&self.keystone_auth, &self.authtoken_plugin])
    }

    /// The login that checks callers' tokens: as [`Options::credentials`], with `[keystone_authtoken]` first.
    ///
    /// # Errors
    ///
    /// As [`Options::credentials`].
    pub fn validation_credentials(&self) -> Result<Credentials, ConfigError> {
        self.login([&self.authtoken_plugin, &self.keystone_auth])
    }

    /// Keystone's URL for callers, as configured: `www_authenticate_uri`, else that of the service user, else empty.
    #[must_use]
    pub fn www_authenticate_uri(&self) -> &str {
        let candidates = [
            &self.keystone_authtoken.www_authenticate_uri,
            &self.authtoken_plugin.auth_url,
            &self.keystone_auth.auth_url,
        ];
        candidates.into_iter().flatten().next().map_or("", String::as_str)
    }

    /// Keystone's v3 URL for nodes: [`Options::www_authenticate_uri`] with `v2.0` replaced; `None` when nothing is set.
    #[must_use]
    pub fn public_keystone(&self) -> Option<String> {
        Some(self.www_authenticate_uri()).filter(|url| !url.is_empty()).map(v3)
    }

    fn login(&self, order: [&super::AuthPlugin; 2]) -> Result<Credentials, ConfigError> {
        let old = &self.keystone_authtoken;
        let complete = |plugin: &&super::AuthPlugin| {
            plugin.password.is_some() && (plugin.username.is_some() || plugin.user_id.is_some())
        };
        // Queens derives the URL from `auth_uri` where the sections name none (magnum/common/keystone.py).
        let auth_url = [&order[0].auth_url, &order[1].auth_url, &old.www_authenticate_uri]
            .into_iter()
            .flatten()
            .next()
            .map(|url| v3(url))
            .ok_or(ConfigError::Login { missing: "auth_url" })?;
        let plugin = order.into_iter().find(complete);
        let (username, user_id, password) = match plugin {
            Some(plugin) => (plugin.username.clone(), plugin.user_id.clone(), plugin.password.clone()),
            None => (old.admin_user.clone(), None, old.admin_password.clone()),
        };
        let Some(password) = password else { return Err(ConfigError::Login { missing: "password" }) };
        if username.is_none() && user_id.is_none() {
            return Err(ConfigError::Login { missing: "username" });
        }
        let mut found = Credentials {
            auth_url,
            username,
            user_id,
            password,
            user_domain_id: None,
            user_domain_name: None,
            project_name: None,
            project_id: None,
            project_domain_id: None,
            project_domain_name: None,
            cafile: order.iter().find_map(|plugin| plugin.cafile.clone()),
            certfile: order.iter().find_map(|plugin| plugin.certfile.clone()),
            keyfile: order.iter().find_map(|plugin| plugin.keyfile.clone()),
            insecure: order.iter().any(|plugin| plugin.insecure),
            timeout: order.iter().find_map(|plugin| plugin.timeout).unwrap_or(self.magnum_rs.request_timeout),
        };
        match plugin {
            Some(plugin) => found.scope(plugin),
            None => {
                // Queens' legacy login lives in the domain with the id `default`.
                found.user_domain_id = Some("default".to_owned());
                found.project_domain_id = Some("default".to_owned());
                found.project_name.clone_from(&old.admin_tenant_name);
            }
        }
        Ok(found)
    }
}

impl Credentials {
    fn scope(&mut self, plugin: &super::AuthPlugin) {
        let domain = |id: &Option<String>, name: &Option<String>| match (id, name) {
            (None, None) => (plugin.default_domain_id.clone(), plugin.default_domain_name.clone()),
            (id, name) => (id.clone(), name.clone()),
        };
        (self.user_domain_id, self.user_domain_name) = domain(&plugin.user_domain_id, &plugin.user_domain_name);
        (self.project_domain_id, self.project_domain_name) =
            domain(&plugin.project_domain_id, &plugin.project_domain_name);
        self.project_name.clone_from(&plugin.project_name);
        self.project_id.clone_from(&plugin.project_id);
    }
}

/// A Keystone URL in its v3 form: `v2.0` is replaced, a bare root gets `/v3`.
fn v3(url: &str) -> String {
    let url = url.trim_end_matches('/').replace("/v2.0", "/v3");
    if url.ends_with("/v3") { url } else { format!("{url}/v3") }
}
