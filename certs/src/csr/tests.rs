//! Requests made with the openssl command line, signed here, and judged by the openssl command line.

use std::path::Path;
use std::process::Command;

use domain::Error;
use tempfile::TempDir;

use super::*;
use crate::policy::KeyKind;
use crate::x509;

struct Bench {
    dir: TempDir,
    ca: Pair,
    policy: X509Policy,
}

fn openssl(dir: &Path, args: &[&str]) -> Result<String, String> {
    let out = Command::new("openssl").current_dir(dir).args(args).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    if out.status.success() { Ok(text) } else { Err(text) }
}

impl Bench {
    fn new() -> Self {
        Self::with(KeyKind::P256)
    }

    fn with(kind: KeyKind) -> Self {
        let ca = x509::authority("blue", kind.generate().unwrap(), 30, Utc::now()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), pem(&ca.certificate).unwrap()).unwrap();
        Self { dir, ca, policy: X509Policy::default() }
    }

    /// A request for this subject with these lines in its extension section.
    fn csr(&self, newkey: &[&str], subject: &str, extensions: &str) -> String {
        let config = format!("[req]\ndistinguished_name=dn\nreq_extensions=ext\n[dn]\n[ext]\n{extensions}\n");
        std::fs::write(self.dir.path().join("req.cnf"), config).unwrap();
        let mut args =
            vec!["req", "-new", "-utf8", "-nodes", "-keyout", "k.pem", "-config", "req.cnf", "-subj", subject];
        if extensions.is_empty() {
            args.extend(["-reqexts", "empty"]);
            std::fs::write(self.dir.path().join("req.cnf"), "[req]\ndistinguished_name=dn\n[dn]\n[empty]\n").unwrap();
        }
        args.extend(newkey);
        let text = openssl(self.dir.path(), &args).unwrap();
        let start = text.find("-----BEGIN CERTIFICATE REQUEST").unwrap();
        let end = text.find("-----END CERTIFICATE REQUEST-----").unwrap();
        format!("{}-----END CERTIFICATE REQUEST-----\n", &text[start..end])
    }

    fn ec(&self, extensions: &str) -> String {
        self.csr(&EC, "/CN=node", extensions)
    }

    fn sign(&self, csr: &str) -> Result<String> {
        sign(&self.ca, csr, &self.policy, SignFor::Owner, Utc::now())
    }

    /// Signs, lets openssl verify strictly, and answers its description of the certificate.
    fn signed(&self, csr: &str) -> String {
        let pem = self.sign(csr).unwrap();
        self.judge(&pem)
    }

    fn judge(&self, pem: &str) -> String {
        std::fs::write(self.dir.path().join("cert.pem"), pem).unwrap();
        let dir = self.dir.path();
        for strict in [&["verify", "-CAfile", "ca.pem"][..], &["verify", "-x509_strict", "-CAfile", "ca.pem"]] {
            let args: Vec<&str> = strict.iter().copied().chain(["cert.pem"]).collect();
            openssl(dir, &args).unwrap();
        }
        openssl(dir, &["x509", "-in", "cert.pem", "-noout", "-text"]).unwrap()
    }

    fn refusal(&self, csr: &str) -> String {
        match self.sign(csr) {
            Err(Error::Invalid(text)) => text,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
}

const EC: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

#[test]
fn every_usual_key_is_signed_under_every_usual_ca() {
    let keys: [&[&str]; 6] = [
        &["-newkey", "rsa:2048"],
        &["-newkey", "rsa:2048", "-sha512"],
        &EC,
        &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
        &["-newkey", "ed25519"],
        &["-newkey", "ed448"],
    ];
    for ca in [KeyKind::P256, KeyKind::Rsa(2048)] {
        let bench = Bench::with(ca);
        for key in keys {
            let text = bench.signed(&bench.csr(key, "/O=system:nodes/CN=system:node:m\u{fc}nchen", ""));
            assert!(text.contains("Issuer: CN = blue"), "{text}");
            assert!(text.contains("O = system:nodes"), "{text}");
            assert!(text.contains("Authority Key Identifier"), "{text}");
        }
    }
}

#[test]
fn names_usages_and_key_identifier_are_kept() {
    let bench = Bench::new();
    let text = bench.signed(&bench.ec(
        "keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth,clientAuth\n\
         subjectAltName=IP:10.254.0.1,IP:2001:db8::1,DNS:kubernetes.default.svc\nsubjectKeyIdentifier=hash\n\
         basicConstraints=CA:FALSE",
    ));
    for expected in [
        "X509v3 Key Usage: critical\n                Digital Signature, Key Encipherment",
        "TLS Web Server Authentication, TLS Web Client Authentication",
        "IP Address:10.254.0.1, IP Address:2001:DB8:0:0:0:0:0:1, DNS:kubernetes.default.svc",
        "X509v3 Subject Key Identifier",
        "CA:FALSE",
    ] {
        assert!(text.contains(expected), "{expected} is missing in {text}");
    }
    assert_eq!(text.matches("X509v3 Subject Key Identifier").count(), 1);
}

#[test]
fn extension_bytes_order_and_criticality_are_kept() {
    let bench = Bench::new();
    let csr = bench
        .ec("subjectAltName=critical,DNS:b,DNS:a\nkeyUsage=digitalSignature\nextendedKeyUsage=critical,clientAuth");
    let pem = bench.sign(&csr).unwrap();
    let asked = requested_extensions(&read(&csr).unwrap()).unwrap();
    let der = openssl::x509::X509::from_pem(pem.as_bytes()).unwrap().to_der().unwrap();
    let got = x509_cert::Certificate::from_der(&der).unwrap().tbs_certificate().extensions().unwrap().clone();
    assert_eq!(&got[..asked.len()], &asked[..]);
    assert_eq!(got.len(), asked.len() + 1, "only the issuer's key identifier is added");
}

#[test]
fn what_is_not_allowed_is_dropped_or_refused_by_its_criticality() {
    let bench = Bench::new();
    let dropped = bench.signed(&bench.ec("1.2.3.4=ASN1:UTF8String:hello\nnsComment=hello\nkeyUsage=digitalSignature"));
    assert!(!dropped.contains("1.2.3.4") && !dropped.contains("hello"), "{dropped}");
    let text = bench.refusal(&bench.ec("1.2.3.4=critical,ASN1:UTF8String:hello"));
    assert!(text.contains("Extension '1.2.3.4' not allowed"), "{text}");
    let text = bench.refusal(&bench.ec("nameConstraints=critical,permitted;DNS:example.com"));
    assert!(text.contains("nameConstraints"), "{text}");
}

#[test]
fn key_usages_are_masked_or_refused() {
    let bench = Bench::new();
    let masked = bench.signed(&bench.ec("keyUsage=digitalSignature,keyCertSign,cRLSign,dataEncipherment"));
    assert!(masked.contains("Digital Signature\n") && !masked.contains("Certificate Sign"), "{masked}");
    let gone = bench.signed(&bench.ec("keyUsage=keyCertSign"));
    assert!(!gone.contains("X509v3 Key Usage"), "an empty key usage is invalid: {gone}");
    for usage in ["keyCertSign", "digitalSignature,cRLSign", "keyAgreement"] {
        let text = bench.refusal(&bench.ec(&format!("keyUsage=critical,{usage}")));
        assert!(text.contains("key usage"), "{text}");
    }
}

#[test]
fn ca_requests_need_the_option_and_an_owner() {
    let mut bench = Bench::new();
    let plain = bench.signed(&bench.ec("basicConstraints=CA:TRUE,pathlen:3"));
    assert!(plain.contains("CA:FALSE") && !plain.contains("CA:TRUE"), "{plain}");
    bench.refusal(&bench.ec("basicConstraints=critical,CA:TRUE"));
    bench.policy.allow_ca = true;
    let csr = bench.ec("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash");
    let text = bench.sign(&csr).unwrap();
    std::fs::write(bench.dir.path().join("sub.pem"), text).unwrap();
    let text = openssl(bench.dir.path(), &["x509", "-in", "sub.pem", "-noout", "-text"]).unwrap();
    assert!(text.contains("CA:TRUE") && text.contains("Certificate Sign"), "{text}");
    let node = sign(&bench.ca, &csr, &bench.policy, SignFor::Trustee, Utc::now());
    assert!(matches!(node, Err(Error::Invalid(_))), "{node:?}");
}

#[test]
fn a_node_joins_masters_under_configured_names_only() {
    let mut bench = Bench::new();
    assert_eq!(bench.policy.trustee_masters, Vec::<String>::new(), "nobody, by default");
    bench.policy.trustee_masters = vec!["admin".to_owned()];
    let node = |bench: &Bench, subject: &str| {
        sign(&bench.ca, &bench.csr(&EC, subject, ""), &bench.policy, SignFor::Trustee, Utc::now())
    };
    node(&bench, "/O=system:nodes/CN=system:node:n0").unwrap();
    node(&bench, "/O=system:masters/CN=admin").unwrap();
    for subject in ["/O=system:masters/CN=eve", "/O=system:masters", "/O=x/O=system:masters/CN=admin/CN=eve"] {
        assert!(matches!(node(&bench, subject), Err(Error::Refused(_))), "{subject}");
    }
    bench.sign(&bench.csr(&EC, "/O=system:masters/CN=eve", "")).unwrap();
    bench.policy.trustee_masters.clear();
    assert!(node(&bench, "/O=system:masters/CN=admin").is_err());
}

#[test]
fn a_challenge_password_and_text_around_the_pem_do_no_harm() {
    let bench = Bench::new();
    let config =
        "[req]\ndistinguished_name=dn\nattributes=attr\nprompt=no\n[dn]\nCN=node\n[attr]\nchallengePassword=secret99\n";
    std::fs::write(bench.dir.path().join("c.cnf"), config).unwrap();
    let mut args = vec!["req", "-new", "-nodes", "-keyout", "k.pem", "-config", "c.cnf", "-out", "c.csr"];
    args.extend(EC);
    openssl(bench.dir.path(), &args).unwrap();
    let csr = std::fs::read_to_string(bench.dir.path().join("c.csr")).unwrap();
    let text = bench.signed(&format!(
        "some words\n{}",
        csr.replace("BEGIN CERT", "BEGIN NEW CERT").replace("END CERT", "END NEW CERT")
    ));
    assert!(!text.contains("secret99"), "{text}");
}

#[test]
fn weak_keys_are_refused() {
    let bench = Bench::new();
    let weak: [&[&str]; 3] = [
        &["-newkey", "rsa:1024"],
        &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime192v1"],
        &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
    ];
    for key in weak {
        let text = bench.refusal(&bench.csr(key, "/CN=node", ""));
        assert!(text.contains("its key must be"), "{text}");
    }
}

#[test]
fn a_request_must_prove_its_key() {
    let bench = Bench::new();
    let mut der = read(&bench.ec("keyUsage=digitalSignature")).unwrap().to_der().unwrap();
    // The last byte belongs to the signature.
    *der.last_mut().unwrap() ^= 1;
    let broken = String::from_utf8(X509Req::from_der(&der).unwrap().to_pem().unwrap()).unwrap();
    let text = bench.refusal(&broken);
    assert!(text.contains("signature does not match"), "{text}");
}

#[test]
fn what_is_no_request_is_refused() {
    let bench = Bench::new();
    let good = bench.ec("");
    let key = std::fs::read_to_string(bench.dir.path().join("k.pem")).unwrap();
    let half = &good[..good.len() / 2];
    let certificate = pem(&bench.ca.certificate).unwrap();
    let long = "A".repeat(LIMIT + 1);
    for csr in ["", "hello", "\u{0}\u{1}", &key, half, &certificate, &long] {
        let text = bench.refusal(csr);
        assert!(!text.contains("PRIVATE KEY"), "{text}");
    }
}

#[test]
fn a_doubled_or_malformed_extension_is_refused() {
    let bench = Bench::new();
    let name = |critical: &str| format!("2.5.29.17={critical}DER:30:03:82:01:61");
    let text = bench.refusal(&bench.ec(&format!("subjectAltName=DNS:a\n{}", name(""))));
    assert!(text.contains("twice"), "{text}");
    for broken in ["2.5.29.15=DER:03:01", "2.5.29.19=DER:30:05", "2.5.29.17=DER:04:00", "2.5.29.37=DER:ff"] {
        let text = bench.refusal(&bench.ec(broken));
        assert!(text.contains("malformed"), "{broken}: {text}");
    }
}

#[test]
fn our_own_certificates_verify_strictly_and_serve_a_day_earlier() {
    for kind in [KeyKind::P256, KeyKind::Rsa(2048)] {
        let bench = Bench::with(kind);
        let text = openssl(bench.dir.path(), &["x509", "-in", "ca.pem", "-noout", "-text"]).unwrap();
        for expected in ["CA:TRUE, pathlen:0", "X509v3 Key Usage: critical\n                Certificate Sign\n"] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        let client = x509::client(&bench.ca, kind.generate().unwrap(), 30, Utc::now()).unwrap();
        let text = bench.judge(&pem(&client.certificate).unwrap());
        assert!(text.contains("Subject: O = system:masters, CN = admin"), "{text}");
        assert!(text.contains("TLS Web Client Authentication"), "{text}");
        openssl(
            bench.dir.path(),
            &["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "ca.pem", "cert.pem"],
        )
        .unwrap();
        let yesterday =
            openssl::asn1::Asn1Time::from_unix((Utc::now() - chrono::TimeDelta::hours(23)).timestamp()).unwrap();
        assert!(client.certificate.not_before() < yesterday);
    }
}

#[test]
fn serial_numbers_differ_and_long_names_are_cut() {
    let make =
        |name: &str| x509::authority(name, KeyKind::P256.generate().unwrap(), 1, Utc::now()).unwrap().certificate;
    let (a, b) = (make("a"), make(&"\u{e4}".repeat(300)));
    let number = |c: &openssl::x509::X509| c.serial_number().to_bn().unwrap().to_string();
    assert_ne!(number(&a), number(&b));
    let cn = b.subject_name().entries_by_nid(Nid::COMMONNAME).next().unwrap().data().to_string().unwrap();
    assert_eq!(cn.chars().count(), 64);
}
