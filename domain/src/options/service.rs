//! Options of the service itself: processes, logging, HTTP, database, our own engine.

use super::{
    Secret,
    declare::settings,
    value::{Kind, Setting, choices},
};

settings! {
    /// The whole service: identity, broker, logging, life cycle.
    Service {
        /// Name of this node in the service list, in notifications and in leases. Unset: the host name.
        host: Option<String>;
        /// Top directory of what the service keeps on disk (embedded database, generated key).
        state_path: String = "/var/lib/magnum";
        /// Broker, for example `rabbit://user:password@host1:5672,user:password@host2:5672/vhost?ssl=1`. Unset: an
        /// in-process doorbell, which is enough for `magnum all`; several processes then find work by sweeping.
        transport_url: Option<Secret>;
        /// Log at DEBUG instead of INFO.
        debug: bool = false;
        /// File that api, conductor and all append their log to, under `log_dir` unless absolute; rotate it by copying and
        /// truncating. Unset: standard error.
        log_file: Option<String>, old "logfile";
        /// Directory of the log file; alone, the file is `magnum.log`.
        log_dir: Option<String>, old "logdir";
        /// One JSON object per log line.
        use_json: bool = false;
        /// Log to standard error even when a log file is set.
        use_stderr: bool = false;
        /// Levels of single loggers, `name=LEVEL`, comma separated, such as `magnum=DEBUG,sqlx=WARNING`. The variable
        /// `RUST_LOG` of the environment replaces it together with `debug`.
        default_log_levels: Vec<String>;
        /// Seconds allowed for requests and steps to end after SIGTERM; 0 waits for ever.
        graceful_shutdown_timeout: u64 = 60;
        /// Most seconds that POST and PATCH of /v1/bays at version 1.1 wait for the conductor. No other request waits.
        rpc_response_timeout: u64 = 60;
        /// Seconds after its last heartbeat at which a service counts as down.
        service_down_time: i64 = 180, range (1, i64::MAX);
        /// Watch stacks and clean up in this conductor. At least one has to; without it a cluster's status follows its stack
        /// later. Heartbeats are always sent.
        periodic_enable: bool = true;
        /// Character groups of generated passwords; each group gives at least one character.
        password_symbols: Vec<String> = "23456789,ABCDEFGHJKLMNPQRSTUVWXYZ,abcdefghijkmnopqrstuvwxyz";
    }

    /// The HTTP server.
    Api {
        /// Listen address, IPv4 or IPv6.
        host: String = "127.0.0.1";
        /// Listen port.
        port: u16 = 9511;
        /// Largest page of a list; larger limits are cut to it.
        max_limit: u32 = 1000, range (1, 1_000_000);
        /// Worker threads. Unset: one per CPU.
        workers: Option<usize>, range (1, 1024);
        /// Serve HTTPS.
        enabled_ssl: bool = false;
        /// Certificate chain for HTTPS, PEM.
        ssl_cert_file: Option<String>;
        /// Private key for HTTPS, PEM.
        ssl_key_file: Option<String>;
    }

    /// The process that carries operations out.
    Conductor {
        /// Name of the broker queue that carries operation ids.
        topic: String = "magnum-conductor";
        /// Operations worked on at the same time, if less than `[magnum_rs] max_concurrent_operations`.
        workers: Option<usize>, range (1, 1024);
    }

    /// Where rows are kept.
    Database {
        /// Database URL: `sqlite:///path`, mysql://, mysql+pymysql://, postgresql:// and `SQLAlchemy`'s other spellings.
        connection: Secret = "sqlite:///$state_path/magnum.sqlite", old "DEFAULT.sql_connection", old "sql_connection";
        /// Connections per process.
        max_pool_size: u32 = 5, range (1, 10_000);
        /// Further connections under load, on top of `max_pool_size`.
        max_overflow: u32 = 50, range (0, 10_000);
        /// Connections kept open when idle.
        min_pool_size: u32 = 1, range (0, 10_000);
        /// Seconds to wait for a free connection. Unset: 30.
        pool_timeout: Option<u64>, range (1, 3600);
        /// Seconds after which a connection is replaced.
        connection_recycle_time: u64 = 3600, range (1, i64::MAX), old "idle_timeout", old "DEFAULT.sql_idle_timeout";
        /// Connect attempts at start; -1 tries for ever.
        max_retries: i64 = 10, range (-1, i64::MAX);
        /// Seconds between those attempts.
        retry_interval: u64 = 10, range (0, 3600);
        /// SQL mode set on each `MySQL` or MariaDB connection; empty keeps the server's.
        mysql_sql_mode: String = "TRADITIONAL";
    }

    /// What this implementation adds; no other Magnum reads this section.
    MagnumRs {
        /// Keys that seal tokens, trustee passwords and certificate keys in the database: base64 of 32 bytes each. The
        /// first seals, all open, so that a key can be replaced. Unset: `secret_key_file`.
        secret_keys: Vec<Secret>;
        /// File with such keys, one a line, used when `secret_keys` is empty. Made at the first start when it is missing.
        /// Every process needs the same keys.
        secret_key_file: String = "$state_path/secret.key";
        /// Seconds an operation belongs to the process that took it, without a sign of life.
        operation_lease: i64 = 60, range (1, 3600);
        /// Seconds between two looks for due operations; the longest a lost broker message can delay one.
        operation_sweep_interval: u64 = 5, range (1, 3600);
        /// Operations one process works on at the same time.
        max_concurrent_operations: usize = 32, range (1, 10_000);
        /// Seconds one step may be retried before its operation fails.
        step_deadline: i64 = 900, range (1, 86_400);
        /// Seconds a stack may take to be updated.
        update_deadline: i64 = 3600, range (1, 604_800);
        /// Seconds a stack may take to be deleted.
        delete_deadline: i64 = 3600, range (1, 604_800);
        /// Seconds without any movement in a stack in progress after which Heat is asked to go on with it, if every report
        /// that it waits for has come, as after the death of one of its engines; three times as many if it waits for something
        /// else than nodes. 0 never asks.
        stalled_stack_time: i64 = 600, range (0, 86_400);
        /// Seconds between two looks at the stack of a busy cluster.
        status_poll_interval: i64 = 10, range (1, 3600);
        /// Seconds the questions to one cluster's own API may take together, about its health or about which nodes it uses.
        cluster_probe_timeout: u64 = 20, range (1, 600);
        /// Seconds a resize waits until the nodes that leave run nothing any more, before their servers go all the same. 0 does
        /// not empty them.
        drain_time: i64 = 120, range (0, 86_400);
        /// Clusters that one process asks about their health at the same time.
        max_concurrent_probes: usize = 16, range (1, 1000);
        /// Seconds a health that somebody else reported for a cluster is left alone, such as an auto-healer inside it.
        reported_health_time: i64 = 600, range (0, 86_400);
        /// Most nodes a request may ask for, masters and workers counted apart. Kubernetes is made for up to 5000.
        max_node_count: i64 = 5000, range (1, 2_147_483_647);
        /// What to do about several masters, which upstream gives different service account keys: share one key (fix),
        /// refuse the cluster (reject), or only say so in the log (warn).
        multi_master_guard: MultiMasterGuard = "fix";
        /// Allow Kubernetes clusters with `tls_disabled`, whose API anybody who reaches it may use.
        allow_insecure_kubernetes: bool = false;
        /// Seconds a token that Keystone refused is refused without asking again.
        token_negative_cache_time: u64 = 10, range (0, 3600);
        /// Tokens kept in the in-process cache.
        token_cache_size: u64 = 10000, range (1, 10_000_000);
        /// Defaults of the policy rules: queens (nodes use the trustee's unscoped token; what the Heat driver needs) or
        /// master (roles member and reader; cluster users have no rights of their own).
        default_rules: DefaultSet = "queens";
        /// Seconds to wait for an answer of an OpenStack service.
        request_timeout: u64 = 60, range (1, 3600);
    }

    /// The path /healthcheck.
    Healthcheck {
        /// While this file exists, /healthcheck answers 503, which takes the node out of its load balancer.
        disable_by_file_path: String = "/etc/magnum/healthcheck_disable";
    }
}

choices! {
    /// How several masters are handled.
    MultiMasterGuard {
        /// All masters share one service account key.
        Fix = "fix",
        /// More than one master is a 400.
        Reject = "reject",
        /// Only a line in the log.
        Warn = "warn",
    }

    /// Which policy defaults are in force.
    DefaultSet {
        /// Those of the Queens release.
        Queens = "queens",
        /// Those of the current development line.
        Master = "master",
    }
}

/// A catalogue interface, `publicURL` or `public` and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words are Keystone's and say it themselves")]
pub enum Interface {
    Public,
    Internal,
    Admin,
}

impl Interface {
    /// Keystone v3's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Admin => "admin",
        }
    }
}

impl Setting for Interface {
    const KIND: Kind = Kind {
        name: "a word",
        choices: &["publicURL", "internalURL", "adminURL", "public", "internal", "admin"],
        repeats: false,
        secret: false,
    };

    fn read(values: &[String]) -> Option<Self> {
        let text = values.last()?.trim();
        match text.strip_suffix("URL").unwrap_or(text) {
            "public" => Some(Self::Public),
            "internal" => Some(Self::Internal),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}
