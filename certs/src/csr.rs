//! Signing requests: what is taken from them, what is dropped, what is refused.
//!
//! Subject and public key are taken over; the request must prove that it owns the key, and the key must not be weak
//! (the original checks neither). Extensions pass an allow-list and keep their bytes, order and criticality.

use chrono::{DateTime, Utc};
use domain::Error;
use openssl::asn1::{Asn1Object, Asn1OctetString};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::x509::{X509Builder, X509Extension, X509NameRef, X509Req};
use x509_cert::der::asn1::OctetString;
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::request::{CertReq, ExtensionReq};

use crate::policy::{SignFor, X509Policy, extension_name};
use crate::x509::{Pair, blank, finish, name_issuer, pem};
use crate::{Crypto, Result};

/// Longest request that is read; one with a hundred names stays below a tenth of it.
const LIMIT: usize = 64 * 1024;
/// Signing with more bits costs seconds in everything that later verifies it.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=16_384;
/// The group whose members Kubernetes lets do everything.
const MASTERS: &str = "system:masters";

/// Signs a request (PEM) and answers the certificate (PEM).
pub(crate) fn sign(ca: &Pair, csr: &str, policy: &X509Policy, sign_for: SignFor, now: DateTime<Utc>) -> Result<String> {
    let request = read(csr)?;
    let key = checked_key(&request)?;
    if sign_for == SignFor::Trustee {
        check_subject(request.subject_name(), policy)?;
    }
    let extensions = filter(requested_extensions(&request)?, policy, sign_for)?;
    let doing = "sign a certificate";
    let mut builder = blank(request.subject_name(), &key, ca.certificate.subject_name(), policy.days, now)?;
    for extension in &extensions {
        append(&mut builder, extension).doing(doing)?;
    }
    name_issuer(&mut builder, &ca.certificate)?;
    let certificate = finish(builder, &ca.key)?;
    pem(&certificate)
}

fn refuse(reason: &str) -> Error {
    Error::invalid(format!("The csr cannot be signed: {reason}"))
}

fn read(csr: &str) -> Result<X509Req> {
    if csr.len() > LIMIT {
        return Err(refuse("it is longer than 64 KiB"));
    }
    X509Req::from_pem(csr.as_bytes()).map_err(|_| Error::invalid("The csr is not a certificate signing request in PEM"))
}

/// The request's key, proven and strong enough.
fn checked_key(request: &X509Req) -> Result<PKey<Public>> {
    let key = request.public_key().map_err(|_| refuse("its public key cannot be read"))?;
    let strong = match key.id() {
        Id::RSA => RSA_BITS.contains(&key.bits()),
        Id::EC => {
            let curve = key.ec_key().ok().and_then(|ec| ec.group().curve_name());
            matches!(curve, Some(Nid::X9_62_PRIME256V1 | Nid::SECP384R1 | Nid::SECP521R1))
        }
        Id::ED25519 | Id::ED448 => true,
        _ => false,
    };
    if !strong {
        return Err(refuse(
            "its key must be RSA with 2048 to 16384 bits, or on the curve P-256, P-384, P-521, Ed25519 or Ed448",
        ));
    }
    match request.verify(&key) {
        Ok(true) => Ok(key),
        _ => Err(refuse("its signature does not match its public key")),
    }
}

/// A node asks in its own name; see [`SignFor::Trustee`].
fn check_subject(subject: &X509NameRef, policy: &X509Policy) -> Result<()> {
    // What cannot be read counts as the group: it is not known to be harmless.
    let values = |nid| subject.entries_by_nid(nid).map(|e| e.data().to_string().unwrap_or_else(|_| MASTERS.to_owned()));
    if !values(Nid::ORGANIZATIONNAME).any(|group| group == MASTERS) {
        return Ok(());
    }
    let mut names = values(Nid::COMMONNAME).peekable();
    if names.peek().is_some() && names.all(|name| policy.trustee_masters.contains(&name)) {
        Ok(())
    } else {
        Err(Error::Refused(format!("A node may not ask for a certificate of the group {MASTERS} under this name")))
    }
}

fn requested_extensions(request: &X509Req) -> Result<Vec<Extension>> {
    let der = request.to_der().doing("read a csr")?;
    let malformed = || refuse("its extensions are malformed");
    let request = CertReq::from_der(&der).map_err(|_| malformed())?;
    let mut found: Vec<Extension> = Vec::new();
    for attribute in request.info.attributes.iter().filter(|a| a.oid == ExtensionReq::OID) {
        for value in attribute.values.iter() {
            let bytes = value.to_der().map_err(|_| malformed())?;
            found.extend(ExtensionReq::from_der(&bytes).map_err(|_| malformed())?.0);
        }
    }
    for (at, extension) in found.iter().enumerate() {
        if found[..at].iter().any(|other| other.extn_id == extension.extn_id) {
            return Err(refuse(&format!("it carries the extension {} twice", extension_name(extension.extn_id))));
        }
    }
    Ok(found)
}

fn filter(extensions: Vec<Extension>, policy: &X509Policy, sign_for: SignFor) -> Result<Vec<Extension>> {
    let mut kept = Vec::with_capacity(extensions.len());
    for extension in extensions {
        let name = extension_name(extension.extn_id);
        // The issuer names its own key.
        if extension.extn_id == AuthorityKeyIdentifier::OID && !extension.critical {
            continue;
        }
        if !policy.allowed_extensions.contains(&extension.extn_id) {
            if extension.critical {
                return Err(refuse(&format!("Extension '{name}' not allowed")));
            }
            continue;
        }
        kept.extend(restrict(extension, policy, sign_for)?);
    }
    Ok(kept)
}

/// The extension as it goes into the certificate, or nothing; the bytes stay as they are where nothing is taken away.
fn restrict(extension: Extension, policy: &X509Policy, sign_for: SignFor) -> Result<Option<Extension>> {
    let may_be_ca = policy.allow_ca && sign_for == SignFor::Owner;
    match extension.extn_id {
        KeyUsage::OID => restrict_usage(extension, policy, may_be_ca),
        BasicConstraints::OID => {
            let asked: BasicConstraints = parse(&extension)?;
            if !asked.ca || may_be_ca {
                return Ok(Some(extension));
            }
            if extension.critical {
                return Err(refuse("CA certificates are not allowed"));
            }
            replace(&extension, &BasicConstraints { ca: false, path_len_constraint: None }).map(Some)
        }
        ExtendedKeyUsage::OID => parse::<ExtendedKeyUsage>(&extension).map(|_| Some(extension)),
        SubjectAltName::OID => parse::<SubjectAltName>(&extension).map(|_| Some(extension)),
        SubjectKeyIdentifier::OID => parse::<SubjectKeyIdentifier>(&extension).map(|_| Some(extension)),
        _ => Ok(Some(extension)),
    }
}

fn restrict_usage(extension: Extension, policy: &X509Policy, may_be_ca: bool) -> Result<Option<Extension>> {
    let signing = KeyUsages::KeyCertSign | KeyUsages::CRLSign;
    let allowed = if may_be_ca { policy.allowed_key_usage | signing } else { policy.allowed_key_usage - signing };
    let asked = parse::<KeyUsage>(&extension)?.0;
    let granted: FlagSet<KeyUsages> = asked & allowed;
    if granted == asked {
        return Ok(Some(extension));
    }
    if extension.critical {
        return Err(refuse("the key usage goes beyond what is allowed"));
    }
    // An extension without a single usage would be invalid (RFC 5280, 4.2.1.3).
    if granted.is_empty() { Ok(None) } else { replace(&extension, &KeyUsage(granted)).map(Some) }
}

fn parse<'e, T: Decode<'e>>(extension: &'e Extension) -> Result<T> {
    let name = extension.extn_id;
    T::from_der(extension.extn_value.as_bytes())
        .map_err(|_| refuse(&format!("its extension {} is malformed", extension_name(name))))
}

fn replace(extension: &Extension, value: &impl Encode) -> Result<Extension> {
    let bytes = value.to_der().map_err(|error| Error::internal("write an extension", error))?;
    let extn_value = OctetString::new(bytes).map_err(|error| Error::internal("write an extension", error))?;
    Ok(Extension { extn_value, ..extension.clone() })
}

fn append(builder: &mut X509Builder, extension: &Extension) -> std::result::Result<(), openssl::error::ErrorStack> {
    let oid = Asn1Object::from_str(&extension.extn_id.to_string())?;
    let value = Asn1OctetString::new_from_bytes(extension.extn_value.as_bytes())?;
    builder.append_extension(X509Extension::new_from_der(&oid, extension.critical, &value)?)
}

#[cfg(test)]
#[path = "csr/tests.rs"]
mod tests;
