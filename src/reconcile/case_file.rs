//! Reads the rows of a report that somebody has edited, as an Excel or a CSV file: those marked as resolved.
//! Knows columns by their stable names; whether a row is still as it was is not asked here.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::ControlFlow;

use encoding_rs::GB18030;

use crate::decision::usable_reason;
use crate::domain::case::CaseKind;
use crate::limits;
use crate::table::csv::restored;
use crate::table::xlsx_reader::{ReadCell, ReadError, Workbook, column_name};

/// A row that is to be resolved, as the file tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseRow {
    pub place: Place,
    pub kind: CaseKind,
    pub id: String,
    pub status: String,
    pub facts: String,
    pub reason: String,
    /// Who had the last word of the case as the file was made; empty where nobody, or where the file tells nothing.
    pub seen_by: String,
}

/// A row that somebody has written into without saying that it is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclear {
    pub place: Place,
    pub kind: CaseKind,
    pub id: String,
    pub why: Unsaid,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsaid {
    #[error("case_state: {0:?} is no word for it: write resolved, or leave it as the report gave it")]
    State(String),
    #[error("case_reason: here stands a reason, and case_state is not resolved: write that, or take it out")]
    Reason,
}

/// What an edited report says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseFile {
    pub rows: Vec<CaseRow>,
    pub unclear: Vec<Unclear>,
}

/// Where a row stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Of an Excel file.
    pub sheet: Option<String>,
    /// As a spreadsheet counts them, from 1.
    pub row: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sheet) = &self.sheet {
            write!(f, "sheet {sheet:?}, ")?;
        }
        write!(f, "row {}", self.row)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub place: Place,
    /// The column's stable name.
    pub column: &'static str,
    /// Its letters in a spreadsheet.
    pub letters: String,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, column, letters, message } = self;
        write!(f, "{place}, column {letters} ({column}): {message}")
    }
}

/// Nothing of such a file is taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CaseFileError {
    #[error(
        "the file is larger than {} MiB: keep only the rows that are to be resolved",
        limits::CASE_FILE_BYTES_MAX / 1024 / 1024
    )]
    TooLarge,
    #[error("more than {} rows are marked: send them in several files", limits::CASE_FILE_ROWS_MAX)]
    TooManyRows,
    #[error("{0}")]
    Workbook(#[from] ReadError),
    #[error("the CSV can be read neither as UTF-8 nor as GB18030: save it as \"CSV UTF-8\", or as .xlsx")]
    Encoding,
    #[error("the CSV cannot be read: {0}")]
    Csv(String),
    #[error(
        "no row of column names was found: one of the first {HEADER_ROWS_MAX} rows must hold {}",
        COLUMNS.join(", ")
    )]
    NoHeader,
    #[error("{place}: the column{} missing", told_columns(missing))]
    Columns { place: Place, missing: Vec<&'static str> },
    #[error("{place}: two columns are named {column}")]
    ColumnTwice { place: Place, column: &'static str },
    #[error("{}", told(problems, *more))]
    Rows { problems: Vec<Problem>, more: usize },
}

fn told(problems: &[Problem], more: usize) -> String {
    let mut lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

const KIND: &str = "case_kind";
const ID: &str = "case_id";
const STATE: &str = "case_state";
const REASON: &str = "case_reason";
const STATUS: &str = "status";
const FACTS: &str = "facts";
/// What a file must have; other columns do not matter.
const COLUMNS: [&str; 6] = [KIND, ID, STATE, REASON, STATUS, FACTS];
/// Who spoke last. A file without it is one of cases that nobody had spoken of.
const BY: &str = "case_by";
/// What people write into `case_state`.
const RESOLVED: [&str; 2] = ["resolved", "已处理"];
/// What else a report has there.
const UNRESOLVED: [&str; 3] = ["", "open", "lapsed"];
/// Above the names may stand a row of labels.
const HEADER_ROWS_MAX: u64 = 3;

/// The rows marked as resolved, and those that are marked otherwise. A row that was resolved before the file was
/// made is among the first.
pub fn read(bytes: &[u8]) -> Result<CaseFile, CaseFileError> {
    if bytes.len() > limits::CASE_FILE_BYTES_MAX {
        return Err(CaseFileError::TooLarge);
    }
    let mut reading = Reading::default();
    // Every zip file begins so, and no text.
    if bytes.starts_with(b"PK") {
        of_workbook(bytes, &mut reading)?
    } else {
        of_csv(bytes, &mut reading)?
    }
    reading.end()
}

fn of_workbook(bytes: &[u8], reading: &mut Reading) -> Result<(), CaseFileError> {
    let mut workbook = Workbook::open(bytes, limits::CASE_FILE_UNPACKED_BYTES_MAX)?;
    let sheets: Vec<String> = workbook.sheets().map(str::to_owned).collect();
    for (number, name) in sheets.iter().enumerate() {
        let mut sheet = Sheet::default();
        let mut failed = None;
        workbook.rows(number, &mut |row, cells| {
            let place = Place { sheet: Some(name.clone()), row: row.into() };
            match reading.row(&mut sheet, place, cells) {
                Ok(flow) => flow,
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(()), Err)?;
    }
    Ok(())
}

fn of_csv(bytes: &[u8], reading: &mut Reading) -> Result<(), CaseFileError> {
    // What Excel saves as CSV in China.
    let other = || GB18030.decode_without_bom_handling_and_without_replacement(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => other().ok_or(CaseFileError::Encoding)?,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut reader =
        ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut sheet = Sheet::default();
    for (row, record) in (1..).zip(reader.records()) {
        let record = record.map_err(|error| CaseFileError::Csv(error.to_string()))?;
        let place = Place { sheet: None, row };
        let cells = (0..).zip(&record).filter(|(_, text)| !text.is_empty());
        let cells: Vec<_> = cells.map(|(column, text)| ReadCell { column, text: text.to_owned() }).collect();
        if reading.row(&mut sheet, place, &cells)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// What is known of one sheet.
#[derive(Default)]
struct Sheet {
    /// Where the columns stand, once the row of names was found.
    columns: Option<BTreeMap<&'static str, u32>>,
    rows_before: u64,
}

/// What is known of the file.
#[derive(Default)]
struct Reading {
    has_header: bool,
    found: CaseFile,
    known: HashSet<(CaseKind, String)>,
    problems: Vec<Problem>,
    more: usize,
}

impl Reading {
    /// Breaks where the sheet is not about cases.
    fn row(
        &mut self,
        sheet: &mut Sheet,
        place: Place,
        cells: &[ReadCell],
    ) -> Result<ControlFlow<()>, CaseFileError> {
        let Some(columns) = &sheet.columns else {
            sheet.columns = header(&place, cells)?;
            self.has_header |= sheet.columns.is_some();
            sheet.rows_before += 1;
            let is_over = sheet.columns.is_none() && sheet.rows_before == HEADER_ROWS_MAX;
            return Ok(if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
        };
        let row = Row { place, columns, cells };
        if RESOLVED.contains(&row.text(STATE).to_lowercase().as_str()) {
            match row.read() {
                Ok(case) if !self.known.insert((case.kind, case.id.clone())) => {
                    self.problem(row.problem(ID, "this case stands in the file twice: leave one out"));
                }
                Ok(case) => self.found.rows.push(case),
                Err(problem) => self.problem(problem),
            }
        } else if let Some(why) = row.unsaid() {
            match row.key() {
                Ok((kind, id)) => self.found.unclear.push(Unclear { place: row.place, kind, id, why }),
                Err(problem) => self.problem(problem),
            }
        }
        if self.found.rows.len() + self.found.unclear.len() > limits::CASE_FILE_ROWS_MAX {
            return Err(CaseFileError::TooManyRows);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn problem(&mut self, problem: Problem) {
        if self.problems.len() < limits::CASE_FILE_PROBLEMS_MAX {
            self.problems.push(problem);
        } else {
            self.more += 1;
        }
    }

    fn end(self) -> Result<CaseFile, CaseFileError> {
        let Self { has_header, found, problems, more, .. } = self;
        if !has_header {
            return Err(CaseFileError::NoHeader);
        }
        if problems.is_empty() { Ok(found) } else { Err(CaseFileError::Rows { problems, more }) }
    }
}

/// Where the columns stand; `None` where this is no row of names.
fn header(place: &Place, cells: &[ReadCell]) -> Result<Option<BTreeMap<&'static str, u32>>, CaseFileError> {
    let mut columns = BTreeMap::new();
    for cell in cells {
        let mut known = COLUMNS.into_iter().chain([BY]);
        let Some(column) = known.find(|name| *name == name_of(&cell.text)) else { continue };
        if columns.insert(column, cell.column).is_some() {
            return Err(CaseFileError::ColumnTwice { place: place.clone(), column });
        }
    }
    if !columns.contains_key(ID) {
        return Ok(None);
    }
    let missing: Vec<_> = COLUMNS.into_iter().filter(|name| !columns.contains_key(name)).collect();
    if missing.is_empty() {
        Ok(Some(columns))
    } else {
        Err(CaseFileError::Columns { place: place.clone(), missing })
    }
}

/// ` facts is`, `s facts, status are`.
fn told_columns(missing: &[&str]) -> String {
    let (end, are) = if missing.len() == 1 { ("", "is") } else { ("s", "are") };
    format!("{end} {} {are}", missing.join(", "))
}

/// Of `case (case_id)` what stands in the brackets.
fn name_of(header: &str) -> &str {
    let header = header.trim();
    let inside = header.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    inside.map_or(header, |(_, name)| name)
}

struct Row<'a> {
    place: Place,
    columns: &'a BTreeMap<&'static str, u32>,
    cells: &'a [ReadCell],
}

impl Row<'_> {
    fn text(&self, column: &str) -> &str {
        let place = self.columns.get(column);
        let cell = self.cells.iter().find(|cell| Some(&cell.column) == place);
        cell.map_or("", |cell| restored(cell.text.trim()))
    }

    fn problem(&self, column: &'static str, message: impl Into<String>) -> Problem {
        let letters = self.columns.get(column).map_or_else(String::new, |column| column_name(*column));
        Problem { place: self.place.clone(), column, letters, message: message.into() }
    }

    /// What is not clear of a row that is not marked as resolved.
    fn unsaid(&self) -> Option<Unsaid> {
        // A remark below the rows is none of them.
        if [KIND, ID].iter().all(|column| self.text(column).is_empty()) {
            return None;
        }
        let state = self.text(STATE);
        if !UNRESOLVED.contains(&state.to_lowercase().as_str()) {
            return Some(Unsaid::State(state.chars().take(limits::STATUS_CHARS_MAX).collect()));
        }
        // The reason of a case that somebody has spoken of may be the report's.
        let is_the_persons = self.columns.contains_key(BY) && self.text(BY).is_empty();
        (is_the_persons && !self.text(REASON).is_empty()).then_some(Unsaid::Reason)
    }

    fn not_empty(&self, column: &'static str) -> Result<String, Problem> {
        match self.text(column) {
            "" => Err(self.problem(column, "is empty: leave it as the report gave it")),
            text => Ok(text.to_owned()),
        }
    }

    fn key(&self) -> Result<(CaseKind, String), Problem> {
        let kind = CaseKind::parse(self.text(KIND)).ok_or_else(|| {
            let known = CaseKind::ALL.map(CaseKind::as_str).join(", ");
            self.problem(KIND, format!("must be one of {known}: leave it as the report gave it"))
        })?;
        let id = self.not_empty(ID)?;
        if is_rounded(&id) {
            let message = "a spreadsheet has rounded this number: take it from the report again, as .xlsx";
            return Err(self.problem(ID, message));
        }
        Ok((kind, id))
    }

    fn read(&self) -> Result<CaseRow, Problem> {
        let (kind, id) = self.key()?;
        let status = self.not_empty(STATUS)?;
        let facts = self.not_empty(FACTS)?;
        if facts.chars().count() > limits::CASE_FACTS_CHARS_MAX {
            let max = limits::CASE_FACTS_CHARS_MAX;
            return Err(self.problem(FACTS, format!("is longer than {max} characters: leave it as it was")));
        }
        let reason = usable_reason(self.text(REASON)).ok_or_else(|| {
            let max = limits::REASON_CHARS_MAX;
            self.problem(REASON, format!("say in 1 to {max} characters why it is resolved"))
        })?;
        let (place, reason, seen_by) = (self.place.clone(), reason.to_owned(), self.text(BY).to_owned());
        Ok(CaseRow { place, kind, id, status, facts, reason, seen_by })
    }
}

/// `4.2E+27`, which was an id.
fn is_rounded(id: &str) -> bool {
    let halves = id.split_once(['E', 'e']);
    let is_number =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    halves.is_some_and(|(mantissa, exponent)| {
        is_number(mantissa) && exponent.strip_prefix('+').is_some_and(is_number)
    })
}

#[cfg(test)]
#[path = "case_file_tests.rs"]
mod tests;
