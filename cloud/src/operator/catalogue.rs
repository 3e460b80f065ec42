//! Services, their endpoints, and regions.

use domain::Result;
use serde::Deserialize;
use serde_json::json;

use super::{Endpoint, Operator, Switch};
use crate::session::Service as Target;
use crate::{KeystoneService, Region};

#[derive(Deserialize)]
struct OneService {
    service: KeystoneService,
}
#[derive(Deserialize)]
struct Endpoints {
    endpoints: Vec<Endpoint>,
}
#[derive(Deserialize)]
struct OneEndpoint {
    endpoint: Endpoint,
}

impl Operator<'_> {
    /// Services of this type, also those that are switched off.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn services(&self, kind: &str) -> Result<Vec<KeystoneService>> {
        self.0.keystone().services_of_type(kind).await
    }

    /// Makes a service. Keystone takes any number with the same type and name.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn create_service(&self, kind: &str, name: &str, description: &str) -> Result<KeystoneService> {
        let body = json!({ "service": {
            "type": kind, "name": name, "description": description, "enabled": true,
        }});
        let call = self.0.post(Target::Keystone, format!("create service {name} of type {kind}"));
        Ok(call.path(&["services"]).json(body).send().await?.json::<OneService>()?.service)
    }

    /// Endpoints of a service, in all regions, also those that are switched off.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn endpoints(&self, service_id: &str) -> Result<Vec<Endpoint>> {
        let call = self.get("list the endpoints of a service".to_owned(), &["endpoints"]);
        Ok(call.query("service_id", service_id).send().await?.json::<Endpoints>()?.endpoints)
    }

    /// Makes an endpoint. Keystone takes any number with the same interface and region.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn create_endpoint(
        &self,
        service_id: &str,
        interface: &str,
        region: &str,
        url: &str,
    ) -> Result<Endpoint> {
        let body = json!({ "endpoint": {
            "service_id": service_id, "interface": interface, "region_id": region, "url": url, "enabled": true,
        }});
        let call = self.0.post(Target::Keystone, format!("create the {interface} endpoint {url}"));
        Ok(call.path(&["endpoints"]).json(body).send().await?.json::<OneEndpoint>()?.endpoint)
    }

    /// Gives an endpoint another address.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn move_endpoint(&self, id: &str, url: &str) -> Result<()> {
        self.change(Switch::Endpoint, id, json!({ "url": url })).await
    }

    /// Regions.
    ///
    /// # Errors
    /// [`domain::Error::Cloud`].
    pub async fn regions(&self) -> Result<Vec<Region>> {
        self.0.keystone().regions().await
    }
}
