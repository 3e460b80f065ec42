//! The program as an operator meets it: what commands print, what they refuse and with which exit code, and its end.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

const UNKNOWN: &str = "11111111-2222-4333-8444-555555555555";

/// A login at a Keystone that is not there.
const LOGIN: &str = "[keystone_authtoken]\nauth_url = http://127.0.0.1:9\nusername = magnum\npassword = secret\n";

/// A folder with a configuration in it, and the program to run on that.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// The options of `more` on top of a database and key of its own.
    fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("[DEFAULT]\nstate_path = {}\n{more}", folder.path().display());
        std::fs::write(folder.path().join("magnum.conf"), text).unwrap();
        Self { folder }
    }

    fn migrated(more: &str) -> Self {
        let bench = Self::new(more);
        assert!(bench.run(&["migrate"]).status.success());
        bench
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        magnum().arg("--config-file").arg(self.path("magnum.conf")).args(arguments).output().unwrap()
    }

    /// What a command that has to succeed prints.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The error of a command that has to fail.
    fn refuses(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stdout));
        text(&output.stderr)
    }
}

fn magnum() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_magnum"));
    command.env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_schema_is_made_once() {
    let bench = Bench::new("");
    assert!(bench.says(&["migrate"]).lines().all(|line| line.starts_with("applied 0")));
    assert_eq!(bench.says(&["migrate"]), "The database schema is current.\n");
}

#[test]
fn a_database_without_tables_names_the_command_that_makes_them() {
    let bench = Bench::new(LOGIN);
    for arguments in [&["api"][..], &["conductor"], &["operation", "list"]] {
        let error = bench.refuses(arguments);
        assert!(error.contains("run: magnum migrate"), "{arguments:?}: {error}");
    }
}

#[test]
fn an_empty_database_has_no_operations_and_says_so() {
    let bench = Bench::migrated("");
    let unfinished = bench.says(&["operation", "list"]);
    assert_eq!(unfinished, "No unfinished operation. Add --all to see finished ones.\n");
    assert_eq!(bench.says(&["operation", "list", "--all"]), "No operation has been accepted yet.\n");
    for command in ["show", "retry", "abandon"] {
        let error = bench.refuses(&["operation", command, UNKNOWN]);
        assert!(error.starts_with("error: ") && error.contains(UNKNOWN), "{command}: {error}");
    }
}

#[test]
fn a_bad_value_names_file_section_and_option() {
    let bench = Bench::new("[api]\nport = many\n");
    let error = bench.refuses(&["operation", "list"]);
    assert!(error.contains(&format!("{} line 4: [api] port = many", bench.path("magnum.conf").display())), "{error}");
    assert!(error.contains("must be a whole number"), "{error}");
}

#[test]
fn a_file_that_is_missing_is_an_error_with_its_name() {
    let output = magnum().args(["--config-file", "/nowhere/magnum.conf", "migrate"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("/nowhere/magnum.conf"));
}

#[test]
fn an_unknown_option_is_a_warning_with_the_nearest_name() {
    let bench = Bench::migrated("[api]\nprot = 1\n");
    let output = bench.run(&["operation", "list"]);
    assert!(output.status.success());
    let log = text(&output.stderr);
    assert!(log.contains("unknown option prot in [api] is ignored; did you mean port?"), "{log}");
}

#[test]
fn samples_are_the_files_under_etc() {
    for (what, name) in [("config", "magnum.conf.sample"), ("policy", "policy.yaml.sample")] {
        let output = magnum().args(["sample", what]).output().unwrap();
        assert!(output.status.success());
        let kept = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("etc").join(name)).unwrap();
        assert_eq!(text(&output.stdout), kept, "{name}");
    }
}

#[test]
fn help_teaches_with_examples() {
    let commands: [&[&str]; 10] = [
        &[],
        &["api"],
        &["conductor"],
        &["all"],
        &["demo"],
        &["bootstrap"],
        &["migrate"],
        &["sample"],
        &["operation"],
        &["operation", "retry"],
    ];
    for command in commands {
        let output = magnum().args(command).arg("--help").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command:?}");
        let help = text(&output.stdout);
        let example = ["  magnum ", &command.join(" ")].concat();
        assert!(help.contains(example.trim_end()) || help.contains("  magnum --config-file"), "{command:?}: {help}");
    }
}

#[test]
fn wrong_arguments_exit_with_two() {
    assert_eq!(magnum().arg("clusterise").output().unwrap().status.code(), Some(2));
    assert_eq!(magnum().output().unwrap().status.code(), Some(2));
    assert_eq!(magnum().args(["all", "--state-dir", "/x"]).output().unwrap().status.code(), Some(2));
}

/// A process that is killed when the test fails.
struct Running(Child);

impl Running {
    fn terminate(&self) {
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().unwrap().success());
    }

    fn ended(&mut self, patience: Duration) -> ExitStatus {
        let end = Instant::now() + patience;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "still running after {patience:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address nobody listens on yet.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn all_on_a_simulated_cloud_ends_within_ten_seconds_of_sigterm() {
    let bench = Bench::new("");
    let address = free_address();
    let mut command = magnum();
    command.args(["all", "--devcloud", "--listen", &address, "--state-dir"]).arg(bench.path("state"));
    let mut child = Running(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains(&format!("http://{address}")));
    let exports: Vec<String> =
        lines.by_ref().skip(1).take_while(|line| !line.starts_with("export OS_PASSWORD")).collect();
    assert!(exports.iter().any(|line| line.starts_with("export OS_AUTH_URL=")), "{exports:?}");
    child.terminate();
    assert_eq!(child.ended(Duration::from_secs(10)).code(), Some(0));
    assert!(bench.path("state/magnum.sqlite").exists());
}

#[test]
fn a_service_logs_into_its_file_and_an_operator_sees_the_terminal() {
    let bench = Bench::migrated(&format!("log_file = magnum.log\nuse_json = true\n{LOGIN}"));
    let conf = std::fs::read_to_string(bench.path("magnum.conf")).unwrap();
    let conf = conf.replace("log_file", &format!("log_dir = {}\nlog_file", bench.folder.path().display()));
    std::fs::write(bench.path("magnum.conf"), conf + "[nova]\na = b\n").unwrap();
    let log = bench.path("magnum.log");
    assert!(text(&bench.run(&["operation", "list"]).stderr).contains("unknown section [nova]"));
    assert!(!log.exists());
    let mut command = magnum();
    command.arg("--config-file").arg(bench.path("magnum.conf")).arg("conductor").stderr(Stdio::piped());
    let mut child = Running(command.spawn().unwrap());
    let end = Instant::now() + Duration::from_secs(30);
    let ready = || std::fs::read_to_string(&log).unwrap_or_default().contains("conductor ready");
    while !ready() {
        assert!(Instant::now() < end, "the conductor did not become ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.terminate();
    assert_eq!(child.ended(Duration::from_secs(10)).code(), Some(0));
    let written = std::fs::read_to_string(&log).unwrap();
    assert!(written.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{written}");
    assert!(written.contains("unknown section [nova]"), "{written}");
    let mut terminal = String::new();
    std::io::Read::read_to_string(&mut child.0.stderr.take().unwrap(), &mut terminal).unwrap();
    assert_eq!(terminal, "");
}

/// A service without a conductor, so that what it accepts stays where it is.
async fn accepting(cloud: &devcloud::DevCloud, state: &Path, address: &str) -> Running {
    let env = cloud.magnum_options(state);
    assert!(magnum().envs(env.clone()).arg("migrate").output().unwrap().status.success());
    let mut command = magnum();
    command.envs(env).args(["api", "--listen", address]).stderr(Stdio::null());
    let api = Running(command.spawn().unwrap());
    let end = Instant::now() + Duration::from_secs(30);
    while tokio::net::TcpStream::connect(address).await.is_err() {
        assert!(Instant::now() < end, "the API did not come up");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    api
}

/// Posts a template and a cluster of it.
async fn create(cloud: &devcloud::DevCloud, address: &str) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let token = cloud.login("demo").await.unwrap();
    let template = serde_json::json!({"name": "k8s", "coe": "kubernetes", "image_id": "fedora-atomic-27",
        "external_network_id": "public", "keypair_id": "testkey", "flavor_id": "m1.small"});
    let cluster = serde_json::json!({"name": "demo", "cluster_template_id": "k8s", "node_count": 1});
    for (kind, body) in [("clustertemplates", template), ("clusters", cluster)] {
        let request = http.post(format!("http://{address}/v1/{kind}")).header("x-auth-token", &token).json(&body);
        request.send().await.unwrap().error_for_status().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_is_not_replaced_behind_the_back_of_the_operator() {
    let state = tempfile::tempdir().unwrap();
    let address = free_address();
    let settings = devcloud::Settings { magnum_url: Some(format!("http://{address}/v1")), ..Default::default() };
    let cloud = devcloud::DevCloud::start(settings).await.unwrap();
    let api = accepting(&cloud, state.path(), &address).await;
    create(&cloud, &address).await;
    drop(api);
    let options = cloud.magnum_options(state.path());
    let key = state.path().join("secret.key");
    std::fs::remove_file(&key).unwrap();
    let output = magnum().envs(options).arg("conductor").output().unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("the key file") && error.contains("openssl rand"), "{error}");
    assert!(!key.exists(), "nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lists_shows_retries_and_abandons() {
    let state = tempfile::tempdir().unwrap();
    let address = free_address();
    let settings = devcloud::Settings { magnum_url: Some(format!("http://{address}/v1")), ..Default::default() };
    let cloud = devcloud::DevCloud::start(settings).await.unwrap();
    let _api = accepting(&cloud, state.path(), &address).await;
    create(&cloud, &address).await;
    let run = |arguments: &[&str]| {
        let output =
            magnum().envs(cloud.magnum_options(state.path())).arg("operation").args(arguments).output().unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, list, _) = run(&["list"]);
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!((code, lines.len()), (Some(0), 2), "{list}");
    let cells: Vec<&str> = lines[1].split_whitespace().collect();
    let (id, cluster) = (cells[0], cells[1]);
    assert_eq!(cells[2..4], ["create", "active"], "{list}");
    assert_eq!(run(&["list", "--cluster", cluster]).1, list);
    assert!(run(&["list", "--cluster", UNKNOWN]).1.starts_with("No unfinished operation."));
    let shown = run(&["show", id]).1;
    assert!(shown.contains(cluster) && shown.contains("holds the caller's token  yes, sealed"), "{shown}");
    assert_eq!(run(&["retry", id]).0, Some(0));
    assert_eq!(run(&["abandon", id, "--reason", "tired of it"]).0, Some(0));
    assert!(run(&["list"]).1.starts_with("No unfinished operation."));
    let history = run(&["list", "--all"]).1;
    assert!(history.contains("cancelled") && history.contains("tired of it"), "{history}");
    assert!(run(&["show", id]).1.contains("holds the caller's token  no"));
    for again in ["abandon", "retry"] {
        let (code, _, error) = run(&[again, id]);
        assert_eq!(code, Some(1), "{again}");
        assert!(error.contains("cancelled"), "{again}: {error}");
    }
    cloud.stop().await;
}
