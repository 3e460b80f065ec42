//! What is to be there: what the configuration says, then the command line, then the usual names.

use cloud::{Credentials, Named, Settings, TrustSettings};
use domain::{Options, Secret, options::AuthPlugin};

use super::arguments::{Administrator, Arguments, or_default, set};

/// Sections that tell in which region a service is looked up, beside that of Cinder, which nodes are told too.
const CLIENTS: [&str; 7] = [
    "heat_client",
    "nova_client",
    "neutron_client",
    "glance_client",
    "barbican_client",
    "octavia_client",
    "magnum_client",
];

/// A user and what is known of it.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) user: Named,
    pub(crate) domain: Named,
    pub(crate) password: Option<Secret>,
}

/// Everything that is to be there but for the endpoints' addresses.
#[derive(Clone)]
pub(crate) struct Wanted {
    /// Keystone's address for the service.
    pub(crate) auth_url: Option<String>,
    /// Keystone's address for callers and nodes.
    pub(crate) public_auth_url: Option<String>,
    pub(crate) ca_file: Option<String>,
    /// Where nodes look for services.
    pub(crate) region: Option<String>,
    /// Where this service does, if it is the same for all; counts only where there are several.
    pub(crate) client_region: Option<String>,
    /// `true` when the cloud has several, so that each service has to be looked up in the right one.
    pub(crate) many_regions: bool,
    pub(crate) service: Person,
    pub(crate) project: Named,
    pub(crate) project_domain: Named,
    pub(crate) trustee_domain: Named,
    /// Its domain is the trustee domain when none is given.
    pub(crate) trustee_admin: Person,
    pub(crate) connection: Secret,
}

/// One line of a configuration file.
pub(crate) struct Setting {
    pub(crate) section: &'static str,
    pub(crate) option: &'static str,
    pub(crate) value: Option<Secret>,
}

impl Wanted {
    /// What a configuration says, without any completion.
    pub(crate) fn from_options(options: &Options) -> Self {
        let login = login(options);
        let trust = TrustSettings::from(&options.trust);
        let plugins = [&options.keystone_auth, &options.authtoken_plugin];
        let first =
            |of: fn(&AuthPlugin) -> &Option<String>| plugins.into_iter().find_map(|plugin| set(of(plugin).as_ref()));
        let public = Some(options.www_authenticate_uri()).filter(|url| !url.is_empty()).map(str::to_owned);
        Self {
            auth_url: first(|plugin| &plugin.auth_url).or_else(|| public.clone()),
            public_auth_url: public,
            ca_file: first(|plugin| &plugin.cafile),
            region: set(options.cinder_client.region_name.as_ref()),
            client_region: client_region(options),
            many_regions: false,
            service: Person { user: login.user, domain: login.user_domain, password: filled(login.password) },
            project: login.project,
            project_domain: login.project_domain,
            trustee_domain: trust.domain,
            trustee_admin: Person {
                user: trust.admin,
                domain: trust.admin_domain,
                password: filled(trust.admin_password),
            },
            connection: options.database.connection.clone(),
        }
    }

    /// The command line over it.
    pub(crate) fn overlay(&mut self, arguments: &Arguments) {
        let wanted = &arguments.wanted;
        let name = |named: &mut Named, given: &Option<String>| {
            if let Some(given) = set(given.as_ref()) {
                *named = Named::name(given);
            }
        };
        name(&mut self.service.user, &wanted.service_user);
        name(&mut self.project, &wanted.service_project);
        name(&mut self.trustee_domain, &wanted.trustee_domain);
        name(&mut self.trustee_admin.user, &wanted.trustee_admin);
        for (password, given) in [
            (&mut self.service.password, &wanted.service_password),
            (&mut self.trustee_admin.password, &wanted.trustee_admin_password),
        ] {
            if let Some(given) = filled(given.clone()) {
                *password = Some(given);
            }
        }
        if let Some(connection) = filled(wanted.database_connection.clone()) {
            self.connection = connection;
        }
        self.region = set(arguments.administrator.os_region_name.as_ref()).or(self.region.take());
    }

    /// The usual names where nothing is said; Keystone is where the administrator found it.
    pub(crate) fn complete(&mut self, administrator: &Administrator) {
        for (named, usual) in [
            (&mut self.service.user, "magnum"),
            (&mut self.project, "service"),
            (&mut self.trustee_domain, "magnum"),
            (&mut self.trustee_admin.user, "magnum_domain_admin"),
        ] {
            if named.is_empty() {
                *named = Named::name(usual);
            }
        }
        for domain in [&mut self.service.domain, &mut self.project_domain] {
            *domain = or_default(domain.id.take(), domain.name.take());
        }
        self.auth_url = self.auth_url.take().or_else(|| set(administrator.os_auth_url.as_ref()));
        self.public_auth_url = self.public_auth_url.take().or_else(|| self.auth_url.clone());
        self.ca_file = self.ca_file.take().or_else(|| set(administrator.os_cacert.as_ref()));
    }

    /// What the service will run with.
    pub(crate) fn service_settings(&self, options: &Options) -> Settings {
        let mut settings = Settings::from(options);
        settings.auth_url = self.auth_url.clone().unwrap_or_default();
        settings.keystone.ca_file.clone_from(&self.ca_file);
        settings.service = Credentials {
            user: self.service.user.clone(),
            user_domain: self.service.domain.clone(),
            password: self.service.password.clone(),
            project: self.project.clone(),
            project_domain: self.project_domain.clone(),
        };
        settings.validation = None;
        settings.trust = TrustSettings {
            domain: self.trustee_domain.clone(),
            admin: self.trustee_admin.user.clone(),
            admin_domain: self.trustee_admin.domain.clone(),
            admin_password: self.trustee_admin.password.clone(),
            ..settings.trust
        };
        if self.many_regions {
            settings.magnum.region.clone_from(&self.region);
        }
        settings
    }

    /// As lines of a configuration file, in its order.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        let mut all = vec![Setting { section: "database", option: "connection", value: Some(self.connection.clone()) }];
        let mut add = |section, option, value: Option<Secret>| all.push(Setting { section, option, value });
        let text = |value: &Option<String>| value.as_ref().map(Secret::new);
        for (option, value) in [
            ("www_authenticate_uri", text(&self.public_auth_url)),
            ("auth_url", text(&self.auth_url)),
            ("cafile", text(&self.ca_file)),
            ("username", text(&self.service.user.name)),
            ("user_id", text(&self.service.user.id)),
            ("password", self.service.password.clone()),
            ("user_domain_name", text(&self.service.domain.name)),
            ("user_domain_id", text(&self.service.domain.id)),
            ("project_name", text(&self.project.name)),
            ("project_id", text(&self.project.id)),
            ("project_domain_name", text(&self.project_domain.name)),
            ("project_domain_id", text(&self.project_domain.id)),
        ] {
            add("keystone_authtoken", option, value);
        }
        for (option, value) in [
            ("trustee_domain_name", text(&self.trustee_domain.name)),
            ("trustee_domain_id", text(&self.trustee_domain.id)),
            ("trustee_domain_admin_name", text(&self.trustee_admin.user.name)),
            ("trustee_domain_admin_id", text(&self.trustee_admin.user.id)),
            ("trustee_domain_admin_password", self.trustee_admin.password.clone()),
            ("trustee_domain_admin_domain_name", text(&self.trustee_admin.domain.name)),
            ("trustee_domain_admin_domain_id", text(&self.trustee_admin.domain.id)),
        ] {
            add("trust", option, value);
        }
        add("cinder_client", "region_name", text(&self.region));
        for section in CLIENTS.into_iter().filter(|_| self.many_regions) {
            add(section, "region_name", text(&self.client_region));
        }
        all
    }

    /// The options whose values differ, as `[section] option`.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let exposed = |setting: &Setting| setting.value.as_ref().map(|value| value.expose().to_owned());
        let pairs = self.settings().into_iter().zip(other.settings());
        pairs
            .filter(|(one, two)| exposed(one) != exposed(two))
            .map(|(one, _)| format!("[{}] {}", one.section, one.option))
            .collect()
    }
}

fn filled(password: Option<Secret>) -> Option<Secret> {
    password.filter(|password| !password.expose().is_empty())
}

/// The region that all sections of [`CLIENTS`] name.
fn client_region(options: &Options) -> Option<String> {
    let first = &options.heat_client.region_name;
    let all = [
        &options.nova_client,
        &options.neutron_client,
        &options.glance_client,
        &options.barbican_client,
        &options.octavia_client,
        &options.magnum_client,
    ];
    set(first.as_ref()).filter(|_| all.iter().all(|client| client.region_name == *first))
}

/// The service user's login, also while it lacks its password.
fn login(options: &Options) -> Credentials {
    if let Ok(complete) = options.credentials() {
        return Credentials::from(&complete);
    }
    let plugins = [&options.keystone_auth, &options.authtoken_plugin];
    let named = plugins.into_iter().find(|plugin| plugin.username.is_some() || plugin.user_id.is_some());
    let plugin = named.unwrap_or(&options.authtoken_plugin);
    let of = |id: &Option<String>, name: &Option<String>| Named { id: set(id.as_ref()), name: set(name.as_ref()) };
    let domain = |id, name| {
        let own = of(id, name);
        if own.is_empty() { of(&plugin.default_domain_id, &plugin.default_domain_name) } else { own }
    };
    Credentials {
        user: of(&plugin.user_id, &plugin.username),
        user_domain: domain(&plugin.user_domain_id, &plugin.user_domain_name),
        password: plugin.password.clone(),
        project: of(&plugin.project_id, &plugin.project_name),
        project_domain: domain(&plugin.project_domain_id, &plugin.project_domain_name),
    }
}
