//! The seals of a log, and which of them covers an event.

use super::anchor::{self, Anchor, AnchorProblem};
use crate::ed25519::PublicKey;
use crate::ledger::LedgerError;
use crate::limits;
use crate::store::{Position, ReadLog};

/// All seals of a log in their order.
pub struct Seals(Vec<Anchor>);

/// The keys whose seals count. Where none is configured, any does.
pub struct Trusted(pub Vec<PublicKey>);

/// Why a seal says nothing of the events that it covers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealProblem {
    #[error("THE SEAL DOES NOT HOLD: {0}")]
    Broken(#[from] AnchorProblem),
    #[error(
        "ITS KEY IS UNKNOWN: the key {0} signed it, which is neither seal.key_file's nor one of seal.public_keys"
    )]
    UnknownKey(String),
}

impl Trusted {
    /// `None` where it holds.
    pub fn problem(&self, anchor: &Anchor) -> Option<SealProblem> {
        match anchor.verify() {
            Ok(key) if self.0.is_empty() || self.0.contains(&key) => None,
            Ok(key) => Some(SealProblem::UnknownKey(key.to_string())),
            Err(problem) => Some(problem.into()),
        }
    }
}

impl Seals {
    pub async fn read(log: &dyn ReadLog) -> Result<Self, LedgerError> {
        let (mut seals, mut next) = (Vec::new(), 1);
        loop {
            let page = anchor::of_log(log, next, limits::READ_PAGE_EVENTS_MAX / 2).await?;
            let Some(last) = page.last() else { return Ok(Self(seals)) };
            next = last.seal.revision + 1;
            seals.extend(page);
        }
    }

    /// The place of the first seal that covers an event; `None` where it is not sealed yet. A log's positions begin
    /// at 1 and have no gaps, so the position is how many events stand up to there.
    pub fn place_of(&self, position: Position) -> Option<usize> {
        let place = self.0.partition_point(|anchor| anchor.seal.count < position.number());
        (place < self.0.len()).then_some(place)
    }

    pub fn covering(&self, position: Position) -> Option<&Anchor> {
        self.0.get(self.place_of(position)?)
    }

    /// How many events stood before the segment of the seal at this place.
    pub fn count_before(&self, place: usize) -> u64 {
        let before = place.checked_sub(1).and_then(|place| self.0.get(place));
        before.map_or(0, |anchor| anchor.seal.count)
    }

    pub fn all(&self) -> &[Anchor] {
        &self.0
    }

    pub fn newest(&self) -> Option<&Anchor> {
        self.0.last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples;
    use crate::domain::seal::{NO_ROOT, Seal};

    fn sealed_at(counts: &[u64]) -> Seals {
        let sample = samples::seal();
        let anchor = |(revision, count): (u64, &u64)| Anchor {
            seal: Seal { revision, count: *count, position: *count, ..sample.clone() },
            previous_root: NO_ROOT,
        };
        Seals((1..).zip(counts).map(anchor).collect())
    }

    #[test]
    fn an_event_is_covered_by_the_first_seal_that_was_made_behind_it() {
        let seals = sealed_at(&[3, 4, 9]);
        let found: Vec<_> = (1..=10).map(|number| seals.place_of(Position::from_number(number))).collect();
        let expected = [0, 0, 0, 1, 2, 2, 2, 2, 2].map(Some).into_iter().chain([None]);
        assert_eq!(found, expected.collect::<Vec<_>>());
        assert_eq!([0, 1, 2].map(|place| seals.count_before(place)), [0, 3, 4]);
        assert!(sealed_at(&[]).covering(Position::from_number(1)).is_none());
    }
}
