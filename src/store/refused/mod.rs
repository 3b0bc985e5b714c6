//! The refused ring: a small capped file of requests that never reached the log, for people who look for
//! a push that "did not come". Outside the log; losing it loses no order.
//!
//! A request is kept whole, so that it can be judged again after a key has been fixed. The same content
//! repeated is one entry with a count. Writing never delays an answer: a full queue or a flood is counted
//! and dropped.

mod ring;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use crate::limits;
use crate::pace::Pace;

pub use ring::Ring;

/// One request to remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// Equal for requests that are to be one entry.
    pub digest: String,
    pub app: String,
    pub channel: String,
    /// The answer's ErrCode; 0 for a mock that was answered success.
    pub code: u32,
    pub reason: String,
    pub mock: bool,
    /// Whether anybody may have sent it. Strangers have a share of their own, so that a flood of theirs
    /// cannot push out what WeChat sent.
    pub stranger: bool,
    /// The ids that the request claims to have, as JSON.
    pub claimed: String,
    /// The URL parameters, as JSON.
    pub query: String,
    pub body: Vec<u8>,
    pub at: DateTime<Utc>,
    /// When WeChat's last repeat of a first push that came now would come.
    pub gives_up_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: i64,
    pub app: String,
    pub channel: String,
    pub code: u32,
    pub reason: String,
    pub mock: bool,
    /// Whether anybody may have sent it.
    pub stranger: bool,
    pub claimed: String,
    pub query: String,
    pub body: Vec<u8>,
    pub first_at: String,
    pub last_at: String,
    pub gives_up_at: Option<String>,
    pub times: u32,
}

#[derive(Debug, thiserror::Error)]
#[error("{path}: the refused ring cannot be used: {problem}")]
pub struct RingError {
    path: PathBuf,
    problem: String,
}

fn ring_error(path: &Path, error: impl ToString) -> RingError {
    RingError { path: path.to_owned(), problem: error.to_string() }
}

/// The paces of those who know a Token and of strangers: a flood of forgeries must not wear the disk out.
struct Paces {
    token_holders: Pace,
    strangers: Pace,
}

impl Paces {
    fn of(&mut self, stranger: bool) -> &mut Pace {
        if stranger { &mut self.strangers } else { &mut self.token_holders }
    }
}

impl Default for Paces {
    fn default() -> Self {
        Self {
            token_holders: Pace::new(limits::REFUSED_PER_SECOND, limits::REFUSED_BURST),
            strangers: Pace::new(limits::REFUSED_STRANGERS_PER_SECOND, limits::REFUSED_STRANGERS_BURST),
        }
    }
}

/// The writing side, held by the server.
pub struct RefusedRing {
    /// `None` once closed.
    writing: Mutex<Option<Writing>>,
    paces: Mutex<Paces>,
    dropped: Arc<AtomicU64>,
    path: PathBuf,
}

struct Writing {
    entries: mpsc::Sender<NewEntry>,
    thread: std::thread::JoinHandle<()>,
}

impl RefusedRing {
    /// Opens the ring and starts the thread that writes it.
    pub fn open(path: &Path) -> Result<Self, RingError> {
        let ring = Ring::open(path)?;
        let (entries, queue) = mpsc::channel(limits::REFUSED_QUEUE_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = dropped.clone();
        let run = move || ring.run(queue, &counted);
        let thread = std::thread::Builder::new().name("refused-ring".into()).spawn(run);
        let thread = thread.map_err(|error| ring_error(path, error))?;
        let writing = Mutex::new(Some(Writing { entries, thread }));
        Ok(Self { writing, paces: Mutex::default(), dropped, path: path.to_owned() })
    }

    /// Hands over an entry without waiting. It is made only where there is room for it.
    pub fn remember(&self, stranger: bool, at: DateTime<Utc>, entry: impl FnOnce() -> NewEntry) {
        let admitted = {
            let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
            paces.of(stranger).allows(at)
        };
        let handed_over = admitted && {
            let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            writing.as_ref().is_some_and(|writing| writing.entries.try_send(entry()).is_ok())
        };
        if !handed_over {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Entries that were only counted, because too many came.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The ring's file, for looking into it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what is waiting and ends.
    pub async fn close(&self) {
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Writing { entries, thread }) = writing {
            drop(entries);
            // A thread that panicked has been reported by the panic itself.
            let _ended = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}
