//! Keystone for operators: what `magnum bootstrap` asks in an administrator's name, and how others are refused.

use cloud::{Account as Login, Cloud, Domain, Named, RoleTarget, Scope, Session, Settings, Switch, User};
use domain::Secret;
use reqwest::Method;
use serde_json::json;

use crate::access::Account;
use crate::api::Api;
use crate::world::{World, on_cloud, refusal, unique};

/// Plain requests and a session of the administrator.
async fn administrator(w: &World) -> (Api, Session) {
    let api = w.api(&w.access.admin).await;
    let session = w.session_of(&api);
    (api, session)
}

/// A domain of this test's own, found by name and id and made once.
async fn domain(w: &World) -> Domain {
    let (api, admin) = administrator(w).await;
    let (operator, name) = (admin.operator(), unique("domain"));
    assert_eq!(operator.find_domain(&Named::name(&name)).await.unwrap(), None);
    let made = operator.create_domain(&name, "of a test").await.unwrap();
    let path = format!("/domains/{}", made.id);
    w.undo("domain", async move {
        let off = json!({"domain": {"enabled": false}});
        let answer = api.try_send(Method::PATCH, "identity", &path, Some(&off)).await;
        answer.map_err(|error| error.to_string())?;
        let answer = api.delete("identity", &path).await;
        if answer.status == 204 { Ok(()) } else { Err(answer.text) }
    });
    assert!(made.enabled && made.name == name);
    for named in [Named::name(&name), Named::id(&made.id)] {
        assert_eq!(operator.find_domain(&named).await.unwrap().as_ref(), Some(&made));
    }
    assert_eq!(operator.create_domain(&name, "again").await.unwrap(), made, "what is there is adopted");
    assert_eq!(operator.find_domain(&Named::id("nope")).await.unwrap(), None);
    made
}

/// Whether this login is let in; a refusal has to be a 401.
async fn opens(w: &World, user: &User, password: &str, scope: Scope) -> bool {
    let account = Login { user: Named::id(&user.id), domain: Named::default(), password: Secret::new(password) };
    let outcome = w.cloud.log_in("log in", &account, &scope).caller().await;
    if let Ok(caller) = outcome {
        assert_eq!(caller.user_id, user.id);
        return true;
    }
    assert_eq!(refusal(outcome).0, 401);
    false
}

#[tokio::test]
async fn projects_users_and_roles_are_made_once() {
    on_cloud(async |w: &World| {
        let home = domain(w).await.id;
        let (api, admin) = administrator(w).await;
        let (operator, name) = (admin.operator(), unique("thing"));
        assert_eq!(operator.find_project(&name, &home).await.unwrap(), None);
        let project = operator.create_project(&name, &home, "of a test").await.unwrap();
        assert_eq!(operator.create_project(&name, &home, "again").await.unwrap(), project);
        assert_eq!(operator.find_project(&name, &home).await.unwrap().as_ref(), Some(&project));
        assert_eq!(operator.find_role(&name).await.unwrap(), None);
        let role = operator.create_role(&name).await.unwrap();
        w.undo_delete("role", &api, "identity", format!("/roles/{}", role.id));
        assert_eq!(operator.create_role(&name).await.unwrap(), role);
        let named = Named::name(&name);
        assert_eq!(operator.find_user(&named, &home).await.unwrap(), None);
        let user = operator.create_user(&name, &Secret::new("pw-one"), &home).await.unwrap();
        assert_eq!(operator.create_user(&name, &Secret::new("pw-two"), &home).await.unwrap(), user);
        assert_eq!(operator.find_user(&Named::id(&user.id), &home).await.unwrap().as_ref(), Some(&user));
        assert!(opens(w, &user, "pw-one", Scope::Unscoped).await, "who was there keeps the password");
        operator.set_password(&user, &Secret::new("pw-two")).await.unwrap();
        assert!(!opens(w, &user, "pw-one", Scope::Unscoped).await);
        for (target, scope) in [
            (RoleTarget::Project(&project.id), Scope::Project(Named::id(&project.id), Named::default())),
            (RoleTarget::Domain(&home), Scope::Domain(Named::id(&home))),
        ] {
            assert!(!operator.has_role(&user.id, target, &role).await.unwrap());
            assert!(!opens(w, &user, "pw-two", scope.clone()).await, "nobody is let in without a role");
            for _ in 0..2 {
                operator.give_role(&user.id, target, &role).await.unwrap();
            }
            assert!(operator.has_role(&user.id, target, &role).await.unwrap());
            assert!(opens(w, &user, "pw-two", scope).await);
        }
        assert!(!opens(w, &user, "pw-two", Scope::System).await);
        let (status, sentence) = refusal(operator.give_role(&user.id, RoleTarget::Project("nope"), &role).await);
        assert!(status == 404 && sentence.starts_with("Could not find project: nope."), "{sentence}");
        assert!(!operator.has_role(&user.id, RoleTarget::Project("nope"), &role).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn what_is_switched_off_lets_nobody_in_until_it_is_on_again() {
    on_cloud(async |w: &World| {
        let home = domain(w).await;
        let (api, admin) = administrator(w).await;
        let (operator, name) = (admin.operator(), unique("user"));
        let user = operator.create_user(&name, &Secret::new("pw-one"), &home.id).await.unwrap();
        for (what, id) in [(Switch::User, &user.id), (Switch::Domain, &home.id)] {
            let (path, key) = (format!("/{}s/{id}", what.name()), what.name());
            let off = json!({ key: {"enabled": false} });
            let answer = api.try_send(Method::PATCH, "identity", &path, Some(&off)).await.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert!(!opens(w, &user, "pw-one", Scope::Unscoped).await, "{key}");
            let domain = operator.find_domain(&Named::id(&home.id)).await.unwrap().unwrap();
            let found = operator.find_user(&Named::name(&name), &home.id).await.unwrap().unwrap();
            assert_eq!((found.enabled, domain.enabled), (what != Switch::User, what != Switch::Domain));
            operator.enable(what, id).await.unwrap();
            assert!(opens(w, &user, "pw-one", Scope::Unscoped).await, "{key}");
        }
    })
    .await;
}

#[tokio::test]
async fn services_and_endpoints_are_listed_also_when_switched_off() {
    on_cloud(async |w: &World| {
        let (api, admin) = administrator(w).await;
        let (operator, kind) = (admin.operator(), unique("kind"));
        assert_eq!(operator.services(&kind).await.unwrap(), []);
        let service = operator.create_service(&kind, "name", "of a test").await.unwrap();
        w.undo_delete("service", &api, "identity", format!("/services/{}", service.id));
        assert_eq!(operator.services(&kind).await.unwrap(), std::slice::from_ref(&service));
        let region = operator.regions().await.unwrap().remove(0).id;
        assert_eq!(operator.endpoints(&service.id).await.unwrap(), []);
        let endpoint = operator.create_endpoint(&service.id, "public", &region, "http://one/v1").await.unwrap();
        assert_eq!(endpoint.region_id.as_deref(), Some(region.as_str()));
        operator.move_endpoint(&endpoint.id, "http://two/v1").await.unwrap();
        for (what, id) in [(Switch::Endpoint, &endpoint.id), (Switch::Service, &service.id)] {
            let off = json!({ what.name(): {"enabled": false} });
            let path = format!("/{}s/{id}", what.name());
            assert_eq!(api.try_send(Method::PATCH, "identity", &path, Some(&off)).await.unwrap().status, 200);
            let (services, endpoints) =
                (operator.services(&kind).await.unwrap(), operator.endpoints(&service.id).await.unwrap());
            assert_eq!(services[0].enabled, what != Switch::Service);
            assert_eq!((endpoints[0].url.as_str(), endpoints[0].enabled), ("http://two/v1", what != Switch::Endpoint));
            operator.enable(what, id).await.unwrap();
        }
        for (service, region, table) in [("nope", region.as_str(), "service"), (&service.id, "Nowhere", "region")] {
            let outcome = operator.create_endpoint(service, "public", region, "http://one/v1").await;
            let (status, sentence) = refusal(outcome);
            assert_eq!(status, 400);
            assert!(
                sentence.starts_with(&format!("Expecting to find endpoint {table}_id in {table} table.")),
                "{sentence}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn who_is_no_administrator_is_refused_by_name_of_the_rule() {
    on_cloud(async |w: &World| {
        let demo = w.demo().await;
        let operator = demo.operator();
        let home = operator.find_domain(&Named::id("default")).await.unwrap().unwrap();
        assert_eq!(home.name, "Default", "the domain of one's own project is to be read");
        for (outcome, rule) in [
            (operator.find_role("admin").await.map(drop), "list_roles"),
            (operator.create_role("nothing").await.map(drop), "create_role"),
            (operator.find_domain(&Named::name("Default")).await.map(drop), "list_domains"),
            (operator.find_domain(&Named::id("nope")).await.map(drop), "get_domain"),
            (operator.create_domain("nothing", "").await.map(drop), "create_domain"),
            (operator.find_project("demo", "default").await.map(drop), "list_projects"),
            (operator.create_project("nothing", "default", "").await.map(drop), "create_project"),
            (operator.find_user(&Named::name("admin"), "default").await.map(drop), "list_users"),
            (operator.services("identity").await.map(drop), "list_services"),
            (operator.create_service("nothing", "nothing", "").await.map(drop), "create_service"),
            (operator.endpoints("nothing").await.map(drop), "list_endpoints"),
            (operator.create_endpoint("nope", "public", "nope", "http://x").await.map(drop), "create_endpoint"),
        ] {
            let (status, sentence) = refusal(outcome);
            assert_eq!(status, 403, "{rule}");
            assert!(sentence.contains(&format!("identity:{rule}.")), "{sentence}");
        }
        assert!(!operator.regions().await.unwrap().is_empty(), "regions are everybody's to read");
    })
    .await;
}

#[tokio::test]
async fn only_an_administrator_is_let_into_the_system() {
    on_cloud(async |w: &World| {
        let as_system = async |account: &Account| {
            let (user, domain) = (Named::name(&account.user), Named::name(&account.user_domain));
            let account = Login { user, domain, password: Secret::new(&account.password) };
            w.cloud.log_in("log in", &account, &Scope::System).operator().find_role("admin").await
        };
        assert_eq!(as_system(&w.access.admin).await.unwrap().unwrap().name, "admin");
        assert_eq!(refusal(as_system(&w.access.demo).await).0, 401);
    })
    .await;
}

#[tokio::test]
async fn keystone_is_known_by_its_version_document() {
    on_cloud(async |w: &World| {
        w.cloud.discover_keystone().await.unwrap();
        let elsewhere = w.access.auth_url.replace("/v3", "/nowhere");
        let elsewhere = Cloud::new(Settings { auth_url: elsewhere, ..Settings::default() }).unwrap();
        let (status, sentence) = refusal(elsewhere.discover_keystone().await);
        assert!(status == 404 && sentence.contains("not the document of Keystone"), "{sentence}");
    })
    .await;
}
