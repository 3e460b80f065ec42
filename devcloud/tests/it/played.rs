//! Played nodes, against a stand-in for the service under test that signs certificates.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use devcloud::{DevCloud, Settings};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::BasicConstraints;
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder, X509NameRef, X509Req};
use serde_json::{Value, json};

use crate::client::{Caller, quick, trustee_admin, user};
use crate::templates::{cluster, output};

/// A CA, and a switch that lets the stand-in refuse.
struct Authority {
    key: PKey<Private>,
    certificate: X509,
    refuse: AtomicBool,
}

fn name(cn: &str) -> X509Name {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", cn).unwrap();
    name.build()
}

fn begun(key: &PKey<openssl::pkey::Public>, subject: &X509NameRef, issuer: &X509NameRef, serial: u32) -> X509Builder {
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(serial).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(subject).unwrap();
    builder.set_issuer_name(issuer).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder
}

fn public(key: &PKey<Private>) -> PKey<openssl::pkey::Public> {
    PKey::public_key_from_pem(&key.public_key_to_pem().unwrap()).unwrap()
}

impl Authority {
    fn new() -> Arc<Authority> {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let subject = name("ca");
        let mut builder = begun(&public(&key), &subject, &subject, 1);
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Arc::new(Authority { key, certificate: builder.build(), refuse: AtomicBool::new(false) })
    }

    fn pem(&self) -> String {
        String::from_utf8(self.certificate.to_pem().unwrap()).unwrap()
    }

    /// Signs a CSR with the names it asks for.
    fn sign(&self, csr: &str) -> String {
        let request = X509Req::from_pem(csr.as_bytes()).unwrap();
        let key = request.public_key().unwrap();
        assert!(request.verify(&key).unwrap());
        let mut builder = begun(&key, request.subject_name(), self.certificate.subject_name(), 2);
        for extension in request.extensions().unwrap() {
            builder.append_extension(extension).unwrap();
        }
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        String::from_utf8(builder.build().to_pem().unwrap()).unwrap()
    }

    /// Certificate and key of a client, in one PEM text.
    fn client(&self) -> (String, String) {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let mut builder = begun(&public(&key), &name("admin"), self.certificate.subject_name(), 3);
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        let certificate = String::from_utf8(builder.build().to_pem().unwrap()).unwrap();
        (certificate, String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap())
    }
}

fn is_node(request: &HttpRequest) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    header("X-Auth-Token").starts_with("gAAAAA") && header("OpenStack-API-Version") == "container-infra latest"
}

async fn show(request: HttpRequest, ca: web::Data<Authority>, uuid: web::Path<String>) -> HttpResponse {
    if ca.refuse.load(Ordering::Relaxed) || !is_node(&request) || uuid.as_str() != "cluster-1" {
        return HttpResponse::Forbidden().body("certificate:get refused");
    }
    HttpResponse::Ok().json(json!({"pem": ca.pem()}))
}

async fn sign(request: HttpRequest, ca: web::Data<Authority>, body: web::Json<Value>) -> HttpResponse {
    if !is_node(&request) || body["cluster_uuid"] != "cluster-1" {
        return HttpResponse::Forbidden().body("certificate:create refused");
    }
    HttpResponse::Created().json(json!({"pem": ca.sign(body["csr"].as_str().unwrap())}))
}

/// A cloud that plays nodes, with the stand-in's URL in its catalogue.
async fn stage(ca: &Arc<Authority>, patience: Duration) -> (DevCloud, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let data = web::Data::from(Arc::clone(ca));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(data.clone())
            .route("/v1/certificates/{uuid}", web::get().to(show))
            .route("/v1/certificates", web::post().to(sign))
    });
    tokio::spawn(server.workers(1).disable_signals().listen(listener).unwrap().run());
    let settings = Settings { play_nodes: true, node_patience: patience, magnum_url: Some(url.clone()), ..quick() };
    (DevCloud::start(settings).await.unwrap(), url)
}

async fn stack(cloud: &DevCloud, demo: &Caller, magnum_url: &str, password: &str) -> String {
    let body = cluster(cloud, "c1", &parameters(cloud, magnum_url, password).await);
    let made = demo.post(&demo.stacks(), body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.body["stack"]["id"].as_str().unwrap().to_owned()
}

/// Makes a trustee with the password `secret`; gives the parameters that a node needs, with another password perhaps.
async fn parameters(cloud: &DevCloud, magnum_url: &str, password: &str) -> Value {
    let admin = trustee_admin(cloud).await;
    let body =
        json!({"user": {"name": "cluster-1_p", "password": "secret", "domain_id": cloud.seed().trustee_domain_id}});
    let trustee = admin.post("/identity/v3/users", body).await.body["user"]["id"].clone();
    json!({
        "cluster_uuid": "cluster-1", "auth_url": cloud.auth_url(), "magnum_url": magnum_url,
        "trustee_user_id": trustee, "trustee_password": password,
    })
}

fn kube(ca: &Authority, with_identity: bool) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(ca.pem().as_bytes()).unwrap();
    let mut client = reqwest::Client::builder().tls_built_in_root_certs(false).add_root_certificate(root).no_proxy();
    if with_identity {
        let (certificate, key) = ca.client();
        client = client.identity(reqwest::Identity::from_pkcs8_pem(certificate.as_bytes(), key.as_bytes()).unwrap());
    }
    client.build().unwrap()
}

#[tokio::test]
async fn a_played_node_serves_the_api_with_its_signed_certificate() {
    let ca = Authority::new();
    let (cloud, magnum_url) = stage(&ca, Duration::from_secs(5)).await;
    let demo = user(&cloud, "demo").await;
    let id = stack(&cloud, &demo, &magnum_url, "secret").await;
    let made = demo.settled(&id).await;
    assert_eq!(made["stack_status"], "CREATE_COMPLETE", "{}", made["stack_status_reason"]);
    let address = output(&made, "api_address").as_str().unwrap().to_owned();
    assert!(address.starts_with("https://127."), "{address}");
    let kube_client = kube(&ca, true);
    let get = |path: &'static str| kube_client.get(format!("{address}{path}")).send();
    assert_eq!(get("/healthz").await.unwrap().text().await.unwrap(), "ok");
    let nodes: Value = get("/api/v1/nodes").await.unwrap().json().await.unwrap();
    let names: Vec<&str> =
        nodes["items"].as_array().unwrap().iter().map(|node| node["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["c1-master-0", "c1-minion-0"]);
    assert_eq!(nodes["items"][0]["status"]["conditions"][0]["type"], "Ready");
    let table = kube_client.get(format!("{address}/api/v1/nodes")).header("Accept", "application/json;as=Table;v=v1");
    let table: Value = table.send().await.unwrap().json().await.unwrap();
    assert_eq!(table["rows"][0]["cells"].as_array().unwrap()[..3], ["c1-master-0", "Ready", "master"]);
    assert!(kube(&ca, false).get(format!("{address}/healthz")).send().await.is_err(), "clients need a certificate");
    assert!(kube(&Authority::new(), true).get(format!("{address}/healthz")).send().await.is_err(), "of this CA");
    demo.patch(&format!("{}/c1/{id}", demo.stacks()), json!({"parameters": {"number_of_minions": 3}})).await;
    demo.settled(&id).await;
    let nodes: Value = get("/api/v1/nodes").await.unwrap().json().await.unwrap();
    assert_eq!(nodes["items"].as_array().unwrap().len(), 4);
    demo.delete(&format!("{}/c1/{id}", demo.stacks())).await;
    demo.settled(&id).await;
    assert!(
        kube(&ca, true).get(format!("{address}/healthz")).send().await.is_err(),
        "the endpoint went with its stack"
    );
}

#[tokio::test]
async fn a_refused_certificate_fails_the_stack_and_says_which_call() {
    let ca = Authority::new();
    ca.refuse.store(true, Ordering::Relaxed);
    let (cloud, magnum_url) = stage(&ca, Duration::from_millis(100)).await;
    let demo = user(&cloud, "demo").await;
    let id = stack(&cloud, &demo, &magnum_url, "secret").await;
    let failed = demo.settled(&id).await;
    assert_eq!(failed["stack_status"], "CREATE_FAILED");
    let reason = failed["stack_status_reason"].as_str().unwrap();
    let call = format!("GET {magnum_url}/certificates/cluster-1 answered 403 Forbidden");
    assert!(reason.contains(&call), "{reason}");
    ca.refuse.store(false, Ordering::Relaxed);
    demo.patch(&format!("{}/c1/{id}", demo.stacks()), json!({"parameters": {}})).await;
    assert_eq!(demo.settled(&id).await["stack_status"], "UPDATE_COMPLETE");
}

#[tokio::test]
async fn a_wrong_trustee_password_fails_the_stack() {
    let ca = Authority::new();
    let (cloud, magnum_url) = stage(&ca, Duration::from_millis(100)).await;
    let demo = user(&cloud, "demo").await;
    let id = stack(&cloud, &demo, &magnum_url, "wrong").await;
    let reason = demo.settled(&id).await["stack_status_reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("/auth/tokens as the trustee answered 401"), "{reason}");
    assert!(!reason.contains("wrong"), "no password in a reason");
}

#[tokio::test]
async fn without_tls_a_node_serves_plainly_and_asks_nobody() {
    let ca = Authority::new();
    ca.refuse.store(true, Ordering::Relaxed);
    let (cloud, magnum_url) = stage(&ca, Duration::from_millis(100)).await;
    let demo = user(&cloud, "demo").await;
    let mut given = parameters(&cloud, &magnum_url, "secret").await;
    given["tls_disabled"] = json!(true);
    let mut body = cluster(&cloud, "c1", &given);
    let template = body["template"].as_str().unwrap().replace("https://ADDRESS:6443", "http://ADDRESS:8080");
    body["template"] =
        json!(template.replace("  cluster_uuid:\n", "  tls_disabled: {type: boolean}\n  cluster_uuid:\n"));
    let made = demo.post(&demo.stacks(), body).await;
    let stack = demo.settled(made.body["stack"]["id"].as_str().unwrap()).await;
    assert_eq!(stack["stack_status"], "CREATE_COMPLETE", "{}", stack["stack_status_reason"]);
    let address = output(&stack, "api_address").as_str().unwrap();
    assert!(address.starts_with("http://127."), "{address}");
    assert_eq!(reqwest::get(format!("{address}/healthz")).await.unwrap().text().await.unwrap(), "ok");
}
