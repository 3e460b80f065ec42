//! Options for talking to the other OpenStack services, Keystone before all.

use super::{Interface, Secret, declare::settings, value::choices};

settings! {
    /// How one service is found in the catalogue and spoken to.
    Client {
        /// Region in the catalogue. Unset: any.
        region_name: Option<String>;
        /// Interface in the catalogue.
        endpoint_type: Interface = "publicURL";
        /// CA bundle for TLS. Unset: that of `[keystone_auth]`, else the system's.
        ca_file: Option<String>;
        /// Client certificate for TLS.
        cert_file: Option<String>;
        /// Its key.
        key_file: Option<String>;
        /// Do not verify TLS.
        insecure: bool = false;
    }

    /// A user of Keystone and how to log in as it (the options of keystoneauth's `password` plugin and its session).
    AuthPlugin {
        /// Keystone's URL.
        auth_url: Option<String>;
        /// Take all options of this kind from another section.
        auth_section: Option<String>;
        /// Login method.
        auth_type: Option<LoginMethod>, old "auth_plugin";
        /// Name of the user.
        username: Option<String>, old "user_name";
        /// Id of the user.
        user_id: Option<String>;
        /// Its password.
        password: Option<Secret>;
        /// Domain of the user.
        user_domain_id: Option<String>;
        /// The same by name.
        user_domain_name: Option<String>;
        /// Project to log in to.
        project_name: Option<String>, old "tenant_name";
        /// The same by id.
        project_id: Option<String>, old "tenant_id";
        /// Domain of the project.
        project_domain_id: Option<String>;
        /// The same by name.
        project_domain_name: Option<String>;
        /// Domain of user and project where none is given.
        default_domain_id: Option<String>;
        /// The same by name.
        default_domain_name: Option<String>;
        /// CA bundle for TLS.
        cafile: Option<String>;
        /// Client certificate for TLS.
        certfile: Option<String>;
        /// Its key.
        keyfile: Option<String>;
        /// Do not verify TLS.
        insecure: bool = false;
        /// Seconds to wait for an answer. Unset: `[magnum_rs] request_timeout`.
        timeout: Option<u64>;
    }

    /// How callers' tokens are checked.
    Authtoken {
        /// Public URL of Keystone, told to callers without a token, and given to nodes.
        www_authenticate_uri: Option<String>, old "auth_uri";
        /// Interface of Keystone in the catalogue.
        interface: Interface = "internal";
        /// Region of Keystone.
        region_name: Option<String>;
        /// Seconds a checked token is trusted; -1 asks Keystone each time.
        token_cache_time: i64 = 300, range (-1, 86_400);
        /// Seconds to wait for an answer.
        http_connect_timeout: Option<u64>, range (1, 3600);
        /// How often a failed question is repeated.
        http_request_max_retries: u32 = 3, range (0, 100);
        /// Service user in the old spelling, used when no user is named in the plugin options.
        admin_user: Option<String>;
        /// Its password.
        admin_password: Option<Secret>;
        /// Its project.
        admin_tenant_name: Option<String>;
    }
}

choices! {
    /// How to log in: always with a password, which keystoneauth has three names for.
    LoginMethod {
        /// Whatever version Keystone speaks.
        Password = "password",
        /// The same for version 3.
        V3Password = "v3password",
        /// The older name; this service asks version 3 nevertheless.
        V2Password = "v2password",
    }
}
