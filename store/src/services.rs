//! Which processes are alive.

use chrono::{DateTime, SubsecRound, Utc};
use domain::Result;
use sea_query::{Expr, ExprTrait, Order, Query};

use crate::{
    Store,
    db::Run,
    failure::Failure,
    row::{Row, row},
};

/// One row of `magnum_service`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRow {
    /// Number of the row.
    pub id: i64,
    /// Heartbeats so far.
    pub report_count: i64,
    /// Node; `None` on rows of other releases without a host option.
    pub host: Option<String>,
    /// Program, for example `magnum-conductor`.
    pub binary: Option<String>,
    /// Taken out of use by an operator.
    pub disabled: bool,
    /// Why.
    pub disabled_reason: Option<String>,
    /// Last heartbeat.
    pub last_seen_up: Option<DateTime<Utc>>,
    /// Declared dead by an operator.
    pub forced_down: bool,
    /// First heartbeat.
    pub created_at: DateTime<Utc>,
    /// Last change.
    pub updated_at: Option<DateTime<Utc>>,
}

row!(
    ServiceRow,
    "magnum_service",
    [id, report_count, host, binary, disabled, disabled_reason, last_seen_up, forced_down, created_at, updated_at,]
);

impl Store {
    /// Says that `binary` on `host` is alive. The time is written unconditionally, so that two processes of one name do
    /// not keep each other's reports out.
    ///
    /// # Errors
    /// `Database`.
    pub async fn heartbeat(&self, host: &str, binary: &str, now: DateTime<Utc>) -> Result<()> {
        let beat = async {
            let mut db = &self.db;
            let mut update = Query::update();
            update
                .table(ServiceRow::TABLE)
                .value("report_count", Expr::col("report_count").add(1i64))
                .value("last_seen_up", now.trunc_subsecs(0))
                .value("updated_at", now.trunc_subsecs(0))
                .and_where(Expr::col("host").eq(host))
                .and_where(Expr::col("binary").eq(binary));
            if db.run(&update).await? > 0 {
                return Ok(());
            }
            let first = ServiceRow {
                id: 0,
                report_count: 1,
                host: Some(host.to_owned()),
                binary: Some(binary.to_owned()),
                disabled: false,
                disabled_reason: None,
                last_seen_up: Some(now),
                forced_down: false,
                created_at: now,
                updated_at: None,
            };
            match db.run(&first.insert("id")).await {
                Err(failure) if failure.is_duplicate() => db.run(&update).await.map(|_| ()),
                other => other.map(|_| ()),
            }
        };
        beat.await.map_err(|failure: Failure| failure.while_doing("write a heartbeat"))
    }

    /// Every service that ever reported, oldest first.
    ///
    /// # Errors
    /// `Database`.
    pub async fn services(&self) -> Result<Vec<ServiceRow>> {
        let mut query = Query::select();
        query.columns(ServiceRow::COLUMNS.iter().copied()).from(ServiceRow::TABLE).order_by("id", Order::Asc);
        (&self.db).all(&query).await.map_err(|failure| failure.while_doing("list services"))
    }
}
