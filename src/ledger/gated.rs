//! A store whose appends stop at a gate after so many: for what happens between the appends of one command.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Semaphore, watch};

use crate::store::sqlite::SqliteStore;
use crate::store::{
    Append, AppendOutcome, Counters, EventStore, Fault, Health, LogId, Position, ReadLog, RecordedEvent,
    StreamName, VersionAt,
};

/// What becomes of an append for which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Nothing of it is written.
    Refuses,
    /// It is written, and nobody is told.
    Swallows,
    /// It waits for room.
    Holds,
}

/// Shared with other processes, as the log of several nodes is.
pub struct Gated {
    inner: Arc<SqliteStore>,
    gate: Gate,
    pub room: Semaphore,
    /// How many have come to the gate and found no room.
    pub stopped: watch::Sender<usize>,
}

impl Gated {
    pub fn new(inner: Arc<SqliteStore>, gate: Gate, appends: usize) -> Arc<Self> {
        Arc::new(Self { inner, gate, room: Semaphore::new(appends), stopped: watch::Sender::new(0) })
    }
}

#[async_trait]
impl ReadLog for Gated {
    async fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault> {
        self.inner.read_stream(stream, from, limit).await
    }

    async fn read_all(&self, after: Option<Position>, limit: usize) -> Result<Vec<RecordedEvent>, Fault> {
        self.inner.read_all(after, limit).await
    }

    async fn read_category(
        &self,
        category: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault> {
        self.inner.read_category(category, after, limit).await
    }

    async fn read_versions(
        &self,
        after: Option<(StreamName, u64)>,
        limit: usize,
    ) -> Result<Vec<VersionAt>, Fault> {
        self.inner.read_versions(after, limit).await
    }

    async fn next_position(&self, after: Option<Position>) -> Result<Option<Position>, Fault> {
        self.inner.next_position(after).await
    }

    async fn last(&self) -> Result<Option<Position>, Fault> {
        self.inner.last().await
    }

    fn log_id(&self) -> LogId {
        self.inner.log_id()
    }
}

#[async_trait]
impl EventStore for Gated {
    async fn append(&self, append: Append) -> AppendOutcome {
        if let Ok(room) = self.room.try_acquire() {
            room.forget();
            return self.inner.append(append).await;
        }
        self.stopped.send_modify(|stopped| *stopped += 1);
        match self.gate {
            Gate::Refuses => AppendOutcome::NotWritten(Fault::DiskFull),
            Gate::Swallows => {
                self.inner.append(append).await;
                AppendOutcome::Unknown(Fault::Slow)
            }
            Gate::Holds => {
                self.room.acquire().await.unwrap().forget();
                self.inner.append(append).await
            }
        }
    }

    /// As a receiver that has just been subscribed: it wakes for what comes, not for what has come.
    fn head(&self) -> watch::Receiver<Option<Position>> {
        let mut head = self.inner.head();
        head.mark_unchanged();
        head
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.inner.health()
    }

    fn counters(&self) -> &Counters {
        self.inner.counters()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
