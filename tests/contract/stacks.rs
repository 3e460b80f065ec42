//! Heat: a stack from create to delete, found again, listed, and seen by others.

use cloud::{Session, StackFilter};
use serde_json::{Value, json};

use crate::world::{World, eventually, on_cloud, refusal, settled, unique, uuid};

/// A stack of one random word, with a parameter that is hidden and one that counts.
pub(crate) fn body(name: &str) -> Value {
    json!({
        "stack_name": name, "template": template(), "parameters": {"secret": "hunter2", "words": ["a", "b"]},
        "tags": format!("contract,{name}"), "timeout_mins": 5, "disable_rollback": true,
    })
}

fn template() -> Value {
    json!({
        "heat_template_version": "2017-09-01",
        "description": "One word",
        "parameters": {
            "length": {"type": "number", "default": 8},
            "secret": {"type": "string", "hidden": true, "default": "x"},
            "words": {"type": "comma_delimited_list", "default": ""},
            "map": {"type": "json", "default": {"a": 1}},
            "flag": {"type": "boolean", "default": true},
        },
        "resources": {
            "word": {"type": "OS::Heat::RandomString", "properties": {"length": {"get_param": "length"}}},
        },
        "outputs": {
            "word": {"description": "The word", "value": {"get_attr": ["word", "value"]}},
            "list": {"value": {"get_param": "words"}},
        },
    })
}

/// A stack whose end hangs on a wait condition.
pub(crate) fn waiting(name: &str, seconds: u32) -> Value {
    json!({
        "stack_name": name,
        "template": {
            "heat_template_version": "2017-09-01",
            "parameters": {"count": {"type": "number", "default": 1}, "length": {"type": "number", "default": 8}},
            "resources": {
                "handle": {"type": "OS::Heat::WaitConditionHandle"},
                "condition": {"type": "OS::Heat::WaitCondition", "properties": {
                    "handle": {"get_resource": "handle"}, "count": {"get_param": "count"}, "timeout": seconds,
                }},
                "word": {"type": "OS::Heat::RandomString", "properties": {"length": {"get_param": "length"}}},
            },
            "outputs": {
                "curl": {"value": {"get_attr": ["handle", "curl_cli"]}},
                "data": {"value": {"get_attr": ["condition", "data"]}},
            },
        },
        "disable_rollback": true,
    })
}

async fn gone(session: &Session, id: &str) {
    eventually("the end of the stack", async || match session.heat().stack(id).await.unwrap() {
        None => Some(()),
        Some(stack) => (stack.status == "DELETE_COMPLETE").then_some(()),
    })
    .await;
}

#[tokio::test]
async fn a_stack_is_created_read_and_deleted() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let (heat, name) = (demo.heat(), unique("life"));
        let id = w.stack(&demo, &body(&name)).await.unwrap();
        let stack = settled(&demo, &name).await;
        assert_eq!((stack.id.as_str(), stack.name.as_str()), (id.as_str(), name.as_str()));
        assert_eq!(stack.status, "CREATE_COMPLETE");
        assert_eq!(stack.status_reason.as_deref(), Some("Stack CREATE completed successfully"));
        assert_eq!(stack.tags.as_deref(), Some(["contract".to_owned(), name.clone()].as_slice()));
        assert!(stack.outputs.is_empty(), "outputs cost and were not asked for");
        assert!(stack.updated_time.is_none());
        let created = stack.creation_time.as_deref().unwrap();
        assert!(created.ends_with('Z') && chrono::DateTime::parse_from_rfc3339(created).is_ok(), "{created}");

        let stack = heat.stack_with_outputs(&id).await.unwrap().unwrap();
        assert_eq!(stack.output("word").unwrap().as_str().unwrap().len(), 8);
        assert_eq!(stack.output("list"), Some(&json!(["a", "b"])));
        assert_eq!(stack.output("nothing"), None);
        let owner = demo.caller().await.unwrap().project_id;
        for (parameter, shown) in [
            ("length", "8"),
            ("secret", "******"),
            ("words", "a,b"),
            ("map", "{\"a\": 1}"),
            ("flag", "True"),
            ("OS::stack_name", &name),
            ("OS::stack_id", &id),
            ("OS::project_id", owner.as_deref().unwrap()),
        ] {
            assert_eq!(stack.parameters[parameter], shown, "{parameter}");
        }

        assert!(heat.delete(&id).await.unwrap());
        gone(&demo, &id).await;
        eventually("the name to be free again", async || heat.stack(&name).await.unwrap().is_none().then_some(()))
            .await;
        let buried = heat.stack(&id).await.unwrap().expect("its id is remembered");
        assert_eq!(buried.status, "DELETE_COMPLETE");
        assert!(buried.is_gone() && buried.deletion_time.is_some_and(|time| !time.is_empty()));
        assert!(!heat.delete(&name).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_stack_that_was_never_there_is_absent_not_wrong() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let (heat, id) = (demo.heat(), uuid());
        for ident in [id.as_str(), &unique("none")] {
            assert_eq!(heat.stack(ident).await.unwrap(), None);
            assert_eq!(heat.stack_with_outputs(ident).await.unwrap(), None);
            assert!(!heat.delete(ident).await.unwrap());
            assert!(heat.resources(ident, 5, None).await.unwrap().is_empty());
            assert!(heat.events(ident).await.unwrap().is_empty());
            let (status, sentence) = refusal(heat.patch(ident, &json!({"parameters": {"length": 1}})).await);
            assert_eq!(status, 404);
            assert!(sentence.starts_with(&format!("The Stack ({ident}) could not be found.")), "{sentence}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_taken_name_is_a_conflict_and_leads_to_the_stack() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let (heat, name) = (demo.heat(), unique("twice"));
        let id = w.stack(&demo, &body(&name)).await.unwrap();
        let (status, sentence) = refusal(heat.create(&body(&name)).await);
        assert_eq!(status, 409);
        assert!(sentence.starts_with(&format!("The Stack ({name}) already exists.")), "{sentence}");
        assert_eq!(heat.stack(&name).await.unwrap().unwrap().id, id);

        let alt = w.alt().await;
        let other = w.stack(&alt, &body(&name)).await.unwrap();
        assert_ne!(other, id, "names are unique in a project only");
        assert_eq!(alt.heat().stack(&name).await.unwrap().unwrap().id, other);
        assert_eq!(heat.stack(&name).await.unwrap().unwrap().id, id);
    })
    .await;
}

#[tokio::test]
async fn parameters_are_changed_by_patch_and_everything_by_put() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let (heat, name) = (demo.heat(), unique("change"));
        let id = w.stack(&demo, &body(&name)).await.unwrap();
        settled(&demo, &id).await;
        let before = heat.stack_with_outputs(&id).await.unwrap().unwrap();
        heat.patch(&id, &json!({"parameters": {"length": 12}, "timeout_mins": 7, "disable_rollback": true}))
            .await
            .unwrap();
        let stack = settled(&demo, &id).await;
        assert_eq!(stack.status, "UPDATE_COMPLETE");
        assert_eq!(stack.status_reason.as_deref(), Some("Stack UPDATE completed successfully"));
        assert_eq!(stack.parameters["length"], "12");
        assert_eq!(stack.parameters["words"], "a,b", "what is not sent is kept");
        assert_eq!(stack.tags, before.tags);
        let updated = stack.updated_time.unwrap();
        assert!(updated.ends_with('Z') && chrono::DateTime::parse_from_rfc3339(&updated).is_ok(), "{updated}");
        let word = |stack: &cloud::Stack| stack.output("word").unwrap().as_str().unwrap().to_owned();
        let after = heat.stack_with_outputs(&id).await.unwrap().unwrap();
        assert_eq!(word(&after).len(), 12);
        assert_ne!(word(&after), word(&before), "another length makes another word");

        let whole = json!({"template": template(), "parameters": {"length": 9}, "disable_rollback": true});
        heat.update(&id, &whole).await.unwrap();
        let stack = settled(&demo, &id).await;
        assert_eq!((stack.status.as_str(), &stack.parameters["length"]), ("UPDATE_COMPLETE", &json!("9")));
        assert_eq!(stack.parameters["words"], "", "what is not sent is as the template has it");

        let (status, sentence) = refusal(heat.patch(&id, &json!({"parameters": {"length": "long"}})).await);
        assert_eq!(status, 400);
        let expected = "Parameter 'length' is invalid: could not convert string to float: 'long'";
        assert!(sentence.starts_with(expected), "{sentence}");
        let unknown = json!({"template": template(), "parameters": {"nonsense": 1}});
        let (status, sentence) = refusal(heat.update(&id, &unknown).await);
        assert_eq!(status, 400);
        assert!(sentence.starts_with("The Parameter (nonsense) was not defined in template."), "{sentence}");
        assert_eq!(heat.stack(&id).await.unwrap().unwrap().status, "UPDATE_COMPLETE", "a refusal changes nothing");
        heat.patch(&id, &json!({"parameters": {"nonsense": 1, "length": 4}})).await.unwrap();
        let stack = settled(&demo, &id).await;
        assert_eq!((stack.status.as_str(), &stack.parameters["length"]), ("UPDATE_COMPLETE", &json!("4")));
        assert_eq!(stack.parameters.get("nonsense"), None, "a patch drops what the template does not know");
    })
    .await;
}

#[tokio::test]
async fn lists_are_filtered_by_id_name_tags_and_status() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let (heat, names) = (demo.heat(), [unique("list"), unique("list"), unique("list")]);
        let mut ids = Vec::new();
        for name in &names {
            let id = w.stack(&demo, &body(name)).await.unwrap();
            settled(&demo, &id).await;
            ids.push(id);
        }
        let list = async |filter: StackFilter| {
            let found = demo.heat().stacks(&filter).await.unwrap();
            let mut found: Vec<String> = found.into_iter().map(|stack| stack.id).collect();
            found.retain(|id| ids.contains(id));
            found.sort();
            found
        };
        let sorted = |wanted: &[&String]| {
            let mut wanted: Vec<String> = wanted.iter().map(|id| (*id).clone()).collect();
            wanted.sort();
            wanted
        };
        let all = StackFilter::default();
        assert_eq!(list(all.clone()).await, sorted(&[&ids[0], &ids[1], &ids[2]]));
        let two = StackFilter { ids: vec![ids[0].clone(), ids[2].clone(), uuid()], ..all.clone() };
        assert_eq!(list(two).await, sorted(&[&ids[0], &ids[2]]));
        assert_eq!(list(StackFilter { name: Some(names[1].clone()), ..all.clone() }).await, [ids[1].clone()]);
        let tagged = StackFilter { tags: vec!["contract".to_owned(), names[2].clone()], ..all.clone() };
        assert_eq!(list(tagged).await, [ids[2].clone()]);
        let complete = StackFilter { ids: ids.clone(), statuses: vec!["COMPLETE".to_owned()], ..all.clone() };
        assert_eq!(list(complete).await.len(), 3);
        let failed = StackFilter { ids: ids.clone(), statuses: vec!["FAILED".to_owned()], ..all.clone() };
        assert!(list(failed).await.is_empty());
        let found = heat.stacks(&StackFilter { ids: vec![ids[0].clone()], ..all }).await.unwrap();
        assert_eq!(found[0].status, "CREATE_COMPLETE");
        assert_eq!(found[0].status_reason.as_deref(), Some("Stack CREATE completed successfully"));
        heat.delete(&ids[0]).await.unwrap();
        gone(&demo, &ids[0]).await;
        eventually("the list without the deleted stack", async || {
            let filter = StackFilter { ids: vec![ids[0].clone()], ..StackFilter::default() };
            let found = demo.heat().stacks(&filter).await.unwrap();
            assert!(found.iter().all(|stack| stack.status == "DELETE_COMPLETE"), "{found:?}");
            found.is_empty().then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn lists_come_in_pages_newest_first() {
    on_cloud(async |w: &World| {
        let demo = w.api(&w.access.demo).await;
        let session = w.session_of(&demo);
        let tag = unique("page");
        let mut ids = Vec::new();
        for _ in 0..3 {
            let mut body = body(&unique("page"));
            body["tags"] = json!(tag);
            ids.push(w.stack(&session, &body).await.unwrap());
            // Heat sorts by whole seconds.
            tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        }
        let page = async |query: &str| {
            let answer = demo.get("orchestration", &format!("/stacks?tags={tag}&{query}")).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let rows = answer.body["stacks"].as_array().unwrap().iter();
            rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(page("limit=2").await, [ids[2].clone(), ids[1].clone()]);
        assert_eq!(page(&format!("limit=2&marker={}", ids[1])).await, [ids[0].clone()]);
        assert!(page(&format!("limit=2&marker={}", ids[0])).await.is_empty());
        assert_eq!(page(&format!("limit=2&marker={}", uuid())).await.len(), 2, "an unknown marker is overlooked");
        let answer = demo.get("orchestration", "/stacks?limit=many").await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.body["error"]["message"], "Only integer is acceptable by 'limit'.");
    })
    .await;
}

#[tokio::test]
async fn stacks_of_another_project_are_hidden_from_all_but_administrators() {
    on_cloud(async |w: &World| {
        let (demo, alt) = (w.demo().await, w.alt().await);
        let project = demo.caller().await.unwrap().project_id.unwrap();
        let name = unique("hidden");
        let id = w.stack(&demo, &body(&name)).await.unwrap();
        settled(&demo, &id).await;
        assert_eq!(alt.heat().stack(&id).await.unwrap(), None);
        assert_eq!(alt.heat().stack(&name).await.unwrap(), None);
        assert!(!alt.heat().delete(&id).await.unwrap());
        let mine = StackFilter { ids: vec![id.clone()], ..StackFilter::default() };
        assert!(alt.heat().stacks(&mine).await.unwrap().is_empty());
        let (status, sentence) = refusal(alt.in_project(&project).heat().stack(&id).await);
        assert_eq!(status, 403);
        assert!(sentence.starts_with("Access was denied to this resource."), "{sentence}");
        let service = w.cloud.as_service().in_project(&project);
        assert_eq!(service.heat().stack(&id).await.unwrap().unwrap().name, name);
        assert_eq!(service.heat().resources(&id, 1, None).await.unwrap().len(), 1);
        let found = service.heat().stacks(&mine).await.unwrap();
        assert_eq!((found.len(), found[0].project.as_deref()), (1, Some(project.as_str())));
        let everywhere = StackFilter { all_projects: true, ..mine };
        for session in [&alt, &service] {
            let (status, sentence) = refusal(session.heat().stacks(&everywhere).await);
            assert_eq!(status, 403);
            assert!(sentence.starts_with("You are not authorized to use stacks:global_index."), "{sentence}");
        }
        assert!(service.heat().delete(&id).await.unwrap(), "an administrator may take it away");
        gone(&demo, &id).await;
    })
    .await;
}

#[tokio::test]
async fn a_users_own_stack_is_closed_to_the_users_that_heat_makes() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let id = w.stack(&demo, &body(&unique("closed"))).await.unwrap();
        let account = w.user_with(&w.access.demo, &["heat_stack_user"]).await;
        let session = w.session(&account).await;
        let filter = StackFilter::default();
        for (action, outcome) in [
            ("create", session.heat().create(&body(&unique("no"))).await.map(drop)),
            ("update_patch", session.heat().patch(&id, &json!({"parameters": {"length": 3}})).await),
            ("index", session.heat().stacks(&filter).await.map(drop)),
        ] {
            let (status, sentence) = refusal(outcome);
            assert_eq!(status, 403);
            let expected = format!("You are not authorized to use stacks:{action}.");
            assert!(sentence.starts_with(&expected), "{sentence}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_busy_stack_takes_a_change_or_a_delete() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let id = w.stack(&demo, &waiting(&unique("busy"), 300)).await.unwrap();
        assert_eq!(demo.heat().stack(&id).await.unwrap().unwrap().status, "CREATE_IN_PROGRESS");
        demo.heat().patch(&id, &json!({"parameters": {"length": 5}})).await.unwrap();
        let stack = demo.heat().stack(&id).await.unwrap().unwrap();
        assert_eq!(stack.status, "UPDATE_IN_PROGRESS");
        assert_eq!(stack.status_reason.as_deref(), Some("Stack UPDATE started"));
        assert!(demo.heat().delete(&id).await.unwrap());
        let stack = demo.heat().stack(&id).await.unwrap().unwrap();
        assert!(stack.status.starts_with("DELETE_"), "{}", stack.status);
        assert!(demo.heat().delete(&id).await.is_ok(), "deleting it again does no harm");
        gone(&demo, &id).await;
    })
    .await;
}
