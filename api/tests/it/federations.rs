//! Federations: accepted and forgotten, as upstream does it.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn federations_are_a_shell() {
    let world = World::new().await;
    world.template(json!({})).await;
    world.cluster(json!({})).await;
    let before = world.rows().await;
    let body = json!({"name": "f", "hostcluster_id": "blue", "properties": {"dns-zone": "example.org"}});
    let made = world.ask("POST", "/v1/federations").json(&body).send().await.expect(202);
    let path = format!("/v1/federations/{}", made["uuid"].as_str().unwrap());
    let join = json!([{"op": "add", "path": "/member_ids", "value": "blue"}]);
    let without = |name: &str| {
        let mut body = body.clone();
        body.as_object_mut().unwrap().remove(name);
        body
    };
    for (method, path, body, status) in [
        ("GET", path.as_str(), None, 404),
        ("PATCH", path.as_str(), Some(join.clone()), 404),
        ("PATCH", &format!("{path}?rollback=True"), Some(join), 404),
        ("PATCH", path.as_str(), Some(json!({})), 400),
        ("DELETE", path.as_str(), None, 404),
        ("DELETE", "/v1/federations", None, 400),
        ("POST", "/v1/federations", Some(without("hostcluster_id")), 400),
        ("POST", "/v1/federations", Some(without("properties")), 400),
        ("POST", "/v1/federations", Some(json!({"hostcluster_id": "blue", "properties": {"a": "b"}})), 400),
        ("POST", "/v1/federations", Some(json!({"hostcluster_id": "nothing", "properties": {"dns-zone": "x"}})), 404),
        ("GET", "/v1/federations?limit=0", None, 400),
        ("GET", "/v1/federations?sort_key=nonsense", None, 400),
        ("GET", "/v1/federations/detail?marker=9d3c1f76-52ab-4f4e-8c55-7a1b2c3d4e5f", None, 404),
    ] {
        let mut ask = world.ask(method, path).version("1.4");
        if let Some(body) = &body {
            ask = ask.json(body);
        }
        let answer = ask.send().await;
        assert_eq!(answer.status, status, "{method} {path} {body:?}: {}", answer.text);
    }
    for list in ["/v1/federations", "/v1/federations/detail?limit=1&sort_key=name"] {
        let answer = world.ask("GET", list).by("other").version("").send().await;
        assert_eq!(answer.expect(200), json!({"federations": []}));
    }
    assert_eq!(world.rows().await, before, "no row is ever written");
    world.end().await;
}
