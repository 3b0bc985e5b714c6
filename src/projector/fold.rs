//! Folds events into a projection's file: the statements of `on/`, prepared once, and the checkpoint that goes
//! with their rows.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rusqlite::{Connection, ErrorCode, Statement};

use super::authorizer::{Gate, Phase};
use super::declaration::Environments;
use super::definition::Definition;
use super::event::{Event, signed};
use super::sources::Source;
use crate::domain::environment::Environment;
use crate::limits;
use crate::store::Position;

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
}

/// A connection that folds, with its guard against statements that run for ever.
pub struct Folding {
    pub connection: Connection,
    gate: Gate,
    /// Milliseconds after `begun` at which a statement is stopped; 0: never.
    deadline_ms: Arc<AtomicU64>,
    begun: Instant,
}

/// How many steps of SQLite's machine go by between two looks at the clock.
const STEPS_BETWEEN_LOOKS: i32 = 100_000;

impl Folding {
    pub fn over(mut connection: Connection) -> rusqlite::Result<Self> {
        let gate = Gate::install(&mut connection)?;
        let begun = Instant::now();
        let deadline_ms = Arc::new(AtomicU64::new(0));
        let deadline = deadline_ms.clone();
        let is_late = move || match deadline.load(Ordering::Relaxed) {
            0 => false,
            deadline => elapsed_ms(begun) > deadline,
        };
        connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(is_late))?;
        Ok(Self { connection, gate, deadline_ms, begun })
    }

    /// Makes tables and indexes of the folder.
    pub fn make<'a>(
        &self,
        statements: impl IntoIterator<Item = &'a super::script::Statement>,
    ) -> rusqlite::Result<()> {
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

fn elapsed_ms(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The statements of `on/`, ready to run.
pub struct Plan<'c> {
    folding: &'c Folding,
    definition: &'c Definition,
    /// By the event type's place in the catalogue.
    by_kind: Vec<Option<Handler<'c>>>,
    checkpoint: Statement<'c>,
}

struct Handler<'c> {
    file: &'c str,
    steps: Vec<Step<'c>>,
}

struct Step<'c> {
    statement: Statement<'c>,
    parameters: &'c [Source],
    line: usize,
}

impl<'c> Plan<'c> {
    pub fn prepare(folding: &'c Folding, definition: &'c Definition) -> rusqlite::Result<Self> {
        let mut by_kind = Vec::new();
        for on in &definition.on {
            let mut steps = Vec::new();
            for step in &on.statements {
                let connection = &folding.connection;
                let statement =
                    folding.gate.within(Phase::Fold, || connection.prepare(&step.statement.sql))?;
                steps.push(Step { statement, parameters: &step.parameters, line: step.statement.line });
            }
            if by_kind.len() <= on.kind {
                by_kind.resize_with(on.kind + 1, || None);
            }
            if let Some(place) = by_kind.get_mut(on.kind) {
                *place = Some(Handler { file: &on.file, steps });
            }
        }
        let checkpoint = folding
            .connection
            .prepare("UPDATE _checkpoint SET position = ?1, event_id = ?2, events = events + ?3")?;
        Ok(Self { folding, definition, by_kind, checkpoint })
    }

    /// Folds events up to the first that fails.
    pub fn fold<'e>(&mut self, events: impl IntoIterator<Item = &'e Event>) -> Result<Folded<'e>, FoldError> {
        let wait_ms = u64::try_from(limits::FOLD_EVENT_WAIT.as_millis()).unwrap_or(u64::MAX);
        let mut folded = Folded { last: None, count: 0 };
        for event in events {
            let deadline = elapsed_ms(self.folding.begun).saturating_add(wait_ms);
            self.folding.deadline_ms.store(deadline, Ordering::Relaxed);
            let done = self.fold_one(event);
            self.folding.deadline_ms.store(0, Ordering::Relaxed);
            done?;
            folded.last = Some(event);
            folded.count += 1;
        }
        Ok(folded)
    }

    fn fold_one(&mut self, event: &Event) -> Result<(), FoldError> {
        let is_hidden = event.env == Some(Environment::Sandbox)
            && self.definition.environments == Environments::Production;
        let handler = event.kind().and_then(|kind| self.by_kind.get_mut(kind)?.as_mut());
        let Some(handler) = handler.filter(|_| !is_hidden) else { return Ok(()) };
        let failed = |line, problem: String| FoldFailure {
            position: event.position,
            event_type: event.event_type().to_owned(),
            file: handler.file.to_owned(),
            line,
            problem,
        };
        if let Err(problem) = &event.fields {
            let problem = format!("the event cannot be read: {problem}");
            return Err(FoldError::Event(failed(None, problem)));
        }
        for step in &mut handler.steps {
            if let Err(error) = step.run(event) {
                return Err(match error.sqlite_error_code() {
                    Some(ErrorCode::OperationInterrupted) => {
                        let seconds = limits::FOLD_EVENT_WAIT.as_secs();
                        let problem = format!("the statement runs longer than {seconds} s");
                        FoldError::Event(failed(Some(step.line), problem))
                    }
                    Some(code) if is_about_the_file(code) => FoldError::File(error),
                    _ => FoldError::Event(failed(Some(step.line), error.to_string())),
                });
            }
        }
        Ok(())
    }

    /// Moves the checkpoint to the last event folded, in the transaction of its rows.
    pub fn check_point(&mut self, folded: &Folded<'_>) -> rusqlite::Result<()> {
        let Some(last) = folded.last else { return Ok(()) };
        let position = signed(last.position.number());
        self.checkpoint.execute((position, last.id.to_string(), signed(folded.count)))?;
        Ok(())
    }
}

/// How far a fold went.
pub struct Folded<'e> {
    pub last: Option<&'e Event>,
    pub count: u64,
}

impl Step<'_> {
    fn run(&mut self, event: &Event) -> rusqlite::Result<()> {
        for (place, source) in self.parameters.iter().enumerate() {
            self.statement.raw_bind_parameter(place + 1, event.value(*source))?;
        }
        // With RETURNING or not: rows that come are nobody's.
        let mut rows = self.statement.raw_query();
        while rows.next()?.is_some() {}
        Ok(())
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
