//! What a delete does before it takes the stack down.

use chrono::TimeDelta;
use cloud::{LoadBalancer, Port, Session};

use crate::step::{Fail, Next, StepCtx, is_refusal};

/// Waits until the operation that this delete took over has let go.
///
/// Its worker may be in the middle of a request, and what that request makes must be found by the steps that follow.
/// The worker hands its lease back as soon as it notices; if it died, the lease runs out.
pub(super) async fn settle(ctx: &mut StepCtx) -> Result<Next, Fail> {
    let now = ctx.deps.clock.now();
    let leased = ctx.deps.store.leases_of_cluster(&ctx.cluster.uuid, &ctx.op.id, now).await?;
    if leased == 0 { Ok(Next::Done) } else { Ok(Next::Wait(TimeDelta::milliseconds(500))) }
}

/// Removes what the cluster itself made for its services: load balancers with their floating IPs, and then the ports that
/// nothing uses. Heat cannot know them, and they would keep the network from going.
///
/// Volumes are not touched: what a workload has written belongs to the project.
pub(super) async fn delete_load_balancers(ctx: &mut StepCtx) -> Result<Next, Fail> {
    if ctx.cluster.stack_id.is_none() && ctx.stack().await?.is_none() {
        return Ok(Next::Done);
    }
    let ours = own_network(ctx).await?;
    if ctx.deps.cloud.has_octavia().await? && still_balanced(ctx, &ours).await? {
        return Ok(Next::Wait(TimeDelta::seconds(1)));
    }
    delete_stray_ports(ctx, &ours).await?;
    Ok(Next::Done)
}

/// A conflict means that it is being changed by somebody else just now.
fn later<T>(deleted: Result<T, Fail>) -> Result<T, Fail> {
    deleted.map_err(|fail| match fail {
        Fail::Fatal(error) => Fail::retry_conflict(error),
        other => other,
    })
}

/// Asks for the load balancers to be deleted; `false` when none is left.
async fn still_balanced(ctx: &mut StepCtx, ours: &OwnNetwork) -> Result<bool, Fail> {
    let (uuid, project) = (&ctx.cluster.uuid, &ctx.cluster.project_id);
    let all = match ctx.with_any(|session| async move { session.octavia().load_balancers(Some(project)).await }).await {
        // Who may not see load balancers has none, and neither has a cluster that acts in their name.
        Err(Fail::Fatal(error)) if is_refusal(&error) => return Ok(false),
        other => other?,
    };
    let left: Vec<LoadBalancer> = all.into_iter().filter(|balancer| ours.made_by_service(balancer, uuid)).collect();
    for balancer in left.iter().filter(|balancer| !balancer.is_busy()) {
        delete_floating_ips(ctx, balancer).await?;
        later(ctx.with_any(|session| async move { session.octavia().delete_cascade(&balancer.id).await }).await)?;
    }
    if !left.is_empty() {
        let names: Vec<&str> = left.iter().map(|balancer| balancer.name.as_str()).collect();
        ctx.op.reason = Some(format!("Load balancers made by the cluster are still there: {}", names.join(", ")));
    }
    Ok(!left.is_empty())
}

/// Ports on the cluster's own networks that neither Heat made nor anything uses.
async fn delete_stray_ports(ctx: &StepCtx, ours: &OwnNetwork) -> Result<(), Fail> {
    for network in &ours.networks {
        let ports = ctx.with_any(|session| async move { session.neutron().ports(network).await }).await?;
        for port in ports.iter().filter(|port| ours.is_stray(port)) {
            tracing::info!(port = %port.id, name = %port.name, "deleting a port that was left on the cluster's network");
            later(ctx.with_any(|session| async move { session.neutron().delete_port(&port.id).await }).await)?;
        }
    }
    Ok(())
}

/// What of the cluster's network Heat made, by id.
#[derive(Default)]
struct OwnNetwork {
    networks: Vec<String>,
    subnets: Vec<String>,
    ports: Vec<String>,
    balancers: Vec<String>,
}

impl OwnNetwork {
    fn is_stray(&self, port: &Port) -> bool {
        port.device_owner.is_empty() && port.device_id.is_empty() && !self.ports.contains(&port.id)
    }

    /// By the description Kubernetes writes, or, for controllers that write another one, by its place on a subnet that
    /// belongs to this cluster alone.
    fn made_by_service(&self, balancer: &LoadBalancer, uuid: &str) -> bool {
        let described = balancer.description.as_deref().is_some_and(|text| is_of_cluster(text, uuid));
        let on_our_subnet = balancer.vip_subnet_id.as_ref().is_some_and(|subnet| self.subnets.contains(subnet));
        (described || on_our_subnet) && !self.balancers.contains(&balancer.id)
    }
}

fn is_of_cluster(description: &str, uuid: &str) -> bool {
    description.contains("Kubernetes ") && description.contains(&format!(" from cluster {uuid}"))
}

async fn own_network(ctx: &StepCtx) -> Result<OwnNetwork, Fail> {
    let further = ctx.groups.iter().filter(|group| !group.is_default).map(|group| ctx.group_ident(group));
    let stacks: Vec<String> = std::iter::once(ctx.stack_ident()).chain(further).collect();
    let ids = async |kind: &str| {
        let mut ids = Vec::new();
        for ident in &stacks {
            let call = |session: Session| async move { session.heat().resources(ident, 5, Some(kind)).await };
            ids.extend(ctx.with_any(call).await?.into_iter().filter_map(|resource| resource.physical_id));
        }
        Ok::<_, Fail>(ids)
    };
    Ok(OwnNetwork {
        networks: ids("OS::Neutron::Net").await?,
        subnets: ids("OS::Neutron::Subnet").await?,
        ports: ids("OS::Neutron::Port").await?,
        balancers: ids("OS::Octavia::LoadBalancer").await?,
    })
}

/// Floating IPs that Kubernetes put before the load balancer; others are the user's and stay.
async fn delete_floating_ips(ctx: &StepCtx, balancer: &LoadBalancer) -> Result<(), Fail> {
    let Some(port) = &balancer.vip_port_id else { return Ok(()) };
    let found = ctx.with_any(|session| async move { session.neutron().floating_ips(port).await }).await?;
    for ip in
        found.iter().filter(|ip| ip.description.as_deref().is_some_and(|text| is_of_cluster(text, &ctx.cluster.uuid)))
    {
        later(ctx.with_any(|session| async move { session.neutron().delete_floating_ip(&ip.id).await }).await)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balancer(id: &str, description: Option<&str>, subnet: &str) -> LoadBalancer {
        LoadBalancer {
            id: id.to_owned(),
            name: String::new(),
            description: description.map(str::to_owned),
            provisioning_status: "ERROR".to_owned(),
            vip_port_id: None,
            vip_subnet_id: Some(subnet.to_owned()),
            project_id: None,
        }
    }

    #[test]
    fn only_what_the_cluster_made_for_its_services_is_taken_down() {
        let own =
            OwnNetwork { subnets: vec!["ours".to_owned()], balancers: vec!["api".to_owned()], ..OwnNetwork::default() };
        let made = |id, description, subnet| own.made_by_service(&balancer(id, description, subnet), "c1");
        assert!(made("web", Some("Kubernetes external service web from cluster c1"), "other"));
        assert!(made("web", None, "ours"), "a controller that writes no description");
        assert!(!made("api", None, "ours"), "Heat takes down what Heat made");
        assert!(!made("web", Some("Kubernetes external service web from cluster c2"), "other"));
        assert!(!made("web", Some("from cluster c1"), "other"), "the words of a user");
    }

    #[test]
    fn a_port_is_stray_when_nothing_uses_it_and_heat_does_not_know_it() {
        let own = OwnNetwork { ports: vec!["heats".to_owned()], ..OwnNetwork::default() };
        let stray = |id: &str, owner: &str, device: &str| {
            own.is_stray(&Port {
                id: id.to_owned(),
                name: String::new(),
                network_id: "net".to_owned(),
                device_owner: owner.to_owned(),
                device_id: device.to_owned(),
            })
        };
        assert!(stray("pod", "", ""));
        assert!(!stray("heats", "", ""), "not used yet");
        assert!(
            !stray("vip", "Octavia", "lb-1") && !stray("nic", "compute:nova", "server") && !stray("vip", "", "lb-1")
        );
    }
}
