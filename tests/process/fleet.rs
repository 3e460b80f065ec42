//! One API process and two conductors against a simulated cloud, and the ways to disturb them.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use devcloud::DevCloud;

use crate::{
    client::Client,
    servers::{Database, Server},
};

const BINARY: &str = env!("CARGO_BIN_EXE_magnum");
pub(crate) const CONDUCTORS: usize = 2;
/// Seconds; short, so that a takeover is seen within a test.
const LEASE: u64 = 4;
/// Longer than any operation takes.
const STANDSTILL: Duration = Duration::from_secs(120);

/// A process of the service; it does not outlive the test.
struct Process(Child);

impl Process {
    /// Ended by itself, and not because it was told to.
    fn failed(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some_and(|status| !status.success())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only for one that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) struct Fleet {
    pub(crate) cloud: DevCloud,
    pub(crate) client: Client,
    pub(crate) servers: Vec<Server>,
    env: Vec<(String, String)>,
    port: u16,
    api: Process,
    conductors: Vec<Process>,
    _state: tempfile::TempDir,
}

impl Fleet {
    pub(crate) async fn start(database: Database) -> Self {
        let state = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}");
        let settings = devcloud::Settings {
            magnum_url: Some(format!("{url}/v1")),
            stack_delay: Duration::from_millis(300),
            play_nodes: true,
            // The API may be killed again and again meanwhile; a node tries for minutes.
            node_patience: Duration::from_secs(180),
            ..devcloud::Settings::default()
        };
        let cloud = DevCloud::start(settings).await.unwrap();
        let (env, servers) = environment(&cloud, state.path(), database).await;
        let migrated = command(&env, &["migrate"]).status().unwrap();
        assert!(migrated.success(), "magnum migrate failed");
        let api = api(&env, port);
        let conductors = (0..CONDUCTORS).map(|_| conductor(&env)).collect();
        let client = Client::new(url, cloud.login("demo").await.unwrap());
        client.wait_until_up().await;
        Self { cloud, client, servers, env, port, api, conductors, _state: state }
    }

    pub(crate) fn kill_conductor(&mut self, victim: usize) {
        self.conductors[victim].0.kill().unwrap();
        self.conductors[victim].0.wait().unwrap();
    }

    pub(crate) fn start_conductor(&mut self, victim: usize) {
        self.conductors[victim] = conductor(&self.env);
    }

    /// Stops a conductor for longer than its leases last, and lets it go on.
    pub(crate) async fn pause_conductor(&self, victim: usize) {
        let pid = self.conductors[victim].0.id();
        signal("-STOP", pid);
        tokio::time::sleep(Duration::from_secs(LEASE + 1)).await;
        signal("-CONT", pid);
    }

    pub(crate) fn kill_api(&mut self) {
        self.api.0.kill().unwrap();
        self.api.0.wait().unwrap();
    }

    pub(crate) async fn start_api(&mut self) {
        self.api = api(&self.env, self.port);
        self.client.wait_until_up().await;
    }

    /// Starts again what ended with an error, as etc/systemd does: a process that starts while the database is down says
    /// so and ends. `true` when there was something to start.
    pub(crate) fn supervise(&mut self) -> bool {
        let mut any = false;
        for process in &mut self.conductors {
            if process.failed() {
                *process = conductor(&self.env);
                any = true;
            }
        }
        if self.api.failed() {
            self.api = api(&self.env, self.port);
            any = true;
        }
        any
    }

    /// Lets time pass under supervision.
    pub(crate) async fn supervise_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.supervise();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until every process stays up.
    pub(crate) async fn calm(&mut self) {
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(2)).await;
            if !self.supervise() {
                return;
            }
        }
        panic!("processes keep ending by themselves");
    }

    /// Waits until no operation is unfinished, as the operator's command tells it; fails when for a while none ended. A
    /// busy machine may take long, but not stand still.
    pub(crate) async fn settle(&mut self) {
        let (mut left, mut end) = (usize::MAX, Instant::now());
        loop {
            self.supervise();
            let output = command(&self.env, &["operation", "list"]).stdout(Stdio::piped()).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            if text.starts_with("No unfinished operation") {
                return;
            }
            let unfinished = text.lines().count();
            if unfinished < left {
                (left, end) = (unfinished, Instant::now() + STANDSTILL);
            }
            assert!(Instant::now() < end, "no operation ended for {STANDSTILL:?}:\n{text}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Everything stops on SIGTERM with success.
    pub(crate) async fn end(mut self) {
        for process in self.conductors.iter_mut().chain([&mut self.api]) {
            signal("-TERM", process.0.id());
            let end = Instant::now() + Duration::from_secs(20);
            let status = loop {
                if let Some(status) = process.0.try_wait().unwrap() {
                    break status;
                }
                assert!(Instant::now() < end, "a process did not stop on SIGTERM");
                tokio::time::sleep(Duration::from_millis(50)).await;
            };
            assert!(status.success(), "stopped with {status}");
        }
        self.cloud.clone().stop().await;
    }
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success(), "kill {name} {pid}");
}

fn command(env: &[(String, String)], arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).envs(env.iter().cloned()).stdout(Stdio::null());
    command
}

fn api(env: &[(String, String)], port: u16) -> Process {
    Process(command(env, &["api", "--listen", &format!("127.0.0.1:{port}")]).spawn().unwrap())
}

fn conductor(env: &[(String, String)]) -> Process {
    Process(command(env, &["conductor"]).spawn().unwrap())
}

async fn environment(cloud: &DevCloud, state: &Path, database: Database) -> (Vec<(String, String)>, Vec<Server>) {
    let mut env = cloud.magnum_options(state);
    let mut set = |name: &str, value: String| env.push((name.to_owned(), value));
    set("OS_MAGNUM_RS__OPERATION_LEASE", LEASE.to_string());
    set("OS_QUOTAS__MAX_CLUSTERS_PER_PROJECT", "1000".to_owned());
    set("RUST_LOG", std::env::var("RUST_LOG").unwrap_or_else(|_| "off".to_owned()));
    let servers = match database {
        Database::Sqlite => Vec::new(),
        Database::Server { url, rabbit, servers } => {
            let fresh = fresh_database(&url).await;
            set("OS_DATABASE__CONNECTION", fresh);
            set("OS_DEFAULT__TRANSPORT_URL", rabbit);
            set("OS_CONDUCTOR__TOPIC", format!("chaos-{}-{}", std::process::id(), rand::random::<u16>()));
            servers
        }
    };
    (env, servers)
}

/// Makes an empty database on the server of `url`; its own URL.
async fn fresh_database(url: &str) -> String {
    let name = format!("chaos_{}_{}", std::process::id(), rand::random::<u16>());
    let statement = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    let plain = url.replace("mysql+pymysql://", "mysql://").replace("postgresql+psycopg2://", "postgresql://");
    if plain.starts_with("mysql") {
        sqlx::raw_sql(statement).execute(&sqlx::MySqlPool::connect(&plain).await.unwrap()).await.unwrap();
    } else {
        sqlx::raw_sql(statement).execute(&sqlx::PgPool::connect(&plain).await.unwrap()).await.unwrap();
    }
    let (before, query) = plain.split_once('?').map_or((plain.as_str(), String::new()), |(a, b)| (a, format!("?{b}")));
    let server = before.rsplit_once('/').unwrap().0;
    format!("{server}/{name}{query}")
}
