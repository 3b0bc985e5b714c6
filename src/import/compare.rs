//! How a file differs from the one that stands for the same merchant, day and kind, line by line. Of the lines
//! that stand only two hashes each are held in memory; what is shown is read again.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::BuildHasher;
use std::ops::ControlFlow;

use chrono::NaiveDate;
use serde_json::Value;

use super::{Day, ImportError, Source, Standing};
use crate::bill::{Bill, BillRow};
use crate::codec;
use crate::domain::bill::{BillKey, BillLines, RowKind, Sha256Hex};
use crate::ledger::{Ledger, LedgerError};
use crate::limits;

/// What is different in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// In the file, and not in what stands.
    Added,
    /// In what stands, and not in the file.
    Removed,
    /// In both, with other cells.
    Changed(Vec<ColumnDifference>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDifference {
    pub column: &'static str,
    /// As they are stored: amounts in fen, moments in UTC; null where the cell is empty.
    pub stands: Value,
    pub file: Value,
}

/// One line that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub day: NaiveDate,
    pub change: Change,
    /// What names the line: 微信订单号, for a refund with 微信退款单号 behind it; of a fund flow bill 资金流水单号.
    pub id: String,
    /// Its number in the file, or, where it is there no more, in the one that stands.
    pub line: u64,
}

/// A day for which another content stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingDay {
    pub key: BillKey,
    pub sha256: Sha256Hex,
    /// Of the lines that count.
    revision: u64,
}

/// All that is different between a file and what stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// The days, with the content that stands for each.
    pub days: Vec<StandingDay>,
    pub added: u64,
    pub removed: u64,
    pub changed: u64,
    /// The first of them: changed, then removed, then added, each in the order of its file.
    pub shown: Vec<Difference>,
    /// The days in which there are any.
    concerned: Vec<NaiveDate>,
    /// The days of which lines are removed.
    lose: Vec<NaiveDate>,
}

impl Differences {
    pub fn count(&self) -> u64 {
        self.added + self.removed + self.changed
    }

    pub fn concerns(&self, day: NaiveDate) -> bool {
        self.concerned.contains(&day)
    }

    /// Whether lines that stand for the day are not in the file.
    pub fn removes_from(&self, day: NaiveDate) -> bool {
        self.lose.contains(&day)
    }

    fn note(&mut self, day: NaiveDate) {
        if !self.concerned.contains(&day) {
            self.concerned.push(day);
        }
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { days, added, removed, changed, .. } = self;
        let days: Vec<_> = days.iter().map(|day| format!("{} ({})", day.key, day.sha256)).collect();
        let lines = if *changed == 1 { "line" } else { "lines" };
        write!(
            f,
            "another file stands for {}: {changed} {lines} changed, {removed} removed, {added} added; to let this \
             one take its place, import it with the reason: --supersede REASON, or supersede=REASON over HTTP",
            days.join(", ")
        )
    }
}

/// A line that stands, as far as it is kept in memory.
struct Kept {
    cells: u64,
    found: Found,
}

#[derive(PartialEq, Eq)]
enum Found {
    Not,
    Same,
    Other,
}

/// Names lines by hashes: equal lines of one day one after the other.
struct Names {
    hashes: RandomState,
    /// How often a name stood, for those that stood more than once.
    more: HashMap<u64, u64>,
}

impl Names {
    fn new(hashes: &RandomState) -> Self {
        Self { hashes: hashes.clone(), more: HashMap::new() }
    }

    fn base(&self, day: NaiveDate, row: &BillRow) -> u64 {
        self.hashes.hash_one((day, id_of(row)))
    }

    /// The name of the second, the third, … line of a base.
    fn next(&mut self, base: u64) -> u64 {
        let times = self.more.entry(base).or_insert(0);
        *times += 1;
        self.hashes.hash_one((base, *times))
    }
}

/// Reads what stands, then the file, then what stands again for what is shown of it.
pub(super) async fn run(
    ledger: &Ledger,
    source: &Source,
    bill: &Bill,
    days: &[Day],
) -> Result<Differences, ImportError> {
    let hashes = RandomState::new();
    let mut differences = Differences::default();
    for day in days {
        if let Standing::Other { sha256, revision } = &day.stands {
            let (key, sha256) = (day.key.clone(), sha256.clone());
            differences.days.push(StandingDay { key, sha256, revision: *revision });
        }
    }
    let mut kept = HashMap::new();
    let mut names = Names::new(&hashes);
    for standing in &differences.days {
        each_standing(ledger, &standing.key, standing.revision, &mut |row| {
            let base = names.base(standing.key.day, &row);
            let name = if kept.contains_key(&base) { names.next(base) } else { base };
            kept.insert(name, Kept { cells: cells_hash(&hashes, &row)?, found: Found::Not });
            Ok(())
        })
        .await?;
    }
    let (source, hashes_of_file, sha256) = (source.clone(), hashes.clone(), bill.sha256.clone());
    let compared = super::blocking(move || {
        let mut compared = Compared { kept, differences, changed: HashMap::new(), added: vec![] };
        let again = compared.read(&source, &hashes_of_file)?;
        if again == sha256 { Ok(compared) } else { Err(ImportError::Changed) }
    });
    let compared = compared.await?;
    compared.shown(ledger, &hashes).await
}

struct Compared {
    kept: HashMap<u64, Kept>,
    differences: Differences,
    /// The first of the file's lines that have other cells, by name.
    changed: HashMap<u64, BillRow>,
    added: Vec<Difference>,
}

impl Compared {
    /// Holds each line of the file against what stands.
    fn read(&mut self, source: &Source, hashes: &RandomState) -> Result<Sha256Hex, ImportError> {
        let days: Vec<_> = self.differences.days.iter().map(|standing| standing.key.day).collect();
        let mut names = Names::new(hashes);
        let mut failed = Ok(());
        let bill = source.read(&mut |day, row| {
            if days.contains(&day) {
                failed = self.hold(day, row, hashes, &mut names);
            }
            if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        failed.and(Ok(bill?.sha256))
    }

    fn hold(
        &mut self,
        day: NaiveDate,
        row: BillRow,
        hashes: &RandomState,
        names: &mut Names,
    ) -> Result<(), ImportError> {
        let base = names.base(day, &row);
        let is_taken = self.kept.get(&base).is_some_and(|kept| kept.found != Found::Not);
        let name = if is_taken { names.next(base) } else { base };
        let Entry::Occupied(mut kept) = self.kept.entry(name) else {
            self.differences.added += 1;
            self.differences.note(day);
            if self.added.len() < limits::BILL_DIFFERENCES_MAX {
                self.added.push(difference(day, Change::Added, &row));
            }
            return Ok(());
        };
        if kept.get().cells == cells_hash(hashes, &row)? {
            kept.get_mut().found = Found::Same;
            return Ok(());
        }
        kept.get_mut().found = Found::Other;
        self.differences.changed += 1;
        self.differences.note(day);
        if self.changed.len() < limits::BILL_DIFFERENCES_MAX {
            self.changed.insert(name, row);
        }
        Ok(())
    }

    /// What is shown of the differences.
    async fn shown(self, ledger: &Ledger, hashes: &RandomState) -> Result<Differences, ImportError> {
        let Self { kept, mut differences, changed, added } = self;
        let lost = kept.values().filter(|kept| kept.found == Found::Not).count();
        differences.removed = u64::try_from(lost).unwrap_or(u64::MAX);
        let mut shown = vec![];
        let mut removed = vec![];
        if lost > 0 || !changed.is_empty() {
            let mut names = Names::new(hashes);
            let mut lose = vec![];
            let mut seen = HashSet::new();
            for standing in &differences.days {
                let day = standing.key.day;
                each_standing(ledger, &standing.key, standing.revision, &mut |row| {
                    let base = names.base(day, &row);
                    let name = if seen.insert(base) { base } else { names.next(base) };
                    if let Some(file) = changed.get(&name) {
                        let columns = Change::Changed(columns(&row, file)?);
                        shown.push(difference(day, columns, file));
                    } else if kept.get(&name).is_some_and(|kept| kept.found == Found::Not) {
                        lose.push(day);
                        lose.dedup();
                        if removed.len() < limits::BILL_DIFFERENCES_MAX {
                            removed.push(difference(day, Change::Removed, &row));
                        }
                    }
                    Ok(())
                })
                .await?;
            }
            lose.iter().for_each(|day| differences.note(*day));
            differences.lose = lose;
        }
        shown.sort_by_key(|difference: &Difference| (difference.day, difference.line));
        shown.extend(removed);
        shown.extend(added);
        shown.truncate(limits::BILL_DIFFERENCES_MAX);
        Ok(Differences { shown, ..differences })
    }
}

fn difference(day: NaiveDate, change: Change, row: &BillRow) -> Difference {
    Difference { day, change, id: id_of(row), line: number_of(row) }
}

/// A line's number in its file.
pub(super) fn number_of(row: &BillRow) -> u64 {
    match row {
        BillRow::Trade(line) => line.line,
        BillRow::Fund(line) => line.line,
    }
}

/// What names a line within its day. It need not be unique.
fn id_of(row: &BillRow) -> String {
    match row {
        BillRow::Trade(line) => match (line.row, &line.wx_refund_id) {
            (RowKind::Refund, Some(refund)) => format!("{} {refund}", line.transaction_id),
            (RowKind::Refund, None) => format!("{} refund", line.transaction_id),
            (RowKind::Payment, _) => line.transaction_id.clone(),
        },
        BillRow::Fund(line) => {
            let id = line.flow_id.as_deref().or(line.business_id.as_deref());
            format!("{} {}", id.unwrap_or_default(), line.direction.as_str())
        }
    }
}

/// The cells of a line by column, without its number.
fn cells(row: &BillRow) -> Result<Vec<(&'static str, Value)>, ImportError> {
    let cells = match row {
        BillRow::Trade(line) => codec::cells(line),
        BillRow::Fund(line) => codec::cells(line),
    };
    let mut cells = cells.map_err(|error| LedgerError::Unwritable(error.into()))?;
    cells.retain(|(column, _)| *column != "line");
    Ok(cells)
}

pub(super) fn cells_hash(hashes: &RandomState, row: &BillRow) -> Result<u64, ImportError> {
    Ok(hashes.hash_one(cells(row)?))
}

fn columns(stands: &BillRow, file: &BillRow) -> Result<Vec<ColumnDifference>, ImportError> {
    let pairs = cells(stands)?.into_iter().zip(cells(file)?);
    let different = pairs.filter(|((_, stands), (_, file))| stands != file);
    Ok(different.map(|((column, stands), (_, file))| ColumnDifference { column, stands, file }).collect())
}

/// The lines of one opening of a bill, in the order of their file.
pub(super) async fn each_standing(
    ledger: &Ledger,
    key: &BillKey,
    revision: u64,
    each: &mut (dyn FnMut(BillRow) -> Result<(), ImportError> + Send),
) -> Result<(), ImportError> {
    let mut done = Ok(());
    let hand_on = |lines| {
        if done.is_ok() {
            done = match lines {
                BillLines::Trade(lines) => lines.into_iter().map(BillRow::Trade).try_for_each(&mut *each),
                BillLines::Funds(lines) => lines.into_iter().map(BillRow::Fund).try_for_each(&mut *each),
            };
        }
    };
    ledger.read_bill_lines(key, revision, hand_on).await?;
    done
}
