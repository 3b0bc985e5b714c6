//! The seals of a log, and what they tell by themselves of where in it the events end that each covers.

use std::ops::Range;

use super::anchor::{self, Anchor, AnchorProblem};
use crate::ed25519::PublicKey;
use crate::ledger::LedgerError;
use crate::limits;
use crate::store::{LogId, Position, ReadLog};

/// All seals of a log in their order.
pub struct Seals {
    anchors: Vec<Anchor>,
    /// Where each stands.
    stands_at: Vec<Position>,
    log_id: LogId,
}

/// A place in a log, and how many events there are up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counted {
    /// The last of them; `None` where there is none.
    pub last: Option<Position>,
    pub count: u64,
}

/// A segment: up to its begin, and up to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub begin: Counted,
    pub end: Counted,
}

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

impl Counted {
    /// With the event behind it.
    pub fn and(self, position: Position) -> Self {
        Self { last: Some(position), count: self.count + 1 }
    }
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
        let mut seals = Self { anchors: Vec::new(), stands_at: Vec::new(), log_id: log.log_id() };
        let mut next = 1;
        loop {
            let page = anchor::placed(log, next, limits::READ_PAGE_EVENTS_MAX / 2).await?;
            let Some((last, _)) = page.last() else { return Ok(seals) };
            next = last.seal.revision + 1;
            for (anchor, position) in page {
                seals.anchors.push(anchor);
                seals.stands_at.push(position);
            }
        }
    }

    /// Where the events end that the seal at this place covers; `None` where it was made in the log that this one is a
    /// copy of, whose positions say nothing here.
    fn end(&self, place: usize) -> Option<Counted> {
        let seal = self.anchors.get(place).map(|anchor| &anchor.seal)?;
        let last = Some(Position::from_number(seal.position));
        (seal.log_id == self.log_id.0).then_some(Counted { last, count: seal.count })
    }

    /// The seals of which one covers an event, or else none does. It is the last where that was made in this log;
    /// before it stand only such as were not, and of these it is the first that covers as many events as there are up to
    /// this one.
    pub fn candidates(&self, position: Position) -> Range<usize> {
        let all = self.anchors.len();
        let ends_behind = |place: &usize| self.end(*place).is_some_and(|end| end.last >= Some(position));
        let own = (0..all).find(ends_behind);
        let behind = own.unwrap_or(all);
        let passed = (0..behind).rfind(|place| self.end(*place).is_some()).map_or(0, |place| place + 1);
        // A seal covers nothing that stands behind it.
        let stands_behind = |place: &usize| self.stands_at.get(*place).is_some_and(|at| *at > position);
        let first = (passed..behind).find(stands_behind).unwrap_or(behind);
        first..own.map_or(all, |own| own + 1)
    }

    /// Whether only the number of events up to it tells which of the candidates covers an event.
    pub fn needs_count(&self, candidates: &Range<usize>) -> bool {
        !candidates.is_empty() && self.end(candidates.start).is_none()
    }

    /// The one of the candidates that covers the event with this number.
    pub fn covering(&self, mut candidates: Range<usize>, ordinal: u64) -> Option<usize> {
        candidates.find(|place| {
            let is_within = |anchor: &Anchor| anchor.seal.count >= ordinal;
            self.end(*place).is_some() || self.anchors.get(*place).is_some_and(is_within)
        })
    }

    /// The last place before an event up to which it is known how many events there are.
    pub fn counted_before(&self, position: Position) -> Counted {
        let mut ends = (0..self.anchors.len()).rev().filter_map(|place| self.end(place));
        ends.find(|end| end.last < Some(position)).unwrap_or_default()
    }

    /// The same, before the segment of the seal at this place.
    pub fn counted_before_segment(&self, place: usize) -> Counted {
        (0..place).rev().find_map(|place| self.end(place)).unwrap_or_default()
    }

    /// Where the segment of the seal at this place stood in the log in which the one before it was made.
    pub fn span_elsewhere(&self, place: usize) -> Option<Span> {
        let counted = |anchor: &Anchor| {
            let last = Some(Position::from_number(anchor.seal.position)).filter(|last| last.number() > 0);
            Counted { last, count: anchor.seal.count }
        };
        let end = counted(self.anchors.get(place)?);
        let begin = match place.checked_sub(1) {
            Some(before) => counted(self.anchors.get(before)?),
            None => Counted::default(),
        };
        (begin < end).then_some(Span { begin, end })
    }

    /// The seal in whose segment an event stands if it has the position that it had in the log in which that was made,
    /// or else the last; `None` where that says nothing new beside what is counted.
    pub fn supposed(&self, position: Position, counted: Counted) -> Option<usize> {
        let is_behind = |anchor: &Anchor| anchor.seal.position >= position.number();
        let all = self.anchors.len();
        let supposed = self.anchors.iter().position(is_behind).unwrap_or(all);
        let is_new = self.count_before(supposed) > counted.count;
        is_new.then_some(supposed.min(all.saturating_sub(1)))
    }

    /// Whether the segment of the seal at this place goes so far.
    pub fn reaches(&self, place: usize, to: Counted) -> bool {
        let count = self.anchors.get(place).map_or(0, |anchor| anchor.seal.count);
        self.end(place).map_or(to.count <= count, |end| to.last <= end.last)
    }

    /// Of each, how many events it covers, and where in this log the last of them stands.
    pub fn ends(&self) -> impl Iterator<Item = (u64, Option<u64>)> {
        self.anchors.iter().enumerate().map(|(place, anchor)| {
            let last = self.end(place).and_then(|end| end.last);
            (anchor.seal.count, last.map(Position::number))
        })
    }

    /// How many events stood before the segment of the seal at this place.
    pub fn count_before(&self, place: usize) -> u64 {
        let before = place.checked_sub(1).and_then(|place| self.anchors.get(place));
        before.map_or(0, |anchor| anchor.seal.count)
    }

    pub fn all(&self) -> &[Anchor] {
        &self.anchors
    }

    pub fn newest(&self) -> Option<&Anchor> {
        self.anchors.last()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::samples;
    use crate::domain::seal::{NO_ROOT, Seal};

    /// Of each: how many events it covers, where it stands, and where the last of them does, if it was made in this log.
    fn seals(seals: &[(u64, u64, Option<u64>)]) -> Seals {
        let (own, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let sample = samples::seal();
        let anchor = |(revision, (count, _, own_end)): (u64, &(u64, u64, Option<u64>))| Anchor {
            seal: Seal {
                revision,
                count: *count,
                position: own_end.unwrap_or(*count),
                log_id: if own_end.is_some() { own } else { other },
                ..sample.clone()
            },
            previous_root: NO_ROOT,
        };
        Seals {
            anchors: (1..).zip(seals).map(anchor).collect(),
            stands_at: seals.iter().map(|(_, at, _)| Position::from_number(*at)).collect(),
            log_id: LogId(own),
        }
    }

    #[test]
    fn an_event_is_covered_by_the_first_seal_of_this_log_whose_events_end_behind_it() {
        for (placed, expected) in [
            (&[(3, 4, Some(3)), (4, 6, Some(4)), (9, 10, Some(9))][..], [0..1, 0..1, 1..2, 2..3, 3..3]),
            (&[(1, 4, Some(2)), (2, 6, Some(4)), (3, 10, Some(9))], [0..1, 1..2, 1..2, 2..3, 3..3]),
            (&[], [0..0, 0..0, 0..0, 0..0, 0..0]),
        ] {
            let seals = seals(placed);
            let found = [1, 3, 4, 5, 10].map(|number| seals.candidates(Position::from_number(number)));
            assert_eq!(found, expected, "{placed:?}");
            assert!(found.iter().all(|found| !seals.needs_count(found)));
        }
    }

    #[test]
    fn of_seals_that_were_made_elsewhere_only_the_count_tells_which_covers_an_event() {
        let seals = seals(&[(2, 40, None), (4, 60, None), (6, 90, Some(70))]);
        for (position, candidates, ordinal, covering) in [
            (10, 0..3, 1, Some(0)),
            (30, 0..3, 3, Some(1)),
            // Behind the first, and before the second.
            (50, 1..3, 4, Some(1)),
            (55, 1..3, 5, Some(2)),
            (65, 2..3, 6, Some(2)),
            (80, 3..3, 7, None),
        ] {
            let found = seals.candidates(Position::from_number(position));
            assert_eq!(found, candidates, "{position}");
            assert_eq!(seals.needs_count(&found), position < 60, "{position}");
            assert_eq!(seals.covering(found, ordinal), covering, "{position}");
        }
        let counted = Counted { last: Some(Position::from_number(70)), count: 6 };
        assert_eq!(seals.counted_before(Position::from_number(71)), counted);
        assert_eq!(seals.counted_before(Position::from_number(70)), Counted::default());
        assert_eq!([0, 1, 2].map(|place| seals.count_before(place)), [0, 2, 4]);
    }
}
