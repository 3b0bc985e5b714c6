//! Orders that no push brought: proposed by one person from a line of a bill, approved by another.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tracing::info;
use utoipa::ToSchema;

use super::bills::known_merchant;
use super::code::Code;
use super::error::{ApiError, Failure};
use super::extract::{self, Body, NoParams, Segments};
use super::quarantine::required_reason;
use super::{precondition, questions};
use crate::clock;
use crate::domain::app::AppSlug;
use crate::domain::bill::MerchantId;
use crate::domain::id::{OpenId, OutTradeNo};
use crate::domain::recovery;
use crate::http::Service;
use crate::http::access::{Holder, Permission};
use crate::ledger::Said;
use crate::reconcile::recoveries::{self, Proposal, RecoveryError};

pub const PATH: &str = "/v1/recoveries";
pub const APPROVE_PATH: &str = "/v1/recoveries/{app}/{out_trade_no}/approve";
pub const WITHDRAW_PATH: &str = "/v1/recoveries/{app}/{out_trade_no}/withdraw";

/// What was bought, and how that is known. Amount and payment are those of the bill's line.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderToRecover {
    #[schema(pattern = "^[0-9]{1,32}$", example = "1900000109")]
    pub merchant: String,
    /// 微信订单号 of the bill's line.
    #[schema(min_length = 1, max_length = 128, example = "4200000202601010000000001")]
    pub transaction_id: String,
    /// Where the bill names none, or the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[a-z0-9]{1,32}$", example = "demo")]
    pub app: Option<String>,
    #[schema(pattern = r"^[0-9A-Za-z_\-|*@]{1,32}$", example = "ORD-20260101-0001")]
    pub out_trade_no: String,
    /// The player, where the bill names none, or the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 128)]
    pub open_id: Option<String>,
    #[schema(min_length = 1, max_length = 128, example = "gem_60")]
    pub product_id: String,
    #[schema(minimum = 1, example = 1)]
    pub quantity: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 128, example = "1")]
    pub zone_id: Option<String>,
    /// How it is known what was bought.
    #[schema(
        min_length = 1,
        max_length = 1000,
        pattern = r"\S",
        example = "the game's order 77, by its log"
    )]
    pub evidence: String,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoveryProposed {
    /// False where the same had been proposed before.
    pub recorded: bool,
    pub app: String,
    pub out_trade_no: String,
    pub open_id: String,
    pub amount_fen: i64,
    /// The bill that the line stands in.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub bill_sha256: String,
    pub bill_line: u64,
    /// A push in quarantine that names the payment and was dismissed: its id, who decided, when and why. It hinders
    /// nothing; look whether it tells what was bought.
    #[schema(required)]
    pub dismissed_push: Option<String>,
    /// `min_position` for reading what was written.
    #[schema(required)]
    pub position: Option<String>,
}

/// What stands in the log now.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoveryStanding {
    /// False where the same had been said before.
    pub recorded: bool,
    pub app: String,
    pub out_trade_no: String,
    /// `min_position` for reading what was written.
    #[schema(required)]
    pub position: Option<String>,
}

/// Why a proposal is taken back.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    #[schema(min_length = 1, max_length = 1000, pattern = r"\S", example = "it was another player")]
    pub reason: String,
}

/// Propose an order that no push brought.
///
/// Somebody else approves it. The payment is looked at as of everything that is recorded; one payment is one
/// order. The same again changes nothing, so no Idempotency-Key is needed. Needs the role finance or admin.
#[utoipa::path(
    post, path = PATH, tag = "recoveries", operation_id = "propose_recovery", security(("bearer" = [])),
    request_body = OrderToRecover,
    responses(
        (status = 200, description = "It is proposed, now or before", body = RecoveryProposed),
        (status = 404, description = "No bill has the payment, or the merchant or the app is not configured", body = Failure),
        (status = 409, description = "The payment is not missing, is taken over by hand in quarantine, or is that of another recovery, or something else stands", body = Failure),
    ),
)]
pub async fn propose(
    holder: Holder,
    State(service): State<Arc<Service>>,
    _: NoParams,
    Body(body): Body<OrderToRecover>,
) -> Result<Json<RecoveryProposed>, ApiError> {
    holder.may(Permission::RecoverOrders)?;
    holder.may_see_all_apps()?;
    questions::begun(&service).await?;
    let proposal = proposal(&service, body)?;
    let _floor = service.floor.recoveries.lock().await;
    let by = holder.name();
    let proposed = recoveries::propose(&service.desk(), &proposal, by, clock::now()).await?;
    tell(&proposed.app, by, "proposed", proposed.recorded);
    let order = proposed.order;
    Ok(Json(RecoveryProposed {
        recorded: proposed.recorded,
        app: proposed.app.to_string(),
        out_trade_no: order.out_trade_no.to_string(),
        open_id: order.open_id.as_str().to_owned(),
        amount_fen: order.amount.0,
        bill_sha256: order.bill_sha256.to_string(),
        bill_line: order.bill_line,
        dismissed_push: proposed.dismissed.map(|decision| decision.to_string()),
        position: proposed.position.map(|position| position.to_string()),
    }))
}

fn proposal(service: &Service, body: OrderToRecover) -> Result<Proposal, ApiError> {
    fn at<T, E: std::fmt::Display>(place: &str, read: Result<T, E>) -> Result<T, ApiError> {
        read.map_err(|error| ApiError::at(Code::Body, place, error))
    }
    let app = body.app.as_deref().map(|app| at("body.app", AppSlug::parse(app))).transpose()?;
    if let Some(app) = &app
        && service.keys.load().app(app.as_str()).is_none()
    {
        return Err(ApiError::new(Code::UnknownApp, format!("no app {app:?} is configured")));
    }
    let merchant = at("body.merchant", MerchantId::parse(&body.merchant))?;
    known_merchant(&service.keys.load().routes, &merchant)?;
    let open_id = body.open_id.as_deref().map(|id| at("body.open_id", OpenId::parse(id))).transpose()?;
    Ok(Proposal {
        merchant,
        transaction_id: body.transaction_id,
        app,
        out_trade_no: at("body.out_trade_no", OutTradeNo::parse(&body.out_trade_no))?,
        open_id,
        product_id: body.product_id,
        quantity: body.quantity,
        zone_id: body.zone_id,
        evidence: body.evidence,
    })
}

/// Approve a proposed order: it stands, can be granted, and comes in the delivery feed.
///
/// By another token than proposed it. As far as everything that is recorded tells, the payment must still be
/// without an order, on the same line of the same bill. The same again changes nothing; it completes what is
/// `approving`, unless another order has the payment since or it was taken over by hand in quarantine. Needs the role finance or admin.
#[utoipa::path(
    post, path = APPROVE_PATH, tag = "recoveries", operation_id = "approve_recovery", security(("bearer" = [])),
    params(
        ("app" = String, Path, description = "The app's name", pattern = "^[a-z0-9]{1,32}$", example = "demo"),
        ("out_trade_no" = String, Path, description = "OutTradeNo", pattern = r"^[0-9A-Za-z_\-|*@]{1,32}$", example = "ORD-20260101-0001"),
        ("If-Match" = Option<String>, Header, description = "The ETag of an answer: only while nothing has been said since", example = "\"1\""),
    ),
    responses(
        (status = 200, description = "It is an order, now or before", body = RecoveryStanding),
        (status = 409, description = "It takes a second person, the payment is not as it was when it was proposed, or something else stands", body = Failure),
        (status = 412, description = "Something has been said since the ETag of If-Match", body = Failure),
    ),
)]
pub async fn approve(
    holder: Holder,
    State(service): State<Arc<Service>>,
    place: Segments<(String, String)>,
    _: NoParams,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (app, number) = of_place(&service, &holder, place)?;
    let _floor = service.floor.recoveries.lock().await;
    let upon = precondition::check(&headers, service.ledger.recovery(&app, &number).await?.revision)?;
    questions::begun(&service).await?;
    let by = holder.name();
    let said = recoveries::approve(&service.desk(), &app, &number, by, clock::now(), upon).await?;
    tell(&app, by, "approved", said.recorded);
    Ok(standing(&app, &number, said))
}

/// Take a proposed order back, with a reason.
///
/// What is approved stands, unless it is no order yet and another order has the payment, its own push has come, or
/// it was taken over by hand in quarantine.
/// Needs the role finance or admin.
#[utoipa::path(
    post, path = WITHDRAW_PATH, tag = "recoveries", operation_id = "withdraw_recovery", security(("bearer" = [])),
    params(
        ("app" = String, Path, description = "The app's name", pattern = "^[a-z0-9]{1,32}$", example = "demo"),
        ("out_trade_no" = String, Path, description = "OutTradeNo", pattern = r"^[0-9A-Za-z_\-|*@]{1,32}$", example = "ORD-20260101-0001"),
        ("If-Match" = Option<String>, Header, description = "The ETag of an answer: only while nothing has been said since", example = "\"1\""),
    ),
    request_body = Withdrawal,
    responses(
        (status = 200, description = "It is withdrawn, now or before", body = RecoveryStanding),
        (status = 409, description = "It has been approved", body = Failure),
        (status = 412, description = "Something has been said since the ETag of If-Match", body = Failure),
    ),
)]
pub async fn withdraw(
    holder: Holder,
    State(service): State<Arc<Service>>,
    place: Segments<(String, String)>,
    _: NoParams,
    headers: HeaderMap,
    Body(body): Body<Withdrawal>,
) -> Result<Response, ApiError> {
    let (app, number) = of_place(&service, &holder, place)?;
    let reason = required_reason(&body.reason)?;
    let _floor = service.floor.recoveries.lock().await;
    let known = service.ledger.recovery(&app, &number).await?;
    let upon = precondition::check(&headers, known.revision)?;
    if known.approved_by.is_some() {
        questions::begun(&service).await?;
    }
    let (by, at) = (holder.name(), clock::now());
    let said = recoveries::withdraw(&service.desk(), &app, &number, reason, by, at, upon).await?;
    tell(&app, by, "withdrawn", said.recorded);
    Ok(standing(&app, &number, said))
}

/// `recorded` is false where the same had been said before.
fn tell(app: &AppSlug, by: &str, done: &str, recorded: bool) {
    info!(%app, by, recorded, "a recovery is {done}");
}

fn of_place(
    service: &Service,
    holder: &Holder,
    Segments((app, number)): Segments<(String, String)>,
) -> Result<(AppSlug, OutTradeNo), ApiError> {
    holder.may(Permission::RecoverOrders)?;
    Ok((extract::app(service, holder, &app)?, extract::out_trade_no(&number)?))
}

fn standing(app: &AppSlug, number: &OutTradeNo, Said { recorded, position, revision }: Said) -> Response {
    let position = position.map(|position| position.to_string());
    let (app, out_trade_no) = (app.to_string(), number.to_string());
    let standing = RecoveryStanding { recorded, app, out_trade_no, position };
    precondition::answer(revision, standing)
}

impl From<RecoveryError> for ApiError {
    fn from(error: RecoveryError) -> Self {
        let message = error.to_string();
        match error {
            RecoveryError::NoSuchPayment { .. } => Self::new(Code::UnknownPayment, message),
            RecoveryError::Refused(recovery::RecoveryError::NotProposed) => {
                Self::new(Code::UnknownRecovery, message)
            }
            RecoveryError::Refused(recovery::RecoveryError::SamePerson { .. }) => {
                Self::new(Code::SamePerson, message)
            }
            RecoveryError::NotMissing { .. }
            | RecoveryError::NoLongerMissing { .. }
            | RecoveryError::Paid { .. }
            | RecoveryError::ByHand { .. }
            | RecoveryError::Changed(_)
            | RecoveryError::Taken { .. }
            | RecoveryError::Incomplete(_)
            | RecoveryError::Refused(_) => Self::new(Code::RecoveryStands, message),
            RecoveryError::Contradicted(field) | RecoveryError::NotNamed(field) => {
                Self::at(Code::Body, &format!("body.{field}"), message)
            }
            RecoveryError::Id(_) => Self::at(Code::Body, "body.transaction_id", message),
            RecoveryError::Field(_) => Self::at(Code::Body, "body", message),
            RecoveryError::Reason => Self::at(Code::Reason, "body.reason", message),
            RecoveryError::Ask(error) => error.into(),
            RecoveryError::Ledger(error) => error.into(),
        }
    }
}
