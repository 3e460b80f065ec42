//! Version documents, negotiation, paths as clients spell them, health, TLS, browsers, a graceful end.

use std::time::Duration;

use serde_json::json;

use crate::{documented::DOCUMENT, world::World};

#[tokio::test]
async fn version_documents_need_no_token() {
    let world = World::new().await;
    let root = world.ask("GET", "/").by("").version("").send().await;
    assert_eq!(root.header("openstack-api-version"), "");
    let expect = json!({
        "name": "OpenStack Magnum API",
        "description": "container cluster management service",
        "versions": [{"id": "v1", "status": "CURRENT", "min_version": "1.1", "max_version": "1.14",
            "links": [{"rel": "self", "href": format!("{}/v1/", world.url)}]}],
    });
    assert_eq!(root.expect(200), expect);
    for path in ["/v1", "/v1/"] {
        let answer = world.ask("GET", path).by("").version("").send().await;
        let document = answer.expect(200);
        assert_eq!(document["id"], "v1");
        assert_eq!(
            document["clusters"],
            json!([
                {"rel": "self", "href": format!("{}/v1/clusters/", world.url)},
                {"rel": "bookmark", "href": format!("{}/clusters/", world.url)},
            ])
        );
        assert!(document.get("versions").is_none());
        assert_eq!(answer.header("openstack-api-version"), "container-infra 1.1");
    }
    world.ask("GET", "/v1").by("").version("1.99").send().await.expect(406);
    world.ask("GET", "/").by("").version("1.99").send().await.expect(200);
    world.end().await;
}

#[tokio::test]
async fn versions_are_negotiated_and_echoed() {
    let world = World::new().await;
    for (sent, echoed) in [
        ("container-infra 1.4", "container-infra 1.4"),
        ("container-infra latest", "container-infra 1.14"),
        ("anything Latest", "container-infra 1.14"),
        ("container-infrastructure-management 1.9", "container-infrastructure-management 1.9"),
    ] {
        let answer = world.ask("GET", "/v1/clusters").version("").header("openstack-api-version", sent).send().await;
        answer.expect(200);
        assert_eq!(answer.header("openstack-api-version"), echoed);
        let service = echoed.split(' ').next().unwrap();
        assert_eq!(answer.header("openstack-api-minimum-version"), format!("{service} 1.1"));
        assert_eq!(answer.header("openstack-api-maximum-version"), format!("{service} 1.14"));
        assert_eq!(answer.header("vary"), "OpenStack-API-Version");
    }
    let refused = world.ask("GET", "/v1/clusters").version("1.99").send().await;
    assert_eq!(refused.header("openstack-api-version"), "container-infra 1.99");
    let mut body = refused.expect(406);
    body["errors"][0]["links"] = json!([]);
    assert_eq!(
        body,
        json!({"errors": [{
            "code": "magnum.microversion-unsupported",
            "title": "Requested microversion is unsupported",
            "description": "Version 1.99 is outside [container-infra 1.1, container-infra 1.14]",
            "max_version": "1.14", "min_version": "1.1", "links": [],
        }]})
    );
    let missing = world.ask("GET", "/v1/clusters/blue").version("1.7").send().await;
    missing.expect(404);
    assert_eq!(missing.header("openstack-api-version"), "container-infra 1.7", "errors carry the version too");
    world.end().await;
}

#[tokio::test]
async fn paths_work_as_clients_spell_them() {
    let world = World::new().await;
    world.template(json!({})).await;
    for path in [
        "/v1/clusters",
        "/v1/clusters/",
        "/v1/clusters/?limit=2",
        "/clusters",
        "/clusters/?limit=2",
        "/clustertemplates/k8s",
        "/v1/clustertemplates/k8s/",
        "/v1/clusters/detail",
        "/v1/clusters/detail/",
        "/clustertemplates/detail?limit=1",
    ] {
        world.ask("GET", path).send().await.expect(200);
    }
    for accept in ["application/json", "*/*", "", "text/html, application/json;q=0.5"] {
        world.ask("GET", "/v1/clusters").header("accept", accept).send().await.expect(200);
    }
    let octets = world.ask("DELETE", "/v1/clustertemplates/k8s").header("content-type", "application/octet-stream");
    let answer = octets.body("").send().await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    assert!(answer.headers.get("content-type").is_none());
    world.end().await;
}

#[tokio::test]
async fn health_and_openapi_are_public() {
    let flag = tempfile::NamedTempFile::new().unwrap();
    let world = World::with(&[("OS_HEALTHCHECK__DISABLE_BY_FILE_PATH", flag.path().to_str().unwrap())]).await;
    assert_eq!(world.ask("GET", "/healthcheck").by("").version("").send().await.status, 503);
    drop(flag);
    let answer = world.ask("GET", "/healthcheck").by("").version("").send().await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "OK"));
    let document = world.ask("GET", "/openapi.json").by("").version("").send().await.expect(200);
    assert_eq!(document["openapi"], "3.1.0");
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/",
            "/docs",
            "/healthcheck",
            "/openapi.json",
            "/v1",
            "/v1/baymodels",
            "/v1/baymodels/detail",
            "/v1/baymodels/{ident}",
            "/v1/bays",
            "/v1/bays/detail",
            "/v1/bays/{ident}",
            "/v1/certificates",
            "/v1/certificates/{ident}",
            "/v1/clusters",
            "/v1/clusters/detail",
            "/v1/clusters/{ident}",
            "/v1/clusters/{ident}/actions/resize",
            "/v1/clusters/{ident}/actions/upgrade",
            "/v1/clusters/{ident}/nodegroups",
            "/v1/clusters/{ident}/nodegroups/{nodegroup}",
            "/v1/clustertemplates",
            "/v1/clustertemplates/detail",
            "/v1/clustertemplates/{ident}",
            "/v1/credentials/{ident}",
            "/v1/discovery/{key}",
            "/v1/federations",
            "/v1/federations/detail",
            "/v1/federations/{ident}",
            "/v1/mservices",
            "/v1/quotas",
            "/v1/quotas/{project}/{resource}",
            "/v1/stats",
        ]
    );
    let create = &document["components"]["schemas"]["ClusterCreate"];
    assert_eq!(create["required"], json!(["cluster_template_id"]));
    assert_eq!(create["additionalProperties"], false);
    for (path, item) in document["paths"].as_object().unwrap() {
        let parameters = item["parameters"].as_array().unwrap();
        let has = |name: &str| parameters.iter().any(|one| one["name"] == name);
        assert_eq!(has("ident"), path.contains("{ident}"), "{path}");
        assert_eq!(has("OpenStack-API-Version"), path.starts_with("/v1") && !path.contains("discovery"), "{path}");
        for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
            let versioned = path.starts_with("/v1/") && !path.starts_with("/v1/discovery/");
            for status in ["400", "401", "403", "406", "503"].into_iter().filter(|_| versioned) {
                assert!(operation["responses"][status].is_object(), "{method} {path} {status}");
            }
        }
    }
    world.end().await;
}

/// What is mounted is in the document, and each name of a request stands for one.
#[tokio::test]
async fn the_document_is_whole_and_kept() {
    let text = api::openapi();
    crate::kept::compare("docs/openapi.json", text);
    let document: serde_json::Value = serde_json::from_str(text).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let methods = ["get", "post", "put", "patch", "delete"];
    let mut mounted = 0;
    let routes = include_str!("../../src/routes.rs").split(".default_service").next().unwrap();
    for part in routes.split("\"/").skip(1) {
        let (path, rest) = part.split_once('"').unwrap();
        let path = format!("/{}", path.replace("{key:.*}", "{key}"));
        for method in methods.iter().filter(|method| rest.contains(&format!("web::{method}()"))) {
            assert!(paths.get(&path).is_some_and(|item| item.get(method).is_some()), "{method} {path}");
            mounted += 1;
        }
    }
    assert!(mounted > 40, "{mounted}");
    let operations = paths.values().flat_map(|item| methods.iter().filter_map(|method| item.get(method)));
    let mut names: Vec<&str> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "{names:?}");
}

/// A page behind an entry that is not there, as the document spells a marker, is a 404 that it knows.
#[tokio::test]
async fn lists_behind_what_is_not_there_are_documented() {
    let world = World::new().await;
    world.template(json!({})).await;
    world.cluster(json!({})).await;
    let mut lists = 0;
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        let marker = item["get"]["parameters"].as_array().into_iter().flatten().find(|one| one["name"] == "marker");
        let Some(marker) = marker else { continue };
        let schema = &marker["schema"];
        let unknown = match (schema["type"].as_str(), schema["format"].as_str()) {
            (Some("string"), Some("uuid")) => uuid::Uuid::new_v4().to_string(),
            (Some("integer"), Some("int64")) => i64::MAX.to_string(),
            _ => panic!("{path}: {marker}"),
        };
        let version = item["get"]["x-openstack-max-version"].as_str().unwrap();
        let path = path.replace("{ident}", "blue");
        let ask = async |marker: &str| {
            let ask = world.ask("GET", &format!("{path}?marker={marker}")).version(version);
            ask.by(if path == "/v1/quotas" { "admin" } else { "demo" }).send().await
        };
        ask(&unknown).await.expect(404);
        ask("nonsense").await.expect(400);
        lists += 1;
    }
    assert_eq!(lists, 12);
    world.end().await;
}

#[tokio::test]
async fn the_page_asks_nobody_else() {
    let world = World::new().await;
    for path in ["/docs", "/docs/"] {
        let page = world.ask("GET", path).by("").version("").send().await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
        assert!(page.text.contains("openapi.json") && !page.text.contains("://"), "{}", page.text);
    }
    world.end().await;
}

#[tokio::test]
async fn links_follow_the_proxy_only_when_told() {
    let world = World::with(&[("OS_OSLO_MIDDLEWARE__ENABLE_PROXY_HEADERS_PARSING", "true")]).await;
    let ask =
        world.ask("GET", "/").by("").header("x-forwarded-proto", "https").header("x-forwarded-host", "cloud.test");
    let root = ask.header("x-forwarded-prefix", "/container-infra").send().await.expect(200);
    assert_eq!(root["versions"][0]["links"][0]["href"], "https://cloud.test/container-infra/v1/");
    world.end().await;
    let world = World::new().await;
    let root = world.ask("GET", "/").by("").header("x-forwarded-host", "cloud.test").send().await.expect(200);
    assert_eq!(root["versions"][0]["links"][0]["href"], format!("{}/v1/", world.url));
    world.end().await;
}

#[tokio::test]
async fn browsers_of_named_origins_may_call() {
    let world = World::with(&[("OS_CORS__ALLOWED_ORIGIN", "https://horizon.test")]).await;
    let preflight = |origin: &'static str| {
        let ask = world.ask("OPTIONS", "/v1/clusters").by("").version("").header("origin", origin);
        ask.header("access-control-request-method", "POST")
            .header("access-control-request-headers", "x-auth-token,content-type")
    };
    let allowed = preflight("https://horizon.test").send().await;
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (200, "https://horizon.test"));
    assert!(allowed.header("access-control-allow-methods").contains("POST"));
    assert_eq!(preflight("https://evil.test").send().await.header("access-control-allow-origin"), "");
    let answer = world.ask("GET", "/v1/clusters").header("origin", "https://horizon.test").send().await;
    answer.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), "https://horizon.test");
    assert!(answer.header("access-control-expose-headers").to_lowercase().contains("x-openstack-request-id"));
    world.end().await;
}

#[tokio::test]
async fn requests_that_run_are_finished_before_the_service_ends() {
    let world = World::new().await;
    world.template(json!({})).await;
    world.cloud.inject(devcloud::Fault::once(
        "nova",
        "GET",
        "keypairs",
        devcloud::Effect::Delay(Duration::from_secs(1)),
    ));
    let (store, token, url) = (world.store.clone(), world.token("demo").await, world.url.clone());
    let body = crate::world::cluster(json!({}));
    let request = world.http.post(format!("{url}/v1/clusters")).header("x-auth-token", token).json(&body);
    world.cloud.clear_calls();
    let running = tokio::spawn(async move { request.send().await.unwrap().status().as_u16() });
    // A call is noted when it is answered, and the key pair is what Nova is asked about last.
    let end = tokio::time::Instant::now() + Duration::from_secs(60);
    while !world.cloud.calls().iter().any(|call| call.service == "compute") {
        assert!(tokio::time::Instant::now() < end, "Nova is not asked");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.end().await;
    assert_eq!(running.await.unwrap(), 202);
    assert_eq!(store.operations(None, true, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn https_is_served_when_asked_for() {
    use openssl::{asn1::Asn1Time, hash::MessageDigest, pkey::PKey, rsa::Rsa, x509::X509};
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut certificate = X509::builder().unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    certificate.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    let files = tempfile::tempdir().unwrap();
    let (cert_file, key_file) = (files.path().join("cert.pem"), files.path().join("key.pem"));
    std::fs::write(&cert_file, certificate.build().to_pem().unwrap()).unwrap();
    std::fs::write(&key_file, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let world = World::with(&[
        ("OS_API__ENABLED_SSL", "true"),
        ("OS_API__SSL_CERT_FILE", cert_file.to_str().unwrap()),
        ("OS_API__SSL_KEY_FILE", key_file.to_str().unwrap()),
    ])
    .await;
    let https = world.url.replace("http://", "https://");
    let http = reqwest::Client::builder().no_proxy().danger_accept_invalid_certs(true).build().unwrap();
    let root: serde_json::Value = http.get(&https).send().await.unwrap().json().await.unwrap();
    assert_eq!(root["versions"][0]["links"][0]["href"], format!("{https}/v1/"));
    world.end().await;
}

#[tokio::test]
async fn a_cloud_that_is_away_is_a_503_without_its_inside() {
    let world = World::new().await;
    world.template(json!({})).await;
    let refuse = |service: &str| devcloud::Fault {
        service: service.to_owned(),
        method: String::new(),
        path_contains: String::new(),
        effect: devcloud::Effect::Refuse(503),
        times: 50,
        after: 0,
    };
    world.cloud.inject(refuse("nova"));
    let answer = world.ask("POST", "/v1/clusters").json(&crate::world::cluster(json!({}))).send().await;
    let error = answer.expect(503);
    assert_eq!(error["errors"][0]["code"], "server");
    assert!(!answer.text.contains("http://"), "{}", answer.text);
    world.cloud.clear_faults();
    world.cloud.inject(refuse("keystone"));
    world.know("stranger", "a-token-nobody-saw");
    let answer = world.ask("GET", "/v1/clusters").by("stranger").send().await;
    answer.expect(503);
    world.ask("GET", "/v1/clusters").send().await.expect(200);
    world.end().await;
}
