//! Deciding about pushes in quarantine.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::code::Code;
use super::error::{ApiError, Failure};
use super::extract::{Body, NoParams, Segments};
use crate::decision::{self, Decided};
use crate::domain::app::AppSlug;
use crate::domain::quarantine::Resolution;
use crate::http::Service;
use crate::http::access::{Holder, Permission};
use crate::{clock, limits};

/// Why a person decides so.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    #[schema(min_length = 1, max_length = 1000, pattern = r"\S", example = "delivered by hand")]
    pub reason: String,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
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

/// Take a push over. If it would be accepted by now, it becomes the order that it is.
#[utoipa::path(
    post, path = "/v1/quarantine/{id}/adopt", tag = "quarantine", security(("bearer" = [])),
    params(("id" = String, Path, description = "The push's id in quarantine", example = "5d41…")),
    request_body = Decision,
    responses(
        (status = 200, description = "It is decided, now or before", body = Resolved),
        (status = 409, description = "Decided otherwise before, or contradicted", body = Failure),
    ),
)]
pub async fn adopt(
    holder: Holder,
    State(service): State<Arc<Service>>,
    Segments(id): Segments<String>,
    _: NoParams,
    Body(decision): Body<Decision>,
) -> Result<Json<Resolved>, ApiError> {
    resolve(&service, &holder, &id, &decision, Resolution::Adopted).await
}

/// Judge that nothing is owed. Refused for a push that would be accepted by now.
#[utoipa::path(
    post, path = "/v1/quarantine/{id}/dismiss", tag = "quarantine", security(("bearer" = [])),
    params(("id" = String, Path, description = "The push's id in quarantine", example = "5d41…")),
    request_body = Decision,
    responses(
        (status = 200, description = "It is decided, now or before", body = Resolved),
        (status = 409, description = "Decided otherwise before, or it would be accepted now", body = Failure),
    ),
)]
pub async fn dismiss(
    holder: Holder,
    State(service): State<Arc<Service>>,
    Segments(id): Segments<String>,
    _: NoParams,
    Body(decision): Body<Decision>,
) -> Result<Json<Resolved>, ApiError> {
    resolve(&service, &holder, &id, &decision, Resolution::Dismissed).await
}

async fn resolve(
    service: &Service,
    holder: &Holder,
    id: &str,
    decision: &Decision,
    how: Resolution,
) -> Result<Json<Resolved>, ApiError> {
    holder.may(Permission::Decide)?;
    holder.may_see_all_apps()?;
    let reason = required_reason(&decision.reason)?;
    let by = holder.name().to_owned();
    let keys = service.keys.load();
    let decision = decision::Decision { how, by: &by, reason, at: clock::now() };
    let find_app = |slug: &AppSlug| keys.app(slug.as_str()).map(AsRef::as_ref);
    let decided = decision::decide(&service.ledger, id, &decision, find_app).await?;
    Ok(Json(Resolved::new(decided, by)))
}

/// The reason without blanks around it.
pub fn required_reason(text: &str) -> Result<&str, ApiError> {
    let problem = || format!("must be 1 to {} characters", limits::REASON_CHARS_MAX);
    decision::usable_reason(text).ok_or_else(|| ApiError::at(Code::Reason, "body.reason", problem()))
}
