//! A merchant's month: prepared, closed by another person, and reopened.

use std::fmt;

use chrono::{Datelike, Months, NaiveDate};

use super::bill::{MerchantId, Sha256Hex};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_written_in_one_way_and_knows_its_days() {
        for (text, days) in [
            ("2026-01", Some(("2026-01-01", "2026-01-31"))),
            ("2024-02", Some(("2024-02-01", "2024-02-29"))),
            ("9999-12", Some(("9999-12-01", "9999-12-31"))),
            ("2026-13", None),
            ("2026-1", None),
            (" 2026-01", None),
            ("2026-01-01", None),
            ("+2026-01", None),
            ("1969-12", None),
            ("", None),
        ] {
            let found = Month::parse(text).ok();
            let shown = found.map(|month| (month.first_day().to_string(), month.last_day().to_string()));
            let shown = shown.as_ref().map(|(first, last)| (first.as_str(), last.as_str()));
            assert_eq!(shown, days, "{text:?}");
            if let Some(month) = found {
                assert_eq!(month.to_string(), text);
                assert_eq!(Month::of(month.last_day()), Some(month));
            }
        }
    }
}
