//! Every call of every service: what it does with refusals, missing things and nonsense.

use cloud::{NewContainer, Session, StackFilter};
use domain::{Error, Secret};
use serde_json::json;

use crate::stub::{Reply, Stub};

/// What a call makes of a 404.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Missing {
    /// `Ok(None)`, `Ok(false)` or an empty list.
    Nothing,
    /// [`Error::NotFound`].
    NotFound,
    /// [`Error::Cloud`] with status 404.
    Refused,
}

const CALLS: usize = 42;

/// Runs call `n`: `Ok(true)` when it found something, with its name and what it makes of a 404.
async fn run(session: &Session, n: usize) -> (&'static str, Missing, Result<bool, Error>) {
    use Missing::{NotFound, Nothing, Refused};
    let pw = Secret::new("pw-pw");
    let body = json!({"stack_name": "b"});
    let uuid = "9d3c1f76-52ab-4f4e-8c55-7a1b2c3d4e5f";
    let container = NewContainer { name: "c".into(), kind: "certificate", secret_refs: vec![] };
    let (k, h, g, v, e, c, o, b) = (
        session.keystone(),
        session.heat(),
        session.glance(),
        session.nova(),
        session.neutron(),
        session.cinder(),
        session.octavia(),
        session.barbican(),
    );
    match n {
        0 => ("create_user", Refused, k.create_user("u", &pw, "d").await.map(|_| true)),
        1 => ("find_user", Refused, k.find_user("u", "d").await.map(|x| x.is_some())),
        2 => ("users", Refused, k.users("d").await.map(|_| true)),
        3 => ("delete_user", Nothing, k.delete_user("u").await),
        4 => ("create_trust", Refused, k.create_trust("u", &[]).await.map(|_| true)),
        5 => ("find_trust", Refused, k.find_trust("u").await.map(|x| x.is_some())),
        6 => ("trust", Nothing, k.trust("t").await.map(|x| x.is_some())),
        7 => ("delete_trust", Nothing, k.delete_trust("t").await),
        8 => ("project", Nothing, k.project("p").await.map(|x| x.is_some())),
        9 => ("services_of_type", Refused, k.services_of_type("s").await.map(|_| true)),
        10 => ("regions", Refused, k.regions().await.map(|_| true)),
        11 => ("heat create", Refused, h.create(&body).await.map(|_| true)),
        12 => ("stack", Nothing, h.stack("s").await.map(|x| x.is_some())),
        13 => ("stack_with_outputs", Nothing, h.stack_with_outputs("s").await.map(|x| x.is_some())),
        14 => ("stacks", Refused, h.stacks(&StackFilter::default()).await.map(|_| true)),
        15 => ("update", Refused, h.update("s", &body).await.map(|()| true)),
        16 => ("patch", Refused, h.patch("s", &body).await.map(|()| true)),
        17 => ("heat delete", Nothing, h.delete("s").await),
        18 => ("resources", Nothing, h.resources("s", 2, Some("T")).await.map(|x| !x.is_empty())),
        19 => ("failed_reason", Nothing, h.failed_reason("s").await.map(|x| x.is_some())),
        20 => ("events", Nothing, h.events("s").await.map(|x| !x.is_empty())),
        21 => ("image by id", NotFound, g.image(uuid).await.map(|_| true)),
        22 => ("image by name", Refused, g.image("i").await.map(|_| true)),
        23 => ("flavor", Refused, v.flavor("f").await.map(|_| true)),
        24 => ("keypair", Nothing, v.keypair("k").await.map(|x| x.is_some())),
        25 => ("servers", Refused, v.servers("s").await.map(|_| true)),
        26 => ("network", Refused, e.network(uuid).await.map(|_| true)),
        27 => ("external_network", Refused, e.external_network("n").await.map(|_| true)),
        28 => ("subnet", Refused, e.subnet(uuid).await.map(|_| true)),
        29 => ("ports", Refused, e.ports("n").await.map(|_| true)),
        30 => ("delete_port", Nothing, e.delete_port("p").await),
        31 => ("floating_ips", Refused, e.floating_ips("p").await.map(|_| true)),
        32 => ("delete_floating_ip", Nothing, e.delete_floating_ip("f").await),
        33 => ("volume_types", Refused, c.volume_types().await.map(|_| true)),
        34 => ("default_volume_type", Nothing, c.default_volume_type().await.map(|x| x.is_some())),
        35 => ("volumes", Refused, c.volumes().await.map(|_| true)),
        36 => ("load_balancers", Refused, o.load_balancers(Some("p")).await.map(|_| true)),
        37 => ("load_balancer", Nothing, o.load_balancer("l").await.map(|x| x.is_some())),
        38 => ("delete_cascade", Nothing, o.delete_cascade("l").await),
        39 => ("create_secret", Refused, b.create_secret("s", &pw).await.map(|_| true)),
        40 => ("create_container", Refused, b.create_container(&container).await.map(|_| true)),
        _ => ("container", Nothing, b.container("http://b/v1/containers/c").await.map(|x| x.is_some())),
    }
}

#[tokio::test]
async fn every_call_passes_refusals_on() {
    for status in [400, 403, 409, 500] {
        let stub = Stub::start(move |_, _| Reply::Json(status, json!({"error": {"message": "words"}}))).await;
        let session = stub.cloud().as_service();
        for n in 0..CALLS {
            let (name, _, result) = run(&session, n).await;
            match result {
                Err(Error::Cloud { status: Some(found), detail, .. }) => {
                    assert_eq!((found, detail.as_str()), (status, "words"), "{name}");
                }
                other => panic!("{name} made {other:?} of {status}"),
            }
        }
    }
}

#[tokio::test]
async fn a_look_up_of_nothing_is_no_error() {
    let stub = Stub::start(|_, _| Reply::Json(404, json!({"error": {"message": "gone"}}))).await;
    let session = stub.cloud().as_service();
    for n in 0..CALLS {
        let (name, missing, result) = run(&session, n).await;
        match (missing, result) {
            (Missing::Nothing, Ok(false))
            | (Missing::NotFound, Err(Error::NotFound { .. }))
            | (Missing::Refused, Err(Error::Cloud { status: Some(404), .. })) => {}
            (expected, got) => panic!("{name}: expected {expected:?}, got {got:?}"),
        }
    }
}

#[tokio::test]
async fn nonsense_is_an_error_or_ignored_but_never_a_success_with_content() {
    for body in ["", "[]", "{}", "<html>", "{\"stack\":{}}"] {
        let stub = Stub::start(move |_, _| Reply::Raw(200, vec![], body.to_owned())).await;
        let session = stub.cloud().as_service();
        for n in 0..CALLS {
            let (name, _, result) = run(&session, n).await;
            let deletes_or_changes = name.contains("delete") || ["update", "patch"].contains(&name);
            match result {
                Ok(true) => assert!(deletes_or_changes, "{name} took {body:?} for content"),
                Ok(false) => panic!("{name} took {body:?} for nothing"),
                Err(Error::Cloud { status: None, detail, .. }) => assert!(detail.contains("expected form"), "{detail}"),
                Err(other) => panic!("{name}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn stacks_are_read_page_by_page_with_all_filters() {
    let page = |from: usize, count: usize| {
        let stacks: Vec<_> = (from..from + count)
            .map(|n| json!({"id": format!("s{n}"), "stack_name": "n", "stack_status": "CREATE_COMPLETE"}))
            .collect();
        Reply::Json(200, json!({ "stacks": stacks }))
    };
    let stub = Stub::start(move |a, _| if a.path.contains("marker=s199") { page(200, 3) } else { page(0, 200) }).await;
    let filter = StackFilter {
        ids: vec!["a".into(), "b".into()],
        statuses: vec!["CREATE_FAILED".into()],
        tags: vec!["t1".into(), "t2".into()],
        name: Some("n".into()),
        all_projects: true,
    };
    let found = stub.cloud().as_service().heat().stacks(&filter).await.unwrap();
    assert_eq!(found.len(), 203);
    let asked = stub.asked();
    assert_eq!(asked.len(), 2);
    for part in ["id=a&id=b", "status=CREATE_FAILED", "tags=t1%2Ct2", "name=n", "global_tenant=True", "limit=200"] {
        assert!(asked[0].path.contains(part), "{part} is missing in {}", asked[0].path);
    }
}

#[tokio::test]
async fn names_are_one_path_segment_whatever_they_contain() {
    let stub = Stub::start(|_, _| Reply::Json(404, json!({"error": {"message": "gone"}}))).await;
    let session = stub.cloud().as_service();
    session.nova().keypair("a/../b?c#d e").await.unwrap();
    session.heat().stack("../stacks").await.unwrap();
    let asked = stub.asked();
    assert_eq!(asked[0].path, "/compute/v2.1/os-keypairs/a%2F..%2Fb%3Fc%23d%20e");
    assert_eq!(asked[0].header("openstack-api-version"), Some("compute 2.2"));
    assert!(asked[1].path.starts_with("/heat/v1/p1/stacks/..%2Fstacks"), "{}", asked[1].path);
}

#[tokio::test]
async fn flavors_are_found_by_id_before_name_and_pages_end() {
    let stub = Stub::start(|a, _| {
        let flavor = |id: &str, name: &str| json!({"id": id, "name": name, "vcpus": 1, "ram": 1, "disk": 1});
        if a.path.contains("marker=2") {
            Reply::Json(200, json!({"flavors": [flavor("3", "twin")]}))
        } else if a.path.contains("marker=3") {
            Reply::Json(200, json!({"flavors": []}))
        } else {
            Reply::Json(200, json!({"flavors": [flavor("1", "2"), flavor("2", "twin")]}))
        }
    })
    .await;
    let session = stub.cloud().as_service();
    assert_eq!(session.nova().flavor("2").await.unwrap().id, "2");
    assert_eq!(session.nova().flavor("3").await.unwrap().name, "twin");
    assert!(matches!(session.nova().flavor("twin").await, Err(Error::Ambiguous { .. })));
    assert!(matches!(session.nova().flavor("none").await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn zones_without_a_host_are_left_out() {
    let stub = Stub::start(|_, _| {
        let zone = |name: &str, up: bool| json!({"zoneName": name, "zoneState": {"available": up}, "hosts": null});
        Reply::Json(200, json!({"availabilityZoneInfo": [zone("east", true), zone("west", false), zone("nova", true)]}))
    })
    .await;
    assert_eq!(stub.cloud().as_service().nova().availability_zones().await.unwrap(), ["east", "nova"]);
    assert_eq!(stub.asked()[0].path, "/compute/v2.1/os-availability-zone");
}

#[tokio::test]
async fn a_trust_is_looked_for_as_whoever_asks() {
    let stub = Stub::start(|_, _| {
        Reply::Json(
            200,
            json!({"trusts": [
            {"id": "t0", "trustor_user_id": "svc", "trustee_user_id": "other", "project_id": "p"},
            {"id": "t1", "trustor_user_id": "svc", "trustee_user_id": "u", "project_id": "p"}]}),
        )
    })
    .await;
    let session = stub.cloud().as_service();
    assert_eq!(session.keystone().find_trust("u").await.unwrap().unwrap().id, "t1");
    assert!(stub.asked()[0].path.ends_with("trustor_user_id=svc"));
    assert!(session.keystone().find_trust("svc").await.unwrap().is_none());
    assert!(stub.asked()[1].path.ends_with("trustee_user_id=svc"));
}

#[tokio::test]
async fn a_stored_reference_works_at_another_address_and_bytes_are_read_too() {
    let stub = Stub::start(|a, _| match a.header("accept") {
        Some("text/plain") => Reply::Json(406, json!({"code": 406, "description": "Wrong payload content-type."})),
        Some("application/octet-stream") => {
            Reply::Raw(200, vec![("Content-Type", "application/octet-stream".to_owned())], "the key".to_owned())
        }
        other => panic!("{other:?}"),
    })
    .await;
    let payload = stub.cloud().as_service().barbican().payload("https://old.host/v1/secrets/abc").await.unwrap();
    assert_eq!(payload.unwrap().expose(), "the key");
    assert_eq!(stub.asked()[0].path, "/keys/v1/secrets/abc/payload");
}
