//! The OpenAPI document: what the program fixes, and the named questions that its projections declare.

mod detail;
mod failures;
mod lookup;
mod questions;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::error::{ApiError, Failure};
use super::extract::NoParams;
use super::{bills, cases, grants, periods, quarantine, recoveries, reports, roles, seals};
use crate::http::Service;
use crate::limits;

pub use detail::detail;

/// What stands in the document whatever the projections are.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "order-ledger",
        description = "An event-sourced ledger for WeChat mini-game orders. Money is integer fen. Moments are RFC \
                       3339 in UTC; days are days in Beijing. Ids and positions are strings. Every error is the \
                       schema Failure; every answer carries X-Request-Id."
    ),
    paths(
        super::alive,
        super::ready,
        super::metrics,
        super::questions::list,
        super::questions::rebuild,
        grants::grant,
        grants::refuse,
        grants::revoke,
        roles::report,
        quarantine::adopt,
        quarantine::dismiss,
        bills::import,
        bills::declare_empty,
        reports::report,
        reports::filed,
        cases::resolve,
        cases::reopen,
        cases::upload,
        recoveries::propose,
        recoveries::approve,
        recoveries::withdraw,
        periods::prepare,
        periods::close,
        periods::reopen,
        seals::seal,
        seals::list,
    ),
    components(schemas(Failure)),
    modifiers(&Bearer),
    tags(
        (name = "apps", description = "An app's orders"),
        (name = "players", description = "A player's items, roles and orders"),
        (name = "deliveries", description = "What a game server has to act upon"),
        (name = "grants", description = "What games say became of an order; the first word stands"),
        (name = "projections", description = "Named questions, declared by the projections that answer them"),
        (name = "lookup", description = "Find an id wherever it may be"),
        (name = "quarantine", description = "Authentic pushes that wait for a person"),
        (name = "bills", description = "Bill files of WeChat Pay and of others"),
        (name = "reconciliation", description = "What the ledger and the bills say of the same money"),
        (name = "cases", description = "Rows of the reconciliation that a person judges"),
        (name = "recoveries", description = "Orders that no push brought: one person proposes, another approves"),
        (name = "periods", description = "A merchant's month: one person prepares, another closes"),
        (name = "seals", description = "What the log hashed to, signed: later changes of it are found"),
        (name = "health", description = "For probes"),
    ),
)]
struct Fixed;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let described = "An access token of `order-ledger token new`; its role decides what it may do";
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(described)).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

pub async fn document(State(service): State<Arc<Service>>, _: NoParams) -> Result<Json<Value>, ApiError> {
    let mut document = serde_json::to_value(Fixed::openapi()).map_err(|error| ApiError::internal(&error))?;
    // Right after the start it is not known yet which there are.
    service.projector.begun(limits::QUERY_POSITION_WAIT).await;
    for question in service.projector.queries() {
        questions::add(&mut document, &question);
    }
    add(&mut document, "/openapi.json", "get", of_document());
    add(&mut document, super::lookup::PATH, "get", lookup::operation());
    // A position or a moment.
    let of_report = &mut document["paths"][reports::PATH]["get"]["parameters"];
    for parameter in of_report.as_array_mut().into_iter().flatten().filter(|it| it["name"] == "as_of") {
        parameter["schema"] = questions::as_of_schema();
    }
    // It may be left out, and is not null where it is there.
    let body =
        &mut document["paths"][grants::GRANT_PATH]["post"]["requestBody"]["content"]["application/json"];
    body["schema"] = json!({"$ref": "#/components/schemas/GrantBody"});
    failures::add(&mut document);
    Ok(Json(document))
}

fn of_document() -> Value {
    json!({
        "tags": ["health"],
        "summary": "This document",
        "operationId": "openapi",
        "responses": {"200": {
            "description": "OpenAPI 3.1",
            "content": {"application/json": {"schema": {"type": "object", "required": ["openapi", "paths"]}}},
        }},
    })
}

/// Adds an operation.
fn add(document: &mut Value, path: &str, method: &str, operation: Value) {
    document["paths"][path][method] = operation;
}
