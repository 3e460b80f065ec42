//! A client that behaves as clients should: a request that was not answered, or with a 5xx, is sent again, and before a
//! creation is asked for again it is looked for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// Longer than any outage of the test.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(200);

/// A clone shares the counters.
#[derive(Clone)]
pub(crate) struct Client {
    url: String,
    http: reqwest::Client,
    token: String,
    troubles: Arc<AtomicUsize>,
    accepted: Arc<AtomicUsize>,
}

impl Client {
    pub(crate) fn new(url: String, token: String) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { url, http, token, troubles: Arc::default(), accepted: Arc::default() }
    }

    /// How many requests were not answered, or with a 5xx.
    pub(crate) fn troubles(&self) -> usize {
        self.troubles.load(Ordering::Relaxed)
    }

    /// How many requests were answered with 202 or 204: promised, to be done later.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(crate) async fn wait_until_up(&self) {
        let end = Instant::now() + Duration::from_secs(30);
        while self.http.get(format!("{}/healthcheck", self.url)).send().await.is_err() {
            assert!(Instant::now() < end, "the API did not come up");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The answer, unless nothing is certain: the connection broke or the service is in trouble.
    async fn send_once(&self, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let mut request = self.http.request(method.parse().unwrap(), format!("{}/v1{path}", self.url));
        request = request.header("x-auth-token", &self.token).header("openstack-api-version", "container-infra latest");
        if let Some(body) = body {
            request = request.json(body);
        }
        let answered = async {
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            Ok::<_, reqwest::Error>((status, answer.bytes().await?))
        };
        match answered.await {
            Ok((status, bytes)) if status < 500 => {
                self.accepted.fetch_add(usize::from(matches!(status, 202 | 204)), Ordering::Relaxed);
                let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
                Some((status, body))
            }
            Err(error) if error.is_timeout() => panic!("{method} {path} was not answered within {PATIENCE:?}"),
            _ => {
                self.troubles.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// Sends until there is an answer; for requests that may be repeated. Also how often it was sent.
    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value, usize) {
        let end = Instant::now() + PATIENCE;
        for times in 1.. {
            if let Some((status, answer)) = self.send_once(method, path, body.as_ref()).await {
                return (status, answer, times);
            }
            assert!(Instant::now() < end, "{method} {path} finds no answer");
            tokio::time::sleep(PAUSE).await;
        }
        unreachable!("the loop ends with an answer or a panic");
    }

    pub(crate) async fn template(&self) {
        let body = json!({"name": "k8s", "coe": "kubernetes", "image_id": "fedora-atomic-27", "external_network_id": "public",
            "keypair_id": "testkey", "flavor_id": "m1.small", "master_flavor_id": "m1.small"});
        let (status, answer, _) = self.send("POST", "/clustertemplates", Some(body)).await;
        assert_eq!(status, 201, "{answer}");
    }

    /// Names are used once. An answer that is lost may have been a 202, so the cluster is looked for before the next try.
    pub(crate) async fn create(&self, name: &str) -> String {
        let body = json!({"name": name, "cluster_template_id": "k8s", "node_count": 1});
        let end = Instant::now() + PATIENCE;
        let uuid = |cluster: &Value| cluster["uuid"].as_str().unwrap().to_owned();
        loop {
            if let Some((status, answer)) = self.send_once("POST", "/clusters", Some(&body)).await {
                assert_eq!(status, 202, "{answer}");
                return uuid(&answer);
            }
            assert!(Instant::now() < end, "{name} cannot be created");
            tokio::time::sleep(PAUSE).await;
            if let Some(cluster) = self.cluster(name).await {
                return uuid(&cluster);
            }
        }
    }

    pub(crate) async fn resize(&self, uuid: &str, count: i64) {
        let body = json!([{"op": "replace", "path": "/node_count", "value": count}]);
        let (status, answer, _) = self.send("PATCH", &format!("/clusters/{uuid}"), Some(body)).await;
        assert_eq!(status, 202, "{answer}");
    }

    pub(crate) async fn delete(&self, uuid: &str) {
        let (status, answer, times) = self.send("DELETE", &format!("/clusters/{uuid}"), None).await;
        let already_gone = times > 1 && status == 404;
        assert!(status == 204 || already_gone, "{status}: {answer}");
    }

    /// By uuid or name, of which there may be one only.
    pub(crate) async fn cluster(&self, ident: &str) -> Option<Value> {
        match self.send("GET", &format!("/clusters/{ident}"), None).await {
            (200, cluster, _) => Some(cluster),
            (404, _, _) => None,
            (status, answer, _) => panic!("{ident}: {status}: {answer}"),
        }
    }

    pub(crate) async fn clusters(&self) -> Vec<Value> {
        let (status, answer, _) = self.send("GET", "/clusters", None).await;
        assert_eq!(status, 200, "{answer}");
        answer["clusters"].as_array().unwrap().clone()
    }
}
