//! Writes a log as the copy of another: recorded events, a page of them in one transaction.

use std::path::Path;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

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
    checkpoints: Checkpoints,
    _lock: Lock,
}

impl CopyFile {
    /// Opens the log, and creates it where there is none.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let lock = Lock::take(path)?;
        let mut opened = open_for_writing(path)?;
        let failed = |error: rusqlite::Error| file::open_error(path, &error);
        let rules = CheckpointRules {
            file: "the copy".into(),
            wal_pages: limits::COPY_WAL_PAGES,
            rest: Rest::ByWriter,
            sync_failure: SyncFailure::EndsProcess,
        };
        let beside = open_beside(path)?;
        let checkpoints = Checkpoints::start(&mut opened.connection, beside, rules).map_err(failed)?;
        let connection = opened.connection;
        // NORMAL: the write-ahead log is synced before it is folded, and by `sync`.
        let settings =
            format!("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -{};", limits::COPY_CACHE_BYTES / 1024);
        connection.execute_batch(&settings).map_err(failed)?;
        let last = last(&connection).map_err(failed)?;
        let writing = Some(Writing { connection, checkpoints, _lock: lock });
        Ok(Self { log_id: opened.log_id, last, writing })
    }

    /// Does something on a thread that may wait for the disk. What fails there, or is not waited for, closes the
    /// file.
    async fn writing<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Writing) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, Fault> {
        let mut writing = self.writing.take().ok_or(Fault::Closing)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&mut writing).map_err(|error| {
                end_process_if_sync_failed(&error);
                fault(&error)
            })?;
            Ok((writing, done))
        });
        let (writing, done) = done.await.map_err(|error| Fault::Io(error.to_string()))??;
        self.writing = Some(writing);
        Ok(done)
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

    async fn append_recorded(&mut self, mut events: Vec<RecordedEvent>) -> Result<(), Fault> {
        let positions = self.last.iter().chain(&events).map(|event| event.position);
        if !positions.is_sorted_by(|before, next| before < next) {
            return Err(Fault::Unreadable("its position is not behind the one before".into()));
        }
        let appended = self.writing(move |Writing { connection, checkpoints, .. }| {
            insert(connection, &events)?;
            checkpoints.advance(connection);
            Ok(events.pop())
        });
        if let Some(last) = appended.await? {
            self.last = Some(last);
        }
        Ok(())
    }

    async fn sync(&mut self) -> Result<(), Fault> {
        // A commit that is synced takes all with it that stands in the write-ahead log before it.
        let sql =
            "PRAGMA synchronous = FULL; UPDATE log SET probes = probes + 1; PRAGMA synchronous = NORMAL;";
        self.writing(move |writing| writing.connection.execute_batch(sql)).await
    }

    async fn rest(&mut self) -> Result<bool, Fault> {
        self.writing(|Writing { connection, checkpoints, .. }| Ok(checkpoints.fold(connection))).await
    }

    async fn close(mut self: Box<Self>) {
        let Some(Writing { connection, checkpoints, _lock: lock }) = self.writing.take() else { return };
        let closing = tokio::task::spawn_blocking(move || {
            // The thread beside may be folding just now.
            let _short = connection.busy_timeout(limits::FOLD_WAIT);
            checkpoints.finish(&connection);
            drop(connection);
            drop(lock);
        });
        // What could not be folded stands in the write-ahead log.
        let _closed = closing.await;
    }
}

fn insert(connection: &mut Connection, events: &[RecordedEvent]) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sql = "INSERT INTO events (position, stream, version, id, type, data, metadata)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut insert = transaction.prepare_cached(sql)?;
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
    drop(insert);
    transaction.commit()
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
