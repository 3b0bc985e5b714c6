//! States of the past for commands: several projections folded side by side into files of the caller's, and the
//! read models that stand in a folder, which another process may be folding.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::super::authorizer::Gate;
use super::super::deadline::Deadline;
use super::super::definition::Definition;
use super::super::feed::{Feed, Stop};
use super::super::file::{self, Checkpoint, Place};
use super::super::fold::FoldFailure;
use super::super::folder::Folder;
use super::super::usable;
use super::super::views::Views;
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

/// A read model that answers, as its file says of itself.
pub struct Standing {
    pub name: String,
    /// `None` where this program does not understand its folder.
    pub definition: Option<Arc<Definition>>,
    pub path: PathBuf,
    /// Of the files, the catalogue and the engine that have built it: not always those of this program.
    pub version: String,
}

/// Those in `views.dir` that are ours, by name. Blocks.
pub fn standing(views: &Path) -> std::io::Result<Vec<Standing>> {
    let mut found = Vec::new();
    for name in Views::names(views)? {
        let path = Place::at(views, &name).current();
        let built = path.and_then(|path| Some((file::built_from(&path, &name)?, path)));
        found.extend(built.map(|((version, folder), path)| (folder, version, path)));
    }
    // Their queries may join projections of the program that have no file.
    let mut folders = Folder::built_in();
    folders.retain(|folder| !found.iter().any(|(known, ..)| known.name == folder.name));
    folders.extend(found.iter().map(|(folder, ..)| folder.clone()));
    let definitions = usable::right_of(&[], folders, &mut Vec::new());
    let standing = found.into_iter().map(|(folder, version, path)| {
        let definition = definitions.iter().find(|definition| definition.name == folder.name).cloned();
        Standing { name: folder.name, definition, path, version }
    });
    Ok(standing.collect())
}

/// One read model's file, to be read with any statement that only reads.
pub struct ReadFile {
    connection: Connection,
    _gate: Gate,
}

impl ReadFile {
    fn open(path: &Path, stop: &Stop) -> rusqlite::Result<Self> {
        let mut connection = file::open_to_ask(path, &[])?;
        let gate = Gate::install(&mut connection)?;
        connection.execute_batch("PRAGMA temp_store = FILE")?;
        Deadline::over(&mut connection, stop.clone())?.until_stopped_for_good();
        Ok(Self { connection, _gate: gate })
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
