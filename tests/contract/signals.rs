//! Wait conditions: nodes report to a handle with the command that Heat gave them.

use cloud::Stack;
use serde_json::{Value, json};

use crate::api::{Answer, Api};
use crate::stacks::waiting;
use crate::world::{World, eventually, on_cloud, settled, unique};

/// What a node learns from the `curl_cli` attribute: where to report, and the token for it.
struct Handle {
    url: String,
    token: String,
}

impl Handle {
    fn of(stack: &Stack) -> Option<Self> {
        let command = stack.output("curl")?.as_str()?.to_owned();
        let token = command.split("X-Auth-Token: ").nth(1)?.split('\'').next()?.to_owned();
        let url = command.split_whitespace().last()?.trim_matches('\'').to_owned();
        Some(Self { url, token })
    }

    async fn report(&self, api: &Api, body: Value) -> Answer {
        api.with_token(&self.token).post("orchestration", &self.url, &body).await
    }
}

/// A stack that waits, as soon as its handle can be reported to.
async fn wait_for_handle(w: &World, api: &Api, seconds: u32, count: u32) -> (String, Handle) {
    let session = w.session_of(api);
    let mut body = waiting(&unique("signal"), seconds);
    body["parameters"] = json!({"count": count});
    let id = w.stack(&session, &body).await.unwrap();
    let handle =
        eventually("the handle", async || Handle::of(&session.heat().stack_with_outputs(&id).await.unwrap().unwrap()))
            .await;
    (id, handle)
}

#[tokio::test]
async fn a_stack_is_complete_when_enough_nodes_have_reported() {
    on_cloud(async |w: &World| {
        let api = w.api(&w.access.demo).await;
        let session = w.session_of(&api);
        let (id, handle) = wait_for_handle(w, &api, 120, 2).await;
        assert!(handle.url.ends_with("/resources/handle/signal"), "{}", handle.url);
        let one = json!({"status": "SUCCESS", "reason": "up", "data": "first", "id": "1"});
        for answer in [handle.report(&api, one.clone()).await, handle.report(&api, one).await] {
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let status = session.heat().stack(&id).await.unwrap().unwrap().status;
        assert_eq!(status, "CREATE_IN_PROGRESS", "a node that reports twice counts once");
        handle.report(&api, json!({"status": "SUCCESS", "reason": "up", "data": "second", "id": "2"})).await;
        assert_eq!(settled(&session, &id).await.status, "CREATE_COMPLETE");
        let stack = session.heat().stack_with_outputs(&id).await.unwrap().unwrap();
        let data: Value = serde_json::from_str(stack.output("data").unwrap().as_str().unwrap()).unwrap();
        assert_eq!(data, json!({"1": "first", "2": "second"}));
    })
    .await;
}

/// By this a stack that nobody works on any more is told from one that waits for slow nodes.
#[tokio::test]
async fn reports_can_be_counted_and_have_a_time() {
    on_cloud(async |w: &World| {
        let api = w.api(&w.access.demo).await;
        let session = w.session_of(&api);
        let (id, handle) = wait_for_handle(w, &api, 120, 3).await;
        let resources = session.heat().resources(&id, 5, None).await.unwrap();
        let condition = resources.iter().find(|one| one.name == "condition").unwrap();
        assert!(!condition.is_nested());
        let reports = async |handle: &str| session.heat().reports(condition, handle).await.unwrap();
        assert_eq!(reports("handle").await, cloud::Reports::default());
        assert_eq!(reports("absent").await, cloud::Reports::default());
        let mut times = Vec::new();
        for (number, count) in [("1", 1), ("1", 1), ("2", 2)] {
            let answer = handle.report(&api, json!({"status": "SUCCESS", "reason": "up", "id": number})).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let told =
                eventually("the report", async || Some(reports("handle").await).filter(|told| told.count >= count))
                    .await;
            assert_eq!(told.count, count);
            times.push(told.last.unwrap());
            tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        }
        assert!(times.is_sorted() && times[0] < times[2], "{times:?}");
    })
    .await;
}

#[tokio::test]
async fn a_node_that_reports_failure_fails_the_stack_with_its_reason() {
    on_cloud(async |w: &World| {
        let api = w.api(&w.access.demo).await;
        let session = w.session_of(&api);
        let (id, handle) = wait_for_handle(w, &api, 120, 1).await;
        let answer =
            handle.report(&api, json!({"status": "FAILURE", "reason": "no disk", "data": "", "id": "1"})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let stack = settled(&session, &id).await;
        assert_eq!(stack.status, "CREATE_FAILED");
        assert_eq!(
            stack.status_reason.as_deref(),
            Some("Resource CREATE failed: WaitConditionFailure: resources.condition: no disk")
        );
        assert_eq!(
            session.heat().failed_reason(&id).await.unwrap().as_deref(),
            Some("condition: WaitConditionFailure: resources.condition: no disk")
        );
    })
    .await;
}

#[tokio::test]
async fn silence_fails_the_stack_after_the_conditions_time() {
    on_cloud(async |w: &World| {
        let api = w.api(&w.access.demo).await;
        let session = w.session_of(&api);
        let (id, _) = wait_for_handle(w, &api, 3, 2).await;
        let stack = settled(&session, &id).await;
        assert_eq!(stack.status, "CREATE_FAILED");
        assert_eq!(
            stack.status_reason.as_deref(),
            Some("Resource CREATE failed: WaitConditionTimeout: resources.condition: 0 of 2 received")
        );
    })
    .await;
}

#[tokio::test]
async fn the_owner_reports_too_and_strangers_do_not() {
    on_cloud(async |w: &World| {
        let (api, alt) = (w.api(&w.access.demo).await, w.api(&w.access.alt).await);
        let session = w.session_of(&api);
        let (id, handle) = wait_for_handle(w, &api, 120, 1).await;
        let name = session.heat().stack(&id).await.unwrap().unwrap().name;
        let path = format!("/stacks/{name}/{id}/resources/handle/signal");
        let report = json!({"status": "SUCCESS", "reason": "by hand", "data": "", "id": "1"});
        assert_eq!(alt.post("orchestration", &handle.url, &report).await.status, 403);
        assert_eq!(alt.post("orchestration", &path, &report).await.status, 404);
        let nowhere = format!("/stacks/{name}/{id}/resources/nothing/signal");
        let answer = api.post("orchestration", &nowhere, &report).await;
        assert_eq!(answer.status, 404);
        assert_eq!(
            answer.body["error"]["message"],
            format!("The Resource (nothing) could not be found in Stack {name}.")
        );
        assert_eq!(api.post("orchestration", &path, &report).await.status, 200);
        assert_eq!(settled(&session, &id).await.status, "CREATE_COMPLETE");
    })
    .await;
}

/// What a handle gives to a node that logs in by itself.
fn credentials(stack: &Stack) -> Option<Value> {
    serde_json::from_str(stack.output("signal")?.as_str()?).ok()
}

#[tokio::test]
async fn the_credentials_of_one_handle_report_to_another() {
    on_cloud(async |w: &World| {
        let api = w.api(&w.access.demo).await;
        let session = w.session_of(&api);
        let mut body = waiting(&unique("login"), 120);
        let template = &mut body["template"];
        template["resources"]["login"] =
            json!({"type": "OS::Heat::WaitConditionHandle", "properties": {"signal_transport": "HEAT_SIGNAL"}});
        template["outputs"]["signal"] = json!({"value": {"get_attr": ["login", "signal"]}});
        let id = w.stack(&session, &body).await.unwrap();
        let (handle, login) = eventually("the handles", async || {
            let stack = session.heat().stack_with_outputs(&id).await.unwrap().unwrap();
            Some((Handle::of(&stack)?, credentials(&stack)?))
        })
        .await;
        for key in ["auth_url", "user_id", "password", "project_id"] {
            assert!(login[key].as_str().is_some_and(|text| !text.is_empty()), "{key}");
        }
        let user = json!({"id": login["user_id"], "password": login["password"]});
        let answer = w.log_in(user, json!({"project": {"id": login["project_id"]}})).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let roles: Vec<_> =
            answer.body["token"]["roles"].as_array().unwrap().iter().map(|role| &role["name"]).collect();
        assert_eq!(roles, ["heat_stack_user"]);
        let node = Handle { token: answer.token.unwrap(), url: handle.url };
        let other = api.with_token(&node.token).get("orchestration", "/stacks").await;
        assert_eq!(other.status, 403, "it opens nothing else: {}", other.text);
        let report = json!({"status": "SUCCESS", "reason": "up", "data": "", "id": "1"});
        let answer = node.report(&api, report).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(settled(&session, &id).await.status, "CREATE_COMPLETE");
    })
    .await;
}
