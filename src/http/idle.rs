//! Which connections ask nothing at the moment, and since when.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The idle connections in the order they fell idle. A connection is idle while no request of it is being
/// answered, also before its first and while a head comes slowly.
#[derive(Default)]
pub struct Idle {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<u64, Arc<Notify>>,
    next: u64,
    /// How many that fall idle next must go, because none was idle when room was wanted.
    wanted: usize,
}

/// One connection's place.
pub struct Seat {
    idle: Arc<Idle>,
    /// Where it stands among the idle; `BUSY` while it is not.
    number: AtomicU64,
    give_up: Arc<Notify>,
}

/// While this lives, the connection is not idle.
pub struct Busy {
    seat: Arc<Seat>,
}

/// The number of a connection that is not idle.
const BUSY: u64 = u64::MAX;

impl Idle {
    pub fn enter(self: &Arc<Self>) -> Seat {
        let give_up = Arc::new(Notify::new());
        let number = AtomicU64::new(self.add(&give_up));
        Seat { idle: self.clone(), number, give_up }
    }

    /// Tells the connection that has been idle longest to end; where none is idle, the next that will be.
    pub fn make_room(&self) {
        let mut state = self.lock();
        match state.waiting.pop_first() {
            Some((_, give_up)) => give_up.notify_one(),
            None => state.wanted += 1,
        }
    }

    fn add(&self, give_up: &Arc<Notify>) -> u64 {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        if state.wanted > 0 {
            state.wanted -= 1;
            give_up.notify_one();
        } else {
            state.waiting.insert(number, give_up.clone());
        }
        number
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    pub fn busy(self: &Arc<Self>) -> Busy {
        self.leave();
        Busy { seat: self.clone() }
    }

    /// Ends when the connection is to make room and asks nothing at that moment.
    pub async fn given_up(&self) {
        loop {
            self.give_up.notified().await;
            if self.number.load(Ordering::Acquire) != BUSY {
                return;
            }
            // It was asked something just before it was told: another must go.
            self.idle.make_room();
        }
    }

    fn leave(&self) {
        let number = self.number.swap(BUSY, Ordering::AcqRel);
        self.idle.lock().waiting.remove(&number);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let number = self.seat.idle.add(&self.seat.give_up);
        self.seat.number.store(number, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_told(seat: &Seat) -> bool {
        let told = std::pin::pin!(seat.given_up());
        futures_util::FutureExt::now_or_never(told).is_some()
    }

    #[test]
    fn who_has_been_idle_longest_makes_room_and_who_is_asked_something_never() {
        let idle = Arc::new(Idle::default());
        let seats: Vec<_> = (0..3).map(|_| Arc::new(idle.enter())).collect();
        let busy = seats[0].busy();
        idle.make_room();
        assert_eq!([0, 1, 2].map(|n| is_told(&seats[n])), [false, true, false]);
        idle.make_room();
        assert_eq!([0, 2].map(|n| is_told(&seats[n])), [false, true]);
        // None is idle: the next that falls idle goes.
        idle.make_room();
        drop(busy);
        assert!(is_told(&seats[0]));
        drop(seats);
        assert!(idle.lock().waiting.is_empty());
    }
}
