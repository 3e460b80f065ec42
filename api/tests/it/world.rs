//! A world per test: simulated cloud, database, API on a free port. No conductor: what is accepted stays accepted.

use std::{
    collections::HashMap,
    net::TcpListener,
    path::Path,
    sync::{Arc, Mutex},
};

use devcloud::DevCloud;
use domain::{Options, Policy};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use store::{Doorbell, Seal, Store};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    contents::{self, Contents},
    database::Fresh,
    documented,
};

pub(crate) struct World {
    pub(crate) cloud: DevCloud,
    pub(crate) store: Store,
    pub(crate) certs: certs::Authority,
    pub(crate) client: cloud::Cloud,
    pub(crate) seal: Seal,
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
    tokens: Mutex<HashMap<String, String>>,
    /// `None`: in a file.
    database: Option<Fresh>,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
    state: tempfile::TempDir,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The body, if the status is as expected.
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// One request, by default of `demo` in the newest version.
pub(crate) struct Ask<'a> {
    world: &'a World,
    method: String,
    path: String,
    user: Option<String>,
    version: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With options spelled as the environment spells them.
    pub(crate) async fn with(extra: &[(&str, &str)]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let settings = devcloud::Settings { magnum_url: Some(format!("{url}/v1")), ..devcloud::Settings::default() };
        let cloud = DevCloud::start(settings).await.unwrap();
        let database = Fresh::from_env().await;
        let options = Arc::new(options(&cloud, state.path(), database.as_ref(), extra));
        let connection = options.database_connection();
        let store = Store::connect(connection, store::PoolOptions::from(options.as_ref())).await.unwrap();
        store.migrate().await.unwrap();
        let seal = Seal::from_options(&options).unwrap();
        let client = cloud::Cloud::new(cloud::Settings::from(options.as_ref())).unwrap();
        let certs = certs::Authority::from_options(&options, store.clone(), seal.clone(), client.clone()).unwrap();
        let deps = api::Deps {
            options: Arc::clone(&options),
            store: store.clone(),
            cloud: client.clone(),
            certs: certs.clone(),
            seal: seal.clone(),
            doorbell: Doorbell::from_options(&options).unwrap(),
            policy: Arc::new(Policy::from_options(&options).unwrap()),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            let until = async {
                let _ = stopped.await;
            };
            api::serve(deps, listener, until).await.unwrap();
        });
        Self {
            cloud,
            store,
            certs,
            client,
            seal,
            url,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            tokens: Mutex::default(),
            database,
            stop: Some(stop),
            served: Some(served),
            state,
        }
    }

    /// Stops the service, which must end by itself.
    pub(crate) async fn end(mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.served.take().unwrap().await.unwrap();
        self.cloud.stop().await;
        if let Some(database) = self.database.take() {
            self.store.close().await;
            database.remove().await;
        }
    }

    pub(crate) async fn token(&self, user: &str) -> String {
        if let Some(token) = self.tokens.lock().unwrap().get(user) {
            return token.clone();
        }
        let token = self.cloud.login(user).await.unwrap();
        self.tokens.lock().unwrap().insert(user.to_owned(), token.clone());
        token
    }

    /// Uses this token for a user name that the cloud does not know.
    pub(crate) fn know(&self, user: &str, token: &str) {
        self.tokens.lock().unwrap().insert(user.to_owned(), token.to_owned());
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask<'_> {
        Ask {
            world: self,
            method: method.to_owned(),
            path: path.to_owned(),
            user: Some("demo".to_owned()),
            version: Some("latest".to_owned()),
            headers: Vec::new(),
            body: None,
        }
    }

    /// Makes a template, with these attributes in the place of the usual ones.
    pub(crate) async fn template(&self, changes: Value) -> Value {
        self.ask("POST", "/v1/clustertemplates").json(&template(changes)).send().await.expect(201)
    }

    /// Makes a cluster, with these attributes in the place of the usual ones; its uuid.
    pub(crate) async fn cluster(&self, changes: Value) -> String {
        let answer = self.ask("POST", "/v1/clusters").json(&cluster(changes)).send().await.expect(202);
        answer["uuid"].as_str().unwrap().to_owned()
    }

    /// The file with the rows; `None` when a server has them.
    pub(crate) fn file(&self) -> Option<std::path::PathBuf> {
        self.database.is_none().then(|| self.state.path().join("magnum.sqlite"))
    }

    /// Every row of every table, as text.
    pub(crate) async fn rows(&self) -> Contents {
        match &self.database {
            Some(database) => contents::of_server(&database.url).await,
            None => contents::of_file(&self.state.path().join("magnum.sqlite")).await,
        }
    }
}

impl Ask<'_> {
    /// As another user; an empty name sends no token.
    pub(crate) fn by(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned()).filter(|user| !user.is_empty());
        self
    }

    /// In this version; an empty one sends no header.
    pub(crate) fn version(mut self, version: &str) -> Self {
        self.version = Some(version.to_owned()).filter(|version| !version.is_empty());
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = Some(body.to_string().into_bytes());
        self.header("content-type", "application/json")
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let mut request =
            self.world.http.request(self.method.parse().unwrap(), format!("{}{}", self.world.url, self.path));
        if let Some(user) = &self.user {
            request = request.header("x-auth-token", self.world.token(user).await);
        }
        if let Some(version) = &self.version {
            request = request.header("openstack-api-version", format!("container-infra {version}"));
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        documented::check(&self.method, &self.path, status, &headers);
        Answer { status, headers, text: answer.text().await.unwrap() }
    }
}

fn with(mut body: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value == "ABSENT" {
            body.as_object_mut().unwrap().remove(name);
        } else {
            body[name] = value.clone();
        }
    }
    body
}

/// A right template body with changes; the text `ABSENT` takes an attribute out.
pub(crate) fn template(changes: Value) -> Value {
    let body = json!({"name": "k8s", "coe": "kubernetes", "image_id": "fedora-atomic-27", "external_network_id": "public",
        "keypair_id": "testkey", "flavor_id": "m1.small", "master_flavor_id": "m1.medium", "docker_volume_size": 10,
        "docker_storage_driver": "overlay2", "network_driver": "flannel", "dns_nameserver": "8.8.8.8",
        "labels": {"flannel_backend": "vxlan"}});
    with(body, &changes)
}

/// A right cluster body with changes.
pub(crate) fn cluster(changes: Value) -> Value {
    with(json!({"name": "blue", "cluster_template_id": "k8s"}), &changes)
}

fn options(cloud: &DevCloud, state: &Path, database: Option<&Fresh>, extra: &[(&str, &str)]) -> Options {
    let rows = database.map(Fresh::options).unwrap_or_default();
    let extra = extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    domain::load(&[], &[], cloud.magnum_options(state).into_iter().chain(rows).chain(extra)).unwrap().0
}
