//! Requests and answers as the services see them, and how each service words a refusal.

use serde_json::{Map, Value, json};

/// The services, each with its own path prefix and error format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Identity,
    Orchestration,
    Image,
    Compute,
    Network,
    Volume,
    KeyManager,
    LoadBalancer,
}

impl Service {
    pub(crate) const ALL: [Service; 8] = [
        Service::Identity,
        Service::Orchestration,
        Service::Image,
        Service::Compute,
        Service::Network,
        Service::Volume,
        Service::KeyManager,
        Service::LoadBalancer,
    ];

    /// First path segment, which is also the name used in calls and faults.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Service::Identity => "identity",
            Service::Orchestration => "orchestration",
            Service::Image => "image",
            Service::Compute => "compute",
            Service::Network => "network",
            Service::Volume => "volume",
            Service::KeyManager => "key-manager",
            Service::LoadBalancer => "load-balancer",
        }
    }
}

/// One request, taken apart.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) service: Service,
    pub(crate) method: String,
    /// Path segments below the prefix, decoded, empty ones dropped.
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// `http://host:port`, as the client addressed it.
    pub(crate) origin: String,
}

impl Request {
    /// The segments in a form that a `match` can take apart.
    pub(crate) fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// URL of the service's root, without a trailing slash.
    pub(crate) fn root(&self) -> String {
        format!("{}/{}", self.origin, self.service.prefix())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// First value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a query parameter.
    pub(crate) fn queries(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// A query parameter read as oslo reads booleans; absent or odd text is false.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.query(name).is_some_and(is_true)
    }

    /// The body as a JSON object.
    pub(crate) fn json(&self) -> Result<Value, Refusal> {
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(value @ Value::Object(_)) => Ok(value),
            _ => Err(Refusal::bad("The server could not comply with the request since the JSON body is malformed.")),
        }
    }

    /// The object under `key` of the JSON body.
    pub(crate) fn member(&self, key: &str) -> Result<Map<String, Value>, Refusal> {
        match self.json()?.get_mut(key).map(Value::take) {
            Some(Value::Object(map)) => Ok(map),
            _ => Err(Refusal::bad(&format!("Invalid input: '{key}' is a required property"))),
        }
    }
}

/// Kind of the refusal of a path that no service knows, which most frame in another way than their own refusals.
const NO_ROUTE: &str = "HTTPNotFound";

/// The texts that oslo takes for true.
pub(crate) fn is_true(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "1" | "t" | "true" | "on" | "y" | "yes")
}

/// What goes back to the client.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
}

/// The three kinds of body that the services send.
#[derive(Debug)]
pub(crate) enum Body {
    Empty,
    Json(Value),
    Raw { media: String, bytes: Vec<u8> },
}

impl Reply {
    pub(crate) fn json(status: u16, value: Value) -> Reply {
        Reply { status, headers: Vec::new(), body: Body::Json(value) }
    }

    pub(crate) fn ok(value: Value) -> Reply {
        Reply::json(200, value)
    }

    pub(crate) fn empty(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Body::Empty }
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }
}

/// A refused request: status, exception name as the service would call it, and the sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) message: String,
}

/// What a service function returns.
pub(crate) type Answer = Result<Reply, Refusal>;

impl Refusal {
    pub(crate) fn new(status: u16, kind: &str, message: &str) -> Refusal {
        Refusal { status, kind: kind.to_owned(), message: message.to_owned() }
    }

    pub(crate) fn bad(message: &str) -> Refusal {
        Refusal::new(400, "BadRequest", message)
    }

    pub(crate) fn unauthorized() -> Refusal {
        Refusal::new(401, "Unauthorized", "The request you have made requires authentication.")
    }

    pub(crate) fn forbidden(message: &str) -> Refusal {
        Refusal::new(403, "Forbidden", message)
    }

    pub(crate) fn not_found(message: &str) -> Refusal {
        Refusal::new(404, "NotFound", message)
    }

    pub(crate) fn conflict(message: &str) -> Refusal {
        Refusal::new(409, "Conflict", message)
    }

    /// The path or method that no route takes.
    pub(crate) fn no_route() -> Refusal {
        Refusal::new(404, NO_ROUTE, "The resource could not be found.")
    }

    /// The refusal as this service renders it.
    pub(crate) fn render(&self, service: Service, origin: &str) -> Reply {
        let (status, message) = (self.status, self.message.as_str());
        let title = title(status);
        if status == 401 {
            let body = json!({"error": {"code": 401, "title": title, "message": message}});
            let challenge = format!("Keystone uri=\"{origin}/identity\"");
            return Reply::json(401, body).header("WWW-Authenticate", challenge);
        }
        let webob = || {
            let line = format!("{message}<br /><br />\n\n\n");
            json!({"message": line, "code": format!("{status} {title}"), "title": title})
        };
        let body = match service {
            Service::Orchestration | Service::Compute | Service::Volume if self.kind == NO_ROUTE => webob(),
            Service::KeyManager | Service::LoadBalancer if self.kind == NO_ROUTE => {
                json!({"code": status, "title": title, "description": ""})
            }
            Service::Identity => json!({"error": {"code": status, "title": title, "message": message}}),
            Service::Orchestration => {
                let mut error = json!({"type": self.kind, "traceback": null});
                // What stumbles inside Heat's engine reaches the user without a word.
                if !message.is_empty() {
                    error["message"] = json!(message);
                }
                json!({"code": status, "title": title, "explanation": explanation(status), "error": error})
            }
            Service::Compute | Service::Volume => json!({fault(status): {"code": status, "message": message}}),
            Service::Network => json!({"NeutronError": {"type": self.kind, "message": message, "detail": ""}}),
            Service::KeyManager => json!({"code": status, "title": title, "description": message}),
            Service::LoadBalancer => {
                let side = if status < 500 { "Client" } else { "Server" };
                json!({"faultcode": side, "faultstring": message, "debuginfo": null})
            }
            Service::Image => webob(),
        };
        Reply::json(status, body)
    }
}

/// Reason phrase that OpenStack puts into its error bodies.
fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        413 => "Request Entity Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Error",
    }
}

/// webob's sentence for a status, which Heat passes on.
fn explanation(status: u16) -> &'static str {
    match status {
        400 => "The server could not comply with the request since it is either malformed or otherwise incorrect.",
        403 => "Access was denied to this resource.",
        404 => "The resource could not be found.",
        409 => "There was a conflict when trying to complete your request.",
        503 => "The server is currently unavailable. Please try again at a later time.",
        _ => "The server has either erred or is incapable of performing the requested operation.",
    }
}

/// Key under which Nova and Cinder put an error.
fn fault(status: u16) -> &'static str {
    match status {
        400 => "badRequest",
        403 => "forbidden",
        404 => "itemNotFound",
        409 => "conflictingRequest",
        413 => "overLimit",
        503 => "serviceUnavailable",
        _ => "computeFault",
    }
}
