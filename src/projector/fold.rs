//! Folds events into a projection's file: the statements of `on/` and `then/`, prepared once, and the checkpoint that
//! goes with their rows.

use std::fmt;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, Statement};

use super::authorizer::{Gate, Phase};
use super::deadline::{Deadline, has_ended};
use super::declaration::Environments;
use super::definition::Definition;
use super::event::Event;
use super::feed::Stop;
use super::on::OnStatement;
use super::sources::Source;
use crate::codec::{self, EventFields, Lines};
use crate::domain::environment::Environment;
use crate::limits;
use crate::store::{Position, signed};

/// An event that could not be folded: where, and by which statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldFailure {
    pub position: Position,
    pub event_type: String,
    pub file: String,
    pub line: Option<usize>,
    pub problem: String,
}

impl fmt::Display for FoldFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, event_type, file, line, problem } = self;
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        write!(f, "position {position} ({event_type}), {file}{line}: {problem}")
    }
}

/// Why folding does not go on.
#[derive(Debug)]
pub enum FoldError {
    /// This event will fail again.
    Event(FoldFailure),
    /// The file or the disk; it may be over later.
    File(rusqlite::Error),
    /// It was told to stop.
    Told,
}

/// A connection that folds, with its guard against statements that run for ever.
pub struct Folding {
    pub connection: Connection,
    gate: Gate,
    deadline: Deadline,
    stop: Stop,
    /// How long a statement of an event may run.
    wait: Duration,
}

impl Folding {
    /// What runs on it ends soon when it is told to stop.
    pub fn over(mut connection: Connection, stop: &Stop) -> rusqlite::Result<Self> {
        let gate = Gate::install(&mut connection)?;
        // A plan that depended on what is bound would be made anew for every event.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let deadline = Deadline::over(&mut connection, stop.clone())?;
        Ok(Self { connection, gate, deadline, stop: stop.clone(), wait: limits::FOLD_EVENT_WAIT })
    }

    /// Whether a statement was ended because of that.
    pub fn was_stopped(&self, error: &rusqlite::Error) -> bool {
        self.stop.is_told() && has_ended(error)
    }

    /// Makes tables and indexes of the folder.
    pub fn make<'a>(
        &self,
        statements: impl IntoIterator<Item = &'a super::script::Statement>,
    ) -> rusqlite::Result<()> {
        let _lifted = self.deadline.until_stopped();
        for statement in statements {
            self.gate.within(Phase::Schema, || self.connection.prepare(&statement.sql))?.raw_execute()?;
        }
        Ok(())
    }

    pub fn begin(&self) -> rusqlite::Result<()> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.raw_execute().map(|_| ())
    }

    pub fn commit(&self) -> rusqlite::Result<()> {
        self.connection.prepare_cached("COMMIT")?.raw_execute().map(|_| ())
    }

    pub fn roll_back(&self) {
        // Where nothing is open there is nothing to take back.
        let _nothing_open = self.connection.execute_batch("ROLLBACK");
    }
}

/// The statements of all events, ready to run.
pub struct Plan<'c> {
    folding: &'c Folding,
    definition: &'c Definition,
    /// By the event type's place in the catalogue.
    by_kind: Vec<Option<Handler<'c>>>,
    checkpoint: Statement<'c>,
}

struct Handler<'c> {
    /// The event's own.
    file: &'c str,
    steps: Vec<Step<'c>>,
    runs: Runs,
}

/// How often the statements of a file run for one event.
enum Runs {
    Once,
    /// One after the other for a line, then for the next.
    ForEachLine,
}

struct Step<'c> {
    /// Where it stands, and at which line.
    file: &'c str,
    line: usize,
    statement: Statement<'c>,
    /// By place in the statement, from 1: what is the same for all lines of an event.
    of_event: Vec<(usize, Source)>,
    /// And the fields of a line, by their place in the catalogue.
    of_line: Vec<(usize, usize)>,
    does: Does,
}

#[derive(Clone, Copy)]
enum Does {
    Write,
    /// Whether there is anything to do: without a row the statements behind it are left out.
    Ask,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    GoOn,
    Leave,
}

impl<'c> Plan<'c> {
    pub fn prepare(folding: &'c Folding, definition: &'c Definition) -> rusqlite::Result<Self> {
        let mut by_kind = Vec::new();
        for on in &definition.on {
            let steps = on.statements.iter().map(|step| Step::prepare(folding, step));
            let steps = steps.collect::<rusqlite::Result<Vec<_>>>()?;
            let brings_lines = codec::catalogue().get(on.kind).is_some_and(EventFields::brings_lines);
            let runs = if brings_lines { Runs::ForEachLine } else { Runs::Once };
            if by_kind.len() <= on.kind {
                by_kind.resize_with(on.kind + 1, || None);
            }
            if let Some(place) = by_kind.get_mut(on.kind) {
                *place = Some(Handler { file: &on.file, steps, runs });
            }
        }
        let checkpoint = folding.connection.prepare("UPDATE _checkpoint SET position = ?1, event_id = ?2")?;
        Ok(Self { folding, definition, by_kind, checkpoint })
    }

    /// Folds events up to the first that fails.
    pub fn fold<'e>(&mut self, events: impl IntoIterator<Item = &'e Event>) -> Result<Folded<'e>, FoldError> {
        let mut folded = Folded { last: None, count: 0, lines: 0 };
        let _lifted = self.folding.deadline.until_stopped();
        for event in events {
            folded.lines += self.fold_one(event)?;
            folded.last = Some(event);
            folded.count += 1;
        }
        Ok(folded)
    }

    /// How many lines of the event were folded.
    fn fold_one(&mut self, event: &Event) -> Result<u64, FoldError> {
        let is_hidden = event.env == Some(Environment::Sandbox)
            && self.definition.environments == Environments::Production;
        let handler = event.kind().and_then(|kind| self.by_kind.get_mut(kind)?.as_mut());
        let Some(Handler { file, steps, runs }) = handler.filter(|_| !is_hidden) else { return Ok(0) };
        let failed = |file: &str, line, problem: String| {
            let (position, event_type) = (event.position, event.event_type().to_owned());
            FoldError::Event(FoldFailure { position, event_type, file: file.to_owned(), line, problem })
        };
        let unreadable =
            |problem: &String| failed(file, None, format!("the event cannot be read: {problem}"));
        event.fields.as_ref().map_err(unreadable)?;
        let lines = match runs {
            Runs::Once => None,
            Runs::ForEachLine => Some(event.lines().map_err(unreadable)?),
        };
        let folding = self.folding;
        let broken = |error: rusqlite::Error, step: &Step<'_>, at: Option<i64>| {
            let at = at.map(|number| format!("line {number} of the bill: ")).unwrap_or_default();
            match error.sqlite_error_code() {
                _ if folding.was_stopped(&error) => FoldError::Told,
                Some(ErrorCode::OperationInterrupted) => {
                    let seconds = folding.wait.as_secs();
                    failed(
                        step.file,
                        Some(step.line),
                        format!("{at}the statement runs longer than {seconds} s"),
                    )
                }
                Some(code) if is_about_the_file(code) => FoldError::File(error),
                _ => failed(step.file, Some(step.line), format!("{at}{error}")),
            }
        };
        for step in &mut *steps {
            step.bind(event).map_err(|error| broken(error, step, None))?;
        }
        for line in 0..lines.map_or(1, Lines::count) {
            for step in &mut *steps {
                let bound = lines.map_or(Ok(()), |lines| step.bind_line(event, lines, line));
                let after = bound.and_then(|()| step.run(folding)).map_err(|error| {
                    broken(error, step, lines.map(|lines| event.number_of_line(lines, line)))
                })?;
                if after == After::Leave {
                    break;
                }
            }
        }
        Ok(lines.map_or(0, |lines| lines.count() as u64))
    }

    /// Moves the checkpoint to the last event folded, in the transaction of its rows.
    pub fn check_point(&mut self, folded: &Folded<'_>) -> rusqlite::Result<()> {
        let Some(last) = folded.last else { return Ok(()) };
        self.checkpoint.execute((signed(last.position.number()), last.id.to_string()))?;
        Ok(())
    }
}

/// How far a fold went.
pub struct Folded<'e> {
    pub last: Option<&'e Event>,
    pub count: u64,
    /// Of these events, as far as they were folded one by one.
    pub lines: u64,
}

impl<'c> Step<'c> {
    fn prepare(folding: &'c Folding, step: &'c OnStatement) -> rusqlite::Result<Self> {
        let connection = &folding.connection;
        let statement = folding.gate.within(Phase::Fold, || connection.prepare(&step.statement.sql))?;
        let (mut of_event, mut of_line) = (Vec::new(), Vec::new());
        for (place, source) in step.parameters.iter().enumerate() {
            match source {
                Source::Line(field) => of_line.push((place + 1, *field)),
                source => of_event.push((place + 1, *source)),
            }
        }
        let does = if statement.readonly() { Does::Ask } else { Does::Write };
        Ok(Self { file: &step.file, line: step.statement.line, statement, of_event, of_line, does })
    }

    /// What is bound stays so until something else is.
    fn bind(&mut self, event: &Event) -> rusqlite::Result<()> {
        self.of_event
            .iter()
            .try_for_each(|(place, source)| self.statement.raw_bind_parameter(*place, event.value(*source)))
    }

    fn bind_line(&mut self, event: &Event, lines: &Lines, line: usize) -> rusqlite::Result<()> {
        self.of_line.iter().try_for_each(|(place, field)| {
            self.statement.raw_bind_parameter(*place, event.value_of_line(lines, line, *field))
        })
    }

    fn run(&mut self, folding: &Folding) -> rusqlite::Result<After> {
        let _lifted = folding.deadline.allow(folding.wait);
        let mut rows = self.statement.raw_query();
        let has_row = rows.next()?.is_some();
        match self.does {
            Does::Ask if !has_row => return Ok(After::Leave),
            Does::Ask => {}
            // With RETURNING or not: rows that come are nobody's.
            Does::Write => while rows.next()?.is_some() {},
        }
        Ok(After::GoOn)
    }
}

/// Errors that are no fault of the event.
pub fn is_about_the_file(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
    )
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
