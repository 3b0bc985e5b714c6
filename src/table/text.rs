//! A table as aligned text for terminals: names above, numbers to the right, moments in Beijing time.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

use super::{Cell, Table, Unit};
use crate::moment::beijing_text;

const BETWEEN: &str = "  ";
const NOTHING: &str = "-";

/// One line a row, each ended. What could move a terminal's cursor is written as its code.
pub fn write(table: &Table) -> String {
    let names: Vec<Cow<'_, str>> = table.columns.iter().map(|column| harmless(&column.name)).collect();
    let rows: Vec<Vec<Cow<'_, str>>> = table
        .rows
        .iter()
        .map(|row| table.columns.iter().zip(row).map(|(column, cell)| text(column.unit, cell)).collect())
        .collect();
    let width_of = |place: usize| {
        let cells = rows.iter().filter_map(|row| row.get(place));
        cells.chain(names.get(place)).map(|cell| cell.width()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..names.len()).map(width_of).collect();
    let mut written = String::new();
    for row in std::iter::once(&names).chain(&rows) {
        let mut line = String::new();
        for ((cell, width), column) in row.iter().zip(&widths).zip(&table.columns) {
            let blanks = " ".repeat(width.saturating_sub(cell.width()));
            let (before, after) =
                if column.unit.is_number() { (blanks, String::new()) } else { (String::new(), blanks) };
            line.push_str(&before);
            line.push_str(cell);
            line.push_str(&after);
            line.push_str(BETWEEN);
        }
        written.push_str(line.trim_end());
        written.push('\n');
    }
    written
}

/// One cell as people read it.
pub fn text(unit: Unit, cell: &Cell) -> Cow<'_, str> {
    match (cell, unit) {
        (Cell::Null, _) => NOTHING.into(),
        (Cell::Integer(0), Unit::Flag) => "no".into(),
        (Cell::Integer(_), Unit::Flag) => "yes".into(),
        (Cell::Integer(number), _) => number.to_string().into(),
        (Cell::Real(number), _) => number.to_string().into(),
        (Cell::Text(text), Unit::Moment) => beijing_text(text).into(),
        (Cell::Text(text), _) => harmless(text),
    }
}

/// The text with what could move a terminal's cursor as its code.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return text.into();
    }
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.into() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Column;

    fn table(columns: &[(&str, Unit)], rows: Vec<Vec<Cell>>) -> Table {
        let column =
            |(name, unit): &(&str, Unit)| Column { name: (*name).into(), unit: *unit, label: "".into() };
        Table { columns: columns.iter().map(column).collect(), rows }
    }

    #[test]
    fn columns_are_aligned_also_where_a_character_is_two_wide() {
        let text = |text: &str| Cell::Text(text.into());
        let table = table(
            &[("role", Unit::Text), ("amount_fen", Unit::Fen), ("at", Unit::Moment), ("granted", Unit::Flag)],
            vec![
                vec![text("剑客"), Cell::Integer(1234), text("2025-12-31T16:00:00.123Z"), Cell::Integer(1)],
                vec![text("knight"), Cell::Null, Cell::Null, Cell::Integer(0)],
            ],
        );
        assert_eq!(
            write(&table),
            "role    amount_fen  at                             granted\n\
             剑客          1234  2026-01-01T00:00:00.123+08:00  yes\n\
             knight           -  -                              no\n"
        );
    }

    #[test]
    fn a_text_cannot_move_the_terminals_cursor() {
        let table = table(&[("note", Unit::Text)], vec![vec![Cell::Text("a\u{1b}[2Jb\nc".into())]]);
        assert_eq!(write(&table), "note\na\\u{1b}[2Jb\\nc\n");
    }

    #[test]
    fn no_rows_are_the_names_alone() {
        assert_eq!(write(&table(&[("a", Unit::Text), ("b", Unit::Count)], vec![])), "a  b\n");
    }
}
