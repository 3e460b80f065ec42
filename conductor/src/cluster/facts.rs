//! What a driver has to know and cannot find out by itself, gathered before it is asked.

use cloud::Session;
use domain::{Error, OperationKind, checks};
use drivers::{Facts, GivenSubnet, Input};

use crate::step::{Fail, StepCtx};

/// Asks Keystone's catalogue, Cinder and the certificate store.
pub(super) async fn gather(ctx: &StepCtx) -> Result<Facts, Fail> {
    let options = &ctx.deps.options;
    let (made_with, credentials) = ctx.credentials()?;
    let keys = ctx.service_account_keys().await?;
    let volumes = VolumeTypes::find(ctx).await?;
    Ok(Facts {
        trustee_domain_id: ctx.deps.cloud.trustee_domain_id().await?,
        trustee_user_id: made_with.user_id,
        trustee_username: made_with.username,
        trustee_password: made_with.password,
        trust_id: made_with.trust_id,
        credentials,
        auth_url: ctx.deps.cloud.auth_url().await?,
        magnum_url: ctx.deps.cloud.magnum_url().await?,
        region_name: options.cinder_client.region_name.clone().unwrap_or_default(),
        username: None,
        octavia: ctx.deps.cloud.has_octavia().await?,
        discovery_url: ctx.cluster.discovery_url.clone().filter(|url| !url.is_empty()),
        external_network_uuid: external_network(ctx).await?,
        given_subnet: given_subnet(ctx).await?,
        docker_volume_type: volumes.docker,
        etcd_volume_type: volumes.etcd,
        boot_volume_size: volumes.boot_size,
        boot_volume_type: volumes.boot,
        service_account_key: keys.public_key,
        service_account_private_key: keys.private_key,
        openstack_ca: ctx.openstack_ca().await?,
        verify_ca: options.drivers.verify_ca,
        nodes_affinity_policy: options.cluster.nodes_affinity_policy.as_str().to_owned(),
        swift_region: options.docker_registry.swift_region.clone(),
        registry_container: options.docker_registry.swift_registry_container.clone(),
        ca_private_key: ctx.authority_key().await?,
        block_storage_version: "v3".to_owned(),
        default_timeout_mins: options.cluster_heat.create_timeout,
    })
}

/// Neutron's id of the external network, which a template may name. A resize leaves the network as it is.
async fn external_network(ctx: &StepCtx) -> Result<Option<String>, Fail> {
    let named = ctx.template()?.external_network_id.as_deref().filter(|name| !name.is_empty());
    let Some(name) = named.filter(|_| ctx.op.kind == OperationKind::Create) else { return Ok(None) };
    let found = ctx.with_caller_first(|session| async move { session.neutron().external_network(name).await }).await?;
    Ok(Some(found.id))
}

/// The subnet that the cluster or its template names. A resize leaves the network as it is.
async fn given_subnet(ctx: &StepCtx) -> Result<Option<GivenSubnet>, Fail> {
    let named = ctx.cluster.fixed_subnet.as_deref().or(ctx.template()?.fixed_subnet.as_deref());
    let creates = ctx.op.kind == OperationKind::Create;
    let Some(name) = named.filter(|name| creates && !name.is_empty()) else { return Ok(None) };
    let found = ctx.with_caller_first(|session| async move { session.neutron().subnet(name).await }).await?;
    Ok(Some(GivenSubnet { id: found.id, network_id: found.network_id, cidr: found.cidr }))
}

impl StepCtx {
    /// The driver's view of this cluster.
    pub(super) fn input<'a>(&'a self, facts: &'a Facts, removals: &'a [String]) -> Result<Input<'a>, Fail> {
        Ok(Input { cluster: &self.cluster, template: self.template()?, groups: &self.groups, facts, removals })
    }

    async fn openstack_ca(&self) -> Result<String, Fail> {
        let Some(path) = self.deps.options.drivers.openstack_ca_file.as_deref().filter(|path| !path.is_empty()) else {
            return Ok(String::new());
        };
        tokio::fs::read_to_string(path).await.map_err(|error| {
            tracing::error!(path, error = %error, "[drivers] openstack_ca_file cannot be read");
            Fail::Fatal(Error::Refused("The operator's [drivers] openstack_ca_file cannot be read".to_owned()))
        })
    }
}

/// Cinder types for the volumes of the nodes: label, else option, else what Cinder itself would take.
struct VolumeTypes {
    docker: Option<String>,
    etcd: Option<String>,
    boot: Option<String>,
    boot_size: i64,
}

impl VolumeTypes {
    async fn find(ctx: &StepCtx) -> Result<Self, Fail> {
        let (labels, size) = match ctx.own_group() {
            Some(group) => (&group.labels, group.docker_volume_size),
            None => (&ctx.cluster.labels, ctx.cluster.docker_volume_size),
        };
        let cinder = &ctx.deps.options.cinder;
        let named = |label, configured: &'_ Option<String>| {
            checks::volume_type(labels, label, configured.as_deref()).map(str::to_owned)
        };
        let mut docker = named("docker_volume_type", &cinder.default_docker_volume_type);
        let mut etcd = named("etcd_volume_type", &cinder.default_etcd_volume_type);
        let boot = named("boot_volume_type", &cinder.default_boot_volume_type);
        let wants_docker = size.is_some() && docker.is_none();
        let wants_etcd = checks::has_etcd_volumes(labels) && etcd.is_none();
        if wants_docker || wants_etcd {
            let usual = |session: Session| async move { session.cinder().usual_volume_type().await };
            let found = ctx.with_caller_first(usual).await?.map(|kind| kind.name);
            docker = docker.or_else(|| found.clone());
            etcd = etcd.or(found);
        }
        let boot_size = match labels.value("boot_volume_size") {
            None => i64::from(cinder.default_boot_volume_size),
            Some(size) => {
                size.parse().map_err(|_| Error::invalid("label boot_volume_size must be a whole number of GB"))?
            }
        };
        Ok(Self { docker, etcd, boot, boot_size })
    }
}
