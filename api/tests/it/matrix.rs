//! Every request of the document of the API, in every version, by everybody who may come along, with both sets of rules:
//! the statuses are kept in `api/tests/matrix` and compared.
//!
//! The requests come from the document, so a new one cannot be forgotten: it only needs a line in [`body`] if it has a
//! body. What a request changes is taken back before the next.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{
    certificates::{csr, issue},
    kept,
    rewind::Rewind,
    tenancy::{lend, trustee},
    world::{World, cluster, template},
};

/// Who asks, with the heading of the column. `reader` and `colleague` are of the project of `demo`, who made everything; the
/// node acts by its own name, and by the trust that `demo` has given it.
const PEOPLE: [(&str, &str); 9] = [
    ("", "nobody"),
    ("other", "stranger"),
    ("reader", "reader"),
    ("colleague", "member"),
    ("demo", "creator"),
    ("admin", "admin"),
    ("blue's node", "node"),
    ("blue's trust", "trust"),
    ("green's node", "others'"),
];

const VERSIONS: std::ops::RangeInclusive<u8> = 1..=14;

/// One row of the matrix: a request and how it is called.
struct Case {
    title: String,
    method: String,
    path: String,
    body: Option<Value>,
    /// First and last minor version, as the document says.
    served: (u8, u8),
}

impl Case {
    fn new(title: &str, method: &str, path: &str, body: Option<Value>) -> Self {
        let served = (*VERSIONS.start(), *VERSIONS.end());
        Self { title: title.to_owned(), method: method.to_owned(), path: path.to_owned(), body, served }
    }

    /// Whoever has a token gets nothing else than a refusal outside the documented versions, and something else within.
    fn served_as_documented(&self, version: u8, statuses: &[u16]) {
        let (first, last) = self.served;
        let refused = |status: u16| statuses[1..].iter().all(|found| *found == status);
        assert_eq!(refused(406), version < first, "{} at 1.{version}", self.title);
        assert!(version <= last || refused(404), "{} at 1.{version}", self.title);
    }
}

/// What the requests are about.
struct Furniture {
    blue: String,
    project: String,
    other: String,
    csr: String,
}

/// A cluster of `demo` with a group of its own, its template, another without clusters, a public one, a quota.
async fn furnish(world: &World) -> Furniture {
    world.template(json!({})).await;
    world.template(json!({"name": "spare"})).await;
    let open = template(json!({"name": "open", "public": true}));
    world.ask("POST", "/v1/clustertemplates").by("admin").json(&open).send().await.expect(201);
    let (blue, green) = (world.cluster(json!({})).await, world.cluster(json!({"name": "green"})).await);
    for (label, uuid) in [("blue's node", &blue), ("green's node", &green)] {
        let user = trustee(world, label, uuid).await;
        issue(world, uuid, Some(&user)).await;
        if uuid == &blue {
            lend(world, "blue's trust", &user).await;
        }
    }
    let project = |user: &str| world.cloud.seed().account(user).unwrap().project_id.clone();
    let quota = json!({"project_id": project("demo"), "resource": "Cluster", "hard_limit": 50});
    world.ask("POST", "/v1/quotas").by("admin").json(&quota).send().await.expect(201);
    Furniture { blue, project: project("demo"), other: project("other"), csr: csr("system:nodes", "system:node:a") }
}

/// As if the conductor had built everything.
const BUILT: [&str; 3] = [
    "DELETE FROM rs_operation",
    "UPDATE cluster SET status = 'CREATE_COMPLETE', api_address = 'https://192.0.2.1:6443', stack_id = '6f1c2d3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f'",
    "UPDATE nodegroup SET status = 'CREATE_COMPLETE', stack_id = '6f1c2d3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f'",
];

/// A right body for a request that has one.
fn body(method: &str, path: &str, with: &Furniture) -> Option<Value> {
    let replace = |path: &str, value: Value| json!([{"op": "replace", "path": path, "value": value}]);
    match (method, path) {
        ("POST", "/v1/clusters") => Some(cluster(json!({"name": "new"}))),
        ("POST", "/v1/bays") => Some(json!({"name": "new", "baymodel_id": "k8s"})),
        ("POST", "/v1/clustertemplates" | "/v1/baymodels") => Some(template(json!({"name": "new"}))),
        ("POST", "/v1/certificates") => Some(json!({"cluster_uuid": with.blue, "csr": with.csr})),
        ("POST", "/v1/clusters/{ident}/nodegroups") => Some(json!({"name": "new", "node_count": 1})),
        ("POST", "/v1/clusters/{ident}/actions/resize") => Some(json!({"node_count": 2})),
        ("POST", "/v1/clusters/{ident}/actions/upgrade") => Some(json!({"cluster_template": "k8s"})),
        ("POST", "/v1/quotas") => Some(json!({"project_id": with.other, "resource": "Cluster", "hard_limit": 5})),
        ("PATCH", "/v1/quotas/{project}/{resource}") => Some(json!({"hard_limit": 6})),
        ("POST", "/v1/federations") => {
            Some(json!({"name": "new", "hostcluster_id": with.blue, "properties": {"dns-zone": "example.org"}}))
        }
        ("PATCH", "/v1/clusters/{ident}" | "/v1/bays/{ident}") => Some(replace("/node_count", json!(2))),
        ("PATCH", "/v1/clustertemplates/{ident}" | "/v1/baymodels/{ident}") => Some(replace("/name", json!("renamed"))),
        ("PATCH", "/v1/clusters/{ident}/nodegroups/{nodegroup}") => Some(replace("/max_node_count", json!(7))),
        ("PATCH", "/v1/federations/{ident}") => Some(json!([])),
        _ => None,
    }
}

/// The path with what stands for its parts.
fn filled(path: &str, with: &Furniture) -> String {
    let ident = match path.split('/').nth(2) {
        Some("clustertemplates" | "baymodels") => "spare",
        Some("federations") => "union",
        _ => &with.blue,
    };
    let filled =
        [("{ident}", ident), ("{nodegroup}", "extra"), ("{project}", &with.project), ("{resource}", "Cluster")]
            .into_iter()
            .fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
    let unfilled = "0123456789abcdef0123456789abcdef";
    filled.replace("{key}", unfilled)
}

/// Every request of the document, then those that depend on more than path and method.
async fn cases(world: &World, with: &Furniture) -> Vec<Case> {
    let document = world.ask("GET", "/openapi.json").by("").send().await.expect(200);
    let mut cases = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete"].into_iter().filter(|method| item.get(method).is_some())
        {
            let upper = method.to_uppercase();
            let body = body(&upper, path, with);
            let needed = item[method]["requestBody"].is_object() && method != "put";
            assert_eq!(body.is_some(), needed, "{upper} {path}: does the matrix know its body?");
            let minor = |name: &str, otherwise: u8| {
                let version = item[method][format!("x-openstack-{name}-version")].as_str();
                version.map_or(otherwise, |version| version.trim_start_matches("1.").parse().unwrap())
            };
            let served = (minor("min", *VERSIONS.start()), minor("max", *VERSIONS.end()));
            let case = Case::new(&format!("{upper} {path}"), &upper, &filled(path, with), body);
            cases.push(Case { served, ..case });
        }
    }
    let replace = |path: &str, value: Value| Some(json!([{"op": "replace", "path": path, "value": value}]));
    let (cluster, open) = (format!("/v1/clusters/{}", with.blue), "/v1/clustertemplates/open");
    let public = Some(template(json!({"name": "new", "public": true})));
    let hidden = Some(template(json!({"name": "new", "hidden": true})));
    cases.extend([
        Case::new(
            "PATCH /v1/clusters/{ident}: health_status",
            "PATCH",
            &cluster,
            replace("/health_status", json!("HEALTHY")),
        ),
        Case::new("POST /v1/clustertemplates: public", "POST", "/v1/clustertemplates", public),
        Case::new("POST /v1/clustertemplates: hidden", "POST", "/v1/clustertemplates", hidden),
        Case::new(
            "PATCH /v1/clustertemplates/{ident}: public",
            "PATCH",
            "/v1/clustertemplates/spare",
            replace("/public", json!(true)),
        ),
        Case::new(
            "PATCH /v1/clustertemplates/{ident}: hidden",
            "PATCH",
            "/v1/clustertemplates/spare",
            replace("/hidden", json!(true)),
        ),
        Case::new("GET /v1/clustertemplates/{public}", "GET", open, None),
        Case::new("PATCH /v1/clustertemplates/{public}: name", "PATCH", open, replace("/name", json!("renamed"))),
        Case::new("DELETE /v1/clustertemplates/{public}", "DELETE", open, None),
        Case::new("GET /v1/stats?project_id={others'}", "GET", &format!("/v1/stats?project_id={}", with.other), None),
        Case::new("GET /v1/quotas?all_tenants=true", "GET", "/v1/quotas?all_tenants=true", None),
    ]);
    cases
}

/// The statuses that everybody gets in one version.
async fn statuses(world: &World, case: &Case, version: u8, rewind: &mut Rewind) -> Vec<u16> {
    let mut statuses = Vec::new();
    for (user, _) in PEOPLE {
        let mut ask = world.ask(&case.method, &case.path).by(user).version(&format!("1.{version}"));
        if let Some(body) = &case.body {
            ask = ask.json(body);
        }
        let answer = ask.send().await;
        assert!(answer.status < 500, "{} by {user:?} at 1.{version}: {}", case.title, answer.text);
        if case.method != "GET" && answer.status < 300 {
            rewind.back().await;
        }
        statuses.push(answer.status);
    }
    statuses
}

/// The matrix as text: versions with the same statuses share a line.
async fn matrix(rules: &str) -> String {
    let world = World::with(&[("OS_MAGNUM_RS__DEFAULT_RULES", rules), ("OS_DEFAULT__RPC_RESPONSE_TIMEOUT", "1")]).await;
    let with = furnish(&world).await;
    let file = world.file().unwrap();
    let mut built = Rewind::new(&file, &BUILT).await;
    let extra = json!({"name": "extra", "node_count": 1});
    world.ask("POST", &format!("/v1/clusters/{}/nodegroups", with.blue)).json(&extra).send().await.expect(202);
    built.end().await;
    built = Rewind::new(&file, &BUILT).await;
    let mut text =
        format!("# Who gets which status by the {rules} rules; written by `make gen`, compared by a test.\n");
    let headings: String = PEOPLE.iter().map(|(_, heading)| format!("{heading:>9}")).collect();
    for case in cases(&world, &with).await {
        write!(text, "\n{}\n{:11}{headings}\n", case.title, "").unwrap();
        let mut rows: Vec<(u8, u8, Vec<u16>)> = Vec::new();
        for version in VERSIONS {
            let found = statuses(&world, &case, version, &mut built).await;
            case.served_as_documented(version, &found);
            match rows.last_mut() {
                Some((_, last, same)) if *same == found => *last = version,
                _ => rows.push((version, version, found)),
            }
        }
        for (first, last, found) in rows {
            let range = if first == last { format!("1.{first}") } else { format!("1.{first}-1.{last}") };
            let cells: String = found.iter().map(|status| format!("{status:>9}")).collect();
            writeln!(text, "  {range:9}{cells}").unwrap();
        }
    }
    built.end().await;
    world.end().await;
    text
}

async fn compare(rules: &str) {
    // The rules do not depend on the database, and the rows are taken back in a file.
    if crate::database::Fresh::from_env().await.is_none() {
        kept::compare(&format!("api/tests/matrix/{rules}.txt"), &matrix(rules).await);
    }
}

#[tokio::test]
async fn everybody_gets_the_same_by_the_rules_of_queens() {
    compare("queens").await;
}

#[tokio::test]
async fn everybody_gets_the_same_by_the_rules_of_master() {
    compare("master").await;
}
