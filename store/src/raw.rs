//! One row of any of the three drivers, read by position.

use chrono::{DateTime, Utc};
use sqlx::{Row as _, mysql::MySqlRow, postgres::PgRow, sqlite::SqliteRow};

/// A row as the driver gave it.
pub(crate) enum Raw<'r> {
    My(&'r MySqlRow),
    Pg(&'r PgRow),
    Lite(&'r SqliteRow),
}

macro_rules! getter {
    ($($name:ident: $ty:ty),+) => {$(
        fn $name(&self, at: usize) -> sqlx::Result<Option<$ty>> {
            match self {
                Self::My(row) => row.try_get(at),
                Self::Pg(row) => row.try_get(at),
                Self::Lite(row) => row.try_get(at),
            }
        }
    )+};
}

impl Raw<'_> {
    getter!(text: String, int: i64, flag: bool, time: DateTime<Utc>);
}

/// Hands out the cells of a row from left to right, and remembers what was wrong with them.
pub(crate) struct Cells<'r> {
    raw: Raw<'r>,
    next: usize,
    complaints: Vec<String>,
}

macro_rules! taker {
    ($($name:ident: $ty:ty),+) => {$(
        /// The next cell; one of another type than declared reads as NULL and is complained about.
        pub(crate) fn $name(&mut self, column: &str) -> Option<$ty> {
            let at = self.next;
            self.next += 1;
            self.raw.$name(at).unwrap_or_else(|error| {
                self.complain(column, &error.to_string());
                None
            })
        }
    )+};
}

impl<'r> Cells<'r> {
    pub(crate) fn new(raw: Raw<'r>) -> Self {
        Self { raw, next: 0, complaints: Vec::new() }
    }

    taker!(text: String, int: i64, flag: bool, time: DateTime<Utc>);

    /// `true` when the cell that comes next, an integer, is NULL: the outer side of a join without a match.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self.raw.int(self.next), Ok(None))
    }

    pub(crate) fn skip(&mut self, columns: usize) {
        self.next += columns;
    }

    pub(crate) fn complain(&mut self, column: &str, why: &str) {
        self.complaints.push(format!("{column}: {why}"));
    }

    /// What was complained about since the last call.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }
}
