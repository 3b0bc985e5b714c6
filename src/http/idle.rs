//! Which connections ask nothing at the moment, and since when.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The idle connections in the order they fell idle. A connection is idle while no request of it is being
/// answered, also before its first and while a head comes slowly.
#[derive(Default)]
pub struct Idle {
    waiting: Mutex<BTreeMap<u64, Arc<Notify>>>,
    next: AtomicU64,
}

/// One connection's place.
pub struct Seat {
    idle: Arc<Idle>,
    /// Where it stands among the idle.
    number: AtomicU64,
    give_up: Arc<Notify>,
}

/// While this lives, the connection is not idle.
pub struct Busy {
    seat: Arc<Seat>,
}

impl Idle {
    pub fn enter(self: &Arc<Self>) -> Seat {
        let give_up = Arc::new(Notify::new());
        let number = AtomicU64::new(self.add(give_up.clone()));
        Seat { idle: self.clone(), number, give_up }
    }

    /// Tells the connection that has been idle longest to end, if there is one.
    pub fn give_up_longest(&self) {
        if let Some((_, give_up)) = self.lock().pop_first() {
            give_up.notify_one();
        }
    }

    fn add(&self, give_up: Arc<Notify>) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(number, give_up);
        number
    }

    fn remove(&self, number: u64) {
        self.lock().remove(&number);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Notify>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    pub fn busy(self: &Arc<Self>) -> Busy {
        self.idle.remove(self.number.load(Ordering::Relaxed));
        Busy { seat: self.clone() }
    }

    /// Ends when the connection is to make room.
    pub async fn given_up(&self) {
        self.give_up.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.idle.remove(self.number.load(Ordering::Relaxed));
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let number = self.seat.idle.add(self.seat.give_up.clone());
        self.seat.number.store(number, Ordering::Relaxed);
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
        idle.give_up_longest();
        assert_eq!([0, 1, 2].map(|n| is_told(&seats[n])), [false, true, false]);
        drop(busy);
        idle.give_up_longest();
        idle.give_up_longest();
        idle.give_up_longest();
        assert_eq!([0, 2].map(|n| is_told(&seats[n])), [true, true]);
        drop(seats);
        assert!(idle.lock().is_empty());
    }
}
