//! The log's file: its lock, its schema, and opening it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde::{Deserialize, Serialize};
use tracing::debug;
use uuid::Uuid;

use super::super::{LogId, Position, create_folder_of, create_private};
use super::checkpoint::fold_what_was_left;
use super::{Fault, fault};
use crate::limits;

/// "OLDG": tells our file from any other SQLite file.
const APPLICATION_ID: i32 = 0x4f4c_4447;
const SCHEMA_VERSION: i32 = 1;

const SCHEMA: &str = "
    CREATE TABLE log (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        log_id TEXT NOT NULL,
        probes INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE events (
        position INTEGER PRIMARY KEY,
        stream TEXT NOT NULL,
        version INTEGER NOT NULL,
        id BLOB NOT NULL,
        type TEXT NOT NULL,
        data TEXT NOT NULL,
        metadata TEXT NOT NULL,
        UNIQUE (stream, version)
    ) STRICT;
";

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: std::io::Error },
    #[error("{path} is in use by {holder}: stop that process, or let the command go through it")]
    InUse { path: PathBuf, holder: LockHolder },
    #[error("{path} is not a log of order-ledger: name another file (in the configuration: store.path)")]
    NotALog { path: PathBuf },
    #[error(
        "{path} was written by a newer version of order-ledger (schema {found}, known {SCHEMA_VERSION}): upgrade"
    )]
    Newer { path: PathBuf, found: i32 },
    #[error(
        "{path} can be read but not written: check the owner and mode of the file, its folder and the mount"
    )]
    ReadOnly { path: PathBuf },
    #[error("{path}: there is no log yet")]
    Missing { path: PathBuf },
    #[error("{path}: {fault}")]
    Fault { path: PathBuf, fault: Fault },
}

/// The process that holds the log, as it wrote itself into the lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    pub pid: u32,
    /// Where its listeners are, if it is a server.
    pub push: Option<String>,
    pub admin: Option<String>,
}

impl std::fmt::Display for LockHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.pid, &self.admin) {
            (0, _) => f.write_str("another process"),
            (pid, None) => write!(f, "process {pid}"),
            (pid, Some(admin)) => write!(f, "process {pid}, a server with its admin listener at {admin}"),
        }
    }
}

/// The exclusive right to the log, until dropped or until the process ends.
pub struct Lock {
    file: File,
    path: PathBuf,
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

impl Lock {
    pub fn take(log: &Path) -> Result<Self, OpenError> {
        let path = beside(log, ".lock");
        let io = |error| OpenError::Io { path: path.clone(), error };
        create_folder_of(log).map_err(io)?;
        // Not truncated: what stands there names the holder.
        let file =
            OpenOptions::new().create(true).read(true).write(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = lock_holder(log).unwrap_or_default();
                return Err(OpenError::InUse { path: log.to_owned(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let lock = Self { file, path };
        lock.announce(&LockHolder { pid: std::process::id(), ..LockHolder::default() })?;
        Ok(lock)
    }

    pub fn announce(&self, holder: &LockHolder) -> Result<(), OpenError> {
        let text = serde_json::to_string(holder).unwrap_or_default();
        let write = |mut file: &File| {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(text.as_bytes())
        };
        write(&self.file).map_err(|error| OpenError::Io { path: self.path.clone(), error })
    }
}

impl Drop for Lock {
    /// Who comes later must not look for us; that the file stays behind harms nobody.
    fn drop(&mut self) {
        let _emptied = self.file.set_len(0);
    }
}

/// Whether two paths lead to one file, by whatever names. One that does not exist is no other's.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    identity(one).is_some_and(|one| identity(other) == Some(one))
}

/// Who holds the log at `path`, as far as the lock file tells.
pub fn lock_holder(log: &Path) -> Option<LockHolder> {
    let mut text = String::new();
    File::open(beside(log, ".lock")).ok()?.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

pub struct Opened {
    pub connection: Connection,
    pub log_id: LogId,
    pub head: Option<Position>,
}

pub fn open_for_writing(path: &Path) -> Result<Opened, OpenError> {
    let failed = |error: rusqlite::Error| open_error(path, &error);
    // SQLite takes so short a file for an empty one, and would begin a new log over what is left of ours.
    const DATABASE_BYTES_MIN: u64 = 512;
    if std::fs::metadata(path).is_ok_and(|file| (1..DATABASE_BYTES_MIN).contains(&file.len())) {
        return Err(OpenError::NotALog { path: path.to_owned() });
    }
    create_private(path).map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags);
    let mut connection = connection.map_err(failed)?;
    // A command that ends may be folding the write-ahead log just now.
    connection.busy_timeout(limits::FOLD_WAIT).map_err(failed)?;
    if connection.is_readonly("main").map_err(failed)? {
        return Err(OpenError::ReadOnly { path: path.to_owned() });
    }
    let is_new = check_identity(&connection, path)?;
    let mode: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        let fault = Fault::Io(format!("the file system allows no write-ahead log (journal mode {mode})"));
        return Err(OpenError::Fault { path: path.to_owned(), fault });
    }
    // FULL: the write-ahead log is synced at every commit. The writer decides when to checkpoint.
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -16000;",
        )
        .map_err(failed)?;
    if is_new {
        create(&mut connection).map_err(failed)?;
    }
    fold_what_was_left(&connection).map_err(failed)?;
    connection.busy_timeout(limits::BUSY_WAIT).map_err(failed)?;
    sync_folders(path)?;
    let log_id: String =
        connection.query_row("SELECT log_id FROM log", [], |row| row.get(0)).map_err(failed)?;
    let log_id = Uuid::parse_str(&log_id).map_err(|_| OpenError::NotALog { path: path.to_owned() })?;
    let head = connection
        .query_row("SELECT position FROM events ORDER BY position DESC LIMIT 1", [], |row| {
            row.get::<_, i64>(0)
        })
        .optional()
        .map_err(failed)?;
    let head = head.map(|position| Position(position.unsigned_abs()));
    Ok(Opened { connection, log_id: LogId(log_id), head })
}

/// A second connection of the process that owns the log.
pub fn open_beside(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).and_then(|connection| {
        connection.busy_timeout(limits::BUSY_WAIT)?;
        connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -1000;")?;
        Ok(connection)
    });
    opened.map_err(|error| open_error(path, &error))
}

/// A connection that only reads. It needs no lock: the write-ahead log lets readers be.
pub fn open_for_reading(path: &Path) -> Result<Connection, OpenError> {
    if !path.exists() {
        return Err(OpenError::Missing { path: path.to_owned() });
    }
    let failed = |error: rusqlite::Error| open_error(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(limits::BUSY_WAIT).map_err(failed)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -4000;").map_err(failed)?;
    if check_identity(&connection, path)? {
        return Err(OpenError::Missing { path: path.to_owned() });
    }
    Ok(connection)
}

/// True for an empty file, which is to become a log.
fn check_identity(connection: &Connection, path: &Path) -> Result<bool, OpenError> {
    let pragma = |sql: &str| {
        connection.query_row(sql, [], |row| row.get::<_, i32>(0)).map_err(|error| open_error(path, &error))
    };
    let tables = pragma("SELECT count(*) FROM sqlite_schema")?;
    match (pragma("PRAGMA application_id")?, pragma("PRAGMA user_version")?) {
        (0, 0) if tables == 0 => Ok(true),
        (APPLICATION_ID, SCHEMA_VERSION) => Ok(false),
        (APPLICATION_ID, found) if found > SCHEMA_VERSION => {
            Err(OpenError::Newer { path: path.to_owned(), found })
        }
        _ => Err(OpenError::NotALog { path: path.to_owned() }),
    }
}

fn create(connection: &mut Connection) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.execute("INSERT INTO log (only, log_id) VALUES (1, ?1)", [Uuid::new_v4().to_string()])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()
}

/// Makes the file's name durable, as its content is, and, as far as that is allowed, the name of its folder,
/// which may be new.
fn sync_folders(path: &Path) -> Result<(), OpenError> {
    let full = path.canonicalize().map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
    let sync = |folder: &Path| File::open(folder).and_then(|folder| folder.sync_all());
    let Some(folder) = full.parent() else { return Ok(()) };
    sync(folder).map_err(|error| OpenError::Io { path: folder.to_owned(), error })?;
    if let Some(outer) = folder.parent()
        && let Err(error) = sync(outer)
    {
        debug!(folder = %outer.display(), %error, "the name of the log's folder cannot be synced");
    }
    Ok(())
}

pub fn open_error(path: &Path, error: &rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match fault(error) {
        Fault::ReadOnly => OpenError::ReadOnly { path },
        Fault::Corrupt if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            OpenError::NotALog { path }
        }
        fault => OpenError::Fault { path, fault },
    }
}
