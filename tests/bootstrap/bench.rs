//! A simulated cloud, a folder, and `magnum bootstrap` to run on them.

use std::{
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::Duration,
};

use devcloud::{DevCloud, Settings};
use reqwest::Method;
use serde_json::{Value, json};

/// Where the service would be reached.
pub(crate) const URL: &str = "http://127.0.0.1:9511/v1";

/// A cloud, a folder for the file and the database, and the administrator's variables.
pub(crate) struct Bench {
    pub(crate) cloud: DevCloud,
    pub(crate) folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let settings = Settings { set_up: false, stack_delay: Duration::from_millis(20), ..Settings::default() };
        Self { cloud: DevCloud::start(settings).await.unwrap(), folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("magnum.conf")
    }

    /// The command with the variables of `user`.
    pub(crate) fn command(&self, user: &str, arguments: &[&str]) -> Command {
        let project = if user == "admin" { "admin" } else { "demo" };
        let mut command = Command::new(env!("CARGO_BIN_EXE_magnum"));
        command.env_clear().envs(self.cloud.env(project, user)).current_dir(self.folder.path()).stdin(Stdio::null());
        command.arg("bootstrap").args(arguments);
        command
    }

    /// What the administrator's run prints, which has to end well.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let output = self.command("admin", arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", told(&output));
        text(&output.stdout)
    }

    /// The error of a run that has to fail.
    pub(crate) fn refuses(&self, arguments: &[&str]) -> String {
        failed(&self.command("admin", arguments).output().unwrap())
    }

    /// The usual arguments, with more of them.
    pub(crate) fn arguments(&self, more: &[&str]) -> Vec<String> {
        let database = format!("sqlite:///{}", self.path("magnum.sqlite").display());
        let usual = ["--database-connection", &database, "--write-config", "magnum.conf"];
        usual.iter().chain(more).map(|word| (*word).to_owned()).collect()
    }

    /// The administrator's run with the usual arguments and more, which has to end well.
    pub(crate) fn sets_up(&self, more: &[&str]) -> String {
        let arguments = self.arguments(more);
        self.says(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The same, which has to fail.
    pub(crate) fn fails(&self, more: &[&str]) -> String {
        let arguments = self.arguments(more);
        self.refuses(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Requests that changed something in the cloud since the last look.
    pub(crate) fn changes(&self) -> Vec<String> {
        let calls = self.cloud.calls();
        self.cloud.clear_calls();
        let harmless = |method: &str, path: &str| matches!(method, "GET" | "HEAD") || path.ends_with("/auth/tokens");
        calls
            .into_iter()
            .filter(|call| !harmless(&call.method, &call.path))
            .map(|call| format!("{} {}", call.method, call.path))
            .collect()
    }

    /// Asks Keystone in the administrator's name.
    pub(crate) async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let token = self.cloud.login("admin").await.unwrap();
        let request = http.request(method, format!("{}{path}", self.cloud.auth_url())).header("x-auth-token", token);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        answer.json().await.unwrap_or(Value::Null)
    }

    /// The id of the one object of this name.
    pub(crate) async fn id(&self, kind: &str, name: &str) -> String {
        let found = self.admin(Method::GET, &format!("/{kind}?name={name}"), None).await;
        let rows = found[kind].as_array().unwrap();
        assert_eq!(rows.len(), 1, "{found}");
        rows[0]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn switch_off(&self, kind: &str, key: &str, id: &str) {
        let body = json!({ key: { "enabled": false } });
        self.admin(Method::PATCH, &format!("/{kind}/{id}"), Some(body)).await;
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn told(output: &Output) -> String {
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

pub(crate) fn failed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", told(output));
    text(&output.stderr)
}

/// The lines that say something was or would be made or changed.
pub(crate) fn done(printed: &str) -> Vec<&str> {
    let first = |line: &&str| ["made ", "changed ", "would "].iter().any(|word| line.starts_with(word));
    printed.lines().filter(first).collect()
}

/// The value of an option in a file.
pub(crate) fn option<'a>(conf: &'a str, name: &str) -> &'a str {
    conf.lines().find_map(|line| line.strip_prefix(&format!("{name} = "))).unwrap_or_else(|| panic!("{name}: {conf}"))
}
