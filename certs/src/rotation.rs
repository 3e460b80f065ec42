//! Replacing a cluster's CA while the cluster lives.
//!
//! What `ca_cert_ref` points at is the whole truth about how far a rotation is: the old CA, both certificates with the
//! old key, both with the new key, the new CA. Each of the four is a stored pair of its own that never changes, so moving
//! the reference is one write, and every step here may run twice. A rotation that was given up in the middle is gone on
//! with by the next one.

use chrono::{DateTime, Utc};
use domain::{Cluster, Error, Result};

use crate::Crypto;
use crate::authority::{Authority, blocking};
use crate::keep::{Kind, Owner};
use crate::material::Material;

/// The two places of a CA of its own.
const PLACES: [Kind; 2] = [Kind::Ca, Kind::CaSecond];
/// Everything that a rotation makes or leaves behind.
const REPLACED: [Kind; 6] =
    [Kind::Ca, Kind::CaSecond, Kind::CaBothOld, Kind::CaBothNew, Kind::Client, Kind::ClientSecond];

impl Authority {
    /// Makes a new CA beside the old one. Answers the reference of a pair that shows both and signs as the old one.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the cluster has no CA; [`Error::Database`], [`Error::Cloud`] of Barbican,
    /// [`Error::Internal`] of OpenSSL.
    pub async fn begin_rotation(&self, cluster: &Cluster, now: DateTime<Utc>) -> Result<String> {
        let current = recorded(cluster)?;
        for both in [Kind::CaBothOld, Kind::CaBothNew] {
            if self.find(cluster, both).await?.as_deref() == Some(current) {
                return Ok(current.to_owned());
            }
        }
        let first = self.find(cluster, Kind::Ca).await?;
        let place = if first.as_deref() == Some(current) { Kind::CaSecond } else { Kind::Ca };
        // Leftovers: nothing that is in use points at them.
        for kind in [place, Kind::CaBothOld, Kind::CaBothNew] {
            self.remove(cluster, kind).await?;
        }
        let (owner, old) = (Owner::from(cluster), self.stored(current).await?);
        let new = self.new_ca(cluster, now).await?;
        self.store.put(&owner, place, &new).await?;
        let both = Material { certificate: format!("{}\n{}\n", new.certificate.trim(), old.certificate.trim()), ..old };
        self.store.put(&owner, Kind::CaBothOld, &both).await
    }

    /// From now on the new CA signs, and both are shown. Answers the reference of the pair that does so.
    ///
    /// # Errors
    /// As [`Self::begin_rotation`].
    pub async fn sign_with_new(&self, cluster: &Cluster) -> Result<String> {
        let current = recorded(cluster)?;
        if self.find(cluster, Kind::CaBothOld).await?.as_deref() != Some(current) {
            return Ok(current.to_owned());
        }
        let shown = self.stored(current).await?;
        let (_, new) = self.newest(cluster, &shown).await?;
        let both = Material { certificate: shown.certificate, ..new };
        self.store.put(&Owner::from(cluster), Kind::CaBothNew, &both).await
    }

    /// From now on there is only the new CA. Answers its reference.
    ///
    /// # Errors
    /// As [`Self::begin_rotation`].
    pub async fn end_rotation(&self, cluster: &Cluster) -> Result<String> {
        let current = recorded(cluster)?;
        if self.find(cluster, Kind::CaBothNew).await?.as_deref() != Some(current) {
            return Ok(current.to_owned());
        }
        let (reference, _) = self.newest(cluster, &self.stored(current).await?).await?;
        Ok(reference)
    }

    /// Makes and stores another client certificate of the service, when the one it has is not signed by the CA that signs
    /// now. Answers the reference of the one that is.
    ///
    /// # Errors
    /// As [`Self::begin_rotation`].
    pub async fn renew_client(&self, cluster: &Cluster, now: DateTime<Utc>) -> Result<String> {
        let ca_ref = recorded(cluster)?;
        let current = cluster.magnum_cert_ref.as_deref().unwrap_or_default();
        if !current.is_empty() && self.is_signed_by(current, ca_ref).await? {
            return Ok(current.to_owned());
        }
        let first = self.find(cluster, Kind::Client).await?;
        let place = if first.as_deref() == Some(current) { Kind::ClientSecond } else { Kind::Client };
        self.remove(cluster, place).await?;
        let material = self.new_client(ca_ref, now).await?;
        self.store.put(&Owner::from(cluster), place, &material).await
    }

    /// Removes every CA and client certificate that the cluster does not point at any more.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Cloud`] of Barbican.
    pub async fn forget_replaced(&self, cluster: &Cluster) -> Result<()> {
        let used = [&cluster.ca_cert_ref, &cluster.magnum_cert_ref];
        for kind in REPLACED {
            if let Some(found) = self.find(cluster, kind).await?
                && !used.iter().any(|reference| reference.as_deref() == Some(&found))
            {
                self.store.delete(&found).await?;
            }
        }
        Ok(())
    }

    async fn remove(&self, cluster: &Cluster, kind: Kind) -> Result<()> {
        match self.find(cluster, kind).await? {
            Some(found) => self.store.delete(&found).await,
            None => Ok(()),
        }
    }

    /// The CA whose certificate comes first in a bundle: reference and pair.
    async fn newest(&self, cluster: &Cluster, bundle: &Material) -> Result<(String, Material)> {
        let wanted = first_certificate(bundle)?;
        for place in PLACES {
            let Some(reference) = self.find(cluster, place).await? else { continue };
            let found = self.stored(&reference).await?;
            if first_certificate(&found)? == wanted {
                return Ok((reference, found));
            }
        }
        Err(Error::NotFound { kind: "Certificate", ident: format!("new CA of cluster {}", cluster.uuid) })
    }

    async fn is_signed_by(&self, reference: &str, ca_ref: &str) -> Result<bool> {
        let Some(material) = self.store.get(reference).await? else { return Ok(false) };
        let ca = self.stored(ca_ref).await?;
        blocking(move || {
            let doing = "verify a client certificate";
            let signer = ca.open()?.certificate.public_key().doing(doing)?;
            let own = material.certificates()?;
            own.first().map_or(Ok(false), |certificate| certificate.verify(&signer).doing(doing))
        })
        .await
    }
}

fn recorded(cluster: &Cluster) -> Result<&str> {
    let missing = || Error::NotFound { kind: "Certificate of cluster", ident: cluster.uuid.clone() };
    cluster.ca_cert_ref.as_deref().ok_or_else(missing)
}

fn first_certificate(material: &Material) -> Result<Option<Vec<u8>>> {
    let first = material.certificates()?.into_iter().next();
    first.map(|certificate| certificate.to_der().doing("read a stored certificate")).transpose()
}
