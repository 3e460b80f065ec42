//! What has to be known to reach a cloud: addresses, identities, interfaces, limits. Plain values, nothing is read here.

use std::time::Duration;

use domain::options::Interface;
use domain::{Options, Secret, options};

/// An object named by id, by name, or both; the id wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Id in Keystone.
    pub id: Option<String>,
    /// Name in Keystone.
    pub name: Option<String>,
}

impl Named {
    /// Named by id.
    pub fn id(id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), name: None }
    }

    /// Named by name.
    pub fn name(name: impl Into<String>) -> Self {
        Self { id: None, name: Some(name.into()) }
    }

    /// `true` when neither id nor name is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.id.is_none() && self.name.is_none()
    }
}

/// A user that logs in with a password (`[keystone_auth]`).
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The user.
    pub user: Named,
    /// Domain of the user; not needed with a user id.
    pub user_domain: Named,
    /// The password.
    pub password: Option<Secret>,
    /// Project to be scoped to.
    pub project: Named,
    /// Domain of the project; not needed with a project id.
    pub project_domain: Named,
}

impl Credentials {
    /// `true` when both log in to the same thing, the password aside.
    #[must_use]
    pub(crate) fn is_same_user(&self, other: &Self) -> bool {
        self.user == other.user
            && self.user_domain == other.user_domain
            && self.project == other.project
            && self.project_domain == other.project_domain
    }
}

/// The domain that holds the clusters' own users (`[trust]`).
#[derive(Clone, Debug)]
pub struct TrustSettings {
    /// The trustee domain.
    pub domain: Named,
    /// A user with the role admin on that domain.
    pub admin: Named,
    /// Domain of that user; the trustee domain when empty.
    pub admin_domain: Named,
    /// Password of that user.
    pub admin_password: Option<Secret>,
    /// Interface of the Keystone address that is handed to nodes.
    pub keystone_interface: Interface,
    /// Region of that address; any when absent.
    pub keystone_region: Option<String>,
}

impl Default for TrustSettings {
    fn default() -> Self {
        Self {
            domain: Named::default(),
            admin: Named::default(),
            admin_domain: Named::default(),
            admin_password: None,
            keystone_interface: Interface::Public,
            keystone_region: None,
        }
    }
}

/// How one service is reached (`[heat_client]` and its kin).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Interface looked up in the catalogue.
    pub interface: Interface,
    /// Region looked up in the catalogue; any when absent.
    pub region: Option<String>,
    /// File with the authorities that are trusted, PEM; the system's when absent.
    pub ca_file: Option<String>,
    /// File with a client certificate, PEM.
    pub cert_file: Option<String>,
    /// File with the key of that certificate, PKCS#8 PEM.
    pub key_file: Option<String>,
    /// Accept any certificate.
    pub insecure: bool,
    /// How long one request may take, answer included.
    pub timeout: Duration,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            interface: Interface::Public,
            region: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            insecure: false,
            timeout: Duration::from_secs(60),
        }
    }
}

/// Everything [`crate::Cloud`] needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Keystone's address, with or without `/v3` (a trailing `/v2.0` is replaced).
    pub auth_url: String,
    /// The service user.
    pub service: Credentials,
    /// The user that validates tokens; the service user when absent.
    pub validation: Option<Credentials>,
    /// The trustee domain.
    pub trust: TrustSettings,
    /// How long a validated token is trusted without asking again; zero switches the cache off.
    pub token_cache: Duration,
    /// How long a refused token is refused without asking again.
    pub token_cache_negative: Duration,
    /// Tokens remembered at most.
    pub token_cache_size: u64,
    /// How long establishing a connection may take.
    pub connect_timeout: Duration,
    /// Attempts of a call that may be repeated, the first included.
    pub attempts: u32,
    /// Pause before the first repetition; doubled each time.
    pub retry_pause: Duration,
    /// Calls to one service that may run at the same time; more of them wait.
    pub concurrency: usize,
    /// Keystone.
    pub keystone: Client,
    /// Heat.
    pub heat: Client,
    /// Glance.
    pub glance: Client,
    /// Nova.
    pub nova: Client,
    /// Neutron.
    pub neutron: Client,
    /// Cinder.
    pub cinder: Client,
    /// Octavia.
    pub octavia: Client,
    /// Barbican.
    pub barbican: Client,
    /// Magnum itself: the address that is handed to nodes.
    pub magnum: Client,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            auth_url: String::new(),
            service: Credentials::default(),
            validation: None,
            trust: TrustSettings::default(),
            token_cache: Duration::from_secs(300),
            token_cache_negative: Duration::from_secs(10),
            token_cache_size: 10_000,
            connect_timeout: Duration::from_secs(10),
            attempts: 3,
            retry_pause: Duration::from_millis(250),
            concurrency: 32,
            keystone: Client { timeout: Duration::from_secs(30), ..Client::default() },
            heat: Client { timeout: Duration::from_secs(120), ..Client::default() },
            glance: Client::default(),
            nova: Client::default(),
            neutron: Client::default(),
            cinder: Client::default(),
            octavia: Client::default(),
            barbican: Client::default(),
            magnum: Client::default(),
        }
    }
}

fn named(id: Option<&String>, name: Option<&String>) -> Named {
    Named { id: id.cloned(), name: name.cloned() }
}

impl From<&options::Credentials> for Credentials {
    fn from(c: &options::Credentials) -> Self {
        Self {
            user: named(c.user_id.as_ref(), c.username.as_ref()),
            user_domain: named(c.user_domain_id.as_ref(), c.user_domain_name.as_ref()),
            password: Some(c.password.clone()),
            project: named(c.project_id.as_ref(), c.project_name.as_ref()),
            project_domain: named(c.project_domain_id.as_ref(), c.project_domain_name.as_ref()),
        }
    }
}

impl From<&options::Trust> for TrustSettings {
    fn from(t: &options::Trust) -> Self {
        Self {
            domain: named(t.trustee_domain_id.as_ref(), t.trustee_domain_name.as_ref()),
            admin: named(t.trustee_domain_admin_id.as_ref(), t.trustee_domain_admin_name.as_ref()),
            admin_domain: named(t.trustee_domain_admin_domain_id.as_ref(), t.trustee_domain_admin_domain_name.as_ref()),
            admin_password: t.trustee_domain_admin_password.clone(),
            keystone_interface: t.trustee_keystone_interface,
            keystone_region: t.trustee_keystone_region_name.clone(),
        }
    }
}

impl Client {
    /// What the service's section leaves open is taken from `base`, Keystone's own client.
    fn from_options(section: &options::Client, base: &Self) -> Self {
        let own_identity = section.cert_file.is_some();
        Self {
            interface: section.endpoint_type,
            region: section.region_name.clone(),
            ca_file: section.ca_file.clone().or_else(|| base.ca_file.clone()),
            cert_file: if own_identity { section.cert_file.clone() } else { base.cert_file.clone() },
            key_file: if own_identity { section.key_file.clone() } else { base.key_file.clone() },
            insecure: section.insecure || base.insecure,
            timeout: base.timeout,
        }
    }
}

impl From<&Options> for Settings {
    /// An incomplete login leaves blanks; [`crate::Cloud::new`] and the first login say which.
    fn from(options: &Options) -> Self {
        let seconds = |text: i64| Duration::from_secs(u64::try_from(text).unwrap_or(0));
        let login = options.credentials().ok();
        let authtoken = &options.keystone_authtoken;
        let base = Client {
            interface: authtoken.interface,
            region: authtoken.region_name.clone(),
            ca_file: login.as_ref().and_then(|c| c.cafile.clone()),
            cert_file: login.as_ref().and_then(|c| c.certfile.clone()),
            key_file: login.as_ref().and_then(|c| c.keyfile.clone()),
            insecure: login.as_ref().is_some_and(|c| c.insecure),
            timeout: Duration::from_secs(login.as_ref().map_or(options.magnum_rs.request_timeout, |c| c.timeout)),
        };
        let client = |section| Client::from_options(section, &base);
        let defaults = Self::default();
        Self {
            auth_url: login.as_ref().map(|c| c.auth_url.clone()).unwrap_or_default(),
            service: login.as_ref().map(Credentials::from).unwrap_or_default(),
            validation: options.validation_credentials().ok().as_ref().map(Credentials::from),
            trust: TrustSettings::from(&options.trust),
            token_cache: seconds(authtoken.token_cache_time),
            token_cache_negative: Duration::from_secs(options.magnum_rs.token_negative_cache_time),
            token_cache_size: options.magnum_rs.token_cache_size,
            connect_timeout: authtoken.http_connect_timeout.map_or(defaults.connect_timeout, Duration::from_secs),
            attempts: authtoken.http_request_max_retries.saturating_add(1),
            retry_pause: defaults.retry_pause,
            concurrency: defaults.concurrency,
            heat: client(&options.heat_client),
            glance: client(&options.glance_client),
            nova: client(&options.nova_client),
            neutron: client(&options.neutron_client),
            cinder: client(&options.cinder_client),
            octavia: client(&options.octavia_client),
            barbican: client(&options.barbican_client),
            magnum: client(&options.magnum_client),
            keystone: base,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_inherits_keystones_tls_and_keeps_its_own_place() {
        let mut options = Options::default();
        options.keystone_auth.auth_url = Some("https://k:5000".to_owned());
        options.keystone_auth.username = Some("magnum".to_owned());
        options.keystone_auth.password = Some(Secret::new("pw"));
        options.keystone_auth.cafile = Some("/ca.pem".to_owned());
        options.heat_client.region_name = Some("R".to_owned());
        options.nova_client.ca_file = Some("/nova.pem".to_owned());
        options.keystone_authtoken.token_cache_time = -1;
        let settings = Settings::from(&options);
        assert_eq!(settings.heat.ca_file.as_deref(), Some("/ca.pem"));
        assert_eq!(settings.heat.region.as_deref(), Some("R"));
        assert_eq!(settings.heat.interface, Interface::Public);
        assert_eq!(settings.nova.ca_file.as_deref(), Some("/nova.pem"));
        assert_eq!(settings.token_cache, Duration::ZERO, "-1 switches the cache off");
        assert_eq!(settings.service.user, Named::name("magnum"));
        assert_eq!(settings.attempts, 4);
    }
}
