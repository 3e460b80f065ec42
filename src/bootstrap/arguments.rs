//! What `magnum bootstrap` can be told on its command line, and in the variables that the openstack client reads.

use std::{convert::Infallible, path::PathBuf};

use clap::Args;
use cloud::{Account, Named, Scope};
use domain::Secret;

/// Heading of the options that say who is asking.
const ADMINISTRATOR: &str = "Administrator (as in an openrc file)";
/// Heading of the options that say what is to be there.
const WANTED: &str = "What is to be there (beside what magnum.conf says)";

/// The options of `magnum bootstrap`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Say what would be done and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write the resulting settings to this new file, mode 0600, with generated passwords where none is given
    #[arg(long, value_name = "FILE")]
    pub(crate) write_config: Option<PathBuf>,
    /// Set the passwords of users that exist and refuse them, instead of stopping there
    #[arg(long)]
    pub(crate) reset_passwords: bool,
    /// Leave the database alone
    #[arg(long)]
    pub(crate) no_database: bool,
    #[command(flatten)]
    pub(crate) wanted: WantedArguments,
    #[command(flatten)]
    pub(crate) administrator: Administrator,
}

/// What is to be there, over what the configuration says.
#[derive(Args, Default)]
#[command(next_help_heading = WANTED)]
pub(crate) struct WantedArguments {
    /// Where clients reach this service, as in `http://controller:9511/v1` [default: what the catalogue has]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Its internal endpoint [default: as --url]
    #[arg(long, value_name = "URL", requires = "url")]
    pub(crate) internal_url: Option<String>,
    /// Its admin endpoint [default: as --url]
    #[arg(long, value_name = "URL", requires = "url")]
    pub(crate) admin_url: Option<String>,
    /// `[keystone_authtoken] username` [default: magnum]
    #[arg(long, value_name = "NAME")]
    pub(crate) service_user: Option<String>,
    /// `[keystone_authtoken] password`; others can see a command line, so rather set `OS_KEYSTONE_AUTHTOKEN__PASSWORD`
    #[arg(long, value_name = "PASSWORD", value_parser = secret)]
    pub(crate) service_password: Option<Secret>,
    /// `[keystone_authtoken] project_name` [default: service]
    #[arg(long, value_name = "NAME")]
    pub(crate) service_project: Option<String>,
    /// `[trust] trustee_domain_name` [default: magnum]
    #[arg(long, value_name = "NAME")]
    pub(crate) trustee_domain: Option<String>,
    /// `[trust] trustee_domain_admin_name` [default: `magnum_domain_admin`]
    #[arg(long, value_name = "NAME")]
    pub(crate) trustee_admin: Option<String>,
    /// `[trust] trustee_domain_admin_password`; rather set `OS_TRUST__TRUSTEE_DOMAIN_ADMIN_PASSWORD`
    #[arg(long, value_name = "PASSWORD", value_parser = secret)]
    pub(crate) trustee_admin_password: Option<Secret>,
    /// `[database] connection`; it may hold a password, so rather set `OS_DATABASE__CONNECTION`
    #[arg(long, value_name = "URL", value_parser = secret)]
    pub(crate) database_connection: Option<Secret>,
}

/// Who is asking. The names are those of the openstack client.
#[derive(Args)]
#[command(next_help_heading = ADMINISTRATOR)]
pub(crate) struct Administrator {
    /// Keystone's address [default: `[keystone_authtoken] auth_url`]
    #[arg(long, value_name = "URL", env = "OS_AUTH_URL", hide_env_values = true)]
    pub(crate) os_auth_url: Option<String>,
    /// A user with the role admin
    #[arg(long, value_name = "NAME", env = "OS_USERNAME", hide_env_values = true)]
    pub(crate) os_username: Option<String>,
    /// Its password; others can see a command line, so rather use the variable
    #[arg(long, value_name = "PASSWORD", env = "OS_PASSWORD", hide_env_values = true, value_parser = secret)]
    pub(crate) os_password: Option<Secret>,
    /// The project in which it has the role
    #[arg(long, value_name = "NAME", env = "OS_PROJECT_NAME", hide_env_values = true)]
    pub(crate) os_project_name: Option<String>,
    /// `all`, for an administrator of the system instead of a project
    #[arg(long, value_name = "all", env = "OS_SYSTEM_SCOPE", hide_env_values = true)]
    pub(crate) os_system_scope: Option<String>,
    /// Domain of the user [default: Default]
    #[arg(long, value_name = "NAME", env = "OS_USER_DOMAIN_NAME", hide_env_values = true)]
    pub(crate) os_user_domain_name: Option<String>,
    /// The same by id
    #[arg(long, value_name = "ID", env = "OS_USER_DOMAIN_ID", hide_env_values = true)]
    pub(crate) os_user_domain_id: Option<String>,
    /// Domain of the project [default: Default]
    #[arg(long, value_name = "NAME", env = "OS_PROJECT_DOMAIN_NAME", hide_env_values = true)]
    pub(crate) os_project_domain_name: Option<String>,
    /// The same by id
    #[arg(long, value_name = "ID", env = "OS_PROJECT_DOMAIN_ID", hide_env_values = true)]
    pub(crate) os_project_domain_id: Option<String>,
    /// Region of the endpoints [default: the only one]
    #[arg(long, value_name = "NAME", env = "OS_REGION_NAME", hide_env_values = true)]
    pub(crate) os_region_name: Option<String>,
    /// File with the authorities that are trusted, PEM [default: the system's]
    #[arg(long, value_name = "FILE", env = "OS_CACERT", hide_env_values = true)]
    pub(crate) os_cacert: Option<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "the command line's parsers may fail")]
fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

/// What is set and not empty: shells export variables that hold nothing.
pub(crate) fn set(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

impl Administrator {
    /// User and scope; the error says which variables are missing.
    pub(crate) fn login(&self) -> Result<(Account, Scope), String> {
        let user = set(self.os_username.as_ref());
        let password = self.os_password.as_ref().filter(|password| !password.expose().is_empty());
        let project = set(self.os_project_name.as_ref());
        let system = set(self.os_system_scope.as_ref()).is_some();
        let missing: Vec<&str> = [
            (user.is_none(), "OS_USERNAME"),
            (password.is_none(), "OS_PASSWORD"),
            (project.is_none() && !system, "OS_PROJECT_NAME"),
        ]
        .into_iter()
        .filter_map(|(missing, name)| missing.then_some(name))
        .collect();
        let (Some(user), Some(password), []) = (user, password, missing.as_slice()) else {
            return Err(format!(
                "not set: {}. Load an administrator's variables first, as in `. ./admin-openrc.sh`",
                missing.join(", ")
            ));
        };
        let domain = |id: &Option<String>, name: &Option<String>| or_default(set(id.as_ref()), set(name.as_ref()));
        let user_domain = domain(&self.os_user_domain_id, &self.os_user_domain_name);
        let account = Account { user: Named::name(user), domain: user_domain, password: password.clone() };
        let scope = match project {
            Some(project) if !system => {
                let home = domain(&self.os_project_domain_id, &self.os_project_domain_name);
                Scope::Project(Named::name(project), home)
            }
            _ => Scope::System,
        };
        Ok((account, scope))
    }
}

/// A domain by id or name; where neither is given, the one every cloud begins with.
pub(crate) fn or_default(id: Option<String>, name: Option<String>) -> Named {
    if id.is_none() && name.is_none() { Named::name("Default") } else { Named { id, name } }
}
