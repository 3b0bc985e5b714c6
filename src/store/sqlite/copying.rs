//! Writes a log as the copy of another: recorded events, many pages of them in one transaction.

use std::path::{Path, PathBuf};
use std::time::Instant;

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, OptionalExtension};

use super::super::{CopyTarget, LogId, RecordedEvent, signed};
use super::checkpoint::{CheckpointRules, Checkpoints, Rest, SyncFailure};
use super::file::{self, Lock, OpenError, open_beside, open_for_writing};
use super::reader::{COLUMNS, recorded};
use super::{Fault, end_process_if_sync_failed, fault};
use crate::limits;

/// A log that is being written as a copy. Holds its lock until dropped.
pub struct CopyFile {
    log_id: LogId,
    last: Option<RecordedEvent>,
    /// `None` after a fault.
    writing: Option<Writing>,
}

/// Goes to the thread that writes and back. Its parts are dropped in this order.
struct Writing {
    connection: Connection,
    journal: Journal,
    path: PathBuf,
    open: Open,
    _lock: Lock,
}

/// What stands in the transaction that is open.
struct Open {
    begun: Instant,
    events: usize,
    bytes: usize,
}

impl Open {
    fn now() -> Self {
        Self { begun: Instant::now(), events: 0, bytes: 0 }
    }

    fn is_full(&self) -> bool {
        self.events >= limits::COPY_TRANSACTION_EVENTS
            || self.bytes >= limits::COPY_TRANSACTION_BYTES
            || self.begun.elapsed() >= limits::COPY_TRANSACTION_WAIT
    }
}

/// What keeps the file whole where the process or the machine ends in a transaction.
enum Journal {
    /// A write-ahead log in which nothing has been written yet.
    Empty,
    /// A write-ahead log, folded beside the writer.
    Ahead(Checkpoints),
    /// A rollback journal: pages go to the file at once, and only those that stood there are written twice. Half the
    /// work for many events; nobody else reads the file well meanwhile.
    Rollback,
}

impl CopyFile {
    /// Opens the log, and creates it where there is none.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let lock = Lock::take(path)?;
        let opened = open_for_writing(path)?;
        let failed = |error: rusqlite::Error| file::open_error(path, &error);
        let connection = opened.connection;
        // NORMAL: the write-ahead log is synced before it is folded, and by `sync`.
        let settings =
            format!("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -{};", limits::COPY_CACHE_BYTES / 1024);
        connection.execute_batch(&settings).map_err(failed)?;
        let last = last(&connection).map_err(failed)?;
        let (journal, path) = (Journal::Empty, path.to_owned());
        let writing = Writing { connection, journal, path, open: Open::now(), _lock: lock };
        Ok(Self { log_id: opened.log_id, last, writing: Some(writing) })
    }

    /// Does something on a thread that may wait for the disk. What fails there, or is not waited for, closes the
    /// file.
    async fn writing<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Writing) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let mut writing = self.writing.take().ok_or(Fault::Closing)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&mut writing)?;
            Ok((writing, done))
        });
        let (writing, done) = done.await.map_err(|error| Fault::Io(error.to_string()))??;
        self.writing = Some(writing);
        Ok(done)
    }
}

fn failed(error: &rusqlite::Error) -> Fault {
    end_process_if_sync_failed(error);
    fault(error)
}

impl Writing {
    /// Where nobody else has the file open.
    fn begin_rollback(&mut self) -> rusqlite::Result<()> {
        if !matches!(self.journal, Journal::Empty) {
            return Ok(());
        }
        let begun = Instant::now();
        while !self.is_changed_to("DELETE")? {
            // SQLite itself does not wait for who reads the file just now.
            if begun.elapsed() >= limits::BUSY_WAIT {
                return Ok(());
            }
            std::thread::park_timeout(limits::FOLD_TRY_INTERVAL);
        }
        // FULL: the journal is synced before the pages that it holds are overwritten, and the file at each commit.
        self.connection.execute_batch("PRAGMA synchronous = FULL")?;
        // Who reads the file holds commits up.
        self.connection.busy_timeout(limits::COPY_LOCKED_WAIT)?;
        self.journal = Journal::Rollback;
        Ok(())
    }

    /// Back to a write-ahead log, so that others can read while it is written; later, where one reads just now.
    fn end_rollback(&mut self) -> rusqlite::Result<()> {
        if matches!(self.journal, Journal::Rollback) {
            self.connection.busy_timeout(limits::BUSY_WAIT)?;
            if self.is_changed_to("WAL")? {
                self.connection.execute_batch("PRAGMA synchronous = NORMAL")?;
                self.journal = Journal::Empty;
            }
        }
        Ok(())
    }

    fn is_changed_to(&self, mode: &str) -> rusqlite::Result<bool> {
        let sql = format!("PRAGMA journal_mode = {mode}");
        match self.connection.query_row(&sql, [], |row| row.get::<_, String>(0)) {
            Ok(changed) => Ok(changed.eq_ignore_ascii_case(mode)),
            Err(error)
                if matches!(
                    error.sqlite_error_code(),
                    Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Watches the write-ahead log from its first transaction on.
    fn begin_checkpoints(&mut self) -> Result<(), Fault> {
        if !matches!(self.journal, Journal::Empty) {
            return Ok(());
        }
        let rules = CheckpointRules {
            file: "the copy".into(),
            wal_pages: limits::COPY_WAL_PAGES,
            rest: Rest::ByWriter,
            sync_failure: SyncFailure::EndsProcess,
        };
        let beside = open_beside(&self.path).map_err(|error| match error {
            OpenError::Fault { fault, .. } => fault,
            other => Fault::Io(other.to_string()),
        })?;
        let checkpoints = Checkpoints::start(&mut self.connection, beside, rules);
        self.journal = Journal::Ahead(checkpoints.map_err(|error| failed(&error))?);
        Ok(())
    }

    fn append(&mut self, events: &[RecordedEvent]) -> rusqlite::Result<()> {
        if self.connection.is_autocommit() {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.open = Open::now();
        }
        insert(&self.connection, events)?;
        self.open.events += events.len();
        self.open.bytes += events.iter().map(RecordedEvent::bytes).sum::<usize>();
        if self.open.is_full() { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> rusqlite::Result<()> {
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("COMMIT")?;
        }
        if let Journal::Ahead(checkpoints) = &mut self.journal {
            checkpoints.advance(&self.connection);
        }
        Ok(())
    }

    fn sync(&mut self) -> rusqlite::Result<()> {
        self.commit()?;
        match self.journal {
            Journal::Rollback => self.end_rollback(),
            // A commit that is synced takes all with it that stands in the write-ahead log before it.
            Journal::Empty | Journal::Ahead(_) => self.connection.execute_batch(
                "PRAGMA synchronous = FULL; UPDATE log SET probes = probes + 1; PRAGMA synchronous = NORMAL;",
            ),
        }
    }

    /// Whether all stands in the one file.
    fn rest(&mut self) -> rusqlite::Result<bool> {
        self.end_rollback()?;
        match &mut self.journal {
            Journal::Ahead(checkpoints) => Ok(checkpoints.fold(&self.connection)),
            Journal::Empty => Ok(true),
            Journal::Rollback => Ok(true),
        }
    }

    fn close(mut self) {
        // The thread beside may be folding just now. What is not committed or folded is copied again, or stands in
        // the write-ahead log.
        let _short = self.connection.busy_timeout(limits::FOLD_WAIT);
        let _committed = self.commit().and_then(|()| self.end_rollback());
        let Self { connection, journal, _lock: lock, .. } = self;
        if let Journal::Ahead(checkpoints) = journal {
            checkpoints.finish(&connection);
        }
        drop(connection);
        drop(lock);
    }
}

fn last(connection: &Connection) -> Result<Option<RecordedEvent>, rusqlite::Error> {
    let sql = format!("SELECT {COLUMNS} FROM events ORDER BY position DESC LIMIT 1");
    connection.query_row(&sql, [], recorded).optional()
}

#[async_trait]
impl CopyTarget for CopyFile {
    fn log_id(&self) -> LogId {
        self.log_id
    }

    fn last(&self) -> Option<&RecordedEvent> {
        self.last.as_ref()
    }

    async fn prepare(&mut self, events: u64) -> Result<(), Fault> {
        if events < limits::COPY_BULK_EVENTS_MIN {
            return Ok(());
        }
        self.writing(|writing| writing.begin_rollback().map_err(|error| failed(&error))).await
    }

    async fn append_recorded(&mut self, mut events: Vec<RecordedEvent>) -> Result<(), Fault> {
        let positions = self.last.iter().chain(&events).map(|event| event.position);
        if !positions.is_sorted_by(|before, next| before < next) {
            return Err(Fault::Unreadable("its position is not behind the one before".into()));
        }
        let appended = self.writing(move |writing| {
            writing.begin_checkpoints()?;
            writing.append(&events).map_err(|error| failed(&error))?;
            Ok(events.pop())
        });
        if let Some(last) = appended.await? {
            self.last = Some(last);
        }
        Ok(())
    }

    async fn sync(&mut self) -> Result<(), Fault> {
        self.writing(|writing| writing.sync().map_err(|error| failed(&error))).await
    }

    async fn rest(&mut self) -> Result<bool, Fault> {
        self.writing(|writing| writing.rest().map_err(|error| failed(&error))).await
    }

    async fn close(mut self: Box<Self>) {
        let Some(writing) = self.writing.take() else { return };
        // What could not be folded stands in the write-ahead log.
        let _closed = tokio::task::spawn_blocking(move || writing.close()).await;
    }
}

/// Within a transaction.
fn insert(connection: &Connection, events: &[RecordedEvent]) -> rusqlite::Result<()> {
    let sql = "INSERT INTO events (position, stream, version, id, type, data, metadata)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut insert = connection.prepare_cached(sql)?;
    for event in events {
        insert.execute((
            signed(event.position.number()),
            event.stream.as_str(),
            signed(event.version),
            event.id.as_bytes(),
            &event.event_type,
            &event.data,
            &event.metadata,
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::super::{Position, ReadLog, StreamName};
    use super::super::Readers;
    use super::*;

    fn event(position: u64, stream: &str, version: u64) -> RecordedEvent {
        RecordedEvent {
            position: Position::from_number(position),
            stream: StreamName(stream.into()),
            version,
            id: uuid::Uuid::from_u128(u128::from(position)),
            event_type: "Tested".into(),
            data: r#"{"text":"中文 \" \u0000"}"#.into(),
            metadata: "{}".into(),
        }
    }

    #[tokio::test]
    async fn what_was_appended_reads_back_as_it_was_in_a_file_of_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/copy.db");
        let mut copy = CopyFile::open(&path).unwrap();
        let (log_id, first) = (copy.log_id(), vec![event(1, "a-1", 0), event(2, "b-1", 0)]);
        copy.append_recorded(first.clone()).await.unwrap();
        // A gap is copied like all else.
        let second = vec![event(4, "a-1", 1)];
        copy.append_recorded(second.clone()).await.unwrap();
        copy.append_recorded(vec![]).await.unwrap();
        copy.sync().await.unwrap();
        Box::new(copy).close().await;
        let readers = Readers::open(&path).unwrap();
        assert_eq!(readers.read_all(None, 10).await.unwrap(), [first, second.clone()].concat());
        assert_eq!(readers.log_id(), log_id);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let folder = path.parent().unwrap();
        assert_eq!(std::fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
        let copy = CopyFile::open(&path).unwrap();
        assert_eq!((copy.log_id(), copy.last()), (log_id, second.last()));
    }

    #[tokio::test]
    async fn of_a_page_that_cannot_be_written_nothing_stands_and_the_file_is_closed() {
        for wrong in [
            // The stream has this version.
            vec![event(3, "b-1", 0), event(4, "a-1", 0)],
            // Not behind the last one.
            vec![event(2, "b-1", 0)],
            vec![event(4, "b-1", 0), event(3, "b-1", 1)],
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("copy.db");
            let mut copy = CopyFile::open(&path).unwrap();
            copy.append_recorded(vec![event(1, "a-1", 0), event(2, "a-1", 1)]).await.unwrap();
            copy.sync().await.unwrap();
            assert!(copy.append_recorded(wrong.clone()).await.is_err(), "{wrong:?}");
            drop(copy);
            let copy = CopyFile::open(&path).unwrap();
            assert_eq!(copy.last(), Some(&event(2, "a-1", 1)), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn a_file_is_one_copys_only_until_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy.db");
        let copy = CopyFile::open(&path).unwrap();
        let Err(OpenError::InUse { holder, .. }) = CopyFile::open(&path) else {
            panic!("it was opened twice")
        };
        assert_eq!(holder.pid, std::process::id());
        Box::new(copy).close().await;
        CopyFile::open(&path).unwrap();
    }
}
