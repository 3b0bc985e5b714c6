//! The seals of a log, and which of them covers an event.

use super::anchor::{self, Anchor};
use crate::ledger::LedgerError;
use crate::limits;
use crate::store::{Position, ReadLog};

/// All seals of a log in their order.
pub struct Seals(Vec<Anchor>);

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
