//! The cells of an Excel file that somebody sends, as texts, row by row, within limits: neither the file's
//! directory nor what its parts say of themselves is believed.
//!
//! What libraries make room for by such words (`uniqueCount` of the shared strings) would end the program.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::ops::ControlFlow;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use zip::ZipArchive;
use zip::result::ZipError;

use crate::limits;

const WORKBOOK: &str = "xl/workbook.xml";
const RELATIONS: &str = "xl/_rels/workbook.xml.rels";
const STRINGS: &str = "xl/sharedStrings.xml";

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReadError {
    #[error("this is no Excel workbook (.xlsx): {0}")]
    NotXlsx(String),
    #[error("the workbook is larger than {} MiB when it is unpacked", .0 / 1024 / 1024)]
    TooLarge(u64),
    #[error("the workbook holds more than {} different texts", limits::XLSX_STRINGS_MAX)]
    TooManyTexts,
    /// `part` is a file inside the workbook.
    #[error("the workbook is damaged: {problem} in {part}")]
    Damaged { part: String, problem: String },
}

/// One cell that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadCell {
    /// From 0.
    pub column: u32,
    pub text: String,
}

pub struct Workbook<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    unpacked_bytes_max: u64,
    /// What may still be unpacked.
    left: u64,
    strings: Vec<String>,
    /// Name and part.
    sheets: Vec<(String, String)>,
}

impl<'a> Workbook<'a> {
    /// All parts together may have so many bytes when they are unpacked.
    pub fn open(bytes: &'a [u8], unpacked_bytes_max: u64) -> Result<Self, ReadError> {
        let not_xlsx = |error: ZipError| ReadError::NotXlsx(error.to_string());
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(not_xlsx)?;
        let left = unpacked_bytes_max;
        let mut workbook =
            Self { archive, unpacked_bytes_max, left, strings: Vec::new(), sheets: Vec::new() };
        workbook.read_sheets()?;
        workbook.read_strings()?;
        Ok(workbook)
    }

    /// The sheets' names in their order.
    pub fn sheets(&self) -> impl ExactSizeIterator<Item = &str> {
        self.sheets.iter().map(|(name, _)| name.as_str())
    }

    /// The rows of a sheet that hold something, from the top: number (from 1) and cells.
    pub fn rows(
        &mut self,
        sheet: usize,
        each: &mut dyn FnMut(u32, &[ReadCell]) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let Some((_, part)) = self.sheets.get(sheet).cloned() else { return Ok(()) };
        let strings = std::mem::take(&mut self.strings);
        let mut rows =
            Rows { strings: &strings, row: 0, cells: Vec::new(), bytes: 0, cell: None, in_text: false };
        let read = self.read(&part, &mut |event| {
            if rows.take(event)? { Ok(each(rows.row, &rows.cells)) } else { Ok(ControlFlow::Continue(())) }
        });
        self.strings = strings;
        read
    }

    fn read_sheets(&mut self) -> Result<(), ReadError> {
        let mut parts: Vec<(String, String)> = Vec::new();
        self.read(RELATIONS, &mut |event| {
            if let Event::Start(tag) | Event::Empty(tag) = event
                && tag.local_name().as_ref() == "Relationship"
                && let (Some(id), Some(target)) = (attribute(tag, "Id")?, attribute(tag, "Target")?)
            {
                let inside = target.strip_prefix('/').map(str::to_owned);
                parts.push((id, inside.unwrap_or_else(|| format!("xl/{target}"))));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let mut sheets = Vec::new();
        self.read(WORKBOOK, &mut |event| {
            if let Event::Start(tag) | Event::Empty(tag) = event
                && tag.local_name().as_ref() == "sheet"
                && let (Some(name), Some(id)) = (attribute(tag, "name")?, attribute(tag, "id")?)
                && let Some((_, part)) = parts.iter().find(|(other, _)| *other == id)
            {
                sheets.push((name, part.clone()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.sheets = sheets;
        Ok(())
    }

    fn read_strings(&mut self) -> Result<(), ReadError> {
        if self.archive.index_for_name(STRINGS).is_none() {
            return Ok(());
        }
        let mut strings = Vec::new();
        let (mut open, mut in_text, mut in_pronunciation, mut too_many) = (None, false, false, false);
        self.read(STRINGS, &mut |event| {
            match (event, name_of(event)) {
                (Event::Start(_), "si") => open = Some(String::new()),
                (Event::Empty(_), "si") => strings.push(String::new()),
                (Event::End(_), "si") => strings.push(open.take().unwrap_or_default()),
                (Event::Start(_), "t") => in_text = !in_pronunciation,
                (Event::End(_), "t") => in_text = false,
                // How it is pronounced, beside it.
                (Event::Start(_), "rPh") => in_pronunciation = true,
                (Event::End(_), "rPh") => in_pronunciation = false,
                _ => {
                    if let Some(open) = open.as_mut().filter(|_| in_text) {
                        add_text(open, event)?;
                    }
                }
            }
            too_many = strings.len() > limits::XLSX_STRINGS_MAX;
            Ok(if too_many { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if too_many {
            return Err(ReadError::TooManyTexts);
        }
        self.strings = strings;
        Ok(())
    }

    /// The events of a part, as long as they are wanted.
    fn read(
        &mut self,
        part: &str,
        each: &mut dyn FnMut(&Event<'_>) -> Result<ControlFlow<()>, String>,
    ) -> Result<(), ReadError> {
        let packed = match self.archive.by_name(part) {
            Ok(packed) => packed,
            Err(ZipError::FileNotFound) => return Err(ReadError::NotXlsx(format!("{part} is missing"))),
            Err(error) => return Err(damaged(part, error)),
        };
        let mut unpacked = BufReader::new(Capped { packed, left: &mut self.left });
        let read = events(&mut unpacked, each);
        drop(unpacked);
        match read {
            Err(_) if self.left == 0 => Err(ReadError::TooLarge(self.unpacked_bytes_max)),
            read => read.map_err(|problem| damaged(part, problem)),
        }
    }
}

fn damaged(part: &str, problem: impl ToString) -> ReadError {
    let part = part.chars().take(limits::ECHOED_CHARS_MAX).collect();
    let problem = problem.to_string().chars().take(limits::ECHOED_CHARS_MAX).collect();
    ReadError::Damaged { part, problem }
}

fn events(
    unpacked: impl BufRead,
    each: &mut dyn FnMut(&Event<'_>) -> Result<ControlFlow<()>, String>,
) -> Result<(), String> {
    let mut reader = Reader::from_reader(unpacked);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|error| error.to_string())? {
            Event::Eof => return Ok(()),
            Event::DocType(_) => return Err("a document type is not accepted".into()),
            event => {
                if each(&event)?.is_break() {
                    return Ok(());
                }
            }
        }
    }
}

/// Ends with an error where too much comes out.
struct Capped<'l, R> {
    packed: R,
    left: &'l mut u64,
}

impl<R: Read> Read for Capped<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.packed.read(into)?;
        let size = u64::try_from(read).unwrap_or(u64::MAX);
        match self.left.checked_sub(size) {
            Some(left) if left > 0 => {
                *self.left = left;
                Ok(read)
            }
            _ => {
                *self.left = 0;
                Err(io::Error::other("too large"))
            }
        }
    }
}

/// A row while it is read.
struct Rows<'a> {
    strings: &'a [String],
    /// Number of the row that is read, or was read last.
    row: u32,
    cells: Vec<ReadCell>,
    /// Of its texts.
    bytes: usize,
    cell: Option<OpenCell>,
    in_text: bool,
}

struct OpenCell {
    column: u32,
    is_shared: bool,
    text: String,
}

impl Rows<'_> {
    /// Whether a row is complete with this.
    fn take(&mut self, event: &Event<'_>) -> Result<bool, String> {
        match (event, name_of(event)) {
            (Event::Start(tag), "row") => {
                self.cells.clear();
                self.bytes = 0;
                self.begin_row(tag)?;
            }
            (Event::Empty(tag), "row") => self.begin_row(tag)?,
            (Event::End(_), "row") => return Ok(!self.cells.is_empty()),
            (Event::Start(tag), "c") => self.cell = Some(self.begin_cell(tag)?),
            (Event::End(_), "c") => self.end_cell()?,
            (Event::Start(_), "v" | "t") => self.in_text = true,
            (Event::End(_), "v" | "t") => self.in_text = false,
            _ => {
                if let Some(cell) = self.cell.as_mut().filter(|_| self.in_text) {
                    add_text(&mut cell.text, event)?;
                }
            }
        }
        Ok(false)
    }

    fn begin_row(&mut self, tag: &BytesStart<'_>) -> Result<(), String> {
        let number = match attribute(tag, "r")? {
            Some(number) => number.parse().map_err(|_| "a row without number".to_owned())?,
            None => self.row.saturating_add(1),
        };
        if number == 0 || usize::try_from(number).is_ok_and(|row| row > limits::XLSX_SHEET_ROWS_MAX + 1) {
            return Err(format!("there is no row {number}"));
        }
        self.row = number;
        Ok(())
    }

    fn begin_cell(&self, tag: &BytesStart<'_>) -> Result<OpenCell, String> {
        let column = match attribute(tag, "r")? {
            Some(place) => column_of(&place).ok_or("a cell without place")?,
            None => self.cells.last().map_or(0, |last| last.column.saturating_add(1)),
        };
        // So there are no more cells in a row than columns.
        if self.cells.last().is_some_and(|last| last.column >= column) {
            return Err("cells that do not stand in their order".into());
        }
        let is_shared = attribute(tag, "t")?.as_deref() == Some("s");
        Ok(OpenCell { column, is_shared, text: String::new() })
    }

    fn end_cell(&mut self) -> Result<(), String> {
        let Some(OpenCell { column, is_shared, mut text }) = self.cell.take() else { return Ok(()) };
        if is_shared {
            let shared = text.trim().parse::<usize>().ok().and_then(|place| self.strings.get(place));
            text = shared.ok_or("a cell whose text is missing")?.clone();
        }
        // One shared text may stand in each cell.
        self.bytes += text.len();
        if self.bytes > limits::XLSX_ROW_BYTES_MAX {
            return Err(format!("row {} is larger than {} MiB", self.row, limits::XLSX_ROW_BYTES_MAX >> 20));
        }
        if !text.is_empty() {
            self.cells.push(ReadCell { column, text: unescaped(&text) });
        }
        Ok(())
    }
}

/// `C7` is column 2; Excel has columns to `XFD`.
fn column_of(place: &str) -> Option<u32> {
    let letters = place.bytes().take_while(u8::is_ascii_uppercase);
    let number = letters.take(4).fold(0, |number, letter| number * 26 + u32::from(letter - b'A') + 1);
    (1..=limits::XLSX_COLUMNS_MAX).contains(&number).then(|| number - 1)
}

/// The letters of a column (from 0), as Excel shows them.
pub fn column_name(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = column.saturating_add(1);
    while rest > 0 {
        let letter = u8::try_from((rest - 1) % 26).unwrap_or(0);
        letters.push(char::from(b'A' + letter));
        rest = (rest - 1) / 26;
    }
    letters.into_iter().rev().collect()
}

fn name_of<'e>(event: &'e Event<'_>) -> &'e str {
    match event {
        Event::Start(tag) | Event::Empty(tag) => tag.local_name().into_inner(),
        Event::End(tag) => tag.local_name().into_inner(),
        _ => "",
    }
}

/// An attribute by its name without namespace.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.local_name().as_ref() == name {
            return attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .map(|value| Some(value.into_owned()))
                .map_err(|error| error.to_string());
        }
    }
    Ok(None)
}

fn add_text(text: &mut String, event: &Event<'_>) -> Result<(), String> {
    match event {
        Event::Text(more) => text.push_str(more),
        Event::CData(more) => text.push_str(more),
        Event::GeneralRef(reference) => text.push_str(&resolved(reference)?),
        _ => return Ok(()),
    }
    // Four bytes are at most two of Excel's units.
    if text.len() > limits::XLSX_CELL_CHARS_MAX * 4 {
        return Err(format!("a cell longer than {} characters", limits::XLSX_CELL_CHARS_MAX));
    }
    Ok(())
}

fn resolved(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Some(character) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(character.to_string());
    }
    let resolved = resolve_predefined_entity(reference);
    resolved.map(str::to_owned).ok_or_else(|| "an entity that is not accepted".to_owned())
}

/// Excel writes what XML cannot hold as `_x000D_`.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let (before, escape) = rest.split_at(at);
        let digits = escape.get(2..6).filter(|_| escape.get(6..7) == Some("_"));
        let code = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let character = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        plain.push_str(before);
        let taken = match character {
            Some(character) => {
                plain.push(character);
                "_x0000_".len()
            }
            None => {
                plain.push_str("_x");
                "_x".len()
            }
        };
        rest = &escape[taken..];
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
#[path = "xlsx_reader_tests.rs"]
mod tests;
