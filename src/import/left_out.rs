//! Days that a corrected file of several days leaves out: between its first and its last row, the file that it takes the
//! place of has lines, and it has none.

use super::{Day, ImportError, Standing};
use crate::bill::{Bill, DayTotals};
use crate::domain::bill::{BillDay, BillKey, FundTotals, Sha256Hex, Totals, TradeTotals};
use crate::ledger::Ledger;

/// The file's days, and those that it leaves out, oldest first.
pub(super) async fn days(ledger: &Ledger, bill: &Bill, mut days: Vec<Day>) -> Result<Vec<Day>, ImportError> {
    let (Some(first), Some(last)) = (bill.days.first(), bill.days.last()) else { return Ok(days) };
    let superseded: Vec<Sha256Hex> = days
        .iter()
        .filter_map(|day| match &day.stands {
            Standing::Other { sha256, .. } if *sha256 != bill.sha256 => Some(sha256.clone()),
            Standing::Other { .. } | Standing::Nothing | Standing::Same => None,
        })
        .collect();
    if superseded.is_empty() {
        return Ok(days);
    }
    let nothing = match bill.totals {
        Totals::Trade(_) => Totals::Trade(TradeTotals::default()),
        Totals::Funds(_) => Totals::Funds(FundTotals::default()),
    };
    for day in first.day.iter_days().take_while(|day| *day < last.day) {
        if bill.days.iter().any(|totals| totals.day == day) {
            continue;
        }
        let key = BillKey { merchant: bill.merchant.clone(), day, kind: bill.kind.clone() };
        let BillDay { sealed, sealed_revision: revision, .. } = ledger.bill_day(&key).await?;
        if let Some(sha256) = sealed.filter(|sealed| superseded.contains(sealed)) {
            let totals = DayTotals { day, rows: 0, totals: nothing };
            let stands = Standing::Other { sha256, revision };
            days.push(Day { key, totals, stands, begun: None, read_otherwise: vec![], loses_lines: false });
        }
    }
    days.sort_by_key(|day| day.key.day);
    Ok(days)
}
