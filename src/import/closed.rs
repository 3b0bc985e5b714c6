//! Months that are closed keep the lines that they were closed with: what changes in one is late and shown, and what
//! would leave one is refused.

use super::{Day, ImportError};
use crate::domain::bill::Totals;
use crate::domain::period::{Month, PeriodKey};
use crate::ledger::Ledger;

/// Refuses days that lose lines in a month that is closed. Funds are in no sum of a month.
pub(super) async fn refuse(ledger: &Ledger, days: &[Day]) -> Result<(), ImportError> {
    let is_trade = |day: &&Day| matches!(day.totals.totals, Totals::Trade(_));
    for day in days.iter().filter(|day| day.loses_lines).filter(is_trade) {
        let Some(month) = Month::of(day.key.day) else { continue };
        let key = PeriodKey { merchant: day.key.merchant.clone(), month };
        if ledger.period(&key).await?.is_closed {
            return Err(ImportError::Closed { day: day.key.day, month });
        }
    }
    Ok(())
}
