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
    #[error(
        "seal {revision} covers {count} events and the log has {found}: it was altered, and is not sealed; \
         `order-ledger verify` says more"
    )]
    Short { revision: u64, count: u64, found: u64 },
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
        let covered = Covered::by(log, newest).await?;
        let unsealed = hashed(log, covered, end, self.events_max).await?;
        let Some(Unsealed { segment, count, position }) = unsealed else { return Ok(None) };
        let previous_root = newest.map_or(NO_ROOT, |newest| hash_of(&newest.root));
        let segment = segment.hash();
        let seal = Seal {
            revision: newest.map_or(1, |newest| newest.revision + 1),
            log_id: log.log_id().0,
            count,
            position: position.number(),
            segment: Sha256Hex::of_digest(&segment),
            root: Sha256Hex::of_digest(&chain::root(&previous_root, &segment)),
            sealed_at: at,
            public_key: String::new(),
            signature: String::new(),
        };
        Ok(Some(signing::sign(seal, &previous_root, &self.key)))
    }
}

/// What the newest seal covers.
#[derive(Clone, Copy)]
struct Covered {
    count: u64,
    /// Of the last of it; `None` where that is nothing.
    last: Option<Position>,
    /// Whether this log has numbered its events one by one, and so must go on.
    is_dense: bool,
}

impl Covered {
    async fn by(log: &dyn ReadLog, newest: Option<&Seal>) -> Result<Self, SealError> {
        let Some(newest) = newest else { return Ok(Self { count: 0, last: None, is_dense: false }) };
        let count = newest.count;
        if newest.log_id == log.log_id().0 {
            let last = Some(Position::from_number(newest.position));
            return Ok(Self { count, last, is_dense: newest.position == count });
        }
        // It was made in the log that this one is a copy of, whose positions say nothing here.
        let (mut seen, mut last) = (0, None);
        while seen < count {
            let wanted = usize::try_from(count - seen).unwrap_or(usize::MAX);
            let page = log.read_all(last, wanted.min(limits::READ_PAGE_EVENTS_MAX)).await?;
            let Some(end) = page.last() else {
                return Err(SealError::Short { revision: newest.revision, count, found: seen });
            };
            seen += page.len() as u64;
            last = Some(end.position);
        }
        Ok(Self { count, last, is_dense: false })
    }
}

/// What is to be sealed next.
struct Unsealed {
    segment: Segment,
    /// Events since the beginning of the log, those of the segment included.
    count: u64,
    /// Of the last of them.
    position: Position,
}

/// Hashes the events behind those that are covered, up to the position `end`, `events_max` of them, or more where
/// those are seals only; `None` where all are.
async fn hashed(
    log: &dyn ReadLog,
    covered: Covered,
    end: Position,
    events_max: u64,
) -> Result<Option<Unsealed>, SealError> {
    let full = covered.count.saturating_add(events_max);
    let (mut segment, mut to, mut is_new) = (Segment::default(), covered, false);
    while to.last.is_none_or(|last| last < end) && (to.count < full || !is_new) {
        let wanted = usize::try_from(full.saturating_sub(to.count).max(1)).unwrap_or(usize::MAX);
        let mut page = log.read_all(to.last, wanted.min(limits::READ_PAGE_EVENTS_MAX)).await?;
        page.truncate(page.partition_point(|event| event.position <= end));
        if page.is_empty() {
            break;
        }
        is_new |= page.iter().any(|event| event.stream != codec::seal_stream());
        // Pushes are answered meanwhile.
        let added = tokio::task::spawn_blocking(move || add(segment, to, &page)).await;
        (segment, to) = added.map_err(|error| Fault::Io(error.to_string()))??;
    }
    let unsealed = to.last.map(|position| Unsealed { segment, count: to.count, position });
    Ok(unsealed.filter(|_| is_new))
}

fn add(
    mut segment: Segment,
    mut to: Covered,
    page: &[RecordedEvent],
) -> Result<(Segment, Covered), SealError> {
    for event in page {
        to.count += 1;
        if to.is_dense && event.position.number() != to.count {
            return Err(SealError::Gap { expected: to.count, found: event.position });
        }
        to.last = Some(event.position);
        segment.add(&chain::digest(event));
    }
    Ok((segment, to))
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
