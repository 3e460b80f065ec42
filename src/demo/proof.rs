//! Proof of a kubeconfig: a certificate signed through the API is accepted by the cluster's TLS endpoint, which itself
//! shows a certificate of the cluster's CA.

use std::error::Error;

use openssl::{
    hash::MessageDigest,
    pkey::PKey,
    rsa::Rsa,
    x509::{X509NameBuilder, X509ReqBuilder},
};
use serde_json::{Value, json};

use super::client::Client;

type Proven<T> = Result<T, Box<dyn Error>>;

/// What `openstack coe cluster config` writes: CA, certificate and key.
pub(super) struct Access {
    ca: String,
    certificate: String,
    key: Vec<u8>,
}

impl Access {
    /// Fetches the CA and has a new key certified, as the client's `cluster config` does.
    pub(super) async fn request(client: &Client, cluster: &str) -> Proven<Self> {
        let key = PKey::from_rsa(Rsa::generate(2048)?)?;
        let mut name = X509NameBuilder::new()?;
        name.append_entry_by_text("CN", "admin")?;
        name.append_entry_by_text("O", "system:masters")?;
        let mut request = X509ReqBuilder::new()?;
        request.set_subject_name(&name.build())?;
        request.set_pubkey(&key)?;
        request.sign(&key, MessageDigest::sha256())?;
        let csr = String::from_utf8(request.build().to_pem()?)?;
        let ca = client.send("GET", &format!("/certificates/{cluster}"), None).await?;
        let signed = client.send("POST", "/certificates", Some(&json!({"cluster_uuid": cluster, "csr": csr}))).await?;
        let pem = |object: &Value| object["pem"].as_str().map(str::to_owned).ok_or("the answer lacks pem");
        Ok(Self { ca: pem(&ca)?, certificate: pem(&signed)?, key: key.private_key_to_pem_pkcs8()? })
    }

    /// The endpoint must turn away whoever has no certificate of the cluster.
    pub(super) async fn refused_without_certificate(&self, address: &str) -> Proven<()> {
        let stranger = self.builder()?.build()?;
        match stranger.get(format!("{address}/healthz")).send().await {
            Err(_) => Ok(()),
            Ok(answer) if answer.status().as_u16() == 401 => Ok(()),
            Ok(answer) => Err(format!("{address} let a stranger in with status {}", answer.status()).into()),
        }
    }

    /// Number of nodes that are Ready, as the cluster's API tells it.
    pub(super) async fn nodes(&self, address: &str) -> Proven<usize> {
        let identity = reqwest::Identity::from_pkcs8_pem(self.certificate.as_bytes(), &self.key)?;
        let client = self.builder()?.identity(identity).build()?;
        let health = client.get(format!("{address}/healthz")).send().await?.error_for_status()?.text().await?;
        if health.trim() != "ok" {
            return Err(format!("{address}/healthz says {health:?}").into());
        }
        let nodes: Value =
            client.get(format!("{address}/api/v1/nodes")).send().await?.error_for_status()?.json().await?;
        let ready = |node: &&Value| {
            let conditions = node["status"]["conditions"].as_array();
            conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
        };
        Ok(nodes["items"].as_array().ok_or("no list of nodes")?.iter().filter(ready).count())
    }

    fn builder(&self) -> Proven<reqwest::ClientBuilder> {
        let ca = reqwest::Certificate::from_pem(self.ca.as_bytes())?;
        Ok(reqwest::Client::builder().no_proxy().tls_built_in_root_certs(false).add_root_certificate(ca))
    }
}
