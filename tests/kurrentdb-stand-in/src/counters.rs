//! What the stand-in did, for tests to assert on.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) appends_seen: AtomicU64,
    pub(crate) appends_applied: AtomicU64,
    pub(crate) appends_repeated: AtomicU64,
    pub(crate) appends_refused: AtomicU64,
    pub(crate) events_written: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) not_leader: AtomicU64,
    pub(crate) connections: AtomicU64,
}

/// A look at the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Appends that arrived whole, faulty or not.
    pub appends_seen: u64,
    /// Those that wrote something.
    pub appends_applied: u64,
    /// Those that found themselves written already.
    pub appends_repeated: u64,
    /// Those that expected another version, or a stream that is deleted.
    pub appends_refused: u64,
    pub events_written: u64,
    pub reads: u64,
    /// Requests that a follower sent to the leader.
    pub not_leader: u64,
    pub connections: u64,
}

impl Counters {
    pub(crate) fn look(&self) -> Counts {
        Counts {
            appends_seen: self.appends_seen.load(Relaxed),
            appends_applied: self.appends_applied.load(Relaxed),
            appends_repeated: self.appends_repeated.load(Relaxed),
            appends_refused: self.appends_refused.load(Relaxed),
            events_written: self.events_written.load(Relaxed),
            reads: self.reads.load(Relaxed),
            not_leader: self.not_leader.load(Relaxed),
            connections: self.connections.load(Relaxed),
        }
    }
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
