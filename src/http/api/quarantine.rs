//! Deciding about pushes in quarantine.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::ApiError;
use crate::domain::quarantine::Resolution;
use crate::http::Service;
use crate::{clock, limits};

/// Why a person decides so.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    pub reason: String,
}

#[derive(Serialize, Deserialize)]
pub struct Resolved {
    /// False where the same had been decided before.
    pub recorded: bool,
    /// Who decided, by the access token's name.
    pub by: String,
}

pub async fn adopt(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(decision): Json<Decision>,
) -> Result<Json<Resolved>, ApiError> {
    resolve(&service, &id, &headers, &decision, Resolution::Adopted).await
}

pub async fn dismiss(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(decision): Json<Decision>,
) -> Result<Json<Resolved>, ApiError> {
    resolve(&service, &id, &headers, &decision, Resolution::Dismissed).await
}

async fn resolve(
    service: &Service,
    id: &str,
    headers: &HeaderMap,
    decision: &Decision,
    how: Resolution,
) -> Result<Json<Resolved>, ApiError> {
    let now = clock::now();
    let by = service.keys.load().access.administrator(headers, now)?;
    let reason = decision.reason.trim();
    if reason.is_empty() || reason.chars().count() > limits::REASON_CHARS_MAX {
        let message = format!("reason: 1 to {} characters", limits::REASON_CHARS_MAX);
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "reason", message));
    }
    let recorded = service.ledger.resolve(id, how, &by, reason, now).await?;
    Ok(Json(Resolved { recorded, by }))
}
