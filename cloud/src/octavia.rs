//! Octavia: load balancers.

use domain::Result;
use serde::Deserialize;

use crate::session::{Service, Session};

/// Octavia's calls in one identity's name.
#[derive(Debug)]
pub struct Octavia<'a>(&'a Session);

/// A load balancer.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct LoadBalancer {
    /// Id.
    pub id: String,
    /// Name.
    #[serde(default)]
    pub name: String,
    /// Free text; Kubernetes writes the cluster's name here.
    #[serde(default)]
    pub description: Option<String>,
    /// `ACTIVE`, `PENDING_DELETE`, `ERROR` and so on.
    pub provisioning_status: String,
    /// Port that carries its address.
    #[serde(default)]
    pub vip_port_id: Option<String>,
    /// Subnet its address is from.
    #[serde(default)]
    pub vip_subnet_id: Option<String>,
    /// Project that owns it.
    #[serde(default)]
    pub project_id: Option<String>,
}

impl LoadBalancer {
    /// `true` when it is gone or going.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        matches!(self.provisioning_status.as_str(), "PENDING_DELETE" | "DELETED")
    }

    /// `true` when Octavia is at it, or has no more to do: it refuses to delete it now with 409.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.is_leaving() || self.provisioning_status.starts_with("PENDING_")
    }
}

#[derive(Deserialize)]
struct LoadBalancers {
    loadbalancers: Vec<LoadBalancer>,
}
#[derive(Deserialize)]
struct OneLoadBalancer {
    loadbalancer: LoadBalancer,
}

impl<'a> Octavia<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self(session)
    }

    /// Load balancers of a project; of all that the session may see without one.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn load_balancers(&self, project_id: Option<&str>) -> Result<Vec<LoadBalancer>> {
        let mut call = self.0.get(Service::Octavia, "list load balancers").path(&["loadbalancers"]);
        if let Some(project) = project_id {
            call = call.query("project_id", project);
        }
        Ok(call.send().await?.json::<LoadBalancers>()?.loadbalancers)
    }

    /// The load balancer of this id.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn load_balancer(&self, id: &str) -> Result<Option<LoadBalancer>> {
        let call = self.0.get(Service::Octavia, format!("read load balancer {id}")).path(&["loadbalancers", id]);
        call.find().await?.map(|reply| Ok(reply.json::<OneLoadBalancer>()?.loadbalancer)).transpose()
    }

    /// Starts deleting a load balancer with everything below it; `false` when there was none. While it is being
    /// changed Octavia answers 409.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn delete_cascade(&self, id: &str) -> Result<bool> {
        let call = self.0.delete(Service::Octavia, format!("delete load balancer {id}")).path(&["loadbalancers", id]);
        call.query("cascade", "true").done().await
    }
}
