//! Whether an import that was interrupted can go on: only where the lines that stand are those that the file is read
//! to hold now. A profile that was corrected meanwhile reads others.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::ControlFlow;

use chrono::NaiveDate;

use super::{ImportError, Source, compare};
use crate::bill::{Bill, BillRow};
use crate::domain::bill::BillKey;
use crate::ledger::Ledger;

/// The lines of a day that stand: of each no more than a hash is held.
struct Stood {
    left: std::vec::IntoIter<u64>,
    is_other: bool,
}

/// Of the days with lines of an opening of this very file, those whose lines are read otherwise now.
pub(super) async fn read_otherwise(
    ledger: &Ledger,
    source: &Source,
    bill: &Bill,
    begun: &[(BillKey, u64)],
) -> Result<Vec<NaiveDate>, ImportError> {
    let hashes = RandomState::new();
    let mut days = HashMap::new();
    for (key, revision) in begun {
        let mut lines = vec![];
        compare::each_standing(ledger, key, *revision, &mut |row| {
            lines.push(line_hash(&hashes, &row)?);
            Ok(())
        })
        .await?;
        days.insert(key.day, Stood { left: lines.into_iter(), is_other: false });
    }
    let (source, sha256) = (source.clone(), bill.sha256.clone());
    super::blocking(move || {
        let mut failed = Ok(());
        let again = source.read(&mut |day, row| match hold(&mut days, &hashes, day, &row) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Err(error);
                ControlFlow::Break(())
            }
        });
        failed?;
        if again?.sha256 != sha256 {
            return Err(ImportError::Changed);
        }
        let others = days.into_iter().filter(|(_, stood)| stood.is_other || stood.left.len() > 0);
        Ok(others.map(|(day, _)| day).collect())
    })
    .await
}

/// Holds a line of the file against the one that stands in its place, if there is any.
fn hold(
    days: &mut HashMap<NaiveDate, Stood>,
    hashes: &RandomState,
    day: NaiveDate,
    row: &BillRow,
) -> Result<(), ImportError> {
    let Some(stood) = days.get_mut(&day) else { return Ok(()) };
    let Some(line) = stood.left.next() else { return Ok(()) };
    stood.is_other |= line != line_hash(hashes, row)?;
    Ok(())
}

fn line_hash(hashes: &RandomState, row: &BillRow) -> Result<u64, ImportError> {
    Ok(hashes.hash_one((compare::number_of(row), compare::cells_hash(hashes, row)?)))
}
