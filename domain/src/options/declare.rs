//! How an option is declared: the two macros, and what they keep about each option.
//!
//! `settings!` turns a list of options into a struct whose fields *are* the options; `sections!` puts those structs
//! under their INI section names into the root. Everything else (reader, defaults, sample, documentation, list of
//! known names) is derived from the constants written here, so an option exists in exactly one place.

use super::value::Kind;

/// One option, as declared.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// Name in the file; the only spelling that counts there.
    pub name: &'static str,
    /// Lines of documentation, each with its leading blank.
    pub doc: &'static [&'static str],
    /// What values look like.
    pub kind: Kind,
    /// Default in the spelling of the file, before `$` substitution; `None` means unset.
    pub default: Option<&'static str>,
    /// Smallest and largest number allowed, both included.
    pub range: Option<(i64, i64)>,
    /// Earlier names, `option` or `section.option`, read when the name itself is absent.
    pub old: &'static [&'static str],
}

impl Opt {
    /// What may be written, for messages and documentation.
    #[must_use]
    pub fn allowed(&self) -> String {
        match self.range {
            Some((low, i64::MAX)) => format!("{}, at least {low}", self.kind.name),
            Some((low, high)) => format!("{} from {low} to {high}", self.kind.name),
            None if self.kind.choices.is_empty() => self.kind.name.to_owned(),
            None => format!("one of: {}", self.kind.choices.join(", ")),
        }
    }

    /// The documentation as one line.
    #[must_use]
    pub fn text(&self) -> String {
        self.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }
}

/// One INI section, or a part of one: two structs may share a section.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Name between the brackets.
    pub name: &'static str,
    /// Lines of documentation.
    pub doc: &'static [&'static str],
    /// Options in the order of the sample.
    pub options: &'static [Opt],
}

/// Declares structs of options:
/// `/// doc` `name: type = default, range (low, high), old "section.option";`
macro_rules! settings {
    ($(
        $(#[doc = $about:literal])+
        $Name:ident {
            $(
                $(#[doc = $doc:literal])+
                $field:ident : $ty:ty $(= $default:literal)? $(, range $range:expr)? $(, old $old:literal)*;
            )*
        }
    )+) => { $(
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        #[cfg_attr(test, derive(PartialEq))]
        pub struct $Name {
            $( $(#[doc = $doc])+ pub $field: $ty, )*
        }

        impl $Name {
            pub(crate) const OPTIONS: &'static [$crate::options::Opt] = &[$(
                $crate::options::Opt {
                    name: stringify!($field),
                    doc: &[$($doc),+],
                    kind: <$ty as $crate::options::value::Setting>::KIND,
                    default: settings!(@optional $(concat!($default))?),
                    range: settings!(@optional $($range)?),
                    old: &[$($old),*],
                },
            )*];

            pub(super) fn read(
                section: &'static str,
                reader: &mut $crate::config::Reader<'_>,
            ) -> Result<Self, $crate::config::ConfigError> {
                Ok(Self { $( $field: reader.setting(section, Self::OPTIONS, stringify!($field))?, )* })
            }
        }
    )+ };
    (@optional $value:expr) => { Some($value) };
    (@optional) => { None };
}

/// Declares the root: `/// doc` `field: Struct in "section";`
macro_rules! sections {
    ($(#[$meta:meta])* $Root:ident {
        $( $(#[doc = $doc:literal])+ $field:ident : $Ty:path, in $section:literal; )+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        #[cfg_attr(test, derive(PartialEq))]
        pub struct $Root {
            $( $(#[doc = $doc])+ pub $field: $Ty, )+
        }

        /// Every section with its options, in the order of the sample.
        pub static SECTIONS: &[$crate::options::Section] = &[$(
            $crate::options::Section { name: $section, doc: &[$($doc),+], options: <$Ty>::OPTIONS },
        )+];

        impl $Root {
            pub(crate) fn read(
                reader: &mut $crate::config::Reader<'_>,
            ) -> Result<Self, $crate::config::ConfigError> {
                Ok(Self { $( $field: <$Ty>::read($section, reader)?, )+ })
            }
        }
    };
}

pub(super) use {sections, settings};
