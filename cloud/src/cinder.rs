//! Cinder: volume types and volumes.

use domain::Result;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::session::{Service, Session};

/// Cinder's calls in one identity's name.
#[derive(Debug)]
pub struct Cinder<'a>(&'a Session);

/// A volume type.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct VolumeType {
    /// Id.
    pub id: String,
    /// Name, which is what volumes are created with.
    pub name: String,
    /// `false` when it is offered to some projects only.
    #[serde(default)]
    pub is_public: Option<bool>,
}

/// A volume.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Volume {
    /// Id.
    pub id: String,
    /// Name.
    #[serde(default)]
    pub name: Option<String>,
    /// `available`, `in-use` and so on.
    pub status: String,
    /// Key and value pairs; Kubernetes writes the claim here.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

#[derive(Deserialize)]
struct Types {
    volume_types: Vec<VolumeType>,
}
#[derive(Deserialize)]
struct OneType {
    volume_type: VolumeType,
}
#[derive(Deserialize)]
struct Volumes {
    volumes: Vec<Volume>,
}

impl<'a> Cinder<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self(session)
    }

    /// Volume types the session may use, in Cinder's order.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn volume_types(&self) -> Result<Vec<VolumeType>> {
        let reply = self.0.get(Service::Cinder, "list volume types").path(&["types"]).send().await?;
        Ok(reply.json::<Types>()?.volume_types)
    }

    /// The type Cinder gives to volumes created without one; `None` when it has none.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn default_volume_type(&self) -> Result<Option<VolumeType>> {
        let call = self.0.get(Service::Cinder, "read the default volume type").path(&["types", "default"]);
        call.find().await?.map(|reply| Ok(reply.json::<OneType>()?.volume_type)).transpose()
    }

    /// The type for volumes that nobody names one for: Cinder's default, else the first that it lists, as later Magnum
    /// releases do; also for who may not read the default. `None` when there is none.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn usual_volume_type(&self) -> Result<Option<VolumeType>> {
        match self.default_volume_type().await {
            Ok(Some(default)) => return Ok(Some(default)),
            Ok(None) => {}
            Err(error) if error.cloud_status() == Some(403) => {}
            Err(error) => return Err(error),
        }
        Ok(self.volume_types().await?.into_iter().next())
    }

    /// Volumes of the project.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn volumes(&self) -> Result<Vec<Volume>> {
        let reply = self.0.get(Service::Cinder, "list volumes").path(&["volumes", "detail"]).send().await?;
        Ok(reply.json::<Volumes>()?.volumes)
    }
}
