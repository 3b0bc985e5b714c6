//! A folder that has been checked: everything in it is known to SQLite and to the catalogue of events.
//! Checking happens in memory and touches no file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, OpenFlags};

use super::ask;
use super::authorizer::{Gate, Phase};
use super::deadline::Deadline;
use super::declaration::{self, Environments, HeaderReader, QueryDeclaration};
use super::feed::Stop;
use super::file;
use super::folder::{Folder, Origin};
use super::on::{self, Events, On};
use super::problem::{Problem, Problems, known_names};
use super::rules::{Rules, of_sqlite};
use super::script::{self, Statement};
use crate::limits;

/// What folds and answers.
#[derive(Debug)]
pub struct Definition {
    pub name: String,
    pub question: String,
    pub environments: Environments,
    /// Hex; the hash of the files, the catalogue and the engine.
    pub version: String,
    pub folder: Folder,
    /// Tables, views, and the indexes that folding needs.
    pub schema: Vec<Statement>,
    /// Indexes for queries only: made at the end of a build.
    pub late_indexes: Vec<Statement>,
    pub on: Vec<On>,
    pub queries: Vec<Arc<Query>>,
}

#[derive(Debug)]
pub struct Query {
    pub declaration: Arc<QueryDeclaration>,
    pub sql: String,
}

/// The parameter that every query may use without declaring it: when it is asked.
pub const AS_OF: &str = "as_of";

impl Definition {
    pub fn query(&self, name: &str) -> Option<&Arc<Query>> {
        self.queries.iter().find(|query| query.declaration.name == name)
    }

    /// Checks folders together, for they may join one another. All problems are told at once.
    pub fn check_all(folders: Vec<Folder>) -> Result<Vec<Arc<Self>>, Problems> {
        let mut problems = Vec::new();
        let mut drafts: Vec<Draft> = Vec::new();
        for folder in folders {
            if let Some(other) = drafts.iter().find(|draft| draft.folder.name == folder.name) {
                problems.push(name_is_taken(&folder.name, other.folder.origin));
                continue;
            }
            drafts.push(Draft::begin(folder, &mut problems));
        }
        let mut definitions = Vec::new();
        for place in 0..drafts.len() {
            let queries = queries(&drafts, place, &mut problems);
            definitions.push(queries);
        }
        if !problems.is_empty() {
            problems.sort_by(|a, b| (&a.file, a.line, &a.message).cmp(&(&b.file, b.line, &b.message)));
            problems.dedup();
            return Err(Problems(problems));
        }
        Ok(drafts
            .into_iter()
            .zip(definitions)
            .map(|(draft, queries)| Arc::new(draft.finish(queries)))
            .collect())
    }
}

fn name_is_taken(name: &str, by: Origin) -> Problem {
    let message = match by {
        Origin::BuiltIn => "a projection of the program has this name",
        Origin::User => "another folder has this name",
    };
    Problem::new(name, None, message, "give the folder another name")
}

/// A folder while it is being checked, with its tables in memory.
struct Draft {
    folder: Folder,
    question: String,
    environments: Environments,
    schema: Vec<Statement>,
    events: Events,
    connection: Option<(Connection, Gate)>,
    uri: String,
}

impl Draft {
    fn begin(folder: Folder, problems: &mut Vec<Problem>) -> Self {
        let rules = Rules { folder: &folder.name };
        rules.check_names(&folder, problems);
        for (path, text) in &folder.files {
            rules.check_words(path, text, problems);
        }
        let (mut question, mut environments) = (String::new(), Environments::Production);
        let mut schema = Vec::new();
        if let Some(text) = folder.files.get("schema.sql") {
            let file = rules.file("schema.sql");
            (question, environments) = declaration::of_schema(&file, text, problems);
            schema = script::statements(text);
        }
        let uri = scratch_uri();
        let mut draft =
            Self { question, environments, schema, events: Events::default(), connection: None, uri, folder };
        match draft.build() {
            Ok(opened) => {
                let file = draft.file("schema.sql");
                problems.extend(Rules::check_defaults(&opened.0, &file, &draft.schema));
                draft.events = on::check(&draft.folder, &opened.0, &opened.1, problems);
                draft.connection = Some(opened);
            }
            Err(problem) => problems.push(problem),
        }
        draft
    }

    fn file(&self, path: &str) -> String {
        Rules { folder: &self.folder.name }.file(path)
    }

    /// Makes the tables in memory.
    fn build(&self) -> Result<(Connection, Gate), Problem> {
        let file = self.file("schema.sql");
        let engine = |error: rusqlite::Error| {
            Problem::new(&file, None, error.to_string(), "no database can be made in memory")
        };
        let mut connection = scratch(&self.uri).map_err(engine)?;
        let gate = Gate::install(&mut connection).map_err(engine)?;
        connection.execute_batch(file::OWN_TABLES).map_err(engine)?;
        let mut views = Vec::new();
        for statement in &self.schema {
            Rules::check_schema_statement(&file, statement)?;
            let made = gate.within(Phase::Schema, || connection.prepare(&statement.sql));
            let made = made.and_then(|mut made| made.raw_execute());
            made.map_err(|error| of_sqlite(&file, statement, &error, Phase::Schema))?;
            if statement.begins_with(&["CREATE", "VIEW"]) {
                let newest = "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY rowid DESC LIMIT 1";
                let name: String = connection.query_row(newest, [], |row| row.get(0)).map_err(engine)?;
                views.push((name, statement));
            }
        }
        // SQLite looks into views when they are asked, and not when they are made.
        for (name, statement) in views {
            let sql = format!("SELECT * FROM \"{}\"", name.replace('"', "\"\""));
            let asked = gate.within(Phase::Query, || connection.prepare(&sql)).map(drop);
            asked.map_err(|error| of_sqlite(&file, statement, &without_place(error), Phase::Schema))?;
        }
        Ok((connection, gate))
    }

    fn finish(self, queries: Vec<Arc<Query>>) -> Definition {
        let is_late = |statement: &Statement| {
            statement.begins_with(&["CREATE", "INDEX"])
                && !statement
                    .named_before("ON")
                    .is_some_and(|name| self.events.used_indexes.contains(&name.to_ascii_lowercase()))
        };
        let (late_indexes, schema) = self.schema.into_iter().partition(is_late);
        Definition {
            name: self.folder.name.clone(),
            question: self.question,
            environments: self.environments,
            version: self.folder.version(),
            schema,
            late_indexes,
            on: self.events.on,
            queries,
            folder: self.folder,
        }
    }
}

/// The place is one in the question about a view, and not in the view.
fn without_place(error: rusqlite::Error) -> rusqlite::Error {
    match error {
        rusqlite::Error::SqlInputError { error, msg, sql, .. } => {
            rusqlite::Error::SqlInputError { error, msg, sql, offset: -1 }
        }
        other => other,
    }
}

/// A database in memory that other connections of this process can attach.
fn scratch_uri() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("file:order-ledger-check-{}?mode=memory&cache=shared", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn scratch(uri: &str) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(uri, flags)?;
    connection.execute_batch("PRAGMA trusted_schema = OFF")?;
    Deadline::over(&mut connection, Stop::default())?.allow_for_good(limits::PROJECTION_CHECK_WAIT);
    Ok(connection)
}

/// Checks the queries of one draft, which may join the others.
fn queries(drafts: &[Draft], place: usize, problems: &mut Vec<Problem>) -> Vec<Arc<Query>> {
    let mut checked = Vec::new();
    let Some(draft) = drafts.get(place) else { return checked };
    for (name, path, text) in draft.folder.within("queries") {
        let file = draft.file(path);
        let mut found = Vec::new();
        let declaration = HeaderReader::new(&file, &mut found).read(&draft.folder.name, name, text);
        for parameter in &declaration.parameters {
            let default = parameter.default.as_deref().map(|text| ask::typed(parameter, text));
            if let Some(Err(error)) = default {
                let line = declaration::line_of(text, "parameter", &parameter.name);
                let message = format!("the default of {error}");
                found.push(Problem::new(&file, line, message, "write another after ="));
            }
        }
        let result = match found.is_empty() {
            true => query(drafts, draft, &file, &declaration, text),
            false => Err(found),
        };
        match result {
            Ok(sql) => checked.push(Arc::new(Query { declaration: Arc::new(declaration), sql })),
            Err(found) => problems.extend(found),
        }
    }
    checked
}

fn query(
    drafts: &[Draft],
    draft: &Draft,
    file: &str,
    declaration: &QueryDeclaration,
    text: &str,
) -> Result<String, Vec<Problem>> {
    let statement = Rules::the_query(file, script::statements(text)).map_err(|problem| vec![problem])?;
    let Some((_, _)) = &draft.connection else { return Err(vec![]) };
    let engine = |error: rusqlite::Error| {
        vec![Problem::new(file, None, error.to_string(), "no database can be made in memory")]
    };
    let mut connection = scratch(&draft.uri).map_err(engine)?;
    let gate = Gate::install(&mut connection).map_err(engine)?;
    for name in &declaration.uses {
        let Some(other) = drafts.iter().find(|other| other.folder.name == *name) else {
            let known = known_names(name, drafts.iter().map(|draft| draft.folder.name.as_str()));
            let line = declaration::line_of(text, "uses", name);
            return Err(vec![Problem::new(
                file,
                line,
                format!("uses: there is no projection {name:?}"),
                known,
            )]);
        };
        if other.connection.is_none() {
            return Err(vec![]);
        }
        connection.execute(&format!("ATTACH ?1 AS \"{name}\""), [&other.uri]).map_err(engine)?;
    }
    let prepared = gate.within(Phase::Query, || connection.prepare(&statement.sql));
    let prepared = prepared.map_err(|error| vec![of_sqlite(file, &statement, &error, Phase::Query)])?;
    let problems = Rules::check_query(file, &statement, declaration, &prepared, |key, name| {
        declaration::line_of(text, key, name)
    });
    if problems.is_empty() { Ok(statement.sql) } else { Err(problems) }
}
