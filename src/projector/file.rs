//! The SQLite file of one build of a projection: its tables, the checkpoint beside them, and the folder it was
//! built from, so that it can go on and answer while a newer one is being built.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, OpenFlags, OptionalExtension};
use uuid::Uuid;

use super::definition::Definition;
use super::folder::{Folder, Origin};
use crate::limits;
use crate::store::{LogId, Position};

/// Names the file that answers.
const CURRENT: &str = "current";
const CURRENT_NEXT: &str = "current.new";
const BUILDING: &str = ".building";

/// The engine's own.
pub const OWN_TABLES: &str = "
    CREATE TABLE _checkpoint (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        log_id TEXT NOT NULL,
        position INTEGER,
        event_id TEXT
    ) STRICT;
    CREATE TABLE _folder (path TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;
    CREATE TABLE _build (version TEXT NOT NULL, origin TEXT NOT NULL) STRICT;
";

/// How far the rows go: written in the same transaction as they.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub log_id: LogId,
    /// Of the last event folded; `None` before any.
    pub position: Option<Position>,
    pub event_id: Option<Uuid>,
}

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: std::io::Error },
    #[error("{path}: {error}")]
    Sqlite { path: PathBuf, error: rusqlite::Error },
}

/// The folder of one projection's files below `views.dir`.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
    /// The number of the next build. One that was used is not used again while the process lives: connections
    /// may still have a file of that name open.
    next: AtomicU64,
}

impl Place {
    /// Makes the folder, and removes what an interrupted build has left.
    pub fn make(views: &Path, name: &str) -> Result<Self, FileError> {
        let folder = views.join(name);
        let io = |error| FileError::Io { path: folder.clone(), error };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(io)?;
        let place = Self { folder, next: AtomicU64::new(1) };
        place.sweep()?;
        // Whoever folds finds out anew what is wrong.
        let _absent = fs::remove_file(place.noted());
        Ok(place)
    }

    /// For those who only read.
    pub fn at(views: &Path, name: &str) -> Self {
        Self { folder: views.join(name), next: AtomicU64::new(1) }
    }

    /// Says what is wrong.
    pub fn noted(&self) -> PathBuf {
        self.folder.join("problem.json")
    }

    /// The file that answers, if there is one.
    pub fn current(&self) -> Option<PathBuf> {
        let name = fs::read_to_string(self.folder.join(CURRENT)).ok()?;
        let path = self.folder.join(name.trim());
        path.is_file().then_some(path)
    }

    /// Whether a build is under way here.
    pub fn is_building(&self) -> bool {
        let is_it = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(BUILDING);
        fs::read_dir(&self.folder)
            .is_ok_and(|entries| entries.flatten().any(|entry| is_it(&entry.file_name())))
    }

    /// A name for a build that no file has, or has had.
    pub fn next_name(&self, version: &str) -> PathBuf {
        let short: String = version.chars().take(16).collect();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let path = self.folder.join(format!("{short}-{number}.db"));
            if !path.exists() && !building(&path).exists() {
                return path;
            }
        }
    }

    /// Lets a finished build answer from now on, all at once.
    pub fn switch_to(&self, path: &Path) -> Result<(), FileError> {
        let io = |error| FileError::Io { path: self.folder.clone(), error };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let beside = self.folder.join(CURRENT_NEXT);
        let mut file = fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .map_err(io)?;
        file.write_all(name.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
        fs::rename(&beside, self.folder.join(CURRENT)).map_err(io)?;
        fs::File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(io)
    }

    /// Removes every build but the one that answers.
    pub fn sweep(&self) -> Result<(), FileError> {
        let io = |error| FileError::Io { path: self.folder.clone(), error };
        let current = self.current().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        for entry in fs::read_dir(&self.folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_kept =
                name == CURRENT || current.as_ref().is_some_and(|current| name.starts_with(current));
            if !is_kept && (name.contains(".db") || name == CURRENT_NEXT) {
                gone(fs::remove_file(&path)).map_err(io)?;
            }
        }
        Ok(())
    }

    /// Whether a build of ours answers here.
    pub fn is_ours(&self, name: &str) -> bool {
        self.current().is_some_and(|path| built_from(&path, name).is_some())
    }

    /// Removes everything of a projection that nobody wants any more.
    pub fn forget(&self) -> Result<(), FileError> {
        for path in [self.folder.join(CURRENT), self.noted()] {
            gone(fs::remove_file(&path)).map_err(|error| FileError::Io { path, error })?;
        }
        self.sweep()?;
        // What is not ours stays, and the folder with it.
        let _kept_where_not_empty = fs::remove_dir(&self.folder);
        Ok(())
    }
}

/// Removes a finished build that answers no more, or never did.
pub fn remove(path: &Path) -> Result<(), FileError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let path = PathBuf::from(name);
        gone(fs::remove_file(&path)).map_err(|error| FileError::Io { path, error })?;
    }
    Ok(())
}

/// SQLite removes files beside a database by itself when nobody has it open any more.
pub fn gone(removed: std::io::Result<()>) -> std::io::Result<()> {
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Where a build stands until it is finished.
pub fn building(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(BUILDING);
    PathBuf::from(name)
}

/// A new file with the engine's tables and those of the folder.
pub fn create(path: &Path, definition: &Definition, log_id: LogId) -> Result<Connection, FileError> {
    let _absent = fs::remove_file(path);
    let io = |error| FileError::Io { path: path.to_owned(), error };
    fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).map_err(io)?;
    let sqlite = |error| FileError::Sqlite { path: path.to_owned(), error };
    let connection = Connection::open_with_flags(path, write_flags()).map_err(sqlite)?;
    let fill = || {
        settings_of_build(&connection)?;
        connection.execute_batch("BEGIN")?;
        connection.execute_batch(OWN_TABLES)?;
        connection
            .execute("INSERT INTO _checkpoint (only, log_id) VALUES (1, ?1)", [log_id.0.to_string()])?;
        let origin = match definition.folder.origin {
            Origin::BuiltIn => "built in",
            Origin::User => "user",
        };
        connection
            .execute("INSERT INTO _build (version, origin) VALUES (?1, ?2)", [&definition.version, origin])?;
        for (path, text) in &definition.folder.files {
            connection.execute("INSERT INTO _folder (path, text) VALUES (?1, ?2)", [path, text])?;
        }
        connection.execute_batch("COMMIT")
    };
    fill().map_err(sqlite)?;
    Ok(connection)
}

/// A copy of a finished build that nobody folds any more, to be gone on with like a build of one's own.
pub fn copy(finished: &Path, path: &Path) -> Result<Connection, FileError> {
    fs::copy(finished, path).map_err(|error| FileError::Io { path: path.to_owned(), error })?;
    let sqlite = |error| FileError::Sqlite { path: path.to_owned(), error };
    let connection = Connection::open_with_flags(path, write_flags()).map_err(sqlite)?;
    // What is finished has a write-ahead log, which is left first.
    connection.execute_batch("PRAGMA journal_mode = DELETE").map_err(sqlite)?;
    settings_of_build(&connection).map_err(sqlite)?;
    Ok(connection)
}

/// A build is thrown away where it does not come to its end, so it is written without a journal.
fn settings_of_build(connection: &Connection) -> rusqlite::Result<()> {
    let cache_kib = limits::BUILD_CACHE_BYTES / 1024;
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
         PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -{cache_kib}; PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF;"
    ))
}

/// Gives a build that is complete its name, durably; from then on it can answer.
pub fn finish(built: &Path, path: &Path) -> Result<(), FileError> {
    let sqlite = |error| FileError::Sqlite { path: built.to_owned(), error };
    let connection = Connection::open_with_flags(built, write_flags()).map_err(sqlite)?;
    connection.execute_batch("PRAGMA journal_mode = WAL").map_err(sqlite)?;
    connection.close().map_err(|(_, error)| sqlite(error))?;
    let io = |error| FileError::Io { path: path.to_owned(), error };
    fs::File::open(built).and_then(|file| file.sync_all()).map_err(io)?;
    fs::rename(built, path).map_err(io)
}

fn settings_of_live(connection: &Connection) -> rusqlite::Result<()> {
    let (cache_kib, wal_bytes) = (limits::FOLD_CACHE_BYTES / 1024, limits::VIEW_WAL_BYTES_KEPT);
    connection.busy_timeout(limits::BUSY_WAIT)?;
    connection.execute_batch(&format!(
        "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -{cache_kib}; PRAGMA wal_autocheckpoint = 0;
         PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = {wal_bytes};"
    ))
}

fn write_flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Opens a finished build to fold on.
pub fn open_to_fold(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, write_flags())?;
    settings_of_live(&connection)?;
    Ok(connection)
}

/// Opens a finished build, and those it is joined with, to be asked.
pub fn open_to_ask(path: &Path, joined: &[(String, PathBuf)]) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, write_flags())?;
    connection.busy_timeout(limits::BUSY_WAIT)?;
    for (name, path) in joined {
        connection.execute(&format!("ATTACH ?1 AS \"{name}\""), [path.to_string_lossy()])?;
    }
    let cache_kib = limits::VIEW_CACHE_BYTES / 1024;
    connection.execute_batch(&format!(
        "PRAGMA query_only = ON; PRAGMA cache_size = -{cache_kib}; PRAGMA trusted_schema = OFF;
         PRAGMA temp_store = MEMORY;"
    ))?;
    Ok(connection)
}

/// `database` is `main` or the name of a joined projection.
pub fn checkpoint(connection: &Connection, database: &str) -> rusqlite::Result<Option<Checkpoint>> {
    let sql = format!("SELECT log_id, position, event_id FROM \"{database}\"._checkpoint");
    let mut statement = connection.prepare_cached(&sql)?;
    statement
        .query_row([], |row| {
            let uuid = |text: String| Uuid::parse_str(&text).unwrap_or_default();
            Ok(Checkpoint {
                log_id: LogId(uuid(row.get(0)?)),
                position: row.get::<_, Option<i64>>(1)?.map(|at| Position::from_number(at.unsigned_abs())),
                event_id: row.get::<_, Option<String>>(2)?.map(uuid),
            })
        })
        .optional()
}

/// What a finished build was built from; `None` for a file that is none of ours.
pub fn built_from(path: &Path, name: &str) -> Option<(String, Folder)> {
    let connection = open_to_ask(path, &[]).ok()?;
    let build = connection.query_row("SELECT version, origin FROM _build", [], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    });
    let (version, origin) = build.ok()?;
    let mut statement = connection.prepare("SELECT path, text FROM _folder").ok()?;
    let files: Result<BTreeMap<String, String>, _> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).ok()?.collect();
    let origin = if origin == "user" { Origin::User } else { Origin::BuiltIn };
    Some((version, Folder { name: name.to_owned(), origin, files: files.ok()? }))
}
