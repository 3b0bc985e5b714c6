//! A merchant's month: prepared by one person, with its report filed in the log, and closed by another.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom};

use chrono::{DateTime, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Desk;
use super::header::Header;
use super::report::{self, Format, ReportError, Written};
use super::scope::Scope;
use super::source::{self, Source};
use crate::decision::usable_reason;
use crate::domain::bill::Sha256Hex;
use crate::domain::period::{Month, PeriodKey, PreparedReport};
use crate::ledger::LedgerError;
use crate::limits;
use crate::moment::in_beijing;
use crate::store::Position;
use crate::table::json::Rows;
use crate::table::{Row, Table};

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
    /// Of the event that says so.
    pub recorded_at: Option<Position>,
}

/// Files the month's report and says that it is ready to be closed.
pub async fn prepare(
    desk: &Desk<'_>,
    key: &PeriodKey,
    by: &str,
    at: DateTime<Utc>,
) -> Result<Prepared, PeriodError> {
    if in_beijing(at).date_naive() <= key.month.last_day() {
        return Err(PeriodError::NotOver(key.month));
    }
    let head = *desk.ledger.store().head().borrow();
    let taken = source::take(desk.projector, head).await.map_err(ReportError::from)?;
    let scope = Scope::of_month(key.merchant.clone(), key.month, at);
    let written = tokio::task::spawn_blocking(move || file_of(&taken, &scope));
    let (file, written) = written.await.map_err(io::Error::other)??;
    let header = &written.header;
    let position = header.position.ok_or(PeriodError::Nothing)?;
    let summary = summary(header, written.rows)?;
    let report_sha256 = desk.ledger.file_report(file, at).await?;
    if report_sha256 != written.sha256 {
        return Err(PeriodError::Damaged(report_sha256));
    }
    let report =
        PreparedReport { sha256: report_sha256, position: position.number(), summary, by: by.to_owned() };
    let settled = desk.ledger.prepare_period(key, &report, at).await?;
    let PreparedReport { sha256: report_sha256, summary, .. } = report;
    Ok(Prepared { report_sha256, position, summary, rows: written.rows, recorded_at: settled.position })
}

/// The month's report in a file without name, from its beginning.
fn file_of(source: &dyn Source, scope: &Scope) -> Result<(File, Written), PeriodError> {
    let gaps = missing(&Header::read(source, scope)?.gaps());
    if !gaps.is_empty() {
        return Err(PeriodError::NotCovered(gaps));
    }
    let mut file = tempfile::tempfile()?;
    let written = report::write(source, scope, Format::Filed, BufWriter::new(&mut file))?;
    file.seek(SeekFrom::Start(0))?;
    Ok((file, written))
}

/// `2026-01-03 (refunds)` for each day that the bills leave open.
fn missing(gaps: &Table) -> Vec<String> {
    let of_row = |row: Row<'_>| {
        let sides = ["payments", "refunds"].into_iter().filter(|side| row.text(side) == Some("no"));
        let sides: Vec<_> = sides.collect();
        format!("{} ({})", row.text("day").unwrap_or_default(), sides.join(" and "))
    };
    gaps.rows().map(of_row).collect()
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
) -> Result<Option<Position>, PeriodError> {
    Ok(desk.ledger.close_period(key, report_sha256, by, at).await?.position)
}

pub async fn reopen(
    desk: &Desk<'_>,
    key: &PeriodKey,
    reason: &str,
    by: &str,
    at: DateTime<Utc>,
) -> Result<Option<Position>, PeriodError> {
    let reason = usable_reason(reason).ok_or(PeriodError::Reason)?;
    Ok(desk.ledger.reopen_period(key, reason, by, at).await?.position)
}

/// A report as it was filed, if there is one of this hash.
pub async fn filed(desk: &Desk<'_>, sha256: &Sha256Hex) -> Result<Option<Vec<u8>>, PeriodError> {
    let Some(report) = desk.ledger.filed_report(sha256).await? else { return Ok(None) };
    if hex::encode(Sha256::digest(&report)) != sha256.as_str() {
        return Err(PeriodError::Damaged(sha256.clone()));
    }
    Ok(Some(report))
}
