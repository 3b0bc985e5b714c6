//! How long writing takes at the moment, for those who can wait while the disk is slow.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits;

#[derive(Default)]
pub struct Effort(Mutex<Writing>);

#[derive(Clone, Copy, Default)]
struct Writing {
    begun: Option<Instant>,
    /// When the one before ended, and how long it had taken.
    before: Option<(Instant, Duration)>,
}

impl Effort {
    /// Runs what writes, which counts as long as it takes.
    pub fn of<T>(&self, write: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        self.set(|writing| writing.begun = Some(begun));
        let written = write();
        let now = Instant::now();
        self.set(|writing| *writing = Writing { begun: None, before: Some((now, now - begun)) });
        written
    }

    /// Of what is being written, or else of what was written a moment ago.
    pub fn now(&self) -> Duration {
        let Writing { begun, before } = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_before = before.filter(|(ended, _)| ended.elapsed() < limits::EFFORT_IS_NEW);
        let current = begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        of_before.map_or(current, |(_, took)| took.max(current))
    }

    fn set(&self, change: impl FnOnce(&mut Writing)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Longer than a thread may have to wait for its turn.
    const LONG: Duration = Duration::from_millis(500);

    #[test]
    fn what_is_being_written_counts_from_its_beginning_and_for_a_moment_after() {
        let effort = Effort::default();
        assert_eq!(effort.now(), Duration::ZERO);
        let (go_on, waiting) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let effort = &effort;
            scope.spawn(move || effort.of(|| waiting.recv()));
            while effort.now() < LONG {
                std::thread::yield_now();
            }
            go_on.send(()).unwrap();
        });
        assert!(effort.now() >= LONG);
        effort.of(|| ());
        assert!(effort.now() < LONG, "the next one was fast");
    }
}
