//! What clusters do that mean no good, or are not who they say.

use std::{
    net::Ipv4Addr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use domain::Secret;
use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    hash::MessageDigest,
    pkey::{PKey, Private},
    rsa::Rsa,
    ssl::{Ssl, SslAcceptor, SslMethod, SslVerifyMode},
    x509::{
        X509, X509NameBuilder,
        extension::{BasicConstraints, SubjectAlternativeName},
        store::X509StoreBuilder,
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_openssl::SslStream;

use super::*;

const PATIENCE: Duration = Duration::from_secs(40);
/// For servers that never come to an end.
const SHORT: Duration = Duration::from_secs(1);

/// Asks one URL and tells what came back.
struct One(String);

impl Inquiry for One {
    type Told = Answer;

    fn begin(&mut self) -> Turn<Answer> {
        Turn::Ask(self.0.clone())
    }

    fn hear(&mut self, answer: Answer) -> Turn<Answer> {
        Turn::Told(answer)
    }
}

/// Asks without end.
struct Endless(String);

impl Inquiry for Endless {
    type Told = ();

    fn begin(&mut self) -> Turn<()> {
        Turn::Ask(self.0.clone())
    }

    fn hear(&mut self, _: Answer) -> Turn<()> {
        Turn::Ask(self.0.clone())
    }
}

/// How a server answers; after its head it goes on as `flood` says.
#[derive(Clone)]
struct Says {
    head: &'static str,
    flood: Flood,
}

#[derive(Clone, Copy)]
enum Flood {
    Close,
    Hang,
    Bytes,
    Drip,
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, says: Says) {
    let mut request = [0; 4096];
    if stream.read(&mut request).await.is_err() || stream.write_all(says.head.as_bytes()).await.is_err() {
        return;
    }
    let chunk = vec![b'x'; 65_536];
    loop {
        match says.flood {
            Flood::Close => {
                let _ = stream.shutdown().await;
                return;
            }
            Flood::Hang => std::future::pending::<()>().await,
            Flood::Bytes if stream.write_all(&chunk).await.is_err() => return,
            Flood::Drip if stream.write_all(b"x").await.is_err() => return,
            Flood::Bytes => {}
            Flood::Drip => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// A server on a free port; the number of its connections is counted.
async fn serve(says: Says, tls: Option<SslAcceptor>) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (address, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let (says, tls) = (says.clone(), tls.clone());
            tokio::spawn(async move {
                let Some(acceptor) = tls else { return talk(stream, says).await };
                let mut secured = SslStream::new(Ssl::new(acceptor.context()).unwrap(), stream).unwrap();
                if Pin::new(&mut secured).accept().await.is_ok() {
                    talk(secured, says).await;
                }
            });
        }
    });
    (address, count)
}

async fn answer_of(client: &Client, url: String) -> Answer {
    inquire(client, PATIENCE, &mut One(url)).await.unwrap()
}

fn plain() -> Client {
    bounded(Client::builder()).build().unwrap()
}

#[tokio::test]
async fn an_answer_is_handed_over_as_it_is() {
    let html = Says { head: "HTTP/1.1 503 No\r\ncontent-length: 15\r\n\r\n<html>\u{e4}</html>", flood: Flood::Close };
    let (address, _) = serve(html, None).await;
    let reply = answer_of(&plain(), format!("http://{address}/healthz")).await.unwrap();
    assert_eq!(reply.status, 503);
    assert!(reply.body.starts_with("<html>"), "{reply:?}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let (secret, visits) = serve(Says { head: "HTTP/1.1 200 OK\r\n\r\nok", flood: Flood::Close }, None).await;
    let head: &'static str = Box::leak(
        format!("HTTP/1.1 302 Found\r\nlocation: http://{secret}/\r\ncontent-length: 0\r\n\r\n").into_boxed_str(),
    );
    let (address, _) = serve(Says { head, flood: Flood::Close }, None).await;
    assert_eq!(answer_of(&plain(), format!("http://{address}/healthz")).await.unwrap().status, 302);
    assert_eq!(visits.load(Ordering::Relaxed), 0, "nobody went where the redirect leads");
}

#[tokio::test]
async fn neither_a_huge_nor_a_slow_nor_a_silent_answer_is_waited_for() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    for (head, flood, words) in [
        (head, Flood::Bytes, "too long"),
        (head, Flood::Drip, "no answer within"),
        (head, Flood::Hang, "no answer within"),
        ("", Flood::Hang, "no answer within"),
        ("", Flood::Bytes, ""),
        ("SSH-2.0-OpenSSH_9.2p1\r\n", Flood::Close, ""),
    ] {
        let (address, _) = serve(Says { head, flood }, None).await;
        let begun = Instant::now();
        let patience = if words.starts_with("no answer") { SHORT } else { PATIENCE };
        let mut one = One(format!("http://{address}/healthz"));
        let why = inquire(&plain(), patience, &mut one).await.unwrap().unwrap_err();
        assert!(why.contains(words) && !why.contains("xxxx"), "{why}");
        assert!(begun.elapsed() < PATIENCE / 2, "{why}: {:?}", begun.elapsed());
    }
    let (address, visits) =
        serve(Says { head: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", flood: Flood::Close }, None).await;
    let end = inquire(&plain(), PATIENCE, &mut Endless(format!("http://{address}/"))).await;
    assert_eq!(end, Err("there is too much to ask".to_owned()));
    assert_eq!(visits.load(Ordering::Relaxed), MAX_QUESTIONS);
}

/// Tells one thing and hears what came back.
struct Change(Option<Request>);

impl Inquiry for Change {
    type Told = Answer;

    fn begin(&mut self) -> Turn<Answer> {
        Turn::Tell(self.0.take().unwrap())
    }

    fn hear(&mut self, answer: Answer) -> Turn<Answer> {
        Turn::Told(answer)
    }
}

#[tokio::test]
async fn a_change_arrives_as_it_is_told() {
    let body = serde_json::json!({"spec": {"unschedulable": true}});
    for (method, body, head) in [
        (Method::Post, Some(body.clone()), "POST /nodes/w1 HTTP/1.1\r\ncontent-type: application/json\r\n"),
        (Method::MergePatch, Some(body), "PATCH /nodes/w1 HTTP/1.1\r\ncontent-type: application/merge-patch+json\r\n"),
        (Method::Delete, None, "DELETE /nodes/w1 HTTP/1.1\r\n"),
    ] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/nodes/w1", listener.local_addr().unwrap());
        let end = body.as_ref().map_or("\r\n\r\n".to_owned(), ToString::to_string);
        let heard = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = String::new();
            while !heard.ends_with(&end) {
                heard.push(char::from(stream.read_u8().await.unwrap()));
            }
            stream.write_all(b"HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            heard
        });
        let answer = inquire(&plain(), PATIENCE, &mut Change(Some(Request { method, url, body }))).await.unwrap();
        assert_eq!(answer.unwrap().status, 409);
        let heard = heard.await.unwrap();
        assert!(heard.starts_with(head), "{heard}");
    }
}

#[tokio::test]
async fn nobody_there_is_said_without_the_url() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let why = answer_of(&plain(), format!("http://{address}/healthz")).await.unwrap_err();
    assert!(why.starts_with("no connection: ") && !why.contains("healthz"), "{why}");
}

/// A pair, signed by an issuer or by itself.
struct Pair(X509, PKey<Private>);

impl Pair {
    fn new(name: &str, issuer: Option<&Self>) -> Self {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_text("CN", name).unwrap();
        let subject = subject.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(&BigNum::from_u32(rand::random()).unwrap().to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_issuer_name(issuer.map_or(&subject, |issuer| issuer.0.subject_name())).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
        match issuer {
            None => builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap(),
            Some(issuer) => {
                let mut names = SubjectAlternativeName::new();
                names.ip(if name == "elsewhere" { "192.0.2.1" } else { "127.0.0.1" });
                let names = names.build(&builder.x509v3_context(Some(&issuer.0), None)).unwrap();
                builder.append_extension(names).unwrap();
            }
        }
        builder.sign(issuer.map_or(&key, |issuer| &issuer.1), MessageDigest::sha256()).unwrap();
        Self(builder.build(), key)
    }

    fn certificate(&self) -> String {
        String::from_utf8(self.0.to_pem().unwrap()).unwrap()
    }

    fn key(&self) -> Secret {
        Secret::new(String::from_utf8(self.1.private_key_to_pem_pkcs8().unwrap()).unwrap())
    }

    /// A server with this pair that wants clients of `authority`.
    fn acceptor(&self, authority: &Self) -> SslAcceptor {
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        builder.set_private_key(&self.1).unwrap();
        builder.set_certificate(&self.0).unwrap();
        let mut store = X509StoreBuilder::new().unwrap();
        store.add_cert(authority.0.clone()).unwrap();
        builder.set_verify_cert_store(store.build()).unwrap();
        builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        builder.build()
    }
}

#[tokio::test]
async fn only_the_clusters_own_authority_is_believed() {
    let (ours, theirs) = (Pair::new("cluster", None), Pair::new("somebody", None));
    let own = Pair::new("magnum", Some(&ours));
    let client = trusting(&ours.certificate(), &own.certificate(), own.key().expose()).unwrap();
    let client = bounded(client).build().unwrap();
    let ok = Says { head: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", flood: Flood::Close };
    for (server, believed) in [
        (Pair::new("api", Some(&ours)), true),
        (Pair::new("api", Some(&theirs)), false),
        (Pair::new("elsewhere", Some(&ours)), false),
    ] {
        let (address, _) = serve(ok.clone(), Some(server.acceptor(&ours))).await;
        let answer = answer_of(&client, format!("https://{address}/healthz")).await;
        assert_eq!(answer.is_ok(), believed, "{answer:?}");
        let why = answer.err().unwrap_or_default();
        assert!(believed || why.contains("certificate verify failed"), "{why}");
        assert!(!why.contains("PRIVATE KEY"), "{why}");
    }
    let server = Pair::new("api", Some(&ours)).acceptor(&ours);
    let (address, _) = serve(ok.clone(), Some(server)).await;
    let stranger = Pair::new("stranger", Some(&theirs));
    let stranger = trusting(&ours.certificate(), &stranger.certificate(), stranger.key().expose()).unwrap();
    let answer = answer_of(&bounded(stranger).build().unwrap(), format!("https://{address}/healthz")).await;
    assert!(answer.is_err(), "a stranger got in: {answer:?}");
    let (address, _) = serve(ok, None).await;
    assert!(answer_of(&client, format!("http://{address}/healthz")).await.is_err(), "the certificate is for TLS");
    let broken = trusting("no authority", &own.certificate(), "no key").unwrap_err();
    assert!(!broken.contains("no key"), "{broken}");
}

#[test]
fn only_bare_addresses_are_asked() {
    for good in [
        "https://203.0.113.7:6443",
        "http://203.0.113.7:8080",
        "tcp://203.0.113.7:2376",
        "203.0.113.7",
        "2001:db8::7",
        "https://[2001:db8::7]:6443",
    ] {
        assert!(is_bare(good), "{good}");
    }
    for bad in [
        "",
        "https://",
        "https://internal.example:6443",
        "http://203.0.113.7:8080/admin?x=",
        "http://a@203.0.113.7",
        "ftp://203.0.113.7",
        "http://169.254.169.254",
        "http://0.0.0.0:80",
        "http://224.0.0.1:80",
        "http://[fe80::1]:80",
        "http://[::ffff:169.254.169.254]:80",
        "http://[::ffff:0.0.0.0]:80",
        "203.0.113.7:5050/x",
        "http://203.0.113.7:8080#",
    ] {
        assert!(!is_bare(bad), "{bad}");
    }
}
