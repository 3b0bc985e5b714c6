//! Cases: rows of the reconciliation that a person resolves, one by one or with an edited report.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::info;
use utoipa::ToSchema;

use super::bills::known_merchant;
use super::code::Code;
use super::error::{ApiError, Failure};
use super::extract::{self, Body, NoParams, Params};
use super::quarantine::required_reason;
use super::{precondition, present, questions, upload};
use crate::domain::bill::MerchantId;
use crate::domain::case::{CaseKey, CaseKind};
use crate::http::Service;
use crate::http::access::{Holder, Permission};
use crate::reconcile::case_file::{self, CaseFile, CaseFileError, Problem};
use crate::reconcile::cases::{self, Asked, Bulk, CaseError, Refused, Since};
use crate::store::Position;
use crate::{clock, limits};

pub const RESOLVE_PATH: &str = "/v1/cases/resolve";
pub const REOPEN_PATH: &str = "/v1/cases/reopen";
pub const UPLOAD_PATH: &str = "/v1/cases/upload";

/// A case, and why it is all right. With `status` and `facts` it is resolved only while the row still says so.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseToResolve {
    #[schema(pattern = "^[0-9]{1,32}$", example = "1900000109")]
    pub merchant: String,
    /// The row's `case_kind`: order, payment, refund or bill_refund.
    #[schema(pattern = "^(order|payment|refund|bill_refund)$", example = "order")]
    pub kind: String,
    /// The row's `case_id`.
    #[schema(min_length = 1, max_length = 200, example = "demo.ORD-20260101-0001")]
    pub id: String,
    #[schema(min_length = 1, max_length = 1000, pattern = r"\S", example = "paid out by hand, see ticket 7")]
    pub reason: String,
    /// The row's `status` as it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100, example = "missing_in_bill")]
    pub status: Option<String>,
    /// The row's `facts` as they were seen: as JSON, or as the text of a CSV.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Value>,
}

/// A resolved case, and why it is looked at again.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseToReopen {
    #[schema(pattern = "^[0-9]{1,32}$", example = "1900000109")]
    pub merchant: String,
    #[schema(pattern = "^(order|payment|refund|bill_refund)$", example = "order")]
    pub kind: String,
    #[schema(min_length = 1, max_length = 200, example = "demo.ORD-20260101-0001")]
    pub id: String,
    #[schema(
        min_length = 1,
        max_length = 1000,
        pattern = r"\S",
        example = "the ticket was about another order"
    )]
    pub reason: String,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseResolved {
    /// False where the same had been said before, of the same facts.
    pub recorded: bool,
    /// The status that was judged.
    pub status: String,
    /// The facts that were judged: where the row tells others, the case is open again.
    pub facts: Value,
    /// `min_position` for reading what was written.
    #[schema(required)]
    pub position: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseReopened {
    /// False where it had been opened again before.
    pub recorded: bool,
    /// `min_position` for reading what was written.
    #[schema(required)]
    pub position: Option<String>,
}

/// What became of an edited report.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CasesResolved {
    pub recorded: u64,
    /// Rows that had been resolved before, on the same facts.
    pub before: u64,
    pub refused: Vec<CaseRefused>,
    /// Why the rest was not looked at; the same file sent again goes on.
    #[schema(required)]
    pub stopped: Option<String>,
    /// `min_position` for reading what was written; null where nothing was.
    #[schema(required)]
    pub position: Option<String>,
}

/// A row that was not resolved.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseRefused {
    /// Where it stands in the file.
    #[schema(example = "row 7")]
    pub place: String,
    pub kind: String,
    pub id: String,
    pub problem: String,
}

impl From<Bulk> for CasesResolved {
    fn from(bulk: Bulk) -> Self {
        let Bulk { recorded, before, refused, position, stopped } = bulk;
        let refused = refused.into_iter().map(|Refused { place, kind, id, why }| CaseRefused {
            place: place.to_string(),
            kind: kind.as_str().to_owned(),
            id,
            problem: why.to_string(),
        });
        Self {
            recorded,
            before,
            refused: refused.collect(),
            stopped: stopped.map(|why| why.to_string()),
            position: position.map(|position| position.to_string()),
        }
    }
}

/// Resolve a case, with a reason.
///
/// The same again changes nothing, so no Idempotency-Key is needed. Needs the role finance or admin.
#[utoipa::path(
    post, path = RESOLVE_PATH, tag = "cases", operation_id = "resolve_case", security(("bearer" = [])),
    params(("min_position" = Option<String>, Query, description = "The row is looked at as of this position or later", pattern = "^(0|[1-9][0-9]{0,18})$"), ("If-Match" = Option<String>, Header, description = "The ETag of an answer: only while nothing has been said since", example = "\"1\"")),
    request_body = CaseToResolve,
    responses(
        (status = 200, description = "It is resolved, now or before", body = CaseResolved),
        (status = 404, description = "No row has this case, or the merchant is not configured", body = Failure),
        (status = 409, description = "The row says other things than were seen, or needs no decision", body = Failure),
        (status = 412, description = "Something has been said since the ETag of If-Match", body = Failure),
    ),
)]
pub async fn resolve(
    holder: Holder,
    State(service): State<Arc<Service>>,
    mut params: Params,
    headers: HeaderMap,
    Body(body): Body<CaseToResolve>,
) -> Result<Response, ApiError> {
    let min_position = begin(&service, &holder, &mut params).await?;
    params.finish("min_position")?;
    let key = key(&service, &body.merchant, &body.kind, &body.id)?;
    let reason = required_reason(&body.reason)?;
    let status = body.status.as_deref();
    if status.is_some_and(|status| status.chars().count() > limits::STATUS_CHARS_MAX) {
        let problem = format!("is longer than {} characters", limits::STATUS_CHARS_MAX);
        return Err(ApiError::at(Code::Body, "body.status", problem));
    }
    let _floor = service.floor.cases.lock().await;
    let upon = precondition::check(&headers, service.ledger.case(&key).await?.revision)?;
    let facts = body.facts.map(|facts| match facts {
        Value::String(text) => text,
        json => json.to_string(),
    });
    let asked = Asked { key: &key, status, facts: facts.as_deref(), reason, since: Since::Revision(upon) };
    let judged = cases::resolve(&service.desk(), &asked, min_position, holder.name(), clock::now()).await?;
    let (merchant, recorded, by) = (&key.merchant, judged.recorded, holder.name());
    info!(%merchant, kind = key.kind.as_str(), by, recorded, "a case is resolved");
    let resolved = CaseResolved {
        recorded: judged.recorded,
        status: judged.status,
        facts: serde_json::from_str(&judged.facts).unwrap_or(Value::String(judged.facts)),
        position: judged.position.map(|position| position.to_string()),
    };
    Ok(precondition::answer(judged.revision, resolved))
}

/// Open a resolved case again, with a reason. Needs the role finance or admin.
#[utoipa::path(
    post, path = REOPEN_PATH, tag = "cases", operation_id = "reopen_case", security(("bearer" = [])),
    params(("If-Match" = Option<String>, Header, description = "The ETag of an answer: only while nothing has been said since", example = "\"1\"")),
    request_body = CaseToReopen,
    responses(
        (status = 200, description = "It is open again", body = CaseReopened),
        (status = 404, description = "The merchant is not configured", body = Failure),
        (status = 409, description = "It is not resolved", body = Failure),
        (status = 412, description = "Something has been said since the ETag of If-Match", body = Failure),
    ),
)]
pub async fn reopen(
    holder: Holder,
    State(service): State<Arc<Service>>,
    _: NoParams,
    headers: HeaderMap,
    Body(body): Body<CaseToReopen>,
) -> Result<Response, ApiError> {
    holder.may(Permission::JudgeCases)?;
    holder.may_see_all_apps()?;
    let key = key(&service, &body.merchant, &body.kind, &body.id)?;
    let reason = required_reason(&body.reason)?;
    let _floor = service.floor.cases.lock().await;
    let upon = precondition::check(&headers, service.ledger.case(&key).await?.revision)?;
    let reopened = cases::reopen(&service.desk(), &key, reason, holder.name(), clock::now(), upon).await?;
    let (merchant, recorded, by) = (&key.merchant, reopened.recorded, holder.name());
    info!(%merchant, kind = key.kind.as_str(), by, recorded, "a case is reopened");
    let position = reopened.position.map(|position| position.to_string());
    Ok(precondition::answer(reopened.revision, CaseReopened { recorded, position }))
}

/// Resolve cases by sending an edited report: its rows with `case_state` resolved and a `case_reason`.
///
/// The body is the file, XLSX or CSV. Refused by itself is a row whose status or facts have changed since, one of
/// whose case somebody has spoken since (`case_by` tells who had the last word), and one whose `case_state` is no
/// word for it; the others are resolved. The same file again changes nothing. Needs the role finance or admin.
#[utoipa::path(
    post, path = UPLOAD_PATH, tag = "cases", operation_id = "upload_cases", security(("bearer" = [])),
    params(
        ("merchant" = String, Query, description = "商户号", pattern = "^[0-9]{1,32}$", example = "1900000109"),
        ("min_position" = Option<String>, Query, description = "The rows are looked at as of this position or later", pattern = "^(0|[1-9][0-9]{0,18})$"),
    ),
    request_body(content = String, content_type = "application/octet-stream", description = "The file"),
    responses(
        (status = 200, description = "What became of its rows", body = CasesResolved),
        (status = 404, description = "The merchant is not configured", body = Failure),
        (status = 422, description = "It cannot be read: nothing was resolved; `detail` says where", body = Failure),
    ),
)]
pub async fn upload(
    holder: Holder,
    State(service): State<Arc<Service>>,
    mut params: Params,
    request: Request,
) -> Result<Json<CasesResolved>, ApiError> {
    let min_position = begin(&service, &holder, &mut params).await?;
    let merchant = params.take_as("merchant", "a merchant's number", |text| MerchantId::parse(text).ok())?;
    let merchant = merchant.ok_or_else(|| extract::wrong_parameter("merchant", "is missing"))?;
    params.finish("merchant and min_position")?;
    known_merchant(&service.keys.load().routes, &merchant)?;
    let seat = upload::seat(&service.uploads)?;
    let bytes = upload::whole(request.into_body(), limits::CASE_FILE_BYTES_MAX).await?;
    let busy = "another file with cases is being read: wait until it is done";
    let turn = upload::turn(&service.case_files, busy).await?;
    drop(seat);
    // The turn is held as long as the file is read, though the client leave.
    let read = tokio::task::spawn_blocking(move || (case_file::read(&bytes), turn)).await;
    let (file, _turn) = read.map_err(|error| ApiError::internal(&error))?;
    let (CaseFile { rows, unclear }, by) = (file?, holder.name());
    let (mut bulk, at) = (Bulk::of_unclear(unclear), clock::now());
    for rows in rows.chunks(limits::CASES_AT_ONCE) {
        let _floor = service.floor.cases.lock().await;
        bulk = bulk.and(cases::resolve_all(&service.desk(), &merchant, rows, min_position, by, at).await);
        if bulk.stopped.is_some() {
            break;
        }
    }
    let Bulk { recorded, before, refused, .. } = &bulk;
    info!(%merchant, by, recorded, before, refused = refused.len(), "a file of cases is taken");
    Ok(Json(bulk.into()))
}

async fn begin(
    service: &Service,
    holder: &Holder,
    params: &mut Params,
) -> Result<Option<Position>, ApiError> {
    holder.may(Permission::JudgeCases)?;
    holder.may_see_all_apps()?;
    let min_position = present::min_position(params)?;
    questions::begun(service).await?;
    questions::within_log(service, min_position).await?;
    Ok(min_position)
}

fn key(service: &Service, merchant: &str, kind: &str, id: &str) -> Result<CaseKey, ApiError> {
    let wrong = |place: &str, problem: String| ApiError::at(Code::Body, place, problem);
    let merchant = MerchantId::parse(merchant).map_err(|error| wrong("body.merchant", error.to_string()))?;
    let kinds = || format!("must be one of {}", CaseKind::ALL.map(CaseKind::as_str).join(", "));
    let kind = CaseKind::parse(kind).ok_or_else(|| wrong("body.kind", kinds()))?;
    known_merchant(&service.keys.load().routes, &merchant)?;
    CaseKey::new(merchant, kind, id).map_err(|error| wrong("body.id", error.to_string()))
}

impl From<CaseError> for ApiError {
    fn from(error: CaseError) -> Self {
        let message = error.to_string();
        match error {
            CaseError::Reason => Self::at(Code::Reason, "body.reason", message),
            CaseError::Id(_) => Self::at(Code::Body, "body.id", message),
            CaseError::NoSuchRow(_) => Self::new(Code::UnknownCase, message),
            CaseError::NeedsNone { .. }
            | CaseError::StatusChanged { .. }
            | CaseError::FactsChanged { .. }
            | CaseError::Unsaid(_)
            | CaseError::Refused(_) => Self::new(Code::CaseStands, message),
            CaseError::Ask(error) => error.into(),
            CaseError::Ledger(error) => error.into(),
        }
    }
}

impl From<CaseFileError> for ApiError {
    fn from(error: CaseFileError) -> Self {
        let message = error.to_string();
        match error {
            CaseFileError::TooLarge => Self::new(Code::BodyTooLarge, message),
            CaseFileError::Rows { problems, .. } => {
                let place = |problem: &Problem| {
                    let Problem { place, column, letters, message } = problem;
                    json!({"place": format!("{place}, column {letters} ({column})"), "problem": message})
                };
                let places: Vec<_> = problems.iter().map(place).collect();
                Self::new(Code::CaseFileUnreadable, message).with_detail(places.into())
            }
            CaseFileError::TooManyRows
            | CaseFileError::Workbook(_)
            | CaseFileError::Encoding
            | CaseFileError::Csv(_)
            | CaseFileError::NoHeader
            | CaseFileError::Columns { .. }
            | CaseFileError::ColumnTwice { .. } => Self::new(Code::CaseFileUnreadable, message),
        }
    }
}
