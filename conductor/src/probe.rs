//! Asking a cluster's own API, which belongs to its user and may answer anything, and telling it of nodes that leave.
//!
//! Bounded in time, in the number of questions and in bytes; no redirect is followed and no proxy used. With TLS only the
//! cluster's own authority is believed, and Magnum's certificate for the cluster is shown. Reasons carry no body beyond
//! what a driver quotes of it, and never a key.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use domain::{Cluster, ClusterTemplate, Error, NodeGroup, Role};
use drivers::{Answer, Driver, Inquiry, Method, Monitor, Reply, Request, Site, Turn};
use moka::future::Cache;
use reqwest::{Certificate, Client, ClientBuilder, Identity, RequestBuilder, Response, header, redirect};
use tokio::time::{Instant, timeout, timeout_at};

use crate::Deps;

/// Bytes of one answer.
const MAX_ANSWER: usize = 8 << 20;
/// Bytes of all answers of one inquiry.
const MAX_ANSWERS: usize = 128 << 20;
/// Questions of one inquiry.
const MAX_QUESTIONS: usize = 150;
/// How long a client and the key in it are kept for the next look.
const KEEP_CLIENTS: Duration = Duration::from_secs(600);
/// Clients that are kept.
const MAX_CLIENTS: u64 = 2000;

/// Asks clusters, each as the one its certificates are for.
#[derive(Clone)]
pub(crate) struct Probe {
    clients: Cache<(String, String), Client>,
    patience: Duration,
}

impl Probe {
    pub(crate) fn new(deps: &Deps) -> Self {
        let patience = Duration::from_secs(deps.options.magnum_rs.cluster_probe_timeout.max(1));
        let clients = Cache::builder().max_capacity(MAX_CLIENTS).time_to_live(KEEP_CLIENTS).build();
        Self { clients, patience }
    }

    /// Runs an inquiry to its end; the error says in a few words why it has none.
    pub(crate) async fn run<T>(
        &self,
        deps: &Deps,
        at: &Target<'_>,
        mut inquiry: Box<dyn Inquiry<Told = T>>,
    ) -> Result<T, String> {
        let asking = async {
            let client = self.client(deps, at).await?;
            inquire(&client, self.patience, &mut *inquiry).await
        };
        let late = || format!("no answer within {} seconds", self.patience.as_secs());
        timeout(self.patience, asking).await.unwrap_or_else(|_| Err(late()))
    }

    /// The client for a cluster, made anew when its certificates are others.
    async fn client(&self, deps: &Deps, at: &Target<'_>) -> Result<Client, String> {
        let key = match (&at.cluster.ca_cert_ref, &at.cluster.magnum_cert_ref) {
            _ if !at.site.tls => (String::new(), String::new()),
            (Some(authority), Some(own)) => (authority.clone(), own.clone()),
            _ => return Err("the cluster has no certificates".to_owned()),
        };
        if let Some(client) = self.clients.get(&key).await {
            return Ok(client);
        }
        let builder = if at.site.tls { identified(deps, &key.0, &key.1).await? } else { Client::builder() };
        let client = bounded(builder).build().map_err(|error| innermost(&error))?;
        self.clients.insert(key, client.clone()).await;
        Ok(client)
    }
}

/// A cluster that can be asked.
pub(crate) struct Target<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) monitor: &'static dyn Monitor,
    pub(crate) site: Site<'a>,
}

impl<'a> Target<'a> {
    /// `None` for a cluster without an address, or of a driver that watches nothing.
    pub(crate) fn of(
        driver: &'static dyn Driver,
        cluster: &'a Cluster,
        template: &ClusterTemplate,
        groups: &'a [NodeGroup],
    ) -> Option<Self> {
        let api_address = cluster.api_address.as_deref().filter(|address| !address.is_empty())?;
        let masters = groups.iter().find(|group| group.is_default && group.role() == Role::Master);
        let masters = masters.map_or(&[][..], |group| &group.node_addresses);
        let site = Site { api_address, masters, tls: !template.tls_disabled };
        if !is_bare(api_address) || !masters.iter().all(|address| is_bare(address)) {
            tracing::warn!(cluster.uuid = %cluster.uuid, "an address of the cluster is none that is asked");
            return None;
        }
        Some(Self { cluster, monitor: driver.monitor()?, site })
    }
}

/// Whether this is an address and perhaps a port, as our templates put it out, and nothing that would lead elsewhere: a
/// stack is its owner's, who could have it say anything.
fn is_bare(address: &str) -> bool {
    let rest = ["https://", "http://", "tcp://"].iter().find_map(|scheme| address.strip_prefix(scheme));
    let rest = rest.unwrap_or(address);
    let ip = rest.parse::<SocketAddr>().map(|socket| socket.ip()).or_else(|_| rest.parse::<IpAddr>());
    // An IPv4 address written as one of IPv6 is the same place.
    ip.is_ok_and(|ip| match ip.to_canonical() {
        IpAddr::V4(ip) => !(ip.is_unspecified() || ip.is_link_local() || ip.is_multicast() || ip.is_broadcast()),
        IpAddr::V6(ip) => !(ip.is_unspecified() || ip.is_unicast_link_local() || ip.is_multicast()),
    })
}

/// A client that believes the cluster's authority alone, and shows Magnum's certificate for it.
async fn identified(deps: &Deps, authority: &str, own: &str) -> Result<ClientBuilder, String> {
    let identity = deps.certs.client_identity(authority, own).await.map_err(|error| {
        tracing::warn!(error = %error, "Magnum's certificate for a cluster cannot be read");
        "Magnum's certificate for the cluster cannot be read".to_owned()
    })?;
    trusting(&identity.ca, &identity.certificate, identity.private_key.expose())
}

fn trusting(ca: &str, certificate: &str, key: &str) -> Result<ClientBuilder, String> {
    let unusable = |_| "Magnum's certificate for the cluster cannot be used".to_owned();
    let own = Identity::from_pkcs8_pem(certificate.as_bytes(), key.as_bytes()).map_err(unusable)?;
    let authorities = Certificate::from_pem_bundle(ca.as_bytes()).map_err(unusable)?;
    let builder = Client::builder().tls_built_in_root_certs(false).https_only(true).identity(own);
    Ok(authorities.into_iter().fold(builder, ClientBuilder::add_root_certificate))
}

/// What holds for every client. Nothing is kept open between two looks.
fn bounded(builder: ClientBuilder) -> ClientBuilder {
    builder
        .no_proxy()
        .no_gzip()
        .redirect(redirect::Policy::none())
        .pool_max_idle_per_host(1)
        .pool_idle_timeout(Duration::from_secs(5))
}

/// Question after question, until the inquiry is at its end. Half of the time is for one answer, so that what answers
/// late can be told from what does not answer at all.
async fn inquire<T>(client: &Client, patience: Duration, inquiry: &mut dyn Inquiry<Told = T>) -> Result<T, String> {
    let (mut turn, mut bytes) = (inquiry.begin(), 0);
    for _ in 0..MAX_QUESTIONS {
        let request = match turn {
            Turn::Told(told) => return Ok(told),
            Turn::Ask(url) => client.get(url),
            Turn::Tell(request) => change(client, request),
        };
        let answer = ask(request, patience / 2).await;
        bytes += answer.as_ref().map_or(0, |reply| reply.body.len());
        if bytes > MAX_ANSWERS {
            return Err("the answers are too long".to_owned());
        }
        turn = inquiry.hear(answer);
    }
    Err("there is too much to ask".to_owned())
}

fn change(client: &Client, request: Request) -> RequestBuilder {
    let Request { method, url, body } = request;
    let (builder, media) = match method {
        Method::Post => (client.post(url), "application/json"),
        Method::MergePatch => (client.patch(url), "application/merge-patch+json"),
        Method::Delete => (client.delete(url), "application/json"),
    };
    match body {
        Some(body) => builder.header(header::CONTENT_TYPE, media).body(body.to_string()),
        None => builder,
    }
}

async fn ask(request: RequestBuilder, patience: Duration) -> Answer {
    let end = Instant::now() + patience;
    let late = |_| format!("no answer within {} seconds", patience.as_secs_f32());
    let sent = timeout_at(end, request.send()).await.map_err(late)?;
    let mut response = sent.map_err(|error| innermost(&error))?;
    let status = response.status().as_u16();
    let body = timeout_at(end, body(&mut response)).await.map_err(late)??;
    Ok(Reply { status, body })
}

/// The body, as far as it may go. What is no text is made one.
async fn body(response: &mut Response) -> Result<String, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| innermost(&error))? {
        if bytes.len() + chunk.len() > MAX_ANSWER {
            return Err("the answer is too long".to_owned());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The cause at the bottom: the outer ones repeat the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_connect() { format!("no connection: {cause}") } else { cause.to_string() }
}

/// The driver of a cluster, disabled or not: clusters that exist keep theirs.
pub(crate) fn driver_of(template: &ClusterTemplate) -> Result<&'static dyn Driver, Error> {
    let distro = template.cluster_distro.as_deref().unwrap_or_default();
    drivers::driver_for(&template.server_type, distro, &template.coe, &[]).ok_or_else(|| {
        Error::invalid(format!("Cluster type ({}, {distro}, {}) not supported", template.server_type, template.coe))
    })
}

#[cfg(test)]
mod tests;
