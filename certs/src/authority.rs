//! [`Authority`]: issues a cluster's certificates and signs requests.
//!
//! Issuing may be repeated: what is stored already under the derived name is taken as it is, and nothing new is made.
//! Keys are made on the blocking pool, because an RSA key costs a tenth of a second and more.

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use cloud::Cloud;
use domain::{Cluster, Error, Options, Result, Secret};
use store::{Seal, Store};
use tokio::sync::Semaphore;

use crate::Crypto;
use crate::keep::{CertStore, Kind, Owner, is_barbicans};
use crate::material::{Material, secret_text};
use crate::policy::{KeyKind, SignFor, X509Policy};
use crate::x509::{authority, client};

/// What the service shows a cluster's API to be let in, and what it checks the API against.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    /// The cluster's CA, PEM.
    pub ca: String,
    /// The client certificate, PEM.
    pub certificate: String,
    /// Its key, PKCS#8 PEM.
    pub private_key: Secret,
}

/// The pair that signs and checks service account tokens; every master of a cluster needs the same one.
#[derive(Clone, Debug)]
pub struct ServiceAccountKeys {
    /// Public key, PEM.
    pub public_key: String,
    /// Private key, traditional PEM, as Kubernetes and the original have it.
    pub private_key: Secret,
}

/// Issues and signs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Authority {
    pub(crate) store: CertStore,
    pub(crate) policy: X509Policy,
}

impl Authority {
    /// An authority that keeps its keys in `store`.
    #[must_use]
    pub fn new(store: CertStore, policy: X509Policy) -> Self {
        Self { store, policy }
    }

    /// The authority that `[certificates]` and `[x509]` describe.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the configured keys would be too weak to be accepted by anything.
    pub fn from_options(options: &Options, store: Store, seal: Seal, cloud: Cloud) -> Result<Self> {
        let policy = X509Policy::from(&options.x509);
        if let KeyKind::Rsa(bits) = policy.key
            && bits < 2048
        {
            return Err(Error::invalid(format!("[x509] rsa_key_size is {bits}, but must be at least 2048")));
        }
        let manager = options.certificates.cert_manager_type;
        Ok(Self::new(CertStore::configured(manager, store, seal, cloud), policy))
    }

    /// Where the keys are kept.
    #[must_use]
    pub fn store(&self) -> &CertStore {
        &self.store
    }

    /// Makes and stores the cluster's CA and answers its reference; one that is stored already stays.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Cloud`] of Barbican, [`Error::Internal`] of OpenSSL.
    pub async fn issue_ca(&self, cluster: &Cluster, now: DateTime<Utc>) -> Result<String> {
        let owner = Owner::from(cluster);
        if let Some(reference) = self.find(cluster, Kind::Ca).await? {
            return Ok(reference);
        }
        self.store.put(&owner, Kind::Ca, &self.new_ca(cluster, now).await?).await
    }

    /// A CA that is stored nowhere yet.
    pub(crate) async fn new_ca(&self, cluster: &Cluster, now: DateTime<Utc>) -> Result<Material> {
        let policy = self.policy.clone();
        let name = if cluster.name.is_empty() { cluster.uuid.clone() } else { cluster.name.clone() };
        blocking(move || Material::from_pair(&authority(&name, policy.key.generate()?, policy.days, now)?)).await
    }

    /// Makes and stores the client certificate the service uses towards the cluster, signed by the CA behind `ca_ref`;
    /// one that is stored already stays.
    ///
    /// # Errors
    /// As [`Self::issue_ca`]; [`Error::NotFound`] when there is no CA behind the reference.
    pub async fn issue_client(&self, cluster: &Cluster, ca_ref: &str, now: DateTime<Utc>) -> Result<String> {
        let owner = Owner::from(cluster);
        if let Some(reference) = self.find(cluster, Kind::Client).await? {
            return Ok(reference);
        }
        self.store.put(&owner, Kind::Client, &self.new_client(ca_ref, now).await?).await
    }

    /// A client certificate that is stored nowhere yet.
    pub(crate) async fn new_client(&self, ca_ref: &str, now: DateTime<Utc>) -> Result<Material> {
        let (ca, policy) = (self.stored(ca_ref).await?, self.policy.clone());
        blocking(move || Material::from_pair(&client(&ca.open()?, policy.key.generate()?, policy.days, now)?)).await
    }

    /// Makes and stores the key pair for service account tokens, or answers the stored one.
    ///
    /// # Errors
    /// As [`Self::issue_ca`].
    pub async fn service_account(&self, cluster: &Cluster) -> Result<ServiceAccountKeys> {
        let owner = Owner::from(cluster);
        let reference = match self.find(cluster, Kind::ServiceAccount).await? {
            Some(reference) => reference,
            None => {
                let bits = self.policy.service_account_bits;
                let material = blocking(move || service_account(bits)).await?;
                self.store.put(&owner, Kind::ServiceAccount, &material).await?
            }
        };
        let stored = self.stored(&reference).await?;
        blocking(move || {
            let doing = "write a service account key";
            let rsa = stored.key()?.rsa().doing(doing)?;
            let private_key = secret_text(rsa.private_key_to_pem().doing(doing)?, doing)?;
            Ok(ServiceAccountKeys { public_key: stored.certificate, private_key })
        })
        .await
    }

    /// The CA certificate behind a reference, PEM; while it is being replaced those of both CAs, the new one first.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; else as [`Self::issue_ca`].
    pub async fn ca_certificate(&self, ca_ref: &str) -> Result<String> {
        let stored = self.stored(ca_ref).await?;
        let certificate = stored.certificate.trim();
        Ok(format!("{certificate}\n"))
    }

    /// Signs a request (PEM) with the CA behind `ca_ref` and answers the certificate (PEM).
    ///
    /// # Errors
    /// [`Error::Invalid`] when the request is broken or asks for too much, [`Error::Refused`] when a node asks for a
    /// name it may not have, [`Error::NotFound`] when there is no CA; else as [`Self::issue_ca`].
    pub async fn sign(&self, ca_ref: &str, csr: &str, sign_for: SignFor, now: DateTime<Utc>) -> Result<String> {
        let (ca, policy, csr) = (self.stored(ca_ref).await?, self.policy.clone(), csr.to_owned());
        blocking(move || crate::csr::sign(&ca.open()?, &csr, &policy, sign_for, now)).await
    }

    /// The service's own identity towards a cluster, for calls to its API.
    ///
    /// # Errors
    /// As [`Self::ca_certificate`].
    pub async fn client_identity(&self, ca_ref: &str, client_ref: &str) -> Result<ClientIdentity> {
        let (ca, client) = (self.ca_certificate(ca_ref).await?, self.stored(client_ref).await?);
        let Material { certificate, private_key, .. } = blocking(move || client.decrypted()).await?;
        Ok(ClientIdentity { ca, certificate, private_key })
    }

    /// The CA's private key in clear, PEM: for the masters of a cluster that is to sign by itself, and nobody else.
    ///
    /// # Errors
    /// As [`Self::ca_certificate`].
    pub async fn ca_key(&self, ca_ref: &str) -> Result<Secret> {
        let ca = self.stored(ca_ref).await?;
        Ok(blocking(move || ca.decrypted()).await?.private_key)
    }

    /// Removes one stored pair; one that is not there is no error.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Cloud`] of Barbican.
    pub async fn delete(&self, reference: &str) -> Result<()> {
        self.store.delete(reference).await
    }

    /// Removes everything stored for a cluster: the references given, and what a crash kept from being recorded.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Cloud`] of Barbican.
    pub async fn delete_all<S: AsRef<str>>(&self, cluster_uuid: &str, references: &[S]) -> Result<()> {
        for reference in references {
            self.store.delete(reference.as_ref()).await?;
        }
        self.store.delete_all(cluster_uuid, references.iter().any(|r| is_barbicans(r.as_ref()))).await
    }

    pub(crate) async fn find(&self, cluster: &Cluster, kind: Kind) -> Result<Option<String>> {
        let recorded = [&cluster.ca_cert_ref, &cluster.magnum_cert_ref];
        let in_barbican = recorded.into_iter().flatten().any(|reference| is_barbicans(reference));
        self.store.find(&cluster.uuid, kind, in_barbican).await
    }

    pub(crate) async fn stored(&self, reference: &str) -> Result<Material> {
        let not_found = || Error::NotFound { kind: "Certificate", ident: reference.to_owned() };
        self.store.get(reference).await?.ok_or_else(not_found)
    }
}

fn service_account(bits: u32) -> Result<Material> {
    let key = KeyKind::Rsa(bits).generate()?;
    let public = key.public_key_to_pem().doing("write a public key")?;
    let certificate = String::from_utf8(public).map_err(|error| Error::internal("write a public key", error))?;
    Ok(Material { certificate, private_key: crate::material::key_pem(&key)?, passphrase: None })
}

/// One permit per processor: many keys made at once would leave none to the rest of the process, whose leases would run
/// out, so that the keys would be made again, and never be done.
static PROCESSORS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    Arc::new(Semaphore::new(processors))
});

/// Runs work that keeps a processor busy where it holds nobody up. Whoever is given up on before his turn costs nothing.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let doing = "work on certificates";
    let turn = Arc::clone(&PROCESSORS).acquire_owned().await.map_err(|error| Error::internal(doing, error))?;
    let work = move || {
        let _turn = turn;
        work()
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::internal(doing, error)),
    }
}
