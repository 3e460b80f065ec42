//! What a Mesos driver needs beyond the base: labels, refusals, parameters, outputs.

use domain::{Cluster, Error, Labels, NodeGroup, Role, checks};
use serde_json::Value;

use crate::{
    Check, Form, Input, Label, Outputs, check,
    label::{label, renamed},
    params::{Parameters, Put, first, group},
};

/// Parameters of the base that no node of Mesos has a use for: nothing asks for certificates, and etcd is not there.
pub(crate) const NOT_ON_NODES: [&str; 7] = [
    "cluster_uuid",
    "etcd_volume_type",
    "magnum_url",
    "registry_enabled",
    "trustee_domain_id",
    "trustee_username",
    "username",
];

/// Labels, with the defaults of the template.
pub(crate) static LABELS: &[Label] = &[
    label("availability_zone", "", Form::Text, "Nova availability zone of all nodes."),
    label(
        "boot_volume_size",
        "0",
        Form::Number(0, 1_000_000),
        "GB of each node's root volume; 0 boots from the image.",
    ),
    label("boot_volume_type", "", Form::Text, "Cinder type of root volumes."),
    label("container_infra_prefix", "", Form::Prefix, "Put before every image name."),
    label("docker_volume_type", "", Form::Text, "Cinder type of docker volumes."),
    renamed("fixed_subnet_cidr", "fixed_network_cidr", "10.0.0.0/24", Form::Cidr, "Network of the created subnet."),
    label("master_lb_allowed_cidrs", "", Form::Cidrs, "Networks that may reach the load balancer (Octavia)."),
    label(
        "master_lb_floating_ip_enabled",
        "",
        Form::Bool,
        "A floating IP on the load balancer, whatever the nodes have.",
    ),
    label(
        "mesos_allowed_cidr",
        "0.0.0.0/0",
        Form::Cidr,
        "Network that may reach Mesos and Marathon, which serve everybody who reaches them.",
    ),
    label("mesos_slave_executor_env_variables", "", Form::Text, "Environment of executors, as a JSON object of texts."),
    label("mesos_slave_image_providers", "", Form::Text, "docker and appc, with a comma between them."),
    label("mesos_slave_isolation", "", Form::Text, "Isolators of the Mesos containerizer, with commas between them."),
    label("mesos_slave_work_dir", "", Form::Text, "Folder of the slaves' state; empty is /var/lib/mesos."),
    label(
        "octavia_lb_algorithm",
        "ROUND_ROBIN",
        Form::OneOf(&["ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP", "SOURCE_IP_PORT"]),
        "How Octavia chooses a master.",
    ),
    label("octavia_lb_healthcheck", "true", Form::Bool, "Octavia checks the masters."),
    label("octavia_provider", "amphora", Form::Text, "Octavia's provider driver."),
    label("rexray_preempt", "false", Form::Bool, "A host takes volumes that another host has."),
    label("rexray_tag", "alpine", Form::Tag, "Version of rexray."),
];

/// Storage drivers of Docker on Ubuntu, which has no pool of block devices set up for devicemapper.
const DOCKER_ON_UBUNTU: &[&str] = &["aufs", "overlay", "overlay2", "vfs"];

/// What cannot work, by the name of the field or label.
pub(crate) fn check(given: &Check<'_>) -> Result<(), Error> {
    if !given.tls_disabled {
        return Err(Error::bad_value(
            "tls_disabled",
            "false",
            "Mesos and Marathon are served without TLS. Set tls_disabled, and limit who may reach them with the label \
             mesos_allowed_cidr",
        ));
    }
    if given.registry_enabled {
        return Err(Error::bad_value("registry_enabled", "true", "No registry runs on the slaves of Mesos"));
    }
    check::storage_driver(given, DOCKER_ON_UBUNTU)?;
    labels(given.labels)
}

fn labels(labels: &Labels) -> Result<(), Error> {
    checks::labels(labels)?;
    let refuse = |name: &str, fix: &str| {
        let value = labels.value(name).unwrap_or_default();
        Err(Error::bad_value("labels", value, &format!("Label {name}: {fix}")))
    };
    let given = |name: &str| labels.value(name).filter(|text| !text.trim().is_empty());
    let isolation = given("mesos_slave_isolation").unwrap_or_default();
    if isolation.split(',').filter(|word| word.trim().starts_with("filesystem/")).count() > 1 {
        return refuse("mesos_slave_isolation", "use one isolator of filesystem/ only; Mesos refuses more");
    }
    if given("mesos_slave_image_providers").is_some() && isolation.is_empty() {
        return refuse("mesos_slave_image_providers", "images need isolators; set mesos_slave_isolation too");
    }
    if given("mesos_slave_work_dir").is_some_and(|path| !is_folder(path)) {
        return refuse("mesos_slave_work_dir", "use an absolute path such as /var/lib/mesos, without blanks");
    }
    let environment = given("mesos_slave_executor_env_variables").map(serde_json::from_str::<Value>);
    if environment.is_some_and(|read| !read.is_ok_and(|value| is_environment(&value))) {
        return refuse("mesos_slave_executor_env_variables", "use a JSON object of texts such as {\"HOME\": \"/tmp\"}");
    }
    Ok(())
}

fn is_folder(path: &str) -> bool {
    path.len() > 1
        && path.starts_with('/')
        && path.split('/').all(|part| part != "..")
        && path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
}

fn is_environment(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.values().all(Value::is_string))
}

/// rexray without the trust is not started, because it could not log in.
pub(crate) fn volume_access(given: &Check<'_>) -> Option<String> {
    let wanted = given.volume_driver == Some("rexray") && !given.rules.cluster_user_trust;
    wanted.then(|| "volume_driver has no effect on the nodes while [trust] cluster_user_trust is false".to_owned())
}

/// Mesos' own parameters, apart from labels that go through as they are.
pub(crate) fn mesos(input: &Input<'_>) -> Result<Parameters, Error> {
    let (cluster, template) = (input.cluster, input.template);
    let (masters, slaves) = (group(input, Role::Master)?, group(input, Role::Worker)?);
    let mut p = Parameters::new();
    p.put_given("master_flavor", first(&[&masters.flavor_id, &cluster.master_flavor_id, &template.master_flavor_id]));
    p.put_given("slave_flavor", first(&[&slaves.flavor_id, &cluster.flavor_id, &template.flavor_id]));
    p.put("number_of_slaves", slaves.node_count);
    p.put_given("cluster_name", Some(&cluster.name));
    p.put_given("insecure_registry_url", template.insecure_registry.as_deref());
    Ok(p)
}

/// The number of slaves and which of them go first.
pub(crate) fn resize(input: &Input<'_>) -> Result<Parameters, Error> {
    let mut p = Parameters::new();
    p.put("number_of_slaves", group(input, Role::Worker)?.node_count);
    p.put("slaves_to_remove", input.removals);
    Ok(p)
}

/// Addresses. Versions are those of the image, which nobody tells us.
pub(crate) fn outputs(stack: &Outputs, cluster: &mut Cluster, groups: &mut [NodeGroup]) -> Result<(), Error> {
    if let Some(address) = stack.text("api_address") {
        cluster.api_address = Some(address.to_owned());
    }
    let masters = stack.addresses("mesos_master")?;
    let slaves = stack.addresses("mesos_slaves")?;
    for group in groups.iter_mut().filter(|group| group.is_default) {
        group.node_addresses = if group.role() == Role::Master { masters.clone() } else { slaves.clone() };
    }
    Ok(())
}
