//! Bill files: bytes become the lines of a bill, or a fault with its place. Knows the domain and the limits; what
//! becomes of the lines is not decided here.
//!
//! A file is read from its beginning to its end each time, and never held in memory: once to see whether all of
//! it is right, and again to take its lines.

mod assemble;
mod cells;
mod day;
mod decimal;
mod error;
mod field;
mod layout;
mod lines;
mod profile;
mod reader;
mod row;
pub mod sample;
mod sheet_rows;
mod source;
mod tally;
#[cfg(test)]
mod tests;
mod text_rows;
mod wechat;

use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use chrono::NaiveDate;

pub use assemble::BillRow;
pub use error::{BillError, CellPlace, Echo, Found};
pub use field::Field;
pub use profile::{
    AmountUnit, ColumnRule, Constants, Days, Encoding, Figure, FigureRule, Format, FundRule, FundWord,
    LineEnds, Need, OtherColumns, Profile, Profiles, RowRule, SkipRule, SummaryRule, TimeFormat, TimeRule,
    TradeRule, TradeWord, UnknownKind, WordRule,
};
pub use source::Input;
pub use tally::DayTotals;
pub use wechat::beijing;

use crate::domain::bill::{BillKind, Covers, MerchantId, Sha256Hex, Totals};
use day::DayRule;
use layout::Layout;
use reader::Reader;
use row::{Row, Rows};
use source::{Hashing, Packing};
use tally::Tally;
use text_rows::{Dialect, TextRows};

/// What is known of a file before it is read. What the file says itself must agree.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    /// Needed for fund flow bills, which do not say whose they are.
    pub merchant: Option<MerchantId>,
    /// Needed for bills of WeChat Pay without rows, and where the rows do not agree.
    pub day: Option<NaiveDate>,
    /// The name of a profile. Needed for all but the bills of WeChat Pay, which are told by their header.
    pub profile: Option<String>,
    pub kind: Option<BillKind>,
}

/// What a file's header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// That of the hints, of the profile, or of the first row.
    pub merchant: Option<MerchantId>,
    pub kind: BillKind,
    pub covers: Covers,
    pub profile: String,
}

/// What a file is, all of which was found right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    pub merchant: MerchantId,
    pub kind: BillKind,
    pub covers: Covers,
    pub profile: String,
    /// In order. Bills of WeChat Pay have exactly one, profiles of the configuration those of their rows.
    pub days: Vec<DayTotals>,
    /// Of the unpacked bytes; of an Excel file of the file itself.
    pub sha256: Sha256Hex,
    pub rows: u64,
    pub totals: Totals,
}

/// Takes each line, in the order of the file, with the day of the bill it stands in.
pub type Sink<'a> = dyn FnMut(NaiveDate, BillRow) -> ControlFlow<()> + 'a;

/// Reads a whole file. What was given to `each` counts only where this returns a bill: a fault may stand in the last
/// line. The same file gives the same lines again.
pub fn read(file: &Path, profiles: &Profiles, hints: &Hints, each: &mut Sink<'_>) -> Result<Bill, BillError> {
    read_from(&mut File::open(file)?, profiles, hints, each)
}

/// Likewise, from anywhere.
pub fn read_from(
    input: &mut dyn Input,
    profiles: &Profiles,
    hints: &Hints,
    each: &mut Sink<'_>,
) -> Result<Bill, BillError> {
    let profile = profile_of(input, profiles, hints)?;
    let day_rule = match (profile.days, hints.day) {
        (_, Some(day)) => DayRule::Stated(day),
        (Days::Many, None) => DayRule::Own,
        (Days::One, None) => {
            let find = &mut |rows: &mut dyn Rows| {
                day::find(&mut Reader::open(rows, profile, hints.merchant.as_ref())?)
            };
            DayRule::Stated(with_rows(input, profile, Hashing::NotWanted, find)?.0)
        }
    };
    let mut tally = Tally::new(&profile.rows);
    if let DayRule::Stated(day) = day_rule {
        tally.day(day);
    }
    let pass = &mut |rows: &mut dyn Rows| {
        let mut reader = Reader::open(rows, profile, hints.merchant.as_ref())?;
        while let Some(line) = reader.next()? {
            let day = day_rule.day_of(&line, &reader)?;
            tally.add(day, &line)?;
            if each(day, line).is_break() {
                return Err(BillError::Stopped);
            }
        }
        Ok((reader.merchant.clone(), std::mem::take(&mut reader.claims), reader.line()))
    };
    let ((merchant, claims, last_line), sha256) = with_rows(input, profile, Hashing::Wanted, pass)?;
    let merchant = merchant.ok_or(BillError::MerchantUnknown)?;
    let (days, totals) = tally.finish(last_line)?;
    tally::check(&claims, &totals)?;
    let sha256 = match sha256 {
        Some(sha256) => sha256,
        None => source::sha256_of_file(input)?,
    };
    Ok(Bill {
        merchant,
        kind: profile.kind.clone(),
        covers: profile.covers,
        profile: profile.name.clone(),
        days,
        sha256,
        rows: totals.rows(),
        totals,
    })
}

/// What a file says of itself in its header and its first row.
pub fn identify(file: &Path, profiles: &Profiles, hints: &Hints) -> Result<Header, BillError> {
    let mut input = File::open(file)?;
    let profile = profile_of(&mut input, profiles, hints)?;
    let first = &mut |rows: &mut dyn Rows| {
        let mut reader = Reader::open(rows, profile, hints.merchant.as_ref())?;
        reader.next()?;
        Ok(reader.merchant)
    };
    let (merchant, _) = with_rows(&mut input, profile, Hashing::NotWanted, first)?;
    let (kind, covers) = (profile.kind.clone(), profile.covers);
    Ok(Header { merchant, kind, covers, profile: profile.name.clone() })
}

/// The profile that is named, or the one that fits the header best.
fn profile_of<'p>(
    input: &mut dyn Input,
    profiles: &'p Profiles,
    hints: &Hints,
) -> Result<&'p Profile, BillError> {
    let packing = source::packing(input)?;
    let profile = match &hints.profile {
        Some(name) => profiles.get(name).ok_or_else(|| {
            let known = profiles.names().collect::<Vec<_>>().join(", ");
            BillError::NoProfile { name: Echo::new(name), known }
        })?,
        None if packing == Packing::Zip => return Err(BillError::NotABill(Found::Archive)),
        None => detect(input, profiles)?,
    };
    match (&profile.format, packing) {
        (Format::Xlsx { .. }, Packing::Zip) => sheet_rows::check_size(input)?,
        (Format::Xlsx { .. }, Packing::Plain | Packing::Gzip) => {
            return Err(BillError::Sheet("it is none".into()));
        }
        (Format::Backtick | Format::Csv { .. }, Packing::Zip) => {
            return Err(BillError::NotABill(Found::Archive));
        }
        (Format::Backtick | Format::Csv { .. }, Packing::Plain | Packing::Gzip) => {}
    }
    match &hints.kind {
        Some(stated) if *stated != profile.kind => {
            Err(BillError::OtherKind { stated: stated.to_string(), found: profile.kind.to_string() })
        }
        _ => Ok(profile),
    }
}

fn detect<'p>(input: &mut dyn Input, profiles: &'p Profiles) -> Result<&'p Profile, BillError> {
    let mut rows = TextRows::open(input, Dialect::Backtick, Encoding::Utf8, Hashing::NotWanted)?;
    refuse_answer(rows.beginning())?;
    let mut header = Row::default();
    if !rows.next(&mut header)? {
        return Err(BillError::Empty);
    }
    let fits = profiles.detected().iter().map(|profile| (Layout::fit(profile, &header), profile));
    // The first of those that fit as well.
    let best = fits.rev().max_by_key(|(fit, _)| *fit).filter(|(fit, _)| *fit > i64::MIN);
    best.map(|(_, profile)| profile).ok_or(BillError::NotABill(Found::OtherText))
}

/// What is saved in place of a bill where it could not be downloaded.
fn refuse_answer(beginning: &[u8]) -> Result<(), BillError> {
    const NO_STATEMENT: [&str; 3] = ["NO_STATEMENT_EXIST", "No Bill Exist", "账单不存在"];
    if is_utf16(beginning) {
        return Err(BillError::NotABill(Found::Utf16));
    }
    let found = match beginning.trim_ascii_start().first() {
        None => return Err(BillError::Empty),
        Some(b'<') => Found::Page,
        Some(b'{' | b'[') => Found::Json,
        Some(_) => return Ok(()),
    };
    let text = String::from_utf8_lossy(&beginning[..beginning.len().min(4096)]);
    let is_no_statement = NO_STATEMENT.iter().any(|word| text.contains(word));
    Err(if is_no_statement { BillError::NoStatement } else { BillError::NotABill(found) })
}

/// Whether it begins with the mark of UTF-16, or every other byte is often zero, as in UTF-16 without a mark.
fn is_utf16(beginning: &[u8]) -> bool {
    if beginning.starts_with(b"\xff\xfe") || beginning.starts_with(b"\xfe\xff") {
        return true;
    }
    let beginning = &beginning[..beginning.len().min(4096)];
    let zeros = |parity: usize| beginning.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let many = (beginning.len() / 32).max(4);
    // A character may have a zero in its other byte too.
    even.min(odd) * 8 <= even.max(odd) && even.max(odd) >= many
}

/// Opens a file as its profile says. With its hash where that is wanted, everything was read, and it is of the
/// unpacked bytes.
fn with_rows<T>(
    input: &mut dyn Input,
    profile: &Profile,
    hashing: Hashing,
    work: &mut dyn FnMut(&mut dyn Rows) -> Result<T, BillError>,
) -> Result<(T, Option<Sha256Hex>), BillError> {
    let (dialect, encoding) = match &profile.format {
        Format::Backtick => (Dialect::Backtick, Encoding::Utf8),
        Format::Csv { delimiter, quote, encoding, line_ends, header_line: _ } => {
            let (delimiter, quote, line_ends) = (*delimiter, *quote, *line_ends);
            (Dialect::Csv { delimiter, quote, line_ends }, *encoding)
        }
        Format::Xlsx { sheet, .. } => {
            let mut book = sheet_rows::Book::open(input, sheet.as_deref())?;
            return Ok((work(&mut book.rows()?)?, None));
        }
    };
    let mut rows = TextRows::open(input, dialect, encoding, hashing)?;
    refuse_answer(rows.beginning())?;
    let done = work(&mut rows)?;
    Ok((done, rows.sha256()))
}
