//! TLS: which authorities are trusted, and the client certificate that is shown.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use cloud::{Client, Cloud, Settings};
use domain::Secret;
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod, SslVerifyMode};

fn openssl(dir: &Path, args: &[&str]) {
    let out = Command::new("openssl").current_dir(dir).args(args).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// A self-signed certificate for loopback, `<name>.pem` and `<name>.key`.
fn certificate(dir: &Path, name: &str) {
    let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
    openssl(
        dir,
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            &key,
            "-out",
            &pem,
            "-subj",
            "/CN=127.0.0.1",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-days",
            "2",
        ],
    );
}

/// An HTTPS server that answers 404 to everything; with `demand` only to clients that show the certificate `client`.
fn serve(dir: &Path, demand: bool) -> String {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_private_key_file(dir.join("server.key"), SslFiletype::PEM).unwrap();
    acceptor.set_certificate_chain_file(dir.join("server.pem")).unwrap();
    if demand {
        acceptor.set_ca_file(dir.join("client.pem")).unwrap();
        acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    }
    let (acceptor, listener) = (acceptor.build(), TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Ok(mut stream) = acceptor.accept(stream) else { continue };
            let mut bytes = [0; 4096];
            if stream.read(&mut bytes).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 418 X\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
            }
        }
    });
    url
}

/// What a log-in over this client ends with: 418 when it reached the server.
async fn reach(url: &str, client: Client) -> (Option<u16>, String) {
    let mut settings = Settings { auth_url: url.to_owned(), attempts: 1, keystone: client, ..Settings::default() };
    settings.service.user = cloud::Named::id("u");
    settings.service.password = Some(Secret::new("password"));
    settings.keystone.timeout = Duration::from_secs(5);
    let error = Cloud::new(settings).unwrap().as_service().caller().await.unwrap_err();
    (error.cloud_status(), error.to_string())
}

#[tokio::test]
async fn only_configured_authorities_are_trusted_unless_told_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    certificate(dir.path(), "server");
    let url = serve(dir.path(), false);
    let (status, text) = reach(&url, Client::default()).await;
    assert_eq!(status, None);
    assert!(text.contains("certificate"), "{text}");
    let ca_file = Some(dir.path().join("server.pem").display().to_string());
    assert_eq!(reach(&url, Client { ca_file, ..Client::default() }).await.0, Some(418));
    assert_eq!(reach(&url, Client { insecure: true, ..Client::default() }).await.0, Some(418));
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    certificate(dir.path(), "server");
    certificate(dir.path(), "client");
    let url = serve(dir.path(), true);
    let path = |name: &str| Some(dir.path().join(name).display().to_string());
    let anonymous = Client { ca_file: path("server.pem"), ..Client::default() };
    assert_eq!(reach(&url, anonymous.clone()).await.0, None);
    let known = Client { cert_file: path("client.pem"), key_file: path("client.key"), ..anonymous };
    assert_eq!(reach(&url, known).await.0, Some(418));
}
