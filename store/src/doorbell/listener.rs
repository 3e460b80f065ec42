//! The side that listens: a task with its own connection that hands rings over one by one.

use std::sync::Arc;

use futures::StreamExt;
use lapin::{
    Acker,
    message::Delivery,
    options::{BasicConsumeOptions, BasicQosOptions, BasicRejectOptions},
    types::{FieldTable, ShortString},
};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    Ring, Task, hand_over,
    link::{Broken, Link, Settings},
};

/// Rings of the broker.
pub(super) struct Listener {
    rings: mpsc::Receiver<Ring>,
    _task: Task,
}

impl Listener {
    pub(super) fn start(settings: Arc<Settings>) -> Self {
        let (heard, rings) = hand_over();
        Self { rings, _task: Task(tokio::spawn(run(settings, heard))) }
    }

    pub(super) async fn next(&mut self) -> Option<Ring> {
        self.rings.recv().await
    }
}

async fn run(settings: Arc<Settings>, heard: mpsc::Sender<Ring>) {
    let mut attempt = 0;
    while !heard.is_closed() {
        match Link::open(&settings, "listener", attempt).await {
            Ok(link) => {
                attempt = 0;
                match listen(&link, &settings, &heard).await {
                    Ok(()) => tracing::warn!("the broker ended the delivery of rings, asking again"),
                    Err(broken) => tracing::warn!(reason = %broken, "lost the broker, connecting again"),
                }
            }
            Err(broken) => tracing::warn!(reason = %broken, "the broker cannot be reached, trying again"),
        }
        tokio::time::sleep(settings.pause(attempt)).await;
        attempt += 1;
    }
}

/// Hands deliveries over until the broker ends them (the queue was deleted) or something breaks.
async fn listen(link: &Link, settings: &Settings, heard: &mpsc::Sender<Ring>) -> Result<(), Broken> {
    link.channel.basic_qos(settings.prefetch, BasicQosOptions::default()).await?;
    let queue = ShortString::from(settings.queue.as_str());
    let mut deliveries =
        link.channel.basic_consume(queue, "".into(), BasicConsumeOptions::default(), FieldTable::default()).await?;
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery?;
        match operation(&delivery) {
            Some(id) => {
                let ring = Ring { id, delivery: Some(delivery.acker) };
                if heard.send(ring).await.is_err() {
                    return Ok(());
                }
            }
            None => put_aside(&delivery.acker).await?,
        }
    }
    Ok(())
}

/// The id that a message carries, if it is one of ours.
fn operation(delivery: &Delivery) -> Option<String> {
    let text = std::str::from_utf8(&delivery.data).ok()?;
    Uuid::try_parse(text).ok().map(|_| text.to_owned())
}

/// Sends what is no ring to the dead letters.
async fn put_aside(acker: &Acker) -> Result<(), Broken> {
    tracing::warn!("a message that is no operation id was put aside");
    acker.reject(BasicRejectOptions { requeue: false }).await?;
    Ok(())
}
