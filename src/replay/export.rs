//! Writes states of read models into one SQLite file that any tool opens: each table and each view as a plain table
//! `PROJECTION_TABLE`. The same states give the same rows in the same order.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, OpenFlags};

use super::shape::{Kind, Shape, quoted};
use crate::projector::ReadFile;

/// A state of a projection.
pub struct State {
    pub projection: String,
    pub file: ReadFile,
}

/// What the file says of itself, by key.
pub type Facts = Vec<(String, Option<String>)>;

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub tables: u64,
    pub rows: u64,
    /// Views that cannot be read, and why: they are left out.
    pub left_out: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("{projection}: {error}")]
    Read { projection: String, error: rusqlite::Error },
    #[error("{path}: {error}")]
    Write { path: PathBuf, error: rusqlite::Error },
}

/// "OLDR", where SQLite keeps whose file it is: tells a result from every other SQLite file.
const APPLICATION_ID: i32 = 0x4f4c_4452;

/// Whether a file was written here. It is not opened as a database: nothing comes to stand beside it.
pub fn is_one(path: &Path) -> std::io::Result<bool> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    // SQLite's format: the application id is at 68.
    const HEAD: usize = 72;
    let mut head = Vec::with_capacity(HEAD);
    File::open(path)?.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(head.len() == HEAD && head.starts_with(MAGIC) && head.ends_with(&APPLICATION_ID.to_be_bytes()))
}

/// Where the facts stand.
const FACTS: &str = "_replay";

/// Fills the file at `path`, which is empty. Blocks.
pub fn write(
    path: &Path,
    states: &[State],
    facts: &Facts,
    tell: &dyn Fn(&str),
) -> Result<Written, ExportError> {
    let failed = |error| ExportError::Write { path: path.to_owned(), error };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let out = Connection::open_with_flags(path, flags).map_err(failed)?;
    // It is thrown away where it does not become whole.
    out.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN").map_err(failed)?;
    out.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    write_facts(&out, facts).map_err(failed)?;
    let mut export = Export { out: &out, taken: BTreeSet::new(), written: Written::default() };
    for State { projection, file: from } in states {
        let unreadable = |error| ExportError::Read { projection: projection.clone(), error };
        for shape in Shape::of(from.connection()).map_err(unreadable)? {
            tell(&format!("{projection}.{}", shape.name));
            match export.table(projection, from, &shape) {
                Ok(()) => {}
                Err(Side::Read(error)) if shape.kind == Kind::View => {
                    let view = &shape.name;
                    export.written.left_out.push(format!("the view {projection}.{view}: {error}"));
                }
                Err(Side::Read(error)) => return Err(unreadable(error)),
                Err(Side::Write(error)) => return Err(failed(error)),
            }
        }
    }
    let written = export.written;
    out.execute_batch("COMMIT").map_err(failed)?;
    out.close().map_err(|(_, error)| failed(error))?;
    Ok(written)
}

fn write_facts(out: &Connection, facts: &Facts) -> rusqlite::Result<()> {
    out.execute_batch(&format!("CREATE TABLE {FACTS} (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID"))?;
    let mut insert = out.prepare(&format!("INSERT INTO {FACTS} (key, value) VALUES (?1, ?2)"))?;
    facts.iter().try_for_each(|fact| insert.execute((&fact.0, &fact.1)).map(|_| ()))
}

struct Export<'o> {
    out: &'o Connection,
    /// Names of tables, in lower case.
    taken: BTreeSet<String>,
    written: Written,
}

/// Whose fault it is.
enum Side {
    Read(rusqlite::Error),
    Write(rusqlite::Error),
}

impl Export<'_> {
    fn table(&mut self, projection: &str, from: &ReadFile, shape: &Shape) -> Result<(), Side> {
        let columns = shape.quoted_columns();
        // A view's rows come in whatever order SQLite finds best.
        let order = match shape.kind {
            Kind::Table => shape.identity(),
            Kind::View => (1..=columns.len()).map(|place| place.to_string()).collect(),
        };
        let select = format!(
            "SELECT {} FROM {} ORDER BY {}",
            columns.join(", "),
            quoted(&shape.name),
            order.join(", ")
        );
        let mut select = from.connection().prepare(&select).map_err(Side::Read)?;
        let name = self.name_of(projection, shape);
        self.out.execute_batch(&create(&name, shape)).map_err(Side::Write)?;
        let places: Vec<_> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
        let insert = format!("INSERT INTO {name} VALUES ({})", places.join(", "));
        let mut insert = self.out.prepare(&insert).map_err(Side::Write)?;
        let (mut rows, mut count) = (select.raw_query(), 0);
        let copied = loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => break Ok(()),
                Err(error) => break Err(Side::Read(error)),
            };
            for place in 0..columns.len() {
                let value = row.get_ref(place).map_err(Side::Read)?;
                let bound = insert.raw_bind_parameter(place + 1, ToSqlOutput::Borrowed(value));
                bound.map_err(Side::Write)?;
            }
            insert.raw_execute().map_err(Side::Write)?;
            count += 1;
        };
        drop(insert);
        if copied.is_err() {
            self.out.execute_batch(&format!("DROP TABLE {name}")).map_err(Side::Write)?;
        } else {
            self.written.tables += 1;
            self.written.rows += count;
        }
        copied
    }

    /// `a` with `b_c` and `a_b` with `c` come to the same, and SQLite has names of its own.
    fn name_of(&mut self, projection: &str, shape: &Shape) -> String {
        let mut name = format!("{projection}_{}", shape.name);
        if name.to_ascii_lowercase().starts_with("sqlite_") {
            name.insert(0, '_');
        }
        while !self.taken.insert(name.to_ascii_lowercase()) {
            name.push('_');
        }
        quoted(&name)
    }
}

/// Plain: nothing is generated or checked any more, and older versions of SQLite read it too. A view's columns have no
/// type, so that each value stays as it is.
fn create(name: &str, shape: &Shape) -> String {
    let is_alone = |column: &str| shape.key.len() == 1 && shape.key.first().is_some_and(|key| key == column);
    let mut parts = Vec::new();
    for column in &shape.columns {
        let declared = match (shape.kind, column.declared.to_ascii_uppercase().as_str()) {
            // In a table that is not STRICT it would mean something else.
            (Kind::View, _) | (Kind::Table, "ANY") => "",
            (Kind::Table, _) => &column.declared,
        };
        let key = if is_alone(&column.name) { " PRIMARY KEY" } else { "" };
        parts.push(format!("{} {declared}{key}", quoted(&column.name)).trim_end().to_owned());
    }
    if shape.key.len() > 1 {
        parts.push(format!("PRIMARY KEY ({})", shape.identity().join(", ")));
    }
    let is_without_rowid = shape.kind == Kind::Table && !shape.has_rowid;
    let ending = if is_without_rowid { " WITHOUT ROWID" } else { "" };
    format!("CREATE TABLE {name} ({}){ending}", parts.join(", "))
}
