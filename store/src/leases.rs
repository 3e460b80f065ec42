//! Leases for periodic work: of all conductors, one does it.

use chrono::{DateTime, TimeDelta, Utc};
use domain::Result;
use sea_query::{Cond, Expr, ExprTrait, Query};

use crate::{Store, db::Run, failure::Failure, row::Cell};

impl Store {
    /// Takes the lease `name` until `now + ttl`, or renews it for its owner; `false` while somebody else holds it.
    ///
    /// # Errors
    /// `Database`.
    pub async fn claim_lease(&self, name: &str, owner: &str, now: DateTime<Utc>, ttl: TimeDelta) -> Result<bool> {
        let claim = async {
            let mut db = &self.db;
            let mut update = Query::update();
            update
                .table("rs_lease")
                .value("owner", owner)
                .value("until", Cell::value(&(now + ttl)))
                .value("generation", Expr::col("generation").add(1i64))
                .and_where(Expr::col("name").eq(name))
                .cond_where(
                    Cond::any().add(Expr::col("owner").eq(owner)).add(Expr::col("until").lt(Cell::value(&now))),
                );
            if db.run(&update).await? == 1 {
                return Ok(true);
            }
            let mut insert = Query::insert();
            insert.into_table("rs_lease").columns(["name", "owner", "until", "generation"]).values_panic([
                Expr::val(name),
                Expr::val(owner),
                Expr::val(Cell::value(&(now + ttl))),
                Expr::val(0i64),
            ]);
            match db.run(&insert).await {
                Ok(_) => Ok(true),
                Err(failure) if failure.is_duplicate() => Ok(false),
                Err(failure) => Err(failure),
            }
        };
        claim.await.map_err(|failure: Failure| failure.while_doing("claim a lease"))
    }

    /// Gives a lease back early.
    ///
    /// # Errors
    /// `Database`.
    pub async fn release_lease(&self, name: &str, owner: &str) -> Result<bool> {
        let mut delete = Query::delete();
        delete.from_table("rs_lease").and_where(Expr::col("name").eq(name)).and_where(Expr::col("owner").eq(owner));
        let rows = (&self.db).run(&delete).await.map_err(|failure| failure.while_doing("release a lease"))?;
        Ok(rows == 1)
    }
}
