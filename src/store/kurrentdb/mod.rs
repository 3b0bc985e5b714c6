//! The log in a KurrentDB or EventStoreDB cluster, which several ledgers may write. The only place that knows its
//! client.
//!
//! - A position is the server's commit position.
//! - An append's `repeated` is exact within one process. Where two processes append the same fact at the same moment,
//!   both may be told that it is new, for the server answers both alike; it stands once all the same.
//! - The head never passes an event that cannot be read yet: the server answers when an event can be read, and the
//!   log has no gaps that are filled later.

mod append;
mod asking;
#[cfg(feature = "bench")]
pub mod bare;
mod connection;
mod copying;
mod failure;
mod flights;
mod names;
mod naming;
mod poll;
mod reaching;
mod reading;
mod search;
mod versions;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

pub use copying::CopyLog;
pub use reading::Log;

use super::address::Address;
use super::condition::Condition;
use super::{
    Append, AppendOutcome, Counters, EventStore, Fault, Health, LogId, Position, ReadLog, RecordedEvent,
    StreamName, VersionAt,
};
use crate::limits;
use append::Appending;
use connection::Connection;
use flights::Flights;
use names::Names;
use naming::named_or_begun;
use poll::Poll;

#[derive(Clone, Debug)]
pub struct Settings {
    pub address: Address,
    /// Stands before the names of all streams, on the server only.
    pub prefix: String,
    /// Of the streams that are the log's; none: all with the prefix.
    pub categories: &'static [&'static str],
    /// Appends that are under way; more are refused at once.
    pub appends_max: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{address}: {fault}")]
    Fault { address: Address, fault: Fault },
    #[error("{address}: there is no log yet (streams of a ledger begin with {prefix:?} there)")]
    Missing { address: Address, prefix: String },
}

impl Settings {
    /// The log as it is there, for commands that only read.
    pub async fn open_to_read(&self) -> Result<Log, OpenError> {
        let found = self.within_open_wait(naming::named).await?;
        found.ok_or_else(|| {
            let (address, prefix) = (self.address.clone(), self.prefix.clone());
            OpenError::Missing { address, prefix }
        })
    }

    async fn within_open_wait<T>(&self, work: impl AsyncFn(Log) -> Result<T, Fault>) -> Result<T, OpenError> {
        match self.tried_for_a_while(work).await {
            Ok(done) => Ok(done),
            Err(Fault::Unreachable(told)) => {
                let told = format!("{told} ({})", reaching::what_keeps_from(&self.address).await);
                Err(OpenError::Fault { address: self.address.clone(), fault: Fault::Unreachable(told) })
            }
            Err(fault) => Err(OpenError::Fault { address: self.address.clone(), fault }),
        }
    }

    /// At the start of a machine, all of it comes up at once.
    async fn tried_for_a_while<T>(&self, work: impl AsyncFn(Log) -> Result<T, Fault>) -> Result<T, Fault> {
        let until = Instant::now() + limits::KURRENTDB_OPEN_WAIT;
        let connection = Arc::new(Connection::new(&self.address).await?);
        // Of several the one that says most is told.
        let mut told = Fault::Slow;
        loop {
            let names = Names::new(&self.prefix, self.categories);
            let log = Log::new(connection.clone(), names);
            match tokio::time::timeout_at(until, work(log)).await {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(fault @ (Fault::Refused(_) | Fault::Denied(_) | Fault::Unreadable(_)))) => {
                    return Err(fault);
                }
                Ok(Err(Fault::Slow)) => {}
                Ok(Err(fault)) => told = fault,
                Err(_) => return Err(told),
            }
            if until <= Instant::now() + limits::KURRENTDB_POLL {
                return Err(told);
            }
            tokio::time::sleep(limits::KURRENTDB_POLL).await;
        }
    }
}

/// The log, as it is read and written.
pub struct KurrentStore {
    log: Log,
    flights: Arc<Flights>,
    condition: Arc<Condition>,
    counters: Counters,
    appends_max: usize,
    /// Closed when the store is.
    under_way: Arc<Semaphore>,
    poll: Poll,
}

impl KurrentStore {
    /// # Errors
    /// Where the cluster does not answer for a while, or refuses.
    pub async fn open(settings: &Settings) -> Result<Self, OpenError> {
        let opened = settings.within_open_wait(async |log| {
            let log = named_or_begun(log).await?;
            let last = log.last().await?;
            Ok((log, last))
        });
        let (log, last) = opened.await?;
        let (flights, condition) = (Arc::new(Flights::new(last)), Arc::new(Condition::default()));
        let poll = Poll::begin(log.clone(), flights.clone(), condition.clone());
        Ok(Self {
            log,
            flights,
            condition,
            counters: Counters::default(),
            appends_max: settings.appends_max,
            under_way: Arc::new(Semaphore::new(settings.appends_max)),
            poll,
        })
    }

    /// A log that cannot be read cannot be trusted to be written either. Whether it is slow for all, the poll finds out.
    fn noting<T>(&self, read: Result<T, Fault>) -> Result<T, Fault> {
        read.inspect_err(|fault| match fault {
            Fault::Unreadable(_) | Fault::Refused(_) | Fault::Slow | Fault::Closing => {}
            fault => self.condition.failed(fault),
        })
    }

    fn note(&self, outcome: &AppendOutcome, events: usize) {
        match outcome {
            AppendOutcome::Appended { repeated, .. } => {
                self.condition.wrote();
                if !repeated {
                    Counters::add(&self.counters.events, events as u64);
                    Counters::add(&self.counters.commits, 1);
                }
            }
            AppendOutcome::Conflict { .. } => self.condition.wrote(),
            AppendOutcome::NotWritten(Fault::Refused(_)) | AppendOutcome::Unknown(Fault::Refused(_)) => {}
            AppendOutcome::NotWritten(fault) | AppendOutcome::Unknown(fault) => {
                Counters::add(&self.counters.commit_failures, 1);
                self.condition.failed(fault);
            }
        }
    }
}

#[async_trait]
impl ReadLog for KurrentStore {
    async fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault> {
        self.noting(self.log.read_stream(stream, from, limit).await)
    }

    async fn read_all(&self, after: Option<Position>, limit: usize) -> Result<Vec<RecordedEvent>, Fault> {
        self.noting(self.log.read_all(after, limit).await)
    }

    async fn read_category(
        &self,
        category: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault> {
        self.noting(self.log.read_category(category, after, limit).await)
    }

    async fn event_at(&self, position: Position) -> Result<Option<RecordedEvent>, Fault> {
        self.noting(self.log.event_at(position).await)
    }

    async fn read_versions(
        &self,
        after: Option<(StreamName, u64)>,
        limit: usize,
    ) -> Result<Vec<VersionAt>, Fault> {
        self.noting(self.log.read_versions(after, limit).await)
    }

    async fn next_position(&self, after: Option<Position>) -> Result<Option<Position>, Fault> {
        self.noting(self.log.next_position(after).await)
    }

    async fn next_version(&self, stream: &StreamName, after: u64) -> Result<Option<u64>, Fault> {
        self.noting(self.log.next_version(stream, after).await)
    }

    async fn last(&self) -> Result<Option<Position>, Fault> {
        self.noting(self.log.last().await)
    }

    fn log_id(&self) -> LogId {
        self.log.log_id()
    }
}

#[async_trait]
impl EventStore for KurrentStore {
    async fn append(&self, append: Append) -> AppendOutcome {
        if append.events.iter().any(|event| append::bytes(event) > limits::EVENT_BYTES_MAX) {
            return AppendOutcome::NotWritten(Fault::TooLarge { max: limits::EVENT_BYTES_MAX });
        }
        let _turn = match self.under_way.try_acquire() {
            Ok(turn) => turn,
            Err(tokio::sync::TryAcquireError::Closed) => return AppendOutcome::NotWritten(Fault::Closing),
            Err(tokio::sync::TryAcquireError::NoPermits) => {
                self.condition.failed(&Fault::QueueFull);
                return AppendOutcome::NotWritten(Fault::QueueFull);
            }
        };
        let appending = Appending {
            log: &self.log,
            stream: &append.stream,
            expected: append.expected,
            events: &append.events,
            until: Instant::now() + limits::KURRENTDB_APPEND_WAIT,
        };
        let outcome = appending.run(&self.flights).await;
        self.note(&outcome, append.events.len());
        outcome
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn head(&self) -> watch::Receiver<Option<Position>> {
        self.flights.head()
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.condition.watch()
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Each append that is under way has its own end soon.
    async fn close(&self) {
        let deadline = Instant::now() + 2 * limits::KURRENTDB_APPEND_WAIT;
        // What comes now is refused; what was under way goes on.
        self.under_way.close();
        self.poll.end().await;
        while self.under_way.available_permits() < self.appends_max && Instant::now() < deadline {
            tokio::time::sleep(limits::KURRENTDB_DISCOVERY_PAUSE).await;
        }
    }
}
