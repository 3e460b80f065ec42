//! Every answer that is not a success: one table from what is wrong to status, code and body.
//!
//! The body is Magnum's `{"errors": [...]}` with two exceptions that clients know: the 401 of the token check and the
//! 406 of an unsupported version. Texts of 5xx never carry what happened inside; the chain goes to the log, once, in
//! [`Problem::log`].

use std::error::Error as StdError;

use actix_web::{HttpResponse, ResponseError, http::StatusCode, http::header};
use domain::Error;
use serde_json::{Value, json};

use crate::versions::{Refusal, Version};

/// Where the microversions are explained.
const HELP: &str = "https://docs.openstack.org/magnum/latest/contributor/api-microversion-history.html";

/// What a request gets instead of a success.
#[derive(Debug)]
pub enum Problem {
    /// A rule of the service refused it, or something behind it failed.
    Domain(Error),
    /// No token, or one that Keystone or a service does not accept. The gate adds the challenge.
    Unauthorized,
    /// No such path.
    NoRoute,
    /// The path exists, the method does not; the allowed ones, comma separated.
    NoMethod(&'static str),
    /// No answer in a media type the client accepts.
    NotAcceptable,
    /// The body is of a media type nobody reads here.
    MediaType(String),
    /// The body is longer than the limit, in bytes.
    TooLarge(usize),
    /// The route does not exist in this version.
    NotInVersion {
        /// The version asked for.
        version: Version,
        /// The path asked for.
        path: String,
    },
    /// The version header is no version.
    BadVersion(&'static str),
    /// The version is one nobody serves.
    UnsupportedVersion {
        /// As asked for.
        requested: String,
    },
}

impl Problem {
    /// HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Domain(error) => status_of(error),
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::NoMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable | Self::NotInVersion { .. } | Self::BadVersion(_) | Self::UnsupportedVersion { .. } => {
                StatusCode::NOT_ACCEPTABLE
            }
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }

    /// `client` or `server` for what a handler says, empty for what is decided before one runs.
    fn code(&self) -> &'static str {
        match self {
            Self::Domain(_) | Self::MediaType(_) | Self::TooLarge(_) if self.status().is_server_error() => "server",
            Self::Domain(_) | Self::MediaType(_) | Self::TooLarge(_) => "client",
            _ => "",
        }
    }

    /// The whole text for the caller.
    fn detail(&self) -> String {
        match self {
            Self::Domain(error) if status_of(error).is_server_error() => server_text(error),
            Self::Domain(error) => sentence(error.to_string()),
            Self::Unauthorized => "The request you have made requires authentication.".to_owned(),
            Self::NoRoute => "There is nothing at this path.".to_owned(),
            Self::NoMethod(allowed) => format!("This path allows: {allowed}."),
            Self::NotAcceptable => "Answers are application/json, which the Accept header excludes.".to_owned(),
            Self::MediaType(given) => format!("Unknown mimetype: {given}"),
            Self::TooLarge(limit) => format!("The request body is larger than {limit} bytes."),
            Self::NotInVersion { version, path } => format!(
                "Version {version} was requested but the requested API {path} is not supported for this version."
            ),
            Self::BadVersion(text) => (*text).to_owned(),
            Self::UnsupportedVersion { requested } => format!(
                "Version {requested} is outside [container-infra {}, container-infra {}]",
                Version::OLDEST,
                Version::NEWEST
            ),
        }
    }

    fn body(&self) -> Value {
        let (status, detail) = (self.status(), self.detail());
        match self {
            Self::Unauthorized => {
                json!({"error": {"code": status.as_u16(), "title": "Unauthorized", "message": detail}})
            }
            Self::UnsupportedVersion { .. } => json!({"errors": [{
                "code": "magnum.microversion-unsupported",
                "title": "Requested microversion is unsupported",
                "description": detail,
                "max_version": Version::NEWEST.to_string(),
                "min_version": Version::OLDEST.to_string(),
                "links": [{"rel": "help", "href": HELP}],
            }]}),
            _ => json!({"errors": [{
                "request_id": "",
                "code": self.code(),
                "status": status.as_u16(),
                "title": self.title(&detail),
                "detail": detail,
                "links": [],
            }]}),
        }
    }

    /// The text up to the first full stop, as upstream; the HTTP phrase for what is decided before a handler runs.
    fn title<'a>(&self, detail: &'a str) -> &'a str {
        match self.code() {
            "" => self.status().canonical_reason().unwrap_or_default(),
            _ => detail.split('.').next().unwrap_or(detail),
        }
    }

    /// Writes the problem to the log: 5xx as an error with the whole chain of causes, the rest for those who debug.
    pub(crate) fn log(&self) {
        let status = self.status().as_u16();
        match self {
            Self::Domain(error) if status >= 500 => {
                tracing::error!(http.status = status, "the request failed: {}", chain(error));
            }
            _ => tracing::debug!(http.status = status, "the request was refused: {}", self.detail()),
        }
    }
}

/// What handlers report. A service that refuses the caller's token, which ended after it was checked, is a 401 here too.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        if error.cloud_status() == Some(401) { Self::Unauthorized } else { Self::Domain(error) }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::OutOfRange { requested, .. } => Self::UnsupportedVersion { requested },
            Refusal::Malformed(text) => Self::BadVersion(text),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        if let Self::NoMethod(allowed) = self {
            response.insert_header((header::ALLOW, *allowed));
        }
        response.json(self.body())
    }
}

/// The table: one line per kind of error.
fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::Invalid(_) | Error::TemplateReferenced { .. } | Error::DoesNotFit { .. } => StatusCode::BAD_REQUEST,
        Error::Forbidden { .. } | Error::Refused(_) | Error::QuotaReached { .. } => StatusCode::FORBIDDEN,
        Error::NotFound { .. } => StatusCode::NOT_FOUND,
        Error::Ambiguous { .. } | Error::Conflict(_) => StatusCode::CONFLICT,
        // A service refuses the caller's own token: say so instead of blaming the service.
        Error::Cloud { status: Some(403), .. } => StatusCode::FORBIDDEN,
        Error::Cloud { .. } | Error::Database { .. } if error.is_retryable() => StatusCode::SERVICE_UNAVAILABLE,
        Error::Cloud { .. } | Error::Database { .. } | Error::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What a caller learns of a failure inside.
fn server_text(error: &Error) -> String {
    match error {
        Error::Cloud { service, .. } => {
            format!("The {service} service did not do its part. Try again later, or ask the operator.")
        }
        Error::Database { .. } => "The service is busy or its database is away. Try again later.".to_owned(),
        _ => "The service failed. The operator finds the cause in the log under the request id.".to_owned(),
    }
}

/// `text` with a full stop.
fn sentence(text: String) -> String {
    if text.ends_with(['.', '!', '?']) { text } else { text + "." }
}

/// The error and its causes on one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(problem: impl Into<Problem>) -> Value {
        problem.into().body()["errors"][0].clone()
    }

    #[test]
    fn the_title_is_the_detail_up_to_the_first_full_stop() {
        let error = first(Error::bad_value("node_count", "x", "It must be a number"));
        assert_eq!(error["title"], "Invalid input for field/attribute node_count, value 'x': It must be a number");
        assert_eq!(error["detail"], "Invalid input for field/attribute node_count, value 'x': It must be a number.");
        assert_eq!((&error["status"], &error["code"]), (&json!(400), &json!("client")));
    }

    #[test]
    fn a_failure_inside_stays_inside() {
        let error = first(Error::internal("read row 7 of table cluster", std::io::Error::other("secret")));
        let text = error.to_string();
        assert!(!text.contains("row 7") && !text.contains("secret"), "{text}");
        assert_eq!((&error["status"], &error["code"]), (&json!(500), &json!("server")));
        let error = Error::internal("read row 7", std::io::Error::other("torn page"));
        assert_eq!(chain(&error), "read row 7: torn page");
    }

    #[test]
    fn services_that_are_away_are_a_503() {
        let away = |status| Error::Cloud { service: "nova", doing: "list flavors".into(), status, detail: "x".into() };
        assert_eq!(status_of(&away(None)), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status_of(&away(Some(503))), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status_of(&away(Some(403))), StatusCode::FORBIDDEN);
        assert_eq!(status_of(&away(Some(400))), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn an_unsupported_version_has_its_own_keys() {
        let error = first(Problem::UnsupportedVersion { requested: "1.99".to_owned() });
        let keys: Vec<_> = error.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["code", "description", "links", "max_version", "min_version", "title"]);
        assert_eq!(error["max_version"], "1.14");
    }

    #[test]
    fn framework_errors_have_no_code_and_the_http_phrase() {
        let error = first(Problem::NoMethod("GET, POST"));
        assert_eq!((&error["code"], &error["title"]), (&json!(""), &json!("Method Not Allowed")));
        assert_eq!(Problem::Unauthorized.body()["error"]["code"], 401);
        let refused = Error::Cloud { service: "nova", doing: "x".into(), status: Some(401), detail: "x".into() };
        assert_eq!(Problem::from(refused).status(), StatusCode::UNAUTHORIZED);
    }
}
