//! A queue of its own on the test broker, and a way to do things to the broker behind the doorbell's back.

use std::{
    fs::File,
    process::Command,
    time::{Duration, Instant},
};

use domain::{Options, options::Rabbit};
use futures::FutureExt;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicGetOptions, BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use store::{Doorbell, Ring, Rings};
use url::Url;

pub(crate) struct Broker {
    url: Url,
    queue: String,
    /// Held by tests that share the broker or have it alone; they may run in processes of their own.
    _turn: File,
}

pub(crate) fn id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The section as it is without a configuration.
pub(crate) fn options() -> Rabbit {
    Options::default().oslo_messaging_rabbit
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set. Run `eval \"$(tests/services.sh up)\"` first, or point it at a broker")
    })
}

fn shell(command: &str) {
    let status = Command::new("sh").arg("-c").arg(command).status().unwrap();
    assert!(status.success(), "{command}");
}

/// The next ring, if one comes in time.
pub(crate) async fn heard(rings: &mut Rings, patience: Duration) -> Option<Ring> {
    tokio::time::timeout(patience, rings.next()).await.ok().flatten()
}

/// What `look` finds, asked again until it does.
pub(crate) async fn soon<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "it did not happen within a minute");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Broker {
    fn new(alone: bool) -> Self {
        let url = Url::parse(&variable("TEST_RABBIT_URL")).unwrap();
        let name = format!("store-test-{}.lock", url.port().unwrap_or(5672));
        let turn = File::create(std::env::temp_dir().join(name)).unwrap();
        if alone { turn.lock() } else { turn.lock_shared() }.unwrap();
        Self { url, queue: format!("store-test-{}", id()), _turn: turn }
    }

    pub(crate) fn shared() -> Self {
        Self::new(false)
    }

    /// The broker for one test alone; `None` for one that was given, which nobody may kill or freeze.
    #[expect(clippy::print_stderr, reason = "a test that was left out has to say so")]
    pub(crate) fn alone() -> Option<Self> {
        for name in
            ["TEST_RABBIT_KILL", "TEST_RABBIT_START", "TEST_RABBIT_PAUSE", "TEST_RABBIT_RESUME", "TEST_RABBIT_CTL"]
        {
            if std::env::var_os(name).is_none() {
                eprintln!("skipped: {name} is not set, because the broker was given and not started here");
                return None;
            }
        }
        Some(Self::new(true))
    }

    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.url.host_str().unwrap(), self.url.port().unwrap_or(5672))
    }

    /// The URL in oslo's spelling; an empty host is the broker's own.
    pub(crate) fn url_with_hosts(&self, hosts: &[&str]) -> String {
        let own = self.address();
        let credentials = format!("{}:{}", self.url.username(), self.url.password().unwrap_or_default());
        let hosts: Vec<String> = hosts
            .iter()
            .map(|host| format!("{credentials}@{}", if host.is_empty() { own.as_str() } else { host }))
            .collect();
        format!("rabbit://{}{}", hosts.join(","), self.url.path())
    }

    pub(crate) fn url_with_password(&self, password: &str) -> String {
        let mut url = self.url.clone();
        url.set_password(Some(password)).unwrap();
        url.to_string()
    }

    /// A bell that is connected.
    pub(crate) async fn bell(&self) -> Doorbell {
        self.bell_at(self.url.as_str()).await
    }

    pub(crate) async fn bell_at(&self, url: &str) -> Doorbell {
        let mut options = options();
        (options.rabbit_retry_interval, options.rabbit_retry_backoff, options.rabbit_interval_max) = (0, 1, 2);
        options.heartbeat_timeout_threshold = 4;
        let bell = Doorbell::open(url, &self.queue, &options).unwrap();
        soon(async || bell.is_connected().then_some(())).await;
        bell
    }

    async fn channel(&self) -> (Connection, Channel) {
        let connection = Connection::connect(self.url.as_str(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }

    async fn counts(&self) -> Option<(u32, u32)> {
        let (_connection, channel) = self.channel().await;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare(self.queue.as_str().into(), passive, FieldTable::default()).await.ok()?;
        Some((queue.message_count(), queue.consumer_count()))
    }

    /// Waits until so many listeners are at the queue.
    pub(crate) async fn listeners(&self, wanted: u32) {
        soon(async || self.counts().await.filter(|(_, listeners)| *listeners == wanted)).await;
    }

    /// Waits until so many rings wait in the queue.
    pub(crate) async fn waiting_for(&self, wanted: u32) {
        soon(async || self.counts().await.filter(|(waiting, _)| *waiting == wanted)).await;
    }

    pub(crate) async fn publish(&self, body: &[u8]) {
        let (_connection, channel) = self.channel().await;
        let options = BasicPublishOptions::default();
        let properties = BasicProperties::default();
        channel.basic_publish("".into(), self.queue.as_str().into(), options, body, properties).await.unwrap();
        channel.close(200, "".into()).await.unwrap();
    }

    /// Every dead letter; they stay.
    pub(crate) async fn dead_letters(&self) -> Option<Vec<Vec<u8>>> {
        let (_connection, channel) = self.channel().await;
        let (queue, mut found) = (format!("{}.dead", self.queue), Vec::new());
        while let Some(message) = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await.unwrap() {
            found.push(message.delivery.data.clone());
        }
        Some(found)
    }

    pub(crate) async fn declare_classic(&self) {
        let (_connection, channel) = self.channel().await;
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(self.queue.as_str().into(), durable, FieldTable::default()).await.unwrap();
    }

    pub(crate) async fn delete_queue(&self) {
        let (_connection, channel) = self.channel().await;
        channel.queue_delete(self.queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    }

    /// Rings go through the broker again, not just within the process.
    pub(crate) async fn still_rings(&self, bell: &Doorbell, rings: &mut Rings) {
        soon(async || bell.is_connected().then_some(())).await;
        self.listeners(1).await;
        let id = id();
        bell.ring(&id).await;
        loop {
            let ring = heard(rings, Duration::from_secs(30)).await.expect("heard again");
            let found = ring.id() == id;
            ring.ack().await;
            if found {
                break;
            }
        }
        self.waiting_for(0).await;
    }

    /// Removes the queues.
    pub(crate) async fn remove(self) {
        let (connection, channel) = self.channel().await;
        for queue in [self.queue.clone(), format!("{}.dead", self.queue)] {
            channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
        }
        let _ = connection.close(200, "".into()).now_or_never();
    }

    pub(crate) fn ctl(&self, arguments: &str) {
        shell(&format!("{} {arguments} >/dev/null", variable("TEST_RABBIT_CTL")));
    }

    pub(crate) fn kill(&self) {
        shell(&variable("TEST_RABBIT_KILL"));
    }

    pub(crate) fn start(&self) {
        shell(&variable("TEST_RABBIT_START"));
    }

    pub(crate) fn pause(&self) {
        shell(&variable("TEST_RABBIT_PAUSE"));
    }

    pub(crate) fn resume(&self) {
        shell(&variable("TEST_RABBIT_RESUME"));
    }
}
