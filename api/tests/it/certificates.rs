//! Certificates: the CA, signing, and whom it is done for.

use chrono::{TimeDelta, Utc};
use domain::Ident;
use openssl::{
    hash::MessageDigest,
    nid::Nid,
    pkey::PKey,
    rsa::Rsa,
    x509::{X509, X509Name, X509Req},
};
use serde_json::{Value, json};
use store::Scope;

use crate::world::World;

/// A signing request for this organisation and name, PEM.
pub(crate) fn csr(organisation: &str, name: &str) -> String {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut subject = X509Name::builder().unwrap();
    subject.append_entry_by_nid(Nid::ORGANIZATIONNAME, organisation).unwrap();
    subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    let mut request = X509Req::builder().unwrap();
    request.set_subject_name(&subject.build()).unwrap();
    request.set_pubkey(&key).unwrap();
    request.sign(&key, MessageDigest::sha256()).unwrap();
    String::from_utf8(request.build().to_pem().unwrap()).unwrap()
}

/// Does what the conductor does before the stack: issues the CA and names the cluster's own user.
pub(crate) async fn issue(world: &World, uuid: &str, trustee: Option<&str>) {
    let now = Utc::now();
    let mut record = world.store.cluster(&Scope::All, &Ident::of(uuid)).await.unwrap();
    record.cluster.ca_cert_ref = Some(world.certs.issue_ca(&record.cluster, now).await.unwrap());
    record.cluster.trustee_user_id = trustee.map(str::to_owned);
    let operations = world.store.operations(Some(uuid), true, 1).await.unwrap();
    let lease = TimeDelta::seconds(60);
    let op = world.store.claim_operation(&operations[0].id, "test", now, lease).await.unwrap().unwrap();
    assert!(world.store.record(&op, &record.cluster, &record.nodegroups, now).await.unwrap());
}

#[tokio::test]
async fn what_is_signed_is_verified_by_the_ca() {
    let world = World::new().await;
    world.template(json!({})).await;
    let uuid = world.cluster(json!({})).await;
    world.ask("GET", "/v1/certificates/blue").send().await.expect(404);
    issue(&world, &uuid, None).await;
    for ident in ["blue", uuid.as_str()] {
        let shown = world.ask("GET", &format!("/v1/certificates/{ident}")).send().await.expect(200);
        let mut keys: Vec<&String> = shown.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(keys, ["bay_uuid", "cluster_uuid", "links", "pem"]);
        assert_eq!(shown["cluster_uuid"], uuid.as_str());
        assert_eq!(shown["links"][0]["href"], format!("{}/v1/certificates/{uuid}", world.url));
    }
    let ca = world.ask("GET", "/certificates/blue?ca_cert_type=etcd").version("1.1").send().await.expect(200);
    let request = csr("system:masters", "admin");
    let body = json!({"cluster_uuid": "blue", "csr": request, "ca_cert_type": "kubernetes"});
    let answer = world.ask("POST", "/v1/certificates").json(&body).send().await;
    let signed = answer.expect(201);
    assert!(answer.headers.get("location").is_none());
    assert_eq!((&signed["csr"], &signed["ca_cert_type"]), (&Value::from(request), &json!("kubernetes")));
    let pem = |value: &Value| {
        let text = value["pem"].as_str().unwrap();
        assert!(text.ends_with("-----END CERTIFICATE-----\n"));
        X509::from_pem(text.as_bytes()).unwrap()
    };
    assert!(pem(&signed).verify(&pem(&ca).public_key().unwrap()).unwrap());
    let old = json!({"bay_uuid": uuid, "csr": csr("dev", "alice")});
    assert_eq!(
        world.ask("POST", "/v1/certificates").version("1.1").json(&old).send().await.expect(201)["bay_uuid"],
        uuid
    );
    for (body, named) in [
        (json!({"csr": csr("dev", "alice")}), "cluster_uuid"),
        (json!({"bay_uuid": "nothing", "csr": csr("dev", "alice")}), "bay_uuid"),
        (json!({"cluster_uuid": "blue", "bay_uuid": "red", "csr": csr("dev", "alice")}), "bay_uuid"),
    ] {
        let answer = world.ask("POST", "/v1/certificates").json(&body).send().await;
        answer.expect(400);
        assert!(answer.text.contains(named), "{}", answer.text);
    }
    for wrong in ["nonsense", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"] {
        let body = json!({"cluster_uuid": "blue", "csr": wrong});
        world.ask("POST", "/v1/certificates").json(&body).send().await.expect(400);
    }
    world.end().await;
}
