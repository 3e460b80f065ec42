//! What a driver refuses before anything is stored.

use domain::{Error, Labels, checks, options::MultiMasterGuard};

use crate::{
    Label,
    label::{boolean, switch},
};

pub(crate) mod networks;

/// The values a template or cluster would have.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// Effective labels.
    pub labels: &'a Labels,
    /// Number of masters; `None` for a template, which has none.
    pub master_count: Option<i64>,
    /// A load balancer stands before the masters.
    pub master_lb_enabled: bool,
    /// The API is to be served without TLS.
    pub tls_disabled: bool,
    /// `flannel`, `calico` and so on; `None` for the driver's default.
    pub network_driver: Option<&'a str>,
    /// Where the nodes' addresses are from.
    pub nodes_network: NodesNetwork<'a>,
    /// A registry runs on the workers.
    pub registry_enabled: bool,
    /// `cinder`, `rexray` or nothing.
    pub volume_driver: Option<&'a str>,
    /// GB of each node's docker volume; `None` or 0 means no volume.
    pub docker_volume_size: Option<i64>,
    /// `devicemapper`, `overlay2` and so on; `None` for the driver's default.
    pub docker_storage_driver: Option<&'a str>,
    /// The Cinder type found for docker volumes, as in [`crate::Facts::docker_volume_type`].
    pub docker_volume_type: Option<&'a str>,
    /// What the operator allows.
    pub rules: Rules,
}

/// The network that the nodes are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodesNetwork<'a> {
    /// It is made with the cluster, as a label says.
    Made,
    /// It exists, with this range of the subnet that is named; `None` when no subnet is.
    Given(Option<&'a str>),
}

/// Options that decide about a refusal.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What to do about several masters.
    pub multi_master: MultiMasterGuard,
    /// Kubernetes without TLS may be built.
    pub allow_tls_disabled: bool,
    /// Nodes get the trust, without which they cannot log in to the project.
    pub cluster_user_trust: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { multi_master: MultiMasterGuard::Fix, allow_tls_disabled: false, cluster_user_trust: false }
    }
}

/// Option that has to be set where Cinder names no type.
const VOLUME_TYPE_OPTION: &str = "[cinder] default_docker_volume_type";

/// Every label of the table has the form it must have.
pub(crate) fn labels(table: &[Label], labels: &Labels) -> Result<(), Error> {
    table.iter().try_for_each(|label| label.check(labels))
}

/// One master, or an odd number behind a load balancer, as far as driver and operator allow.
pub(crate) fn masters(check: &Check<'_>, driver_shares_keys: bool) -> Result<Option<String>, Error> {
    let Some(count) = check.master_count.filter(|count| *count != 1) else { return Ok(None) };
    checks::masters_behind_lb(count, check.master_lb_enabled)?;
    match check.rules.multi_master {
        MultiMasterGuard::Fix if driver_shares_keys => {}
        MultiMasterGuard::Warn => {
            return Ok(Some(format!("{count} masters: [magnum_rs] multi_master_guard lets this pass unchecked")));
        }
        MultiMasterGuard::Fix | MultiMasterGuard::Reject => {
            return Err(Error::bad_value(
                "master_count",
                &count.to_string(),
                "master_count must be 1: this cloud does not allow several masters ([magnum_rs] multi_master_guard)",
            ));
        }
    }
    if count % 2 == 0 {
        return Err(Error::invalid(format!(
            "master nodegroup size of {count} is invalid, size cannot be an even number."
        )));
    }
    checks::master_count(count)?;
    Ok(None)
}

/// No Kubernetes without TLS, unless the operator allows it.
pub(crate) fn tls(check: &Check<'_>) -> Result<(), Error> {
    if !check.tls_disabled || check.rules.allow_tls_disabled {
        return Ok(());
    }
    Err(Error::bad_value(
        "tls_disabled",
        "true",
        "A Kubernetes API without TLS is open to everybody who reaches it, and its nodes cannot register. Leave \
         tls_disabled false, or have the operator set [magnum_rs] allow_insecure_kubernetes",
    ))
}

/// What is said of a cluster's load balancer can be done.
pub(crate) fn balancer(table: &[Label], check: &Check<'_>) -> Result<(), Error> {
    let value = |name: &str| table.iter().find(|label| label.name == name).and_then(|label| label.given(check.labels));
    let allowed = value("master_lb_allowed_cidrs");
    // A template leaves open whether its clusters have one.
    if let (Some(text), Some(_), false) = (allowed, check.master_count, check.master_lb_enabled) {
        return Err(Error::bad_value(
            "labels",
            text,
            "Label master_lb_allowed_cidrs: only a load balancer keeps others out. Set master_lb_enabled, or leave the \
             label out",
        ));
    }
    let balances = check.master_lb_enabled || check.master_count.is_none();
    if balances && value("octavia_provider") == Some("ovn") && value("octavia_lb_algorithm") != Some(OVN_ALGORITHM) {
        let fix = format!("Label octavia_provider: ovn needs the label octavia_lb_algorithm to be {OVN_ALGORITHM}");
        return Err(Error::bad_value("labels", "ovn", &fix));
    }
    Ok(())
}

/// The only one of Octavia's OVN provider.
const OVN_ALGORITHM: &str = "SOURCE_IP_PORT";

/// Storage drivers of Docker on Fedora Atomic, whose file systems are XFS and whose kernel has no aufs or ZFS.
pub(crate) const DOCKER_ON_ATOMIC: &[&str] = &["devicemapper", "overlay", "overlay2", "vfs"];

/// The storage driver is one that the nodes' container runtime works with.
pub(crate) fn storage_driver(check: &Check<'_>, allowed: &[&str]) -> Result<(), Error> {
    let Some(given) = check.docker_storage_driver.filter(|name| !name.is_empty() && !allowed.contains(name)) else {
        return Ok(());
    };
    Err(Error::bad_value(
        "docker_storage_driver",
        given,
        &format!(
            "Nodes of this type have {}; choose one of these or leave docker_storage_driver unset",
            allowed.join(", ")
        ),
    ))
}

/// A docker volume has a type, and the size its storage driver needs.
pub(crate) fn docker_volume(check: &Check<'_>) -> Result<(), Error> {
    let Some(size) = check.docker_volume_size.filter(|gb| *gb > 0) else { return Ok(()) };
    checks::devicemapper(check.docker_storage_driver, Some(size))?;
    if check.docker_volume_type.is_some_and(|name| !name.is_empty()) {
        return Ok(());
    }
    Err(Error::bad_value(
        "docker_volume_size",
        &size.to_string(),
        &format!(
            "No volume type is known for docker volumes and Cinder names none. Give the label docker_volume_type, or \
             have the operator set {VOLUME_TYPE_OPTION}"
        ),
    ))
}

/// What needs the project's rights has them: volume driver, registry.
pub(crate) fn cloud_access(check: &Check<'_>) -> Result<Option<String>, Error> {
    let provider = switch(check.labels, "cloud_provider_enabled", true);
    if check.volume_driver == Some("cinder") && !provider {
        return Err(Error::invalid(
            "\"cinder\" volume driver needs \"cloud_provider_enabled\" label to be true or unset.",
        ));
    }
    needs_trust(check, "cloud_provider_enabled", "true")?;
    if check.rules.cluster_user_trust {
        return Ok(None);
    }
    let wanted = if check.registry_enabled { "registry_enabled" } else { "volume_driver" };
    let needs = check.registry_enabled || check.volume_driver == Some("cinder");
    Ok(needs.then(|| format!("{wanted} has no effect on the nodes while [trust] cluster_user_trust is false")))
}

/// Refuses a label that says `word` where nodes get no trust, and would leave out what it asks for.
pub(crate) fn needs_trust(check: &Check<'_>, name: &str, word: &str) -> Result<(), Error> {
    let text = check.labels.value(name).unwrap_or_default();
    let asked = text == word || (word == "true" && boolean(text) == Some(true));
    if check.rules.cluster_user_trust || !asked {
        return Ok(());
    }
    let fix = format!(
        "Label {name}: {word} needs the nodes to log in to the project. Leave the label out, or have the operator set \
         [trust] cluster_user_trust"
    );
    Err(Error::bad_value("labels", text, &fix))
}

#[cfg(test)]
mod tests;
