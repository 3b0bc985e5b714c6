//! Errors of the admin listener: one envelope, `{"code", "message", "detail", "request_id"}`, and the one
//! place that maps what went wrong to it.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::error;
use utoipa::ToSchema;

use super::code::Code;
use crate::decision::DecisionError;
use crate::domain::quarantine::ResolveError;
use crate::http::access::AccessError;
use crate::ledger::LedgerError;
use crate::limits;

/// An answer that says what went wrong. The request id is added on the way out.
#[derive(Clone, Debug)]
pub struct ApiError {
    code: Code,
    message: String,
    detail: Option<serde_json::Value>,
    retry_after: Option<Duration>,
}

/// What went wrong: every answer with a status of 400 and above is one of these.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Stable; programs read it.
    pub code: Code,
    /// For people: what, where, and what to do.
    #[schema(example = "limit: must be a number from 1 to 1000")]
    pub message: String,
    /// The places that are wrong, `[{"place", "problem"}]`, or an object with what stands against it.
    #[schema(required, schema_with = super::openapi::detail)]
    pub detail: Option<serde_json::Value>,
    /// Stands in the header X-Request-Id and in the server's log as well.
    #[schema(pattern = "^[0-9A-Za-z._-]{1,64}$", example = "3f0c1f5e-8f0e-4d35-9a52-51b0f25b8f3a")]
    pub request_id: String,
}

impl ApiError {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: None, retry_after: None }
    }

    /// One place of the request is wrong: `query.limit`, `path.app`, `body.roles[0].role_id`.
    pub fn at(code: Code, place: &str, problem: impl std::fmt::Display) -> Self {
        let problem = problem.to_string();
        let message = format!("{place}: {problem}");
        Self::new(code, message).with_detail(json!([{"place": place, "problem": problem}]))
    }

    pub fn with_detail(self, detail: serde_json::Value) -> Self {
        Self { detail: Some(detail), ..self }
    }

    pub fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// Logged here, hidden outside.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        error!(%error, "a request of the admin listener failed");
        Self::new(Code::Internal, "it failed; the server's log says why, under the request id")
    }

    /// A file beside the log cannot be written; where it lies is for the log alone.
    pub fn of_spool(error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        if !matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
            return Self::internal(error);
        }
        error!(%error, "a file of the admin listener finds no room beside the log");
        let message = "no room in the server's spool folder beside the log: free some, then try again";
        Self::new(Code::NoRoom, message).retry_after(limits::IMPORT_RETRY_AFTER)
    }

    /// The envelope of an answer that the router gave by itself.
    pub fn of_status(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::NOT_FOUND => {
                (Code::NoSuchPath, "there is no such path; /openapi.json says which there are")
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                (Code::Method, "this path takes another method; the header Allow says which")
            }
            StatusCode::PAYLOAD_TOO_LARGE => (Code::BodyTooLarge, "the body is too large"),
            status if status.is_client_error() => (Code::Malformed, "the request cannot be read"),
            _ => (Code::Internal, "it failed; the server's log says why, under the request id"),
        };
        Self::new(code, message)
    }

    pub fn status(&self) -> StatusCode {
        self.code.status()
    }

    pub fn code(&self) -> Code {
        self.code
    }

    /// What it says, for commands that ask no server.
    pub fn told(self) -> (Code, String, serde_json::Value) {
        (self.code, self.message, self.detail.unwrap_or_default())
    }

    /// What is sent.
    pub fn render(self, request_id: &str) -> Response {
        let Self { code, message, detail, retry_after } = self;
        let failure = Failure { code, message, detail, request_id: request_id.to_owned() };
        let mut response = (code.status(), axum::Json(failure)).into_response();
        let headers = response.headers_mut();
        if let Some(wait) = retry_after {
            headers.insert(header::RETRY_AFTER, wait.as_secs().max(1).into());
        }
        if code.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for ApiError {
    /// Without a body yet: it is made where the request's id is known.
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        let code = match error {
            AccessError::Missing => Code::TokenMissing,
            AccessError::Unknown => Code::TokenUnknown,
            AccessError::Expired(_) => Code::TokenExpired,
            AccessError::TooManyFailures => {
                return Self::new(Code::TooManyFailures, error.to_string())
                    .retry_after(limits::ACCESS_RETRY_AFTER);
            }
            AccessError::Role { .. } => Code::Role,
            AccessError::OtherApp { .. } | AccessError::AllApps { .. } => Code::Scope,
        };
        Self::new(code, error.to_string())
    }
}

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> Self {
        match &error {
            LedgerError::Unavailable(fault) => {
                let message = format!("not recorded: {fault}; try again");
                Self::new(Code::StoreUnavailable, message).retry_after(limits::PROBE_INTERVAL)
            }
            LedgerError::OverQuota(_) => Self::new(Code::OverQuota, error.to_string()),
            LedgerError::Stale { revision } => super::precondition::failed(*revision),
            LedgerError::Contended
            | LedgerError::Altered { .. }
            | LedgerError::NoSeal { .. }
            | LedgerError::Unreadable(_)
            | LedgerError::Unwritable(_) => Self::internal(&error),
        }
    }
}

impl From<DecisionError> for ApiError {
    fn from(error: DecisionError) -> Self {
        let code = match error {
            DecisionError::Refused(ResolveError::NotHeld) => Code::NotHeld,
            DecisionError::Refused(ResolveError::AdoptedBefore | ResolveError::DismissedBefore) => {
                Code::Decided
            }
            DecisionError::WouldBeAccepted { .. } => Code::WouldBeAccepted,
            DecisionError::Conflict { .. } => Code::Conflict,
            DecisionError::Ledger(error) => return error.into(),
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn a_full_disk_is_no_fault_of_the_program_and_names_no_path() {
        for (kind, status) in [
            (ErrorKind::StorageFull, StatusCode::SERVICE_UNAVAILABLE),
            (ErrorKind::QuotaExceeded, StatusCode::SERVICE_UNAVAILABLE),
            (ErrorKind::PermissionDenied, StatusCode::INTERNAL_SERVER_ERROR),
        ] {
            let error = ApiError::of_spool(&Error::new(kind, "/var/lib/order-ledger/spool"));
            assert_eq!(error.status(), status, "{kind}");
            assert!(!error.message.contains("/var"), "{}", error.message);
        }
    }
}
