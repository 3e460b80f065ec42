//! Which rows a caller may see, and how a list is cut into pages.
//!
//! Pages are ordered by (key, id), both in the same direction, with NULLs below everything on every server. The next page
//! starts behind the marker's own values, so that a deep page costs what the first one costs and rows that come and go
//! meanwhile are neither shown twice nor skipped.

use domain::{Error, Result};
use sea_query::{
    Cond, Condition, Expr, ExprTrait, Func, JoinType, NullOrdering, Order, Query, SelectStatement, UnionType,
    extension::mysql::{IndexHintScope, MySqlSelectStatementExt},
};

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
    /// Uuid of the row before the page; of a table without uuids its number.
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
    /// Column that the marker is a value of.
    identity: &'static str,
    scope: &'a Scope,
    visible: Visible,
}

/// One of the ways for a row to be visible.
pub(crate) struct Way {
    /// Which rows these are.
    pub(crate) rows: Condition,
    /// MariaDB's index of them in the order of creation. Left to itself, it finds them by the first column alone and reads
    /// all that are before the page.
    pub(crate) index: Option<&'static str>,
}

/// The ways for a row of the table, or of its alias, to be visible; a row may be it by several.
pub(crate) type Visible = fn(&Scope, &'static str) -> Vec<Way>;

/// The rows that are visible in any way.
pub(crate) fn any(ways: Vec<Way>) -> Condition {
    let rows = ways.into_iter().map(|way| way.rows);
    rows.reduce(|one, other| Cond::any().add(one).add(other)).unwrap_or_else(Cond::all)
}

/// The marker's row, where it is joined.
const MARKER: &str = "marker";

/// The rows that may be of the page.
const FOUND: &str = "found";

impl<'a> Cut<'a> {
    /// `keys` are the columns that may be sorted by: sorting by a secret one would tell its order.
    pub(crate) fn new<T: Row>(
        page: &'a Page,
        keys: &[&'static str],
        scope: &'a Scope,
        visible: Visible,
    ) -> Result<Self> {
        let key = keys.iter().copied().find(|key| *key == page.sort_key).ok_or_else(|| {
            Error::bad_value("sort_key", &page.sort_key, &format!("It must be one of: {}", keys.join(", ")))
        })?;
        if page.limit < 1 {
            return Err(Error::bad_value("limit", &page.limit.to_string(), "Limit must be positive"));
        }
        let identity = if T::COLUMNS.contains(&"uuid") { "uuid" } else { "id" };
        Ok(Self { page, table: T::TABLE, key, identity, scope, visible })
    }

    /// Whether a row of `table` is the marker's.
    fn is_marker(&self, table: &'static str, marker: &str) -> Expr {
        let column = Expr::col((table, self.identity));
        match self.identity {
            "id" => column.eq(marker.parse::<i64>().unwrap_or_default()),
            _ => column.eq(marker),
        }
    }

    fn ways(&self, table: &'static str) -> Vec<Way> {
        (self.visible)(self.scope, table)
    }

    /// Adds visibility, start, order and length to `select`.
    pub(crate) fn apply(&self, db: &Db, select: &mut SelectStatement) {
        let mut ways = self.ways(self.table);
        if ways.len() == 1 {
            ways.drain(..).for_each(|way| self.start(db, select, way));
        } else {
            let found = Expr::col((FOUND, "id")).equals((self.table, "id"));
            // MariaDB would look through all rows for an IN.
            select.join_subquery(JoinType::InnerJoin, self.first_of_each(db, ways), FOUND, found);
        }
        self.order(db, select);
    }

    /// The ids of as many rows of each way as a page has. A server finds those by index; of rows that are visible by this
    /// or by that it would sort all.
    fn first_of_each(&self, db: &Db, ways: Vec<Way>) -> SelectStatement {
        let first = |way: Way| {
            let (mut page, mut ids) = (Query::select(), Query::select());
            page.column((self.table, "id")).from(self.table);
            self.start(db, &mut page, way);
            self.order(db, &mut page);
            ids.column("id").from_subquery(page, FOUND);
            ids
        };
        let all = ways.into_iter().map(first).reduce(|mut all, next| all.union(UnionType::Distinct, next).take());
        all.unwrap_or_default()
    }

    /// Adds visibility and start.
    fn start(&self, db: &Db, select: &mut SelectStatement, way: Way) {
        let joined = matches!(db.pool, Pool::My(_));
        if let Some(index) = way.index.filter(|_| joined && self.key == "id") {
            select.force_index(index, IndexHintScope::All);
        }
        select.cond_where(way.rows);
        let Some(marker) = self.page.marker.as_deref() else { return };
        if joined {
            let row = Cond::all().add(self.is_marker(MARKER, marker)).add(any(self.ways(MARKER)));
            select.join_as(JoinType::InnerJoin, self.table, MARKER, row);
        }
        select.cond_where(self.behind_marker(joined));
    }

    /// Adds order and length.
    fn order(&self, db: &Db, select: &mut SelectStatement) {
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
    ///
    /// MariaDB reads a joined row of a unique key before it plans, and can then start right behind it in an index; it does
    /// not for a subquery. For the other two it is the other way round.
    fn of_marker(&self, column: &'static str, joined: bool) -> Expr {
        if joined {
            return Expr::col((MARKER, column));
        }
        let marker = self.page.marker.as_deref().unwrap_or_default();
        let mut select = Query::select();
        select.column((self.table, column)).from(self.table).and_where(self.is_marker(self.table, marker));
        select.cond_where(any(self.ways(self.table)));
        Expr::from(select)
    }

    fn behind_marker(&self, joined: bool) -> Condition {
        let column = |name: &'static str| Expr::col((self.table, name));
        let marker = |name: &'static str| self.of_marker(name, joined);
        let beyond = |name: &'static str| match self.page.sort_dir {
            SortDir::Asc => column(name).gt(marker(name)),
            SortDir::Desc => column(name).lt(marker(name)),
        };
        if self.key == "id" {
            return Cond::all().add(beyond("id"));
        }
        let key = self.key;
        let tied = column(key).eq(marker(key)).or(column(key).is_null().and(marker(key).is_null()));
        let null_follows = match self.page.sort_dir {
            SortDir::Asc => column(key).is_not_null().and(marker(key).is_null()),
            SortDir::Desc => column(key).is_null().and(marker(key).is_not_null()),
        };
        // A marker that is not there has no id, so that nothing at all is behind it.
        let there = marker("id").is_not_null();
        let behind = Cond::any().add(beyond(key)).add(null_follows).add(tied.and(beyond("id")));
        Cond::all().add(there).add(behind)
    }

    /// An empty page behind a marker asks whether the marker is there at all.
    pub(crate) async fn check_marker(&self, mut db: &Db, kind: &'static str, rows: usize) -> Result<(), Failure> {
        let Some(marker) = self.page.marker.as_deref().filter(|_| rows == 0) else { return Ok(()) };
        let mut select = Query::select();
        select.expr(Func::count(Expr::col((self.table, "id")))).from(self.table);
        select.and_where(self.is_marker(self.table, marker)).cond_where(any(self.ways(self.table)));
        match db.one::<(i64,)>(&select).await?.filter(|(count,)| *count > 0) {
            Some(_) => Ok(()),
            None => Err(Error::NotFound { kind, ident: marker.to_owned() }.into()),
        }
    }
}
