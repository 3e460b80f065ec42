//! The status words of clusters and node groups, as clients and the database know them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Status of a cluster or node group. The set is closed: clients hold it as an enumeration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the words are Magnum's and say it themselves")]
pub enum Status {
    CreateInProgress,
    CreateFailed,
    CreateComplete,
    UpdateInProgress,
    UpdateFailed,
    UpdateComplete,
    DeleteInProgress,
    DeleteFailed,
    DeleteComplete,
    RollbackInProgress,
    RollbackFailed,
    RollbackComplete,
    ResumeFailed,
    ResumeComplete,
    RestoreComplete,
    SnapshotComplete,
    CheckComplete,
    AdoptComplete,
}

impl Status {
    /// Every status, in the order of the API reference.
    pub const ALL: [Self; 18] = [
        Self::CreateInProgress,
        Self::CreateFailed,
        Self::CreateComplete,
        Self::UpdateInProgress,
        Self::UpdateFailed,
        Self::UpdateComplete,
        Self::DeleteInProgress,
        Self::DeleteFailed,
        Self::DeleteComplete,
        Self::RollbackInProgress,
        Self::RollbackFailed,
        Self::RollbackComplete,
        Self::ResumeFailed,
        Self::ResumeComplete,
        Self::RestoreComplete,
        Self::SnapshotComplete,
        Self::CheckComplete,
        Self::AdoptComplete,
    ];

    /// The word on the wire and in the database, at most 20 characters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreateInProgress => "CREATE_IN_PROGRESS",
            Self::CreateFailed => "CREATE_FAILED",
            Self::CreateComplete => "CREATE_COMPLETE",
            Self::UpdateInProgress => "UPDATE_IN_PROGRESS",
            Self::UpdateFailed => "UPDATE_FAILED",
            Self::UpdateComplete => "UPDATE_COMPLETE",
            Self::DeleteInProgress => "DELETE_IN_PROGRESS",
            Self::DeleteFailed => "DELETE_FAILED",
            Self::DeleteComplete => "DELETE_COMPLETE",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackFailed => "ROLLBACK_FAILED",
            Self::RollbackComplete => "ROLLBACK_COMPLETE",
            Self::ResumeFailed => "RESUME_FAILED",
            Self::ResumeComplete => "RESUME_COMPLETE",
            Self::RestoreComplete => "RESTORE_COMPLETE",
            Self::SnapshotComplete => "SNAPSHOT_COMPLETE",
            Self::CheckComplete => "CHECK_COMPLETE",
            Self::AdoptComplete => "ADOPT_COMPLETE",
        }
    }

    /// `true` while something works on the cluster.
    #[must_use]
    pub fn is_busy(self) -> bool {
        self.as_str().ends_with("_IN_PROGRESS")
    }

    /// `true` for the statuses that carry `faults`.
    #[must_use]
    pub fn is_failed(self) -> bool {
        self.as_str().ends_with("_FAILED")
    }

    /// `true` for the complete family, from which every operation may start.
    #[must_use]
    pub fn is_complete(self) -> bool {
        self.as_str().ends_with("_COMPLETE")
    }

    /// `true` when a resize or update may start once nothing else runs.
    ///
    /// Upstream's list plus `UPDATE_FAILED`, so that a failed update can be tried again.
    #[must_use]
    pub fn accepts_update(self) -> bool {
        (self.is_complete() && self != Self::DeleteComplete)
            || matches!(
                self,
                Self::UpdateFailed
                    | Self::UpdateInProgress
                    | Self::RollbackInProgress
                    | Self::CreateInProgress
                    | Self::RollbackFailed
            )
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|status| status.as_str() == s).ok_or_else(|| format!("unknown status {s:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_fits_its_column() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse::<Status>(), Ok(status));
            assert!(status.as_str().len() <= 20);
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert!("CHECK_FAILED".parse::<Status>().is_err());
    }

    #[test]
    fn creation_that_failed_accepts_no_update() {
        assert!(!Status::CreateFailed.accepts_update());
        assert!(!Status::DeleteInProgress.accepts_update());
        assert!(Status::UpdateFailed.accepts_update());
        assert!(Status::CreateInProgress.accepts_update(), "stored and run afterwards");
    }
}
