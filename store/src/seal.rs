//! Encryption of what must not lie in a row in clear: callers' tokens, trustee passwords, certificate keys.
//!
//! AES-256-GCM with a random nonce. A sealed text is `v1:` and the base64 of key id (4 bytes), nonce (12), ciphertext and
//! tag (16). It is bound to the thing it belongs to (an operation id, a cluster uuid): moved to another row, it does not
//! open. The first key seals, all open, so that keys can be replaced.

use std::{fmt, io::Write, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Error, Options, Result, Secret};
use openssl::{
    hash::{MessageDigest, hash},
    rand::rand_bytes,
    symm::{Cipher, decrypt_aead, encrypt_aead},
};
use zeroize::Zeroizing;

pub(crate) const PREFIX: &str = "v1:";
const ID: usize = 4;
const NONCE: usize = 12;
const TAG: usize = 16;

/// One key. The id is the start of its hash, so that it follows from the key itself.
struct Key {
    id: [u8; ID],
    bytes: Zeroizing<[u8; 32]>,
}

/// Seals and opens. Cheap to clone.
#[derive(Clone)]
pub struct Seal {
    keys: Arc<Vec<Key>>,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({} keys)", self.keys.len())
    }
}

fn broken(why: &str) -> Error {
    Error::Internal { doing: format!("open a sealed value: {why}"), source: None }
}

impl Key {
    fn new(bytes: Zeroizing<[u8; 32]>) -> Result<Self> {
        let digest = hash(MessageDigest::sha256(), &*bytes).map_err(|error| Error::internal("name a key", error))?;
        let mut id = [0; ID];
        id.copy_from_slice(&digest[..ID]);
        Ok(Self { id, bytes })
    }

    /// 32 bytes as 64 hexadecimal digits or as base64.
    fn from_text(text: &str) -> Result<Self> {
        let text = text.trim();
        let bytes =
            Zeroizing::new(if text.len() == 64 { unhex(text) } else { STANDARD.decode(text).ok() }.unwrap_or_default());
        let mut key = Zeroizing::new([0; 32]);
        if bytes.len() != key.len() {
            return Err(Error::invalid(
                "A key in [magnum_rs] secret_keys or its file is not 32 bytes in base64. Make one with: openssl rand -base64 32",
            ));
        }
        key.copy_from_slice(&bytes);
        Self::new(key)
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

impl Seal {
    /// Keys as text, 32 bytes each in base64 or hexadecimal digits; the first one seals.
    ///
    /// # Errors
    /// `Invalid` when there is none or one is not such a key. The text never shows a key.
    pub fn from_keys<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let keys = keys.into_iter().map(Key::from_text).collect::<Result<Vec<_>>>()?;
        if keys.is_empty() {
            return Err(Error::invalid("There is no key in [magnum_rs] secret_keys or its file"));
        }
        Ok(Self { keys: Arc::new(keys) })
    }

    /// Keys from a file, one a line, `#` starts a comment; a file that is missing is made with one random key, readable
    /// by its owner only. Two processes that start at once end with the same key.
    ///
    /// # Errors
    /// `Invalid` when the file cannot be made or read, or holds no key.
    pub fn from_file_or_create(path: &Path) -> Result<Self> {
        let unreadable = |error: std::io::Error| Error::invalid(format!("Key file {}: {error}", path.display()));
        if !path.exists() {
            create(path).map_err(unreadable)?;
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(unreadable)?);
        Self::from_keys(text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')))
    }

    /// Keys as `[magnum_rs] secret_keys` or `secret_key_file` give them.
    ///
    /// # Errors
    /// As [`Seal::from_keys`] and [`Seal::from_file_or_create`].
    pub fn from_options(options: &Options) -> Result<Self> {
        let configured = &options.magnum_rs.secret_keys;
        if configured.is_empty() {
            return Self::from_file_or_create(Path::new(&options.magnum_rs.secret_key_file));
        }
        Self::from_keys(configured.iter().map(Secret::expose))
    }

    /// Seals `text` for the thing named `bound_to`.
    ///
    /// # Errors
    /// `Internal` when there is no randomness.
    pub fn seal(&self, text: &str, bound_to: &str) -> Result<String> {
        let key = self.keys.first().ok_or_else(|| broken("there is no key"))?;
        let failed = |error| Error::internal("seal a value", error);
        let mut nonce = [0; NONCE];
        rand_bytes(&mut nonce).map_err(failed)?;
        let mut tag = [0; TAG];
        let sealed = encrypt_aead(
            Cipher::aes_256_gcm(),
            &*key.bytes,
            Some(&nonce),
            bound_to.as_bytes(),
            text.as_bytes(),
            &mut tag,
        )
        .map_err(failed)?;
        Ok(format!("{PREFIX}{}", STANDARD.encode([&key.id[..], &nonce, &sealed, &tag].concat())))
    }

    /// Opens what [`Seal::seal`] sealed for the same thing.
    ///
    /// # Errors
    /// `Internal` when it was changed, belongs to something else, or its key is not among ours.
    pub fn open(&self, sealed: &str, bound_to: &str) -> Result<Secret> {
        let text = sealed.strip_prefix(PREFIX).ok_or_else(|| broken("it is not a sealed value"))?;
        let bytes = STANDARD.decode(text).map_err(|_| broken("it is not base64"))?;
        if bytes.len() < ID + NONCE + TAG {
            return Err(broken("it is cut short"));
        }
        let (id, rest) = bytes.split_at(ID);
        let (nonce, rest) = rest.split_at(NONCE);
        let (sealed, tag) = rest.split_at(rest.len() - TAG);
        let key = self.keys.iter().find(|key| key.id == id).ok_or_else(|| {
            broken(
                "its key is not among the configured ones; add the key it was sealed with to [magnum_rs] secret_keys",
            )
        })?;
        let opened = decrypt_aead(Cipher::aes_256_gcm(), &*key.bytes, Some(nonce), bound_to.as_bytes(), sealed, tag)
            .map_err(|_| broken("it was changed or belongs to something else"))?;
        String::from_utf8(opened).map(Secret::new).map_err(|_| broken("it is not text"))
    }

    /// `true` for what looks like a sealed value; rows of other releases hold clear text.
    #[must_use]
    pub fn is_sealed(text: &str) -> bool {
        text.starts_with(PREFIX)
    }
}

/// Writes a fresh key beside `path` and links it into place, which exactly one of several processes manages.
fn create(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut bytes = Zeroizing::new([0; 32]);
    rand_bytes(&mut *bytes).map_err(std::io::Error::other)?;
    let draft = path.with_extension(format!("{}.new", uuid::Uuid::new_v4().simple()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let line = Zeroizing::new(STANDARD.encode(*bytes));
    let written = writeln!(file, "{}", *line).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| std::fs::hard_link(&draft, path));
    std::fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const OLD: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const NEW: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

    #[test]
    fn what_is_sealed_opens_for_the_same_thing_only() {
        let seal = Seal::from_keys([OLD]).unwrap();
        let sealed = seal.seal("gAAAA-token", "operation-1").unwrap();
        assert_eq!(seal.open(&sealed, "operation-1").unwrap().expose(), "gAAAA-token");
        assert!(seal.open(&sealed, "operation-2").is_err());
        assert!(!sealed.contains("token"));
        assert_ne!(sealed, seal.seal("gAAAA-token", "operation-1").unwrap(), "the nonce is random");
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let seal = Seal::from_keys([OLD]).unwrap();
        let sealed = seal.seal("secret", "x").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            let opened = seal.open(&changed, "x");
            // The last base64 character may hold bits that mean nothing; STANDARD refuses those.
            assert!(opened.is_err(), "{at}: {changed}");
        }
    }

    #[test]
    fn keys_can_be_replaced() {
        let old = Seal::from_keys([OLD]).unwrap().seal("secret", "x").unwrap();
        let both = Seal::from_keys([NEW, OLD]).unwrap();
        assert_eq!(both.open(&old, "x").unwrap().expose(), "secret");
        let new = both.seal("secret", "x").unwrap();
        let only_new = Seal::from_keys([NEW]).unwrap();
        assert!(only_new.open(&new, "x").is_ok());
        let told = only_new.open(&old, "x").unwrap_err().to_string();
        assert!(told.contains("secret_keys"), "{told}");
    }

    #[test]
    fn bad_keys_are_refused_without_being_shown() {
        for bad in ["short", "AAECAwQFBgcICQoLDA0ODw==", "zz"] {
            let told = Seal::from_keys([bad]).unwrap_err().to_string();
            assert!(!told.contains(bad) && told.contains("openssl rand"), "{told}");
        }
        assert!(Seal::from_keys([]).is_err());
        assert_eq!(format!("{:?}", Seal::from_keys([OLD]).unwrap()), "Seal(1 keys)");
    }

    #[test]
    fn a_missing_file_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/secret.key");
        let seals: Vec<Seal> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..8).map(|_| scope.spawn(|| Seal::from_file_or_create(&path).unwrap())).collect();
            workers.into_iter().map(|worker| worker.join().unwrap()).collect()
        });
        let sealed = seals[0].seal("secret", "x").unwrap();
        assert!(seals.iter().all(|seal| seal.open(&sealed, "x").is_ok()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft is left");
    }
}
