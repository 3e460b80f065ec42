//! How a domain type becomes a row and back: one [`Cell`] per column type, one `row!` line per table.
//!
//! Reading is forgiving where a page must survive one broken row (labels that are no JSON, a status nobody knows): the
//! cell takes its nearest sensible value and the row is warned about. Reading is strict where a wrong guess would act:
//! an operation of an unknown kind or state is an error.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, Utc};
use domain::{HealthStatus, Labels, OperationKind, OperationState, Status, Taint};
use sea_query::{InsertStatement, Query, UpdateStatement, Value};
use serde::de::DeserializeOwned;

use crate::raw::Cells;

/// What a statement yields.
pub(crate) trait FromCells: Sized + Send {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, String>;
}

/// A type with a table of its own.
pub(crate) trait Row: Sized + Send {
    const TABLE: &'static str;
    const COLUMNS: &'static [&'static str];

    fn read(cells: &mut Cells<'_>) -> Result<Self, String>;
    fn values(&self) -> Vec<Value>;

    /// The values with times as the table keeps them: Magnum's tables have whole seconds, ours microseconds. Rounding is
    /// left to nobody, because `MySQL` rounds up.
    fn stored(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let digits = if Self::TABLE.starts_with("rs_") { 6 } else { 0 };
        Self::COLUMNS.iter().copied().zip(self.values()).map(move |(column, value)| match value {
            Value::ChronoDateTimeUtc(Some(time)) => (column, Value::from(time.trunc_subsecs(digits))),
            value => (column, value),
        })
    }

    /// The statement that inserts this row; `numbered` is the column the database fills.
    fn insert(&self, numbered: &str) -> InsertStatement {
        let (columns, values): (Vec<_>, Vec<_>) = self.stored().filter(|(column, _)| *column != numbered).unzip();
        let mut insert = Query::insert();
        insert.into_table(Self::TABLE).columns(columns);
        insert.values_panic(values.into_iter().map(sea_query::Expr::val));
        insert
    }

    /// An update of these columns, without a condition yet.
    fn update(&self, columns: &[&str]) -> UpdateStatement {
        let mut update = Query::update();
        update.table(Self::TABLE);
        for (column, value) in self.stored().filter(|(column, _)| columns.contains(column)) {
            update.value(column, value);
        }
        update
    }
}

impl<T: Row> FromCells for T {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, String> {
        let row = T::read(cells)?;
        let complaints = cells.complaints();
        if !complaints.is_empty() {
            let key = row.stored().find(|(column, _)| *column == "uuid").map(|(_, value)| format!("{value:?}"));
            tracing::warn!(
                table = T::TABLE,
                row.uuid = key.unwrap_or_default(),
                problems = complaints.join("; "),
                "a row holds values that cannot be read; it is shown as well as possible"
            );
        }
        Ok(row)
    }
}

impl FromCells for (i64,) {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, String> {
        Ok((cells.int("count").unwrap_or_default(),))
    }
}

impl FromCells for (String,) {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, String> {
        Ok((cells.text("text").unwrap_or_default(),))
    }
}

/// Lists the columns of a table once, in the order of the type's fields, whose names they carry.
macro_rules! row {
    ($ty:ty, $table:literal, [$($field:ident),+ $(,)?]) => {
        impl $crate::row::Row for $ty {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),+];

            fn read(cells: &mut $crate::raw::Cells<'_>) -> Result<Self, String> {
                Ok(Self { $($field: $crate::row::Cell::take(cells, stringify!($field))?),+ })
            }

            fn values(&self) -> Vec<sea_query::Value> {
                vec![$($crate::row::Cell::value(&self.$field)),+]
            }
        }
    };
}
pub(crate) use row;

/// A type that fills one column.
pub(crate) trait Cell: Sized {
    fn take(cells: &mut Cells<'_>, column: &str) -> Result<Self, String>;
    fn value(&self) -> Value;
}

macro_rules! plain {
    ($($ty:ty, $take:ident);+) => {$(
        impl Cell for Option<$ty> {
            fn take(cells: &mut Cells<'_>, column: &str) -> Result<Self, String> {
                Ok(cells.$take(column))
            }

            fn value(&self) -> Value {
                Value::from(self.clone())
            }
        }

        /// NULL reads as the type's empty value: rows of older releases have it where a value is expected today.
        impl Cell for $ty {
            fn take(cells: &mut Cells<'_>, column: &str) -> Result<Self, String> {
                Ok(cells.$take(column).unwrap_or_default())
            }

            fn value(&self) -> Value {
                Value::from(self.clone())
            }
        }
    )+};
}
plain!(String, text; i64, int; bool, flag; DateTime<Utc>, time);

/// JSON in a text column; NULL and what is no such JSON read as empty, the latter with a complaint.
fn json<T: DeserializeOwned + Default>(cells: &mut Cells<'_>, column: &str) -> T {
    let Some(text) = cells.text(column).filter(|text| !text.is_empty()) else { return T::default() };
    match serde_json::from_str::<Option<T>>(&text) {
        Ok(value) => value.unwrap_or_default(),
        Err(error) => {
            cells.complain(column, &error.to_string());
            T::default()
        }
    }
}

fn text_of(value: &impl serde::Serialize) -> Value {
    // Maps with text keys and lists of plain structs always serialise.
    Value::from(serde_json::to_string(value).unwrap_or_default())
}

/// A map of text to text. Other releases also wrote numbers and booleans as values.
impl Cell for BTreeMap<String, String> {
    fn take(cells: &mut Cells<'_>, column: &str) -> Result<Self, String> {
        let map: BTreeMap<String, serde_json::Value> = json(cells, column);
        let text = |value| match value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Null => String::new(),
            other => other.to_string(),
        };
        Ok(map.into_iter().map(|(key, value)| (key, text(value))).collect())
    }

    fn value(&self) -> Value {
        text_of(self)
    }
}

impl Cell for Labels {
    fn take(cells: &mut Cells<'_>, column: &str) -> Result<Self, String> {
        Cell::take(cells, column).map(Self)
    }

    fn value(&self) -> Value {
        text_of(self)
    }
}

macro_rules! list {
    ($($ty:ty),+) => {$(
        impl Cell for Vec<$ty> {
            fn take(cells: &mut Cells<'_>, column: &str) -> Result<Self, String> {
                Ok(json(cells, column))
            }

            fn value(&self) -> Value {
                text_of(self)
            }
        }
    )+};
}
list!(String, Taint);

/// An unknown word reads as the known one of the same family, so that clients, which hold a closed set, can show it.
impl Cell for Status {
    fn take(cells: &mut Cells<'_>, column: &str) -> Result<Self, String> {
        let word = cells.text(column).unwrap_or_default();
        Ok(word.parse().unwrap_or_else(|error: String| {
            cells.complain(column, &error);
            match &word {
                word if word.ends_with("_IN_PROGRESS") => Self::UpdateInProgress,
                word if word.ends_with("_COMPLETE") => Self::UpdateComplete,
                _ => Self::UpdateFailed,
            }
        }))
    }

    fn value(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl Cell for Option<HealthStatus> {
    fn take(cells: &mut Cells<'_>, column: &str) -> Result<Self, String> {
        let Some(word) = cells.text(column) else { return Ok(None) };
        Ok(Some(word.parse().unwrap_or_else(|error: String| {
            cells.complain(column, &error);
            HealthStatus::Unknown
        })))
    }

    fn value(&self) -> Value {
        Value::from(self.map(HealthStatus::as_str))
    }
}

macro_rules! strict {
    ($($ty:ty),+) => {$(
        impl Cell for $ty {
            fn take(cells: &mut Cells<'_>, column: &str) -> Result<Self, String> {
                cells.text(column).unwrap_or_default().parse()
            }

            fn value(&self) -> Value {
                Value::from(self.as_str())
            }
        }
    )+};
}
strict!(OperationKind, OperationState);

impl Cell for serde_json::Value {
    fn take(cells: &mut Cells<'_>, column: &str) -> Result<Self, String> {
        let text = cells.text(column).unwrap_or_default();
        serde_json::from_str(&text).map_err(|error| format!("{column}: {error}"))
    }

    fn value(&self) -> Value {
        text_of(self)
    }
}
