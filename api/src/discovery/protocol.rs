//! Keys, answers and errors as etcd's v2 API writes them.
//!
//! A place is a directory, `/_etcd/registry/TOKEN`, made at index 1. Each member that comes is a key in it and raises the
//! index by one, so the index follows from the members. Keys that begin with `_` are hidden from the list.

use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError, http::StatusCode};
use serde_json::{Value, json};
use store::{Discovery, Member};

const INDEX: &str = "X-Etcd-Index";
/// Index of the directory itself.
const FIRST: u64 = 1;

/// What a path names: a place, and what of it.
pub(super) struct Key<'a> {
    pub(super) token: &'a str,
    pub(super) node: Node<'a>,
}

/// What of a place.
pub(super) enum Node<'a> {
    Place,
    Size,
    Member(&'a str),
}

impl<'a> Key<'a> {
    /// Reads what comes behind the prefix. What can be no key of ours is not there.
    pub(super) fn parse(path: &'a str) -> Result<Self, Fault> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let found = match parts.as_slice() {
            [token] => Some(Self { token, node: Node::Place }),
            [token, "_config", "size"] => Some(Self { token, node: Node::Size }),
            [token, id] if is_member(id) => Some(Self { token, node: Node::Member(id) }),
            _ => None,
        };
        let is_token = |token: &str| token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
        found.filter(|key| is_token(key.token)).ok_or_else(|| Fault::nowhere(&parts.join("/")))
    }

    fn name(&self) -> String {
        match self.node {
            Node::Place => name(self.token, ""),
            Node::Size => name(self.token, "/_config/size"),
            Node::Member(id) => name(self.token, &format!("/{id}")),
        }
    }
}

fn name(token: &str, rest: &str) -> String {
    format!("/_etcd/registry/{token}{rest}")
}

/// etcd writes its 64 bit ids in hexadecimal digits.
fn is_member(id: &str) -> bool {
    (1..=16).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A place, with the answers about it.
pub(super) struct Place(pub(super) Discovery);

impl Place {
    /// Index of the last change.
    pub(super) fn index(&self) -> u64 {
        FIRST + self.0.members.len() as u64
    }

    fn members(&self) -> impl Iterator<Item = (u64, &Member)> {
        (FIRST + 1..).zip(&self.0.members)
    }

    fn node(&self, index: u64, member: &Member) -> Value {
        json!({"key": name(&self.0.token, &format!("/{}", member.id)), "value": member.value,
            "modifiedIndex": index, "createdIndex": index})
    }

    pub(super) fn show(&self) -> Value {
        let nodes: Vec<Value> = self.members().map(|(index, member)| self.node(index, member)).collect();
        json!({"key": name(&self.0.token, ""), "dir": true, "nodes": nodes,
            "modifiedIndex": FIRST, "createdIndex": FIRST})
    }

    pub(super) fn show_size(&self) -> Value {
        json!({"key": name(&self.0.token, "/_config/size"), "value": self.0.size.to_string(),
            "modifiedIndex": FIRST, "createdIndex": FIRST})
    }

    pub(super) fn show_member(&self, id: &str) -> Option<Value> {
        self.members().find(|(_, member)| member.id == id).map(|(index, member)| self.node(index, member))
    }

    /// The first change of what `key` names, from `index` on.
    pub(super) fn next(&self, key: &Key<'_>, index: u64) -> Option<Value> {
        let concerns = |member: &Member| match key.node {
            Node::Place => true,
            Node::Size => false,
            Node::Member(id) => member.id == id,
        };
        let mut later = self.members().filter(|(at, member)| *at >= index && concerns(member));
        later.next().map(|(at, member)| self.node(at, member))
    }

    pub(super) fn answer(&self, action: &str, node: &Value) -> HttpResponse {
        head(StatusCode::OK, self.index()).json(json!({"action": action, "node": node}))
    }

    pub(super) fn created(&self, node: &Value) -> HttpResponse {
        head(StatusCode::CREATED, self.index()).json(json!({"action": "create", "node": node}))
    }

    /// What etcd itself answers when the time of a watch is over.
    pub(super) fn nothing(&self) -> HttpResponse {
        head(StatusCode::OK, self.index()).content_type("application/json").finish()
    }
}

fn head(status: StatusCode, index: u64) -> HttpResponseBuilder {
    let mut head = HttpResponse::build(status);
    head.insert_header((INDEX, index.to_string()));
    head
}

/// An error of etcd: its number, its words, what it is about.
#[derive(Debug)]
pub(crate) struct Fault {
    status: StatusCode,
    code: u16,
    message: &'static str,
    cause: String,
    index: u64,
}

impl Fault {
    fn about(key: &Key<'_>, index: u64, status: StatusCode, code: u16, message: &'static str) -> Self {
        Self { status, code, message, cause: key.name(), index }
    }

    pub(super) fn missing(key: &Key<'_>, index: u64) -> Self {
        Self::about(key, index, StatusCode::NOT_FOUND, 100, "Key not found")
    }

    fn nowhere(path: &str) -> Self {
        let cause: String = name(path, "").chars().take(200).collect();
        Self { status: StatusCode::NOT_FOUND, code: 100, message: "Key not found", cause, index: 0 }
    }

    pub(super) fn exists(key: &Key<'_>, index: u64) -> Self {
        Self::about(key, index, StatusCode::PRECONDITION_FAILED, 105, "Key already exists")
    }

    pub(super) fn fixed(key: &Key<'_>) -> Self {
        Self::about(key, 0, StatusCode::FORBIDDEN, 107, "Root is read only")
    }

    pub(super) fn full(key: &Key<'_>, index: u64) -> Self {
        Self::about(key, index, StatusCode::FORBIDDEN, 110, "The limit of peer in the cluster has reached")
    }

    pub(super) fn index(key: &Key<'_>, index: u64) -> Self {
        Self::about(key, index, StatusCode::BAD_REQUEST, 203, "The given index in POST form is not a number")
    }

    pub(super) fn field(key: &Key<'_>, why: &str) -> Self {
        let fault = Self::about(key, 0, StatusCode::BAD_REQUEST, 209, "Invalid field");
        Self { cause: format!("{}: {why}", fault.cause), ..fault }
    }

    /// etcd asks again after a 5xx, and gives up after any other status.
    pub(super) fn busy(why: &str) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self { status, code: 300, message: "Raft Internal Error", cause: why.to_owned(), index: 0 }
    }

    pub(super) fn store(error: &domain::Error) -> Self {
        tracing::error!(error = %error, "the place of etcd members cannot be used");
        Self::busy("the service's database does not answer")
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl ResponseError for Fault {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        head(self.status, self.index)
            .json(json!({"errorCode": self.code, "message": self.message, "cause": self.cause, "index": self.index}))
    }
}
