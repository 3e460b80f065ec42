//! A small HTTP client with a token, and shortcuts to start a cloud.

use std::time::Duration;

use devcloud::{DevCloud, Settings};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

/// A status with headers and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

/// Somebody with a token.
#[derive(Clone)]
pub(crate) struct Caller {
    http: Client,
    origin: String,
    pub(crate) token: String,
    pub(crate) project: String,
    /// The token's document.
    pub(crate) info: Value,
}

/// Settings that let stacks finish quickly.
pub(crate) fn quick() -> Settings {
    Settings { stack_delay: Duration::from_millis(20), ..Settings::default() }
}

pub(crate) async fn cloud() -> DevCloud {
    DevCloud::start(quick()).await.unwrap()
}

fn http() -> Client {
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    client.tls_built_in_root_certs(false).build().unwrap()
}

/// Asks for a token; `scope` may be null.
pub(crate) async fn log_in(cloud: &DevCloud, user: Value, scope: &Value) -> Answer {
    let mut auth = json!({"identity": {"methods": ["password"], "password": {"user": user}}});
    if !scope.is_null() {
        auth["scope"] = scope.clone();
    }
    let nobody = Caller::nobody(cloud);
    nobody.send(Method::POST, "/identity/v3/auth/tokens", Some(json!({"auth": auth})), &[]).await
}

/// A seeded user in its project.
pub(crate) async fn user(cloud: &DevCloud, name: &str) -> Caller {
    let account = cloud.seed().account(name).unwrap();
    let user = json!({"name": account.user, "domain": {"name": account.domain}, "password": account.password});
    let scope = json!({"project": {"name": account.project, "domain": {"id": "default"}}});
    Caller::from(cloud, &log_in(cloud, user, &scope).await)
}

/// The administrator of the trustee domain, scoped to it.
pub(crate) async fn trustee_admin(cloud: &DevCloud) -> Caller {
    let admin = &cloud.seed().trustee_admin;
    let user = json!({"id": admin.user_id, "password": admin.password});
    let scope = json!({"domain": {"id": cloud.seed().trustee_domain_id}});
    Caller::from(cloud, &log_in(cloud, user, &scope).await)
}

impl Caller {
    pub(crate) fn nobody(cloud: &DevCloud) -> Caller {
        let origin = cloud.origin().to_owned();
        Caller { http: http(), origin, token: String::new(), project: String::new(), info: Value::Null }
    }

    pub(crate) fn from(cloud: &DevCloud, answer: &Answer) -> Caller {
        assert_eq!(answer.status, 201, "{}", answer.text);
        Caller {
            token: answer.headers["X-Subject-Token"].to_str().unwrap().to_owned(),
            project: answer.body["token"]["project"]["id"].as_str().unwrap_or_default().to_owned(),
            info: answer.body["token"].clone(),
            ..Caller::nobody(cloud)
        }
    }

    pub(crate) async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Answer> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.origin) };
        let mut request = self.http.request(method, url);
        if !self.token.is_empty() {
            request = request.header("X-Auth-Token", &self.token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status: StatusCode::as_u16(&status), headers, body, text })
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.try_send(method, path, body, headers).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body), &[]).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body), &[]).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body), &[]).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, &[]).await
    }

    /// URL path of this project's stacks.
    pub(crate) fn stacks(&self) -> String {
        format!("/orchestration/v1/{}/stacks", self.project)
    }

    /// GET of a stack by id, following the redirect.
    pub(crate) async fn stack(&self, id: &str) -> Answer {
        let found = self.get(&format!("{}/{id}", self.stacks())).await;
        if found.status != 302 {
            return found;
        }
        let location = found.headers["Location"].to_str().unwrap().to_owned();
        self.get(&location).await
    }

    /// Waits until a stack has left `IN_PROGRESS`; returns it.
    pub(crate) async fn settled(&self, id: &str) -> Value {
        for _ in 0..500 {
            let stack = self.stack(id).await.body["stack"].clone();
            if !stack["stack_status"].as_str().unwrap().ends_with("IN_PROGRESS") {
                return stack;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("stack {id} does not settle");
    }
}

/// Waits until it is so, a minute at most.
pub(crate) async fn soon(so: impl AsyncFn() -> bool) {
    let end = tokio::time::Instant::now() + Duration::from_secs(60);
    while !so().await {
        assert!(tokio::time::Instant::now() < end, "not within a minute");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
