//! What people judge of differences: resolved, and reopened.

use chrono::{DateTime, Utc};

use super::settle::command_target;
use super::{Ledger, LedgerError, Recorded};
use crate::codec;
use crate::domain::case::{Case, CaseError, CaseKey, Judgement};

#[derive(Debug, thiserror::Error)]
pub enum CaseCommandError {
    #[error(transparent)]
    Refused(#[from] CaseError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
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
    ) -> Result<Recorded, LedgerError> {
        let stream = codec::case_stream(key);
        let target = command_target(&stream, None, at);
        let decide = |case: &Case| Ok(case.decide_resolve(key, judgement, by));
        let Ok(recorded) = self.say::<_, std::convert::Infallible>(&target, Case::evolve, decide).await?;
        Ok(recorded)
    }

    /// Takes a judgement back.
    pub async fn reopen_case(
        &self,
        key: &CaseKey,
        reason: &str,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<Recorded, CaseCommandError> {
        let stream = codec::case_stream(key);
        let target = command_target(&stream, None, at);
        let decide = |case: &Case| case.decide_reopen(key, reason, by);
        Ok(self.say(&target, Case::evolve, decide).await??)
    }
}
