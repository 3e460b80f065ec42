//! Who can log in to the cloud under test, and what it was seeded with.

use std::collections::BTreeMap;
use std::process::Command;

use devcloud::{Account as Seeded, DevCloud};

/// A user with the project (or, for the administrator of the trustee domain, the domain) it works in.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) user_domain: String,
    /// Empty for a login that is scoped to the user's domain.
    pub(crate) project: String,
    pub(crate) project_domain: String,
}

/// Names of what both clouds have.
pub(crate) struct Access {
    pub(crate) auth_url: String,
    /// A project's user without admin, with every role that the services ask of one.
    pub(crate) demo: Account,
    /// The same in another project.
    pub(crate) alt: Account,
    pub(crate) admin: Account,
    /// The user that this product works as.
    pub(crate) service: Account,
    pub(crate) trustee_admin: Account,
    /// An image with `os_distro=fedora-atomic`.
    pub(crate) image: String,
    /// An image without that property.
    pub(crate) bare_image: String,
    pub(crate) external_network: String,
    /// A network and a subnet of `demo`.
    pub(crate) network: String,
    pub(crate) subnet: String,
    pub(crate) volume_type: String,
}

/// A key pair of `demo`, a flavor with a 20 GiB disk, and one without a disk; both clouds call them so.
pub(crate) const KEYPAIR: &str = "testkey";
pub(crate) const FLAVOR: &str = "m1.small";
pub(crate) const DISKLESS: &str = "m1.nodisk";

impl Account {
    fn seeded(account: &Seeded) -> Self {
        Self {
            user: account.user.clone(),
            password: account.password.clone(),
            user_domain: account.domain.clone(),
            project: account.project.clone(),
            project_domain: account.domain.clone(),
        }
    }

    /// The same user with another name and password.
    pub(crate) fn as_user(&self, user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.to_owned(), ..self.clone() }
    }
}

/// The variables that a file of `export` lines sets, read by the shell it is written for.
fn exports(file: &str) -> BTreeMap<String, String> {
    let script = r#"set -a && . "$1" && env -0"#;
    let output = Command::new("bash").args(["-c", script, "bash", file]).env_clear().output().unwrap();
    assert!(output.status.success(), "{file} cannot be read: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split('\0').filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

impl Access {
    /// The cloud that this file describes, in the variables that `tests/cloud/up` writes.
    pub(crate) fn real(file: &str) -> Self {
        let variables = exports(file);
        let get = |name: &str| {
            let name = format!("TEST_CLOUD_{name}");
            variables.get(&name).cloned().unwrap_or_else(|| panic!("{file} does not set {name}"))
        };
        let account = |prefix: &str| Account {
            user: get(&format!("{prefix}_USERNAME")),
            password: get(&format!("{prefix}_PASSWORD")),
            user_domain: "Default".to_owned(),
            project: get(&format!("{prefix}_PROJECT")),
            project_domain: "Default".to_owned(),
        };
        let demo = account("DEMO");
        Self {
            auth_url: get("AUTH_URL"),
            alt: account("ALT"),
            admin: account("ADMIN"),
            service: Account {
                user: get("SERVICE_USER"),
                password: get("SERVICE_PASSWORD"),
                project: get("SERVICE_PROJECT"),
                ..demo.clone()
            },
            trustee_admin: Account {
                user: get("TRUSTEE_DOMAIN_ADMIN"),
                password: get("TRUSTEE_DOMAIN_ADMIN_PASSWORD"),
                user_domain: get("TRUSTEE_DOMAIN"),
                project: String::new(),
                project_domain: String::new(),
            },
            demo,
            image: get("IMAGE"),
            bare_image: "cirros".to_owned(),
            external_network: get("EXTERNAL_NETWORK"),
            network: "demo-net".to_owned(),
            subnet: "demo-net-subnet".to_owned(),
            volume_type: get("VOLUME_TYPE"),
        }
    }

    pub(crate) fn simulated(cloud: &DevCloud) -> Self {
        let account = |name| Account::seeded(cloud.seed().account(name).unwrap());
        Self {
            auth_url: cloud.auth_url(),
            demo: account("demo"),
            alt: account("other"),
            admin: account("admin"),
            service: account("magnum"),
            trustee_admin: Account::seeded(&cloud.seed().trustee_admin),
            image: "fedora-atomic-27".to_owned(),
            bare_image: "no-distro".to_owned(),
            external_network: "public".to_owned(),
            network: "private".to_owned(),
            subnet: "private-subnet".to_owned(),
            volume_type: "lvm".to_owned(),
        }
    }
}
