//! Ends statements of a connection that run too long, or that nobody waits for any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::feed::Stop;

/// Looked at by SQLite while a statement of the connection runs.
pub struct Deadline {
    begun: Instant,
    /// Milliseconds after `begun`, or one of these.
    at_ms: Arc<AtomicU64>,
}

/// Nothing is ended.
const OFF: u64 = 0;
/// Only who is told to stop is ended.
const NEVER: u64 = u64::MAX;
/// How many steps of SQLite's machine go by between two looks at the clock.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

impl Deadline {
    /// Off until it is set.
    pub fn over(connection: &mut Connection, stop: Stop) -> rusqlite::Result<Self> {
        let (begun, at_ms) = (Instant::now(), Arc::new(AtomicU64::new(OFF)));
        let set = at_ms.clone();
        let is_over = move || match set.load(Ordering::Relaxed) {
            OFF => false,
            at_ms => stop.is_told() || elapsed_ms(begun) > at_ms,
        };
        connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(is_over))?;
        Ok(Self { begun, at_ms })
    }

    /// What runs ends when this time is over, until the guard goes.
    pub fn allow(&self, wait: Duration) -> Lifted<'_> {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(NEVER);
        self.set(elapsed_ms(self.begun).saturating_add(wait_ms.max(1)))
    }

    /// All that the connection ever runs must be over then.
    pub fn allow_for_good(&self, wait: Duration) {
        std::mem::forget(self.allow(wait));
    }

    /// What runs ends only when it is told to stop, until the guard goes.
    pub fn until_stopped(&self) -> Lifted<'_> {
        self.set(NEVER)
    }

    /// The same of all that the connection ever runs.
    pub fn until_stopped_for_good(&self) {
        std::mem::forget(self.until_stopped());
    }

    fn set(&self, at_ms: u64) -> Lifted<'_> {
        Lifted { deadline: self, before: self.at_ms.swap(at_ms, Ordering::Relaxed) }
    }
}

/// Puts back what held before.
#[must_use]
pub struct Lifted<'d> {
    deadline: &'d Deadline,
    before: u64,
}

impl Drop for Lifted<'_> {
    fn drop(&mut self) {
        self.deadline.at_ms.store(self.before, Ordering::Relaxed);
    }
}

fn elapsed_ms(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(NEVER)
}

/// Whether a statement was ended.
pub fn has_ended(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
}
