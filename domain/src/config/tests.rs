//! The INI dialect, the layers and the messages, each against what oslo.config does.

use std::{fs, path::PathBuf};

use super::*;
use crate::options::{self, CertManager, DefaultSet, Interface, MultiMasterGuard, SECTIONS};

type Outcome = Result<(Options, Vec<Warning>), ConfigError>;

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn parsed(text: &str) -> Outcome {
    layered(&[text], &[])
}

fn layered(texts: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let texts: Vec<_> = texts.iter().zip(1..).map(|(text, n)| (format!("{n}.conf"), (*text).to_owned())).collect();
    parse(&texts, env(variables))
}

fn read(text: &str) -> Options {
    let (options, warnings) = parsed(text).unwrap();
    assert_eq!(warnings, [], "{text}");
    options
}

fn warned(text: &str) -> Vec<String> {
    parsed(text).unwrap().1.iter().map(ToString::to_string).collect()
}

fn failure(text: &str) -> String {
    parsed(text).unwrap_err().to_string()
}

#[test]
fn nothing_at_all_gives_every_default() {
    let (options, warnings) = layered(&[], &[]).unwrap();
    assert_eq!((&options, warnings), (&Options::default(), vec![]));
    assert_eq!(options.api_address(), "127.0.0.1:9511");
    assert_eq!(options.database_connection(), "sqlite:////var/lib/magnum/magnum.sqlite");
    assert_eq!(options.certificates.cert_manager_type, CertManager::X509Keypair);
    assert_eq!(options.magnum_rs.multi_master_guard, MultiMasterGuard::Fix);
    assert_eq!(options.x509.allowed_key_usage, ["Digital Signature", "Key Encipherment", "Non Repudiation"]);
    assert_eq!(options.oslo_policy.policy_dirs.0, ["policy.d"]);
    assert_eq!(options.default.password_symbols.len(), 3);
}

#[test]
fn later_files_win_and_the_environment_wins_over_files() {
    let texts = ["[api]\nport = 1\nhost = a\nworkers = 7", "[api]\nport = 2\n[DEFAULT]\ndebug = yes"];
    let variables = [
        ("OS_API__PORT", "3"),
        ("OS_DEFAULT__STATE_PATH", "/s"),
        ("OS_USERNAME", "x"),
        ("OS_OTHER__THING", "x"),
        ("HOME", "/"),
    ];
    let (options, warnings) = layered(&texts, &variables).unwrap();
    assert_eq!((options.api.port, options.api.host.as_str(), options.api.workers), (3, "a", Some(7)));
    assert!(options.default.debug);
    assert_eq!(options.magnum_rs.secret_key_file, "/s/secret.key");
    assert_eq!(warnings, []);
}

#[test]
fn a_misspelt_variable_of_a_known_section_is_told() {
    let (_, warnings) = layered(&[], &[("OS_API__PROT", "3")]).unwrap();
    assert_eq!(warnings[0].to_string(), "the environment: unknown option prot in [api] is ignored; did you mean port?");
}

#[test]
fn repeated_lines_add_up_only_where_the_option_repeats() {
    let text = "[oslo_policy]\npolicy_dirs = a\npolicy_dirs = b\n[api]\nport = 1\nport = 2";
    let (options, _) = layered(&[text, "[oslo_policy]\npolicy_dirs = c"], &[]).unwrap();
    assert_eq!(options.oslo_policy.policy_dirs.0, ["a", "b", "c"]);
    assert_eq!(options.api.port, 2);
}

#[test]
fn references_are_replaced() {
    let options = read(
        "[DEFAULT]\nstate_path = /s\nhost = h1\n[api]\nhost = api.example.org\n\
         ssl_cert_file = $state_path/${api.host}.pem\nssl_key_file = ${host}-$$-$-${DEFAULT.host}\n\
         [database]\nconnection = mysql://m:a$$b\\$c@$retry_interval/d\n",
    );
    assert_eq!(options.api.ssl_cert_file.as_deref(), Some("/s/api.example.org.pem"));
    // A plain name means the own section first; a dollar sign before no name stands for itself.
    assert_eq!(options.api.ssl_key_file.as_deref(), Some("api.example.org-$-$-h1"));
    assert_eq!(options.database_connection(), "mysql://m:a$b$c@10/d");
    assert_eq!(options.magnum_rs.secret_key_file, "/s/secret.key");
}

#[test]
fn references_to_nothing_and_circles_are_errors_that_show_no_secret() {
    assert_eq!(
        failure("[api]\nhost = $pybasedir"),
        "1.conf line 2: [api] host refers to $pybasedir, which no option has set (a dollar sign is written $$)"
    );
    assert_eq!(
        failure("[DEFAULT]\nhost = $state_path\nstate_path = ${host}"),
        "1.conf line 2: [DEFAULT] host refers to itself (a dollar sign is written $$)"
    );
    let text = failure("[trust]\ntrustee_domain_admin_password = pa$sword");
    assert_eq!(
        text,
        "1.conf line 2: [trust] trustee_domain_admin_password holds a $ that names no option (a dollar sign is written $$)"
    );
}

#[test]
fn wrong_values_name_place_value_and_what_is_allowed() {
    for (text, message) in [
        ("[api]\nport = http", "1.conf line 2: [api] port = http: must be a whole number"),
        ("[api]\nmax_limit = 0", "1.conf line 2: [api] max_limit = 0: must be a whole number from 1 to 1000000"),
        (
            "[DEFAULT]\nservice_down_time=0",
            "1.conf line 2: [DEFAULT] service_down_time = 0: must be a whole number, at least 1",
        ),
        (
            "[DEFAULT]\n# x\ndebug = maybe",
            "1.conf line 3: [DEFAULT] debug = maybe: must be true or false (also yes/no, on/off, 1/0)",
        ),
        (
            "[magnum_rs]\nmulti_master_guard = no",
            "1.conf line 2: [magnum_rs] multi_master_guard = no: must be one of: fix, reject, warn",
        ),
        (
            "[certificates]\ncert_manager_type = local",
            "1.conf line 2: [certificates] cert_manager_type = local: must be one of: x509keypair, barbican",
        ),
    ] {
        assert_eq!(failure(text), message);
    }
    let error = layered(&[], &[("OS_API__PORT", "x")]).unwrap_err().to_string();
    assert_eq!(error, "the environment: [api] port = x: must be a whole number");
}

#[test]
fn broken_lines_name_file_and_line_and_not_the_text() {
    assert_eq!(failure("[api]\nhunter2"), "1.conf line 2: there is no = or : in it");
    assert_eq!(failure("port = 1"), "1.conf line 1: it stands before the first [section]");
}

#[test]
fn unknown_names_are_told_with_the_nearest_known_one() {
    assert_eq!(
        warned(
            "[api]\nprot = 1\n[clusterr]\na = 1\n[trust]\ntrustee_domain = x\n[zzz]\na=1\n[database]\nmax-pool-size = 3"
        ),
        [
            "1.conf line 2: unknown option prot in [api] is ignored; did you mean port?",
            "1.conf line 4: unknown section [clusterr] is ignored; did you mean cluster?",
            "1.conf line 10: unknown option max-pool-size in [database] is ignored; did you mean max_pool_size?",
            "1.conf line 6: unknown option trustee_domain in [trust] is ignored; did you mean trustee_domain_id?",
            "1.conf line 8: unknown section [zzz] is ignored",
        ]
    );
}

#[test]
fn options_that_mean_nothing_here_are_accepted_in_silence() {
    read(
        "[DEFAULT]\npybasedir = /x\nrpc_response_timeout = 60\nlog_rotation_type = none\nlogging_context_format_string = %(x)s $y\n\
         [profiler]\nenabled = False\n[capi_helm]\nanything = 1\n[heat_client]\napi_version = 1\n\
         [keystone_authtoken]\nmemcached_servers = a:1,b:2\nmemcache_secret_key = s\nservice_type = container-infra\n\
         [oslo_messaging_rabbit]\nrabbit_quorum_queue = true\namqp_durable_queues = true\nkombu_reconnect_delay = 0.5\n\
         [cluster]\nenabled_definitions = a,b\n[oslo_concurrency]\nlock_path = /x\n",
    );
}

#[test]
fn options_that_ask_for_what_is_not_done_are_told() {
    assert_eq!(
        warned(
            "[kubernetes]\npost_install_manifest_url = http://x\n[oslo_messaging_notifications]\ndriver = messagingv2\n\
             transport_url = rabbit://u:hunter2@h/"
        ),
        [
            "1.conf line 2: [kubernetes] post_install_manifest_url has no effect: no manifest is applied to new clusters",
            "1.conf line 4: [oslo_messaging_notifications] driver has no effect: no notifications are sent",
        ]
    );
    read("[kubernetes]\nhealth_polling_interval = -1\n[oslo_messaging_notifications]\ndriver = noop\n");
}

#[test]
fn a_login_method_other_than_a_password_is_refused() {
    assert_eq!(
        failure("[keystone_auth]\nauth_type = v3token"),
        "1.conf line 2: [keystone_auth] auth_type = v3token: must be one of: password, v3password, v2password"
    );
    read("[keystone_authtoken]\nauth_type = v3password\n[keystone_auth]\nauth_type = password");
}

#[test]
fn old_names_are_read_with_a_warning_and_lose_to_the_new() {
    let text = "[bay_heat]\nbay_create_timeout = 90\n[keystone_authtoken]\nauth_uri = http://k:5000/v2.0\n[database]\nsql_connection = a\nconnection = b";
    let (options, warnings) = parsed(text).unwrap();
    assert_eq!(options.cluster_heat.create_timeout, 90);
    assert_eq!(options.www_authenticate_uri(), "http://k:5000/v2.0");
    assert_eq!(options.public_keystone().as_deref(), Some("http://k:5000/v3"));
    assert_eq!(options.database_connection(), "b");
    let lines: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "1.conf line 4: [keystone_authtoken] auth_uri is now called [keystone_authtoken] www_authenticate_uri",
            "1.conf line 2: [bay_heat] bay_create_timeout is now called [cluster_heat] create_timeout",
        ]
    );
}

#[test]
fn interfaces_are_read_in_both_spellings() {
    let options = read("[heat_client]\nendpoint_type = internalURL\n[nova_client]\nendpoint_type = admin");
    let found = [&options.heat_client, &options.nova_client, &options.glance_client].map(|client| client.endpoint_type);
    assert_eq!(found, [Interface::Internal, Interface::Admin, Interface::Public]);
}

#[test]
fn secrets_are_printed_nowhere() {
    let text = "[DEFAULT]\ntransport_url = rabbit://u:hunter2@h/\n[database]\nconnection = mysql://m:hunter2@h/d\n\
        [keystone_auth]\nusername = magnum\nauth_url = http://k/v3\npassword = hunter2\n[keystone_authtoken]\nadmin_password = hunter2\n\
        [trust]\ntrustee_domain_admin_password = hunter2\n[magnum_rs]\nsecret_keys = hunter2,hunter2\n";
    let options = read(text);
    assert_eq!(options.magnum_rs.secret_keys[1].expose(), "hunter2");
    assert_eq!(options.keystone_auth.password.as_ref().map(options::Secret::expose), Some("hunter2"));
    let printed = format!("{options:?} {:?}", options.credentials().unwrap());
    assert!(printed.contains("magnum") && !printed.contains("hunter2"), "{printed}");
    // Every option that holds one is declared as a secret.
    for opt in SECTIONS.iter().flat_map(|section| section.options) {
        let sounds_secret = ["password", "transport_url", "connection", "secret_keys"]
            .iter()
            .any(|word| opt.name == *word || opt.name.ends_with(&format!("_{word}")));
        assert_eq!(opt.kind.secret, sounds_secret, "{}", opt.name);
    }
}

#[test]
fn the_service_user_is_found_in_either_section_and_in_the_old_spelling() {
    let own = read(
        "[keystone_auth]\nauth_url = http://k:5000\nusername = magnum\npassword = p\nproject_name = service\ndefault_domain_id = d",
    );
    let login = own.credentials().unwrap();
    assert_eq!((login.auth_url.as_str(), login.username.as_deref()), ("http://k:5000/v3", Some("magnum")));
    assert_eq!((login.user_domain_id.as_deref(), login.project_domain_id.as_deref()), (Some("d"), Some("d")));
    assert_eq!(own.validation_credentials().unwrap(), login);

    let old = read(
        "[keystone_authtoken]\nwww_authenticate_uri = http://k:5000/v2.0/\nadmin_user = m\nadmin_password = p\nadmin_tenant_name = service\ncafile = /ca",
    );
    let login = old.credentials().unwrap();
    assert_eq!(login.auth_url, "http://k:5000/v3");
    assert_eq!((login.user_domain_id.as_deref(), login.project_name.as_deref()), (Some("default"), Some("service")));
    assert_eq!(login.cafile.as_deref(), Some("/ca"));

    let two = read(
        "[keystone_authtoken]\nauth_url = http://k/v3\nusername = a\npassword = p\n[keystone_auth]\nusername = b\npassword = p\n",
    );
    assert_eq!(two.credentials().unwrap().username.as_deref(), Some("b"));
    assert_eq!(two.validation_credentials().unwrap().username.as_deref(), Some("a"));

    let none = |text| read(text).credentials().unwrap_err().to_string();
    assert!(none("").starts_with("no login for the service: auth_url is set neither"));
    assert!(none("[keystone_auth]\nauth_url = http://k\nusername = u").contains("password is set neither"));
}

#[test]
fn auth_section_takes_the_login_from_another_section() {
    let text = "[keystone_auth]\nauth_section = keystone_authtoken\nusername = ignored\ncafile = /own\n\
        [keystone_authtoken]\nauth_url = http://k/v3\nusername = magnum\npassword = p\ncafile = /other\ninsecure = true\n";
    let options = read(text);
    assert_eq!(options.keystone_auth.username.as_deref(), Some("magnum"));
    // Session options stay with the section that has them.
    assert_eq!(options.keystone_auth.cafile.as_deref(), Some("/own"));
    assert!(options.keystone_auth.insecure);

    let (options, warnings) =
        parsed("[keystone_auth]\nauth_section = My_Login\n[my_login]\nuser_name = m\npassword = p\nnonsense = 1")
            .unwrap();
    assert_eq!(options.keystone_auth.username.as_deref(), Some("m"));
    assert!(warnings.iter().any(|w| w.to_string().contains("unknown option nonsense in [my_login]")), "{warnings:?}");
    assert_eq!(
        failure("[keystone_auth]\nauth_section = nowhere"),
        "[keystone_auth] auth_section = nowhere: there is no section [nowhere]"
    );
}

#[test]
fn an_ipv6_address_is_bracketed_once() {
    assert_eq!(read("[api]\nhost = ::1").api_address(), "[::1]:9511");
    assert_eq!(read("[api]\nhost = [::1]").api_address(), "[::1]:9511");
}

#[test]
fn files_come_before_directories_and_those_in_order_of_name() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    };
    let main = write("magnum.conf", "[DEFAULT]\nhost = h\n[api]\nport = 1\nmax_limit = 1\nhost = main\n");
    write("d/20-b.conf", "[api]\nport = 3\n");
    write("d/10-a.conf", "[api]\nport = 2\nmax_limit = 2\n");
    write("d/30.conf.bak", "[api]\nport = 4\n");
    let (options, _) = load(std::slice::from_ref(&main), &[dir.path().join("d")], []).unwrap();
    assert_eq!((options.api.port, options.api.max_limit, options.api.host.as_str()), (3, 2, "main"));

    let missing = load(&[PathBuf::from("/nowhere/magnum.conf")], &[], []).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read /nowhere/magnum.conf: "), "{missing}");
}

#[test]
fn the_host_name_is_that_of_the_system_unless_set() {
    let dir = tempfile::tempdir().unwrap();
    let (options, _) = load(&[], &[dir.path().to_owned()], []).unwrap();
    assert_eq!(options.default.host.is_some(), Path::new(HOST_NAME).exists());
    let (options, _) = load(&[], &[dir.path().to_owned()], env(&[("OS_DEFAULT__HOST", "node-7")])).unwrap();
    assert_eq!(options.host(), "node-7");
}

#[test]
fn policy_files_are_found_beside_the_configuration_and_laid_over_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("magnum.conf", "");
    write("policy.yaml", "# comment\n\"cluster:get\": \"role:a\"\n\"cluster:create\": ''\n\"stats:get_all\": \"@\"\n");
    write(
        "policy.d/10.json",
        "{\t\"cluster:get\": \"role:b\",\n\t\"cluster:delete\": [[\"role:a\", \"role:b\"], [\"role:c\"]]}",
    );
    write("policy.d/20.yaml", "cluster:get: \"role:c\"\n");
    write("policy.d/.hidden", "not: [yaml");
    write("policy.d/empty.yaml", "# every line is a comment\n");
    let (options, _) = load(&[dir.path().join("magnum.conf")], &[], []).unwrap();
    let rules = policy_overrides(&options.oslo_policy).unwrap();
    assert_eq!(rules["cluster:get"], "role:c");
    assert_eq!(rules["cluster:create"], "");
    assert_eq!(rules["cluster:delete"], r#"[["role:a","role:b"],["role:c"]]"#);
    assert_eq!(options.magnum_rs.default_rules, DefaultSet::Queens);
    crate::Policy::from_options(&options).unwrap();

    write("policy.yaml", "- a\n- b\n");
    assert!(
        policy_overrides(&options.oslo_policy)
            .unwrap_err()
            .to_string()
            .ends_with("not a mapping from rule names to rules")
    );
    write("policy.yaml", "a: {b: c}\n");
    assert!(
        policy_overrides(&options.oslo_policy).unwrap_err().to_string().contains("rule a is neither text nor a list")
    );
}

#[test]
fn a_policy_file_that_is_named_must_be_there() {
    let dir = tempfile::tempdir().unwrap();
    let conf = dir.path().join("magnum.conf");
    fs::write(&conf, "[oslo_policy]\npolicy_file = own.yaml\n").unwrap();
    let (options, _) = load(std::slice::from_ref(&conf), &[], []).unwrap();
    assert!(policy_overrides(&options.oslo_policy).unwrap_err().to_string().starts_with("cannot read own.yaml"));
    // The default name is written in many files and need not exist.
    fs::write(&conf, "[oslo_policy]\npolicy_file = policy.json\n").unwrap();
    let (options, _) = load(&[conf], &[], []).unwrap();
    assert!(policy_overrides(&options.oslo_policy).unwrap().is_empty());
}

#[test]
fn the_sample_uncommented_is_a_configuration_with_the_defaults() {
    let text: String = options::sample_config()
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_eq!(read(&text), Options::default());
}

#[test]
fn every_option_is_declared_once_and_documented() {
    for (at, section) in SECTIONS.iter().enumerate() {
        for opt in section.options {
            assert!(opt.text().ends_with('.'), "[{}] {} has no sentence", section.name, opt.name);
            assert!(
                !options::ignored::option(section.name, opt.name)
                    || opt.name.starts_with("rabbit_")
                    || opt.name.starts_with("heartbeat_"),
                "{}",
                opt.name
            );
            let twice = SECTIONS[at + 1..].iter().filter(|other| other.name == section.name);
            assert!(twice.flat_map(|other| other.options).all(|other| other.name != opt.name), "{}", opt.name);
        }
    }
}

/// Compares the files under etc/ with what the declarations give; `UPDATE=1 cargo test -p domain` rewrites them.
#[test]
fn the_samples_in_etc_are_current() {
    let etc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../etc");
    for (name, text) in
        [("magnum.conf.sample", options::sample_config()), ("policy.yaml.sample", crate::sample_policy())]
    {
        let path = etc.join(name);
        if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
            fs::write(&path, &text).unwrap();
        }
        assert_eq!(
            fs::read_to_string(&path).unwrap_or_default(),
            text,
            "{name} is out of date: UPDATE=1 cargo test -p domain"
        );
    }
}

#[test]
fn the_table_lists_every_option_with_its_default() {
    let text = options::options_doc();
    assert!(text.contains("\n## [trust]\n"));
    assert!(text.contains("| `port` | a whole number | `9511` | Listen port. |"), "{text}");
    let rows = text.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, SECTIONS.iter().map(|section| section.options.len()).sum::<usize>());
}
