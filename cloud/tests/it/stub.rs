//! A scripted HTTP server: Keystone logs everybody in, everything else answers as the test says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use cloud::{Client, Cloud, Credentials, Named, Settings, TrustSettings};
use domain::Secret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path with query.
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Json(u16, Value),
    Raw(u16, Vec<(&'static str, String)>, String),
    /// Close without a byte.
    Drop,
    /// Promise more than is sent.
    Break,
    Slow(Duration),
}

type Script = Box<dyn Fn(&Asked, usize) -> Reply + Send + Sync>;

pub(crate) struct Stub {
    pub(crate) url: String,
    asked: Mutex<Vec<Asked>>,
    logins: AtomicUsize,
    script: Mutex<Arc<Script>>,
    served: AtomicUsize,
    token_life: Mutex<TimeDelta>,
    catalogue: Mutex<Option<Value>>,
    login_status: AtomicUsize,
}

impl Stub {
    /// Starts with a script that is given the request and how many (Keystone's logins aside) came before.
    pub(crate) async fn start(script: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stub = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            asked: Mutex::default(),
            logins: AtomicUsize::new(0),
            script: Mutex::new(Arc::new(Box::new(script))),
            served: AtomicUsize::new(0),
            token_life: Mutex::new(TimeDelta::hours(1)),
            catalogue: Mutex::new(None),
            login_status: AtomicUsize::new(201),
        });
        let server = stub.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(server.clone().serve(stream));
            }
        });
        stub
    }

    pub(crate) fn script(&self, script: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Arc::new(Box::new(script));
        self.served.store(0, Ordering::SeqCst);
        self.asked.lock().unwrap().clear();
    }

    pub(crate) fn set_token_life(&self, life: TimeDelta) {
        *self.token_life.lock().unwrap() = life;
    }

    pub(crate) fn set_catalogue(&self, catalogue: Value) {
        *self.catalogue.lock().unwrap() = Some(catalogue);
    }

    pub(crate) fn refuse_logins(&self, status: usize) {
        self.login_status.store(status, Ordering::SeqCst);
    }

    pub(crate) fn logins(&self) -> usize {
        self.logins.load(Ordering::SeqCst)
    }

    /// Requests that reached the script.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn settings(&self) -> Settings {
        let client = Client { timeout: Duration::from_millis(1500), ..Client::default() };
        Settings {
            auth_url: self.url.clone(),
            service: Credentials {
                user: Named::name("magnum"),
                user_domain: Named::id("default"),
                password: Some(Secret::new("service-password")),
                project: Named::name("service"),
                project_domain: Named::id("default"),
            },
            trust: TrustSettings {
                domain: Named::name("magnum"),
                admin: Named::name("trustee_domain_admin"),
                admin_password: Some(Secret::new("admin-password")),
                ..TrustSettings::default()
            },
            retry_pause: Duration::from_millis(10),
            connect_timeout: Duration::from_millis(500),
            keystone: client.clone(),
            heat: client.clone(),
            glance: client.clone(),
            nova: client.clone(),
            neutron: client.clone(),
            cinder: client.clone(),
            octavia: client.clone(),
            barbican: client,
            ..Settings::default()
        }
    }

    pub(crate) fn cloud(&self) -> Cloud {
        Cloud::new(self.settings()).unwrap()
    }

    /// A token description as Keystone gives it.
    pub(crate) fn token(&self, user: &str, project: Option<&str>, life: TimeDelta) -> Value {
        let url = &self.url;
        let endpoint = |kind: &str, path: &str| {
            json!({"type": kind, "name": kind, "endpoints": [
                {"interface": "public", "region": null, "region_id": null, "url": format!("{url}{path}")},
                {"interface": "internal", "region": "R", "region_id": "R", "url": format!("{url}/internal{path}")},
            ]})
        };
        let catalogue = self.catalogue.lock().unwrap().clone().unwrap_or_else(|| {
            json!([
                endpoint("identity", "/v3"),
                endpoint("orchestration", "/heat/v1/p1"),
                endpoint("image", "/image"),
                endpoint("compute", "/compute/v2.1"),
                endpoint("network", "/network"),
                endpoint("volumev3", "/volume/v3/p1"),
                endpoint("load-balancer", "/lb"),
                endpoint("key-manager", "/keys"),
            ])
        });
        let mut token = json!({
            "methods": ["password"],
            "user": {"id": user, "name": user, "domain": {"id": "default", "name": "Default"}},
            "roles": [{"id": "r", "name": "member"}],
            "expires_at": (Utc::now() + life).format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
            "issued_at": "2020-01-01T00:00:00.000000Z",
            "catalog": catalogue,
        });
        if let Some(project) = project {
            token["project"] = json!({"id": project, "name": project, "domain": {"id": "default"}});
        }
        json!({ "token": token })
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        let Some(asked) = read(&mut stream).await else { return };
        if asked.method == "POST" && asked.path == "/v3/auth/tokens" {
            let number = self.logins.fetch_add(1, Ordering::SeqCst) + 1;
            let status = self.login_status.load(Ordering::SeqCst);
            if status != 201 {
                let refusal = json!({"error": {"message": "Could not log in"}});
                return write(&mut stream, &Reply::Json(u16::try_from(status).unwrap(), refusal)).await;
            }
            let body: Value = serde_json::from_str(&asked.body).unwrap();
            let scope = &body["auth"]["scope"];
            let project = scope.get("project").or(scope.get("OS-TRUST:trust")).map(|_| "p1");
            let life = *self.token_life.lock().unwrap();
            let mut token = self.token("svc", project, life);
            if scope.get("domain").is_some() {
                token["token"]["domain"] = json!({"id": "trustee-domain", "name": "magnum"});
            }
            let head = vec![("X-Subject-Token", format!("login-{number}"))];
            return write(&mut stream, &Reply::Raw(201, head, token.to_string())).await;
        }
        let number = self.served.fetch_add(1, Ordering::SeqCst);
        let script = self.script.lock().unwrap().clone();
        self.asked.lock().unwrap().push(asked.clone());
        write(&mut stream, &script(&asked, number)).await;
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length = head.lines().find_map(|l| {
        l.to_ascii_lowercase().strip_prefix("content-length: ").map(|n| n.trim().parse::<usize>().unwrap())
    });
    while bytes.len() < end + 4 + length.unwrap_or(0) {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let mut first = head.lines().next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    Some(Asked { method, path, body: String::from_utf8(bytes[end + 4..].to_vec()).unwrap(), head })
}

async fn write(stream: &mut TcpStream, reply: &Reply) {
    let (status, headers, body) = match reply {
        Reply::Json(status, body) => (*status, Vec::new(), body.to_string()),
        Reply::Raw(status, headers, body) => (*status, headers.clone(), body.clone()),
        Reply::Drop => return,
        Reply::Break => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{").await;
            return;
        }
        Reply::Slow(pause) => {
            tokio::time::sleep(*pause).await;
            (200, Vec::new(), "{}".to_owned())
        }
    };
    let mut text = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let _ = stream.write_all(format!("{text}\r\n{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
}
