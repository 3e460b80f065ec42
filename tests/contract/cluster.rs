//! The stack that our driver makes for a cluster: accepted, signalled, read, resized and deleted as the conductor does it.

use chrono::DateTime;
use cloud::Session;
use domain::{Cluster, ClusterTemplate, Labels, NodeGroup, Secret, Status};
use drivers::{Driver, Facts, Input, Outputs};
use serde_json::json;

use crate::access::{FLAVOR, KEYPAIR};
use crate::api::Api;
use crate::world::{World, eventually, on_cloud, unique, uuid};

/// A cluster with what its stack is computed from.
struct Sample {
    cluster: Cluster,
    template: ClusterTemplate,
    groups: Vec<NodeGroup>,
    facts: Facts,
}

impl Sample {
    fn new(w: &World, project: &str) -> Self {
        let uuid = uuid();
        let group = |name, role| group(&uuid, name, role);
        Self {
            groups: vec![group(NodeGroup::DEFAULT_MASTER, "master"), group(NodeGroup::DEFAULT_WORKER, "worker")],
            facts: Facts {
                trustee_domain_id: "default".to_owned(),
                trustee_user_id: "nobody".to_owned(),
                trustee_username: format!("{uuid}_{project}"),
                trustee_password: Secret::new("trustee-secret"),
                auth_url: w.access.auth_url.clone(),
                magnum_url: "http://127.0.0.1:9511/v1".to_owned(),
                region_name: "RegionOne".to_owned(),
                docker_volume_type: Some(w.access.volume_type.clone()),
                service_account_key: "public".to_owned(),
                service_account_private_key: Secret::new("private-secret"),
                ..Facts::default()
            },
            cluster: cluster(uuid, project),
            template: template(w, project),
        }
    }

    fn input(&self) -> Input<'_> {
        let Self { cluster, template, groups, facts } = self;
        Input { cluster, template, groups, facts, removals: &[] }
    }
}

/// Reports success to every handle of the stack's nodes, as its owner may. Never to one that is still being made: the
/// report and the making write the same row, the making loses, and the stack then hangs in create and in delete.
async fn report(api: &Api, name: &str, id: &str) {
    let path = format!("/stacks/{name}/{id}/resources?nested_depth=5&type=OS::Heat::WaitConditionHandle");
    let found = api.get("orchestration", &path).await;
    let handles = found.body["resources"].as_array().into_iter().flatten();
    for handle in handles.filter(|handle| handle["resource_status"] == "CREATE_COMPLETE") {
        let links = handle["links"].as_array().into_iter().flatten();
        let own = links.filter(|link| link["rel"] == "self").find_map(|link| link["href"].as_str()).unwrap();
        let body = json!({"status": "SUCCESS", "reason": "up", "data": "", "id": "1"});
        let answer = api.post("orchestration", &format!("{own}/signal"), &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

/// The stack's status once it is no longer in progress, with its nodes reporting all the while.
async fn finished(api: &Api, session: &Session, id: &str) -> (String, Option<String>) {
    eventually("the cluster's stack", async || {
        let stack = session.heat().stack(id).await.unwrap().unwrap();
        if !stack.status.ends_with("IN_PROGRESS") {
            return Some((stack.status, stack.status_reason));
        }
        report(api, &stack.name, id).await;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        None
    })
    .await
}

async fn addresses(session: &Session, driver: &dyn Driver, sample: &mut Sample, id: &str) {
    let stack = session.heat().stack_with_outputs(id).await.unwrap().unwrap();
    let rows: Vec<_> = stack
        .outputs
        .iter()
        .map(|one| json!({"output_key": one.output_key, "output_value": one.output_value}))
        .collect();
    let outputs = Outputs::of_stack(&json!({"outputs": rows, "parameters": stack.parameters}));
    driver.outputs(&outputs, &mut sample.cluster, &mut sample.groups).unwrap();
}

#[tokio::test]
async fn a_clusters_stack_is_built_read_resized_and_deleted() {
    on_cloud(async |w: &World| {
        let api = w.api(&w.access.demo).await;
        let session = w.session_of(&api);
        let driver = drivers::driver_for("vm", "fedora-atomic", "kubernetes", &[]).unwrap();
        let mut sample = Sample::new(w, &api.project_id);
        let request = driver.stack(&sample.input()).unwrap();
        let id = w.stack(&session, &request.body()).await.unwrap();
        let (status, reason) = finished(&api, &session, &id).await;
        assert_eq!(status, "CREATE_COMPLETE", "{reason:?}");
        addresses(&session, driver, &mut sample, &id).await;
        let api_address = sample.cluster.api_address.clone().expect("the API has an address");
        assert!(api_address.starts_with("https://") && api_address.ends_with(":6443"), "{api_address}");
        assert!(sample.groups.iter().all(|group| group.node_addresses.len() == 1), "{:?}", sample.groups);
        let stack = session.heat().stack(&id).await.unwrap().unwrap();
        assert_eq!(stack.parameters["trustee_password"], "******");
        assert_eq!(stack.parameters["number_of_minions"], "1");
        assert!(stack.tags.unwrap().contains(&sample.cluster.uuid));

        let names = async |kind: &str| {
            let found = session.heat().resources(&id, 5, Some(kind)).await.unwrap();
            found.into_iter().map(|one| (one.name, one.status, one.physical_id)).collect::<Vec<_>>()
        };
        for kind in ["OS::Nova::Server", "OS::Cinder::Volume", "OS::Neutron::FloatingIP"] {
            let found = names(kind).await;
            assert_eq!(found.len(), 2, "{kind}: {found:?}");
        }

        sample.groups[1].node_count = 2;
        let change = driver.resize(&sample.input()).unwrap();
        session.heat().patch(&id, &change.body()).await.unwrap();
        let (status, reason) = finished(&api, &session, &id).await;
        assert_eq!(status, "UPDATE_COMPLETE", "{reason:?}");
        let worker = sample.groups[1].node_addresses.clone();
        addresses(&session, driver, &mut sample, &id).await;
        assert_eq!(sample.cluster.api_address.as_ref(), Some(&api_address), "the master is untouched");
        assert_eq!(sample.groups[1].node_addresses.len(), 2);
        assert!(sample.groups[1].node_addresses.contains(&worker[0]), "the first worker is untouched");
        let found = names("OS::Nova::Server").await;
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(session.heat().stack(&id).await.unwrap().unwrap().parameters["number_of_minions"], "2");
    })
    .await;
}

fn cluster(uuid: String, project: &str) -> Cluster {
    Cluster {
        id: 1,
        uuid,
        name: unique("cluster"),
        project_id: project.to_owned(),
        user_id: "user".to_owned(),
        cluster_template_id: "template".to_owned(),
        keypair: Some(KEYPAIR.to_owned()),
        flavor_id: Some(FLAVOR.to_owned()),
        master_flavor_id: Some(FLAVOR.to_owned()),
        docker_volume_size: Some(1),
        labels: Labels::default(),
        create_timeout: None,
        discovery_url: None,
        fixed_network: None,
        fixed_subnet: None,
        floating_ip_enabled: true,
        master_lb_enabled: false,
        status: Status::CreateInProgress,
        status_reason: None,
        health_status: None,
        health_status_reason: std::collections::BTreeMap::new(),
        stack_id: None,
        api_address: None,
        coe_version: None,
        container_version: None,
        ca_cert_ref: None,
        magnum_cert_ref: None,
        etcd_ca_cert_ref: None,
        front_proxy_ca_cert_ref: None,
        trust_id: None,
        trustee_username: None,
        trustee_user_id: None,
        trustee_password: None,
        trustee_rotation: None,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: None,
    }
}

fn template(w: &World, project: &str) -> ClusterTemplate {
    ClusterTemplate {
        id: 1,
        uuid: "template".to_owned(),
        name: Some("k8s".to_owned()),
        project_id: project.to_owned(),
        user_id: "user".to_owned(),
        image_id: w.access.image.clone(),
        flavor_id: Some(FLAVOR.to_owned()),
        master_flavor_id: Some(FLAVOR.to_owned()),
        keypair_id: Some(KEYPAIR.to_owned()),
        external_network_id: Some(w.access.external_network.clone()),
        fixed_network: None,
        fixed_subnet: None,
        network_driver: Some("flannel".to_owned()),
        volume_driver: None,
        dns_nameserver: Some("8.8.8.8".to_owned()),
        apiserver_port: None,
        docker_volume_size: Some(1),
        docker_storage_driver: Some("overlay2".to_owned()),
        cluster_distro: Some("fedora-atomic".to_owned()),
        coe: "kubernetes".to_owned(),
        server_type: "vm".to_owned(),
        http_proxy: None,
        https_proxy: None,
        no_proxy: None,
        insecure_registry: None,
        labels: Labels::default(),
        registry_enabled: false,
        tls_disabled: false,
        public: false,
        hidden: false,
        master_lb_enabled: false,
        floating_ip_enabled: true,
        tags: None,
        driver: None,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: None,
    }
}

fn group(cluster: &str, name: &str, role: &str) -> NodeGroup {
    NodeGroup {
        id: 1,
        uuid: uuid(),
        name: name.to_owned(),
        cluster_id: cluster.to_owned(),
        project_id: "project".to_owned(),
        role: role.to_owned(),
        is_default: true,
        node_count: 1,
        min_node_count: 1,
        max_node_count: None,
        flavor_id: Some(FLAVOR.to_owned()),
        image_id: None,
        docker_volume_size: Some(1),
        labels: Labels::default(),
        node_addresses: Vec::new(),
        stack_id: None,
        status: Status::CreateInProgress,
        status_reason: None,
        version: None,
        node_labels: std::collections::BTreeMap::new(),
        node_taints: Vec::new(),
        created_at: DateTime::UNIX_EPOCH,
        updated_at: None,
    }
}
