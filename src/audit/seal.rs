//! Seals the log: hashes what has been recorded since the newest seal, signs it, and appends that as the next seal.
//! Of several sealers one is faster; the others go on from its seal.

use std::sync::{PoisonError, RwLock};

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;
use tracing::info;

use super::anchor::hash_of;
use super::chain::{self, Segment};
use super::signing;
use crate::codec;
use crate::domain::bill::Sha256Hex;
use crate::domain::seal::{NO_ROOT, Seal};
use crate::ed25519::SigningKey;
use crate::ledger::{Ledger, LedgerError, PlacedSeal, newest_seal};
use crate::limits;
use crate::store::{Fault, Position, ReadLog, RecordedEvent};

/// One key that seals. The server has one, and a command that seals by itself.
pub struct Sealer {
    key: SigningKey,
    /// Who seals at the same time would hash the same for nothing.
    turn: Mutex<()>,
    newest: RwLock<Option<Seal>>,
    /// Of one seal.
    events_max: u64,
}

/// Asks what time it is.
pub type Clock<'a> = &'a (dyn Fn() -> DateTime<Utc> + Sync);

/// What came of sealing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealing {
    /// How many seals were added; none where nothing new was to be sealed.
    pub added: u64,
    /// `None` where nothing has ever been sealed, and nothing is to be.
    pub newest: Option<PlacedSeal>,
}

/// Why the log could not be sealed. What was sealed stays so.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the log cannot be read: {0}")]
    Fault(#[from] Fault),
    #[error(
        "the log has an event at position {found} where {expected} must stand: it was altered, and is not sealed; \
         `order-ledger verify` says more"
    )]
    Gap { expected: u64, found: Position },
}

impl Sealer {
    pub fn new(key: SigningKey) -> Self {
        let events_max = limits::SEAL_EVENTS_MAX;
        Self { key, turn: Mutex::default(), newest: RwLock::default(), events_max }
    }

    /// The newest seal as far as this sealer has looked.
    pub fn newest(&self) -> Option<Seal> {
        self.newest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks which seal is the newest.
    pub async fn look(&self, log: &dyn ReadLog) -> Result<Option<PlacedSeal>, LedgerError> {
        let newest = newest_seal(log, None).await?;
        let seal = newest.as_ref().map(|newest| newest.seal.clone());
        *self.newest.write().unwrap_or_else(PoisonError::into_inner) = seal;
        Ok(newest)
    }

    /// Seals all that stands in the log by now, but for seals that nothing has followed. The clock is asked when it is
    /// known what is to be sealed, which may be long after the call.
    pub async fn seal(&self, ledger: &Ledger, clock: Clock<'_>) -> Result<Sealing, SealError> {
        let _turn = self.turn.lock().await;
        let log: &dyn ReadLog = ledger.store().as_ref();
        let mut sealing = Sealing { added: 0, newest: self.look(log).await? };
        let Some(end) = log.last().await? else { return Ok(sealing) };
        let now = clock();
        let mut tries = 0;
        loop {
            let newest = sealing.newest.as_ref().map(|newest| &newest.seal);
            // A clock that was put back makes no seal older than the one before.
            let at = newest.map_or(now, |newest| now.max(newest.sealed_at));
            let Some(next) = self.next(log, newest, end, at).await? else { return Ok(sealing) };
            if ledger.append_seal(&next).await?.is_some() {
                let Seal { revision, count, position, root, .. } = &next;
                info!(revision, count, position, %root, "the log is sealed");
                sealing.added += 1;
            } else {
                tries += 1;
                if tries == limits::DECIDE_TRIES_MAX {
                    return Err(LedgerError::Contended.into());
                }
            }
            sealing.newest = self.look(log).await?;
        }
    }

    /// The seal that follows the newest one; `None` where there is nothing to seal up to `end`.
    async fn next(
        &self,
        log: &dyn ReadLog,
        newest: Option<&Seal>,
        end: Position,
        at: DateTime<Utc>,
    ) -> Result<Option<Seal>, SealError> {
        let covered = newest.map_or(0, |newest| newest.count);
        let unsealed = hashed(log, covered, end.number(), self.events_max).await?;
        let Some(Unsealed { segment, count }) = unsealed else { return Ok(None) };
        let previous_root = newest.map_or(NO_ROOT, |newest| hash_of(&newest.root));
        let segment = segment.hash();
        let seal = Seal {
            revision: newest.map_or(1, |newest| newest.revision + 1),
            log_id: log.log_id().0,
            count,
            position: count,
            segment: Sha256Hex::of_digest(&segment),
            root: Sha256Hex::of_digest(&chain::root(&previous_root, &segment)),
            sealed_at: at,
            public_key: String::new(),
            signature: String::new(),
        };
        Ok(Some(signing::sign(seal, &previous_root, &self.key)))
    }
}

/// What is to be sealed next.
struct Unsealed {
    segment: Segment,
    /// Events since the beginning of the log, those of the segment included.
    count: u64,
}

/// Hashes the events after the first `covered` up to the number `end`, `events_max` of them, or more where those are
/// seals only; `None` where all are. The positions of a log begin at 1 and have no gaps, so a position is a count.
async fn hashed(
    log: &dyn ReadLog,
    covered: u64,
    end: u64,
    events_max: u64,
) -> Result<Option<Unsealed>, SealError> {
    let full = covered.saturating_add(events_max);
    let (mut segment, mut count, mut is_new) = (Segment::default(), covered, false);
    while count < end && (count < full || !is_new) {
        let after = Some(Position::from_number(count)).filter(|after| after.number() > 0);
        let wanted = full.min(end).saturating_sub(count).max(1);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        let page = log.read_all(after, wanted.min(limits::READ_PAGE_EVENTS_MAX)).await?;
        if page.is_empty() {
            break;
        }
        is_new |= page.iter().any(|event| event.stream != codec::seal_stream());
        // Pushes are answered meanwhile.
        let added = tokio::task::spawn_blocking(move || add(segment, count, &page)).await;
        (segment, count) = added.map_err(|error| Fault::Io(error.to_string()))??;
    }
    Ok(is_new.then_some(Unsealed { segment, count }))
}

fn add(mut segment: Segment, mut count: u64, page: &[RecordedEvent]) -> Result<(Segment, u64), SealError> {
    for event in page {
        count += 1;
        if event.position.number() != count {
            return Err(SealError::Gap { expected: count, found: event.position });
        }
        segment.add(&chain::digest(event));
    }
    Ok((segment, count))
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
