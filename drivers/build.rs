//! Finds the drivers and embeds their templates.
//!
//! Every folder `coe/<name>/` with a `driver.rs` is a driver; its main templates are `templates/cluster.yaml` and, where it
//! builds further node groups, `templates/nodegroup.yaml`. From there the references (`get_file: x`, `type: x.yaml`) are followed through the driver's `templates/` and then `shared/`. A
//! reference `x.yaml` may also be a folder `x/` in `shared/`: each file in it is a variant, and the driver picks the one
//! that is sent under the name `x.yaml`. A reference that leads nowhere fails the build.
//!
//! Scripts are embedded without comments, blank lines and indentation: Nova takes 64 KiB of user data, base64 included.
//! A file `x.bundle` lists scripts, one a line; what is embedded is all of them as one, packed with gzip and written in
//! base64, which is how Ignition takes a file.
//!
//! The tests of the crate are built with a second registry, which has the small drivers of `src/tests/added/` too: they
//! prove that a folder is all there is to add.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    error::Error,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, GzBuilder};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Name as referenced and variant (empty when there is only one) to the file that holds the text.
type Files = BTreeMap<(String, String), PathBuf>;

fn main() -> Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let (coe, added, shared) = (root.join("coe"), root.join("src/tests/added"), root.join("shared"));
    for watched in ["build.rs", "coe", "shared", "src/tests/added"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    write_registry("registry.rs", &driver_folders(&coe)?, &shared)?;
    let with_added = driver_folders(&coe)?.into_iter().chain(driver_folders(&added)?).collect();
    write_registry("registry_of_tests.rs", &with_added, &shared)
}

/// Writes a registry of the drivers in these folders.
fn write_registry(file: &str, folders: &BTreeSet<PathBuf>, shared: &Path) -> Result<()> {
    let mut text = String::new();
    let mut drivers = BTreeSet::new();
    for folder in folders {
        let name = folder.file_name().and_then(|n| n.to_str()).ok_or("driver folder without a name")?.to_owned();
        write_driver(&mut text, &name, folder, shared)?;
        drivers.insert(name);
    }
    writeln!(text, "/// Every driver of this build, in the order of their names.")?;
    writeln!(text, "pub static DRIVERS: &[&dyn Driver] = &[")?;
    for name in &drivers {
        writeln!(text, "    &{name}::DRIVER,")?;
    }
    writeln!(text, "];")?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join(file), text)?;
    Ok(())
}

pub(crate) fn driver_folders(coe: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(coe)? {
        let path = entry?.path();
        if path.join("driver.rs").is_file() {
            found.insert(path);
        }
    }
    Ok(found)
}

fn write_driver(text: &mut String, name: &str, folder: &Path, shared: &Path) -> Result<()> {
    writeln!(text, "#[path = {:?}]\nmod {name};", folder.join("driver.rs"))?;
    for (main, suffix) in [("cluster.yaml", ""), ("nodegroup.yaml", "_NODEGROUP")] {
        let main = folder.join("templates").join(main);
        if suffix.is_empty() || main.is_file() {
            let constant = format!("{}{suffix}", name.to_uppercase());
            write_folder(text, (name, &constant), (folder, shared), &main)?;
        }
    }
    Ok(())
}

/// Writes a main template and everything it refers to as a constant.
fn write_folder(
    text: &mut String,
    (name, constant): (&str, &str),
    (folder, shared): (&Path, &Path),
    main: &Path,
) -> Result<()> {
    let files = &referenced(main, &folder.join("templates"), shared)?;
    writeln!(text, "pub(crate) static {constant}: crate::templates::Folder = crate::templates::Folder {{")?;
    writeln!(text, "    parameters: &{:?},", parameters(&fs::read_to_string(main)?))?;
    writeln!(text, "    template: include_str!({main:?}),\n    files: &[")?;
    for ((file, variant), path) in files {
        let path = if file.ends_with(".sh") {
            &embed(name, file, &bare(&fs::read_to_string(path)?))?
        } else if file.ends_with(".bundle") {
            &embed(name, file, &packed(&bundled(path, &folder.join("templates"), shared)?)?)?
        } else {
            path
        };
        writeln!(
            text,
            "        crate::templates::File {{ name: {file:?}, variant: {variant:?}, text: include_str!({path:?}) }},"
        )?;
    }
    writeln!(text, "    ],\n}};")?;
    Ok(())
}

/// Writes a text that is made here, and answers where.
fn embed(driver: &str, file: &str, text: &str) -> Result<PathBuf> {
    let target = Path::new(&env::var("OUT_DIR")?).join(format!("{driver}-{file}"));
    fs::write(&target, text)?;
    Ok(target)
}

/// The scripts a bundle lists, as one script.
fn bundled(list: &Path, templates: &Path, shared: &Path) -> Result<String> {
    let mut text = "#!/bin/bash\n".to_owned();
    for name in fs::read_to_string(list)?.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let found = locate(name, templates, shared)?;
        let (_, path) = found.first().ok_or_else(|| format!("{}: no script {name:?}", list.display()))?;
        text.push_str(&bare(&fs::read_to_string(path)?));
    }
    Ok(text)
}

/// gzip in base64. No time goes in, so that equal scripts give equal stacks.
fn packed(text: &str) -> Result<String> {
    let mut writer = GzBuilder::new().write(Vec::new(), Compression::best());
    writer.write_all(text.as_bytes())?;
    Ok(BASE64_STANDARD.encode(writer.finish()?))
}

/// Without comment lines, blank lines and indentation; texts between `<<WORD` and `WORD` stay as they are.
fn bare(script: &str) -> String {
    let mut text = String::new();
    let mut end: Option<String> = None;
    for line in script.lines() {
        if let Some(word) = &end {
            text.push_str(line);
            text.push('\n');
            if line == word {
                end = None;
            }
            continue;
        }
        let line = line.trim();
        if line.is_empty() || (line.starts_with('#') && !line.starts_with("#!")) {
            continue;
        }
        text.push_str(line);
        text.push('\n');
        end = here_document(line);
    }
    text
}

/// The word that ends the here-document a line opens. All of ours are in capitals.
fn here_document(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("<<")?;
    let word: String =
        rest.trim_start_matches('\'').chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// Names of the parameters a template declares.
fn parameters(template: &str) -> Vec<&str> {
    let section = template.lines().skip_while(|line| *line != "parameters:").skip(1);
    let section = section.take_while(|line| line.is_empty() || line.starts_with(' '));
    section
        .filter_map(|line| line.strip_prefix("  ").and_then(|line| line.split_once(':')))
        .map(|(name, _)| name)
        .filter(|name| !name.starts_with([' ', '#']))
        .collect()
}

pub(crate) fn referenced(main: &Path, templates: &Path, shared: &Path) -> Result<Files> {
    let mut files = Files::new();
    let mut open = vec![main.to_owned()];
    while let Some(path) = open.pop() {
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        for name in references(&text) {
            let found = locate(&name, templates, shared)?;
            if found.is_empty() {
                return Err(format!("{}: the reference {name:?} leads to no file", path.display()).into());
            }
            for (variant, target) in found {
                if files.insert((name.clone(), variant), target.clone()).is_none() && name.ends_with(".yaml") {
                    open.push(target);
                }
            }
        }
    }
    Ok(files)
}

/// Names behind `get_file:` and behind `type:` when they end in `.yaml`.
fn references(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        for (key, any) in [("get_file:", true), ("type:", false)] {
            let Some(at) = line.find(key) else { continue };
            let value = line[at + key.len()..].trim_start();
            let end = value.find(|c: char| c.is_whitespace() || ",}\"'".contains(c)).unwrap_or(value.len());
            let name = &value[..end];
            if !name.is_empty() && (any || name.ends_with(".yaml")) {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

fn locate(name: &str, templates: &Path, shared: &Path) -> Result<Vec<(String, PathBuf)>> {
    for folder in [templates, shared] {
        let single = folder.join(name);
        if single.is_file() {
            return Ok(vec![(String::new(), single)]);
        }
        let variants = folder.join(name.trim_end_matches(".yaml"));
        if name.ends_with(".yaml") && variants.is_dir() {
            let mut found = Vec::new();
            for entry in fs::read_dir(variants)? {
                let path = entry?.path();
                let stem = path.file_stem().and_then(|s| s.to_str()).ok_or("variant without a name")?.to_owned();
                found.push((stem, path));
            }
            return Ok(found);
        }
    }
    Ok(Vec::new())
}
