//! What the swarm drivers refuse, compute and read back, and their scripts carried out with stand-ins for docker.

use domain::{Error, Labels};
use serde_json::{Value, json};

use super::{
    hot::{Rendered, parse},
    run::{run_of, said},
    samples::{
        Sample,
        swarm::{every_label, legacy, mode, with},
    },
};
use crate::{Check, Driver, NodesNetwork, Outputs, Rules};

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

fn text(result: Result<impl std::fmt::Debug, Error>) -> String {
    match result.unwrap_err() {
        Error::Invalid(text) => text,
        other => panic!("not a 400: {other:?}"),
    }
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    let none = Labels::default();
    let good = given(&none);
    for driver in [legacy(), mode()] {
        let refusal = |check: &Check<'_>| text(driver.check(check));
        assert_eq!(driver.check(&good).unwrap(), Vec::<String>::new());
        assert!(refusal(&Check { tls_disabled: true, ..good }).contains("tls_disabled"));
        assert!(refusal(&Check { docker_volume_size: Some(10), ..good }).contains("docker_volume_type"));
        assert!(refusal(&Check { master_count: Some(3), ..good }).contains("master_lb_enabled"));
        let behind = Check { master_lb_enabled: true, ..good };
        assert!(refusal(&Check { master_count: Some(4), ..behind }).contains("even number"), "no quorum gained");
        assert!(driver.check(&Check { master_count: Some(3), ..behind }).is_ok());
        for wanted in [Check { volume_driver: Some("rexray"), ..good }, Check { registry_enabled: true, ..good }] {
            assert_eq!(driver.check(&wanted).unwrap().len(), 1, "nodes without the trust cannot log in");
            let rules = Rules { cluster_user_trust: true, ..Rules::default() };
            assert_eq!(driver.check(&Check { rules, ..wanted }).unwrap(), Vec::<String>::new());
        }
        for (name, wrong) in [("rexray_preempt", "perhaps"), ("rexray_tag", "latest"), ("selinux_mode", "off")] {
            assert!(refusal(&given(&Labels::from([(name, wrong)]))).contains(name));
        }
    }
    let flannel = Check { network_driver: Some("flannel"), ..good };
    assert_eq!(legacy().check(&flannel).unwrap(), Vec::<String>::new());
    let warned = mode().check(&flannel).unwrap();
    assert!(warned.len() == 1 && warned[0].starts_with("network_driver flannel has no effect"), "{warned:?}");
    for (driver, name, wrong) in [
        (legacy(), "swarm_strategy", "spread binpack"),
        (legacy(), "swarm_tag", "latest"),
        (legacy(), "flannel_backend", "gre"),
        (mode(), "overlay_network_cidr", "10.0.0.0"),
    ] {
        assert!(text(driver.check(&given(&Labels::from([(name, wrong)])))).contains(name));
    }
}

#[test]
fn a_given_subnet_is_apart_from_the_containers() {
    let none = Labels::default();
    for (driver, network_driver, range, label) in [
        (legacy(), Some("flannel"), "10.100.0.0/24", "flannel_network_cidr"),
        (mode(), None, "10.200.0.0/24", "overlay_network_cidr"),
    ] {
        let on = |range| Check { nodes_network: NodesNetwork::Given(Some(range)), network_driver, ..given(&none) };
        let refused = text(driver.check(&on(range)));
        assert!(refused.contains(label) && refused.contains(&format!("fixed_subnet, which is {range}")), "{refused}");
        assert!(driver.check(&on("10.10.0.0/24")).is_ok());
    }
}

#[test]
fn the_masters_own_ports_are_not_to_be_had() {
    for (driver, usual, taken) in [(legacy(), 2376, 2379), (mode(), 2375, 2377)] {
        let port = |port| with(driver, |s| s.template.apiserver_port = port);
        assert_eq!(port(None).stack(driver).parameters["swarm_port"], usual);
        assert_eq!(port(Some(4243)).stack(driver).parameters["swarm_port"], 4243);
        assert!(text(driver.stack(&port(Some(taken)).input())).contains("apiserver_port"));
    }
}

#[test]
fn labels_reach_their_parameters() {
    for driver in [legacy(), mode()] {
        let sample = every_label(driver);
        let request = sample.stack(driver);
        // Facts and switches decide about these; they are seen in the snapshots.
        let decided = ["boot_volume_size", "master_lb_floating_ip_enabled"];
        for label in driver.labels().iter().filter(|label| !decided.contains(&label.name)) {
            let sent = request.parameters[label.parameter].as_str();
            assert_eq!(sent, sample.cluster.labels.value(label.name), "{} {}", driver.name(), label.name);
        }
    }
}

#[test]
fn outputs_keep_their_names_and_tell_no_token() {
    for (driver, address, own) in [
        (legacy(), "tcp://api_address-of-public:2376", &["discovery_url"][..]),
        (mode(), "tcp://api_address-of-public:2375", &["swarm_primary_master", "swarm_secondary_masters"]),
    ] {
        let request = with(driver, |_| {}).stack(driver);
        assert_eq!(Rendered::new(&request).output("api_address"), address);
        let template = parse(&request.template);
        for name in ["api_address", "swarm_masters", "swarm_nodes"].iter().chain(own) {
            assert!(template["outputs"].get(name).is_some(), "{name}");
        }
        assert!(!template["outputs"].to_string().to_lowercase().contains("token"));
        let removed = &template["resources"]["swarm_nodes"]["properties"]["removal_policies"][0]["resource_list"];
        assert_eq!(removed["get_param"], "nodes_to_remove");
    }
}

#[test]
fn outputs_fill_the_cluster() {
    for (driver, version) in [(legacy(), Some("1.2.5")), (mode(), None)] {
        let mut sample = with(driver, |_| {});
        let stack = json!({"outputs": [
            {"output_key": "api_address", "output_value": "tcp://172.24.4.5:2376"},
            {"output_key": "swarm_masters", "output_value": ["172.24.4.5"]},
            {"output_key": "swarm_nodes", "output_value": []},
            {"output_key": "swarm_nodes_private", "output_value": ["10.0.0.8", "10.0.0.9"]},
        ], "parameters": version.map_or(json!({}), |v| json!({"swarm_version": v}))});
        driver.outputs(&Outputs::of_stack(&stack), &mut sample.cluster, &mut sample.groups).unwrap();
        assert_eq!(sample.cluster.coe_version.as_deref(), version);
        assert_eq!(sample.groups[0].node_addresses, ["172.24.4.5"]);
        assert_eq!(sample.groups[1].node_addresses, ["10.0.0.8", "10.0.0.9"], "private where there is nothing else");
        driver.outputs(&Outputs::of_stack(&Value::Null), &mut sample.cluster, &mut sample.groups).unwrap();
        assert_eq!(sample.cluster.api_address.as_deref(), Some("tcp://172.24.4.5:2376"), "nothing is erased");
    }
}

#[test]
fn a_resize_names_the_workers_that_go() {
    for driver in [legacy(), mode()] {
        let sample = with(driver, |s| {
            s.groups[1].node_count = 1;
            s.removals = vec!["server-3".to_owned()];
        });
        let request = driver.resize(&sample.input()).unwrap();
        assert!(request.is_patch());
        assert_eq!(json!(request.parameters), json!({"number_of_nodes": 1, "nodes_to_remove": ["server-3"]}));
        let more = |count| with(driver, |s| s.groups[1].node_count = count).stack(driver);
        let data = |request| ["swarm_masters", "swarm_nodes"].map(|group| Rendered::new(request).user_data(group, 0));
        assert!(data(&more(1)) == data(&more(9)), "a resize would rebuild servers");
    }
}

fn three_masters(driver: &dyn Driver) -> Sample {
    with(driver, |s| {
        s.groups[0].node_count = 3;
        s.cluster.master_lb_enabled = true;
    })
}

/// Answers for docker on this node, whose state is in a file, and on the managers, from the variables `peer_<address>`.
/// What docker is told is written to descriptor 3.
const DOCKER: &str = r#"
exec 3>&1
log() { printf 'log: %s\n' "$*" >&3; }
own=$(mktemp)
trap 'rm "$own"' EXIT
printf inactive >"$own"
curl() {
    local url=${!#} body
    case $url in
        http://docker/info) printf '{"Swarm":{"NodeID":"n1","LocalNodeState":"%s"}}' "$(<"$own")" ;;
        http://docker/swarm) printf '{"ID":"s1",%s\n"SubnetSize":24}' "${taken_pool-\"DefaultAddrPool\": [\"10.128.0.0/9\"],}" ;;
        http://docker/swarm/*)
            body=$(cat)
            printf '%s %s\n' "${url#http://docker}" "$body" >&3
            if [[ $* == *SWMTKN* ]]; then echo "a token is in the arguments" >&3; fi
            if [[ -n ${objection:-} ]]; then printf '{"message":"%s"}' "$objection"; else printf active >"$own"; fi
            ;;
        https://*/info)
            url=${url#https://}
            name=peer_${url%%:*}
            name=${name//[.-]/_}
            [[ -n ${!name:-} ]] || return 7
            printf '{"Swarm":{"NodeID":"n2","LocalNodeState":"%s"}}' "${!name}"
            ;;
        https://*/swarm) printf '{"JoinTokens":{"Worker":"SWMTKN-1-w","Manager":"SWMTKN-1-m"}}' ;;
        *) return 22 ;;
    esac
}
"#;

fn on_master(commands: &str) -> String {
    let scripts = ["node.sh", "certificates.sh", "swarm_docker.sh", "join.sh", "manager.sh"];
    let commands = format!("{DOCKER}API_PRIVATE_ADDRESS=10.0.0.100\n{commands}");
    said(&run_of(mode(), &three_masters(mode()), "swarm_masters", &scripts, &commands))
}

#[test]
fn the_first_master_makes_the_swarm_only_when_all_others_have_none() {
    let attempt = "if found_swarm; then echo in; else echo out; fi";
    let text = on_master(&format!("peer_10_0_0_6=inactive\npeer_10_0_0_7=inactive\n{attempt}"));
    let (request, rest) = text.split_once('\n').unwrap();
    let body: Value = serde_json::from_str(request.strip_prefix("/swarm/init ").unwrap()).unwrap();
    assert_eq!((&body["AdvertiseAddr"], &body["DefaultAddrPool"]), (&json!("10.0.0.5"), &json!(["10.128.0.0/9"])));
    assert_eq!(rest, "in\n");
    let silent = on_master(&format!("peer_10_0_0_6=inactive\n{attempt}"));
    assert_eq!(silent, "out\n", "a master that does not answer may be in a swarm");
    let pending = on_master(&format!("peer_10_0_0_6=pending\npeer_10_0_0_7=inactive\n{attempt}"));
    assert_eq!(pending, "out\n");
    let again = on_master(&format!("printf active >$own\n{attempt}"));
    assert_eq!(again, "in\n", "a second run asks nobody");
    let replaced = on_master(&format!("peer_10_0_0_6=inactive\npeer_10_0_0_7=active\n{attempt}"));
    assert!(replaced.starts_with("/swarm/join ") && replaced.ends_with("in\n"), "{replaced}");
}

/// Docker 1.13 makes the swarm without the pool that it does not know.
#[test]
fn a_pool_that_docker_has_not_taken_is_told_in_the_log() {
    let made = |pool: &str| {
        let text =
            on_master(&format!("{pool}\npeer_10_0_0_6=inactive\npeer_10_0_0_7=inactive\nfound_swarm && echo in"));
        text.split_once('\n').unwrap().1.to_owned()
    };
    let told = |found: &str| {
        format!("log: the swarm's DefaultAddrPool is {found} instead of 10.128.0.0/9, which needs docker 18.09\nin\n")
    };
    assert_eq!(made("taken_pool=''"), told("not set"));
    assert_eq!(made("taken_pool='\"DefaultAddrPool\":[\"10.0.0.0/8\"],'"), told("10.0.0.0/8"));
    assert_eq!(made(":"), "in\n");
}

#[test]
fn a_node_joins_with_the_token_of_its_kind_and_shows_it_to_nobody() {
    for (kind, token) in [("Worker", "SWMTKN-1-w"), ("Manager", "SWMTKN-1-m")] {
        let text = on_master(&format!("join {kind} && echo in"));
        let (request, rest) = text.split_once('\n').unwrap();
        let body: Value = serde_json::from_str(request.strip_prefix("/swarm/join ").unwrap()).unwrap();
        assert_eq!(body["JoinToken"], token);
        assert_eq!(body["RemoteAddrs"], json!(["10.0.0.100:2377"]), "the load balancer comes first");
        assert_eq!(rest, "in\n");
    }
    let refused = on_master("objection='rpc error: SWMTKN-1-w is wrong'\njoin Worker || echo out");
    assert_eq!(refused.matches("/swarm/join").count(), 3, "every entrance is tried: {refused}");
    let logged: Vec<_> = refused.lines().filter(|line| line.starts_with("log:")).collect();
    assert!(logged.iter().all(|line| *line == "log: docker says: rpc error: (token) is wrong"), "{logged:?}");
}

#[test]
fn a_join_under_way_is_left_alone() {
    assert_eq!(on_master("printf pending >$own\njoin Manager || echo later"), "later\n");
    assert_eq!(on_master("printf locked >$own\njoin Manager || echo later"), "later\n");
    let text = on_master("printf error >$own\njoin Manager && echo in");
    assert!(text.starts_with("/swarm/leave?force=1 \n"), "{text}");
}

/// A dead manager may be a member of raft or, when its attempt to join came to nothing, none.
#[test]
fn dead_nodes_of_the_same_name_are_forgotten_one_by_one() {
    let list = r#"
docker() { printf 'n1\n'; }
manager_cli() {
    case $* in
        "node ls "*) printf 'n1 n7 n8 n9' ;;
        "node inspect "*) printf "$INSTANCE_NAME "'%s\n' "n1 manager" "n7 manager" "n8 manager" "n9 worker" ;;
        *" n7") [[ $2 == rm && ${member:-} != n7 ]] ;;
    esac || { printf 'refused: %s\n' "$*" >&3; return 1; }
    [[ $2 == ls || $2 == inspect ]] || printf 'done: %s\n' "$*" >&3
}
"#;
    let called = |member: &str| {
        let text = on_master(&format!("{list}{member}forget_predecessors && echo all || echo again"));
        let calls: Vec<_> = text.lines().filter(|line| !line.starts_with("log: ")).map(str::to_owned).collect();
        calls.join(", ")
    };
    let others = "done: node demote n8, done: node rm --force n8, done: node rm --force n9";
    assert_eq!(called(""), format!("refused: node demote n7, done: node rm --force n7, {others}, all"));
    let kept = format!("refused: node demote n7, refused: node rm --force n7, {others}, again");
    assert_eq!(called("member=n7; "), kept, "the failure of one stops no other");
}

#[test]
fn a_master_of_a_swarm_without_load_balancer_knocks_at_the_others() {
    assert_eq!(on_master("entrances"), "10.0.0.100\n10.0.0.6\n10.0.0.7\n");
    assert_eq!(on_master("API_PRIVATE_ADDRESS=10.0.0.5\nentrances"), "10.0.0.6\n10.0.0.7\n");
}

#[test]
fn workers_of_swarm_mode_listen_on_no_port() {
    let request = with(mode(), |_| {}).stack(mode());
    let rendered = Rendered::new(&request);
    assert!(rendered.user_data("swarm_masters", 0).contains("--host=tcp://0.0.0.0:$SWARM_PORT $(tls_options)"));
    assert!(!rendered.user_data("swarm_nodes", 0).contains("--host=tcp://0.0.0.0"));
}

#[test]
fn the_options_of_the_image_stay_but_one() {
    let commands = r#"
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
printf "OPTIONS='--selinux-enabled --live-restore --log-driver=journald'\nDOCKER_CERT_PATH=/etc/docker\n" >"$folder/docker"
eval "$(declare -f configure_docker | sed "s#/etc/sysconfig/docker#$folder/docker#; s#/etc/magnum#$folder#")"
configure_docker --host=a
INSECURE_REGISTRY_URL=registry.example:5000
configure_docker --host=a
cat "$folder/docker"
"#;
    let text = said(&run_of(mode(), &with(mode(), |_| {}), "swarm_nodes", &["node.sh", "swarm_docker.sh"], commands));
    assert_eq!(
        text,
        "DOCKER_CERT_PATH=/etc/docker\nOPTIONS='--selinux-enabled  --log-driver=journald --host=a'\n\
         INSECURE_REGISTRY='--insecure-registry registry.example:5000'\n"
    );
}

#[test]
fn the_legacy_swarm_finds_its_nodes_in_the_etcd_of_all_masters() {
    let scripts = ["node.sh", "certificates.sh", "swarm_docker.sh", "etcd.sh", "legacy.sh", "manager.sh"];
    let on = |commands: &str| said(&run_of(legacy(), &three_masters(legacy()), "swarm_masters", &scripts, commands));
    let discovery = on("discovery");
    assert!(discovery.ends_with(" etcd://10.0.0.5:2379,10.0.0.6:2379,10.0.0.7:2379/swarm"), "{discovery}");
    assert!(discovery.contains("--discovery-opt=kv.cacertfile=/etc/docker/ca.crt "), "{discovery}");
    let overlay = on("overlay_options");
    assert!(overlay.contains("--cluster-store=etcd://10.0.0.5:2379,10.0.0.6:2379,10.0.0.7:2379 "), "{overlay}");
    assert!(overlay.contains("--cluster-store-opt=kv.keyfile=/etc/docker/server.key"), "{overlay}");
    assert_eq!(on("NETWORK_DRIVER=flannel\noverlay_options"), "", "flannel connects the containers");
    assert!(on("initial_cluster").starts_with("10.0.0.5=https://10.0.0.5:2380,"));
}

#[test]
fn certificates_name_every_address_once() {
    let scripts = ["node.sh", "certificates.sh", "swarm_docker.sh"];
    let on = |commands: &str| said(&run_of(mode(), &three_masters(mode()), "swarm_masters", &scripts, commands));
    let names = on("server_names 10.0.0.100 172.24.4.100 10.0.0.5 ''");
    assert_eq!(
        names,
        "IP:127.0.0.1,IP:10.0.0.5,IP:172.24.4.5,IP:10.0.0.100,IP:172.24.4.100,DNS:blue-9d3c1f7652ab-master-0"
    );
}
