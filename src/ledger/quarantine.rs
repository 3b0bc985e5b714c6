//! Pushes in quarantine: kept once, looked at, and decided about.

use chrono::{DateTime, Utc};

use super::settle::{command_target, push_target};
use super::{Ledger, LedgerError};
use crate::codec;
use crate::domain::app::AppSlug;
use crate::domain::evidence::Evidence;
use crate::domain::quarantine::{Answer, Quarantine, Reason, Resolution, ResolveError};
use crate::quota::Budget;

#[derive(Debug, thiserror::Error)]
pub enum ResolveQuarantineError {
    #[error(transparent)]
    Refused(#[from] ResolveError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A push in quarantine.
#[derive(Clone, Debug)]
pub struct Held {
    pub app: AppSlug,
    pub evidence: Evidence,
    pub resolution: Option<Resolution>,
}

impl Ledger {
    /// Keeps an authentic push that is unusable, once, and says how to answer it.
    pub async fn quarantine(
        &self,
        app: &AppSlug,
        reason: &Reason,
        out_trade_no: Option<&str>,
        evidence: &Evidence,
    ) -> Result<Answer, LedgerError> {
        let id = codec::quarantine_id(app, &evidence.event, &evidence.payload);
        let stream = codec::quarantine_stream(&id);
        let target = push_target(&stream, app, evidence, Some(Budget::Quarantine));
        let seen = self.read(&stream, Quarantine::evolve).await?;
        let decide = |held: &Quarantine| {
            let (event, answer) = held.decide(&evidence.event, reason, out_trade_no);
            (event.into_iter().collect(), answer)
        };
        Ok(self.settle(&target, seen, Quarantine::evolve, decide).await?.outcome)
    }

    /// A push in quarantine; `None` where there is none of this id.
    pub async fn held(&self, id: &str) -> Result<Option<Held>, LedgerError> {
        let stream = codec::quarantine_stream(id);
        let resolution = self.read(&stream, Quarantine::evolve).await?.state.resolution;
        let first = self.store.read_stream(&stream, 0, 1).await.map_err(LedgerError::Unavailable)?;
        let first = first.first().map(codec::decode).transpose()?.map(|first| first.metadata);
        Ok(first.and_then(|first| Some(Held { app: first.app?, evidence: first.evidence?, resolution })))
    }

    /// Adopts or dismisses a push in quarantine. `false` where that had been decided before.
    pub async fn resolve(
        &self,
        id: &str,
        how: Resolution,
        by: &str,
        reason: &str,
        at: DateTime<Utc>,
    ) -> Result<bool, ResolveQuarantineError> {
        let stream = codec::quarantine_stream(id);
        let seen = self.read(&stream, Quarantine::evolve).await?;
        let Some(app) = seen.app.clone() else { return Err(ResolveError::NotHeld.into()) };
        let target = command_target(&stream, Some(&app), at);
        let decide = |held: &Quarantine| match held.resolve(how, by, reason) {
            Ok(event) => (event.into_iter().collect(), Ok(())),
            Err(error) => (vec![], Err(error)),
        };
        let settled = self.settle(&target, seen, Quarantine::evolve, decide).await?;
        settled.outcome?;
        self.decided.insert(id);
        Ok(settled.recorded)
    }
}
