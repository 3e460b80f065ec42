//! Stacks that fail after they were accepted: the reason that a user reads, and the first concrete cause in it.

use cloud::{Session, Stack};
use serde_json::{Value, json};

use crate::access::FLAVOR;
use crate::api::Api;
use crate::world::{World, on_cloud, settled, unique};

const MEMBER: &str = "heat_template_version: 2017-02-24
parameters:
  fail: {type: boolean}
resources:
  part:
    type: OS::Heat::TestResource
    properties:
      value: x
      fail: {get_param: fail}
";

fn request(mut template: Value, files: &Value) -> Value {
    template["heat_template_version"] = json!("2017-02-24");
    json!({"stack_name": unique("fails"), "template": template, "files": files, "disable_rollback": true})
}

async fn failed(w: &World, session: &Session, body: &Value) -> Stack {
    let id = w.stack(session, body).await.unwrap();
    let stack = settled(session, &id).await;
    assert_eq!(stack.status, "CREATE_FAILED", "{:?}", stack.status_reason);
    stack
}

/// The sentence of a stack without the ids of the requests in it.
fn reason(stack: &Stack) -> String {
    let text = stack.status_reason.clone().unwrap();
    match text.find(" (Request-ID: ").or_else(|| text.find("\nNeutron server returns request_ids")) {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

#[tokio::test]
async fn the_place_of_a_failure_is_told_from_the_outside_in() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let group = json!({"type": "OS::Heat::ResourceGroup", "properties": {
            "count": 1, "resource_def": {"type": "member.yaml", "properties": {"fail": true}},
        }});
        let body = request(json!({"resources": {"group": group}}), &json!({"member.yaml": MEMBER}));
        let stack = failed(w, &demo, &body).await;
        let place = "ValueError: resources.group.resources[0].resources.part: Test Resource failed part";
        assert_eq!(reason(&stack), format!("Resource CREATE failed: {place}"));
        let cause = demo.heat().failed_reason(&stack.id).await.unwrap().unwrap();
        assert_eq!(cause, "group: part: ValueError: resources.part: Test Resource failed part");
        let failed = demo.heat().failed_resources(&stack.id).await.unwrap();
        let rows: Vec<_> =
            failed.iter().map(|one| (one.name.as_str(), one.parent_resource.as_deref(), one.status.as_str())).collect();
        let status = "CREATE_FAILED";
        assert_eq!(rows, [("part", Some("0"), status), ("0", Some("group"), status), ("group", None, status)]);
    })
    .await;
}

#[tokio::test]
async fn a_failed_stack_is_mended_by_an_update() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let group = json!({"type": "OS::Heat::ResourceGroup", "properties": {
            "count": 2, "resource_def": {"type": "member.yaml", "properties": {"fail": {"get_param": "fail"}}},
        }});
        let template = json!({"parameters": {"fail": {"type": "boolean"}}, "resources": {"group": group}});
        let mut body = request(template, &json!({"member.yaml": MEMBER}));
        body["parameters"] = json!({"fail": true});
        let stack = failed(w, &demo, &body).await;
        demo.heat().patch(&stack.id, &json!({"parameters": {"fail": false}, "disable_rollback": true})).await.unwrap();
        let mended = settled(&demo, &stack.id).await;
        assert_eq!(mended.status, "UPDATE_COMPLETE", "{:?}", mended.status_reason);
        assert_eq!(demo.heat().failed_reason(&stack.id).await.unwrap(), None);
        demo.heat().patch(&stack.id, &json!({"parameters": {"fail": true}, "disable_rollback": true})).await.unwrap();
        let broken = settled(&demo, &stack.id).await;
        assert_eq!(broken.status, "UPDATE_FAILED", "{:?}", broken.status_reason);
        assert!(
            reason(&broken).starts_with("resources.group: ") || reason(&broken).starts_with("Resource UPDATE failed: "),
            "{}",
            reason(&broken)
        );
    })
    .await;
}

#[tokio::test]
async fn a_stack_that_takes_too_long_fails() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let mut body = crate::stacks::waiting(&unique("slow"), 600);
        body["timeout_mins"] = json!(1);
        let stack = failed(w, &demo, &body).await;
        assert_eq!(reason(&stack), "Timed out");
    })
    .await;
}

#[tokio::test]
async fn a_stack_that_rolls_back_says_so() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let resources = json!({
            "word": {"type": "OS::Heat::RandomString"},
            "part": {"type": "OS::Heat::TestResource", "depends_on": "word", "properties": {"value": "x", "fail": true}},
        });
        let mut body = request(json!({"resources": resources}), &json!({}));
        body["disable_rollback"] = json!(false);
        let id = w.stack(&demo, &body).await.unwrap();
        let stack = crate::world::eventually("the end of the roll-back", async || {
            let stack = demo.heat().stack(&id).await.unwrap().unwrap();
            (stack.status.starts_with("ROLLBACK_") && !stack.status.ends_with("IN_PROGRESS")).then_some(stack)
        })
        .await;
        assert_eq!(stack.status, "ROLLBACK_COMPLETE");
        assert_eq!(reason(&stack), "Stack ROLLBACK completed successfully");
        assert!(demo.heat().resources(&id, 1, None).await.unwrap().is_empty());
    })
    .await;
}

fn server(w: &World, flavor: &str) -> Value {
    json!({"type": "OS::Nova::Server", "properties": {
        "name": unique("server"), "flavor": flavor, "image": w.access.image, "networks": [{"network": w.access.network}],
    }})
}

#[tokio::test]
async fn a_server_that_fits_nowhere_fails_with_novas_reason() {
    on_cloud(async |w: &World| {
        let (demo, admin) = (w.demo().await, w.api(&w.access.admin).await);
        let name = unique("huge");
        let body = json!({"flavor": {"name": name, "ram": 512, "disk": 1, "vcpus": 4000}});
        let made = admin.post("compute", "/flavors", &body).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let path = format!("/flavors/{}", made.body["flavor"]["id"].as_str().unwrap());
        w.undo_delete("flavor", &admin, "compute", path);
        let body = request(json!({"resources": {"big": server(w, &name)}}), &json!({}));
        let stack = failed(w, &demo, &body).await;
        let cause = "ResourceInError: resources.big: Went to status ERROR due to \
                     \"Message: No valid host was found. , Code: 500\"";
        assert_eq!(reason(&stack), format!("Resource CREATE failed: {cause}"));
        assert_eq!(demo.heat().failed_reason(&stack.id).await.unwrap(), Some(format!("big: {cause}")));
    })
    .await;
}

#[tokio::test]
async fn a_server_in_a_zone_that_is_not_there_fails_with_novas_reason() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let mut lost = server(w, FLAVOR);
        lost["properties"]["availability_zone"] = json!(unique("zone"));
        let stack = failed(w, &demo, &request(json!({"resources": {"lost": lost}}), &json!({}))).await;
        let cause = "BadRequest: resources.lost: The requested availability zone is not available (HTTP 400)";
        assert_eq!(reason(&stack), format!("Resource CREATE failed: {cause}"));
    })
    .await;
}

/// A project of its own with one user, so that its quota disturbs nobody.
async fn own_project(w: &World) -> Api {
    let admin = w.api(&w.access.admin).await;
    let name = unique("project");
    let made = admin.post("identity", "/projects", &json!({"project": {"name": name, "domain_id": "default"}})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.body["project"]["id"].as_str().unwrap();
    w.undo_delete("project", &admin, "identity", format!("/projects/{id}"));
    // The new project's administrator can see it, which is how its user is made.
    let mut like = w.access.demo.clone();
    like.project = name;
    let account = w.user_in(&like, id, &["member", "heat_stack_owner"]).await;
    w.api(&account).await
}

#[tokio::test]
async fn a_quota_that_is_used_up_fails_the_stack_with_its_numbers() {
    on_cloud(async |w: &World| {
        let admin = w.api(&w.access.admin).await;
        let owner = own_project(w).await;
        let session = w.session_of(&owner);
        let path = format!("/os-quota-sets/{}", owner.project_id);
        let set = admin.put("compute", &path, Some(&json!({"quota_set": {"instances": 1}}))).await;
        assert_eq!(set.status, 200, "{}", set.text);
        w.undo_delete("quota", &admin, "compute", path);
        let one = |after: &str| {
            json!({"type": "OS::Nova::Server", "depends_on": after, "properties": {
                "flavor": FLAVOR, "image": w.access.image, "networks": [{"network": {"get_resource": "net"}}],
            }})
        };
        let resources = json!({
            "net": {"type": "OS::Neutron::Net"},
            "subnet": {"type": "OS::Neutron::Subnet", "properties": {
                "network": {"get_resource": "net"}, "cidr": "10.88.0.0/24",
            }},
            "first": one("subnet"), "second": one("first"),
        });
        let stack = failed(w, &session, &request(json!({"resources": resources}), &json!({}))).await;
        let cause = "Forbidden: resources.second: Quota exceeded for instances: \
                     Requested 1, but already used 1 of 1 instances (HTTP 403)";
        assert_eq!(reason(&stack), format!("Resource CREATE failed: {cause}"));
        let found = session.heat().failed_reason(&stack.id).await.unwrap().unwrap();
        assert!(found.starts_with(&format!("second: {cause}")), "{found}");
    })
    .await;
}

#[tokio::test]
async fn what_is_missing_inside_a_nested_stack_fails_it_later() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let nested = |resource: Value| {
            let inner = json!({"heat_template_version": "2017-02-24", "resources": {"thing": resource}});
            let outer = json!({"resources": {"outer": {"type": "inner.yaml"}}});
            request(outer, &json!({"inner.yaml": inner.to_string()}))
        };
        for (resource, cause) in [
            (
                json!({"type": "OS::Cinder::Volume", "properties": {"size": 1, "volume_type": "no-type"}}),
                "resources.outer: Property error: resources.thing.properties.volume_type: \
                 Error validating value 'no-type': The VolumeType (no-type) could not be found.",
            ),
            (
                server(w, "no-flavor"),
                "resources.outer: Property error: resources.thing.properties.flavor: \
                 Error validating value 'no-flavor': No Flavor matching {'name': 'no-flavor'}. (HTTP 404)",
            ),
        ] {
            let stack = failed(w, &demo, &nested(resource)).await;
            assert_eq!(reason(&stack), format!("Resource CREATE failed: {cause}"));
            let found = demo.heat().failed_reason(&stack.id).await.unwrap();
            assert_eq!(found, Some(format!("outer: {cause}")));
        }
    })
    .await;
}

#[tokio::test]
async fn a_subnet_that_somebody_uses_keeps_its_stack() {
    on_cloud(async |w: &World| {
        let api = w.api(&w.access.demo).await;
        let session = w.session_of(&api);
        let resources = json!({
            "net": {"type": "OS::Neutron::Net"},
            "subnet": {"type": "OS::Neutron::Subnet", "properties": {
                "network": {"get_resource": "net"}, "cidr": "10.89.0.0/24",
            }},
        });
        let body = request(json!({"resources": resources}), &json!({}));
        let id = w.stack(&session, &body).await.unwrap();
        assert_eq!(settled(&session, &id).await.status, "CREATE_COMPLETE");
        let physical = async |kind: &str| {
            session.heat().resources(&id, 0, Some(kind)).await.unwrap()[0].physical_id.clone().unwrap()
        };
        let (net, subnet) = (physical("OS::Neutron::Net").await, physical("OS::Neutron::Subnet").await);
        let made = api.post("network", "/v2.0/ports", &json!({"port": {"network_id": net}})).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let path = format!("/v2.0/ports/{}", made.body["port"]["id"].as_str().unwrap());
        w.undo_delete("port", &api, "network", path.clone());
        session.heat().delete(&id).await.unwrap();
        let stack = settled(&session, &id).await;
        assert_eq!(stack.status, "DELETE_FAILED");
        let cause = format!(
            "Conflict: resources.subnet: Unable to complete operation on subnet {subnet}: \
             One or more ports have an IP allocation from this subnet."
        );
        assert_eq!(reason(&stack), format!("Resource DELETE failed: {cause}"));
        let found = session.heat().failed_reason(&id).await.unwrap().unwrap();
        assert!(found.starts_with(&format!("subnet: {cause}")), "{found}");
        assert_eq!(api.delete("network", &path).await.status, 204);
    })
    .await;
}
