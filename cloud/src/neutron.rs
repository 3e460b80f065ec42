//! Neutron: networks, subnets, ports, floating IPs.

use domain::{Error, Result};
use serde::Deserialize;

use crate::glance::{is_uuid, one};
use crate::session::{Service, Session};

/// Neutron's calls in one identity's name.
#[derive(Debug)]
pub struct Neutron<'a>(&'a Session);

/// A network.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Network {
    /// Id.
    pub id: String,
    /// Name.
    #[serde(default)]
    pub name: String,
    /// `true` for a way out of the cloud.
    #[serde(rename = "router:external", default)]
    pub external: bool,
    /// Ids of its subnets.
    #[serde(default)]
    pub subnets: Vec<String>,
}

/// A subnet.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Subnet {
    /// Id.
    pub id: String,
    /// Name.
    #[serde(default)]
    pub name: String,
    /// Network it belongs to.
    pub network_id: String,
    /// Address range.
    #[serde(default)]
    pub cidr: Option<String>,
}

/// A port.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Port {
    /// Id.
    pub id: String,
    /// Name.
    #[serde(default)]
    pub name: String,
    /// Network it is on.
    pub network_id: String,
    /// What kind of thing uses it, for example `compute:nova`; empty when nothing does.
    #[serde(default)]
    pub device_owner: String,
    /// The thing that uses it; empty when nothing does.
    #[serde(default)]
    pub device_id: String,
}

/// A floating IP.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct FloatingIp {
    /// Id.
    pub id: String,
    /// The address.
    #[serde(rename = "floating_ip_address")]
    pub address: String,
    /// Port it leads to.
    #[serde(default)]
    pub port_id: Option<String>,
    /// Free text; Kubernetes writes the cluster's name here.
    #[serde(default)]
    pub description: Option<String>,
}

#[derive(Deserialize)]
struct Networks {
    networks: Vec<Network>,
}
#[derive(Deserialize)]
struct Subnets {
    subnets: Vec<Subnet>,
}
#[derive(Deserialize)]
struct Ports {
    ports: Vec<Port>,
}
#[derive(Deserialize)]
struct FloatingIps {
    floatingips: Vec<FloatingIp>,
}

impl<'a> Neutron<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self(session)
    }

    async fn networks(&self, ident: &str, key: &'static str, external: bool) -> Result<Vec<Network>> {
        let mut call = self.0.get(Service::Neutron, format!("look for network {ident}")).path(&["networks"]);
        if external {
            call = call.query("router:external", "True");
        }
        Ok(call.query(key, ident).send().await?.json::<Networks>()?.networks)
    }

    /// The network of this id or name.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`], [`Error::Cloud`].
    pub async fn network(&self, ident: &str) -> Result<Network> {
        self.find_network(ident, false).await
    }

    /// The external network of this id or name; one that is not external is not found.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`], [`Error::Cloud`].
    pub async fn external_network(&self, ident: &str) -> Result<Network> {
        self.find_network(ident, true).await
    }

    async fn find_network(&self, ident: &str, external: bool) -> Result<Network> {
        if is_uuid(ident)
            && let Some(found) = self.networks(ident, "id", external).await?.pop()
        {
            return Ok(found);
        }
        one(self.networks(ident, "name", external).await?, "Network", "network", ident)
    }

    /// The subnet of this id or name.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`], [`Error::Cloud`].
    pub async fn subnet(&self, ident: &str) -> Result<Subnet> {
        let list = async |key: &'static str| {
            let call = self.0.get(Service::Neutron, format!("look for subnet {ident}")).path(&["subnets"]);
            Ok::<_, Error>(call.query(key, ident).send().await?.json::<Subnets>()?.subnets)
        };
        if is_uuid(ident)
            && let Some(found) = list("id").await?.pop()
        {
            return Ok(found);
        }
        one(list("name").await?, "Subnet", "subnet", ident)
    }

    /// Ports on a network.
    ///
    /// # Errors
    /// [`Error::Cloud`].
    pub async fn ports(&self, network_id: &str) -> Result<Vec<Port>> {
        let call = self.0.get(Service::Neutron, format!("list the ports of network {network_id}")).path(&["ports"]);
        Ok(call.query("network_id", network_id).send().await?.json::<Ports>()?.ports)
    }

    /// Deletes a port; `false` when there was none.
    ///
    /// # Errors
    /// [`Error::Cloud`].
    pub async fn delete_port(&self, id: &str) -> Result<bool> {
        self.0.delete(Service::Neutron, format!("delete port {id}")).path(&["ports", id]).done().await
    }

    /// Floating IPs that lead to a port.
    ///
    /// # Errors
    /// [`Error::Cloud`].
    pub async fn floating_ips(&self, port_id: &str) -> Result<Vec<FloatingIp>> {
        let call = self.0.get(Service::Neutron, format!("list the floating IPs of port {port_id}"));
        Ok(call.path(&["floatingips"]).query("port_id", port_id).send().await?.json::<FloatingIps>()?.floatingips)
    }

    /// Gives a floating IP back; `false` when there was none.
    ///
    /// # Errors
    /// [`Error::Cloud`].
    pub async fn delete_floating_ip(&self, id: &str) -> Result<bool> {
        self.0.delete(Service::Neutron, format!("delete floating IP {id}")).path(&["floatingips", id]).done().await
    }
}
