//! Where pairs of certificate and key are kept.
//!
//! A reference that starts with `http` is Barbican's, any other one is a row's uuid: clusters made before a change of
//! `[certificates] cert_manager_type` stay readable, and so do those of the original service.

use domain::{Cluster, Result};
use uuid::Uuid;

use crate::barbican::BarbicanStore;
use crate::material::Material;

/// What a pair is for. Part of derived names: never rename one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The CA of the Kubernetes API.
    Ca,
    /// The service's own client certificate.
    Client,
    /// The CA of etcd.
    EtcdCa,
    /// The CA of the front proxy.
    FrontProxyCa,
    /// The key service account tokens are signed with; it has no certificate.
    ServiceAccount,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Ca, Self::Client, Self::EtcdCa, Self::FrontProxyCa, Self::ServiceAccount];

    /// The word in derived names.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::Client => "client",
            Self::EtcdCa => "etcd-ca",
            Self::FrontProxyCa => "front-proxy-ca",
            Self::ServiceAccount => "service-account",
        }
    }
}

/// Whose pair it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The cluster.
    pub cluster_uuid: String,
    /// Its project.
    pub project_id: String,
    /// The user who made it.
    pub user_id: String,
}

impl From<&Cluster> for Owner {
    fn from(cluster: &Cluster) -> Self {
        Self {
            cluster_uuid: cluster.uuid.clone(),
            project_id: cluster.project_id.clone(),
            user_id: cluster.user_id.clone(),
        }
    }
}

/// Id of the row of a pair: the same for the same cluster and kind, whoever computes it.
pub(crate) fn row_id(cluster_uuid: &str, kind: Kind) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("magnum-{cluster_uuid}-{}", kind.as_str()).as_bytes()).to_string()
}

/// Name of a pair in Barbican.
pub(crate) fn container_name(cluster_uuid: &str, kind: Kind) -> String {
    format!("magnum-{cluster_uuid}-{}", kind.as_str())
}

/// Where new pairs go, and where every pair is found.
#[derive(Clone, Debug)]
pub struct CertStore {
    barbican: BarbicanStore,
}

impl CertStore {
    /// New pairs go to Barbican, in the service user's project.
    #[must_use]
    pub fn barbican(cloud: cloud::Cloud) -> Self {
        Self { barbican: BarbicanStore::new(cloud) }
    }

    /// Reference of a stored pair, if there is one.
    ///
    /// # Errors
    /// [`domain::Error::Database`], [`domain::Error::Cloud`].
    pub async fn find(&self, cluster_uuid: &str, kind: Kind) -> Result<Option<String>> {
        self.barbican.find(cluster_uuid, kind).await
    }

    /// Stores a pair and answers its reference. What is stored already under the derived name stays and is answered.
    ///
    /// # Errors
    /// [`domain::Error::Database`], [`domain::Error::Cloud`], [`domain::Error::Internal`].
    pub async fn put(&self, owner: &Owner, kind: Kind, material: &Material) -> Result<String> {
        self.barbican.put(&owner.cluster_uuid, kind, material).await
    }

    /// The pair behind a reference; `None` when there is none.
    ///
    /// # Errors
    /// [`domain::Error::Database`], [`domain::Error::Cloud`], [`domain::Error::Internal`].
    pub async fn get(&self, reference: &str) -> Result<Option<Material>> {
        self.barbican.get(reference).await
    }

    /// Removes the pair behind a reference; one that is not there is no error.
    ///
    /// # Errors
    /// [`domain::Error::Database`], [`domain::Error::Cloud`].
    pub async fn delete(&self, reference: &str) -> Result<()> {
        self.barbican.delete(reference).await
    }

    /// Removes everything stored for a cluster, also what a crash kept from being recorded.
    ///
    /// # Errors
    /// [`domain::Error::Database`], [`domain::Error::Cloud`].
    pub async fn delete_all(&self, cluster_uuid: &str) -> Result<()> {
        self.barbican.delete_all(cluster_uuid).await
    }
}
