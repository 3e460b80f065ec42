//! What is made, changed and left alone.

use std::os::unix::fs::PermissionsExt;

use devcloud::{Effect, Fault};
use reqwest::Method;
use serde_json::json;

use crate::bench::{Bench, URL, done, option, told};

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing_the_first_makes_all_and_the_second_changes_nothing() {
    let bench = Bench::new().await;
    let dry = bench.sets_up(&["--url", URL, "--dry-run"]);
    assert_eq!(done(&dry).len(), 14, "{dry}");
    assert!(dry.contains("14 would be made, 0 changed. Nothing was done"), "{dry}");
    assert_eq!(bench.changes(), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(bench.folder.path()).unwrap().count(), 0);

    let first = bench.sets_up(&["--url", URL]);
    let as_told: Vec<String> = done(&first).iter().map(|line| line.replace("made        ", "would make  ")).collect();
    assert_eq!(as_told[1..], done(&dry)[1..], "a dry run tells what is done then");
    assert!(first.contains(&format!("The service's users can log in, and find it at {URL}.")), "{first}");
    assert_eq!(bench.changes().len(), 12, "all but database and file");
    let mode = std::fs::metadata(bench.config()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let written = std::fs::read(bench.config()).unwrap();
    for again in [&["--url", URL, "--dry-run"][..], &["--url", URL], &[]] {
        let second = bench.sets_up(again);
        assert_eq!(done(&second), Vec::<&str>::new());
        assert!(second.contains("Everything is as it should be; nothing was changed."), "{second}");
        assert_eq!(bench.changes(), Vec::<String>::new(), "{again:?}");
    }
    assert_eq!(std::fs::read(bench.config()).unwrap(), written);
    let plain = bench.says(&["--write-config", "magnum.conf"]);
    assert!(plain.contains("Everything is as it should be"), "the file alone is enough: {plain}");
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_passwords_stand_in_the_file_and_nowhere_else() {
    let bench = Bench::new().await;
    let arguments = bench.arguments(&["--url", URL]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = bench.command("admin", &arguments).env("RUST_LOG", "trace").output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let conf = std::fs::read_to_string(bench.config()).unwrap();
    let (service, trustee) = (option(&conf, "password"), option(&conf, "trustee_domain_admin_password"));
    assert!(service.len() >= 40 && trustee.len() >= 40 && service != trustee);
    for password in [service, trustee, &bench.cloud.seed().account("admin").unwrap().password] {
        assert!(!told(&output).contains(password));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn given_names_addresses_and_passwords_are_kept() {
    let bench = Bench::new().await;
    let secret = "it's 100$ \"well\" $kept";
    let arguments =
        bench.arguments(&["--url", "https://cloud/container-infra/v1", "--internal-url", "http://inside:9511"]);
    let mut command = bench.command("admin", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    command.env("OS_KEYSTONE_AUTHTOKEN__PASSWORD", secret.replace('$', "$$"));
    command.args(["--service-user", "coe", "--service-project", "services", "--trustee-domain", "clusters"]);
    command.args(["--trustee-admin", "root", "--trustee-admin-password", "hunter2"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    assert!(!told(&output).contains("hunter2"));
    let conf = std::fs::read_to_string(bench.config()).unwrap();
    for (name, value) in [
        ("username", "coe"),
        ("password", "it's 100$$ \"well\" $$kept"),
        ("project_name", "services"),
        ("trustee_domain_name", "clusters"),
        ("trustee_domain_admin_name", "root"),
        ("trustee_domain_admin_password", "hunter2"),
        ("auth_url", &bench.cloud.auth_url()),
        ("region_name", "RegionOne"),
    ] {
        assert_eq!(option(&conf, name), value);
    }
    let service = bench.id("services", "magnum").await;
    let rows = bench.admin(Method::GET, &format!("/endpoints?service_id={service}"), None).await;
    let urls: Vec<&str> =
        rows["endpoints"].as_array().unwrap().iter().map(|row| row["url"].as_str().unwrap()).collect();
    let public = "https://cloud/container-infra/v1";
    assert_eq!(urls, [public, "http://inside:9511/v1", public]);
    // Without the variable, the file's own password does.
    assert!(bench.sets_up(&[]).contains("Everything is as it should be"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_half_there_or_switched_off_is_completed() {
    let bench = Bench::new().await;
    bench.admin(Method::POST, "/domains", Some(json!({"domain": {"name": "magnum"}}))).await;
    bench.admin(Method::POST, "/roles", Some(json!({"role": {"name": "service"}}))).await;
    let service = json!({"service": {"type": "container-infra", "name": "coe"}});
    bench.admin(Method::POST, "/services", Some(service)).await;
    let first = bench.sets_up(&["--url", URL]);
    for line in ["ok            role      service", "ok            domain    magnum", "coe of type container-infra"] {
        assert!(first.contains(line), "{line}: {first}");
    }
    bench.switch_off("users", "user", &bench.id("users", "magnum").await).await;
    bench.switch_off("projects", "project", &bench.id("projects", "service").await).await;
    bench.switch_off("domains", "domain", &bench.id("domains", "magnum").await).await;
    let service = bench.id("services", "coe").await;
    bench.switch_off("services", "service", &service).await;
    bench.changes();
    let dry = bench.sets_up(&["--dry-run"]);
    assert_eq!(bench.changes(), Vec::<String>::new());
    let second = bench.sets_up(&[]);
    assert_eq!(done(&second).len(), 4, "{second}");
    assert_eq!(done(&dry).len(), 4, "{dry}");
    assert_eq!(bench.changes().len(), 4);
    let moved = bench.sets_up(&["--url", "http://127.0.0.1:9512"]);
    assert_eq!(done(&moved).len(), 3, "{moved}");
    assert!(moved.contains(&format!("http://127.0.0.1:9512/v1 instead of {URL}")), "{moved}");
    assert!(bench.sets_up(&[]).contains("Everything is as it should be"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_broke_off_is_finished_by_the_next() {
    let bench = Bench::new().await;
    for (method, path, effect) in [
        ("POST", "/v3/domains", Effect::Refuse(500)),
        ("PUT", "/v3/domains", Effect::Refuse(409)),
        ("POST", "/v3/services", Effect::DropAfterWork),
        ("POST", "/v3/endpoints", Effect::DropAfterWork),
    ] {
        bench.cloud.inject(Fault::once("identity", method, path, effect));
        let error = bench.fails(&["--url", URL]);
        assert!(error.starts_with("error: keystone could not"), "{error}");
    }
    let passwords = std::fs::read(bench.config()).unwrap();
    let last = bench.sets_up(&["--url", URL]);
    assert_eq!(done(&last).len(), 2, "two endpoints were left: {last}");
    assert_eq!(std::fs::read(bench.config()).unwrap(), passwords);
    assert!(bench.sets_up(&[]).contains("Everything is as it should be"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_but_not_answered_is_adopted() {
    let bench = Bench::new().await;
    for path in ["/v3/roles", "/v3/projects", "/v3/users", "/v3/domains"] {
        bench.cloud.inject(Fault::once("identity", "POST", path, Effect::DropAfterWork));
    }
    let first = bench.sets_up(&["--url", URL]);
    assert_eq!(done(&first).len(), 14, "{first}");
    assert!(bench.sets_up(&[]).contains("Everything is as it should be"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_configuration_may_name_everything_by_id() {
    let bench = Bench::new().await;
    let database = format!("sqlite:///{}", bench.path("magnum.sqlite").display());
    let conf = |trust: &str, login: &str| {
        let text = format!(
            "[database]\nconnection = {database}\n[keystone_auth]\nauth_url = {}\nusername = magnum\npassword = pw-one\n\
             user_domain_id = default\nproject_domain_id = default\n{login}\n[cinder_client]\nregion_name = RegionOne\n\
             [trust]\ntrustee_domain_admin_password = pw-two\n{trust}\n",
            bench.cloud.auth_url()
        );
        std::fs::write(bench.config(), text).unwrap();
    };
    let run = |more: &[&str]| {
        let mut arguments = vec!["--config-file", "magnum.conf"];
        arguments.extend_from_slice(more);
        bench.says(&arguments)
    };
    let named = "trustee_domain_name = clusters\ntrustee_domain_admin_name = root";
    conf(&format!("{named}\ntrustee_domain_admin_domain_name = clusters"), "project_name = service");
    assert!(run(&["--url", URL]).contains("Done: "));
    assert!(run(&[]).contains("Everything is as it should be"));
    let (domain, admin) = (bench.id("domains", "clusters").await, bench.id("users", "root").await);
    let by_id = format!("trustee_domain_id = {domain}\ntrustee_domain_admin_id = {admin}");
    conf(&by_id, &format!("project_id = {}", bench.id("projects", "service").await));
    let same = run(&[]);
    assert!(same.contains("Everything is as it should be") && !same.contains("Next:"), "{same}");
    conf("trustee_domain_id = nope", "project_name = service");
    let error = bench.refuses(&["--config-file", "magnum.conf"]);
    assert!(error.contains("Keystone has no domain nope, as [trust] trustee_domain_id has it"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_region_has_its_own_endpoints_and_every_client_is_told() {
    let bench = Bench::new().await;
    bench.admin(Method::POST, "/regions", Some(json!({"region": {"id": "RegionTwo"}}))).await;
    bench.sets_up(&["--url", URL]);
    let conf = std::fs::read_to_string(bench.config()).unwrap();
    assert_eq!(conf.matches("region_name = RegionOne").count(), 8, "{conf}");
    let two = "http://127.0.0.1:9512/v1";
    let here = ["--write-config", "two.conf", "--os-region-name", "RegionTwo", "--url", two];
    std::fs::copy(bench.config(), bench.path("two.conf")).unwrap();
    let other = std::fs::read_to_string(bench.path("two.conf")).unwrap().replace("RegionOne", "RegionTwo");
    std::fs::write(bench.path("two.conf"), other).unwrap();
    let printed = bench.says(&here);
    assert_eq!(done(&printed).len(), 3, "{printed}");
    assert!(bench.sets_up(&["--url", URL]).contains("Everything is as it should be"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_of_the_system_needs_no_project() {
    let bench = Bench::new().await;
    let arguments = bench.arguments(&["--url", URL]);
    let mut command = bench.command("admin", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let output = command.env_remove("OS_PROJECT_NAME").env("OS_SYSTEM_SCOPE", "all").output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
}
