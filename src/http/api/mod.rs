//! The admin listener: health, counts, and the commands of people who hold a token.

mod error;
mod quarantine;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::Service;
use crate::limits;
use crate::store::Health;

pub use error::ApiError;
pub use quarantine::{Decision, Resolved};

pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/v1/quarantine/{id}/adopt", post(quarantine::adopt))
        .route("/v1/quarantine/{id}/dismiss", post(quarantine::dismiss))
        .layer(DefaultBodyLimit::max(limits::ADMIN_BODY_BYTES_MAX))
        .with_state(service)
}

/// Ready means: a push that came now could be appended.
async fn ready(State(service): State<Arc<Service>>) -> Response {
    let health = service.ledger.store().health().borrow().clone();
    match health {
        Health::Writable => "ready\n".into_response(),
        Health::Failing(fault) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {fault}\n")).into_response()
        }
    }
}

async fn metrics(State(service): State<Arc<Service>>) -> Result<Response, ApiError> {
    let text = service.metrics.render(service.ledger.store().as_ref(), service.ring.dropped());
    let text = text.map_err(|error| ApiError::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response())
}
