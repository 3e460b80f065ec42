//! Tells conductors that an operation is due. Carries ids only, and may lose, double or delay them: the rows are the
//! truth and the sweep finds what was not heard.
//!
//! Promises: ringing never fails and never waits for a broker; a broker that is down, frozen, full or restarted changes
//! latency only, and comes back into use by itself; starting needs no broker.
//!
//! Without a broker, or while it cannot be reached, a ring is heard within the process.

mod link;
mod listener;
mod publisher;
mod transport_url;

use std::sync::Arc;

use domain::{Options, Result, Secret};
use tokio::sync::{broadcast, mpsc};

use listener::Listener;
use publisher::Publisher;
use transport_url::Transport;

/// Rings within the process kept for a listener that is busy.
const LOCAL: usize = 4096;

/// The bell. Cheap to clone; the connection ends with the last clone.
#[derive(Clone)]
pub struct Doorbell {
    local: broadcast::Sender<String>,
    rabbit: Option<Rabbit>,
}

#[derive(Clone)]
struct Rabbit {
    settings: Arc<link::Settings>,
    publisher: Arc<Publisher>,
}

/// What a listener hears.
pub struct Rings {
    local: broadcast::Receiver<String>,
    remote: Option<Listener>,
}

/// One ring. Dropped without [`Ring::ack`], it is delivered again once the listener is gone.
#[derive(Debug)]
pub struct Ring {
    id: String,
    delivery: Option<lapin::Acker>,
}

impl Ring {
    /// The operation that is due.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Says that the ring is taken care of. Due as soon as it was heard, not when the operation has ended: the row
    /// remembers, and RabbitMQ cuts off listeners that keep a message for long.
    pub async fn ack(self) {
        let Some(delivery) = self.delivery else { return };
        // A ring of a connection that broke meanwhile is delivered again, which is harmless.
        if let Err(error) = delivery.ack(lapin::options::BasicAckOptions::default()).await {
            tracing::debug!(error = %error, "a ring could not be acknowledged and will come again");
        }
    }

    /// Gives the ring back for another listener. After a few times the broker puts it aside as a dead letter.
    pub async fn refuse(self) {
        let Some(delivery) = self.delivery else { return };
        let again = lapin::options::BasicNackOptions { requeue: true, ..Default::default() };
        if let Err(error) = delivery.nack(again).await {
            tracing::debug!(error = %error, "a ring could not be given back and will come again");
        }
    }
}

impl Doorbell {
    /// A bell within this process.
    #[must_use]
    pub fn in_process() -> Self {
        Self { local: broadcast::channel(LOCAL).0, rabbit: None }
    }

    /// The bell that `[DEFAULT] transport_url` names; without one, a bell within this process. Must be called within
    /// the runtime, on which the connection lives.
    ///
    /// # Errors
    /// `Invalid` when the URL or a file it names cannot be used. A broker that cannot be reached is no error.
    pub fn from_options(options: &Options) -> Result<Self> {
        match options.default.transport_url.as_ref().map(Secret::expose).filter(|url| !url.is_empty()) {
            Some(url) => {
                Self::open(url, &format!("{}.operations", options.conductor.topic), &options.oslo_messaging_rabbit)
            }
            None => Ok(Self::in_process()),
        }
    }

    /// The bell at `url` over the queue `queue`.
    ///
    /// # Errors
    /// As [`Doorbell::from_options`].
    pub fn open(url: &str, queue: &str, options: &domain::options::Rabbit) -> Result<Self> {
        let Transport::Rabbit(url) = Transport::parse(url)? else { return Ok(Self::in_process()) };
        let settings = Arc::new(link::Settings::new(url, queue, options)?);
        let publisher = Arc::new(Publisher::start(Arc::clone(&settings)));
        Ok(Self { local: broadcast::channel(LOCAL).0, rabbit: Some(Rabbit { settings, publisher }) })
    }

    /// Rings for an operation. Returns at once, whatever the broker does.
    pub async fn ring(&self, id: &str) {
        if let Some(rabbit) = &self.rabbit
            && rabbit.publisher.send(id)
        {
            return;
        }
        // Nobody may be listening in this process; the sweep of another one finds the row.
        let _ = self.local.send(id.to_owned());
    }

    /// `true` while rings reach the broker; always without one.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.rabbit.as_ref().is_none_or(|rabbit| rabbit.publisher.is_up())
    }

    /// Starts to listen. Of several listeners at one broker each ring reaches one; within a process it reaches all.
    pub async fn listen(&self) -> Rings {
        let remote = self.rabbit.as_ref().map(|rabbit| Listener::start(Arc::clone(&rabbit.settings)));
        Rings { local: self.local.subscribe(), remote }
    }
}

impl std::fmt::Debug for Doorbell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.rabbit.is_some() { "Doorbell(rabbit)" } else { "Doorbell(in process)" })
    }
}

impl std::fmt::Debug for Rings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rings")
    }
}

impl Rings {
    /// The next ring; `None` when the bell is gone. May be given up at any point without losing a ring.
    pub async fn next(&mut self) -> Option<Ring> {
        loop {
            let remote = async {
                match &mut self.remote {
                    Some(remote) => remote.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(ring) = remote => return Some(ring),
                local = self.local.recv() => match local {
                    Ok(id) => return Some(Ring { id, delivery: None }),
                    // Rings that came too fast are in the rows.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
            }
        }
    }
}

/// A task that ends with its owner.
struct Task(tokio::task::JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Rings on their way from the broker to a busy listener, beyond which the broker keeps them.
fn hand_over() -> (mpsc::Sender<Ring>, mpsc::Receiver<Ring>) {
    mpsc::channel(1)
}
