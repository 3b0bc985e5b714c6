//! Bill files: uploaded and imported, and days declared to have none.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::sync::OwnedSemaphorePermit;
use tracing::field::display;
use tracing::{Instrument, info};
use utoipa::ToSchema;

use super::bill_answers::detail;
use super::code::Code;
use super::error::{ApiError, Failure};
use super::extract::{Body, NoParams, Params};
use super::quarantine::required_reason;
use super::upload;
use crate::bill::{BillError, Hints};
use crate::decision;
use crate::domain::bill::{BillKey, BillKind, MerchantId};
use crate::http::Service;
use crate::http::access::{Holder, Permission};
use crate::import::{self, EmptyError, ImportError, ImportRequest, Imported};
use crate::ledger::{BillImportError, Recorded};
use crate::{clock, limits};

pub use super::bill_answers::{BillDayImported, BillImported, DayOutcome};

pub const PATH: &str = "/v1/bills";
pub const EMPTY_PATH: &str = "/v1/bills/empty";

/// Import a bill file: the body is the file, plain, GZIP or XLSX.
///
/// The same content again changes nothing, so no Idempotency-Key is needed; an import that was interrupted goes
/// on when the file is sent again. One that has begun goes on though the client leaves. Needs the role finance or
/// admin. One file is imported at a time; those that have come wait a minute for their turn.
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
        (status = 409, description = "Another file stands: `detail` says which lines differ; or lines would leave a month that is closed", body = Failure),
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
    let seat = upload::seat(&service.uploads)?;
    let file = upload::receive(&service.spool, request.into_body(), limits::BILL_UPLOAD_BYTES_MAX).await?;
    let turn =
        upload::turn(&service.imports, "another bill is being imported: wait until it is done").await?;
    drop(seat);
    let (by, at) = (holder.name().to_owned(), clock::now());
    let request = ImportRequest { hints, supersede, file_name, by, at };
    // By itself: it goes on where the client leaves, and keeps its turn to the end.
    let importing = tokio::spawn(run(service, file, request, turn).in_current_span());
    let imported = importing.await.map_err(|error| ApiError::internal(&error))??;
    Ok(Json(imported.into()))
}

async fn run(
    service: Arc<Service>,
    file: NamedTempFile,
    request: ImportRequest,
    turn: OwnedSemaphorePermit,
) -> Result<Imported, ApiError> {
    info!(by = request.by, "a bill import begins");
    let keys = service.keys.load_full();
    let watcher: import::Watcher = Arc::new(|_| {});
    let done =
        import::run(&service.ledger, &keys.profiles, &keys.routes, file.path(), &request, &watcher).await;
    let done = done.map_err(ApiError::from);
    match &done {
        Ok(imported) => tell(&service, imported, &request.by),
        Err(error) => {
            service.metrics.bill_refused();
            let Hints { merchant, day, kind, .. } = &request.hints;
            let (merchant, kind) = (merchant.as_ref().map(display), kind.as_ref().map(display));
            let (day, code) = (day.as_ref().map(display), error.code().as_str());
            info!(merchant, day, kind, by = request.by, code, "a bill is not imported");
        }
    }
    drop(turn);
    done
}

/// One line a day: what an accountant asks the server's log for.
fn tell(service: &Service, imported: &Imported, by: &str) {
    let Imported { merchant, kind, days, .. } = imported;
    for import::ImportedDay { day, rows, outcome, superseded, .. } in days {
        let (done, lines) = match outcome {
            import::Outcome::Imported => ("imported", *rows),
            import::Outcome::Resumed { lines } => ("resumed", rows.saturating_sub(*lines)),
            import::Outcome::Stands => ("stands", 0),
        };
        service.metrics.lines_imported(lines);
        let superseded = superseded.as_ref().map(display);
        info!(%merchant, %day, %kind, rows, by, outcome = done, superseded, "a bill is imported");
    }
    service.metrics.bill_imported();
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
            ImportError::NotBegun { .. } => Self::new(Code::BillUnreadable, message),
            ImportError::UnknownMerchant { .. } => Self::new(Code::UnknownMerchant, message),
            ImportError::Differs(differences) => {
                Self::new(Code::BillDiffers, message).with_detail(detail(&differences))
            }
            ImportError::Closed { .. } => Self::new(Code::PeriodStands, message),
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
        (status = 422, description = "The day is not over in Beijing", body = Failure),
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
    let covers = keys.profiles.covers(&kind).map_err(|error| wrong("body.kind", &error))?;
    let key = BillKey { merchant, day: body.day, kind };
    let by = holder.name();
    let declared = import::declare_empty(&service.ledger, &key, covers, reason, by, clock::now()).await?;
    let BillKey { merchant, day, kind } = &key;
    info!(%merchant, %day, %kind, by, recorded = declared.recorded, "a day is declared empty");
    Ok(Json(declared.into()))
}

/// A merchant that is configured.
pub fn known_merchant(routes: &import::Routes, merchant: &MerchantId) -> Result<(), ApiError> {
    if routes.merchants.contains(merchant) {
        return Ok(());
    }
    Err(ApiError::new(Code::UnknownMerchant, format!("no merchant {merchant} is configured")))
}

impl From<EmptyError> for ApiError {
    fn from(error: EmptyError) -> Self {
        match error {
            EmptyError::NotOver { .. } => Self::at(Code::Body, "body.day", error),
            EmptyError::Bill(error) => error.into(),
        }
    }
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
