//! One API process and two conductors against a simulated cloud, and the ways to disturb them.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use devcloud::DevCloud;
use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_magnum");
/// Seconds; short, so that a takeover is seen within a test.
const LEASE: u64 = 4;

/// Where the rows are, and with them what else takes part.
pub(crate) enum Database {
    Sqlite,
    Server { url: String, rabbit: String, name: &'static str },
}

impl Database {
    /// The server named by `variable`, together with RabbitMQ; the test fails with a hint where they are unset.
    pub(crate) fn from_env(variable: &str, name: &'static str) -> Self {
        let get = |name: &str| {
            std::env::var(name)
                .unwrap_or_else(|_| panic!("{name} is not set; run `make test`, which starts the servers"))
        };
        Self::Server { url: get(variable), rabbit: get("TEST_RABBIT_URL"), name }
    }
}

pub(crate) struct Fleet {
    pub(crate) cloud: DevCloud,
    env: Vec<(String, String)>,
    server: Option<&'static str>,
    api: Child,
    conductors: Vec<Child>,
    url: String,
    http: reqwest::Client,
    token: String,
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
            node_patience: Duration::from_secs(60),
            ..devcloud::Settings::default()
        };
        let cloud = DevCloud::start(settings).await.unwrap();
        let (env, server) = environment(&cloud, state.path(), database).await;
        let migrated = process(&env, &["migrate"]).status().unwrap();
        assert!(migrated.success(), "magnum migrate failed");
        let api = process(&env, &["api", "--listen", &format!("127.0.0.1:{port}")]).spawn().unwrap();
        let conductors = (0..2).map(|_| process(&env, &["conductor"]).spawn().unwrap()).collect();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let token = cloud.login("demo").await.unwrap();
        let fleet = Self { cloud, env, server, api, conductors, url, http, token, _state: state };
        fleet.healthy().await;
        fleet
    }

    async fn healthy(&self) {
        let end = Instant::now() + Duration::from_secs(30);
        while self.http.get(format!("{}/healthcheck", self.url)).send().await.is_err() {
            assert!(Instant::now() < end, "the API did not come up");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Kills or pauses a conductor, or restarts a server behind it.
    pub(crate) async fn disturb(&mut self, rng: &mut StdRng) {
        let victim = rng.random_range(0..self.conductors.len());
        match rng.random_range(0..10) {
            0..5 => self.kill(victim),
            5..8 => self.pause(victim).await,
            _ => self.restart_a_server(rng),
        }
    }

    fn kill(&mut self, victim: usize) {
        self.conductors[victim].kill().unwrap();
        self.conductors[victim].wait().unwrap();
        self.conductors[victim] = process(&self.env, &["conductor"]).spawn().unwrap();
    }

    async fn pause(&self, victim: usize) {
        let pid = self.conductors[victim].id().to_string();
        signal("-STOP", &pid);
        tokio::time::sleep(Duration::from_secs(LEASE + 1)).await;
        signal("-CONT", &pid);
    }

    fn restart_a_server(&self, rng: &mut StdRng) {
        let Some(database) = self.server else { return };
        let Ok(command) = std::env::var("TEST_SERVICES_RESTART") else { return };
        let name = if rng.random_bool(0.5) { "rabbit" } else { database };
        let done =
            Command::new("sh").arg("-c").arg(format!("{command} {name}")).stdout(Stdio::null()).status().unwrap();
        assert!(done.success(), "{name} could not be restarted");
    }

    /// Both conductors are up.
    pub(crate) async fn calm(&mut self) {
        for child in &mut self.conductors {
            assert!(child.try_wait().unwrap().is_none(), "a conductor ended by itself");
        }
    }

    /// Waits until no operation is unfinished, as the operator's command tells it.
    pub(crate) async fn settle(&self, patience: Duration) {
        let end = Instant::now() + patience;
        loop {
            let output = process(&self.env, &["operation", "list"]).stdout(Stdio::piped()).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            if text.starts_with("No unfinished operation") {
                return;
            }
            assert!(Instant::now() < end, "operations never ended:\n{text}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Sends until the service answers: a restarting database may refuse for a moment. For requests that may be repeated.
    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let (status, answer) = self.send_once(method, path, body.as_ref()).await;
            if status < 500 {
                return (status, answer);
            }
            assert!(Instant::now() < end, "{method} {path} keeps answering {status}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    async fn send_once(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut request = self.http.request(method.parse().unwrap(), format!("{}/v1{path}", self.url));
        request = request.header("x-auth-token", &self.token).header("openstack-api-version", "container-infra latest");
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.unwrap();
        (status, if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap_or_default() })
    }

    pub(crate) async fn template(&self) {
        let body = json!({"name": "k8s", "coe": "kubernetes", "image_id": "fedora-atomic-27", "external_network_id": "public",
            "keypair_id": "testkey", "flavor_id": "m1.small", "master_flavor_id": "m1.small"});
        let (status, answer) = self.send("POST", "/clustertemplates", Some(body)).await;
        assert_eq!(status, 201, "{answer}");
    }

    /// A refusal while the database restarts may come after the commit, so before asking again it is looked whether
    /// the cluster is there; names are used once.
    pub(crate) async fn create(&self, name: &str) -> String {
        let body = json!({"name": name, "cluster_template_id": "k8s", "node_count": 1});
        let (mut status, mut answer) = self.send_once("POST", "/clusters", Some(&body)).await;
        for _ in 0..200 {
            if status < 500 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            if let (200, cluster) = self.send("GET", &format!("/clusters/{name}"), None).await {
                return cluster["uuid"].as_str().unwrap().to_owned();
            }
            (status, answer) = self.send_once("POST", "/clusters", Some(&body)).await;
        }
        assert_eq!(status, 202, "{answer}");
        answer["uuid"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn resize(&self, uuid: &str, count: i64) {
        let body = json!([{"op": "replace", "path": "/node_count", "value": count}]);
        let (status, answer) = self.send("PATCH", &format!("/clusters/{uuid}"), Some(body)).await;
        assert_eq!(status, 202, "{answer}");
    }

    pub(crate) async fn delete(&self, uuid: &str) {
        let path = format!("/clusters/{uuid}");
        let (first, answer) = self.send_once("DELETE", &path, None).await;
        if first >= 500 {
            let (again, answer) = self.send("DELETE", &path, None).await;
            assert!(matches!(again, 204 | 404), "{again}: {answer}");
        } else {
            assert_eq!(first, 204, "{answer}");
        }
    }

    pub(crate) async fn cluster(&self, uuid: &str) -> Option<Value> {
        match self.send("GET", &format!("/clusters/{uuid}"), None).await {
            (200, cluster) => Some(cluster),
            (404, _) => None,
            (status, answer) => panic!("{status}: {answer}"),
        }
    }

    /// Everything stops on SIGTERM with success.
    pub(crate) async fn end(mut self) {
        let api = std::mem::take(&mut self.conductors).into_iter().chain([self.api]);
        for mut child in api {
            signal("-TERM", &child.id().to_string());
            let end = Instant::now() + Duration::from_secs(20);
            let status = loop {
                if let Some(status) = child.try_wait().unwrap() {
                    break status;
                }
                assert!(Instant::now() < end, "a process did not stop on SIGTERM");
                tokio::time::sleep(Duration::from_millis(50)).await;
            };
            assert!(status.success(), "stopped with {status}");
        }
        self.cloud.stop().await;
    }
}

fn signal(name: &str, pid: &str) {
    assert!(Command::new("kill").args([name, pid]).status().unwrap().success(), "kill {name} {pid}");
}

fn process(env: &[(String, String)], arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).envs(env.iter().cloned()).stdout(Stdio::null());
    command
}

async fn environment(
    cloud: &DevCloud,
    state: &Path,
    database: Database,
) -> (Vec<(String, String)>, Option<&'static str>) {
    let mut env = cloud.magnum_options(state);
    let mut set = |name: &str, value: String| env.push((name.to_owned(), value));
    set("OS_MAGNUM_RS__OPERATION_LEASE", LEASE.to_string());
    set("OS_QUOTAS__MAX_CLUSTERS_PER_PROJECT", "1000".to_owned());
    set("RUST_LOG", "error".to_owned());
    let server = match database {
        Database::Sqlite => None,
        Database::Server { url, rabbit, name } => {
            let fresh = fresh_database(&url).await;
            set("OS_DATABASE__CONNECTION", fresh);
            set("OS_DEFAULT__TRANSPORT_URL", rabbit);
            set("OS_CONDUCTOR__TOPIC", format!("chaos-{}", std::process::id()));
            Some(name)
        }
    };
    (env, server)
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
