//! Where etcd members of a new cluster find each other: the part of etcd's v2 protocol that `--discovery` speaks.
//!
//! etcd sends no Keystone token. What lets a member in is the name of the place, 128 random bits that only the nodes and
//! the readers of the cluster are told. Nothing here lists places; one that is unknown looks like one that is over. What is
//! stored is small, few and for a few hours, and a process answers a limited number of these requests, so that the rest
//! of the API stays usable.

mod limits;
mod protocol;

use std::time::Duration;

use actix_web::{HttpResponse, web};
use chrono::Utc;
use serde::Deserialize;
use store::{Discovery, Joined, Member};
use tokio::time::{Instant, sleep};
use utoipa::ToSchema;

pub(crate) use limits::Limits;
use protocol::{Fault, Key, Node, Place};

use crate::Deps;

/// Path in front of a place's name.
pub(crate) const PREFIX: &str = "/v1/discovery/";

/// A member that waits is answered after this time at the latest, and asks again.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// How often a member that waits looks.
const LOOK: Duration = Duration::from_millis(500);
/// Most bytes of what a member says about itself.
const LONGEST_VALUE: usize = 2048;
/// Most bytes of a body, in which those are escaped.
const LONGEST_BODY: usize = 3 * LONGEST_VALUE + 64;
/// A body that has not arrived by then is given up.
const SLOW_BODY: Duration = Duration::from_secs(10);

/// Arguments of a GET. Others that etcd sends change nothing here.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    wait: Option<String>,
    #[serde(rename = "waitIndex")]
    wait_index: Option<String>,
}

/// Arguments of a PUT.
#[derive(Deserialize)]
pub(crate) struct How {
    #[serde(rename = "prevExist")]
    prev_exist: Option<String>,
}

/// Body of a PUT.
#[derive(Deserialize, ToSchema)]
struct Said {
    /// Name and peer address of the member.
    value: String,
}

/// A place of etcd members with its members, its size, or one member; with `wait`, the next member that comes.
#[utoipa::path(
    get, path = "/v1/discovery/{key}", tag = "discovery", security(()),
    params(
        ("wait" = inline(Option<String>), Query, description = "`true` to wait for the next member."),
        ("waitIndex" = inline(Option<String>), Query, description = "Index of the member to wait for.")
    ),
    responses(
        (status = 200, description = "As etcd answers; without a body when nobody came in time", body = Object),
        (status = 400, body = Object), (status = 404, body = Object), (status = 429, body = Object),
        (status = 500, body = Object), (status = 503, body = Object)
    )
)]
pub(crate) async fn read(
    deps: web::Data<Deps>,
    limits: web::Data<Limits>,
    path: web::Path<String>,
    wanted: Result<web::Query<Wanted>, actix_web::Error>,
) -> Result<HttpResponse, Fault> {
    limits.admit()?;
    let key = Key::parse(&path)?;
    let wanted = wanted.map_err(|_| Fault::field(&key, "the arguments cannot be read"))?.into_inner();
    let place = find(&deps, &key).await?;
    if wanted.wait.as_deref().is_some_and(|wait| wait == "true" || wait == "1") {
        let index = match wanted.wait_index.as_deref() {
            Some(text) => text.parse().map_err(|_| Fault::index(&key, place.index()))?,
            None => place.index() + 1,
        };
        let _waiting = limits.wait(key.token)?;
        return wait(&deps, &key, index, place).await;
    }
    let found = match key.node {
        Node::Place => Some(place.show()),
        Node::Size => Some(place.show_size()),
        Node::Member(id) => place.show_member(id),
    };
    found.map(|node| place.answer("get", &node)).ok_or_else(|| Fault::missing(&key, place.index()))
}

/// A member comes to a place, once.
#[utoipa::path(
    put, path = "/v1/discovery/{key}", tag = "discovery", security(()),
    params(("prevExist" = inline(Option<String>), Query, description = "Not `true`: a member does not change.")),
    request_body(content = Said, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 201, description = "As etcd answers", body = Object), (status = 400, body = Object),
        (status = 403, body = Object), (status = 404, body = Object), (status = 412, body = Object),
        (status = 429, body = Object), (status = 500, body = Object), (status = 503, body = Object)
    )
)]
pub(crate) async fn join(
    deps: web::Data<Deps>,
    limits: web::Data<Limits>,
    path: web::Path<String>,
    how: Result<web::Query<How>, actix_web::Error>,
    body: web::Payload,
) -> Result<HttpResponse, Fault> {
    limits.admit()?;
    let key = Key::parse(&path)?;
    let Node::Member(id) = key.node else { return Err(Fault::fixed(&key)) };
    if how.is_ok_and(|how| how.prev_exist.as_deref() == Some("true")) {
        return Err(Fault::field(&key, "prevExist must be false: a member does not change"));
    }
    let value = value(&key, body).await?;
    let member = Member { id: id.to_owned(), value };
    match deps.store.join_discovery(key.token, &member, Utc::now()).await.map_err(|error| Fault::store(&error))? {
        Joined::New(found) => {
            tracing::info!(cluster.uuid = %found.cluster_uuid, member = id, "an etcd member has come");
            let place = Place(found);
            let node = place.show_member(id).ok_or_else(|| Fault::missing(&key, place.index()))?;
            Ok(place.created(&node))
        }
        Joined::Before(found) => Err(Fault::exists(&key, Place(found).index())),
        Joined::Full(found) => Err(Fault::full(&key, Place(found).index())),
        Joined::Nowhere => Err(Fault::missing(&key, 0)),
    }
}

async fn find(deps: &Deps, key: &Key<'_>) -> Result<Place, Fault> {
    let found: Option<Discovery> =
        deps.store.discovery(key.token, Utc::now()).await.map_err(|error| Fault::store(&error))?;
    found.map(Place).ok_or_else(|| Fault::missing(key, 0))
}

/// The first member from `index` on, as soon as it is there; an answer without a body when the time is over, after which
/// etcd asks again.
async fn wait(deps: &Deps, key: &Key<'_>, index: u64, mut place: Place) -> Result<HttpResponse, Fault> {
    let end = Instant::now() + LONGEST_WAIT;
    loop {
        if let Some(node) = place.next(key, index) {
            return Ok(place.answer("create", &node));
        }
        if Instant::now() >= end {
            return Ok(place.nothing());
        }
        sleep(LOOK).await;
        place = find(deps, key).await?;
    }
}

async fn value(key: &Key<'_>, body: web::Payload) -> Result<String, Fault> {
    let read = tokio::time::timeout(SLOW_BODY, body.to_bytes_limited(LONGEST_BODY)).await;
    let Ok(Ok(Ok(bytes))) = read else { return Err(Fault::field(key, "the body is too long, or did not arrive")) };
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let said = web::Query::<Said>::from_query(text).map_err(|_| Fault::field(key, "the body has no value"))?;
    let value = said.into_inner().value;
    if value.is_empty() || value.len() > LONGEST_VALUE || value.chars().any(char::is_control) {
        return Err(Fault::field(key, "a value is one line of 1 to 2048 bytes"));
    }
    Ok(value)
}
