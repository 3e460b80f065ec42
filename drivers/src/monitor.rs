//! What to ask a cluster's own API and what to tell it, and what its answers mean: how well it is, which of its nodes are in
//! use, what those that leave still run, and which are gone.
//!
//! Pure: an [`Inquiry`] names one URL after the other and hears what came back; somebody else asks, within bounds of time
//! and size. A cluster belongs to its user, so every answer may be anything, and nothing in it is taken on trust.

mod docker;
mod eviction;
mod kubernetes;
mod leaving;
mod mesos;
mod swarm;

use std::collections::BTreeMap;

use domain::{Cluster, HealthStatus};
use serde_json::Value;

use crate::label::switch;

pub(crate) use docker::{Legacy, SwarmMode};
pub(crate) use kubernetes::Kubernetes;
pub use leaving::{Leaving, Roll};
pub(crate) use mesos::Mesos;

/// Bytes that names and texts of one reason may have together, well below what the column takes on any server.
const REASON_BYTES: usize = 20_000;
/// Values that one answer may hold. Parsed, each takes up to some hundred bytes however short it is written; a page of a
/// hundred nodes has about a hundred thousand.
const MAX_VALUES: usize = 250_000;
/// Characters of one text that came from a cluster.
const TEXT_CHARS: usize = 200;

/// Where a cluster can be asked.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// As in the cluster's row.
    pub api_address: &'a str,
    /// Addresses of the masters, public ones where there are any.
    pub masters: &'a [String],
    /// The API is served with TLS.
    pub tls: bool,
}

/// What came back: an answer over HTTP, or why there was none.
pub type Answer = Result<Reply, String>;

/// An answer over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// The body, which may be anything.
    pub body: String,
}

/// What an inquiry wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn<T> {
    /// The answer to a GET of this URL.
    Ask(String),
    /// That something is changed, and the answer to that.
    Tell(Request),
    /// Nothing; this is the result.
    Told(T),
}

/// A request that changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is done to the URL.
    pub method: Method,
    /// The URL.
    pub url: String,
    /// JSON; none for a removal.
    pub body: Option<Value>,
}

/// What is done to a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Something is handed over.
    Post,
    /// The members named in the body are changed (RFC 7396).
    MergePatch,
    /// It is removed.
    Delete,
}

/// One question after the other, until the result is there.
pub trait Inquiry: Send {
    /// What comes out.
    type Told;

    /// The first URL.
    fn begin(&mut self) -> Turn<Self::Told>;

    /// Hears the answer to the last URL.
    fn hear(&mut self, answer: Answer) -> Turn<Self::Told>;
}

/// How a COE is watched.
pub trait Monitor: Sync {
    /// Asks how well the cluster is.
    fn health(&self, site: &Site<'_>) -> Box<dyn Inquiry<Told = Health>>;

    /// Asks which nodes run how much. The error is for the log.
    fn usage(&self, site: &Site<'_>) -> Box<dyn Inquiry<Told = Result<Vec<NodeUse>, String>>>;

    /// Where Heat has the workers.
    fn workers(&self) -> Workers;

    /// Takes the nodes of these names out of service, and has what they run move elsewhere. To be asked again until nothing
    /// is left. `None` where the cluster needs no help with nodes that go.
    fn empty(&self, _: &Site<'_>, _names: &[String]) -> Option<Box<dyn Leaving>> {
        None
    }

    /// Takes workers without a server off the cluster's list, and gives the others that were emptied work again. To be
    /// asked again until nothing is left. `None` where the cluster forgets by itself.
    fn forget(&self, _: &Site<'_>, _: Roll) -> Option<Box<dyn Leaving>> {
        None
    }

    /// Whether the addresses that are asked are ones that can be reached from outside, as upstream decides it.
    fn is_accessible(&self, cluster: &Cluster) -> bool {
        let floating = cluster.floating_ip_enabled;
        if cluster.master_lb_enabled {
            switch(&cluster.labels, "master_lb_floating_ip_enabled", floating)
        } else {
            floating
        }
    }
}

/// Where a stack has its workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers {
    /// The resource group.
    pub group: &'static str,
    /// The output with the private addresses of its members, in their order.
    pub addresses: &'static str,
    /// The word in the names of their servers, between the stack's name and the number of the member.
    pub word: &'static str,
}

/// What a node runs, as its cluster tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeUse {
    /// Private addresses.
    pub addresses: Vec<String>,
    /// It takes work.
    pub ready: bool,
    /// Pods, containers or tasks that would have to move.
    pub load: usize,
}

/// A health and what it was decided from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The word.
    pub status: HealthStatus,
    /// Findings by name, as `health_status_reason` has them.
    pub reason: BTreeMap<String, String>,
}

impl Health {
    /// Healthy when the API is well and each `(name, well)` is; names end in what they tell, as in `node-0.Ready`.
    ///
    /// What does not fit into the reason is left out, what is well before what is not.
    fn of(api: &Answered<'_>, findings: Vec<(String, bool)>) -> Self {
        let well = matches!(api, Ok(())) && findings.iter().all(|(_, well)| *well);
        let mut reason =
            BTreeMap::from([("api".to_owned(), api.as_ref().err().map_or("ok".to_owned(), |why| shown(why)))]);
        let (mut room, mut left_out) = (REASON_BYTES, 0);
        let (good, bad): (Vec<_>, Vec<_>) = findings.into_iter().partition(|(_, well)| *well);
        for (name, well) in bad.into_iter().chain(good) {
            let name = shown(&name);
            match room.checked_sub(name.len() + 16) {
                Some(rest) => {
                    room = rest;
                    reason.insert(name, if well { "True" } else { "False" }.to_owned());
                }
                None => left_out += 1,
            }
        }
        if left_out > 0 {
            reason.insert("not_shown".to_owned(), left_out.to_string());
        }
        Self { status: if well { HealthStatus::Healthy } else { HealthStatus::Unhealthy }, reason }
    }

    /// The API is there, and its nodes cannot be told.
    fn unlisted(why: &str) -> Self {
        let mut health = Self::of(&Ok(()), Vec::new());
        health.status = HealthStatus::Unhealthy;
        health.reason.insert("nodes".to_owned(), shown(why));
        health
    }

    /// A cluster that nobody outside can reach.
    #[must_use]
    pub fn inaccessible(cluster: &str) -> Self {
        let text = format!("The cluster {} is not accessible.", shown(cluster));
        Self { status: HealthStatus::Unknown, reason: BTreeMap::from([("api".to_owned(), text)]) }
    }

    /// An inquiry that could not be brought to its end.
    #[must_use]
    pub fn failed(why: &str) -> Self {
        Self::of(&Err(why), Vec::new())
    }
}

/// Whether the API answered as it should; else why not.
type Answered<'a> = Result<(), &'a str>;

/// One line of at most [`TEXT_CHARS`] characters without control characters.
fn shown(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let mut short: String = line.chars().filter(|c| !c.is_control()).take(TEXT_CHARS).collect();
    if line.chars().count() > TEXT_CHARS {
        short.push_str("...");
    }
    short
}

/// The body of a 200; anything else as a text.
fn text(answer: Answer) -> Result<String, String> {
    let reply = answer?;
    if reply.status == 200 { Ok(reply.body) } else { Err(format!("status {}: {}", reply.status, shown(&reply.body))) }
}

/// The JSON of a 200; anything else as a text.
fn json(answer: Answer) -> Result<Value, String> {
    let body = text(answer)?;
    // Each value has one of these before it, so this is known before memory is taken for any of them.
    if body.bytes().filter(|byte| b",[{".contains(byte)).count() > MAX_VALUES {
        return Err("an answer with too much in it".to_owned());
    }
    serde_json::from_str(&body).map_err(|_| format!("something else than JSON: {}", shown(&body)))
}

/// The list under `key`, or the whole value for an empty key.
fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    let found = if key.is_empty() { value } else { &value[key] };
    found.as_array().ok_or_else(|| format!("an answer without a list{}{key}", if key.is_empty() { "" } else { " of " }))
}

/// The base of URLs, from `tcp://HOST:PORT` or a URL.
fn base(site: &Site<'_>) -> String {
    let address = site.api_address.trim_end_matches('/');
    match address.strip_prefix("tcp://") {
        Some(rest) => format!("{}://{rest}", if site.tls { "https" } else { "http" }),
        None => address.to_owned(),
    }
}
