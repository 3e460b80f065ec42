//! What a caller may say about a node group, and the row that comes of it.
//!
//! Values that do not fit together, labels and taints are a conflict (409) here, as clients of Magnum know it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use crate::{Cluster, ClusterTemplate, Error, Labels, NodeGroup, Result, Role, Status, Taint};

/// Body of a node group POST; `None` where absent or null.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "fields carry the names and meanings of the REST reference")]
pub struct NodeGroupRequest {
    pub name: String,
    pub role: Option<String>,
    pub node_count: Option<i64>,
    pub min_node_count: Option<i64>,
    pub max_node_count: Option<i64>,
    pub flavor_id: Option<String>,
    pub image_id: Option<String>,
    pub docker_volume_size: Option<i64>,
    pub labels: Option<Labels>,
    pub merge_labels: Option<bool>,
    pub node_labels: Option<BTreeMap<String, String>>,
    pub node_taints: Option<Vec<Taint>>,
}

impl NodeGroupRequest {
    /// The row of a group that does not exist yet, with what the cluster and its template give. Its id is 0 until stored.
    ///
    /// # Errors
    /// `Invalid` for a group of masters, `Conflict` for what [`NodeGroup::check`] refuses.
    pub fn into_group(self, cluster: &Cluster, template: &ClusterTemplate, now: DateTime<Utc>) -> Result<NodeGroup> {
        let role = self.role.unwrap_or_else(|| "worker".to_owned());
        let labels = match self.labels.filter(|labels| !labels.is_empty()) {
            None => cluster.labels.clone(),
            Some(labels) if self.merge_labels == Some(true) => cluster.labels.overlaid(&labels),
            Some(labels) => labels,
        };
        let group = NodeGroup {
            id: 0,
            uuid: Uuid::new_v4().to_string(),
            name: self.name,
            cluster_id: cluster.uuid.clone(),
            project_id: cluster.project_id.clone(),
            role,
            is_default: false,
            node_count: self.node_count.unwrap_or(1),
            min_node_count: self.min_node_count.unwrap_or(0),
            max_node_count: self.max_node_count,
            flavor_id: self.flavor_id.or_else(|| cluster.flavor_id.clone()),
            image_id: Some(self.image_id.unwrap_or_else(|| template.image_id.clone())),
            docker_volume_size: self.docker_volume_size,
            labels,
            node_addresses: Vec::new(),
            stack_id: None,
            status: Status::CreateInProgress,
            status_reason: None,
            version: None,
            node_labels: self.node_labels.unwrap_or_default(),
            node_taints: self.node_taints.unwrap_or_default(),
            created_at: now,
            updated_at: None,
        };
        if group.role() == Role::Master {
            return Err(Error::bad_value("role", &group.role, "A cluster has one group of masters, default-master"));
        }
        group.check()?;
        Ok(group)
    }
}

impl NodeGroup {
    /// What holds of every node group, new or changed: its size is within its bounds, its labels and taints are some that
    /// Kubernetes takes.
    ///
    /// # Errors
    /// `Conflict`, naming the attribute.
    pub fn check(&self) -> Result<()> {
        self.check_bounds()?;
        if self.role() == Role::Master && !(self.node_labels.is_empty() && self.node_taints.is_empty()) {
            return Err(conflict("node_labels", "masters", "Labels and taints are for groups of workers"));
        }
        self.node_labels.iter().try_for_each(|(key, value)| check_label(key, value))?;
        self.node_taints.iter().try_for_each(check_taint)
    }

    fn check_bounds(&self) -> Result<()> {
        let (count, min) = (self.node_count, self.min_node_count);
        let most = self.max_node_count.filter(|most| *most > 0);
        if most.is_some_and(|most| min > most) {
            return Err(conflict("min_node_count", &min.to_string(), "It is larger than max_node_count"));
        }
        if self.role() == Role::Master {
            return Ok(());
        }
        if most.is_some_and(|most| count > most) {
            return Err(conflict("max_node_count", &most.unwrap_or(0).to_string(), "It is less than node_count"));
        }
        if count < min {
            return Err(conflict("min_node_count", &min.to_string(), "It is larger than node_count"));
        }
        Ok(())
    }
}

fn conflict(attribute: &str, value: &str, reason: &str) -> Error {
    let value: String = value.chars().take(100).collect();
    Error::Conflict(format!("Invalid input for field/attribute {attribute}, value '{value}': {reason}"))
}

/// Keys of Kubernetes' own domains that a node may give itself.
const OWN_KEYS: [&str; 12] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "node.kubernetes.io/windows-build",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

fn check_label(key: &str, value: &str) -> Result<()> {
    if !is_key(key) || !is_value(value) {
        return Err(conflict("node_labels", &format!("{key}={value}"), "Kubernetes takes no such label"));
    }
    let prefix = key.split_once('/').map_or("", |(prefix, _)| prefix);
    let within = |domain: &str| prefix == domain || prefix.ends_with(&format!(".{domain}"));
    let free = matches!(prefix, "kubelet.kubernetes.io" | "node.kubernetes.io") || OWN_KEYS.contains(&key);
    if !free && (within("kubernetes.io") || within("k8s.io")) {
        return Err(conflict("node_labels", key, "A node may not give itself labels of kubernetes.io and k8s.io"));
    }
    Ok(())
}

fn check_taint(taint: &Taint) -> Result<()> {
    if !matches!(taint.effect.as_str(), "NoSchedule" | "PreferNoSchedule" | "NoExecute") {
        let reason = "The effect is one of NoSchedule, PreferNoSchedule, NoExecute";
        return Err(conflict("node_taints", &taint.effect, reason));
    }
    if !is_key(&taint.key) || !is_value(taint.value.as_deref().unwrap_or_default()) {
        return Err(conflict("node_taints", &taint.key, "Kubernetes takes no such taint"));
    }
    Ok(())
}

/// Kubernetes' grammar of keys: a name, and before it, if anything, a DNS domain and a slash.
fn is_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let domain = |prefix: &str| {
        prefix.len() <= 253
            && prefix.split('.').all(|part| {
                ends_alphanumeric(part)
                    && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            })
    };
    !name.is_empty() && is_value(name) && prefix.is_none_or(domain)
}

fn is_value(value: &str) -> bool {
    value.is_empty()
        || (value.len() <= 63
            && ends_alphanumeric(value)
            && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
}

fn ends_alphanumeric(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_alphanumeric();
    text.starts_with(alphanumeric) && text.ends_with(alphanumeric)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Caller, ClusterRequest, NewCluster, TemplateRequest};

    fn group(body: Value) -> Result<NodeGroup> {
        let body_of_template = json!({"image_id": "i", "coe": "kubernetes", "labels": {"kube_tag": "v1", "x": "y"}});
        let template: TemplateRequest = serde_json::from_value(body_of_template).unwrap();
        let template = template.into_template(&Caller::default(), DateTime::UNIX_EPOCH).unwrap();
        let request: ClusterRequest = serde_json::from_value(json!({"flavor_id": "small"})).unwrap();
        let new = NewCluster::resolve(request, &template, &Caller::default(), DateTime::UNIX_EPOCH).unwrap();
        let request: NodeGroupRequest = serde_json::from_value(body).unwrap();
        request.into_group(&new.cluster, &template, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn cluster_and_template_fill_what_the_request_leaves_open() {
        let plain = group(json!({"name": "gpu"})).unwrap();
        assert_eq!((plain.role.as_str(), plain.node_count, plain.is_default), ("worker", 1, false));
        assert_eq!((plain.flavor_id.as_deref(), plain.image_id.as_deref()), (Some("small"), Some("i")));
        assert_eq!(plain.labels, Labels::from([("kube_tag", "v1"), ("x", "y")]));
        let own = group(json!({"name": "gpu", "labels": {"x": "z"}})).unwrap();
        assert_eq!(own.labels, Labels::from([("x", "z")]));
        let merged = group(json!({"name": "gpu", "labels": {"x": "z"}, "merge_labels": true})).unwrap();
        assert_eq!(merged.labels, Labels::from([("kube_tag", "v1"), ("x", "z")]));
    }

    #[test]
    fn a_size_is_within_its_bounds() {
        for (count, min, max) in [(2, 0, None), (2, 2, Some(2)), (2, 1, Some(0)), (0, 0, None)] {
            let body = json!({"name": "g", "node_count": count, "min_node_count": min, "max_node_count": max});
            assert!(group(body).is_ok(), "{count} {min} {max:?}");
        }
        for (count, min, max) in [(2, 3, None), (2, 0, Some(1)), (2, 3, Some(2))] {
            let body = json!({"name": "g", "node_count": count, "min_node_count": min, "max_node_count": max});
            assert!(matches!(group(body), Err(Error::Conflict(_))), "{count} {min} {max:?}");
        }
        assert!(matches!(group(json!({"name": "g", "role": "master"})), Err(Error::Invalid(_))));
    }

    #[test]
    fn labels_and_taints_are_some_that_kubernetes_takes() {
        for key in ["gpu", "example.org/gpu", "node.kubernetes.io/pool", "kubernetes.io/arch", "a.b_c-D"] {
            assert!(group(json!({"name": "g", "node_labels": {key: "v-1"}})).is_ok(), "{key}");
        }
        for key in ["", "kubernetes.io/x", "a.k8s.io/x", "-gpu", "a b", "a/b/c", "Example.org/x", "a,b", "/x"] {
            let refused = group(json!({"name": "g", "node_labels": {key: "v"}}));
            assert!(matches!(refused, Err(Error::Conflict(_))), "{key}");
        }
        for value in ["a b", "$(id)", "a,b", "-"] {
            assert!(group(json!({"name": "g", "node_labels": {"k": value}})).is_err(), "{value}");
        }
        let taint = |key: &str, effect: &str| {
            group(json!({"name": "g", "node_taints": [{"key": key, "value": "yes", "effect": effect}]}))
        };
        assert!(taint("gpu", "NoSchedule").is_ok());
        assert!(
            taint("", "NoSchedule").is_err() && taint("gpu", "Never").is_err() && taint("g g", "NoExecute").is_err()
        );
    }
}
