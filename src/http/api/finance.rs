//! The paths of finance: bills, the reconciliation, cases, recovered orders and periods. Lists are named
//! questions of the projection `reconciliation`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};

use super::apps::Shortcut;
use super::error::ApiError;
use super::extract::Params;
use super::questions::{Asked, Of};
use super::{bills, cases, periods, questions, recoveries, reports};
use crate::http::Service;
use crate::http::access::Holder;

/// The projection that answers all of them.
pub const PROJECTION: &str = "reconciliation";

const fn shortcut(
    path: &'static str,
    query: &'static str,
    tag: &'static str,
    operation: &'static str,
) -> Shortcut {
    Shortcut { path, projection: PROJECTION, query, tag, operation }
}

const FILES: Shortcut = shortcut(bills::PATH, "files", "bills", "bills");
const SUMMARY: Shortcut =
    shortcut("/v1/reconciliation/summary", "summary", "reconciliation", "reconciliation_summary");
const ROWS: Shortcut = shortcut("/v1/reconciliation/rows", "rows", "reconciliation", "reconciliation_rows");
const COVERAGE: Shortcut =
    shortcut("/v1/reconciliation/coverage", "coverage", "reconciliation", "reconciliation_coverage");
const CASES: Shortcut = shortcut("/v1/cases", "cases", "cases", "cases");
const RECOVERIES: Shortcut = shortcut(recoveries::PATH, "recoveries", "recoveries", "recoveries");
const PERIODS: Shortcut = shortcut("/v1/periods", "periods", "periods", "periods");

/// All of them.
pub const SHORTCUTS: [&Shortcut; 7] = [&FILES, &SUMMARY, &ROWS, &COVERAGE, &CASES, &RECOVERIES, &PERIODS];

pub fn router() -> Router<Arc<Service>> {
    Router::new()
        .route(FILES.path, list(&FILES).post(bills::import))
        .route(bills::EMPTY_PATH, post(bills::declare_empty))
        .route(reports::PATH, get(reports::report))
        .route(reports::FILED_PATH, get(reports::filed))
        .route(SUMMARY.path, list(&SUMMARY))
        .route(ROWS.path, list(&ROWS))
        .route(COVERAGE.path, list(&COVERAGE))
        .route(CASES.path, list(&CASES))
        .route(cases::RESOLVE_PATH, post(cases::resolve))
        .route(cases::REOPEN_PATH, post(cases::reopen))
        .route(cases::UPLOAD_PATH, post(cases::upload))
        .route(RECOVERIES.path, list(&RECOVERIES).post(recoveries::propose))
        .route(recoveries::APPROVE_PATH, post(recoveries::approve))
        .route(recoveries::WITHDRAW_PATH, post(recoveries::withdraw))
        .route(PERIODS.path, list(&PERIODS))
        .route(periods::PREPARE_PATH, post(periods::prepare))
        .route(periods::CLOSE_PATH, post(periods::close))
        .route(periods::REOPEN_PATH, post(periods::reopen))
}

fn list(shortcut: &'static Shortcut) -> MethodRouter<Arc<Service>> {
    get(
        async move |holder: Holder,
                    State(service): State<Arc<Service>>,
                    params: Params,
                    uri: Uri,
                    headers: HeaderMap| {
            answer(shortcut, &service, &holder, params, &uri, &headers).await
        },
    )
}

async fn answer(
    shortcut: &Shortcut,
    service: &Service,
    holder: &Holder,
    params: Params,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let asked = Asked { of: Of::ConfiguredMerchant, ..shortcut.asked(vec![]) };
    questions::answer(service, holder, asked, params, uri, headers).await
}
