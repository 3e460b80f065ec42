//! Reading request bodies: media type, size, JSON, then the table of the object.

use std::{future::Future, pin::Pin, time::Duration};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header, web};
use domain::Error;
use futures::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Deps, fields::Shape, problem::Problem};

/// Bodies longer than this many times the limit are cut off without reading on; up to it the rest is read and
/// dropped, so that the client gets the answer instead of a broken connection.
const PATIENCE: usize = 16;

/// A body that stalls for so long is given up.
const SLOW_BODY: Duration = Duration::from_secs(30);

/// A kind of body: its table, and the type it is read into.
pub(crate) trait Shaped {
    /// What a handler works with.
    type Read: DeserializeOwned;
    /// The attributes.
    const SHAPE: &'static Shape;
}

/// A JSON body that went through its table.
pub(crate) struct Body<T: Shaped>(pub(crate) T::Read);

/// A JSON body as sent, for patches.
pub(crate) struct Raw(pub(crate) Value);

/// No body, or an object without keys.
pub(crate) struct NoBody;

type Reading<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl<T: Shaped + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let reading = json(request, payload);
        Box::pin(async move {
            let value = reading.await?.ok_or_else(|| missing(T::SHAPE.argument))?;
            let read = T::SHAPE.read(value)?;
            let read = serde_json::from_value(Value::Object(read))
                .map_err(|error| Error::internal("read a body that passed its table", error))?;
            Ok(Self(read))
        })
    }
}

impl FromRequest for Raw {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let reading = json(request, payload);
        Box::pin(async move { Ok(Self(reading.await?.ok_or_else(|| missing("patch"))?)) })
    }
}

impl FromRequest for NoBody {
    type Error = Problem;
    type Future = Reading<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let reading = json(request, payload);
        Box::pin(async move {
            match reading.await? {
                None => Ok(Self),
                Some(Value::Object(map)) => match map.keys().next() {
                    None => Ok(Self),
                    Some(key) => {
                        let key: String = key.chars().take(100).collect();
                        Err(Error::invalid(format!("Unknown argument: \"{key}\"")).into())
                    }
                },
                Some(_) => Err(Error::invalid("This request takes no body").into()),
            }
        })
    }
}

fn missing(argument: &str) -> Problem {
    Error::invalid(format!("Missing argument: \"{argument}\"")).into()
}

/// The body as JSON; `None` when there is none, whatever its media type is said to be.
fn json(request: &HttpRequest, payload: &mut Payload) -> impl Future<Output = Result<Option<Value>, Problem>> + use<> {
    let limit =
        request.app_data::<web::Data<Deps>>().map_or(0, |deps| deps.options.oslo_middleware.max_request_body_size);
    let media_type = media_type(request);
    let mut payload = payload.take();
    async move {
        let mut bytes = Vec::new();
        let mut length = 0;
        while let Some(chunk) = next(&mut payload).await? {
            length += chunk.len();
            if length > limit.saturating_mul(PATIENCE) {
                break;
            }
            if length <= limit {
                bytes.extend_from_slice(&chunk);
            }
        }
        if length > limit {
            return Err(Problem::TooLarge(limit));
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        match media_type.as_str() {
            // curl sends the last one unless told otherwise; it never is JSON upstream, but a 400.
            "" | "application/json" | "text/javascript" | "application/javascript" => {}
            "application/x-www-form-urlencoded" => {
                return Err(
                    Error::invalid("Request is not in valid JSON format. Send Content-Type: application/json").into()
                );
            }
            other => return Err(Problem::MediaType(other.to_owned())),
        }
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(Error::invalid(format!("Request is not in valid JSON format: {error}")).into()),
        }
    }
}

/// The next piece of a body.
async fn next(payload: &mut Payload) -> Result<Option<web::Bytes>, Problem> {
    match tokio::time::timeout(SLOW_BODY, payload.next()).await {
        Err(_) => Err(Error::invalid("The request body did not arrive in time").into()),
        Ok(None) => Ok(None),
        Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
        Ok(Some(Err(_))) => Err(Error::invalid("The request body ended early").into()),
    }
}

/// The media type without its parameters, lower case; empty when there is none.
fn media_type(request: &HttpRequest) -> String {
    let Some(value) = request.headers().get(header::CONTENT_TYPE) else { return String::new() };
    let Ok(text) = value.to_str() else { return "unreadable".to_owned() };
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().chars().take(100).collect()
}
