//! Wrong requests: each has its documented status and body, none is a 5xx, none changes a row.

mod rows;

use serde_json::{Value, json};

use self::rows::{CLUSTERS, Row, TEMPLATES, rows};
use crate::world::{Answer, World, cluster, template};

/// Everything a client may rely on in an error, whatever it is.
fn check(row: &Row, answer: &Answer) {
    let name = format!(
        "{} {} {:?}",
        row.method,
        row.path,
        row.body.as_ref().map(|(_, b)| String::from_utf8_lossy(&b[..b.len().min(200)]))
    );
    assert_eq!(answer.status, row.status, "{name}: {}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json", "{name}");
    assert!(answer.header("x-openstack-request-id").starts_with("req-"), "{name}");
    assert!(answer.text.contains(row.part), "{name}: no {:?} in {}", row.part, answer.text);
    let body = answer.json();
    if row.status == 401 {
        assert_eq!(body["error"]["code"], 401);
        assert_eq!(body["error"]["title"], "Unauthorized");
        assert!(answer.header("www-authenticate").starts_with("Keystone uri=\"http"), "{name}");
        return;
    }
    let error = &body["errors"][0];
    assert!(!error["title"].as_str().unwrap().is_empty(), "{name}");
    if error["code"] == "magnum.microversion-unsupported" {
        assert_eq!((&error["min_version"], &error["max_version"]), (&json!("1.1"), &json!("1.14")));
        return;
    }
    assert_eq!(error["status"], row.status, "{name}");
    assert_eq!(error["links"], json!([]), "{name}");
    assert!(error["request_id"].is_string(), "{name}");
    if row.status == 405 {
        assert!(!answer.header("allow").is_empty(), "{name}");
    }
    if matches!(row.status, 400 | 403 | 409) {
        assert_eq!(error["code"], "client", "{name}");
        let detail = error["detail"].as_str().unwrap();
        assert_eq!(error["title"], detail.split('.').next().unwrap(), "{name}");
    }
}

/// What the rows talk about: `blue` made of `k8s`, an unused template `free`, templates of clusters that cannot be built, one
/// of clusters on an existing subnet, two of everything called `twin`, and what belongs to others.
async fn furnish(world: &World) {
    world.template(json!({})).await;
    world.template(json!({"name": "free"})).await;
    world.template(json!({"name": "etcds-port", "apiserver_port": 2379})).await;
    world
        .template(json!({"name": "joining-port", "coe": "swarm-mode", "network_driver": null, "apiserver_port": 2377}))
        .await;
    world.template(json!({"name": "calico", "network_driver": "calico"})).await;
    world.template(json!({"name": "no-subnet", "fixed_network": "private"})).await;
    world.template(json!({"name": "on-mars", "labels": {"availability_zone": "mars"}})).await;
    world.template(json!({"name": "on-subnet", "fixed_network": "private", "fixed_subnet": "private-subnet"})).await;
    let proxy = json!({"name": "umlaut", "image_id": "fedora-coreos-38", "http_proxy": "http://pröxy.example:3128"});
    world.template(proxy).await;
    world.cluster(json!({})).await;
    for _ in 0..2 {
        world.template(json!({"name": "twin"})).await;
        world.cluster(json!({"name": "twin", "cluster_template_id": "k8s"})).await;
    }
    let others = |user: &'static str, path: &'static str, body: Value| async move {
        let answer = world.ask("POST", path).by(user).json(&body).send().await;
        assert!(matches!(answer.status, 201 | 202), "{}", answer.text);
    };
    others("other", TEMPLATES, template(json!({"name": "theirs"}))).await;
    others("other", CLUSTERS, cluster(json!({"name": "foreign", "cluster_template_id": "theirs"}))).await;
    others("admin", TEMPLATES, template(json!({"name": "open", "public": true}))).await;
    others("admin", TEMPLATES, template(json!({"name": "secret", "public": true, "hidden": true}))).await;
    let hide = json!([{"op": "replace", "path": "/hidden", "value": true}]);
    world.template(json!({"name": "hidden"})).await;
    world.ask("PATCH", "/v1/clustertemplates/hidden").by("admin").json(&hide).send().await.expect(200);
}

#[tokio::test]
async fn wrong_requests_are_refused_and_change_nothing() {
    let world = World::new().await;
    furnish(&world).await;
    let before = world.rows().await;
    let rows = rows();
    assert!(rows.len() >= 150, "{} rows", rows.len());
    for row in &rows {
        let mut ask = world.ask(row.method, &row.path).by(row.user).version(row.version);
        if let Some((media_type, body)) = &row.body {
            ask = ask.header("content-type", media_type).body(body.clone());
        }
        for (name, value) in &row.headers {
            ask = ask.header(name, value);
        }
        check(row, &ask.send().await);
    }
    assert_eq!(world.rows().await, before, "a refused request changed a row");
    world.end().await;
}

/// What no HTTP client would send, over a plain socket.
#[tokio::test]
async fn broken_http_is_answered_with_a_4xx_or_a_closed_connection() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let world = World::new().await;
    let before = world.rows().await;
    let token = world.token("demo").await;
    let huge = "x".repeat(1 << 20);
    for request in [
        "GARBAGE\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        format!("GET /v1/clusters HTTP/1.1\r\nHost: h\r\nX-Long: {huge}\r\n\r\n"),
        format!("GET /v1/clusters/{huge} HTTP/1.1\r\nHost: h\r\n\r\n"),
        "POST /v1/clusters HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n".to_owned(),
        "POST /v1/clusters HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
        format!(
            "POST /v1/clusters HTTP/1.1\r\nHost: h\r\nX-Auth-Token: {token}\r\nContent-Length: 50\r\n\r\n{{\"name\""
        ),
    ] {
        let mut socket = tokio::net::TcpStream::connect(world.url.trim_start_matches("http://")).await.unwrap();
        let _ = socket.write_all(request.as_bytes()).await;
        let _ = socket.shutdown().await;
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        let first = answer.lines().next().unwrap_or_default();
        let head: String = request.chars().take(60).collect();
        assert!(first.is_empty() || first.starts_with("HTTP/1.1 4"), "{head}: {first}");
    }
    assert_eq!(world.rows().await, before);
    world.ask("GET", CLUSTERS).send().await.expect(200);
    world.end().await;
}
