//! Deciding about pushes in quarantine.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::ApiError;
use crate::decision::{self, Decided};
use crate::domain::app::AppSlug;
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
    /// The number under which the push stands as an order, refund or gift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered: Option<String>,
}

impl Resolved {
    pub fn new(decided: Decided, by: String) -> Self {
        match decided {
            Decided::Recorded => Self { recorded: true, by, delivered: None },
            Decided::Delivered { number } => Self { recorded: true, by, delivered: Some(number) },
            Decided::Before => Self { recorded: false, by, delivered: None },
        }
    }
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
    let Some(reason) = decision::usable_reason(&decision.reason) else {
        let message = format!("reason: 1 to {} characters", limits::REASON_CHARS_MAX);
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "reason", message));
    };
    let keys = service.keys.load();
    let decision = decision::Decision { how, by: &by, reason, at: now };
    let find_app = |slug: &AppSlug| keys.app(slug.as_str()).map(AsRef::as_ref);
    let decided = decision::decide(&service.ledger, id, &decision, find_app).await?;
    Ok(Json(Resolved::new(decided, by)))
}
