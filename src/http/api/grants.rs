//! Games say what became of an order: granted, refused, revoked. The first word stands.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::code::Code;
use super::error::{ApiError, Failure};
use super::extract::{self, Body, NoParams, Segments};
use super::quarantine::required_reason;
use crate::clock;
use crate::domain::environment::Environment;
use crate::domain::grant::{Grant, GrantCommand, GrantError};
use crate::http::Service;
use crate::http::access::{Holder, Permission};
use crate::ledger::{GrantOrderError, GrantOutcome};

pub const GRANT_PATH: &str = "/v1/apps/{app}/orders/{out_trade_no}/grant";

/// Of which environment the order is.
#[derive(Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Env {
    #[default]
    Production,
    Sandbox,
}

impl TryFrom<String> for Env {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match extract::environment(&text) {
            Some(Environment::Production) => Ok(Self::Production),
            Some(Environment::Sandbox) => Ok(Self::Sandbox),
            None => Err("must be production or sandbox"),
        }
    }
}

impl From<Env> for Environment {
    fn from(env: Env) -> Self {
        match env {
            Env::Production => Self::Production,
            Env::Sandbox => Self::Sandbox,
        }
    }
}

/// Of which order it is said, and perhaps why. May be left out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantBody {
    #[serde(default)]
    #[schema(default = "production")]
    env: Env,
    #[serde(default)]
    #[schema(min_length = 1, max_length = 1000, pattern = r"\S", example = "delivered to role 10001")]
    reason: Option<String>,
}

/// Of which order it is said, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonedBody {
    #[serde(default)]
    #[schema(default = "production")]
    env: Env,
    #[schema(min_length = 1, max_length = 1000, pattern = r"\S", example = "the role was deleted")]
    reason: String,
}

impl From<ReasonedBody> for GrantBody {
    fn from(ReasonedBody { env, reason }: ReasonedBody) -> Self {
        Self { env, reason: Some(reason) }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Granted {
    /// False where the same had been said before.
    recorded: bool,
    grant: GrantView,
    /// `min_position` for reading what was written.
    #[schema(required)]
    position: Option<String>,
}

/// What stands of an order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantView {
    state: GrantState,
    /// Who said it, by the access token's name.
    by: String,
    #[schema(required)]
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GrantState {
    None,
    Granted,
    Refused,
    Revoked,
}

impl From<Grant> for GrantView {
    fn from(grant: Grant) -> Self {
        let (state, by, reason) = match grant {
            Grant::None => (GrantState::None, String::new(), None),
            Grant::Granted { by, reason } => (GrantState::Granted, by, reason),
            Grant::Refused { by, reason } => (GrantState::Refused, by, reason),
            Grant::Revoked { by, reason } => (GrantState::Revoked, by, reason),
        };
        Self { state, by, reason }
    }
}

impl From<GrantOutcome> for Granted {
    fn from(outcome: GrantOutcome) -> Self {
        let GrantOutcome { recorded, grant, position } = outcome;
        Self { recorded, grant: grant.into(), position: position.map(|position| position.to_string()) }
    }
}

impl From<GrantOrderError> for ApiError {
    fn from(error: GrantOrderError) -> Self {
        let error = match error {
            GrantOrderError::Refused(error) => error,
            GrantOrderError::Ledger(error) => return error.into(),
        };
        let message = error.to_string();
        let stands = |state: GrantState, by: &str| {
            Self::new(Code::GrantStands, message.as_str()).with_detail(json!({"state": state, "by": by}))
        };
        match &error {
            GrantError::NotFound => Self::new(Code::UnknownOrder, message),
            GrantError::Coins => Self::new(Code::NothingToGrant, message),
            GrantError::NotGranted => Self::new(Code::NotGranted, message),
            GrantError::Granted { by } => stands(GrantState::Granted, by),
            GrantError::Refused { by } => stands(GrantState::Refused, by),
            GrantError::Revoked { by } => stands(GrantState::Revoked, by),
        }
    }
}

type Place = Segments<(String, String)>;

/// The player has what he bought.
#[utoipa::path(
    post, path = GRANT_PATH, tag = "grants", security(("bearer" = [])),
    params(
        ("app" = String, Path, description = "The app's name", pattern = "^[a-z0-9]{1,32}$", example = "demo"),
        ("out_trade_no" = String, Path, description = "OutTradeNo", pattern = r"^[0-9A-Za-z_\-|*@]{1,32}$", example = "ORD-20260101-0001"),
    ),
    request_body(content = Option<GrantBody>),
    responses(
        (status = 200, description = "It stands, now or before", body = Granted),
        (status = 409, description = "Something else stands: `detail` says what", body = Failure),
    ),
)]
pub async fn grant(
    holder: Holder,
    State(service): State<Arc<Service>>,
    place: Place,
    _: NoParams,
    Body(body): Body<GrantBody>,
) -> Result<Json<Granted>, ApiError> {
    say(&service, &holder, place, body, GrantCommand::Grant).await
}

/// He will not get it.
#[utoipa::path(
    post, path = "/v1/apps/{app}/orders/{out_trade_no}/refuse", tag = "grants", security(("bearer" = [])),
    params(
        ("app" = String, Path, description = "The app's name", pattern = "^[a-z0-9]{1,32}$", example = "demo"),
        ("out_trade_no" = String, Path, description = "OutTradeNo", pattern = r"^[0-9A-Za-z_\-|*@]{1,32}$", example = "ORD-20260101-0001"),
    ),
    request_body = ReasonedBody,
    responses(
        (status = 200, description = "It stands, now or before", body = Granted),
        (status = 409, description = "Something else stands: `detail` says what", body = Failure),
    ),
)]
pub async fn refuse(
    holder: Holder,
    State(service): State<Arc<Service>>,
    place: Place,
    _: NoParams,
    Body(body): Body<ReasonedBody>,
) -> Result<Json<Granted>, ApiError> {
    say(&service, &holder, place, body.into(), GrantCommand::Refuse).await
}

/// It was granted, and has been taken back.
#[utoipa::path(
    post, path = "/v1/apps/{app}/orders/{out_trade_no}/revoke", tag = "grants", security(("bearer" = [])),
    params(
        ("app" = String, Path, description = "The app's name", pattern = "^[a-z0-9]{1,32}$", example = "demo"),
        ("out_trade_no" = String, Path, description = "OutTradeNo", pattern = r"^[0-9A-Za-z_\-|*@]{1,32}$", example = "ORD-20260101-0001"),
    ),
    request_body = ReasonedBody,
    responses(
        (status = 200, description = "It stands, now or before", body = Granted),
        (status = 409, description = "Nothing was granted, or something else stands: `detail` says what", body = Failure),
    ),
)]
pub async fn revoke(
    holder: Holder,
    State(service): State<Arc<Service>>,
    place: Place,
    _: NoParams,
    Body(body): Body<ReasonedBody>,
) -> Result<Json<Granted>, ApiError> {
    say(&service, &holder, place, body.into(), GrantCommand::Revoke).await
}

async fn say(
    service: &Service,
    holder: &Holder,
    Segments((app, out_trade_no)): Place,
    GrantBody { env, reason }: GrantBody,
    command: GrantCommand,
) -> Result<Json<Granted>, ApiError> {
    holder.may(Permission::Grant)?;
    let app = extract::app(service, holder, &app)?;
    let out_trade_no = extract::out_trade_no(&out_trade_no)?;
    let reason = reason.as_deref().map(required_reason).transpose()?;
    let at = clock::now();
    let outcome =
        service.ledger.grant(&app, env.into(), &out_trade_no, command, holder.name(), reason, at).await?;
    Ok(Json(outcome.into()))
}
