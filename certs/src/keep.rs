//! Where pairs of certificate and key are kept.
//!
//! A reference that starts with `http` is Barbican's, any other one is a row's uuid: clusters made before a change of
//! `[certificates] cert_manager_type` stay readable, and so do those of the original service.

use std::fmt;

use cloud::Cloud;
use domain::options::CertManager;
use domain::{Cluster, Error, Result};
use store::{Seal, Store};

use crate::barbican::BarbicanStore;
use crate::database::DatabaseStore;
use crate::material::Material;

/// What a pair is for. Part of derived names: never rename one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The CA of the Kubernetes API.
    Ca,
    /// The CA that takes its place: each rotation moves from one of the two places to the other.
    CaSecond,
    /// While a rotation goes on: the certificates of both CAs, the new one first, with the key of the old one.
    CaBothOld,
    /// The same with the key of the new one.
    CaBothNew,
    /// The service's own client certificate.
    Client,
    /// The one that takes its place.
    ClientSecond,
    /// The CA of etcd.
    EtcdCa,
    /// The CA of the front proxy.
    FrontProxyCa,
    /// The key service account tokens are signed with; it has no certificate.
    ServiceAccount,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Ca,
        Self::CaSecond,
        Self::CaBothOld,
        Self::CaBothNew,
        Self::Client,
        Self::ClientSecond,
        Self::EtcdCa,
        Self::FrontProxyCa,
        Self::ServiceAccount,
    ];

    /// The word in derived names.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::CaSecond => "ca-second",
            Self::CaBothOld => "ca-both-old",
            Self::CaBothNew => "ca-both-new",
            Self::Client => "client",
            Self::ClientSecond => "client-second",
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

/// Name of a pair, the same whoever computes it.
pub(crate) fn derived_name(cluster_uuid: &str, kind: Kind) -> String {
    format!("magnum-{cluster_uuid}-{}", kind.as_str())
}

/// `true` for a reference into Barbican.
pub(crate) fn is_barbicans(reference: &str) -> bool {
    reference.starts_with("http")
}

/// Where new pairs go, and where every pair is found. Cheap to clone.
#[derive(Clone)]
pub struct CertStore {
    database: Option<DatabaseStore>,
    barbican: Option<BarbicanStore>,
    new_in_barbican: bool,
}

impl fmt::Debug for CertStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertStore").field("new_in_barbican", &self.new_in_barbican).finish_non_exhaustive()
    }
}

impl CertStore {
    /// Pairs are kept in the database only.
    #[must_use]
    pub fn database(store: Store, seal: Seal) -> Self {
        Self { database: Some(DatabaseStore::new(store, seal)), barbican: None, new_in_barbican: false }
    }

    /// Pairs are kept in Barbican only, in the service user's project.
    #[must_use]
    pub fn barbican(cloud: Cloud) -> Self {
        Self { database: None, barbican: Some(BarbicanStore::new(cloud)), new_in_barbican: true }
    }

    /// New pairs go where the option says, older ones are found in either place.
    #[must_use]
    pub fn configured(manager: CertManager, store: Store, seal: Seal, cloud: Cloud) -> Self {
        let new_in_barbican = manager == CertManager::Barbican;
        Self { barbican: Some(BarbicanStore::new(cloud)), new_in_barbican, ..Self::database(store, seal) }
    }

    /// Reference of a stored pair, if there is one. Barbican is asked when new pairs go there, or when the cluster is
    /// known to have others there (`also_in_barbican`).
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Cloud`].
    pub async fn find(&self, cluster_uuid: &str, kind: Kind, also_in_barbican: bool) -> Result<Option<String>> {
        if let Some(database) = &self.database
            && let Some(found) = database.find(cluster_uuid, kind).await?
        {
            return Ok(Some(found));
        }
        match &self.barbican {
            Some(barbican) if self.new_in_barbican || also_in_barbican => barbican.find(cluster_uuid, kind).await,
            _ => Ok(None),
        }
    }

    /// Stores a pair and answers its reference. What is stored already under the derived name stays and is answered.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Cloud`], [`Error::Internal`].
    pub async fn put(&self, owner: &Owner, kind: Kind, material: &Material) -> Result<String> {
        match (&self.database, &self.barbican) {
            (_, Some(barbican)) if self.new_in_barbican => barbican.put(&owner.cluster_uuid, kind, material).await,
            (Some(database), _) => database.put(owner, kind, material).await,
            _ => Err(nowhere("new pairs")),
        }
    }

    /// The pair behind a reference; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Cloud`], [`Error::Internal`].
    pub async fn get(&self, reference: &str) -> Result<Option<Material>> {
        match (&self.database, &self.barbican) {
            (_, Some(barbican)) if is_barbicans(reference) => barbican.get(reference).await,
            (Some(database), _) if !is_barbicans(reference) => database.get(reference).await,
            _ => Err(nowhere(reference)),
        }
    }

    /// Removes the pair behind a reference; one that is not there is no error.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Cloud`], [`Error::Internal`].
    pub async fn delete(&self, reference: &str) -> Result<()> {
        match (&self.database, &self.barbican) {
            (_, Some(barbican)) if is_barbicans(reference) => barbican.delete(reference).await,
            (Some(database), _) if !is_barbicans(reference) => database.delete(reference).await,
            _ => Err(nowhere(reference)),
        }
    }

    /// Removes everything stored for a cluster, also what a crash kept from being recorded. Barbican is asked as in
    /// [`Self::find`].
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Cloud`].
    pub async fn delete_all(&self, cluster_uuid: &str, also_in_barbican: bool) -> Result<()> {
        if let Some(database) = &self.database {
            database.delete_all(cluster_uuid).await?;
        }
        match &self.barbican {
            Some(barbican) if self.new_in_barbican || also_in_barbican => barbican.delete_all(cluster_uuid).await,
            _ => Ok(()),
        }
    }
}

fn nowhere(what: &str) -> Error {
    Error::Internal { doing: format!("find the key store of {what}"), source: None }
}
