//! A store that keeps nothing and says yes to everything: the benchmark's other side. Built only with the
//! feature `bench`, never into a release.

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    Append, AppendOutcome, Counters, EventStore, Fault, Health, LogId, Position, ReadLog, RecordedEvent,
    StreamName, VersionAt,
};

pub struct Nothing {
    head: watch::Sender<Option<Position>>,
    health: watch::Sender<Health>,
    counters: Counters,
    log_id: LogId,
}

impl Default for Nothing {
    fn default() -> Self {
        Self {
            head: watch::Sender::new(None),
            health: watch::Sender::new(Health::Writable),
            counters: Counters::default(),
            log_id: LogId(Uuid::new_v4()),
        }
    }
}

#[async_trait]
impl ReadLog for Nothing {
    async fn read_stream(&self, _: &StreamName, _: u64, _: usize) -> Result<Vec<RecordedEvent>, Fault> {
        Ok(vec![])
    }

    async fn read_all(&self, _: Option<Position>, _: usize) -> Result<Vec<RecordedEvent>, Fault> {
        Ok(vec![])
    }

    async fn read_category(
        &self,
        _: &str,
        _: Option<Position>,
        _: usize,
    ) -> Result<Vec<RecordedEvent>, Fault> {
        Ok(vec![])
    }

    async fn read_versions(&self, _: Option<(StreamName, u64)>, _: usize) -> Result<Vec<VersionAt>, Fault> {
        Ok(vec![])
    }

    async fn next_position(&self, _: Option<Position>) -> Result<Option<Position>, Fault> {
        Ok(None)
    }

    async fn last(&self) -> Result<Option<Position>, Fault> {
        Ok(None)
    }

    fn log_id(&self) -> LogId {
        self.log_id
    }
}

#[async_trait]
impl EventStore for Nothing {
    async fn append(&self, append: Append) -> AppendOutcome {
        let first_version = append.expected.next();
        AppendOutcome::Appended { first_version, position: Position(1), repeated: false }
    }

    fn head(&self) -> watch::Receiver<Option<Position>> {
        self.head.subscribe()
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    async fn close(&self) {}
}
