//! The HTTP server: workers, TLS, limits, and an end that lets requests finish.

use std::{future::Future, io, net::TcpListener, pin::pin, sync::Arc, time::Duration};

use actix_cors::Cors;
use actix_web::{
    App, HttpServer,
    dev::Server,
    middleware::{Condition, from_fn},
    web,
};
use domain::options;
use openssl::ssl::{SslAcceptor, SslAcceptorBuilder, SslFiletype, SslMethod};

use crate::{Deps, discovery::Limits, gate::gate, routes::routes, trustee::TrusteeDomain};

/// A client that has not sent its head by then is cut off.
const SLOW_CLIENT: Duration = Duration::from_secs(30);

/// A hundred years in seconds.
const NEVER: u64 = 100 * 365 * 24 * 3600;

/// Serves until `shutdown` is ready, then takes no new connection and lets running requests end, for as long as
/// `[DEFAULT] graceful_shutdown_timeout` says.
///
/// # Errors
/// The listener or the TLS files cannot be used.
pub async fn serve(deps: Deps, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let mut running = pin!(start(deps, listener)?);
    let handle = running.handle();
    tokio::select! {
        ended = &mut running => ended,
        () = shutdown => {
            let ((), ended) = futures::join!(handle.stop(true), running);
            ended
        }
    }
}

fn start(deps: Deps, listener: TcpListener) -> io::Result<Server> {
    let options = Arc::clone(&deps.options);
    let data = web::Data::new(deps);
    let trustees = web::Data::new(TrusteeDomain::default());
    let limits = web::Data::new(Limits::default());
    let origins = options.cors.clone();
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .app_data(trustees.clone())
            .app_data(limits.clone())
            .wrap(from_fn(gate))
            .wrap(Condition::new(!origins.allowed_origin.is_empty(), cors(&origins)))
            .configure(routes)
    })
    .client_request_timeout(SLOW_CLIENT)
    .shutdown_timeout(match options.default.graceful_shutdown_timeout {
        0 => NEVER,
        seconds => seconds,
    })
    .disable_signals();
    if let Some(workers) = options.api.workers {
        server = server.workers(workers);
    }
    let server = if options.api.enabled_ssl {
        server.listen_openssl(listener, tls(&options.api)?)?
    } else {
        server.listen(listener)?
    };
    Ok(server.run())
}

/// Headers that oslo.middleware lets pass without being told.
const SIMPLE_HEADERS: [&str; 4] = ["Accept", "Accept-Language", "Content-Language", "Content-Type"];

/// What pages of the origins that are named may do.
fn cors(options: &options::Cors) -> Cors {
    let texts = |list: &[String]| list.iter().map(|text| text.trim().to_owned()).collect::<Vec<_>>();
    let mut cors = Cors::default()
        .allowed_methods(texts(&options.allow_methods).iter().map(String::as_str))
        .allowed_headers(texts(&options.allow_headers))
        .allowed_headers(SIMPLE_HEADERS)
        .expose_headers(texts(&options.expose_headers))
        .max_age(usize::try_from(options.max_age).ok())
        .block_on_origin_mismatch(false);
    for origin in &options.allowed_origin {
        cors = if origin == "*" { cors.allow_any_origin() } else { cors.allowed_origin(origin) };
    }
    if options.allow_credentials { cors.supports_credentials() } else { cors }
}

fn tls(api: &options::Api) -> io::Result<SslAcceptorBuilder> {
    let file = |name: &str, path: &Option<String>| {
        path.clone().ok_or_else(|| io::Error::other(format!("[api] enabled_ssl needs {name}")))
    };
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
    acceptor.set_private_key_file(file("ssl_key_file", &api.ssl_key_file)?, SslFiletype::PEM)?;
    acceptor.set_certificate_chain_file(file("ssl_cert_file", &api.ssl_cert_file)?)?;
    Ok(acceptor)
}
