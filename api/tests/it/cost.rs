//! Every list and every show, with 10 and with 10,000 clusters of three node groups each: the number of statements is the
//! same, and a page deep inside costs what the first costs. Clusters are counted, not timed, so the load of the machine
//! does not matter; times are measured by `make bench`.

use std::fmt::Write as _;

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{certificates::issue, kept, world::World};

const SIZES: [usize; 2] = [10, 10_000];

/// The rows of a table once for each number up to `count`, with these columns in the place of the copied.
async fn multiply(file: &mut SqliteConnection, table: &str, like: &str, count: usize, changes: &[(&str, &str)]) {
    let names = sqlx::query(AssertSqlSafe(format!("SELECT name FROM pragma_table_info('{table}') WHERE name <> 'id'")));
    let names: Vec<String> = names.fetch_all(&mut *file).await.unwrap().iter().map(|row| row.get(0)).collect();
    let mut values: Vec<&str> = Vec::new();
    for name in &names {
        values.push(changes.iter().find(|(other, _)| other == name).map_or(name, |(_, text)| text));
    }
    let statement = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO {table} ({}) SELECT {} FROM n, {table} WHERE {like} ORDER BY i",
        names.join(", "),
        values.join(", ")
    );
    sqlx::query(AssertSqlSafe(statement)).execute(file).await.unwrap();
}

/// Clusters and templates up to `count`, each cluster with three groups.
async fn fill(world: &World, count: usize) {
    let options = SqliteConnectOptions::new().filename(world.file().unwrap());
    let mut file = SqliteConnection::connect_with(&options).await.unwrap();
    let group = "'worker-' || i";
    let uuid = |digit: u8| format!("printf('{digit}0000000-0000-4000-8000-%012x', i)");
    let (cluster, spare) = (uuid(1), uuid(2));
    multiply(&mut file, "cluster", "name = 'blue'", count, &[("uuid", &cluster), ("name", "'c' || i")]).await;
    multiply(&mut file, "cluster_template", "name = 'k8s'", count, &[("uuid", &spare), ("name", "'t' || i")]).await;
    for (digit, like, name) in
        [(3, "default-master", "name"), (4, "default-worker", "name"), (5, "default-worker", group)]
    {
        let default = format!("name = '{like}' AND cluster_id NOT LIKE '1%-0000-4000-8000-%'");
        let changes = [("uuid", uuid(digit)), ("cluster_id", cluster.clone()), ("name", name.to_owned())];
        let changes: Vec<(&str, &str)> = changes.iter().map(|(name, text)| (*name, text.as_str())).collect();
        multiply(&mut file, "nodegroup", &default, count, &changes).await;
    }
    let (project, host) = ("'p' || i", "'host-' || i");
    multiply(&mut file, "quotas", "resource = 'Cluster'", count, &[("project_id", project)]).await;
    multiply(&mut file, "magnum_service", "host = 'one'", count, &[("host", host)]).await;
    file.close().await.unwrap();
}

/// Statements of one request whose token is known.
async fn statements(world: &World, path: &str, version: &str) -> u64 {
    // Under their old names, and of certificates, an admin sees only the own project's.
    let own = version != "latest" || path.contains("certificates");
    let user = if own { "demo" } else { "admin" };
    world.ask("GET", path).by(user).version(version).send().await.expect(200);
    let before = world.store.statements();
    world.ask("GET", path).by(user).version(version).send().await.expect(200);
    world.store.statements() - before
}

/// Every GET of the document that answers from rows: path as in the document, path to ask, version.
async fn requests(world: &World, project: &str, count: usize) -> Vec<(String, String, &'static str)> {
    let document = world.ask("GET", "/openapi.json").by("").send().await.expect(200);
    let deep = format!("{:012x}", count - 3);
    let mut requests = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let answers_rows = path.starts_with("/v1/") && !path.contains("/discovery/");
        let Some(get) = item.get("get").filter(|_| answers_rows && path != "/v1/federations/{ident}") else { continue };
        let old = get["x-openstack-max-version"] == "1.10";
        let (version, template) =
            (if old { "1.10" } else { "latest" }, path.contains("template") || path.contains("model"));
        let digit = if template { 2 } else { 1 };
        let ask = [
            ("{ident}", format!("{digit}0000000-0000-4000-8000-{deep}")),
            ("{nodegroup}", format!("50000000-0000-4000-8000-{deep}")),
            ("{project}", project.to_owned()),
            ("{resource}", "Cluster".to_owned()),
        ];
        let ask = ask.iter().fold(path.clone(), |path, (name, value)| path.replace(name, value));
        requests.push((path.clone(), ask.clone(), version));
        let pages = get["parameters"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "marker"));
        if pages
            && (template || path.contains("bays") || path.ends_with("clusters") || path.contains("clusters/detail"))
        {
            let marker = format!("{digit}0000000-0000-4000-8000-{deep}");
            requests.push((format!("{path}, deep"), format!("{ask}?limit=2&marker={marker}"), version));
        }
    }
    requests
}

#[tokio::test]
async fn statements_do_not_grow_with_the_rows() {
    if crate::database::Fresh::from_env().await.is_some() {
        return;
    }
    let mut counted: Vec<(String, Vec<u64>)> = Vec::new();
    for size in SIZES {
        let world = World::new().await;
        world.template(json!({})).await;
        let uuid = world.cluster(json!({})).await;
        issue(&world, &uuid, None).await;
        let project = world.cloud.seed().account("demo").unwrap().project_id.clone();
        let quota = json!({"project_id": project, "resource": "Cluster", "hard_limit": 50});
        world.ask("POST", "/v1/quotas").by("admin").json(&quota).send().await.expect(201);
        world.store.heartbeat("one", "magnum-conductor", chrono::Utc::now()).await.unwrap();
        fill(&world, size).await;
        for (at, (name, path, version)) in requests(&world, &project, size).await.into_iter().enumerate() {
            let count = statements(&world, &path, version).await;
            match counted.get_mut(at) {
                Some((_, counts)) => counts.push(count),
                None => counted.push((name, vec![count])),
            }
        }
        world.end().await;
    }
    let mut text = String::from(
        "# Statements per request\n\nWritten by `make gen`, compared by a test. With three node groups each, once the token \
         is known.\n\n| GET | 10 clusters | 10,000 clusters |\n|---|---|---|\n",
    );
    for (name, counts) in &counted {
        assert!(counts.iter().all(|count| *count == counts[0]), "{name}: {counts:?}");
        writeln!(text, "| {name} | {} | {} |", counts[0], counts[1]).unwrap();
    }
    for pair in counted.windows(2).filter(|pair| pair[1].0.ends_with(", deep")) {
        assert_eq!(pair[0].1, pair[1].1, "{}", pair[1].0);
    }
    kept::compare("docs/STATEMENTS.md", &text);
}
