//! One row of a file as texts, whatever the file's format.

use chrono::NaiveDateTime;

use super::error::BillError;

/// Where rows come from.
pub trait Rows {
    /// Reads the next row into `row`; false at the end of the file. Empty lines are no rows.
    fn next(&mut self, row: &mut Row) -> Result<bool, BillError>;

    /// The line read last; that of the end of the file after that.
    fn line(&self) -> u64;
}

/// How the cells of a row are marked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marks {
    /// Every cell began with a backtick.
    Backticks,
    #[default]
    None,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CellKind {
    #[default]
    Text,
    /// A cell of an Excel file that is a date or time.
    Moment(NaiveDateTime),
    /// A number of more digits than an Excel file keeps: it may not be what was written once.
    Inexact,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    begin: usize,
    end: usize,
    kind: CellKind,
}

/// Kept from row to row, so that its memory is too.
#[derive(Debug, Default)]
pub struct Row {
    /// From 1.
    pub line: u64,
    pub marks: Marks,
    text: String,
    cells: Vec<Cell>,
}

impl Row {
    pub fn begin(&mut self, line: u64, marks: Marks) {
        self.line = line;
        self.marks = marks;
        self.text.clear();
        self.cells.clear();
    }

    pub fn push(&mut self, text: &str, kind: CellKind) {
        let begin = self.text.len();
        self.text.push_str(text);
        self.cells.push(Cell { begin, end: self.text.len(), kind });
    }

    /// Adds to the cell pushed last.
    pub fn extend_last(&mut self, text: &str) {
        if let Some(cell) = self.cells.last_mut() {
            self.text.push_str(text);
            cell.end = self.text.len();
        }
    }

    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Empty where the row has no such cell. Blanks around a cell are no part of it where backticks do not show
    /// its bounds, nor is a backtick or an apostrophe in front, by which programs keep long numbers texts.
    pub fn cell(&self, index: usize) -> &str {
        let text = self.cells.get(index).map_or("", |cell| &self.text[cell.begin..cell.end]);
        match self.marks {
            Marks::Backticks => text,
            Marks::None => {
                let text = text.trim();
                text.strip_prefix(['`', '\'']).unwrap_or(text)
            }
        }
    }

    pub fn kind(&self, index: usize) -> CellKind {
        self.cells.get(index).map_or(CellKind::Text, |cell| cell.kind)
    }

    /// As [`Row::cell`] gives them.
    pub fn trimmed(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.cell(index))
    }

    /// As they stand in the file.
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().map(|cell| &self.text[cell.begin..cell.end])
    }

    /// Of all cells together.
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}
