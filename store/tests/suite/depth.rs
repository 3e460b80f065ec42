//! What a page costs the server: it reads the rows it answers, and none of those before the marker.
//!
//! The statements are the ones that the store sends, caught from its log; they are run again with the work counted.

use std::{
    fmt::Debug,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use domain::OperationKind;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Column, Connection, MySqlConnection, PgConnection, Row, SqliteConnection};
use store::{Page, Scope, SortDir, Store};
use tracing::{Event, Subscriber, field, instrument::WithSubscriber};
use tracing_subscriber::{
    layer::{Context, Layer, SubscriberExt},
    registry,
};

use super::{Fresh, execute, fixtures::*};

/// Rows of each table, every other one of them [`PROJECT`]'s.
const ROWS: usize = 3000;
const LIMIT: i64 = 5;

/// A value that a statement binds.
#[derive(Clone)]
enum Bound {
    Text(String),
    Number(i64),
    Flag(bool),
}

fn text(text: &str) -> Bound {
    Bound::Text(text.to_owned())
}

/// Binds the values with whichever driver this is.
macro_rules! with {
    ($sql:expr, $values:expr) => {
        $values.iter().fold(sqlx::query(AssertSqlSafe($sql)), |query, value| match value {
            Bound::Text(text) => query.bind(text.clone()),
            Bound::Number(number) => query.bind(*number),
            Bound::Flag(flag) => query.bind(*flag),
        })
    };
}

/// Remembers the statements of the store.
#[derive(Clone, Default)]
struct Caught(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Caught {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut |field: &field::Field, value: &dyn Debug| {
            if field.name() == "sql" {
                let sql = format!("{value:?}");
                self.0.lock().unwrap().push(serde_json::from_str(&sql).unwrap());
            }
        });
    }
}

/// The statements that a call sends, and its answer.
async fn caught<T>(call: impl Future<Output = domain::Result<T>>) -> (Vec<String>, T) {
    let caught = Caught::default();
    let answer = call.with_subscriber(registry().with(caught.clone())).await.unwrap();
    let statements = std::mem::take(&mut *caught.0.lock().unwrap());
    (statements, answer)
}

/// Rows that a statement answers, and what it costs: steps of SQLite's machine, of which a row that is looked at takes
/// some; rows that the nodes of PostgreSQL's plan handle; rows that `MariaDB` asks its engine for.
async fn cost(url: &str, sql: String, values: &[Bound]) -> (usize, u64) {
    match url.split(':').next().unwrap() {
        "sqlite" => lite(url, sql, values).await,
        "mysql" => my(url, sql, values).await,
        _ => pg(url, sql, values).await,
    }
}

async fn lite(url: &str, sql: String, values: &[Bound]) -> (usize, u64) {
    let path = url.strip_prefix("sqlite:///").unwrap();
    let mut db = SqliteConnection::connect(&format!("sqlite://{path}")).await.unwrap();
    let steps = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&steps);
    db.lock_handle().await.unwrap().set_progress_handler(1, move || {
        counted.fetch_add(1, Ordering::Relaxed);
        true
    });
    let rows = with!(sql, values).fetch_all(&mut db).await.unwrap().len();
    (rows, steps.load(Ordering::Relaxed))
}

async fn my(url: &str, sql: String, values: &[Bound]) -> (usize, u64) {
    let mut db = MySqlConnection::connect(url).await.unwrap();
    let before = handled(&mut db).await;
    let rows = with!(sql, values).fetch_all(&mut db).await.unwrap().len();
    (rows, handled(&mut db).await - before)
}

/// What this session has read and sorted so far.
async fn handled(db: &mut MySqlConnection) -> u64 {
    let asked = "SHOW SESSION STATUS WHERE Variable_name LIKE 'Handler\\_read%' OR Variable_name IN ('Handler_icp_attempts', 'Sort_rows')";
    let rows = sqlx::query(asked).fetch_all(db).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(1).parse::<u64>().unwrap()).sum()
}

async fn pg(url: &str, sql: String, values: &[Bound]) -> (usize, u64) {
    let mut db = PgConnection::connect(url).await.unwrap();
    let rows = with!(sql.clone(), values).fetch_all(&mut db).await.unwrap().len();
    let plan = with!(format!("EXPLAIN (ANALYZE, FORMAT JSON) {sql}"), values).fetch_one(&mut db).await.unwrap();
    (rows, passed(&plan.get::<Value, _>(0)))
}

/// Rows that the nodes of a plan have handed on or thrown away.
fn passed(plan: &Value) -> u64 {
    let Some(node) = plan.as_object() else { return plan.as_array().into_iter().flatten().map(passed).sum() };
    let number = |(_, value): (&String, &Value)| value.as_f64().unwrap_or_default();
    let counts = |name: &str| name == "Actual Rows" || name.starts_with("Rows Removed");
    let rows: f64 = node.iter().filter(|(name, _)| counts(name)).map(number).sum();
    let loops = node.get("Actual Loops").and_then(Value::as_f64).unwrap_or_default();
    (rows * loops).ceil() as u64 + node.values().map(passed).sum::<u64>()
}

/// Most that a page may cost.
fn most(url: &str) -> u64 {
    let rows = ROWS as u64;
    // A row takes SQLite more than one step, so that this is less than all rows of the table or all of the project.
    if url.starts_with("sqlite") { rows / 2 } else { 20 * LIMIT as u64 }
}

/// What a column holds in the row of this number.
type Of = fn(usize) -> String;

fn uuid_of(kind: u8, n: usize) -> String {
    format!("{kind}0000000-0000-4000-8000-{n:012x}")
}

async fn columns(url: &str, table: &str) -> Vec<String> {
    let sql = AssertSqlSafe(format!("SELECT * FROM {table} LIMIT 1"));
    macro_rules! names {
        ($connection:ty, $url:expr) => {{
            let mut db = <$connection>::connect($url).await.unwrap();
            let row = sqlx::query(sql).fetch_one(&mut db).await.unwrap();
            row.columns().iter().map(|column| column.name().to_owned()).collect()
        }};
    }
    match url.split(':').next().unwrap() {
        "sqlite" => names!(SqliteConnection, &url.replace("sqlite:///", "sqlite://")),
        "mysql" => names!(MySqlConnection, url),
        _ => names!(PgConnection, url),
    }
}

/// Copies the only row of a table like `like`, with these columns changed to what they are in a row of this number.
async fn multiply(db: &Fresh, table: &str, like: &str, changes: &[(&str, Of)]) {
    let names: Vec<String> = columns(&db.url, table).await.into_iter().filter(|name| name != "id").collect();
    let changed = |name: &String| changes.iter().any(|(other, _)| other == name);
    let taken = |name: &String| if changed(name) { format!("new.{name}") } else { format!("old.{name}") };
    let taken: Vec<String> = names.iter().map(taken).collect();
    let rows: Vec<usize> = (0..ROWS).collect();
    for chunk in rows.chunks(250) {
        let new = |n: &usize| {
            let values: Vec<String> = changes.iter().map(|(name, of)| format!("'{}' AS {name}", of(*n))).collect();
            format!("SELECT {}", values.join(", "))
        };
        let new: Vec<String> = chunk.iter().map(new).collect();
        let (names, taken, new) = (names.join(", "), taken.join(", "), new.join(" UNION ALL "));
        let select = format!("SELECT {taken} FROM {table} AS old, ({new}) AS new WHERE {like}");
        execute(&db.url, &format!("INSERT INTO {table} ({names}) {select}")).await;
    }
    // As the servers do by themselves, a little later.
    match db.url.split(':').next().unwrap() {
        "sqlite" => {}
        "mysql" => execute(&db.url, &format!("ANALYZE TABLE {table}")).await,
        _ => execute(&db.url, &format!("ANALYZE {table}")).await,
    }
}

fn project_of(n: usize) -> String {
    if n.is_multiple_of(2) { PROJECT.to_owned() } else { "p2".to_owned() }
}

/// First page, one in the middle and the last, in both directions.
fn pages(uuid: impl Fn(usize) -> String) -> Vec<Page> {
    let mut pages = Vec::new();
    for (sort_dir, last) in [(SortDir::Asc, ROWS - 4), (SortDir::Desc, 2)] {
        for marker in [None, Some(ROWS / 2), Some(last)] {
            pages.push(Page { sort_dir, marker: marker.map(&uuid), ..Page::first(LIMIT) });
        }
    }
    pages
}

/// The values of the statement of a page of the rows that are visible in one way, `shown` being those of all ways.
fn values(db: &Fresh, way: &[Bound], shown: &[Bound], marker: Option<&Bound>) -> Vec<Bound> {
    let limit = [Bound::Number(LIMIT)];
    let Some(marker) = marker else { return [way, &limit].concat() };
    let behind = [std::slice::from_ref(marker), shown].concat();
    // MariaDB joins the marker's row, and the others look it up.
    if db.url.starts_with("mysql") { [&behind, way, &limit].concat() } else { [way, &behind, &limit].concat() }
}

/// Runs one statement again, which must answer as many rows as the store got and may cost no more than a page.
async fn check(db: &Fresh, what: &str, sql: &str, values: &[Bound], rows: usize) {
    let (answered, cost) = cost(&db.url, sql.to_owned(), values).await;
    assert_eq!(answered, rows, "{what}: {sql}");
    assert!(cost < most(&db.url), "{what}: {cost} for {rows} rows: {sql}");
}

/// A template and a cluster of it with two groups.
async fn one_of_each(store: &Store) {
    let template = template("old");
    store.insert_template(&template).await.unwrap();
    let cluster = cluster("old", &template);
    let create = operation(&cluster, OperationKind::Create);
    store.insert_cluster(&template, &cluster, &groups(&cluster), &create, 1).await.unwrap();
}

pub(crate) async fn a_page_of_clusters(db: &Fresh) {
    let store = db.store().await;
    one_of_each(&store).await;
    let of: Of = |n| uuid_of(1, n);
    multiply(db, "cluster", "old.id = 1", &[("uuid", of), ("project_id", project_of)]).await;
    let uuids: [(&str, Of); 2] = [("default-master", |n| uuid_of(2, n)), ("default-worker", |n| uuid_of(3, n))];
    for (name, uuid) in uuids {
        let like = format!("old.name = '{name}' AND old.id < 3");
        multiply(db, "nodegroup", &like, &[("uuid", uuid), ("cluster_id", of)]).await;
    }
    for (scope, shown) in [(Scope::All, vec![]), (Scope::Project(PROJECT.to_owned()), vec![text(PROJECT)])] {
        for page in pages(of) {
            let (statements, records) = caught(store.clusters(&scope, &page)).await;
            let [clusters, groups] = &statements[..] else { panic!("{statements:?}") };
            let what = format!("{scope:?} {page:?}");
            let values = values(db, &shown, &shown, page.marker.as_deref().map(text).as_ref());
            check(db, &what, clusters, &values, records.len()).await;
            let uuids: Vec<Bound> = records.iter().map(|record| text(&record.cluster.uuid)).collect();
            check(db, &format!("groups of {what}"), groups, &uuids, 2 * records.len()).await;
        }
    }
}

pub(crate) async fn a_page_of_templates(db: &Fresh) {
    let store = db.store().await;
    one_of_each(&store).await;
    let of: Of = |n| uuid_of(1, n);
    multiply(db, "cluster_template", "old.id = 1", &[("uuid", of), ("project_id", project_of)]).await;
    let (own, public) = (vec![text(PROJECT)], vec![Bound::Flag(true), Bound::Flag(false)]);
    for scope in [Scope::All, Scope::Project(PROJECT.to_owned())] {
        for page in pages(of) {
            let (statements, rows) = caught(store.templates(&scope, &page)).await;
            let [templates] = &statements[..] else { panic!("{statements:?}") };
            let marker = page.marker.as_deref().map(text);
            let of_way = |way: &[Bound]| values(db, way, &[&own[..], &public].concat(), marker.as_ref());
            let values = match scope {
                Scope::All => values(db, &[], &[], marker.as_ref()),
                _ => [of_way(&own), of_way(&public), vec![Bound::Number(LIMIT)]].concat(),
            };
            check(db, &format!("{scope:?} {page:?}"), templates, &values, rows.len()).await;
        }
    }
}

pub(crate) async fn a_page_of_quotas(db: &Fresh) {
    let store = db.store().await;
    store.insert_quota("old", 5, at(0)).await.unwrap();
    multiply(db, "quotas", "old.id = 1", &[("project_id", |n| format!("q{n}"))]).await;
    // Not every number is given to a row.
    let all = store.quotas(&Scope::All, &Page::first(2 * ROWS as i64)).await.unwrap();
    for page in pages(|n| all[n + 1].id.to_string()) {
        let (statements, rows) = caught(store.quotas(&Scope::All, &page)).await;
        let [quotas] = &statements[..] else { panic!("{statements:?}") };
        let marker = page.marker.as_deref().map(|number| Bound::Number(number.parse().unwrap()));
        check(db, &format!("{page:?}"), quotas, &values(db, &[], &[], marker.as_ref()), rows.len()).await;
    }
}
