//! The options of the service: Magnum's sections and names, each declared once.
//!
//! From a declaration come the typed struct, its default, the reader, the documented sample, the table for docs/ and
//! the list of known names. Reading files is the business of [`crate::config`]; here is only what may be set.
//! To add an option, write one entry in the file of its section and run the tests with `UPDATE=1`.

mod auth;
mod clusters;
mod declare;
mod docs;
pub(crate) mod ignored;
mod library;
mod openstack;
mod secret;
mod service;
pub(crate) mod value;

pub use auth::Credentials;
pub use clusters::{
    Affinity, CertManager, Certificates, Cinder, Clusters, DockerRegistry, Drivers, Kubernetes, Quotas, Stacks,
    Templates, Trust, X509,
};
pub use declare::{Opt, Section};
pub use docs::{options_doc, sample_config};
pub use library::{Cors, Middleware, OsloPolicy, Rabbit};
pub use openstack::{AuthPlugin, Authtoken, Client, LoginMethod};
pub use secret::Secret;
pub use service::{Api, Conductor, Database, DefaultSet, Healthcheck, Interface, MagnumRs, MultiMasterGuard, Service};
pub use value::{Kind, Repeated, Setting};

use crate::config::{Reader, Settings};

declare::sections! {
    /// Every option, by section. `Options::default()` is what an empty configuration gives.
    Options {
        /// The whole service: broker, logging, life cycle.
        default: Service, in "DEFAULT";
        /// The HTTP server.
        api: Api, in "api";
        /// The process that carries operations out.
        conductor: Conductor, in "conductor";
        /// Where rows are kept.
        database: Database, in "database";
        /// What this implementation adds; no other Magnum reads this section.
        magnum_rs: MagnumRs, in "magnum_rs";
        /// The service user: how this service logs in. What is missing here is taken from `[keystone_authtoken]`.
        keystone_auth: AuthPlugin, in "keystone_auth";
        /// How callers' tokens are checked.
        keystone_authtoken: Authtoken, in "keystone_authtoken";
        /// The user that checks them. What is missing here is taken from `[keystone_auth]`.
        authtoken_plugin: AuthPlugin, in "keystone_authtoken";
        /// The user each cluster has in Keystone. Without a trustee domain and its admin no cluster can be created.
        trust: Trust, in "trust";
        /// Where cluster certificates are kept.
        certificates: Certificates, in "certificates";
        /// What certificates look like, and what a signing request may ask for.
        x509: X509, in "x509";
        /// Quotas of projects without a row of their own.
        quotas: Quotas, in "quotas";
        /// Clusters.
        cluster: Clusters, in "cluster";
        /// Which network drivers templates may name.
        cluster_template: Templates, in "cluster_template";
        /// Stacks of clusters.
        cluster_heat: Stacks, in "cluster_heat";
        /// Drivers and what every node gets.
        drivers: Drivers, in "drivers";
        /// Volumes of clusters.
        cinder: Cinder, in "cinder";
        /// The registry inside a cluster.
        docker_registry: DockerRegistry, in "docker_registry";
        /// How the health of clusters is watched, whatever their COE.
        kubernetes: Kubernetes, in "kubernetes";
        /// How Heat is reached.
        heat_client: Client, in "heat_client";
        /// How Nova is reached.
        nova_client: Client, in "nova_client";
        /// How Neutron is reached.
        neutron_client: Client, in "neutron_client";
        /// How Glance is reached.
        glance_client: Client, in "glance_client";
        /// How Cinder is reached. Its region is also what nodes are told to use for volumes.
        cinder_client: Client, in "cinder_client";
        /// How Barbican is reached.
        barbican_client: Client, in "barbican_client";
        /// How Octavia is reached.
        octavia_client: Client, in "octavia_client";
        /// The URL of this service that nodes get.
        magnum_client: Client, in "magnum_client";
        /// Policy overrides.
        oslo_policy: OsloPolicy, in "oslo_policy";
        /// The broker.
        oslo_messaging_rabbit: Rabbit, in "oslo_messaging_rabbit";
        /// Request handling.
        oslo_middleware: Middleware, in "oslo_middleware";
        /// The path /healthcheck.
        healthcheck: Healthcheck, in "healthcheck";
        /// Browsers of other origins.
        cors: Cors, in "cors";
    }
}

impl Default for Options {
    #[expect(clippy::expect_used, reason = "defaults are constants of this crate, and a test reads every one of them")]
    fn default() -> Self {
        Self::read(&mut Reader::new(&Settings::default())).expect("a declared default can be read")
    }
}

impl Options {
    /// Name of this node; [`crate::config::load`] fills in the system's when none is configured.
    #[must_use]
    pub fn host(&self) -> &str {
        self.default.host.as_deref().unwrap_or("localhost")
    }

    /// `[api] host` and `port` as `host:port`, with brackets around an IPv6 address.
    #[must_use]
    pub fn api_address(&self) -> String {
        let Api { host, port, .. } = &self.api;
        if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// The database URL as configured. It may hold a password: never log it.
    #[must_use]
    pub fn database_connection(&self) -> &str {
        self.database.connection.expose()
    }
}

/// The declaration of an option, if it is known under this name.
#[must_use]
pub fn declared(section: &str, name: &str) -> Option<&'static Opt> {
    options_of(section).find(|opt| opt.name == name)
}

/// Every option of a section; several structs may share one.
pub fn options_of(section: &str) -> impl Iterator<Item = &'static Opt> {
    SECTIONS.iter().filter(move |known| known.name == section).flat_map(|known| known.options)
}
