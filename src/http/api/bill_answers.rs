//! What is said of bill files: what became of them, and by which lines they differ from what stands.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::domain::bill::Totals;
use crate::import::{self, Change, Difference, Differences, Imported, Outcome, StandingDay};

/// What a bill's lines come to; of a fund flow bill `incomes` to `expense_fen` only, of others all but these.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BillTotals {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub payments: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub refunds: Option<u64>,
    /// 订单金额
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub order_fen: Option<i64>,
    /// 应结订单金额
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub settlement_fen: Option<i64>,
    /// 代金券金额
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub coupon_fen: Option<i64>,
    /// 退款金额
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub refund_fen: Option<i64>,
    /// 充值券退款金额
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub coupon_refund_fen: Option<i64>,
    /// 申请退款金额
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub applied_refund_fen: Option<i64>,
    /// 手续费, in thousandths of a fen
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub fee_millifen: Option<i64>,
    /// 收入笔数
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub incomes: Option<u64>,
    /// 收入金额
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub income_fen: Option<i64>,
    /// 支出笔数
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expenses: Option<u64>,
    /// 支出金额
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expense_fen: Option<i64>,
}

impl From<Totals> for BillTotals {
    fn from(totals: Totals) -> Self {
        match totals {
            Totals::Trade(totals) => Self {
                payments: Some(totals.payments),
                refunds: Some(totals.refunds),
                order_fen: Some(totals.order_fen.0),
                settlement_fen: Some(totals.settlement_fen.0),
                coupon_fen: Some(totals.coupon_fen.0),
                refund_fen: Some(totals.refund_fen.0),
                coupon_refund_fen: Some(totals.coupon_refund_fen.0),
                applied_refund_fen: Some(totals.applied_refund_fen.0),
                fee_millifen: Some(totals.fee_millifen.0),
                ..Self::default()
            },
            Totals::Funds(totals) => Self {
                incomes: Some(totals.incomes),
                income_fen: Some(totals.income_fen.0),
                expenses: Some(totals.expenses),
                expense_fen: Some(totals.expense_fen.0),
                ..Self::default()
            },
        }
    }
}

/// What became of one day of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DayOutcome {
    /// Its lines stand now, and count.
    Imported,
    /// The same, and a part of them had been appended by a run that was interrupted.
    Resumed,
    /// It had been imported before: nothing was appended.
    Stands,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BillDayImported {
    /// A day in Beijing.
    #[schema(value_type = String, format = Date, example = "2026-01-01")]
    pub day: NaiveDate,
    pub rows: u64,
    pub outcome: DayOutcome,
    /// Lines that an interrupted run had appended.
    pub lines_stood: u64,
    /// SHA-256 of the content that it took the place of.
    #[schema(required)]
    pub superseded: Option<String>,
    pub totals: BillTotals,
}

/// How many lines are of whom.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinesOf {
    /// By app.
    pub apps: BTreeMap<String, u64>,
    /// With an AppID that is not configured.
    pub other_apps: u64,
    /// That name no app, as those of a fund flow bill.
    pub no_app: u64,
}

/// What became of a bill file.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BillImported {
    /// 商户号
    #[schema(example = "1900000109")]
    pub merchant: String,
    #[schema(example = "all")]
    pub kind: String,
    /// payments, refunds, both or funds
    #[schema(example = "both")]
    pub covers: String,
    /// The layout by which it was read.
    pub profile: String,
    /// Of the content, uncompressed.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub sha256: String,
    pub rows: u64,
    pub totals: BillTotals,
    pub days: Vec<BillDayImported>,
    pub lines: LinesOf,
    /// `min_position` for reading what was written; null where nothing was.
    #[schema(required)]
    pub position: Option<String>,
}

impl From<Imported> for BillImported {
    fn from(imported: Imported) -> Self {
        let day = |day: import::ImportedDay| {
            let (outcome, lines_stood) = match day.outcome {
                Outcome::Imported => (DayOutcome::Imported, 0),
                Outcome::Resumed { lines } => (DayOutcome::Resumed, lines),
                Outcome::Stands => (DayOutcome::Stands, 0),
            };
            BillDayImported {
                day: day.day,
                rows: day.rows,
                outcome,
                lines_stood,
                superseded: day.superseded.map(|sha256| sha256.to_string()),
                totals: day.totals.into(),
            }
        };
        let import::LinesOf { apps, other_apps, no_app } = imported.lines;
        let apps = apps.into_iter().map(|(slug, count)| (slug.to_string(), count)).collect();
        Self {
            merchant: imported.merchant.to_string(),
            kind: imported.kind.to_string(),
            covers: imported.covers.as_str().to_owned(),
            profile: imported.profile,
            sha256: imported.sha256.to_string(),
            rows: imported.rows,
            totals: imported.totals.into(),
            days: imported.days.into_iter().map(day).collect(),
            lines: LinesOf { apps, other_apps, no_app },
            position: imported.position.map(|position| position.to_string()),
        }
    }
}

/// The differing lines, for programs.
pub fn detail(differences: &Differences) -> serde_json::Value {
    let day = |standing: &StandingDay| {
        let StandingDay { key, sha256, .. } = standing;
        json!({"merchant": key.merchant.as_str(), "day": key.day, "kind": key.kind.as_str(), "sha256": sha256.as_str()})
    };
    json!({
        "days": differences.days.iter().map(day).collect::<Vec<_>>(),
        "changed": differences.changed,
        "removed": differences.removed,
        "added": differences.added,
        "rows": differences.shown.iter().map(row).collect::<Vec<_>>(),
    })
}

fn row(difference: &Difference) -> serde_json::Value {
    let Difference { day, change, id, line } = difference;
    let (change, columns) = match change {
        Change::Added => ("added", vec![]),
        Change::Removed => ("removed", vec![]),
        Change::Changed(columns) => {
            let column = |it: &import::ColumnDifference| json!({"column": it.column, "stands": it.stands, "file": it.file});
            ("changed", columns.iter().map(column).collect())
        }
    };
    json!({"day": day, "change": change, "id": id, "line": line, "columns": columns})
}
