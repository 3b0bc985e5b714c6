//! The rules a folder must keep that SQLite does not know, and SQLite's refusals in words.

use rusqlite::{Connection, ErrorCode};

use super::authorizer::Phase;
use super::declaration::{QueryDeclaration, names};
use super::definition::AS_OF;
use super::folder::{Folder, INNER, PLACES};
use super::problem::{Problem, known_names};
use super::script::{self, Statement};
use crate::limits;

const NAME_CHARS_MAX: usize = 32;
const NAME_REMEDY: &str = "write 1 to 32 of a-z, 0-9 and _, a letter first";
/// Databases of a connection that SQLite names itself.
const TAKEN_NAMES: [&str; 2] = ["main", "temp"];
const CLOCK_REMEDY: &str =
    "a fold must give the same next year: use :recorded_at or :day, and in queries :as_of";
/// Words that are allowed nowhere, and what to write instead.
const WORDS: [(&str, &str); 5] = [
    ("CURRENT_TIMESTAMP", CLOCK_REMEDY),
    ("CURRENT_DATE", CLOCK_REMEDY),
    ("CURRENT_TIME", CLOCK_REMEDY),
    // It fails when the transaction ends, and nobody knows at which event.
    ("DEFERRABLE", "what an event breaks must be told at that event: take it out"),
    ("AUTOINCREMENT", "take it out: INTEGER PRIMARY KEY counts too, and :position is in order"),
];
const FUNCTION_REMEDY: &str = "allowed are functions that always give the same: SQLite's core, aggregate, window and JSON functions \
     without those for time and chance, beijing_day, beijing_hour, seconds_between, moment_plus and day_plus; moments \
     are :recorded_at, :day and in queries :as_of";

pub struct Rules<'a> {
    pub folder: &'a str,
}

impl Rules<'_> {
    /// How a file is named in problems.
    pub fn file(&self, path: &str) -> String {
        format!("{}/{path}", self.folder)
    }

    pub fn check_names(&self, folder: &Folder, problems: &mut Vec<Problem>) {
        if !is_name(self.folder) || TAKEN_NAMES.contains(&self.folder) {
            let message = format!("a projection cannot be named {:?}", self.folder);
            problems.push(Problem::new(self.folder, None, message, NAME_REMEDY));
        }
        if !folder.files.contains_key("schema.sql") {
            let remedy = "write its tables there, after a comment that says what question they answer";
            problems.push(Problem::new(self.file("schema.sql"), None, "is missing", remedy));
        }
        for path in folder.files.keys() {
            let inner = path.split_once('/').map(|(inner, name)| (inner, name.trim_end_matches(".sql")));
            let cannot_be = match inner {
                Some(("queries", name)) if !is_name(name) => Some("cannot be a query's name"),
                Some(("then", name)) if !is_name(name) => Some("cannot be named by `-- then:`"),
                Some(_) | None => None,
            };
            if let Some(message) = cannot_be {
                problems.push(Problem::new(self.file(path), None, message, NAME_REMEDY));
            }
            let has_place = inner.map_or(path == "schema.sql", |(inner, _)| INNER.contains(&inner));
            if !has_place || !path.ends_with(".sql") {
                problems.push(Problem::new(self.file(path), None, "has no place here", PLACES));
            }
        }
    }

    /// Words that SQLite asks nobody about.
    pub fn check_words(&self, path: &str, text: &str, problems: &mut Vec<Problem>) {
        for (forbidden, remedy) in WORDS {
            if let Some((line, word)) = script::line_of_word(text, |word| word == forbidden) {
                let message = format!("{word} is not allowed");
                problems.push(Problem::new(self.file(path), line, message, remedy));
            }
        }
    }

    pub fn check_schema_statement(file: &str, statement: &Statement) -> Result<(), Problem> {
        const ALLOWED: [&[&str]; 4] =
            [&["CREATE", "TABLE"], &["CREATE", "INDEX"], &["CREATE", "UNIQUE", "INDEX"], &["CREATE", "VIEW"]];
        let remedy = "schema.sql creates empty tables, indexes and views and nothing else";
        must_begin(file, statement, &ALLOWED, remedy)
    }

    pub fn check_on_statement(file: &str, statement: &Statement) -> Result<(), Problem> {
        const ALLOWED: [&[&str]; 6] =
            [&["INSERT"], &["UPDATE"], &["DELETE"], &["REPLACE"], &["WITH"], &["SELECT"]];
        must_begin(
            file,
            statement,
            &ALLOWED,
            "what an event does is insert, update or delete, or with … of these; a SELECT asks whether to go on",
        )
    }

    /// Defaults are worked out by SQLite at every insert, and it asks nobody about them.
    pub fn check_defaults(connection: &Connection, file: &str, schema: &[Statement]) -> Vec<Problem> {
        let calls =
            "SELECT t.name, c.name, c.dflt_value FROM pragma_table_list t, pragma_table_xinfo(t.name) c
                     WHERE t.schema = 'main' AND c.dflt_value LIKE '%(%'";
        let found = connection.prepare(calls).and_then(|mut statement| {
            let rows = statement.query_map([], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        });
        let problem = |(table, column, default): (String, String, String)| {
            let message = format!("the default of {table}.{column} is {default}, which calls a function");
            let line = schema.iter().find_map(|statement| {
                let place = statement.sql.find(&default)?;
                Some(statement.line_at(place))
            });
            Problem::new(file, line, message, "write a constant, or set the column in on/*.sql")
        };
        match found {
            Ok(found) => {
                found.into_iter().filter(|(.., default)| script::calls(default)).map(problem).collect()
            }
            Err(error) => {
                let message = format!("its defaults cannot be looked at: {error}");
                vec![Problem::new(file, None, message, "try again")]
            }
        }
    }

    /// The names of a statement's parameters, by place.
    pub fn parameters(
        file: &str,
        statement: &Statement,
        prepared: &rusqlite::Statement<'_>,
    ) -> Result<Vec<String>, Problem> {
        (1..=prepared.parameter_count())
            .map(|place| {
                let name = prepared.parameter_name(place).and_then(|name| name.strip_prefix(':'));
                name.map(str::to_owned).ok_or_else(|| {
                    let message = format!("parameter {place} has no name of the form :name");
                    Problem::new(file, statement.line, message, "write :name, not ?, ?1, @name or $name")
                })
            })
            .collect()
    }

    pub fn line_of_parameter(statement: &Statement, name: &str) -> usize {
        let place = statement.sql.match_indices(&format!(":{name}")).next().map(|(place, _)| place);
        place.map_or(statement.line, |place| statement.line_at(place))
    }

    /// The one statement of a query file.
    pub fn the_query(file: &str, statements: Vec<Statement>) -> Result<Statement, Problem> {
        let mut statements = statements.into_iter();
        let Some(statement) = statements.next() else {
            return Err(Problem::new(file, None, "asks nothing", "write one SELECT after the comment"));
        };
        const ALLOWED: [&[&str]; 3] = [&["SELECT"], &["WITH"], &["VALUES"]];
        must_begin(file, &statement, &ALLOWED, "a query only reads: write SELECT or WITH … SELECT")?;
        if let Some(second) = statements.next() {
            let remedy = "a query is one statement: move the other into a file of its own";
            return Err(Problem::new(file, second.line, "has a second statement", remedy));
        }
        Ok(statement)
    }

    /// Whether a query takes and gives what its header says.
    pub fn check_query(
        file: &str,
        statement: &Statement,
        declaration: &QueryDeclaration,
        prepared: &rusqlite::Statement<'_>,
        line_of: impl Fn(&str, &str) -> usize,
    ) -> Vec<Problem> {
        if !prepared.readonly() {
            let remedy = "a query only reads: write SELECT or WITH … SELECT";
            return vec![Problem::new(file, statement.line, "writes", remedy)];
        }
        let used = match Self::parameters(file, statement, prepared) {
            Ok(used) => used,
            Err(problem) => return vec![problem],
        };
        let mut problems = Vec::new();
        for name in used.iter().filter(|name| *name != AS_OF) {
            if !names(&declaration.parameters).any(|declared| declared == name) {
                let line = Self::line_of_parameter(statement, name);
                let message = format!("the parameter :{name} is not declared");
                let known = known_names(name, names(&declaration.parameters).chain([AS_OF]));
                let remedy = format!("write `-- parameter: {name} TYPE` into the first comment ({known})");
                problems.push(Problem::new(file, line, message, remedy));
            }
        }
        for name in names(&declaration.parameters).filter(|name| !used.iter().any(|used| used == name)) {
            let message = format!("the parameter {name} is declared and not used");
            let remedy = format!("use :{name}, or take it out of the comment");
            problems.push(Problem::new(file, line_of("parameter", name), message, remedy));
        }
        let gives: Vec<_> = prepared.column_names().collect();
        let declared: Vec<_> = declaration.columns.iter().map(|column| column.name.as_str()).collect();
        if gives != declared {
            let message = format!("its columns are {}, declared are {}", list(&gives), list(&declared));
            let remedy = "declare each column in its order: `-- column: NAME UNIT | label`";
            problems.push(Problem::new(file, statement.line, message, remedy));
        }
        problems
    }
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(allowed)
        && name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
}

fn must_begin(file: &str, statement: &Statement, allowed: &[&[&str]], remedy: &str) -> Result<(), Problem> {
    if allowed.iter().any(|words| statement.begins_with(words)) {
        return Ok(());
    }
    let kind = statement.words.iter().take(2).cloned().collect::<Vec<_>>().join(" ");
    Err(Problem::new(file, statement.line, format!("{kind} is not allowed here"), remedy))
}

/// SQLite's refusal of a statement.
pub fn of_sqlite(file: &str, statement: &Statement, error: &rusqlite::Error, phase: Phase) -> Problem {
    let (text, line) = match error {
        rusqlite::Error::SqlInputError { msg, offset, .. } => {
            let place = usize::try_from(*offset).ok();
            (msg.clone(), place.map_or(statement.line, |place| statement.line_at(place)))
        }
        rusqlite::Error::SqliteFailure(_, Some(text)) => (text.clone(), statement.line),
        other => (other.to_string(), statement.line),
    };
    match error.sqlite_error_code() {
        Some(ErrorCode::AuthorizationForStatementDenied) => {}
        // SQLite has no code for these.
        _ if text.starts_with("not authorized") => {}
        Some(ErrorCode::OperationInterrupted) => {
            let seconds = limits::PROJECTION_CHECK_WAIT.as_secs();
            let message = format!("SQLite needs more than {seconds} s to understand it");
            return Problem::new(file, line, message, "nest views and joins less deeply");
        }
        _ => return Problem::new(file, line, text.clone(), remedy_of(&text)),
    }
    if let Some(function) = text.split_once("function: ").map(|(_, name)| name) {
        let word = function.to_ascii_uppercase();
        let found = script::line_of_word(&statement.sql, |found| found == word);
        let line = found.map_or(statement.line, |(line, _)| statement.line + line - 1);
        let message = format!("the function {function} is not allowed");
        return Problem::new(file, line, message, FUNCTION_REMEDY);
    }
    let remedy = match phase {
        Phase::Schema => {
            "schema.sql creates empty tables, indexes and views and nothing else, of its own, with names that do not begin with _"
        }
        Phase::Fold => {
            "what an event does reads and writes the tables of its own folder, and none whose names begin with _"
        }
        Phase::Query | Phase::Engine => {
            "a query only reads, and that the tables of its own folder and of those it `uses`, none whose names begin with _"
        }
    };
    Problem::new(file, line, format!("SQLite was told to refuse this: {text}"), remedy)
}

/// What to do about what SQLite does not understand.
fn remedy_of(text: &str) -> &'static str {
    const REMEDIES: [(&str, &str); 7] = [
        ("no such function", FUNCTION_REMEDY),
        (
            "no such table",
            "name a table of schema.sql; a query reaches those of other projections by `-- uses: NAME`",
        ),
        ("no such column", "name a column of the tables in schema.sql; texts stand in single quotes"),
        (
            "unsafe use of virtual table",
            "a view reads tables and views of its own folder, and json_each and json_tree",
        ),
        ("may not be modified", "what an event does writes the tables of its own folder"),
        ("incomplete input", "correct the statement: something is missing at its end"),
        ("syntax error", "correct the statement before or at this place"),
    ];
    let known = REMEDIES.iter().find(|(begin, _)| text.contains(begin));
    known.map_or("see the statement at this line", |(_, remedy)| remedy)
}
