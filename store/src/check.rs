//! Finds rows that are broken: values that cannot be read, and rows that refer to what is not there.
//!
//! Nothing is mended. Whoever reads such a row elsewhere gets its nearest sensible value, so that it breaks no list; here
//! it is named.

use std::marker::PhantomData;

use domain::{Cluster, ClusterTemplate, NodeGroup, Operation, Result};
use sea_query::{Expr, ExprTrait, Order, Query, SelectStatement};

use crate::{
    Store,
    db::Run,
    failure::Failure,
    keypairs::Keypair,
    quotas::Quota,
    raw::Cells,
    row::{FromCells, Row},
    services::ServiceRow,
};

/// Rows read with one statement.
const BATCH: u64 = 500;

/// A row that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defect {
    /// Its table.
    pub table: &'static str,
    /// Its uuid, or its number where it has none.
    pub row: String,
    /// What is wrong with it.
    pub problem: String,
}

/// What [`Store::defects`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examination {
    /// Rows that were read.
    pub rows: usize,
    /// What is wrong with some of them.
    pub defects: Vec<Defect>,
}

/// A row as it was examined.
struct Examined<T> {
    id: i64,
    name: String,
    problems: Vec<String>,
    of: PhantomData<T>,
}

impl<T: Row> FromCells for Examined<T> {
    /// The number comes first, once more, so that a row that cannot be read has one too.
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, String> {
        let id = cells.int("id").unwrap_or_default();
        let name = cells.text("uuid").unwrap_or_else(|| id.to_string());
        let read = T::read(cells);
        let mut problems = cells.complaints();
        problems.extend(read.err().map(|problem| format!("the row cannot be read at all: {problem}")));
        Ok(Self { id, name, problems, of: PhantomData })
    }
}

impl Store {
    /// Reads every row of clusters, templates, node groups, operations, quotas, kept certificates and services.
    ///
    /// # Errors
    /// `Database`.
    pub async fn defects(&self) -> Result<Examination> {
        let mut found = Examination::default();
        let examined = async {
            self.examine::<ClusterTemplate>("uuid", &mut found).await?;
            self.examine::<Cluster>("uuid", &mut found).await?;
            self.examine::<NodeGroup>("uuid", &mut found).await?;
            self.examine::<Operation>("id", &mut found).await?;
            self.examine::<Quota>("project_id", &mut found).await?;
            self.examine::<Keypair>("uuid", &mut found).await?;
            self.examine::<ServiceRow>("host", &mut found).await?;
            for (table, problem, query) in strays() {
                let rows: Vec<(String,)> = (&self.db).all(&query).await?;
                let defect = |(row,)| Defect { table, row, problem: problem.to_owned() };
                found.defects.extend(rows.into_iter().map(defect));
            }
            Ok(())
        };
        examined.await.map_err(|failure: Failure| failure.while_doing("examine its rows"))?;
        Ok(found)
    }

    /// Reads a table in the order of its numbers; `name` is the column a row is called by.
    async fn examine<T: Row>(&self, name: &'static str, found: &mut Examination) -> Result<(), Failure> {
        let number = if T::COLUMNS.contains(&"seq") { "seq" } else { "id" };
        let mut last = 0;
        loop {
            let mut query = Query::select();
            query
                .columns([number, name])
                .columns(T::COLUMNS.iter().copied())
                .from(T::TABLE)
                .and_where(Expr::col(number).gt(last))
                .order_by(number, Order::Asc)
                .limit(BATCH);
            let rows: Vec<Examined<T>> = (&self.db).all(&query).await?;
            found.rows += rows.len();
            let Some(end) = rows.last() else { return Ok(()) };
            last = end.id;
            for row in rows {
                let defect = |problem| Defect { table: T::TABLE, row: row.name.clone(), problem };
                found.defects.extend(row.problems.into_iter().map(defect));
            }
        }
    }
}

/// Rows that refer to what is not there, and what that breaks.
fn strays() -> [(&'static str, &'static str, SelectStatement); 7] {
    const CLUSTER: &str = Cluster::TABLE;
    const GROUP: &str = NodeGroup::TABLE;
    let unfinished = Expr::col((Operation::TABLE, "finished_at")).is_null();
    let lacks = |role: &str| {
        let default = Expr::col((GROUP, "is_default")).eq(true).and(Expr::col((GROUP, "role")).eq(role));
        without((CLUSTER, "uuid"), (CLUSTER, "uuid"), (GROUP, "cluster_id"), default)
    };
    let always = || Expr::val(1i64).eq(1i64);
    let template = (ClusterTemplate::TABLE, "uuid");
    let mut adrift = without((Operation::TABLE, "id"), (Operation::TABLE, "cluster_uuid"), (CLUSTER, "uuid"), always());
    adrift.and_where(unfinished);
    let lost = |reference: &'static str| {
        let mut lost = without((CLUSTER, "uuid"), (CLUSTER, reference), (Keypair::TABLE, "uuid"), always());
        // Those in Barbican are URLs.
        let column = Expr::col((CLUSTER, reference));
        lost.and_where(column.clone().is_not_null()).and_where(column.not_like("%://%"));
        lost
    };
    [
        (
            CLUSTER,
            "its template is gone; it can only be shown and deleted",
            without((CLUSTER, "uuid"), (CLUSTER, "cluster_template_id"), template, always()),
        ),
        (CLUSTER, "it has no default node group of masters", lacks("master")),
        (CLUSTER, "it has no default node group of workers; it cannot be resized", lacks("worker")),
        (CLUSTER, "what ca_cert_ref names is gone; it can sign no certificate", lost("ca_cert_ref")),
        (CLUSTER, "what magnum_cert_ref names is gone; its health cannot be asked", lost("magnum_cert_ref")),
        (GROUP, "its cluster is gone", without((GROUP, "uuid"), (GROUP, "cluster_id"), (CLUSTER, "uuid"), always())),
        (Operation::TABLE, "it is not finished, but its cluster is gone", adrift),
    ]
}

type Column = (&'static str, &'static str);

/// The `shown` column of rows for whose `reference` no row of the other table has that `target` and is `such`.
fn without(shown: Column, reference: Column, target: Column, such: Expr) -> SelectStatement {
    let mut other = Query::select();
    other.column(target).from(target.0).and_where(Expr::col(target).equals(reference)).and_where(such);
    Query::select().column(shown).from(shown.0).and_where(Expr::exists(other).not()).to_owned()
}
