//! Glance, Nova, Neutron and Cinder: what a cluster template names is found, or the user is told what is wrong with it.

use cloud::Session;
use domain::Error;
use serde_json::{Value, json};

use crate::access::{DISKLESS, FLAVOR, KEYPAIR};
use crate::api::Api;
use crate::world::{World, on_cloud, refusal, unique, uuid};

fn is_missing<T: std::fmt::Debug>(outcome: Result<T, Error>, sentence: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    assert_eq!(error.to_string(), sentence);
}

fn is_ambiguous<T: std::fmt::Debug>(outcome: Result<T, Error>, sentence: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::Ambiguous { .. }), "{error:?}");
    assert_eq!(error.to_string(), sentence);
}

/// Makes something that is deleted at the end; what the service says about it.
async fn make(w: &World, api: &Api, service: &'static str, path: &str, kind: &str, body: Value) -> Value {
    let answer = api.post(service, path, &body).await;
    assert!((200..300).contains(&answer.status), "{kind}: {}", answer.text);
    let made = answer.body.get(kind).cloned().unwrap_or(answer.body);
    w.undo_delete(kind, api, service, format!("{path}/{}", made["id"].as_str().unwrap()));
    made
}

async fn image(w: &World, api: &Api, name: &str) -> String {
    let body = json!({"name": name, "disk_format": "qcow2", "container_format": "bare", "os_distro": "fedora-atomic"});
    make(w, api, "image", "/v2/images", "image", body).await["id"].as_str().unwrap().to_owned()
}

async fn network(w: &World, api: &Api, name: &str) -> String {
    let body = json!({"network": {"name": name}});
    make(w, api, "network", "/v2.0/networks", "network", body).await["id"].as_str().unwrap().to_owned()
}

async fn port(w: &World, api: &Api, network: &str) -> String {
    let body = json!({"port": {"name": unique("port"), "network_id": network}});
    make(w, api, "network", "/v2.0/ports", "port", body).await["id"].as_str().unwrap().to_owned()
}

async fn parties(w: &World) -> (Api, Session, Session) {
    let api = w.api(&w.access.demo).await;
    let demo = w.session_of(&api);
    (api, demo, w.alt().await)
}

#[tokio::test]
async fn an_image_is_found_by_name_or_id_with_its_properties() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let image = demo.glance().image(&w.access.image).await.unwrap();
        assert_eq!(image.name.as_deref(), Some(w.access.image.as_str()));
        assert_eq!((image.os_distro.as_deref(), image.status.as_deref()), (Some("fedora-atomic"), Some("active")));
        assert_eq!((image.min_disk, image.min_ram), (Some(0), Some(0)));
        assert_eq!(demo.glance().image(&image.id).await.unwrap(), image);
        assert_eq!(demo.glance().image(&w.access.bare_image).await.unwrap().os_distro, None);
    })
    .await;
}

#[tokio::test]
async fn images_that_are_missing_hidden_or_namesakes_are_told_apart() {
    on_cloud(async |w: &World| {
        let (api, demo, alt) = parties(w).await;
        let (none, name) = (unique("none"), unique("image"));
        is_missing(demo.glance().image(&none).await, &format!("Image {none} could not be found"));
        let id = uuid();
        is_missing(demo.glance().image(&id).await, &format!("Image {id} could not be found"));
        let first = image(w, &api, &name).await;
        assert_eq!(demo.glance().image(&name).await.unwrap().id, first);
        assert_eq!(demo.glance().image(&name).await.unwrap().status.as_deref(), Some("queued"));
        is_missing(alt.glance().image(&first).await, &format!("Image {first} could not be found"));
        is_missing(alt.glance().image(&name).await, &format!("Image {name} could not be found"));
        image(w, &api, &name).await;
        let sentence = format!("Multiple image objects exist with the name {name}. Use the UUID instead");
        is_ambiguous(demo.glance().image(&name).await, &sentence);
        assert_eq!(demo.glance().image(&first).await.unwrap().id, first);
    })
    .await;
}

#[tokio::test]
async fn flavors_are_found_by_name_or_id() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let flavor = demo.nova().flavor(FLAVOR).await.unwrap();
        assert_eq!((flavor.vcpus, flavor.ram, flavor.disk), (1, 2048, 20));
        assert_eq!(demo.nova().flavor(&flavor.id).await.unwrap(), flavor);
        assert_eq!(demo.nova().flavor(DISKLESS).await.unwrap().disk, 0);
        assert!(demo.nova().flavors().await.unwrap().len() >= 2);
        let none = unique("flavor");
        is_missing(demo.nova().flavor(&none).await, &format!("Flavor {none} could not be found"));
    })
    .await;
}

#[tokio::test]
async fn a_projects_user_may_read_the_availability_zones() {
    on_cloud(async |w: &World| {
        let zones = w.demo().await.nova().availability_zones().await.unwrap();
        // The usual name of the zone of hosts that are put in no other. That of Nova's own services is not shown.
        assert!(zones.iter().any(|name| name == "nova"), "{zones:?}");
        assert!(!zones.iter().any(|name| name == "internal"), "{zones:?}");
    })
    .await;
}

#[tokio::test]
async fn a_key_pair_belongs_to_its_user() {
    on_cloud(async |w: &World| {
        let (api, demo, alt) = parties(w).await;
        let pair = demo.nova().keypair(KEYPAIR).await.unwrap().unwrap();
        assert_eq!((pair.name.as_str(), pair.kind.as_deref()), (KEYPAIR, Some("ssh")));
        assert!(pair.public_key.starts_with("ssh-rsa "), "{}", pair.public_key);
        let name = unique("key");
        let body = json!({"keypair": {"name": name, "public_key": pair.public_key}});
        let made = api.post("compute", "/os-keypairs", &body).await;
        assert!(matches!(made.status, 200 | 201), "{}", made.text);
        w.undo_delete("key pair", &api, "compute", format!("/os-keypairs/{name}"));
        assert_eq!(demo.nova().keypair(&name).await.unwrap().unwrap().name, name);
        assert_eq!(alt.nova().keypair(&name).await.unwrap(), None);
        assert_eq!(demo.nova().keypair(&unique("none")).await.unwrap(), None);
        assert_eq!(api.post("compute", "/os-keypairs", &body).await.status, 409);
    })
    .await;
}

#[tokio::test]
async fn an_external_network_is_one_that_leads_out() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let (public, private) = (&w.access.external_network, &w.access.network);
        let found = demo.neutron().external_network(public).await.unwrap();
        assert_eq!((&found.name, found.external, found.subnets.len()), (public, true, 1));
        assert_eq!(demo.neutron().external_network(&found.id).await.unwrap().id, found.id);
        let inside = demo.neutron().network(private).await.unwrap();
        assert!(!inside.external);
        for ident in [private, &inside.id] {
            let sentence = format!("Network {ident} could not be found");
            is_missing(demo.neutron().external_network(ident).await, &sentence);
        }
        let subnet = demo.neutron().subnet(&w.access.subnet).await.unwrap();
        assert_eq!((&subnet.network_id, &subnet.name), (&inside.id, &w.access.subnet));
        assert!(subnet.cidr.is_some());
        assert_eq!(demo.neutron().subnet(&subnet.id).await.unwrap(), subnet);
        let none = unique("none");
        is_missing(demo.neutron().network(&none).await, &format!("Network {none} could not be found"));
        is_missing(demo.neutron().subnet(&none).await, &format!("Subnet {none} could not be found"));
    })
    .await;
}

#[tokio::test]
async fn networks_of_others_are_missing_and_namesakes_ambiguous() {
    on_cloud(async |w: &World| {
        let (api, demo, alt) = parties(w).await;
        let name = unique("net");
        let first = network(w, &api, &name).await;
        assert_eq!(demo.neutron().network(&name).await.unwrap().id, first);
        is_missing(alt.neutron().network(&first).await, &format!("Network {first} could not be found"));
        is_missing(alt.neutron().network(&name).await, &format!("Network {name} could not be found"));
        network(w, &api, &name).await;
        let sentence = format!("Multiple network objects exist with the name {name}. Use the UUID instead");
        is_ambiguous(demo.neutron().network(&name).await, &sentence);
        // The administrator of the cloud sees everybody's networks.
        assert_eq!(w.cloud.as_service().neutron().network(&first).await.unwrap().id, first);
    })
    .await;
}

#[tokio::test]
async fn ports_are_listed_by_network_and_deleted_unless_a_device_has_them() {
    on_cloud(async |w: &World| {
        let (api, demo, alt) = parties(w).await;
        let net = network(w, &api, &unique("net")).await;
        let body = json!({"subnet": {"network_id": net, "cidr": "10.77.0.0/24", "ip_version": 4}});
        let subnet = make(w, &api, "network", "/v2.0/subnets", "subnet", body).await;
        assert!(demo.neutron().ports(&net).await.unwrap().is_empty());
        let id = port(w, &api, &net).await;
        let ports = demo.neutron().ports(&net).await.unwrap();
        assert_eq!((ports.len(), &ports[0].id, &ports[0].network_id), (1, &id, &net));
        assert_eq!(ports[0].device_owner, "");
        assert!(!alt.neutron().delete_port(&id).await.unwrap(), "somebody else's port is not there");
        let path = format!("/v2.0/subnets/{}", subnet["id"].as_str().unwrap());
        let answer = api.delete("network", &path).await;
        assert_eq!((answer.status, &answer.body["NeutronError"]["type"]), (409, &json!("SubnetInUse")));
        let answer = api.delete("network", &format!("/v2.0/networks/{net}")).await;
        assert_eq!((answer.status, &answer.body["NeutronError"]["type"]), (409, &json!("NetworkInUse")));
        assert!(demo.neutron().delete_port(&id).await.unwrap());
        assert!(!demo.neutron().delete_port(&id).await.unwrap());

        let router =
            make(w, &api, "network", "/v2.0/routers", "router", json!({"router": {"name": unique("r")}})).await;
        let path = format!("/v2.0/routers/{}", router["id"].as_str().unwrap());
        let interface = json!({"subnet_id": subnet["id"]});
        let answer = api.put("network", &format!("{path}/add_router_interface"), Some(&interface)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let ports = demo.neutron().ports(&net).await.unwrap();
        assert_eq!((ports.len(), ports[0].device_owner.as_str()), (1, "network:router_interface"));
        let (status, sentence) = refusal(demo.neutron().delete_port(&ports[0].id).await);
        assert_eq!(status, 409);
        let expected = format!(
            "Port {} cannot be deleted directly via the port API: has device owner network:router_interface.",
            ports[0].id
        );
        assert!(sentence.starts_with(&expected), "{sentence}");
        let answer = api.delete("network", &path).await;
        assert_eq!((answer.status, &answer.body["NeutronError"]["type"]), (409, &json!("RouterInUse")));
        let answer = api.put("network", &format!("{path}/remove_router_interface"), Some(&interface)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(demo.neutron().ports(&net).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn floating_ips_are_found_by_their_port_and_given_back() {
    on_cloud(async |w: &World| {
        let (api, demo, alt) = parties(w).await;
        let net = demo.neutron().network(&w.access.network).await.unwrap();
        let public = demo.neutron().external_network(&w.access.external_network).await.unwrap();
        let port = port(w, &api, &net.id).await;
        assert!(demo.neutron().floating_ips(&port).await.unwrap().is_empty());
        let body = json!({"floatingip": {
            "floating_network_id": public.id, "port_id": port, "description": "Floating IP for Kubernetes external service",
        }});
        let made = make(w, &api, "network", "/v2.0/floatingips", "floatingip", body).await;
        let found = demo.neutron().floating_ips(&port).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(json!(found[0].id), made["id"]);
        assert_eq!(json!(found[0].address), made["floating_ip_address"]);
        assert_eq!(found[0].port_id.as_deref(), Some(port.as_str()));
        assert_eq!(found[0].description.as_deref(), Some("Floating IP for Kubernetes external service"));
        assert!(!alt.neutron().delete_floating_ip(&found[0].id).await.unwrap());
        let wrong = json!({"floatingip": {"floating_network_id": net.id}});
        let answer = api.post("network", "/v2.0/floatingips", &wrong).await;
        assert_eq!(answer.status, 400);
        let expected = format!("Bad floatingip request: Network {} is not a valid external network.", net.id);
        assert_eq!(answer.body["NeutronError"]["message"], expected);
        assert!(demo.neutron().delete_floating_ip(&found[0].id).await.unwrap());
        assert!(!demo.neutron().delete_floating_ip(&found[0].id).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn volume_types_and_volumes_are_listed() {
    on_cloud(async |w: &World| {
        let (api, demo, alt) = parties(w).await;
        let types = demo.cinder().volume_types().await.unwrap();
        let wanted = types.iter().find(|one| one.name == w.access.volume_type).expect("the seeded type");
        assert_eq!(wanted.is_public, Some(true));
        let default = demo.cinder().default_volume_type().await.unwrap().expect("Cinder has a default type");
        assert!(types.contains(&default), "{default:?}");
        assert_eq!(demo.cinder().usual_volume_type().await.unwrap().as_ref(), Some(&default));
        let name = unique("volume");
        let body = json!({"volume": {"name": name, "size": 1, "metadata": {"kubernetes.io/created-for": "claim"}}});
        let made = make(w, &api, "volumev3", "/volumes", "volume", body).await;
        let id = made["id"].as_str().unwrap();
        let find = async |session: &Session| {
            session.cinder().volumes().await.unwrap().into_iter().find(|volume| volume.id == id)
        };
        let found = crate::world::eventually("the volume", async || {
            find(&demo).await.filter(|volume| volume.status != "creating")
        })
        .await;
        assert_eq!((found.name.as_deref(), found.status.as_str()), (Some(name.as_str()), "available"));
        assert_eq!(found.metadata["kubernetes.io/created-for"], "claim");
        assert_eq!(find(&alt).await, None);
        let bad = json!({"volume": {"name": name, "size": 1, "volume_type": unique("type")}});
        let answer = api.post("volumev3", "/volumes", &bad).await;
        assert_eq!(answer.status, 404, "{}", answer.text);
    })
    .await;
}

#[tokio::test]
async fn a_projects_servers_are_its_own() {
    on_cloud(async |w: &World| {
        let (_, demo, alt) = parties(w).await;
        let name = unique("server");
        let template = json!({
            "heat_template_version": "2017-09-01",
            "resources": {"server": {"type": "OS::Nova::Server", "properties": {
                "name": name, "flavor": FLAVOR, "image": w.access.image, "key_name": KEYPAIR,
                "networks": [{"network": w.access.network}], "user_data": "#!/bin/sh\n", "user_data_format": "RAW",
            }}},
            "outputs": {"address": {"value": {"get_attr": ["server", "first_address"]}}},
        });
        let body = json!({"stack_name": name, "template": template, "disable_rollback": true});
        let id = w.stack(&demo, &body).await.unwrap();
        let stack = crate::world::settled(&demo, &id).await;
        assert_eq!(stack.status, "CREATE_COMPLETE", "{:?}", stack.status_reason);
        let found = demo.nova().servers(&name).await.unwrap();
        assert_eq!((found.len(), found[0].name.as_str(), found[0].status.as_str()), (1, name.as_str(), "ACTIVE"));
        let resources = demo.heat().resources(&id, 1, Some("OS::Nova::Server")).await.unwrap();
        assert_eq!(resources[0].physical_id.as_deref(), Some(found[0].id.as_str()));
        assert!(alt.nova().servers(&name).await.unwrap().is_empty());
        assert!(demo.nova().servers(&unique("none")).await.unwrap().is_empty());
    })
    .await;
}
