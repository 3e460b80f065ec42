//! Resizing a node group, with a say in which nodes go: `/v1/clusters/{ident}/actions/resize`.

use domain::{Error, NodeGroup, Result, Role};
use serde::Deserialize;
use store::ClusterRecord;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::change;
use crate::{
    body::Shaped,
    fields::{COLUMN, Kind, Shape, at_least, field, mandatory},
};

const RESIZE: Shape = Shape {
    argument: "cluster_resize_req",
    fields: &[
        mandatory("node_count", at_least(0), "New number of nodes."),
        field(
            "nodes_to_remove",
            Kind::Texts(COLUMN),
            "Servers that go before all others: their ids, or their numbers.",
        ),
        field("nodegroup", Kind::Text(1, COLUMN), "UUID or name of the node group; the default workers if absent."),
    ],
};

/// What a resize asks for.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    pub(super) node_count: i64,
    pub(super) nodes_to_remove: Option<Vec<String>>,
    pub(super) nodegroup: Option<String>,
}

/// Body of a resize.
pub(crate) struct ClusterResize;

impl PartialSchema for ClusterResize {
    fn schema() -> RefOr<Schema> {
        RESIZE.schema()
    }
}

impl ToSchema for ClusterResize {}

impl Shaped for ClusterResize {
    type Read = Wanted;
    const SHAPE: &'static Shape = &RESIZE;
}

/// The node group of that name or UUID, which must not be one of masters.
pub(super) fn group_of<'a>(record: &'a ClusterRecord, ident: Option<&str>) -> Result<&'a NodeGroup> {
    let Some(ident) = ident else { return change::default_workers(&record.nodegroups) };
    let found = record.nodegroups.iter().find(|group| group.uuid == ident || group.name == ident);
    let group = found.ok_or_else(|| Error::NotFound { kind: "Nodegroup", ident: ident.to_owned() })?;
    if group.role() == Role::Master {
        return Err(Error::invalid("Resizing masters is not supported by this cluster driver."));
    }
    Ok(group)
}
