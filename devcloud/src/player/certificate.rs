//! How a node gets its certificate: four calls, as the real scripts make them.

use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod, SslVerifyMode};
use openssl::stack::Stack;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509NameBuilder, X509Req};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::Facts;

/// Names that the API server's certificate carries beside its address.
const NAMES: [&str; 4] =
    ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];

/// First address of the usual service network, under which pods reach the API server.
const SERVICE_ADDRESS: &str = "10.254.0.1";

/// Gets the CA and a signed certificate, and makes a TLS acceptor that wants clients of the same CA.
pub(super) async fn obtain(http: &Client, facts: &Facts, host: &str) -> Result<SslAcceptor, String> {
    let token = log_in(http, facts).await?;
    let url = format!("{}/certificates/{}", facts.magnum_url, facts.cluster_uuid);
    let ca = pem(magnum(http.get(&url), &token), &format!("GET {url}")).await?;
    let address = host.to_owned();
    let request = tokio::task::spawn_blocking(move || signing_request(&address));
    let request = request.await.map_err(|error| error.to_string())?;
    let (key, csr) = request.map_err(|error| format!("cannot make a key and CSR: {error}"))?;
    let url = format!("{}/certificates", facts.magnum_url);
    let body = json!({"cluster_uuid": facts.cluster_uuid, "csr": csr});
    let certificate = pem(magnum(http.post(&url), &token).json(&body), &format!("POST {url}")).await?;
    acceptor(&ca, &certificate, &key).map_err(|error| format!("the CA or the signed certificate is unusable: {error}"))
}

/// Logs in as the trustee, unscoped.
async fn log_in(http: &Client, facts: &Facts) -> Result<String, String> {
    let url = format!("{}/auth/tokens", facts.auth_url);
    let login = facts.login.as_ref().map_err(Clone::clone)?;
    let user = json!({"id": login.user_id, "password": login.password});
    let body = json!({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}});
    let answer = http.post(&url).json(&body).send().await.map_err(|error| format!("POST {url} failed: {error}"))?;
    if answer.status() != StatusCode::CREATED {
        return Err(format!("POST {url} as the trustee answered {}", answer.status()));
    }
    let token = answer.headers().get("X-Subject-Token").and_then(|token| token.to_str().ok());
    token.map(str::to_owned).ok_or_else(|| format!("POST {url} answered without a token"))
}

fn magnum(request: RequestBuilder, token: &str) -> RequestBuilder {
    request.header("X-Auth-Token", token).header("OpenStack-API-Version", "container-infra latest")
}

/// Sends a request and takes `pem` out of the answer; `what` names the call in the error.
async fn pem(request: RequestBuilder, what: &str) -> Result<String, String> {
    let answer = request.send().await.map_err(|error| format!("{what} failed: {error}"))?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| format!("{what} failed: {error}"))?;
    if !status.is_success() {
        let start: String = text.chars().take(300).collect();
        return Err(format!("{what} answered {status}: {start}"));
    }
    let body: Value = serde_json::from_str(&text).map_err(|_| format!("{what} answered something else than JSON"))?;
    body["pem"].as_str().map(str::to_owned).ok_or_else(|| format!("{what} answered without \"pem\""))
}

/// A key and a CSR in PEM for an API server on this address. The key is on a curve, not RSA as a real node's: many nodes
/// are played on one machine, and this takes a thousandth of the time.
fn signing_request(host: &str) -> Result<(PKey<Private>, String), ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", "kubernetes")?;
    let mut request = X509Req::builder()?;
    request.set_subject_name(&name.build())?;
    request.set_pubkey(&key)?;
    let mut names = SubjectAlternativeName::new();
    names.ip(host).ip("127.0.0.1").ip(SERVICE_ADDRESS);
    for dns in NAMES {
        names.dns(dns);
    }
    let mut extensions = Stack::new()?;
    extensions.push(names.build(&request.x509v3_context(None))?)?;
    request.add_extensions(&extensions)?;
    request.sign(&key, MessageDigest::sha256())?;
    let pem = request.build().to_pem()?;
    Ok((key, String::from_utf8_lossy(&pem).into_owned()))
}

fn acceptor(ca: &str, certificate: &str, key: &PKey<Private>) -> Result<SslAcceptor, ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_private_key(key)?;
    let mut chain = X509::stack_from_pem(certificate.as_bytes())?.into_iter();
    if let Some(leaf) = chain.next() {
        builder.set_certificate(&leaf)?;
    }
    for intermediate in chain {
        builder.add_extra_chain_cert(intermediate)?;
    }
    builder.check_private_key()?;
    let mut store = X509StoreBuilder::new()?;
    for authority in X509::stack_from_pem(ca.as_bytes())? {
        builder.add_client_ca(&authority)?;
        store.add_cert(authority)?;
    }
    builder.set_verify_cert_store(store.build())?;
    builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    Ok(builder.build())
}
