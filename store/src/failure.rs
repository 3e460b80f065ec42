//! What can go wrong inside a statement, and which of it goes away by trying again.

use domain::Error;

/// A refusal that the caller is meant to see, or the database's own error.
#[derive(Debug)]
pub(crate) enum Failure {
    Refused(Error),
    Sql(sqlx::Error),
}

impl Failure {
    /// The error for the caller; `doing` is read after "the database could not".
    pub(crate) fn while_doing(self, doing: &'static str) -> Error {
        match self {
            Self::Refused(error) => error,
            Self::Sql(source) if is_data_exception(&source) => Error::DoesNotFit { doing, source: Box::new(source) },
            Self::Sql(source) => Error::Database { doing, source: Box::new(source) },
        }
    }

    /// Two transactions got in each other's way and this one was rolled back: it may be run again from its start.
    pub(crate) fn is_conflict(&self) -> bool {
        let Self::Sql(sqlx::Error::Database(error)) = self else { return false };
        if let Some(mysql) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
            // ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK; Galera reports certification conflicts as the latter.
            return matches!(mysql.number(), 1205 | 1213);
        }
        if let Some(lite) = error.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
            // SQLITE_BUSY and its extended codes _RECOVERY, _SNAPSHOT and _TIMEOUT, and SQLITE_LOCKED.
            return sqlx::error::DatabaseError::code(lite)
                .is_some_and(|code| matches!(code.as_ref(), "5" | "6" | "261" | "517" | "773"));
        }
        // serialization_failure and deadlock_detected.
        error.code().is_some_and(|code| matches!(code.as_ref(), "40001" | "40P01"))
    }

    /// A UNIQUE key was hit.
    pub(crate) fn is_duplicate(&self) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
}

/// A value is too long or too large for its column, or no value of its type. No retry helps.
fn is_data_exception(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        // SQLITE_TOOBIG.
        return error.code().is_some_and(|code| code == "18");
    }
    // SQLSTATE class 22, on both servers; among them string_data_right_truncation, MySQL's ER_DATA_TOO_LONG.
    error.code().is_some_and(|code| code.starts_with("22"))
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}
