//! What a report is about: whose money, which Beijing days, which rows, and the moment that ages are counted to.

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::bill::MerchantId;
use crate::domain::period::Month;
use crate::limits;

/// What a row may say, in words that need no decision.
const SETTLED: [&str; 10] = [
    "awaiting_bill",
    "awaiting_push",
    "matched",
    "matched_by_operator",
    "other_app",
    "other_channel",
    "refund_awaiting_bill",
    "refund_awaiting_push",
    "refund_matched",
    "test_order",
];

/// What a row may say, in words that a person decides about.
const DIFFERENCES: [&str; 19] = [
    "amount_differs",
    "amount_rule_suspect",
    "conflict",
    "currency_differs",
    "duplicate_in_bill",
    "ids_disagree",
    "missing_in_bill",
    "missing_in_ledger",
    "mock_in_bill",
    "quarantined",
    "refund_ambiguous",
    "refund_amount_differs",
    "refund_exceeds_payment",
    "refund_missing_in_bill",
    "refund_missing_in_ledger",
    "refund_not_successful",
    "refund_without_order",
    "revoked_in_bill",
    "sandbox_in_bill",
];

/// All statuses that a row may have.
pub fn statuses() -> impl Iterator<Item = &'static str> {
    DIFFERENCES.into_iter().chain(SETTLED)
}

/// Whether rows of this status wait for a decision.
pub fn is_difference(status: &str) -> bool {
    DIFFERENCES.contains(&status)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub merchant: MerchantId,
    /// The first accounting day, in Beijing.
    pub from: NaiveDate,
    /// The last one.
    pub to: NaiveDate,
    /// Only rows of this status; the sums are of all.
    pub status: Option<String>,
    pub as_of: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    #[error("from {from} to {to} is no time: `from` must not be after `to`")]
    Backwards { from: NaiveDate, to: NaiveDate },
    #[error("{days} days are more than a report takes, {}: ask for a shorter time", limits::REPORT_DAYS_MAX)]
    TooLong { days: i64 },
    #[error("no row has the status {status:?}; known: {}", statuses().collect::<Vec<_>>().join(", "))]
    Status { status: String },
}

impl ScopeError {
    /// The parameter that is wrong.
    pub fn parameter(&self) -> &'static str {
        match self {
            Self::Backwards { .. } | Self::TooLong { .. } => "to",
            Self::Status { .. } => "status",
        }
    }
}

impl Scope {
    pub fn new(
        merchant: MerchantId,
        (from, to): (NaiveDate, NaiveDate),
        status: Option<String>,
        as_of: DateTime<Utc>,
    ) -> Result<Self, ScopeError> {
        let days = to.signed_duration_since(from).num_days() + 1;
        if days < 1 {
            return Err(ScopeError::Backwards { from, to });
        }
        if days > limits::REPORT_DAYS_MAX {
            return Err(ScopeError::TooLong { days });
        }
        match status {
            Some(status) if !statuses().any(|known| known == status) => Err(ScopeError::Status { status }),
            status => Ok(Self { merchant, from, to, status, as_of }),
        }
    }

    /// All rows of a month.
    pub fn of_month(merchant: MerchantId, month: Month, as_of: DateTime<Utc>) -> Self {
        Self { merchant, from: month.first_day(), to: month.last_day(), status: None, as_of }
    }

    /// As the questions of `projections/reconciliation` take it, without the status.
    pub fn parameters(&self) -> Vec<(String, String)> {
        [
            ("merchant", self.merchant.to_string()),
            ("from_day", self.from.to_string()),
            ("to_day", self.to.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_scope_is_at_least_a_day_and_at_most_a_year_and_a_month() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (from, to, is_possible) in [
            ("2026-01-01", "2026-01-01", true),
            ("2026-01-02", "2026-01-01", false),
            ("2026-01-01", "2027-01-31", true),
            ("2026-01-01", "2028-01-01", false),
        ] {
            let merchant = MerchantId::parse("1900000109").unwrap();
            let scope = Scope::new(merchant, (day(from), day(to)), None, DateTime::UNIX_EPOCH);
            assert_eq!(scope.is_ok(), is_possible, "{from} to {to}");
        }
    }

    #[test]
    fn a_status_that_no_row_has_is_told_with_those_there_are() {
        let day = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
        let scope = |status: &str| {
            let merchant = MerchantId::parse("1900000109").unwrap();
            Scope::new(merchant, (day, day), Some(status.to_owned()), DateTime::UNIX_EPOCH)
        };
        assert!(scope("missing_in_bill").is_ok() && scope("awaiting_push").is_ok());
        let refused = scope("missing").unwrap_err();
        assert_eq!(refused.parameter(), "status");
        assert!(refused.to_string().contains("missing_in_bill"), "{refused}");
    }

    /// The words in quotes between two texts, wherever they stand.
    fn words(sql: &str, begin: &str, end: &str) -> BTreeSet<String> {
        let parts = sql.split(begin).skip(1).map(|part| part.split(end).next().unwrap());
        let words = parts.flat_map(|part| part.split('\'').skip(1).step_by(2));
        let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        words.filter(is_word).map(str::to_owned).collect()
    }

    #[test]
    fn the_statuses_are_those_that_the_questions_can_be_asked_for() {
        let known = statuses().collect::<Vec<_>>().join(",");
        for query in [
            include_str!("../../projections/reconciliation/queries/rows.sql"),
            include_str!("../../projections/reconciliation/queries/report.sql"),
        ] {
            let declared = query.lines().find_map(|line| line.strip_prefix("-- parameter: status text of "));
            assert_eq!(declared.unwrap().split(' ').next(), Some(known.as_str()));
        }
    }

    #[test]
    fn the_statuses_are_those_that_the_schema_can_say() {
        let schema = include_str!("../../projections/reconciliation/schema.sql");
        // Which of them is too young to be missed is asked, not stored.
        let young = ["awaiting_push", "refund_awaiting_push"].map(str::to_owned);
        let mut said = words(schema, "status TEXT AS (CASE", "END)");
        said.extend(young.clone());
        let known: BTreeSet<_> = statuses().map(str::to_owned).collect();
        assert_eq!(known, said);
        let mut settled = words(schema, "is_difference INTEGER AS (status NOT IN (", "))");
        settled.extend(young);
        settled.insert("other_app".to_owned());
        assert_eq!(SETTLED.map(str::to_owned).into_iter().collect::<BTreeSet<_>>(), settled);
    }
}
