//! What people judge of differences: resolved, and reopened.

use std::convert::Infallible;

use chrono::{DateTime, Utc};

use super::settle::command_target;
use super::{Ledger, LedgerError, Revised, Said, Upon};
use crate::codec;
use crate::domain::case::{Case, CaseError, CaseKey, Judgement};

#[derive(Debug, thiserror::Error)]
pub enum CaseCommandError {
    #[error(transparent)]
    Refused(#[from] CaseError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Revised for Case {
    fn revision(&self) -> u64 {
        self.revision
    }
}

impl Ledger {
    pub async fn case(&self, key: &CaseKey) -> Result<Case, LedgerError> {
        Ok(self.read(&codec::case_stream(key), Case::evolve).await?.state)
    }

    /// Records a judgement; the same on the same facts again is nothing.
    pub async fn resolve_case(
        &self,
        key: &CaseKey,
        judgement: &Judgement,
        by: &str,
        at: DateTime<Utc>,
        upon: Upon,
    ) -> Result<Said, LedgerError> {
        let stream = codec::case_stream(key);
        let target = command_target(&stream, None, at);
        let decide = |case: &Case| Ok(case.decide_resolve(key, judgement, by));
        let Ok(said) = self.say_upon::<_, Infallible>(&target, upon, Case::evolve, decide).await?;
        Ok(said)
    }

    /// The same of a row that was seen when `seen_by` had had the last word: refused where somebody has spoken since.
    pub async fn resolve_case_as_seen(
        &self,
        key: &CaseKey,
        judgement: &Judgement,
        seen_by: &str,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<Said, CaseCommandError> {
        let stream = codec::case_stream(key);
        let target = command_target(&stream, None, at);
        let decide = |case: &Case| case.decide_resolve_as_seen(key, judgement, seen_by, by);
        Ok(self.say_upon(&target, Upon::Whatever, Case::evolve, decide).await??)
    }

    /// Takes a judgement back.
    pub async fn reopen_case(
        &self,
        key: &CaseKey,
        reason: &str,
        by: &str,
        at: DateTime<Utc>,
        upon: Upon,
    ) -> Result<Said, CaseCommandError> {
        let stream = codec::case_stream(key);
        let target = command_target(&stream, None, at);
        let decide = |case: &Case| case.decide_reopen(key, reason, by);
        Ok(self.say_upon(&target, upon, Case::evolve, decide).await??)
    }
}
