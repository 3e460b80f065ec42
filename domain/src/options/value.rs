//! What an option's value may be, and how text becomes it (the rules of oslo.config's types).

use super::Secret;

/// What values of a type look like, for documentation and checks.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The type in words, to be read after "must be".
    pub name: &'static str,
    /// The allowed words; empty when the text is free.
    pub choices: &'static [&'static str],
    /// Each repetition of the option adds a value, instead of replacing the one before.
    pub repeats: bool,
    /// Values never appear in messages, samples or logs.
    pub secret: bool,
}

impl Kind {
    const fn of(name: &'static str) -> Self {
        Self { name, choices: &[], repeats: false, secret: false }
    }
}

/// A type an option can have.
pub trait Setting: Sized {
    /// How values look.
    const KIND: Kind;

    /// Reads the values as written, oldest first, at least one. `None` when they are not of this type.
    fn read(values: &[String]) -> Option<Self>;

    /// The value of an option that is neither set nor has a default; `None` when there must be one.
    fn unset() -> Option<Self> {
        None
    }

    /// The number, where there is one, for the range check.
    fn number(&self) -> Option<i64> {
        None
    }
}

impl Setting for String {
    const KIND: Kind = Kind::of("text");

    fn read(values: &[String]) -> Option<Self> {
        values.last().cloned()
    }
}

impl Setting for Secret {
    const KIND: Kind = Kind { secret: true, ..Kind::of("secret text") };

    fn read(values: &[String]) -> Option<Self> {
        values.last().map(Self::new)
    }
}

impl Setting for bool {
    const KIND: Kind = Kind::of("true or false (also yes/no, on/off, 1/0)");

    fn read(values: &[String]) -> Option<Self> {
        match values.last()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        }
    }
}

macro_rules! whole_numbers {
    ($($ty:ty),+) => { $(
        impl Setting for $ty {
            const KIND: Kind = Kind::of("a whole number");

            fn read(values: &[String]) -> Option<Self> {
                values.last()?.trim().parse().ok()
            }

            fn number(&self) -> Option<i64> {
                i64::try_from(*self).ok()
            }
        }
    )+ };
}

whole_numbers!(u16, u32, u64, i64, usize);

/// An empty value of an optional option counts as unset, as upstream's truth tests treat it.
impl<T: Setting> Setting for Option<T> {
    const KIND: Kind = T::KIND;

    fn read(values: &[String]) -> Option<Self> {
        if values.last()?.is_empty() { Some(None) } else { T::read(values).map(Some) }
    }

    fn unset() -> Option<Self> {
        Some(None)
    }

    fn number(&self) -> Option<i64> {
        self.as_ref().and_then(Setting::number)
    }
}

/// The items of a comma separated list: trimmed, a trailing comma ignored (oslo's `List`).
fn items(text: &str) -> Vec<String> {
    let text = text.trim().trim_end_matches(',');
    if text.is_empty() { Vec::new() } else { text.split(',').map(|item| item.trim().to_owned()).collect() }
}

impl Setting for Vec<String> {
    const KIND: Kind = Kind::of("a comma separated list");

    fn read(values: &[String]) -> Option<Self> {
        values.last().map(|text| items(text))
    }

    fn unset() -> Option<Self> {
        Some(Self::new())
    }
}

impl Setting for Vec<Secret> {
    const KIND: Kind = Kind { secret: true, ..Kind::of("a comma separated list of secrets") };

    fn read(values: &[String]) -> Option<Self> {
        values.last().map(|text| items(text).into_iter().map(Secret::new).collect())
    }

    fn unset() -> Option<Self> {
        Some(Self::new())
    }
}

/// The values of an option that may be repeated (oslo's `MultiStrOpt`); lines of several files add up, empty ones count
/// for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repeated(pub Vec<String>);

impl Setting for Repeated {
    const KIND: Kind = Kind { repeats: true, ..Kind::of("text; the option may be repeated") };

    fn read(values: &[String]) -> Option<Self> {
        Some(Self(values.iter().filter(|value| !value.is_empty()).cloned().collect()))
    }

    fn unset() -> Option<Self> {
        Some(Self::default())
    }
}

/// Declares an enum whose variants are words of the configuration file.
macro_rules! choices {
    ($(
        $(#[doc = $about:literal])+
        $Name:ident { $( $(#[doc = $doc:literal])+ $Variant:ident = $word:literal, )+ }
    )+) => { $(
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Name { $( $(#[doc = $doc])+ $Variant, )+ }

        impl $Name {
            /// The word in the file.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$Variant => $word, )+ }
            }
        }

        impl $crate::options::value::Setting for $Name {
            const KIND: $crate::options::value::Kind = $crate::options::value::Kind {
                name: "a word",
                choices: &[$($word),+],
                repeats: false,
                secret: false,
            };

            fn read(values: &[String]) -> Option<Self> {
                match values.last()?.trim() { $( $word => Some(Self::$Variant), )+ _ => None }
            }
        }
    )+ };
}

pub(super) use choices;

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Setting>(text: &str) -> Option<T> {
        T::read(&[text.to_owned()])
    }

    #[test]
    fn booleans_take_all_of_oslos_words_in_any_case() {
        for text in ["true", "True", "YES", "on", "1"] {
            assert_eq!(read::<bool>(text), Some(true), "{text}");
        }
        for text in ["false", "False", "No", "OFF", "0"] {
            assert_eq!(read::<bool>(text), Some(false), "{text}");
        }
        assert_eq!(read::<bool>("maybe"), None);
        assert_eq!(read::<bool>(""), None);
    }

    #[test]
    fn lists_are_trimmed_and_may_end_with_a_comma_or_span_lines() {
        assert_eq!(read::<Vec<String>>("a, b ,c,").unwrap(), ["a", "b", "c"]);
        assert_eq!(read::<Vec<String>>("a,\nb").unwrap(), ["a", "b"]);
        assert!(read::<Vec<String>>("").unwrap().is_empty());
    }

    #[test]
    fn the_last_of_repeated_values_counts_unless_the_option_repeats() {
        let values = ["one".to_owned(), "two".to_owned()];
        assert_eq!(String::read(&values).unwrap(), "two");
        assert_eq!(Repeated::read(&values).unwrap().0, ["one", "two"]);
    }

    #[test]
    fn an_empty_optional_is_unset_and_an_empty_number_is_wrong() {
        assert_eq!(read::<Option<String>>(""), Some(None));
        assert_eq!(read::<Option<u16>>(""), Some(None));
        assert_eq!(read::<u16>(""), None);
        assert_eq!(read::<u16>("70000"), None);
    }
}
