//! The client as it comes, with nothing of ours around an append: what the benchmark compares the store with. Built
//! only with the feature `bench`, never into a release.

use async_trait::async_trait;
use eventstore::{AppendToStreamOptions, StreamState};
use tokio::sync::watch;

use super::append::proposed;
use super::{KurrentStore, OpenError, Settings};
use crate::store::{
    Append, AppendOutcome, Counters, EventStore, ExpectedVersion, Fault, Health, LogId, Position, ReadLog,
    RecordedEvent, StreamName, VersionAt,
};

pub struct Bare(KurrentStore);

impl Bare {
    pub async fn open(settings: &Settings) -> Result<Self, OpenError> {
        let store = KurrentStore::open(settings).await?;
        // The store's own work is no part of what is measured.
        store.poll.end().await;
        Ok(Self(store))
    }
}

#[async_trait]
impl ReadLog for Bare {
    async fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault> {
        self.0.read_stream(stream, from, limit).await
    }

    async fn read_all(&self, after: Option<Position>, limit: usize) -> Result<Vec<RecordedEvent>, Fault> {
        self.0.read_all(after, limit).await
    }

    async fn read_category(
        &self,
        category: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault> {
        self.0.read_category(category, after, limit).await
    }

    async fn event_at(&self, position: Position) -> Result<Option<RecordedEvent>, Fault> {
        self.0.event_at(position).await
    }

    async fn read_versions(
        &self,
        after: Option<(StreamName, u64)>,
        limit: usize,
    ) -> Result<Vec<VersionAt>, Fault> {
        self.0.read_versions(after, limit).await
    }

    async fn next_position(&self, after: Option<Position>) -> Result<Option<Position>, Fault> {
        self.0.next_position(after).await
    }

    async fn last(&self) -> Result<Option<Position>, Fault> {
        self.0.last().await
    }

    fn log_id(&self) -> LogId {
        self.0.log_id()
    }
}

#[async_trait]
impl EventStore for Bare {
    async fn append(&self, append: Append) -> AppendOutcome {
        let session = self.0.log.connection.session();
        let state = match append.expected {
            ExpectedVersion::NoStream => StreamState::NoStream,
            ExpectedVersion::Exact(version) => StreamState::StreamRevision(version),
        };
        let options = AppendToStreamOptions::default().stream_state(state);
        let events: Vec<_> = append.events.iter().map(proposed).collect();
        let (outer, count) = (self.0.log.names.outer(&append.stream), events.len() as u64);
        match session.client.append_to_stream(outer, &options, events).await {
            Ok(written) => {
                Counters::add(&self.0.counters.events, count);
                Counters::add(&self.0.counters.commits, 1);
                let first_version = (written.next_expected_version + 1).saturating_sub(count);
                let position = Position::from_number(written.position.commit);
                AppendOutcome::Appended { first_version, position, repeated: false }
            }
            Err(error) => AppendOutcome::Unknown(Fault::Io(error.to_string())),
        }
    }

    fn is_shared(&self) -> bool {
        self.0.is_shared()
    }

    fn head(&self) -> watch::Receiver<Option<Position>> {
        self.0.head()
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.0.health()
    }

    fn counters(&self) -> &Counters {
        self.0.counters()
    }

    async fn close(&self) {
        self.0.close().await;
    }
}
