//! An answer as a table: columns with units, and rows. How it is written, as JSON, CSV, XLSX or text, stands
//! in the files beside.

/// What a column holds, which decides how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Text,
    /// Never a number, whatever it looks like.
    Id,
    /// A player; support sees it masked.
    OpenId,
    /// Integer fen.
    Fen,
    Count,
    /// RFC 3339 in UTC, to the millisecond.
    Moment,
    /// A day in Beijing, `2026-01-01`.
    Day,
    /// 0 or 1.
    Flag,
    /// A place in the log.
    Position,
    /// A JSON text.
    Json,
    Seconds,
}

impl Unit {
    pub const WORDS: [(&str, Self); 11] = [
        ("text", Self::Text),
        ("id", Self::Id),
        ("open_id", Self::OpenId),
        ("fen", Self::Fen),
        ("count", Self::Count),
        ("moment", Self::Moment),
        ("day", Self::Day),
        ("flag", Self::Flag),
        ("position", Self::Position),
        ("json", Self::Json),
        ("seconds", Self::Seconds),
    ];

    pub fn parse(text: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(word, _)| *word == text).map(|(_, unit)| unit)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Stable; programs read it.
    pub name: String,
    pub unit: Unit,
    /// For people; may be empty.
    pub label: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Integer(i64),
    /// Averages and shares; never money.
    Real(f64),
    Text(String),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
}
