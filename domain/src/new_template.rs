//! What a caller may say about a cluster template, and the template that comes of it.
//!
//! The same struct is the body of a POST, and the document a PATCH is applied to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{Caller, ClusterTemplate, Error, Labels, Result, checks};

/// Attributes of a template as a caller may set them; `None` where absent or null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "fields carry the names and meanings of the REST reference")]
pub struct TemplateRequest {
    #[serde(skip_serializing)]
    pub uuid: Option<String>,
    pub name: Option<String>,
    pub coe: Option<String>,
    pub image_id: Option<String>,
    pub cluster_distro: Option<String>,
    pub external_network_id: Option<String>,
    pub keypair_id: Option<String>,
    pub fixed_network: Option<String>,
    pub fixed_subnet: Option<String>,
    pub dns_nameserver: Option<String>,
    pub flavor_id: Option<String>,
    pub master_flavor_id: Option<String>,
    pub network_driver: Option<String>,
    pub volume_driver: Option<String>,
    pub docker_storage_driver: Option<String>,
    pub docker_volume_size: Option<i64>,
    pub apiserver_port: Option<i64>,
    pub http_proxy: Option<String>,
    pub https_proxy: Option<String>,
    pub no_proxy: Option<String>,
    pub insecure_registry: Option<String>,
    pub registry_enabled: Option<bool>,
    pub tls_disabled: Option<bool>,
    pub public: Option<bool>,
    pub hidden: Option<bool>,
    pub server_type: Option<String>,
    pub labels: Option<Labels>,
    pub master_lb_enabled: Option<bool>,
    pub floating_ip_enabled: Option<bool>,
    pub tags: Option<String>,
    pub driver: Option<String>,
}

impl TemplateRequest {
    /// Server type of a template that names none.
    pub const DEFAULT_SERVER_TYPE: &'static str = "vm";

    /// The attributes of a stored template.
    #[must_use]
    pub fn of(template: &ClusterTemplate) -> Self {
        let t = template.clone();
        Self {
            uuid: None,
            name: t.name,
            coe: Some(t.coe),
            image_id: Some(t.image_id),
            cluster_distro: t.cluster_distro,
            external_network_id: t.external_network_id,
            keypair_id: t.keypair_id,
            fixed_network: t.fixed_network,
            fixed_subnet: t.fixed_subnet,
            dns_nameserver: t.dns_nameserver,
            flavor_id: t.flavor_id,
            master_flavor_id: t.master_flavor_id,
            network_driver: t.network_driver,
            volume_driver: t.volume_driver,
            docker_storage_driver: t.docker_storage_driver,
            docker_volume_size: t.docker_volume_size,
            apiserver_port: t.apiserver_port,
            http_proxy: t.http_proxy,
            https_proxy: t.https_proxy,
            no_proxy: t.no_proxy,
            insecure_registry: t.insecure_registry,
            registry_enabled: Some(t.registry_enabled),
            tls_disabled: Some(t.tls_disabled),
            public: Some(t.public),
            hidden: Some(t.hidden),
            server_type: Some(t.server_type),
            labels: Some(t.labels),
            master_lb_enabled: Some(t.master_lb_enabled),
            floating_ip_enabled: Some(t.floating_ip_enabled),
            tags: t.tags,
            driver: t.driver,
        }
    }

    /// The attributes as the JSON object a patch works on, unset ones as null.
    ///
    /// # Errors
    /// `Internal` when the struct cannot be written as JSON, which is a defect.
    pub fn document(&self) -> Result<Map<String, Value>> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) => Err(Error::Internal { doing: "a template is not a JSON object".to_owned(), source: None }),
            Err(error) => Err(Error::internal("write a template as JSON", error)),
        }
    }

    /// The server type, `vm` unless given.
    #[must_use]
    pub fn server_type(&self) -> &str {
        self.server_type.as_deref().unwrap_or(Self::DEFAULT_SERVER_TYPE)
    }

    /// The labels, none unless given.
    #[must_use]
    pub fn labels(&self) -> Labels {
        self.labels.clone().unwrap_or_default()
    }

    /// What can be checked without a look into OpenStack: nameservers, labels, and the size `devicemapper` needs.
    ///
    /// # Errors
    /// `Invalid` naming the attribute.
    pub fn check(&self) -> Result<()> {
        if let Some(list) = &self.dns_nameserver {
            checks::dns_nameserver(list)?;
        }
        checks::devicemapper(self.docker_storage_driver.as_deref(), self.docker_volume_size)
    }

    /// `true` when the request makes the template visible to, or hides it from, other projects.
    #[must_use]
    pub fn publishes(&self) -> bool {
        self.public == Some(true) || self.hidden == Some(true)
    }

    /// A new template of `caller`, with the name generated where none is given.
    ///
    /// # Errors
    /// `Invalid` when a mandatory attribute is missing.
    pub fn into_template(self, caller: &Caller, now: DateTime<Utc>) -> Result<ClusterTemplate> {
        let uuid = match &self.uuid {
            Some(text) => Uuid::try_parse(text).map_err(|_| Error::bad_value("uuid", text, "It must be a UUID"))?,
            None => Uuid::new_v4(),
        };
        let name = self.name.clone().or_else(|| Some(checks::generated_name(&uuid, "template")));
        let blank = ClusterTemplate {
            id: 0,
            uuid: uuid.to_string(),
            name: None,
            project_id: caller.project_id.clone().unwrap_or_default(),
            user_id: caller.user_id.clone(),
            image_id: String::new(),
            flavor_id: None,
            master_flavor_id: None,
            keypair_id: None,
            external_network_id: None,
            fixed_network: None,
            fixed_subnet: None,
            network_driver: None,
            volume_driver: None,
            dns_nameserver: None,
            apiserver_port: None,
            docker_volume_size: None,
            docker_storage_driver: None,
            cluster_distro: None,
            coe: String::new(),
            server_type: String::new(),
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
            created_at: now,
            updated_at: None,
        };
        Self { name, ..self }.changed(&blank)
    }

    /// `template` with these attributes in the place of its own.
    ///
    /// # Errors
    /// `Invalid` when a mandatory attribute is missing.
    pub fn changed(self, template: &ClusterTemplate) -> Result<ClusterTemplate> {
        let missing = |name: &str| Error::bad_value(name, "None", "Mandatory field missing");
        let server_type = self.server_type().to_owned();
        Ok(ClusterTemplate {
            id: template.id,
            uuid: template.uuid.clone(),
            project_id: template.project_id.clone(),
            user_id: template.user_id.clone(),
            created_at: template.created_at,
            updated_at: template.updated_at,
            name: self.name,
            image_id: self.image_id.ok_or_else(|| missing("image_id"))?,
            coe: self.coe.ok_or_else(|| missing("coe"))?,
            server_type,
            flavor_id: self.flavor_id,
            master_flavor_id: self.master_flavor_id,
            keypair_id: self.keypair_id,
            external_network_id: self.external_network_id,
            fixed_network: self.fixed_network,
            fixed_subnet: self.fixed_subnet,
            network_driver: self.network_driver,
            volume_driver: self.volume_driver,
            dns_nameserver: self.dns_nameserver,
            apiserver_port: self.apiserver_port,
            docker_volume_size: self.docker_volume_size,
            docker_storage_driver: self.docker_storage_driver,
            cluster_distro: self.cluster_distro,
            http_proxy: self.http_proxy,
            https_proxy: self.https_proxy,
            no_proxy: self.no_proxy,
            insecure_registry: self.insecure_registry,
            labels: self.labels.unwrap_or_default(),
            registry_enabled: self.registry_enabled.unwrap_or(false),
            tls_disabled: self.tls_disabled.unwrap_or(false),
            public: self.public.unwrap_or(false),
            hidden: self.hidden.unwrap_or(false),
            master_lb_enabled: self.master_lb_enabled.unwrap_or(false),
            floating_ip_enabled: self.floating_ip_enabled.unwrap_or(true),
            tags: self.tags,
            driver: self.driver,
        })
    }
}

/// Names of the attributes whose values differ.
#[must_use]
pub fn changed_attributes<'a>(before: &'a Map<String, Value>, after: &Map<String, Value>) -> Vec<&'a str> {
    before.iter().filter(|(name, value)| after.get(*name) != Some(*value)).map(|(name, _)| name.as_str()).collect()
}

/// What may change on a template that clusters refer to: publishing it, hiding it or not, its tags, or its name; one at a time.
///
/// # Errors
/// `TemplateReferenced` for everything else.
pub fn check_referenced(template: &ClusterTemplate, changed: &[&str], after: &TemplateRequest) -> Result<()> {
    let allowed = match changed {
        [] | ["hidden" | "name"] => true,
        ["public"] => after.public == Some(true),
        ["tags"] => after.tags.is_some(),
        _ => false,
    };
    if allowed { Ok(()) } else { Err(Error::TemplateReferenced { uuid: template.uuid.clone() }) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn caller() -> Caller {
        Caller { user_id: "u".to_owned(), project_id: Some("p".to_owned()), ..Caller::default() }
    }

    fn request(value: Value) -> TemplateRequest {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn defaults_are_magnums() {
        let template = request(json!({"image_id": "i", "coe": "kubernetes", "labels": null}))
            .into_template(&caller(), DateTime::UNIX_EPOCH)
            .unwrap();
        assert!(template.floating_ip_enabled && !template.master_lb_enabled && !template.public);
        assert_eq!(template.server_type, "vm");
        assert!(template.name.unwrap().ends_with("-template"));
        assert_eq!((template.project_id.as_str(), template.user_id.as_str()), ("p", "u"));
    }

    #[test]
    fn the_document_and_back_changes_nothing() {
        let template = request(json!({"image_id": "i", "coe": "kubernetes", "labels": {"a": "b"}, "tags": "x"}))
            .into_template(&caller(), DateTime::UNIX_EPOCH)
            .unwrap();
        let document = TemplateRequest::of(&template).document().unwrap();
        let back = request(Value::Object(document)).changed(&template).unwrap();
        assert_eq!(back, template);
    }

    #[test]
    fn a_used_template_may_only_be_published_hidden_tagged_or_renamed() {
        let template = request(json!({"image_id": "i", "coe": "kubernetes"}))
            .into_template(&caller(), DateTime::UNIX_EPOCH)
            .unwrap();
        let check = |changed: &[&str], after: Value| check_referenced(&template, changed, &request(after)).is_ok();
        assert!(check(&[], json!({})));
        assert!(check(&["public"], json!({"public": true})));
        assert!(!check(&["public"], json!({"public": false})));
        assert!(check(&["hidden"], json!({"hidden": false})));
        assert!(check(&["tags"], json!({"tags": "a"})));
        assert!(!check(&["tags"], json!({})));
        assert!(check(&["name"], json!({"name": "n"})));
        assert!(!check(&["name", "tags"], json!({"name": "n", "tags": "a"})));
        assert!(!check(&["labels"], json!({})));
    }
}
