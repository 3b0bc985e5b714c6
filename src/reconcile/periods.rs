//! A merchant's month: prepared by one person, with its report filed in the log, and closed by another.

use std::io;

use chrono::{DateTime, Utc};

use super::Desk;
use super::report::ReportError;
use crate::domain::bill::Sha256Hex;
use crate::domain::period::{Month, PeriodKey};
use crate::ledger::LedgerError;
use crate::limits;
use crate::store::Position;

#[derive(Debug, thiserror::Error)]
pub enum PeriodError {
    #[error("{0} is not over in Beijing: prepare it from the next day on")]
    NotOver(Month),
    #[error("bills are missing: {}; import them, or declare the days empty", .0.join(", "))]
    NotCovered(Vec<String>),
    #[error("the reason must have 1 to {} characters", limits::REASON_CHARS_MAX)]
    Reason,
    #[error("the filed report {0} is damaged: its content has another hash")]
    Damaged(Sha256Hex),
    #[error("nothing is recorded in this log")]
    Nothing,
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error("the report cannot be kept until it is filed: {0}")]
    File(#[from] io::Error),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A period whose report is filed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    pub report_sha256: Sha256Hex,
    /// What stands after it is late.
    pub position: Position,
    /// Counts and sums, as JSON, for who closes.
    pub summary: String,
    pub rows: u64,
}

/// Files the month's report and says that it is ready to be closed.
pub async fn prepare(
    desk: &Desk<'_>,
    key: &PeriodKey,
    by: &str,
    at: DateTime<Utc>,
) -> Result<Prepared, PeriodError> {
    let _ = (desk, key, by, at);
    unimplemented!()
}

/// Closes exactly what was prepared; `by` must be another than who prepared it.
pub async fn close(
    desk: &Desk<'_>,
    key: &PeriodKey,
    report_sha256: &Sha256Hex,
    by: &str,
    at: DateTime<Utc>,
) -> Result<Option<Position>, PeriodError> {
    let _ = (desk, key, report_sha256, by, at);
    unimplemented!()
}

pub async fn reopen(
    desk: &Desk<'_>,
    key: &PeriodKey,
    reason: &str,
    by: &str,
    at: DateTime<Utc>,
) -> Result<Option<Position>, PeriodError> {
    let _ = (desk, key, reason, by, at);
    unimplemented!()
}

/// A report as it was filed, if there is one of this hash.
pub async fn filed(desk: &Desk<'_>, sha256: &Sha256Hex) -> Result<Option<Vec<u8>>, PeriodError> {
    let _ = (desk, sha256);
    unimplemented!()
}
