//! Parameter blocks that drivers put together: what every COE needs, what has to do with volumes and networks.
//!
//! A block names only parameters the shared templates know. A value that is not set is left out, so that the template's
//! default holds; nothing is ever sent as null or as an empty name.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Error, NodeGroup, Role};
use serde_json::{Value, json};

use crate::{Input, Label, StackRequest, label::switch, templates::Folder};

/// Parameters of a stack under construction.
pub(crate) type Parameters = BTreeMap<String, Value>;

/// Share of the stack's time after which a node's silence counts as failure, so that the reason is the node's and not
/// just "timed out".
const WAIT_PERCENT: i64 = 90;

/// Parameters whose values are never shown, in any driver.
pub(crate) const HIDDEN: [&str; 7] = [
    "ca_key",
    "grafana_admin_passwd",
    "kube_service_account_key",
    "kube_service_account_private_key",
    "openstack_ca",
    "trust_id",
    "trustee_password",
];

/// Parameter with the credentials that nodes use in the place of those they are made with.
pub(crate) const CREDENTIALS: &str = "node_credentials";

/// Puts values in, leaving out what is not there.
pub(crate) trait Put {
    /// Sets `name`.
    fn put(&mut self, name: &str, value: impl Into<Value>);
    /// Sets `name` when there is a value and it is not empty.
    fn put_given(&mut self, name: &str, value: Option<&str>);
}

impl Put for Parameters {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.insert(name.to_owned(), value.into());
    }

    fn put_given(&mut self, name: &str, value: Option<&str>) {
        if let Some(text) = value.filter(|text| !text.is_empty()) {
            self.put(name, text);
        }
    }
}

/// What every COE needs: identity, image, key, proxies, timeouts.
pub(crate) fn base(input: &Input<'_>) -> Result<Parameters, Error> {
    let (cluster, template, facts) = (input.cluster, input.template, input.facts);
    let mut p = Parameters::new();
    p.put("cluster_uuid", cluster.uuid.as_str());
    p.put("magnum_url", facts.magnum_url.as_str());
    p.put("auth_url", facts.auth_url.as_str());
    p.put("region_name", facts.region_name.as_str());
    p.put("trustee_domain_id", facts.trustee_domain_id.as_str());
    p.put("trustee_user_id", facts.trustee_user_id.as_str());
    p.put("trustee_username", facts.trustee_username.as_str());
    p.put("trustee_password", facts.trustee_password.expose());
    p.put("trust_id", facts.trust_id.as_deref().unwrap_or_default());
    if let Some(current) = &facts.credentials {
        p.put(CREDENTIALS, current.sealed(&facts.trustee_password)?);
    }
    p.put("verify_ca", facts.verify_ca);
    p.put("openstack_ca", facts.openstack_ca.as_str());
    p.put_given("username", facts.username.as_deref());
    p.put_given("ssh_key_name", cluster.keypair.as_deref().or(template.keypair_id.as_deref()));
    p.put("server_image", image(input)?);
    p.put_given("dns_nameserver", template.dns_nameserver.as_deref());
    p.put_given("http_proxy", template.http_proxy.as_deref());
    p.put_given("https_proxy", template.https_proxy.as_deref());
    p.put_given("no_proxy", template.no_proxy.as_deref());
    p.put("number_of_masters", group(input, Role::Master)?.node_count);
    p.put("nodes_affinity_policy", facts.nodes_affinity_policy.as_str());
    p.put("wait_condition_timeout", input.timeout_mins() * 60 * WAIT_PERCENT / 100);
    Ok(p)
}

/// Networks, addresses and load balancer.
pub(crate) fn network(input: &Input<'_>) -> Result<Parameters, Error> {
    let (cluster, template) = (input.cluster, input.template);
    let external = template.external_network_id.as_deref().filter(|id| !id.is_empty()).ok_or_else(|| {
        Error::invalid("external_network_id is missing. Give the template the id or name of an external network")
    })?;
    let fixed_network = cluster.fixed_network.as_deref().or(template.fixed_network.as_deref());
    let fixed_subnet = cluster.fixed_subnet.as_deref().or(template.fixed_subnet.as_deref());
    if fixed_network.is_some() && fixed_subnet.is_none() && cluster.master_lb_enabled {
        return Err(Error::invalid(
            "fixed_subnet is missing. A load balancer on a given fixed_network needs the subnet its address is from",
        ));
    }
    let mut p = Parameters::new();
    p.put("external_network", input.facts.external_network_uuid.as_deref().unwrap_or(external));
    match &input.facts.given_subnet {
        // The label speaks of a network that is made; nodes and load balancer have to know the one there is.
        Some(subnet) => {
            p.put("fixed_network", subnet.network_id.as_str());
            p.put("fixed_subnet", subnet.id.as_str());
            p.put_given("fixed_network_cidr", subnet.cidr.as_deref());
        }
        None => {
            p.put_given("fixed_network", fixed_network);
            p.put_given("fixed_subnet", fixed_subnet);
        }
    }
    p.put("floating_ip_enabled", cluster.floating_ip_enabled);
    p.put("master_lb_enabled", cluster.master_lb_enabled);
    let on_lb = switch(input.labels(), "master_lb_floating_ip_enabled", cluster.floating_ip_enabled);
    p.put("master_lb_floating_ip_enabled", cluster.master_lb_enabled && on_lb);
    p.put("octavia_enabled", input.facts.octavia);
    Ok(p)
}

/// Root, docker and etcd volumes. A type is sent only where it is known.
pub(crate) fn volumes(input: &Input<'_>) -> Parameters {
    let (cluster, template, facts) = (input.cluster, input.template, input.facts);
    let mut p = Parameters::new();
    p.put("docker_volume_size", cluster.docker_volume_size.or(template.docker_volume_size).unwrap_or(0));
    p.put_given("docker_volume_type", facts.docker_volume_type.as_deref());
    p.put_given("docker_storage_driver", template.docker_storage_driver.as_deref());
    p.put_given("etcd_volume_type", facts.etcd_volume_type.as_deref());
    p.put("boot_volume_size", facts.boot_volume_size);
    p.put_given("boot_volume_type", facts.boot_volume_type.as_deref());
    p.put_given("volume_driver", template.volume_driver.as_deref());
    p
}

/// The labels of the table that are given, as text; Heat makes numbers and booleans of them. Never replaces what a block
/// has computed.
pub(crate) fn add_labels(p: &mut Parameters, table: &[Label], input: &Input<'_>) {
    for label in table {
        if let Some(text) = label.given(input.labels()) {
            p.entry(label.parameter.to_owned()).or_insert_with(|| json!(text));
        }
    }
}

/// The default group of that role.
pub(crate) fn group<'a>(input: &Input<'a>, role: Role) -> Result<&'a NodeGroup, Error> {
    input.default_group(role).ok_or_else(|| Error::Internal {
        doing: format!("cluster {} has no default node group for {role:?}", input.cluster.uuid),
        source: None,
    })
}

/// The first of them that is given and not empty.
pub(crate) fn first<'a>(options: &[&'a Option<String>]) -> Option<&'a str> {
    options.iter().find_map(|option| option.as_deref().filter(|text| !text.is_empty()))
}

fn image<'a>(input: &Input<'a>) -> Result<&'a str, Error> {
    let own = group(input, Role::Master)?.image_id.as_deref();
    Ok(own.filter(|id| !id.is_empty()).unwrap_or(&input.template.image_id))
}

/// Puts a create request together.
///
/// `variant` is that of the load balancer's template.
pub(crate) fn request(input: &Input<'_>, folder: &Folder, variant: &str, parameters: Parameters) -> StackRequest {
    StackRequest {
        name: input.cluster.stack_name(),
        template: folder.template.to_owned(),
        files: folder.files(variant),
        parameters,
        environment_files: Vec::new(),
        timeout_mins: input.timeout_mins(),
        tags: vec!["magnum".to_owned(), input.cluster.uuid.clone(), input.cluster.project_id.clone()],
        disable_rollback: true,
        hidden: hidden(),
    }
}

/// Puts a PATCH together, which carries only `parameters`.
pub(crate) fn patch(input: &Input<'_>, parameters: Parameters) -> StackRequest {
    StackRequest {
        name: input.cluster.stack_name(),
        parameters,
        timeout_mins: input.timeout_mins(),
        disable_rollback: true,
        hidden: hidden(),
        ..StackRequest::default()
    }
}

fn hidden() -> BTreeSet<&'static str> {
    HIDDEN.into_iter().collect()
}
