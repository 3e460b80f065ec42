//! How a path or body names an object: by uuid or by name.

use std::fmt;

use uuid::Uuid;

/// Text that parses as a uuid is looked up only by uuid, exactly as written; anything else by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ident {
    /// A uuid as the caller wrote it. The un-hyphenated form finds nothing, as upstream.
    Uuid(String),
    /// A name, not unique.
    Name(String),
}

impl Ident {
    /// Sorts `text` into one of the two kinds.
    #[must_use]
    pub fn of(text: &str) -> Self {
        if Uuid::try_parse(text).is_ok() { Self::Uuid(text.to_owned()) } else { Self::Name(text.to_owned()) }
    }

    /// The text as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Uuid(text) | Self::Name(text) => text,
        }
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hyphens_are_optional_for_the_uuid_test() {
        assert!(matches!(Ident::of("9d3c1f76-52ab-4f4e-8c55-7a1b2c3d4e5f"), Ident::Uuid(_)));
        assert!(matches!(Ident::of("9d3c1f7652ab4f4e8c557a1b2c3d4e5f"), Ident::Uuid(_)));
        assert!(matches!(Ident::of("blue"), Ident::Name(_)));
    }
}
