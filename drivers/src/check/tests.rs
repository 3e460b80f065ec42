use super::*;

fn given(labels: &Labels) -> Check<'_> {
    Check {
        labels,
        master_count: Some(1),
        master_lb_enabled: false,
        tls_disabled: false,
        network_driver: None,
        nodes_network: NodesNetwork::Made,
        registry_enabled: false,
        volume_driver: None,
        docker_volume_size: None,
        docker_storage_driver: None,
        docker_volume_type: None,
        rules: Rules::default(),
    }
}

fn text<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result.unwrap_err() {
        Error::Invalid(text) => text,
        other => panic!("not a 400: {other:?}"),
    }
}

#[test]
fn three_masters_need_a_load_balancer_and_an_odd_number() {
    let none = Labels::default();
    let base = given(&none);
    let masters_of = |count, lb| masters(&Check { master_count: Some(count), master_lb_enabled: lb, ..base }, true);
    assert!(text(masters_of(3, false)).starts_with("master_count must be 1 when master_lb_enabled is False"));
    assert_eq!(text(masters_of(4, true)), "master nodegroup size of 4 is invalid, size cannot be an even number.");
    assert_eq!(masters_of(3, true).unwrap(), None);
    assert!(masters_of(-1, true).is_err());
}

#[test]
fn the_guard_decides_about_several_masters() {
    let none = Labels::default();
    let three = Check { master_count: Some(3), master_lb_enabled: true, ..given(&none) };
    let under = |multi_master| Check { rules: Rules { multi_master, ..Rules::default() }, ..three };
    assert!(text(masters(&under(MultiMasterGuard::Reject), true)).contains("master_count must be 1"));
    assert!(text(masters(&under(MultiMasterGuard::Fix), false)).contains("master_count must be 1"));
    assert!(masters(&under(MultiMasterGuard::Warn), false).unwrap().unwrap().contains("3 masters"));
    let one = Check { master_count: Some(1), ..under(MultiMasterGuard::Reject) };
    assert_eq!(masters(&one, true).unwrap(), None);
}

#[test]
fn a_docker_volume_without_a_type_names_the_option() {
    let none = Labels::default();
    let with = Check { docker_volume_size: Some(20), ..given(&none) };
    assert!(text(docker_volume(&with)).contains("[cinder] default_docker_volume_type"));
    assert!(docker_volume(&Check { docker_volume_type: Some(""), ..with }).is_err());
    assert!(docker_volume(&Check { docker_volume_type: Some("ssd"), ..with }).is_ok());
    let small = Check { docker_volume_size: Some(2), docker_storage_driver: Some("devicemapper"), ..with };
    assert!(text(docker_volume(&small)).contains("at least 3 GB"));
    assert!(docker_volume(&given(&none)).is_ok());
}

#[test]
fn tls_may_be_off_only_by_option() {
    let none = Labels::default();
    let open = Check { tls_disabled: true, ..given(&none) };
    assert!(text(tls(&open)).contains("allow_insecure_kubernetes"));
    assert!(tls(&Check { rules: Rules { allow_tls_disabled: true, ..Rules::default() }, ..open }).is_ok());
}

#[test]
fn cinder_volumes_need_the_cloud_provider() {
    let off = Labels::from([("cloud_provider_enabled", "False")]);
    let cinder = Check { volume_driver: Some("cinder"), ..given(&off) };
    assert!(text(cloud_access(&cinder)).contains("cloud_provider_enabled"));
    let on = Labels::default();
    let warned = cloud_access(&Check { labels: &on, ..cinder }).unwrap().unwrap();
    assert!(warned.contains("cluster_user_trust"));
    let trusted = Rules { cluster_user_trust: true, ..Rules::default() };
    assert_eq!(cloud_access(&Check { labels: &on, rules: trusted, ..cinder }).unwrap(), None);
}

#[test]
fn what_is_said_of_a_balancer_needs_one() {
    let table = crate::driver_named("k8s_fedora_atomic_v1").unwrap().labels();
    let closed = Labels::from([("master_lb_allowed_cidrs", "10.0.0.0/8")]);
    assert!(text(balancer(table, &given(&closed))).contains("master_lb_enabled"));
    assert!(balancer(table, &Check { master_lb_enabled: true, ..given(&closed) }).is_ok());
    assert!(balancer(table, &Check { master_count: None, ..given(&closed) }).is_ok(), "a template leaves it open");
    let ovn = Labels::from([("octavia_provider", "ovn")]);
    let with = Check { master_lb_enabled: true, ..given(&ovn) };
    assert!(text(balancer(table, &with)).contains("octavia_lb_algorithm"));
    assert!(balancer(table, &given(&ovn)).is_ok(), "nobody balances");
    let right = Labels::from([("octavia_provider", "ovn"), ("octavia_lb_algorithm", "SOURCE_IP_PORT")]);
    assert!(balancer(table, &Check { labels: &right, ..with }).is_ok());
}

#[test]
fn what_logs_in_to_the_project_needs_the_trust() {
    for (name, word, asked) in [
        ("cloud_provider_enabled", "true", "True"),
        ("cinder_csi_enabled", "true", "yes"),
        ("ingress_controller", "octavia", "octavia"),
    ] {
        let labels = Labels::from([(name, asked)]);
        let without = given(&labels);
        let refused = text(needs_trust(&without, name, word));
        assert!(refused.contains(name) && refused.contains("cluster_user_trust"), "{refused}");
        let rules = Rules { cluster_user_trust: true, ..Rules::default() };
        assert!(needs_trust(&Check { rules, ..without }, name, word).is_ok());
        assert!(needs_trust(&given(&Labels::from([(name, "false")])), name, word).is_ok());
        assert!(needs_trust(&given(&Labels::default()), name, word).is_ok());
    }
}
