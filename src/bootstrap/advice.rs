//! Errors of Keystone, with what to do next.

use cloud::{Account, Cloud, Scope, Session, Settings};
use domain::{Error, Options};

use super::{
    Step,
    arguments::{Administrator, set},
    wanted::Wanted,
};
use crate::terminal;

/// The administrator's session, after Keystone was found and has let it in.
pub(crate) async fn log_in(
    options: &Options,
    wanted: &Wanted,
    administrator: &Administrator,
) -> Step<(Cloud, Session)> {
    let url = set(administrator.os_auth_url.as_ref()).or_else(|| wanted.auth_url.clone());
    let url = url.ok_or("Keystone's address is not known: set OS_AUTH_URL, as in http://controller:5000/v3")?;
    let (account, scope) = administrator.login()?;
    let mut settings = Settings::from(options);
    settings.auth_url.clone_from(&url);
    settings.keystone.ca_file = set(administrator.os_cacert.as_ref()).or(settings.keystone.ca_file);
    let unusable = |error: Error| format!("{}. Check OS_AUTH_URL and OS_CACERT", terminal::chain(&error));
    let cloud = Cloud::new(settings).map_err(unusable)?;
    cloud.discover_keystone().await.map_err(|error| not_found(&error, &url))?;
    let session = cloud.log_in("log in as the administrator", &account, &scope);
    match session.caller().await {
        Ok(_) => Ok((cloud, session)),
        Err(error) if error.cloud_status() == Some(401) => Err(stop(refused(&error, &account, &scope))),
        Err(error) => Err(error.into()),
    }
}

fn not_found(error: &Error, url: &str) -> String {
    let detail = detail(error);
    match error.cloud_status() {
        None => format!(
            "no Keystone answers at {url}: {detail}. Check OS_AUTH_URL, and that this machine reaches that address; \
             where its certificate is not trusted, name the authority's file with OS_CACERT"
        ),
        Some(_) => format!(
            "what answers at {url} is not Keystone: {detail}. Check OS_AUTH_URL; it is an address like \
             http://controller:5000/v3"
        ),
    }
}

fn refused(error: &Error, account: &Account, scope: &Scope) -> String {
    let name = |named: &cloud::Named| named.name.clone().or(named.id.clone()).unwrap_or_default();
    let place = match scope {
        Scope::Project(project, domain) => format!("project {} of domain {}", name(project), name(domain)),
        Scope::Domain(domain) => format!("domain {}", name(domain)),
        Scope::System | Scope::Unscoped => "the system".to_owned(),
    };
    format!(
        "Keystone refused to log in user {} of domain {} to {place}: {}. Check OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME \
         and the two domains; `openstack token issue` with the same variables fails alike",
        name(&account.user),
        name(&account.domain),
        detail(error)
    )
}

/// What stopped a run, and where Keystone forbade it, whose rights are missing.
pub(crate) fn explain(error: Box<dyn std::error::Error>, administrator: &Administrator) -> Box<dyn std::error::Error> {
    let Some(known) = error.downcast_ref::<Error>().filter(|known| known.cloud_status() == Some(403)) else {
        return error;
    };
    let user = administrator.os_username.as_deref().unwrap_or_default();
    stop(format!(
        "{}. User {user} is no administrator there: load the variables of a user with the role admin, and run this \
         again; what was made before stays and is adopted then",
        known.to_string().trim_end_matches('.')
    ))
}

/// The service's own words.
pub(crate) fn detail(error: &Error) -> &str {
    match error {
        Error::Cloud { detail, .. } => detail.trim_end_matches('.'),
        _ => "",
    }
}

/// An error with a text for the operator.
pub(crate) fn stop(text: impl Into<String>) -> Box<dyn std::error::Error> {
    text.into().into()
}
