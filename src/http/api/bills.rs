//! Bill files: uploaded and imported, and days declared to have none.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::code::Code;
use super::error::{ApiError, Failure};
use super::extract::{Body, NoParams, Params};
use super::quarantine::required_reason;
use super::upload;
use crate::bill::{BillError, Hints};
use crate::decision;
use crate::domain::bill::{BillKey, BillKind, MerchantId, Totals};
use crate::http::Service;
use crate::http::access::{Holder, Permission};
use crate::import::{
    self, Change, Difference, Differences, ImportError, ImportRequest, Imported, Outcome, StandingDay,
};
use crate::ledger::{BillImportError, Recorded};
use crate::{clock, limits};

pub const PATH: &str = "/v1/bills";
pub const EMPTY_PATH: &str = "/v1/bills/empty";

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

/// Import a bill file: the body is the file, plain, GZIP or XLSX.
///
/// The same content again changes nothing, so no Idempotency-Key is needed; an import that was interrupted goes
/// on when the file is sent again. Needs the role finance or admin. One file at a time.
#[utoipa::path(
    post, path = PATH, tag = "bills", security(("bearer" = [])),
    params(
        ("merchant" = Option<String>, Query, description = "商户号, where the file does not say it", pattern = "^[0-9]{1,32}$", example = "1900000109"),
        ("day" = Option<String>, Query, description = "The bill's day, where its rows do not say it", format = Date, example = "2026-01-01"),
        ("kind" = Option<String>, Query, description = "all, success, refund, fundflow or a profile's; where the file does not say it", pattern = "^[a-z0-9_]{1,32}$", example = "all"),
        ("profile" = Option<String>, Query, description = "The layout; without it, it is told by the header", pattern = "^[a-z0-9_]{1,32}$"),
        ("file_name" = Option<String>, Query, description = "As people call the file", min_length = 1, max_length = 255),
        ("supersede" = Option<String>, Query, description = "Why it takes the place of another file for the same merchant, day and kind", min_length = 1, max_length = 1000),
    ),
    request_body(content = String, content_type = "application/octet-stream", description = "The file"),
    responses(
        (status = 200, description = "It stands, now or before", body = BillImported),
        (status = 404, description = "The bill's merchant is not configured", body = Failure),
        (status = 409, description = "Another file stands: `detail` says which lines differ", body = Failure),
        (status = 422, description = "It cannot be read, or does not add up: nothing was appended; `detail` says where", body = Failure),
    ),
)]
pub async fn import(
    holder: Holder,
    State(service): State<Arc<Service>>,
    mut params: Params,
    request: Request,
) -> Result<Json<BillImported>, ApiError> {
    holder.may(Permission::ImportBills)?;
    holder.may_see_all_apps()?;
    let hints = take_hints(&mut params)?;
    let file_name = params.take_as("file_name", FILE_NAME, file_name)?.unwrap_or_else(|| "upload".to_owned());
    let supersede = params.take("supersede");
    let supersede = supersede.as_deref().map(|reason| reason_at(reason, "query.supersede")).transpose()?;
    params.finish("merchant, day, kind, profile, file_name and supersede")?;
    let turn = service.imports.clone().try_acquire_owned();
    let _turn = turn.map_err(|_| {
        let message = "another bill is being imported: wait until it is done";
        ApiError::new(Code::TooManyAtOnce, message).retry_after(limits::IMPORT_RETRY_AFTER)
    })?;
    let file = upload::receive(&service.spool, request.into_body(), limits::BILL_UPLOAD_BYTES_MAX).await?;
    let keys = service.keys.load_full();
    let (by, at) = (holder.name().to_owned(), clock::now());
    let request = ImportRequest { hints, supersede, file_name, by, at };
    let watcher: import::Watcher = Arc::new(|_| {});
    let imported =
        import::run(&service.ledger, &keys.profiles, &keys.routes, file.path(), &request, &watcher).await?;
    Ok(Json(imported.into()))
}

const FILE_NAME: &str = "1 to 255 characters, none of them a control character";

fn file_name(text: &str) -> Option<String> {
    let is_valid = (1..=limits::FILE_NAME_CHARS_MAX).contains(&text.chars().count())
        && !text.chars().any(char::is_control);
    is_valid.then(|| text.to_owned())
}

fn take_hints(params: &mut Params) -> Result<Hints, ApiError> {
    Ok(Hints {
        merchant: params.take_as("merchant", "a merchant's number", |text| MerchantId::parse(text).ok())?,
        day: params.take_as("day", "a day such as 2026-01-01", day)?,
        kind: params.take_as("kind", "1 to 32 of a-z, 0-9 and _", |text| BillKind::parse(text).ok())?,
        profile: params.take("profile"),
    })
}

/// `2026-01-01`, and no other way to write it.
pub fn day(text: &str) -> Option<NaiveDate> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    (day.to_string() == text).then_some(day)
}

fn reason_at(text: &str, place: &str) -> Result<String, ApiError> {
    let problem = || format!("must be 1 to {} characters", limits::REASON_CHARS_MAX);
    let reason = decision::usable_reason(text);
    reason.map(str::to_owned).ok_or_else(|| ApiError::at(Code::Reason, place, problem()))
}

impl From<ImportError> for ApiError {
    fn from(error: ImportError) -> Self {
        let message = error.to_string();
        match error {
            ImportError::Bill(error) => unreadable(&error),
            ImportError::UnknownMerchant { .. } => Self::new(Code::UnknownMerchant, message),
            ImportError::Differs(differences) => {
                Self::new(Code::BillDiffers, message).with_detail(detail(&differences))
            }
            ImportError::Contended(error) => (*error).into(),
            ImportError::Interrupted => {
                Self::new(Code::StoreUnavailable, message).retry_after(limits::IMPORT_RETRY_AFTER)
            }
            ImportError::Changed => Self::internal(&ImportError::Changed),
            ImportError::Ledger(error) => error.into(),
        }
    }
}

/// The place stands in front of the message, and by itself in the detail.
fn unreadable(error: &BillError) -> ApiError {
    let message = error.to_string();
    let line = || error.line().map(|line| format!("line {line}"));
    let place = error.place().map(ToString::to_string).or_else(line).unwrap_or_else(|| "file".to_owned());
    let problem = message.strip_prefix(&format!("{place}: ")).unwrap_or(&message).to_owned();
    ApiError::new(Code::BillUnreadable, message).with_detail(json!([{"place": place, "problem": problem}]))
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

/// A day for which WeChat has no bill, and why that is known.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmptyDay {
    #[schema(pattern = "^[0-9]{1,32}$", example = "1900000109")]
    pub merchant: String,
    #[schema(value_type = String, format = Date, example = "2026-01-01")]
    pub day: NaiveDate,
    #[schema(pattern = "^[a-z0-9_]{1,32}$", example = "all")]
    pub kind: String,
    #[schema(min_length = 1, max_length = 1000, pattern = r"\S", example = "NO_STATEMENT_EXIST")]
    pub reason: String,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmptyDeclared {
    /// False where the same had been declared before.
    pub recorded: bool,
    /// `min_position` for reading what was written.
    #[schema(required)]
    pub position: Option<String>,
}

impl From<Recorded> for EmptyDeclared {
    fn from(Recorded { recorded, position }: Recorded) -> Self {
        Self { recorded, position: position.map(|position| position.to_string()) }
    }
}

/// Declare that WeChat has no bill for a day (NO_STATEMENT_EXIST): it counts as covered.
///
/// The same again changes nothing. Needs the role finance or admin.
#[utoipa::path(
    post, path = EMPTY_PATH, tag = "bills", security(("bearer" = [])),
    request_body = EmptyDay,
    responses(
        (status = 200, description = "It stands, now or before", body = EmptyDeclared),
        (status = 404, description = "The merchant is not configured", body = Failure),
        (status = 409, description = "A file stands for the day", body = Failure),
    ),
)]
pub async fn declare_empty(
    holder: Holder,
    State(service): State<Arc<Service>>,
    _: NoParams,
    Body(body): Body<EmptyDay>,
) -> Result<Json<EmptyDeclared>, ApiError> {
    holder.may(Permission::ImportBills)?;
    holder.may_see_all_apps()?;
    let reason = required_reason(&body.reason)?;
    let wrong = |place: &str, error: &dyn std::fmt::Display| ApiError::at(Code::Body, place, error);
    let merchant = MerchantId::parse(&body.merchant).map_err(|error| wrong("body.merchant", &error))?;
    let kind = BillKind::parse(&body.kind).map_err(|error| wrong("body.kind", &error))?;
    let keys = service.keys.load_full();
    known_merchant(&keys.routes, &merchant)?;
    let covers =
        keys.profiles.covers(&kind).ok_or_else(|| wrong("body.kind", &"no profile has this kind"))?;
    let key = BillKey { merchant, day: body.day, kind };
    let declared = service.ledger.declare_empty(&key, covers, reason, holder.name(), clock::now()).await?;
    Ok(Json(declared.into()))
}

/// A merchant that is configured.
pub fn known_merchant(routes: &import::Routes, merchant: &MerchantId) -> Result<(), ApiError> {
    if routes.merchants.contains(merchant) {
        return Ok(());
    }
    Err(ApiError::new(Code::UnknownMerchant, format!("no merchant {merchant} is configured")))
}

impl From<BillImportError> for ApiError {
    fn from(error: BillImportError) -> Self {
        let message = error.to_string();
        match error {
            BillImportError::Refused { .. } => Self::new(Code::BillStands, message),
            BillImportError::Concurrent { .. } => {
                Self::new(Code::TooManyAtOnce, message).retry_after(limits::IMPORT_RETRY_AFTER)
            }
            BillImportError::Ledger(error) => error.into(),
        }
    }
}
