//! What every cloud starts with: people, projects, images, flavors, networks.

use std::collections::BTreeMap;

use serde_json::json;

use crate::identity::Target;
use crate::state::{World, hex_id, new_id};
use crate::{cinder, glance, neutron, nova};

/// A user with the project it works in. Has no `Debug`, because of the password.
#[derive(Clone)]
pub struct Account {
    /// Name of the user.
    pub user: String,
    /// Id of the user.
    pub user_id: String,
    /// Password of the user.
    pub password: String,
    /// Name of the project.
    pub project: String,
    /// Id of the project.
    pub project_id: String,
    /// Name of the domain of both.
    pub domain: String,
}

/// Ids, names and passwords of the seeded objects.
pub struct Seed {
    /// Accounts: `demo` in demo, `admin` in admin, `magnum` in service, `other` in other, `reader` in demo. Without
    /// [`crate::Settings::set_up`] there is no `magnum`, and the trustee domain and its administrator are blank.
    pub accounts: Vec<Account>,
    /// Id of the trustee domain `magnum`.
    pub trustee_domain_id: String,
    /// Administrator of the trustee domain; project fields are empty, the domain is `magnum`.
    pub trustee_admin: Account,
    /// Image name to id; of two images with one name, the last.
    pub images: BTreeMap<String, String>,
    /// Network name to id: `public`, `private`.
    pub networks: BTreeMap<String, String>,
    /// Subnet name to id: `public-subnet`, `private-subnet`.
    pub subnets: BTreeMap<String, String>,
}

impl Seed {
    /// The account of this user name.
    #[must_use]
    pub fn account(&self, user: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.user == user)
    }

    pub(crate) fn env(&self, project: &str, user: &str, auth_url: &str) -> Vec<(String, String)> {
        let Some(account) = self.accounts.iter().find(|one| one.user == user && one.project == project) else {
            return Vec::new();
        };
        [
            ("OS_AUTH_URL", auth_url),
            ("OS_USERNAME", &account.user),
            ("OS_PASSWORD", &account.password),
            ("OS_PROJECT_NAME", &account.project),
            ("OS_USER_DOMAIN_NAME", &account.domain),
            ("OS_PROJECT_DOMAIN_NAME", &account.domain),
            ("OS_IDENTITY_API_VERSION", "3"),
            ("OS_REGION_NAME", "RegionOne"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }
}

/// Role names that exist, beside those Keystone makes by itself.
const ROLES: [&str; 9] = [
    "admin",
    "member",
    "reader",
    "service",
    "creator",
    "heat_stack_owner",
    "heat_stack_user",
    "load-balancer_member",
    "load-balancer_admin",
];

/// User, project and roles of the seeded accounts.
const ACCOUNTS: [(&str, &str, &[&str]); 6] = [
    ("demo", "demo", &["member", "reader", "heat_stack_owner", "creator", "load-balancer_member"]),
    ("admin", "admin", &["admin", "member", "reader"]),
    ("magnum", "service", &["admin", "service", "creator"]),
    ("other", "other", &["member", "reader", "heat_stack_owner", "creator", "load-balancer_member"]),
    ("reader", "demo", &["reader"]),
    ("colleague", "demo", &["member", "reader", "heat_stack_owner", "creator", "load-balancer_member"]),
];

/// Fills an empty world.
pub(crate) fn plant(world: &mut World) -> Seed {
    let (accounts, trustee_domain_id, trustee_admin) = plant_people(world);
    let mut images = BTreeMap::new();
    for (name, distro) in [
        ("fedora-atomic-27", Some("fedora-atomic")),
        ("fedora-coreos-38", Some("fedora-coreos")),
        ("coreos-stable", Some("coreos")),
        ("ubuntu-mesos", Some("ubuntu")),
        ("no-distro", None),
        ("twin", Some("fedora-atomic")),
        ("twin", Some("fedora-atomic")),
    ] {
        images.insert(name.to_owned(), glance::add_image(world, name, distro));
    }
    for (number, (name, ram, disk, vcpus)) in
        [("m1.small", 2048, 20, 1), ("m1.medium", 4096, 40, 2), ("m1.large", 8192, 80, 4), ("m1.nodisk", 2048, 0, 1)]
            .into_iter()
            .enumerate()
    {
        nova::add_flavor(world, &(number + 2).to_string(), name, (ram, disk, vcpus));
    }
    for account in &accounts {
        nova::add_keypair(world, &account.user_id, "testkey", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDevcloud testkey");
    }
    cinder::add_type(world, "lvm");
    let (networks, subnets) = plant_networks(world, &accounts);
    if let Some(url) = world.settings.magnum_url.clone() {
        world.directory.set_magnum(&url);
    }
    Seed { accounts, trustee_domain_id, trustee_admin, images, networks, subnets }
}

fn plant_people(world: &mut World) -> (Vec<Account>, String, Account) {
    let (with_octavia, set_up) = (world.settings.octavia, world.settings.set_up);
    let life = world.settings.token_life;
    let people = &mut world.directory;
    people.set_token_life(life);
    people.plant_services(with_octavia);
    people.add_domain("default", "Default");
    for role in ROLES.into_iter().filter(|role| set_up || *role != "service") {
        people.add_role(role);
    }
    let mut accounts = Vec::new();
    let mut projects = BTreeMap::new();
    for (user, project, roles) in ACCOUNTS.into_iter().filter(|(user, ..)| set_up || *user != "magnum") {
        let project_id =
            projects.entry(project).or_insert_with(|| people.add_project(&hex_id(), project, "default")).clone();
        let password = if user == "demo" { "demo".to_owned() } else { hex_id() };
        let user_id = people.add_user(user, "default", &password, json!({"default_project_id": project_id}));
        for role in roles {
            people.assign(&user_id, Target::Project(project_id.clone()), role);
        }
        if user == "admin" {
            people.assign(&user_id, Target::System, "admin");
        }
        let (user, project, domain) = (user.to_owned(), project.to_owned(), "Default".to_owned());
        accounts.push(Account { user, user_id, password, project, project_id, domain });
    }
    let blank = String::new;
    let mut trustee_admin = Account {
        user: blank(),
        user_id: blank(),
        password: blank(),
        project: blank(),
        project_id: blank(),
        domain: blank(),
    };
    let mut trustee_domain_id = blank();
    if set_up {
        trustee_domain_id = people.add_domain(&hex_id(), "magnum");
        people.set_trustee_domain(&trustee_domain_id);
        let (name, password) = ("trustee_domain_admin", hex_id());
        let user_id = people.add_user(name, &trustee_domain_id, &password, json!({}));
        people.assign(&user_id, Target::Domain(trustee_domain_id.clone()), "admin");
        people.set_trustee_admin(&user_id);
        let (user, domain) = (name.to_owned(), "magnum".to_owned());
        trustee_admin = Account { user, user_id, password, domain, ..trustee_admin };
    }
    (accounts, trustee_domain_id, trustee_admin)
}

fn plant_networks(world: &mut World, accounts: &[Account]) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let service = accounts.iter().find(|account| account.project == "service").map_or("", |one| &one.project_id);
    let demo = accounts.iter().find(|account| account.project == "demo").map_or("", |one| &one.project_id);
    let public = new_id();
    neutron::add_network(world, &public, json!({"name": "public", "project_id": service, "router:external": true}));
    let public_subnet = new_id();
    let shape = json!({"name": "public-subnet", "network_id": public, "cidr": "172.24.0.0/16", "project_id": service});
    neutron::add_subnet(world, &public_subnet, shape);
    let private = new_id();
    neutron::add_network(world, &private, json!({"name": "private", "project_id": demo}));
    let private_subnet = new_id();
    let shape = json!({"name": "private-subnet", "network_id": private, "cidr": "10.10.0.0/24", "project_id": demo});
    neutron::add_subnet(world, &private_subnet, shape);
    let networks = [("public".to_owned(), public), ("private".to_owned(), private)].into();
    let subnets = [("public-subnet".to_owned(), public_subnet), ("private-subnet".to_owned(), private_subnet)].into();
    (networks, subnets)
}
