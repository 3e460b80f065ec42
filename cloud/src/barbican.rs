//! Barbican: secrets and certificate containers.
//!
//! References are full addresses as Barbican wrote them; only their last part is used, so that a stored reference
//! survives a change of the service's address.

use domain::{Error, Result, Secret};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::session::{Service, Session};

/// Objects asked for at once.
const PAGE: usize = 100;

/// Barbican's calls in one identity's name.
#[derive(Debug)]
pub struct Barbican<'a>(&'a Session);

/// A secret in a container.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SecretRef {
    /// Its part in the container: `certificate`, `private_key`, `private_key_passphrase`, `intermediates`.
    pub name: Option<String>,
    /// Address of the secret.
    pub secret_ref: String,
}

/// A container.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Container {
    /// Its address.
    pub container_ref: String,
    /// Name.
    pub name: Option<String>,
    /// What it holds.
    #[serde(default)]
    pub secret_refs: Vec<SecretRef>,
}

impl Container {
    /// Address of the secret that plays this part.
    #[must_use]
    pub fn secret(&self, part: &str) -> Option<&str> {
        self.secret_refs.iter().find(|s| s.name.as_deref() == Some(part)).map(|s| s.secret_ref.as_str())
    }
}

/// A secret in a list, without its payload.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct SecretSummary {
    /// Its address.
    pub secret_ref: String,
    /// Name.
    pub name: Option<String>,
}

/// A container to be made.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct NewContainer {
    /// Name.
    pub name: String,
    /// `certificate` demands the parts of a certificate, `generic` takes any.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The secrets.
    pub secret_refs: Vec<SecretRef>,
}

#[derive(Deserialize)]
struct SecretCreated {
    secret_ref: String,
}
#[derive(Deserialize)]
struct ContainerCreated {
    container_ref: String,
}
#[derive(Deserialize)]
struct Containers {
    containers: Vec<Container>,
}
#[derive(Deserialize)]
struct Secrets {
    secrets: Vec<SecretSummary>,
}

/// The id at the end of a reference.
fn id(reference: &str) -> &str {
    reference.trim_end_matches('/').rsplit('/').next().unwrap_or(reference)
}

impl<'a> Barbican<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self(session)
    }

    /// Stores text and answers its reference. Names need not be unique.
    ///
    /// # Errors
    /// [`Error::Cloud`].
    pub async fn create_secret(&self, name: &str, payload: &Secret) -> Result<String> {
        let payload = payload.expose();
        let body = json!({ "name": name, "payload": payload, "payload_content_type": "text/plain" });
        let call = self.0.post(Service::Barbican, format!("store secret {name}")).path(&["secrets"]);
        Ok(call.json(body).hide(payload).send().await?.json::<SecretCreated>()?.secret_ref)
    }

    /// What a secret holds.
    ///
    /// # Errors
    /// [`Error::Cloud`].
    pub async fn payload(&self, secret_ref: &str) -> Result<Option<Secret>> {
        // Barbican takes one media type, and answers 406 unless it is the secret's own: text as we store it, bytes as the
        // original service stored it on Python 2.
        match self.payload_as(secret_ref, "text/plain").await {
            Err(error) if error.cloud_status() == Some(406) => {
                self.payload_as(secret_ref, "application/octet-stream").await
            }
            other => other,
        }
    }

    async fn payload_as(&self, secret_ref: &str, media: &str) -> Result<Option<Secret>> {
        let id = id(secret_ref);
        let call = self.0.get(Service::Barbican, format!("read secret {id}")).path(&["secrets", id, "payload"]);
        let Some(reply) = call.header("Accept", media).find().await? else { return Ok(None) };
        let text = String::from_utf8(reply.answer.body().to_vec()).map_err(|_| Error::Cloud {
            service: Service::Barbican.name(),
            doing: format!("read secret {id}"),
            status: None,
            detail: "the secret is not text".to_owned(),
        })?;
        Ok(Some(Secret::new(text)))
    }

    /// Deletes a secret; `false` when there was none.
    ///
    /// # Errors
    /// [`Error::Cloud`].
    pub async fn delete_secret(&self, secret_ref: &str) -> Result<bool> {
        let id = id(secret_ref);
        self.0.delete(Service::Barbican, format!("delete secret {id}")).path(&["secrets", id]).done().await
    }

    /// Secrets of exactly this name.
    ///
    /// # Errors
    /// [`Error::Cloud`].
    pub async fn secrets(&self, name: &str) -> Result<Vec<SecretSummary>> {
        let call = self.0.get(Service::Barbican, format!("look for secrets named {name}")).path(&["secrets"]);
        let page = call.query("name", name).query("limit", PAGE.to_string()).send().await?.json::<Secrets>()?;
        Ok(page.secrets.into_iter().filter(|s| s.name.as_deref() == Some(name)).collect())
    }

    /// Makes a container and answers its reference. Names need not be unique.
    ///
    /// # Errors
    /// [`Error::Cloud`].
    pub async fn create_container(&self, container: &NewContainer) -> Result<String> {
        let body = serde_json::to_value(container).map_err(|error| Error::internal("write a container", error))?;
        let call = self.0.post(Service::Barbican, format!("store container {}", container.name)).path(&["containers"]);
        Ok(call.json(body).send().await?.json::<ContainerCreated>()?.container_ref)
    }

    /// The container behind a reference.
    ///
    /// # Errors
    /// [`Error::Cloud`].
    pub async fn container(&self, container_ref: &str) -> Result<Option<Container>> {
        let id = id(container_ref);
        let call = self.0.get(Service::Barbican, format!("read container {id}")).path(&["containers", id]);
        call.find().await?.map(|reply| reply.json()).transpose()
    }

    /// Containers of exactly this name; filtered here again, because Barbican matches names as patterns.
    ///
    /// # Errors
    /// [`Error::Cloud`].
    pub async fn containers(&self, name: &str) -> Result<Vec<Container>> {
        let (mut found, mut offset) = (Vec::new(), 0);
        loop {
            let call = self.0.get(Service::Barbican, format!("look for containers named {name}")).path(&["containers"]);
            let call = call.query("name", name).query("limit", PAGE.to_string()).query("offset", offset.to_string());
            let page = call.send().await?.json::<Containers>()?.containers;
            let count = page.len();
            found.extend(page.into_iter().filter(|c| c.name.as_deref() == Some(name)));
            if count < PAGE {
                return Ok(found);
            }
            offset += count;
        }
    }

    /// Deletes a container, not the secrets in it; `false` when there was none.
    ///
    /// # Errors
    /// [`Error::Cloud`].
    pub async fn delete_container(&self, container_ref: &str) -> Result<bool> {
        let id = id(container_ref);
        self.0.delete(Service::Barbican, format!("delete container {id}")).path(&["containers", id]).done().await
    }
}
