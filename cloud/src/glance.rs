//! Glance: images with all their properties, because the choice of a driver hangs on one of them.

use domain::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::session::{Service, Session};

/// Glance's calls in one identity's name.
#[derive(Debug)]
pub struct Glance<'a>(&'a Session);

/// An image.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Image {
    /// Id.
    pub id: String,
    /// Name; images may have none.
    #[serde(default)]
    pub name: Option<String>,
    /// `active` when usable.
    #[serde(default)]
    pub status: Option<String>,
    /// Distribution, for example `fedora-atomic`.
    #[serde(default)]
    pub os_distro: Option<String>,
    /// Driver asked for by the image.
    #[serde(default)]
    pub magnum_driver: Option<String>,
    /// Smallest root disk, GiB.
    #[serde(default)]
    pub min_disk: Option<i64>,
    /// Smallest memory, MiB.
    #[serde(default)]
    pub min_ram: Option<i64>,
    /// Everything else Glance says, extra properties among it.
    #[serde(flatten)]
    pub properties: Map<String, Value>,
}

#[derive(Deserialize)]
struct Images {
    images: Vec<Image>,
}

impl<'a> Glance<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self(session)
    }

    /// The image of this id, or of exactly this name among all visible ones.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`]; [`Error::Cloud`] with status 403 when the caller may not see it.
    pub async fn image(&self, ident: &str) -> Result<Image> {
        if is_uuid(ident) {
            let call = self.0.get(Service::Glance, format!("read image {ident}")).path(&["images", ident]);
            let found = call.find().await?.ok_or_else(|| Error::NotFound { kind: "Image", ident: ident.to_owned() })?;
            return found.json();
        }
        let call = self.0.get(Service::Glance, format!("look for image {ident}")).path(&["images"]);
        let mut images = call.query("name", ident).query("limit", "2").send().await?.json::<Images>()?.images;
        images.retain(|image| image.name.as_deref() == Some(ident));
        one(images, "Image", "image", ident)
    }
}

/// `true` for the usual spellings of a uuid, with or without hyphens.
pub(crate) fn is_uuid(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let hyphens = text.bytes().filter(|b| *b == b'-').count();
    digits == 32 && digits + hyphens == text.len() && matches!(hyphens, 0 | 4)
}

/// Exactly one, or the error that says which of the two other cases it is.
pub(crate) fn one<T>(mut found: Vec<T>, title: &'static str, word: &'static str, ident: &str) -> Result<T> {
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err(Error::Ambiguous { kind: word, ident: ident.to_owned() }),
        (None, _) => Err(Error::NotFound { kind: title, ident: ident.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_told_from_names() {
        for id in ["9d3c1f76-52ab-4f4e-8c55-7a1b2c3d4e5f", "9d3c1f7652ab4f4e8c557a1b2c3d4e5f"] {
            assert!(is_uuid(id));
        }
        for name in ["", "fedora", "9d3c1f7652ab4f4e8c557a1b2c3d4e5", "9d3c1f76-52ab-4f4e-8c55-7a1b2c3d4e5g", "-"] {
            assert!(!is_uuid(name), "{name}");
        }
    }

    #[test]
    fn one_tells_none_from_many() {
        assert_eq!(one(vec![1], "Image", "image", "x").unwrap(), 1);
        assert!(matches!(one::<u8>(vec![], "Image", "image", "x"), Err(Error::NotFound { .. })));
        assert!(matches!(one(vec![1, 2], "Image", "image", "x"), Err(Error::Ambiguous { .. })));
    }
}
