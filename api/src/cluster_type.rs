//! Which driver builds a template's clusters, and what that driver refuses.

use domain::{ClusterTemplate, Error, NewCluster, Options, Result};
use drivers::{Check, Driver, Facts, Input, NodesNetwork, Rules};

use crate::lookups::Found;

/// The driver for an image's distribution, or the one that is asked for by name.
///
/// `image` is the image's name for the error text, where one was just looked at.
pub(crate) fn driver(
    named: Option<&str>,
    (server_type, distro, coe): (&str, &str, &str),
    image: Option<&str>,
    options: &Options,
) -> Result<&'static dyn Driver> {
    let disabled = &options.drivers.disabled_drivers;
    if let Some(name) = named {
        let found = drivers::driver_named(name).filter(|driver| !disabled.iter().any(|off| off == driver.name()));
        let found = found.ok_or_else(|| {
            let retired = drivers::retired_named(name).map(|retired| retired.instead);
            Error::bad_value("driver", name, retired.unwrap_or("No such driver is installed and enabled here"))
        })?;
        let mut provided = found.provides().iter();
        if provided.any(|p| (p.server_type, p.os, p.coe) == (server_type, distro, coe)) {
            return Ok(found);
        }
        let kind = format!("It does not build server_type {server_type}, os_distro {distro}, coe {coe}");
        return Err(Error::bad_value("driver", name, &kind));
    }
    drivers::driver_for(server_type, distro, coe, disabled).ok_or_else(|| {
        let subject = image.map_or_else(String::new, |image| format!("Image {image} has os_distro {distro}. "));
        let retired = drivers::retired_for(server_type, distro, coe);
        let reason = retired.map_or("no driver here builds it".to_owned(), |retired| {
            format!("the driver {} is disabled. {}", retired.name, retired.instead)
        });
        Error::invalid(format!(
            "{subject}Cluster type (server_type {server_type}, os_distro {distro}, coe {coe}) not supported: {reason}"
        ))
    })
}

/// The driver of a stored template.
pub(crate) fn driver_of(template: &ClusterTemplate, options: &Options) -> Result<&'static dyn Driver> {
    let distro = template.cluster_distro.as_deref().unwrap_or_default();
    driver(template.driver.as_deref(), (&template.server_type, distro, &template.coe), None, options)
}

/// What the driver refuses of a template. Sizes of volumes and masters are checked when a cluster has them;
/// `subnet_cidr` is the range of the subnet it names.
pub(crate) fn check_template(template: &ClusterTemplate, subnet_cidr: Option<&str>, options: &Options) -> Result<()> {
    let driver = driver_of(template, options)?;
    let check = Check { docker_volume_size: None, ..of_template(template, subnet_cidr, options) };
    warn(driver, driver.check(&check)?);
    Ok(())
}

/// What the driver refuses of a new cluster, for which this was found.
pub(crate) fn check_cluster(
    driver: &dyn Driver,
    new: &NewCluster,
    template: &ClusterTemplate,
    found: &Found,
    options: &Options,
) -> Result<()> {
    let subnet_cidr = found.subnet_cidr.as_deref();
    let check = Check {
        labels: &new.cluster.labels,
        master_count: Some(new.masters.node_count),
        master_lb_enabled: new.cluster.master_lb_enabled,
        docker_volume_size: new.cluster.docker_volume_size,
        docker_volume_type: found.docker_volume_type.as_deref(),
        nodes_network: nodes_network(&new.cluster.fixed_network, &new.cluster.fixed_subnet, subnet_cidr),
        ..of_template(template, subnet_cidr, options)
    };
    warn(driver, driver.check(&check)?);
    builds(driver, new, template)
}

/// What the driver refuses when it puts the stack together, which is later than anybody could be told.
fn builds(driver: &dyn Driver, new: &NewCluster, template: &ClusterTemplate) -> Result<()> {
    let groups = [new.masters.clone(), new.workers.clone()];
    let input = Input { cluster: &new.cluster, template, groups: &groups, facts: &Facts::default(), removals: &[] };
    driver.stack(&input).map(drop)
}

fn nodes_network<'a>(
    network: &Option<String>,
    subnet: &Option<String>,
    subnet_cidr: Option<&'a str>,
) -> NodesNetwork<'a> {
    if network.is_none() && subnet.is_none() { NodesNetwork::Made } else { NodesNetwork::Given(subnet_cidr) }
}

fn of_template<'a>(template: &'a ClusterTemplate, subnet_cidr: Option<&'a str>, options: &Options) -> Check<'a> {
    Check {
        labels: &template.labels,
        master_count: None,
        master_lb_enabled: template.master_lb_enabled,
        tls_disabled: template.tls_disabled,
        network_driver: template.network_driver.as_deref(),
        nodes_network: nodes_network(&template.fixed_network, &template.fixed_subnet, subnet_cidr),
        registry_enabled: template.registry_enabled,
        volume_driver: template.volume_driver.as_deref(),
        docker_volume_size: template.docker_volume_size,
        docker_storage_driver: template.docker_storage_driver.as_deref(),
        docker_volume_type: None,
        rules: Rules {
            multi_master: options.magnum_rs.multi_master_guard,
            allow_tls_disabled: options.magnum_rs.allow_insecure_kubernetes,
            cluster_user_trust: options.trust.cluster_user_trust,
        },
    }
}

/// What the driver lets pass but finds worth a word.
fn warn(driver: &dyn Driver, warnings: Vec<String>) {
    for warning in warnings {
        tracing::warn!(driver = driver.name(), "{warning}");
    }
}
