//! Where events stand in a log: how many there are up to each, and which seal covers it. Positions need be no counts;
//! where they are none, events are counted, from the last place before at which a seal says how many there are.

use std::collections::{BTreeMap, BTreeSet};

use super::seals::{Counted, Seals};
use super::verify::{Dense, Reader};
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
            counter.go_on_from(before);
            counter.ordinal(*position).await?
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
            counter.go_on_from(seals.counted_before(*position));
            seals.covering(candidates, counter.ordinal(*position).await?)
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

    /// Counts from there, unless it is further.
    pub fn go_on_from(&mut self, counted: Counted) {
        self.at = self.at.max(counted);
    }

    /// Where so many events end; where fewer stand in the log, its end.
    pub async fn end_of(&mut self, count: u64) -> Result<Counted, Fault> {
        if self.at.count < count {
            self.go_on(|next| next.count <= count).await?;
        }
        Ok(self.at)
    }

    async fn ordinal(&mut self, position: Position) -> Result<u64, Fault> {
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
