//! Where a played node answers: plain or over TLS, for each kind of cluster what its API says.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Weak;

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

use super::{NodeState, docker, kube, mesos};
use crate::heat;
use crate::state::{Shared, text};

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

/// A server of the cluster, and what a test says about it.
pub(super) struct PlayedNode {
    pub(super) server: Value,
    pub(super) state: NodeState,
}

impl PlayedNode {
    pub(super) fn name(&self) -> &str {
        text(&self.server, "name")
    }

    pub(super) fn is_master(&self) -> bool {
        self.name().contains("-master-")
    }

    /// The private address.
    pub(super) fn address(&self) -> Value {
        let rows = self.server["addresses"].as_object().and_then(|all| all.values().next());
        rows.map_or(Value::Null, |rows| rows[0]["addr"].clone())
    }
}

impl Cluster {
    /// The servers of the stack by name.
    pub(super) fn nodes(&self) -> Vec<PlayedNode> {
        let Some(shared) = self.shared.upgrade() else { return Vec::new() };
        let world = shared.world();
        let Some(stack) = world.stacks.get(&self.stack_id) else { return Vec::new() };
        let servers = heat::servers(&stack.level).into_iter().filter_map(|id| world.servers.get(id));
        let mut nodes: Vec<PlayedNode> = servers
            .map(|server| {
                let state = world.node_states.get(text(server, "name")).copied().unwrap_or_default();
                PlayedNode { server: server.clone(), state }
            })
            .collect();
        nodes.sort_by(|a, b| a.name().cmp(b.name()));
        nodes
    }

    fn answer(&self, method: &str, path: &str, table: bool) -> Response<String> {
        match self.api {
            Api::Kubernetes => kube::answer(self, method, path, table),
            Api::Legacy => docker::legacy(self, method, path),
            Api::SwarmMode => docker::swarm_mode(self, method, path),
            Api::Mesos(elected) => mesos::answer(self, method, path, elected),
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
        let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        let table = accept.contains("as=Table");
        let answer = cluster.answer(request.method().as_str(), request.uri().path(), table);
        async move { Ok::<_, Infallible>(answer) }
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "connection to a played node ended");
    }
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
