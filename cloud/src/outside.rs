//! A service that is not part of the cloud: asked without any credential, for a short text.

use std::time::Duration;

use domain::{Error, Result};

use crate::cloud::Cloud;

/// Longest text that is read.
const LONGEST: usize = 4096;

impl Cloud {
    /// The text at `url`, which follows redirects and has to be there within `patience`.
    ///
    /// # Errors
    /// [`Error::Cloud`] for an answer that is no 2xx, none at all, or one of more than 4096 bytes.
    pub async fn outside_text(&self, url: &str, patience: Duration) -> Result<String> {
        let failed = |status: Option<u16>, detail: String| Error::Cloud {
            service: "etcd discovery",
            doing: "get the URL of a new place for etcd members".to_owned(),
            status,
            detail,
        };
        let unanswered = |error: reqwest::Error| failed(None, error.without_url().to_string());
        let client = reqwest::Client::builder().timeout(patience).build();
        let client = client.map_err(|error| Error::internal("make an HTTP client", error))?;
        let mut answer = client.get(url).send().await.map_err(unanswered)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(failed(Some(status.as_u16()), "the service refused".to_owned()));
        }
        let mut text = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unanswered)? {
            text.extend_from_slice(&chunk);
            if text.len() > LONGEST {
                return Err(failed(Some(status.as_u16()), "the answer is too long".to_owned()));
            }
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
