//! The side that rings: one task, one connection, one ring at a time, each confirmed by the broker.
//!
//! A connection of its own: when the broker runs short of memory or disk it blocks the connections that publish, and the
//! listener's must not be among them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt, Stream, StreamExt};
use lapin::{
    BasicProperties, Event,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::ShortString,
};
use tokio::{sync::mpsc, time::timeout};

use super::{
    Task,
    link::{Broken, Link, Settings},
};

/// Rings kept while the broker is away; what does not fit is found by the sweep.
const WAITING: usize = 1024;
/// A confirm that takes longer is not waited for.
const CONFIRM: Duration = Duration::from_secs(5);

/// Sends rings from a task of its own.
pub(super) struct Publisher {
    waiting: mpsc::Sender<String>,
    up: Arc<AtomicBool>,
    _task: Task,
}

impl Publisher {
    pub(super) fn start(settings: Arc<Settings>) -> Self {
        let (waiting, rings) = mpsc::channel(WAITING);
        let up = Arc::new(AtomicBool::new(false));
        let work = Work { settings, rings, unsent: None, up: Arc::clone(&up) };
        Self { waiting, up, _task: Task(tokio::spawn(work.run())) }
    }

    /// Hands a ring over; `false` when the broker will not hear of it soon.
    pub(super) fn send(&self, id: &str) -> bool {
        if self.waiting.try_send(id.to_owned()).is_err() {
            tracing::warn!(operation.id = id, "too many rings wait for the broker; the sweep will find this one");
            return false;
        }
        self.is_up()
    }

    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }
}

struct Work {
    settings: Arc<Settings>,
    rings: mpsc::Receiver<String>,
    /// Taken from `rings` and not confirmed yet.
    unsent: Option<String>,
    up: Arc<AtomicBool>,
}

impl Work {
    async fn run(mut self) {
        let mut attempt = 0;
        loop {
            match Link::open(&self.settings, "doorbell", attempt).await {
                Ok(link) => {
                    attempt = 0;
                    let broken = self.publish(&link).await;
                    self.up.store(false, Ordering::Relaxed);
                    tracing::warn!(reason = %broken, "lost the broker; operations are found by the sweep meanwhile");
                }
                Err(broken) => {
                    tracing::warn!(reason = %broken, "the broker cannot be reached; operations are found by the sweep meanwhile");
                }
            }
            tokio::time::sleep(self.settings.pause(attempt)).await;
            attempt += 1;
        }
    }

    /// Publishes until something breaks.
    async fn publish(&mut self, link: &Link) -> Broken {
        if let Err(error) = link.channel.confirm_select(ConfirmSelectOptions::default()).await {
            return error.into();
        }
        let mut events = Box::pin(link.connection.events_listener());
        self.up.store(true, Ordering::Relaxed);
        loop {
            let id = match self.unsent.take() {
                Some(id) => id,
                None => tokio::select! {
                    Some(id) = self.rings.recv() => id,
                    event = events.next() => match self.heard(event) {
                        Some(broken) => return broken,
                        None => continue,
                    },
                },
            };
            let sent = timeout(CONFIRM, send(link, &self.settings.queue, &id)).await;
            if !matches!(sent, Ok(Ok(()))) {
                self.unsent = Some(id);
            }
            match sent {
                Ok(Ok(())) => {}
                Ok(Err(broken)) => return broken,
                // It may still be delivered; a ring that comes twice is harmless.
                Err(_) => {
                    if let Some(broken) = self.wait_while_blocked(link, &mut events).await {
                        return broken;
                    }
                }
            }
        }
    }

    /// What an event means for this connection.
    fn heard(&self, event: Option<Event>) -> Option<Broken> {
        match event {
            Some(Event::Error(error)) => Some(error.into()),
            Some(Event::ConnectionBlocked(reason)) => {
                tracing::warn!(reason, "the broker is short of memory or disk and takes no rings");
                self.up.store(false, Ordering::Relaxed);
                None
            }
            Some(Event::ConnectionUnblocked) => {
                tracing::info!("the broker takes rings again");
                self.up.store(true, Ordering::Relaxed);
                None
            }
            Some(_) => None,
            None => Some(Broken::from("the connection has ended")),
        }
    }

    /// After a confirm that did not come: waits while the broker says that it is short of something; otherwise it is
    /// silent for no reason that would pass, and the connection is given up.
    async fn wait_while_blocked(
        &self,
        link: &Link,
        events: &mut (impl Stream<Item = Event> + Unpin),
    ) -> Option<Broken> {
        while let Some(event) = events.next().now_or_never() {
            if let Some(broken) = self.heard(event) {
                return Some(broken);
            }
        }
        if !link.connection.status().blocked() {
            return Some(Broken::from("the broker did not confirm a ring in time"));
        }
        while link.connection.status().blocked() {
            if let Some(broken) = self.heard(events.next().await) {
                return Some(broken);
            }
        }
        None
    }
}

/// One persistent, mandatory message and its confirm.
async fn send(link: &Link, queue: &str, id: &str) -> Result<(), Broken> {
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type("text/plain".into())
        .with_app_id("magnum".into())
        .with_message_id(ShortString::from(id));
    let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let confirm = link
        .channel
        .basic_publish("".into(), ShortString::from(queue), mandatory, id.as_bytes(), properties)
        .await?
        .await?;
    if !confirm.is_ack() {
        return Err(Broken::from("the broker refused a ring"));
    }
    // An unroutable message is confirmed and comes back with the confirm.
    match confirm.take_message() {
        Some(_) => Err(Broken::from("the queue is gone")),
        None => Ok(()),
    }
}
