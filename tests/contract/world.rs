//! The cloud that a test runs on, and what has to be taken away again afterwards.

use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::Pin;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use cloud::{Client, Cloud, Credentials, Named, Session, Settings, Stack, TrustSettings};
use devcloud::DevCloud;
use domain::{Error, Secret};
use futures::FutureExt;
use serde_json::{Value, json};

use crate::access::{Access, Account};
use crate::api::{self, Api};

/// How long a stack, a load balancer or a volume may take; the real ones need seconds.
const PATIENCE: Duration = Duration::from_secs(300);
const GLANCE: Duration = Duration::from_millis(100);

/// Something to take away, and how; the text of the error says why it could not.
type Undo = (String, Pin<Box<dyn Future<Output = Result<(), String>>>>);

/// One test's view of the cloud.
pub(crate) struct World {
    pub(crate) cloud: Cloud,
    pub(crate) access: Access,
    http: reqwest::Client,
    simulated: Option<DevCloud>,
    undo: Mutex<Vec<Undo>>,
}

/// Runs a test on the cloud under test and takes away what it made, whatever became of it.
pub(crate) async fn on_cloud(test: impl AsyncFnOnce(&World)) {
    let world = World::open().await;
    let before = world.simulated.as_ref().map(DevCloud::census);
    let outcome = AssertUnwindSafe(test(&world)).catch_unwind().await;
    let left = world.clean().await;
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
    assert!(left.is_empty(), "could not be taken away: {left:?}");
    let after = world.simulated.as_ref().map(DevCloud::census);
    assert_eq!(after, before, "the test left something behind");
}

impl World {
    async fn open() -> Self {
        let (access, simulated) = match std::env::var("TEST_CLOUD_ENV") {
            Ok(file) => (Access::real(&file), None),
            Err(_) => {
                let settings = devcloud::Settings {
                    stack_delay: Duration::from_millis(50),
                    stack_minute: Duration::from_secs(2),
                    await_signals: true,
                    balancer_delay: Duration::from_millis(300),
                    ..devcloud::Settings::default()
                };
                let simulated = DevCloud::start(settings).await.unwrap();
                (Access::simulated(&simulated), Some(simulated))
            }
        };
        let cloud = Cloud::new(settings(&access)).unwrap();
        Self { cloud, access, http: api::client(), simulated, undo: Mutex::default() }
    }

    /// A door to the same cloud that remembers nothing: no token, no validation.
    pub(crate) fn forgetful(&self) -> Cloud {
        Cloud::new(settings(&self.access)).unwrap()
    }

    /// Plain requests in an account's name.
    pub(crate) async fn api(&self, account: &Account) -> Api {
        Api::of(&self.http, &self.access.auth_url, account).await
    }

    /// A session with an account's own token, as the API gets one with each request.
    pub(crate) async fn session(&self, account: &Account) -> Session {
        let api = self.api(account).await;
        self.session_of(&api)
    }

    /// A session that forwards the token of these plain requests.
    pub(crate) fn session_of(&self, api: &Api) -> Session {
        self.cloud.as_user(Secret::new(&api.token), &api.project_id)
    }

    pub(crate) async fn demo(&self) -> Session {
        self.session(&self.access.demo).await
    }

    pub(crate) async fn alt(&self) -> Session {
        self.session(&self.access.alt).await
    }

    /// Keystone's answer to a login with these members of its request.
    pub(crate) async fn log_in(&self, user: Value, scope: Value) -> api::Answer {
        api::log_in(&self.http, &self.access.auth_url, user, scope).await
    }

    /// Plain requests with a new application credential of this user, which may have an end.
    pub(crate) async fn by_credential(&self, owner: &Api, end: Option<DateTime<Utc>>) -> Api {
        let path = format!("/users/{}/application_credentials", owner.user_id);
        let mut credential = json!({"name": unique("credential")});
        if let Some(end) = end {
            credential["expires_at"] = json!(end.format("%Y-%m-%dT%H:%M:%S%.6f").to_string());
        }
        let made = owner.post("identity", &path, &json!({"application_credential": credential})).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let made = &made.body["application_credential"];
        let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
        self.undo_delete("application credential", owner, "identity", format!("{path}/{id}"));
        Api::by_credential(&self.http, &self.access.auth_url, id, secret).await
    }

    /// A user in the project of `like`, who has these roles and no others.
    pub(crate) async fn user_with(&self, like: &Account, roles: &[&str]) -> Account {
        let project = self.api(like).await.project_id;
        self.user_in(like, &project, roles).await
    }

    /// The same where `like` itself cannot log in; the project's id is given.
    pub(crate) async fn user_in(&self, like: &Account, project: &str, roles: &[&str]) -> Account {
        let admin = self.api(&self.access.admin).await;
        let account = like.as_user(&unique("user"), "A-Passw0rd");
        let body = json!({"user": {
            "name": account.user, "password": account.password, "domain_id": "default",
        }});
        let made = admin.post("identity", "/users", &body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let id = made.body["user"]["id"].as_str().unwrap().to_owned();
        self.undo_delete("user", &admin, "identity", format!("/users/{id}"));
        for role in roles {
            let found = admin.get("identity", &format!("/roles?name={role}")).await;
            let role = found.body["roles"][0]["id"].as_str().unwrap();
            let path = format!("/projects/{project}/users/{id}/roles/{role}");
            assert_eq!(admin.put("identity", &path, None).await.status, 204, "{path}");
        }
        account
    }

    /// Has this done at the end of the test; what was made last is taken away first.
    pub(crate) fn undo(&self, what: &str, how: impl Future<Output = Result<(), String>> + 'static) {
        self.undo.lock().unwrap().push((what.to_owned(), Box::pin(how)));
    }

    /// Has this deleted at the end of the test, unless it is gone by then.
    pub(crate) fn undo_delete(&self, what: &str, api: &Api, service: &'static str, path: String) {
        let api = api.clone();
        self.undo(what, async move {
            let begun = Instant::now();
            loop {
                match api.try_send(reqwest::Method::DELETE, service, &path, None).await {
                    Ok(answer) if answer.status < 300 || answer.status == 404 => return Ok(()),
                    Ok(answer) if answer.status != 409 || begun.elapsed() > PATIENCE => return Err(answer.text),
                    Ok(_) => tokio::time::sleep(GLANCE).await,
                    Err(error) => return Err(error.to_string()),
                }
            }
        });
    }

    /// The same for what takes a while to go: its end is awaited.
    pub(crate) fn undo_delete_slowly(&self, what: &str, api: &Api, service: &'static str, path: String) {
        let api = api.clone();
        self.undo(what, async move {
            let begun = Instant::now();
            loop {
                match api.try_send(reqwest::Method::DELETE, service, &path, None).await {
                    Ok(answer) if answer.status == 404 => return Ok(()),
                    Ok(answer) if begun.elapsed() > PATIENCE => return Err(answer.text),
                    Ok(_) => tokio::time::sleep(GLANCE).await,
                    Err(error) => return Err(error.to_string()),
                }
            }
        });
    }

    /// Creates a stack that will be deleted at the end; its id.
    pub(crate) async fn stack(&self, session: &Session, body: &Value) -> domain::Result<String> {
        let id = session.heat().create(body).await?;
        self.undo_stack(session, &id);
        Ok(id)
    }

    /// Has a stack deleted at the end of the test, and its end awaited. Heat may lose a race with itself when it deletes what
    /// a failed update has not let go of yet; asked once more, it is done.
    pub(crate) fn undo_stack(&self, session: &Session, id: &str) {
        let (session, id) = (session.clone(), id.to_owned());
        self.undo("stack", async move {
            let heat = session.heat();
            heat.delete(&id).await.map_err(|error| error.to_string())?;
            let (begun, mut once_more) = (Instant::now(), true);
            while let Some(stack) = heat.stack(&id).await.map_err(|error| error.to_string())? {
                match stack.status.as_str() {
                    "DELETE_COMPLETE" => break,
                    "DELETE_FAILED" if once_more => {
                        once_more = false;
                        heat.delete(&id).await.map_err(|error| error.to_string())?;
                    }
                    "DELETE_FAILED" => return Err(stack.status_reason.unwrap_or_default()),
                    _ if begun.elapsed() > PATIENCE => return Err(format!("it stays {}", stack.status)),
                    _ => tokio::time::sleep(GLANCE).await,
                }
            }
            Ok(())
        });
    }

    async fn clean(&self) -> Vec<String> {
        let mut left = Vec::new();
        loop {
            let next = self.undo.lock().unwrap().pop();
            let Some((what, how)) = next else { return left };
            match AssertUnwindSafe(how).catch_unwind().await {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => left.push(format!("{what}: {reason}")),
                Err(_) => left.push(format!("{what}: panicked")),
            }
        }
    }
}

/// The stack once it is no longer in progress.
pub(crate) async fn settled(session: &Session, ident: &str) -> Stack {
    eventually(ident, async || {
        let stack = session.heat().stack(ident).await.unwrap().expect("the stack exists");
        (!stack.status.ends_with("IN_PROGRESS")).then_some(stack)
    })
    .await
}

/// What `look` finds, as soon as it finds something.
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited too long for {what}");
        tokio::time::sleep(GLANCE).await;
    }
}

/// A name nobody else has.
pub(crate) fn unique(word: &str) -> String {
    format!("contract-{word}-{:08x}", rand::random::<u32>())
}

/// An id that nothing has.
pub(crate) fn uuid() -> String {
    let (a, b) = (rand::random::<u64>(), rand::random::<u64>());
    format!("{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", a >> 32, a & 0xffff, (a >> 16) & 0xfff, b & 0xfff, b >> 16)
}

/// Status and sentence of a service's refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (u16, String) {
    match outcome.expect_err("the service refuses this") {
        Error::Cloud { status: Some(status), detail, .. } => (status, detail),
        other => panic!("not a refusal by a service: {other:?}"),
    }
}

fn settings(access: &Access) -> Settings {
    let (service, admin) = (&access.service, &access.trustee_admin);
    Settings {
        auth_url: access.auth_url.clone(),
        service: Credentials {
            user: Named::name(&service.user),
            user_domain: Named::name(&service.user_domain),
            password: Some(Secret::new(&service.password)),
            project: Named::name(&service.project),
            project_domain: Named::name(&service.project_domain),
        },
        trust: TrustSettings {
            domain: Named::name(&admin.user_domain),
            admin: Named::name(&admin.user),
            admin_password: Some(Secret::new(&admin.password)),
            ..TrustSettings::default()
        },
        token_cache_negative: Duration::ZERO,
        retry_pause: Duration::from_millis(10),
        keystone: Client::default(),
        ..Settings::default()
    }
}
