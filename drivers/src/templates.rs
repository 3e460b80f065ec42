//! The embedded template folder of a driver.

use std::collections::BTreeMap;

/// A main template and everything it refers to.
pub(crate) struct Folder {
    /// Names of the parameters the main template declares.
    pub(crate) parameters: &'static [&'static str],
    /// Text of the main template.
    pub(crate) template: &'static str,
    /// Every file that can be sent along.
    pub(crate) files: &'static [File],
}

/// A file of Heat's `files` map.
pub(crate) struct File {
    /// The name by which templates refer to it.
    pub(crate) name: &'static str,
    /// Which of several texts may stand under that name; empty when there is only one.
    pub(crate) variant: &'static str,
    /// The text itself.
    pub(crate) text: &'static str,
}

impl Folder {
    /// The files to send, with the given variant where there are several.
    pub(crate) fn files(&self, variant: &str) -> BTreeMap<String, String> {
        self.files
            .iter()
            .filter(|file| file.variant.is_empty() || file.variant == variant)
            .map(|file| (file.name.to_owned(), file.text.to_owned()))
            .collect()
    }
}
