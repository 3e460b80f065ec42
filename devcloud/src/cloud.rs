//! The public face: starting, steering and inspecting a simulated cloud.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::dev::ServerHandle;

use crate::calls::Call;
use crate::census::Census;
use crate::faults::Fault;
use crate::player::NodeState;
use crate::seed::{self, Seed};
use crate::server;
use crate::state::{Shared, World, text};

/// How a cloud is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Address to listen on.
    pub host: String,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Endpoint of the container-infra service in the catalogue, ending in `/v1`; can be set later.
    pub magnum_url: Option<String>,
    /// How long a stack stays in progress, not counting the played nodes.
    pub stack_delay: Duration,
    /// Whether nodes are played: they fetch certificates and serve TLS on the cluster's API address.
    pub play_nodes: bool,
    /// How long a played node tries again before its stack fails.
    pub node_patience: Duration,
    /// Length of one minute of a stack's `timeout_mins`.
    pub stack_minute: Duration,
    /// Whether wait conditions wait for the nodes' reports; where not, they are fulfilled at once.
    pub await_signals: bool,
    /// How long a token is valid.
    pub token_life: Duration,
    /// Whether Heat's policy lets an admin see single stacks of other projects; where not, they answer 404.
    pub foreign_stacks: bool,
    /// Whether the catalogue has a load balancer service (Octavia).
    pub octavia: bool,
    /// How long a load balancer stays in `PENDING_CREATE`, `PENDING_UPDATE` and `PENDING_DELETE`.
    pub balancer_delay: Duration,
    /// Whether an operator has been here for a Magnum service: its user, the role service, its trustee domain.
    pub set_up: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            host: "127.0.0.1".to_owned(),
            port: 0,
            magnum_url: None,
            stack_delay: Duration::from_millis(200),
            play_nodes: false,
            node_patience: Duration::from_secs(10),
            stack_minute: Duration::from_secs(60),
            await_signals: false,
            token_life: Duration::from_secs(3600),
            foreign_stacks: true,
            octavia: true,
            balancer_delay: Duration::ZERO,
            set_up: true,
        }
    }
}

/// A running simulated cloud. Clones share it; when the last one is dropped it stops.
#[derive(Clone)]
pub struct DevCloud {
    running: Arc<Running>,
}

struct Running {
    shared: Arc<Shared>,
    seed: Seed,
    origin: String,
    server: Mutex<Option<ServerHandle>>,
}

impl Running {
    /// Ends timers and played nodes and tells the server to stop; gives the server to wait for.
    fn end(&self) -> Option<impl Future<Output = ()> + use<>> {
        self.shared.world().stacks.abandon();
        let handle = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        handle.map(|handle| handle.stop(false))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.end());
    }
}

impl DevCloud {
    /// Starts a cloud with its seed data on the current tokio runtime; it serves when this returns.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn start(settings: Settings) -> std::io::Result<DevCloud> {
        let listener = TcpListener::bind((settings.host.as_str(), settings.port))?;
        let origin = format!("http://{}:{}", settings.host, listener.local_addr()?.port());
        let mut world = World::new(settings, &origin);
        let seed = seed::plant(&mut world);
        let shared = Shared::new(world, tokio::runtime::Handle::current());
        let running = server::serve(listener, Arc::clone(&shared))?;
        let handle = running.handle();
        tokio::spawn(running);
        let server = Mutex::new(Some(handle));
        Ok(DevCloud { running: Arc::new(Running { shared, seed, origin, server }) })
    }

    /// Keystone's URL, ending in `/identity/v3`.
    #[must_use]
    pub fn auth_url(&self) -> String {
        format!("{}/identity/v3", self.running.origin)
    }

    /// Root of all services, `http://host:port`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.running.origin
    }

    /// Puts the container-infra service (`magnum`) at this URL into the catalogue.
    pub fn set_magnum_url(&self, url: &str) {
        self.running.shared.world().directory.set_magnum(url);
    }

    /// Ids, names and passwords of what every cloud starts with.
    #[must_use]
    pub fn seed(&self) -> &Seed {
        &self.running.seed
    }

    /// The `OS_*` variables with which the usual clients log in as `user` in `project`; empty when no seeded account
    /// has these names.
    #[must_use]
    pub fn env(&self, project: &str, user: &str) -> Vec<(String, String)> {
        self.running.seed.env(project, user, &self.auth_url())
    }

    /// Arms a fault.
    pub fn inject(&self, fault: Fault) {
        self.running.shared.faults().arm(fault);
    }

    /// Disarms all faults.
    pub fn clear_faults(&self) {
        self.running.shared.faults().clear();
    }

    /// How many faults are armed and not used up; one is used up when its last request has arrived.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.running.shared.faults().left()
    }

    /// Lets every token expire now.
    pub fn expire_tokens(&self) {
        self.running.shared.world().directory.expire_all();
    }

    /// Says how a played node is, and what it runs, by the name of its server.
    pub fn set_node(&self, server: &str, state: NodeState) {
        self.running.shared.world().node_states.insert(server.to_owned(), state);
    }

    /// From now on, or no longer, what nodes run stays there when they are drained.
    pub fn let_nodes_hold_on(&self, hold_on: bool) {
        self.running.shared.world().nodes_hold_on = hold_on;
    }

    /// How many pods, containers and tasks went with the servers they ran on, of those that tests have said there are.
    #[must_use]
    pub fn lost_work(&self) -> usize {
        self.running.shared.world().lost_work
    }

    /// Names of the played nodes that were told to take no work, in order.
    #[must_use]
    pub fn drained_nodes(&self) -> Vec<String> {
        crate::player::drained(&self.running.shared.world())
    }

    /// Names of all servers, in order.
    #[must_use]
    pub fn server_names(&self) -> Vec<String> {
        let world = self.running.shared.world();
        let mut names: Vec<String> = world.servers.values().map(|server| text(server, "name").to_owned()).collect();
        names.sort();
        names
    }

    /// Limits the servers of a project given by id; `None` lifts the limit.
    pub fn set_instance_quota(&self, project_id: &str, limit: Option<u64>) {
        let mut world = self.running.shared.world();
        match limit {
            Some(limit) => world.instance_quotas.insert(project_id.to_owned(), limit),
            None => world.instance_quotas.remove(project_id),
        };
    }

    /// Changes how long stacks stay in progress from now on.
    pub fn set_stack_delay(&self, delay: Duration) {
        self.running.shared.world().settings.stack_delay = delay;
    }

    /// What the cloud holds that somebody may have left behind.
    #[must_use]
    pub fn census(&self) -> Census {
        let mut world = self.running.shared.world();
        crate::octavia::pass_time(&mut world);
        Census::of(&world)
    }

    /// From now on, or no longer, Heat takes requests and nobody works on stacks that wait for nodes.
    pub fn let_heat_die(&self, dead: bool) {
        self.running.shared.world().heat_is_dead = dead;
    }

    /// From now on, or no longer, Heat does not let go of stacks whose resources are gone.
    pub fn let_heat_hold_deleted(&self, holds: bool) {
        let mut world = self.running.shared.world();
        world.heat_holds_deleted = holds;
        if !holds {
            world.stacks.let_go();
        }
    }

    /// Heat fails to delete the next stacks, so many of them, and keeps all that is in them.
    pub fn let_deletions_fail(&self, times: u32) {
        self.running.shared.world().deletions_to_fail = times;
    }

    /// Every node there is has reported that it is ready.
    pub fn report_all_ready(&self) {
        crate::heat::report_to_all(&mut self.running.shared.world());
    }

    /// Every request so far, in the order in which they were answered.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.running.shared.calls()
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.running.shared.clear_calls();
    }

    /// The text with which a server (by name) was booted, decoded; `None` when there is no such server.
    #[must_use]
    pub fn user_data(&self, server: &str) -> Option<String> {
        crate::nova::user_data(&self.running.shared.world(), server)
    }

    /// Stops serving, closes every played node, and forgets the stacks' timers.
    pub async fn stop(self) {
        if let Some(stopped) = self.running.end() {
            stopped.await;
        }
    }
}
