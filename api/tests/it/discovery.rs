//! etcd's discovery protocol: what a member asks, in its order, and what nobody gets.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::world::World;

const HOURS: TimeDelta = TimeDelta::hours(6);

struct Place<'a> {
    world: &'a World,
    token: String,
}

struct Answer {
    status: u16,
    index: String,
    text: String,
}

impl Answer {
    fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }
}

impl<'a> Place<'a> {
    async fn new(world: &'a World, size: i64) -> Self {
        let uuid = uuid::Uuid::new_v4().to_string();
        let token = world.store.open_discovery(&uuid, size, Utc::now(), HOURS).await.unwrap().token;
        Self { world, token }
    }

    /// Neither a token of Keystone nor a version, as etcd asks.
    async fn get(&self, rest: &str) -> Answer {
        answer(self.world.http.get(format!("{}/v1/discovery/{}{rest}", self.world.url, self.token))).await
    }

    async fn put(&self, rest: &str, body: &str) -> Answer {
        let url = format!("{}/v1/discovery/{}{rest}", self.world.url, self.token);
        let form = "application/x-www-form-urlencoded";
        answer(self.world.http.put(url).header("content-type", form).body(body.to_owned())).await
    }

    fn key(&self, rest: &str) -> String {
        format!("/_etcd/registry/{}{rest}", self.token)
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let index = answer.headers().get("x-etcd-index").map_or("", |value| value.to_str().unwrap()).to_owned();
    Answer { status: answer.status().as_u16(), index, text: answer.text().await.unwrap() }
}

#[tokio::test]
async fn a_member_comes_sees_and_waits_as_etcd_does() {
    let world = World::new().await;
    let place = Place::new(&world, 2).await;
    let size = place.get("/_config/size?quorum=false&recursive=false&sorted=false").await;
    assert_eq!(size.index, "1");
    assert_eq!(
        size.json(200),
        json!({"action": "get", "node": {"key": place.key("/_config/size"), "value": "2", "modifiedIndex": 1,
            "createdIndex": 1}})
    );
    let empty = place.get("?quorum=false&recursive=false&sorted=false").await.json(200);
    assert_eq!((&empty["node"]["dir"], &empty["node"]["nodes"]), (&json!(true), &json!([])), "_config is hidden");
    let first = place.put("/8e9e05c52164694d?prevExist=false", "value=n1%3Dhttp%3A%2F%2F10.0.0.5%3A2380").await;
    assert_eq!(first.index, "2");
    let node = json!({"key": place.key("/8e9e05c52164694d"), "value": "n1=http://10.0.0.5:2380", "modifiedIndex": 2,
        "createdIndex": 2});
    assert_eq!(first.json(201), json!({"action": "create", "node": node}));
    let seen = place.get("/8e9e05c52164694d?recursive=false&wait=true&waitIndex=2").await;
    assert_eq!(seen.json(200), json!({"action": "create", "node": node}), "it sees itself at once");
    let list = place.get("").await;
    assert_eq!(list.index, "2");
    assert_eq!(list.json(200)["node"]["nodes"], json!([node]));
    let (next, second) = tokio::join!(place.get("?recursive=true&wait=true&waitIndex=3"), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        place.put("/1?prevExist=false", "value=n2=http://10.0.0.6:2380").await
    });
    second.json(201);
    let next = next.json(200);
    assert_eq!((&next["action"], &next["node"]["value"]), (&json!("create"), &json!("n2=http://10.0.0.6:2380")));
    assert_eq!(next["node"]["modifiedIndex"], 3);
    assert_eq!(place.get("/").await.json(200)["node"]["nodes"].as_array().unwrap().len(), 2);
    world.end().await;
}

#[tokio::test]
async fn who_waits_is_answered_in_time_without_a_body() {
    let world = World::new().await;
    let place = Place::new(&world, 3).await;
    let began = Instant::now();
    let nothing = place.get("?recursive=true&wait=true&waitIndex=2").await;
    assert_eq!((nothing.status, nothing.text.as_str(), nothing.index.as_str()), (200, "", "1"));
    assert!(began.elapsed() > Duration::from_secs(15) && began.elapsed() < Duration::from_secs(30));
    world.end().await;
}

#[tokio::test]
async fn errors_are_etcds() {
    let world = World::new().await;
    let place = Place::new(&world, 1).await;
    place.put("/a?prevExist=false", "value=n1=http://10.0.0.5:2380").await.json(201);
    let again = place.put("/a?prevExist=false", "value=n1=http://6.6.6.6:2380").await;
    assert_eq!(
        again.json(412),
        json!({"errorCode": 105, "message": "Key already exists", "cause": place.key("/a"), "index": 2})
    );
    assert_eq!(
        place.get("/b").await.json(404),
        json!({"errorCode": 100, "message": "Key not found", "cause": place.key("/b"), "index": 2})
    );
    for (rest, body, status, code) in [
        ("/b?prevExist=true", "value=x", 400, 209),
        ("/b", "", 400, 209),
        ("/b", "value=", 400, 209),
        ("/b", "value=two%0Alines", 400, 209),
        ("", "value=x", 403, 107),
        ("/_config/size", "value=9", 403, 107),
        ("/not-hexadecimal", "value=x", 404, 100),
        ("/11112222333344445", "value=x", 404, 100),
        ("/a/b", "value=x", 404, 100),
    ] {
        assert_eq!(place.put(rest, body).await.json(status)["errorCode"], code, "{rest} {body}");
    }
    assert_eq!(place.put("/b", &format!("value={}", "x".repeat(2049))).await.json(400)["errorCode"], 209);
    assert_eq!(place.put("/b", &format!("value={}", "x".repeat(1 << 20))).await.json(400)["errorCode"], 209);
    assert_eq!(place.get("?wait=true&waitIndex=soon").await.json(400)["errorCode"], 203);
    for id in ["b", "c", "d"] {
        place.put(&format!("/{id}"), &format!("value={}", "x".repeat(2048))).await.json(201);
    }
    assert_eq!(place.put("/e", "value=x").await.json(403)["errorCode"], 110, "one and a few more");
    let url = format!("{}/v1/discovery/{}/a", world.url, place.token);
    assert_eq!(answer(world.http.delete(url)).await.status, 405);
    world.end().await;
}

#[tokio::test]
async fn what_is_unknown_or_over_is_not_there() {
    let world = World::new().await;
    let known = Place::new(&world, 3).await;
    let uuid = uuid::Uuid::new_v4().to_string();
    let past = Utc::now() - HOURS - TimeDelta::seconds(1);
    let over = world.store.open_discovery(&uuid, 3, past, HOURS).await.unwrap().token;
    let unknown = "0".repeat(32);
    let injected = "'%20OR%20''='".to_owned();
    for token in [over, unknown, injected, known.token[..31].to_owned(), known.token.to_uppercase()] {
        let place = Place { world: &world, token };
        for rest in ["", "/_config/size", "/a", "?wait=true&recursive=true"] {
            let found = place.get(rest).await;
            assert_eq!(found.index, "0");
            assert_eq!(found.json(404)["errorCode"], 100);
        }
        assert_eq!(place.put("/a", "value=x").await.json(404)["errorCode"], 100);
    }
    assert_eq!(known.get("").await.json(200)["node"]["nodes"], json!([]), "nobody came here");
    assert_eq!(answer(world.http.get(format!("{}/v1/discovery", world.url))).await.status, 401, "there is no list");
    assert_eq!(answer(world.http.get(format!("{}/v1/discovery/", world.url))).await.status, 401, "there is no list");
    world.end().await;
}

#[tokio::test]
async fn a_flood_is_held_off_and_the_rest_of_the_api_goes_on() {
    let world = World::new().await;
    let place = Place::new(&world, 3).await;
    let began = Instant::now();
    let busy = loop {
        let asks = (0..50).map(|_| place.get("/what/ever"));
        let answers = futures::future::join_all(asks).await;
        if let Some(busy) = answers.into_iter().find(|answer| answer.status == 503) {
            break busy;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "everything is served");
    };
    assert_eq!(busy.json(503)["errorCode"], 300);
    world.ask("GET", "/v1/clusters").send().await.expect(200);
    world.end().await;
}
