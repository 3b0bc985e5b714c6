//! The write side: decide what a push means, append it, and on a conflict read and decide again.

mod bill;
mod case;
mod decided;
mod grant;
mod period;
mod quarantine;
mod recovery;
mod register;
mod report;
mod roles;
mod seal;
mod settle;
mod upon;

use std::sync::Arc;

use crate::codec::{self, DecodeError, EncodeError};
use crate::domain::app::AppSlug;
use crate::domain::environment::Environment;
use crate::domain::event::Event;
use crate::domain::evidence::Evidence;
use crate::domain::order::{self, Order};
use crate::domain::push::Push;
use crate::limits;
use crate::quota::{Budget, OverQuota, Quotas};
use crate::store::{EventStore, Fault, Position, StreamName};

pub use bill::{BillImportError, BillWriter, Opened};
pub use case::CaseCommandError;
pub use grant::{GrantOrderError, GrantOutcome};
pub use period::PeriodCommandError;
pub use quarantine::{Held, ResolveQuarantineError};
pub use recovery::{Recovering, RecoveryCommandError, Step, ToApprove};
pub use register::{ConfiguredApp, RegisterError};
pub use report::ReportError;
pub use roles::Reported;
pub use seal::{PlacedSeal, newest_seal, seals};
pub use upon::Upon;

use decided::Decided;
use settle::{Seen, push_target};
use upon::Revised;

pub struct Ledger {
    store: Arc<dyn EventStore>,
    quotas: Quotas,
    decided: Decided,
    /// One word about recovered orders at a time: what it means stands in two streams.
    recovering: tokio::sync::Mutex<()>,
}

/// What came of a word of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// False where the same had been said before.
    pub recorded: bool,
    /// Read models that have come so far show it.
    pub position: Option<Position>,
}

/// What came of a word upon a stream that counts its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// False where the same had been said before.
    pub recorded: bool,
    /// Read models that have come so far show it.
    pub position: Option<Position>,
    /// Words of the stream by this one, whoever else has said more since.
    pub revision: u64,
}

/// Why something could not be recorded. Nothing of it was acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("{0}")]
    Unavailable(Fault),
    #[error(transparent)]
    OverQuota(#[from] OverQuota),
    #[error("other writers were faster {} times in a row", limits::DECIDE_TRIES_MAX)]
    Contended,
    #[error(
        "{stream} has an event with version {found} where {expected} must stand: it was deleted or altered"
    )]
    Altered { stream: StreamName, expected: u64, found: u64 },
    #[error(
        "the event at position {position} is not the seal {revision} that must stand there: it was altered"
    )]
    NoSeal { position: Position, revision: u64 },
    #[error("something else has been said since: what stands has the revision {revision}")]
    Stale { revision: u64 },
    #[error(transparent)]
    Unreadable(#[from] DecodeError),
    #[error(transparent)]
    Unwritable(#[from] EncodeError),
}

impl Ledger {
    pub async fn open(store: Arc<dyn EventStore>, quotas: Quotas) -> Result<Self, LedgerError> {
        let (decided, recovering) = (Decided::default(), tokio::sync::Mutex::default());
        let ledger = Self { store, quotas, decided, recovering };
        ledger.read_decisions().await?;
        Ok(ledger)
    }

    /// The last position that anybody has been told by now.
    pub async fn end(&self) -> Result<Option<Position>, LedgerError> {
        self.store.end().await.map_err(LedgerError::Unavailable)
    }

    /// The same, or where the log is known to reach `wanted` anyhow, as far as it is known.
    pub async fn end_from(&self, wanted: Option<Position>) -> Result<Option<Position>, LedgerError> {
        let head = *self.store.head().borrow();
        if wanted <= head { Ok(head) } else { self.end().await }
    }

    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.store
    }

    /// Records a verified push, or finds that it stands already.
    pub async fn record(
        &self,
        app: &AppSlug,
        push: &Push,
        evidence: &Evidence,
    ) -> Result<order::Answer, LedgerError> {
        if self.is_decided(app, evidence) {
            return Ok(order::Answer::Success);
        }
        let stream = codec::push_stream(app, push);
        let budget = (push.env() == Some(Environment::Sandbox)).then_some(Budget::Sandbox);
        let target = push_target(&stream, app, evidence, budget);
        // Nearly every push is the first of its order: appending tells at once whether it is.
        let decide = |order: &Order| {
            let order::Decision { events, answer } = order.decide(push);
            (events, answer)
        };
        Ok(self.settle(&target, Seen::nothing(), Order::evolve, decide).await?.outcome)
    }

    /// Whether a different content stands under a push's number.
    pub async fn is_contradicted(&self, app: &AppSlug, push: &Push) -> Result<bool, LedgerError> {
        let seen: Seen<Order> = self.read(&codec::push_stream(app, push), Order::evolve).await?;
        Ok(seen.state.decide(push).answer == order::Answer::Conflict)
    }

    /// Remembers the ids of a mock push that carried a valid signature.
    pub async fn remember_mock(
        &self,
        app: &AppSlug,
        push: &Push,
        evidence: &Evidence,
    ) -> Result<(), LedgerError> {
        let stream = codec::mock_stream(app, push);
        let target = push_target(&stream, app, evidence, Some(Budget::Quarantine));
        // One mock an order is enough to know the order for a mock.
        let decide =
            |known: &bool| (if *known { vec![] } else { vec![Event::MockReceived(push.clone())] }, ());
        self.settle(&target, Seen::nothing(), |_, _| true, decide).await?;
        Ok(())
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;

#[cfg(test)]
mod closing_tests;

#[cfg(test)]
mod gated;

#[cfg(test)]
mod recovery_tests;
