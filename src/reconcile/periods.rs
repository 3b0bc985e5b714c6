//! A merchant's month: prepared by one person, with its report filed in the log, and closed by another.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom};

use chrono::{DateTime, Days, NaiveDateTime, NaiveTime, Utc};
use serde::Serialize;

use super::Desk;
use super::header::Header;
use super::report::{self, Format, ReportError, Written};
use super::runs;
use super::scope::Scope;
use super::source::{PROJECTION, Sealed, Source};
use crate::decision::usable_reason;
use crate::domain::bill::Sha256Hex;
use crate::domain::period::{self, Month, PeriodKey, PreparedReport};
use crate::ledger::{LedgerError, PeriodCommandError, ReportError as FilingError, Said, Upon};
use crate::limits;
use crate::moment::in_beijing;
use crate::spool::Spool;
use crate::store::Position;
use crate::table::Row;
use crate::table::json::Rows;

#[derive(Debug, thiserror::Error)]
pub enum PeriodError {
    #[error(
        "{0} can be prepared from {due} on, Beijing time: until then pushes of its last payments may come",
        due = due(*.0).format("%Y-%m-%d %H:%M")
    )]
    NotOver(Month),
    #[error("bills are missing: {}; import them, or declare the days empty", .0.join(", "))]
    NotCovered(Vec<String>),
    #[error(
        "the bill of {} has been superseded since the report was made: prepare the month again, and close that report",
        .0.join(", ")
    )]
    Superseded(Vec<String>),
    #[error("{0} is closed after it, and its report tells what was late by then: reopen {0} first")]
    LaterClosed(Month),
    #[error("the reason must have 1 to {} characters", limits::REASON_CHARS_MAX)]
    Reason,
    #[error("nothing is recorded in this log")]
    Nothing,
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error("the report cannot be kept until it is filed: {0}")]
    File(#[from] io::Error),
    #[error(transparent)]
    Refused(#[from] period::PeriodError),
    #[error("the report {sha256} is not filed in the log: prepare the period anew")]
    NotFiled { sha256: Sha256Hex },
    #[error(transparent)]
    Filing(#[from] FilingError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<PeriodCommandError> for PeriodError {
    fn from(error: PeriodCommandError) -> Self {
        match error {
            PeriodCommandError::Refused(error) => Self::Refused(error),
            PeriodCommandError::NotFiled { sha256 } => Self::NotFiled { sha256 },
            PeriodCommandError::Report(error) => Self::Filing(error),
            PeriodCommandError::Ledger(error) => Self::Ledger(error),
        }
    }
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
    pub said: Said,
}

/// Files the month's report and says that it is ready to be closed.
pub async fn prepare(
    desk: &Desk<'_>,
    key: &PeriodKey,
    by: &str,
    at: DateTime<Utc>,
    upon: Upon,
) -> Result<Prepared, PeriodError> {
    if in_beijing(at).naive_local() < due(key.month) {
        return Err(PeriodError::NotOver(key.month));
    }
    // Nothing is filed for a month that cannot be prepared.
    if desk.ledger.period(key).await?.is_closed {
        return Err(period::PeriodError::Closed.into());
    }
    let end = desk.ledger.end().await?;
    let taken = desk.projector.snapshot(PROJECTION, end, limits::QUERY_POSITION_WAIT).await;
    let taken = Sealed::of(taken.map_err(ReportError::from)?, desk.ledger.store().as_ref()).await?;
    let scope = Scope::of_month(key.merchant.clone(), key.month, at);
    let spool = desk.spool.clone();
    let written = tokio::task::spawn_blocking(move || file_of(&taken, &scope, &spool));
    let (file, written) = written.await.map_err(io::Error::other)??;
    let header = &written.header;
    let position = header.position.ok_or(PeriodError::Nothing)?;
    let summary = summary(header, written.rows)?;
    let report_sha256 = desk.ledger.file_report(file, desk.spool, at).await?;
    let report =
        PreparedReport { sha256: report_sha256, position: position.number(), summary, by: by.to_owned() };
    let said = desk.ledger.prepare_period(key, &report, at, upon).await?;
    let PreparedReport { sha256: report_sha256, summary, .. } = report;
    Ok(Prepared { report_sha256, position, summary, rows: written.rows, said })
}

/// When, in Beijing, the push of its last payment has come or is missing: what was awaited before would be missing
/// later, and no event would have said so.
fn due(month: Month) -> NaiveDateTime {
    month.last_day().and_time(NaiveTime::MIN) + Days::new(1) + limits::PUSH_DUE_WITHIN
}

/// The month's report in a file without name, from its beginning.
fn file_of(source: &dyn Source, scope: &Scope, spool: &Spool) -> Result<(File, Written), PeriodError> {
    let gaps = missing(&Header::read(source, scope)?);
    if !gaps.is_empty() {
        return Err(PeriodError::NotCovered(gaps));
    }
    let mut file = spool.file()?.into_file();
    let written = report::write(source, scope, Format::Filed, BufWriter::new(&mut file))?;
    file.seek(SeekFrom::Start(0))?;
    Ok((file, written))
}

/// `2026-01-03 to 2026-01-31 (refunds)` for the days that the bills leave open; of the days before the month only those
/// whose payments it waits for, since refunds may be far older than what was ever imported.
fn missing(header: &Header) -> Vec<String> {
    let awaited = header.awaited.rows().filter(|row| row.text("side") == Some("payments"));
    let before = awaited.map(|row| (row.text("day").unwrap_or_default(), "payments".to_owned()));
    let gaps = header.gaps();
    let of_gap = |row: Row<'_>| {
        let sides = ["payments", "refunds"].into_iter().filter(|side| row.text(side) == Some("no"));
        sides.collect::<Vec<_>>().join(" and ")
    };
    let within = gaps.rows().filter_map(|row| Some((row.text("day")?, of_gap(row))));
    let runs = runs::of_days(before.chain(within));
    runs.into_iter().map(|(days, sides)| format!("{days} ({sides})")).collect()
}

#[derive(Serialize)]
struct Summary<'a> {
    rows: u64,
    totals: Rows<'a>,
    by_status: Rows<'a>,
    carried: Rows<'a>,
}

fn summary(header: &Header, rows: u64) -> Result<String, PeriodError> {
    let totals = header.totals_table();
    let (totals, by_status, carried) = (Rows(&totals), Rows(&header.summary), Rows(&header.carried));
    let summary = serde_json::to_string(&Summary { rows, totals, by_status, carried });
    Ok(summary.map_err(ReportError::from)?)
}

/// Closes exactly what was prepared; `by` must be another than who prepared it.
pub async fn close(
    desk: &Desk<'_>,
    key: &PeriodKey,
    report_sha256: &Sha256Hex,
    by: &str,
    at: DateTime<Utc>,
    upon: Upon,
) -> Result<Said, PeriodError> {
    let period = desk.ledger.period(key).await?;
    if let Some(prepared) = period.prepared.filter(|_| !period.is_closed) {
        // Lines that have left would be in the report that is closed, and late nowhere.
        let superseded = superseded_since(desk, key, prepared.position, at).await?;
        if !superseded.is_empty() {
            return Err(PeriodError::Superseded(superseded));
        }
    }
    Ok(desk.ledger.close_period(key, report_sha256, by, at, upon).await?)
}

/// The days of the month whose bill another one has taken the place of behind a position.
async fn superseded_since(
    desk: &Desk<'_>,
    key: &PeriodKey,
    position: u64,
    at: DateTime<Utc>,
) -> Result<Vec<String>, PeriodError> {
    let end = desk.ledger.end().await?;
    let files = super::row::files_of(desk, key, end, at).await.map_err(ReportError::from)?;
    let since = |row: &Row<'_>| row.integer("position").is_some_and(|at| at.unsigned_abs() > position);
    let had_lines = |row: &Row<'_>| row.text("state") == Some("superseded") && row.text("sha256").is_some();
    let days = files.rows().filter(|row| had_lines(row) && since(row)).filter_map(|row| row.text("bill_day"));
    let mut days: Vec<_> = days.map(str::to_owned).collect();
    days.dedup();
    Ok(days)
}

pub async fn reopen(
    desk: &Desk<'_>,
    key: &PeriodKey,
    reason: &str,
    by: &str,
    at: DateTime<Utc>,
    upon: Upon,
) -> Result<Said, PeriodError> {
    let reason = usable_reason(reason).ok_or(PeriodError::Reason)?;
    let mut later = key.month.next();
    while let Some(month) = later.filter(|month| month.first_day() <= in_beijing(at).date_naive()) {
        let key = PeriodKey { merchant: key.merchant.clone(), month };
        if desk.ledger.period(&key).await?.is_closed {
            return Err(PeriodError::LaterClosed(month));
        }
        later = month.next();
    }
    Ok(desk.ledger.reopen_period(key, reason, by, at, upon).await?)
}

/// A report as it was filed, verified, if there is one of this hash.
pub async fn filed(desk: &Desk<'_>, sha256: &Sha256Hex) -> Result<Option<File>, PeriodError> {
    Ok(desk.ledger.filed_report(sha256, desk.spool).await?)
}
