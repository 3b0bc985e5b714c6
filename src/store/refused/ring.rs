//! The file of the refused ring: writing, forgetting, listing, and finding by the ids that a request claims.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};
use tokio::sync::mpsc;
use tracing::warn;

use super::{Entry, NewEntry, RingError, ring_error};
use crate::limits;
use crate::moment::stamp;
use crate::store::{create_folder_of, create_private};

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

    pub(super) fn run(mut self, mut queue: mpsc::Receiver<NewEntry>, dropped: &AtomicU64) {
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

    /// The newest entries that claim to have an id, of whatever kind, of one app or of all; strangers' last.
    pub fn claiming(&self, id: &str, app: Option<&str>, limit: u32) -> Result<Vec<Entry>, RingError> {
        // Most entries are passed over without being parsed.
        let sql = format!(
            "SELECT {ENTRY} FROM refused
             WHERE instr(claimed, json_quote(?1)) > 0
               AND EXISTS (SELECT 1 FROM json_each(iif(json_valid(claimed), claimed, '{{}}')) AS said WHERE said.key <> 'event' AND said.value = ?1)
               AND (?3 IS NULL OR app = ?3)
             ORDER BY stranger, last_at DESC, id DESC LIMIT ?2"
        );
        let read = self.connection.prepare(&sql).and_then(|mut statement| {
            statement.query_map((id, limit, app), entry)?.collect::<Result<Vec<_>, _>>()
        });
        read.map_err(|error| ring_error(&self.path, error))
    }

    pub fn show(&self, id: i64) -> Result<Option<Entry>, RingError> {
        let sql = format!("SELECT {ENTRY} FROM refused WHERE id = ?1");
        let found = self.connection.query_row(&sql, [id], entry).optional();
        found.map_err(|error| ring_error(&self.path, error))
    }
}

const ENTRY: &str = "id, app, channel, code, reason, mock, stranger, claimed, query, body, first_at, last_at, \
                     gives_up_at, times";

fn entry(row: &Row<'_>) -> Result<Entry, rusqlite::Error> {
    Ok(Entry {
        id: row.get("id")?,
        app: row.get("app")?,
        channel: row.get("channel")?,
        code: row.get("code")?,
        reason: row.get("reason")?,
        mock: row.get("mock")?,
        stranger: row.get("stranger")?,
        claimed: row.get("claimed")?,
        query: row.get("query")?,
        body: row.get("body")?,
        first_at: row.get("first_at")?,
        last_at: row.get("last_at")?,
        gives_up_at: row.get("gives_up_at")?,
        times: row.get("times")?,
    })
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
