//! Where the etcd members of a new cluster find each other: nowhere, at this service, or where the operator or user says.

use conductor::Point;
use serde_json::{Value, json};

use crate::world::World;

const OPTION: &str = "OS_CLUSTER__ETCD_DISCOVERY_SERVICE_ENDPOINT_FORMAT";

async fn create(world: &World, name: &str, more: Value) -> Value {
    let mut body = json!({"name": name, "cluster_template_id": "k8s", "master_count": 3, "master_lb_enabled": true});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, answer) = world.send("POST", "/clusters", Some(body)).await;
    assert_eq!(status, 202, "{answer}");
    answer["uuid"].clone()
}

/// The cluster, and the URL its masters were told.
async fn built(world: &World, uuid: &Value) -> (Value, String) {
    world.run_until_idle(&world.engine()).await;
    let cluster = world.cluster(uuid.as_str().unwrap()).await.unwrap();
    let short: String = uuid.as_str().unwrap().chars().filter(|c| *c != '-').take(12).collect();
    let master = format!("{}-{short}-master-0", cluster["name"].as_str().unwrap());
    let user_data = world.cloud.user_data(&master).unwrap_or_default();
    let told = user_data.lines().find_map(|line| line.strip_prefix("ETCD_DISCOVERY_URL=")).unwrap_or("no such master");
    (cluster, told.to_owned())
}

async fn get(url: &str) -> (u16, String) {
    let answer = reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_needed_unless_somebody_is_named() {
    let world = World::new().await;
    world.template().await;
    let plain = create(&world, "plain", json!({})).await;
    let (cluster, told) = built(&world, &plain).await;
    assert_eq!((&cluster["status"], &cluster["discovery_url"]), (&json!("CREATE_COMPLETE"), &Value::Null));
    assert_eq!(told, "");
    let named = create(&world, "named", json!({"discovery_url": "https://discovery.example/0a1b"})).await;
    assert_eq!(built(&world, &named).await.0["discovery_url"], "https://discovery.example/0a1b");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_here_lives_as_long_as_its_cluster() {
    let world = World::with_options(&[(OPTION, "built-in")]).await;
    world.template().await;
    let named = create(&world, "named", json!({"discovery_url": "https://discovery.example/0a1b"})).await;
    assert_eq!(built(&world, &named).await.0["discovery_url"], "https://discovery.example/0a1b", "the user's counts");
    let uuid = create(&world, "blue", json!({})).await;
    let (cluster, told) = built(&world, &uuid).await;
    assert_eq!(cluster["status"], "CREATE_COMPLETE", "{cluster}");
    let url = cluster["discovery_url"].as_str().unwrap();
    assert_eq!(told, url);
    let token = url.strip_prefix(&format!("{}/v1/discovery/", world.url)).unwrap();
    assert_eq!(token.len(), 32);
    let (status, size) = get(&format!("{url}/_config/size")).await;
    let size: Value = serde_json::from_str(&size).unwrap();
    assert_eq!((status, &size["node"]["value"]), (200, &json!("3")));
    world.accept_delete(uuid.as_str().unwrap()).await;
    world.run_until_idle(&world.engine()).await;
    assert_eq!(get(&format!("{url}/_config/size")).await.0, 404, "gone with the cluster");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_died_leaves_one_place_and_the_cluster_shows_it() {
    let world = World::with_options(&[(OPTION, "built-in")]).await;
    world.template().await;
    for point in [Point::Before, Point::AfterEffect, Point::AfterCommit] {
        let name = format!("{point:?}").to_lowercase();
        let uuid = create(&world, &name, json!({})).await;
        world.die(uuid.as_str().unwrap(), "create_stack", point).await;
        let (cluster, told) = built(&world, &uuid).await;
        assert_eq!(cluster["status"], "CREATE_COMPLETE", "{cluster}");
        let url = cluster["discovery_url"].as_str().unwrap_or_default();
        assert_eq!(told, url, "{point:?}");
        assert_eq!(get(&format!("{url}/_config/size")).await.0, 200, "{point:?}: {url}");
        let place =
            world.store.open_discovery(uuid.as_str().unwrap(), 3, world.deps.clock.now(), chrono::TimeDelta::zero());
        assert!(url.ends_with(&place.await.unwrap().token), "{point:?}: the masters were told another one");
    }
    world.end().await;
}

/// A service of the outside that answers every request with `text`.
fn outside(text: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/new?size=%(size)d", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        use std::io::{BufRead, Write};
        let (mut socket, _) = listener.accept().unwrap();
        let mut asked = String::new();
        std::io::BufReader::new(socket.try_clone().unwrap()).read_line(&mut asked).unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(text.as_bytes()).unwrap();
        asked
    });
    (url, served)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_service_is_asked_when_the_operator_says_so() {
    let (url, served) = outside("https://discovery.example/77ff\n");
    let world = World::with_options(&[(OPTION, &url)]).await;
    world.template().await;
    let uuid = create(&world, "blue", json!({})).await;
    let (cluster, told) = built(&world, &uuid).await;
    assert_eq!((&cluster["discovery_url"], told.as_str()), (&json!(told), "https://discovery.example/77ff"));
    assert_eq!(served.join().unwrap().trim_end(), "GET /new?size=3 HTTP/1.1");
    world.end().await;
    let (url, served) = outside("<html>not a URL</html>");
    let world = World::with_options(&[(OPTION, &url)]).await;
    world.template().await;
    let uuid = create(&world, "blue", json!({})).await;
    let (cluster, _) = built(&world, &uuid).await;
    assert_eq!(cluster["status"], "CREATE_FAILED");
    let reason = cluster["status_reason"].as_str().unwrap();
    assert!(reason.contains("etcd_discovery_service_endpoint_format"), "{reason}");
    served.join().unwrap();
    world.end().await;
}
