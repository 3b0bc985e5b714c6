//! Rows of the reconciliation, by case or number, what was entered of a payment, and a month's files, as they stand.

use chrono::{DateTime, Utc};

use super::Desk;
use super::scope::Scope;
use super::source::PROJECTION;
use crate::domain::bill::MerchantId;
use crate::domain::case::CaseKey;
use crate::domain::period::PeriodKey;
use crate::domain::push::PaymentIds;
use crate::limits;
use crate::projector::{AskError, Question};
use crate::store::Position;
use crate::table::Table;

/// A table of one row, or of none.
pub async fn of_case(
    desk: &Desk<'_>,
    key: &CaseKey,
    min_position: Option<Position>,
    as_of: DateTime<Utc>,
) -> Result<Table, AskError> {
    let parameters =
        [("merchant", key.merchant.as_str()), ("case_kind", key.kind.as_str()), ("case_id", key.id())]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
    asked(desk, "row", &parameters, min_position, as_of).await
}

/// The orders that people entered from one payment of the bills.
pub async fn recoveries_of(
    desk: &Desk<'_>,
    merchant: &MerchantId,
    transaction_id: &str,
    min_position: Option<Position>,
    as_of: DateTime<Utc>,
) -> Result<Table, AskError> {
    let parameters = [("merchant", merchant.as_str()), ("transaction_id", transaction_id)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    asked(desk, "recoveries", &parameters, min_position, as_of).await
}

/// What people decided about the pushes in quarantine that name a payment, what was adopted first.
pub async fn quarantine_decided_of(
    desk: &Desk<'_>,
    payment: &PaymentIds,
    min_position: Option<Position>,
    as_of: DateTime<Utc>,
) -> Result<Table, AskError> {
    let ids = [("transaction_id", &payment.transaction_id), ("mch_order_no", &payment.mch_order_no)];
    let parameters: Vec<_> =
        ids.into_iter().filter_map(|(name, id)| Some((name.to_owned(), id.clone()?))).collect();
    asked(desk, "quarantine_decided", &parameters, min_position, as_of).await
}

/// The rows that a number names, of any kind.
pub async fn of_number(
    desk: &Desk<'_>,
    merchant: &MerchantId,
    number: &str,
    min_position: Option<Position>,
    as_of: DateTime<Utc>,
) -> Result<Table, AskError> {
    let parameters = [("merchant", merchant.as_str()), ("id", number)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    asked(desk, "rows_by_id", &parameters, min_position, as_of).await
}

/// The bill files of a month.
pub async fn files_of(
    desk: &Desk<'_>,
    key: &PeriodKey,
    min_position: Option<Position>,
    as_of: DateTime<Utc>,
) -> Result<Table, AskError> {
    let scope = Scope::of_month(key.merchant.clone(), key.month, as_of);
    asked(desk, "files", &scope.parameters(), min_position, as_of).await
}

async fn asked(
    desk: &Desk<'_>,
    query: &str,
    parameters: &[(String, String)],
    min_position: Option<Position>,
    as_of: DateTime<Utc>,
) -> Result<Table, AskError> {
    let (projection, wait) = (PROJECTION, limits::QUERY_POSITION_WAIT);
    let question = Question { projection, query, parameters, as_of, min_position, wait };
    Ok(desk.projector.ask(&question).await?.table)
}
