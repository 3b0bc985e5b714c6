//! Holds a read model that answers against a fresh fold up to the same position: that its file is whole, all that it is
//! made of, what it says of itself, and then table by table, row by row.

use std::fmt;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::shape::{Kind, Shape, is_engines, quoted};
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
    /// Or index, view or trigger; `(file)` where it is the file as a whole.
    pub table: String,
    pub what: What,
}

/// How a table that answers differs from the fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// SQLite finds its pages or indexes wrong.
    Damaged(String),
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
        // What the engine writes is not made of the log.
        let by = if is_engines(table) { "by the definitions that are usable now" } else { "by the log" };
        match &self.what {
            What::Damaged(problem) => write!(f, "the file is damaged: {problem}"),
            What::Schema(how) => write!(f, "{table} {how}"),
            What::Unreadable(problem) => write!(f, "{table} cannot be read: {problem}"),
            What::Missing(key) => write!(f, "{table}: the row {} is missing", Key(key)),
            What::Extra(key) => write!(f, "{table}: the row {} should not be there", Key(key)),
            What::Otherwise { key, columns } => {
                write!(f, "{table}: the row {} differs", Key(key))?;
                let mut before = ": ";
                for Differing { name, found, folded } in columns {
                    write!(f, "{before}{name} is {found}, and {folded} {by}")?;
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

/// `found` is the read model that answers, at rest, `folded` what it should be. Blocks.
pub fn compare(found: &Connection, folded: &Connection) -> rusqlite::Result<Compared> {
    let mut compared = Compared::default();
    let damaged = damages(found).unwrap_or_else(|error| Some(error.to_string()));
    let damaged =
        damaged.map(|problem| Difference { table: "(file)".to_owned(), what: What::Damaged(problem) });
    compared.differences.extend(damaged);
    let ours = objects(folded)?;
    let theirs = match objects(found) {
        Ok(theirs) => theirs,
        Err(error) => {
            let (table, what) = ("sqlite_schema".to_owned(), What::Unreadable(error.to_string()));
            compared.differences.push(Difference { table, what });
            return Ok(compared);
        }
    };
    compared.differences.extend(made_otherwise(&ours, &theirs));
    for shape in Shape::of_all(folded)?.into_iter().filter(|shape| shape.kind == Kind::Table) {
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

/// What SQLite finds wrong with pages, with rows that an index lacks or has too many of, and with values; the first of it.
fn damages(found: &Connection) -> rusqlite::Result<Option<String>> {
    let mut check = found.prepare(&format!("PRAGMA integrity_check({})", limits::DAMAGES_SHOWN_MAX))?;
    let told: Vec<String> = check.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(if told == ["ok"] { None } else { Some(told.join("; ").replace('\n', " ")) })
}

struct Object {
    kind: String,
    name: String,
    table: String,
    sql: String,
}

impl Object {
    fn is_named_as(&self, other: &Self) -> bool {
        (&self.kind, &self.name) == (&other.kind, &other.name)
    }
}

/// All tables, indexes, views and triggers, the engine's own and SQLite's too, but for indexes that a table's keys
/// make: they have no SQL of their own.
fn objects(connection: &Connection) -> rusqlite::Result<Vec<Object>> {
    let mut listed = connection.prepare(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name",
    )?;
    let object = |row: &Row<'_>| {
        Ok(Object { kind: row.get(0)?, name: row.get(1)?, table: row.get(2)?, sql: row.get(3)? })
    };
    listed.query_map([], object)?.collect()
}

fn made_otherwise(ours: &[Object], theirs: &[Object]) -> Vec<Difference> {
    let difference =
        |object: &Object, how| Difference { table: object.name.clone(), what: What::Schema(how) };
    let missing_or_other =
        ours.iter().filter_map(|object| match theirs.iter().find(|other| other.is_named_as(object)) {
            None => Some(difference(object, "is missing")),
            Some(other) if (&other.table, &other.sql) != (&object.table, &object.sql) => {
                Some(difference(object, "is made otherwise than by schema.sql or the engine"))
            }
            Some(_) => None,
        });
    let extra = theirs.iter().filter(|object| !ours.iter().any(|other| other.is_named_as(object)));
    missing_or_other.chain(extra.map(|object| difference(object, "should not be there"))).collect()
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
