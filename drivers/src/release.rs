//! Releases of Kubernetes nodes, and how an upgrade changes them.
//!
//! A node's release (version, labels, taints) is part of its user data, so Heat replaces the server whose release changes.
//! Which member of a group has which release is kept in the parameters of the stack: `master_releases` and
//! `minion_releases`, by the member's name. A member without an entry is as the parameters of the whole group say.
//!
//! A server that takes the place of another reports to a fresh pair of wait handles, because a handle that was signalled
//! stays so; the two pairs of a member take turns. Its turn therefore outlives its release.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Cluster, Error, Labels, NodeGroup, Role};
use serde_json::{Map, Value, json};

use crate::{
    Driver, Outputs, StackRequest, master_upgrade, nodegroup,
    params::{Parameters, Put},
    version::numbers,
    version_skew,
};

/// Parameter that names the last change of releases.
const MARK: &str = "rollout";

/// See [`at_a_time`].
pub(crate) const AT_A_TIME: &str = "worker_batch_size";

/// Members of one group that get a release together.
pub struct Batch<'a> {
    /// Their group, which has the labels and taints they get.
    pub group: &'a NodeGroup,
    /// Their names in the stack.
    pub members: &'a [String],
    /// The version they get.
    pub version: &'a str,
    /// What the stack is to be marked with, see [`Upgrades::mark`].
    pub mark: &'a str,
}

/// How a driver brings nodes to another version. All methods are pure.
pub trait Upgrades: Sync {
    /// The version that a template or cluster with these labels asks for.
    fn target(&self, labels: &Labels) -> String;

    /// Whether the masters can be replaced one by one without losing what their etcd keeps.
    ///
    /// # Errors
    /// [`Error::Conflict`] with the reason why not.
    fn check_masters(&self, cluster: &Cluster, masters: &NodeGroup) -> Result<(), Error>;

    /// Resource of the stack whose members are the nodes of that role.
    fn resource(&self, role: Role) -> &'static str;

    /// What the last change of releases was marked with; empty before the first.
    ///
    /// # Errors
    /// [`Error::Conflict`] for a stack that knows no releases.
    fn mark(&self, stack: &Outputs) -> Result<String, Error>;

    /// The version a member has, or is to have.
    fn version(&self, stack: &Outputs, role: Role, member: &str) -> String;

    /// The version a group of that role counts as having: of masters the newest there is, because they cannot go back; of
    /// workers the oldest, because they have to bear the masters.
    fn group_version(&self, stack: &Outputs, role: Role, node_count: i64) -> Option<String>;

    /// Gives members a release. They are replaced, also those that had it already.
    ///
    /// # Errors
    /// [`Error::Internal`] when the stack's releases are none.
    fn batch(&self, stack: &Outputs, batch: &Batch<'_>) -> Result<StackRequest, Error>;

    /// Makes a version that all `members` of a role have that of the group, so that members to come have it as well.
    /// Replaces nothing.
    ///
    /// # Errors
    /// [`Error::Internal`] when the stack's releases are none.
    fn settle(
        &self,
        stack: &Outputs,
        roles: &BTreeMap<&'static str, Vec<String>>,
        version: &str,
        mark: &str,
    ) -> Result<StackRequest, Error>;

    /// Has members whose replacement failed replaced again by what else is asked of their stack, which Heat would fail
    /// otherwise: their wait conditions have failed for good.
    ///
    /// # Errors
    /// [`Error::Internal`] when the stack's releases are none.
    fn renew(&self, stack: &Outputs, role: Role, members: &[String], mark: &str) -> Result<StackRequest, Error>;
}

/// What the Kubernetes drivers have in common.
pub(crate) struct Releases {
    /// Whose nodes.
    pub(crate) driver: &'static dyn Driver,
    /// A master that lost its data takes its place in etcd again, as long as there are others.
    pub(crate) rejoins: bool,
}

/// `master` or `minion`, with which the parameters begin.
const fn prefix(role: Role) -> &'static str {
    match role {
        Role::Master => "master",
        Role::Worker => "minion",
    }
}

/// The releases of a role. Heat shows them as JSON text.
fn releases(stack: &Outputs, role: Role) -> Result<Map<String, Value>, Error> {
    let name = format!("{}_releases", prefix(role));
    let Some(text) = stack.parameter(&name) else { return Ok(Map::new()) };
    serde_json::from_str(text).map_err(|error| Error::internal(format!("read parameter {name} of a stack"), error))
}

/// Parameter that says how many workers Heat changes at a time. By the name it has in older templates, it says so of masters
/// as well.
pub(crate) fn at_a_time(stack: &Outputs) -> Option<&'static str> {
    [AT_A_TIME, "update_max_batch_size"].into_iter().find(|name| stack.knows(name))
}

fn text<'a>(release: &'a Value, key: &str) -> &'a str {
    release[key].as_str().unwrap_or_default()
}

/// The other pair of wait handles.
fn next_turn(release: Option<&Value>) -> &'static str {
    if release.is_some_and(|release| text(release, "turn") == "second") { "first" } else { "second" }
}

/// The version of members without a release of their own.
fn common(stack: &Outputs, role: Role) -> String {
    let own = stack.parameter(&format!("{}_kube_tag", prefix(role)));
    own.or_else(|| stack.parameter("kube_tag")).unwrap_or_default().to_owned()
}

/// See [`Upgrades::group_version`]; `None` when the stack does not tell.
pub(crate) fn group_version(stack: &Outputs, role: Role, node_count: i64) -> Option<String> {
    let releases = releases(stack, role).unwrap_or_default();
    let own = releases.values().map(|release| text(release, "kube_tag").to_owned());
    let mut all: Vec<String> = own.filter(|version| !version.is_empty()).collect();
    if i64::try_from(all.len()).is_ok_and(|own| own < node_count.max(1)) {
        all.push(common(stack, role));
    }
    let all = all.into_iter().filter(|version| !version.is_empty());
    match role {
        Role::Master => all.max_by_key(|version| numbers(version)),
        Role::Worker => all.min_by_key(|version| numbers(version)),
    }
}

fn request(parameters: Parameters) -> StackRequest {
    StackRequest { parameters, disable_rollback: true, ..StackRequest::default() }
}

impl Upgrades for Releases {
    fn target(&self, labels: &Labels) -> String {
        let label = self.driver.labels().iter().find(|label| label.name == "kube_tag");
        label.map_or("", |label| label.given(labels).unwrap_or(label.default)).to_owned()
    }

    fn check_masters(&self, cluster: &Cluster, masters: &NodeGroup) -> Result<(), Error> {
        let volume = cluster.labels.value("etcd_volume_size").is_some_and(|size| size.trim().parse().unwrap_or(0) > 0);
        if volume || (self.rejoins && masters.node_count > 1) {
            return Ok(());
        }
        let one = if masters.node_count > 1 { "Its masters keep" } else { "Its only master keeps" };
        Err(Error::Conflict(format!(
            "The masters of cluster {} cannot be upgraded, because an upgrade replaces them: {one} etcd on the root \
             disk, and everything in it would be lost. Make clusters that are to be upgraded with the label \
             etcd_volume_size",
            cluster.name
        )))
    }

    fn resource(&self, role: Role) -> &'static str {
        match role {
            Role::Master => "kube_masters",
            Role::Worker => "kube_minions",
        }
    }

    fn mark(&self, stack: &Outputs) -> Result<String, Error> {
        if !stack.knows(MARK) {
            return Err(Error::Conflict(
                "The stack of these nodes was made by an older version of the service and cannot be upgraded"
                    .to_owned(),
            ));
        }
        Ok(stack.parameter(MARK).unwrap_or_default().to_owned())
    }

    fn version(&self, stack: &Outputs, role: Role, member: &str) -> String {
        let releases = releases(stack, role).unwrap_or_default();
        let own = releases.get(member).map_or("", |release| text(release, "kube_tag"));
        if own.is_empty() { common(stack, role) } else { own.to_owned() }
    }

    fn group_version(&self, stack: &Outputs, role: Role, node_count: i64) -> Option<String> {
        group_version(stack, role, node_count)
    }

    fn batch(&self, stack: &Outputs, batch: &Batch<'_>) -> Result<StackRequest, Error> {
        let role = batch.group.role();
        let mut all = releases(stack, role)?;
        let group = nodegroup::registered(batch.group);
        for member in batch.members {
            let turn = next_turn(all.get(member));
            let release = json!({
                "kube_tag": batch.version, "turn": turn, "node_labels": nodegroup::node_labels(&group),
                "node_taints": nodegroup::node_taints(&group),
            });
            all.insert(member.clone(), release);
        }
        Ok(request(changed(stack, role, all, (batch.members.len(), batch.mark))))
    }

    fn settle(
        &self,
        stack: &Outputs,
        roles: &BTreeMap<&'static str, Vec<String>>,
        version: &str,
        mark: &str,
    ) -> Result<StackRequest, Error> {
        let mut parameters = Parameters::new();
        for role in [Role::Master, Role::Worker] {
            if let Some(members) = roles.get(self.resource(role)) {
                parameters.extend(settled(stack, role, members, version)?);
            }
        }
        parameters.put(MARK, mark);
        Ok(request(parameters))
    }

    fn renew(&self, stack: &Outputs, role: Role, members: &[String], mark: &str) -> Result<StackRequest, Error> {
        let mut all = releases(stack, role)?;
        for member in members {
            let turn = next_turn(all.get(member));
            if let Some(Value::Object(release)) = all.get_mut(member) {
                release.insert("turn".to_owned(), turn.into());
            }
        }
        Ok(request(changed(stack, role, all, (members.len(), mark))))
    }
}

/// Releases of a role, of which so many change: Heat replaces those servers at once, whatever it did before about changed
/// user data.
fn changed(stack: &Outputs, role: Role, all: Map<String, Value>, (count, mark): (usize, &str)) -> Parameters {
    let mut parameters = Parameters::new();
    parameters.put(&format!("{}_releases", prefix(role)), all);
    parameters.put(MARK, mark);
    if stack.knows("user_data_update_policy") {
        parameters.put("user_data_update_policy", "REPLACE");
    }
    if let Some(name) = at_a_time(stack) {
        parameters.put(name, count.max(1));
    }
    parameters
}

/// Parameters of a role whose members all have a version. What they are told stays the same to the letter: where they do
/// not all have the same labels and taints, each keeps its own release.
fn settled(stack: &Outputs, role: Role, members: &[String], version: &str) -> Result<Parameters, Error> {
    let mut all = releases(stack, role)?;
    all.retain(|name, _| members.contains(name));
    let mut parameters = Parameters::new();
    let told: BTreeSet<(String, String)> = members
        .iter()
        .filter_map(|member| all.get(member).filter(|release| !text(release, "kube_tag").is_empty()))
        .map(|release| (text(release, "node_labels").to_owned(), text(release, "node_taints").to_owned()))
        .collect();
    let own = |member: &String| all.get(member).is_some_and(|release| !text(release, "kube_tag").is_empty());
    if let (true, Some((labels, taints)), 1) = (members.iter().all(own), told.first(), told.len()) {
        for (kind, value) in [("labels", labels), ("taints", taints)] {
            let name = format!("{}_node_{kind}", prefix(role));
            if stack.knows(&name) {
                parameters.put(&name, value.as_str());
            }
        }
        for release in all.values_mut() {
            *release = json!({"turn": text(release, "turn")});
        }
    }
    parameters.put(&format!("{}_releases", prefix(role)), all);
    parameters.put(&format!("{}_kube_tag", prefix(role)), version);
    Ok(parameters)
}

/// Whether a cluster's default groups, or only one of its groups, can be brought to `version`: masters go first, and nobody
/// is newer than they are. `groups` are all groups of the cluster.
///
/// # Errors
/// The reason why not.
pub fn upgrade_order(groups: &[NodeGroup], only: Option<&NodeGroup>, version: &str) -> Result<(), String> {
    let changes = |group: &NodeGroup| only.map_or(group.is_default, |only| only.uuid == group.uuid);
    let masters = groups.iter().find(|group| group.is_default && group.role() == Role::Master);
    let before = masters.and_then(|masters| masters.version.as_deref()).unwrap_or_default();
    let replaced = masters.is_some_and(changes);
    if replaced {
        master_upgrade(before, version)?;
    }
    let above = if replaced { version } else { before };
    for group in groups.iter().filter(|group| group.role() == Role::Worker) {
        let own = group.version.as_deref().unwrap_or_default();
        // Old workers have to bear new masters until their turn comes.
        for below in if changes(group) { [version, own] } else { [own, own] } {
            let bears = replaced || below == version;
            if bears && !below.is_empty() && !above.is_empty() {
                version_skew(above, below).map_err(|reason| format!("node group {}: {reason}", group.name))?;
            }
        }
    }
    Ok(())
}
