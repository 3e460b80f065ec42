//! A small HTTP client, as any tenant could write one.

use std::error::Error;

use devcloud::DevCloud;
use serde_json::Value;

/// A logged-in tenant.
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    /// Gets a token for `demo` in project `demo`, as the `openstack` command does.
    pub(super) async fn login(cloud: &DevCloud, url: &str) -> Result<Self, Box<dyn Error>> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let token = cloud.login("demo").await?;
        Ok(Self { http, url: format!("{url}/v1"), token })
    }

    /// Sends a request; an answer other than 2xx is an error with the service's own words.
    pub(super) async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Box<dyn Error>> {
        let (status, answer) = self.answer(method, path, body).await?;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        Err(format!("{method} {path} answered {status}: {}", answer["errors"][0]["detail"]).into())
    }

    /// The cluster, or `None` when there is none.
    pub(super) async fn cluster(&self, uuid: &str) -> Result<Option<Value>, Box<dyn Error>> {
        match self.answer("GET", &format!("/clusters/{uuid}"), None).await? {
            (200, cluster) => Ok(Some(cluster)),
            (404, _) => Ok(None),
            (status, answer) => Err(format!("the cluster could not be read: {status} {answer}").into()),
        }
    }

    async fn answer(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value), Box<dyn Error>> {
        let mut request = self
            .http
            .request(method.parse()?, format!("{}{path}", self.url))
            .header("x-auth-token", &self.token)
            .header("openstack-api-version", "container-infra 1.9");
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await?;
        Ok((status, if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? }))
    }
}
