//! What a caller may say about a cluster, and the rows that come of it with the template's defaults.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use crate::{Caller, Cluster, ClusterTemplate, Error, HealthStatus, Labels, NodeGroup, Result, Status, checks};

/// Body of a POST of a cluster, or of a bay, which calls two attributes otherwise; `None` where absent or null.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "fields carry the names and meanings of the REST reference")]
pub struct ClusterRequest {
    pub name: Option<String>,
    #[serde(alias = "baymodel_id")]
    pub cluster_template_id: Option<String>,
    pub keypair: Option<String>,
    pub node_count: Option<i64>,
    pub master_count: Option<i64>,
    pub docker_volume_size: Option<i64>,
    pub labels: Option<Labels>,
    pub merge_labels: Option<bool>,
    pub flavor_id: Option<String>,
    pub master_flavor_id: Option<String>,
    /// Minutes. Absent means 60; an explicit null or 0 means the configured default.
    #[serde(alias = "bay_create_timeout")]
    pub create_timeout: Option<i64>,
    pub discovery_url: Option<String>,
    pub fixed_network: Option<String>,
    pub fixed_subnet: Option<String>,
    pub floating_ip_enabled: Option<bool>,
    pub master_lb_enabled: Option<bool>,
    pub health_status: Option<HealthStatus>,
    pub health_status_reason: Option<BTreeMap<String, String>>,
}

impl Default for ClusterRequest {
    fn default() -> Self {
        Self {
            name: None,
            cluster_template_id: None,
            keypair: None,
            node_count: None,
            master_count: None,
            docker_volume_size: None,
            labels: None,
            merge_labels: None,
            flavor_id: None,
            master_flavor_id: None,
            create_timeout: Some(60),
            discovery_url: None,
            fixed_network: None,
            fixed_subnet: None,
            floating_ip_enabled: None,
            master_lb_enabled: None,
            health_status: None,
            health_status_reason: None,
        }
    }
}

impl ClusterRequest {
    /// Number of masters, 1 unless given.
    #[must_use]
    pub fn master_count(&self) -> i64 {
        self.master_count.unwrap_or(1)
    }

    /// Number of workers, 1 unless given.
    #[must_use]
    pub fn node_count(&self) -> i64 {
        self.node_count.unwrap_or(1)
    }

    /// What the values and the template decide before anybody asks whether the caller may.
    ///
    /// # Errors
    /// `Invalid` naming the attribute.
    pub fn check(&self, template: &ClusterTemplate) -> Result<()> {
        let size = self.docker_volume_size.or(template.docker_volume_size);
        checks::devicemapper(template.docker_storage_driver.as_deref(), size)?;
        checks::master_count(self.master_count())
    }
}

/// The rows of a cluster that does not exist yet. Ids are 0 until stored.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCluster {
    /// The cluster, `CREATE_IN_PROGRESS`.
    pub cluster: Cluster,
    /// Its node group `default-master`.
    pub masters: NodeGroup,
    /// Its node group `default-worker`.
    pub workers: NodeGroup,
}

impl NewCluster {
    /// Fills in what the request leaves open from the template; pure.
    ///
    /// # Errors
    /// `Refused` for a hidden template, unless the caller is an admin.
    pub fn resolve(
        request: ClusterRequest,
        template: &ClusterTemplate,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        if template.hidden && !caller.is_admin {
            return Err(Error::Refused(format!(
                "ClusterTemplate {} is hidden and can not be used for a new cluster",
                template.uuid
            )));
        }
        let (node_count, master_count) = (request.node_count(), request.master_count());
        let cluster = cluster_of(request, template, caller, now);
        let group = |name: &str, role: &str, count: i64| node_group(&cluster, template, name, role, count);
        let masters = group(NodeGroup::DEFAULT_MASTER, "master", master_count);
        let workers = NodeGroup {
            min_node_count: cluster
                .labels
                .value("min_node_count")
                .and_then(|text| text.parse::<i64>().ok())
                .filter(|least| *least >= 0)
                .unwrap_or(0),
            ..group(NodeGroup::DEFAULT_WORKER, "worker", node_count)
        };
        Ok(Self { cluster, masters, workers })
    }

    /// Several masters only behind a load balancer.
    ///
    /// # Errors
    /// `Invalid` when there is none.
    pub fn check_masters(&self) -> Result<()> {
        checks::masters_behind_lb(self.masters.node_count, self.cluster.master_lb_enabled)
    }
}

fn cluster_of(request: ClusterRequest, template: &ClusterTemplate, caller: &Caller, now: DateTime<Utc>) -> Cluster {
    let uuid = Uuid::new_v4();
    Cluster {
        id: 0,
        uuid: uuid.to_string(),
        name: request.name.unwrap_or_else(|| checks::generated_name(&uuid, "cluster")),
        project_id: caller.project_id.clone().unwrap_or_default(),
        user_id: caller.user_id.clone(),
        cluster_template_id: template.uuid.clone(),
        keypair: request.keypair.or_else(|| template.keypair_id.clone()),
        flavor_id: request.flavor_id.or_else(|| template.flavor_id.clone()),
        master_flavor_id: request.master_flavor_id.or_else(|| template.master_flavor_id.clone()),
        docker_volume_size: request.docker_volume_size.or(template.docker_volume_size),
        labels: effective_labels(request.labels, request.merge_labels == Some(true), &template.labels),
        create_timeout: request.create_timeout,
        // Horizon always sends an empty text.
        discovery_url: request.discovery_url.filter(|url| !url.is_empty()),
        fixed_network: request.fixed_network.or_else(|| template.fixed_network.clone()),
        fixed_subnet: request.fixed_subnet.or_else(|| template.fixed_subnet.clone()),
        floating_ip_enabled: request.floating_ip_enabled.unwrap_or(template.floating_ip_enabled),
        master_lb_enabled: request.master_lb_enabled.unwrap_or(template.master_lb_enabled),
        status: Status::CreateInProgress,
        status_reason: None,
        health_status: request.health_status,
        health_status_reason: request.health_status_reason.unwrap_or_default(),
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
        created_at: now,
        updated_at: None,
    }
}

/// None or no labels: the template's. Otherwise the given ones alone, or laid over the template's.
fn effective_labels(given: Option<Labels>, merge: bool, template: &Labels) -> Labels {
    match given.filter(|labels| !labels.is_empty()) {
        None => template.clone(),
        Some(labels) if merge => template.overlaid(&labels),
        Some(labels) => labels,
    }
}

fn node_group(cluster: &Cluster, template: &ClusterTemplate, name: &str, role: &str, node_count: i64) -> NodeGroup {
    let flavor = if role == "master" { &cluster.master_flavor_id } else { &cluster.flavor_id };
    NodeGroup {
        id: 0,
        uuid: Uuid::new_v4().to_string(),
        name: name.to_owned(),
        cluster_id: cluster.uuid.clone(),
        project_id: cluster.project_id.clone(),
        role: role.to_owned(),
        is_default: true,
        node_count,
        min_node_count: 0,
        max_node_count: None,
        flavor_id: flavor.clone(),
        image_id: Some(template.image_id.clone()),
        docker_volume_size: cluster.docker_volume_size,
        labels: cluster.labels.clone(),
        node_addresses: Vec::new(),
        stack_id: None,
        status: Status::CreateInProgress,
        status_reason: None,
        version: None,
        node_labels: BTreeMap::new(),
        node_taints: Vec::new(),
        created_at: cluster.created_at,
        updated_at: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::TemplateRequest;

    fn template(extra: &Value) -> ClusterTemplate {
        let mut body = json!({"image_id": "i", "coe": "kubernetes", "flavor_id": "m1.small", "keypair_id": "k",
            "docker_volume_size": 5, "labels": {"kube_tag": "v1", "x": "y"}});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let request: TemplateRequest = serde_json::from_value(body).unwrap();
        request.into_template(&Caller::default(), DateTime::UNIX_EPOCH).unwrap()
    }

    fn resolve(body: Value, template: &ClusterTemplate) -> Result<NewCluster> {
        let request: ClusterRequest = serde_json::from_value(body).unwrap();
        request.check(template)?;
        NewCluster::resolve(request, template, &Caller::default(), DateTime::UNIX_EPOCH)
    }

    #[test]
    fn the_template_fills_what_the_request_leaves_open() {
        let template = template(&json!({}));
        let new = resolve(json!({"labels": {}, "docker_volume_size": null}), &template).unwrap();
        assert_eq!(new.cluster.labels, template.labels);
        assert_eq!(new.cluster.docker_volume_size, Some(5));
        assert_eq!(new.cluster.keypair.as_deref(), Some("k"));
        assert_eq!(new.cluster.create_timeout, Some(60));
        assert!(new.cluster.floating_ip_enabled && !new.cluster.master_lb_enabled);
        assert_eq!((new.masters.node_count, new.workers.node_count), (1, 1));
        assert_eq!(new.workers.flavor_id.as_deref(), Some("m1.small"));
        assert!(new.cluster.name.ends_with("-cluster"));
    }

    #[test]
    fn labels_replace_or_merge() {
        let template = template(&json!({}));
        let new = resolve(json!({"labels": {"x": "z"}}), &template).unwrap();
        assert_eq!(new.cluster.labels, Labels::from([("x", "z")]));
        let new = resolve(json!({"labels": {"x": "z"}, "merge_labels": true}), &template).unwrap();
        assert_eq!(new.cluster.labels, Labels::from([("kube_tag", "v1"), ("x", "z")]));
    }

    #[test]
    fn the_request_wins_over_the_template() {
        let template = template(&json!({"master_lb_enabled": true, "floating_ip_enabled": true}));
        let body = json!({"floating_ip_enabled": false, "master_lb_enabled": false, "create_timeout": null,
            "flavor_id": "big", "discovery_url": "", "labels": {"min_node_count": "2"}, "node_count": 3});
        let new = resolve(body, &template).unwrap();
        assert!(!new.cluster.floating_ip_enabled && !new.cluster.master_lb_enabled);
        assert_eq!((new.cluster.create_timeout, new.cluster.discovery_url), (None, None));
        assert_eq!(new.workers.flavor_id.as_deref(), Some("big"));
        assert_eq!((new.workers.min_node_count, new.workers.node_count), (2, 3));
    }

    #[test]
    fn masters_hidden_templates_and_small_volumes_are_refused() {
        let plain = template(&json!({}));
        assert!(resolve(json!({"master_count": 2}), &plain).is_err());
        assert!(resolve(json!({"master_count": 3}), &plain).unwrap().check_masters().is_err());
        let balanced = json!({"master_count": 3, "master_lb_enabled": true});
        assert!(resolve(balanced, &plain).unwrap().check_masters().is_ok());
        assert!(matches!(resolve(json!({}), &template(&json!({"hidden": true}))), Err(Error::Refused(_))));
        let mapper = template(&json!({"docker_storage_driver": "devicemapper", "docker_volume_size": 2}));
        assert!(resolve(json!({}), &mapper).is_err());
        assert!(resolve(json!({"docker_volume_size": 3}), &mapper).is_ok());
    }
}
