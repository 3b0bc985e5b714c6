//! Checks what events do: the files of `on/`, and those of `then/`, whose statements several events share.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::authorizer::{Gate, Phase};
use super::folder::Folder;
use super::problem::{Problem, known_names};
use super::rules::{Rules, of_sqlite};
use super::script::{self, Astray, Part, Statement};
use super::sources::Source;
use crate::codec;

/// What the events of a folder do.
#[derive(Default)]
pub struct Events {
    pub on: Vec<On>,
    /// In lower case.
    pub used_indexes: BTreeSet<String>,
}

/// What one event type does.
#[derive(Debug)]
pub struct On {
    /// Its place in the catalogue.
    pub kind: usize,
    pub file: String,
    /// Those of `then/` stand where they are named.
    pub statements: Vec<OnStatement>,
}

#[derive(Debug)]
pub struct OnStatement {
    /// The event's own, or one of `then/`.
    pub file: String,
    pub statement: Statement,
    /// By place; SQLite counts parameters from 1.
    pub parameters: Vec<Source>,
}

/// A statement as it is written, and in which file.
struct Written {
    file: String,
    statement: Statement,
}

/// A file of `then/`.
struct Shared {
    file: String,
    statements: Vec<Statement>,
    is_named: bool,
}

/// The files of `then/`, by their names.
type SharedFiles<'a> = BTreeMap<&'a str, Shared>;

pub fn check(folder: &Folder, connection: &Connection, gate: &Gate, problems: &mut Vec<Problem>) -> Events {
    let rules = Rules { folder: &folder.name };
    let mut shared = shared(folder, &rules, problems);
    let mut events = Events::default();
    for (event_type, path, text) in folder.within("on") {
        let file = rules.file(path);
        let written = written(&file, text, &mut shared, problems);
        let catalogue = || codec::catalogue().iter().map(|event| event.event_type);
        let Some(kind) = catalogue().position(|known| known == event_type) else {
            let known = known_names(event_type, catalogue());
            problems.push(Problem::new(&file, None, format!("there is no event {event_type}"), known));
            continue;
        };
        let mut statements = Vec::new();
        for Written { file: stands_in, statement } in written {
            let who = match stands_in == file {
                true => "this event".to_owned(),
                false => format!("{event_type}, which runs it,"),
            };
            match on_statement(connection, gate, &stands_in, (kind, &who), statement) {
                Ok((statement, indexes)) => {
                    events.used_indexes.extend(indexes);
                    statements.push(statement);
                }
                Err(problem) => problems.push(problem),
            }
        }
        events.on.push(On { kind, file, statements });
    }
    for unnamed in shared.into_values().filter(|shared| !shared.is_named) {
        let remedy = "write `-- then: NAME` into a file of on/, or remove the file";
        problems.push(Problem::new(unnamed.file, None, "is named by no event", remedy));
    }
    events
}

fn shared<'a>(folder: &'a Folder, rules: &Rules<'_>, problems: &mut Vec<Problem>) -> SharedFiles<'a> {
    let mut files = BTreeMap::new();
    for (name, path, text) in folder.within("then") {
        let file = rules.file(path);
        let (parts, mut statements) = (script::parts(text), Vec::new());
        if parts.is_empty() {
            problems.push(does_nothing(&file));
        }
        for part in parts {
            match part {
                Part::Statement(statement) => statements.push(statement),
                Part::Then { line, .. } | Part::Astray { line, .. } => {
                    let remedy = "name both in the file of on/, one after the other";
                    problems.push(Problem::new(&file, line, "names a file of then/ itself", remedy));
                }
            }
        }
        files.insert(name, Shared { file, statements, is_named: false });
    }
    files
}

/// The statements of a file of `on/`, and those of `then/` where it names them.
fn written(
    file: &str,
    text: &str,
    shared: &mut SharedFiles<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Written> {
    let parts = script::parts(text);
    if parts.is_empty() {
        problems.push(does_nothing(file));
    }
    let mut written = Vec::new();
    for part in parts {
        match part {
            Part::Statement(statement) => written.push(Written { file: file.to_owned(), statement }),
            Part::Then { name, line } => match shared.get_mut(name.as_str()) {
                Some(Shared { file, statements, is_named }) => {
                    *is_named = true;
                    let statements = statements.iter().cloned();
                    written.extend(statements.map(|statement| Written { file: file.clone(), statement }));
                }
                None => {
                    let known = known_names(&name, shared.keys().copied());
                    problems.push(Problem::new(file, line, format!("there is no then/{name}.sql"), known));
                }
            },
            Part::Astray { line, why } => {
                let (message, remedy) = match why {
                    Astray::WithinStatement => {
                        ("`-- then:` stands within a statement", "end it with ; first")
                    }
                    Astray::NotOneName => {
                        ("`-- then:` takes one name", "write `-- then: NAME`, each in a line of its own")
                    }
                };
                problems.push(Problem::new(file, line, message, remedy));
            }
        }
    }
    written
}

fn does_nothing(file: &str) -> Problem {
    Problem::new(file, None, "does nothing", "write a statement, or remove the file")
}

/// A statement of an event, by its place in the catalogue and in words, and the indexes it uses, in lower case.
fn on_statement(
    connection: &Connection,
    gate: &Gate,
    file: &str,
    (kind, who): (usize, &str),
    statement: Statement,
) -> Result<(OnStatement, Vec<String>), Problem> {
    Rules::check_on_statement(file, &statement)?;
    let failed = |error: rusqlite::Error| of_sqlite(file, &statement, &error, Phase::Fold);
    let prepared = gate.within(Phase::Fold, || connection.prepare(&statement.sql)).map_err(failed)?;
    let mut parameters = Vec::new();
    for name in Rules::parameters(file, &statement, &prepared)? {
        let source = Source::of(kind, &name);
        parameters.push(source.ok_or_else(|| {
            let known = known_names(&name, Source::names(kind));
            let line = Rules::line_of_parameter(&statement, &name);
            Problem::new(file, line, format!("{who} has no field {name}"), known)
        })?);
    }
    drop(prepared);
    let indexes = used_indexes(connection, &statement.sql).map_err(failed)?;
    Ok((OnStatement { file: file.to_owned(), statement, parameters }, indexes))
}

/// From the plan: `SEARCH orders USING COVERING INDEX orders_by_number (…)`.
fn used_indexes(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    let mut rows = plan.raw_query();
    let mut indexes = Vec::new();
    while let Some(row) = rows.next()? {
        let detail: String = row.get(3)?;
        // A name may have spaces.
        let named = detail.split_once(" INDEX ").map(|(_, rest)| rest.split(" (").next().unwrap_or(rest));
        indexes.extend(named.map(str::to_ascii_lowercase));
    }
    Ok(indexes)
}
