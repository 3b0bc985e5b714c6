//! A log that is read through another object, which a test asks before each read: it may wait, note it or fail.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use order_ledger::store::{Fault, LogId, Position, ReadLog, RecordedEvent, StreamName, VersionAt};

/// What is about to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    Stream,
    All { after: Option<Position>, limit: usize },
    Category,
    Versions,
    NextPosition,
    Last,
}

/// What a test does with reads. Of itself it does nothing.
#[async_trait]
pub trait Before: Send + Sync {
    /// A fault is told in place of what would have been read.
    async fn before(&self, _: Read) -> Result<(), Fault> {
        Ok(())
    }

    /// Whether the whole log shows anything yet.
    fn shows(&self, _: Read) -> bool {
        true
    }

    /// A page of the whole log has no more events than this.
    fn page_max(&self) -> usize {
        usize::MAX
    }
}

pub struct Through<S, B> {
    pub store: Arc<S>,
    pub before: B,
}

#[async_trait]
impl<S: ReadLog, B: Before> ReadLog for Through<S, B> {
    async fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault> {
        self.before.before(Read::Stream).await?;
        self.store.read_stream(stream, from, limit).await
    }

    async fn read_all(&self, after: Option<Position>, limit: usize) -> Result<Vec<RecordedEvent>, Fault> {
        let read = Read::All { after, limit };
        self.before.before(read).await?;
        if !self.before.shows(read) {
            return Ok(vec![]);
        }
        self.store.read_all(after, limit.min(self.before.page_max())).await
    }

    async fn read_category(
        &self,
        category: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault> {
        self.before.before(Read::Category).await?;
        self.store.read_category(category, after, limit).await
    }

    async fn read_versions(
        &self,
        after: Option<(StreamName, u64)>,
        limit: usize,
    ) -> Result<Vec<VersionAt>, Fault> {
        self.before.before(Read::Versions).await?;
        self.store.read_versions(after, limit).await
    }

    async fn next_position(&self, after: Option<Position>) -> Result<Option<Position>, Fault> {
        self.before.before(Read::NextPosition).await?;
        self.store.next_position(after).await
    }

    async fn last(&self) -> Result<Option<Position>, Fault> {
        if self.before.shows(Read::Last) { self.store.last().await } else { Ok(None) }
    }

    fn write_effort(&self) -> Duration {
        self.store.write_effort()
    }

    fn log_id(&self) -> LogId {
        self.store.log_id()
    }
}
