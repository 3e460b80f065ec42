//! [`Cloud`]: the door to every session. Made without touching the network.

use std::sync::Arc;
use std::time::Duration;

use domain::{Error, Result, Secret};
use moka::sync::Cache;
use openssl::sha::Sha256;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::auth::{Auth, Login, UserToken, reference};
use crate::core::Core;
use crate::identity::Identity;
use crate::operator::{Account, Scope};
use crate::session::{Service, Session};
use crate::settings::{Credentials, Named, Settings};

/// Logins of clusters' users that are kept, and for how long without use: a status pass over many clusters logs in
/// once per cluster, not once per pass.
const LOGINS: u64 = 2_000;
const LOGIN_IDLE: Duration = Duration::from_secs(1800);

/// An OpenStack cloud. Cheap to clone; clones share connections, tokens and caches.
#[derive(Clone, Debug)]
pub struct Cloud {
    core: Arc<Core>,
    identity: Identity,
    service: Session,
    admin: Session,
    logins: Cache<[u8; 32], Session>,
    trustee_domain: Arc<OnceCell<String>>,
}

impl Cloud {
    /// Prepares everything; the first call logs in.
    ///
    /// # Errors
    /// [`Error::Internal`] when Keystone's address is not a URL or a TLS file cannot be read.
    pub fn new(settings: Settings) -> Result<Self> {
        let core = Arc::new(Core::new(settings)?);
        let doing = "log in as the service user ([keystone_auth])";
        let service = password_session(&core, doing, &core.settings.service);
        let validator = match &core.settings.validation {
            Some(other) if !other.is_same_user(&core.settings.service) => {
                password_session(&core, "log in to validate tokens ([keystone_authtoken])", other)
            }
            _ => service.clone(),
        };
        let admin = admin_session(&core);
        Ok(Self {
            identity: Identity::new(validator),
            logins: Cache::builder().max_capacity(LOGINS).time_to_idle(LOGIN_IDLE).build(),
            trustee_domain: Arc::default(),
            core,
            service,
            admin,
        })
    }

    /// Token validation.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.core.settings
    }

    /// HTTP requests sent to a service so far, repetitions included.
    #[must_use]
    pub fn calls(&self, service: Service) -> u64 {
        self.core.calls(service)
    }

    /// Forwards the caller's token. It is never renewed; a token of another project than `project_id` is refused before
    /// anything is sent.
    #[must_use]
    pub fn as_user(&self, token: Secret, project_id: &str) -> Session {
        let user = UserToken::new(token, project_id.to_owned(), self.identity.clone());
        Session::new(self.core.clone(), Auth::User(user))
    }

    /// The service user, scoped to its own project.
    #[must_use]
    pub fn as_service(&self) -> Session {
        self.service.clone()
    }

    /// The admin of the trustee domain, scoped to that domain.
    #[must_use]
    pub fn as_domain_admin(&self) -> Session {
        self.admin.clone()
    }

    /// A cluster's own user acting in its owner's name; logs in with the first call.
    #[must_use]
    pub fn as_trust(&self, user_id: &str, password: &Secret, trust_id: &str) -> Session {
        self.trustee(user_id, password, Some(trust_id))
    }

    /// The same with a login of its own, for what goes on after the call has been answered: the token has all of its life
    /// before it, and it is certain that the trust is still there. A held token may be near its end, or it may have been
    /// revoked and still be let in by a service that remembers it.
    #[must_use]
    pub fn as_trust_anew(&self, user_id: &str, password: &Secret, trust_id: &str) -> Session {
        self.trustee_login(user_id, password, Some(trust_id))
    }

    /// A cluster's own user as itself, without any scope; logs in with the first call.
    #[must_use]
    pub fn unscoped_trustee(&self, user_id: &str, password: &Secret) -> Session {
        self.trustee(user_id, password, None)
    }

    /// Somebody else who logs in with a password; `doing` is what an error says could not be done.
    #[must_use]
    pub fn log_in(&self, doing: &str, account: &Account, scope: &Scope) -> Session {
        let scope = match scope {
            Scope::Unscoped => Some(json!("unscoped")),
            Scope::Project(project, domain) => {
                reference(project, Some(domain)).map(|project| json!({ "project": project }))
            }
            Scope::Domain(domain) => reference(domain, None).map(|domain| json!({ "domain": domain })),
            Scope::System => Some(json!({ "system": { "all": true } })),
        };
        let (user, password) = (user(&account.user, &account.domain), Some(account.password.clone()));
        Session::new(self.core.clone(), Auth::Login(Login::new(self.core.clone(), doing, user, password, scope)))
    }

    /// Id of the domain that holds the clusters' users: as configured, or asked once by logging in there.
    ///
    /// # Errors
    /// [`Error::Cloud`] when Keystone cannot be asked; [`Error::Internal`] when no domain is configured.
    pub async fn trustee_domain_id(&self) -> Result<String> {
        let id = self.trustee_domain.get_or_try_init(|| async {
            if let Some(id) = &self.core.settings.trust.domain.id {
                return Ok(id.clone());
            }
            self.admin.auth.facts().await?.domain_id.ok_or_else(|| Error::Internal {
                doing: "find the trustee domain: the domain admin's token is not scoped to a domain".to_owned(),
                source: None,
            })
        });
        Ok(id.await?.clone())
    }

    /// Keystone's address for nodes: `[trust] trustee_keystone_interface` and region of the catalogue; the configured
    /// address when the catalogue has none. Ends with `/v3`.
    ///
    /// # Errors
    /// [`Error::Cloud`] when the service user cannot log in.
    pub async fn auth_url(&self) -> Result<String> {
        let catalogue = self.service.catalogue().await?;
        let trust = &self.core.settings.trust;
        let found = catalogue.endpoint(&["identity"], trust.keystone_interface, trust.keystone_region.as_deref());
        let url = found.unwrap_or(&self.core.settings.auth_url).trim_end_matches('/');
        let root = url.strip_suffix("/v3").or_else(|| url.strip_suffix("/v2.0")).unwrap_or(url);
        Ok(format!("{root}/v3"))
    }

    /// This service's own address for nodes, as the catalogue has it (old clouds list it as `container`).
    ///
    /// # Errors
    /// [`Error::Cloud`] when the service user cannot log in, or the catalogue does not list the service.
    pub async fn magnum_url(&self) -> Result<String> {
        let catalogue = self.service.catalogue().await?;
        let client = &self.core.settings.magnum;
        let kinds = ["container-infra", "container-infrastructure-management", "container"];
        let found = catalogue.endpoint(&kinds, client.interface, client.region.as_deref());
        found.map(|url| url.trim_end_matches('/').to_owned()).ok_or_else(|| Error::Cloud {
            service: Service::Keystone.name(),
            doing: "find the address of the container-infra service".to_owned(),
            status: None,
            detail: format!("the catalogue has no {} endpoint of it", client.interface.as_str()),
        })
    }

    /// `true` when the cloud has Octavia.
    ///
    /// # Errors
    /// [`Error::Cloud`] when the service user cannot log in.
    pub async fn has_octavia(&self) -> Result<bool> {
        Ok(self.service.catalogue().await?.has("load-balancer"))
    }

    fn trustee(&self, user_id: &str, password: &Secret, trust_id: Option<&str>) -> Session {
        let mut hash = Sha256::new();
        for part in [user_id, trust_id.unwrap_or_default(), password.expose()] {
            hash.update(&part.len().to_be_bytes());
            hash.update(part.as_bytes());
        }
        self.logins.get_with(hash.finish(), || self.trustee_login(user_id, password, trust_id))
    }

    fn trustee_login(&self, user_id: &str, password: &Secret, trust_id: Option<&str>) -> Session {
        let scope = trust_id.map(|id| json!({ "OS-TRUST:trust": { "id": id } }));
        let doing = format!("log in as the cluster's user {user_id}");
        let login = Login::new(self.core.clone(), doing, json!({ "id": user_id }), Some(password.clone()), scope);
        Session::new(self.core.clone(), Auth::Login(login))
    }
}

fn user(named: &Named, domain: &Named) -> Value {
    reference(named, Some(domain)).unwrap_or(Value::Null)
}

/// A session that logs in as this user, scoped to its project.
fn password_session(core: &Arc<Core>, doing: &str, c: &Credentials) -> Session {
    let scope = reference(&c.project, Some(&c.project_domain)).map(|project| json!({ "project": project }));
    let user = user(&c.user, &c.user_domain);
    Session::new(core.clone(), Auth::Login(Login::new(core.clone(), doing, user, c.password.clone(), scope)))
}

fn admin_session(core: &Arc<Core>) -> Session {
    let t = &core.settings.trust;
    let home = if t.admin_domain.is_empty() { &t.domain } else { &t.admin_domain };
    let scope = reference(&t.domain, None).map(|domain| json!({ "domain": domain }));
    let doing = "log in as the admin of the trustee domain ([trust] trustee_domain_admin_*)";
    let login = Login::new(core.clone(), doing, user(&t.admin, home), t.admin_password.clone(), scope);
    Session::new(core.clone(), Auth::Login(login))
}
