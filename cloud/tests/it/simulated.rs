//! Every call against a simulated cloud that checks what a real one checks.

use std::time::{Duration, Instant};

use cloud::{
    Client, Cloud, Credentials, Named, NewContainer, SecretRef, Service, Session, Settings, Stack, StackFilter,
    TrustSettings,
};
use devcloud::{DevCloud, Effect, Fault};
use domain::{Error, Secret};
use serde_json::{Value, json};

struct World {
    dev: DevCloud,
    cloud: Cloud,
}

impl World {
    async fn new() -> Self {
        let dev = DevCloud::start(devcloud::Settings::default()).await.unwrap();
        let cloud = Cloud::new(settings(&dev)).unwrap();
        Self { dev, cloud }
    }

    /// The session of a seeded user, with its own token.
    async fn user(&self, name: &str) -> Session {
        let token = Secret::new(self.dev.login(name).await.unwrap());
        self.cloud.as_user(token, &self.dev.seed().account(name).unwrap().project_id)
    }
}

fn settings(dev: &DevCloud) -> Settings {
    let (service, admin) = (dev.seed().account("magnum").unwrap(), &dev.seed().trustee_admin);
    let client = Client { timeout: Duration::from_secs(20), ..Client::default() };
    Settings {
        auth_url: dev.auth_url(),
        service: Credentials {
            user: Named::name(&service.user),
            user_domain: Named::name(&service.domain),
            password: Some(Secret::new(&service.password)),
            project: Named::name(&service.project),
            project_domain: Named::name(&service.domain),
        },
        trust: TrustSettings {
            domain: Named::name(&admin.domain),
            admin: Named::name(&admin.user),
            admin_password: Some(Secret::new(&admin.password)),
            ..TrustSettings::default()
        },
        retry_pause: Duration::from_millis(10),
        keystone: client.clone(),
        heat: client,
        ..Settings::default()
    }
}

fn template() -> Value {
    json!({
        "heat_template_version": "2017-09-01",
        "parameters": {"length": {"type": "number", "default": 8}, "secret": {"type": "string", "hidden": true, "default": "x"}},
        "resources": {"word": {"type": "OS::Heat::RandomString", "properties": {"length": {"get_param": "length"}}}},
        "outputs": {"word": {"value": {"get_attr": ["word", "value"]}}},
    })
}

fn body(name: &str) -> Value {
    json!({"stack_name": name, "template": template(), "parameters": {"secret": "hunter2"}, "tags": "magnum,c1",
           "timeout_mins": 5, "disable_rollback": true})
}

async fn settled(session: &Session, ident: &str) -> Stack {
    let start = Instant::now();
    loop {
        let stack = session.heat().stack(ident).await.unwrap().unwrap();
        if !stack.status.ends_with("IN_PROGRESS") || start.elapsed() > Duration::from_secs(15) {
            return stack;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn tokens_are_validated_with_all_their_facts() {
    let w = World::new().await;
    let account = w.dev.seed().account("demo").unwrap();
    let token = Secret::new(w.dev.login("demo").await.unwrap());
    let valid = w.cloud.identity().validate(&token).await.unwrap().unwrap();
    assert_eq!(valid.caller.user_id, account.user_id);
    assert_eq!(valid.caller.project_id.as_deref(), Some(account.project_id.as_str()));
    assert!(valid.caller.roles.iter().any(|role| role == "member"));
    assert!(valid.catalogue.has("orchestration") && !valid.is_application_credential());
    assert!(w.cloud.identity().validate(&Secret::new("gAAAA-unknown")).await.unwrap().is_none());
    w.dev.expire_tokens();
    let stale = Cloud::new(settings(&w.dev)).unwrap();
    assert!(stale.identity().validate(&token).await.unwrap().is_none());
}

#[tokio::test]
async fn a_trust_is_granted_used_and_revoked() {
    let w = World::new().await;
    let before = w.dev.census();
    let (admin, demo) = (w.cloud.as_domain_admin(), w.user("demo").await);
    let domain = w.cloud.trustee_domain_id().await.unwrap();
    assert_eq!(domain, w.dev.seed().trustee_domain_id);
    let password = Secret::new("Trustee-Password-1");
    let user = admin.keystone().create_user("c1_p1", &password, &domain).await.unwrap();
    let again = admin.keystone().create_user("c1_p1", &password, &domain).await.unwrap_err();
    assert_eq!(again.cloud_status(), Some(409), "{again}");
    assert_eq!(admin.keystone().find_user("c1_p1", &domain).await.unwrap().unwrap().id, user.id);
    assert!(admin.keystone().find_user("c2_p1", &domain).await.unwrap().is_none());
    assert!(admin.keystone().users(&domain).await.unwrap().contains(&user));

    let trust = demo.keystone().create_trust(&user.id, &["member".to_owned()]).await.unwrap();
    assert_eq!(demo.keystone().find_trust(&user.id).await.unwrap().unwrap(), trust);
    let alone = w.cloud.unscoped_trustee(&user.id, &password);
    assert_eq!(alone.keystone().trusts_of(&user.id).await.unwrap(), std::slice::from_ref(&trust));
    let caller = alone.caller().await.unwrap();
    assert_eq!((caller.project_id, caller.user_domain_id.as_str()), (None, domain.as_str()));
    let acting = w.cloud.as_trust(&user.id, &password, &trust.id);
    let caller = acting.caller().await.unwrap();
    let owner = w.dev.seed().account("demo").unwrap();
    assert_eq!(
        (caller.user_id.as_str(), caller.trust_id.as_deref()),
        (owner.user_id.as_str(), Some(trust.id.as_str()))
    );
    assert_eq!(caller.roles, ["member"]);
    assert!(acting.heat().stack("none").await.unwrap().is_none());

    let other = w.user("other").await.keystone().create_trust(&user.id, &["admin".to_owned()]).await.unwrap_err();
    assert!(matches!(other.cloud_status(), Some(403 | 404)), "{other}");
    assert!(acting.keystone().delete_trust(&trust.id).await.unwrap());
    assert!(!demo.keystone().delete_trust(&trust.id).await.unwrap());
    let refused = w.cloud.as_trust(&user.id, &password, &trust.id).heat().stack("none").await.unwrap_err();
    assert!(!refused.is_retryable(), "{refused}");
    assert!(admin.keystone().delete_user(&user.id).await.unwrap());
    assert!(!admin.keystone().delete_user(&user.id).await.unwrap());
    assert_eq!(w.dev.census(), before);
}

#[tokio::test]
async fn a_stack_lives_from_create_to_delete() {
    let w = World::new().await;
    let demo = w.user("demo").await;
    let heat = demo.heat();
    let id = heat.create(&body("blue-1")).await.unwrap();
    let twice = heat.create(&body("blue-1")).await.unwrap_err();
    assert_eq!(twice.cloud_status(), Some(409), "{twice}");
    assert!(twice.to_string().contains("blue-1"), "{twice}");
    assert_eq!(settled(&demo, "blue-1").await.status, "CREATE_COMPLETE");
    let stack = heat.stack_with_outputs(&id).await.unwrap().unwrap();
    assert_eq!(stack.output("word").unwrap().as_str().unwrap().len(), 8);
    assert_ne!(stack.parameters["secret"], "hunter2");
    let resources = heat.resources(&id, 2, None).await.unwrap();
    assert_eq!(resources[0].kind, "OS::Heat::RandomString");
    assert!(heat.resources(&id, 2, Some("OS::Nova::Server")).await.unwrap().is_empty());
    assert_eq!(heat.failed_reason(&id).await.unwrap(), None);
    assert!(!heat.events(&id).await.unwrap().is_empty());

    let filter = StackFilter { ids: vec![id.clone()], tags: vec!["c1".into()], ..StackFilter::default() };
    let found = heat.stacks(&filter).await.unwrap();
    assert_eq!(found.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    let none = StackFilter { statuses: vec!["DELETE_FAILED".into()], ..StackFilter::default() };
    assert!(heat.stacks(&none).await.unwrap().is_empty());
    let project = &w.dev.seed().account("demo").unwrap().project_id;
    let seen = w.cloud.as_service().in_project(project).heat().stack(&id).await.unwrap().unwrap();
    assert_eq!(seen.name, "blue-1", "the service user looks into any project");

    heat.patch(&id, &json!({"existing": true, "parameters": {"length": 12}})).await.unwrap();
    assert_eq!(settled(&demo, &id).await.status, "UPDATE_COMPLETE");
    heat.update(&id, &json!({"template": template(), "parameters": {"length": 9}})).await.unwrap();
    let stack = settled(&demo, &id).await;
    assert_eq!(
        (stack.status.as_str(), stack.parameters["length"].to_string().trim_matches('"')),
        ("UPDATE_COMPLETE", "9")
    );
    let wrong = heat.patch(&id, &json!({"existing": true, "parameters": {"length": "long"}})).await.unwrap_err();
    assert_eq!(wrong.cloud_status(), Some(400));
    assert!(wrong.to_string().contains("length"), "{wrong}");
    assert!(heat.delete(&id).await.unwrap());
    assert!(!heat.delete("00000000-0000-4000-8000-000000000000").await.unwrap());
}

#[tokio::test]
async fn images_flavors_networks_and_volume_types_are_found_or_named() {
    let w = World::new().await;
    let (demo, seed) = (w.user("demo").await, w.dev.seed());
    let image = demo.glance().image("fedora-atomic-27").await.unwrap();
    assert_eq!((image.os_distro.as_deref(), &image.id), (Some("fedora-atomic"), &seed.images["fedora-atomic-27"]));
    assert_eq!(demo.glance().image(&image.id).await.unwrap().name.as_deref(), Some("fedora-atomic-27"));
    assert_eq!(demo.glance().image("no-distro").await.unwrap().os_distro, None);
    assert!(matches!(demo.glance().image("twin").await, Err(Error::Ambiguous { .. })));
    assert!(matches!(demo.glance().image("none").await, Err(Error::NotFound { .. })));
    assert_eq!(demo.nova().flavor("m1.small").await.unwrap().disk, 20);
    assert!(matches!(demo.nova().flavor("m1.none").await, Err(Error::NotFound { .. })));
    assert!(demo.nova().keypair("testkey").await.unwrap().unwrap().public_key.starts_with("ssh-rsa"));
    assert_eq!(demo.nova().keypair("none").await.unwrap(), None);
    assert!(demo.nova().servers("x").await.unwrap().is_empty());
    let (public, private) = (&seed.networks["public"], &seed.networks["private"]);
    assert_eq!(&demo.neutron().external_network("public").await.unwrap().id, public);
    assert_eq!(&demo.neutron().external_network(public).await.unwrap().id, public);
    assert!(matches!(demo.neutron().external_network("private").await, Err(Error::NotFound { .. })));
    assert!(matches!(demo.neutron().external_network(private).await, Err(Error::NotFound { .. })));
    assert_eq!(&demo.neutron().network(private).await.unwrap().id, private);
    assert_eq!(&demo.neutron().subnet("private-subnet").await.unwrap().network_id, private);
    assert!(demo.neutron().ports(private).await.unwrap().iter().all(|port| &port.network_id == private));
    assert!(!demo.neutron().delete_floating_ip("00000000-0000-4000-8000-000000000000").await.unwrap());
    let types = demo.cinder().volume_types().await.unwrap();
    assert!(types.iter().any(|t| t.name == "lvm"));
    let default = demo.cinder().default_volume_type().await.unwrap();
    assert!(default.is_none_or(|t| types.iter().any(|other| other.id == t.id)));
    assert!(demo.cinder().volumes().await.unwrap().is_empty());
    assert!(demo.octavia().load_balancers(None).await.unwrap().is_empty());
    assert_eq!(demo.octavia().load_balancer("00000000-0000-4000-8000-000000000000").await.unwrap(), None);
    let service = w.cloud.as_service();
    let project = &seed.account("demo").unwrap().project_id;
    assert_eq!(service.keystone().project(project).await.unwrap().unwrap().name, "demo");
    assert_eq!(service.keystone().project("none").await.unwrap(), None);
    assert_eq!(service.keystone().services_of_type("load-balancer").await.unwrap().len(), 1);
    assert_eq!(service.keystone().regions().await.unwrap()[0].id, "RegionOne");
    assert!(w.cloud.auth_url().await.unwrap().ends_with("/v3"));
}

#[tokio::test]
async fn secrets_and_containers_come_and_go() {
    let w = World::new().await;
    let before = w.dev.census();
    let service = w.cloud.as_service();
    let barbican = service.barbican();
    let secret = barbican.create_secret("magnum-c1-ca", &Secret::new("line one\nline two\n")).await.unwrap();
    assert_eq!(barbican.payload(&secret).await.unwrap().unwrap().expose(), "line one\nline two");
    assert_eq!(barbican.secrets("magnum-c1-ca").await.unwrap().len(), 1);
    assert!(barbican.secrets("magnum-c1").await.unwrap().is_empty());
    let part = SecretRef { name: Some("certificate".to_owned()), secret_ref: secret.clone() };
    let new = NewContainer { name: "magnum-c1-ca".to_owned(), kind: "certificate", secret_refs: vec![part] };
    let container = barbican.create_container(&new).await.unwrap();
    assert_eq!(barbican.container(&container).await.unwrap().unwrap().secret("certificate"), Some(secret.as_str()));
    assert_eq!(barbican.containers("magnum-c1-ca").await.unwrap().len(), 1);
    assert!(barbican.containers("magnum-c2-ca").await.unwrap().is_empty());
    let stranger = w.user("reader").await.barbican().create_secret("s", &Secret::new("p")).await.unwrap_err();
    assert_eq!(stranger.cloud_status(), Some(403), "{stranger}");
    assert!(barbican.delete_container(&container).await.unwrap());
    assert!(!barbican.delete_container(&container).await.unwrap());
    assert!(barbican.delete_secret(&secret).await.unwrap());
    assert!(!barbican.delete_secret(&secret).await.unwrap());
    assert_eq!(w.dev.census(), before);
}

#[tokio::test]
async fn a_lost_answer_leads_to_the_stack_that_exists() {
    let w = World::new().await;
    let demo = w.user("demo").await;
    w.dev.inject(Fault::once("heat", "POST", "/stacks", Effect::DropAfterWork));
    let second = demo.heat().create(&body("blue-2")).await.unwrap_err();
    assert_eq!(second.cloud_status(), Some(409), "the repetition finds the name taken: {second}");
    assert!(demo.heat().stack("blue-2").await.unwrap().is_some());
}

#[tokio::test]
async fn an_expired_service_token_costs_one_login() {
    let w = World::new().await;
    let service = w.cloud.as_service();
    service.keystone().regions().await.unwrap();
    w.dev.expire_tokens();
    let before = w.cloud.calls(Service::Keystone);
    service.keystone().regions().await.unwrap();
    assert_eq!(w.cloud.calls(Service::Keystone) - before, 3, "refused, logged in, asked again");
}
