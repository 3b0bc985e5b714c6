//! Writes a report: header and rows of one state of the read model. The same state, scope and moment give the
//! same bytes; nothing is asked of a clock.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::header::{Header, Sums, Totals, add};
use super::runs;
use super::scope::Scope;
use super::source::{self, Source};
use crate::domain::bill::Sha256Hex;
use crate::limits;
use crate::projector::AskError;
use crate::table::book::Book;
use crate::table::csv::{self, Bom, CsvError};
use crate::table::xlsx::WriteError;
use crate::table::{Cell, Column, Row, Table, text};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The rows alone: stable names above, and nothing that a program would have to skip.
    Csv(Bom),
    /// The header on the first sheet, then the rows on as many sheets as they need.
    Xlsx,
    /// `{"header": {…}, "rows": […]}`
    Json,
    /// For terminals: sums, gaps, and the first differences.
    Table,
    /// What is filed when a period is prepared: the header as one line of JSON, then the rows as CSV.
    Filed,
}

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Of all bytes.
    pub sha256: Sha256Hex,
    pub bytes: u64,
    pub rows: u64,
    pub header: Header,
}

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("the report cannot be written: {0}")]
    Write(io::Error),
    #[error(transparent)]
    Csv(#[from] CsvError),
    #[error(transparent)]
    Xlsx(#[from] WriteError),
    #[error("the report cannot be written as JSON: {0}")]
    Json(serde_json::Error),
    #[error(
        "the sums of {} rows do not add up: ledger {} fen less bill {} fen is not the differences' {} fen; rebuild \
         the projection reconciliation",
        .0.kind, .0.ledger_fen, .0.bill_fen, .0.difference_fen
    )]
    DoesNotAddUp(Totals),
    #[error(
        "the {kind} rows do not add up to the summary: {listed} rows stand where {counted} were counted, or their \
         sums differ; rebuild the projection reconciliation"
    )]
    OtherThanSummary { kind: String, listed: i64, counted: i64 },
    #[error("the sums of {0} rows are too large to count")]
    TooMuch(String),
    #[error("reconciliation/{0} has no column {1}: the folder is not the program's own")]
    Column(&'static str, &'static str),
}

/// Its words stand in the message: told as the source too, they would be told twice.
impl From<io::Error> for ReportError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<serde_json::Error> for ReportError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

/// Blocks. Keeps one row in memory at a time.
pub fn write(
    source: &dyn Source,
    scope: &Scope,
    format: Format,
    out: impl Write + Send,
) -> Result<Written, ReportError> {
    write_beside(None, source, scope, format, out)
}

/// The same; the sheets of an Excel file are kept in this folder until they are packed.
pub fn write_beside(
    folder: Option<&Path>,
    source: &dyn Source,
    scope: &Scope,
    format: Format,
    out: impl Write + Send,
) -> Result<Written, ReportError> {
    let header = Header::read(source, scope)?;
    let mut out = BufWriter::new(Hashing { out, sha: Sha256::new(), bytes: 0 });
    let rows = match format {
        Format::Csv(bom) => csv_rows(source, &header, bom, &mut out)?,
        Format::Filed => {
            serde_json::to_writer(&mut out, &header)?;
            out.write_all(b"\n")?;
            csv_rows(source, &header, Bom::Without, &mut out)?
        }
        Format::Json => json(source, &header, &mut out)?,
        Format::Xlsx => xlsx(folder, source, &header, limits::XLSX_SHEET_ROWS_MAX, &mut out)?,
        Format::Table => terminal(source, &header, &mut out)?,
    };
    let mut out = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    out.flush()?;
    Ok(Written { sha256: Sha256Hex::of_digest(&out.sha.finalize().into()), bytes: out.bytes, rows, header })
}

fn csv_rows(source: &dyn Source, header: &Header, bom: Bom, out: impl Write) -> Result<u64, ReportError> {
    let columns = source.columns(ROWS)?;
    let mut writer = csv::RowWriter::begin(&columns, bom, out)?;
    let rows = each_row(source, header, &columns, &mut |cells| Ok(writer.row(cells)?))?;
    writer.finish()?;
    Ok(rows)
}

fn json(source: &dyn Source, header: &Header, mut out: impl Write) -> Result<u64, ReportError> {
    let columns = source.columns(ROWS)?;
    out.write_all(b"{\"header\":")?;
    serde_json::to_writer(&mut out, header)?;
    out.write_all(b",\"rows\":[")?;
    let mut between: &[u8] = b"\n";
    let rows = each_row(source, header, &columns, &mut |cells| {
        out.write_all(std::mem::replace(&mut between, b",\n"))?;
        Ok(serde_json::to_writer(&mut out, &Row::new(&columns, cells))?)
    })?;
    out.write_all(b"\n]}\n")?;
    Ok(rows)
}

fn xlsx(
    folder: Option<&Path>,
    source: &dyn Source,
    header: &Header,
    sheet_rows_max: usize,
    out: impl Write + Send,
) -> Result<u64, ReportError> {
    let columns = source.columns(ROWS)?;
    let mut book = Book::made_at(header.scope.as_of)?;
    let expected: i64 = header.listed()?.iter().map(|totals| totals.rows).sum();
    if expected > limits::XLSX_REPORT_ROWS_LARGE {
        book = book.large();
    }
    if let Some(folder) = folder {
        book = book.kept_in(folder)?;
    }
    let mut page = vec![("对账报告 reconciliation report".to_owned(), header.about())];
    page.extend(header.sections().map(|(_, title, table)| (title.to_owned(), table)));
    book.page("report", &page)?;
    let mut sheets = book.rows("rows", &columns, sheet_rows_max)?;
    let rows = each_row(source, header, &columns, &mut |cells| Ok(sheets.row(cells)?))?;
    book.write_into(out)?;
    Ok(rows)
}

/// What a terminal has room for, of each difference.
const SHOWN: [&str; 9] = [
    "accounting_day",
    "kind",
    "status",
    "out_trade_no",
    "transaction_id",
    "ledger_fen",
    "bill_fen",
    "difference_fen",
    "case_state",
];

fn terminal(source: &dyn Source, header: &Header, mut out: impl Write) -> Result<u64, ReportError> {
    let mut parameters = header.scope.parameters();
    match &header.scope.status {
        Some(status) => parameters.push(("status".into(), status.clone())),
        None => parameters.push(("only_differences".into(), "true".into())),
    }
    parameters.push(("limit".into(), limits::LIST_ROWS.to_string()));
    let differences = source::table(source, "rows", &parameters, header.scope.as_of)?.only(&SHOWN);
    let rows = u64::try_from(differences.rows.len()).unwrap_or(u64::MAX);
    section(&mut out, "Report", &header.about().only(&["key", "value"]))?;
    section(&mut out, "Totals", &header.totals_table())?;
    section(&mut out, "By status", &header.summary)?;
    section(&mut out, "Carried", &header.carried)?;
    let gaps = header.gaps();
    if gaps.rows.is_empty() {
        writeln!(out, "The bills cover every day of payments and refunds.\n")?;
    } else {
        section(&mut out, "Days without bills", &in_runs(&gaps.only(&["day", "payments", "refunds"])))?;
    }
    for remark in header.remarks() {
        writeln!(out, "{remark}.\n")?;
    }
    section(&mut out, &format!("Rows, the first {}", limits::LIST_ROWS), &differences)?;
    Ok(rows)
}

/// The same, days one after another of which the same is said in one row.
fn in_runs(days: &Table) -> Table {
    let rows = days.rows().filter_map(|row| Some((row.text("day")?, row.cells().get(1..)?)));
    let runs = runs::of_days(rows);
    let row = |(days, rest): (String, &[Cell])| [&[Cell::Text(days)], rest].concat();
    Table { columns: days.columns.clone(), rows: runs.into_iter().map(row).collect() }
}

fn section(out: &mut impl Write, title: &str, table: &Table) -> io::Result<()> {
    write!(out, "{title}\n{}\n", text::write(table))
}

/// The question whose answer is all rows.
const ROWS: &str = "report";

/// Every row that the report lists, and how many; their sums must be the summary's.
fn each_row(
    source: &dyn Source,
    header: &Header,
    columns: &[Column],
    write: &mut dyn FnMut(&[Cell]) -> Result<(), ReportError>,
) -> Result<u64, ReportError> {
    let mut parameters = header.scope.parameters();
    parameters.extend(header.scope.status.iter().map(|status| ("status".to_owned(), status.clone())));
    let mut listed = Vec::new();
    let mut failed = None;
    let asked = source.ask(ROWS, &parameters, header.scope.as_of, &mut |cells| {
        let row = Row::new(columns, cells);
        let counted = match row.text("kind") {
            Some(kind) => add(&mut listed, kind, 1, Sums::of(row)),
            None => Err(ReportError::Column(ROWS, "kind")),
        };
        counted.and_then(|()| write(cells)).map_err(|error| {
            failed = Some(error);
            io::Error::other("the report ends here")
        })
    });
    failed.map_or(Ok(()), Err)?;
    asked?;
    is_as_counted(&listed, &header.listed()?)?;
    Ok(listed.iter().map(|totals| totals.rows.unsigned_abs()).sum())
}

fn is_as_counted(listed: &[Totals], counted: &[Totals]) -> Result<(), ReportError> {
    for kind in listed.iter().chain(counted).map(|totals| &totals.kind) {
        let of = |all: &[Totals]| all.iter().find(|totals| totals.kind == *kind).cloned();
        let (listed, counted) = (of(listed), of(counted));
        if listed != counted {
            let rows = |totals: Option<Totals>| totals.map_or(0, |totals| totals.rows);
            let (kind, listed, counted) = (kind.clone(), rows(listed), rows(counted));
            return Err(ReportError::OtherThanSummary { kind, listed, counted });
        }
    }
    Ok(())
}

/// Counts and hashes what goes through.
struct Hashing<W> {
    out: W,
    sha: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sha.update(bytes.get(..written).unwrap_or(bytes));
        self.bytes += u64::try_from(written).unwrap_or(0);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
