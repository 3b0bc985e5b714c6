//! A merchant's month: prepared, closed by another person, and reopened.

use std::fmt;

use chrono::{Datelike, Months, NaiveDate};

use super::bill::{MerchantId, Sha256Hex};
use super::event::Event;

/// A month of Beijing days: `2026-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month {
    first: NaiveDate,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a month must be written as 2026-01")]
pub struct MonthError;

impl Month {
    pub fn of(day: NaiveDate) -> Option<Self> {
        let is_written = (1970..=9999).contains(&day.year());
        day.with_day(1).filter(|_| is_written).map(|first| Self { first })
    }

    pub fn parse(text: &str) -> Result<Self, MonthError> {
        let month = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok().and_then(Self::of);
        // Chrono takes `2026-1` and ` 2026-01` too.
        month.filter(|month| month.to_string() == text).ok_or(MonthError)
    }

    pub fn next(self) -> Option<Self> {
        self.last_day().succ_opt().and_then(Self::of)
    }

    pub fn first_day(self) -> NaiveDate {
        self.first
    }

    pub fn last_day(self) -> NaiveDate {
        let next = self.first.checked_add_months(Months::new(1));
        next.and_then(|next| next.pred_opt()).unwrap_or(self.first)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.first.year(), self.first.month())
    }
}

/// What names one period.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PeriodKey {
    pub merchant: MerchantId,
    pub month: Month,
}

impl fmt::Display for PeriodKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.merchant, self.month)
    }
}

/// `revision` counts the words of the stream, so that the same again later is another fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeriodEvent {
    Prepared {
        key: PeriodKey,
        report_sha256: Sha256Hex,
        /// The log's position that the report is as of: what stands after it is late.
        position: u64,
        /// Counts and sums of the report, for who closes.
        summary: String,
        revision: u64,
        by: String,
    },
    /// Exactly what was prepared.
    Closed {
        key: PeriodKey,
        report_sha256: Sha256Hex,
        position: u64,
        revision: u64,
        by: String,
    },
    Reopened {
        key: PeriodKey,
        reason: String,
        revision: u64,
        by: String,
    },
}

impl PeriodEvent {
    /// The type's name as it stands in the log.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Prepared { .. } => "PeriodPrepared",
            Self::Closed { .. } => "PeriodClosed",
            Self::Reopened { .. } => "PeriodReopened",
        }
    }
}

/// One part of a report that is filed in the log: its CSV as gzip, as base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportPart {
    /// Of the CSV.
    pub sha256: Sha256Hex,
    /// From 1.
    pub part: u32,
    pub parts: u32,
    pub gzip_base64: String,
}

/// What the stream says so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// Words so far.
    pub revision: u64,
    /// The last report that was prepared, until the period is reopened.
    pub prepared: Option<PreparedReport>,
    pub is_closed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedReport {
    /// Of the report's CSV, which is filed under it.
    pub sha256: Sha256Hex,
    /// The log's position that it is as of.
    pub position: u64,
    /// Counts and sums of the report, for who closes.
    pub summary: String,
    pub by: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    #[error("the period is closed; who may reopen it can, with a reason")]
    Closed,
    #[error("the period is not closed, so there is nothing to reopen")]
    NotClosed,
    #[error("nothing has been prepared: prepare the period first")]
    NotPrepared,
    #[error("what was prepared last is the report {prepared}: look at that one, and close it")]
    OtherReport { prepared: Sha256Hex },
    #[error("{by} has prepared it: another person must close it")]
    SamePerson { by: String },
}

impl Period {
    pub fn evolve(mut self, event: &Event) -> Self {
        let Event::Period(event) = event else { return self };
        match event {
            PeriodEvent::Prepared { report_sha256, position, summary, revision, by, .. } => {
                self.revision = *revision;
                self.prepared = Some(PreparedReport {
                    sha256: report_sha256.clone(),
                    position: *position,
                    summary: summary.clone(),
                    by: by.clone(),
                });
            }
            PeriodEvent::Closed { revision, .. } => {
                self.revision = *revision;
                self.is_closed = true;
            }
            PeriodEvent::Reopened { revision, .. } => {
                self = Self { revision: *revision, prepared: None, is_closed: false };
            }
        }
        self
    }

    /// The same report again is nothing, whoever prepares it; another takes its place.
    pub fn decide_prepare(
        &self,
        key: &PeriodKey,
        report: &PreparedReport,
    ) -> Result<Option<Event>, PeriodError> {
        if self.is_closed {
            return Err(PeriodError::Closed);
        }
        let same =
            |known: &PreparedReport| (&known.sha256, known.position) == (&report.sha256, report.position);
        if self.prepared.as_ref().is_some_and(same) {
            return Ok(None);
        }
        let PreparedReport { sha256, position, summary, by } = report.clone();
        Ok(Some(Event::Period(PeriodEvent::Prepared {
            key: key.clone(),
            report_sha256: sha256,
            position,
            summary,
            revision: self.revision + 1,
            by,
        })))
    }

    /// Exactly what was prepared last, and by another person.
    pub fn decide_close(
        &self,
        key: &PeriodKey,
        report_sha256: &Sha256Hex,
        by: &str,
    ) -> Result<Option<Event>, PeriodError> {
        let Some(prepared) = &self.prepared else { return Err(PeriodError::NotPrepared) };
        if prepared.sha256 != *report_sha256 {
            let other = PeriodError::OtherReport { prepared: prepared.sha256.clone() };
            return Err(if self.is_closed { PeriodError::Closed } else { other });
        }
        if self.is_closed {
            return Ok(None);
        }
        if prepared.by == by {
            return Err(PeriodError::SamePerson { by: by.to_owned() });
        }
        Ok(Some(Event::Period(PeriodEvent::Closed {
            key: key.clone(),
            report_sha256: report_sha256.clone(),
            position: prepared.position,
            revision: self.revision + 1,
            by: by.to_owned(),
        })))
    }

    /// Who may is checked by whoever asks.
    pub fn decide_reopen(
        &self,
        key: &PeriodKey,
        reason: &str,
        by: &str,
    ) -> Result<Option<Event>, PeriodError> {
        if !self.is_closed {
            let reopened_last = self.prepared.is_none() && self.revision > 0;
            return if reopened_last { Ok(None) } else { Err(PeriodError::NotClosed) };
        }
        Ok(Some(Event::Period(PeriodEvent::Reopened {
            key: key.clone(),
            reason: reason.to_owned(),
            revision: self.revision + 1,
            by: by.to_owned(),
        })))
    }
}

#[cfg(test)]
#[path = "period_tests.rs"]
mod tests;
