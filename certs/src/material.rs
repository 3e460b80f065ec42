//! A certificate with its key, as text, on its way between a key store and the code that uses it.

use domain::{Error, Secret};
use openssl::pkey::{PKey, Private};
use openssl::symm::Cipher;
use openssl::x509::X509;

use crate::x509::{Pair, pem};
use crate::{Crypto, Result};

/// A stored pair. The key never shows in `Debug`.
#[derive(Clone, Debug)]
pub struct Material {
    /// The certificate, or the public key of a pair without one; PEM. A CA that is being replaced has others beside it.
    pub certificate: String,
    /// The private key, PKCS#8 PEM; encrypted when there is a passphrase.
    pub private_key: Secret,
    /// Passphrase of the private key.
    pub passphrase: Option<Secret>,
}

impl Material {
    pub(crate) fn from_pair(pair: &Pair) -> Result<Self> {
        Ok(Self { certificate: pem(&pair.certificate)?, private_key: key_pem(&pair.key)?, passphrase: None })
    }

    /// The key ready for use, and of the certificates the one that belongs to it.
    pub(crate) fn open(&self) -> Result<Pair> {
        let key = self.key()?;
        for certificate in self.certificates()? {
            if certificate.public_key().doing("read a stored certificate")?.public_eq(&key) {
                return Ok(Pair { certificate, key });
            }
        }
        let doing = "read a stored pair: its key belongs to another certificate".to_owned();
        Err(Error::Internal { doing, source: None })
    }

    /// Every certificate of a bundle, in order.
    pub(crate) fn certificates(&self) -> Result<Vec<X509>> {
        X509::stack_from_pem(self.certificate.as_bytes()).doing("read a stored certificate")
    }

    /// The private key, decrypted. Reads what the original stored: PKCS#8 with any of its ciphers, or traditional PEM.
    pub(crate) fn key(&self) -> Result<PKey<Private>> {
        let pem = self.private_key.expose().as_bytes();
        // An empty passphrase instead of none: OpenSSL would ask the terminal.
        let phrase = self.passphrase.as_ref().map_or("", Secret::expose);
        PKey::private_key_from_pem_passphrase(pem, phrase.as_bytes()).doing("read a stored key")
    }

    /// The same pair with the key in clear.
    pub(crate) fn decrypted(&self) -> Result<Self> {
        match self.passphrase {
            None => Ok(self.clone()),
            Some(_) => {
                let private_key = key_pem(&self.key()?)?;
                Ok(Self { certificate: self.certificate.clone(), private_key, passphrase: None })
            }
        }
    }

    /// The same pair with the key encrypted, in the form that every Magnum reads.
    pub(crate) fn encrypted(&self, passphrase: Secret) -> Result<Self> {
        let doing = "encrypt a key";
        let bytes = self
            .key()?
            .private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), passphrase.expose().as_bytes())
            .doing(doing)?;
        let private_key = secret_text(bytes, doing)?;
        Ok(Self { certificate: self.certificate.clone(), private_key, passphrase: Some(passphrase) })
    }
}

pub(crate) fn key_pem(key: &PKey<Private>) -> Result<Secret> {
    secret_text(key.private_key_to_pem_pkcs8().doing("write a key")?, "write a key")
}

pub(crate) fn secret_text(bytes: Vec<u8>, doing: &str) -> Result<Secret> {
    String::from_utf8(bytes)
        .map(Secret::new)
        .map_err(|_| Error::Internal { doing: format!("{doing}: it is not text"), source: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::KeyKind;

    #[test]
    fn keys_of_every_origin_are_read() {
        let key = KeyKind::Rsa(2048).generate().unwrap();
        let plain = key_pem(&key).unwrap();
        let material = |pem: Vec<u8>, phrase: Option<&str>| Material {
            certificate: String::new(),
            private_key: Secret::new(String::from_utf8(pem).unwrap()),
            passphrase: phrase.map(Secret::new),
        };
        let traditional = key.rsa().unwrap().private_key_to_pem().unwrap();
        let old = key.rsa().unwrap().private_key_to_pem_passphrase(Cipher::des_ede3_cbc(), b"p").unwrap();
        let pkcs8 = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"p").unwrap();
        for m in [material(traditional, None), material(old, Some("p")), material(pkcs8.clone(), Some("p"))] {
            assert_eq!(
                m.decrypted().unwrap().key().unwrap().private_key_to_der().unwrap(),
                key.private_key_to_der().unwrap()
            );
        }
        assert!(material(pkcs8.clone(), Some("wrong")).key().is_err());
        assert!(material(pkcs8, None).key().is_err(), "must fail, not ask a terminal");
        let again = material(plain.expose().as_bytes().to_vec(), None).encrypted(Secret::new("q")).unwrap();
        assert!(again.private_key.expose().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
        assert_eq!(again.decrypted().unwrap().private_key.expose(), plain.expose());
        assert!(!format!("{again:?}").contains("PRIVATE"));
    }
}
