//! What a cluster's own user logs in with, on its way to nodes that run.
//!
//! Whatever changes the user data of a server has Heat replace it, so the user data keeps the credentials the server was
//! made with. Those of today reach it as metadata, which everybody in the project may read: they are sealed with keys that
//! derive from the password the server was made with (AES-256-CBC, then HMAC-SHA-256 of the sealed text). That password is
//! random and long enough that one hash makes keys of it. The salt derives from what is sealed, so that the same
//! credentials always look the same.

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Error, Secret};
use openssl::{
    error::ErrorStack,
    hash::{MessageDigest, hash},
    pkcs5::bytes_to_key,
    pkey::PKey,
    sign::Signer,
    symm::{Cipher, encrypt},
};
use serde_json::{Value, json};

/// Most characters in one value of a server's metadata.
const VALUE: usize = 255;

/// A trustee as nodes need it. Has no `Debug`, because of the password.
#[derive(Clone)]
pub struct Credentials {
    /// Its id.
    pub user_id: String,
    /// Its name.
    pub username: String,
    /// Its password, opened.
    pub password: Secret,
    /// Its trust. What a node was made without it does not begin to use.
    pub trust_id: Option<String>,
}

impl Credentials {
    /// The value of the parameter `node_credentials` for servers that were made with this password.
    pub(crate) fn sealed(&self, made_with: &Secret) -> Result<Value, Error> {
        let trust = self.trust_id.as_deref().unwrap_or_default();
        let text = format!("{}\n{}\n{}\n{trust}\n", self.user_id, self.username, self.password.expose());
        let (sealed, mac) =
            seal(&text, made_with).map_err(|error| Error::internal("seal credentials for nodes", error))?;
        let (first, rest) = sealed.split_at(sealed.len().min(VALUE));
        if rest.len() > VALUE {
            return Err(Error::invalid("The credentials are too long for the metadata of a server"));
        }
        Ok(json!({"first": first, "rest": rest, "mac": mac}))
    }
}

/// The sealed text as `openssl enc` reads it, in base64, and its HMAC.
fn seal(text: &str, made_with: &Secret) -> Result<(String, String), ErrorStack> {
    let derive = |use_of: &str| hash(MessageDigest::sha256(), format!("{use_of}:{}", made_with.expose()).as_bytes());
    let mac_key = PKey::hmac(&derive("mac")?)?;
    let mac = |data: &[u8]| Signer::new(MessageDigest::sha256(), &mac_key)?.sign_oneshot_to_vec(data);
    let salt = mac(text.as_bytes())?[..8].to_vec();
    let cipher = Cipher::aes_256_cbc();
    let phrase = hexadecimal(&derive("seal")?);
    let pair = bytes_to_key(cipher, MessageDigest::sha256(), phrase.as_bytes(), Some(&salt), 1)?;
    let bytes = encrypt(cipher, &pair.key, pair.iv.as_deref(), text.as_bytes())?;
    let sealed = STANDARD.encode([b"Salted__".as_slice(), &salt, &bytes].concat());
    let tag = hexadecimal(&mac(sealed.as_bytes())?);
    Ok((sealed, tag))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(password: &str) -> Credentials {
        Credentials {
            user_id: "f".repeat(64),
            username: format!("{}.2_{}", "c".repeat(36), "d".repeat(64)),
            password: Secret::new(password),
            trust_id: Some("e".repeat(32)),
        }
    }

    #[test]
    fn what_is_sealed_fits_into_metadata_and_shows_nothing() {
        let sealed = credentials("aB3secretsecretsec").sealed(&Secret::new("first")).unwrap();
        for (name, value) in sealed.as_object().unwrap() {
            let text = value.as_str().unwrap();
            assert!(!text.is_empty() && text.len() <= VALUE, "{name}: {text}");
        }
        let text = sealed.to_string();
        assert!(!text.contains("secret") && !text.contains("ffff"), "{text}");
    }

    #[test]
    fn the_same_looks_the_same_and_anything_else_does_not() {
        let sealed = |own, first: &str| credentials(own).sealed(&Secret::new(first)).unwrap();
        assert_eq!(sealed("own", "first"), sealed("own", "first"));
        assert_ne!(sealed("own", "first"), sealed("own2", "first"));
        let (one, other) = (sealed("own", "first"), sealed("own", "other"));
        assert!(one["first"] != other["first"] && one["mac"] != other["mac"]);
    }
}
