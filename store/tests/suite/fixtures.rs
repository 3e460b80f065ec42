//! Rows to work with.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use domain::{
    Cluster, ClusterTemplate, Ident, Labels, NodeGroup, Operation, OperationKind, OperationState, ResizeParams, Status,
    Taint,
};
use store::{ClusterRecord, Scope, Store};

pub(crate) const PROJECT: &str = "p1";
pub(crate) const TTL: TimeDelta = TimeDelta::seconds(60);

/// A fixed moment; tests never look at the clock.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 5, 11, 22, 33).unwrap() + TimeDelta::seconds(seconds)
}

pub(crate) fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

pub(crate) fn template(name: &str) -> ClusterTemplate {
    ClusterTemplate {
        id: 0,
        uuid: uuid(),
        name: Some(name.to_owned()),
        project_id: PROJECT.to_owned(),
        user_id: "u1".to_owned(),
        image_id: "fedora".to_owned(),
        flavor_id: Some("m1".to_owned()),
        master_flavor_id: None,
        keypair_id: Some("key".to_owned()),
        external_network_id: Some("public".to_owned()),
        fixed_network: None,
        fixed_subnet: None,
        network_driver: Some("flannel".to_owned()),
        volume_driver: None,
        dns_nameserver: Some("8.8.8.8,9.9.9.9".to_owned()),
        apiserver_port: Some(6443),
        docker_volume_size: Some(5),
        docker_storage_driver: Some("devicemapper".to_owned()),
        cluster_distro: Some("fedora-atomic".to_owned()),
        coe: "kubernetes".to_owned(),
        server_type: "vm".to_owned(),
        http_proxy: None,
        https_proxy: None,
        no_proxy: Some(String::new()),
        insecure_registry: None,
        labels: Labels::from([("kube_tag", "v1.11.6"), ("ünïcode", "✓")]),
        registry_enabled: false,
        tls_disabled: false,
        public: false,
        hidden: false,
        master_lb_enabled: true,
        floating_ip_enabled: true,
        tags: None,
        driver: None,
        created_at: at(0),
        updated_at: None,
    }
}

pub(crate) fn cluster(name: &str, template: &ClusterTemplate) -> Cluster {
    Cluster {
        id: 0,
        uuid: uuid(),
        name: name.to_owned(),
        project_id: PROJECT.to_owned(),
        user_id: "u1".to_owned(),
        cluster_template_id: template.uuid.clone(),
        keypair: Some("key".to_owned()),
        flavor_id: Some("m1".to_owned()),
        master_flavor_id: None,
        docker_volume_size: None,
        labels: Labels::from([("kube_tag", "v1.11.6")]),
        create_timeout: Some(60),
        discovery_url: None,
        fixed_network: None,
        fixed_subnet: None,
        floating_ip_enabled: true,
        master_lb_enabled: false,
        status: Status::CreateInProgress,
        status_reason: None,
        health_status: None,
        health_status_reason: Default::default(),
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
        created_at: at(0),
        updated_at: None,
    }
}

pub(crate) fn group(cluster: &Cluster, name: &str, node_count: i64) -> NodeGroup {
    NodeGroup {
        id: 0,
        uuid: uuid(),
        name: name.to_owned(),
        cluster_id: cluster.uuid.clone(),
        project_id: cluster.project_id.clone(),
        role: if name.ends_with("master") { "master" } else { "worker" }.to_owned(),
        is_default: name.starts_with("default"),
        node_count,
        min_node_count: 0,
        max_node_count: None,
        flavor_id: Some("m1".to_owned()),
        image_id: None,
        docker_volume_size: None,
        labels: Labels::from([("a", "b")]),
        node_addresses: vec!["10.0.0.1".to_owned()],
        stack_id: None,
        status: Status::CreateInProgress,
        status_reason: None,
        version: Some("0".to_owned()),
        node_labels: [("zone".to_owned(), "a".to_owned())].into(),
        node_taints: vec![Taint { key: "k".to_owned(), value: None, effect: "NoSchedule".to_owned() }],
        created_at: at(0),
        updated_at: None,
    }
}

pub(crate) fn groups(cluster: &Cluster) -> Vec<NodeGroup> {
    vec![group(cluster, NodeGroup::DEFAULT_MASTER, 1), group(cluster, NodeGroup::DEFAULT_WORKER, 2)]
}

pub(crate) fn operation(cluster: &Cluster, kind: OperationKind) -> Operation {
    Operation {
        id: uuid(),
        seq: 0,
        cluster_uuid: cluster.uuid.clone(),
        project_id: cluster.project_id.clone(),
        user_id: "u1".to_owned(),
        request_id: "req-1".to_owned(),
        kind,
        params: serde_json::json!({}),
        state: OperationState::Queued,
        step: String::new(),
        attempt: 0,
        run_at: at(0),
        step_since: at(0),
        lease_owner: None,
        lease_until: None,
        generation: 0,
        sealed_token: Some("v1:sealed".to_owned()),
        reason: None,
        created_at: at(0),
        updated_at: None,
        finished_at: None,
    }
}

pub(crate) fn resize(record: &ClusterRecord, group: usize, node_count: i64) -> Operation {
    let params = ResizeParams {
        nodegroup: record.nodegroups[group].uuid.clone(),
        node_count,
        nodes_to_remove: Vec::new(),
        rollback: false,
        previous: None,
    };
    let params = serde_json::to_value(params).unwrap();
    Operation { params, ..operation(&record.cluster, OperationKind::Resize) }
}

/// An operation on one node group.
pub(crate) fn node_group(record: &ClusterRecord, kind: OperationKind, group: &NodeGroup) -> Operation {
    Operation { params: serde_json::json!({"nodegroup": group.uuid}), ..operation(&record.cluster, kind) }
}

pub(crate) fn delete(record: &ClusterRecord) -> Operation {
    operation(&record.cluster, OperationKind::Delete)
}

/// The token that a second delete brings.
pub(crate) fn fresh_token(id: &str) -> domain::Result<String> {
    Ok(format!("v1:fresh for {id}"))
}

pub(crate) async fn show(store: &Store, uuid: &str) -> ClusterRecord {
    store.cluster(&Scope::All, &Ident::Uuid(uuid.to_owned())).await.unwrap()
}

/// A template and a cluster of it whose creation is active.
pub(crate) async fn creating(store: &Store) -> (ClusterRecord, Operation) {
    let template = template("t");
    store.insert_template(&template).await.unwrap();
    let cluster = cluster("c", &template);
    let create = operation(&cluster, OperationKind::Create);
    store.insert_cluster(&template, &cluster, &groups(&cluster), &create, 100).await.unwrap();
    (show(store, &cluster.uuid).await, store.operation(&create.id).await.unwrap())
}

pub(crate) fn with_status(record: &ClusterRecord, status: Status) -> (Cluster, Vec<NodeGroup>) {
    let mut cluster = record.cluster.clone();
    cluster.status = status;
    let mut groups = record.nodegroups.clone();
    groups.iter_mut().for_each(|group| group.status = status);
    (cluster, groups)
}

pub(crate) async fn claimed(store: &Store, id: &str, owner: &str, seconds: i64) -> Operation {
    store.claim_operation(id, owner, at(seconds), TTL).await.unwrap().expect("free and due")
}

/// A cluster whose creation ended in `status`.
pub(crate) async fn created(store: &Store, status: Status) -> ClusterRecord {
    let (record, create) = creating(store).await;
    let claim = claimed(store, &create.id, "w", 0).await;
    let (cluster, groups) = with_status(&record, status);
    let outcome = if status.is_failed() {
        store::Outcome::failed(&cluster, &groups, "no")
    } else {
        store::Outcome::done(&cluster, &groups)
    };
    assert_eq!(store.finish(&claim, outcome, at(1)).await.unwrap(), Some(None));
    show(store, &cluster.uuid).await
}
