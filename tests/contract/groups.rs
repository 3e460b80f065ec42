//! Resource groups: how nodes are counted up and down, and which of them go.

use std::collections::BTreeMap;

use cloud::{Resource, Session};
use serde_json::{Value, json};

use crate::world::{World, on_cloud, settled, unique};

/// A member whose reference is not its own id but that of what it holds, as the drivers' nodes do with their servers.
const NODE: &str = "heat_template_version: 2017-02-24
parameters:
  name: {type: string}
resources:
  word:
    type: OS::Heat::RandomString
    properties: {length: 6}
  label:
    type: OS::Heat::Value
    properties: {value: {get_param: name}}
outputs:
  OS::stack_id: {value: {get_resource: word}}
  word: {value: {get_attr: [word, value]}}
  name: {value: {get_attr: [label, value]}}
";

fn body(count: u32) -> Value {
    json!({
        "stack_name": unique("group"),
        "template": {
            "heat_template_version": "2017-02-24",
            "parameters": {
                "count": {"type": "number"},
                "remove": {"type": "comma_delimited_list", "default": ""},
            },
            "resources": {"nodes": {"type": "OS::Heat::ResourceGroup", "properties": {
                "count": {"get_param": "count"},
                "removal_policies": [{"resource_list": {"get_param": "remove"}}],
                "resource_def": {"type": "node.yaml", "properties": {"name": "node-%index%"}},
            }}},
            "outputs": {
                "words": {"value": {"get_attr": ["nodes", "word"]}},
                "names": {"value": {"get_attr": ["nodes", "name"]}},
                "references": {"value": {"get_attr": ["nodes", "refs"]}},
            },
        },
        "files": {"node.yaml": NODE},
        "parameters": {"count": count},
        "disable_rollback": true,
    })
}

async fn resized(session: &Session, id: &str, parameters: Value) {
    session.heat().patch(id, &json!({"parameters": parameters, "disable_rollback": true})).await.unwrap();
    let stack = settled(session, id).await;
    assert_eq!(stack.status, "UPDATE_COMPLETE", "{:?}", stack.status_reason);
}

/// An output that is a list of texts.
async fn list(session: &Session, id: &str, output: &str) -> Vec<String> {
    let stack = session.heat().stack_with_outputs(id).await.unwrap().unwrap();
    serde_json::from_value(stack.output(output).cloned().unwrap_or_else(|| json!([]))).unwrap()
}

#[tokio::test]
async fn a_group_grows_and_shrinks_from_its_end() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let id = w.stack(&demo, &body(2)).await.unwrap();
        assert_eq!(settled(&demo, &id).await.status, "CREATE_COMPLETE");
        let before = list(&demo, &id, "words").await;
        assert_eq!(list(&demo, &id, "names").await, ["node-0", "node-1"]);
        resized(&demo, &id, json!({"count": 4})).await;
        let grown = list(&demo, &id, "words").await;
        assert_eq!((grown.len(), &grown[..2]), (4, &before[..]), "who was there stays");
        resized(&demo, &id, json!({"count": 1})).await;
        assert_eq!(list(&demo, &id, "words").await, before[..1]);
        assert_eq!(list(&demo, &id, "names").await, ["node-0"]);
        resized(&demo, &id, json!({"count": 0})).await;
        assert!(list(&demo, &id, "words").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_chosen_member_goes_by_number_or_by_reference() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let id = w.stack(&demo, &body(4)).await.unwrap();
        assert_eq!(settled(&demo, &id).await.status, "CREATE_COMPLETE");
        let words = list(&demo, &id, "words").await;
        let references = list(&demo, &id, "references").await;
        resized(&demo, &id, json!({"count": 3, "remove": "1"})).await;
        assert_eq!(list(&demo, &id, "names").await, ["node-0", "node-2", "node-3"]);
        assert_eq!(list(&demo, &id, "words").await, [&words[0], &words[2], &words[3]].map(Clone::clone));
        resized(&demo, &id, json!({"count": 2, "remove": references[2]})).await;
        assert_eq!(list(&demo, &id, "names").await, ["node-0", "node-3"]);
        resized(&demo, &id, json!({"count": 3, "remove": "unknown"})).await;
        assert_eq!(list(&demo, &id, "names").await, ["node-0", "node-3", "node-4"], "numbers are not used twice");
        assert_eq!(list(&demo, &id, "words").await[..2], [words[0].clone(), words[3].clone()]);
    })
    .await;
}

#[tokio::test]
async fn nested_resources_are_listed_with_their_parents() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let id = w.stack(&demo, &body(2)).await.unwrap();
        assert_eq!(settled(&demo, &id).await.status, "CREATE_COMPLETE");
        let count = async |depth: u8| {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for resource in demo.heat().resources(&id, depth, None).await.unwrap() {
                assert_eq!(resource.status, "CREATE_COMPLETE");
                assert!(resource.physical_id.is_some_and(|id| !id.is_empty()));
                *counts.entry(resource.kind).or_default() += 1;
            }
            counts.into_iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>()
        };
        assert_eq!(count(0).await, ["1 OS::Heat::ResourceGroup"]);
        assert_eq!(count(1).await, ["1 OS::Heat::ResourceGroup", "2 node.yaml"]);
        let all = ["2 OS::Heat::RandomString", "1 OS::Heat::ResourceGroup", "2 OS::Heat::Value", "2 node.yaml"];
        assert_eq!(count(2).await, all);
        assert_eq!(count(5).await, all);
        let words = demo.heat().resources(&id, 5, Some("OS::Heat::RandomString")).await.unwrap();
        let mut parents: Vec<_> = words.iter().map(|one: &Resource| one.parent_resource.as_deref()).collect();
        parents.sort_unstable();
        assert_eq!((words.len(), parents), (2, vec![Some("0"), Some("1")]));
        assert!(demo.heat().resources(&id, 5, Some("OS::Nova::Server")).await.unwrap().is_empty());
    })
    .await;
}
