//! Generated files that are kept in the repository: compared by tests, written anew by `make gen`.

use std::{fs, path::Path};

/// Compares `text` with the kept file, whose path starts at the repository's root; with `UPDATE=1` writes it first.
pub(crate) fn compare(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let differing = kept.lines().zip(text.lines()).position(|(kept, new)| kept != new);
    let at = differing.unwrap_or_else(|| kept.lines().count().min(text.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("(the end)").to_owned();
    assert!(
        kept == text,
        "{file} is out of date from line {}: UPDATE=1 cargo test -p api --test it\n kept {}\n  new {}",
        at + 1,
        line(&kept),
        line(text)
    );
}
