//! Reads the log beside the writer, a page at a time.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, Rows};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::super::{LogId, Position, ReadLog, RecordedEvent, StreamName, VersionAt, signed};
use super::file::{OpenError, open_for_reading};
use super::{Fault, fault};
use crate::limits;

pub const COLUMNS: &str = "position, stream, version, id, type, data, metadata";

/// The index over streams and versions knows all of it.
const VERSIONS: &str = "SELECT stream, version, position FROM events
    WHERE (stream, version) > (?1, ?2) ORDER BY stream, version LIMIT ?3";

/// A few connections that only read, opened when they are needed.
#[derive(Clone)]
pub struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
    log_id: LogId,
}

impl Readers {
    pub fn new(path: &Path, log_id: LogId) -> Self {
        Self {
            path: path.to_owned(),
            idle: Arc::default(),
            turns: Arc::new(Semaphore::new(limits::READERS_MAX)),
            log_id,
        }
    }

    /// For commands that read a log which a server may be writing.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let connection = open_for_reading(path)?;
        let text = connection.query_row("SELECT log_id FROM log", [], |row| row.get::<_, String>(0));
        let id = text.ok().and_then(|text| Uuid::parse_str(&text).ok());
        let id = id.ok_or_else(|| OpenError::NotALog { path: path.to_owned() })?;
        Ok(Self::new(path, LogId(id)))
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, Fault> {
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| Fault::Closing)?;
        let (path, idle) = (self.path.clone(), self.idle.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let taken = idle.lock().ok().and_then(|mut idle| idle.pop());
            let connection = match taken {
                Some(connection) => connection,
                None => open_for_reading(&path).map_err(|error| match error {
                    OpenError::Fault { fault, .. } => fault,
                    OpenError::NotALog { .. } => Fault::Corrupt,
                    other => Fault::Io(other.to_string()),
                })?,
            };
            let found = query(&connection).map_err(|error| fault(&error))?;
            if let Ok(mut idle) = idle.lock() {
                idle.push(connection);
            }
            Ok(found)
        });
        reading.await.map_err(|error| Fault::Io(error.to_string()))?
    }
}

#[async_trait]
impl ReadLog for Readers {
    async fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault> {
        let (stream, from, limit) = (stream.clone(), signed(from), at_most(limit));
        self.read(move |connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM events WHERE stream = ?1 AND version >= ?2 ORDER BY version LIMIT ?3"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            page(statement.query((stream.as_str(), from, limit))?)
        })
        .await
    }

    async fn read_all(&self, after: Option<Position>, limit: usize) -> Result<Vec<RecordedEvent>, Fault> {
        let (after, limit) = (after.map_or(0, |position| signed(position.0)), at_most(limit));
        self.read(move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM events WHERE position > ?1 ORDER BY position LIMIT ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            page(statement.query((after, limit))?)
        })
        .await
    }

    async fn read_category(
        &self,
        category: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Fault> {
        // "." follows "-" in ASCII: the index over streams holds a category in one piece.
        let (first, end) = (format!("{category}-"), format!("{category}."));
        let (after, limit) = (after.map_or(0, |position| signed(position.0)), at_most(limit));
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&category_sql())?;
            page(statement.query((first, end, after, limit))?)
        })
        .await
    }

    async fn read_versions(
        &self,
        after: Option<(StreamName, u64)>,
        limit: usize,
    ) -> Result<Vec<VersionAt>, Fault> {
        let limit = at_most(limit);
        // No stream is nameless: the empty name comes before all.
        let (stream, version) =
            after.map_or((String::new(), 0), |(stream, version)| (stream.0, signed(version)));
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(VERSIONS)?;
            let versions = statement.query_map((stream, version, limit), |row| {
                Ok(VersionAt {
                    stream: StreamName(row.get(0)?),
                    version: row.get::<_, i64>(1)?.unsigned_abs(),
                    position: Position(row.get::<_, i64>(2)?.unsigned_abs()),
                })
            });
            versions?.collect()
        })
        .await
    }

    async fn next_position(&self, after: Option<Position>) -> Result<Option<Position>, Fault> {
        let after = after.map_or(0, |position| signed(position.0));
        self.read(move |connection| {
            // Nothing of the row is asked for but its key.
            let sql = "SELECT position FROM events WHERE position > ?1 ORDER BY position LIMIT 1";
            let mut statement = connection.prepare_cached(sql)?;
            let next = statement.query_row([after], |row| row.get::<_, i64>(0)).optional()?;
            Ok(next.map(|number| Position(number.unsigned_abs())))
        })
        .await
    }

    async fn last(&self) -> Result<Option<Position>, Fault> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT max(position) FROM events")?;
            let last = statement.query_row([], |row| row.get::<_, Option<i64>>(0))?;
            Ok(last.map(|number| Position(number.unsigned_abs())))
        })
        .await
    }

    fn log_id(&self) -> LogId {
        self.log_id
    }
}

/// The pluses keep SQLite from walking the whole log by position: the index over streams is asked which events
/// there are, and only those that are stepped to are loaded.
fn category_sql() -> String {
    format!(
        "SELECT {COLUMNS} FROM events WHERE position IN (
             SELECT position FROM events WHERE stream >= ?1 AND stream < ?2 AND +position > ?3
             ORDER BY +position LIMIT ?4)
         ORDER BY position"
    )
}

fn at_most(limit: usize) -> i64 {
    i64::try_from(limit.min(limits::READ_PAGE_EVENTS_MAX)).unwrap_or(i64::MAX)
}

/// As many events as make a page; what comes after them is not loaded.
fn page(mut rows: Rows<'_>) -> Result<Vec<RecordedEvent>, rusqlite::Error> {
    let (mut page, mut bytes) = (Vec::new(), 0);
    while bytes < limits::READ_PAGE_BYTES_MAX
        && let Some(row) = rows.next()?
    {
        let event = recorded(row)?;
        bytes += event.bytes();
        page.push(event);
    }
    Ok(page)
}

pub fn recorded(row: &Row<'_>) -> Result<RecordedEvent, rusqlite::Error> {
    Ok(RecordedEvent {
        position: Position(row.get::<_, i64>(0)?.unsigned_abs()),
        stream: StreamName(row.get(1)?),
        version: row.get::<_, i64>(2)?.unsigned_abs(),
        id: Uuid::from_bytes(row.get(3)?),
        event_type: row.get(4)?,
        data: row.get(5)?,
        metadata: row.get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, SqliteStore};
    use super::*;

    #[test]
    fn a_category_is_found_by_the_index_over_streams_however_long_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.db");
        drop(SqliteStore::open(&Settings::at(&path)).unwrap());
        let connection = open_for_reading(&path).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", category_sql())).unwrap();
        let plan: Vec<String> =
            statement.query_map(("a", "b", 0, 1), |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        assert!(plan[0].contains("INTEGER PRIMARY KEY"), "{plan:?}");
        assert!(
            plan[2].contains("COVERING INDEX") && plan[2].contains("(stream>? AND stream<?)"),
            "{plan:?}"
        );
        assert_eq!(plan.len(), 4, "only positions are sorted: {plan:?}");
    }

    #[test]
    fn versions_are_walked_in_the_index_over_streams_and_nothing_else_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.db");
        drop(SqliteStore::open(&Settings::at(&path)).unwrap());
        let connection = open_for_reading(&path).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {VERSIONS}")).unwrap();
        let plan: Vec<String> =
            statement.query_map(("a", 0, 1), |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        assert_eq!(plan.len(), 1, "nothing is sorted: {plan:?}");
        assert!(
            plan[0].contains("COVERING INDEX") && plan[0].contains("((stream,version)>(?,?))"),
            "{plan:?}"
        );
    }
}
