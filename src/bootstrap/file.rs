//! The configuration file that bootstrap writes: new, whole or not at all, and readable by its owner only.

use std::{io::Write, path::Path};

use super::wanted::{Setting, Wanted};

const HEAD: &str = "\
# Written by `magnum bootstrap`. `magnum sample config` shows every option there is; some more that are often wanted:
#   [DEFAULT] transport_url = rabbit://USER:PASSWORD@HOST:5672/    saves conductors looking for work every few seconds
#   [magnum_rs] secret_key_file = FILE                             seals keys in the database; the same for all processes
#   [certificates] cert_manager_type = barbican                    keeps clusters' keys in Barbican
";

/// The file's text. The error names the setting that no configuration file can hold.
pub(crate) fn text(wanted: &Wanted) -> Result<String, String> {
    let mut text = HEAD.to_owned();
    let mut section = "";
    for Setting { section: of, option, value } in wanted.settings() {
        if of != section {
            text.push_str(&format!("\n[{of}]\n"));
            section = of;
            if of == "trust" {
                text.push_str("# Nodes need the trust for volumes, the registry and the cloud provider.\n");
                text.push_str("cluster_user_trust = true\n");
            }
        }
        if let Some(value) = value {
            // A bare dollar sign would refer to another option.
            text.push_str(&format!("{option} = {}\n", value.expose().replace('$', "$$")));
        }
    }
    let (read, _) = domain::config::parse(&[("the new file".to_owned(), text.clone())], [])
        .map_err(|error| format!("the settings cannot be written as a configuration file: {error}"))?;
    let mut back = Wanted::from_options(&read);
    back.many_regions = wanted.many_regions;
    match wanted.differences(&back).as_slice() {
        [] => Ok(text),
        lost => Err(format!(
            "the value of {} cannot stand in a configuration file: choose one without quotes or spaces at its ends, and \
             without line breaks",
            lost.join(", ")
        )),
    }
}

/// Makes the file with mode 0600; one that is there already is left alone and an error.
pub(crate) fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Files of this kind are made with mode 0600.
    let mut file = tempfile::NamedTempFile::with_prefix_in(".magnum-", folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok(())
}
