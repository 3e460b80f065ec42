//! A world per test: database, simulated cloud, API on a free port, and an engine that the test advances by hand.
//!
//! The conductor does not run by itself, so a test decides what happens when; its clock is moved instead of slept.

use std::{net::TcpListener, sync::Arc, time::Duration};

use certs::{CertStore, KeyKind, X509Policy};
use chrono::TimeDelta;
use conductor::{Advanced, Breakpoint, Clock, Conductor, Engine, Point};
use devcloud::DevCloud;
use domain::{Operation, OperationState, Options, Policy};
use serde_json::{Value, json};
use store::{Doorbell, Seal, Store};
use tokio::sync::oneshot;

use crate::database::Fresh;

/// Longer than any lease or wait.
const LEAP: Duration = Duration::from_secs(120);
/// Real time for the cloud, whose stacks do not leap with the clock.
const PAUSE: Duration = Duration::from_millis(25);

pub(crate) struct World {
    pub(crate) cloud: DevCloud,
    pub(crate) store: Store,
    pub(crate) deps: Arc<conductor::Deps>,
    pub(crate) url: String,
    /// `None`: in a file.
    pub(crate) database: Option<Fresh>,
    http: reqwest::Client,
    token: String,
    stop: Option<oneshot::Sender<()>>,
    served: Option<tokio::task::JoinHandle<()>>,
    _state: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose cloud is set up otherwise.
    pub(crate) async fn with(change: impl FnOnce(&mut devcloud::Settings)) -> Self {
        Self::with_lease(TimeDelta::seconds(60), change).await
    }

    /// A world in which a claim that is not renewed lasts for `lease`.
    pub(crate) async fn with_lease(lease: TimeDelta, change: impl FnOnce(&mut devcloud::Settings)) -> Self {
        Self::build(lease, &[], change).await
    }

    /// A world whose census counts the clusters' certificates: they are in Barbican.
    pub(crate) async fn with_barbican(change: impl FnOnce(&mut devcloud::Settings)) -> Self {
        Self::build(TimeDelta::seconds(60), &[("OS_CERTIFICATES__CERT_MANAGER_TYPE", "barbican")], change).await
    }

    /// A world with options spelled as the environment spells them.
    pub(crate) async fn with_options(more: &[(&str, &str)]) -> Self {
        Self::build(TimeDelta::seconds(60), more, |_| {}).await
    }

    /// A world with options of its own whose cloud is set up otherwise.
    pub(crate) async fn with_both(more: &[(&str, &str)], change: impl FnOnce(&mut devcloud::Settings)) -> Self {
        Self::build(TimeDelta::seconds(60), more, change).await
    }

    async fn build(lease: TimeDelta, more: &[(&str, &str)], change: impl FnOnce(&mut devcloud::Settings)) -> Self {
        let state = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut settings = devcloud::Settings {
            magnum_url: Some(format!("{url}/v1")),
            stack_delay: Duration::from_millis(20),
            play_nodes: true,
            ..devcloud::Settings::default()
        };
        change(&mut settings);
        let cloud = DevCloud::start(settings).await.unwrap();
        let database = Fresh::from_env().await;
        let options = Arc::new(options(&cloud, state.path(), database.as_ref(), more));
        let store =
            Store::connect(options.database_connection(), store::PoolOptions::from(options.as_ref())).await.unwrap();
        store.migrate().await.unwrap();
        let seal = Seal::from_options(&options).unwrap();
        let client = cloud::Cloud::new(cloud::Settings::from(options.as_ref())).unwrap();
        let certs = certs(&options, &store, &seal, &client);
        let doorbell = Doorbell::from_options(&options).unwrap();
        let api = api::Deps {
            options: Arc::clone(&options),
            store: store.clone(),
            cloud: client.clone(),
            certs: certs.clone(),
            seal: seal.clone(),
            doorbell: doorbell.clone(),
            policy: Arc::new(Policy::from_options(&options).unwrap()),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            let until = async {
                let _ = stopped.await;
            };
            api::serve(api, listener, until).await.unwrap();
        });
        let deps = conductor::Deps {
            options,
            store: store.clone(),
            cloud: client,
            certs,
            seal,
            doorbell,
            clock: Clock::default(),
            lease,
        };
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let token = cloud.login("demo").await.unwrap();
        Self {
            cloud,
            store,
            deps: Arc::new(deps),
            url,
            database,
            http,
            token,
            stop: Some(stop),
            served: Some(served),
            _state: state,
        }
    }

    /// Works on with a new token.
    pub(crate) async fn log_in(&mut self) {
        self.token = self.cloud.login("demo").await.unwrap();
    }

    /// Stops the service; call at the end of each test.
    pub(crate) async fn end(mut self) {
        let unfinished = self.store.operations(None, true, 100).await.unwrap();
        assert!(unfinished.is_empty(), "unfinished operations are left: {unfinished:?}");
        let _ = self.stop.take().unwrap().send(());
        self.served.take().unwrap().await.unwrap();
        self.cloud.stop().await;
        if let Some(database) = self.database.take() {
            self.store.close().await;
            database.remove().await;
        }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self
            .http
            .request(method.parse().unwrap(), format!("{}/v1{path}", self.url))
            .header("x-auth-token", &self.token)
            .header("openstack-api-version", "container-infra latest");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.unwrap();
        (status, if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() })
    }

    pub(crate) async fn template(&self) {
        let body = json!({"name": "k8s", "coe": "kubernetes", "image_id": "fedora-atomic-27", "external_network_id": "public",
            "keypair_id": "testkey", "flavor_id": "m1.small", "master_flavor_id": "m1.small", "docker_volume_size": 5});
        let (status, answer) = self.send("POST", "/clustertemplates", Some(body)).await;
        assert_eq!(status, 201, "{answer}");
    }

    /// Accepts a new cluster; its uuid.
    pub(crate) async fn accept_create(&self, name: &str) -> String {
        let body = json!({"name": name, "cluster_template_id": "k8s", "node_count": 1});
        let (status, answer) = self.send("POST", "/clusters", Some(body)).await;
        assert_eq!(status, 202, "{answer}");
        answer["uuid"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn accept_resize(&self, uuid: &str, count: i64) {
        let body = json!([{"op": "replace", "path": "/node_count", "value": count}]);
        let (status, answer) = self.send("PATCH", &format!("/clusters/{uuid}"), Some(body)).await;
        assert_eq!(status, 202, "{answer}");
    }

    pub(crate) async fn accept_delete(&self, uuid: &str) {
        let (status, answer) = self.send("DELETE", &format!("/clusters/{uuid}"), None).await;
        assert_eq!(status, 204, "{answer}");
    }

    pub(crate) async fn cluster(&self, uuid: &str) -> Option<Value> {
        match self.send("GET", &format!("/clusters/{uuid}"), None).await {
            (200, cluster) => Some(cluster),
            (404, _) => None,
            (status, answer) => panic!("{status}: {answer}"),
        }
    }

    /// Accepts a further node group.
    pub(crate) async fn accept_nodegroup_create(&self, uuid: &str, name: &str, count: i64) {
        let body = json!({"name": name, "node_count": count});
        let (status, answer) = self.send("POST", &format!("/clusters/{uuid}/nodegroups"), Some(body)).await;
        assert_eq!(status, 202, "{answer}");
    }

    pub(crate) async fn accept_nodegroup_delete(&self, uuid: &str, name: &str) {
        let (status, answer) = self.send("DELETE", &format!("/clusters/{uuid}/nodegroups/{name}"), None).await;
        assert_eq!(status, 204, "{answer}");
    }

    pub(crate) async fn nodegroup(&self, uuid: &str, name: &str) -> Option<Value> {
        match self.send("GET", &format!("/clusters/{uuid}/nodegroups/{name}"), None).await {
            (200, group) => Some(group),
            (404, _) => None,
            (status, answer) => panic!("{status}: {answer}"),
        }
    }

    /// Parameters of a stack as Heat shows them.
    pub(crate) async fn stack_parameters(&self, id: &str) -> serde_json::Map<String, Value> {
        let session = crate::mishaps::somebody(self).await;
        session.heat().stack(id).await.unwrap().unwrap().parameters
    }

    /// The one live operation of a cluster.
    pub(crate) async fn active(&self, uuid: &str) -> Operation {
        let operations = self.store.operations(Some(uuid), true, 10).await.unwrap();
        operations.into_iter().find(|op| op.state == OperationState::Active).expect("an active operation")
    }

    pub(crate) fn engine(&self) -> Engine {
        Engine::new(Arc::clone(&self.deps), conductor::owner_name("test"))
    }

    /// An engine that dies the first time it gets to `point` of `step`.
    pub(crate) fn dying_engine(&self, step: &'static str, point: Point) -> Engine {
        let fired = std::sync::atomic::AtomicBool::new(false);
        let breakpoint: Breakpoint = Arc::new(move |_, at, when| {
            at == step && when == point && !fired.swap(true, std::sync::atomic::Ordering::Relaxed)
        });
        self.engine().with_breakpoint(breakpoint)
    }

    /// Runs the active operation of a cluster until it is at `point` of `step`, and there dies.
    pub(crate) async fn die(&self, uuid: &str, step: &'static str, point: Point) {
        let engine = self.dying_engine(step, point);
        for _ in 0..100 {
            let id = self.active(uuid).await.id;
            match engine.advance(&id, &|| false).await.unwrap() {
                Advanced::Crashed => return,
                ended @ (Advanced::Ended(..) | Advanced::Lost) => {
                    panic!("{step}/{point:?} was never reached: {ended:?}")
                }
                _ => {
                    self.deps.clock.advance(LEAP);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        panic!("{step}/{point:?} was never reached");
    }

    /// Lets this many conductors work by themselves for a while, in real time.
    pub(crate) async fn serve_for(&self, conductors: usize, time: Duration) {
        let all = (0..conductors).map(|number| {
            let conductor = Conductor::new(Arc::clone(&self.deps), &format!("test-{number}"));
            async move { conductor.serve(tokio::time::sleep(time)).await }
        });
        futures::future::join_all(all).await;
    }

    /// Advances everything that is due, moving the clock over waits, until nothing is left unfinished.
    pub(crate) async fn run_until_idle(&self, engine: &Engine) {
        for _ in 0..400 {
            let unfinished = self.store.operations(None, true, 100).await.unwrap();
            let Some(op) = unfinished.iter().find(|op| op.state == OperationState::Active) else {
                assert!(unfinished.is_empty(), "queued without an active one: {unfinished:?}");
                return;
            };
            if let Advanced::NotClaimed | Advanced::Waiting(_) | Advanced::Crashed =
                engine.advance(&op.id, &|| false).await.unwrap()
            {
                self.deps.clock.advance(LEAP);
                tokio::time::sleep(PAUSE).await;
            }
        }
        panic!("operations never ended: {:?}", self.store.operations(None, true, 10).await.unwrap());
    }
}

/// An authority whose keys take no time to make, which is all that most tests would do otherwise. RSA is what processes and
/// real clients have.
fn certs(options: &Options, store: &Store, seal: &Seal, client: &cloud::Cloud) -> certs::Authority {
    let manager = options.certificates.cert_manager_type;
    let kept = CertStore::configured(manager, store.clone(), seal.clone(), client.clone());
    certs::Authority::new(kept, X509Policy::from(&options.x509).with_key(KeyKind::P256))
}

fn options(cloud: &DevCloud, state: &std::path::Path, database: Option<&Fresh>, more: &[(&str, &str)]) -> Options {
    let rows = database.map(Fresh::options).unwrap_or_default();
    let own = [
        ("OS_CLUSTER_HEAT__CREATE_TIMEOUT", "600"),
        ("OS_QUOTAS__MAX_CLUSTERS_PER_PROJECT", "1000"),
        // The tests' clock leaps, and a load balancer takes its time.
        ("OS_CLUSTER__PRE_DELETE_LB_TIMEOUT", "36000"),
        ("OS_MAGNUM_RS__STALLED_STACK_TIME", "0"),
    ];
    let own = own.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    domain::load(&[], &[], cloud.magnum_options(state).into_iter().chain(rows).chain(own)).unwrap().0
}
