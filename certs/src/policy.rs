//! What certificates look like and what a signing request may ask for (`[x509]`), read once into sets.

use domain::options;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::ext::pkix::KeyUsages;

use crate::{Crypto, Result};

/// Extensions by the names upstream's option uses (those of Python's cryptography).
const EXTENSIONS: &[(&str, &str)] = &[
    ("keyUsage", "2.5.29.15"),
    ("extendedKeyUsage", "2.5.29.37"),
    ("subjectAltName", "2.5.29.17"),
    ("basicConstraints", "2.5.29.19"),
    ("subjectKeyIdentifier", "2.5.29.14"),
    ("authorityKeyIdentifier", "2.5.29.35"),
    ("issuerAltName", "2.5.29.18"),
    ("nameConstraints", "2.5.29.30"),
    ("cRLDistributionPoints", "2.5.29.31"),
    ("certificatePolicies", "2.5.29.32"),
    ("policyMappings", "2.5.29.33"),
    ("policyConstraints", "2.5.29.36"),
    ("freshestCRL", "2.5.29.46"),
    ("inhibitAnyPolicy", "2.5.29.54"),
    ("subjectDirectoryAttributes", "2.5.29.9"),
    ("authorityInfoAccess", "1.3.6.1.5.5.7.1.1"),
    ("subjectInfoAccess", "1.3.6.1.5.5.7.1.11"),
    ("OCSPNoCheck", "1.3.6.1.5.5.7.48.1.5"),
];

const USAGES: &[(&str, KeyUsages)] = &[
    ("digital signature", KeyUsages::DigitalSignature),
    ("non repudiation", KeyUsages::NonRepudiation),
    ("content commitment", KeyUsages::NonRepudiation),
    ("key encipherment", KeyUsages::KeyEncipherment),
    ("data encipherment", KeyUsages::DataEncipherment),
    ("key agreement", KeyUsages::KeyAgreement),
    ("certificate sign", KeyUsages::KeyCertSign),
    ("crl sign", KeyUsages::CRLSign),
    ("encipher only", KeyUsages::EncipherOnly),
    ("decipher only", KeyUsages::DecipherOnly),
];

/// Kind of the keys that are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA of this many bits, exponent 65537.
    Rsa(u32),
    /// NIST P-256: thousands of times quicker to make.
    P256,
}

impl KeyKind {
    /// Makes a key; RSA takes from a tenth of a second to seconds of processor time.
    pub(crate) fn generate(self) -> Result<PKey<Private>> {
        let made = match self {
            Self::Rsa(bits) => Rsa::generate(bits).and_then(PKey::from_rsa),
            Self::P256 => EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)
                .and_then(|group| EcKey::generate(&group))
                .and_then(PKey::from_ec_key),
        };
        made.doing("make a key")
    }
}

/// For whom a request is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignFor {
    /// The owner of the cluster or an administrator: anything the options allow.
    Owner,
    /// A node, that is the cluster's own user: never a CA, and never a member of `system:masters`, but for the names of
    /// [`X509Policy::trustee_masters`].
    Trustee,
}

/// The rules in force.
#[derive(Clone, Debug)]
pub struct X509Policy {
    /// Requests of owners may ask for CA certificates.
    pub allow_ca: bool,
    /// Extensions copied from requests.
    pub(crate) allowed_extensions: Vec<ObjectIdentifier>,
    /// Key usages copied from requests.
    pub(crate) allowed_key_usage: FlagSet<KeyUsages>,
    /// Days every certificate is valid.
    pub days: u32,
    /// Kind of the keys made for CA and client certificates.
    pub key: KeyKind,
    /// Bits of the service account key; always RSA, because Kubernetes signs its tokens with RS256.
    pub service_account_bits: u32,
    /// Common names under which a node may join `system:masters`. Masters and workers share one Keystone user, so this
    /// cannot be limited to masters; an empty list forbids it to all nodes.
    pub trustee_masters: Vec<String>,
}

impl X509Policy {
    /// The same rules with keys of another kind.
    #[must_use]
    pub fn with_key(self, key: KeyKind) -> Self {
        Self { key, ..self }
    }

    /// Allowed extensions by name or dotted number; unknown names are logged and ignored.
    pub fn set_allowed_extensions<S: AsRef<str>>(&mut self, names: &[S]) {
        self.allowed_extensions = names.iter().filter_map(|name| extension(name.as_ref().trim())).collect();
    }

    /// Allowed key usages in OpenSSL's words, for example `Digital Signature`; unknown ones are logged and ignored.
    pub fn set_allowed_key_usage<S: AsRef<str>>(&mut self, names: &[S]) {
        self.allowed_key_usage = FlagSet::default();
        for name in names {
            let name = name.as_ref().trim();
            match USAGES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                Some((_, usage)) => self.allowed_key_usage |= *usage,
                None => tracing::warn!(name, "[x509] allowed_key_usage has an unknown entry"),
            }
        }
    }
}

impl Default for X509Policy {
    fn default() -> Self {
        Self::from(&options::Options::default().x509)
    }
}

impl From<&options::X509> for X509Policy {
    fn from(x509: &options::X509) -> Self {
        let mut policy = Self {
            allow_ca: x509.allow_ca,
            allowed_extensions: Vec::new(),
            allowed_key_usage: FlagSet::default(),
            days: x509.term_of_validity,
            key: KeyKind::Rsa(x509.rsa_key_size),
            service_account_bits: 2048,
            trustee_masters: x509.trustee_masters.clone(),
        };
        policy.set_allowed_extensions(&x509.allowed_extensions);
        policy.set_allowed_key_usage(&x509.allowed_key_usage);
        policy
    }
}

fn extension(name: &str) -> Option<ObjectIdentifier> {
    let dotted = EXTENSIONS.iter().find(|(known, _)| *known == name).map_or(name, |(_, dotted)| *dotted);
    let found = ObjectIdentifier::new(dotted).ok();
    if found.is_none() {
        tracing::warn!(name, "[x509] allowed_extensions has an unknown entry");
    }
    found
}

/// The name of an extension for people.
pub(crate) fn extension_name(oid: ObjectIdentifier) -> String {
    let dotted = oid.to_string();
    EXTENSIONS.iter().find(|(_, known)| *known == dotted).map_or(dotted, |(name, _)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_and_nonsense_are_told_apart() {
        let mut policy = X509Policy::default();
        assert_eq!(policy.allowed_extensions.len(), 5);
        assert_eq!(policy.key, KeyKind::Rsa(2048));
        policy.set_allowed_extensions(&["keyUsage", " 1.2.3.4 ", "nonsense"]);
        let names: Vec<_> = policy.allowed_extensions.iter().map(|oid| extension_name(*oid)).collect();
        assert_eq!(names, ["keyUsage", "1.2.3.4"]);
        policy.set_allowed_key_usage(&["CRL Sign", "digital signature", "nonsense"]);
        assert_eq!(policy.allowed_key_usage, KeyUsages::CRLSign | KeyUsages::DigitalSignature);
    }
}
