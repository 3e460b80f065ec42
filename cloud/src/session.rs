//! One identity's view of the cloud: resolves addresses and hands out the services.

use std::sync::Arc;

use domain::{Caller, Error, Result};
use openstack::session::ServiceType;
use reqwest::{Method, Url};

use crate::auth::Auth;
use crate::call::Call;
use crate::core::Core;
use crate::{Barbican, Catalogue, Cinder, Glance, Heat, Keystone, Neutron, Nova, Octavia, Operator};

/// The services that are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Identity.
    Keystone,
    /// Orchestration.
    Heat,
    /// Images.
    Glance,
    /// Compute.
    Nova,
    /// Network.
    Neutron,
    /// Block storage.
    Cinder,
    /// Load balancers.
    Octavia,
    /// Secrets.
    Barbican,
}

impl Service {
    /// Every service, in the order of the counters.
    pub const ALL: [Self; 8] = [
        Self::Keystone,
        Self::Heat,
        Self::Glance,
        Self::Nova,
        Self::Neutron,
        Self::Cinder,
        Self::Octavia,
        Self::Barbican,
    ];

    /// Name for errors and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keystone => "keystone",
            Self::Heat => "heat",
            Self::Glance => "glance",
            Self::Nova => "nova",
            Self::Neutron => "neutron",
            Self::Cinder => "cinder",
            Self::Octavia => "octavia",
            Self::Barbican => "barbican",
        }
    }

    /// Types it has in catalogues, best first.
    #[must_use]
    pub fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Keystone => &["identity"],
            Self::Heat => &["orchestration"],
            Self::Glance => &["image"],
            Self::Nova => &["compute"],
            Self::Neutron => &["network"],
            Self::Cinder => &["volumev3", "block-storage", "block-store"],
            Self::Octavia => &["load-balancer"],
            Self::Barbican => &["key-manager"],
        }
    }

    pub(crate) fn of_type(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.kinds().contains(&kind))
    }

    /// Path between the service's root and its collections; `None` where the catalogue's address is complete already
    /// (Heat, Nova and Cinder carry version and project in it).
    fn version(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Glance => Some(&["v2"]),
            Self::Neutron => Some(&["v2.0"]),
            Self::Octavia => Some(&["v2", "lbaas"]),
            Self::Barbican => Some(&["v1"]),
            Self::Keystone | Self::Heat | Self::Nova | Self::Cinder => None,
        }
    }
}

impl ServiceType for Service {
    fn catalog_type(&self) -> &'static str {
        self.kinds()[0]
    }

    // The library looks one level above the address only and fails on Heat; the versions called are fixed anyway.
    fn version_discovery_supported(&self) -> bool {
        false
    }
}

/// Calls made in one identity's name. Cheap to clone; clones share the token.
#[derive(Clone, Debug)]
pub struct Session {
    pub(crate) core: Arc<Core>,
    pub(crate) auth: Auth,
    project: Option<String>,
}

impl Session {
    pub(crate) fn new(core: Arc<Core>, auth: Auth) -> Self {
        Self { core, auth, project: None }
    }

    /// The same identity, but Heat is addressed in another project: an admin may read, change and delete single stacks
    /// there. Lists always show the identity's own project.
    #[must_use]
    pub fn in_project(&self, project_id: &str) -> Self {
        Self { project: Some(project_id.to_owned()), ..self.clone() }
    }

    /// Whose session it is, as Keystone described the token.
    ///
    /// # Errors
    /// [`Error::Cloud`] when there is no usable token.
    pub async fn caller(&self) -> Result<Caller> {
        Ok(self.auth.facts().await?.caller)
    }

    /// The services this identity can reach.
    ///
    /// # Errors
    /// [`Error::Cloud`] when there is no usable token.
    pub async fn catalogue(&self) -> Result<Arc<Catalogue>> {
        Ok(self.auth.facts().await?.catalogue)
    }

    /// Keystone's resources and trusts.
    #[must_use]
    pub fn keystone(&self) -> Keystone<'_> {
        Keystone::new(self)
    }

    /// What only an administrator may ask of Keystone.
    #[must_use]
    pub fn operator(&self) -> Operator<'_> {
        Operator::new(self)
    }

    /// Stacks.
    #[must_use]
    pub fn heat(&self) -> Heat<'_> {
        Heat::new(self)
    }

    /// Images.
    #[must_use]
    pub fn glance(&self) -> Glance<'_> {
        Glance::new(self)
    }

    /// Flavors, key pairs, servers.
    #[must_use]
    pub fn nova(&self) -> Nova<'_> {
        Nova::new(self)
    }

    /// Networks, subnets, ports, floating IPs.
    #[must_use]
    pub fn neutron(&self) -> Neutron<'_> {
        Neutron::new(self)
    }

    /// Volumes and their types.
    #[must_use]
    pub fn cinder(&self) -> Cinder<'_> {
        Cinder::new(self)
    }

    /// Load balancers.
    #[must_use]
    pub fn octavia(&self) -> Octavia<'_> {
        Octavia::new(self)
    }

    /// Secrets and containers.
    #[must_use]
    pub fn barbican(&self) -> Barbican<'_> {
        Barbican::new(self)
    }

    pub(crate) fn call(&self, service: Service, method: Method, doing: impl Into<String>) -> Call<'_> {
        Call::new(self, service, method, doing.into())
    }

    pub(crate) fn get(&self, service: Service, doing: impl Into<String>) -> Call<'_> {
        self.call(service, Method::GET, doing)
    }

    pub(crate) fn post(&self, service: Service, doing: impl Into<String>) -> Call<'_> {
        self.call(service, Method::POST, doing)
    }

    pub(crate) fn delete(&self, service: Service, doing: impl Into<String>) -> Call<'_> {
        self.call(service, Method::DELETE, doing)
    }

    /// Address under which the service's collections are found, version included.
    pub(crate) async fn base(&self, service: Service, doing: &str) -> Result<Url> {
        if service == Service::Keystone {
            return Ok(self.core.keystone_url(&[]));
        }
        // Asked first because its errors say what is wrong with the token; the library's do not.
        self.auth.facts().await?;
        let nothing: [&str; 0] = [];
        // A fresh copy each time: a session of the library remembers addresses for ever, but a new login may bring others.
        let library = self.core.library.clone().with_auth_type(self.auth.clone());
        let mut url = library.get_endpoint(service, nothing).await.map_err(|error| {
            let text = error.to_string();
            let detail = text.split_once(": ").map_or(text.as_str(), |(_, cause)| cause).to_owned();
            Error::Cloud { service: service.name(), doing: doing.to_owned(), status: None, detail }
        })?;
        if let Some(version) = service.version() {
            append_version(&mut url, version);
        }
        if let (Service::Heat, Some(project)) = (service, &self.project) {
            replace_last(&mut url, project);
        }
        Ok(url)
    }
}

/// Replaces whatever version the address ends with by `version`.
fn append_version(url: &mut Url, version: &[&str]) {
    let mut kept: Vec<String> = url.path_segments().into_iter().flatten().map(str::to_owned).collect();
    kept.retain(|segment| !segment.is_empty());
    if kept.last().is_some_and(|last| last == "lbaas") {
        kept.pop();
    }
    let is_version =
        |s: &String| s.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if kept.last().is_some_and(is_version) {
        kept.pop();
    }
    if let Ok(mut path) = url.path_segments_mut() {
        path.clear().extend(kept.iter().map(String::as_str)).extend(version);
    }
}

fn replace_last(url: &mut Url, last: &str) {
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().pop().push(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_appended_once_whatever_the_catalogue_says() {
        let cases: [(&str, Service, &str); 8] = [
            ("http://h:9696", Service::Neutron, "http://h:9696/v2.0"),
            ("http://h:9696/", Service::Neutron, "http://h:9696/v2.0"),
            ("http://h/network/v2.0/", Service::Neutron, "http://h/network/v2.0"),
            ("http://h/image/v1", Service::Glance, "http://h/image/v2"),
            ("http://h:9311", Service::Barbican, "http://h:9311/v1"),
            ("http://h:9876/v2.0", Service::Octavia, "http://h:9876/v2/lbaas"),
            ("http://h/load-balancer/v2/lbaas", Service::Octavia, "http://h/load-balancer/v2/lbaas"),
            ("http://h/volume", Service::Octavia, "http://h/volume/v2/lbaas"),
        ];
        for (from, service, to) in cases {
            let mut url = Url::parse(from).unwrap();
            append_version(&mut url, service.version().unwrap());
            assert_eq!(url.as_str(), to, "{from}");
        }
    }

    #[test]
    fn another_project_replaces_the_tokens_own() {
        let mut url = Url::parse("http://h:8004/v1/mine").unwrap();
        replace_last(&mut url, "theirs");
        assert_eq!(url.as_str(), "http://h:8004/v1/theirs");
    }
}
