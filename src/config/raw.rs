//! TOML as a tree in which every value knows its place; knows nothing of which keys there are.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::place::{Place, Problem};

pub type Table = BTreeMap<String, Node>;

pub struct Node {
    /// Where the key stands, or the item of a list.
    pub place: Place,
    pub value: Value,
    /// The text of an environment variable before it was read as TOML: what is meant where a text is
    /// wanted, such as an AppKey of digits only.
    pub written: Option<String>,
}

pub enum Value {
    Text(String),
    Integer(i64),
    Flag(bool),
    /// A date or a time, as written.
    DateTime(String),
    List(Vec<Node>),
    Table(Table),
    /// Something no key wants: what it is.
    Other(&'static str),
}

impl Value {
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(integer) = self { Some(*integer) } else { None }
    }

    pub fn as_list(&self) -> Option<&[Node]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    pub fn as_table(&self) -> Option<&Table> {
        if let Self::Table(table) = self { Some(table) } else { None }
    }

    /// For messages, which tell the kind and not the value.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::DateTime(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

pub fn document(text: &str) -> Result<Table, Vec<Problem>> {
    let (table, mut errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(table_at_lines(table.get_ref(), text));
    }
    // The first in the file is the cause of those that follow.
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    // Only line, column and message: the parser's own display quotes the line, which may hold a secret.
    let problem = |error: &toml::de::Error| {
        let offset = error.span().map_or(0, |span| span.start);
        let message = format!("column {}: no valid TOML: {}", column(text, offset), error.message());
        Problem { place: Place::Line(line(text, offset)), key: String::new(), message, to_fill_in: false }
    };
    Err(errors.iter().map(problem).collect())
}

/// The value of an environment variable: TOML if it can be read as a TOML value, otherwise a text.
pub fn from_environment(place: Place, text: &str) -> Node {
    let at_variable = |_: usize| place.clone();
    let value = match DeValue::parse(text) {
        Ok(value) => value_at(value.get_ref(), &at_variable),
        Err(_) => Value::Text(text.to_owned()),
    };
    Node { place, value, written: Some(text.to_owned()) }
}

fn table_at_lines(table: &DeTable<'_>, text: &str) -> Table {
    table_at(table, &|offset| Place::Line(line(text, offset)))
}

fn table_at(table: &DeTable<'_>, place_of: &dyn Fn(usize) -> Place) -> Table {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let key: &Spanned<toml::de::DeString<'_>> = key;
        let node = Node {
            place: place_of(key.span().start),
            value: value_at(value.get_ref(), place_of),
            written: None,
        };
        (key.get_ref().to_string(), node)
    };
    table.iter().map(entry).collect()
}

fn value_at(value: &DeValue<'_>, place_of: &dyn Fn(usize) -> Place) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(integer) => Value::Integer(integer),
            Err(_) => Value::Other("a number out of range"),
        },
        DeValue::Float(_) => Value::Other("a number with decimals"),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(datetime) => Value::DateTime(datetime.to_string()),
        DeValue::Array(items) => {
            let item = |item: &Spanned<DeValue<'_>>| Node {
                place: place_of(item.span().start),
                value: value_at(item.get_ref(), place_of),
                written: None,
            };
            Value::List(items.iter().map(item).collect())
        }
        DeValue::Table(table) => Value::Table(table_at(table, place_of)),
    }
}

fn before(text: &str, offset: usize) -> &[u8] {
    &text.as_bytes()[..offset.min(text.len())]
}

fn line(text: &str, offset: usize) -> usize {
    before(text, offset).iter().filter(|byte| **byte == b'\n').count() + 1
}

fn column(text: &str, offset: usize) -> usize {
    let line_so_far = before(text, offset).rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(line_so_far).chars().count() + 1
}
