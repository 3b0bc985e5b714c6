//! Cases: a person says why a difference is all right. Only what the report still says is judged, and the facts
//! that were judged are recorded: where they change, the case is open again.

use chrono::{DateTime, Utc};

use super::Desk;
use super::case_file::{CaseRow, Place};
use super::source::PROJECTION;
use crate::decision::usable_reason;
use crate::domain::bill::MerchantId;
use crate::domain::case::{CaseIdError, CaseKey, CaseKind, Judgement};
use crate::ledger::LedgerError;
use crate::limits;
use crate::projector::{AskError, Question};
use crate::store::Position;
use crate::table::Table;

/// What a person says of a case.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub key: &'a CaseKey,
    /// The row's status and facts as the person saw them; what is `None` is not compared.
    pub status: Option<&'a str>,
    pub facts: Option<&'a str>,
    pub reason: &'a str,
}

#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    #[error("the reason must have 1 to {} characters", limits::REASON_CHARS_MAX)]
    Reason,
    #[error(transparent)]
    Id(#[from] CaseIdError),
    #[error("no row of merchant {} has the case {} {}", .0.merchant, .0.kind.as_str(), .0.id())]
    NoSuchRow(CaseKey),
    #[error("its status is {status}, which needs no decision")]
    NeedsNone { status: String },
    #[error("its status is {status} now: look at the row again")]
    StatusChanged { status: String },
    #[error("its status is still {status}, but its facts have changed: look at the row again")]
    FactsChanged { status: String },
    #[error("it is not resolved, so it cannot be opened again")]
    NotResolved,
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What stands in the log of a case now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// `false` where the same had been said before.
    pub recorded: bool,
    pub position: Option<Position>,
    pub status: String,
    pub facts: String,
}

/// Resolves one case, as the read model shows it at `min_position` or later.
pub async fn resolve(
    desk: &Desk<'_>,
    asked: &Asked<'_>,
    min_position: Option<Position>,
    by: &str,
    at: DateTime<Utc>,
) -> Result<Judged, CaseError> {
    let _ = (desk, asked, min_position, by, at);
    unimplemented!()
}

/// Opens a resolved case again.
pub async fn reopen(
    desk: &Desk<'_>,
    key: &CaseKey,
    reason: &str,
    by: &str,
    at: DateTime<Utc>,
) -> Result<Option<Position>, CaseError> {
    let _ = (desk, key, reason, by, at);
    unimplemented!()
}

/// What became of the rows of a file.
#[derive(Debug, Default)]
pub struct Bulk {
    pub recorded: u64,
    /// Had been resolved before, on the same facts.
    pub before: u64,
    pub refused: Vec<Refused>,
    /// Of the last that was recorded.
    pub position: Option<Position>,
    /// Why the rest was not looked at; the same file sent again goes on.
    pub stopped: Option<CaseError>,
}

/// A row that was not resolved.
#[derive(Debug)]
pub struct Refused {
    pub place: Place,
    pub kind: CaseKind,
    pub id: String,
    pub why: CaseError,
}

/// Resolves what can be resolved of an edited report, each row by itself.
pub async fn resolve_all(
    desk: &Desk<'_>,
    merchant: &MerchantId,
    rows: &[CaseRow],
    min_position: Option<Position>,
    by: &str,
    at: DateTime<Utc>,
) -> Bulk {
    let _ = (desk, merchant, rows, min_position, by, at);
    unimplemented!()
}
