//! What has to be known to reach a cloud: addresses, identities, interfaces, limits. Plain values, nothing is read here.

use std::time::Duration;

use secrecy::SecretString;

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
    pub password: SecretString,
    /// Project to be scoped to.
    pub project: Named,
    /// Domain of the project; not needed with a project id.
    pub project_domain: Named,
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
    pub admin_password: SecretString,
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
            admin_password: SecretString::default(),
            keystone_interface: Interface::Public,
            keystone_region: None,
        }
    }
}

/// Which of a service's addresses in the catalogue is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interface {
    /// For users.
    #[default]
    Public,
    /// For services of the cloud.
    Internal,
    /// For operators.
    Admin,
}

impl Interface {
    /// Reads `public`, `publicURL` and so on; anything unknown is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim_end_matches("URL") {
            "public" => Some(Self::Public),
            "internal" => Some(Self::Internal),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }

    /// The word used in catalogues.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Admin => "admin",
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
    /// The trustee domain.
    pub trust: TrustSettings,
    /// How long a validated token is trusted without asking again; zero switches the cache off.
    pub token_cache: Duration,
    /// How long a refused token is refused without asking again.
    pub token_cache_negative: Duration,
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
            trust: TrustSettings::default(),
            token_cache: Duration::from_secs(300),
            token_cache_negative: Duration::from_secs(10),
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
