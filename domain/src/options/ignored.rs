//! Options of upstream that nobody reads here.
//!
//! Most steer Python's processes and libraries, and are accepted in silence. Those that ask for something an operator
//! would miss are in [`UNHEEDED`], and are told at the start.

/// Sections read by nobody, whole.
const SECTIONS: &[&str] = &[
    "auto_scaling",
    "bay",
    "bay_heat",
    "baymodel",
    "capi_client",
    "capi_helm",
    "capi_helm_cluster_labels",
    "docker",
    "manila_client",
    "matchmaker_redis",
    "oslo_concurrency",
    "oslo_messaging_amqp",
    "oslo_messaging_kafka",
    "oslo_messaging_notifications",
    "oslo_messaging_zmq",
    "oslo_reports",
    "profiler",
    "ssl",
];

/// Single options, by section; a name that ends with `*` stands for all that begin so.
const OPTIONS: &[(&str, &[&str])] = &[
    (
        "DEFAULT",
        &[
            "backdoor_port",
            "bindir",
            "client_socket_timeout",
            "control_exchange",
            "executor_thread_pool_size",
            "fatal_deprecations",
            "instance_format",
            "instance_uuid_format",
            "log_config_append",
            "log_date_format",
            "log_options",
            "log_rotat*",
            "logging_*",
            "max_header_line",
            "max_logfile_*",
            "max_manifest_size",
            "notification_*",
            "periodic_fuzzy_delay",
            "periodic_interval_max",
            "publish_errors",
            "pybasedir",
            "rate_limit_*",
            "rootwrap_config",
            "rpc_backend",
            "rpc_cast_timeout",
            "rpc_conn_pool_size",
            "rpc_message_ttl",
            "rpc_ping_enabled",
            "rpc_poll_timeout",
            "rpc_thread_pool_size",
            "rpc_zmq_*",
            "run_external_periodic_tasks",
            "syslog_log_facility",
            "tcp_keep*",
            "tempdir",
            "use_eventlog",
            "use_journal",
            "use_pub_sub",
            "use_syslog",
            "verbose",
            "watch_log_file",
            "wsgi_*",
            "zmq_*",
        ],
    ),
    ("api", &["api_paste_config"]),
    ("barbican_client", &["api_version"]),
    ("certificates", &["storage_path"]),
    ("cinder_client", &["api_version"]),
    ("cluster", &["enabled_definitions", "temp_cache_dir"]),
    ("cluster_heat", &["max_attempts", "wait_interval"]),
    ("conductor", &["conductor_life_check_timeout"]),
    (
        "database",
        &[
            "backend",
            "connection_debug",
            "connection_parameters",
            "connection_trace",
            "db_*",
            "mysql_enable_ndb",
            "mysql_engine",
            "mysql_wsrep_sync_wait",
            "slave_connection",
            "sqlite_synchronous",
            "use_db_reconnect",
            "use_tpool",
        ],
    ),
    ("drivers", &["default_driver", "enabled_beta_drivers", "send_cluster_metrics"]),
    ("glance_client", &["api_version"]),
    ("healthcheck", &["backends", "detailed", "path"]),
    ("heat_client", &["api_version"]),
    ("keystone_auth", &["collect_timing", "domain_id", "domain_name", "split_loggers", "system_scope", "trust_id"]),
    (
        "keystone_authtoken",
        &[
            "admin_token",
            "auth_host",
            "auth_port",
            "auth_protocol",
            "auth_version",
            "cache",
            "check_revocations_for_cached",
            "collect_timing",
            "delay_auth_decision",
            "domain_id",
            "domain_name",
            "enforce_token_bind",
            "hash_algorithms",
            "identity_uri",
            "include_service_catalog",
            "memcache_*",
            "memcached_servers",
            "revocation_cache_time",
            "service_token_roles",
            "service_token_roles_required",
            "service_type",
            "signing_dir",
            "split_loggers",
            "system_scope",
            "trust_id",
        ],
    ),
    ("kubernetes", &["keystone_auth_default_policy", "post_install_manifest_url"]),
    ("neutron_client", &["api_version"]),
    ("nova_client", &["api_version"]),
    ("octavia_client", &["api_version"]),
    ("oslo_middleware", &["secure_proxy_ssl_header"]),
    ("oslo_policy", &["enforce_new_defaults", "enforce_scope", "remote_*"]),
    (
        "oslo_messaging_rabbit",
        &[
            "amqp_*",
            "channel_max",
            "connection_factory",
            "conn_pool_*",
            "default_*",
            "enable_cancel_on_failover",
            "fake_rabbit",
            "frame_max",
            "heartbeat_*",
            "host_connection_reconnect_delay",
            "hostname",
            "kombu_*",
            "notification_*",
            "pool_*",
            "processname",
            "rabbit_*",
            "rpc_*",
            "socket_timeout",
            "ssl_enforce_fips_mode",
            "ssl_options",
            "ssl_version",
            "tcp_user_timeout",
            "use_queue_manager",
        ],
    ),
];

/// Options that ask for something this service does not do, and what it does instead: section, option, sentence.
const UNHEEDED: &[(&str, &str, &str)] = &[
    ("DEFAULT", "log_config_append", "logging is set up with debug, default_log_levels and use_json"),
    ("DEFAULT", "notification_driver", NO_NOTIFICATIONS),
    ("DEFAULT", "use_journal", "logs go to standard error or log_file"),
    ("DEFAULT", "use_syslog", "logs go to standard error or log_file"),
    ("drivers", "default_driver", "the driver follows from server type, distribution and kind of cluster"),
    ("drivers", "enabled_beta_drivers", "there are no beta drivers"),
    ("keystone_authtoken", "service_token_roles_required", "service tokens are not looked at"),
    ("kubernetes", "keystone_auth_default_policy", "clusters get no Keystone webhook"),
    ("kubernetes", "post_install_manifest_url", "no manifest is applied to new clusters"),
    ("oslo_messaging_notifications", "driver", NO_NOTIFICATIONS),
];

const NO_NOTIFICATIONS: &str = "no notifications are sent";

/// Values that ask for nothing.
const OFF: &[&str] = &["", "noop", "false", "no", "off", "0", "-1"];

/// What is done instead of what an option asks for, if a value of it asks for anything.
pub(crate) fn unheeded(section: &str, name: &str, values: &[String]) -> Option<&'static str> {
    let asks = values.iter().any(|value| !OFF.contains(&value.trim().to_lowercase().as_str()));
    UNHEEDED.iter().find(|known| asks && (known.0, known.1) == (section, name)).map(|(_, _, instead)| *instead)
}

/// `true` for a whole section that is accepted and ignored.
pub(crate) fn section(name: &str) -> bool {
    SECTIONS.contains(&name)
}

/// `true` for an option that is accepted and ignored.
pub(crate) fn option(section: &str, name: &str) -> bool {
    self::section(section)
        || OPTIONS.iter().filter(|(known, _)| *known == section).flat_map(|(_, names)| *names).any(|known| match known
            .strip_suffix('*')
        {
            Some(start) => name.starts_with(start),
            None => name == *known,
        })
}
