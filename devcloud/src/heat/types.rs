//! The resource types that this Heat knows: their properties, and how a resource of each is referred to.

use super::tree::Node;

/// The type that stands for nothing.
pub(super) const NONE: &str = "OS::Heat::None";
/// A group of equal members.
pub(super) const GROUP: &str = "OS::Heat::ResourceGroup";
/// A server.
pub(super) const SERVER: &str = "OS::Nova::Server";

/// Type, required properties, optional properties. The load balancing types, which Octavia and LBaaS share, stand with
/// the last part of their name.
const TYPES: &[(&str, &str, &str)] = &[
    ("OS::Heat::ResourceGroup", "resource_def", "count index_var removal_policies removal_policies_mode"),
    ("OS::Heat::WaitCondition", "handle timeout", "count"),
    ("OS::Heat::WaitConditionHandle", "", "signal_transport"),
    ("OS::Heat::SoftwareConfig", "", "group config options inputs outputs"),
    ("OS::Heat::CloudConfig", "", "cloud_config"),
    ("OS::Heat::MultipartMime", "", "parts group"),
    (
        "OS::Heat::SoftwareDeployment",
        "server",
        "config input_values actions name signal_transport input_key input_values_validate deploy_actions",
    ),
    (
        "OS::Heat::StructuredDeployment",
        "server",
        "config input_values actions name signal_transport input_key input_values_validate deploy_actions",
    ),
    ("OS::Heat::SoftwareDeploymentGroup", "servers", "config input_values actions name signal_transport"),
    ("OS::Heat::SoftwareDeployments", "servers", "config input_values actions name signal_transport"),
    ("OS::Heat::StructuredConfig", "", "group config options inputs outputs input_key input_values_validate"),
    ("OS::Heat::RandomString", "", "length salt character_classes character_sequences sequence"),
    ("OS::Heat::Value", "value", "type"),
    ("OS::Heat::TestResource", "", "value fail update_replace wait_secs action_wait_secs"),
    (
        "OS::Neutron::Net",
        "",
        "name admin_state_up shared tenant_id value_specs port_security_enabled qos_policy dhcp_agent_ids \
     tags dns_domain availability_zone_hints",
    ),
    (
        "OS::Neutron::Subnet",
        "",
        "network network_id cidr name gateway_ip dns_nameservers ip_version enable_dhcp allocation_pools \
     host_routes tenant_id value_specs subnetpool prefixlen segment tags ipv6_ra_mode ipv6_address_mode",
    ),
    (
        "OS::Neutron::Router",
        "",
        "name external_gateway_info admin_state_up value_specs distributed ha tags l3_agent_ids \
     availability_zone_hints",
    ),
    ("OS::Neutron::RouterInterface", "", "router router_id subnet subnet_id port port_id"),
    (
        "OS::Neutron::Port",
        "network",
        "fixed_ips name security_groups allowed_address_pairs replacement_policy admin_state_up device_id \
     device_owner mac_address port_security_enabled value_specs binding:vnic_type qos_policy tags \
     dns_name network_id no_fixed_ips",
    ),
    (
        "OS::Neutron::FloatingIP",
        "floating_network",
        "port_id fixed_ip_address floating_ip_address floating_subnet value_specs dns_name dns_domain \
     qos_policy",
    ),
    ("OS::Neutron::FloatingIPAssociation", "floatingip_id", "port_id fixed_ip_address"),
    ("OS::Neutron::SecurityGroup", "", "name description rules"),
    (
        "OS::Neutron::SecurityGroupRule",
        "security_group",
        "description direction ethertype port_range_min port_range_max protocol remote_group remote_ip_prefix",
    ),
    (
        SERVER,
        "flavor",
        "name image key_name user_data user_data_format user_data_update_policy networks security_groups \
     software_config_transport scheduler_hints availability_zone metadata config_drive \
     block_device_mapping block_device_mapping_v2 admin_pass personality tags flavor_update_policy \
     image_update_policy reservation_id diskConfig deployment_swift_data",
    ),
    ("OS::Nova::ServerGroup", "", "name policies rules"),
    ("OS::Nova::KeyPair", "name", "public_key save_private_key type user"),
    (
        "OS::Cinder::Volume",
        "",
        "size name volume_type availability_zone description image metadata source_volid snapshot_id \
     backup_id read_only scheduler_hints multiattach",
    ),
    ("OS::Cinder::VolumeAttachment", "instance_uuid volume_id", "mountpoint"),
    (
        "::LoadBalancer",
        "",
        "vip_subnet vip_network name description vip_address provider admin_state_up flavor tenant_id tags \
     availability_zone qos_policy",
    ),
    (
        "::Listener",
        "protocol_port protocol",
        "loadbalancer default_pool name description admin_state_up connection_limit allowed_cidrs \
     default_tls_container_ref sni_container_refs tenant_id tags",
    ),
    (
        "::Pool",
        "lb_algorithm protocol",
        "listener loadbalancer name description session_persistence admin_state_up tls_enabled tags",
    ),
    (
        "::PoolMember",
        "pool address protocol_port",
        "subnet weight admin_state_up monitor_address monitor_port tags name",
    ),
    (
        "::HealthMonitor",
        "pool type delay timeout max_retries",
        "http_method url_path expected_codes admin_state_up tenant_id tags",
    ),
];

/// Required properties and optional ones of a type.
pub(super) struct Schema {
    pub(super) required: Vec<&'static str>,
    pub(super) optional: Vec<&'static str>,
}

/// The properties of a type; `None` for a type that does not exist.
pub(super) fn schema_of(kind: &str) -> Option<Schema> {
    let part = kind.strip_prefix("OS::Octavia").or_else(|| kind.strip_prefix("OS::Neutron::LBaaS")).unwrap_or(kind);
    let (_, required, optional) = TYPES.iter().find(|(name, _, _)| *name == part)?;
    let words = |text: &'static str| text.split_whitespace().collect();
    Some(Schema { required: words(required), optional: words(optional) })
}

/// What `get_resource` gives for a resource that is not a nested stack.
pub(super) fn reference(node: &Node) -> &str {
    match node.kind.as_str() {
        "OS::Nova::KeyPair" => node.properties["name"].as_str().unwrap_or(&node.physical_id),
        "OS::Heat::WaitConditionHandle" => {
            node.attributes.get("endpoint").and_then(|url| url.as_str()).unwrap_or_default()
        }
        "OS::Heat::RandomString" => node.attributes.get("value").and_then(|text| text.as_str()).unwrap_or_default(),
        _ => &node.physical_id,
    }
}

/// Whether a change of this property needs a new resource.
pub(super) fn replaces(kind: &str, property: &str) -> bool {
    match kind {
        SERVER => {
            matches!(property, "user_data" | "key_name" | "availability_zone" | "user_data_format" | "scheduler_hints")
        }
        "OS::Neutron::Port" => matches!(property, "network" | "mac_address"),
        "OS::Neutron::Subnet" => matches!(property, "network" | "cidr"),
        "OS::Neutron::FloatingIP" => matches!(property, "floating_network"),
        "OS::Cinder::Volume" => matches!(property, "volume_type" | "availability_zone" | "size"),
        "OS::Heat::SoftwareConfig"
        | "OS::Heat::MultipartMime"
        | "OS::Heat::CloudConfig"
        | "OS::Cinder::VolumeAttachment" => true,
        "OS::Nova::ServerGroup" | "OS::Nova::KeyPair" => true,
        _ if kind.ends_with("::LoadBalancer") => matches!(property, "vip_subnet" | "vip_network" | "provider"),
        _ if kind.ends_with("::Listener") => matches!(property, "loadbalancer" | "protocol" | "protocol_port"),
        _ if kind.ends_with("::Pool") => matches!(property, "listener" | "loadbalancer" | "protocol"),
        _ if kind.ends_with("::PoolMember") => matches!(property, "pool" | "address" | "protocol_port" | "subnet"),
        _ => false,
    }
}
