//! Reading Ignition user data as a Fedora CoreOS node does, strictly.

use std::{collections::BTreeMap, io::Read as _};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::read::GzDecoder;
use serde_json::Value;

/// A file as Ignition writes it.
pub(super) struct NodeFile {
    pub(super) mode: u64,
    pub(super) text: String,
}

/// Where every driver's nodes find their parameters.
const PARAMETERS: &str = "/etc/sysconfig/heat-params";
/// What a CoreOS node runs.
const SCRIPT: &str = "/usr/local/libexec/magnum-node";

/// The files of an Ignition configuration by path, after everything about it was checked that Ignition would refuse.
pub(super) fn files(user_data: &str) -> BTreeMap<String, NodeFile> {
    let config: Value = serde_json::from_str(user_data).unwrap_or_else(|e| panic!("no JSON: {e}"));
    assert_eq!(config["ignition"]["version"], "3.3.0");
    assert_keys(&config, &["ignition", "storage", "systemd"]);
    let mut found = BTreeMap::new();
    for file in config["storage"]["files"].as_array().unwrap() {
        assert_keys(file, &["contents", "mode", "overwrite", "path"]);
        assert_keys(&file["contents"], &["compression", "source"]);
        let path = file["path"].as_str().unwrap();
        assert!(path.starts_with('/'), "{path}");
        let mode = file["mode"].as_u64().unwrap();
        let bytes = data(file["contents"]["source"].as_str().unwrap());
        let mut text = String::new();
        if file["contents"]["compression"] == "gzip" {
            GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
        } else {
            text = String::from_utf8(bytes).unwrap();
        }
        assert!(found.insert(path.to_owned(), NodeFile { mode, text }).is_none(), "{path} twice");
    }
    units(&config);
    found
}

fn units(config: &Value) {
    for unit in config["systemd"]["units"].as_array().unwrap() {
        assert_keys(unit, &["contents", "enabled", "mask", "name"]);
        let name = unit["name"].as_str().unwrap();
        let text = unit["contents"].as_str().unwrap_or_default();
        assert_eq!(unit["mask"] == true, text.is_empty(), "{name}");
        if unit["enabled"] == true {
            assert!(text.contains("[Install]\nWantedBy="), "{name} is enabled and nothing wants it");
        }
    }
}

fn assert_keys(object: &Value, known: &[&str]) {
    for key in object.as_object().unwrap().keys() {
        assert!(known.contains(&key.as_str()), "Ignition has no {key} here");
    }
}

/// Content of a data URL, by the rules of the library Ignition uses: no character but those a URL may have.
fn data(url: &str) -> Vec<u8> {
    let (head, body) = url.strip_prefix("data:").unwrap().split_once(',').unwrap();
    if head == ";base64" {
        return BASE64_STANDARD.decode(body).unwrap();
    }
    assert_eq!(head, "");
    let mut bytes = Vec::new();
    let mut rest = body.bytes();
    while let Some(byte) = rest.next() {
        assert!(byte.is_ascii_graphic() && !b"<>#\"{}|\\^[]`".contains(&byte), "{:?} in a URL", char::from(byte));
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    bytes
}

/// User data as one text, parameters first and then what is run: as they are, or what Ignition makes of them.
pub(super) fn readable(user_data: &str) -> String {
    if !user_data.starts_with('{') {
        return user_data.to_owned();
    }
    let files = files(user_data);
    let others = files.iter().filter(|(path, _)| ![PARAMETERS, SCRIPT].contains(&path.as_str()));
    let others = others.fold(String::new(), |all, (_, file)| all + &file.text + "\n");
    format!("{}\n{others}{}", files[PARAMETERS].text, files[SCRIPT].text)
}
