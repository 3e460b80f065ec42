//! What the cloud holds: one world behind one lock, and what lives beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use indexmap::IndexMap;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::calls::Call;
use crate::cloud::Settings;
use crate::faults::Faults;
use crate::heat::Stacks;
use crate::http::{Refusal, Request};
use crate::identity::{Directory, Grant};
use crate::neutron::Addresses;
use crate::player::{NodeSpec, NodeState};

/// Objects of one kind by id, in order of creation, each as its API shows it.
pub(crate) type Table = IndexMap<String, Value>;

/// Everything the services remember.
pub(crate) struct World {
    pub(crate) settings: Settings,
    /// Nobody works on stacks that wait for nodes.
    pub(crate) heat_is_dead: bool,
    /// Stacks whose resources are gone stay, as they do while Heat removes the trust it has made for one.
    pub(crate) heat_holds_deleted: bool,
    /// How many more stacks cannot be deleted.
    pub(crate) deletions_to_fail: u32,
    pub(crate) directory: Directory,
    pub(crate) stacks: Stacks,
    pub(crate) addresses: Addresses,
    pub(crate) images: Table,
    pub(crate) flavors: Table,
    /// Key is `user id/name`.
    pub(crate) keypairs: Table,
    pub(crate) servers: Table,
    pub(crate) server_groups: Table,
    pub(crate) networks: Table,
    pub(crate) subnets: Table,
    pub(crate) ports: Table,
    pub(crate) routers: Table,
    pub(crate) floating_ips: Table,
    pub(crate) security_groups: Table,
    pub(crate) volumes: Table,
    pub(crate) volume_types: Table,
    pub(crate) load_balancers: Table,
    pub(crate) listeners: Table,
    pub(crate) pools: Table,
    pub(crate) members: Table,
    pub(crate) monitors: Table,
    pub(crate) secrets: Table,
    pub(crate) containers: Table,
    /// How many servers a project may have; absent means no limit.
    pub(crate) instance_quotas: BTreeMap<String, u64>,
    /// What tests say of played nodes, by the server's name.
    pub(crate) node_states: BTreeMap<String, NodeState>,
    /// What was changed of played nodes through their cluster's API, by the server's id.
    pub(crate) node_specs: BTreeMap<String, NodeSpec>,
    /// Servers that are gone and that their clusters still list.
    pub(crate) departed: Table,
    /// What nodes run does not move when they are drained.
    pub(crate) nodes_hold_on: bool,
    /// Pods, containers and tasks that went with their servers.
    pub(crate) lost_work: usize,
    /// Ports that Nova made for its servers, and takes away with them.
    pub(crate) own_ports: BTreeSet<String>,
}

impl World {
    pub(crate) fn new(settings: Settings, origin: &str) -> World {
        World {
            settings,
            heat_is_dead: false,
            heat_holds_deleted: false,
            deletions_to_fail: 0,
            directory: Directory::new(origin),
            stacks: Stacks::default(),
            addresses: Addresses::default(),
            images: Table::new(),
            flavors: Table::new(),
            keypairs: Table::new(),
            servers: Table::new(),
            server_groups: Table::new(),
            networks: Table::new(),
            subnets: Table::new(),
            ports: Table::new(),
            routers: Table::new(),
            floating_ips: Table::new(),
            security_groups: Table::new(),
            volumes: Table::new(),
            volume_types: Table::new(),
            load_balancers: Table::new(),
            listeners: Table::new(),
            pools: Table::new(),
            members: Table::new(),
            monitors: Table::new(),
            secrets: Table::new(),
            containers: Table::new(),
            instance_quotas: BTreeMap::new(),
            node_states: BTreeMap::new(),
            node_specs: BTreeMap::new(),
            departed: Table::new(),
            nodes_hold_on: false,
            lost_work: 0,
            own_ports: BTreeSet::new(),
        }
    }

    /// Who sends this request; a service other than Keystone wants a token scoped to a project.
    pub(crate) fn caller(&self, request: &Request) -> Result<Grant, Refusal> {
        let grant = self.directory.authenticate(request)?;
        if grant.project_id.is_none() {
            return Err(Refusal::unauthorized());
        }
        Ok(grant)
    }
}

/// The world, the faults, the log of calls, and the runtime that moves stacks along.
pub(crate) struct Shared {
    world: Mutex<World>,
    faults: Mutex<Faults>,
    calls: Mutex<Vec<Call>>,
    pub(crate) runtime: Handle,
    /// Client of the played nodes, made when the first one needs it, because loading the system's CAs takes long.
    http: OnceLock<Result<reqwest::Client, String>>,
}

impl Shared {
    pub(crate) fn new(world: World, runtime: Handle) -> Arc<Shared> {
        Arc::new(Shared {
            world: Mutex::new(world),
            faults: Mutex::new(Faults::default()),
            calls: Mutex::new(Vec::new()),
            runtime,
            http: OnceLock::new(),
        })
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The played nodes' HTTP client; the error says why there is none.
    pub(crate) fn http(&self) -> Result<&reqwest::Client, String> {
        let client = || reqwest::Client::builder().timeout(Duration::from_secs(30)).no_proxy().build();
        let made = self.http.get_or_init(|| client().map_err(|error| format!("no HTTP client: {error}")));
        made.as_ref().map_err(Clone::clone)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log(&self, call: Call) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn clear_calls(&self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A fresh id with dashes.
pub(crate) fn new_id() -> String {
    Uuid::new_v4().to_string()
}

/// A fresh id as Keystone writes it, 32 hexadecimal digits.
pub(crate) fn hex_id() -> String {
    Uuid::new_v4().simple().to_string()
}

/// A time as Heat, Nova and Neutron write it.
pub(crate) fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The text at `key` of an object, empty when absent.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The objects that a project sees, filtered by those query parameters that name a member of the object.
pub(crate) fn visible(table: &Table, grant: &Grant, request: &Request) -> Vec<Value> {
    let mut rows: Vec<Value> = table
        .values()
        .filter(|row| is_visible(row, grant))
        .filter(|row| {
            request.query.iter().all(|(key, wanted)| match row.get(key) {
                None => true,
                Some(Value::String(have)) => request.queries(key).contains(&have.as_str()),
                Some(Value::Bool(have)) => *have == crate::http::is_true(wanted),
                Some(Value::Number(have)) => have.to_string() == *wanted,
                Some(_) => true,
            })
        })
        .cloned()
        .collect();
    if let Some(marker) = request.query("marker")
        && let Some(at) = rows.iter().position(|row| text(row, "id") == marker)
    {
        rows.drain(..=at);
    }
    if let Some(limit) = request.query("limit").and_then(|limit| limit.parse::<usize>().ok()) {
        rows.truncate(limit);
    }
    rows
}

/// Whether a project may see an object: its own, a shared one, or any for an administrator.
pub(crate) fn is_visible(row: &Value, grant: &Grant) -> bool {
    let flag = |key: &str| row.get(key).and_then(Value::as_bool).unwrap_or(false);
    grant.is_admin()
        || row.get("project_id").is_none_or(Value::is_null)
        || Some(text(row, "project_id")) == grant.project_id.as_deref()
        || flag("shared")
        || flag("router:external")
}

/// One visible object, or the service's 404 sentence.
pub(crate) fn one<'a>(table: &'a Table, id: &str, grant: &Grant, missing: &str) -> Result<&'a Value, Refusal> {
    table.get(id).filter(|row| is_visible(row, grant)).ok_or_else(|| Refusal::not_found(missing))
}

/// A version document in the form that most services share.
pub(crate) fn version(id: &str, href: &str, min: &str, max: &str) -> Value {
    json!({
        "id": id, "status": "CURRENT", "min_version": min, "version": max, "updated": "2018-02-28T00:00:00Z",
        "links": [{"rel": "self", "href": href}],
    })
}
