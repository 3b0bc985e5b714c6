//! Errors of the admin listener: one envelope, `{"code", "message"}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracing::error;

use crate::decision::DecisionError;
use crate::domain::quarantine::ResolveError;
use crate::http::access::AccessError;
use crate::ledger::LedgerError;

#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

#[derive(Serialize)]
struct Envelope<'a> {
    code: &'a str,
    message: &'a str,
}

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// Logged here, hidden outside.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        error!(%error, "a request of the admin listener failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "it failed; the server's log says why")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let envelope = Envelope { code: self.code, message: &self.message };
        (self.status, Json(envelope)).into_response()
    }
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        let (status, code) = match error {
            AccessError::Missing => (StatusCode::UNAUTHORIZED, "token_missing"),
            AccessError::Unknown => (StatusCode::UNAUTHORIZED, "token_unknown"),
            AccessError::Expired(_) => (StatusCode::UNAUTHORIZED, "token_expired"),
            AccessError::Role { .. } => (StatusCode::FORBIDDEN, "role"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<DecisionError> for ApiError {
    fn from(error: DecisionError) -> Self {
        let (status, code) = match &error {
            DecisionError::Refused(ResolveError::NotHeld) => (StatusCode::NOT_FOUND, "not_held"),
            DecisionError::Refused(ResolveError::AdoptedBefore | ResolveError::DismissedBefore) => {
                (StatusCode::CONFLICT, "decided")
            }
            DecisionError::WouldBeAccepted { .. } => (StatusCode::CONFLICT, "would_be_accepted"),
            DecisionError::Conflict { .. } => (StatusCode::CONFLICT, "conflict"),
            DecisionError::Ledger(LedgerError::Unavailable(fault)) => {
                let message = format!("not recorded: {fault}; try again");
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", message);
            }
            DecisionError::Ledger(LedgerError::OverQuota(_)) => (StatusCode::TOO_MANY_REQUESTS, "over_quota"),
            DecisionError::Ledger(error) => return Self::internal(error),
        };
        Self::new(status, code, error.to_string())
    }
}
