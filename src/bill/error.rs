//! What is wrong with a bill file: where, what, and what to do. Never holds a row, nor a long cell whole.

use std::fmt;
use std::io;

use chrono::NaiveDate;

use crate::limits;

/// A cell, as a person finds it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellPlace {
    /// From 1.
    pub line: u64,
    /// From 1.
    pub column: usize,
    /// What the header calls the column; empty where there is no header yet.
    pub name: String,
}

impl CellPlace {
    pub fn new(line: u64, column: usize, name: &str) -> Self {
        Self { line, column, name: Echo::new(name).0 }
    }
}

impl fmt::Display for CellPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)?;
        if self.name.is_empty() { Ok(()) } else { write!(f, " ({})", self.name) }
    }
}

/// Where a file begins that is no bill at all.
static BEGINNING: CellPlace = CellPlace { line: 1, column: 1, name: String::new() };

/// What stands in a file, at most [`limits::ECHOED_CHARS_MAX`] of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo(String);

impl Echo {
    pub fn new(text: &str) -> Self {
        match text.char_indices().nth(limits::ECHOED_CHARS_MAX) {
            Some((end, _)) => Self(format!("{}…", &text[..end])),
            None => Self(text.to_owned()),
        }
    }
}

impl fmt::Display for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// What a file is that is no bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Page,
    Json,
    Archive,
    Utf16,
    OtherText,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Page => "it is XML or a web page, such as an error answer; download the bill again",
            Self::Json => "it is JSON, such as an error answer; download the bill again",
            Self::Archive => {
                "it is a ZIP or Excel file; unpack it, or name the profile that describes it (--profile, or \
                 profile= over HTTP)"
            }
            Self::Utf16 => {
                "its text is UTF-16, as some programs save it; take the file as it was downloaded, or save it as \
                 CSV UTF-8"
            }
            Self::OtherText => {
                "its first line holds no column of a bill of WeChat Pay; name the profile that describes it \
                 (--profile, or profile= over HTTP)"
            }
        })
    }
}

/// Why a file is no bill that can be taken. Nothing of it counts then.
#[derive(Debug, thiserror::Error)]
pub enum BillError {
    #[error("cannot read the file: {0}")]
    Unreadable(#[from] io::Error),
    #[error(
        "the file is empty; download the bill again, and where WeChat Pay has none for the day, say so with `order-ledger bill declare-empty`"
    )]
    Empty,
    #[error(
        "WeChat Pay answered that there is no bill for the day; where nothing was traded, say so with `order-ledger bill declare-empty`"
    )]
    NoStatement,
    #[error("{BEGINNING}: the file is no bill: {0}")]
    NotABill(Found),
    #[error("the GZIP file is torn: {0}; download it again")]
    GzipTorn(String),
    #[error("unpacked, the file is larger than {bytes_max} bytes; no bill is so large")]
    TooLarge { bytes_max: u64 },
    #[error("the file unpacks to more than {ratio_max} times its size; no bill does, so it was not read on")]
    PackedTooTight { ratio_max: u64 },
    #[error("cannot read the Excel file: {0}; save it again as .xlsx")]
    Sheet(String),
    #[error("there is no sheet {name}; the sheets are {sheets}")]
    NoSheet { name: Echo, sheets: Echo },
    #[error("there is no profile {name}; the profiles are {known}")]
    NoProfile { name: Echo, known: String },
    #[error("this is a bill of kind {found}, not {stated}; leave the kind out, or take the right file")]
    OtherKind { stated: String, found: String },
    #[error("line {line}: the column {name} is missing, which {profile} must have; download the bill again")]
    MissingColumn { line: u64, name: String, profile: String },
    #[error(
        "{at}: {profile} has no such column; the file is of another layout, or WeChat Pay has changed it: describe it in a [bill_profile.NAME]"
    )]
    UnknownColumn { at: CellPlace, profile: String },
    #[error("{at}: this column stands in column {first} already; remove one")]
    DuplicateColumn { at: CellPlace, first: usize },
    #[error("{at}: there are more than {columns_max} columns; keep those that are needed")]
    TooManyColumns { at: CellPlace, columns_max: usize },
    /// `at`: the first cell that is missing.
    #[error(
        "{at}: the row is torn: it has {found} cells, and the header {expected}; download the file again"
    )]
    Torn { at: CellPlace, found: usize, expected: usize },
    /// `at`: the first cell that is too many.
    #[error(
        "{at}: the row has more cells than the header: {found} instead of {expected}; download the file again"
    )]
    ExtraCells { at: CellPlace, found: usize, expected: usize },
    #[error(
        "line {line}, column 1: the row does not begin with a backtick, as every row of WeChat Pay's does; take the file as it was downloaded, not saved again by another program"
    )]
    NoBacktick { line: u64 },
    #[error("{at}: the text is not {encoding}{hint}; take the file as it was downloaded")]
    Encoding { at: CellPlace, encoding: &'static str, hint: &'static str },
    #[error(
        "{at}: the cell is longer than {bytes_max} bytes, which none of a bill is; download the file again"
    )]
    CellTooLarge { at: CellPlace, bytes_max: usize },
    #[error(
        "line {line}: the line is longer than {bytes_max} bytes, which none of a bill is; download the file again"
    )]
    LineTooLong { line: u64, bytes_max: usize },
    #[error("{at}: there is a NUL byte, so the file is damaged or no text; download it again")]
    Nul { at: CellPlace },
    #[error("{at}: the quoted cell is never closed; download the file again, or correct the profile's quote")]
    QuoteOpen { at: CellPlace },
    #[error(
        "{at}: text follows the quote that closes the cell, so the quotes do not pair; one within a cell is written twice: correct the file at its source, or the profile's quote"
    )]
    AfterQuote { at: CellPlace },
    #[error(
        "{at}: the quoted cell goes on in the next line; correct the file at its source, or the profile: where its cells do hold several lines, it needs totals, or lines_in_cells = true"
    )]
    LineInCell { at: CellPlace },
    #[error("{at}: {found} is not {expected}; correct the file at its source, or the profile")]
    Value { at: CellPlace, found: Echo, expected: &'static str },
    #[error("{at}: {found} is another merchant than {expected}; a file holds the bill of one merchant")]
    OtherMerchant { at: CellPlace, found: Echo, expected: String },
    #[error("{at}: the row is of {found}, and the bill of {expected}; a bill holds one day")]
    OtherDay { at: CellPlace, found: NaiveDate, expected: NaiveDate },
    #[error("the file does not say whose bill it is; say so with --merchant, over HTTP with merchant")]
    MerchantUnknown,
    #[error("the file does not say of which day it is; say so with --day, over HTTP with day")]
    DayUnknown,
    #[error(
        "the refunds' 交易时间 say {one}, and their 退款申请时间 {other}; say of which day the bill is with --day, over HTTP with day"
    )]
    DayUnclear { one: NaiveDate, other: NaiveDate },
    #[error(
        "the profile {profile} is that of merchant {own}, not of {stated}; leave the merchant out, or take another profile"
    )]
    ProfileMerchant { profile: String, own: String, stated: String },
    #[error(
        "line {line}: the file ends, and its header should stand in line {header_line}; take the whole file, or correct the profile's header_row"
    )]
    NoHeader { line: u64, header_line: u64 },
    #[error("line {line}: the summary is missing, so the file may be torn; download it again")]
    NoSummary { line: u64 },
    #[error("line {line}, column 1: something follows the summary; download the file again")]
    AfterSummary { line: u64 },
    #[error("{at}: the summary says {says}, and the rows come to {rows_say}; download the file again")]
    SummaryDiffers { at: CellPlace, says: String, rows_say: String },
    #[error("line {line}: the sum of {column} is too large to be counted; correct the file")]
    SumTooLarge { line: u64, column: &'static str },
    #[error("line {line}: the file holds more than {days_max} days; import it in pieces")]
    TooManyDays { line: u64, days_max: usize },
    /// The sink said so.
    #[error("reading was ended before the end of the file")]
    Stopped,
}

impl BillError {
    /// Where the fault stands: its line, from 1.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::MissingColumn { line, .. }
            | Self::NoBacktick { line }
            | Self::NoHeader { line, .. }
            | Self::LineTooLong { line, .. }
            | Self::NoSummary { line }
            | Self::AfterSummary { line }
            | Self::SumTooLarge { line, .. }
            | Self::TooManyDays { line, .. } => Some(*line),
            _ => self.place().map(|place| place.line),
        }
    }

    /// Where the fault stands: its cell.
    pub fn place(&self) -> Option<&CellPlace> {
        match self {
            Self::UnknownColumn { at, .. }
            | Self::DuplicateColumn { at, .. }
            | Self::Torn { at, .. }
            | Self::ExtraCells { at, .. }
            | Self::TooManyColumns { at, .. }
            | Self::Encoding { at, .. }
            | Self::CellTooLarge { at, .. }
            | Self::Nul { at }
            | Self::QuoteOpen { at }
            | Self::AfterQuote { at }
            | Self::LineInCell { at }
            | Self::Value { at, .. }
            | Self::OtherMerchant { at, .. }
            | Self::OtherDay { at, .. }
            | Self::SummaryDiffers { at, .. } => Some(at),
            Self::NotABill(_) => Some(&BEGINNING),
            _ => None,
        }
    }

    /// Adds what the header calls the column, where the fault was found by who knows no header.
    pub(super) fn with_name(mut self, names: &[String]) -> Self {
        if let Self::Encoding { at, .. }
        | Self::CellTooLarge { at, .. }
        | Self::Nul { at }
        | Self::QuoteOpen { at }
        | Self::AfterQuote { at }
        | Self::LineInCell { at } = &mut self
            && at.name.is_empty()
            && let Some(name) = names.get(at.column.saturating_sub(1))
        {
            *at = CellPlace::new(at.line, at.column, name);
        }
        self
    }
}
