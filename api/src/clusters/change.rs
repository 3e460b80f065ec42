//! What a PATCH of a cluster may change, and the looks into OpenStack before a cluster is stored.

use std::collections::BTreeMap;

use domain::{
    Cluster, ClusterTemplate, Error, HealthStatus, Ident, NodeGroup, Patch, PatchRules, Result, Role, Rule,
    changed_attributes,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::ClusterRecord;

use super::view::{CHANGEABLE, ClusterView};
use crate::{base::Base, ctx::Ctx, fields::Shape, lookups, lookups::Found, versions::Version};

/// What a patch changes; `None` where it leaves things as they are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    /// New size of the default worker group.
    pub(crate) node_count: Option<i64>,
    /// New health.
    pub(crate) health: Option<(Option<HealthStatus>, BTreeMap<String, String>)>,
}

#[derive(Deserialize)]
struct Changeable {
    node_count: Option<i64>,
    health_status: Option<HealthStatus>,
    health_status_reason: Option<BTreeMap<String, String>>,
}

const INTERNAL: [&str; 13] = [
    "api_address",
    "node_addresses",
    "master_addresses",
    "stack_id",
    "cluster_id",
    "ca_cert_ref",
    "magnum_cert_ref",
    "etcd_ca_cert_ref",
    "front_proxy_ca_cert_ref",
    "trust_id",
    "trustee_user_name",
    "trustee_password",
    "trustee_user_id",
];

fn rules<'a>(defaults: &'a [(&'a str, Value)]) -> PatchRules<'a> {
    PatchRules { internal: &INTERNAL, mandatory: &["cluster_template_id", "baymodel_id"], defaults }
}

/// Checks the form of a patch, before anybody looks for the cluster.
pub(crate) fn parse(body: &Value) -> Result<Patch> {
    Patch::parse(body, &rules(&[]))
}

/// The cluster, if the caller may carry out the patch. A report of its health may also come from inside, where nobody may
/// change anything else.
pub(super) async fn target(ident: &Ident, patch: &Patch, ctx: &Ctx) -> Result<ClusterRecord> {
    let everywhere = Some(Rule::ClusterUpdateAllProjects);
    if only_health(patch) {
        match ctx.cluster(ident, Rule::ClusterUpdateHealthStatus, everywhere).await {
            Err(Error::Forbidden { .. }) => {}
            decided => return decided,
        }
    }
    let record = ctx.cluster(ident, Rule::ClusterUpdate, everywhere).await?;
    ctx.allow(Rule::ClusterUpdateHealthStatus)?;
    Ok(record)
}

fn only_health(patch: &Patch) -> bool {
    let mut names = patch.attributes().peekable();
    names.peek().is_some() && names.all(|name| matches!(name, "health_status" | "health_status_reason"))
}

/// No workers at all only where the version allows it, and no more than the operator does.
pub(crate) fn count_allowed(count: Option<i64>, ctx: &Ctx) -> Result<()> {
    if count == Some(0) && !ctx.version.zero_nodes_allowed() {
        return Err(Error::bad_value("node_count", "0", "Value should be greater or equal to 1; 0 needs version 1.10"));
    }
    size_allowed("node_count", count, ctx)
}

/// No more masters than the operator allows.
pub(crate) fn masters_allowed(count: Option<i64>, ctx: &Ctx) -> Result<()> {
    size_allowed("master_count", count, ctx)
}

/// No more nodes of one kind than the operator allows.
pub(crate) fn size_allowed(attribute: &str, count: Option<i64>, ctx: &Ctx) -> Result<()> {
    let most = ctx.options().magnum_rs.max_node_count;
    match count {
        Some(count) if count > most => {
            let reason = format!("Value should be lower or equal to {most}, the most this service is set up for");
            Err(Error::bad_value(attribute, &count.to_string(), &reason))
        }
        _ => Ok(()),
    }
}

/// What the patch changes of a cluster.
pub(crate) fn apply(patch: &Patch, record: &ClusterRecord, ctx: &Ctx) -> Result<Changed> {
    let shown = ClusterView::new(record, Version::NEWEST, &Base::none());
    apply_to(&document(&shown)?, &CHANGEABLE, patch, record, ctx)
}

/// What the patch changes of a cluster that is shown as `before`. Only what is in `changeable` may change; all else may be
/// named as long as it keeps its value.
pub(super) fn apply_to(
    before: &Map<String, Value>,
    changeable: &Shape,
    patch: &Patch,
    record: &ClusterRecord,
    ctx: &Ctx,
) -> Result<Changed> {
    let defaults = [
        ("node_count", json!(1)),
        ("master_count", json!(1)),
        ("create_timeout", json!(60)),
        ("bay_create_timeout", json!(60)),
        ("merge_labels", json!(false)),
        ("labels", json!({})),
        ("health_status_reason", json!({})),
    ];
    let mut after = patch.apply(before, &rules(&defaults))?;
    // What may change is brought into its type first: "2" is no change of 2.
    let given: Map<String, Value> =
        changeable.names().filter_map(|name| Some((name.to_owned(), after.get(name)?.clone()))).collect();
    let typed = changeable.read(Value::Object(given))?;
    after.extend(typed.clone());
    let changed = changed_attributes(before, &after);
    let may = |name: &str| changeable.names().any(|other| other == name);
    let mut forbidden: Vec<&str> = changed.iter().copied().filter(|name| !may(name)).collect();
    if !forbidden.is_empty() {
        forbidden.sort_unstable();
        return Err(Error::invalid(format!("cannot change cluster property(ies) {}", forbidden.join(", "))));
    }
    let wanted: Changeable = serde_json::from_value(Value::Object(typed))
        .map_err(|error| Error::internal("read a patched cluster that passed its table", error))?;
    let health = changed.iter().any(|name| name.starts_with("health_"));
    // While something runs, the size shown may not be the size to come, and after a failure it may not be the size there
    // is: what is named now is the last word. It is the size of the default workers, and what is shown counts all.
    let status = record.cluster.status;
    let shown_is_theirs = || {
        default_workers(&record.nodegroups)
            .is_ok_and(|group| before.get("node_count") == Some(&json!(group.node_count)))
    };
    let named = patch.attributes().any(|name| name == "node_count")
        && (status.is_busy() || status.is_failed() || !shown_is_theirs());
    let node_count = (named || changed.contains(&"node_count")).then(|| wanted.node_count.unwrap_or(1));
    count_allowed(node_count, ctx)?;
    Ok(Changed {
        node_count,
        health: health.then(|| (wanted.health_status, wanted.health_status_reason.unwrap_or_default())),
    })
}

/// The attributes a patch can name, as they are shown.
pub(super) fn document(view: &impl Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(view) {
        Ok(Value::Object(document)) => Ok(document),
        Ok(_) => Err(Error::Internal { doing: "a cluster is not a JSON object".to_owned(), source: None }),
        Err(error) => Err(Error::internal("write a cluster as JSON", error)),
    }
}

/// The default worker group, whose size a PATCH changes.
pub(crate) fn default_workers(groups: &[NodeGroup]) -> Result<&NodeGroup> {
    groups
        .iter()
        .find(|group| group.is_default && group.role() == Role::Worker)
        .ok_or_else(|| Error::Internal { doing: "find the default workers of a cluster".to_owned(), source: None })
}

/// Everything a new cluster names must exist for its owner.
pub(crate) async fn looks(cluster: &Cluster, template: &ClusterTemplate, ctx: &Ctx) -> Result<Found> {
    let (session, options) = (ctx.session()?, ctx.options());
    lookups::image(&session, &template.image_id).await?;
    let names = lookups::Names::of_cluster(cluster, template);
    let subnet_cidr = Box::pin(names.check(&session, options.cinder.default_boot_volume_size)).await?;
    lookups::availability_zone(&session, &cluster.labels).await?;
    let docker_volume_type = lookups::volume_types(&session, cluster, options).await?;
    lookups::keypair(&session, cluster.keypair.as_deref()).await?;
    Ok(Found { docker_volume_type, subnet_cidr })
}
