//! One row of the reconciliation, by its case, as it stands.

use chrono::{DateTime, Utc};

use super::Desk;
use super::source::PROJECTION;
use crate::domain::case::CaseKey;
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
    let question = Question {
        projection: PROJECTION,
        query: "row",
        parameters: &parameters,
        as_of,
        min_position,
        wait: limits::QUERY_POSITION_WAIT,
    };
    Ok(desk.projector.ask(&question).await?.table)
}
