//! Pairs in the service's own database, table `x509keypair`.
//!
//! The uuid of a row derives from cluster and kind, so that storing twice finds the first row. Key and passphrase are
//! sealed and bound to their row. Rows of the original service are read too: encrypted PKCS#8 with the passphrase in the
//! next column, in clear.

use chrono::Utc;
use domain::{Error, Result, Secret};
use store::{Keypair, Seal, Store};
use uuid::Uuid;

use crate::keep::{Kind, Owner, derived_name};
use crate::material::Material;

/// The store.
#[derive(Clone)]
pub(crate) struct DatabaseStore {
    store: Store,
    seal: Seal,
}

/// Uuid of a pair's row: the same for the same cluster and kind, whoever computes it.
fn row_id(cluster_uuid: &str, kind: Kind) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, derived_name(cluster_uuid, kind).as_bytes()).to_string()
}

impl DatabaseStore {
    pub(crate) fn new(store: Store, seal: Seal) -> Self {
        Self { store, seal }
    }

    pub(crate) async fn find(&self, cluster_uuid: &str, kind: Kind) -> Result<Option<String>> {
        let id = row_id(cluster_uuid, kind);
        Ok(self.row(&id).await?.map(|_| id))
    }

    pub(crate) async fn put(&self, owner: &Owner, kind: Kind, material: &Material) -> Result<String> {
        let uuid = row_id(&owner.cluster_uuid, kind);
        let seal = |secret: &Secret| self.seal.seal(secret.expose(), &uuid);
        let pair = Keypair {
            uuid: uuid.clone(),
            certificate: Some(material.certificate.clone()),
            private_key: Some(seal(&material.private_key)?),
            private_key_passphrase: material.passphrase.as_ref().map(seal).transpose()?,
            intermediates: None,
            project_id: Some(owner.project_id.clone()),
            user_id: Some(owner.user_id.clone()),
            created_at: Utc::now(),
        };
        self.store.insert_keypair(&pair).await?;
        Ok(uuid)
    }

    pub(crate) async fn get(&self, reference: &str) -> Result<Option<Material>> {
        let Some(row) = self.row(reference).await? else { return Ok(None) };
        let open = |text: String| {
            if Seal::is_sealed(&text) { self.seal.open(&text, &row.uuid) } else { Ok(Secret::new(text)) }
        };
        let (Some(certificate), Some(key)) = (row.certificate.clone(), row.private_key.clone()) else {
            let doing = format!("read the key pair {reference}: its row is incomplete");
            return Err(Error::Internal { doing, source: None });
        };
        let passphrase = row.private_key_passphrase.clone().filter(|text| !text.is_empty());
        Ok(Some(Material { certificate, private_key: open(key)?, passphrase: passphrase.map(open).transpose()? }))
    }

    pub(crate) async fn delete(&self, reference: &str) -> Result<()> {
        self.store.delete_keypair(reference).await.map(|_| ())
    }

    /// Removes everything of a cluster, also what a crash kept from being recorded.
    pub(crate) async fn delete_all(&self, cluster_uuid: &str) -> Result<()> {
        for kind in Kind::ALL {
            self.delete(&row_id(cluster_uuid, kind)).await?;
        }
        Ok(())
    }

    async fn row(&self, uuid: &str) -> Result<Option<Keypair>> {
        match self.store.keypair(uuid).await {
            Ok(row) => Ok(Some(row)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
