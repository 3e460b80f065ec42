//! Certificates this service makes itself: a cluster's CA and the client certificate it reaches the cluster with.
//!
//! As the original makes them (RSA 2048, SHA-256, back-dated a day), plus the key identifiers that strict verifiers
//! such as Python 3.13 demand.

use chrono::{DateTime, TimeDelta, Utc};
use domain::Error;
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, PKey, PKeyRef, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameRef, X509Ref};
use uuid::Uuid;

use crate::{Crypto, Result};

/// Longest common name X.509 allows (ub-common-name).
const COMMON_NAME: usize = 64;

/// Certificate with its key, opened.
pub(crate) struct Pair {
    pub(crate) certificate: X509,
    pub(crate) key: PKey<Private>,
}

/// A new self-signed CA: CN only, path length 0, may sign certificates and nothing else.
pub(crate) fn authority(common_name: &str, key: PKey<Private>, days: u32, now: DateTime<Utc>) -> Result<Pair> {
    let doing = "make a CA certificate";
    let name = name(&[(Nid::COMMONNAME, cut(common_name))]).doing(doing)?;
    let mut builder = blank(&name, &key, &name, days, now)?;
    let extensions = [
        BasicConstraints::new().critical().ca().pathlen(0).build().doing(doing)?,
        KeyUsage::new().critical().key_cert_sign().build().doing(doing)?,
    ];
    for extension in extensions {
        builder.append_extension(extension).doing(doing)?;
    }
    let id = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None)).doing(doing)?;
    builder.append_extension(id).doing(doing)?;
    finish(builder, &key).map(|certificate| Pair { certificate, key })
}

/// A client certificate for the service itself: `admin` in `system:masters`.
pub(crate) fn client(ca: &Pair, key: PKey<Private>, days: u32, now: DateTime<Utc>) -> Result<Pair> {
    let doing = "make a client certificate";
    let subject = name(&[(Nid::ORGANIZATIONNAME, "system:masters"), (Nid::COMMONNAME, "admin")]).doing(doing)?;
    let mut builder = blank(&subject, &key, ca.certificate.subject_name(), days, now)?;
    let extensions = [
        BasicConstraints::new().critical().build().doing(doing)?,
        KeyUsage::new().critical().digital_signature().key_encipherment().build().doing(doing)?,
        ExtendedKeyUsage::new().client_auth().build().doing(doing)?,
    ];
    for extension in extensions {
        builder.append_extension(extension).doing(doing)?;
    }
    name_issuer(&mut builder, &ca.certificate)?;
    finish(builder, &ca.key).map(|certificate| Pair { certificate, key })
}

/// Everything but extensions and signature: version 3, random serial, validity, names, key.
pub(crate) fn blank(
    subject: &X509NameRef,
    key: &PKeyRef<impl HasPublic>,
    issuer: &X509NameRef,
    days: u32,
    now: DateTime<Utc>,
) -> Result<X509Builder> {
    let doing = "fill a certificate";
    let time = |at: DateTime<Utc>| Asn1Time::from_unix(at.timestamp()).doing(doing);
    let end = now.checked_add_signed(TimeDelta::days(i64::from(days))).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let mut builder = X509Builder::new().doing(doing)?;
    builder.set_version(2).doing(doing)?;
    let serial = serial()?;
    builder.set_serial_number(&serial).doing(doing)?;
    builder.set_subject_name(subject).doing(doing)?;
    builder.set_issuer_name(issuer).doing(doing)?;
    // A day of slack for nodes whose clock is behind.
    let (start, end) = (time(now - TimeDelta::days(1))?, time(end)?);
    builder.set_not_before(&start).doing(doing)?;
    builder.set_not_after(&end).doing(doing)?;
    builder.set_pubkey(key).doing(doing)?;
    Ok(builder)
}

/// Adds the issuer's key identifier. CAs of the original have none; then there is nothing to point at.
pub(crate) fn name_issuer(builder: &mut X509Builder, ca: &X509Ref) -> Result<()> {
    if ca.subject_key_id().is_none() {
        return Ok(());
    }
    let doing = "name the issuer's key";
    let id = AuthorityKeyIdentifier::new().keyid(true).build(&builder.x509v3_context(Some(ca), None)).doing(doing)?;
    builder.append_extension(id).doing(doing)
}

pub(crate) fn finish(mut builder: X509Builder, key: &PKeyRef<Private>) -> Result<X509> {
    builder.sign(key, MessageDigest::sha256()).doing("sign a certificate")?;
    Ok(builder.build())
}

/// PEM text with its closing newline.
pub(crate) fn pem(certificate: &X509Ref) -> Result<String> {
    let bytes = certificate.to_pem().doing("write a certificate")?;
    String::from_utf8(bytes).map_err(|error| Error::internal("write a certificate", error))
}

fn serial() -> Result<Asn1Integer> {
    let number = BigNum::from_slice(Uuid::new_v4().as_bytes()).doing("make a serial number")?;
    number.to_asn1_integer().doing("make a serial number")
}

fn name(parts: &[(Nid, &str)]) -> std::result::Result<X509Name, openssl::error::ErrorStack> {
    let mut builder = X509Name::builder()?;
    for (nid, value) in parts {
        builder.append_entry_by_nid(*nid, value)?;
    }
    Ok(builder.build())
}

fn cut(name: &str) -> &str {
    name.char_indices().nth(COMMON_NAME).map_or(name, |(end, _)| &name[..end])
}
