//! Plain requests to the services, for what our crate does not call: what a tenant or an administrator does beside us.

use std::collections::BTreeMap;

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::access::Account;

/// An answer of any status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Null where the body is empty or no JSON.
    pub(crate) body: Value,
    pub(crate) text: String,
    /// The token that Keystone hands out with this answer.
    pub(crate) token: Option<String>,
}

/// Somebody logged in.
#[derive(Clone)]
pub(crate) struct Api {
    http: Client,
    auth_url: String,
    pub(crate) token: String,
    pub(crate) user_id: String,
    pub(crate) project_id: String,
    /// Address by service type; Keystone's is the configured one.
    services: BTreeMap<String, String>,
}

/// A client that follows no redirect and goes through no proxy.
pub(crate) fn client() -> Client {
    Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

async fn send(
    http: &Client,
    method: Method,
    url: String,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Result<Answer, reqwest::Error> {
    let mut request = http.request(method, url).header("Accept", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = request.send().await?;
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (status, token) = (answer.status().as_u16(), header("x-subject-token"));
    let text = answer.text().await?;
    let body = serde_json::from_str(&text).unwrap_or_default();
    Ok(Answer { status, body, text, token })
}

/// Keystone's answer to a login; `scope` null asks for none.
pub(crate) async fn log_in(http: &Client, auth_url: &str, user: Value, scope: Value) -> Answer {
    let mut auth = json!({"identity": {"methods": ["password"], "password": {"user": user}}});
    if !scope.is_null() {
        auth["scope"] = scope;
    }
    send(http, Method::POST, format!("{auth_url}/auth/tokens"), &[], Some(&json!({"auth": auth}))).await.unwrap()
}

impl Api {
    /// Logs in with an application credential.
    pub(crate) async fn by_credential(http: &Client, auth_url: &str, id: &str, secret: &str) -> Self {
        let identity = json!({
            "methods": ["application_credential"], "application_credential": {"id": id, "secret": secret},
        });
        let body = json!({"auth": {"identity": identity}});
        let answer = send(http, Method::POST, format!("{auth_url}/auth/tokens"), &[], Some(&body)).await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text);
        Self::from_login(http, auth_url, &answer)
    }

    /// Logs in with the account's scope.
    pub(crate) async fn of(http: &Client, auth_url: &str, account: &Account) -> Self {
        let user = json!({
            "name": account.user, "password": account.password, "domain": {"name": account.user_domain},
        });
        let scope = if account.project.is_empty() {
            json!({"domain": {"name": account.user_domain}})
        } else {
            json!({"project": {"name": account.project, "domain": {"name": account.project_domain}}})
        };
        let answer = log_in(http, auth_url, user, scope).await;
        assert_eq!(answer.status, 201, "{} cannot log in: {}", account.user, answer.text);
        Self::from_login(http, auth_url, &answer)
    }

    fn from_login(http: &Client, auth_url: &str, answer: &Answer) -> Self {
        let token = &answer.body["token"];
        let rows = token["catalog"].as_array().into_iter().flatten();
        let services = rows.filter_map(|row| {
            let public = row["endpoints"].as_array()?.iter().find(|one| one["interface"] == "public")?;
            Some((row["type"].as_str()?.to_owned(), public["url"].as_str()?.trim_end_matches('/').to_owned()))
        });
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            http: http.clone(),
            auth_url: auth_url.to_owned(),
            token: answer.token.clone().unwrap(),
            user_id: word(&token["user"]["id"]),
            project_id: word(&token["project"]["id"]),
            services: services.collect(),
        }
    }

    /// Sends to `path` below the service's address in the catalogue; a whole address is taken as it is.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        service: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, reqwest::Error> {
        let root = match service {
            "identity" => &self.auth_url,
            other => self.services.get(other).unwrap_or_else(|| panic!("no {other} in the catalogue")),
        };
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{root}{path}") };
        send(&self.http, method, url, &[("X-Auth-Token", &self.token)], body).await
    }

    pub(crate) async fn get(&self, service: &str, path: &str) -> Answer {
        self.try_send(Method::GET, service, path, None).await.unwrap()
    }

    pub(crate) async fn post(&self, service: &str, path: &str, body: &Value) -> Answer {
        self.try_send(Method::POST, service, path, Some(body)).await.unwrap()
    }

    pub(crate) async fn put(&self, service: &str, path: &str, body: Option<&Value>) -> Answer {
        self.try_send(Method::PUT, service, path, body).await.unwrap()
    }

    pub(crate) async fn delete(&self, service: &str, path: &str) -> Answer {
        self.try_send(Method::DELETE, service, path, None).await.unwrap()
    }

    /// The same services with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// Asks Keystone about a token.
    pub(crate) async fn validate(&self, token: &str) -> Answer {
        let headers = [("X-Auth-Token", self.token.as_str()), ("X-Subject-Token", token)];
        send(&self.http, Method::GET, format!("{}/auth/tokens", self.auth_url), &headers, None).await.unwrap()
    }

    /// Ends a token, this one or another of the same user.
    pub(crate) async fn revoke(&self, token: &str) {
        let headers = [("X-Auth-Token", self.token.as_str()), ("X-Subject-Token", token)];
        let url = format!("{}/auth/tokens", self.auth_url);
        let answer = send(&self.http, Method::DELETE, url, &headers, None).await.unwrap();
        assert_eq!(answer.status, 204, "{}", answer.text);
    }
}
