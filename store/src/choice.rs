//! What an operation decides on its way, kept in its own row so that a second run decides the same.

use chrono::{DateTime, Utc};
use domain::{Operation, OperationState, Result};
use sea_query::{Expr, ExprTrait};

use crate::{Store, db::Run, row::Row};

impl Store {
    /// Writes the parameters of an operation; `false`, and nothing is written, when the lease is lost.
    ///
    /// # Errors
    /// `Database`.
    pub async fn record_params(&self, operation: &Operation, now: DateTime<Utc>) -> Result<bool> {
        let next = Operation { updated_at: Some(now), ..operation.clone() };
        let mut update = next.update(&["params", "updated_at"]);
        update
            .and_where(Expr::col("id").eq(operation.id.as_str()))
            .and_where(Expr::col("generation").eq(operation.generation))
            .and_where(Expr::col("state").eq(OperationState::Active.as_str()));
        let rows = (&self.db).run(&update).await.map_err(|failure| failure.while_doing("record a choice"))?;
        Ok(rows == 1)
    }
}
