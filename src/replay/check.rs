//! Holds a read model that answers against a fresh fold up to the same position, table by table, row by row.

use std::fmt;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::shape::{Kind, Shape, quoted};
use crate::limits;

/// What agrees, and what does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    pub tables: u64,
    /// That are equal.
    pub rows: u64,
    /// Of each table the first.
    pub differences: Vec<Difference>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Or index, or view.
    pub table: String,
    pub what: What,
}

/// How a table that answers differs from the fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It is made otherwise, is missing, or should not be there.
    Schema(&'static str),
    /// It cannot be read.
    Unreadable(String),
    /// The log makes a row of this key, and there is none.
    Missing(Vec<Field>),
    /// There is a row of this key, and the log makes none.
    Extra(Vec<Field>),
    /// The row of this key says otherwise.
    Otherwise { key: Vec<Field>, columns: Vec<Differing> },
}

/// A column's name, and its value as SQL writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub value: String,
}

/// A column that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing {
    pub name: String,
    pub found: String,
    pub folded: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = &self.table;
        match &self.what {
            What::Schema(how) => write!(f, "{table} {how}"),
            What::Unreadable(problem) => write!(f, "{table} cannot be read: {problem}"),
            What::Missing(key) => write!(f, "{table}: the row {} is missing", Key(key)),
            What::Extra(key) => write!(f, "{table}: the row {} should not be there", Key(key)),
            What::Otherwise { key, columns } => {
                write!(f, "{table}: the row {} differs", Key(key))?;
                let mut before = ": ";
                for Differing { name, found, folded } in columns {
                    write!(f, "{before}{name} is {found}, and {folded} by the log")?;
                    before = "; ";
                }
                Ok(())
            }
        }
    }
}

struct Key<'a>(&'a [Field]);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<_> = self.0.iter().map(|Field { name, value }| format!("{name}={value}")).collect();
        f.write_str(&fields.join(" "))
    }
}

/// `found` is the read model that answers, within a read transaction, `folded` what it should be. Blocks.
pub fn compare(found: &Connection, folded: &Connection) -> rusqlite::Result<Compared> {
    let mut compared = Compared::default();
    let (ours, theirs) = (objects(folded)?, objects(found)?);
    let mut made_otherwise = |table: &str, how| {
        compared.differences.push(Difference { table: table.to_owned(), what: What::Schema(how) });
    };
    for object in &ours {
        match theirs.iter().find(|other| other.is_named_as(object)) {
            None => made_otherwise(&object.name, "is missing"),
            Some(other) if other.sql != object.sql => {
                made_otherwise(&object.name, "is made otherwise than schema.sql says")
            }
            Some(_) => {}
        }
    }
    for object in theirs.iter().filter(|object| !ours.iter().any(|other| other.is_named_as(object))) {
        made_otherwise(&object.name, "should not be there");
    }
    for shape in Shape::of(folded)?.into_iter().filter(|shape| shape.kind == Kind::Table) {
        if compared.differences.iter().any(|difference| difference.table == shape.name) {
            continue;
        }
        compared.tables += 1;
        match rows(&shape, found, folded) {
            Ok(count) => compared.rows += count,
            Err(Stopped::At(what)) => {
                compared.differences.push(Difference { table: shape.name, what });
            }
            Err(Stopped::Found(error)) => {
                let what = What::Unreadable(error.to_string());
                compared.differences.push(Difference { table: shape.name, what });
            }
            Err(Stopped::Folded(error)) => return Err(error),
        }
    }
    Ok(compared)
}

struct Object {
    kind: String,
    name: String,
    sql: String,
}

impl Object {
    fn is_named_as(&self, other: &Self) -> bool {
        (&self.kind, &self.name) == (&other.kind, &other.name)
    }
}

/// Tables, indexes, views and what else somebody may have made, but for the engine's own and SQLite's.
fn objects(connection: &Connection) -> rusqlite::Result<Vec<Object>> {
    let mut listed = connection.prepare(
        "SELECT type, name, coalesce(sql, '') FROM sqlite_schema
         WHERE name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name",
    )?;
    let object = |row: &Row<'_>| Ok(Object { kind: row.get(0)?, name: row.get(1)?, sql: row.get(2)? });
    listed.query_map([], object)?.collect()
}

/// Where a comparison ends before the last row.
enum Stopped {
    At(What),
    Found(rusqlite::Error),
    Folded(rusqlite::Error),
}

/// How many rows are equal, where all are.
fn rows(shape: &Shape, found: &Connection, folded: &Connection) -> Result<u64, Stopped> {
    let identity = shape.identity();
    let (columns, table) = (shape.quoted_columns(), quoted(&shape.name));
    let sql = format!(
        "SELECT {}, {} FROM {table} ORDER BY {}",
        identity.join(", "),
        columns.join(", "),
        identity.join(", ")
    );
    let mut theirs = found.prepare(&sql).map_err(Stopped::Found)?;
    let mut ours = folded.prepare(&sql).map_err(Stopped::Folded)?;
    let (mut theirs, mut ours) = (theirs.raw_query(), ours.raw_query());
    let walk = Walk { shape, width: identity.len(), identity: &identity, folded };
    let mut count = 0;
    loop {
        let found = theirs.next().map_err(Stopped::Found)?;
        let expected = ours.next().map_err(Stopped::Folded)?;
        match (found, expected) {
            (None, None) => return Ok(count),
            (Some(found), None) => return Err(Stopped::At(What::Extra(walk.key(found)?))),
            (None, Some(expected)) => return Err(Stopped::At(What::Missing(walk.key(expected)?))),
            (Some(found), Some(expected)) => {
                if let Some(what) = walk.difference(found, expected)? {
                    return Err(Stopped::At(what));
                }
            }
        }
        count += 1;
    }
}

struct Walk<'a> {
    shape: &'a Shape,
    /// How many values say which row it is; they go before the others.
    width: usize,
    identity: &'a [String],
    folded: &'a Connection,
}

impl Walk<'_> {
    fn difference(&self, found: &Row<'_>, expected: &Row<'_>) -> Result<Option<What>, Stopped> {
        let value = |row: &Row<'_>, place| row.get_ref(place).map(shown).map_err(Stopped::Folded);
        let mut columns = Vec::new();
        for place in 0..self.width + self.shape.columns.len() {
            let is_equal = found.get_ref(place).map_err(Stopped::Found)?
                == expected.get_ref(place).map_err(Stopped::Folded)?;
            if is_equal {
                continue;
            }
            if place < self.width {
                // Both are in the same order: one of them has no partner.
                let is_extra = !self.is_folded(found)?;
                return Ok(Some(match is_extra {
                    true => What::Extra(self.key(found)?),
                    false => What::Missing(self.key(expected)?),
                }));
            }
            let name = self.shape.columns.get(place - self.width).map(|column| column.name.clone());
            let (name, found) = (name.unwrap_or_default(), value(found, place)?);
            columns.push(Differing { name, found, folded: value(expected, place)? });
        }
        if columns.is_empty() {
            return Ok(None);
        }
        Ok(Some(What::Otherwise { key: self.key(expected)?, columns }))
    }

    /// Whether the fold has a row of this key.
    fn is_folded(&self, found: &Row<'_>) -> Result<bool, Stopped> {
        let is = |(place, name): (usize, &String)| format!("{name} IS ?{}", place + 1);
        let all: Vec<_> = self.identity.iter().enumerate().map(is).collect();
        let table = quoted(&self.shape.name);
        let sql = format!("SELECT 1 FROM {table} WHERE {}", all.join(" AND "));
        let mut asked = self.folded.prepare(&sql).map_err(Stopped::Folded)?;
        for place in 0..self.width {
            let value = found.get_ref(place).map_err(Stopped::Found)?;
            let value = rusqlite::types::ToSqlOutput::Borrowed(value);
            asked.raw_bind_parameter(place + 1, value).map_err(Stopped::Folded)?;
        }
        let mut rows = asked.raw_query();
        Ok(rows.next().map_err(Stopped::Folded)?.is_some())
    }

    fn key(&self, row: &Row<'_>) -> Result<Vec<Field>, Stopped> {
        let named = |(place, name): (usize, &String)| {
            let value = row.get_ref(place).map_err(Stopped::Folded)?;
            Ok(Field { name: name.trim_matches('"').replace("\"\"", "\""), value: shown(value) })
        };
        self.identity.iter().enumerate().map(named).collect()
    }
}

/// As SQL writes it; a long one is cut.
fn shown(value: ValueRef<'_>) -> String {
    let text = |text: &str| {
        let mut chars = text.chars();
        let begin: String = chars.by_ref().take(limits::COMPARED_CHARS_MAX).collect();
        if chars.next().is_some() { format!("'{begin}…'") } else { format!("'{begin}'") }
    };
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(bytes) => text(&String::from_utf8_lossy(bytes)),
        ValueRef::Blob(bytes) => format!("x{}", text(&hex::encode(bytes))),
    }
}
