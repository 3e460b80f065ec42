//! Injected faults and the log of calls.

use std::time::{Duration, Instant};

use devcloud::{Effect, Fault};
use reqwest::Method;
use serde_json::json;

use crate::client::{cloud, user};
use crate::templates::cluster;

#[tokio::test]
async fn refused_requests_do_no_work() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    cloud.inject(Fault { times: 2, ..Fault::once("heat", "POST", "/stacks", Effect::Refuse(503)) });
    let body = cluster(&cloud, "c1", &json!({}));
    for expected in [503, 503, 201] {
        assert_eq!(demo.post(&demo.stacks(), body.clone()).await.status, expected);
    }
    cloud.inject(Fault::once("network", "", "", Effect::Refuse(409)));
    assert_eq!(demo.get("/image/v2/images").await.status, 200);
    let refused = demo.get("/network/v2.0/networks").await;
    assert_eq!((refused.status, refused.body["NeutronError"]["type"].as_str()), (409, Some("InjectedFault")));
    assert_eq!(cloud.census().stacks.len(), 1);
}

#[tokio::test]
async fn a_dropped_answer_may_or_may_not_have_done_the_work() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    let body = cluster(&cloud, "c1", &json!({}));
    let stacks = demo.stacks();
    cloud.inject(Fault::once("orchestration", "POST", "", Effect::DropBeforeWork));
    assert!(demo.try_send(Method::POST, &stacks, Some(body.clone()), &[]).await.is_err());
    assert!(cloud.census().stacks.is_empty());
    cloud.inject(Fault::once("orchestration", "POST", "", Effect::DropAfterWork));
    assert!(demo.try_send(Method::POST, &stacks, Some(body.clone()), &[]).await.is_err());
    assert_eq!(cloud.census().stacks.len(), 1);
    assert_eq!(demo.post(&stacks, body).await.status, 409);
    let statuses: Vec<u16> = cloud
        .calls()
        .iter()
        .filter(|call| call.service == "orchestration" && call.method == "POST")
        .map(|call| call.status)
        .collect();
    assert_eq!(statuses, [0, 0, 409]);
}

#[tokio::test]
async fn delays_and_expired_tokens() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    cloud.inject(Fault::once("glance", "GET", "", Effect::Delay(Duration::from_millis(150))));
    let start = Instant::now();
    assert_eq!(demo.get("/image/v2/images").await.status, 200);
    assert!(start.elapsed() >= Duration::from_millis(150));
    cloud.inject(Fault { after: 1, ..Fault::once("nova", "GET", "/flavors", Effect::ExpireToken) });
    assert_eq!(demo.get("/compute/v2.1/flavors").await.status, 200);
    assert_eq!(demo.get("/compute/v2.1/flavors").await.status, 401);
    assert_eq!(demo.get("/image/v2/images").await.status, 401, "the token is expired for all services");
    cloud.inject(Fault { times: 100, ..Fault::once("", "", "", Effect::Refuse(500)) });
    assert_eq!(demo.get("/image/v2/images").await.status, 500);
    cloud.clear_faults();
    assert_eq!(user(&cloud, "demo").await.get("/image/v2/images").await.status, 200);
}

#[tokio::test]
async fn calls_are_logged_with_their_service() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    cloud.clear_calls();
    demo.get("/image/v2/images?name=x").await;
    demo.get("/volume/v3/nothing").await;
    let calls = cloud.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!((calls[0].service.as_str(), calls[0].path.as_str()), ("image", "/v2/images"));
    assert_eq!((calls[0].query.as_str(), calls[0].status), ("name=x", 200));
    assert_eq!(calls[1].service, "volume");
}

#[tokio::test]
async fn a_stopped_cloud_answers_nobody() {
    let cloud = cloud().await;
    let demo = user(&cloud, "demo").await;
    cloud.clone().stop().await;
    assert!(demo.try_send(Method::GET, "/image/v2/images", None, &[]).await.is_err());
}
