//! What a PATCH of a node group may change, and the looks into OpenStack before a group is stored.

use std::collections::BTreeMap;

use domain::{ClusterTemplate, Error, NodeGroup, Patch, PatchRules, Result, Role, Taint};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::ClusterRecord;

use super::view::CHANGEABLE;
use crate::{ctx::Ctx, lookups};

/// What may not be patched, beside what nobody may patch on anything.
const INTERNAL: [&str; 18] = [
    "name",
    "cluster_id",
    "role",
    "is_default",
    "node_count",
    "flavor_id",
    "image_id",
    "docker_volume_size",
    "labels",
    "merge_labels",
    "labels_overridden",
    "labels_added",
    "labels_skipped",
    "node_addresses",
    "status",
    "status_reason",
    "stack_id",
    "version",
];

fn rules<'a>(defaults: &'a [(&'a str, Value)]) -> PatchRules<'a> {
    PatchRules { internal: &INTERNAL, mandatory: &[], defaults }
}

/// Checks the form of a patch, before anybody looks for the cluster.
pub(super) fn parse(body: &Value) -> Result<Patch> {
    Patch::parse(body, &rules(&[]))
}

#[derive(Deserialize)]
struct Changeable {
    min_node_count: Option<i64>,
    max_node_count: Option<i64>,
    node_labels: Option<BTreeMap<String, String>>,
    node_taints: Option<Vec<Taint>>,
}

/// Changes a group as the patch says.
pub(super) fn apply(patch: &Patch, group: &mut NodeGroup) -> Result<()> {
    let before: Map<String, Value> = [
        ("min_node_count", json!(group.min_node_count)),
        ("max_node_count", json!(group.max_node_count)),
        ("node_labels", json!(group.node_labels)),
        ("node_taints", json!(group.node_taints)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let defaults = [("min_node_count", json!(0)), ("node_labels", json!({})), ("node_taints", json!([]))];
    let after = patch.apply(&before, &rules(&defaults))?;
    let read: Changeable = serde_json::from_value(Value::Object(CHANGEABLE.read(Value::Object(after))?))
        .map_err(|error| Error::internal("read a patched node group that passed its table", error))?;
    group.min_node_count = read.min_node_count.unwrap_or(0);
    group.max_node_count = read.max_node_count;
    group.node_labels = read.node_labels.unwrap_or_default();
    group.node_taints = read.node_taints.unwrap_or_default();
    group.check()
}

/// The cluster's template, which must still exist while the cluster does.
pub(crate) fn template_of(record: &ClusterRecord) -> Result<&ClusterTemplate> {
    let missing = || Error::NotFound { kind: "ClusterTemplate", ident: record.cluster.cluster_template_id.clone() };
    record.template.as_ref().ok_or_else(missing)
}

/// No node is newer than the masters it talks to.
pub(super) fn check_version(record: &ClusterRecord, group: &NodeGroup) -> Result<()> {
    let masters = record.nodegroups.iter().find(|other| other.role() == Role::Master);
    let theirs = masters.and_then(|masters| masters.version.as_deref());
    let (Some(own), Some(theirs)) = (group.labels.value("kube_tag"), theirs) else { return Ok(()) };
    drivers::version_skew(theirs, own)
        .map_err(|reason| Error::bad_value("labels", own, &format!("Label kube_tag: {reason}")))
}

/// Everything a new group names must exist for its owner.
pub(super) async fn looks(group: &NodeGroup, template: &ClusterTemplate, ctx: &Ctx) -> Result<()> {
    let (session, options) = (ctx.session()?, ctx.options());
    let image = group.image_id.as_deref().unwrap_or(&template.image_id);
    let (_, distro) = lookups::image(&session, image).await?;
    if Some(distro.as_str()) != template.cluster_distro.as_deref() {
        let wanted = template.cluster_distro.as_deref().unwrap_or("another");
        let reason = format!("The image has os_distro {distro}, the nodes of this cluster are made of {wanted}");
        return Err(Error::bad_value("image_id", image, &reason));
    }
    let names = lookups::Names {
        flavor: group.flavor_id.as_deref(),
        master_flavor: None,
        external_network: None,
        fixed_network: None,
        fixed_subnet: None,
        labels: &group.labels,
    };
    Box::pin(names.check(&session, options.cinder.default_boot_volume_size)).await?;
    lookups::availability_zone(&session, &group.labels).await
}
