//! Looks into OpenStack before anything is stored: images, flavors, networks, zones, key pairs, volume types.
//!
//! With the caller's token, so that everybody uses only what they may see. What is not there is a wrong value of the
//! request (400), except a key pair, which is a 404; a name that several things have is a 409.

use cloud::{Flavor, Image, Session};
use domain::{Cluster, ClusterTemplate, Error, Labels, Options, Result, checks};
use futures::future::OptionFuture;

/// What was found, as far as the driver wants to know it.
#[derive(Debug)]
pub(crate) struct Found {
    /// The Cinder type of the docker volumes, as [`volume_types`] answers it.
    pub(crate) docker_volume_type: Option<String>,
    /// The range of the subnet that is named.
    pub(crate) subnet_cidr: Option<String>,
}

/// The names a template or cluster gives to things in the cloud.
pub(crate) struct Names<'a> {
    pub(crate) flavor: Option<&'a str>,
    pub(crate) master_flavor: Option<&'a str>,
    pub(crate) external_network: Option<&'a str>,
    pub(crate) fixed_network: Option<&'a str>,
    pub(crate) fixed_subnet: Option<&'a str>,
    pub(crate) labels: &'a Labels,
}

impl<'a> Names<'a> {
    /// What a template names.
    pub(crate) fn of_template(template: &'a ClusterTemplate) -> Self {
        Self {
            flavor: template.flavor_id.as_deref(),
            master_flavor: template.master_flavor_id.as_deref(),
            external_network: template.external_network_id.as_deref(),
            fixed_network: template.fixed_network.as_deref(),
            fixed_subnet: template.fixed_subnet.as_deref(),
            labels: &template.labels,
        }
    }

    /// What a cluster names, with its template's external network.
    pub(crate) fn of_cluster(cluster: &'a Cluster, template: &'a ClusterTemplate) -> Self {
        Self {
            flavor: cluster.flavor_id.as_deref(),
            master_flavor: cluster.master_flavor_id.as_deref(),
            external_network: template.external_network_id.as_deref(),
            fixed_network: cluster.fixed_network.as_deref(),
            fixed_subnet: cluster.fixed_subnet.as_deref(),
            labels: &cluster.labels,
        }
    }

    /// Looks all of them up at once; of several wrong ones the first in this order is reported: flavors, networks, subnet,
    /// labels, root disks. Answers the range of the subnet, where one is named.
    pub(crate) async fn check(&self, session: &Session, boot_volume_default: u32) -> Result<Option<String>> {
        let (nova, neutron) = (session.nova(), session.neutron());
        let flavor = OptionFuture::from(self.flavor.map(|name| nova.flavor(name)));
        let master_flavor = OptionFuture::from(self.master_flavor.map(|name| nova.flavor(name)));
        let external = OptionFuture::from(self.external_network.map(|name| neutron.external_network(name)));
        let network = OptionFuture::from(self.fixed_network.map(|name| neutron.network(name)));
        let subnet = OptionFuture::from(self.fixed_subnet.map(|name| neutron.subnet(name)));
        let (flavor, master_flavor, external, network, subnet) =
            futures::join!(flavor, master_flavor, external, network, subnet);
        let flavor = flavor.transpose().map_err(|e| wrong("flavor_id", self.flavor, e))?;
        let master_flavor = master_flavor.transpose().map_err(|e| wrong("master_flavor_id", self.master_flavor, e))?;
        external.transpose().map_err(|e| wrong("external_network_id", self.external_network, e))?;
        network.transpose().map_err(|e| wrong("fixed_network", self.fixed_network, e))?;
        let subnet = subnet.transpose().map_err(|e| wrong("fixed_subnet", self.fixed_subnet, e))?;
        checks::labels(self.labels)?;
        let boot = checks::boot_volume_size(self.labels, i64::from(boot_volume_default))?;
        let disk = |flavor: &Option<Flavor>| flavor.as_ref().map(|flavor| flavor.disk);
        // Without a flavor the stack's own default applies, which has a disk.
        if self.flavor.is_some() {
            checks::root_disk("flavor_id", self.flavor, disk(&flavor), boot)?;
        }
        if self.master_flavor.is_some() {
            checks::root_disk("master_flavor_id", self.master_flavor, disk(&master_flavor), boot)?;
        }
        Ok(subnet.and_then(|subnet| subnet.cidr))
    }
}

/// The image of this name or id, which must say what distribution it is.
pub(crate) async fn image(session: &Session, ident: &str) -> Result<(Image, String)> {
    let image = session.glance().image(ident).await.map_err(|e| wrong("image_id", Some(ident), e))?;
    match image.os_distro.clone().filter(|distro| !distro.is_empty()) {
        Some(distro) => Ok((image, distro)),
        None => Err(Error::bad_value(
            "image_id",
            ident,
            &format!("Image {ident} doesn't contain the property os_distro, which says what drivers can build on it"),
        )),
    }
}

/// The label with the availability zone of the servers. Their volumes are made without one: the zones of Cinder are others.
const ZONE: &str = "availability_zone";

/// The zone of the servers, where one is named, which Nova must have and be able to use. Who may not ask Nova is believed.
pub(crate) async fn availability_zone(session: &Session, labels: &Labels) -> Result<()> {
    // Behind a colon an administrator names a host or node, which only Nova knows.
    let zone = labels.value(ZONE).and_then(|given| given.split(':').next()).unwrap_or_default();
    if zone.trim().is_empty() {
        return Ok(());
    }
    let known = match session.nova().availability_zones().await {
        Err(error) if error.cloud_status() == Some(403) => return Ok(()),
        found => found?,
    };
    if known.iter().any(|name| name == zone) {
        return Ok(());
    }
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let fix = format!("Label {ZONE} names a zone that Nova does not have or cannot use now. Zones it can use: {known}");
    Err(Error::bad_value("labels", zone, &fix))
}

/// The key pair of the caller.
pub(crate) async fn keypair(session: &Session, name: Option<&str>) -> Result<()> {
    let Some(name) = name else { return Ok(()) };
    // A name is a path segment to Nova, and these two are none.
    let found = if matches!(name, "." | "..") { None } else { session.nova().keypair(name).await? };
    found.map(|_| ()).ok_or_else(|| Error::NotFound { kind: "Keypair", ident: name.to_owned() })
}

/// The volume types of the nodes: those that labels name, and those configured for volumes the cluster has, must exist;
/// the others are Cinder's usual one. Answers the type of the docker volumes, when there are to be any: `None` when nobody
/// names one, which the driver refuses.
pub(crate) async fn volume_types(session: &Session, cluster: &Cluster, options: &Options) -> Result<Option<String>> {
    let (labels, section) = (&cluster.labels, &options.cinder);
    let has_docker = cluster.docker_volume_size.is_some();
    let has_etcd = checks::has_etcd_volumes(labels);
    let has_boot = checks::boot_volume_size(labels, i64::from(section.default_boot_volume_size))? > 0;
    let volumes = [
        ("docker", &section.default_docker_volume_type, has_docker),
        ("etcd", &section.default_etcd_volume_type, has_etcd),
        ("boot", &section.default_boot_volume_type, has_boot),
    ];
    let named = volumes.map(|(volume, configured, exists)| {
        checks::volume_type(labels, &format!("{volume}_volume_type"), configured.as_deref().filter(|_| exists))
    });
    if named.iter().any(Option::is_some) {
        let known = session.cinder().volume_types().await?;
        for ((volume, ..), name) in volumes.iter().zip(named) {
            let Some(name) = name else { continue };
            if !known.iter().any(|kind| kind.name == name || kind.id == name) {
                return Err(unknown_type(labels, volume, name));
            }
        }
    }
    let [docker, etcd, _] = named;
    let docker = docker.filter(|_| has_docker).map(str::to_owned);
    if (has_docker && docker.is_none()) || (has_etcd && etcd.is_none()) {
        let usual = session.cinder().usual_volume_type().await?.map(|kind| kind.name);
        if usual.is_none() && has_etcd && etcd.is_none() {
            return Err(Error::invalid(
                "Label etcd_volume_size asks for volumes, but no volume type is known and Cinder names none. Give the \
                 label etcd_volume_type, or have the operator set default_etcd_volume_type in section [cinder]",
            ));
        }
        return Ok(docker.or(usual.filter(|_| has_docker)));
    }
    Ok(docker)
}

fn unknown_type(labels: &Labels, volume: &str, name: &str) -> Error {
    let label = format!("{volume}_volume_type");
    if labels.value(&label).is_some_and(|given| !given.is_empty()) {
        return Error::bad_value("labels", name, &format!("Label {label} names a type that Cinder does not have"));
    }
    Error::invalid(format!(
        "The cluster needs a {volume} volume of type {name}, set as default_{label} in section [cinder], but Cinder does \
         not have it. Set label {label} to another"
    ))
}

/// What is not found, or what the service calls nonsense, is a wrong value of this field.
fn wrong(field: &str, given: Option<&str>, error: Error) -> Error {
    let given = given.unwrap_or_default();
    match error {
        Error::NotFound { kind, .. } => Error::bad_value(field, given, &format!("{kind} {given} could not be found")),
        Error::Cloud { status: Some(400 | 404), service, .. } => {
            Error::bad_value(field, given, &format!("The {service} service does not know it"))
        }
        other => other,
    }
}
