//! The embedded log: one SQLite file, one writer thread with group commit, readers beside it.
//!
//! Invariants:
//! - One process owns the log, by an exclusive lock on the file `<log>.lock`.
//! - Only the writer thread writes, so positions have no gaps and are visible in their order.
//! - Nobody is told `Appended` before the transaction's fsync returned; a failed fsync ends the process,
//!   for nobody can know what the disk holds after it.

mod checkpoint;
mod copying;
mod effort;
mod file;
mod reader;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::error;

pub use checkpoint::{CheckpointRules, Checkpoints, Rest, SyncFailure};
pub use copying::CopyFile;
pub use file::{Lock, LockHolder, OpenError, is_same_file, lock_holder};
pub use reader::Readers;

use super::condition::Condition;
use super::{
    Append, AppendOutcome, Counters, EventStore, Fault, Health, LogId, Position, ReadLog, RecordedEvent,
    StreamName, Urgency, VersionAt,
};
use crate::limits;
use effort::Effort;
use file::{open_beside, open_for_writing};
use writer::{Waiting, Writer};

#[derive(Clone, Debug)]
pub struct Settings {
    pub path: PathBuf,
    /// Appends waiting to be written; more are refused at once.
    pub queue_appends_max: usize,
    /// How long an append may take.
    pub append_wait: Duration,
}

impl Settings {
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            queue_appends_max: limits::QUEUE_APPENDS_MAX,
            append_wait: limits::APPEND_WAIT,
        }
    }
}

pub struct SqliteStore {
    pushes: mpsc::Sender<Waiting>,
    commands: mpsc::Sender<Waiting>,
    readers: Readers,
    head: watch::Receiver<Option<Position>>,
    condition: Arc<Condition>,
    counters: Arc<Counters>,
    effort: Arc<Effort>,
    append_wait: Duration,
    closing: watch::Sender<bool>,
    writer: Mutex<Option<std::thread::JoinHandle<()>>>,
    lock: Lock,
}

impl SqliteStore {
    /// Opens the log, and creates it where there is none. Holds its lock until dropped.
    pub fn open(settings: &Settings) -> Result<Self, OpenError> {
        let lock = Lock::take(&settings.path)?;
        let mut opened = open_for_writing(&settings.path)?;
        let rules = CheckpointRules {
            file: "the log".into(),
            wal_pages: limits::WAL_PAGES,
            rest: Rest::ByWriter,
            sync_failure: SyncFailure::EndsProcess,
        };
        let beside = open_beside(&settings.path)?;
        let checkpoints = Checkpoints::start(&mut opened.connection, beside, rules);
        let checkpoints = checkpoints.map_err(|error| file::open_error(&settings.path, &error))?;
        let readers = Readers::new(&settings.path, opened.log_id);
        let (pushes, push_queue) = mpsc::channel(settings.queue_appends_max);
        let (commands, command_queue) = mpsc::channel(settings.queue_appends_max);
        let (head_sender, head) = watch::channel(opened.head);
        let condition = Arc::new(Condition::default());
        let (closing, closed) = watch::channel(false);
        let (counters, effort) = (Arc::new(Counters::default()), Arc::new(Effort::default()));
        let writer = Writer {
            path: settings.path.clone(),
            connection: opened.connection,
            checkpoints,
            pushes: push_queue,
            commands: command_queue,
            closing: closed,
            head: head_sender,
            condition: condition.clone(),
            counters: counters.clone(),
            effort: effort.clone(),
            health: condition.watch(),
            groups_since_command: 0,
            probe_at: None,
        };
        let thread = std::thread::Builder::new()
            .name("log-writer".into())
            .spawn(move || writer.run())
            .map_err(|error| OpenError::Io { path: settings.path.clone(), error })?;
        Ok(Self {
            pushes,
            commands,
            readers,
            head,
            condition,
            counters,
            effort,
            append_wait: settings.append_wait,
            closing,
            writer: Mutex::new(Some(thread)),
            lock,
        })
    }

    /// A log that cannot be read cannot be trusted to be written either.
    async fn noting<T>(&self, reading: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let mut patience = self.patience();
        let read = reading.await;
        patience.is_over = true;
        read.inspect_err(|fault| match fault {
            Fault::Unreadable(_) | Fault::Closing => {}
            fault => self.condition.failed(fault),
        })
    }

    fn patience(&self) -> Patience<'_> {
        Patience { condition: &self.condition, since: Instant::now(), is_over: false }
    }

    /// Writes into the lock file who holds it, for commands that look for the server.
    pub fn announce(&self, holder: &LockHolder) -> Result<(), OpenError> {
        self.lock.announce(holder)
    }
}

/// Waiting for the writer or a reader. Whoever gives up after a good while has found the store slow.
struct Patience<'a> {
    condition: &'a Condition,
    since: Instant,
    is_over: bool,
}

impl Drop for Patience<'_> {
    fn drop(&mut self) {
        if !self.is_over && self.since.elapsed() > limits::SLOW_AFTER {
            self.condition.failed(&Fault::Slow);
        }
    }
}

#[async_trait]
impl ReadLog for SqliteStore {
    async fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault> {
        self.noting(self.readers.read_stream(stream, from, limit)).await
    }

    async fn read_all(&self, after: Option<Position>, limit: usize) -> Result<Vec<RecordedEvent>, Fault> {
        self.noting(self.readers.read_all(after, limit)).await
    }

    async fn read_category(
        &self,
        category: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault> {
        self.noting(self.readers.read_category(category, after, limit)).await
    }

    async fn read_versions(
        &self,
        after: Option<(StreamName, u64)>,
        limit: usize,
    ) -> Result<Vec<VersionAt>, Fault> {
        self.noting(self.readers.read_versions(after, limit)).await
    }

    async fn next_position(&self, after: Option<Position>) -> Result<Option<Position>, Fault> {
        self.noting(self.readers.next_position(after)).await
    }

    async fn last(&self) -> Result<Option<Position>, Fault> {
        self.noting(self.readers.last()).await
    }

    fn write_effort(&self) -> Duration {
        self.effort.now()
    }

    fn log_id(&self) -> LogId {
        self.readers.log_id()
    }
}

#[async_trait]
impl EventStore for SqliteStore {
    async fn append(&self, append: Append) -> AppendOutcome {
        let bytes = |event: &super::NewEvent| event.data.len() + event.metadata.len();
        if append.events.iter().any(|event| bytes(event) > limits::EVENT_BYTES_MAX) {
            return AppendOutcome::NotWritten(Fault::TooLarge { max: limits::EVENT_BYTES_MAX });
        }
        let queue = match append.urgency {
            Urgency::Push => &self.pushes,
            Urgency::Command => &self.commands,
        };
        let (reply, outcome) = oneshot::channel();
        match queue.try_send(Waiting { append, reply }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.condition.failed(&Fault::QueueFull);
                return AppendOutcome::NotWritten(Fault::QueueFull);
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return AppendOutcome::NotWritten(Fault::Closing),
        }
        let mut waiting = self.patience();
        let answered = tokio::time::timeout(self.append_wait, outcome).await;
        waiting.is_over = true;
        match answered {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => AppendOutcome::Unknown(Fault::Closing),
            // It may be in the transaction that is being written right now.
            Err(_) => {
                self.condition.failed(&Fault::Slow);
                AppendOutcome::Unknown(Fault::Slow)
            }
        }
    }

    fn head(&self) -> watch::Receiver<Option<Position>> {
        self.head.clone()
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.condition.watch()
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    async fn close(&self) {
        self.closing.send_replace(true);
        let thread = match self.writer.lock() {
            Ok(mut writer) => writer.take(),
            Err(_) => None,
        };
        if let Some(thread) = thread {
            // A writer that panicked has been reported by the panic itself.
            let _ended = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Drop for SqliteStore {
    /// The lock must outlive the writer thread.
    fn drop(&mut self) {
        self.closing.send_replace(true);
        if let Ok(Some(thread)) = self.writer.get_mut().map(Option::take) {
            let _ended = thread.join();
        }
    }
}

/// After a failed fsync nobody knows what the disk holds, and a second fsync of the same file would lie. The
/// process ends; the next one begins by folding the write-ahead log into the database file and syncing that.
fn end_process_if_sync_failed(error: &rusqlite::Error) {
    let code = error.sqlite_error().map(|error| error.extended_code);
    if matches!(code, Some(rusqlite::ffi::SQLITE_IOERR_FSYNC | rusqlite::ffi::SQLITE_IOERR_DIR_FSYNC)) {
        error!(
            alarm = "store",
            "the disk failed to sync the log; the process ends so that nothing false is said"
        );
        std::process::exit(2);
    }
}

/// Sorts SQLite's errors into what can be said to people and done about them.
fn fault(error: &rusqlite::Error) -> Fault {
    use rusqlite::ErrorCode;
    let Some(code) = error.sqlite_error_code() else { return Fault::Unreadable(error.to_string()) };
    match code {
        ErrorCode::DiskFull => Fault::DiskFull,
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Fault::ReadOnly,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Fault::Locked,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Fault::Corrupt,
        _ => Fault::Io(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract;
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_embedded_log_keeps_the_contract_of_stores() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::at(folder.path().join("new/events.db"));
        contract::check_all(async || {
            let store: Arc<dyn EventStore> = Arc::new(SqliteStore::open(&settings).unwrap());
            store
        })
        .await;
    }

    #[tokio::test]
    async fn what_waits_at_the_close_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&Settings::at(folder.path().join("events.db"))).unwrap();
        let waiting = (0..100).map(|number: u128| {
            let event = super::super::NewEvent {
                id: uuid::Uuid::from_u128(number),
                event_type: "Tested",
                data: "{}".into(),
                metadata: "{}".into(),
            };
            store.append(Append {
                stream: StreamName(format!("waiting-{number}")),
                expected: super::super::ExpectedVersion::NoStream,
                events: [event].into(),
                urgency: if number < 50 { Urgency::Push } else { Urgency::Command },
            })
        });
        // Polled in this order: all of them wait before the store is told to close.
        let (outcomes, ()) = tokio::join!(futures_util::future::join_all(waiting), store.close());
        for outcome in outcomes {
            let AppendOutcome::Appended { first_version: 0, repeated: false, .. } = outcome else {
                panic!("{outcome:?}")
            };
        }
        assert_eq!(store.read_all(None, 1000).await.unwrap().len(), 100);
    }

    #[tokio::test]
    async fn a_fault_that_a_reader_found_is_over_when_writing_works_though_nobody_appends() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&Settings::at(folder.path().join("events.db"))).unwrap();
        let mut health = store.health();
        store.condition.failed(&Fault::Locked);
        assert_eq!(*health.borrow_and_update(), Health::Failing(Fault::Locked));
        let over = health.wait_for(|health| *health == Health::Writable);
        tokio::time::timeout(10 * limits::PROBE_INTERVAL, over).await.unwrap().unwrap();
    }
}
