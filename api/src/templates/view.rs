//! What a cluster template looks like: the table of its attributes for bodies, and the view for answers.

use domain::{ClusterTemplate, Labels, TemplateRequest};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{
    base::{Base, Link},
    body::Shaped,
    fields::{COLUMN, Kind, Shape, at_least, field, mandatory},
    time::stamp,
};

/// Name of the collection in paths and lists.
pub(crate) const COLLECTION: &str = "clustertemplates";

const TEXT: Kind = Kind::Text(1, COLUMN);

/// Attributes of a template.
pub(crate) const TEMPLATE: Shape = Shape {
    argument: "cluster_template",
    fields: &[
        field("uuid", Kind::Uuid, "Chosen by the client; generated when absent."),
        field("name", TEXT, "Not unique; generated when absent."),
        field("coe", Kind::Text(1, COLUMN), "Container orchestration engine, for example kubernetes."),
        mandatory("image_id", TEXT, "Name or UUID of the nodes' image, which needs the property os_distro."),
        field("cluster_distro", TEXT, "Taken from the image."),
        field("external_network_id", TEXT, "Name or UUID of the external network."),
        field("keypair_id", TEXT, "Key pair of clusters that name none."),
        field(
            "fixed_network",
            TEXT,
            "Name or UUID of an existing network for the nodes; a private one is made otherwise.",
        ),
        field("fixed_subnet", TEXT, "Name or UUID of a subnet of it."),
        field("dns_nameserver", TEXT, "IPv4 addresses with commas between them."),
        field("flavor_id", TEXT, "Name or id of the workers' flavor."),
        field("master_flavor_id", TEXT, "Name or id of the masters' flavor."),
        field("network_driver", TEXT, "Pod network; the COE's default when absent."),
        field("volume_driver", TEXT, "Persistent volumes, for example cinder."),
        field("docker_storage_driver", TEXT, "Storage driver of the container runtime."),
        field("docker_volume_size", at_least(1), "GB of the container runtime's volume; none when absent."),
        field("apiserver_port", Kind::Int(1024, 65535), "Port of the COE's API."),
        field("http_proxy", TEXT, "Proxy for http."),
        field("https_proxy", TEXT, "Proxy for https."),
        field("no_proxy", TEXT, "Addresses reached without a proxy."),
        field("insecure_registry", TEXT, "Image registry that is used without TLS."),
        field("registry_enabled", Kind::Bool, "Run an image registry in the cluster."),
        field("tls_disabled", Kind::Bool, "Serve the COE's API without TLS."),
        field("public", Kind::Bool, "Visible to every project."),
        field("hidden", Kind::Bool, "Not usable for new clusters, and hidden from other projects."),
        field("server_type", Kind::Word(&["vm", "bm"]), "Virtual machines or bare metal."),
        field("labels", Kind::Dict, "Further settings for the driver."),
        field("master_lb_enabled", Kind::Bool, "Load balancer in front of the masters."),
        field("floating_ip_enabled", Kind::Bool, "Floating IPs for the nodes."),
        field("tags", Kind::Text(0, COLUMN), "Tags with commas between them."),
        field("driver", TEXT, "Name of the driver; found by the image when absent."),
        field("project_id", Kind::ReadOnly, ""),
        field("user_id", Kind::ReadOnly, ""),
        field("created_at", Kind::ReadOnly, ""),
        field("updated_at", Kind::ReadOnly, ""),
        field("links", Kind::ReadOnly, ""),
    ],
};

/// Body of a POST.
pub(crate) struct TemplateCreate;

impl PartialSchema for TemplateCreate {
    fn schema() -> RefOr<Schema> {
        TEMPLATE.schema()
    }
}

impl ToSchema for TemplateCreate {}

impl Shaped for TemplateCreate {
    type Read = TemplateRequest;
    const SHAPE: &'static Shape = &TEMPLATE;
}

/// A template in every answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateView {
    pub(crate) uuid: String,
    pub(crate) name: Option<String>,
    pub(crate) coe: String,
    pub(crate) image_id: String,
    pub(crate) cluster_distro: Option<String>,
    pub(crate) server_type: String,
    pub(crate) external_network_id: Option<String>,
    pub(crate) fixed_network: Option<String>,
    pub(crate) fixed_subnet: Option<String>,
    pub(crate) network_driver: Option<String>,
    pub(crate) volume_driver: Option<String>,
    pub(crate) dns_nameserver: Option<String>,
    pub(crate) keypair_id: Option<String>,
    pub(crate) flavor_id: Option<String>,
    pub(crate) master_flavor_id: Option<String>,
    pub(crate) docker_volume_size: Option<i64>,
    pub(crate) docker_storage_driver: Option<String>,
    pub(crate) apiserver_port: Option<i64>,
    pub(crate) http_proxy: Option<String>,
    pub(crate) https_proxy: Option<String>,
    pub(crate) no_proxy: Option<String>,
    pub(crate) insecure_registry: Option<String>,
    pub(crate) registry_enabled: bool,
    pub(crate) tls_disabled: bool,
    pub(crate) public: bool,
    pub(crate) hidden: bool,
    pub(crate) master_lb_enabled: bool,
    pub(crate) floating_ip_enabled: bool,
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub(crate) labels: Labels,
    pub(crate) tags: Option<String>,
    pub(crate) driver: Option<String>,
    pub(crate) project_id: String,
    pub(crate) user_id: String,
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    #[schema(format = DateTime)]
    pub(crate) updated_at: Option<String>,
    pub(crate) links: Vec<Link>,
}

impl TemplateView {
    pub(crate) fn new(t: ClusterTemplate, base: &Base) -> Self {
        Self {
            links: base.links(COLLECTION, &t.uuid),
            created_at: stamp(t.created_at),
            updated_at: t.updated_at.map(stamp),
            uuid: t.uuid,
            name: t.name,
            coe: t.coe,
            image_id: t.image_id,
            cluster_distro: t.cluster_distro,
            server_type: t.server_type,
            external_network_id: t.external_network_id,
            fixed_network: t.fixed_network,
            fixed_subnet: t.fixed_subnet,
            network_driver: t.network_driver,
            volume_driver: t.volume_driver,
            dns_nameserver: t.dns_nameserver,
            keypair_id: t.keypair_id,
            flavor_id: t.flavor_id,
            master_flavor_id: t.master_flavor_id,
            docker_volume_size: t.docker_volume_size,
            docker_storage_driver: t.docker_storage_driver,
            apiserver_port: t.apiserver_port,
            http_proxy: t.http_proxy,
            https_proxy: t.https_proxy,
            no_proxy: t.no_proxy,
            insecure_registry: t.insecure_registry,
            registry_enabled: t.registry_enabled,
            tls_disabled: t.tls_disabled,
            public: t.public,
            hidden: t.hidden,
            master_lb_enabled: t.master_lb_enabled,
            floating_ip_enabled: t.floating_ip_enabled,
            labels: t.labels,
            tags: t.tags,
            driver: t.driver,
            project_id: t.project_id,
            user_id: t.user_id,
        }
    }
}
