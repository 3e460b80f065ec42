//! Wiring: from options to running services.

use std::{
    error::Error,
    future::Future,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use certs::Authority;
use chrono::TimeDelta;
use cloud::Cloud;
use conductor::{Clock, Conductor};
use devcloud::DevCloud;
use domain::{Options, Policy};
use store::{Doorbell, Seal, Store};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tracing::{info, warn};

use crate::{
    cli::{ConfigArguments, Outcome},
    logging::{self, Logs},
    terminal,
};

/// Reads the options and starts logging, so that warnings about them are seen.
pub(crate) fn load(config: &ConfigArguments, logs: Logs) -> Result<Options, Box<dyn Error>> {
    load_with(config, Vec::new(), logs)
}

/// Like [`load`]; the overrides have the last word.
fn load_with(
    config: &ConfigArguments,
    overrides: Vec<(String, String)>,
    logs: Logs,
) -> Result<Options, Box<dyn Error>> {
    let all = environment().chain(overrides);
    let (options, warnings) = domain::load(&config.config_file, &config.config_dir, all)?;
    logging::start(&options.default, logs)?;
    for warning in warnings {
        warn!("{warning}");
    }
    Ok(options)
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment, to lay it over the files")]
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars()
}

pub(crate) async fn open_store(options: &Options) -> Result<Store, Box<dyn Error>> {
    Ok(Store::connect(options.database_connection(), store::PoolOptions::from(options)).await?)
}

/// Refuses a database without the tables of this release, and says how to get them.
pub(crate) async fn require_schema(store: &Store) -> Outcome {
    let pending = store.pending_migrations().await?;
    if pending.is_empty() {
        return Ok(());
    }
    Err(format!("the database lacks {} migration(s); run: magnum migrate", pending.len()).into())
}

/// Says so when this machine's clock is not the database's: leases of other processes would seem to end early or late.
async fn compare_clocks(store: &Store, options: &Options) {
    match store.clock_offset().await {
        Ok(offset) if is_far(offset, TimeDelta::seconds(options.magnum_rs.operation_lease)) => warn!(
            offset_ms = offset.num_milliseconds(),
            "this machine's clock differs from the database's; set both by NTP, or operations may be taken from one \
             another or start late"
        ),
        Ok(_) => {}
        Err(error) => warn!(error = %error, "the database's clock cannot be compared with this machine's"),
    }
}

/// A lease is renewed when a third of it is gone. Two machines that are off by less than a sixth in opposite directions
/// still leave a third of it for a renewal that fails.
fn is_far(offset: TimeDelta, lease: TimeDelta) -> bool {
    offset.abs() > lease / 6
}

/// A key file that is missing is made, but not where a database holds what another key has sealed: with a new key no
/// cluster could act for its owner any more.
async fn refuse_a_new_key(store: &Store, options: &Options) -> Outcome {
    let file = Path::new(&options.magnum_rs.secret_key_file);
    if !options.magnum_rs.secret_keys.is_empty() || file.exists() || store.is_empty().await? {
        return Ok(());
    }
    if store.holds_sealed_values().await? {
        return Err(format!(
            "the key file {0} is missing, and the database holds passwords that its key has sealed. Put the file back, or \
             the key into [magnum_rs] secret_keys. If it is lost, make a new one with `openssl rand -base64 32 > {0}`: \
             clusters can then only be deleted",
            file.display()
        )
        .into());
    }
    info!(file = %file.display(), "making a key that seals tokens and passwords; every process needs this file");
    Ok(())
}

/// The parts that API and conductor share.
pub(crate) struct Parts {
    pub(crate) options: Arc<Options>,
    pub(crate) store: Store,
    pub(crate) cloud: Cloud,
    pub(crate) certs: Authority,
    pub(crate) seal: Seal,
    pub(crate) doorbell: Doorbell,
    pub(crate) clock: Clock,
}

impl Parts {
    pub(crate) async fn open(options: Options) -> Result<Self, Box<dyn Error>> {
        let options = Arc::new(options);
        let store = open_store(&options).await?;
        compare_clocks(&store, &options).await;
        refuse_a_new_key(&store, &options).await?;
        let seal = Seal::from_options(&options)?;
        let cloud = Cloud::new(cloud::Settings::from(options.as_ref()))?;
        let certs = Authority::from_options(&options, store.clone(), seal.clone(), cloud.clone())?;
        let doorbell = Doorbell::from_options(&options)?;
        Ok(Self { options, store, cloud, certs, seal, doorbell, clock: Clock::default() })
    }

    /// Creates the schema in an empty database; an older one is left to the operator.
    async fn migrate_if_empty(&self) -> Outcome {
        if self.store.is_empty().await? {
            let applied = self.store.migrate().await?;
            info!(migrations = applied.len(), "created the database schema");
        }
        require_schema(&self.store).await
    }

    fn api(&self) -> Result<api::Deps, Box<dyn Error>> {
        Ok(api::Deps {
            options: Arc::clone(&self.options),
            store: self.store.clone(),
            cloud: self.cloud.clone(),
            certs: self.certs.clone(),
            seal: self.seal.clone(),
            doorbell: self.doorbell.clone(),
            policy: Arc::new(Policy::from_options(&self.options)?),
        })
    }

    fn conductor(&self) -> Conductor {
        let deps = conductor::Deps {
            options: Arc::clone(&self.options),
            store: self.store.clone(),
            cloud: self.cloud.clone(),
            certs: self.certs.clone(),
            seal: self.seal.clone(),
            doorbell: self.doorbell.clone(),
            clock: self.clock.clone(),
            lease: TimeDelta::seconds(self.options.magnum_rs.operation_lease),
        };
        Conductor::new(Arc::new(deps), self.options.host())
    }
}

/// Address to listen on: the argument, else `[api] host` and `port`.
fn listener(options: &Options, listen: Option<SocketAddr>) -> Result<TcpListener, Box<dyn Error>> {
    let address = listen.map_or_else(|| options.api_address(), |address| address.to_string());
    TcpListener::bind(&address).map_err(|error| format!("cannot listen on {address}: {error}").into())
}

pub(crate) async fn api(config: &ConfigArguments, listen: Option<SocketAddr>) -> Outcome {
    let stop = stop_signal()?;
    let parts = Parts::open(load(config, Logs::Service)?).await?;
    require_schema(&parts.store).await?;
    let listener = listener(&parts.options, listen)?;
    Ok(api::serve(parts.api()?, listener, stop).await?)
}

pub(crate) async fn conductor(config: &ConfigArguments) -> Outcome {
    let stop = stop_signal()?;
    let parts = Parts::open(load(config, Logs::Service)?).await?;
    require_schema(&parts.store).await?;
    parts.conductor().serve(stop).await;
    Ok(())
}

pub(crate) async fn all(config: &ConfigArguments, listen: Option<SocketAddr>) -> Outcome {
    let stop = stop_signal()?;
    let parts = Parts::open(load(config, Logs::Service)?).await?;
    parts.migrate_if_empty().await?;
    let listener = listener(&parts.options, listen)?;
    both(&parts, listener, stop).await
}

/// API and conductor until `stop`; the API ends first, so that what it accepts last is still handed over.
pub(crate) async fn both(parts: &Parts, listener: TcpListener, stop: impl Future<Output = ()>) -> Outcome {
    let (stopping, mut stopped) = watch::channel(false);
    let conductor = parts.conductor();
    let work = conductor.serve(async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    });
    let serve = async {
        let served = api::serve(parts.api()?, listener, stop).await;
        let _ = stopping.send(true);
        Ok::<(), Box<dyn Error>>(served?)
    };
    let (served, ()) = tokio::join!(serve, work);
    served
}

pub(crate) async fn migrate(config: &ConfigArguments) -> Outcome {
    let store = open_store(&load(config, Logs::Command)?).await?;
    let applied = store.migrate().await?;
    if applied.is_empty() {
        terminal::say("The database schema is current.");
    }
    for name in applied {
        terminal::say(&format!("applied {name}"));
    }
    Ok(())
}

/// A folder for state: the given one, or a temporary one that goes with this value.
pub(crate) enum StateDir {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl StateDir {
    pub(crate) fn open(kept: Option<PathBuf>) -> std::io::Result<Self> {
        match kept {
            Some(path) => {
                std::fs::create_dir_all(&path)?;
                Ok(Self::Kept(path))
            }
            None => Ok(Self::Temporary(tempfile::TempDir::with_prefix("magnum-")?)),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// A whole service on a simulated cloud, listening but not yet serving.
pub(crate) struct DevService {
    pub(crate) cloud: DevCloud,
    pub(crate) parts: Parts,
    pub(crate) listener: TcpListener,
    pub(crate) url: String,
}

/// Starts the simulated cloud and opens a service that uses it.
pub(crate) async fn on_devcloud(
    config: &ConfigArguments,
    logs: Logs,
    listen: SocketAddr,
    state: &StateDir,
    cloud: devcloud::Settings,
) -> Result<DevService, Box<dyn Error>> {
    let listener = TcpListener::bind(listen).map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let url = format!("http://{}", listener.local_addr()?);
    let cloud = DevCloud::start(devcloud::Settings { magnum_url: Some(format!("{url}/v1")), ..cloud }).await?;
    let options = load_with(config, cloud.magnum_options(state.path()), logs)?;
    let parts = Parts::open(options).await?;
    parts.migrate_if_empty().await?;
    Ok(DevService { cloud, parts, listener, url })
}

pub(crate) async fn all_on_devcloud(
    config: &ConfigArguments,
    listen: Option<SocketAddr>,
    state_dir: Option<PathBuf>,
    await_nodes: bool,
) -> Outcome {
    let stop = stop_signal()?;
    let state = StateDir::open(state_dir)?;
    let listen = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9511)));
    let cloud = devcloud::Settings {
        stack_delay: Duration::from_secs(5),
        play_nodes: !await_nodes,
        await_signals: await_nodes,
        ..devcloud::Settings::default()
    };
    let service = on_devcloud(config, Logs::Service, listen, &state, cloud).await?;
    terminal::say(&format!("# Magnum at {} with a simulated OpenStack. Stop it with Ctrl-C.", service.url));
    terminal::say("# Paste these lines into another terminal, then try: openstack coe cluster template list");
    for (name, value) in service.cloud.env("demo", "demo") {
        terminal::say(&format!("export {name}={value}"));
    }
    terminal::say("# For the administrator, paste these over them:");
    for (name, value) in service.cloud.env("admin", "admin") {
        terminal::say(&format!("# export {name}={value}"));
    }
    both(&service.parts, service.listener, stop).await?;
    service.cloud.stop().await;
    Ok(())
}

/// Resolves on SIGTERM or Ctrl-C. Call first: from then on a signal is kept for the one who waits, where before it would
/// end the process.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("stopping: finishing requests and handing leases back");
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_a_sixth_of_a_lease() {
        let lease = TimeDelta::seconds(60);
        for seconds in [0, 9, -9, 10, -10] {
            assert!(!is_far(TimeDelta::seconds(seconds), lease), "{seconds}");
        }
        for seconds in [11, -11, 3600, -3600] {
            assert!(is_far(TimeDelta::seconds(seconds), lease), "{seconds}");
        }
    }
}
