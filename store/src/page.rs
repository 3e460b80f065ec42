//! Which rows a caller may see, and how a list is cut into pages.
//!
//! Pages are ordered by (key, id), both in the same direction, with NULLs below everything on every server. The next page
//! starts behind the marker's own values, so that a deep page costs what the first one costs and rows that come and go
//! meanwhile are neither shown twice nor skipped.

use domain::{Error, Result};
use sea_query::{Cond, Condition, Expr, ExprTrait, NullOrdering, Order, Query, SelectStatement};

use crate::{
    db::{Db, Pool, Run},
    failure::Failure,
    row::Row,
};

/// Whose rows are visible. What is not visible is not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every row.
    All,
    /// Rows of this project, and templates shown to everybody.
    Project(String),
    /// Rows of this user, and templates shown to everybody; for tokens without a project.
    User(String),
}

impl Scope {
    /// The rows of `table` whose owner this is.
    pub(crate) fn own(&self, table: &'static str) -> Condition {
        match self {
            Self::All => Cond::all(),
            Self::Project(project) => Cond::all().add(Expr::col((table, "project_id")).eq(project.as_str())),
            Self::User(user) => Cond::all().add(Expr::col((table, "user_id")).eq(user.as_str())),
        }
    }
}

/// Direction of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SortDir {
    /// Smallest first.
    #[default]
    Asc,
    /// Largest first.
    Desc,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows at most.
    pub limit: i64,
    /// Uuid of the row before the page.
    pub marker: Option<String>,
    /// Column to order by; `id` is the order of creation.
    pub sort_key: String,
    /// Direction.
    pub sort_dir: SortDir,
}

impl Page {
    /// The first `limit` rows in the order of creation.
    #[must_use]
    pub fn first(limit: i64) -> Self {
        Self { limit, marker: None, sort_key: "id".to_owned(), sort_dir: SortDir::Asc }
    }
}

/// A page over one table, checked.
pub(crate) struct Cut<'a> {
    page: &'a Page,
    table: &'static str,
    key: &'static str,
    visible: Condition,
}

impl<'a> Cut<'a> {
    /// `keys` are the columns that may be sorted by: sorting by a secret one would tell its order.
    pub(crate) fn new<T: Row>(page: &'a Page, keys: &[&'static str], visible: Condition) -> Result<Self> {
        let key = keys.iter().copied().find(|key| *key == page.sort_key).ok_or_else(|| {
            Error::bad_value("sort_key", &page.sort_key, &format!("It must be one of: {}", keys.join(", ")))
        })?;
        if page.limit < 1 {
            return Err(Error::bad_value("limit", &page.limit.to_string(), "Limit must be positive"));
        }
        Ok(Self { page, table: T::TABLE, key, visible })
    }

    /// Adds visibility, start, order and length to `select`.
    pub(crate) fn apply(&self, db: &Db, select: &mut SelectStatement) {
        select.cond_where(self.visible.clone());
        if self.page.marker.is_some() {
            select.cond_where(self.behind_marker());
        }
        let order = match self.page.sort_dir {
            SortDir::Asc => Order::Asc,
            SortDir::Desc => Order::Desc,
        };
        if self.key != "id" {
            match (&db.pool, &order) {
                // MySQL and SQLite put NULLs below everything by themselves, and spelling it out would cost the index.
                (Pool::Pg(_), Order::Asc) => {
                    select.order_by_with_nulls((self.table, self.key), order.clone(), NullOrdering::First)
                }
                (Pool::Pg(_), _) => {
                    select.order_by_with_nulls((self.table, self.key), order.clone(), NullOrdering::Last)
                }
                _ => select.order_by((self.table, self.key), order.clone()),
            };
        }
        select.order_by((self.table, "id"), order).limit(u64::try_from(self.page.limit).unwrap_or(1));
    }

    /// The marker's value of `column`, read by the same statement.
    fn of_marker(&self, column: &'static str) -> Expr {
        let marker = self.page.marker.as_deref().unwrap_or_default();
        let mut select = Query::select();
        select.column((self.table, column)).from(self.table).and_where(Expr::col((self.table, "uuid")).eq(marker));
        select.cond_where(self.visible.clone());
        Expr::from(select)
    }

    fn behind_marker(&self) -> Condition {
        let column = |name: &'static str| Expr::col((self.table, name));
        let beyond = |name: &'static str| match self.page.sort_dir {
            SortDir::Asc => column(name).gt(self.of_marker(name)),
            SortDir::Desc => column(name).lt(self.of_marker(name)),
        };
        if self.key == "id" {
            return Cond::all().add(beyond("id"));
        }
        let key = self.key;
        let tied = column(key).eq(self.of_marker(key)).or(column(key).is_null().and(self.of_marker(key).is_null()));
        let null_follows = match self.page.sort_dir {
            SortDir::Asc => column(key).is_not_null().and(self.of_marker(key).is_null()),
            SortDir::Desc => column(key).is_null().and(self.of_marker(key).is_not_null()),
        };
        // A marker that is not there has no id, so that nothing at all is behind it.
        let there = self.of_marker("id").is_not_null();
        let behind = Cond::any().add(beyond(key)).add(null_follows).add(tied.and(beyond("id")));
        Cond::all().add(there).add(behind)
    }

    /// An empty page behind a marker asks whether the marker is there at all.
    pub(crate) async fn check_marker(&self, mut db: &Db, kind: &'static str, rows: usize) -> Result<(), Failure> {
        let Some(marker) = self.page.marker.as_deref().filter(|_| rows == 0) else { return Ok(()) };
        let mut select = Query::select();
        select.column((self.table, "uuid")).from(self.table).and_where(Expr::col((self.table, "uuid")).eq(marker));
        select.cond_where(self.visible.clone());
        match db.one::<(String,)>(&select).await? {
            Some(_) => Ok(()),
            None => Err(Error::NotFound { kind, ident: marker.to_owned() }.into()),
        }
    }
}
