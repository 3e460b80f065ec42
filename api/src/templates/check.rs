//! The checks of a template, in the order in which a request that fails several reports them.

use cloud::Session;
use domain::{ClusterTemplate, Error, Options, Result, TemplateRequest, checks};
use drivers::{DRIVERS, Driver};

use crate::{cluster_type, lookups};

/// Steps of a POST before the policy: COE, plugins, sizes, image, driver. Fills in what these decide.
pub(crate) async fn new_template(
    mut wanted: TemplateRequest,
    session: &Session,
    options: &Options,
) -> Result<TemplateRequest> {
    let coe = known_coe(wanted.coe.as_deref())?;
    let network = wanted.network_driver.take().or_else(|| default_network_driver(coe, options));
    plugins(coe, network.as_deref(), wanted.volume_driver.as_deref(), options)?;
    wanted.network_driver = network;
    wanted.check()?;
    let image_id = wanted.image_id.clone().unwrap_or_default();
    let (image, distro) = lookups::image(session, &image_id).await?;
    // An image may name a driver that another cloud has.
    let named = wanted.driver.clone().or(image.magnum_driver.filter(|name| drivers::driver_named(name).is_some()));
    let kind = (wanted.server_type(), distro.as_str(), coe);
    let driver = cluster_type::driver(named.as_deref(), kind, Some(&image_id), options)?;
    wanted.driver = Some(driver.name().to_owned());
    wanted.cluster_distro = Some(distro);
    Ok(wanted)
}

/// Steps of a PATCH before the policy: what the values alone decide.
pub(crate) fn changed_template(wanted: &TemplateRequest, options: &Options) -> Result<()> {
    let coe = known_coe(wanted.coe.as_deref())?;
    plugins(coe, wanted.network_driver.as_deref(), wanted.volume_driver.as_deref(), options)?;
    wanted.check()
}

/// Looks at the image again. Where the patch changed what a driver is found by, distribution and driver follow.
pub(crate) async fn follow_image(
    wanted: &mut TemplateRequest,
    changed: &[String],
    session: &Session,
    options: &Options,
) -> Result<()> {
    let image_id = wanted.image_id.clone().unwrap_or_default();
    let (_, distro) = lookups::image(session, &image_id).await?;
    let touched = |name: &str| changed.iter().any(|other| other == name);
    if touched("image_id") && !touched("cluster_distro") {
        wanted.cluster_distro = Some(distro);
    }
    if !touched("driver") && ["image_id", "cluster_distro", "server_type", "coe"].into_iter().any(touched) {
        let distro = wanted.cluster_distro.clone().unwrap_or_default();
        let coe = wanted.coe.clone().unwrap_or_default();
        let kind = (wanted.server_type(), distro.as_str(), coe.as_str());
        wanted.driver = Some(cluster_type::driver(None, kind, Some(&image_id), options)?.name().to_owned());
    }
    Ok(())
}

/// What OpenStack and the driver say about a template.
pub(crate) async fn looks(template: &ClusterTemplate, session: &Session, options: &Options) -> Result<()> {
    let names = lookups::Names::of_template(template);
    let subnet_cidr = Box::pin(names.check(session, options.cinder.default_boot_volume_size)).await?;
    cluster_type::check_template(template, subnet_cidr.as_deref(), options)
}

/// The COE, if any driver builds it.
fn known_coe(coe: Option<&str>) -> Result<&'static str> {
    let mut known: Vec<&'static str> = DRIVERS.iter().flat_map(|d| d.provides()).map(|provides| provides.coe).collect();
    known.sort_unstable();
    known.dedup();
    let wanted = coe.unwrap_or("None");
    known
        .iter()
        .copied()
        .find(|name| *name == wanted)
        .ok_or_else(|| Error::bad_value("coe", wanted, &format!("Value should be one of: {}", known.join(", "))))
}

/// A driver of the COE; all drivers of one agree on their plugins.
fn any_driver(coe: &str) -> Option<&'static dyn Driver> {
    DRIVERS.iter().copied().find(|driver| driver.provides().iter().any(|provides| provides.coe == coe))
}

fn plugins(coe: &str, network: Option<&str>, volume: Option<&str>, options: &Options) -> Result<()> {
    let Some(plugins) = any_driver(coe).map(Driver::plugins) else { return Ok(()) };
    if let Some(network) = network {
        checks::plugin("network_driver", network, coe, plugins.network, allowed_network_drivers(coe, options))?;
    }
    match volume {
        Some(volume) => checks::plugin("volume_driver", volume, coe, plugins.volume, &[]),
        None => Ok(()),
    }
}

fn default_network_driver(coe: &str, options: &Options) -> Option<String> {
    let configured = match coe {
        "kubernetes" => &options.cluster_template.kubernetes_default_network_driver,
        "swarm" | "swarm-mode" => &options.cluster_template.swarm_default_network_driver,
        "mesos" => &options.cluster_template.mesos_default_network_driver,
        _ => return any_driver(coe)?.plugins().network.first().map(|name| (*name).to_owned()),
    };
    Some(configured.clone())
}

fn allowed_network_drivers<'a>(coe: &str, options: &'a Options) -> &'a [String] {
    match coe {
        "kubernetes" => &options.cluster_template.kubernetes_allowed_network_drivers,
        "swarm" | "swarm-mode" => &options.cluster_template.swarm_allowed_network_drivers,
        "mesos" => &options.cluster_template.mesos_allowed_network_drivers,
        _ => &[],
    }
}
