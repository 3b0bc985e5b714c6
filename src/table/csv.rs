//! A table as CSV: a header of the columns' names, integers in fen, moments in UTC. For programs, and for
//! spreadsheets that must not take a player's text for a formula.

use std::borrow::Cow;
use std::io::Write;

use super::{Cell, Column, Table, Unit};

/// Whether the file begins with the mark by which Excel knows UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bom {
    With,
    Without,
}

const BOM: &[u8] = "\u{feff}".as_bytes();
/// A cell that begins with one of these is a formula to some spreadsheet, the wide forms among them.
const FORMULA_BEGINS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

#[derive(Debug, thiserror::Error)]
#[error("the table cannot be written as CSV: {0}")]
pub struct CsvError(csv::Error);

/// Its words stand in the message: told as the source too, it would be told twice.
impl From<csv::Error> for CsvError {
    fn from(error: csv::Error) -> Self {
        Self(error)
    }
}

/// Rows one by one, below the header. Lines end with CR LF. A null is an empty cell, a flag is `true` or
/// `false`.
pub struct RowWriter<W: Write> {
    writer: csv::Writer<W>,
    columns: Vec<Column>,
}

impl<W: Write> RowWriter<W> {
    /// Writes the header.
    pub fn begin(columns: &[Column], bom: Bom, mut out: W) -> Result<Self, CsvError> {
        if bom == Bom::With {
            out.write_all(BOM).map_err(csv::Error::from)?;
        }
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        writer.write_record(columns.iter().map(|column| column.name.as_str()))?;
        Ok(Self { writer, columns: columns.to_vec() })
    }

    pub fn row(&mut self, cells: &[Cell]) -> Result<(), CsvError> {
        for (column, cell) in self.columns.iter().zip(cells) {
            self.writer.write_field(text(column.unit, cell).as_bytes())?;
        }
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }

    /// What it was written into, once all is in it.
    pub fn finish(self) -> Result<W, CsvError> {
        self.writer.into_inner().map_err(|error| CsvError(error.into_error().into()))
    }
}

pub fn write(table: &Table, bom: Bom) -> Result<Vec<u8>, CsvError> {
    let mut rows = RowWriter::begin(&table.columns, bom, Vec::new())?;
    for row in &table.rows {
        rows.row(row)?;
    }
    rows.finish()
}

fn text(unit: Unit, cell: &Cell) -> Cow<'_, str> {
    match (cell, unit) {
        (Cell::Null, _) => "".into(),
        (Cell::Integer(flag), Unit::Flag) => (*flag != 0).to_string().into(),
        (Cell::Integer(number), _) => number.to_string().into(),
        (Cell::Real(number), _) => number.to_string().into(),
        (Cell::Text(text), unit) => harmless(unit, text),
    }
}

/// The text with an apostrophe before what a spreadsheet would calculate.
fn harmless(unit: Unit, text: &str) -> Cow<'_, str> {
    let is_number = unit.is_number() && text.parse::<i64>().is_ok();
    if text.starts_with(FORMULA_BEGINS) && !is_number { format!("'{text}").into() } else { text.into() }
}

/// The text of a cell as it was before it was made harmless; any other stays as it is.
pub fn restored(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULA_BEGINS)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::sample;

    #[test]
    fn a_table_is_written_with_names_above_and_without_formulas() {
        let written = String::from_utf8(write(&sample::table(), Bom::Without).unwrap()).unwrap();
        let lines: Vec<_> = written.split("\r\n").collect();
        assert_eq!(
            lines,
            [
                "out_trade_no,open_id,amount_fen,count,share,first_at,day,granted,position,goods,age_s,note",
                "00123,oPlayer0000000000000000000001,1234,2,0.5,2025-12-31T16:00:00.123Z,2026-01-01,true,7,\
                 \"[{\"\"id\"\":\"\"a\"\"}]\",60,\"a, \"\"b\"\"\"",
                "9007199254740993,,-5,,,,,false,,,,\"'=HYPERLINK(\"\"x\"\")\"",
                "",
            ]
        );
        let with = write(&sample::table(), Bom::With).unwrap();
        assert_eq!(with.strip_prefix(BOM).unwrap(), written.as_bytes());
    }

    #[test]
    fn what_begins_like_a_formula_is_made_harmless_unless_it_is_a_number() {
        for (unit, text, written) in [
            (Unit::Text, "=1+1", "'=1+1"),
            (Unit::Text, "+1", "'+1"),
            (Unit::Text, "-1", "'-1"),
            (Unit::Id, "-1", "'-1"),
            (Unit::Id, "@a", "'@a"),
            (Unit::Text, "\t=1", "'\t=1"),
            (Unit::Text, "\r=1", "'\r=1"),
            (Unit::Text, "＝1", "'＝1"),
            (Unit::Json, "-1", "'-1"),
            (Unit::Fen, "-1", "-1"),
            (Unit::Fen, "-1+1", "'-1+1"),
            (Unit::Count, "=1", "'=1"),
            (Unit::Text, "a=1", "a=1"),
            (Unit::Text, "", ""),
        ] {
            assert_eq!(harmless(unit, text), written, "{unit:?} {text:?}");
            assert_eq!(restored(written), text, "{written:?}");
        }
    }

    #[test]
    fn the_cause_of_a_failure_is_told_once() {
        let error = CsvError::from(csv::Error::from(std::io::Error::other("the disk is full")));
        assert!(error.to_string().contains("the disk is full"));
        assert!(std::error::Error::source(&error).is_none(), "a chain of causes would tell it again");
    }

    #[test]
    fn a_table_of_one_empty_cell_keeps_its_row() {
        let mut table = sample::table();
        table.columns.truncate(1);
        table.rows = vec![vec![Cell::Null]];
        let written = String::from_utf8(write(&table, Bom::Without).unwrap()).unwrap();
        assert_eq!(written, "out_trade_no\r\n\"\"\r\n");
    }
}
