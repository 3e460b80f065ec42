//! Options that upstream gets from its libraries and that deployments set.

use super::{Repeated, declare::settings};

settings! {
    /// Policy overrides.
    OsloPolicy {
        /// File of overrides, JSON or YAML; relative to the directories of the configuration files. Unset: policy.yaml,
        /// else policy.json, if there is one.
        policy_file: Option<String>, old "DEFAULT.policy_file";
        /// Directories of further such files, read in order of name on top; the option may be repeated.
        policy_dirs: Repeated = "policy.d", old "DEFAULT.policy_dirs";
        /// Rule that stands in for one that is not defined.
        policy_default_rule: String = "default", old "DEFAULT.policy_default_rule";
    }

    /// The broker.
    Rabbit {
        /// TLS to the broker; also `?ssl=1` in `transport_url`.
        ssl: bool = false, old "rabbit_use_ssl";
        /// CA bundle.
        ssl_ca_file: Option<String>, old "kombu_ssl_ca_certs";
        /// Client certificate.
        ssl_cert_file: Option<String>, old "kombu_ssl_certfile";
        /// Its key.
        ssl_key_file: Option<String>, old "kombu_ssl_keyfile";
        /// Messages taken from the broker at a time; 0 has no limit.
        rabbit_qos_prefetch_count: u16 = 0;
        /// Seconds before the first attempt to connect again.
        rabbit_retry_interval: u64 = 1, range (0, 3600);
        /// Seconds added for each further attempt.
        rabbit_retry_backoff: u64 = 2, range (0, 3600);
        /// Longest pause between attempts, in seconds.
        rabbit_interval_max: u64 = 30, range (1, 3600);
        /// Seconds without a heartbeat after which a connection counts as dead; 0 turns heartbeats off.
        heartbeat_timeout_threshold: u16 = 60;
    }

    /// Request handling.
    Middleware {
        /// Believe X-Forwarded-* and Forwarded when links are built.
        enable_proxy_headers_parsing: bool = false;
        /// Largest request body in bytes; larger ones are a 413.
        max_request_body_size: usize = 114688, range (1, 1_073_741_824);
    }

    /// Browsers of other origins.
    Cors {
        /// Origins that may call; unset allows none.
        allowed_origin: Vec<String>;
        /// Allow credentials.
        allow_credentials: bool = true;
        /// Headers they may send.
        allow_headers: Vec<String> = "X-Auth-Token,X-Identity-Status,X-Roles,X-Service-Catalog,X-User-Id,X-Tenant-Id,\
            X-OpenStack-Request-ID,X-Server-Management-Url";
        /// Methods they may use.
        allow_methods: Vec<String> = "GET,PUT,POST,DELETE,PATCH";
        /// Headers they may read.
        expose_headers: Vec<String> =
            "X-Auth-Token,X-Subject-Token,X-Service-Token,X-OpenStack-Request-ID,X-Server-Management-Url";
        /// Seconds a browser keeps the answer to a preflight.
        max_age: u64 = 3600;
    }
}
