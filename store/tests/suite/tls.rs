//! Databases reached over TLS, with the authority that `TEST_MYSQL_CA` and `TEST_POSTGRES_CA` name.

use store::{PoolOptions, Store};

use super::suite::Fresh;

/// Connects to the database of `db` with this query behind its URL; the first error in words.
async fn connect(db: &Fresh, query: &str) -> Result<(), String> {
    let mut url = url::Url::parse(&db.url).unwrap();
    url.set_query(Some(query));
    let store = Store::connect(url.as_str(), PoolOptions::default()).await.map_err(|error| error.to_string())?;
    store.migrate().await.map(drop).map_err(|error| error.to_string())
}

/// A server is believed when its certificate is of the authority named with `option`, and not when it is of another one.
/// The variable `authority` names the right one.
#[expect(clippy::print_stderr, reason = "a test that was left out has to say so")]
pub(crate) async fn only_a_known_authority_is_believed(db: &Fresh, authority: &str, option: &str, more: &str) {
    let Ok(ca) = std::env::var(authority) else {
        eprintln!("not tried over TLS: {authority} is not set, because the server was given and not started here");
        return;
    };
    connect(db, &format!("{more}{option}={ca}")).await.unwrap();
    let foreign = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(foreign.path(), foreign_authority()).unwrap();
    let refused = connect(db, &format!("{more}{option}={}", foreign.path().display())).await;
    assert!(refused.is_err(), "a server with another authority was believed");
}

fn foreign_authority() -> Vec<u8> {
    use openssl::{asn1::Asn1Time, ec, hash::MessageDigest, nid::Nid, pkey::PKey, x509};
    let group = ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(ec::EcKey::generate(&group).unwrap()).unwrap();
    let mut name = x509::X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "localhost").unwrap();
    let name = name.build();
    let mut builder = x509::X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.append_extension(x509::extension::BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    builder.build().to_pem().unwrap()
}
