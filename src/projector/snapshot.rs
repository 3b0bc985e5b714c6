//! A read model as it stands at one moment, for reports: several questions of the same state, answers of any
//! length, row by row. Folding goes on meanwhile, and another build may take over.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::ask::{self, AskError, Asking};
use super::declaration::QueryDeclaration;
use super::definition::{Definition, Query};
use super::past::Lease;
use super::slot::Generation;
use super::{Projector, behind, unknown_query};
use crate::limits;
use crate::store::{LogId, Position};
use crate::table::Row;

/// One read transaction on a connection of its own, until dropped. Meanwhile the write-ahead log of the file
/// cannot begin anew, and one of `REPORTS_MAX` turns is taken: it is not for keeping.
pub struct Snapshot {
    definition: Arc<Definition>,
    asking: Asking,
    /// The projections that its queries join, as they are attached.
    joined: Vec<String>,
    log_id: LogId,
    position: Option<Position>,
    /// As of an answer.
    stopped: Option<Position>,
    /// Of states of the past.
    _leases: Vec<Lease>,
    _turn: OwnedSemaphorePermit,
}

impl Projector {
    /// Waits for a turn, for a build that answers and for a position, at most so long.
    pub async fn snapshot(
        self: &Arc<Self>,
        projection: &str,
        min_position: Option<Position>,
        wait: Duration,
    ) -> Result<Snapshot, AskError> {
        let until = Instant::now() + wait;
        let turn = self.report_turn(projection, until).await?;
        loop {
            let live = self.ready(projection, min_position, until).await?;
            let mut joined = Vec::new();
            for name in joined_by(&live.definition) {
                joined.push((name.clone(), self.ready(&name, min_position, until).await?.path.clone()));
            }
            let (asking, position) = match opened(&live, &joined).await {
                // Another build took over while the files were being opened.
                Err(AskError::Fault { .. }) if self.has_moved_on(&live, &joined) => continue,
                other => other?,
            };
            if let Some(wanted) = min_position.filter(|wanted| position < Some(*wanted)) {
                if Instant::now() >= until {
                    return Err(behind(projection, position, wanted));
                }
                self.moved(projection, until).await;
                continue;
            }
            return Ok(self.taken(&live, joined, (asking, position), turn));
        }
    }

    /// One of the turns that reports have.
    pub(super) async fn report_turn(
        &self,
        projection: &str,
        until: Instant,
    ) -> Result<OwnedSemaphorePermit, AskError> {
        let turn = timeout_at(until, self.report_turns.clone().acquire_owned()).await;
        turn.map_err(|_| AskError::Busy)?.map_err(|error| fault(projection, &error))
    }

    /// Of files that nobody folds any more.
    pub(super) async fn snapshot_of(
        &self,
        from: &Arc<Generation>,
        joined: Files,
        turn: OwnedSemaphorePermit,
        leases: Vec<Lease>,
    ) -> Result<Snapshot, AskError> {
        let opened = opened(from, &joined).await?;
        Ok(Snapshot { _leases: leases, ..self.taken(from, joined, opened, turn) })
    }

    fn taken(
        &self,
        from: &Generation,
        joined: Files,
        (asking, position): Opened,
        turn: OwnedSemaphorePermit,
    ) -> Snapshot {
        let joined = joined.into_iter().map(|(name, _)| name).collect();
        let (definition, log_id) = (from.definition.clone(), self.log_id());
        Snapshot { definition, asking, joined, log_id, position, stopped: None, _leases: vec![], _turn: turn }
    }
}

/// Files to be joined, by the names of their projections.
type Files = Vec<(String, PathBuf)>;

/// A read transaction, and the position that it is as of.
type Opened = (Asking, Option<Position>);

fn fault(projection: &str, error: &dyn std::error::Error) -> AskError {
    AskError::Fault { projection: projection.to_owned(), problem: error.to_string() }
}

async fn opened(from: &Arc<Generation>, joined: &Files) -> Result<Opened, AskError> {
    let (live, files) = (from.clone(), joined.clone());
    let opening = tokio::task::spawn_blocking(move || open(&live, &files));
    opening.await.map_err(|error| fault(&from.definition.name, &error))?
}

/// The projections that any of the queries joins, in the order they are named.
pub(super) fn joined_by(definition: &Definition) -> Vec<String> {
    let mut joined = Vec::new();
    for name in definition.queries.iter().flat_map(|query| &query.declaration.uses) {
        if !joined.contains(name) {
            joined.push(name.clone());
        }
    }
    joined
}

/// A connection whose read transaction has begun on all of its files, and the earliest of their positions.
fn open(live: &Generation, joined: &[(String, PathBuf)]) -> Result<Opened, AskError> {
    let opened = Asking::open(&live.path, joined).and_then(|asking| {
        // What is sorted may be larger than what is to be kept in memory.
        asking.connection.execute_batch("PRAGMA temp_store = FILE; BEGIN")?;
        let names: Vec<_> = joined.iter().map(|(name, _)| name.clone()).collect();
        let position = asking.position(&names)?;
        Ok((asking, position))
    });
    opened.map_err(|error| ask::fault(&live.definition.name, &error, limits::REPORT_WAIT))
}

impl Snapshot {
    /// The log that it is a state of.
    pub fn log_id(&self) -> LogId {
        self.log_id
    }

    /// What it is as of.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// The event that the read model has stopped before, where that is why it is not as of what was asked.
    pub fn stopped(&self) -> Option<Position> {
        self.stopped
    }

    pub(super) fn stopped_before(self, stopped: Option<Position>) -> Self {
        Self { stopped, ..self }
    }

    /// The projections that its queries join.
    pub(super) fn joined(&self) -> &[String] {
        &self.joined
    }

    /// Of the folder: 64 hex digits.
    pub fn version(&self) -> &str {
        &self.definition.version
    }

    pub fn declaration(&self, query: &str) -> Result<Arc<QueryDeclaration>, AskError> {
        Ok(self.query(query)?.declaration.clone())
    }

    /// Gives each row to `each`, however many there are. Blocks, at most `REPORT_WAIT`; when `each` fails it ends.
    pub fn ask(
        &self,
        query: &str,
        parameters: &[(String, String)],
        as_of: DateTime<Utc>,
        each: &mut dyn FnMut(Row<'_>) -> Result<(), io::Error>,
    ) -> Result<(), AskError> {
        let query = self.query(query)?;
        let declaration = &query.declaration;
        let parameters = ask::bind(declaration, parameters, as_of)?;
        // A name without a database may mean a table of any that is attached before it.
        if !declaration.uses.is_empty() && declaration.uses != self.joined {
            let problem = format!("{} cannot be asked here: other queries join others", declaration.name);
            return Err(AskError::Fault { projection: self.definition.name.clone(), problem });
        }
        let each = &mut |cells: Vec<_>| each(Row::new(&declaration.columns, &cells)).map_err(AskError::Sink);
        self.asking.each_row(query, &parameters, limits::REPORT_WAIT, each)
    }

    fn query(&self, name: &str) -> Result<&Arc<Query>, AskError> {
        self.definition.query(name).ok_or_else(|| unknown_query(&self.definition, name))
    }
}
