//! The refused ring: a small capped file of requests that never reached the log, for people who look for
//! a push that "did not come". Outside the log; losing it loses no order.
//!
//! A request is kept whole, so that it can be judged again after a key has been fixed. The same content
//! repeated is one entry with a count. Writing never delays an answer: a full queue or a flood is counted
//! and dropped.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};
use tokio::sync::mpsc;
use tracing::warn;

use super::{create_folder_of, create_private};
use crate::limits;
use crate::moment::stamp;
use crate::pace::Pace;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS refused (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        app TEXT NOT NULL,
        channel TEXT NOT NULL,
        code INTEGER NOT NULL,
        reason TEXT NOT NULL,
        mock INTEGER NOT NULL,
        stranger INTEGER NOT NULL,
        claimed TEXT NOT NULL,
        query TEXT NOT NULL,
        body BLOB NOT NULL,
        first_at TEXT NOT NULL,
        last_at TEXT NOT NULL,
        gives_up_at TEXT,
        times INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS refused_by_age ON refused (last_at);
";

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
        Ok(Self { writing, paces: Mutex::default(), dropped })
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

/// The ring's file.
pub struct Ring {
    connection: Connection,
    path: PathBuf,
}

impl Ring {
    /// For commands that look: the server makes the file when it starts.
    pub fn open_existing(path: &Path) -> Result<Option<Self>, RingError> {
        if path.exists() { Self::open(path).map(Some) } else { Ok(None) }
    }

    pub fn open(path: &Path) -> Result<Self, RingError> {
        create_folder_of(path).map_err(|error| ring_error(path, error))?;
        create_private(path).map_err(|error| ring_error(path, error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let opened = Connection::open_with_flags(path, flags).and_then(|connection| {
            connection.busy_timeout(limits::BUSY_WAIT)?;
            // Losing the last entries at a power failure is allowed; it is no ledger.
            connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
            connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -2000;")?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        });
        let connection = opened.map_err(|error| ring_error(path, error))?;
        Ok(Self { connection, path: path.to_owned() })
    }

    fn run(mut self, mut queue: mpsc::Receiver<NewEntry>, dropped: &AtomicU64) {
        let mut batch = Vec::new();
        while queue.blocking_recv_many(&mut batch, limits::REFUSED_QUEUE_MAX) > 0 {
            let now = batch.last().map(|entry| entry.at);
            let written = self.write(&batch);
            if let (Ok(()), Some(now)) = (&written, now)
                && let Err(error) = self.forget(now)
            {
                warn!(path = %self.path.display(), %error, "the refused ring cannot forget old entries");
            }
            if let Err(error) = written {
                dropped.fetch_add(batch.len() as u64, Ordering::Relaxed);
                warn!(path = %self.path.display(), %error, "refused pushes cannot be remembered");
            }
            batch.clear();
        }
    }

    /// Adds entries; one with a known digest counts up and moves to the end.
    pub fn write(&mut self, entries: &[NewEntry]) -> Result<(), rusqlite::Error> {
        let transaction = self.connection.transaction()?;
        for entry in entries {
            transaction
                .prepare_cached(
                    "INSERT INTO refused (digest, app, channel, code, reason, mock, stranger, claimed, query, body,
                                          first_at, last_at, gives_up_at, times)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?12, ?7, ?8, ?9, ?10, ?10, ?11, 1)
                     ON CONFLICT (digest) DO UPDATE
                     SET times = times + 1, last_at = excluded.last_at, code = excluded.code,
                         reason = excluded.reason, query = excluded.query, body = excluded.body",
                )?
                .execute((
                    &entry.digest,
                    &entry.app,
                    &entry.channel,
                    entry.code,
                    &entry.reason,
                    entry.mock,
                    &entry.claimed,
                    &entry.query,
                    &entry.body,
                    stamp(entry.at),
                    entry.gives_up_at.map(stamp),
                    entry.stranger,
                ))?;
        }
        transaction.commit()
    }

    /// Removes what is too old, then the oldest until the rest is small enough, strangers' first.
    pub fn forget(&self, now: DateTime<Utc>) -> Result<(), rusqlite::Error> {
        let age = chrono::Duration::from_std(limits::REFUSED_AGE).unwrap_or_default();
        self.connection
            .prepare_cached("DELETE FROM refused WHERE last_at < ?1")?
            .execute([stamp(now - age)])?;
        // The file holds the entries and little else, and its free pages are used again.
        let pages = "SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM \
                     pragma_freelist_count), (SELECT page_size FROM pragma_page_size)";
        let used = || {
            self.connection.query_row(pages, [], |row| {
                Ok(row.get::<_, i64>(0)?.unsigned_abs() * row.get::<_, i64>(1)?.unsigned_abs())
            })
        };
        while used()? > limits::REFUSED_BYTES_MAX {
            let gone = self
                .connection
                .prepare_cached(
                    "DELETE FROM refused WHERE id IN (SELECT id FROM refused ORDER BY stranger DESC, last_at, id LIMIT 100)",
                )?
                .execute([])?;
            if gone == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The newest entries first.
    pub fn list(&self, limit: u32) -> Result<Vec<Entry>, RingError> {
        let sql = format!("SELECT {ENTRY} FROM refused ORDER BY last_at DESC, id DESC LIMIT ?1");
        let read = self
            .connection
            .prepare(&sql)
            .and_then(|mut statement| statement.query_map([limit], entry)?.collect::<Result<Vec<_>, _>>());
        read.map_err(|error| ring_error(&self.path, error))
    }

    pub fn show(&self, id: i64) -> Result<Option<Entry>, RingError> {
        let sql = format!("SELECT {ENTRY} FROM refused WHERE id = ?1");
        let found = self.connection.query_row(&sql, [id], entry).optional();
        found.map_err(|error| ring_error(&self.path, error))
    }
}

const ENTRY: &str = "id, app, channel, code, reason, mock, claimed, query, body, first_at, last_at, \
                     gives_up_at, times";

fn entry(row: &Row<'_>) -> Result<Entry, rusqlite::Error> {
    Ok(Entry {
        id: row.get(0)?,
        app: row.get(1)?,
        channel: row.get(2)?,
        code: row.get(3)?,
        reason: row.get(4)?,
        mock: row.get(5)?,
        claimed: row.get(6)?,
        query: row.get(7)?,
        body: row.get(8)?,
        first_at: row.get(9)?,
        last_at: row.get(10)?,
        gives_up_at: row.get(11)?,
        times: row.get(12)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn new_entry(digest: &str, body: usize, second: i64) -> NewEntry {
        NewEntry {
            digest: digest.into(),
            app: "demo".into(),
            channel: String::new(),
            code: 40101,
            reason: "r".into(),
            mock: false,
            stranger: false,
            claimed: "{}".into(),
            query: "{}".into(),
            body: vec![b'x'; body],
            at: at(second),
            gives_up_at: Some(at(second + 86_640)),
        }
    }

    #[test]
    fn the_same_request_is_one_entry_with_a_count_and_keeps_when_wechat_gives_up() {
        let folder = tempfile::tempdir().unwrap();
        let mut ring = Ring::open(&folder.path().join("refused.db")).unwrap();
        ring.write(&[new_entry("a", 1, 0), new_entry("b", 1, 1), new_entry("a", 1, 15)]).unwrap();
        let entries = ring.list(10).unwrap();
        let seen: Vec<_> = entries.iter().map(|entry| (entry.times, entry.first_at.as_str())).collect();
        assert_eq!(seen, [(2, "2027-01-15T08:00:00.000Z"), (1, "2027-01-15T08:00:01.000Z")]);
        assert_eq!(entries[0].gives_up_at.as_deref(), Some("2027-01-16T08:04:00.000Z"));
        assert_eq!(ring.show(entries[1].id).unwrap().unwrap(), entries[1]);
    }

    #[test]
    fn the_ring_forgets_what_is_old_and_what_is_too_much() {
        let folder = tempfile::tempdir().unwrap();
        let mut ring = Ring::open(&folder.path().join("refused.db")).unwrap();
        let day = 24 * 3600;
        ring.write(&[new_entry("old", 1, 0), new_entry("new", 1, 8 * day)]).unwrap();
        ring.forget(at(8 * day)).unwrap();
        assert_eq!(ring.list(10).unwrap().len(), 1, "older than seven days");
        for batch in 0..15 {
            let entries: Vec<_> =
                (0..100).map(|n| new_entry(&format!("{batch}-{n}"), 64 * 1024, 8 * day + batch)).collect();
            ring.write(&entries).unwrap();
            ring.forget(at(8 * day)).unwrap();
        }
        let entries = ring.list(5000).unwrap();
        let kept: usize = entries.iter().map(|entry| entry.body.len()).sum();
        assert!(kept as u64 <= limits::REFUSED_BYTES_MAX, "{kept}");
        assert!(kept as u64 > limits::REFUSED_BYTES_MAX / 2, "{kept}");
        assert!(entries.iter().all(|entry| entry.body.len() > 1), "the oldest went first");
    }

    #[test]
    fn what_strangers_sent_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let mut ring = Ring::open(&folder.path().join("refused.db")).unwrap();
        let entries = |stranger, second| -> Vec<NewEntry> {
            let entry = |n| NewEntry { stranger, ..new_entry(&format!("{stranger}-{n}"), 64 * 1024, second) };
            (0..700).map(entry).collect()
        };
        ring.write(&entries(false, 0)).unwrap();
        ring.write(&entries(true, 1)).unwrap();
        ring.forget(at(1)).unwrap();
        let count = "SELECT count(*) FROM refused WHERE stranger = ?1";
        let count = |stranger: bool| ring.connection.query_row(count, [stranger], |row| row.get(0));
        let (known, strangers): (u32, u32) = (count(false).unwrap(), count(true).unwrap());
        assert_eq!(known, 700, "though they are older");
        assert!((1..700).contains(&strangers), "{strangers}");
    }
}
