//! The rows of a text file: WeChat Pay's own layout with its backticks, and CSV.
//!
//! In WeChat Pay's layout a row is a line, and its cells are separated by a comma with a backtick after it: a
//! comma within a cell does not end it.

use std::borrow::Cow;

use encoding_rs::GBK;
use memchr::{memchr, memchr_iter};

use super::error::{BillError, CellPlace};
use super::lines::{Extent, Lines};
use super::profile::{Encoding, LineEnds};
use super::row::{CellKind, Marks, Row, Rows};
use super::source::{Hashing, Input};
use crate::domain::bill::Sha256Hex;
use crate::limits;

/// How the cells of a line are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Backtick,
    Csv { delimiter: u8, quote: Option<u8>, line_ends: LineEnds },
}

pub struct TextRows<'a> {
    lines: Lines<'a>,
    dialect: Dialect,
    encoding: Encoding,
}

impl<'a> TextRows<'a> {
    pub fn open(
        input: &'a mut dyn Input,
        dialect: Dialect,
        encoding: Encoding,
        hashing: Hashing,
    ) -> Result<Self, BillError> {
        Ok(Self { lines: Lines::open(input, hashing)?, dialect, encoding })
    }

    pub fn sha256(self) -> Option<Sha256Hex> {
        self.lines.sha256()
    }

    pub fn beginning(&self) -> &[u8] {
        self.lines.beginning()
    }
}

impl Rows for TextRows<'_> {
    fn line(&self) -> u64 {
        self.lines.line()
    }

    fn next(&mut self, row: &mut Row) -> Result<bool, BillError> {
        let mut quotes = Quotes::Closed;
        loop {
            let number = self.lines.line() + 1;
            let Some((bytes, extent)) = self.lines.next()? else {
                return match quotes {
                    Quotes::Closed => Ok(false),
                    Quotes::Open => Err(BillError::QuoteOpen { at: CellPlace::new(row.line, row.len(), "") }),
                };
            };
            if bytes.is_empty() && quotes == Quotes::Closed {
                continue;
            }
            check_nul(bytes, number, self.dialect)?;
            let text = decoded(bytes, extent, number, self.dialect, self.encoding)?;
            match self.dialect {
                Dialect::Backtick => split_backticks(&text, number, row),
                Dialect::Csv { delimiter, quote, .. } => {
                    match quotes {
                        Quotes::Closed => row.begin(number, Marks::None),
                        Quotes::Open => row.extend_last("\n"),
                    }
                    let split = split_csv(&text, delimiter, quote, quotes, row);
                    quotes = split.map_err(|AfterQuote { column }| BillError::AfterQuote {
                        at: CellPlace::new(number, column, ""),
                    })?;
                }
            }
            check_sizes(row, extent)?;
            if quotes == Quotes::Closed {
                return Ok(true);
            }
            if let Dialect::Csv { line_ends: LineEnds::EndRows, .. } = self.dialect {
                return Err(BillError::LineInCell { at: CellPlace::new(number, row.len(), "") });
            }
        }
    }
}

fn check_nul(bytes: &[u8], line: u64, dialect: Dialect) -> Result<(), BillError> {
    match memchr(0, bytes) {
        None => Ok(()),
        Some(offset) => {
            let column = segments(&bytes[..offset], dialect).count();
            Err(BillError::Nul { at: CellPlace::new(line, column, "") })
        }
    }
}

/// The cells of a line that is no text yet.
fn segments(bytes: &[u8], dialect: Dialect) -> impl Iterator<Item = &[u8]> {
    let delimiter = match dialect {
        Dialect::Backtick => b',',
        Dialect::Csv { delimiter, .. } => delimiter,
    };
    let is_marked = dialect == Dialect::Backtick && bytes.first() == Some(&b'`');
    let mut begin = Some(0);
    std::iter::from_fn(move || {
        let from = begin?;
        let ends = |offset: &usize| !is_marked || bytes.get(from + offset + 1) == Some(&b'`');
        let end = memchr_iter(delimiter, &bytes[from..]).find(ends).map(|offset| from + offset);
        begin = end.map(|end| end + 1);
        Some(&bytes[from..end.unwrap_or(bytes.len())])
    })
}

fn decode(bytes: &[u8], encoding: Encoding) -> Option<Cow<'_, str>> {
    match encoding {
        Encoding::Utf8 => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Encoding::Gbk => GBK.decode_without_bom_handling_and_without_replacement(bytes),
    }
}

fn decoded(
    bytes: &[u8],
    extent: Extent,
    line: u64,
    dialect: Dialect,
    encoding: Encoding,
) -> Result<Cow<'_, str>, BillError> {
    if extent == Extent::Cut {
        // It is refused anyway; its cut end may be half a character.
        return Ok(String::from_utf8_lossy(bytes));
    }
    if let Some(text) = decode(bytes, encoding) {
        return Ok(text);
    }
    let intact = segments(bytes, dialect).take_while(|cell| decode(cell, encoding).is_some()).count();
    let at = CellPlace::new(line, intact + 1, "");
    let (encoding, other, hint) = match encoding {
        Encoding::Utf8 => {
            ("UTF-8", Encoding::Gbk, " but may be GBK, which a profile can say (encoding = \"gbk\")")
        }
        Encoding::Gbk => {
            ("GBK", Encoding::Utf8, " but UTF-8, which the profile can say (encoding = \"utf-8\")")
        }
    };
    let hint = if decode(bytes, other).is_some() { hint } else { "" };
    Err(BillError::Encoding { at, encoding, hint })
}

/// Whether all cells are short enough, and the line.
fn check_sizes(row: &Row, extent: Extent) -> Result<(), BillError> {
    // Most rows are shorter as a whole.
    if row.text_bytes() > limits::BILL_CELL_BYTES_MAX {
        let is_huge = |cell: &str| cell.len() > limits::BILL_CELL_BYTES_MAX;
        if let Some(index) = row.cells().position(is_huge) {
            let at = CellPlace::new(row.line, index + 1, "");
            return Err(BillError::CellTooLarge { at, bytes_max: limits::BILL_CELL_BYTES_MAX });
        }
    }
    let bytes_max = limits::BILL_LINE_BYTES_MAX;
    if extent == Extent::Cut || row.text_bytes() > bytes_max {
        return Err(BillError::LineTooLong { line: row.line, bytes_max });
    }
    Ok(())
}

fn split_backticks(line: &str, number: u64, row: &mut Row) {
    let Some(first) = line.strip_prefix('`') else {
        row.begin(number, Marks::None);
        line.split(',').for_each(|cell| row.push(cell, CellKind::Text));
        return;
    };
    row.begin(number, Marks::Backticks);
    let mut begin = 0;
    for tick in memchr_iter(b'`', first.as_bytes()) {
        if tick > begin && first.as_bytes()[tick - 1] == b',' {
            row.push(&first[begin..tick - 1], CellKind::Text);
            begin = tick + 1;
        }
    }
    row.push(&first[begin..], CellKind::Text);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    Closed,
    /// The line ends within a quoted cell.
    Open,
}

/// Text stands between the closing quote of a cell and its end: quotes that do not pair, and what the cell holds may
/// be rows.
#[derive(Debug)]
struct AfterQuote {
    /// From 1.
    column: usize,
}

/// Goes on within the cell pushed last where quotes are open.
fn split_csv(
    line: &str,
    delimiter: u8,
    quote: Option<u8>,
    mut quotes: Quotes,
    row: &mut Row,
) -> Result<Quotes, AfterQuote> {
    let bytes = line.as_bytes();
    let until = |from: usize| memchr(delimiter, &bytes[from..]).map_or(bytes.len(), |found| from + found);
    let mut at = 0;
    loop {
        if quotes == Quotes::Closed {
            row.push("", CellKind::Text);
            if quote.is_some() && bytes.get(at) == quote.as_ref() {
                quotes = Quotes::Open;
                at += 1;
            }
        }
        if let (Quotes::Open, Some(quote)) = (quotes, quote) {
            let Some(found) = memchr(quote, &bytes[at..]) else {
                row.extend_last(&line[at..]);
                return Ok(Quotes::Open);
            };
            row.extend_last(&line[at..at + found]);
            at += found + 1;
            if bytes.get(at) == Some(&quote) {
                // A doubled quote is one of the cell.
                row.extend_last(&line[at..=at]);
                at += 1;
                continue;
            }
            if bytes.get(at).is_some_and(|byte| *byte != delimiter) {
                return Err(AfterQuote { column: row.len() });
            }
        }
        quotes = Quotes::Closed;
        let end = until(at);
        row.extend_last(&line[at..end]);
        if end == bytes.len() {
            return Ok(Quotes::Closed);
        }
        at = end + 1;
    }
}
