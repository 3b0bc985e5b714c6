//! The admin listener: health, counts, and the commands of people who hold a token.

mod apps;
mod as_of;
mod bill_answers;
mod bills;
mod cases;
mod code;
mod cursor;
mod deliveries;
mod envelope;
mod error;
mod extract;
mod finance;
mod grants;
mod lookup;
mod negotiate;
mod openapi;
mod periods;
mod precondition;
mod present;
mod quarantine;
mod questions;
mod recoveries;
mod reports;
mod roles;
mod seals;
mod upload;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use super::Service;
use super::metrics::Observed;
use crate::audit::seal::Sealer;
use crate::limits;
use crate::store::Health;

pub use bills::{BillDayImported, BillImported, DayOutcome, EmptyDay, EmptyDeclared};
pub use cases::{CaseRefused, CaseReopened, CaseResolved, CaseToReopen, CaseToResolve, CasesResolved};
pub use code::Code;
pub use error::ApiError;
pub use periods::{PeriodPrepared, PeriodStanding, PeriodToClose, PeriodToReopen};
pub use present::percent_encoded;
pub use quarantine::{Decision, Resolved};
pub use recoveries::{OrderToRecover, RecoveryProposed, RecoveryStanding, Withdrawal};
pub use seals::{LogSealed, PATH as SEALS_PATH};

pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/v1/quarantine/{id}/adopt", post(quarantine::adopt))
        .route("/v1/quarantine/{id}/dismiss", post(quarantine::dismiss))
        .route("/openapi.json", get(openapi::document))
        .route("/v1/projections", get(questions::list))
        .route("/v1/projections/{projection}/rebuild", post(questions::rebuild))
        .route("/v1/projections/{projection}/{query}", get(questions::ask))
        .route(apps::ORDERS.path, get(apps::orders))
        .route(apps::ORDER_PATH, get(apps::order))
        .route(apps::INVENTORY.path, get(apps::inventory))
        .route(apps::PLAYERS_ORDERS.path, get(apps::players_orders))
        .route(apps::ROLES.path, get(apps::roles).put(roles::report))
        .route(lookup::PATH, get(lookup::find))
        .route(deliveries::PATH, get(deliveries::deliveries))
        .route(grants::GRANT_PATH, post(grants::grant))
        .route("/v1/apps/{app}/orders/{out_trade_no}/refuse", post(grants::refuse))
        .route("/v1/apps/{app}/orders/{out_trade_no}/revoke", post(grants::revoke))
        .route(seals::PATH, get(seals::list).post(seals::seal))
        .merge(finance::router())
        .layer(DefaultBodyLimit::max(limits::ADMIN_BODY_BYTES_MAX))
        .layer(middleware::from_fn(envelope::with_request_id))
        .with_state(service)
}

/// Whether the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "health",
    responses((status = 200, description = "It is", body = String, content_type = "text/plain")))]
async fn alive() -> &'static str {
    "alive\n"
}

/// Ready means: a push that came now could be appended.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses(
        (status = 200, description = "Ready", body = String, content_type = "text/plain"),
        (status = 503, description = "Not ready, and why", body = String, content_type = "text/plain"),
    ))]
async fn ready(State(service): State<Arc<Service>>) -> Response {
    let health = service.ledger.store().health().borrow().clone();
    match health {
        Health::Writable => "ready\n".into_response(),
        Health::Failing(fault) => {
            let said = format!("not ready: {fault}\n");
            (StatusCode::SERVICE_UNAVAILABLE, Extension(envelope::NoError), said).into_response()
        }
    }
}

/// Counts for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "The text format 0.0.4", body = String, content_type = "text/plain")))]
async fn metrics(State(service): State<Arc<Service>>) -> Result<Response, ApiError> {
    let observed = Observed {
        store: service.ledger.store().as_ref(),
        refused_dropped: service.ring.dropped(),
        waiting: limits::WAITING_MAX - service.waiting.available_permits(),
        receiving: limits::UPLOADS_MAX - service.uploads.available_permits(),
        importing: limits::IMPORTS_MAX - service.imports.available_permits(),
        projections: service.projector.list(),
        seal: service.sealer.as_ref().and_then(Sealer::newest),
    };
    let text = service.metrics.render(&observed).map_err(|error| ApiError::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response())
}
