//! How far this process's clock is from the database's.
//!
//! Leases are written and compared with the clocks of the processes; see docs/adr/0009-clocks.md.

use chrono::{DateTime, TimeDelta, Utc};
use domain::Result;
use sea_query::{Expr, Query};

use crate::{
    Store,
    db::{Pool, Run},
    raw::Cells,
    row::{Cell, FromCells},
};

impl FromCells for (DateTime<Utc>,) {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, String> {
        Ok((Cell::take(cells, "now")?,))
    }
}

impl Store {
    /// How far the database's clock is ahead of this process's, to half the time the question took. Zero for a file.
    ///
    /// # Errors
    /// `Database`.
    pub async fn clock_offset(&self) -> Result<TimeDelta> {
        let now = match self.db.pool {
            Pool::My(_) => "UTC_TIMESTAMP(6)",
            Pool::Pg(_) => "clock_timestamp()",
            Pool::Lite(_) => return Ok(TimeDelta::zero()),
        };
        let query = Query::select().expr(Expr::cust(now)).to_owned();
        let asked = Utc::now();
        let answer: Option<(DateTime<Utc>,)> =
            (&self.db).one(&query).await.map_err(|failure| failure.while_doing("read its clock"))?;
        let middle = asked + (Utc::now() - asked) / 2;
        Ok(answer.map_or_else(TimeDelta::zero, |(time,)| time - middle))
    }
}
