//! The rows of a sheet of an Excel file. Its texts are held in memory, so what it unpacks to has a limit.

use std::io::{self, Read, Seek, Write};

use calamine::{DataRef, Reader, Xlsx, XlsxCellReader};
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use memchr::memmem;

use super::error::{BillError, CellPlace, Echo};
use super::row::{CellKind, Marks, Row, Rows};
use super::source::Input;
use crate::limits;

/// Excel keeps so many digits of a number.
const EXACT_DIGITS: usize = 15;

/// Whether the file unpacks to what may be held in memory.
pub fn check_size(input: &mut dyn Input) -> Result<(), BillError> {
    input.rewind()?;
    let mut archive =
        zip::ZipArchive::new(&mut *input).map_err(|error| BillError::Sheet(error.to_string()))?;
    let mut left = limits::BILL_SHEET_BYTES_MAX;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| BillError::Sheet(error.to_string()))?;
        // What the archive says of its sizes need not be true.
        let mut texts = Texts::default();
        let read = io::copy(&mut entry.take(left + 1), &mut texts);
        let read = read.map_err(|error| BillError::Sheet(error.to_string()))?;
        texts.look();
        if texts.found.max(texts.promised) > limits::BILL_SHEET_TEXTS_MAX {
            return Err(BillError::Sheet("it holds too many different texts".into()));
        }
        left =
            left.checked_sub(read).ok_or(BillError::TooLarge { bytes_max: limits::BILL_SHEET_BYTES_MAX })?;
    }
    Ok(())
}

/// How many texts a part of the file holds, and says that it holds: memory is made ready for them before they
/// are read.
#[derive(Default)]
struct Texts {
    found: u64,
    promised: u64,
    /// What has not been looked at.
    rest: Vec<u8>,
}

impl Texts {
    const PROMISE: &[u8] = b"uniqueCount";
    /// What a promise and its number take at most.
    const OVERLAP: usize = 64;

    fn look(&mut self) {
        let end = self.rest.len();
        self.look_until(end);
    }

    fn look_until(&mut self, end: usize) {
        for at in memmem::find_iter(&self.rest, Self::PROMISE).take_while(|at| *at < end) {
            let mut after = self.rest[at + Self::PROMISE.len()..].iter();
            let mut number = 0_u64;
            // A number that ends out of sight may be any.
            self.promised = loop {
                match after.next() {
                    None => break u64::MAX,
                    Some(b'=' | b'"' | b'\'' | b' ' | b'\t' | b'\r' | b'\n' | b'+') if number == 0 => {}
                    Some(digit @ b'0'..=b'9') => {
                        number = number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
                    }
                    Some(_) => break self.promised.max(number),
                }
            };
        }
        for name in [b"<si", b":si"] {
            let begins = memmem::find_iter(&self.rest, name).take_while(|at| *at < end);
            let is_whole =
                |at: &usize| !self.rest.get(at + name.len()).is_some_and(u8::is_ascii_alphanumeric);
            // Closing elements with a prefix count too: twice as many at most.
            self.found = self.found.saturating_add(begins.filter(is_whole).count() as u64);
        }
        self.rest.drain(..end);
    }
}

impl Write for Texts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest.extend_from_slice(bytes);
        if self.rest.len() > 16 * Self::OVERLAP {
            self.look_until(self.rest.len() - Self::OVERLAP);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The whole file, of which only one sheet is read.
pub struct Book<'a> {
    book: Xlsx<&'a mut dyn Input>,
    sheet: String,
}

impl<'a> Book<'a> {
    /// The first sheet unless one is named.
    pub fn open(input: &'a mut dyn Input, sheet: Option<&str>) -> Result<Self, BillError> {
        input.rewind()?;
        let book = Xlsx::new(input).map_err(|error| BillError::Sheet(error.to_string()))?;
        let sheets = book.sheet_names();
        let found = match sheet {
            Some(name) => sheets.iter().find(|there| *there == name),
            None => sheets.first(),
        };
        let Some(found) = found.cloned() else {
            let name = Echo::new(sheet.unwrap_or_default());
            return Err(BillError::NoSheet { name, sheets: Echo::new(&sheets.join(", ")) });
        };
        Ok(Self { book, sheet: found })
    }

    pub fn rows(&mut self) -> Result<SheetRows<'_, &'a mut dyn Input>, BillError> {
        let cells = self.book.worksheet_cells_reader(&self.sheet);
        let cells = cells.map_err(|error| BillError::Sheet(error.to_string()))?;
        Ok(SheetRows { cells, ahead: None, is_at_end: false, line: 0, text: String::new() })
    }
}

pub struct SheetRows<'a, R: Read + Seek> {
    cells: XlsxCellReader<'a, R>,
    /// The first cell of the next row, which ended the one before.
    ahead: Option<(u32, u32, DataRef<'a>)>,
    is_at_end: bool,
    line: u64,
    text: String,
}

impl<R: Read + Seek> SheetRows<'_, R> {
    fn fetch(&mut self) -> Result<(), BillError> {
        while self.ahead.is_none() && !self.is_at_end {
            let cell = self.cells.next_cell().map_err(|error| BillError::Sheet(error.to_string()))?;
            let Some(cell) = cell else {
                self.is_at_end = true;
                return Ok(());
            };
            let (row, column) = cell.get_position();
            match cell.get_value() {
                DataRef::Empty => {}
                value => self.ahead = Some((row, column, value.clone())),
            }
        }
        Ok(())
    }
}

impl<R: Read + Seek> Rows for SheetRows<'_, R> {
    fn line(&self) -> u64 {
        self.line
    }

    fn next(&mut self, row: &mut Row) -> Result<bool, BillError> {
        self.fetch()?;
        let Some((number, _, _)) = self.ahead else { return Ok(false) };
        if u64::from(number) < self.line {
            return Err(BillError::Sheet("its rows are not in order".into()));
        }
        self.line = u64::from(number) + 1;
        row.begin(self.line, Marks::None);
        while let Some((_, column, value)) = self.ahead.take_if(|(at, _, _)| *at == number) {
            let column = usize::try_from(column).unwrap_or(usize::MAX);
            let is_huge = column >= limits::BILL_COLUMNS_MAX;
            let at = CellPlace::new(self.line, column.saturating_add(1), "");
            if is_huge {
                return Err(BillError::TooManyColumns { at, columns_max: limits::BILL_COLUMNS_MAX });
            }
            if column < row.len() {
                return Err(BillError::Sheet("its cells are not in order".into()));
            }
            while row.len() < column {
                row.push("", CellKind::Text);
            }
            self.text.clear();
            let kind = write(&value, &mut self.text, &at)?;
            if self.text.len() > limits::BILL_CELL_BYTES_MAX {
                return Err(BillError::CellTooLarge { at, bytes_max: limits::BILL_CELL_BYTES_MAX });
            }
            row.push(&self.text, kind);
            if row.text_bytes() > limits::BILL_LINE_BYTES_MAX {
                let bytes_max = limits::BILL_LINE_BYTES_MAX;
                return Err(BillError::LineTooLong { line: self.line, bytes_max });
            }
            self.fetch()?;
        }
        Ok(true)
    }
}

/// Writes a value as text. Numbers become the shortest decimal that means them, which is what was written.
fn write(value: &DataRef<'_>, text: &mut String, at: &CellPlace) -> Result<CellKind, BillError> {
    use std::fmt::Write;
    let written = match value {
        DataRef::String(string) => write!(text, "{string}"),
        DataRef::SharedString(string) => write!(text, "{string}"),
        DataRef::Int(number) => write!(text, "{number}"),
        DataRef::Float(number) => write!(text, "{number}"),
        DataRef::Bool(is_true) => write!(text, "{is_true}"),
        DataRef::DateTimeIso(iso) | DataRef::DurationIso(iso) => write!(text, "{iso}"),
        DataRef::Empty => Ok(()),
        DataRef::DateTime(moment) => {
            if let Some(moment) = moment.is_datetime().then(|| moment_of(moment.to_ymd_hms_milli())).flatten()
            {
                // So that it is not empty; what it says is its kind.
                text.push_str(&moment.to_string());
                return Ok(CellKind::Moment(moment));
            }
            write!(text, "{}", moment.as_f64())
        }
        DataRef::Error(error) => {
            let found = Echo::new(&error.to_string());
            return Err(BillError::Value { at: at.clone(), found, expected: "a value: the formula fails" });
        }
    };
    // Writing to a text does not fail.
    let _: Result<(), std::fmt::Error> = written;
    let is_number = matches!(value, DataRef::Int(_) | DataRef::Float(_));
    let digits = text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
    Ok(if is_number && digits > EXACT_DIGITS { CellKind::Inexact } else { CellKind::Text })
}

/// To the nearest second: Excel keeps parts of days, which are never exact.
fn moment_of(parts: (u16, u8, u8, u8, u8, u8, u16)) -> Option<NaiveDateTime> {
    let (year, month, day, hour, minute, second, millisecond) = parts;
    let date = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into())?;
    let moment = date.and_hms_opt(hour.into(), minute.into(), second.into())?;
    let round_up = i64::from(millisecond >= 500);
    moment.checked_add_signed(TimeDelta::seconds(round_up))
}
