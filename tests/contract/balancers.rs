//! Octavia: load balancers that a cluster's services have left behind, and their removal with all that hangs on them.

use cloud::LoadBalancer;
use serde_json::{Value, json};

use crate::api::Api;
use crate::world::{World, eventually, on_cloud, refusal, unique, uuid};

const DESCRIPTION: &str = "Kubernetes external service web from cluster c1";

/// A load balancer as a cluster's controller makes one; deleted at the end with all it has.
async fn balancer(w: &World, api: &Api) -> LoadBalancer {
    let session = w.session_of(api);
    let subnet = session.neutron().subnet(&w.access.subnet).await.unwrap();
    let body = json!({"loadbalancer": {
        "name": unique("lb"), "description": DESCRIPTION, "vip_subnet_id": subnet.id,
    }});
    let made = api.post("load-balancer", "/v2/lbaas/loadbalancers", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.body["loadbalancer"]["id"].as_str().unwrap().to_owned();
    w.undo_delete_slowly("load balancer", api, "load-balancer", format!("/v2/lbaas/loadbalancers/{id}?cascade=true"));
    let made: LoadBalancer = serde_json::from_value(made.body["loadbalancer"].clone()).unwrap();
    assert_eq!(made.provisioning_status, "PENDING_CREATE");
    made
}

async fn active(w: &World, api: &Api, id: &str) -> LoadBalancer {
    let session = w.session_of(api);
    eventually("the load balancer", async || {
        let found = session.octavia().load_balancer(id).await.unwrap().unwrap();
        assert_ne!(found.provisioning_status, "ERROR");
        (found.provisioning_status == "ACTIVE").then_some(found)
    })
    .await
}

/// Adds a listener, which is what keeps a load balancer from being deleted alone.
async fn listener(w: &World, api: &Api, id: &str) -> Value {
    let body = json!({"listener": {"name": "web", "loadbalancer_id": id, "protocol": "TCP", "protocol_port": 80}});
    let made = api.post("load-balancer", "/v2/lbaas/listeners", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    active(w, api, id).await;
    made.body["listener"].clone()
}

#[tokio::test]
async fn a_load_balancer_is_found_with_what_tells_whose_it_is() {
    on_cloud(async |w: &World| {
        let api = w.api(&w.access.demo).await;
        let session = w.session_of(&api);
        let made = balancer(w, &api).await;
        let found = active(w, &api, &made.id).await;
        assert_eq!((&found.id, &found.name), (&made.id, &made.name));
        assert_eq!(found.description.as_deref(), Some(DESCRIPTION));
        assert_eq!(found.project_id.as_deref(), Some(api.project_id.as_str()));
        let subnet = session.neutron().subnet(&w.access.subnet).await.unwrap();
        assert_eq!(found.vip_subnet_id.as_deref(), Some(subnet.id.as_str()));
        let ports = session.neutron().ports(&subnet.network_id).await.unwrap();
        let vip = ports.iter().find(|port| Some(&port.id) == found.vip_port_id.as_ref()).expect("its port");
        assert_eq!(vip.device_owner, "Octavia");
        let listed = session.octavia().load_balancers(Some(&api.project_id)).await.unwrap();
        assert!(listed.contains(&found), "{listed:?}");
        assert!(session.octavia().load_balancers(None).await.unwrap().contains(&found));
        assert_eq!(session.octavia().load_balancer(&uuid()).await.unwrap(), None);
        assert!(!session.octavia().delete_cascade(&uuid()).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn everything_goes_with_the_load_balancer() {
    on_cloud(async |w: &World| {
        let api = w.api(&w.access.demo).await;
        let session = w.session_of(&api);
        let made = balancer(w, &api).await;
        let found = active(w, &api, &made.id).await;
        listener(w, &api, &made.id).await;
        let path = format!("/v2/lbaas/loadbalancers/{}", made.id);
        let alone = api.delete("load-balancer", &path).await;
        assert_eq!(alone.status, 400);
        assert_eq!(
            alone.body["faultstring"],
            format!("Validation failure: Cannot delete Load Balancer {} - it has children", made.id)
        );
        assert!(session.octavia().delete_cascade(&made.id).await.unwrap());
        let leaving = session.octavia().load_balancer(&made.id).await.unwrap();
        assert!(leaving.as_ref().is_none_or(LoadBalancer::is_leaving), "{leaving:?}");
        eventually("the end of the load balancer", async || {
            session.octavia().load_balancer(&made.id).await.unwrap().is_none().then_some(())
        })
        .await;
        assert!(!session.octavia().delete_cascade(&made.id).await.unwrap());
        let subnet = session.neutron().subnet(&w.access.subnet).await.unwrap();
        let ports = session.neutron().ports(&subnet.network_id).await.unwrap();
        assert!(ports.iter().all(|port| Some(&port.id) != found.vip_port_id.as_ref()), "the VIP's port is left");
        let listed = session.octavia().load_balancers(Some(&api.project_id)).await.unwrap();
        assert!(listed.iter().all(|other| other.id != made.id));
    })
    .await;
}

#[tokio::test]
async fn a_load_balancer_that_is_being_changed_is_a_conflict() {
    on_cloud(async |w: &World| {
        let api = w.api(&w.access.demo).await;
        let made = balancer(w, &api).await;
        let (status, sentence) = refusal(w.session_of(&api).octavia().delete_cascade(&made.id).await);
        assert_eq!(status, 409);
        let expected = format!("Invalid state PENDING_CREATE of loadbalancer resource {}", made.id);
        assert!(sentence.starts_with(&expected), "{sentence}");
        active(w, &api, &made.id).await;
    })
    .await;
}

#[tokio::test]
async fn load_balancers_need_a_role_of_their_own() {
    on_cloud(async |w: &World| {
        let member = w.user_with(&w.access.demo, &["member"]).await;
        let session = w.session(&member).await;
        let (status, sentence) = refusal(session.octavia().load_balancers(None).await);
        assert_eq!(status, 403);
        assert!(sentence.starts_with("Policy does not allow this request to be performed."), "{sentence}");
        assert_eq!(session.octavia().load_balancer(&uuid()).await.unwrap(), None, "absence comes before permission");
    })
    .await;
}

#[tokio::test]
async fn another_projects_load_balancer_is_out_of_reach() {
    on_cloud(async |w: &World| {
        let api = w.api(&w.access.demo).await;
        let made = balancer(w, &api).await;
        active(w, &api, &made.id).await;
        let alt = w.alt().await;
        let (status, sentence) = refusal(alt.octavia().load_balancer(&made.id).await);
        assert_eq!(status, 403);
        assert!(sentence.starts_with("Policy does not allow this request to be performed."), "{sentence}");
        assert_eq!(refusal(alt.octavia().delete_cascade(&made.id).await).0, 403);
        assert!(alt.octavia().load_balancers(None).await.unwrap().iter().all(|other| other.id != made.id));
        let (status, sentence) = refusal(alt.octavia().load_balancers(Some(&api.project_id)).await);
        assert_eq!(status, 403, "{sentence}");
    })
    .await;
}
