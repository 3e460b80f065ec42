//! The whole suite on SQLite, in temporary files.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod suite;

use suite::Fresh;

impl Fresh {
    fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:///{}", folder.path().join("test.sqlite").display());
        Self { url, folder: Some(folder), server: None }
    }
}

suite!(Fresh::file());
