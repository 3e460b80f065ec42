//! Pairs in Barbican: one certificate container each, its secrets named and encrypted as the original does, so that
//! both services read each other's.
//!
//! Barbican lets names repeat and has no transaction. The container is made last and has a derived name: while it is
//! missing, secrets of that name are leftovers and are removed; once it is there, the pair is complete.

use cloud::{Cloud, NewContainer, SecretRef, Session};
use domain::{Error, Result, Secret};
use rand::Rng;
use rand::distr::Alphanumeric;

use crate::keep::{Kind, derived_name};
use crate::material::Material;

/// Characters of a passphrase: 190 bits.
const PASSPHRASE: usize = 32;
/// Pages of leftovers removed at once; one attempt leaves three secrets.
const PAGES: u32 = 10;

/// The store. Acts as the service user: owners cannot read the keys of their own clusters.
#[derive(Clone, Debug)]
pub(crate) struct BarbicanStore {
    cloud: Cloud,
}

impl BarbicanStore {
    pub(crate) fn new(cloud: Cloud) -> Self {
        Self { cloud }
    }

    fn session(&self) -> Session {
        self.cloud.as_service()
    }

    /// Reference of the complete pair, if there is one.
    pub(crate) async fn find(&self, cluster_uuid: &str, kind: Kind) -> Result<Option<String>> {
        let found = self.session().barbican().containers(&derived_name(cluster_uuid, kind)).await?;
        Ok(found.into_iter().next().map(|container| container.container_ref))
    }

    pub(crate) async fn put(&self, cluster_uuid: &str, kind: Kind, material: &Material) -> Result<String> {
        if let Some(existing) = self.find(cluster_uuid, kind).await? {
            return Ok(existing);
        }
        let name = derived_name(cluster_uuid, kind);
        self.delete_secrets(&name).await?;
        match self.store(&name, material).await {
            Ok(reference) => Ok(reference),
            Err(error) => {
                // A container whose answer was lost keeps its secrets.
                if let Ok(None) = self.find(cluster_uuid, kind).await
                    && let Err(left) = self.delete_secrets(&name).await
                {
                    tracing::warn!(name, error = %left, "half-stored secrets are left until the next attempt");
                }
                Err(error)
            }
        }
    }

    async fn store(&self, name: &str, material: &Material) -> Result<String> {
        let text: String = rand::rng().sample_iter(Alphanumeric).take(PASSPHRASE).map(char::from).collect();
        let (plain, phrase) = (material.clone(), Secret::new(text));
        let encrypted = crate::authority::blocking(move || plain.encrypted(phrase)).await?;
        let session = self.session();
        let barbican = session.barbican();
        let mut secret_refs = Vec::new();
        let certificate = Secret::new(encrypted.certificate.clone());
        let parts = [
            ("certificate", Some(&certificate)),
            ("private_key", Some(&encrypted.private_key)),
            ("private_key_passphrase", encrypted.passphrase.as_ref()),
        ];
        for (part, payload) in parts {
            if let Some(payload) = payload {
                let secret_ref = barbican.create_secret(name, payload).await?;
                secret_refs.push(SecretRef { name: Some(part.to_owned()), secret_ref });
            }
        }
        let container = NewContainer { name: name.to_owned(), kind: "certificate", secret_refs };
        barbican.create_container(&container).await
    }

    pub(crate) async fn get(&self, reference: &str) -> Result<Option<Material>> {
        let session = self.session();
        let barbican = session.barbican();
        let Some(container) = barbican.container(reference).await? else { return Ok(None) };
        let read = async |part: &str| match container.secret(part) {
            Some(secret) => barbican.payload(secret).await,
            None => Ok(None),
        };
        let gone = |part: &str| Error::Internal {
            doing: format!("read a key pair from Barbican: its {part} is gone"),
            source: None,
        };
        let certificate = read("certificate").await?.ok_or_else(|| gone("certificate"))?;
        let private_key = read("private_key").await?.ok_or_else(|| gone("private key"))?;
        let passphrase = read("private_key_passphrase").await?.filter(|text| !text.expose().is_empty());
        // Barbican strips white space from what it stores; PEM ends with a line.
        let line = |text: &Secret| format!("{}\n", text.expose().trim_end());
        let (certificate, private_key) = (line(&certificate), Secret::new(line(&private_key)));
        Ok(Some(Material { certificate, private_key, passphrase }))
    }

    /// Removes the secrets first: a container that is left can be found again, secrets of the original's names cannot.
    pub(crate) async fn delete(&self, reference: &str) -> Result<()> {
        let session = self.session();
        let barbican = session.barbican();
        let Some(container) = barbican.container(reference).await? else { return Ok(()) };
        for secret in &container.secret_refs {
            barbican.delete_secret(&secret.secret_ref).await?;
        }
        barbican.delete_container(reference).await.map(|_| ())
    }

    /// Removes everything of a cluster, also what a crash kept from being recorded.
    pub(crate) async fn delete_all(&self, cluster_uuid: &str) -> Result<()> {
        for kind in Kind::ALL {
            let name = derived_name(cluster_uuid, kind);
            for container in self.session().barbican().containers(&name).await? {
                self.delete(&container.container_ref).await?;
            }
            self.delete_secrets(&name).await?;
        }
        Ok(())
    }

    async fn delete_secrets(&self, name: &str) -> Result<()> {
        let session = self.session();
        let barbican = session.barbican();
        // Bounded, in case Barbican lists what it has deleted.
        for _ in 0..PAGES {
            let found = barbican.secrets(name).await?;
            if found.is_empty() {
                break;
            }
            for secret in found {
                barbican.delete_secret(&secret.secret_ref).await?;
            }
        }
        Ok(())
    }
}
