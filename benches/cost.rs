//! What a request costs: time, SQL statements and Keystone calls, next to a raw actix-web + sqlx read.
//!
//! Run with `make bench`. Load generator, server and database share the machine, so the figures compare with each
//! other and not with another machine's. The counts are exact and are what must not grow: the exit code is 1 when a
//! request needs more statements or Keystone calls than its [`Limit`], or an idle service more memory than [`MEMORY`].

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise and prints a table"
)]

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{App, HttpResponse, HttpServer, web};
use devcloud::DevCloud;
use domain::{
    Cluster, ClusterTemplate, Ident, Labels, NodeGroup, Operation, OperationKind, OperationState, Policy, Status,
};
use futures::future::join_all;
use serde_json::{Value, json};
use store::{Doorbell, Scope, Seal, Store};

/// Clusters of the two databases that everything is asked of.
const SIZES: [usize; 2] = [10, 10_000];
/// Most templates and quotas of them.
const OTHERS: usize = 1_000;
const CONNECTIONS: usize = 8;
const SECONDS: u64 = 3;
/// Kilobytes an idle `magnum all` may occupy.
const MEMORY: u64 = 60 * 1024;

/// What one warm request may cost.
#[derive(Clone, Copy)]
struct Limit {
    statements: f64,
    keystone: f64,
}

/// One page or one thing.
const READ: Limit = Limit { statements: 2.0, keystone: 0.0 };
/// A cluster with its groups, and the authority's certificate.
const CERTIFICATE: Limit = Limit { statements: 3.0, keystone: 0.0 };
/// The reads of a create and what goes into its transaction, 12, and a few transactions that had to be tried again.
const WRITE: Limit = Limit { statements: 12.5, keystone: 0.0 };

struct Bench {
    cloud: DevCloud,
    store: Store,
    certs: certs::Authority,
    http: reqwest::Client,
    user: String,
    admin: String,
    project: String,
    url: String,
}

/// Who asks.
#[derive(Clone, Copy)]
enum Who {
    User,
    Admin,
    /// The user, in the last version that has bays.
    Old,
}

#[tokio::main]
async fn main() -> ExitCode {
    println!("{CONNECTIONS} connections, {SECONDS} s each, three node groups a cluster, SQLite; all on one machine");
    let mut within = true;
    for clusters in SIZES {
        let state = tempfile::tempdir().unwrap();
        let bench = Bench::start(state.path()).await;
        let quotas = bench.fill(clusters).await;
        println!("{clusters} clusters");
        println!("{:<34}{:>10}{:>10}{:>10}{:>8}{:>10}", "request", "per s", "p50 ms", "p99 ms", "SQL", "Keystone");
        let raw = raw_server(&state.path().join("magnum.sqlite")).await;
        let row = format!("{raw}/{}", uuid_of(clusters / 2));
        within &= bench.measure("raw actix-web + sqlx, one row", Who::User, &row, None, READ).await;
        for (name, who, path, limit) in bench.reads(clusters, &quotas) {
            within &= bench.measure(name, who, &format!("{}{path}", bench.url), None, limit).await;
        }
        let (clusters, templates) =
            (format!("{}/v1/clusters", bench.url), format!("{}/v1/clustertemplates", bench.url));
        // Before the templates, which all get the same name.
        let create = json!({"cluster_template_id": "k8s", "node_count": 1});
        within &= bench.measure("cluster create", Who::User, &clusters, Some(create), WRITE).await;
        within &= bench.measure("template create", Who::User, &templates, Some(template()), WRITE).await;
    }
    within &= memory().await;
    if within { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Bench {
    async fn start(state: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let settings = devcloud::Settings { magnum_url: Some(format!("{url}/v1")), ..devcloud::Settings::default() };
        let cloud = DevCloud::start(settings).await.unwrap();
        let quota = ("OS_QUOTAS__MAX_CLUSTERS_PER_PROJECT".to_owned(), "1000000".to_owned());
        let options =
            Arc::new(domain::load(&[], &[], cloud.magnum_options(state).into_iter().chain([quota])).unwrap().0);
        let store =
            Store::connect(options.database_connection(), store::PoolOptions::from(options.as_ref())).await.unwrap();
        store.migrate().await.unwrap();
        let seal = Seal::from_options(&options).unwrap();
        let client = cloud::Cloud::new(cloud::Settings::from(options.as_ref())).unwrap();
        let certs = certs::Authority::from_options(&options, store.clone(), seal.clone(), client.clone()).unwrap();
        let deps = api::Deps {
            certs: certs.clone(),
            doorbell: Doorbell::from_options(&options).unwrap(),
            policy: Arc::new(Policy::from_options(&options).unwrap()),
            options,
            store: store.clone(),
            cloud: client,
            seal,
        };
        tokio::spawn(async move { api::serve(deps, listener, std::future::pending()).await.unwrap() });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let (user, admin) = (cloud.login("demo").await.unwrap(), cloud.login("admin").await.unwrap());
        let project = cloud.seed().account("demo").unwrap().project_id.clone();
        Self { cloud, store, certs, http, user, admin, project, url }
    }

    /// Every list and show, of what lies in the middle; a page starts at the beginning or near the end. `quotas` are the
    /// numbers of all of them.
    fn reads(&self, clusters: usize, quotas: &[i64]) -> Vec<(&'static str, Who, String, Limit)> {
        let (one, deep) = (uuid_of(clusters / 2), uuid_of(clusters - 3));
        let (first, group) = (group_of(&one, 1), group_of(&one, 3));
        let (model, deep_model) = (template_of(quotas.len() / 2), template_of(quotas.len() - 3));
        let deep_quota = quotas[quotas.len() - 3];
        let project = &self.project;
        let page = |path: &str, marker: &str| format!("/v1/{path}?limit=20&marker={marker}");
        let first_page = |path: &str| format!("/v1/{path}?limit=20");
        let all_quotas = "/v1/quotas?all_tenants=true&limit=20";
        use Who::{Admin, Old, User};
        vec![
            ("cluster show", User, format!("/v1/clusters/{one}"), READ),
            ("cluster list, 20", User, first_page("clusters"), READ),
            ("cluster list, last page", User, page("clusters", &deep), READ),
            ("cluster detail, 20", User, first_page("clusters/detail"), READ),
            ("cluster detail, last page", User, page("clusters/detail", &deep), READ),
            ("bay show", Old, format!("/v1/bays/{one}"), READ),
            ("bay list, 20", Old, first_page("bays"), READ),
            ("bay list, last page", Old, page("bays", &deep), READ),
            ("bay detail, 20", Old, first_page("bays/detail"), READ),
            ("bay detail, last page", Old, page("bays/detail", &deep), READ),
            ("nodegroup show", User, format!("/v1/clusters/{one}/nodegroups/{group}"), READ),
            ("nodegroup list", User, format!("/v1/clusters/{one}/nodegroups"), READ),
            ("nodegroup list, last page", User, page(&format!("clusters/{one}/nodegroups"), &first), READ),
            ("certificate show", User, format!("/v1/certificates/{one}"), CERTIFICATE),
            ("template show", User, format!("/v1/clustertemplates/{model}"), READ),
            ("template list, 20", User, first_page("clustertemplates"), READ),
            ("template list, last page", User, page("clustertemplates", &deep_model), READ),
            ("template detail, 20", User, first_page("clustertemplates/detail"), READ),
            ("template detail, last page", User, page("clustertemplates/detail", &deep_model), READ),
            ("baymodel show", Old, format!("/v1/baymodels/{model}"), READ),
            ("baymodel list, 20", Old, first_page("baymodels"), READ),
            ("baymodel list, last page", Old, page("baymodels", &deep_model), READ),
            ("baymodel detail, 20", Old, first_page("baymodels/detail"), READ),
            ("baymodel detail, last page", Old, page("baymodels/detail", &deep_model), READ),
            ("quota show", User, format!("/v1/quotas/{project}/Cluster"), READ),
            ("quota list, 20", Admin, all_quotas.to_owned(), READ),
            ("quota list, last page", Admin, format!("{all_quotas}&marker={deep_quota}"), READ),
            ("stats", User, format!("/v1/stats?project_id={project}"), READ),
            ("mservice list", Admin, "/v1/mservices".to_owned(), READ),
            ("federation list", User, first_page("federations"), READ),
            ("federation detail", User, first_page("federations/detail"), READ),
        ]
    }

    /// A template through the API, then clusters, templates and quotas straight into the store; the cluster in the middle has
    /// its authority. Answers the numbers of the quotas.
    async fn fill(&self, clusters: usize) -> Vec<i64> {
        let url = format!("{}/v1/clustertemplates", self.url);
        let answer = self.request(Who::User, &url, Some(&template())).await;
        let template: Value = answer.json().await.unwrap();
        let uuid = Ident::of(template["uuid"].as_str().unwrap());
        let stored = self.store.template(&Scope::All, &uuid).await.unwrap();
        let (begun, now) = (Instant::now(), chrono::Utc::now());
        for number in 0..clusters {
            let (mut cluster, groups, operation) = rows(&template, number);
            if number == clusters / 2 {
                cluster.ca_cert_ref = Some(self.certs.issue_ca(&cluster, cluster.created_at).await.unwrap());
            }
            self.store.insert_cluster(&stored, &cluster, &groups, &operation, i64::MAX).await.unwrap();
        }
        let mut quotas = Vec::new();
        for number in 0..clusters.min(OTHERS) {
            let name = Some(format!("bench-{number}"));
            let other = ClusterTemplate { uuid: template_of(number), name, ..stored.clone() };
            self.store.insert_template(&other).await.unwrap();
            quotas.push(self.store.insert_quota(&format!("project-{number}"), 20, now).await.unwrap().id);
        }
        self.store.heartbeat("bench", "magnum-conductor", now).await.unwrap();
        println!("filled in {:.1} s", begun.elapsed().as_secs_f64());
        quotas
    }

    /// A GET, or a POST of this body.
    async fn request(&self, who: Who, url: &str, body: Option<&Value>) -> reqwest::Response {
        let (token, version) = match who {
            Who::User => (&self.user, "latest"),
            Who::Admin => (&self.admin, "latest"),
            Who::Old => (&self.user, "1.10"),
        };
        let request = match body {
            Some(body) => self.http.post(url).json(body),
            None => self.http.get(url),
        };
        let request = request.header("x-auth-token", token);
        let request = request.header("openstack-api-version", format!("container-infra {version}"));
        request.send().await.unwrap().error_for_status().unwrap()
    }

    /// Prints a line; `false` when the counts are above the limit.
    async fn measure(&self, name: &str, who: Who, url: &str, body: Option<Value>, limit: Limit) -> bool {
        self.request(who, url, body.as_ref()).await.bytes().await.unwrap();
        self.cloud.clear_calls();
        let statements = self.store.statements();
        let end = Instant::now() + Duration::from_secs(SECONDS);
        let workers = (0..CONNECTIONS).map(|_| async {
            let mut times = Vec::new();
            while Instant::now() < end {
                let begun = Instant::now();
                self.request(who, url, body.as_ref()).await.bytes().await.unwrap();
                times.push(begun.elapsed());
            }
            times
        });
        let mut times: Vec<Duration> = join_all(workers).await.concat();
        times.sort_unstable();
        let count = times.len();
        let ms = |at: usize| times[at.min(count - 1)].as_secs_f64() * 1000.0;
        let statements = (self.store.statements() - statements) as f64 / count as f64;
        let keystone =
            self.cloud.calls().iter().filter(|call| call.service == "identity").count() as f64 / count as f64;
        println!(
            "{name:<34}{:>10.0}{:>10.2}{:>10.2}{statements:>8.2}{keystone:>10.4}",
            count as f64 / SECONDS as f64,
            ms(count / 2),
            ms(count * 99 / 100),
        );
        let within = statements <= limit.statements && keystone <= limit.keystone;
        if !within {
            println!("  ^ more than {} statements or {} Keystone calls", limit.statements, limit.keystone);
        }
        within
    }
}

fn uuid_of(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

fn template_of(number: usize) -> String {
    format!("2{}", &uuid_of(number)[1..])
}

/// A node group of a cluster, by its number from 1.
fn group_of(cluster: &str, number: u8) -> String {
    format!("{number}{}", &cluster[1..])
}

fn template() -> Value {
    json!({"name": "k8s", "coe": "kubernetes", "image_id": "fedora-atomic-27", "external_network_id": "public",
        "keypair_id": "testkey", "flavor_id": "m1.small", "master_flavor_id": "m1.small"})
}

fn rows(template: &Value, number: usize) -> (Cluster, [NodeGroup; 3], Operation) {
    let text = |key: &str| template[key].as_str().unwrap().to_owned();
    let uuid = uuid_of(number);
    let now = chrono::Utc::now();
    let cluster = Cluster {
        id: 0,
        uuid: uuid.clone(),
        name: format!("bench-{number}"),
        project_id: text("project_id"),
        user_id: text("user_id"),
        cluster_template_id: text("uuid"),
        keypair: Some("testkey".to_owned()),
        flavor_id: Some("m1.small".to_owned()),
        master_flavor_id: Some("m1.small".to_owned()),
        docker_volume_size: None,
        labels: Labels::from([("kube_tag", "v1.11.5")]),
        create_timeout: Some(60),
        discovery_url: None,
        fixed_network: None,
        fixed_subnet: None,
        floating_ip_enabled: true,
        master_lb_enabled: false,
        status: Status::CreateInProgress,
        status_reason: None,
        health_status: None,
        health_status_reason: std::collections::BTreeMap::new(),
        stack_id: None,
        api_address: None,
        coe_version: None,
        container_version: None,
        ca_cert_ref: None,
        magnum_cert_ref: None,
        etcd_ca_cert_ref: None,
        front_proxy_ca_cert_ref: None,
        trust_id: None,
        trustee_username: None,
        trustee_user_id: None,
        trustee_password: None,
        trustee_rotation: None,
        created_at: now,
        updated_at: None,
    };
    let group = |name: &str, role: &str, number: u8| NodeGroup {
        id: 0,
        uuid: group_of(&uuid, number),
        name: name.to_owned(),
        cluster_id: uuid.clone(),
        project_id: cluster.project_id.clone(),
        role: role.to_owned(),
        is_default: number < 3,
        node_count: 1,
        min_node_count: 0,
        max_node_count: None,
        flavor_id: Some("m1.small".to_owned()),
        image_id: Some("fedora-atomic-27".to_owned()),
        docker_volume_size: None,
        labels: cluster.labels.clone(),
        node_addresses: vec!["203.0.113.31".to_owned()],
        stack_id: None,
        status: Status::CreateInProgress,
        status_reason: None,
        version: None,
        node_labels: std::collections::BTreeMap::new(),
        node_taints: Vec::new(),
        created_at: now,
        updated_at: None,
    };
    let groups = [
        group(NodeGroup::DEFAULT_MASTER, "master", 1),
        group(NodeGroup::DEFAULT_WORKER, "worker", 2),
        group("extra", "worker", 3),
    ];
    let operation = Operation {
        id: format!("4{}", &uuid[1..]),
        seq: 0,
        cluster_uuid: uuid,
        project_id: cluster.project_id.clone(),
        user_id: cluster.user_id.clone(),
        request_id: String::new(),
        kind: OperationKind::Create,
        params: json!({}),
        state: OperationState::Active,
        step: String::new(),
        attempt: 0,
        run_at: now,
        step_since: now,
        lease_owner: None,
        lease_until: None,
        generation: 0,
        sealed_token: None,
        reason: None,
        created_at: now,
        updated_at: None,
        finished_at: None,
    };
    (cluster, groups, operation)
}

/// What the machine can do at best: one row by uuid over the same libraries, without Magnum.
async fn raw_server(path: &Path) -> String {
    use sqlx::Row;
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = HttpServer::new(move || {
        App::new().app_data(web::Data::new(pool.clone())).route(
            "/{uuid}",
            web::get().to(|pool: web::Data<sqlx::SqlitePool>, uuid: web::Path<String>| async move {
                let row = sqlx::query("SELECT * FROM cluster WHERE uuid = ?").bind(uuid.into_inner());
                let row = row.fetch_one(pool.get_ref()).await.unwrap();
                HttpResponse::Ok()
                    .json(json!({"uuid": row.get::<String, _>("uuid"), "name": row.get::<String, _>("name")}))
            }),
        )
    });
    tokio::spawn(server.workers(2).disable_signals().listen(listener).unwrap().run());
    url
}

/// Starts an idle service with a database of its own and prints what it occupies; `false` when that is too much.
async fn memory() -> bool {
    let cloud = DevCloud::start(devcloud::Settings::default()).await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_magnum"));
    command.args(["all", "--listen", &listen]).envs(cloud.magnum_options(state.path())).env_remove("RUST_LOG");
    let child = Stopped(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    tokio::time::sleep(Duration::from_secs(4)).await;
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .get(format!("http://{listen}/healthcheck"))
        .send()
        .await
        .unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.0.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
    println!("idle magnum all: {:.1} MiB resident, at most {} allowed", kilobytes as f64 / 1024.0, MEMORY / 1024);
    kilobytes <= MEMORY
}

/// A process that ends with the benchmark.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
