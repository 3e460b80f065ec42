//! The servers behind the service, and how to kill them: with the commands that tests/services.sh prints.

use tokio::process::Command;

/// Where the rows are, and with them what else takes part.
pub(crate) enum Database {
    Sqlite,
    Server { url: String, rabbit: String, servers: Vec<Server> },
}

impl Database {
    /// The server of this name, together with RabbitMQ; the test fails with a hint where they are unset.
    pub(crate) fn from_env(name: &'static str) -> Self {
        let (url, rabbit) = (url_of(name), url_of("rabbit"));
        let servers = [Server::of(name, &url), Server::of("rabbit", &rabbit)].into_iter().flatten().collect();
        Self::Server { url, rabbit, servers }
    }
}

/// A server that may be killed.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) name: &'static str,
    kill: String,
    start: String,
}

impl Server {
    /// `None` for a server of somebody else, which must not be killed. One of ours without the commands is an error: the
    /// test would prove less than it says.
    fn of(name: &'static str, url: &str) -> Option<Self> {
        let command = |verb: &str| std::env::var(variable(name, verb)).ok();
        if let (Some(kill), Some(start)) = (command("KILL"), command("START")) {
            return Some(Self { name, kill, start });
        }
        let (kill, start, given) = (variable(name, "KILL"), variable(name, "START"), variable(name, "URL"));
        assert!(
            !is_ours(url),
            "{given} names a server of tests/services.sh, but {kill} and {start} are not set, so it could not be killed; \
             set everything that `tests/services.sh env` prints"
        );
        println!("{name} is not killed: it is somebody else's, as {kill} and {start} are not set");
        None
    }

    /// Kills it; it is back when [`Down::end`] returns or, when the test fails before, after the drop.
    pub(crate) async fn kill(&self) -> Down {
        let down = Down { start: Some(self.start.clone()) };
        run(&self.kill).await;
        down
    }
}

/// A server that is down.
#[must_use]
pub(crate) struct Down {
    start: Option<String>,
}

impl Down {
    /// Starts it again and waits until it is ready.
    pub(crate) async fn end(mut self) {
        if let Some(start) = self.start.take() {
            run(&start).await;
        }
    }
}

impl Drop for Down {
    fn drop(&mut self) {
        if let Some(start) = self.start.take() {
            let done = std::process::Command::new("sh").args(["-c", &start]).status();
            println!("started again after the test failed: {done:?}");
        }
    }
}

async fn run(command: &str) {
    let done = Command::new("sh").args(["-c", command]).status().await.unwrap();
    assert!(done.success(), "{command}: {done}");
}

fn variable(name: &str, what: &str) -> String {
    format!("TEST_{}_{what}", name.to_uppercase())
}

fn url_of(name: &str) -> String {
    let variable = variable(name, "URL");
    std::env::var(&variable)
        .unwrap_or_else(|_| panic!("{variable} is not set; run `make test`, which starts the servers"))
}

/// By the form that tests/services.sh gives its URLs: `//magnum:<32 hexadecimal digits>@127.0.0.1:`.
fn is_ours(url: &str) -> bool {
    let secret =
        url.split_once("//magnum:").and_then(|(_, rest)| rest.split_once("@127.0.0.1:")).map(|(secret, _)| secret);
    secret.is_some_and(|secret| secret.len() == 32 && secret.chars().all(|c| c.is_ascii_hexdigit()))
}

#[test]
fn servers_of_our_own_are_known_by_their_urls() {
    assert!(is_ours("mysql://magnum:0123456789abcdef0123456789abcdef@127.0.0.1:30624/magnum"));
    assert!(is_ours("amqp://magnum:0123456789abcdef0123456789abcdef@127.0.0.1:1/%2f"));
    assert!(!is_ours("mysql://magnum:secret@127.0.0.1:3306/magnum"));
    assert!(!is_ours("postgresql://magnum:0123456789abcdef0123456789abcdef@db.example.com:5432/magnum"));
}
