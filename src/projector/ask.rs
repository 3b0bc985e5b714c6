//! Asks a named query of the build that answers: parameters by their declared types, one snapshot of all files
//! that are joined, a deadline, and a limit to what comes back.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ErrorCode};

use super::authorizer::{Gate, Phase};
use super::deadline::Deadline;
use super::declaration::{Parameter, ParameterKind, QueryDeclaration, names};
use super::definition::{AS_OF, Query};
use super::feed::Stop;
use super::file;
use super::past::NoRoom;
use super::problem::known_names;
use crate::limits;
use crate::moment::stamp;
use crate::store::Position;
use crate::table::{Cell, Table};

/// What is asked, of which query.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    pub projection: &'a str,
    pub query: &'a str,
    /// Each as text; its declaration says what it must be.
    pub parameters: &'a [(String, String)],
    /// The moment that ages are counted to.
    pub as_of: DateTime<Utc>,
    /// The answer must know of this position.
    pub min_position: Option<Position>,
    /// How long to wait for that, or for a build that is under way.
    pub wait: Duration,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub table: Table,
    /// What the answer is as of: of several files that are joined, the earliest.
    pub position: Option<Position>,
    /// The event that the read model has stopped before, where that is why it is not as of what was asked.
    pub stopped: Option<Position>,
    /// The value of the declared `next` parameter, where there may be more rows.
    pub next: Option<String>,
    pub declaration: Arc<QueryDeclaration>,
}

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("there is no projection {name:?}; {known}")]
    UnknownProjection { name: String, known: String },
    #[error("{projection} has no query {name:?}; {known}")]
    UnknownQuery { projection: String, name: String, known: String },
    /// Names the parameter.
    #[error("{0}")]
    Parameter(String),
    #[error("{projection} is being built, {done}; try again later")]
    NotBuilt { projection: String, done: String },
    #[error("{projection} stands at position {at} and not yet at {wanted}; try again")]
    Behind { projection: String, at: String, wanted: Position },
    #[error("the query runs longer than {} s: narrow the question", .0.as_secs())]
    TooSlow(Duration),
    #[error(
        "the answer is larger than {} rows or {} MiB: narrow the question",
        limits::ANSWER_ROWS_MAX,
        limits::ANSWER_BYTES_MAX / 1024 / 1024
    )]
    TooLarge,
    /// `problem` is where and why the read model stands still.
    #[error("{projection} stands at position {at} and will not come to {wanted}: it stops before {problem}")]
    Stopped { projection: String, at: u64, wanted: u64, problem: String },
    #[error("there is no room to fold {projection} as of then: of such states {why}")]
    NoRoom { projection: String, why: NoRoom },
    #[error("{projection} as of position {at} could not be folded: {problem}; it is tried again after {} s", .again_after.as_secs().max(1))]
    PastFailed { projection: String, at: u64, problem: String, again_after: Duration },
    #[error("the server is closing: ask again when it runs")]
    Closing,
    #[error("{} reports are being made already: try again when one is done", limits::REPORTS_MAX)]
    Busy,
    /// Whoever takes the rows failed.
    #[error("a row cannot be passed on: {0}")]
    Sink(std::io::Error),
    /// For the log; nobody outside needs it.
    #[error("{projection}: {problem}")]
    Fault { projection: String, problem: String },
}

/// The parameters of a question as SQLite takes them, in the order of their declaration.
pub fn bind(
    declaration: &QueryDeclaration,
    given: &[(String, String)],
    as_of: DateTime<Utc>,
) -> Result<Vec<(String, Value)>, AskError> {
    for (place, (name, _)) in given.iter().enumerate() {
        if !names(&declaration.parameters).any(|known| known == name) {
            let known = known_names(name, names(&declaration.parameters));
            return Err(AskError::Parameter(format!("{name}: there is no such parameter; {known}")));
        }
        if given.iter().take(place).any(|(other, _)| other == name) {
            return Err(AskError::Parameter(format!("{name}: is given twice")));
        }
    }
    let mut bound = vec![(AS_OF.to_owned(), Value::Text(stamp(as_of)))];
    for parameter in &declaration.parameters {
        let given = given.iter().find(|(name, _)| *name == parameter.name).map(|(_, text)| text.as_str());
        let value = match given.or(parameter.default.as_deref()) {
            Some(text) => typed(parameter, text)?,
            None if parameter.required => {
                return Err(AskError::Parameter(format!("{}: is missing", parameter.name)));
            }
            None => Value::Null,
        };
        bound.push((parameter.name.clone(), value));
    }
    Ok(bound)
}

pub fn typed(parameter: &Parameter, text: &str) -> Result<Value, AskError> {
    let wrong = |must: &str| AskError::Parameter(format!("{}: must be {must}", parameter.name));
    match parameter.kind {
        ParameterKind::Text if text.chars().count() > limits::PARAMETER_CHARS_MAX => {
            Err(wrong(&format!("at most {} characters long", limits::PARAMETER_CHARS_MAX)))
        }
        ParameterKind::Text
            if !parameter.words.is_empty() && !parameter.words.iter().any(|word| word == text) =>
        {
            Err(wrong(&format!("one of {}", parameter.words.join(", "))))
        }
        ParameterKind::Text if text.contains('\0') => Err(wrong("a text without zero bytes")),
        ParameterKind::Text => Ok(Value::Text(text.to_owned())),
        ParameterKind::Integer | ParameterKind::Fen | ParameterKind::Position => {
            // One way to write a number, so that what is refused can be said.
            let number = text.parse().ok().filter(|number: &i64| number.to_string() == text);
            let number = number.ok_or_else(|| wrong("a whole number"))?;
            let lowest = if parameter.kind == ParameterKind::Fen { i64::MIN } else { 0 };
            let highest = parameter.max.unwrap_or(i64::MAX);
            if number < lowest || number > highest {
                return Err(wrong(&format!("a whole number from {lowest} to {highest}")));
            }
            Ok(Value::Integer(number))
        }
        ParameterKind::Moment => {
            let at = DateTime::parse_from_rfc3339(text);
            let at = at.map_err(|_| wrong("a moment such as 2026-01-01T08:00:00+08:00"))?;
            Ok(Value::Text(stamp(at.to_utc())))
        }
        ParameterKind::Day => {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|day| day.to_string() == text);
            day.map(|day| Value::Text(day.to_string())).ok_or_else(|| wrong("a day such as 2026-01-01"))
        }
        ParameterKind::Flag => match text {
            "true" | "1" => Ok(Value::Integer(1)),
            "false" | "0" => Ok(Value::Integer(0)),
            _ => Err(wrong("true or false")),
        },
    }
}

/// Idle connections to one build.
#[derive(Default)]
pub struct Pool {
    idle: Mutex<Vec<(Instant, Asking)>>,
}

/// A connection that asks, with the files it has joined.
pub struct Asking {
    pub connection: Connection,
    gate: Gate,
    path: PathBuf,
    joined: Vec<(String, PathBuf)>,
    deadline: Deadline,
}

const STATEMENTS_KEPT: usize = 64;

impl Pool {
    /// Runs a query on the build at `path`, beside the builds it joins.
    pub fn ask(
        &self,
        path: &std::path::Path,
        joined: &[(String, PathBuf)],
        query: &Query,
        parameters: &[(String, Value)],
    ) -> Result<(Table, Option<Position>), AskError> {
        let fault = |error: rusqlite::Error| fault(&query.declaration.projection, &error, limits::QUERY_WAIT);
        let asking = match self.take(joined) {
            Some(asking) => asking,
            None => Asking::open(path, joined).map_err(fault)?,
        };
        let answer = asking.ask(query, parameters);
        if answer.is_ok() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < limits::QUERIES_MAX {
                idle.push((Instant::now(), asking));
            }
        }
        answer
    }

    /// An idle connection that has joined these files and no others, for a name without a database may mean a table
    /// of any; those that have joined older ones go.
    fn take(&self, joined: &[(String, PathBuf)]) -> Option<Asking> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let serves = |asking: &Asking| asking.joined == joined;
        let clashes = |asking: &Asking| {
            let named = |(name, _): &&(String, PathBuf)| asking.joined.iter().any(|(other, _)| other == name);
            joined.iter().filter(named).any(|file| !asking.joined.contains(file))
        };
        idle.retain(|(_, asking)| !clashes(asking));
        let place = idle.iter().position(|(_, asking)| serves(asking))?;
        Some(idle.swap_remove(place).1)
    }

    /// Closes the connections that nobody has used for so long.
    pub fn close_idle(&self, longer_than: Duration) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(since, _)| since.elapsed() < longer_than);
    }

    /// Closes those to a file that goes, or that have joined it.
    pub fn forget(&self, path: &std::path::Path) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, asking)| {
            asking.path != path && asking.joined.iter().all(|(_, other)| other != path)
        });
    }
}

/// Of a statement that might run so long.
pub fn fault(projection: &str, error: &rusqlite::Error, wait: Duration) -> AskError {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => AskError::TooSlow(wait),
        Some(ErrorCode::TooBig) => AskError::TooLarge,
        _ => AskError::Fault { projection: projection.to_owned(), problem: error.to_string() },
    }
}

impl Asking {
    pub fn open(path: &std::path::Path, joined: &[(String, PathBuf)]) -> rusqlite::Result<Self> {
        let mut connection = file::open_to_ask(path, joined)?;
        let gate = Gate::install(&mut connection)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        let deadline = Deadline::over(&mut connection, Stop::default())?;
        Ok(Self { connection, gate, path: path.to_owned(), joined: joined.to_vec(), deadline })
    }

    /// All files in one state.
    fn ask(
        &self,
        query: &Query,
        parameters: &[(String, Value)],
    ) -> Result<(Table, Option<Position>), AskError> {
        let fault = |error: rusqlite::Error| fault(&query.declaration.projection, &error, limits::QUERY_WAIT);
        let transaction = self.connection.unchecked_transaction().map_err(fault)?;
        let position = self.position(&query.declaration.uses).map_err(fault)?;
        let mut table = Table { columns: query.declaration.columns.clone(), rows: Vec::new() };
        let mut bytes = 0;
        self.each_row(query, parameters, limits::QUERY_WAIT, &mut |cells| {
            bytes += cells.iter().map(bytes_of).sum::<usize>();
            if table.rows.len() >= limits::ANSWER_ROWS_MAX || bytes > limits::ANSWER_BYTES_MAX {
                return Err(AskError::TooLarge);
            }
            table.rows.push(cells);
            Ok(())
        })?;
        transaction.finish().map_err(fault)?;
        Ok((table, position))
    }

    /// How far the rows go: of several files that are joined, the earliest.
    pub fn position(&self, joined: &[String]) -> rusqlite::Result<Option<Position>> {
        let mut position = file::checkpoint(&self.connection, "main")?.and_then(|at| at.position);
        for name in joined {
            position = position.min(file::checkpoint(&self.connection, name)?.and_then(|at| at.position));
        }
        Ok(position)
    }

    /// Gives each row to `each`, until that fails or the time is over.
    pub fn each_row(
        &self,
        query: &Query,
        parameters: &[(String, Value)],
        wait: Duration,
        each: &mut dyn FnMut(Vec<Cell>) -> Result<(), AskError>,
    ) -> Result<(), AskError> {
        let fault = |error: rusqlite::Error| fault(&query.declaration.projection, &error, wait);
        let _lifted = self.deadline.allow(wait);
        let prepared = self.gate.within(Phase::Query, || self.connection.prepare_cached(&query.sql));
        let mut statement = prepared.map_err(fault)?;
        for (name, value) in parameters {
            // `as_of` need not be used.
            if let Some(place) = statement.parameter_index(&format!(":{name}")).map_err(fault)? {
                statement.raw_bind_parameter(place, value).map_err(fault)?;
            }
        }
        let width = query.declaration.columns.len();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(fault)? {
            let cells: Result<Vec<Cell>, _> = (0..width).map(|place| row.get_ref(place).map(cell)).collect();
            each(cells.map_err(fault)?)?;
        }
        Ok(())
    }
}

fn bytes_of(cell: &Cell) -> usize {
    match cell {
        Cell::Null | Cell::Integer(_) | Cell::Real(_) => 8,
        Cell::Text(text) => text.len(),
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Cell::Text(hex::encode(bytes)),
    }
}

/// What the next page is asked with: the last row's column, where the page is full.
pub fn next_page(
    declaration: &QueryDeclaration,
    table: &Table,
    parameters: &[(String, Value)],
) -> Option<String> {
    let next = declaration.next.as_ref()?;
    let limit = parameters.iter().find_map(|(name, value)| match value {
        Value::Integer(limit) if name == "limit" => usize::try_from(*limit).ok(),
        _ => None,
    })?;
    if table.rows.len() < limit {
        return None;
    }
    let place = table.columns.iter().position(|column| column.name == next.column)?;
    match table.rows.last()?.get(place)? {
        Cell::Integer(number) => Some(number.to_string()),
        Cell::Text(text) => Some(text.clone()),
        Cell::Null | Cell::Real(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_closed_when_nobody_has_used_it_for_a_while_or_a_file_of_it_goes() {
        let folder = tempfile::tempdir().unwrap();
        let [asked, joined, other] = ["asked", "joined", "other"].map(|name| folder.path().join(name));
        for path in [&asked, &joined] {
            Connection::open(path).unwrap().execute_batch(file::OWN_TABLES).unwrap();
        }
        let pool = Pool::default();
        let open = || {
            let asking = Asking::open(&asked, &[("joined".to_owned(), joined.clone())]).unwrap();
            pool.idle.lock().unwrap().push((Instant::now(), asking));
        };
        let is_open = || !pool.idle.lock().unwrap().is_empty();
        for path in [&asked, &joined] {
            open();
            pool.forget(&other);
            assert!(is_open());
            pool.forget(path);
            assert!(!is_open(), "{}", path.display());
        }
        open();
        pool.close_idle(Duration::from_secs(3600));
        assert!(is_open());
        pool.close_idle(Duration::ZERO);
        assert!(!is_open());
    }
}
