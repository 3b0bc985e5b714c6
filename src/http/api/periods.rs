//! A merchant's month: one person prepares it, another closes it, an admin may open it again.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::info;
use utoipa::ToSchema;

use super::bills::known_merchant;
use super::code::Code;
use super::error::{ApiError, Failure};
use super::extract::{Body, NoParams, Segments};
use super::quarantine::required_reason;
use super::{precondition, questions};
use crate::clock;
use crate::domain::bill::{MerchantId, Sha256Hex};
use crate::domain::period::{self, Month, PeriodKey};
use crate::http::Service;
use crate::http::access::{Holder, Permission};
use crate::ledger::Said;
use crate::reconcile::periods::{self, PeriodError};

pub const PREPARE_PATH: &str = "/v1/periods/{merchant}/{month}/prepare";
pub const CLOSE_PATH: &str = "/v1/periods/{merchant}/{month}/close";
pub const REOPEN_PATH: &str = "/v1/periods/{merchant}/{month}/reopen";

/// What is to be closed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PeriodPrepared {
    #[schema(example = "1900000109")]
    pub merchant: String,
    #[schema(example = "2026-01")]
    pub month: String,
    /// Of the report that is filed: GET /v1/reports/{sha256}, and for closing.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub report_sha256: String,
    /// What stands in the log after it is late.
    pub position: String,
    pub rows: u64,
    /// Counts and sums, for who closes.
    #[schema(value_type = Object)]
    pub summary: Value,
}

/// Exactly what was prepared.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PeriodToClose {
    /// Of the prepared report.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub report_sha256: String,
}

/// Why a closed period is opened again.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PeriodToReopen {
    #[schema(min_length = 1, max_length = 1000, pattern = r"\S", example = "a bill was superseded")]
    pub reason: String,
}

/// What stands in the log now.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PeriodStanding {
    /// False where the same had been said before.
    pub recorded: bool,
    pub merchant: String,
    pub month: String,
    /// `min_position` for reading what was written.
    #[schema(required)]
    pub position: Option<String>,
}

type Place = Segments<(String, String)>;

/// Prepare a month: its report is filed in the log, and somebody else may close it.
///
/// Needs the role finance or admin.
#[utoipa::path(
    post, path = PREPARE_PATH, tag = "periods", operation_id = "prepare_period", security(("bearer" = [])),
    params(
        ("merchant" = String, Path, description = "商户号", pattern = "^[0-9]{1,32}$", example = "1900000109"),
        ("month" = String, Path, description = "A month in Beijing", pattern = "^[0-9]{4}-[0-9]{2}$", example = "2026-01"),
        ("If-Match" = Option<String>, Header, description = "The ETag of an answer: only while nothing has been said since", example = "\"1\""),
    ),
    responses(
        (status = 200, description = "It is prepared", body = PeriodPrepared),
        (status = 409, description = "Pushes of the month may still come, bills are missing, or it is closed", body = Failure),
        (status = 412, description = "Something has been said since the ETag of If-Match", body = Failure),
    ),
)]
pub async fn prepare(
    holder: Holder,
    State(service): State<Arc<Service>>,
    place: Place,
    _: NoParams,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let key = key(&service, &holder, Permission::ClosePeriods, place)?;
    let _floor = service.floor.periods.lock().await;
    let upon = precondition::check(&headers, service.ledger.period(&key).await?.revision)?;
    questions::begun(&service).await?;
    let prepared = periods::prepare(&service.desk(), &key, holder.name(), clock::now(), upon).await?;
    tell(&key, holder.name(), "prepared", prepared.said.recorded);
    let summary = serde_json::from_str(&prepared.summary).unwrap_or(Value::String(prepared.summary));
    let revision = prepared.said.revision;
    let prepared = PeriodPrepared {
        merchant: key.merchant.to_string(),
        month: key.month.to_string(),
        report_sha256: prepared.report_sha256.to_string(),
        position: prepared.position.to_string(),
        rows: prepared.rows,
        summary,
    };
    Ok(precondition::answer(revision, prepared))
}

/// Close a month, exactly as it was prepared, by another token than prepared it.
///
/// The same again changes nothing. Needs the role finance or admin.
#[utoipa::path(
    post, path = CLOSE_PATH, tag = "periods", operation_id = "close_period", security(("bearer" = [])),
    params(
        ("merchant" = String, Path, description = "商户号", pattern = "^[0-9]{1,32}$", example = "1900000109"),
        ("month" = String, Path, description = "A month in Beijing", pattern = "^[0-9]{4}-[0-9]{2}$", example = "2026-01"),
        ("If-Match" = Option<String>, Header, description = "The ETag of an answer: only while nothing has been said since", example = "\"1\""),
    ),
    request_body = PeriodToClose,
    responses(
        (status = 200, description = "It is closed, now or before", body = PeriodStanding),
        (status = 409, description = "It takes a second person, another report was prepared, or a bill was superseded since", body = Failure),
        (status = 412, description = "Something has been said since the ETag of If-Match", body = Failure),
    ),
)]
pub async fn close(
    holder: Holder,
    State(service): State<Arc<Service>>,
    place: Place,
    _: NoParams,
    headers: HeaderMap,
    Body(body): Body<PeriodToClose>,
) -> Result<Response, ApiError> {
    let key = key(&service, &holder, Permission::ClosePeriods, place)?;
    let report = Sha256Hex::parse(&body.report_sha256)
        .map_err(|error| ApiError::at(Code::Body, "body.report_sha256", error))?;
    let _floor = service.floor.periods.lock().await;
    let upon = precondition::check(&headers, service.ledger.period(&key).await?.revision)?;
    let said = periods::close(&service.desk(), &key, &report, holder.name(), clock::now(), upon).await?;
    tell(&key, holder.name(), "closed", said.recorded);
    Ok(standing(&key, said))
}

/// Open a closed month again, with a reason. Needs the role admin.
#[utoipa::path(
    post, path = REOPEN_PATH, tag = "periods", operation_id = "reopen_period", security(("bearer" = [])),
    params(
        ("merchant" = String, Path, description = "商户号", pattern = "^[0-9]{1,32}$", example = "1900000109"),
        ("month" = String, Path, description = "A month in Beijing", pattern = "^[0-9]{4}-[0-9]{2}$", example = "2026-01"),
        ("If-Match" = Option<String>, Header, description = "The ETag of an answer: only while nothing has been said since", example = "\"1\""),
    ),
    request_body = PeriodToReopen,
    responses(
        (status = 200, description = "It is open again", body = PeriodStanding),
        (status = 409, description = "It is not closed, or a later month is", body = Failure),
        (status = 412, description = "Something has been said since the ETag of If-Match", body = Failure),
    ),
)]
pub async fn reopen(
    holder: Holder,
    State(service): State<Arc<Service>>,
    place: Place,
    _: NoParams,
    headers: HeaderMap,
    Body(body): Body<PeriodToReopen>,
) -> Result<Response, ApiError> {
    let key = key(&service, &holder, Permission::ReopenPeriods, place)?;
    let reason = required_reason(&body.reason)?;
    let _floor = service.floor.periods.lock().await;
    let upon = precondition::check(&headers, service.ledger.period(&key).await?.revision)?;
    let said = periods::reopen(&service.desk(), &key, reason, holder.name(), clock::now(), upon).await?;
    tell(&key, holder.name(), "reopened", said.recorded);
    Ok(standing(&key, said))
}

fn key(
    service: &Service,
    holder: &Holder,
    permission: Permission,
    Segments((merchant, month)): Place,
) -> Result<PeriodKey, ApiError> {
    holder.may(permission)?;
    holder.may_see_all_apps()?;
    let merchant = MerchantId::parse(&merchant)
        .map_err(|error| ApiError::at(Code::Parameter, "path.merchant", error))?;
    let month = Month::parse(&month).map_err(|error| ApiError::at(Code::Parameter, "path.month", error))?;
    known_merchant(&service.keys.load().routes, &merchant)?;
    Ok(PeriodKey { merchant, month })
}

/// `recorded` is false where the same had been said before.
fn tell(PeriodKey { merchant, month }: &PeriodKey, by: &str, done: &str, recorded: bool) {
    info!(%merchant, %month, by, recorded, "a period is {done}");
}

fn standing(key: &PeriodKey, Said { recorded, position, revision }: Said) -> Response {
    let position = position.map(|position| position.to_string());
    let (merchant, month) = (key.merchant.to_string(), key.month.to_string());
    let standing = PeriodStanding { recorded, merchant, month, position };
    precondition::answer(revision, standing)
}

impl From<PeriodError> for ApiError {
    fn from(error: PeriodError) -> Self {
        let message = error.to_string();
        match error {
            PeriodError::Refused(period::PeriodError::SamePerson { .. }) => {
                Self::new(Code::SamePerson, message)
            }
            PeriodError::NotOver(_)
            | PeriodError::NotCovered(_)
            | PeriodError::Nothing
            | PeriodError::Superseded(_)
            | PeriodError::LaterClosed(_)
            | PeriodError::NotFiled { .. }
            | PeriodError::Refused(_) => Self::new(Code::PeriodStands, message),
            PeriodError::Reason => Self::at(Code::Reason, "body.reason", message),
            PeriodError::Report(error) => error.into(),
            PeriodError::Ledger(error) => error.into(),
            PeriodError::Filing(error) => error.into(),
            PeriodError::File(_) => Self::internal(&error),
        }
    }
}
