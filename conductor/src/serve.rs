//! The loop: doorbell or sweep, bounded workers, periodic work, graceful end.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::Error;
use tokio::{
    sync::mpsc,
    task::{self, JoinSet},
    time::{Instant, MissedTickBehavior, interval},
};
use tracing::{debug, error, info, warn};

use crate::{Deps, engine::Engine, health, idle, reconcile};

/// Longer than any process lives; the timer's clock could not hold `Duration::MAX`.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 86_400);

/// One conductor process.
pub struct Conductor {
    deps: Arc<Deps>,
    engine: Engine,
    host: String,
}

impl Conductor {
    /// A conductor that reports itself as `host`.
    #[must_use]
    pub fn new(deps: Arc<Deps>, host: &str) -> Self {
        let engine = Engine::new(Arc::clone(&deps), crate::owner_name(host));
        Self { deps, engine, host: host.to_owned() }
    }

    /// Works until `shutdown` resolves, then finishes the steps at hand and hands their leases back.
    ///
    /// A failing database or broker never ends it: it says so in the log and carries on when they are back.
    pub async fn serve(&self, shutdown: impl Future<Output = ()>) {
        let stopping = Arc::new(AtomicBool::new(false));
        let mut workers = Workers::new(self.engine.clone(), Arc::clone(&stopping), self.limit());
        let mut periodic = self.periodic();
        let mut sweep = interval(Duration::from_secs(self.deps.options.magnum_rs.operation_sweep_interval.max(1)));
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(shutdown);
        let mut rings = tokio::select! {
            () = &mut shutdown => return,
            rings = self.deps.doorbell.listen() => rings,
        };
        info!(host = %self.host, "conductor ready");
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                ring = rings.next() => match ring {
                    Some(ring) => {
                        workers.start(ring.id().to_owned());
                        ring.ack().await;
                    }
                    None => tokio::time::sleep(Duration::from_millis(200)).await,
                },
                Some(id) = workers.wake.recv() => workers.start(id),
                Some(ended) = workers.running.join_next_with_id(), if !workers.running.is_empty() => workers.ended(ended),
                _ = sweep.tick() => tokio::select! {
                    () = &mut shutdown => break,
                    () = self.sweep(&mut workers) => {}
                },
            }
        }
        stopping.store(true, Ordering::Relaxed);
        periodic.shutdown().await;
        workers.finish(self.patience()).await;
        info!(host = %self.host, "conductor stopped");
    }

    fn limit(&self) -> usize {
        let most = self.deps.options.magnum_rs.max_concurrent_operations;
        self.deps.options.conductor.workers.map_or(most, |workers| workers.min(most)).max(1)
    }

    /// How long steps at hand may go on after the signal to stop.
    fn patience(&self) -> Duration {
        match self.deps.options.default.graceful_shutdown_timeout {
            0 => FOR_EVER,
            seconds => Duration::from_secs(seconds.min(FOR_EVER.as_secs())),
        }
    }

    async fn sweep(&self, workers: &mut Workers) {
        match self.deps.store.due_operations(self.deps.clock.now(), workers.free() as i64).await {
            Ok(ids) => ids.into_iter().for_each(|id| workers.start(id)),
            Err(error) => warn!(error = %error, "due operations could not be read, trying again with the next sweep"),
        }
    }

    fn periodic(&self) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(reconcile::heartbeat(Arc::clone(&self.deps), self.host.clone()));
        if !self.deps.options.default.periodic_enable {
            return tasks;
        }
        tasks.spawn(reconcile::watch_stacks(Arc::clone(&self.deps), crate::owner_name(&self.host)));
        tasks.spawn(idle::watch(Arc::clone(&self.deps), crate::owner_name(&self.host)));
        tasks.spawn(health::watch(Arc::clone(&self.deps), crate::owner_name(&self.host)));
        tasks.spawn(reconcile::forget_old_operations(Arc::clone(&self.deps), crate::owner_name(&self.host)));
        tasks
    }
}

/// The operations this process works on, at most one task per operation.
struct Workers {
    engine: Engine,
    stopping: Arc<AtomicBool>,
    limit: usize,
    at_work: HashSet<String>,
    running: JoinSet<()>,
    operations: HashMap<task::Id, String>,
    wake: mpsc::UnboundedReceiver<String>,
    waker: mpsc::UnboundedSender<String>,
}

impl Workers {
    fn new(engine: Engine, stopping: Arc<AtomicBool>, limit: usize) -> Self {
        let (waker, wake) = mpsc::unbounded_channel();
        Self {
            engine,
            stopping,
            limit,
            at_work: HashSet::new(),
            running: JoinSet::new(),
            operations: HashMap::new(),
            wake,
            waker,
        }
    }

    fn free(&self) -> usize {
        self.limit.saturating_sub(self.running.len())
    }

    /// Starts work on an operation; at the limit, the next sweep finds it again.
    fn start(&mut self, id: String) {
        if self.free() == 0 || !self.at_work.insert(id.clone()) {
            return;
        }
        let (engine, stopping, waker) = (self.engine.clone(), Arc::clone(&self.stopping), self.waker.clone());
        let operation = id.clone();
        let worker = self.running.spawn(async move {
            match engine.advance(&id, &|| stopping.load(Ordering::Relaxed)).await {
                Ok(advanced) => reconcile::follow_up(&engine, advanced, &id, &waker),
                Err(error) => log_lost(&id, &error),
            }
        });
        self.operations.insert(worker.id(), operation);
    }

    fn ended(&mut self, ended: Result<(task::Id, ()), task::JoinError>) {
        let worker = match ended {
            Ok((worker, ())) => worker,
            Err(error) => {
                error!(error = %error, "a worker died; its operation is taken up again when its lease has run out");
                error.id()
            }
        };
        if let Some(operation) = self.operations.remove(&worker) {
            self.at_work.remove(&operation);
        }
    }

    async fn finish(&mut self, patience: Duration) {
        let end = Instant::now() + patience;
        while !self.running.is_empty() {
            match tokio::time::timeout_at(end, self.running.join_next()).await {
                Ok(_) => debug!(left = self.running.len(), "worker finished"),
                Err(_) => {
                    warn!(left = self.running.len(), "workers did not finish in time, their leases will run out");
                    self.running.shutdown().await;
                }
            }
        }
    }
}

fn log_lost(id: &str, error: &Error) {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    warn!(operation.id = id, error = %error, cause, "operation interrupted, it goes on when its lease has run out");
}
