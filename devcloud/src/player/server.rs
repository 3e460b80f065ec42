//! Where a played node answers: plain or over TLS, for each kind of cluster what its API says.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Weak};

use http_body_util::{BodyExt, Collected};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use openssl::ssl::{Ssl, SslAcceptor};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_openssl::SslStream;

use super::nodes::{self, PlayedNode};
use super::{docker, kube, mesos};
use crate::faults::{CLUSTER, Effect};
use crate::state::{Shared, World};

/// The cluster behind an API server. It does not keep the cloud alive.
#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) shared: Weak<Shared>,
    pub(super) stack_id: String,
    pub(super) api: Api,
}

/// What the API is one of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Api {
    Kubernetes,
    /// The manager of a legacy swarm.
    Legacy,
    /// A manager in swarm mode.
    SwarmMode,
    /// A master of Mesos, and whether it is the elected one.
    Mesos(bool),
}

/// A request to a cluster's API.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    /// Null where the body is no JSON.
    pub(super) body: Value,
    /// Media type of the body.
    pub(super) media: String,
    /// kubectl wants a table.
    pub(super) table: bool,
}

impl Asked {
    /// A value of the query, decoded.
    pub(super) fn value(&self, key: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(name, _)| name == key).map(|(_, value)| value.into_owned())
    }
}

impl Cluster {
    /// The cluster's nodes by name, those without a server at the end.
    pub(super) fn nodes(&self) -> Vec<PlayedNode> {
        self.with_world(|world| nodes::of(world, &self.stack_id)).unwrap_or_default()
    }

    /// The nodes that have a server.
    pub(super) fn present(&self) -> Vec<PlayedNode> {
        self.nodes().into_iter().filter(|node| !node.gone).collect()
    }

    /// `None` when the cloud is gone.
    pub(super) fn with_world<T>(&self, work: impl FnOnce(&mut World) -> T) -> Option<T> {
        let shared = self.shared.upgrade()?;
        let mut world = shared.world();
        Some(work(&mut world))
    }

    fn answer(&self, asked: &Asked) -> Response<String> {
        let take = |shared: Arc<Shared>| shared.faults().take(CLUSTER, &asked.method, &asked.path);
        if let Some(Effect::Refuse(status)) = self.shared.upgrade().and_then(take) {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            return reply(status, "application/json", r#"{"message": "not now"}"#.to_owned());
        }
        match self.api {
            Api::Kubernetes => kube::answer(self, asked),
            Api::Legacy => docker::legacy(self, asked),
            Api::SwarmMode => docker::swarm_mode(self, asked),
            Api::Mesos(elected) => mesos::answer(self, asked, elected),
        }
    }
}

/// Serves connections until the task is aborted.
pub(super) async fn serve(listener: TcpListener, acceptor: Option<SslAcceptor>, cluster: Cluster) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(stream, acceptor.clone(), cluster.clone()));
    }
}

async fn connection(stream: TcpStream, acceptor: Option<SslAcceptor>, cluster: Cluster) {
    let Some(acceptor) = acceptor else { return talk(stream, cluster).await };
    let Ok(mut secured) = Ssl::new(acceptor.context()).and_then(|ssl| SslStream::new(ssl, stream)) else { return };
    match Pin::new(&mut secured).accept().await {
        Ok(()) => talk(secured, cluster).await,
        Err(error) => tracing::debug!(%error, "TLS handshake with a played node failed"),
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(stream: S, cluster: Cluster) {
    let service = service_fn(move |request: Request<Incoming>| {
        let cluster = cluster.clone();
        async move { Ok::<_, Infallible>(cluster.answer(&asked(request).await)) }
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "connection to a played node ended");
    }
}

async fn asked(request: Request<Incoming>) -> Asked {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (table, media) = (header(ACCEPT).contains("as=Table"), header(CONTENT_TYPE).to_owned());
    let (method, uri) = (request.method().to_string(), request.uri().clone());
    let bytes = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    Asked { method, path: uri.path().to_owned(), query: uri.query().unwrap_or_default().to_owned(), body, media, table }
}

pub(super) fn reply(status: StatusCode, media: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(media));
    response
}

/// JSON, with 200.
pub(super) fn shown(body: &Value) -> Response<String> {
    reply(StatusCode::OK, "application/json", body.to_string())
}

/// What is not there.
pub(super) fn missing() -> Response<String> {
    reply(StatusCode::NOT_FOUND, "application/json", r#"{"message": "page not found"}"#.to_owned())
}
