//! What a node logs in with: what it was made with, or what its stack has handed over to it since, sealed with the
//! password of the first.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::hash::{MessageDigest, hash};
use openssl::memcmp;
use openssl::pkcs5::bytes_to_key;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::symm::{Cipher, decrypt};
use serde_json::{Map, Value};

use crate::hot::parameters::plain;

/// Id and password of the user a node logs in as.
pub(super) struct Login {
    pub(super) user_id: String,
    pub(super) password: String,
}

/// Reads the parameters of a stack as a node reads its user data and its metadata.
pub(super) fn login(parameters: &Map<String, Value>) -> Result<Login, String> {
    let word = |name: &str| parameters.get(name).map(plain).unwrap_or_default();
    let made_with = Login { user_id: word("trustee_user_id"), password: word("trustee_password") };
    let handed = match parameters.get("node_credentials") {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(other) => other.clone(),
        None => Value::Null,
    };
    let piece = |name: &str| handed[name].as_str().unwrap_or_default();
    if piece("mac").is_empty() {
        return Ok(made_with);
    }
    let sealed = [piece("first"), piece("rest")].concat();
    let text = open(&sealed, piece("mac"), &made_with.password)
        .ok_or("the credentials in the metadata were not sealed for this node")?;
    let mut lines = text.lines();
    let (Some(user_id), _, Some(password)) = (lines.next(), lines.next(), lines.next()) else {
        return Err("the credentials in the metadata are incomplete".to_owned());
    };
    Ok(Login { user_id: user_id.to_owned(), password: password.to_owned() })
}

fn open(sealed: &str, mac: &str, password: &str) -> Option<String> {
    let derive = |use_of: &str| hash(MessageDigest::sha256(), format!("{use_of}:{password}").as_bytes()).ok();
    let key = PKey::hmac(&derive("mac")?).ok()?;
    let made = Signer::new(MessageDigest::sha256(), &key).ok()?.sign_oneshot_to_vec(sealed.as_bytes()).ok()?;
    let made = hexadecimal(&made);
    if made.len() != mac.len() || !memcmp::eq(made.as_bytes(), mac.as_bytes()) {
        return None;
    }
    let bytes = STANDARD.decode(sealed).ok()?;
    let (salt, bytes) = bytes.strip_prefix(b"Salted__")?.split_at_checked(8)?;
    let phrase = hexadecimal(&derive("seal")?);
    let cipher = Cipher::aes_256_cbc();
    let pair = bytes_to_key(cipher, MessageDigest::sha256(), phrase.as_bytes(), Some(salt), 1).ok()?;
    String::from_utf8(decrypt(cipher, &pair.key, pair.iv.as_deref(), bytes).ok()?).ok()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
