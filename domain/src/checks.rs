//! Rules of templates and clusters that need nothing but the values: sizes, counts, addresses, labels, names.
//!
//! Each refuses with the text the caller reads. What needs a look into OpenStack gets the looked-up fact as an argument.

use std::net::Ipv4Addr;

use crate::{Error, Labels, Result};

/// Smallest docker volume `devicemapper` can work with, in GB.
pub const DEVICEMAPPER_MIN_GB: i64 = 3;

/// Label that gives the nodes a boot volume, in GB.
const BOOT_VOLUME_SIZE: &str = "boot_volume_size";

/// A docker volume of at least 3 GB when the storage driver is `devicemapper`.
///
/// # Errors
/// `Invalid` when the size is missing or too small.
pub fn devicemapper(storage_driver: Option<&str>, size: Option<i64>) -> Result<()> {
    if storage_driver != Some("devicemapper") || size.is_some_and(|gb| gb >= DEVICEMAPPER_MIN_GB) {
        return Ok(());
    }
    let given = size.map_or_else(|| "None".to_owned(), |gb| gb.to_string());
    Err(Error::bad_value(
        "docker_volume_size",
        &given,
        &format!("docker_storage_driver devicemapper needs a docker_volume_size of at least {DEVICEMAPPER_MIN_GB} GB"),
    ))
}

/// A comma list of IPv4 addresses.
///
/// # Errors
/// `Invalid` naming the entry that is none.
pub fn dns_nameserver(list: &str) -> Result<()> {
    match list.split(',').map(str::trim).find(|entry| entry.parse::<Ipv4Addr>().is_err()) {
        None => Ok(()),
        Some(entry) => Err(Error::bad_value(
            "dns_nameserver",
            list,
            &format!("'{entry}' is not an IPv4 address; give one address or several with commas between them"),
        )),
    }
}

/// An odd number of masters, because etcd needs a majority.
///
/// # Errors
/// `Invalid` for zero, negative and even numbers.
pub fn master_count(count: i64) -> Result<()> {
    if count >= 1 && count % 2 == 1 {
        return Ok(());
    }
    Err(Error::bad_value(
        "master_count",
        &count.to_string(),
        "master_count must be an odd number of at least 1, because etcd needs a majority",
    ))
}

/// Several masters only behind a load balancer.
///
/// # Errors
/// `Invalid` when there is none.
pub fn masters_behind_lb(count: i64, master_lb_enabled: bool) -> Result<()> {
    if count <= 1 || master_lb_enabled {
        return Ok(());
    }
    Err(Error::invalid(
        "master_count must be 1 when master_lb_enabled is False. Use a template with master_lb_enabled or set it on the cluster",
    ))
}

/// Size of the nodes' boot volume in GB, 0 for none: the label, else the configured default.
///
/// # Errors
/// `Invalid` when the label is not a whole number of at least 0.
pub fn boot_volume_size(labels: &Labels, default: i64) -> Result<i64> {
    let Some(text) = labels.value(BOOT_VOLUME_SIZE) else { return Ok(default) };
    text.trim().parse().ok().filter(|gb| *gb >= 0).ok_or_else(|| {
        Error::bad_value("labels", text, "Label boot_volume_size must be a whole number of GB, 0 or more")
    })
}

/// A flavor with a root disk, where no boot volume replaces it.
///
/// `root_disk_gb` is `None` when no flavor was named at all.
///
/// # Errors
/// `Invalid` naming the flavor.
pub fn root_disk(field: &str, flavor: Option<&str>, root_disk_gb: Option<i64>, boot_volume_gb: i64) -> Result<()> {
    if boot_volume_gb > 0 || root_disk_gb.is_some_and(|gb| gb > 0) {
        return Ok(());
    }
    Err(match flavor {
        None => Error::bad_value(field, "None", "A flavor is needed when the nodes have no boot volume"),
        Some(name) => Error::bad_value(
            field,
            name,
            "The flavor has no root disk. Choose another flavor or set label boot_volume_size to 1 or more",
        ),
    })
}

/// Only the words of `allowed`.
fn subset(label: &str, text: &str, words: impl Iterator<Item = String>, allowed: &[&str]) -> Result<()> {
    for word in words {
        if !allowed.contains(&word.as_str()) {
            let list = allowed.join(", ");
            return Err(Error::bad_value("labels", text, &format!("Label {label}: '{word}' is not one of {list}")));
        }
    }
    Ok(())
}

const ISOLATION: [&str; 10] = [
    "filesystem/posix",
    "filesystem/linux",
    "filesystem/shared",
    "posix/cpu",
    "posix/mem",
    "posix/disk",
    "cgroups/cpu",
    "cgroups/mem",
    "docker/runtime",
    "namespaces/pid",
];

/// The labels the API itself knows, whatever the COE (Queens checks the mesos and swarm labels of every template).
///
/// # Errors
/// `Invalid` naming the label and the word.
pub fn labels(labels: &Labels) -> Result<()> {
    let commas = |text: &str| text.split(',').map(|word| word.trim().to_owned()).collect::<Vec<_>>();
    let isolation = labels.value("mesos_slave_isolation").unwrap_or_default();
    if !isolation.is_empty() {
        subset("mesos_slave_isolation", isolation, commas(isolation).into_iter(), &ISOLATION)?;
    }
    if let Some(text) = labels.value("mesos_slave_image_providers").filter(|text| !text.is_empty()) {
        let providers = commas(&text.to_lowercase());
        subset("mesos_slave_image_providers", text, providers.iter().cloned(), &["docker", "appc"])?;
        if providers.iter().any(|word| word == "docker") && !commas(isolation).iter().any(|w| w == "docker/runtime") {
            let reason = "Image provider docker needs docker/runtime in label mesos_slave_isolation";
            return Err(Error::bad_value("labels", text, reason));
        }
    }
    if let Some(text) = labels.value("mesos_slave_executor_env_variables") {
        serde_json::from_str::<serde_json::Value>(text).map_err(|_| {
            Error::bad_value("labels", text, "Label mesos_slave_executor_env_variables must be JSON text")
        })?;
    }
    if let Some(text) = labels.value("swarm_strategy") {
        let words = text.split_whitespace().map(str::to_owned);
        subset("swarm_strategy", text, words, &["spread", "binpack", "random"])?;
    }
    Ok(())
}

/// The volume type that the label names, else the configured one; an empty text names none.
#[must_use]
pub fn volume_type<'a>(labels: &'a Labels, label: &str, configured: Option<&'a str>) -> Option<&'a str> {
    let named = |name: &&str| !name.is_empty();
    labels.value(label).filter(named).or_else(|| configured.filter(named))
}

/// Whether the labels ask for etcd volumes.
#[must_use]
pub fn has_etcd_volumes(labels: &Labels) -> bool {
    labels.value("etcd_volume_size").is_some_and(|size| size != "0")
}

/// A network or volume driver that the COE supports and the configuration allows.
///
/// # Errors
/// `Invalid` naming the kind, the driver and the allowed ones.
pub fn plugin(field: &str, wanted: &str, coe: &str, supported: &[&str], allowed: &[String]) -> Result<()> {
    if !supported.contains(&wanted) {
        let list = supported.join(", ");
        return Err(Error::bad_value(field, wanted, &format!("{coe} supports: {list}")));
    }
    let open = allowed.is_empty() || allowed.iter().any(|name| name == "all" || name == wanted);
    if open {
        return Ok(());
    }
    Err(Error::bad_value(field, wanted, &format!("The configuration allows: {}", allowed.join(", "))))
}

const GREEK: [&str; 24] = [
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
];

/// Name of an object that came without one: a Greek letter, a number from 1 to 24, the kind.
///
/// Derived from the object's uuid, so that it is as random as that and needs no source of its own.
#[must_use]
pub fn generated_name(uuid: &uuid::Uuid, kind: &str) -> String {
    let bytes = uuid.as_bytes();
    let letter = GREEK[usize::from(bytes[0]) % GREEK.len()];
    let number = bytes[1] % 24 + 1;
    format!("{letter}-{number}-{kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<T: std::fmt::Debug>(result: Result<T>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn devicemapper_wants_three_gigabytes() {
        assert!(devicemapper(Some("overlay2"), None).is_ok());
        assert!(devicemapper(None, Some(1)).is_ok());
        assert!(devicemapper(Some("devicemapper"), Some(3)).is_ok());
        assert!(text(devicemapper(Some("devicemapper"), Some(2))).contains("docker_volume_size"));
        assert!(text(devicemapper(Some("devicemapper"), None)).contains("None"));
    }

    #[test]
    fn nameservers_are_ipv4() {
        assert!(dns_nameserver("8.8.8.8").is_ok());
        assert!(dns_nameserver("8.8.8.8 , 9.9.9.9").is_ok());
        for wrong in ["", "8.8.8", "::1", "8.8.8.8,", "256.1.1.1", "a.b.c.d"] {
            assert!(dns_nameserver(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn masters_are_odd_and_many_only_behind_a_balancer() {
        assert!(master_count(1).is_ok() && master_count(3).is_ok());
        for wrong in [0, 2, -1, 4] {
            assert!(master_count(wrong).is_err());
        }
        assert!(masters_behind_lb(3, true).is_ok() && masters_behind_lb(1, false).is_ok());
        assert!(masters_behind_lb(3, false).is_err());
    }

    #[test]
    fn a_boot_volume_replaces_the_root_disk() {
        assert_eq!(boot_volume_size(&Labels::from([("boot_volume_size", "10")]), 0).unwrap(), 10);
        assert_eq!(boot_volume_size(&Labels::default(), 7).unwrap(), 7);
        assert!(boot_volume_size(&Labels::from([("boot_volume_size", "ten")]), 0).is_err());
        assert!(boot_volume_size(&Labels::from([("boot_volume_size", "-1")]), 0).is_err());
        assert!(root_disk("flavor_id", Some("m0"), Some(0), 10).is_ok());
        assert!(root_disk("flavor_id", Some("m1"), Some(20), 0).is_ok());
        assert!(text(root_disk("flavor_id", Some("m0"), Some(0), 0)).contains("m0"));
        assert!(text(root_disk("flavor_id", None, None, 0)).contains("needed"));
    }

    #[test]
    fn known_labels_are_checked_for_every_coe() {
        for wrong in [
            ("swarm_strategy", "spread sideways"),
            ("mesos_slave_isolation", "posix/cpu,posix/soul"),
            ("mesos_slave_image_providers", "docker"),
            ("mesos_slave_image_providers", "rkt"),
            ("mesos_slave_executor_env_variables", "{'a'"),
        ] {
            assert!(labels(&Labels::from([wrong])).is_err(), "{wrong:?}");
        }
        let right = [
            ("swarm_strategy", "spread"),
            ("mesos_slave_isolation", "docker/runtime, posix/cpu"),
            ("mesos_slave_image_providers", "Docker"),
            ("mesos_slave_executor_env_variables", "{\"a\": 1}"),
            ("kube_tag", "anything"),
        ];
        assert!(labels(&Labels::from(right)).is_ok());
    }

    #[test]
    fn a_plugin_must_be_supported_and_allowed() {
        let allowed = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        assert!(plugin("network_driver", "flannel", "kubernetes", &["flannel", "calico"], &allowed(&["all"])).is_ok());
        assert!(plugin("network_driver", "flannel", "kubernetes", &["flannel"], &allowed(&["calico"])).is_err());
        assert!(plugin("network_driver", "docker", "kubernetes", &["flannel"], &allowed(&["all"])).is_err());
    }

    #[test]
    fn generated_names_have_magnums_shape() {
        let uuid = uuid::Uuid::from_bytes([25; 16]);
        assert_eq!(generated_name(&uuid, "cluster"), "beta-2-cluster");
    }
}
