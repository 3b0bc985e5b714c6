//! Folds a projection up to a position, from the log's beginning or from an earlier state, and exactly there it ends:
//! a state of the past.

use std::path::Path;
use std::sync::Arc;

use tracing::warn;

use super::super::definition::Definition;
use super::super::feed::{Feed, Stop};
use super::super::file::{self, FileError};
use super::super::fold::{FoldError, FoldFailure, Folding, Plan};
use super::super::stretch::{Reached, Stretch};
use super::room::NoRoom;
use crate::limits;
use crate::store::{Fault, Position};

/// Why there is no such state.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    #[error("it was told to stop")]
    Told,
    #[error("the log: {0}")]
    Log(Fault),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("a thread that folds cannot be begun, or has panicked: {0}")]
    Thread(String),
    #[error("{0}")]
    NoRoom(NoRoom),
}

/// Told of how far it has come; an error ends it.
pub type Tell<'a> = &'a (dyn Fn(Position) -> Result<(), PastError> + Sync);

/// What a fold of the past needs beside its file.
pub struct PastFold<'a> {
    pub feed: &'a Arc<Feed>,
    pub definition: &'a Definition,
    pub stop: &'a Stop,
    pub tell: Tell<'a>,
    /// A finished state before `until` of the same definition, which nobody removes meanwhile; what follows it is
    /// folded into a copy.
    pub from: Option<&'a Path>,
}

/// A file that is being built; what is left of it goes, whatever ends the build.
struct Half<'p>(&'p Path);

impl Drop for Half<'_> {
    fn drop(&mut self) {
        if let Err(error) = file::remove(self.0) {
            warn!(%error, "what is left of a state of the past cannot be removed");
        }
    }
}

/// How a run ended.
enum End {
    Bound,
    Event(FoldFailure),
}

impl PastFold<'_> {
    /// Folds into the file at `path`, which is made or gone on with, everything up to and with `until`; `None` is the
    /// time before the first event. An event that cannot be folded ends it before, and is told. Blocks.
    pub fn to(&self, path: &Path, until: Option<Position>) -> Result<Option<FoldFailure>, PastError> {
        // Positions are counted from 1.
        let mut up_to = Position::from_number(until.map_or(0, Position::number).saturating_add(1));
        let mut failed = None;
        loop {
            let end = if path.exists() { self.go_on(path, up_to)? } else { self.make(path, up_to)? };
            match end {
                End::Bound => return Ok(failed),
                // Once more, up to the event that failed.
                End::Event(failure) => {
                    up_to = failure.position;
                    failed = Some(failure);
                }
            }
        }
    }

    fn make(&self, path: &Path, up_to: Position) -> Result<End, PastError> {
        let built = file::building(path);
        // Nothing can be taken back there: it is thrown away where it does not come to its end.
        let _half = Half(&built);
        let end = match self.from {
            Some(from) => self.fill_on(file::copy(from, &built)?, up_to),
            None => self.fill(file::create(&built, self.definition, self.feed.log().log_id())?, up_to),
        };
        let end = end.map_err(|error| error.at(&built))?;
        if let End::Bound = end {
            file::finish(&built, path)?;
        }
        Ok(end)
    }

    /// Goes on in the copy of an earlier state.
    fn fill_on(&self, connection: rusqlite::Connection, up_to: Position) -> Result<End, Broken> {
        let folding = Folding::over(connection, self.stop)?;
        let mut plan = Plan::prepare(&folding, self.definition)?;
        let at = file::checkpoint(&folding.connection, "main")?.and_then(|checkpoint| checkpoint.position);
        let mut stretch = Stretch::from(self.feed, at, Some(up_to));
        stretch.is_build = true;
        folding.begin()?;
        let end = self.run(&folding, &mut plan, &mut stretch)?;
        if let End::Bound = end {
            folding.commit()?;
        }
        Ok(end)
    }

    fn fill(&self, connection: rusqlite::Connection, up_to: Position) -> Result<End, Broken> {
        let folding = Folding::over(connection, self.stop)?;
        folding.begin()?;
        folding.make(&self.definition.schema)?;
        let mut plan = Plan::prepare(&folding, self.definition)?;
        let mut stretch = Stretch::from(self.feed, None, Some(up_to));
        stretch.is_build = true;
        let end = self.run(&folding, &mut plan, &mut stretch)?;
        if let End::Bound = end {
            folding.make(&self.definition.late_indexes)?;
            folding.commit()?;
        }
        Ok(end)
    }

    fn go_on(&self, path: &Path, up_to: Position) -> Result<End, PastError> {
        self.add(path, up_to).map_err(|error| error.at(path))
    }

    fn add(&self, path: &Path, up_to: Position) -> Result<End, Broken> {
        let folding = Folding::over(file::open_to_fold(path)?, self.stop)?;
        let mut plan = Plan::prepare(&folding, self.definition)?;
        let checkpoint = file::checkpoint(&folding.connection, "main")?;
        let at = checkpoint.and_then(|checkpoint| checkpoint.position);
        let mut stretch = Stretch::from(self.feed, at, Some(up_to));
        folding.begin()?;
        let end = self.run(&folding, &mut plan, &mut stretch);
        match end {
            Ok(End::Bound) => folding.commit()?,
            Ok(End::Event(_)) | Err(_) => folding.roll_back(),
        }
        end
    }

    /// Within a transaction that has begun.
    fn run(&self, folding: &Folding, plan: &mut Plan<'_>, stretch: &mut Stretch) -> Result<End, Broken> {
        let mut committed = stretch.work;
        loop {
            if self.stop.is_told() {
                return Err(Broken::Told);
            }
            let Some(batch) = stretch.reader.after(stretch.at).map_err(Broken::Log)? else {
                return Ok(End::Bound);
            };
            match stretch.fold(plan, &batch) {
                Ok(Reached::Bound) => return Ok(End::Bound),
                Ok(Reached::End) => {}
                Err(FoldError::Event(failure)) => return Ok(End::Event(failure)),
                Err(FoldError::Told) => return Err(Broken::Told),
                Err(FoldError::File(error)) => return Err(Broken::Sqlite(error)),
            }
            (self.tell)(batch.last).map_err(Broken::Ended)?;
            if stretch.is_build && stretch.work - committed >= limits::BUILD_TRANSACTION_EVENTS {
                folding.commit()?;
                folding.begin()?;
                committed = stretch.work;
            }
        }
    }
}

enum Broken {
    Told,
    Ended(PastError),
    Log(Fault),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Broken {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Broken {
    fn at(self, path: &Path) -> PastError {
        match self {
            Self::Told => PastError::Told,
            Self::Ended(error) => error,
            Self::Log(fault) => PastError::Log(fault),
            Self::Sqlite(error) => FileError::Sqlite { path: path.to_owned(), error }.into(),
        }
    }
}
