//! The log's door: append to a stream, read a stream, read everything in order. Knows nothing of orders,
//! money or WeChat; an event is a name and two texts here.

pub mod address;
mod condition;
pub mod contract;
pub mod copying;
#[cfg(feature = "kurrentdb")]
pub mod kurrentdb;
#[cfg(feature = "bench")]
pub mod nothing;
pub mod refused;
pub mod sqlite;

use std::fmt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

/// `category-key`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamName(pub String);

impl StreamName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the first `-`.
    pub fn category(&self) -> &str {
        self.0.split_once('-').map_or(&self.0, |(category, _)| category)
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A place in the log: opaque, ordered, of one log only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(u64);

impl Position {
    /// For those who keep it: checkpoints and cursors. Means something only beside the log's id.
    pub fn number(self) -> u64 {
        self.0
    }

    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Reading after it begins with the event at `self`; `None`: reading from the start does.
    pub fn before(self) -> Option<Self> {
        self.0.checked_sub(1).filter(|number| *number > 0).map(Self)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Position {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Names one log for ever; a copy has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogId(pub Uuid);

/// What a writer believes of a stream; the first event of a stream has version 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedVersion {
    NoStream,
    /// The version of the last event.
    Exact(u64),
}

impl ExpectedVersion {
    /// The version that the next event gets.
    pub fn next(self) -> u64 {
        match self {
            Self::NoStream => 0,
            Self::Exact(version) => version + 1,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Equal ids mean equal facts: the id is made from the content.
    pub id: Uuid,
    pub event_type: &'static str,
    /// JSON.
    pub data: String,
    /// JSON.
    pub metadata: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    pub position: Position,
    pub stream: StreamName,
    pub version: u64,
    pub id: Uuid,
    pub event_type: String,
    pub data: String,
    pub metadata: String,
}

impl RecordedEvent {
    /// In what it differs from an event of another log. Positions are each log's own.
    pub fn differs_from(&self, other: &Self) -> Vec<&'static str> {
        let texts = [
            ("stream", self.stream == other.stream),
            ("version", self.version == other.version),
            ("id", self.id == other.id),
            ("event_type", self.event_type == other.event_type),
            ("data", self.data == other.data),
            ("metadata", self.metadata == other.metadata),
        ];
        texts.into_iter().filter_map(|(name, is_same)| (!is_same).then_some(name)).collect()
    }

    /// What it takes to hold it, but for its names.
    pub fn bytes(&self) -> usize {
        self.data.len() + self.metadata.len()
    }
}

/// Where an event stands in its stream and in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionAt {
    pub stream: StreamName,
    pub version: u64,
    pub position: Position,
}

/// Who waits: WeChat, for 3 seconds, or a command, which goes second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    Push,
    Command,
}

#[derive(Clone, Debug)]
pub struct Append {
    pub stream: StreamName,
    pub expected: ExpectedVersion,
    pub events: Arc<[NewEvent]>,
    pub urgency: Urgency,
}

/// What became of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendOutcome {
    /// All events are durable. `repeated` where they had been before: the result is the original one. Of one process
    /// that writes a log exactly one caller is told that an event is new; where several processes append the very
    /// same fact at the same moment, each may be, and it stands once all the same.
    Appended { first_version: u64, position: Position, repeated: bool },
    /// The stream is not as expected; nothing was written. `None`: it has no events.
    Conflict { current: Option<u64> },
    /// Certainly not written.
    NotWritten(Fault),
    /// Nobody can tell. Trying again with the same ids is always safe.
    Unknown(Fault),
}

/// Why a store could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("too many appends are waiting")]
    QueueFull,
    #[error("the store did not answer in time")]
    Slow,
    #[error("the disk is full")]
    DiskFull,
    #[error("the log can only be read, not written")]
    ReadOnly,
    #[error("the log is locked by another process")]
    Locked,
    #[error("the log's file is damaged")]
    Corrupt,
    #[error("input or output failed: {0}")]
    Io(String),
    /// No request gets there.
    #[error("the store cannot be reached: {0}")]
    Unreachable(String),
    /// One event only; the log itself can be read.
    #[error("an event cannot be read: {0}")]
    Unreadable(String),
    #[error("the event is larger than {max} bytes")]
    TooLarge { max: usize },
    #[error("the store is closing")]
    Closing,
    /// This one request, whoever asks; others may be carried out.
    #[error("the store refuses it: {0}")]
    Refused(String),
    /// Until somebody changes rights or passwords.
    #[error("the store denies access: {0}")]
    Denied(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    Writable,
    /// Appends fail for this reason. The store keeps trying and returns by itself, unless its file is damaged.
    Failing(Fault),
}

/// Counts since the store was opened.
#[derive(Debug, Default)]
pub struct Counters {
    pub events: AtomicU64,
    /// Transactions that wrote something, each with one fsync.
    pub commits: AtomicU64,
    pub commit_failures: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

/// Reading a log; for whoever must not write, this is all there is. What is read comes in pages, which end after
/// `limit` events or `READ_PAGE_BYTES_MAX` bytes: only an empty page says that there is no more.
#[async_trait]
pub trait ReadLog: Send + Sync {
    /// The events of a stream from a version on.
    async fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault>;

    /// The events of all streams after a position, in the log's order.
    async fn read_all(&self, after: Option<Position>, limit: usize) -> Result<Vec<RecordedEvent>, Fault>;

    /// The event that stands at a position, where one does.
    async fn event_at(&self, position: Position) -> Result<Option<RecordedEvent>, Fault> {
        let found = self.read_all(position.before(), 1).await?;
        Ok(found.into_iter().find(|event| event.position == position))
    }

    /// The same as [`ReadLog::read_all`], of one category's streams only. Meant for categories that stay small.
    async fn read_category(
        &self,
        category: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault>;

    /// Where all events stand, in the order of their streams' names and in each of their versions, after one of
    /// them; without what they say.
    async fn read_versions(
        &self,
        after: Option<(StreamName, u64)>,
        limit: usize,
    ) -> Result<Vec<VersionAt>, Fault>;

    /// The first position behind another one at which an event stands, whether or not it can be read; `None` behind
    /// the last. Positions ascend, and need not follow one another: this steps over what cannot be read.
    async fn next_position(&self, after: Option<Position>) -> Result<Option<Position>, Fault>;

    /// The first version of a stream behind another one, whether or not its event can be read; `None` behind the last.
    /// Versions may have gaps, however wide, where somebody wrote to the log by hand.
    async fn next_version(&self, stream: &StreamName, after: u64) -> Result<Option<u64>, Fault> {
        let next = self.read_versions(Some((stream.clone(), after)), 1).await?;
        Ok(next.into_iter().find(|at| at.stream == *stream).map(|at| at.version))
    }

    /// The position of the last event; `None` for an empty log.
    async fn last(&self) -> Result<Option<Position>, Fault>;

    /// How long the append takes that is being written, or took that was written a moment ago. Who reads much and can
    /// wait does so while this is long: disk and pushes have it for themselves then. Zero where nothing is known.
    fn write_effort(&self) -> Duration {
        Duration::ZERO
    }

    fn log_id(&self) -> LogId;
}

#[async_trait]
pub trait EventStore: ReadLog {
    /// All or nothing, durable when it returns `Appended`.
    async fn append(&self, append: Append) -> AppendOutcome;

    /// The last position known to be durable; wakes whoever waits for more.
    fn head(&self) -> watch::Receiver<Option<Position>>;

    /// Whether other processes append to the log too: `head` learns of theirs a little later than they are told.
    fn is_shared(&self) -> bool {
        false
    }

    /// The last position that anybody has been told by now.
    async fn end(&self) -> Result<Option<Position>, Fault> {
        if self.is_shared() { self.last().await } else { Ok(*self.head().borrow()) }
    }

    /// Whether appends work now.
    fn health(&self) -> watch::Receiver<Health>;

    fn counters(&self) -> &Counters;

    /// Writes what is waiting, syncs and closes. Appends after it are not written.
    async fn close(&self);
}

/// Where events stand in a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// Where they stand in the source.
    Kept,
    /// In the same order, elsewhere.
    ItsOwn,
}

/// A log that another one is copied into. Nobody else writes it meanwhile. After a fault it is closed: what stands
/// in it is known again when it is opened again.
#[async_trait]
pub trait CopyTarget: Send {
    /// Its own, and not that of the log that is copied.
    fn log_id(&self) -> LogId;

    /// Whether events stand at the same positions in it.
    fn positions(&self) -> Positions {
        Positions::Kept
    }

    /// The event that stands last: at its own position when this is opened, and at the other log's once it has been
    /// copied.
    fn last(&self) -> Option<&RecordedEvent>;

    /// Told before about so many events are appended, up to the next [`CopyTarget::sync`].
    async fn prepare(&mut self, _events: u64) -> Result<(), Fault> {
        Ok(())
    }

    /// Events as they stand in the other log, behind the last one: where positions are kept, all or nothing; where
    /// they are not, the first ones may stand when it fails, and `last` says which. They survive the end of this
    /// process, or of the machine, only after [`CopyTarget::sync`]; what survives without it is the beginning of what
    /// was appended.
    async fn append_recorded(&mut self, events: Vec<RecordedEvent>) -> Result<(), Fault>;

    /// Makes all durable that was appended.
    async fn sync(&mut self) -> Result<(), Fault>;

    /// Leaves everything in its one file while nothing is to be written, as far as readers let it; whether that is
    /// done. A store that has no other files has nothing to do.
    async fn rest(&mut self) -> Result<bool, Fault> {
        Ok(true)
    }

    /// Leaves everything in order for who opens it next.
    async fn close(self: Box<Self>);
}

/// SQLite and gauges count in signed numbers; no log is that long.
pub fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The folder a file of ours is to stand in. What players bought is nobody else's business on this machine.
fn create_folder_of(file: &Path) -> std::io::Result<()> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
        }
        _ => Ok(()),
    }
}

/// Creates an empty file that only its owner can read, where there is none yet.
fn create_private(file: &Path) -> std::io::Result<()> {
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}
