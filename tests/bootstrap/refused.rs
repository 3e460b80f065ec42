//! What is refused, and what the operator is told to do then.

use std::net::TcpListener;

use reqwest::Method;
use serde_json::json;

use crate::bench::{Bench, URL, failed};

#[tokio::test(flavor = "multi_thread")]
async fn users_that_refuse_their_password_are_asked_about_first() {
    let bench = Bench::new().await;
    bench.sets_up(&["--url", URL]);
    std::fs::rename(bench.config(), bench.path("old.conf")).unwrap();
    bench.changes();
    let database = format!("sqlite:///{}", bench.path("magnum.sqlite").display());
    let unknown = bench.refuses(&["--database-connection", &database, "--write-config", "magnum.conf"]);
    assert!(unknown.contains("user magnum exists, but its password is not given"), "{unknown}");
    let wrong = bench.refuses(&["--no-database", "--service-password", "wrong"]);
    assert!(wrong.contains("user magnum refuses the given password") && wrong.contains("--reset-passwords"), "{wrong}");
    let nowhere_to_keep = bench.refuses(&["--no-database", "--reset-passwords"]);
    assert!(nowhere_to_keep.contains("its password is not given"), "{nowhere_to_keep}");
    assert_eq!(bench.changes(), Vec::<String>::new());
    assert!(!bench.config().exists());
    let reset = bench.sets_up(&["--reset-passwords"]);
    assert_eq!(reset.matches(": password").count(), 2, "{reset}");
    assert!(bench.sets_up(&[]).contains("Everything is as it should be"));
    let old = bench.refuses(&["--write-config", "old.conf"]);
    assert!(old.contains("user magnum refuses the given password"), "{old}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_says_otherwise_is_never_written_to() {
    let bench = Bench::new().await;
    bench.sets_up(&["--url", URL]);
    let written = std::fs::read(bench.config()).unwrap();
    bench.changes();
    let error = bench.refuses(&["--write-config", "magnum.conf", "--trustee-domain", "other", "--service-user", "coe"]);
    assert!(error.contains("[keystone_authtoken] username, [trust] trustee_domain_name"), "{error}");
    assert!(!error.contains("password"), "{error}");
    assert_eq!(std::fs::read(bench.config()).unwrap(), written);
    assert_eq!(bench.changes(), Vec::<String>::new());
    let without = bench.says(&[
        "--no-database",
        "--trustee-domain",
        "other",
        "--trustee-admin-password",
        "pw",
        "--service-user",
        "coe",
        "--service-password",
        "pw",
    ]);
    assert!(without.contains("Next: say the same in magnum.conf"), "{without}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_what_to_do_next() {
    let bench = Bench::new().await;
    let run = |user: &str, variable: (&str, &str)| {
        let arguments = bench.arguments(&["--url", URL]);
        let mut command = bench.command(user, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        failed(&command.env(variable.0, variable.1).output().unwrap())
    };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let origin = bench.cloud.origin();
    for (user, variable, expected) in [
        ("admin", ("OS_PASSWORD", "wrong"), "refused to log in user admin of domain Default to project admin"),
        ("admin", ("OS_PROJECT_NAME", "nowhere"), "Check OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME"),
        ("admin", ("OS_PASSWORD", ""), "not set: OS_PASSWORD. Load an administrator's variables first"),
        ("admin", ("OS_AUTH_URL", ""), "set OS_AUTH_URL"),
        ("admin", ("OS_AUTH_URL", "keystone"), "OS_AUTH_URL"),
        ("admin", ("OS_AUTH_URL", &format!("http://{silent}/v3")), "no Keystone answers at"),
        ("admin", ("OS_AUTH_URL", &format!("{origin}/image")), "is not Keystone"),
        ("admin", ("OS_REGION_NAME", "Nowhere"), "Keystone has no region Nowhere; it has RegionOne"),
        (
            "demo",
            ("OS_NOTHING", ""),
            "User demo is no administrator there: load the variables of a user with the role admin",
        ),
    ] {
        let error = run(user, variable);
        assert!(error.contains(expected), "{variable:?}: {error}");
        assert!(!error.contains("wrong"), "{error}");
    }
    assert_eq!(bench.changes(), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(bench.folder.path()).unwrap().count(), 0);
    assert!(bench.refuses(&["--no-database", "--write-config", "m.conf"]).contains("--url http://controller:9511/v1"));
    assert!(bench.refuses(&["--no-database", "--url", URL]).contains("user magnum needs a password: set"));
    assert!(bench.refuses(&["--url", "controller"]).contains("controller is no address"));
    bench.admin(Method::POST, "/regions", Some(json!({"region": {"id": "RegionTwo"}}))).await;
    let error = run("admin", ("OS_REGION_NAME", ""));
    assert!(error.contains("Keystone has the regions RegionOne, RegionTwo; set OS_REGION_NAME"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_from_before_there_was_another_region_is_too_little() {
    let bench = Bench::new().await;
    bench.sets_up(&["--url", URL]);
    bench.admin(Method::POST, "/regions", Some(json!({"region": {"id": "RegionTwo"}}))).await;
    let error = bench.fails(&[]);
    assert!(error.contains("[heat_client] region_name, [nova_client] region_name"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_out_of_reach_stops_everything() {
    let bench = Bench::new().await;
    let url = "mysql+pymysql://magnum:hunter2@127.0.0.1:9/magnum";
    let error = bench.refuses(&["--database-connection", url, "--write-config", "magnum.conf", "--url", URL]);
    assert!(error.contains("the database and its user have to exist. --no-database leaves it alone"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    assert_eq!(bench.changes(), Vec::<String>::new());
    assert!(!bench.config().exists());
}
