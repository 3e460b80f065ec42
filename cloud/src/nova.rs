//! Nova: flavors, availability zones, key pairs, servers.

use domain::Result;
use serde::Deserialize;

use crate::glance::one;
use crate::session::{Service, Session};

/// Nova's calls in one identity's name.
#[derive(Debug)]
pub struct Nova<'a>(&'a Session);

/// A flavor.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Flavor {
    /// Id; not always a uuid.
    pub id: String,
    /// Name.
    pub name: String,
    /// Cores.
    pub vcpus: i64,
    /// Memory, MiB.
    pub ram: i64,
    /// Root disk, GiB; 0 when the image decides.
    pub disk: i64,
}

/// A key pair.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Keypair {
    /// Name, unique for its user.
    pub name: String,
    /// The public key in OpenSSH's form.
    pub public_key: String,
    /// `ssh` or `x509`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// A server.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Server {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// `ACTIVE`, `ERROR` and so on.
    pub status: String,
}

#[derive(Deserialize)]
struct Flavors {
    flavors: Vec<Flavor>,
}
#[derive(Deserialize)]
struct Zones {
    #[serde(rename = "availabilityZoneInfo")]
    zones: Vec<Zone>,
}
#[derive(Deserialize)]
struct Zone {
    #[serde(rename = "zoneName")]
    name: String,
    #[serde(rename = "zoneState")]
    state: ZoneState,
}
#[derive(Deserialize)]
struct ZoneState {
    available: bool,
}
#[derive(Deserialize)]
struct OneKeypair {
    keypair: Keypair,
}
#[derive(Deserialize)]
struct Servers {
    servers: Vec<Server>,
}

impl<'a> Nova<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self(session)
    }

    /// Flavors the session may use.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn flavors(&self) -> Result<Vec<Flavor>> {
        let mut found: Vec<Flavor> = Vec::new();
        loop {
            let mut call =
                self.0.get(Service::Nova, "list flavors").path(&["flavors", "detail"]).query("limit", "1000");
            if let Some(last) = found.last() {
                call = call.query("marker", &last.id);
            }
            let page = call.send().await?.json::<Flavors>()?.flavors;
            // Nova may allow less than was asked for: only an empty or short page is surely the last.
            let fresh: Vec<_> = page.into_iter().filter(|flavor| found.iter().all(|f| f.id != flavor.id)).collect();
            if fresh.is_empty() {
                return Ok(found);
            }
            found.extend(fresh);
        }
    }

    /// The flavor of this id or name; an id wins over a name.
    ///
    /// # Errors
    /// [`domain::Error::NotFound`], [`domain::Error::Ambiguous`], [`domain::Error::Cloud`].
    pub async fn flavor(&self, ident: &str) -> Result<Flavor> {
        let flavors = self.flavors().await?;
        if let Some(found) = flavors.iter().find(|flavor| flavor.id == ident) {
            return Ok(found.clone());
        }
        one(flavors.into_iter().filter(|f| f.name == ident).collect(), "Flavor", "flavor", ident)
    }

    /// Names of the availability zones that servers can be made in; those whose hosts are all away are left out.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn availability_zones(&self) -> Result<Vec<String>> {
        let reply = self.0.get(Service::Nova, "list availability zones").path(&["os-availability-zone"]).send().await?;
        let zones = reply.json::<Zones>()?.zones;
        Ok(zones.into_iter().filter(|zone| zone.state.available).map(|zone| zone.name).collect())
    }

    /// The session's user's key pair of this name.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn keypair(&self, name: &str) -> Result<Option<Keypair>> {
        let call = self.0.get(Service::Nova, format!("read key pair {name}")).path(&["os-keypairs", name]);
        // 2.2 is the first version that tells the key's type.
        let found = call.microversion("compute 2.2").header("X-OpenStack-Nova-API-Version", "2.2").find().await?;
        found.map(|reply| Ok(reply.json::<OneKeypair>()?.keypair)).transpose()
    }

    /// Servers of the project whose name contains `name` (a regular expression to Nova).
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn servers(&self, name: &str) -> Result<Vec<Server>> {
        let call = self.0.get(Service::Nova, "list servers").path(&["servers", "detail"]);
        Ok(call.query("name", name).send().await?.json::<Servers>()?.servers)
    }
}
