//! A merchant's months: prepared, closed by another person, reopened.

use chrono::{DateTime, Utc};

use super::settle::command_target;
use super::{Ledger, LedgerError, ReportError, Revised, Said, Upon};
use crate::codec;
use crate::domain::bill::Sha256Hex;
use crate::domain::period::{Period, PeriodError, PeriodKey, PreparedReport};

#[derive(Debug, thiserror::Error)]
pub enum PeriodCommandError {
    #[error(transparent)]
    Refused(#[from] PeriodError),
    #[error("the report {sha256} is not filed in the log: prepare the period anew")]
    NotFiled { sha256: Sha256Hex },
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Revised for Period {
    fn revision(&self) -> u64 {
        self.revision
    }
}

impl Ledger {
    pub async fn period(&self, key: &PeriodKey) -> Result<Period, LedgerError> {
        Ok(self.read(&codec::period_stream(key), Period::evolve).await?.state)
    }

    /// Records which report is to be closed. The same again is nothing.
    pub async fn prepare_period(
        &self,
        key: &PeriodKey,
        report: &PreparedReport,
        at: DateTime<Utc>,
        upon: Upon,
    ) -> Result<Said, PeriodCommandError> {
        let stream = codec::period_stream(key);
        let target = command_target(&stream, None, at);
        let decide = |period: &Period| period.decide_prepare(key, report);
        Ok(self.say_upon(&target, upon, Period::evolve, decide).await??)
    }

    /// Closes exactly what was prepared last, by another person. The report must have been filed.
    pub async fn close_period(
        &self,
        key: &PeriodKey,
        report_sha256: &Sha256Hex,
        by: &str,
        at: DateTime<Utc>,
        upon: Upon,
    ) -> Result<Said, PeriodCommandError> {
        let stream = codec::period_stream(key);
        let target = command_target(&stream, None, at);
        let decide = |period: &Period| period.decide_close(key, report_sha256, by);
        // Whether it may be closed is said before whether its report is there.
        let period = self.period(key).await?;
        upon.check(period.revision)?;
        decide(&period)?;
        if !self.is_filed(report_sha256).await? {
            return Err(PeriodCommandError::NotFiled { sha256: report_sha256.clone() });
        }
        Ok(self.say_upon(&target, upon, Period::evolve, decide).await??)
    }

    /// Who may is checked by whoever asks.
    pub async fn reopen_period(
        &self,
        key: &PeriodKey,
        reason: &str,
        by: &str,
        at: DateTime<Utc>,
        upon: Upon,
    ) -> Result<Said, PeriodCommandError> {
        let stream = codec::period_stream(key);
        let target = command_target(&stream, None, at);
        let decide = |period: &Period| period.decide_reopen(key, reason, by);
        Ok(self.say_upon(&target, upon, Period::evolve, decide).await??)
    }
}
