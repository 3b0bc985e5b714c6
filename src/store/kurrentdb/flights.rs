//! Which appends are new: the server answers a repeat like the first time, so this is told by positions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::super::Position;

/// The appends that are under way, and the log's end as far as this process knows it.
///
/// An event at or before the end that was known when its append was sent had been there before. Behind that end, it
/// is new, unless another append of this process, under way at the same time, has been told the same place: so the
/// places are kept that were told, as long as an append is under way that knew of an end before them. Within one
/// process exactly one caller is told that it is new; of two nodes that say the same at the same moment both may be.
pub struct Flights {
    head: watch::Sender<Option<Position>>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// How many appends are under way for each end that was known when they were sent.
    sent_at: BTreeMap<Option<Position>, usize>,
    /// Told as new, behind the first of those ends.
    told: BTreeSet<Position>,
}

/// One append under way.
pub struct Flight<'a> {
    flights: &'a Flights,
    sent_at: Option<Position>,
}

/// Whether an append has written something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    New,
    Repeated,
}

impl Flights {
    pub fn new(head: Option<Position>) -> Self {
        Self { head: watch::Sender::new(head), inner: Mutex::default() }
    }

    pub fn head(&self) -> watch::Receiver<Option<Position>> {
        self.head.subscribe()
    }

    pub fn known_end(&self) -> Option<Position> {
        *self.head.borrow()
    }

    /// All up to there can be read.
    pub fn move_to(&self, position: Position) {
        self.head.send_if_modified(|head| {
            let moves = *head < Some(position);
            if moves {
                *head = Some(position);
            }
            moves
        });
    }

    /// Before the append is sent.
    pub fn begin(&self) -> Flight<'_> {
        let mut inner = self.lock();
        let sent_at = self.known_end();
        *inner.sent_at.entry(sent_at).or_default() += 1;
        Flight { flights: self, sent_at }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight<'_> {
    /// Whether an event at this place had certainly been there before; if not, [`Flight::land`] tells.
    pub fn is_behind(&self, position: Position) -> bool {
        Some(position) <= self.sent_at || self.flights.lock().told.contains(&position)
    }

    /// The last event of the append stands there.
    pub fn land(&self, position: Position) -> Novelty {
        let is_new = Some(position) > self.sent_at && self.flights.lock().told.insert(position);
        self.flights.move_to(position);
        if is_new { Novelty::New } else { Novelty::Repeated }
    }

    /// The last event of the append stands there, and had stood there before.
    pub fn stood(&self, position: Position) {
        self.flights.move_to(position);
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut inner = self.flights.lock();
        if let Some(count) = inner.sent_at.get_mut(&self.sent_at) {
            *count -= 1;
            if *count == 0 {
                inner.sent_at.remove(&self.sent_at);
            }
        }
        match inner.sent_at.first_key_value().map(|(first, _)| *first) {
            None => inner.told.clear(),
            Some(None) => {}
            Some(Some(end)) => {
                while inner.told.first().is_some_and(|told| *told <= end) {
                    inner.told.pop_first();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(number: u64) -> Position {
        Position::from_number(number)
    }

    #[test]
    fn of_appends_that_are_told_one_place_at_the_same_time_exactly_one_is_new() {
        let flights = Flights::new(Some(position(10)));
        let (one, other) = (flights.begin(), flights.begin());
        assert!(!one.is_behind(position(11)));
        assert_eq!(one.land(position(11)), Novelty::New);
        let later = flights.begin();
        assert!(other.is_behind(position(11)));
        assert_eq!(other.land(position(11)), Novelty::Repeated);
        assert_eq!(later.land(position(11)), Novelty::Repeated, "it was sent when that end was known");
        assert_eq!(later.land(position(9)), Novelty::Repeated);
        assert_eq!(flights.known_end(), Some(position(11)), "what stands before moves nothing");
    }

    #[test]
    fn only_places_are_kept_that_an_append_under_way_may_still_be_told() {
        let flights = Flights::new(None);
        let first = flights.begin();
        for number in 1..=100 {
            assert_eq!(flights.begin().land(position(number)), Novelty::New);
        }
        assert_eq!(flights.lock().told.len(), 100, "the first one may be told any of them");
        assert_eq!(first.land(position(50)), Novelty::Repeated);
        let second = flights.begin();
        drop(first);
        assert!(flights.lock().told.is_empty(), "who is sent later knows of all of them");
        assert_eq!(second.land(position(50)), Novelty::Repeated);
        drop(second);
        assert!(flights.lock().sent_at.is_empty());
    }

    #[test]
    fn an_append_whose_event_others_have_seen_before_its_answer_came_is_new_all_the_same() {
        let flights = Flights::new(Some(position(5)));
        let slow = flights.begin();
        flights.move_to(position(6));
        let repeat = flights.begin();
        assert_eq!(repeat.land(position(6)), Novelty::Repeated);
        assert_eq!(slow.land(position(6)), Novelty::New);
    }
}
