//! A proxy that speaks TLS in front of the broker, with a CA of its own.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    ssl::{SslAcceptor, SslMethod, SslStream},
    x509::{
        X509, X509NameBuilder,
        extension::{BasicConstraints, SubjectAlternativeName},
    },
};

pub(crate) struct Proxy {
    pub(crate) port: u16,
    /// The certificate to trust.
    pub(crate) ca: tempfile::NamedTempFile,
    refused: Arc<AtomicUsize>,
}

/// A certificate for `localhost` that is its own CA.
fn certificate() -> (X509, PKey<Private>) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    let names = SubjectAlternativeName::new().dns("localhost").build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    (builder.build(), key)
}

impl Proxy {
    pub(crate) fn start(broker: String) -> Self {
        let (certificate, key) = certificate();
        let ca = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(ca.path(), certificate.to_pem().unwrap()).unwrap();
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_certificate(&certificate).unwrap();
        acceptor.set_private_key(&key).unwrap();
        let acceptor = Arc::new(acceptor.build());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let refused = Arc::new(AtomicUsize::new(0));
        let refusals = Arc::clone(&refused);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (acceptor, broker, refusals) = (Arc::clone(&acceptor), broker.clone(), Arc::clone(&refusals));
                thread::spawn(move || match acceptor.accept(client) {
                    Ok(client) => pass_on(client, &TcpStream::connect(broker).unwrap()),
                    Err(_) => {
                        refusals.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        Self { port, ca, refused }
    }

    /// How many clients hung up because they do not trust the certificate.
    pub(crate) fn failures(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Copies both ways from one thread, because a TLS stream cannot be split.
fn pass_on(mut client: SslStream<TcpStream>, mut broker: &TcpStream) {
    let pause = Some(Duration::from_millis(5));
    client.get_ref().set_read_timeout(pause).unwrap();
    broker.set_read_timeout(pause).unwrap();
    let mut buffer = [0; 16 * 1024];
    loop {
        match client.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) if broker.write_all(&buffer[..length]).is_err() => return,
            Err(error) if !is_pause(&error) => return,
            _ => {}
        }
        match broker.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) if client.write_all(&buffer[..length]).is_err() => return,
            Err(error) if !is_pause(&error) => return,
            _ => {}
        }
    }
}

fn is_pause(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
