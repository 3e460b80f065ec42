//! The resource types that this Heat knows: their properties, and how a resource of each is referred to.

use serde_json::{Map, Value};

use super::tree::Node;

/// The type that stands for nothing.
pub(super) const NONE: &str = "OS::Heat::None";
/// A group of equal members.
pub(super) const GROUP: &str = "OS::Heat::ResourceGroup";
/// A server.
pub(super) const SERVER: &str = "OS::Nova::Server";

/// A resource type: lists of names, separated by spaces.
pub(super) struct Type {
    name: &'static str,
    required: &'static str,
    optional: &'static str,
    attributes: &'static str,
    /// Properties whose change makes a new resource.
    fixed: &'static str,
}

/// The types as Heat of the Zed release describes them. Those of load balancing, which Octavia and LBaaS share, stand with
/// the last part of their name.
const TYPES: &[Type] = &[
    Type {
        name: "OS::Heat::ResourceGroup",
        required: "resource_def",
        optional: "count index_var removal_policies removal_policies_mode",
        attributes: "attributes refs refs_map removed_rsrc_list",
        fixed: "index_var",
    },
    Type {
        name: "OS::Heat::WaitCondition",
        required: "handle timeout",
        optional: "count",
        attributes: "data",
        fixed: "handle timeout",
    },
    Type {
        name: "OS::Heat::WaitConditionHandle",
        required: "",
        optional: "signal_transport",
        attributes: "curl_cli endpoint signal token",
        fixed: "signal_transport",
    },
    Type {
        name: "OS::Heat::SoftwareConfig",
        required: "",
        optional: "group config options inputs outputs",
        attributes: "config",
        fixed: "group config options inputs outputs",
    },
    Type {
        name: "OS::Heat::CloudConfig",
        required: "",
        optional: "cloud_config",
        attributes: "config",
        fixed: "cloud_config",
    },
    Type {
        name: "OS::Heat::MultipartMime",
        required: "",
        optional: "group parts",
        attributes: "config",
        fixed: "group parts",
    },
    Type {
        name: "OS::Heat::SoftwareDeployment",
        required: "server",
        optional: "config input_values actions name signal_transport",
        attributes: "deploy_status_code deploy_stderr deploy_stdout",
        fixed: "server signal_transport",
    },
    Type {
        name: "OS::Heat::StructuredDeployment",
        required: "server",
        optional: "config input_values actions signal_transport name input_key input_values_validate",
        attributes: "deploy_status_code deploy_stderr deploy_stdout",
        fixed: "server signal_transport input_key input_values_validate",
    },
    Type {
        name: "OS::Heat::SoftwareDeploymentGroup",
        required: "servers",
        optional: "config input_values actions name signal_transport",
        attributes: "deploy_status_codes deploy_stderrs deploy_stdouts",
        fixed: "signal_transport",
    },
    Type {
        name: "OS::Heat::StructuredConfig",
        required: "",
        optional: "group options inputs outputs config",
        attributes: "config",
        fixed: "group options inputs outputs config",
    },
    Type {
        name: "OS::Heat::RandomString",
        required: "",
        optional: "length character_classes character_sequences salt sequence",
        attributes: "value",
        fixed: "length character_classes character_sequences salt",
    },
    Type { name: "OS::Heat::Value", required: "value", optional: "type", attributes: "value", fixed: "" },
    Type {
        name: "OS::Heat::TestResource",
        required: "",
        optional: "constraint_prop_secs attr_wait_secs value update_replace_value fail update_replace wait_secs \
         action_wait_secs client_name entity_name",
        attributes: "output",
        fixed: "update_replace_value",
    },
    Type {
        name: "OS::Neutron::Net",
        required: "",
        optional: "name value_specs admin_state_up tenant_id shared dhcp_agent_ids port_security_enabled \
         qos_policy dns_domain availability_zone_hints tags",
        attributes: "admin_state_up l2_adjacency mtu name port_security_enabled qos_policy_id segments status \
         subnets tenant_id",
        fixed: "tenant_id availability_zone_hints",
    },
    Type {
        name: "OS::Neutron::Subnet",
        required: "network",
        optional: "subnetpool prefixlen cidr value_specs name ip_version dns_nameservers gateway_ip enable_dhcp \
         allocation_pools tenant_id host_routes ipv6_ra_mode ipv6_address_mode segment tags network_id",
        attributes: "allocation_pools cidr dns_nameservers enable_dhcp gateway_ip host_routes ip_version name \
         network_id tenant_id",
        fixed: "network subnetpool prefixlen cidr ip_version tenant_id ipv6_ra_mode ipv6_address_mode",
    },
    Type {
        name: "OS::Neutron::Router",
        required: "",
        optional: "name external_gateway_info value_specs admin_state_up l3_agent_ids distributed ha \
         availability_zone_hints tags",
        attributes: "admin_state_up external_gateway_info name status tenant_id",
        fixed: "distributed ha",
    },
    Type {
        name: "OS::Neutron::RouterInterface",
        required: "router",
        optional: "subnet port router_id subnet_id port_id",
        attributes: "",
        fixed: "router subnet port",
    },
    Type {
        name: "OS::Neutron::Port",
        required: "network",
        optional: "name device_id device_owner fixed_ips security_groups dns_name tags value_specs admin_state_up \
         mac_address allowed_address_pairs binding:vnic_type port_security_enabled qos_policy \
         propagate_uplink_status no_fixed_ips network_id replacement_policy",
        attributes: "admin_state_up allowed_address_pairs device_id device_owner dns_assignment fixed_ips \
         mac_address name network network_id port_security_enabled propagate_uplink_status qos_policy_id \
         security_groups status subnets tenant_id",
        fixed: "network mac_address",
    },
    Type {
        name: "OS::Neutron::FloatingIP",
        required: "floating_network",
        optional: "floating_subnet value_specs port_id fixed_ip_address floating_ip_address dns_name dns_domain",
        attributes: "fixed_ip_address floating_ip_address floating_network_id port_id router_id tenant_id",
        fixed: "floating_network floating_subnet value_specs floating_ip_address",
    },
    Type {
        name: "OS::Neutron::FloatingIPAssociation",
        required: "floatingip_id port_id",
        optional: "fixed_ip_address",
        attributes: "",
        fixed: "",
    },
    Type {
        name: "OS::Neutron::SecurityGroup",
        required: "",
        optional: "name description rules",
        attributes: "",
        fixed: "",
    },
    Type {
        name: "OS::Neutron::SecurityGroupRule",
        required: "security_group",
        optional: "description direction ethertype port_range_min port_range_max protocol remote_group \
         remote_ip_prefix",
        attributes: "",
        fixed: "security_group description direction ethertype port_range_min port_range_max protocol \
         remote_group remote_ip_prefix",
    },
    Type {
        name: "OS::Nova::Server",
        required: "flavor",
        optional: "name image block_device_mapping block_device_mapping_v2 flavor_update_policy \
         image_update_policy key_name availability_zone security_groups networks scheduler_hints \
         metadata user_data_format software_config_transport user_data_update_policy user_data \
         reservation_id config_drive diskConfig personality admin_pass tags deployment_swift_data",
        attributes: "accessIPv4 accessIPv6 addresses console_urls instance_name name networks os_collect_config tags",
        fixed: "block_device_mapping block_device_mapping_v2 key_name availability_zone security_groups \
         scheduler_hints user_data_format reservation_id config_drive diskConfig personality",
    },
    Type {
        name: "OS::Nova::ServerGroup",
        required: "",
        optional: "name policies rules",
        attributes: "",
        fixed: "name policies rules",
    },
    Type {
        name: "OS::Nova::KeyPair",
        required: "name",
        optional: "save_private_key public_key type user",
        attributes: "private_key public_key",
        fixed: "name save_private_key public_key type user",
    },
    Type {
        name: "OS::Cinder::Volume",
        required: "",
        optional: "availability_zone size snapshot_id backup_id name description volume_type metadata image \
         source_volid scheduler_hints read_only multiattach",
        attributes: "attachments attachments_list availability_zone bootable created_at display_description \
         display_name encrypted metadata metadata_values multiattach size snapshot_id source_volid \
         status volume_type",
        fixed: "availability_zone snapshot_id image source_volid scheduler_hints",
    },
    Type {
        name: "OS::Cinder::VolumeAttachment",
        required: "instance_uuid volume_id",
        optional: "mountpoint",
        attributes: "",
        fixed: "",
    },
    Type {
        name: "::LoadBalancer",
        required: "vip_subnet",
        optional: "description name provider vip_address admin_state_up tenant_id flavor availability_zone",
        attributes: "flavor_id pools vip_address vip_port_id vip_subnet_id",
        fixed: "provider vip_address vip_subnet tenant_id flavor availability_zone",
    },
    Type {
        name: "::Listener",
        required: "protocol_port protocol",
        optional: "loadbalancer default_pool name admin_state_up description default_tls_container_ref \
         sni_container_refs connection_limit tenant_id allowed_cidrs",
        attributes: "default_pool_id loadbalancers",
        fixed: "protocol_port protocol loadbalancer tenant_id",
    },
    Type {
        name: "::Pool",
        required: "lb_algorithm protocol",
        optional: "admin_state_up description session_persistence name listener loadbalancer tls_enabled",
        attributes: "healthmonitor_id listeners members",
        fixed: "listener loadbalancer protocol",
    },
    Type {
        name: "::PoolMember",
        required: "pool address protocol_port",
        optional: "monitor_address monitor_port weight admin_state_up subnet tags",
        attributes: "",
        fixed: "pool address protocol_port monitor_address monitor_port subnet",
    },
    Type {
        name: "::HealthMonitor",
        required: "delay max_retries pool timeout type",
        optional: "admin_state_up expected_codes http_method url_path tenant_id",
        attributes: "pools",
        fixed: "pool type tenant_id",
    },
];

fn words(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split_whitespace()
}

impl Type {
    /// The type of this name; `None` when there is none.
    pub(super) fn of(kind: &str) -> Option<&'static Type> {
        let part = kind.strip_prefix("OS::Octavia").or_else(|| kind.strip_prefix("OS::Neutron::LBaaS")).unwrap_or(kind);
        TYPES.iter().find(|known| known.name == part)
    }

    pub(super) fn takes(&self, property: &str) -> bool {
        words(self.required).chain(words(self.optional)).any(|known| known == property)
    }

    /// The first property that must be given and is not.
    pub(super) fn missing(&self, given: &Map<String, Value>) -> Option<&'static str> {
        words(self.required).find(|name| !given.contains_key(*name))
    }

    pub(super) fn gives(&self, attribute: &str) -> bool {
        // A deployment gives the outputs of its configuration too; `first_address` is taken and not listed.
        let own = self.name.contains("Deployment") || (self.name == SERVER && attribute == "first_address");
        own || attribute == "show" || words(self.attributes).any(|known| known == attribute)
    }
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
    // Heat swaps a server's user data by its update policy; here it is made anew.
    match kind {
        SERVER if property == "user_data" => true,
        _ => Type::of(kind).is_some_and(|known| words(known.fixed).any(|name| name == property)),
    }
}
