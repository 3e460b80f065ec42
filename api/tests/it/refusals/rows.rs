//! The table of wrong requests.

use serde_json::{Value, json};

use crate::world::{cluster, template};

pub(super) const TEMPLATES: &str = "/v1/clustertemplates";
pub(super) const CLUSTERS: &str = "/v1/clusters";
const CERTIFICATES: &str = "/v1/certificates";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// A request, the status it must get, and a part of the error text.
pub(super) struct Row {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) body: Option<(&'static str, Vec<u8>)>,
    pub(super) version: &'static str,
    pub(super) headers: Vec<(&'static str, Vec<u8>)>,
    pub(super) user: &'static str,
    pub(super) status: u16,
    pub(super) part: &'static str,
}

fn row(method: &'static str, path: impl Into<String>, status: u16, part: &'static str) -> Row {
    let path = path.into();
    Row { method, path, body: None, version: "latest", headers: Vec::new(), user: "demo", status, part }
}

impl Row {
    fn json(self, body: &Value) -> Self {
        self.raw("application/json", body.to_string())
    }

    fn raw(mut self, media_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some((media_type, body.into()));
        self
    }

    fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name, value.as_ref().to_vec()));
        self
    }

    fn by(mut self, user: &'static str) -> Self {
        self.user = user;
        self
    }
}

/// A template POST with these attributes.
fn post_template(changes: Value, status: u16, part: &'static str) -> Row {
    row("POST", TEMPLATES, status, part).json(&template(changes))
}

/// A cluster POST with these attributes.
fn post_cluster(changes: Value, status: u16, part: &'static str) -> Row {
    row("POST", CLUSTERS, status, part).json(&cluster(changes))
}

fn patch(path: &str, body: &Value, status: u16, part: &'static str) -> Row {
    row("PATCH", path, status, part).json(body)
}

fn replace(path: &str, attribute: &str, value: Value, status: u16, part: &'static str) -> Row {
    patch(path, &json!([{"op": "replace", "path": attribute, "value": value}]), status, part)
}

fn template_values() -> Vec<Row> {
    let long = "x".repeat(256);
    vec![
        post_template(json!({"zzz": 1}), 400, "Unknown attribute for argument cluster_template: zzz"),
        post_template(json!({"image_id": "ABSENT"}), 400, "image_id"),
        post_template(json!({"image_id": null}), 400, "image_id"),
        post_template(json!({"image_id": ""}), 400, "image_id"),
        post_template(json!({"image_id": 5}), 400, "image_id"),
        post_template(json!({"image_id": "nothing"}), 400, "nothing"),
        post_template(json!({"image_id": NOBODY}), 400, NOBODY),
        post_template(json!({"image_id": "twin"}), 409, "twin"),
        post_template(json!({"image_id": "no-distro"}), 400, "no-distro"),
        post_template(json!({"image_id": "ubuntu-mesos"}), 400, "ubuntu-mesos"),
        post_template(json!({"image_id": "'; DROP TABLE cluster; --"}), 400, "DROP TABLE"),
        post_template(json!({"coe": "ABSENT"}), 400, "coe"),
        post_template(json!({"coe": "nomad"}), 400, "coe"),
        post_template(json!({"coe": "Kubernetes"}), 400, "coe"),
        post_template(json!({"coe": "dcos"}), 400, "coe"),
        post_template(json!({"coe": ["kubernetes"]}), 400, "coe"),
        post_template(json!({"name": long}), 400, "name"),
        post_template(json!({"name": ""}), 400, "name"),
        post_template(json!({"name": 7}), 400, "name"),
        post_template(json!({"name": "a\u{0}b"}), 400, "U+0000"),
        post_template(json!({"server_type": "baremetal"}), 400, "server_type"),
        post_template(json!({"server_type": "bm"}), 400, "not supported"),
        post_template(
            json!({"image_id": "coreos-stable"}),
            400,
            "os_distro fedora-coreos, for driver k8s_fedora_coreos_v1",
        ),
        post_template(json!({"driver": "k8s_coreos_v1"}), 400, "k8s_fedora_coreos_v1"),
        post_template(json!({"driver": "k8s_fedora_ironic_v1"}), 400, "k8s_fedora_"),
        post_template(json!({"labels": {"service_cluster_ip_range": "10.0.0.0/16"}}), 400, "service_cluster_ip_range"),
        post_template(json!({"labels": {"service_cluster_ip_range": "10.9.0.0/29"}}), 400, "at least 16 addresses"),
        post_template(json!({"labels": {"service_cluster_ip_range": "100.64.0.0/10"}}), 400, "not larger than /12"),
        post_template(
            json!({"labels": {"service_cluster_ip_range": "172.20.9.9/24"}}),
            400,
            "service_cluster_ip_range",
        ),
        post_template(json!({"labels": {"octavia_provider": "ovn"}}), 400, "octavia_lb_algorithm"),
        post_template(json!({"labels": {"admission_control_list": "A, B"}}), 400, "admission_control_list"),
        post_template(json!({"labels": {"master_lb_allowed_cidrs": "10.0.0.0/8, 10.9.0.0/16"}}), 400, "no blanks"),
        post_template(
            json!({"network_driver": "calico", "labels": {"calico_ipv4pool": "192.168.7.0/27"}}),
            400,
            "calico_ipv4pool",
        ),
        post_template(json!({"labels": {"flannel_network_cidr": "10.254.7.0/24"}}), 400, "flannel_network_cidr"),
        post_template(json!({"labels": {"flannel_network_cidr": "10.100.0.0/23"}}), 400, "from 25 to 30"),
        post_template(json!({"labels": {"flannel_network_subnetlen": "16"}}), 400, "flannel_network_subnetlen"),
        post_template(json!({"labels": {"kube_tag": "v1.35.0"}}), 400, "kube_tag"),
        post_template(json!({"image_id": "fedora-coreos-38", "labels": {"kube_tag": "v1.11.6"}}), 400, "kube_tag"),
        post_template(
            json!({"image_id": "fedora-coreos-38", "volume_driver": "cinder", "labels": {"cinder_csi_enabled": "false"}}),
            400,
            "cinder_csi_enabled",
        ),
        post_template(
            json!({"image_id": "fedora-coreos-38", "labels": {"ingress_controller": "octavia", "cloud_provider_enabled": "false"}}),
            400,
            "cloud_provider_enabled",
        ),
        post_template(json!({"image_id": "fedora-coreos-38", "tls_disabled": true}), 400, "tls_disabled"),
        post_template(
            json!({"image_id": "fedora-coreos-38", "docker_storage_driver": "devicemapper"}),
            400,
            "overlay2",
        ),
        post_template(json!({"external_network_id": "nothing"}), 400, "external_network_id"),
        post_template(json!({"external_network_id": "private"}), 400, "external_network_id"),
        post_template(json!({"fixed_network": "nothing"}), 400, "fixed_network"),
        post_template(json!({"fixed_subnet": "nothing"}), 400, "fixed_subnet"),
        post_template(
            json!({"fixed_subnet": "private-subnet", "labels": {"flannel_network_cidr": "10.10.0.0/16"}}),
            400,
            "10.10.0.0/24",
        ),
        post_template(json!({"flavor_id": "nothing"}), 400, "flavor_id"),
        post_template(json!({"flavor_id": "m1.nodisk"}), 400, "root disk"),
        post_template(json!({"master_flavor_id": "nothing"}), 400, "master_flavor_id"),
        post_template(json!({"network_driver": "docker"}), 400, "network_driver"),
        post_template(json!({"volume_driver": "rexray"}), 400, "volume_driver"),
        post_template(json!({"dns_nameserver": "8.8.8"}), 400, "dns_nameserver"),
        post_template(json!({"dns_nameserver": "::1"}), 400, "dns_nameserver"),
        post_template(json!({"docker_volume_size": 0}), 400, "docker_volume_size"),
        post_template(json!({"docker_volume_size": -5}), 400, "docker_volume_size"),
        post_template(json!({"docker_volume_size": "much"}), 400, "docker_volume_size"),
        post_template(json!({"docker_volume_size": 99_999_999_999_i64}), 400, "docker_volume_size"),
        post_template(json!({"docker_volume_size": 2, "docker_storage_driver": "devicemapper"}), 400, "devicemapper"),
        post_template(
            json!({"docker_volume_size": null, "docker_storage_driver": "devicemapper"}),
            400,
            "devicemapper",
        ),
        post_template(json!({"apiserver_port": 80}), 400, "apiserver_port"),
        post_template(json!({"apiserver_port": 65536}), 400, "apiserver_port"),
        post_template(json!({"tls_disabled": "maybe"}), 400, "tls_disabled"),
        post_template(json!({"tls_disabled": true}), 400, "TLS"),
        post_template(json!({"public": []}), 400, "public"),
        post_template(json!({"public": true}), 403, "clustertemplate:publish"),
        post_template(json!({"hidden": "True"}), 403, "clustertemplate:publish"),
        post_template(json!({"labels": []}), 400, "labels"),
        post_template(json!({"labels": {"a": null}}), 400, "labels"),
        post_template(json!({"labels": {"a": {"b": "c"}}}), 400, "labels"),
        post_template(json!({"labels": {"a": "x".repeat(65_530)}}), 400, "labels"),
        post_template(json!({"labels": {"swarm_strategy": "sideways"}}), 400, "swarm_strategy"),
        post_template(json!({"labels": {"mesos_slave_isolation": "posix/soul"}}), 400, "mesos_slave_isolation"),
        post_template(json!({"labels": {"boot_volume_size": "big"}}), 400, "boot_volume_size"),
        post_template(json!({"driver": "k8s_nothing_v1"}), 400, "driver"),
        post_template(json!({"uuid": "blue"}), 400, "uuid"),
        post_template(json!({"links": []}), 400, "links"),
        post_template(json!({"created_at": "2018-01-01T00:00:00+00:00"}), 400, "created_at"),
        post_template(json!({"project_id": "mine"}), 400, "project_id"),
        post_template(json!({"tags": 1}), 400, "tags"),
    ]
}

fn cluster_values() -> Vec<Row> {
    vec![
        post_cluster(json!({"zzz": 1, "yyy": 2}), 400, "yyy, zzz"),
        post_cluster(json!({"cluster_template_id": "etcds-port"}), 400, "apiserver_port"),
        post_cluster(json!({"cluster_template_id": "joining-port"}), 400, "apiserver_port"),
        post_cluster(json!({"cluster_template_id": "no-subnet", "master_lb_enabled": true}), 400, "fixed_subnet"),
        post_cluster(json!({"cluster_template_id": "umlaut"}), 400, "http_proxy"),
        post_cluster(
            json!({"labels": {"calico_ipv4pool": "10.0.0.0/8"}, "cluster_template_id": "calico"}),
            400,
            "calico_ipv4pool",
        ),
        post_cluster(json!({"labels": {"service_cluster_ip_range": "10.0.0.0/24"}}), 400, "service_cluster_ip_range"),
        post_cluster(json!({"cluster_template_id": "ABSENT"}), 400, "cluster_template_id"),
        post_cluster(json!({"cluster_template_id": null}), 400, "cluster_template_id"),
        post_cluster(json!({"cluster_template_id": ""}), 400, "cluster_template_id"),
        post_cluster(json!({"cluster_template_id": 1}), 400, "cluster_template_id"),
        post_cluster(json!({"cluster_template_id": "1"}), 404, "ClusterTemplate 1"),
        post_cluster(json!({"cluster_template_id": NOBODY}), 404, NOBODY),
        post_cluster(json!({"cluster_template_id": NOBODY}), 400, NOBODY).version(""),
        post_cluster(json!({"cluster_template_id": NOBODY}), 400, NOBODY).version("1.9"),
        post_cluster(json!({"cluster_template_id": "theirs"}), 404, "theirs"),
        post_cluster(json!({"cluster_template_id": "twin"}), 409, "twin"),
        post_cluster(json!({"cluster_template_id": "hidden"}), 403, "hidden"),
        post_cluster(json!({"name": "1blue"}), 400, "name"),
        post_cluster(json!({"name": "blue!"}), 400, "name"),
        post_cluster(json!({"name": "blue\n"}), 400, "name"),
        post_cluster(json!({"name": ""}), 400, "name"),
        post_cluster(json!({"name": "ä"}), 400, "name"),
        post_cluster(json!({"name": "x".repeat(243)}), 400, "name"),
        post_cluster(json!({"name": "x' OR '1'='1"}), 400, "name"),
        post_cluster(json!({"node_count": -1}), 400, "node_count"),
        post_cluster(json!({"node_count": 0}), 400, "node_count").version("1.9"),
        post_cluster(json!({"node_count": 0}), 400, "node_count").version(""),
        post_cluster(json!({"node_count": "two"}), 400, "node_count"),
        post_cluster(json!({"node_count": 1e20}), 400, "node_count"),
        post_cluster(json!({"node_count": [1]}), 400, "node_count"),
        post_cluster(json!({"node_count": 2_147_483_648_i64}), 400, "node_count"),
        post_cluster(json!({"master_count": 0}), 400, "master_count"),
        post_cluster(json!({"master_count": 2}), 400, "master_count"),
        post_cluster(json!({"master_count": 3}), 400, "master_lb_enabled"),
        post_cluster(json!({"docker_volume_size": 0}), 400, "docker_volume_size"),
        post_cluster(json!({"create_timeout": -1}), 400, "create_timeout"),
        post_cluster(json!({"keypair": "nothing"}), 404, "nothing"),
        post_cluster(json!({"keypair": ".."}), 404, ".."),
        post_cluster(json!({"keypair": "a/b?c#d"}), 404, "a/b?c#d"),
        post_cluster(json!({"flavor_id": "nothing"}), 400, "flavor_id"),
        post_cluster(json!({"flavor_id": "m1.nodisk"}), 400, "root disk"),
        post_cluster(json!({"master_flavor_id": "nothing"}), 400, "master_flavor_id"),
        post_cluster(json!({"fixed_network": "nothing"}), 400, "fixed_network"),
        post_cluster(json!({"fixed_subnet": "nothing"}), 400, "fixed_subnet"),
        post_cluster(
            json!({"fixed_subnet": "private-subnet", "labels": {"flannel_network_cidr": "10.0.0.0/8"}}),
            400,
            "Label flannel_network_cidr: choose a network apart from that of fixed_subnet, which is 10.10.0.0/24",
        ),
        post_cluster(
            json!({"cluster_template_id": "on-subnet", "labels": {"service_cluster_ip_range": "10.10.0.0/28"}}),
            400,
            "Label service_cluster_ip_range: choose a network apart from that of fixed_subnet, which is 10.10.0.0/24",
        ),
        post_cluster(json!({"labels": {"availability_zone": "mars:host"}}), 400, "availability_zone"),
        post_cluster(json!({"cluster_template_id": "on-mars"}), 400, "Zones it can use: nova"),
        row("POST", "/v1/clusters/blue/nodegroups", 400, "Zones it can use: nova")
            .json(&json!({"name": "far", "labels": {"availability_zone": "mars"}})),
        post_cluster(json!({"labels": {"docker_volume_type": "nothing"}}), 400, "docker_volume_type"),
        post_cluster(json!({"labels": {"etcd_volume_type": "nothing"}}), 400, "etcd_volume_type"),
        post_cluster(json!({"labels": {"boot_volume_type": "nothing"}}), 400, "boot_volume_type"),
        post_cluster(json!({"labels": "a=b"}), 400, "labels"),
        post_cluster(json!({"labels": {"a": "x".repeat(100_000)}}), 400, "the most is 65535"),
        post_cluster(json!({"labels": {"boot_volume_size": "-1"}}), 400, "boot_volume_size"),
        post_cluster(json!({"merge_labels": "perhaps"}), 400, "merge_labels"),
        post_cluster(json!({"floating_ip_enabled": 2}), 400, "floating_ip_enabled"),
        post_cluster(json!({"master_lb_enabled": {}}), 400, "master_lb_enabled"),
        post_cluster(json!({"health_status": "FINE"}), 400, "health_status"),
        post_cluster(json!({"health_status_reason": "x"}), 400, "health_status_reason"),
        post_cluster(json!({"stack_id": "x"}), 400, "stack_id"),
        post_cluster(json!({"api_address": null}), 400, "api_address"),
        post_cluster(json!({"node_addresses": []}), 400, "node_addresses"),
        post_cluster(json!({"trust_id": "x"}), 400, "trust_id"),
        post_cluster(json!({"trustee_password": "x"}), 400, "trustee_password"),
        post_cluster(json!({"discovery_url": "x".repeat(256)}), 400, "discovery_url"),
    ]
}

fn bodies() -> Vec<Row> {
    let mut rows = Vec::new();
    for (path, argument) in [(TEMPLATES, "cluster_template"), (CLUSTERS, "cluster"), (CERTIFICATES, "certificate")] {
        rows.extend([
            row("POST", path, 400, argument),
            row("POST", path, 400, "JSON").raw("application/json", "{\"name\": "),
            row("POST", path, 400, "JSON").raw("application/json", "name=blue"),
            row("POST", path, 400, argument).raw("application/json", "null"),
            row("POST", path, 400, argument).raw("application/json", "[]"),
            row("POST", path, 400, argument).raw("application/json", "\"blue\""),
            row("POST", path, 400, "JSON").raw("application/json", b"{\"name\": \"\xff\xfe\"}".to_vec()),
            row("POST", path, 400, "JSON").raw("application/json", "{\"name\": \"\\ud800\"}"),
            row("POST", path, 400, "JSON").raw("application/json", "[".repeat(100_000)),
            row("POST", path, 413, "larger").raw("application/json", " ".repeat(2 << 20)),
            row("POST", path, 415, "text/plain").raw("text/plain", "{}"),
            row("POST", path, 415, "application/xml").raw("application/xml", "<cluster/>"),
            row("POST", path, 400, "JSON").raw("application/x-www-form-urlencoded", "{\"name\": \"blue\"}"),
        ]);
    }
    rows.extend([
        row("GET", CLUSTERS, 400, "Unknown argument").json(&json!({"limit": 5})),
        row("GET", CLUSTERS, 400, "no body").json(&json!([])),
        row("GET", "/v1/clusters/blue", 400, "no body").json(&json!(null)),
        row("DELETE", "/v1/clusters/blue", 400, "Unknown argument").json(&json!({"force": true})),
        row("DELETE", "/v1/clustertemplates/k8s", 415, "text/plain").raw("text/plain", "force"),
        row("PATCH", "/v1/clusters/blue", 400, "patch"),
        row("PATCH", "/v1/clusters/blue", 415, "json-patch").raw("application/json-patch+json", "[]"),
    ]);
    rows
}

fn patches() -> Vec<Row> {
    let mut rows = Vec::new();
    for path in ["/v1/clusters/blue", "/v1/clustertemplates/free"] {
        rows.extend([
            patch(path, &json!({"op": "replace"}), 400, "list"),
            patch(path, &json!([1]), 400, "object"),
            patch(path, &json!([null]), 400, "object"),
            patch(path, &json!([{"op": "move", "from": "/uuid", "path": "/id"}]), 400, "from"),
            patch(path, &json!([{"op": "test", "path": "/name", "value": "x"}]), 400, "op"),
            patch(path, &json!([{"op": "replace", "path": "name", "value": "x"}]), 400, "path"),
            patch(path, &json!([{"op": "replace", "path": "//", "value": "x"}]), 400, "path"),
            patch(path, &json!([{"op": "replace", "value": "x"}]), 400, "path"),
            patch(path, &json!([{"op": "replace", "path": "/name"}]), 400, "value"),
            replace(path, "/uuid", json!(NOBODY), 400, "internal"),
            replace(path, "/project_id", json!("theirs"), 400, "internal"),
            replace(path, "/created_at", json!("x"), 400, "internal"),
            replace(path, "/links", json!([]), 400, "internal"),
            replace(path, "/zzz", json!("x"), 400, "no such attribute"),
            replace(path, "/labels/zzz", json!("x"), 400, "no such key"),
            replace(path, "/labels", json!("{'a'"), 400, "labels"),
            patch(path, &json!([{"op": "add", "path": "/name", "value": "x"}]), 400, "use replace"),
            patch(path, &json!([{"op": "remove", "path": "/labels/zzz"}]), 400, "no such key"),
            patch(path, &json!([{"op": "replace", "path": "/name", "value": "x", "force": 1}]), 400, "force"),
        ]);
    }
    rows.extend([
        replace("/v1/clusters/fooo", "/name", json!("x"), 404, "fooo"),
        replace("/v1/clusters/blue", "/name", json!("red"), 400, "name"),
        replace("/v1/clusters/blue", "/master_count", json!(3), 400, "master_count"),
        replace("/v1/clusters/blue", "/labels/flannel_backend", json!("udp"), 400, "labels"),
        replace("/v1/clusters/blue", "/stack_id", json!("x"), 400, "internal"),
        replace("/v1/clusters/blue", "/api_address", json!("x"), 400, "internal"),
        replace("/v1/clusters/blue", "/trustee_password", json!("x"), 400, "internal"),
        replace("/v1/clusters/blue", "/node_count", json!(-1), 400, "node_count"),
        replace("/v1/clusters/blue", "/node_count", json!("many"), 400, "node_count"),
        replace("/v1/clusters/blue", "/node_count", json!({}), 400, "node_count"),
        replace("/v1/clusters/blue", "/node_count", json!(0), 400, "1.10").version("1.9"),
        replace("/v1/clusters/blue", "/health_status", json!("FINE"), 400, "health_status"),
        replace("/v1/clusters/blue", "/health_status_reason", json!("x"), 400, "health_status_reason"),
        replace(
            "/v1/clusters/blue",
            "/health_status_reason",
            json!({"a": "x".repeat(65_530)}),
            400,
            "the most is 65535",
        ),
        row("POST", "/v1/clusters/blue/actions/resize", 400, "nodes_to_remove")
            .json(&json!({"node_count": 1, "nodes_to_remove": vec!["x".repeat(250); 270]})),
        patch("/v1/clusters/blue", &json!([{"op": "remove", "path": "/cluster_template_id"}]), 400, "mandatory"),
        replace("/v1/clusters/blue?rollback=true", "/node_count", json!(2), 400, "rollback").version("1.2"),
        replace("/v1/clusters/blue?rollback=often", "/node_count", json!(2), 400, "rollback"),
        replace("/v1/clusters/twin", "/node_count", json!(2), 409, "twin"),
        replace("/v1/clusters/foreign", "/node_count", json!(2), 404, "foreign"),
        replace("/v1/clustertemplates/fooo", "/name", json!("x"), 404, "fooo"),
        replace("/v1/clustertemplates/k8s", "/flavor_id", json!("m1.large"), 400, "referenced"),
        replace("/v1/clustertemplates/free", "/public", json!(true), 403, "publish"),
        replace("/v1/clustertemplates/free", "/hidden", json!("true"), 403, "publish"),
        replace("/v1/clustertemplates/free", "/image_id", json!("nothing"), 400, "nothing"),
        replace("/v1/clustertemplates/free", "/image_id", json!("ubuntu-mesos"), 400, "ubuntu"),
        replace("/v1/clustertemplates/free", "/flavor_id", json!("nothing"), 400, "flavor_id"),
        replace("/v1/clustertemplates/free", "/network_driver", json!("docker"), 400, "network_driver"),
        replace("/v1/clustertemplates/free", "/coe", json!("mesos"), 400, "network_driver"),
        replace("/v1/clustertemplates/free", "/docker_volume_size", json!("x"), 400, "docker_volume_size"),
        replace("/v1/clustertemplates/free", "/tls_disabled", json!("maybe"), 400, "tls_disabled"),
        replace("/v1/clustertemplates/theirs", "/name", json!("mine"), 404, "theirs"),
        replace("/v1/clustertemplates/open", "/name", json!("mine"), 403, "clustertemplate:update"),
        patch("/v1/clustertemplates/free", &json!([{"op": "remove", "path": "/image_id"}]), 400, "mandatory"),
        patch("/v1/clustertemplates/free", &json!([{"op": "remove", "path": "/public"}]), 400, "mandatory"),
        patch("/v1/clustertemplates/free", &json!([{"op": "remove", "path": "/hidden"}]), 400, "mandatory"),
    ]);
    rows
}

fn paths_and_queries() -> Vec<Row> {
    let mut rows = Vec::new();
    for path in [CLUSTERS, TEMPLATES, "/v1/clusters/detail", "/v1/clustertemplates/detail"] {
        for (query, part) in [
            ("limit=0", "limit"),
            ("limit=-1", "limit"),
            ("limit=ten", "limit"),
            ("limit=", "limit"),
            ("limit=1.5", "limit"),
            ("limit=1&limit=2", "more than once"),
            ("marker=blue", "marker"),
            ("marker=%ff%fe", "marker"),
            ("sort_dir=up", "sort_dir"),
            ("sort_key=trustee_password", "sort_key"),
            ("sort_key=id;DROP%20TABLE%20cluster", "sort_key"),
            ("all_tenants=True", "all_tenants"),
            ("name=blue", "name"),
        ] {
            rows.push(row("GET", format!("{path}?{query}"), 400, part));
        }
        rows.push(row("GET", format!("{path}?marker={NOBODY}"), 404, NOBODY));
        rows.push(row("PUT", path, 405, "allows").json(&json!({})));
    }
    for path in [CLUSTERS, TEMPLATES] {
        rows.extend([
            row("GET", format!("{path}/{NOBODY}"), 404, NOBODY),
            row("GET", format!("{path}/twin"), 409, "twin"),
            row("GET", format!("{path}/%ff%fe"), 404, "could not be found"),
            row("GET", format!("{path}/%00"), 404, "could not be found"),
            row("GET", format!("{path}/a%2Fb"), 404, "a/b"),
            row("GET", format!("{path}/'%20OR%20'1'='1"), 404, "could not be found"),
            row("GET", format!("{path}/{}", "x".repeat(300)), 404, "could not be found"),
            row("GET", format!("{path}/blue.json"), 404, "blue"),
            row("GET", format!("{path}/k8s?detail=1"), 400, "detail"),
            row("DELETE", path, 400, "identifier"),
            row("PATCH", path, 400, "identifier").json(&json!([])),
            row("DELETE", format!("{path}/fooo"), 404, "fooo"),
            row("DELETE", format!("{path}/twin"), 409, "twin"),
            row("POST", format!("{path}/blue"), 405, "allows").json(&json!({})),
            row("GET", format!("{path}/blue/detail"), 404, "nothing"),
        ]);
    }
    rows.extend([
        row("DELETE", "/v1/clusters/blue?force=true", 400, "force"),
        row("DELETE", "/v1/clusters/foreign", 404, "foreign"),
        row("GET", "/v1/clusters/foreign", 404, "foreign"),
        row("GET", "/v1/clustertemplates/theirs", 404, "theirs"),
        row("GET", "/v1/clustertemplates/secret", 404, "secret"),
        row("DELETE", "/v1/clustertemplates/k8s", 400, "referenced"),
        row("DELETE", "/v1/clustertemplates/theirs", 404, "theirs"),
        row("DELETE", "/v1/clustertemplates/open", 403, "clustertemplate:delete"),
        row("GET", "/v2", 404, "nothing"),
        row("GET", "/v1/nothing", 404, "nothing"),
        row("GET", "/nothing", 404, "nothing"),
        row("GET", "/v1/clusters.json", 404, "nothing"),
        row("GET", "//v1//clusters", 404, "nothing"),
        row("GET", "/v1/../etc/passwd", 404, "nothing"),
        row("POST", "/v1/mservices", 405, "GET"),
        row("GET", "/v1/mservices/1", 404, "nothing"),
        row("GET", "/v1/mservices", 403, "magnum-service:get_all"),
        row("GET", "/v1/mservices?limit=1", 400, "limit").by("admin"),
        row("GET", "/v1/certificates/fooo", 404, "fooo"),
        row("GET", "/v1/certificates/foreign", 404, "foreign"),
        row("GET", "/v1/certificates/blue?x=1", 400, "x"),
        row("GET", CERTIFICATES, 405, "POST"),
        row("PATCH", "/v1/credentials/fooo", 404, "fooo"),
        row("PATCH", "/v1/credentials/foreign", 404, "foreign"),
        row("PATCH", "/v1/credentials/blue", 406, "1.11").version("1.11"),
        row("PATCH", "/v1/credentials/blue?x=1", 400, "x"),
        row("GET", "/v1/credentials/blue", 405, "PATCH"),
        row("POST", "/v1/credentials", 404, "nothing"),
    ]);
    rows
}

fn certificates() -> Vec<Row> {
    let sign = |body: Value, status, part| row("POST", CERTIFICATES, status, part).json(&body);
    vec![
        sign(json!({"csr": "x"}), 400, "cluster_uuid"),
        sign(json!({"cluster_uuid": "blue"}), 400, "csr"),
        sign(json!({"cluster_uuid": "blue", "csr": ""}), 400, "csr"),
        sign(json!({"cluster_uuid": "blue", "csr": 5}), 400, "csr"),
        sign(json!({"cluster_uuid": "blue", "csr": "x", "zzz": 1}), 400, "zzz"),
        sign(json!({"cluster_uuid": "blue", "csr": "x", "ca_cert_type": 1}), 400, "ca_cert_type"),
        sign(json!({"cluster_uuid": NOBODY, "csr": "x"}), 400, NOBODY),
        sign(json!({"cluster_uuid": "twin", "csr": "x"}), 409, "twin"),
        sign(json!({"cluster_uuid": "foreign", "csr": "x"}), 400, "foreign"),
    ]
}

fn headers() -> Vec<Row> {
    let version = |text: &'static str, status, part| {
        row("GET", CLUSTERS, status, part).version("").header("openstack-api-version", text)
    };
    let mut rows = vec![
        version("container-infra 1.0", 406, "unsupported"),
        version("container-infra 1.15", 406, "unsupported"),
        version("container-infra 2.0", 406, "unsupported"),
        version("container-infra 1.99999999999999999999999", 406, "unsupported"),
        version("container-infra abc", 406, "Invalid value"),
        version("container-infra 1", 406, "Invalid value"),
        version("container-infra 1.1.1", 406, "Invalid value"),
        version("1.3", 406, "Invalid value"),
        version("latest", 406, "Invalid value"),
        version("compute 1.3", 406, "Invalid service"),
        version("container-infra 1.4, compute 2.1", 406, "Invalid value"),
        version("container-infra 1.4", 406, "Invalid value").header("openstack-api-version", "container-infra 1.4"),
    ];
    rows.push(
        row("GET", CLUSTERS, 406, "Invalid").version("").header("openstack-api-version", b"container-infra \xff"),
    );
    for accept in ["text/html", "application/xml", "application/vnd.openstack.magnum.v1+json", "text/*, image/png"] {
        rows.push(row("GET", CLUSTERS, 406, "Accept").header("accept", accept));
    }
    for path in [CLUSTERS, "/v1/nothing", "/nothing", "/v1/clusters/blue"] {
        rows.push(row("GET", path, 401, "authentication").by(""));
        rows.push(row("GET", path, 401, "authentication").by("").header("x-auth-token", ""));
        rows.push(row("GET", path, 401, "authentication").by("").header("x-auth-token", "no-such-token"));
        rows.push(row("GET", path, 401, "authentication").by("").header("x-auth-token", b"\xff\xfe"));
    }
    for length in [10_000, 20_000] {
        rows.push(row("GET", CLUSTERS, 401, "authentication").by("").header("x-auth-token", "t".repeat(length)));
    }
    rows
}

/// All of them.
pub(super) fn rows() -> Vec<Row> {
    [template_values(), cluster_values(), bodies(), patches(), paths_and_queries(), certificates(), headers()]
        .into_iter()
        .flatten()
        .collect()
}
