//! A table as an Excel file. Ids, positions and moments are texts, so that Excel neither rounds nor converts
//! them; money stands in yuan, with the integer fen in a column beside it.
//!
//! One header row, frozen: `label (name)`, where `name` is the column's stable name. The same table gives
//! the same bytes.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use super::{Cell, Column, Table, Unit};
use crate::domain::bill::Millifen;
use crate::domain::fen::Fen;
use crate::limits;
use crate::moment::beijing_text;

/// Excel calculates with 15 digits; a longer number is written as text.
const EXACT_MAX: u64 = 999_999_999_999_999;
/// What stands where a text was too long for a cell.
const CUT: char = '…';
const SHEET_NAME_CHARS_MAX: usize = 31;

#[derive(Debug, thiserror::Error)]
#[error("the table cannot be written as XLSX: {0}")]
pub struct WriteError(XlsxError);

/// Its words stand in the message: told as the source too, it would be told twice.
impl From<XlsxError> for WriteError {
    fn from(error: XlsxError) -> Self {
        Self(error)
    }
}

/// How a sheet begins; what it begins with stays in view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heading {
    /// One row, `label (name)`.
    LabelsWithNames,
    /// A row of labels for people, and one of names for programs.
    LabelsAboveNames,
}

impl Heading {
    pub fn rows(self) -> u32 {
        match self {
            Self::LabelsWithNames => 1,
            Self::LabelsAboveNames => 2,
        }
    }
}

/// `name` names the sheet; a table with more rows than a sheet takes goes on in `name 2`, each with the
/// header.
pub fn write(table: &Table, name: &str) -> Result<Vec<u8>, WriteError> {
    write_sheets(table, name, limits::XLSX_SHEET_ROWS_MAX)
}

fn write_sheets(table: &Table, name: &str, rows_max: usize) -> Result<Vec<u8>, WriteError> {
    // Its own moment of making would make each file different.
    let mut workbook = workbook_made(&ExcelDateTime::from_ymd(2026, 1, 1)?);
    let columns = columns_of(&table.columns);
    let rows_of_sheets: Vec<_> = table.rows.chunks(rows_max).collect();
    // A table without rows is a sheet with its header.
    for number in 0..rows_of_sheets.len().max(1) {
        let sheet = workbook.add_worksheet();
        sheet.set_name(sheet_name(name, number + 1))?;
        write_header(sheet, &columns, Heading::LabelsWithNames)?;
        let rows = rows_of_sheets.get(number).copied().unwrap_or_default();
        for (at, row) in (Heading::LabelsWithNames.rows()..).zip(rows) {
            write_row(sheet, at, &columns, row)?;
        }
    }
    Ok(workbook.save_to_buffer()?)
}

pub(super) fn workbook_made(at: &ExcelDateTime) -> Workbook {
    let mut workbook = Workbook::new();
    workbook.set_properties(&DocProperties::new().set_creation_datetime(at));
    workbook
}

/// A column of the file.
pub(super) struct Written {
    /// The place of its cells in the table.
    pub source: usize,
    /// May be empty.
    label: String,
    pub name: String,
    pub shows: Shows,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    Text,
    /// In Beijing time.
    Moment,
    Number,
    /// Fen as yuan.
    Yuan,
    /// Thousandths of a fen as yuan.
    Fee,
    Flag,
}

impl Shows {
    /// As Excel names it.
    pub fn format(self) -> &'static str {
        match self {
            Self::Text | Self::Moment => "@",
            Self::Yuan => "0.00",
            Self::Fee => "0.00000",
            Self::Number | Self::Flag => "General",
        }
    }
}

/// A column of money is two: yuan for people, and the integer that it is counted in.
fn written((source, column): (usize, &Column)) -> Vec<Written> {
    let Column { name, unit, label } = column;
    let one = |shows, label: String, name: String| Written { source, label, name, shows };
    let in_yuan_beside = |shows, suffix: &str, counted_in: &str| {
        let label_in = |unit: &str| if label.is_empty() { String::new() } else { format!("{label} {unit}") };
        let stem = name.strip_suffix(suffix).unwrap_or(name);
        vec![
            one(shows, label_in("元"), format!("{stem}_yuan")),
            one(Shows::Number, label_in(counted_in), name.clone()),
        ]
    };
    let shows = match unit {
        Unit::Fen => return in_yuan_beside(Shows::Yuan, "_fen", "分"),
        Unit::Millifen => return in_yuan_beside(Shows::Fee, "_millifen", "千分之一分"),
        Unit::Count | Unit::Seconds => Shows::Number,
        Unit::Flag => Shows::Flag,
        Unit::Moment => Shows::Moment,
        Unit::Text | Unit::Id | Unit::OpenId | Unit::Day | Unit::Position | Unit::Json => Shows::Text,
    };
    vec![one(shows, label.clone(), name.clone())]
}

pub(super) fn columns_of(columns: &[Column]) -> Vec<Written> {
    columns.iter().enumerate().flat_map(written).collect()
}

impl Written {
    /// For people; the name where there is nothing else.
    pub fn label(&self) -> &str {
        if self.label.is_empty() { &self.name } else { &self.label }
    }

    fn label_with_name(&self) -> String {
        if self.label.is_empty() { self.name.clone() } else { format!("{} ({})", self.label, self.name) }
    }
}

pub(super) fn write_header(
    sheet: &mut Worksheet,
    columns: &[Written],
    heading: Heading,
) -> Result<(), XlsxError> {
    for (place, column) in (0..).zip(columns) {
        let width = match column.shows {
            Shows::Text | Shows::Moment => 28,
            Shows::Yuan | Shows::Fee | Shows::Number | Shows::Flag => 14,
        };
        sheet.set_column_format(place, &Format::new().set_num_format(column.shows.format()))?;
        sheet.set_column_width(place, width)?;
    }
    let mut write_names = |row, name_of: &dyn Fn(&Written) -> String| {
        (0..).zip(columns).try_for_each(|(place, column)| write_bold(sheet, (row, place), &name_of(column)))
    };
    match heading {
        Heading::LabelsWithNames => write_names(0, &Written::label_with_name)?,
        Heading::LabelsAboveNames => {
            write_names(0, &|column| column.label().to_owned())?;
            write_names(1, &|column| column.name.clone())?;
        }
    }
    sheet.set_freeze_panes(heading.rows(), 0)?;
    Ok(())
}

pub(super) fn write_bold(
    sheet: &mut Worksheet,
    (row, place): (u32, u16),
    text: &str,
) -> Result<(), XlsxError> {
    sheet.write_string_with_format(row, place, cut(text), &Format::new().set_bold())?;
    Ok(())
}

pub(super) fn write_row(
    sheet: &mut Worksheet,
    at: u32,
    columns: &[Written],
    cells: &[Cell],
) -> Result<(), XlsxError> {
    for (place, column) in (0..).zip(columns) {
        if let Some(cell) = cells.get(column.source) {
            write_cell(sheet, (at, place), column.shows, cell)?;
        }
    }
    Ok(())
}

pub(super) fn write_cell(
    sheet: &mut Worksheet,
    (row, place): (u32, u16),
    shows: Shows,
    cell: &Cell,
) -> Result<(), XlsxError> {
    match (cell, shows) {
        (Cell::Null, _) => return Ok(()),
        (Cell::Integer(flag), Shows::Flag) => sheet.write_boolean(row, place, *flag != 0)?,
        (Cell::Integer(fen), Shows::Yuan) => match exact(*fen, &Fen(*fen).to_string()) {
            Some(yuan) => sheet.write_number(row, place, yuan)?,
            None => sheet.write_string(row, place, Fen(*fen).to_string())?,
        },
        (Cell::Integer(fee), Shows::Fee) => match exact(*fee, &Millifen(*fee).to_string()) {
            Some(yuan) => sheet.write_number(row, place, yuan)?,
            None => sheet.write_string(row, place, Millifen(*fee).to_string())?,
        },
        (Cell::Integer(number), Shows::Number) => match exact(*number, &number.to_string()) {
            Some(number) => sheet.write_number(row, place, number)?,
            None => sheet.write_string(row, place, number.to_string())?,
        },
        (Cell::Real(number), Shows::Number) if number.is_finite() => {
            sheet.write_number(row, place, *number)?
        }
        (Cell::Text(text), Shows::Moment) => sheet.write_string(row, place, beijing_text(text))?,
        (Cell::Integer(number), Shows::Text | Shows::Moment) => {
            sheet.write_string(row, place, number.to_string())?
        }
        (Cell::Real(number), _) => sheet.write_string(row, place, number.to_string())?,
        (Cell::Text(text), _) => sheet.write_string(row, place, cut(text))?,
    };
    Ok(())
}

/// What Excel calculates with, read from the decimal text: no arithmetic on what may be money.
fn exact(integer: i64, decimal: &str) -> Option<f64> {
    if integer.unsigned_abs() <= EXACT_MAX { decimal.parse().ok() } else { None }
}

fn cut(text: &str) -> String {
    // Excel counts UTF-16 units.
    if text.encode_utf16().count() <= limits::XLSX_CELL_CHARS_MAX {
        return text.to_owned();
    }
    let mut room = limits::XLSX_CELL_CHARS_MAX - CUT.len_utf16();
    let kept = text.chars().take_while(|c| {
        let fits = c.len_utf16() <= room;
        room = room.saturating_sub(c.len_utf16());
        fits
    });
    kept.chain([CUT]).collect()
}

/// Letters that Excel refuses in a sheet's name are left out.
pub(super) fn sheet_name(name: &str, number: usize) -> String {
    let suffix = if number == 1 { String::new() } else { format!(" {number}") };
    let allowed = name.chars().filter(|c| !c.is_control() && !"[]:*?/\\'".contains(*c));
    let name: String = allowed.take(SHEET_NAME_CHARS_MAX - suffix.len()).collect();
    if name.is_empty() { format!("rows{suffix}") } else { format!("{name}{suffix}") }
}

/// Reads back what was written, for tests.
#[cfg(test)]
pub(crate) mod reading {
    use std::io::{Cursor, Read};

    /// A part of the file, as text.
    pub fn part(file: &[u8], name: &str) -> String {
        let mut archive = zip::ZipArchive::new(Cursor::new(file)).unwrap();
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    /// The cells of a sheet in reading order: texts in quotes, others as they stand.
    pub fn cells(file: &[u8], sheet: usize) -> Vec<String> {
        let archive = zip::ZipArchive::new(Cursor::new(file)).unwrap();
        let has_shared = archive.file_names().any(|name| name.unwrap() == "xl/sharedStrings.xml");
        let shared = if has_shared { part(file, "xl/sharedStrings.xml") } else { String::new() };
        let strings: Vec<_> =
            shared.split("<si>").skip(1).map(|item| between(item, "<t>", "</t>").to_owned()).collect();
        let sheet = part(file, &format!("xl/worksheets/sheet{sheet}.xml"));
        let cell = |cell: &str| {
            let value = between(cell, "<v>", "</v>");
            if cell.contains("t=\"inlineStr\"") {
                let text = cell.split_once("<t").and_then(|(_, rest)| rest.split_once('>')).unwrap().1;
                format!("{:?}", text.split("</t>").next().unwrap())
            } else if cell.contains("t=\"s\"") {
                format!("{:?}", strings[value.parse::<usize>().unwrap()])
            } else {
                value.into()
            }
        };
        sheet
            .split("<c ")
            .skip(1)
            .filter(|cell| cell.contains("<v>") || cell.contains("<t"))
            .map(cell)
            .collect()
    }

    fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
        let rest = text.split_once(from).map_or("", |(_, rest)| rest);
        rest.split_once(to).map_or(rest, |(inside, _)| inside)
    }
}

#[cfg(test)]
mod tests {
    use super::reading::{cells, part};
    use super::*;
    use crate::table::sample;

    #[test]
    fn money_stands_in_yuan_beside_the_fen_and_ids_moments_and_positions_are_texts() {
        let file = write(&sample::table(), "orders/search").unwrap();
        let cells = cells(&file, 1);
        let header = &cells[..13];
        assert_eq!(header[0], r#""商户订单号 order (out_trade_no)""#);
        assert_eq!(
            header[2..5],
            [r#""amount 元 (amount_yuan)""#, r#""amount 分 (amount_fen)""#, r#""count""#]
        );
        let row = ["\"00123\"", "\"oPlayer0000000000000000000001\"", "12.34", "1234", "2", "0.5"];
        assert_eq!(cells[13..19], row);
        let row = ["\"2026-01-01T00:00:00.123+08:00\"", "\"2026-01-01\"", "1", "\"7\""];
        assert_eq!(cells[19..23], row);
        assert_eq!(cells[26..], ["\"9007199254740993\"", "-0.05", "-5", "0", r#""=HYPERLINK(\"x\")""#]);
        assert!(part(&file, "xl/workbook.xml").contains("name=\"orderssearch\""));
        assert!(part(&file, "xl/worksheets/sheet1.xml").contains("state=\"frozen\""));
        assert!(!part(&file, "xl/worksheets/sheet1.xml").contains("<f>"), "no formula");
    }

    #[test]
    fn fees_stand_in_yuan_with_five_decimals_beside_the_thousandths_of_a_fen() {
        let column = Column { name: "fee_millifen".into(), unit: Unit::Millifen, label: "手续费".into() };
        let rows = [600, -1].map(|fee| vec![Cell::Integer(fee)]).to_vec();
        let file = write(&Table { columns: vec![column], rows }, "fees").unwrap();
        let header = [r#""手续费 元 (fee_yuan)""#, r#""手续费 千分之一分 (fee_millifen)""#];
        assert_eq!(cells(&file, 1), [&header[..], &["0.006", "600", "-0.00001", "-1"]].concat());
        assert!(part(&file, "xl/styles.xml").contains("0.00000"));
    }

    #[test]
    fn the_same_table_gives_the_same_bytes() {
        let table = sample::table();
        assert_eq!(write(&table, "a").unwrap(), write(&table, "a").unwrap());
    }

    #[test]
    fn a_table_longer_than_a_sheet_goes_on_in_the_next_with_its_header() {
        let mut table = sample::table();
        table.columns.truncate(1);
        table.rows = (0..5).map(|n| vec![Cell::Text(format!("N{n}"))]).collect();
        let file = write_sheets(&table, "orders", 2).unwrap();
        let header = r#""商户订单号 order (out_trade_no)""#;
        assert_eq!(cells(&file, 1), [header, "\"N0\"", "\"N1\""]);
        assert_eq!(cells(&file, 3), [header, "\"N4\""]);
        assert!(part(&file, "xl/workbook.xml").contains("name=\"orders 3\""));
        table.rows.clear();
        assert_eq!(cells(&write(&table, "").unwrap(), 1), [header]);
    }

    #[test]
    fn what_excel_would_round_or_refuse_is_written_as_text_or_cut() {
        assert_eq!(exact(999_999_999_999_999, "9999999999999.99"), Some(9_999_999_999_999.99));
        assert_eq!(exact(i64::MIN, "-92233720368547758.08"), None);
        let long = "中".repeat(limits::XLSX_CELL_CHARS_MAX + 1);
        assert_eq!(cut(&long).chars().count(), limits::XLSX_CELL_CHARS_MAX);
        assert!(cut(&long).ends_with(CUT));
        assert_eq!(cut("short"), "short");
        assert_eq!(sheet_name(&"a".repeat(40), 12), format!("{} 12", "a".repeat(28)));
    }
}
