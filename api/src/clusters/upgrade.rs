//! Bringing a cluster to another template: `/v1/clusters/{ident}/actions/upgrade`.
//!
//! Everything is checked before anything happens: the template's driver and what it would change besides the version, the
//! order in which masters and workers may go, and whether the masters can be replaced at all.

use domain::{Cluster, ClusterTemplate, Error, NodeGroup, Result, Role, UpgradeParams};
use drivers::{Driver, Label, Upgrades};
use serde::Deserialize;
use store::ClusterRecord;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{
    body::Shaped,
    cluster_type,
    ctx::Ctx,
    fields::{COLUMN, Kind, Shape, at_least, field, mandatory},
    nodegroups,
};

const UPGRADE: Shape = Shape {
    argument: "cluster_upgrade_req",
    fields: &[
        mandatory("cluster_template", Kind::Text(1, COLUMN), "UUID or name of the cluster template to go to."),
        field("max_batch_size", at_least(1), "Workers replaced at a time, one if absent. Masters go one by one."),
        field(
            "nodegroup",
            Kind::Text(1, COLUMN),
            "UUID or name of the only node group to upgrade; masters and default workers if absent.",
        ),
    ],
};

/// What an upgrade asks for.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    pub(super) cluster_template: String,
    max_batch_size: Option<i64>,
    nodegroup: Option<String>,
}

/// Body of an upgrade.
pub(crate) struct ClusterUpgrade;

impl PartialSchema for ClusterUpgrade {
    fn schema() -> RefOr<Schema> {
        UPGRADE.schema()
    }
}

impl ToSchema for ClusterUpgrade {}

impl Shaped for ClusterUpgrade {
    type Read = Wanted;
    const SHAPE: &'static Shape = &UPGRADE;
}

/// Refuses what cannot be, and answers what is to be done.
pub(super) fn check(
    wanted: &Wanted,
    record: &ClusterRecord,
    template: &ClusterTemplate,
    ctx: &Ctx,
) -> Result<UpgradeParams> {
    let only = wanted.nodegroup.as_deref().map(|ident| nodegroups::named(record, ident)).transpose()?;
    let (driver, upgrades) = same_driver(record, template, ctx)?;
    if let Some(group) = only.filter(|group| !group.is_default)
        && template.uuid != record.cluster.cluster_template_id
    {
        return Err(Error::Conflict(format!(
            "Node group {} can only be upgraded to the template of its cluster, which is {}. Upgrade the cluster first",
            group.name, record.cluster.cluster_template_id
        )));
    }
    same_shape(record, template, driver)?;
    driver.labels().iter().try_for_each(|label| label.check(&template.labels))?;
    let version = upgrades.target(&template.labels);
    drivers::upgrade_order(&record.nodegroups, only, &version)
        .map_err(|reason| Error::Conflict(format!("Cluster {} cannot be upgraded: {reason}", record.cluster.name)))?;
    let made = upgrades.target(&record.cluster.labels);
    if let Some(masters) = replaced_masters(record, only, (&version, &made)) {
        upgrades.check_masters(&record.cluster, masters)?;
    }
    tracing::debug!(driver = driver.name(), version, "upgrade accepted");
    Ok(UpgradeParams {
        nodegroup: only.map(|group| group.uuid.clone()),
        cluster_template: template.uuid.clone(),
        max_batch_size: wanted.max_batch_size.unwrap_or(1),
    })
}

/// The masters, unless they stay or have the version already; those whose stack has not told it yet have what the cluster
/// was made with.
fn replaced_masters<'a>(
    record: &'a ClusterRecord,
    only: Option<&NodeGroup>,
    (version, made): (&str, &str),
) -> Option<&'a NodeGroup> {
    let masters = record.nodegroups.iter().find(|group| group.is_default && group.role() == Role::Master)?;
    let stay =
        only.is_some_and(|only| only.uuid != masters.uuid) || masters.version.as_deref().unwrap_or(made) == version;
    (!stay).then_some(masters)
}

/// The driver of the cluster, which must be that of the template and able to upgrade.
fn same_driver(
    record: &ClusterRecord,
    template: &ClusterTemplate,
    ctx: &Ctx,
) -> Result<(&'static dyn Driver, &'static dyn Upgrades)> {
    let own = cluster_type::driver_of(nodegroups::template_of(record)?, ctx.options())?;
    let unable = || {
        Error::invalid(format!("Upgrading is not supported by the driver {}, which builds this cluster", own.name()))
    };
    let upgrades = own.upgrades().ok_or_else(unable)?;
    let other = cluster_type::driver_of(template, ctx.options())?;
    if own.name() == other.name() {
        return Ok((own, upgrades));
    }
    Err(Error::Conflict(format!(
        "cluster_template {} builds clusters with the driver {}, this one is of {}. Name a template of the same kind",
        template.uuid,
        other.name(),
        own.name()
    )))
}

/// An upgrade changes the version of Kubernetes. What else shapes the nodes has to be as the cluster was built with: a user
/// who asks for more than is done shall know. A template's name and tags, and who may see it, shape no nodes.
fn same_shape(record: &ClusterRecord, template: &ClusterTemplate, driver: &dyn Driver) -> Result<()> {
    let own = nodegroups::template_of(record)?;
    let fields = [
        ("image_id", own.image_id != template.image_id),
        ("network_driver", own.network_driver != template.network_driver),
        ("volume_driver", own.volume_driver != template.volume_driver),
        ("docker_storage_driver", own.docker_storage_driver != template.docker_storage_driver),
        ("registry_enabled", own.registry_enabled != template.registry_enabled),
        ("insecure_registry", own.insecure_registry != template.insecure_registry),
        ("tls_disabled", own.tls_disabled != template.tls_disabled),
        ("apiserver_port", own.apiserver_port != template.apiserver_port),
        ("http_proxy", own.http_proxy != template.http_proxy),
        ("https_proxy", own.https_proxy != template.https_proxy),
        ("no_proxy", own.no_proxy != template.no_proxy),
        ("dns_nameserver", own.dns_nameserver != template.dns_nameserver),
        ("external_network_id", own.external_network_id != template.external_network_id),
    ];
    let fields = fields.into_iter().chain(asked_anew(&record.cluster, own, template));
    let differs = |label: &&Label| {
        let asked = label.given(&template.labels);
        ![label.given(&own.labels), label.given(&record.cluster.labels)].contains(&asked)
    };
    let labels = driver.labels().iter().filter(|label| label.name != "kube_tag").filter(differs);
    let fields = fields.filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned());
    let names: Vec<String> = fields.chain(labels.map(|label| format!("the label {}", label.name))).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "An upgrade changes the version of Kubernetes alone (label kube_tag), and cluster_template {} differs from that of \
         the cluster in {}. Name a template that is the same in this; a name and the id of the same thing count as different",
        template.uuid,
        names.join(", ")
    )))
}

/// What a cluster may have otherwise than its template. A template that says nothing asks for no change, and neither does one
/// that says what the cluster's own does, or what the cluster has.
fn asked_anew(
    cluster: &Cluster,
    own: &ClusterTemplate,
    template: &ClusterTemplate,
) -> impl Iterator<Item = (&'static str, bool)> {
    fn anew<T: PartialEq>(asked: &Option<T>, own: &Option<T>, has: &Option<T>) -> bool {
        asked.is_some() && ![own, has].contains(&asked)
    }
    let (size, has) = (&template.docker_volume_size, &cluster.docker_volume_size);
    let flag = |asked: bool, own: bool, has: bool| asked != own && asked != has;
    [
        ("flavor_id", anew(&template.flavor_id, &own.flavor_id, &cluster.flavor_id)),
        ("master_flavor_id", anew(&template.master_flavor_id, &own.master_flavor_id, &cluster.master_flavor_id)),
        ("keypair_id", anew(&template.keypair_id, &own.keypair_id, &cluster.keypair)),
        ("fixed_network", anew(&template.fixed_network, &own.fixed_network, &cluster.fixed_network)),
        ("fixed_subnet", anew(&template.fixed_subnet, &own.fixed_subnet, &cluster.fixed_subnet)),
        ("docker_volume_size", anew(size, &own.docker_volume_size, has)),
        (
            "floating_ip_enabled",
            flag(template.floating_ip_enabled, own.floating_ip_enabled, cluster.floating_ip_enabled),
        ),
        ("master_lb_enabled", flag(template.master_lb_enabled, own.master_lb_enabled, cluster.master_lb_enabled)),
    ]
    .into_iter()
}
