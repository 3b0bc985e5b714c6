//! An answer as a table: columns with units, and rows. How it is written, as JSON, CSV, XLSX or text, stands
//! in the files beside.

pub mod book;
pub mod csv;
pub mod json;
pub mod mask;
#[cfg(test)]
mod sample;
pub mod text;
pub mod xlsx;
pub mod xlsx_reader;

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
    /// An integer thousandth of a fen, in which fees are counted.
    Millifen,
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
    pub const WORDS: [(&str, Self); 12] = [
        ("text", Self::Text),
        ("id", Self::Id),
        ("open_id", Self::OpenId),
        ("fen", Self::Fen),
        ("millifen", Self::Millifen),
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

    /// Whether people calculate with it.
    pub fn is_number(self) -> bool {
        match self {
            Self::Fen | Self::Millifen | Self::Count | Self::Seconds => true,
            Self::Text
            | Self::Id
            | Self::OpenId
            | Self::Moment
            | Self::Day
            | Self::Flag
            | Self::Position
            | Self::Json => false,
        }
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

/// One row, whose cells are known by their columns' names.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    columns: &'a [Column],
    cells: &'a [Cell],
}

impl Table {
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row { columns: &self.columns, cells })
    }

    /// Some of the columns, in this order; those that are not there are left out.
    pub fn only(&self, columns: &[&str]) -> Self {
        let place = |name: &&str| self.columns.iter().position(|column| column.name == *name);
        let places: Vec<usize> = columns.iter().filter_map(place).collect();
        let of_row = |row: &Vec<Cell>| places.iter().filter_map(|place| row.get(*place).cloned()).collect();
        Self {
            columns: places.iter().filter_map(|place| self.columns.get(*place).cloned()).collect(),
            rows: self.rows.iter().map(of_row).collect(),
        }
    }
}

impl<'a> Row<'a> {
    pub fn new(columns: &'a [Column], cells: &'a [Cell]) -> Self {
        Self { columns, cells }
    }

    pub fn cells(&self) -> &'a [Cell] {
        self.cells
    }

    /// The text of a column; `None` where there is none.
    pub fn text(&self, column: &str) -> Option<&'a str> {
        match self.cell(column)? {
            Cell::Text(text) => Some(text),
            Cell::Null | Cell::Integer(_) | Cell::Real(_) => None,
        }
    }

    /// The whole number of a column; `None` where there is none.
    pub fn integer(&self, column: &str) -> Option<i64> {
        match self.cell(column)? {
            Cell::Integer(number) => Some(*number),
            Cell::Null | Cell::Real(_) | Cell::Text(_) => None,
        }
    }

    fn cell(&self, column: &str) -> Option<&'a Cell> {
        self.cells.get(self.columns.iter().position(|other| other.name == column)?)
    }
}
