//! Cluster CAs, client certificates and where keys are kept.
//!
//! [`Authority`] issues and signs; a cluster's CA key is opened only inside it, for the length of one signature, and
//! leaves it only into a [`CertStore`]: sealed in the database, or encrypted in Barbican; and, where its owner has asked
//! for a cluster that signs by itself, through [`Authority::ca_key`]. Everything is found again by
//! a name that derives from the cluster's uuid, so every call may be repeated after a crash at any point.

mod authority;
mod barbican;
mod csr;
mod database;
mod keep;
mod material;
mod policy;
mod rotation;
mod x509;

pub use authority::{Authority, ClientIdentity, ServiceAccountKeys};
pub use keep::{CertStore, Kind, Owner};
pub use material::Material;
pub use policy::{KeyKind, SignFor, X509Policy};

use domain::Error;
pub(crate) use domain::Result;

/// Adds what was being done to an OpenSSL error.
pub(crate) trait Crypto<T> {
    fn doing(self, doing: &str) -> Result<T>;
}

impl<T> Crypto<T> for std::result::Result<T, openssl::error::ErrorStack> {
    fn doing(self, doing: &str) -> Result<T> {
        self.map_err(|error| Error::internal(doing, error))
    }
}
