//! Cases: a person says why a difference is all right. Only what the report still says is judged, and the facts
//! that were judged are recorded: where they change, the case is open again.

use chrono::{DateTime, Utc};
use futures_util::future::join_all;

use super::case_file::{CaseRow, Place, Unclear, Unsaid};
use super::{Desk, row};
use crate::decision::usable_reason;
use crate::domain::bill::MerchantId;
use crate::domain::case::{self, CaseIdError, CaseKey, CaseKind, Judgement};
use crate::ledger::{CaseCommandError, LedgerError, Said, Upon};
use crate::limits;
use crate::projector::AskError;
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
    pub since: Since<'a>,
}

/// What must not have been said of the case meanwhile.
#[derive(Clone, Copy, Debug)]
pub enum Since<'a> {
    Revision(Upon),
    /// Anything, after this person's word, the last that the row tells of; empty: nobody's.
    WordOf(&'a str),
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
    #[error(transparent)]
    Unsaid(#[from] Unsaid),
    #[error(transparent)]
    Refused(#[from] case::CaseError),
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<CaseCommandError> for CaseError {
    fn from(error: CaseCommandError) -> Self {
        match error {
            CaseCommandError::Refused(error) => Self::Refused(error),
            CaseCommandError::Ledger(error) => Self::Ledger(error),
        }
    }
}

impl CaseError {
    /// Whether another case may fare better.
    fn is_of_the_row(&self) -> bool {
        match self {
            Self::Reason
            | Self::Id(_)
            | Self::NoSuchRow(_)
            | Self::NeedsNone { .. }
            | Self::StatusChanged { .. }
            | Self::FactsChanged { .. }
            | Self::Unsaid(_)
            | Self::Refused(_) => true,
            Self::Ask(_) | Self::Ledger(_) => false,
        }
    }
}

/// What stands in the log of a case now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// `false` where the same had been said before.
    pub recorded: bool,
    pub position: Option<Position>,
    /// Of the case, by this word.
    pub revision: u64,
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
    let reason = usable_reason(asked.reason).ok_or(CaseError::Reason)?;
    let table = row::of_case(desk, asked.key, min_position, at).await?;
    let judgement = judgement(asked, reason, &table)?;
    let Said { recorded, position, revision } = match asked.since {
        Since::Revision(upon) => desk.ledger.resolve_case(asked.key, &judgement, by, at, upon).await?,
        Since::WordOf(seen_by) => {
            desk.ledger.resolve_case_as_seen(asked.key, &judgement, seen_by, by, at).await?
        }
    };
    let Judgement { status, facts, .. } = judgement;
    Ok(Judged { recorded, position, revision, status, facts })
}

/// Programs read facts as JSON and write them anew, in another order perhaps.
fn are_the_same(seen: &str, facts: &str) -> bool {
    let json = |text| serde_json::from_str::<serde_json::Value>(text).ok();
    seen == facts || json(seen).is_some_and(|seen| json(facts) == Some(seen))
}

/// What is judged, where it is still what the person saw.
fn judgement(asked: &Asked<'_>, reason: &str, table: &Table) -> Result<Judgement, CaseError> {
    let Some(row) = table.rows().next() else { return Err(CaseError::NoSuchRow(asked.key.clone())) };
    let text = |column| row.text(column).unwrap_or_default().to_owned();
    let (status, facts) = (text("status"), text("facts"));
    if asked.status.is_some_and(|seen| seen != status) {
        return Err(CaseError::StatusChanged { status });
    }
    if asked.facts.is_some_and(|seen| !are_the_same(seen, &facts)) {
        return Err(CaseError::FactsChanged { status });
    }
    if row.text("case_state").is_none() {
        return Err(CaseError::NeedsNone { status });
    }
    Ok(Judgement { status, facts, reason: reason.to_owned() })
}

/// Opens a resolved case again.
pub async fn reopen(
    desk: &Desk<'_>,
    key: &CaseKey,
    reason: &str,
    by: &str,
    at: DateTime<Utc>,
    upon: Upon,
) -> Result<Said, CaseError> {
    let reason = usable_reason(reason).ok_or(CaseError::Reason)?;
    Ok(desk.ledger.reopen_case(key, reason, by, at, upon).await?)
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

impl Bulk {
    /// Of rows that need not be looked at: what they say is not clear.
    pub fn of_unclear(rows: Vec<Unclear>) -> Self {
        let refused = rows.into_iter().map(|Unclear { place, kind, id, why }| Refused {
            place,
            kind,
            id,
            why: why.into(),
        });
        Self { refused: refused.collect(), ..Self::default() }
    }

    /// Of the rows after these.
    pub fn and(mut self, next: Self) -> Self {
        self.refused.extend(next.refused);
        Self {
            recorded: self.recorded + next.recorded,
            before: self.before + next.before,
            refused: self.refused,
            position: self.position.max(next.position),
            stopped: next.stopped,
        }
    }

    /// `Err` where the rest need not be looked at.
    fn take(&mut self, row: &CaseRow, judged: Result<Judged, CaseError>) -> Result<(), CaseError> {
        match judged {
            Ok(Judged { recorded: true, position, .. }) => {
                self.recorded += 1;
                self.position = self.position.max(position);
            }
            Ok(Judged { recorded: false, .. }) => self.before += 1,
            Err(why) if why.is_of_the_row() => {
                let CaseRow { place, kind, id, .. } = row.clone();
                self.refused.push(Refused { place, kind, id, why });
            }
            Err(why) => return Err(why),
        }
        Ok(())
    }
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
    let mut bulk = Bulk::default();
    // Several at once share the log's transactions.
    for rows in rows.chunks(limits::CASES_AT_ONCE) {
        let resolving = rows.iter().map(|row| resolve_row(desk, merchant, row, min_position, by, at));
        let judged = join_all(resolving).await;
        for (row, judged) in rows.iter().zip(judged) {
            if let Err(why) = bulk.take(row, judged) {
                return Bulk { stopped: Some(why), ..bulk };
            }
        }
    }
    bulk
}

async fn resolve_row(
    desk: &Desk<'_>,
    merchant: &MerchantId,
    row: &CaseRow,
    min_position: Option<Position>,
    by: &str,
    at: DateTime<Utc>,
) -> Result<Judged, CaseError> {
    let CaseRow { kind, id, status, facts, reason, seen_by, .. } = row;
    let key = CaseKey::new(merchant.clone(), *kind, id)?;
    let since = Since::WordOf(seen_by);
    let asked = Asked { key: &key, status: Some(status), facts: Some(facts), reason, since };
    resolve(desk, &asked, min_position, by, at).await
}

#[cfg(test)]
#[path = "cases_tests.rs"]
mod tests;
