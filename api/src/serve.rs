//! The HTTP server: workers, TLS, limits, and an end that lets requests finish.

use std::{future::Future, io, net::TcpListener, pin::pin, sync::Arc, time::Duration};

use actix_web::{App, HttpServer, dev::Server, middleware::from_fn, web};
use openssl::ssl::{SslAcceptor, SslAcceptorBuilder, SslFiletype, SslMethod};

use crate::{Deps, gate::gate, routes::routes};

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
    let mut server = HttpServer::new(move || App::new().app_data(data.clone()).wrap(from_fn(gate)).configure(routes))
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

fn tls(api: &domain::options::Api) -> io::Result<SslAcceptorBuilder> {
    let file = |name: &str, path: &Option<String>| {
        path.clone().ok_or_else(|| io::Error::other(format!("[api] enabled_ssl needs {name}")))
    };
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
    acceptor.set_private_key_file(file("ssl_key_file", &api.ssl_key_file)?, SslFiletype::PEM)?;
    acceptor.set_certificate_chain_file(file("ssl_cert_file", &api.ssl_cert_file)?)?;
    Ok(acceptor)
}
