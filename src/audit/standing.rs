//! Where events stand in a log: how many there are up to each, and which seal covers it. Positions need be no counts;
//! where they are none, events are counted, from the last place before at which a seal says how many there are.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::{self, Segment};
use super::seals::{Counted, Seals, Span};
use super::verify::{Dense, Reader};
use crate::domain::bill::Sha256Hex;
use crate::limits;
use crate::store::{Fault, Position, ReadLog};

/// Of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stand {
    /// Counts the events of the log from 1.
    pub ordinal: u64,
    /// The place of the first seal that covers it; `None` where it is not sealed yet.
    pub seal: Option<usize>,
}

/// Where each of these events stands.
pub async fn of(
    log: &dyn ReadLog,
    seals: &Seals,
    events: &BTreeSet<Position>,
) -> Result<BTreeMap<Position, Stand>, Fault> {
    let dense = Dense::of(seals.ends());
    let mut counter = Counter::new(log);
    let mut stands = BTreeMap::new();
    for position in events {
        let before = seals.counted_before(*position);
        let last = before.last.map_or(0, Position::number);
        let ordinal = if dense.holds(last, position.number()) {
            before.count.saturating_add(position.number() - last)
        } else {
            counter.ordinal(seals, *position).await?
        };
        let seal = seals.covering(seals.candidates(*position), ordinal);
        stands.insert(*position, Stand { ordinal, seal });
    }
    Ok(stands)
}

/// The place of the first seal that covers each of these events; those that are not sealed yet are not among them. Only
/// a copy of a sealed log is read for it.
pub async fn covered(
    log: &dyn ReadLog,
    seals: &Seals,
    events: &BTreeSet<Position>,
) -> Result<BTreeMap<Position, usize>, Fault> {
    let mut counter = Counter::new(log);
    let mut covered = BTreeMap::new();
    for position in events {
        let candidates = seals.candidates(*position);
        let seal = if seals.needs_count(&candidates) {
            seals.covering(candidates, counter.ordinal(seals, *position).await?)
        } else {
            candidates.last()
        };
        covered.extend(seal.map(|seal| (*position, seal)));
    }
    Ok(covered)
}

/// Counts the events of a log, ahead only.
pub struct Counter<'a> {
    log: &'a dyn ReadLog,
    at: Counted,
}

impl<'a> Counter<'a> {
    pub fn new(log: &'a dyn ReadLog) -> Self {
        Self { log, at: Counted::default() }
    }

    /// Where the segment of the seal at this place begins; where fewer events stand in the log, its end.
    pub async fn begin_of(&mut self, seals: &Seals, place: usize) -> Result<Counted, Fault> {
        self.go_on_from(seals.counted_before_segment(place));
        let count = seals.count_before(place);
        if self.at.count < count
            && let Some(span) = self.kept(seals, place).await?
        {
            self.go_on_from(span.begin);
        }
        if self.at.count < count {
            self.go_on(|next| next.count <= count).await?;
        }
        Ok(self.at)
    }

    /// The segment of a seal that was made in another log, where it stands at the positions that it had there: it hashes
    /// to what was sealed. This spares counting from the beginning in a copy that keeps positions.
    async fn kept(&self, seals: &Seals, place: usize) -> Result<Option<Span>, Fault> {
        let Some(span) = seals.span_elsewhere(place) else { return Ok(None) };
        let (mut segment, mut at) = (Segment::default(), span.begin);
        while at.last < span.end.last {
            let page = match self.log.read_all(at.last, limits::READ_PAGE_EVENTS_MAX).await {
                Err(Fault::Unreadable(_)) => return Ok(None),
                page => page?,
            };
            if page.is_empty() {
                break;
            }
            for event in page.iter().take_while(|event| Some(event.position) <= span.end.last) {
                at = at.and(event.position);
                segment.add(&chain::digest(event));
            }
            let is_over = page.last().is_some_and(|last| Some(last.position) >= span.end.last);
            if is_over || at.count > span.end.count {
                break;
            }
        }
        let is_it = seals.all().get(place).is_some_and(|anchor| {
            at.count == span.end.count && Sha256Hex::of_digest(&segment.hash()) == anchor.seal.segment
        });
        Ok(is_it.then_some(span))
    }

    /// Counts from there, unless it is further.
    pub fn go_on_from(&mut self, counted: Counted) {
        self.at = self.at.max(counted);
    }

    async fn ordinal(&mut self, seals: &Seals, position: Position) -> Result<u64, Fault> {
        self.go_on_from(seals.counted_before(position));
        if let Some(place) = seals.supposed(position, self.at)
            && let Some(span) = self.kept(seals, place).await?
        {
            self.go_on_from(if span.end.last < Some(position) { span.end } else { span.begin });
        }
        if self.at.last < Some(position) {
            self.go_on(|next| next.last <= Some(position)).await?;
        }
        Ok(self.at.count)
    }

    async fn go_on(&mut self, is_within: impl Fn(Counted) -> bool) -> Result<(), Fault> {
        let after = self.at.last.map_or(0, Position::number);
        let mut reader = Reader::new(after, limits::READ_PAGE_EVENTS_MAX);
        while let Some(positions) = reader.positions(self.log).await? {
            for position in positions {
                let next = self.at.and(Position::from_number(position));
                if !is_within(next) {
                    return Ok(());
                }
                self.at = next;
            }
        }
        Ok(())
    }
}
