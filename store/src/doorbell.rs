//! Tells conductors that an operation is due. Carries ids only, and may lose, double or delay them.

use domain::{Options, Result};
use tokio::sync::broadcast;

/// The bell. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Doorbell {
    local: broadcast::Sender<String>,
}

/// What a listener hears.
#[derive(Debug)]
pub struct Rings {
    local: broadcast::Receiver<String>,
}

/// One ring.
#[derive(Debug)]
pub struct Ring {
    id: String,
}

impl Ring {
    /// The operation that is due.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Says that the ring has been taken care of: the operation is known to be due, or was looked at.
    pub async fn ack(self) {}
}

impl Doorbell {
    /// A bell within this process.
    #[must_use]
    pub fn in_process() -> Self {
        Self { local: broadcast::channel(1024).0 }
    }

    /// The bell that `transport_url` names.
    ///
    /// # Errors
    /// `Invalid` when the URL cannot be used.
    pub fn from_options(_: &Options) -> Result<Self> {
        Ok(Self::in_process())
    }

    /// Rings for an operation. Never fails the caller: what is not heard is found by the sweep.
    pub async fn ring(&self, id: &str) {
        let _ = self.local.send(id.to_owned());
    }

    /// Starts to listen.
    pub async fn listen(&self) -> Rings {
        Rings { local: self.local.subscribe() }
    }
}

impl Rings {
    /// The next ring; `None` when the bell is gone.
    pub async fn next(&mut self) -> Option<Ring> {
        loop {
            match self.local.recv().await {
                Ok(id) => return Some(Ring { id }),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
