//! Taking turns: a transaction that decides something about a project, a template or a cluster first writes that thing's
//! row in `rs_turn`, and whoever comes second waits until it has ended.
//!
//! A written row, not a locked one: on a Galera cluster a lock holds on one server only, whereas two writes of one row
//! conflict at commit and one of them starts again.

use sea_query::{Expr, ExprTrait, OnConflict, Query};

use crate::{
    db::{Run, Tx},
    failure::Failure,
};

/// What a transaction takes its turn at. Where one takes several, it does so in this order.
pub(crate) enum Turn<'a> {
    Project(&'a str),
    Template(&'a str),
    Cluster(&'a str),
}

impl Turn<'_> {
    fn name(&self) -> String {
        match self {
            Self::Project(id) => format!("project/{id}"),
            Self::Template(uuid) => format!("template/{uuid}"),
            Self::Cluster(uuid) => format!("cluster/{uuid}"),
        }
    }

    /// Waits for the turn; it lasts until the transaction ends.
    pub(crate) async fn take(&self, tx: &mut Tx) -> Result<(), Failure> {
        let name = self.name();
        let next = || Expr::col(("rs_turn", "turn")).add(1i64);
        let mut update = Query::update();
        update.table("rs_turn").value("turn", next()).and_where(Expr::col("name").eq(name.as_str()));
        if tx.run(&update).await? == 1 {
            return Ok(());
        }
        let mut insert = Query::insert();
        insert
            .into_table("rs_turn")
            .columns(["name", "turn"])
            .values_panic([Expr::val(name), Expr::val(0i64)])
            .on_conflict(OnConflict::column("name").value("turn", next()).to_owned());
        tx.run(&insert).await?;
        Ok(())
    }

    /// Removes the row of a thing that is gone.
    pub(crate) async fn end(&self, tx: &mut Tx) -> Result<(), Failure> {
        tx.run(Query::delete().from_table("rs_turn").and_where(Expr::col("name").eq(self.name()))).await?;
        Ok(())
    }
}
