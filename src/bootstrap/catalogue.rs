//! The catalogue's side: the service of type container-infra and its three addresses in one region.

use cloud::{Endpoint, KeystoneService, Session, Switch};

use super::{
    Step,
    advice::stop,
    arguments::{WantedArguments, set},
    report::Finding,
    site::Site,
};

/// Type of the service.
const KIND: &str = "container-infra";
const INTERFACES: [&str; 3] = ["public", "internal", "admin"];

/// The region that is asked for, or the only one there is; and whether there are several.
pub(crate) async fn region(admin: &Session, asked: Option<&str>) -> Step<(String, bool)> {
    let mut all: Vec<String> = admin.operator().regions().await?.into_iter().map(|region| region.id).collect();
    all.sort();
    let many = all.len() > 1;
    match asked {
        Some(asked) if all.iter().any(|one| one == asked) => Ok((asked.to_owned(), many)),
        Some(asked) => Err(stop(format!(
            "Keystone has no region {asked}; it has {}. Set OS_REGION_NAME to one of them",
            all.join(", ")
        ))),
        None => match all.as_slice() {
            [one] => Ok((one.clone(), many)),
            [] => Err(stop("Keystone has no region; `openstack region create NAME` makes one")),
            several => Err(stop(format!(
                "Keystone has the regions {}; set OS_REGION_NAME to the one of this service",
                several.join(", ")
            ))),
        },
    }
}

/// The given addresses: public, internal, admin. Without a public one, whatever the catalogue has stays.
pub(crate) fn addresses(wanted: &WantedArguments) -> Step<Option<[String; 3]>> {
    let Some(public) = set(wanted.url.as_ref()) else { return Ok(None) };
    let or_public = |given: &Option<String>| set(given.as_ref()).unwrap_or_else(|| public.clone());
    let (internal, admin) = (or_public(&wanted.internal_url), or_public(&wanted.admin_url));
    Ok(Some([address(&public)?, address(&internal)?, address(&admin)?]))
}

/// An address with the path that clients expect.
fn address(text: &str) -> Step<String> {
    let bad = || stop(format!("{text} is no address; one looks like http://controller:9511/v1"));
    let url = reqwest::Url::parse(text).map_err(|_| bad())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(bad());
    }
    let bare = text.trim_end_matches('/');
    Ok(if url.path() == "/" { format!("{bare}/v1") } else { bare.to_owned() })
}

impl Site<'_> {
    /// The service and its endpoints.
    pub(crate) async fn catalogue(&mut self, region: &str, urls: Option<&[String; 3]>) -> Step<()> {
        let service = self.service().await?;
        let endpoints = match &service {
            Some(service) => self.operator().endpoints(&service.id).await?,
            None => Vec::new(),
        };
        let here: Vec<&Endpoint> =
            endpoints.iter().filter(|endpoint| endpoint.region_id.as_deref() == Some(region)).collect();
        let public = here.iter().find(|endpoint| endpoint.interface == INTERFACES[0]);
        for (at, interface) in INTERFACES.into_iter().enumerate() {
            let mut same = here.iter().filter(|endpoint| endpoint.interface == interface);
            let first = same.next().copied();
            let Some(url) = urls.map(|urls| &urls[at]).or(first.or(public.copied()).map(|known| &known.url)) else {
                return Err(stop(format!(
                    "the catalogue has no address of this service in region {region}: say where clients reach it, as in \
                     --url http://controller:9511/v1"
                )));
            };
            let right = first.into_iter().chain(same.copied()).find(|endpoint| endpoint.url == *url);
            let service = service.as_ref().map(|service| service.id.as_str());
            self.endpoint(service, interface, region, url, right.or(first)).await?;
        }
        Ok(())
    }

    async fn service(&mut self) -> Step<Option<KeystoneService>> {
        let all = self.operator().services(KIND).await?;
        let named = all.iter().find(|service| service.name.as_deref() == Some("magnum"));
        if let Some(service) = named.or(all.first()).cloned() {
            let which = format!("{} of type {KIND}", service.name.as_deref().unwrap_or("unnamed"));
            self.switched_on(service.enabled, Switch::Service, &service.id, &which).await?;
            return Ok(Some(service));
        }
        let made = if self.report.applies() {
            Some(self.operator().create_service(KIND, "magnum", "Container clusters on demand").await?)
        } else {
            None
        };
        self.report.tell(Finding::Missing, "service", &format!("magnum of type {KIND}"));
        Ok(made)
    }

    async fn endpoint(
        &mut self,
        service: Option<&str>,
        interface: &str,
        region: &str,
        url: &str,
        found: Option<&Endpoint>,
    ) -> Step<()> {
        let which = format!("{interface} in {region}: {url}");
        let apply = self.report.applies();
        match (found, service) {
            (Some(found), _) if found.url != url => {
                if apply {
                    self.operator().move_endpoint(&found.id, url).await?;
                    if !found.enabled {
                        self.operator().enable(Switch::Endpoint, &found.id).await?;
                    }
                }
                self.report.tell(Finding::Different, "endpoint", &format!("{which} instead of {}", found.url));
            }
            (Some(found), _) => self.switched_on(found.enabled, Switch::Endpoint, &found.id, &which).await?,
            (None, service) => {
                if let Some(service) = service.filter(|_| apply) {
                    self.operator().create_endpoint(service, interface, region, url).await?;
                }
                self.report.tell(Finding::Missing, "endpoint", &which);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_get_the_version_and_what_is_none_is_refused() {
        for (given, made) in [
            ("http://h:9511", "http://h:9511/v1"),
            ("http://h:9511/", "http://h:9511/v1"),
            ("https://h/container-infra/v1/", "https://h/container-infra/v1"),
        ] {
            assert_eq!(address(given).ok().unwrap(), made);
        }
        for bad in ["controller", "controller:9511", "ftp://h/v1", "http://"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn internal_and_admin_are_where_public_is_unless_told() {
        let mut wanted = WantedArguments { url: Some("http://p/v1".to_owned()), ..WantedArguments::default() };
        wanted.internal_url = Some("http://i".to_owned());
        let urls = addresses(&wanted).ok().flatten().unwrap();
        assert_eq!(urls, ["http://p/v1", "http://i/v1", "http://p/v1"]);
    }
}
