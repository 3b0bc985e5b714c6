//! States of the past for commands: several projections folded side by side into files of the caller's, and files of
//! read models, which another process may be folding.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::super::authorizer::Gate;
use super::super::deadline::Deadline;
use super::super::definition::Definition;
use super::super::feed::{Feed, Stop};
use super::super::file::{self, Checkpoint};
use super::super::fold::FoldFailure;
use super::super::worker::yield_to_pushes;
use super::fold::{PastError, PastFold};
use super::times::{Then, Times, TimesError};
use crate::limits;
use crate::store::{Position, ReadLog};

/// A file that is to hold a projection as of a position; it is made, or gone on with where it is there.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub definition: Arc<Definition>,
    pub path: PathBuf,
    /// `None`: before the first event.
    pub until: Option<Position>,
}

/// Told of a projection, by its place among all, and how far it is.
pub type TellOfEach<'a> = &'a (dyn Fn(usize, Position) + Sync);

/// Folds the past for a command.
pub struct PastFolds {
    feed: Arc<Feed>,
    stop: Stop,
}

impl PastFolds {
    pub fn of(log: Arc<dyn ReadLog>, runtime: Handle) -> Self {
        Self { feed: Feed::new(log, runtime), stop: Stop::default() }
    }

    /// Ends what runs, soon, and what is read from files that were opened here.
    pub fn stop(&self) {
        self.stop.tell();
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.is_told()
    }

    /// A read model's file, made here or not.
    pub fn open(&self, path: &Path) -> rusqlite::Result<ReadFile> {
        ReadFile::open(path, &self.stop)
    }

    /// Folds all of them side by side; in their order, the event that each could not fold, if there was one. Blocks.
    pub fn fold(&self, all: &[Wanted], tell: TellOfEach<'_>) -> Result<Vec<Option<FoldFailure>>, PastError> {
        let one = |place: usize, wanted: &Wanted| {
            yield_to_pushes();
            let tell = |at| {
                tell(place, at);
                Ok(())
            };
            let Wanted { definition, path, until } = wanted;
            PastFold { feed: &self.feed, definition, stop: &self.stop, tell: &tell, from: None }
                .to(path, *until)
        };
        std::thread::scope(|scope| {
            let begin = |(place, wanted)| {
                let named = std::thread::Builder::new().name("fold-past".to_owned());
                let thread = named.spawn_scoped(scope, move || one(place, wanted));
                thread.map_err(|error| PastError::Thread(error.to_string()))
            };
            let threads: Vec<_> = all.iter().enumerate().map(begin).collect();
            let ended = threads.into_iter().map(|thread| {
                thread?.join().unwrap_or_else(|_| Err(PastError::Thread("it has panicked".to_owned())))
            });
            // All end before the first failure is told.
            ended.collect::<Vec<_>>().into_iter().collect()
        })
    }
}

/// The log's state at a moment, however long it takes to find out.
pub async fn state_at(log: &dyn ReadLog, moment: DateTime<Utc>) -> Result<Then, TimesError> {
    let mut times = Times::default();
    loop {
        match times.at(log, moment, Instant::now() + limits::QUERY_POSITION_WAIT).await {
            Err(TimesError::Slow(_)) => {}
            other => return other,
        }
    }
}

/// One read model's file, to be read with any statement that only reads.
pub struct ReadFile {
    connection: Connection,
    stop: Stop,
    _gate: Gate,
}

impl ReadFile {
    fn open(path: &Path, stop: &Stop) -> rusqlite::Result<Self> {
        let mut connection = file::open_to_ask(path, &[])?;
        let gate = Gate::install(&mut connection)?;
        connection.execute_batch("PRAGMA temp_store = FILE")?;
        Deadline::over(&mut connection, stop.clone())?.until_stopped_for_good();
        Ok(Self { connection, stop: stop.clone(), _gate: gate })
    }

    /// Copies the file as it stands now, all of its pages, into a new one. Whoever folds it writes on meanwhile.
    pub fn take(&self, path: &Path) -> rusqlite::Result<()> {
        let mut taken = Connection::open(path)?;
        // It is thrown away where it does not become whole.
        taken.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
        // One transaction: or every write of others would make it begin anew.
        let reading = self.connection.unchecked_transaction()?;
        reading.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
        let backup = Backup::new(&self.connection, &mut taken)?;
        loop {
            match backup.step(limits::TAKEN_PAGES)? {
                StepResult::Done => break,
                StepResult::Busy | StepResult::Locked => std::thread::park_timeout(limits::FOLD_TRY_INTERVAL),
                _ => {}
            }
            if self.stop.is_told() {
                let told = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERRUPT);
                return Err(rusqlite::Error::SqliteFailure(told, None));
            }
        }
        drop(backup);
        reading.commit()
    }

    /// Knows the functions that views may call.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// How far its rows go.
    pub fn checkpoint(&self) -> rusqlite::Result<Option<Checkpoint>> {
        file::checkpoint(&self.connection, "main")
    }
}
