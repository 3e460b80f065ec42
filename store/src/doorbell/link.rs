//! A connection to one of the brokers, its channel, and the queue that carries the ids.
//!
//! Whatever breaks, a channel error as well as a lost connection, ends the link; its owner opens a new one after a pause.
//! A channel that saw an error is dead although its connection lives, so nothing is ever repaired in place.

use std::time::Duration;

use domain::{Error, Result, options::Rabbit};
use lapin::{
    Channel, Connection, ConnectionProperties, ErrorKind,
    options::QueueDeclareOptions,
    tcp::{OwnedIdentity, OwnedTLSConfig},
    types::{AMQPValue, FieldTable, LongString, ShortString},
    uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo},
};
use rand::Rng;
use tokio::time::timeout;

use super::transport_url::{Host, TransportUrl};

/// Deliveries without an answer after which a ring is put aside: this many again after the first one.
const DELIVERY_LIMIT: i32 = 3;
/// Dead letters kept.
const DEAD_LETTERS: i32 = 10_000;
/// A broker that accepts a connection and then says nothing is given up after this time.
const CONNECT: Duration = Duration::from_secs(20);

/// How to reach the broker and what to call the queue.
pub(super) struct Settings {
    url: TransportUrl,
    tls: OwnedTLSConfig,
    pub(super) queue: String,
    heartbeat: u16,
    pub(super) prefetch: u16,
    first_pause: Duration,
    more_pause: Duration,
    longest_pause: Duration,
}

impl Settings {
    /// Options in the URL's query win over those of the section.
    pub(super) fn new(mut url: TransportUrl, queue: &str, options: &Rabbit) -> Result<Self> {
        url.tls |= options.ssl;
        let number = |name: &str, section: u16| url.option(name).and_then(|text| text.parse().ok()).unwrap_or(section);
        let tls = if url.tls { tls(&url, options)? } else { OwnedTLSConfig::default() };
        let prefetch = match number("rabbit_qos_prefetch_count", options.rabbit_qos_prefetch_count) {
            0 => 32,
            count => count,
        };
        Ok(Self {
            heartbeat: number("heartbeat_timeout_threshold", options.heartbeat_timeout_threshold),
            prefetch,
            queue: queue.to_owned(),
            first_pause: Duration::from_secs(options.rabbit_retry_interval),
            more_pause: Duration::from_secs(options.rabbit_retry_backoff),
            longest_pause: Duration::from_secs(options.rabbit_interval_max),
            tls,
            url,
        })
    }

    /// The pause before attempt number `attempt`, counted from the one that failed first; a quarter of it is luck, so
    /// that a restarted broker is not met by everybody at once.
    pub(super) fn pause(&self, attempt: u32) -> Duration {
        let pause =
            (self.first_pause + self.more_pause * attempt).min(self.longest_pause).max(Duration::from_millis(100));
        pause.mul_f64(rand::rng().random_range(0.75..=1.0))
    }

    /// The dead-letter queue.
    fn dead(&self) -> String {
        format!("{}.dead", self.queue)
    }

    fn uri(&self, host: &Host) -> AMQPUri {
        AMQPUri {
            scheme: if self.url.tls { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo { username: host.user.clone(), password: host.password().to_owned() },
                host: host.name.clone(),
                port: host.port,
            },
            vhost: self.url.vhost.clone(),
            query: AMQPQueryString {
                heartbeat: Some(self.heartbeat),
                connection_timeout: Some(5_000),
                ..AMQPQueryString::default()
            },
        }
    }
}

/// Files of the URL's query win over those of the section.
fn tls(url: &TransportUrl, options: &Rabbit) -> Result<OwnedTLSConfig> {
    let read = |name: &str, section: &Option<String>| {
        let Some(path) = url.option(name).or(section.as_deref()).filter(|path| !path.is_empty()) else {
            return Ok(None);
        };
        let unreadable = |error| Error::invalid(format!("TLS file of transport_url {path}: {error}"));
        std::fs::read_to_string(path).map(Some).map_err(unreadable)
    };
    let certificate = read("ssl_cert_file", &options.ssl_cert_file)?;
    let identity = match (certificate, read("ssl_key_file", &options.ssl_key_file)?) {
        (Some(certificate), Some(key)) => {
            Some(OwnedIdentity::PKCS8 { pem: certificate.into_bytes(), key: key.into_bytes() })
        }
        (None, None) => None,
        _ => return Err(Error::invalid("transport_url needs both ssl_cert_file and ssl_key_file, or neither")),
    };
    Ok(OwnedTLSConfig { identity, cert_chain: read("ssl_ca_file", &options.ssl_ca_file)? })
}

/// What ended or prevented a link; for the log only, free of credentials.
#[derive(Debug)]
pub(super) struct Broken(String);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<lapin::Error> for Broken {
    fn from(error: lapin::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<&str> for Broken {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// An open channel with the queue declared.
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) channel: Channel,
}

impl Link {
    /// Connects to the first broker that answers, starting with number `attempt`, so that a host that accepts and fails
    /// later is not tried for ever.
    pub(super) async fn open(settings: &Settings, role: &str, attempt: u32) -> Result<Self, Broken> {
        let hosts = &settings.url.hosts;
        let mut last = Broken::from("there is no broker to connect to");
        for at in 0..hosts.len() {
            let host = &hosts[(at + attempt as usize) % hosts.len()];
            let broken = match timeout(CONNECT, Self::open_at(settings, role, host)).await {
                Ok(Ok(link)) => {
                    tracing::info!(host = %host.name, port = host.port, role, "connected to the broker");
                    return Ok(link);
                }
                Ok(Err(broken)) => broken,
                Err(_) => Broken::from("it accepts connections and then says nothing"),
            };
            last = Broken(format!("{}:{}: {broken}", host.name, host.port));
        }
        Err(last)
    }

    async fn open_at(settings: &Settings, role: &str, host: &Host) -> Result<Self, Broken> {
        let runtime = lapin::runtime::default_runtime()?;
        let properties =
            ConnectionProperties::default().with_connection_name(LongString::from(format!("magnum {role}")));
        let connection =
            Connection::connect_uri_with_config(settings.uri(host), properties, settings.tls.clone(), runtime).await?;
        let channel = declare(&connection, settings).await?;
        Ok(Self { connection, channel })
    }
}

fn arguments(pairs: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in pairs {
        table.insert(ShortString::from(*name), value.clone());
    }
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}

/// Declares both queues and returns the channel. A queue that is there with other arguments is used as it is, on a new
/// channel, because the broker closes the one that asked.
async fn declare(connection: &Connection, settings: &Settings) -> Result<Channel, Broken> {
    let dead = settings.dead();
    let queues = [
        (
            dead.clone(),
            arguments(&[("x-queue-type", text("quorum")), ("x-max-length", AMQPValue::LongInt(DEAD_LETTERS))]),
        ),
        (
            settings.queue.clone(),
            arguments(&[
                ("x-queue-type", text("quorum")),
                ("x-delivery-limit", AMQPValue::LongInt(DELIVERY_LIMIT)),
                ("x-dead-letter-exchange", text("")),
                ("x-dead-letter-routing-key", text(&dead)),
            ]),
        ),
    ];
    let mut channel = connection.create_channel().await?;
    for (queue, arguments) in queues {
        let name = ShortString::from(queue.as_str());
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        if let Err(error) = channel.queue_declare(name.clone(), durable, arguments).await {
            if !is_other_arguments(&error) {
                return Err(error.into());
            }
            tracing::warn!(
                queue,
                "the queue exists with other arguments and is used as it is; delete it to have it made anew"
            );
            channel = connection.create_channel().await?;
            let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(name, passive, FieldTable::default()).await?;
        }
    }
    Ok(channel)
}

/// AMQP's "precondition failed".
fn is_other_arguments(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error) if error.get_id() == 406)
}
