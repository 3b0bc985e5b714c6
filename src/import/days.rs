//! Days that have not happened: nothing is imported for them, and none of them is empty before it is over.

use chrono::{DateTime, NaiveDate, Utc};

use super::ImportError;
use crate::domain::bill::{BillKey, Covers};
use crate::ledger::{BillImportError, Ledger, Recorded};
use crate::moment::in_beijing;

/// Why a day cannot be declared empty.
#[derive(Debug, thiserror::Error)]
pub enum EmptyError {
    #[error("{day} is not over in Beijing: declare it empty from the next day on")]
    NotOver { day: NaiveDate },
    #[error(transparent)]
    Bill(#[from] BillImportError),
}

/// Records that WeChat has no bill for a day that is over.
pub async fn declare_empty(
    ledger: &Ledger,
    key: &BillKey,
    covers: Covers,
    reason: &str,
    by: &str,
    at: DateTime<Utc>,
) -> Result<Recorded, EmptyError> {
    if key.day >= today(at) {
        return Err(EmptyError::NotOver { day: key.day });
    }
    Ok(ledger.declare_empty(key, covers, reason, by, at).await?)
}

/// The bill of a day that is not over may be taken; that of one that has not begun is wrong.
pub(super) fn refuse_future(
    days: impl Iterator<Item = NaiveDate>,
    at: DateTime<Utc>,
) -> Result<(), ImportError> {
    let today = today(at);
    days.max().filter(|day| *day > today).map_or(Ok(()), |day| Err(ImportError::NotBegun { day, today }))
}

fn today(at: DateTime<Utc>) -> NaiveDate {
    in_beijing(at).date_naive()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_may_be_of_today_in_beijing_and_not_of_tomorrow() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (at, of, is_taken) in [
            ("2026-01-31T15:59:59Z", "2026-01-31", true),
            ("2026-01-31T15:59:59Z", "2026-02-01", false),
            ("2026-01-31T16:00:00Z", "2026-02-01", true),
            ("2026-01-31T16:00:00Z", "2027-02-01", false),
        ] {
            let days = [day("2026-01-01"), day(of)];
            assert_eq!(
                refuse_future(days.into_iter(), at.parse().unwrap()).is_ok(),
                is_taken,
                "{of} at {at}"
            );
        }
    }
}
