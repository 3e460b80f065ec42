//! The HTTP server: takes requests apart, applies faults, hands them to their service and logs them.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;

use actix_web::dev::{Extensions, Server};
use actix_web::http::StatusCode;
use actix_web::rt::net::TcpStream as ActixStream;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};

use crate::calls::Call;
use crate::faults::Effect;
use crate::http::{Answer, Body, Refusal, Reply, Request, Service};
use crate::state::Shared;
use crate::{barbican, cinder, glance, heat, identity, neutron, nova, octavia};

/// Largest request body: a stack request carries every nested template and script.
const BODY_LIMIT: usize = 32 << 20;

/// A second handle of a client's socket, to close it without an answer.
struct Wire(TcpStream);

impl Wire {
    fn close(&self) {
        if let Err(error) = self.0.shutdown(Shutdown::Both) {
            tracing::debug!(%error, "connection was already closed");
        }
    }
}

/// Serves the cloud on `listener` until the returned server is stopped.
pub(crate) fn serve(listener: TcpListener, shared: Arc<Shared>) -> std::io::Result<Server> {
    let data = Data::from(shared);
    let server = HttpServer::new(move || {
        App::new().app_data(data.clone()).app_data(web::PayloadConfig::new(BODY_LIMIT)).default_service(web::to(entry))
    })
    .on_connect(remember_wire)
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)?;
    Ok(server.run())
}

fn remember_wire(connection: &dyn std::any::Any, extensions: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<ActixStream>() else { return };
    if let Ok(handle) = stream.as_fd().try_clone_to_owned() {
        extensions.insert(Wire(TcpStream::from(handle)));
    }
}

async fn entry(http: HttpRequest, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    let Some(request) = parse(&http, &body) else {
        return HttpResponse::NotFound().json(serde_json::json!({"error": {"code": 404, "title": "Not Found"}}));
    };
    let path = format!("/{}", request.segments.join("/"));
    let effect = shared.faults().take(request.service.prefix(), &request.method, &path);
    let reply = disturbed(&shared, &request, effect).await;
    shared.log(Call {
        method: request.method.clone(),
        service: request.service.prefix().to_owned(),
        path,
        query: http.query_string().to_owned(),
        status: reply.as_ref().map_or(0, |reply| reply.status),
    });
    let Some(reply) = reply else {
        if let Some(wire) = http.conn_data::<Wire>() {
            wire.close();
        }
        return HttpResponse::InternalServerError().force_close().finish();
    };
    respond(reply)
}

/// The answer under a fault; `None` when the connection is to be closed instead.
async fn disturbed(shared: &Arc<Shared>, request: &Request, effect: Option<Effect>) -> Option<Reply> {
    match effect {
        None => Some(answer(shared, request)),
        Some(Effect::Refuse(status)) => {
            let refusal = match status {
                401 => Refusal::unauthorized(),
                _ => Refusal::new(status, "InjectedFault", "This request was refused on purpose."),
            };
            Some(refusal.render(request.service, &request.origin))
        }
        Some(Effect::Delay(time)) => {
            tokio::time::sleep(time).await;
            Some(answer(shared, request))
        }
        Some(Effect::DelayAfterWork(time)) => {
            let reply = answer(shared, request);
            tokio::time::sleep(time).await;
            Some(reply)
        }
        Some(Effect::DropAfterWork) => {
            answer(shared, request);
            None
        }
        Some(Effect::DropBeforeWork) => None,
        Some(Effect::ExpireToken) => {
            if let Some(token) = request.header("X-Auth-Token") {
                shared.world().directory.expire(token);
            }
            Some(answer(shared, request))
        }
    }
}

fn answer(shared: &Arc<Shared>, request: &Request) -> Reply {
    dispatch(shared, request).unwrap_or_else(|refusal| refusal.render(request.service, &request.origin))
}

fn dispatch(shared: &Arc<Shared>, request: &Request) -> Answer {
    if request.service == Service::Orchestration {
        return heat::api::answer(shared, request);
    }
    let mut world = shared.world();
    match request.service {
        Service::Identity => identity::answer(&mut world, request),
        Service::Image => glance::answer(&mut world, request),
        Service::Compute => nova::answer(&mut world, request),
        Service::Network => neutron::answer(&mut world, request),
        Service::Volume => cinder::answer(&mut world, request),
        Service::KeyManager => barbican::answer(&mut world, request),
        Service::LoadBalancer => octavia::answer(&mut world, request),
        Service::Orchestration => Err(Refusal::no_route()),
    }
}

/// Takes a request apart; `None` when its prefix belongs to no service.
fn parse(http: &HttpRequest, body: &Bytes) -> Option<Request> {
    let mut segments = http.path().split('/').filter(|part| !part.is_empty()).map(decode);
    let prefix = segments.next()?;
    let service = Service::ALL.into_iter().find(|service| service.prefix() == prefix)?;
    let query = url::form_urlencoded::parse(http.query_string().as_bytes()).into_owned().collect();
    let headers = http
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let host = http.connection_info().host().to_owned();
    Some(Request {
        service,
        method: http.method().as_str().to_owned(),
        segments: segments.collect(),
        query,
        headers,
        body: body.to_vec(),
        origin: format!("http://{host}"),
    })
}

/// Decodes the percent signs of one path segment.
fn decode(segment: &str) -> String {
    let guarded = segment.replace('+', "%2B").replace('=', "%3D").replace('&', "%26");
    url::form_urlencoded::parse(guarded.as_bytes()).map(|(key, _)| key.into_owned()).next().unwrap_or_default()
}

fn respond(reply: Reply) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.insert_header(("x-openstack-request-id", format!("req-{}", uuid::Uuid::new_v4())));
    for (name, value) in reply.headers {
        response.append_header((name, value));
    }
    match reply.body {
        Body::Empty => response.finish(),
        Body::Json(value) => response.json(value),
        Body::Raw { media, bytes } => response.content_type(media).body(bytes),
    }
}
